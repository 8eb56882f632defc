//! What must hold for any bytes: reading ends, in bounded memory, and what was read
//! comes back from every format.

use witness_histories::{Format, Reader, Writer, convert};

/// Longer events are refused, so that memory tells a leak from a long line.
const LINE_BYTES_MAX: usize = 1 << 20;

pub fn read(bytes: &[u8], format: Option<Format>) {
    let mut reader = Reader::new("fuzz", bytes).line_bytes_max(LINE_BYTES_MAX);
    if let Some(format) = format {
        reader = reader.with_format(format);
    }
    let mut ours = Vec::new();
    let writer = Writer::new("ours", &mut ours, Format::JsonLines).expect("written");
    match convert(&mut reader, writer) {
        Ok(0) | Err(_) => return,
        Ok(_) => {}
    }
    // Once through EDN nothing changes any more.
    let once = there_and_back(&ours);
    assert_eq!(once, there_and_back(&once));
}

fn there_and_back(ours: &[u8]) -> Vec<u8> {
    let edn = converted(ours, Format::JsonLines, Format::Edn);
    converted(&edn, Format::Edn, Format::JsonLines)
}

fn converted(bytes: &[u8], from: Format, to: Format) -> Vec<u8> {
    let mut out = Vec::new();
    let writer = Writer::new("out", &mut out, to).expect("a format to write");
    convert(&mut Reader::new("in", bytes).with_format(from), writer).expect("what we wrote");
    out
}
