//! What a line says, what it must not say, and that saying it again changes
//! nothing.

use std::borrow::Cow;

use proptest::prelude::*;
use serde_json::value::RawValue;

use super::{canonical, parse, parse::parse_any};
use crate::event::{Error, Event, Key, Kind, Process};
use crate::strategies::{event, line, lines};

const SOLD: &str = r#"{"index":9,"time":9841200,"type":"ok","process":3,"region":"us-east-1","f":"acquire","key":"A1","value":{"buyer":"b3","sale_id":"01JD"},"attempts":2}"#;
const REFUSED: &str = r#"{"index":11,"time":9990011,"type":"fail","process":4,"region":"us-east-2","f":"acquire","key":"A1","value":{"buyer":"b4"},"error":{"class":"rejected","message":"sold"}}"#;
const MERGED: &str = r#"{"index":9,"time":9841200,"type":"ok","process":3,"region":"us-east-1","f":"read","key":"A1","value":7,"clock":[1795816556000000100,1795816556000020100],"recorder":"east"}"#;
const LEDGER: &str = r#"{"index":12,"time":9990012,"type":"ok","process":"witness","region":"us-east-1","f":"evidence","value":{"table":"ledger","rows":[{"sale_id":"01JD","key":"A1","buyer":"b3"}],"last":true}}"#;

/// Two events are the same when they look the same: raw JSON has no equality.
fn look(event: &Event<'_>) -> String {
    format!("{event:?}")
}

#[test]
fn a_line_says_what_it_says() {
    let event = parse(REFUSED).unwrap();
    assert_eq!(
        (event.index, event.time, event.kind),
        (11, 9_990_011, Kind::Fail)
    );
    assert_eq!(
        (event.process, event.region.as_deref()),
        (Process::Client(4), Some("us-east-2"))
    );
    assert_eq!((&*event.f, event.key), ("acquire", Some(Key::from("A1"))));
    assert_eq!(event.value.unwrap().get(), r#"{"buyer":"b4"}"#);
    assert_eq!(event.error, Some(Error::new("rejected", "sold")));
    assert_eq!(event.attempts, None);
}

#[test]
fn saved_lines_are_written_back_as_they_were() {
    for saved in [SOLD, REFUSED, MERGED, LEDGER] {
        assert_eq!(line(&parse(saved).unwrap()), format!("{saved}\n"));
    }
}

#[test]
fn saved_lines_go_the_short_way() {
    for saved in [SOLD, REFUSED, MERGED, LEDGER] {
        assert!(canonical::parse(saved).is_some(), "{saved}");
    }
}

#[test]
fn lists_are_read_as_serde_json_reads_them() {
    for list in [
        "[]",
        "[1,]",
        "[,1]",
        "[01]",
        "[1]]",
        "[[1]",
        "[[],[[]]]",
        "[null]",
        "[nul]",
        "[\"a]",
        "[-1]",
        "[\"\u{1}\"]",
        r#"[["r",1,null],["append",2,[0,10]]]"#,
        r#"["\u00e9"]"#,
        "[1 ,2]",
        "[1}",
    ] {
        let line = SOLD.replace(r#"{"buyer":"b3","sale_id":"01JD"}"#, list);
        let said = parse(&line).map(|event| look(&event));
        assert_eq!(
            said.clone().ok(),
            parse_any(&line).ok().map(|event| look(&event)),
            "{list}"
        );
        let is_json = serde_json::from_str::<&RawValue>(list).is_ok();
        assert_eq!(said.is_ok(), is_json, "{list}");
    }
    let deep = format!("{}{}", "[".repeat(100), "]".repeat(100));
    let line = SOLD.replace(r#"{"buyer":"b3","sale_id":"01JD"}"#, &deep);
    assert_eq!(parse(&line).unwrap().value.unwrap().get(), deep);
}

#[test]
fn numbers_that_are_not_simply_digits_do_not_go_the_short_way() {
    for (from, to) in [
        (":9,", ":09,"),
        (":9,", ":-0,"),
        (":9,", ":9.0,"),
        (":9,", ":18446744073709551615,"),
        (":9,", ":18446744073709551616,"),
        (":9841200,", ":-5,"),
        (":9841200,", ":9e3,"),
        (":3,", ":03,"),
        (":3,", ":3.5,"),
        (r#":"A1","#, ":1.5,"),
        (r#":"A1","#, ":01,"),
        (":2}", ":4294967296}"),
        (":2}", ":2.0}"),
    ] {
        assert!(SOLD.contains(from), "{from}");
        let line = SOLD.replace(from, to);
        assert!(canonical::parse(&line).is_none(), "{line}");
    }
}

#[test]
fn strings_without_escapes_are_borrowed() {
    let spaced = SOLD.replace("\"f\":", "\"f\": ");
    let event = parse(&spaced).unwrap();
    assert!(matches!(event.f, Cow::Borrowed("acquire")));
    assert!(matches!(event.value, Some(Cow::Borrowed(_))));
}

#[test]
fn fields_may_come_in_any_order_and_unknown_ones_last_as_they_were() {
    let read = r#" {"took" : 1.50e0, "f":"re\u0061d","process":0, "\u0061":[ 1 ],"type":"invoke","took":"","time":-5,"index":0} "#;
    let written = r#"{"index":0,"time":-5,"type":"invoke","process":0,"f":"read","took":1.50e0,"a":[ 1 ],"took":""}"#;
    assert_eq!(line(&parse(read).unwrap()), format!("{written}\n"));
}

#[test]
fn null_is_a_value_and_otherwise_nothing() {
    let read = r#"{"index":0,"time":0,"type":"ok","process":0,"region":null,"f":"read","key":null,"value":null,"error":null,"attempts":null}"#;
    let written = r#"{"index":0,"time":0,"type":"ok","process":0,"f":"read","value":null}"#;
    assert_eq!(line(&parse(read).unwrap()), format!("{written}\n"));
}

#[test]
fn keys_are_scalars_as_they_were_spelt() {
    for (json, key) in [
        ("true", Key::Bool(true)),
        ("false", Key::Bool(false)),
        ("7", Key::Int(7)),
        ("-7", Key::Int(-7)),
        ("-0", Key::Number("-0".into())),
        ("1.0", Key::Number("1.0".into())),
        (
            "9223372036854775808",
            Key::Number("9223372036854775808".into()),
        ),
        (r#""7""#, Key::from("7")),
        (r#""\n""#, Key::from("\n")),
    ] {
        let read = SOLD.replace(r#""A1""#, json);
        let event = parse(&read).unwrap();
        assert_eq!(event.key, Some(key));
        assert_eq!(line(&event), format!("{read}\n"));
    }
}

#[test]
fn whatever_an_event_holds_one_line_of_json_comes_out() {
    let pretty = RawValue::from_string("[1,\r\n 2]".to_owned()).unwrap();
    let mut event = parse(SOLD).unwrap();
    event.key = Some(Key::Number("1\n".into()));
    event.value = Some(Cow::Owned(pretty));
    event.f = "a\nb".into();
    let line = line(&event);
    assert!(
        line.contains(r#""f":"a\nb","key":"1\n","value":[1,   2]"#),
        "{line}"
    );
    assert_eq!(line.matches('\n').count(), 1);
}

/// A line that is no event: what was read when that was noticed ends so, and
/// all that is said.
#[track_caller]
fn refused(line: &str, read: Option<&str>, message: &str) {
    let error = parse(line).unwrap_err();
    assert_eq!(error.to_string(), message, "{line}");
    let noticed = error.column.map(|column| &line[..column]);
    match (noticed, read) {
        (Some(noticed), Some(read)) => assert!(noticed.ends_with(read), "{noticed:?}"),
        _ => assert_eq!(noticed, read),
    }
}

#[test]
fn what_is_wrong_is_said_with_its_field() {
    for (from, to, message) in [
        (
            r#""index":11"#,
            r#""index":"11""#,
            r#"field "index": invalid type: string "11", expected u64"#,
        ),
        (
            r#""index":11"#,
            r#""index":-1"#,
            r#"field "index": invalid value: integer `-1`, expected u64"#,
        ),
        (
            r#""time":9990011"#,
            r#""time":1.5"#,
            r#"field "time": invalid type: floating point `1.5`, expected i64"#,
        ),
        (
            r#""type":"fail""#,
            r#""type":"failed""#,
            r#"field "type": invalid value: string "failed", expected "invoke", "ok", "fail" or "info""#,
        ),
        (
            r#""process":4"#,
            r#""process":-4"#,
            r#"field "process": invalid type: integer `-4`, expected a client's number, "nemesis" or "witness""#,
        ),
        (
            r#""process":4"#,
            r#""process":"somebody""#,
            r#"field "process": invalid value: string "somebody", expected a client's number, "nemesis" or "witness""#,
        ),
        (
            r#""us-east-2""#,
            "2",
            r#"field "region": invalid type: integer `2`, expected a string"#,
        ),
        (
            r#""acquire""#,
            "null",
            r#"field "f": invalid type: null, expected a string"#,
        ),
        (
            r#""A1""#,
            r#"["A1"]"#,
            r#"field "key": expected a string, a number or a boolean"#,
        ),
        (
            r#""class":"rejected","message":"sold"}"#,
            r#""message":"sold"}"#,
            r#"field "error": missing field `class`"#,
        ),
        (
            r#"}}"#,
            r#"},"attempts":-2"#,
            r#"field "attempts": invalid value: integer `-2`, expected u32"#,
        ),
    ] {
        assert!(REFUSED.contains(from), "{from}");
        refused(&REFUSED.replace(from, to), Some(to), message);
    }
    let with = |from: &str, to: &str| REFUSED.replace(from, to);
    let value = with(r#"{"buyer":"b4"}"#, r#"{"buyer":b4}"#);
    refused(
        &value,
        Some(r#"{"buyer":b"#),
        r#"field "value": expected value"#,
    );
    let unknown = with(r#","f":"#, r#","new":{]"f":"#);
    refused(&unknown, Some("{]"), r#"field "new": key must be a string"#);
    refused(
        &with(r#","process":4"#, ""),
        None,
        r#"field "process": missing"#,
    );
    refused(
        &with(r#""sold""#, r#""sold","code":1"#),
        Some(r#","code""#),
        r#"field "error": unknown field `code`, expected `class` or `message`"#,
    );
    refused(
        &with(r#""sold""#, r#""sold","a\n\u001b":1"#),
        Some(r#"\u001b""#),
        "field \"error\": unknown field `a\u{fffd}\u{fffd}`, expected `class` or `message`",
    );
    let twice = with(r#""process":4"#, r#""process":4,"process":4"#);
    refused(
        &twice,
        Some(r#":4,"process""#),
        r#"field "process": given twice"#,
    );
}

#[test]
fn a_clock_is_two_integers_in_their_order() {
    let clock = |json: &str| MERGED.replace("[1795816556000000100,1795816556000020100]", json);
    let event = parse(MERGED).unwrap();
    let read = event
        .clock()
        .map(|clock| (clock.earliest(), clock.latest()));
    assert_eq!(read, Some((1795816556000000100, 1795816556000020100)));
    assert_eq!(event.recorder(), Some("east"));
    assert_eq!(parse(&clock("null")).unwrap().clock(), None);
    let still = parse(&clock("[ -7, -7 ]")).unwrap().clock().unwrap();
    assert_eq!((still.earliest(), still.latest()), (-7, -7));
    for (json, why) in [
        ("[2,1]", "the earliest, 2, is after the latest, 1"),
        (
            "5",
            "expected [earliest, latest], two integers of nanoseconds since the Unix epoch",
        ),
        (
            "[1]",
            "expected [earliest, latest], two integers of nanoseconds since the Unix epoch",
        ),
        (
            "[1,2,3]",
            "expected [earliest, latest], two integers of nanoseconds since the Unix epoch",
        ),
        (
            "[1.5,2]",
            "expected [earliest, latest], two integers of nanoseconds since the Unix epoch",
        ),
        (
            "[1,9223372036854775808]",
            "expected [earliest, latest], two integers of nanoseconds since the Unix epoch",
        ),
    ] {
        let error = parse(&clock(json)).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("field \"clock\": {why}"),
            "{json}"
        );
    }
    let error = parse(&MERGED.replace(r#""east""#, "7")).unwrap_err();
    assert_eq!(error.field.as_deref(), Some("recorder"));
}

#[test]
fn what_is_no_object_of_fields_has_no_field() {
    refused(
        "[1,2]",
        None,
        "invalid type: sequence, expected an event: a JSON object",
    );
    refused("hello", Some("h"), "expected value");
    refused("", None, "EOF while parsing a value");
    refused(
        r#"{"index":1 "time":2}"#,
        Some(r#"1 ""#),
        "expected `,` or `}`",
    );
    refused(&format!("{SOLD}{SOLD}"), Some("}{"), "trailing characters");
}

/// Cuts, swaps and doubles characters.
fn damage(line: &str, edits: &[(prop::sample::Index, u8, char)]) -> String {
    let mut chars: Vec<char> = line.chars().collect();
    for (at, how, char) in edits {
        let at = at.index(chars.len().max(1));
        match how % 4 {
            _ if chars.is_empty() => {}
            0 => drop(chars.remove(at)),
            1 => chars.insert(at, *char),
            2 => chars[at] = *char,
            _ => chars.truncate(at),
        }
    }
    chars.into_iter().collect()
}

/// Lists as micro-operations are spelt, and nearly so.
fn nearly_plain_list() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        8 => prop::sample::select(vec!["null", "0", "7", "123", "\"r\"", "\"append\"", "[]", "\":x\""]),
        1 => prop::sample::select(vec![
            "", "01", "-1", "1.5", "1e3", "nul", "true", "\"\\n\"", "\"\t\"", "\"é\"", "\"", "[", "]",
            ",", " ", "{}", "{\"a\":[1]}",
        ]),
    ]
    .prop_map(str::to_owned);
    leaf.prop_recursive(20, 64, 6, |inner| {
        prop::collection::vec(inner, 0..6).prop_map(|items| format!("[{}]", items.join(",")))
    })
}

/// What stands in canonical lines, so that damage is not always noticed at once.
fn plain_line() -> impl Strategy<Value = String> {
    prop_oneof![
        lines().prop_map(|lines| lines[0].trim_end().to_owned()),
        prop::sample::select([SOLD, REFUSED, MERGED, LEDGER].map(str::to_owned).to_vec()),
        nearly_plain_list()
            .prop_map(|list| SOLD.replace(r#"{"buyer":"b3","sale_id":"01JD"}"#, &list)),
        (any::<u64>(), any::<i64>(), any::<u32>()).prop_map(|(index, time, attempts)| {
            SOLD.replace(":9,", &format!(":{index},"))
                .replace(":9841200,", &format!(":{time},"))
                .replace(r#""A1""#, &format!("{time}"))
                .replace(":2}", &format!(":{attempts}}}"))
        }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn an_event_survives_its_line(event in event()) {
        let line = line(&event);
        let read = parse(&line).unwrap();
        prop_assert_eq!(look(&read), look(&event));
        prop_assert_eq!(look(&read.into_owned()), look(&event));
    }

    #[test]
    fn the_short_way_says_what_the_long_way_says(
        line in plain_line(),
        edits in prop::collection::vec(
            (
                any::<prop::sample::Index>(),
                any::<u8>(),
                prop_oneof![prop::sample::select(r#"{}[]",:\ 0123456789-.eEntf"#.chars().collect::<Vec<_>>()), any::<char>()],
            ),
            0..4,
        ),
    ) {
        let line = damage(&line, &edits);
        if let Some(short) = canonical::parse(&line) {
            let long = parse_any(&line).map(|event| look(&event));
            prop_assert_eq!(Ok(look(&short)), long);
        }
    }

    #[test]
    fn no_line_is_too_odd(line in any::<String>()) {
        if let Some(short) = canonical::parse(&line) {
            prop_assert_eq!(Ok(look(&short)), parse_any(&line).map(|event| look(&event)));
        }
        let _ = parse(&line);
    }
}
