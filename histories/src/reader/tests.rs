//! What is read, what is said when it cannot be, and that every cut of a file
//! reads as far as it goes.

use std::io::{self, Read};

use proptest::prelude::*;

use super::{ReadError, Reader, Warning};
use crate::strategies::lines;

const NAME: &str = "store/x/history.jsonl";
const INVOKE: &str = r#"{"index":0,"time":5,"type":"invoke","process":3,"f":"read","key":"x"}"#;
const OK: &str = r#"{"index":1,"time":6,"type":"ok","process":3,"f":"read","key":"x","value":7}"#;

/// Gives a few bytes at a time, and is interrupted in between.
struct Dribble<'a> {
    bytes: &'a [u8],
    step: usize,
    interrupt: bool,
}

impl Read for Dribble<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.interrupt = !self.interrupt;
        if self.interrupt {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let step = self.step.min(buffer.len());
        (&mut self.bytes).take(step as u64).read(buffer)
    }
}

/// All events by their index, and the warnings.
fn read_all<R: Read>(mut reader: Reader<R>) -> Result<(Vec<u64>, Vec<Warning>), ReadError> {
    let mut indices = Vec::new();
    while let Some(event) = reader.next()? {
        indices.push(event.index);
    }
    assert_eq!(reader.events(), indices.len() as u64);
    Ok((indices, reader.warnings().to_vec()))
}

fn read(bytes: impl AsRef<[u8]>) -> Result<(Vec<u64>, Vec<Warning>), ReadError> {
    read_all(Reader::new(NAME, bytes.as_ref()))
}

#[track_caller]
fn refused(bytes: impl AsRef<[u8]>, message: &str) {
    let mut reader = Reader::new(NAME, bytes.as_ref());
    let error = loop {
        match reader.next() {
            Ok(event) => assert!(event.is_some(), "read to its end"),
            Err(error) => break error,
        }
    };
    assert_eq!(error.to_string(), message);
    assert!(reader.next().unwrap().is_none(), "something after an error");
}

fn cut_short(line: u64, bytes: usize) -> Vec<Warning> {
    vec![Warning::CutShort {
        name: NAME.to_owned(),
        line,
        bytes,
    }]
}

#[test]
fn events_are_read_in_order_with_their_lines() {
    let text = format!("\n{INVOKE}\r\n \t\r\n{OK}\n\n");
    let mut reader = Reader::new(NAME, text.as_bytes());
    assert_eq!(reader.next().unwrap().unwrap().index, 0);
    assert_eq!(reader.line(), 2);
    assert_eq!(reader.next().unwrap().unwrap().value.unwrap().get(), "7");
    assert_eq!(reader.line(), 4);
    assert!(reader.next().unwrap().is_none());
    assert!(reader.next().unwrap().is_none());
    assert!(reader.warnings().is_empty());
}

#[test]
fn the_last_line_needs_no_newline() {
    assert_eq!(
        read(format!("{INVOKE}\n{OK}")).unwrap(),
        (vec![0, 1], vec![])
    );
}

#[test]
fn a_last_line_that_is_cut_short_is_left_out_with_a_warning() {
    let (events, warnings) = read(format!("{INVOKE}\n{}", &OK[..40])).unwrap();
    assert_eq!((events, &warnings), (vec![0], &cut_short(2, 40)));
    assert_eq!(
        warnings[0].to_string(),
        "store/x/history.jsonl:2: the last line is cut short after 40 bytes and was left out"
    );
    let character = "{\"f\":\"座".as_bytes();
    assert_eq!(read(&character[..7]).unwrap(), (vec![], cut_short(1, 7)));
}

#[test]
fn every_beginning_of_a_last_line_is_cut_short() {
    let line = r#"{"index":1,"x":[-1.5e+7,"a\u00e9\n",true,null,{}]}"#.as_bytes();
    for bytes in 1..line.len() {
        let (events, warnings) = read([INVOKE.as_bytes(), b"\n", &line[..bytes]].concat()).unwrap();
        assert_eq!((events, warnings), (vec![0], cut_short(2, bytes)));
    }
}

#[test]
fn a_byte_order_mark_means_nothing() {
    assert_eq!(
        read(format!("\u{feff}{INVOKE}\n{OK}\n")).unwrap(),
        (vec![0, 1], vec![])
    );
}

#[test]
fn what_never_was_the_beginning_of_an_event_is_not_cut_short() {
    refused(
        format!("{INVOKE}\n{{\"index\":1,time:2"),
        "store/x/history.jsonl:2:12: key must be a string",
    );
    refused("hello", "store/x/history.jsonl:1:1: expected value");
    refused(
        "{\"valid\":true}",
        "store/x/history.jsonl:1: field \"index\": missing",
    );
    // With a newline the line is whole, so it is wrong.
    refused(
        format!("{INVOKE}\n{}\n", &OK[..40]),
        "store/x/history.jsonl:2:40: EOF while parsing a string",
    );
}

#[test]
fn every_error_names_the_source_and_the_line() {
    refused("", "store/x/history.jsonl: empty: not one event");
    refused("\n \n", "store/x/history.jsonl: empty: not one event");
    refused(
        format!("{INVOKE}\n{}\n", OK.replace('3', "\"x\"")),
        "store/x/history.jsonl:2:45: field \"process\": invalid value: string \"x\", \
         expected a client's number, \"nemesis\" or \"witness\"",
    );
    refused(
        format!("{INVOKE}\n\n{}\n", OK.replace('3', "4")),
        "store/x/history.jsonl:3: field \"process\": process 4 has no open operation \
         that this ok could complete",
    );
    let mut latin = format!("{INVOKE}\n{OK}\n").into_bytes();
    latin[INVOKE.len() + 1 + 54] = 0xe9;
    refused(latin, "store/x/history.jsonl:2:55: not UTF-8");
    assert_eq!(
        Reader::open("no/such/history.jsonl")
            .unwrap_err()
            .to_string(),
        "no/such/history.jsonl: No such file or directory (os error 2)"
    );
    let directory = tempfile::tempdir().unwrap();
    let error = read_all(Reader::open(directory.path()).unwrap()).unwrap_err();
    let name = directory.path().display();
    assert_eq!(
        error.to_string(),
        format!("{name}: Is a directory (os error 21)")
    );
}

#[test]
fn without_validation_any_events_will_do() {
    let lines = format!("{OK}\n{OK}\n{INVOKE}\n");
    assert!(read(&lines).is_err());
    let reader = Reader::new("-", lines.as_bytes()).without_validation();
    assert_eq!(read_all(reader).unwrap().0, [1, 1, 0]);
}

/// An event whose line is that long.
fn long_line(bytes: usize) -> String {
    let padding = "x".repeat(bytes - INVOKE.len());
    INVOKE.replace("\"f\":\"read\"", &format!("\"f\":\"read{padding}\""))
}

#[test]
fn lines_longer_than_the_buffer_are_read_up_to_the_limit() {
    for bytes in [
        super::BUFFER_BYTES - 1,
        super::BUFFER_BYTES,
        5 * super::BUFFER_BYTES,
    ] {
        for end in ["\n", ""] {
            let text = long_line(bytes) + end;
            let exactly = Reader::new(NAME, text.as_bytes()).line_bytes_max(bytes);
            assert_eq!(read_all(exactly).unwrap(), (vec![0], vec![]));
            let too_long = Reader::new(NAME, text.as_bytes()).line_bytes_max(bytes - 1);
            let message = format!(
                "store/x/history.jsonl:1: the line is longer than {} bytes",
                bytes - 1
            );
            assert_eq!(read_all(too_long).unwrap_err().to_string(), message);
        }
    }
}

#[test]
fn a_last_line_without_a_newline_may_end_with_the_buffer() {
    // What is left of the buffer moves to its front when more is asked for.
    let first = format!("{INVOKE}\n");
    let last = long_line(super::BUFFER_BYTES - first.len()).replace(":0,", ":1,");
    let text = first + &last;
    assert_eq!(text.len(), super::BUFFER_BYTES);
    let reader = Reader::new(NAME, text.as_bytes()).without_validation();
    assert_eq!(read_all(reader).unwrap(), (vec![0, 1], vec![]));
}

#[test]
fn memory_stays_within_the_limit() {
    let endless = io::repeat(b'{');
    let mut reader = Reader::new(NAME, endless).line_bytes_max(1 << 20);
    assert!(matches!(
        reader.next(),
        Err(ReadError::LineTooLong { line: 1, .. })
    ));
    assert!(reader.cutter.buffer.len() <= 2 << 20);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn the_source_may_give_what_it_likes(lines in lines(), step in 1_usize..200) {
        let bytes = lines.concat().into_bytes();
        let source = Dribble { bytes: &bytes, step, interrupt: false };
        let expected: Vec<u64> = (0..lines.len() as u64).collect();
        prop_assert_eq!(read_all(Reader::new(NAME, source)).unwrap(), (expected, vec![]));
    }

    #[test]
    fn a_file_cut_anywhere_reads_as_far_as_it_goes(lines in lines()) {
        let bytes = lines.concat().into_bytes();
        for cut in 0..bytes.len() {
            let whole = memchr::memchr_iter(b'\n', &bytes[..cut]).count();
            let rest = cut - lines[..whole].iter().map(String::len).sum::<usize>();
            let (events, warnings) = match read(&bytes[..cut]) {
                Err(ReadError::Empty { .. }) if cut == 0 => continue,
                read => read.unwrap(),
            };
            if rest + 1 == lines[whole].len() {
                prop_assert_eq!((events.len(), warnings), (whole + 1, vec![]));
            } else if rest == 0 {
                prop_assert_eq!((events.len(), warnings), (whole, vec![]));
            } else {
                prop_assert_eq!((events.len(), warnings), (whole, cut_short(whole as u64 + 1, rest)));
            }
        }
    }

    #[test]
    fn arbitrary_bytes_end(bytes in prop_oneof![
        prop::collection::vec(any::<u8>(), 0..300),
        prop::collection::vec(prop::sample::select(b"{}[]\":,\n\\ 0e-tu\xc3\xa9\0".to_vec()), 0..300),
    ], validate in any::<bool>()) {
        let mut reader = Reader::new(NAME, &*bytes);
        if !validate {
            reader = reader.without_validation();
        }
        // An error ends it, and so does the end: no more calls than lines.
        let calls = (0..=bytes.len() + 1).find(|_| !matches!(reader.next(), Ok(Some(_))));
        prop_assert!(calls.is_some());
    }
}
