//! The table of spellings, both ways; what is refused; and that nothing is lost.

use proptest::prelude::*;
use serde_json::value::RawValue;

use super::lexer::Lexer;
use super::{Place, from_json, parse, to_json};
use crate::strategies::{event, json, line};
use crate::{Clock, Error, Event, Format, Key, Kind, Process, Reader, Stamp};

fn json_of(edn: &str, place: Place) -> Result<String, String> {
    let mut lexer = Lexer::new(edn);
    let mut json = String::new();
    to_json::value(&mut lexer, place, 0, &mut json).map_err(|fault| fault.message)?;
    assert!(lexer.is_at_end(), "{edn}");
    assert!(serde_json::from_str::<&RawValue>(&json).is_ok(), "{json}");
    Ok(json)
}

fn edn_of(json: &str, place: Place) -> String {
    let mut edn = String::new();
    from_json(json, place, &mut edn);
    edn
}

#[test]
fn every_form_has_one_spelling_in_json() {
    for (edn, json) in [
        ("nil", "null"),
        ("true", "true"),
        ("-12", "-12"),
        ("1.5e3", "1.5e3"),
        (
            "123456789012345678901234567890",
            "123456789012345678901234567890",
        ),
        (r#""a\nb\"c""#, r#""a\nb\"c""#),
        ("[1 [2] []]", "[1,[2],[]]"),
        ("{:from 1, 7 2, \"a b\" 3}", r#"{"from":1,"7":2,"a b":3}"#),
        ("{\"from\" 1, \"7\" 2}", r#"{"\\\"from\"":1,"\\\"7\"":2}"#),
        (
            "{nil 1, [1 2] 3, :a/b 4, 1.5 5}",
            r#"{"\\nil":1,"\\[1 2]":3,"a/b":4,"\\1.5":5}"#,
        ),
        (":timeout", r#"":timeout""#),
        ("\":timeout\"", r#""\\\":timeout\"""#),
        ("\": )\"", r#"": )""#),
        (":0", r#""\\:0""#),
        ("\"\\\\x\"", r#""\\\"\\\\x\"""#),
        ("#{1 #{:a}}", "{\"#{}\":[1,{\"#{}\":[\":a\"]}]}"),
        ("#inst \"2026\"", r##"{"#inst":"2026"}"##),
        ("#:db {:id 1}", r##"{"#:db":{"id":1}}"##),
        ("#a.B {:x #c 1}", r##"{"#a.B":{"x":{"#c":1}}}"##),
        ("1/2", r#""\\1/2""#),
        ("1.5M", r#""\\1.5M""#),
        ("\\a", r#""\\\\a""#),
        ("[\\( \\newline]", r#"["\\\\(","\\\\newline"]"#),
        ("sym", r#""\\sym""#),
        ("##Inf", r#""\\##Inf""#),
        ("#witness/json \"\\\"\\\\ud800\\\"\"", r#""\ud800""#),
        ("#witness/json \"\\\":r 1\\\\u0041\\\"\"", r#"":r 1\u0041""#),
    ] {
        assert_eq!(json_of(edn, Place::Plain).unwrap(), json);
        if !edn.contains("u0041") {
            assert_eq!(edn_of(json, Place::Plain), edn);
        }
    }
}

#[test]
fn what_edn_calls_equal_is_equal_in_json() {
    for (edn, json) in [
        ("(1 2)", "[1,2]"),
        ("[1,,2 ; three\n]", "[1,2]"),
        ("[#_ #_ 1 2 3 #_[4 [5]]]", "[3]"),
        ("5N", "5"),
        ("+5", "5"),
        ("\"\\u0041\\ud83c\\udf9f\"", "\"A🎟\""),
        ("\"tab\tand\nline\"", r#""tab\tand\nline""#),
        ("#{}", "{\"#{}\":[]}"),
    ] {
        assert_eq!(json_of(edn, Place::Plain).unwrap(), json);
    }
}

#[test]
fn names_of_micro_operations_are_plain() {
    let (edn, json) = (
        "[[:r 1 nil] [:append :r 5] [\"r\" 2] [:other 3] [[:r]]]",
        r#"[["r",1,null],["append",":r",5],["\\\"r\"",2],[":other",3],[[":r"]]]"#,
    );
    assert_eq!(json_of(edn, Place::Top).unwrap(), json);
    assert_eq!(edn_of(json, Place::Top), edn);
    // A keyword only where the text could not be meant.
    assert_eq!(
        edn_of(r#"[[":r",1]]"#, Place::Top),
        r#"[[#witness/json "\":r\"" 1]]"#
    );
}

#[test]
fn what_is_not_edn_is_refused() {
    for (edn, message) in [
        ("[1", "ends where ']' or a form is missing"),
        ("[1)", "')' where ']' or a form is missing"),
        ("{:a}", "'}' where a form is missing"),
        ("\"abc", "a text without an end"),
        ("\"\\x\"", "not an escape"),
        ("\"\\u12\"", "not an escape"),
        ("\"\\ud800\"", "half a surrogate pair"),
        ("\"\\ud800\\u0041\"", "half a surrogate pair"),
        ("007", "\"007\" is not a number"),
        ("1x", "\"1x\" is not a number"),
        (":", "a keyword without a name"),
        ("#\"regex\"", "not a form that can be read back"),
        ("#<Object>", "not a form that can be read back"),
        ("@x", "not a form that can be read back"),
        ("\\", "ends where a character is missing"),
        ("#witness/json 5", "#witness/json holds a text"),
        ("#witness/json \"{\"", "#witness/json holds JSON"),
    ] {
        assert_eq!(json_of(edn, Place::Plain).unwrap_err(), message, "{edn}");
    }
}

#[test]
fn depth_is_limited_both_ways() {
    for open in ["[", "{", "#{", "(", "#a ", "#_", "#_[", "{:a [", "[#_("] {
        assert!(
            json_of(&open.repeat(500_000), Place::Plain).is_err(),
            "{open}"
        );
    }
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    let edn = edn_of(&deep, Place::Plain);
    assert!(edn.len() < 2 * deep.len());
    assert_eq!(json_of(&edn, Place::Plain).unwrap(), deep);
}

fn error_of(edn: &str) -> Option<Error<'_>> {
    super::error_at(edn).unwrap()
}

#[test]
fn an_error_may_be_anything() {
    for (edn, class, message) in [
        (":timeout", "timeout", ""),
        ("[:rejected \"sold\"]", "rejected", "sold"),
        ("\"no answer\"", "", "no answer"),
        (
            "[:temporarily-unavailable nil]",
            "",
            "\\[:temporarily-unavailable nil]",
        ),
        ("[:rejected \"\"]", "", "\\[:rejected \"\"]"),
        ("{:class \"two words\", :message \"x\"}", "two words", "x"),
        (
            "{:class \"rejected\", :message \"x\"}",
            "",
            "\\{:class \"rejected\", :message \"x\"}",
        ),
        ("{:code 40001}", "", "\\{:code 40001}"),
        ("(1 2)", "", "\\(1 2)"),
        ("5", "", "\\5"),
        ("#error {:cause \"x\"}", "", "\\#error {:cause \"x\"}"),
        ("\"\\\\x\"", "", "\\\"\\\\x\""),
    ] {
        let error = error_of(edn).unwrap();
        assert_eq!(error, Error::new(class, message), "{edn}");
        let mut again = String::new();
        super::error::write(&error, &mut again);
        assert_eq!(again, edn);
    }
    assert_eq!(error_of("nil"), None);
}

#[test]
fn an_event_is_written_as_jepsen_would() {
    let event = Event {
        index: 3,
        time: 14,
        kind: Kind::Fail,
        process: Process::Client(2),
        region: Some("us-east-1".into()),
        f: "cas".into(),
        key: Some(Key::from("A1")),
        value: Some(super::raw("[1,\"two\",{\"three\":null}]").unwrap()),
        error: Some(Error::new("rejected", "sold")),
        attempts: Some(2),
        stamp: Some(Box::new(Stamp {
            clock: Clock::new(5, 9),
            recorder: Some("east".into()),
        })),
        extra: vec![("op-index".into(), super::raw("7").unwrap())],
    };
    let mut edn = Vec::new();
    super::write(&event, &mut edn);
    assert_eq!(
        String::from_utf8(edn).unwrap(),
        "{:index 3, :time 14, :type :fail, :process 2, :region \"us-east-1\", :f :cas, \
         :key \"A1\", :value [1 \"two\" {:three nil}], :error [:rejected \"sold\"], \
         :attempts 2, :clock [5 9], :recorder \"east\", :op-index 7}\n"
    );
}

/// A backslash ends a word and begins a character, for the lexer as for the framer.
#[test]
fn a_backslash_ends_a_word() {
    assert_eq!(
        json_of(r"[a\b \]]", Place::Plain).unwrap(),
        r#"["\\a","\\\\b","\\\\]"]"#
    );
    for text in [r"\u0041\", r"\a\", r"\\\", r"\1\]", r":a\"] {
        let json = serde_json::to_string(&[text]).unwrap();
        let event = Event {
            index: 0,
            time: 0,
            kind: Kind::Invoke,
            process: Process::Client(0),
            region: None,
            f: "read".into(),
            key: None,
            value: Some(super::raw(&json).unwrap()),
            error: None,
            attempts: None,
            stamp: None,
            extra: Vec::new(),
        };
        let (again, edn) = there_and_back(&event);
        assert_eq!(again, line(&event), "{edn}");
    }
}

#[test]
fn a_clock_is_read_from_edn_and_json_and_refused_by_line_and_field() {
    let edn = |clock: &str| {
        format!(
            "{{:index 0, :time 0, :type :invoke, :process 0, :f :read, :clock {clock}, :recorder \"east\"}}\n"
        )
    };
    for (clock, read) in [
        ("[1 2]", Some((1, 2))),
        ("(-5N 2)", Some((-5, 2))),
        ("nil", None),
    ] {
        let text = edn(clock);
        let mut reader = Reader::new("-", text.as_bytes());
        let event = reader.next().unwrap().unwrap();
        let found = event
            .clock()
            .map(|clock| (clock.earliest(), clock.latest()));
        assert_eq!((found, event.recorder()), (read, Some("east")));
    }
    for (clock, why) in [
        ("[2 1]", "the earliest, 2, is after the latest, 1"),
        (
            "7",
            "expected [earliest, latest], two integers of nanoseconds since the Unix epoch",
        ),
    ] {
        let refused = |text: &str| {
            let mut reader = Reader::new("h", text.as_bytes());
            reader.next().map(drop).unwrap_err().to_string()
        };
        let error = refused(&edn(clock));
        assert_eq!(error, format!("h:1:65: field \"clock\": {why}"));
        let json = format!(
            r#"[{{"type":"invoke","process":0,"f":"read","clock":{}}}]"#,
            clock.replace(' ', ",")
        );
        assert_eq!(refused(&json), format!("h:1:50: field \"clock\": {why}"));
    }
}

/// Events as EDN and back.
fn there_and_back(event: &Event<'_>) -> (String, String) {
    let mut edn = Vec::new();
    super::write(event, &mut edn);
    let mut reader = Reader::new("-", &*edn)
        .with_format(Format::Edn)
        .without_validation();
    let again = reader.next().unwrap_or_else(|error| {
        panic!("{error}: {}", String::from_utf8_lossy(&edn));
    });
    let again = line(&again.unwrap());
    (again, String::from_utf8(edn).unwrap())
}

/// The same JSON without white space between tokens, and texts without needless
/// escapes: all that EDN does not keep.
fn compact(json: &str) -> String {
    let mut edn = String::new();
    from_json(json, Place::Plain, &mut edn);
    json_of(&edn, Place::Plain).unwrap()
}

/// Texts that mean something in EDN, or nearly.
fn edn_text() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        ":",
        "\\",
        "#",
        "a",
        "r",
        "append",
        "nil",
        "1",
        "/",
        "2",
        "N",
        "\"",
        "{",
        "}",
        "[",
        "]",
        "(",
        ")",
        " ",
        ",",
        ";",
        "_",
        "witness/json ",
        "#{",
        "{:class \"",
        "\", :message \"",
        "\n",
        "é",
        ".",
        "-",
        "0",
        "^",
        "'",
        "[[:r 1 [1 2]] [:append 2 10] [:w 3 nil] [:r 4 []]]",
        "[12 3 405 67 8 910 11 1213 14 15 1617 18 19 20 2122 23 24 25 26 27 28]",
        "\\newline",
        "##Inf",
    ]);
    prop::collection::vec(piece, 0..7).prop_map(|pieces| pieces.concat())
}

/// The value and what is left behind it, or why there is none.
fn taken(edn: &str) -> Result<(String, &str), String> {
    let mut lexer = Lexer::new(edn);
    let mut json = String::new();
    to_json::value(&mut lexer, Place::Top, 1, &mut json).map_err(|fault| fault.message)?;
    assert!(serde_json::from_str::<&RawValue>(&json).is_ok(), "{json}");
    Ok((json, lexer.rest()))
}

/// Lists of numbers and micro-operations have ways of their own when they are spelt plainly. A
/// space behind the first bracket leads past them.
#[test]
fn the_short_ways_say_what_the_long_one_says() {
    let numbers: Vec<String> = (1..60_u32).map(|n| (n * n % 1013).to_string()).collect();
    let numbers = numbers.join(" ");
    let defects = [
        "", " ", "  ", "0", "00", " 0", " 00 ", ",", "\n", "x", "-1", "]", "[", "é", "nil", ":r",
        "\"",
    ];
    let mut refused = 0;
    let lengths = (0..8).chain(56..72).chain(118..132);
    for length in lengths {
        for at in (0..length).filter(|at| *at < 8 || (56..72).contains(at) || *at > 116) {
            for defect in defects {
                let list = format!("{}{defect}{}", &numbers[..at], &numbers[at..length]);
                for [short, long] in [
                    [format!("[{list}]"), format!("[ {list}]")],
                    [
                        format!("[[:r 1 [{list}]] [:append 2 {at}]]"),
                        format!("[ [:r 1 [ {list}]] [:append 2 {at}]]"),
                    ],
                    [
                        format!("[[:append 7 {at}] [:r {defect} nil] [:w 1 2]]"),
                        format!("[ [:append 7 {at}] [:r {defect} nil] [:w 1 2]]"),
                    ],
                ] {
                    let expected = taken(&long);
                    refused += usize::from(expected.is_err());
                    assert_eq!(taken(&short), expected, "{short}");
                }
            }
        }
    }
    assert!(refused > 1_000, "{refused}");
}

/// The draft of the event, or why there is none.
fn said(event: &str) -> String {
    match parse(event, &mut String::new()) {
        Ok(draft) => format!("{draft:?}"),
        Err(fault) => format!("{:?}: {}", fault.field, fault.message),
    }
}

/// So have fields that are spelt plainly. A second space before each leads past them.
#[test]
fn plain_fields_say_what_others_say() {
    let fields = [
        "{:type :invoke",
        ":f :txn",
        ":value [[:r 1 nil] [:w 2 7]]",
        ":time 12345",
        ":process 3",
        ":index 0}",
    ];
    let defects = [
        "",
        " ",
        ",",
        "\n",
        "}",
        "]",
        "{",
        ":",
        ":f :x ",
        "0",
        "-",
        "x",
        "N",
        "é",
        "nil",
        "nil ",
        "\"",
        ";",
        "\\a",
        "#_ 1 ",
        "00000000000000000000",
    ];
    let (mut read, mut refused) = (0, 0);
    for at in 0..fields.len() {
        for place in 0..=fields[at].len() {
            for defect in defects {
                for until in [place, fields[at].len()] {
                    let mut fields = fields.map(str::to_owned);
                    fields[at].replace_range(place..until, defect);
                    let [short, long] = [", ", ",  "].map(|between| fields.join(between));
                    let long = long.replacen('{', "{ ", 1);
                    // What was not understood is kept as it was spelt.
                    let said = [said(&short), said(&long)]
                        .map(|said| said.replace(",  ", ", ").replace("{ :", "{:"));
                    assert_eq!(said[0], said[1], "{short}");
                    *(if said[0].starts_with("Draft") {
                        &mut read
                    } else {
                        &mut refused
                    }) += 1;
                }
            }
        }
    }
    assert!(read > 500 && refused > 500, "{read} {refused}");
}

#[test]
fn what_nests_too_deep_for_edn_is_spelt_in_json() {
    for depth in 124..132 {
        for inside in ["", "7"] {
            let json = format!("{}{inside}{}", "[".repeat(depth), "]".repeat(depth));
            let event = format!(
                "{{\"index\":0,\"time\":0,\"type\":\"ok\",\"process\":\"witness\",\"f\":\"x\",\"value\":{json}}}"
            );
            let mut reader = Reader::new("deep", event.as_bytes());
            let event = reader.next().unwrap().unwrap().into_owned();
            let (again, edn) = there_and_back(&event);
            assert_eq!(again, line(&event), "{edn}");
        }
    }
}

fn raw(json: String) -> std::borrow::Cow<'static, RawValue> {
    std::borrow::Cow::Owned(RawValue::from_string(json).unwrap())
}

/// Values whose texts and keys mean something in EDN.
fn edn_like_json() -> impl Strategy<Value = String> {
    let quoted = |text: String| serde_json::to_string(&text).unwrap();
    let scalar = prop_oneof![
        edn_text().prop_map(quoted),
        Just("null".to_owned()),
        Just("1e5".to_owned()),
    ];
    scalar.prop_recursive(4, 24, 4, move |inner| {
        let list = prop::collection::vec(inner.clone(), 0..4)
            .prop_map(|items| format!("[{}]", items.join(",")));
        let object = prop::collection::vec((edn_text().prop_map(quoted), inner.clone()), 0..3)
            .prop_map(|fields| {
                let fields: Vec<_> = fields.iter().map(|(k, v)| format!("{k}:{v}")).collect();
                format!("{{{}}}", fields.join(","))
            });
        let tag = prop::sample::select(vec!["#{}", "#inst", "#witness/json", "#", "#:a", "#_a"]);
        let tagged = (tag, inner).prop_map(|(tag, value)| format!("{{\"{tag}\":{value}}}"));
        prop_oneof![list, object, tagged]
    })
}

/// Behind the first bracket of a list: micro-operations and numbers, and what is nearly such.
fn nearly_plain_list() -> impl Strategy<Value = String> {
    let number = prop_oneof![
        3 => any::<u64>().prop_flat_map(|n| (0..20_u32).prop_map(move |by| n >> (3 * by)))
            .prop_map(|n| n.to_string()),
        1 => "[0-9]{1,20}",
    ];
    let numbers = prop::collection::vec(number, 0..9).prop_map(|numbers| numbers.join(" "));
    let micro = (0..4_usize, numbers.clone(), numbers.clone()).prop_map(|(kind, key, list)| {
        let (key, value) = (
            key.split(' ').next().unwrap_or_default(),
            list.split(' ').next().unwrap_or_default(),
        );
        match kind {
            0 => format!("[:r {key} nil]"),
            1 => format!("[:r {key} [{list}]]"),
            2 => format!("[:w {key} {value}]"),
            _ => format!("[:append {key} {value}]"),
        }
    });
    let micros = prop::collection::vec(micro, 0..5).prop_map(|micros| micros.join(" "));
    let defect = prop::sample::select(vec![
        "", "", "", " ", "0", "]", "[", "[]", ":", "x", "-", ",", "\n", "é", "nil", "\"a\"", "N",
        "}",
    ]);
    (
        prop_oneof![numbers, micros],
        any::<prop::sample::Index>(),
        defect,
        any::<bool>(),
    )
        .prop_map(|(mut list, at, defect, instead)| {
            let at = at.index(list.len() + 1);
            let until = (at + usize::from(instead)).min(list.len());
            list.replace_range(at..until, defect);
            list + "]"
        })
}

/// Fields as they are spelt plainly, and nearly so.
fn nearly_plain_fields() -> impl Strategy<Value = Vec<String>> {
    let name = prop::sample::select(vec![
        ":type ",
        ":f ",
        ":value ",
        ":time ",
        ":process ",
        ":index ",
        ":x ",
        ":type",
        ":error ",
    ]);
    let form = prop_oneof![
        prop::sample::select(vec![
            ":ok",
            ":invoke",
            ":info",
            ":fail",
            ":txn",
            ":nemesis",
            "nil",
            "[[:r 1 nil]]",
            "7",
            "-7",
            "0",
            "00",
            "7N",
            "{:a 1}",
            ":a/b",
            ":okay",
            ":7",
            "[1 2",
            "#_ 1 5",
            "\"a\"",
            "",
        ])
        .prop_map(str::to_owned),
        "[0-9]{1,20}",
        nearly_plain_list().prop_map(|list| format!("[{list}")),
    ];
    let end = prop::sample::select(vec!["", "", "", "", "", "}", ",", "; x\n", "\n"]);
    let field = (name, form, end).prop_map(|(name, form, end)| format!("{name}{form}{end}"));
    prop::collection::vec(field, 1..9)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    /// A space behind the first bracket leads past the short way.
    #[test]
    fn nearly_plain_lists_are_read_as_all_are(list in nearly_plain_list(), behind in "[ \\]}a0]{0,9}") {
        let [short, long] = ["[", "[ "].map(|open| format!("{open}{list}{behind}"));
        prop_assert_eq!(taken(&short), taken(&long));
    }

    #[test]
    fn arbitrary_lists_are_read_as_all_are(list in r"[\[\]:rw 0-9nil]{0,40}") {
        let [short, long] = ["[", "[ "].map(|open| format!("{open}{list}"));
        prop_assert_eq!(taken(&short), taken(&long));
    }

    /// A tab before each field leads past the short way.
    #[test]
    fn nearly_plain_fields_are_read_as_all_are(fields in nearly_plain_fields(), comma in any::<bool>()) {
        let comma = if comma { "," } else { "" };
        let [short, long] = [" ", "\t"].map(|space| {
            let fields = fields.join(&format!("{comma}{space}"));
            format!("{{{space}{fields}}}")
        });
        // What was not understood is kept as it was spelt.
        prop_assert_eq!(said(&short), said(&long).replace("\\t", " "));
    }

    #[test]
    fn json_comes_back_from_edn(json in edn_like_json()) {
        for place in [Place::Plain, Place::Top, Place::Row, Place::Word] {
            let edn = edn_of(&json, place);
            prop_assert_eq!(&json_of(&edn, place).unwrap(), &json, "{}", edn);
        }
    }

    #[test]
    fn odd_spellings_come_back_compact(json in json()) {
        let once = compact(&json);
        prop_assert_eq!(compact(&once), once.clone());
        let meant: Result<serde_json::Value, _> = serde_json::from_str(&json);
        if let Ok(meant) = meant {
            prop_assert_eq!(serde_json::from_str::<serde_json::Value>(&once).unwrap(), meant);
        }
    }

    #[test]
    fn edn_comes_back_from_json(edn in edn_text()) {
        for place in [Place::Plain, Place::Word] {
            let mut lexer = Lexer::new(&edn);
            let mut json = String::new();
            if lexer.trivia(0).is_ok() && to_json::value(&mut lexer, place, 0, &mut json).is_ok() {
                let again = edn_of(&json, place);
                prop_assert_eq!(json_of(&again, place).unwrap(), json);
            }
        }
    }

    #[test]
    fn events_come_back_from_edn(
        event in event(),
        texts in prop::collection::vec(edn_text(), 5),
        value in edn_like_json(),
        odd in any::<bool>(),
    ) {
        let [class, message, f, region, key] = <[String; 5]>::try_from(texts).unwrap();
        let mut event = Event { index: 0, ..event };
        if odd {
            event.error = Some(Error::new(class, message));
            event.f = f.into();
            event.region = Some(region.into());
            event.key = Some(key.into());
            event.value = Some(raw(value));
        }
        let compacted = |value: &RawValue| raw(compact(value.get()));
        event.value = event.value.map(|value| {
            let edn = edn_of(value.get(), Place::Top);
            raw(json_of(&edn, Place::Top).unwrap())
        });
        event.extra = event
            .extra
            .into_iter()
            .map(|(name, value)| (name, compacted(&value)))
            .collect();
        let (again, edn) = there_and_back(&event);
        prop_assert_eq!(again, line(&event), "{}", edn);
    }
}
