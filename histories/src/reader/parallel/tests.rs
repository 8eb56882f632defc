//! Several threads and one by one say the same: of histories in every format, packed,
//! cut, damaged and random, however the chunks fall.

use std::io::{self, Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};

use proptest::prelude::*;

use super::Share;
use crate::strategies::{line, lines};
use crate::{Format, ReadError, Reader, Writer, convert};

/// Gives a few bytes at a time, and fails in the end if it is to.
struct Source<'a> {
    bytes: &'a [u8],
    step: usize,
    fails: bool,
}

impl Read for Source<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.bytes.is_empty() && self.fails {
            self.fails = false;
            return Err(io::Error::other("gone"));
        }
        let step = self.step.min(buffer.len());
        (&mut self.bytes).take(step as u64).read(buffer)
    }
}

/// How a history is read.
#[derive(Debug, Clone)]
struct How {
    format: Option<Format>,
    validate: bool,
    independent: bool,
    line_bytes_max: usize,
    /// What the buffer holds at first.
    buffer_bytes: usize,
    step: usize,
    fails: bool,
    /// After how many events the one who takes them has had enough.
    enough: usize,
    /// How many are read one by one first.
    before: usize,
}

fn how() -> impl Strategy<Value = How> {
    let line_bytes_max = prop_oneof![Just(usize::MAX), 0..300_usize];
    let enough = prop_oneof![3 => Just(usize::MAX), 1 => 0..8_usize];
    (
        prop::option::of(prop::sample::select(Format::ALL.to_vec())),
        any::<(bool, bool)>(),
        line_bytes_max,
        1..200_usize,
        1..100_usize,
        prop::bool::weighted(0.2),
        enough,
        prop_oneof![3 => Just(0), 1 => 0..4_usize],
    )
        .prop_map(
            |(format, (validate, independent), max, buffer_bytes, step, fails, enough, before)| {
                How {
                    format,
                    validate,
                    independent,
                    line_bytes_max: max,
                    buffer_bytes,
                    step,
                    fails,
                    enough,
                    before,
                }
            },
        )
}

fn share() -> impl Strategy<Value = Share> {
    let chunk_bytes = prop_oneof![1..40_usize, 1..2_000_usize];
    (2..5_usize, chunk_bytes).prop_map(|(threads, chunk_bytes)| Share {
        threads,
        chunk_bytes,
    })
}

/// All that a reader says.
#[derive(Debug, PartialEq)]
struct Said {
    events: Vec<(String, u64)>,
    error: Option<String>,
    line: u64,
    count: u64,
    format: Option<Format>,
    warnings: Vec<String>,
}

#[derive(Debug, thiserror::Error)]
enum Stop {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("enough")]
    Enough,
}

fn read(bytes: &[u8], how: &How, share: Share) -> Said {
    let (step, fails) = (how.step, how.fails);
    let source = Source { bytes, step, fails };
    let mut reader = Reader::new("in", source).line_bytes_max(how.line_bytes_max);
    reader.cutter.buffer = vec![0; how.buffer_bytes];
    if let Some(format) = how.format {
        reader = reader.with_format(format);
    }
    if !how.validate {
        reader = reader.without_validation();
    }
    if how.independent {
        reader = reader.independent();
    }
    let mut events = Vec::new();
    for _ in 0..how.before {
        if let Ok(Some(event)) = reader.next() {
            events.push((line(&event), 0));
        }
    }
    let read = reader.share_out(share, |event, at| {
        if events.len() >= how.enough {
            return Err(Stop::Enough);
        }
        events.push((line(event), at));
        Ok(())
    });
    assert!(reader.next().unwrap().is_none(), "something behind the end");
    Said {
        events,
        error: read.err().map(|error| error.to_string()),
        line: reader.line(),
        count: reader.events(),
        format: reader.format(),
        warnings: reader.warnings().iter().map(ToString::to_string).collect(),
    }
}

const ONE_BY_ONE: Share = Share {
    threads: 1,
    chunk_bytes: 0,
};

fn same(bytes: &[u8], how: &How, share: Share) -> Result<Said, TestCaseError> {
    let expected = read(bytes, how, ONE_BY_ONE);
    prop_assert_eq!(&read(bytes, how, share), &expected);
    Ok(expected)
}

fn converted(lines: &str, to: Format) -> Vec<u8> {
    let mut out = Vec::new();
    let mut reader = Reader::new("ours", lines.as_bytes()).with_format(Format::JsonLines);
    convert(&mut reader, Writer::new("out", &mut out, to).unwrap()).unwrap();
    out
}

fn packed(bytes: Vec<u8>, packing: u8) -> Vec<u8> {
    use flate2::{Compression, write::GzEncoder};
    use ruzstd::encoding::{CompressionLevel, compress_to_vec};

    match packing {
        0 => {
            let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
            gzip.write_all(&bytes).unwrap();
            gzip.finish().unwrap()
        }
        1 => compress_to_vec(&*bytes, CompressionLevel::Fastest),
        _ => bytes,
    }
}

/// A log of Jepsen's, with lines that are no operations.
fn log(events: usize) -> Vec<u8> {
    (0..events)
        .map(|n| match n % 4 {
            0 => format!("INFO  jepsen.util - {n}\t:invoke\t:write\t{n}\n"),
            1 => format!("INFO  jepsen.util - {}\t:ok\t:write\t{}\r\n", n - 1, n - 1),
            2 => "INFO  jepsen.core - nothing\n\n".to_owned(),
            _ => "INFO  jepsen.util - :nemesis :info :start [1 {:a \"é\"}]\n".to_owned(),
        })
        .collect::<String>()
        .into_bytes()
}

/// Histories, whole ones most of them, in any format.
fn history() -> impl Strategy<Value = Vec<u8>> {
    let line_end = prop::sample::select(vec!["\n", "\r\n", "\n \t\n"]);
    let formats = prop::sample::select(vec![Format::JsonLines, Format::Json, Format::Edn]);
    let saved = (lines(), formats, line_end).prop_map(|(lines, format, end)| {
        let text = String::from_utf8(converted(&lines.concat(), format)).unwrap();
        text.replace('\n', end).into_bytes()
    });
    let words = vec![
        "{:type :invoke ",
        ":process 0 ",
        "{\"type\":\"invoke\"",
        "}",
        "]",
        "[",
        "\n",
        "{",
        ":value ",
        "\"",
        "jepsen.util - 1 :invoke :f ",
        "#_",
        "#a ",
        ":error ",
        "nil",
        ",",
        "é",
        "{:type :invoke}",
        "{:type :ok :index 7}\n",
        "; no }\n",
        "#_ {:a 1} ",
        "\\",
        "(",
        ")",
    ];
    prop_oneof![
        4 => saved,
        1 => (0..20_usize).prop_map(log),
        1 => prop::collection::vec(prop::sample::select(words), 0..40)
            .prop_map(|words| words.concat().into_bytes()),
        1 => prop::collection::vec(any::<u8>(), 0..300),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn whole_cut_or_damaged_it_reads_the_same(
        bytes in history(),
        packing in 0..6_u8,
        cut in prop::option::of(any::<prop::sample::Index>()),
        damage in prop::option::of((any::<prop::sample::Index>(), any::<u8>())),
        how in how(),
        share in share(),
    ) {
        let mut bytes = packed(bytes, packing);
        if let Some((at, byte)) = damage && !bytes.is_empty() {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes.truncate(cut.map_or(bytes.len(), |cut| cut.index(bytes.len() + 1)));
        same(&bytes, &how, share)?;
    }

    #[test]
    fn a_history_reads_whole_wherever_the_chunks_fall(
        lines in lines(),
        format in prop::sample::select(vec![Format::JsonLines, Format::Json, Format::Edn]),
        buffer_bytes in 1..300_usize,
        share in share(),
    ) {
        let how = How {
            format: Some(format),
            validate: true,
            independent: false,
            line_bytes_max: usize::MAX,
            buffer_bytes,
            step: usize::MAX,
            fails: false,
            enough: usize::MAX,
            before: 0,
        };
        let said = same(&converted(&lines.concat(), format), &how, share)?;
        prop_assert_eq!((said.events.len(), said.error), (lines.len(), None));
    }
}

/// A client's writes, one after another.
fn writes(operations: usize) -> String {
    (0..operations)
        .map(|n| {
            let (call, end) = (2 * n, 2 * n + 1);
            format!(
                "{{\"index\":{call},\"time\":{call},\"type\":\"invoke\",\"process\":0,\"f\":\"w\",\"value\":{n}}}\n\
                 {{\"index\":{end},\"time\":{end},\"type\":\"ok\",\"process\":0,\"f\":\"w\",\"value\":{n}}}\n"
            )
        })
        .collect()
}

#[test]
fn every_event_of_many_chunks_comes_once_and_in_order() {
    let text = writes(20_000);
    for format in [Format::JsonLines, Format::Json, Format::Edn] {
        let bytes = converted(&text, format);
        let mut next = 0;
        Reader::new("in", &*bytes)
            .for_each(|event, line| {
                assert_eq!((event.index, line), (next, next + 1), "{format}");
                next += 1;
                Ok::<(), ReadError>(())
            })
            .unwrap();
        assert_eq!(next, 40_000);
    }
}

#[test]
fn memory_stays_within_the_limit() {
    let share = Share {
        threads: 3,
        chunk_bytes: 1 << 12,
    };
    let mut reader = Reader::new("in", io::repeat(b'{')).line_bytes_max(1 << 20);
    let read = reader.share_out(share, |_, _| Ok::<(), ReadError>(()));
    assert!(matches!(read, Err(ReadError::LineTooLong { line: 1, .. })));
    assert!(reader.cutter.buffer.len() <= 3 << 20);
    // A long event leaves nothing behind.
    let padding = "x".repeat(1 << 20);
    let text = writes(1_000).replacen(":7}", &format!(":\"{padding}\"}}"), 1);
    let mut reader = Reader::new("in", text.as_bytes());
    reader
        .share_out(share, |_, _| Ok::<(), ReadError>(()))
        .unwrap();
    assert_eq!(reader.events(), 2_000);
    assert!(reader.cutter.buffer.len() <= 1 << 13);
}

#[test]
fn a_panic_of_one_thread_ends_the_others() {
    let text = writes(5_000);
    for share in [
        ONE_BY_ONE,
        Share {
            threads: 4,
            chunk_bytes: 100,
        },
    ] {
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            Reader::new("in", text.as_bytes()).share_out(share, |event, _| {
                assert!(event.index < 5_000, "as planned");
                Ok::<(), ReadError>(())
            })
        }));
        assert!(panicked.is_err());
    }
}
