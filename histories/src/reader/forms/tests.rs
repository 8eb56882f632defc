//! Other formats as a reader meets them: told apart, completed, refused with a
//! place, and cut anywhere.

use proptest::prelude::*;

use crate::strategies::{event, line, lines};
use crate::{Event, Format, ReadError, Reader, Supplied, Warning, Writer, convert};

/// The events as lines of ours, the format, and the warnings.
fn read(bytes: impl AsRef<[u8]>) -> Result<(String, Format, Vec<String>), ReadError> {
    read_all(Reader::new("in", bytes.as_ref()))
}

fn read_all(mut reader: Reader<&[u8]>) -> Result<(String, Format, Vec<String>), ReadError> {
    let mut lines = String::new();
    while let Some(event) = reader.next()? {
        lines.push_str(&line(&event));
    }
    let warnings = reader.warnings().iter().map(ToString::to_string);
    Ok((lines, reader.format().unwrap(), warnings.collect()))
}

#[track_caller]
fn refused(bytes: impl AsRef<[u8]>, message: &str) {
    let mut reader = Reader::new("in", bytes.as_ref());
    let error = loop {
        match reader.next() {
            Ok(event) => assert!(event.is_some(), "read to its end: {message}"),
            Err(error) => break error,
        }
    };
    assert_eq!(error.to_string(), message);
    assert!(reader.next().unwrap().is_none(), "something after an error");
}

/// A read of 3 by client 7, as ours.
const READ: &str = concat!(
    r#"{"index":0,"time":5,"type":"invoke","process":7,"f":"read","value":null}"#,
    "\n",
    r#"{"index":1,"time":6,"type":"ok","process":7,"f":"read","value":3}"#,
    "\n",
);

#[test]
fn one_history_is_read_from_many_texts() {
    let invoke = "{:process 7, :type :invoke, :f :read, :value nil, :index 0, :time 5}";
    let ok = "{:process 7 :type :ok :f :read\n :value 3 :index 1 ; done\n :time 6}";
    let a = r#"{"process":7,"type":"invoke","f":"read","value":null,"index":0,"time":5}"#;
    let b = "{\n  \"process\": 7, \"type\": \"ok\", \"f\": \"read\",\n \"value\":3,\"index\":1,\"time\":6, \"error\":null}";
    for (format, text) in [
        (Format::Edn, format!("{invoke}\n{ok}\n")),
        (Format::Edn, format!("{invoke}{ok}")),
        (Format::Edn, format!("; a [comment\n[{invoke}, {ok}]")),
        (
            Format::Edn,
            format!("\u{feff} (#_{{:a 1}} {invoke} ; }}\n #_ [x] {ok} )\n; end"),
        ),
        (
            Format::Edn,
            format!("#jepsen.history.Op{invoke}\n#jepsen.history.Op {ok}"),
        ),
        (
            Format::Edn,
            format!("#_ #_ {{:a 1}} #_ 7 {ok} {invoke} #_ #_ #_ {ok} {ok} {ok} {ok}"),
        ),
        (Format::Json, format!("[{a},\n{b}]\n")),
        (Format::Json, format!("[ {a} , {b} ]")),
        (
            Format::Json,
            format!("{b}\n")
                .replace("ok", "invoke")
                .replace("3", "null")
                .replace(":1", ":0")
                .replace(":6", ":5")
                + b,
        ),
        (Format::JsonLines, READ.to_owned()),
    ] {
        let (lines, found, warnings) = read(&text).unwrap();
        assert_eq!((lines.as_str(), found), (READ, format), "{text}");
        assert!(warnings.is_empty(), "{warnings:?}");
    }
}

#[test]
fn what_is_missing_is_supplied_with_a_warning() {
    let edn = "{:type :invoke :value [[:r 1 nil]]}\n{:type :ok :value [[:r 1 2]] :index 17 :time 9}\n\
               {:type :invoke, :f :read, :time 8 :error nil}";
    let (lines, _, warnings) = read(edn).unwrap();
    assert_eq!(
        lines,
        concat!(
            r#"{"index":0,"time":0,"type":"invoke","process":0,"f":"txn","value":[["r",1,null]]}"#,
            "\n",
            r#"{"index":1,"time":9,"type":"ok","process":0,"f":"txn","value":[["r",1,2]],"source_index":17}"#,
            "\n",
            r#"{"index":2,"time":9,"type":"invoke","process":0,"f":"read","source_time":8}"#,
            "\n",
        )
    );
    assert_eq!(
        warnings,
        [
            "in:1: indices were given out in order, from this line on, for 3 events",
            "in:1: times were given out in order, from this line on, for 1 event",
            "in:3: times that go back were taken for the one before, from this line on, for 1 event",
            "in:1: a missing process was taken for client 0, from this line on, for 3 events",
            "in:1: a missing function was taken for \"txn\", from this line on, for 2 events",
        ]
    );
}

#[test]
fn nothing_supplied_makes_a_history_unseen() {
    let supplied = Warning::Supplied {
        name: "in".into(),
        line: 1,
        events: 1,
        what: Supplied::Index,
    };
    assert!(!supplied.is_unseen());
    assert!(Warning::NotClosed { name: "in".into() }.is_unseen());
    // Of two forms to discard one never came.
    let (_, _, warnings) =
        read("{:process 7, :type :invoke, :f :read, :index 0, :time 5}\n#_ #_ {:a 1}").unwrap();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].contains("cut short"), "{warnings:?}");
}

#[test]
fn a_log_is_read_for_its_operations() {
    let log = "INFO  jepsen.core - Running test\n\
               INFO  jepsen.util - 0\t:invoke\t:read\tnil\n\
               INFO  jepsen.util - :nemesis\t:info\t:start\t:majority\n\
               2026-01-01 00:00:00,000{GMT}\tINFO\t[jepsen worker 1] jepsen.util: 1\t:invoke\t:cas\t[3 1]\n\
               INFO  jepsen.util - 0\t:ok\t:read\t4\n\
               INFO  jepsen.util - 1\t:info\t:cas\t:timed-out\n\
               INFO  jepsen.util - 2 :invoke :write 5\r\n\
               INFO  jepsen.util - 2 :fail :write 5 [:refused \"no leader\"]";
    let (lines, format, warnings) = read(log).unwrap();
    assert_eq!(format, Format::JepsenLog);
    assert_eq!(warnings.len(), 2);
    let expected = [
        r#""type":"invoke","process":0,"f":"read","value":null}"#,
        r#""type":"info","process":"nemesis","f":"start","value":":majority"}"#,
        r#""type":"invoke","process":1,"f":"cas","value":[3,1]}"#,
        r#""type":"ok","process":0,"f":"read","value":4}"#,
        r#""type":"info","process":1,"f":"cas","error":{"class":"timed-out","message":""}}"#,
        r#""type":"invoke","process":2,"f":"write","value":5}"#,
        r#""type":"fail","process":2,"f":"write","value":5,"error":{"class":"refused","message":"no leader"}}"#,
    ];
    assert_eq!(lines.lines().count(), expected.len());
    for (line, expected) in lines.lines().zip(expected) {
        assert!(line.ends_with(expected), "{line}");
    }
    refused(
        "INFO  jepsen.util - 0\t:invoke\t:write\t[1",
        "in:1:40: field \"value\": ends where ']' or a form is missing",
    );
}

#[test]
fn errors_name_the_line_the_column_and_the_field() {
    let good = "{:type :invoke, :process 0, :f :read}";
    for (text, message) in [
        ("[]", "in: empty: not one event"),
        ("; nothing", "in: empty: not one event"),
        ("[1 2]", "in:1:2: expected an event: a map"),
        ("({:type :invoke} x)", "in:1:18: expected an event: a map"),
        ("{:process 0}", "in:1: field \"type\": missing"),
        (
            "{:type :start}",
            "in:1:8: field \"type\": expected :invoke, :ok, :fail or :info",
        ),
        (
            "{:type :ok,\n :process -1}",
            "in:2:11: field \"process\": expected a client's number, :nemesis or :witness",
        ),
        (
            "{:type :ok :type :ok}",
            "in:1:12: field \"type\": given twice",
        ),
        (
            "{:type :ok :index -1}",
            "in:1:19: field \"index\": expected a count from 0",
        ),
        (
            "{:type :ok :time 1.5}",
            "in:1:18: field \"time\": expected nanoseconds, an integer",
        ),
        (
            "{:type :ok \"x\":\"y\"}",
            "in:1:15: field \"x\": a keyword without a name",
        ),
        (
            "{:type :ok :x [1 2}",
            "in:1:19: field \"x\": '}' where ']' or a form is missing",
        ),
        (
            "{:process 0 :type :ok :f :r}",
            "in:1: field \"process\": process 0 has no open operation that this ok could complete",
        ),
        (
            "[{:type :invoke}] {:type :ok}",
            "in:1:19: something behind the end of the list",
        ),
        (
            "[{\"type\":\"invoke\"},{\"type\":}]",
            "in:1:28: expected value",
        ),
        (
            "[{\"type\":\"invoke\"},\n{\"type\":\"ok\",\"process\":true}]",
            "in:2:24: field \"process\": expected a client's number, \"nemesis\" or \"witness\"",
        ),
        (
            "[{\"type\":\"invoke\",\"time\":\"x\"}]",
            "in:1:26: field \"time\": expected nanoseconds, an integer",
        ),
        (
            "[{\"type\":\"invoke\"} 5\n]",
            "in:1:20: invalid type: integer `5`, expected an event: a JSON object",
        ),
    ] {
        refused(text, message);
    }
    let latin = [
        format!("{good}\n  {{:type :ok, :f \"").as_bytes(),
        b"\xe9\"}",
    ]
    .concat();
    refused(latin, "in:2:19: not UTF-8");
}

#[test]
fn tuples_are_split_by_key() {
    let edn = "{:type :invoke :process 0 :f :w :value [:k 1]}\n\
               {:type :invoke :process 1 :f :w :value #jepsen.independent.Tuple [[1 2] nil]}\n\
               {:type :info :process 0 :f :w :value :timeout}\n\
               {:type :ok :process 1 :f :w :value [[1 2] 5]}\n\
               {:type :invoke :process 1 :f :w :value [1 2 3]}\n\
               {:type :info :process :nemesis :f :w :value [1 2]}";
    let reader = Reader::new("in", edn.as_bytes()).independent();
    let (lines, ..) = read_all(reader).unwrap();
    let ends: Vec<_> = lines
        .lines()
        .map(|line| line.split_once("\"f\":\"w\"").unwrap().1)
        .collect();
    assert_eq!(
        ends,
        [
            r#","key":":k","value":1}"#,
            r#","key":"\\[1 2]","value":null}"#,
            r#","key":":k","value":":timeout"}"#,
            r#","key":"\\[1 2]","value":5}"#,
            r#","value":[1,2,3]}"#,
            r#","value":[1,2]}"#,
        ]
    );
    let ours = r#"{"index":0,"time":0,"type":"invoke","process":0,"f":"w","value":["a",1]}"#;
    let reader = Reader::new("in", ours.as_bytes()).independent();
    assert!(
        read_all(reader)
            .unwrap()
            .0
            .contains(r#""key":"a","value":1"#)
    );
}

#[test]
fn memory_and_depth_are_limited() {
    for open in [
        "[",
        "{:a ",
        "(",
        "#",
        "#{",
        "{:a #_",
        "{:a \"",
        "[{\"a\":[",
        "{:a \\",
    ] {
        let text = open.repeat(400_000);
        let mut reader = Reader::new("in", text.as_bytes()).line_bytes_max(1 << 18);
        assert!(reader.next().is_err(), "{open}");
        assert!(reader.cutter.buffer.len() <= 1 << 20, "{open}");
    }
    // White space and comments without end need no memory.
    let text = format!("[{}{{:type :invoke}}]", " ; nothing\n".repeat(200_000));
    let mut reader = Reader::new("in", text.as_bytes()).line_bytes_max(1 << 10);
    assert!(reader.next().unwrap().is_some());
    assert_eq!(
        (reader.line(), reader.cutter.buffer.len()),
        (200_001, super::super::BUFFER_BYTES)
    );
}

fn converted(lines: &str, to: Format) -> Vec<u8> {
    let mut out = Vec::new();
    let mut reader = Reader::new("ours", lines.as_bytes()).with_format(Format::JsonLines);
    convert(&mut reader, Writer::new("out", &mut out, to).unwrap()).unwrap();
    out
}

/// Forms of EDN, nearly all of them events that are spelt plainly.
fn nearly_plain_forms() -> impl Strategy<Value = Vec<(&'static str, bool)>> {
    let form = prop_oneof![
        3 => prop::sample::select(vec![
            "{:type :invoke, :process 0, :f :read}",
            "{:type :ok, :value [[:r 1 [1 2]]],\n :time 3}",
            "{:type :info}",
        ]),
        1 => prop::sample::select(vec![
            "{:type :fail, :error \"}\"}", "{:type :ok, :value {:a 1}}", "{:type :ok, :value \\}}",
            "{:type :ok ; }\n :f :x}", "#_", "#a", "{:type :ok, :value (1]}", "{:type :ok ]", "x",
            "]", "[", "; {\n", "{", "}", "\"", "{:type :ok, :value \u{e9}}", "{}", "",
        ]),
    ];
    prop::collection::vec((form, any::<bool>()), 0..12)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Plain events have a way of their own. A form feed before each leads past it.
    #[test]
    fn plain_events_stand_where_all_do(
        forms in nearly_plain_forms(),
        in_list in any::<bool>(),
        bytes_max in prop_oneof![Just(usize::MAX), 0..60_usize],
    ) {
        let [short, long] = [" ", "\x0c"].map(|space| {
            let mut edn = if in_list { "[" } else { "" }.to_owned();
            for (form, on_new_line) in &forms {
                edn.push_str(form);
                edn.push_str(space);
                edn.push_str(if *on_new_line { "\n" } else { "" });
            }
            let mut reader = Reader::new("in", edn.as_bytes())
                .with_format(Format::Edn)
                .line_bytes_max(bytes_max)
                .without_validation();
            let mut said = Vec::new();
            let end = loop {
                match reader.next() {
                    Ok(Some(event)) => said.push(line(&event)),
                    Ok(None) => break "the end".to_owned(),
                    Err(error) => break error.to_string(),
                }
                said.push(reader.line().to_string());
            };
            said.extend([end, reader.line().to_string(), format!("{:?}", reader.warnings())]);
            said
        });
        // What is in a text is kept, and said in errors.
        let spaced = |said: &String| {
            ["\\f", "\\u{c}", "\x0c", "\u{fffd}"]
                .iter()
                .fold(said.clone(), |said, feed| said.replace(feed, " "))
        };
        let long: Vec<_> = long.iter().map(spaced).collect();
        prop_assert_eq!(short, long);
    }

    #[test]
    fn a_history_comes_back_from_json_byte_for_byte(lines in lines()) {
        let lines = lines.concat();
        let json = converted(&lines, Format::Json);
        let (again, format, warnings) = read(&json).unwrap();
        prop_assert_eq!(again, lines);
        prop_assert_eq!((format, warnings), (Format::Json, vec![]));
    }

    #[test]
    fn a_history_comes_back_from_edn(events in prop::collection::vec(event(), 1..6)) {
        let lines: String = (0..)
            .zip(events)
            .map(|(index, event)| {
                let process = crate::Process::Witness;
                line(&Event { index, time: index as i64, process, ..event })
            })
            .collect();
        let edn = converted(&lines, Format::Edn);
        let (once, format, warnings) = read(&edn).unwrap();
        prop_assert_eq!((format, warnings), (Format::Edn, vec![]));
        // White space and needless escapes are gone after once: then nothing changes.
        let (twice, ..) = read(converted(&once, Format::Edn)).unwrap();
        prop_assert_eq!(once, twice);
    }

    #[test]
    fn cut_anywhere_it_reads_as_far_as_it_goes(lines in lines(), json in any::<bool>()) {
        let all = lines.concat();
        let (format, closing) = if json { (Format::Json, 2) } else { (Format::Edn, 1) };
        let bytes = converted(&all, format);
        let whole = read(&bytes).unwrap().0;
        for cut in (1..bytes.len() - closing).step_by(1 + bytes.len() / 100) {
            let reader = Reader::new("in", &bytes[..cut]).with_format(format);
            let (part, _, warnings) = read_all(reader).unwrap();
            prop_assert!(whole.starts_with(&part));
            let at_boundary = !json && (bytes[cut] == b'\n' || bytes[cut - 1] == b'\n');
            prop_assert!(at_boundary || warnings.len() == 1, "{} {:?}", cut, warnings);
        }
    }

    #[test]
    fn arbitrary_bytes_end(
        bytes in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..300),
            prop::collection::vec(prop::sample::select(b"{}[]()\":;,#\\\n 0ae-n_\xc3\xa9".to_vec()), 0..300),
            prop::collection::vec(prop::sample::select(vec![
                "{:type :invoke ", ":process 0 ", "{\"type\":\"invoke\"", "}", "]", "[", "\n", "{",
                ":value ", "\"", "jepsen.util - 1 :invoke :f ", "#_", "#a ", ":error ", "nil", ",\"f\":", "5",
            ]), 0..40).prop_map(|words| words.concat().into_bytes()),
        ],
        format in prop::option::of(prop::sample::select(Format::ALL.to_vec())),
        options in any::<(bool, bool)>(),
    ) {
        let mut reader = Reader::new("in", &*bytes);
        if let Some(format) = format {
            reader = reader.with_format(format);
        }
        if options.0 {
            reader = reader.without_validation();
        }
        if options.1 {
            reader = reader.independent();
        }
        let calls = (0..=bytes.len() + 1).find(|_| !matches!(reader.next(), Ok(Some(_))));
        prop_assert!(calls.is_some());
    }

    #[test]
    fn the_source_may_give_what_it_likes(lines in lines(), step in 1_usize..50, json in any::<bool>()) {
        struct Dribble<'a>(&'a [u8], usize);
        impl std::io::Read for Dribble<'_> {
            fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
                let step = self.1.min(buffer.len());
                std::io::Read::read(&mut std::io::Read::take(&mut self.0, step as u64), buffer)
            }
        }
        let format = if json { Format::Json } else { Format::Edn };
        let bytes = converted(&lines.concat(), format);
        let mut reader = Reader::new("in", Dribble(&bytes, step)).with_format(format);
        let mut found = 0;
        while reader.next().unwrap().is_some() {
            found += 1;
        }
        prop_assert_eq!(found, lines.len());
    }
}
