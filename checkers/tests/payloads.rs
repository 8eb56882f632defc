//! Events that make no sense as a sale: one clear message each, with the event
//! and the field.

#![allow(clippy::unwrap_used, reason = "a test may")]

use proptest::prelude::*;
use serde_json::{Value, json};
use witness_checkers::{Digest, DigestBuilder, Options, Valid, all, find};
use witness_histories::{Event, history, jsonl};

fn refusal(shorthand: &str) -> String {
    let history = history(shorthand).unwrap();
    let refusal = Digest::of(&history, all().iter().copied());
    refusal.unwrap_err().to_string()
}

#[test]
fn a_bad_payload_is_told_by_event_and_field() {
    for (shorthand, message) in [
        ("0 invoke acquire A1", "event 0: field \"value\": missing"),
        (
            r#"0 invoke acquire _ {"buyer":"b"}"#,
            "event 0: field \"key\": missing",
        ),
        (
            "0 invoke acquire A1 {}",
            "event 0: field \"value.buyer\": missing",
        ),
        (
            "0 invoke acquire A1 7",
            "event 0: field \"value\": expected an object, not 7",
        ),
        (
            r#"0 invoke acquire A1 {"buyer":7}"#,
            "event 0: field \"value.buyer\": expected a string, not 7",
        ),
        (
            r#"0 invoke acquire A1 {"buyer":"b","request":[]}"#,
            "event 0: field \"value.request\": expected a string, not []",
        ),
        (
            "0 invoke acquire A1 {\"buyer\":\"b\"}\n0 ok acquire A1 {\"buyer\":\"b\"}",
            "event 1: field \"value.sale_id\": missing",
        ),
        (
            r#"witness ok acquire A1 {"buyer":"b"}"#,
            "event 0: field \"process\": expected a client, not witness",
        ),
        ("witness ok reset", "event 0: field \"key\": missing"),
        (
            "0 invoke reset A1",
            "event 0: field \"process\": expected witness, not 0",
        ),
        (
            "nemesis ok reset A1",
            "event 0: field \"process\": expected witness, not nemesis",
        ),
        (
            r#"witness ok scoreboard A1 {"confirmed":-1,"oversold":0}"#,
            "event 0: field \"value.confirmed\": expected a count, not -1",
        ),
        (
            r#"witness ok evidence _ {"table":"ledger","rows":[]}"#,
            "event 0: field \"region\": missing",
        ),
        (
            r#"witness@r ok evidence _ {"table":"ledger","rows":{}}"#,
            "event 0: field \"value.rows\": expected a list, not {}",
        ),
        (
            r#"witness@r ok evidence _ {"table":"ledger","rows":[],"last":"yes"}"#,
            "event 0: field \"value.last\": expected true or false, not \"yes\"",
        ),
        (
            r#"witness@r ok evidence _ {"table":"ledger","rows":[{"sale_id":"s","key":"A1","buyer":"b"},{"key":"A1","buyer":"b"}]}"#,
            "event 0: field \"value.rows[1].sale_id\": missing",
        ),
        (
            r#"witness@r ok evidence _ {"table":"ledger","rows":[{"sale_id":"s","key":[],"buyer":"b"}]}"#,
            "event 0: field \"value.rows[0].key\": expected a string, a number or a boolean, not []",
        ),
        (
            r#"witness@r ok evidence _ {"table":"seats","rows":[{"key":"A1","owner":"b"}]}"#,
            "event 0: field \"value.rows[0].status\": missing",
        ),
        (
            r#"witness@r ok evidence _ {"table":"ledger","rows":[{"sale_id":"s","key":null,"buyer":"b","size":1e999}]}"#,
            "event 0: field \"value.rows[0].key\": expected a string, a number or a boolean, not null",
        ),
        (
            r#"witness@r ok evidence _ {"table":"ledger","rows":[{"sale_id":"s","key":1,"buyer":"b"},{"sale_id":"s","key":1,"buyer":3}]}"#,
            "event 0: field \"value.rows[1].buyer\": expected a string, not 3",
        ),
        (
            r#"witness@r ok evidence _ {"table":"seats","rows":[{"key":"A1","status":"sold","owner":3}]}"#,
            "event 0: field \"value.rows[0].owner\": expected a string, not 3",
        ),
        (
            r#"witness ok phase _ {"phase":"setup","regions":"r"}"#,
            "event 0: field \"value.regions\": expected a list of strings, not \"r\"",
        ),
    ] {
        assert_eq!(refusal(shorthand), message, "{shorthand}");
    }
}

#[test]
fn the_fields_of_the_other_table_may_be_anything() {
    let history = history(
        r#"
        witness@r ok evidence _ {"table":"ledger","rows":[{"sale_id":"s","key":"A1","buyer":"b","status":3,"owner":{},"size":1e999}],"last":true}
        witness@r ok evidence _ {"table":"seats","rows":[{"key":"A1","status":"sold","owner":"b","sale_id":3,"buyer":[],"request":1}],"last":true}
    "#,
    )
    .unwrap();
    assert!(Digest::of(&history, all().iter().copied()).is_ok());
}

#[test]
fn a_seat_is_the_same_in_events_and_rows_whatever_number_it_is() {
    for key in ["1.50", "-0", "1E400", "18446744073709551615", "-7", "true"] {
        let row = format!(r#""key":{key},"sale_id":"s","buyer":"b","status":"sold","owner":"b""#);
        let page = |table| format!(r#"{{"table":"{table}","rows":[{{{row}}}],"last":true}}"#);
        let events = [
            ("invoke", "0", "acquire", r#"{"buyer":"b"}"#.to_owned()),
            ("ok", "0", "acquire", r#"{"sale_id":"s"}"#.to_owned()),
            ("ok", "\"witness\"", "evidence", page("ledger")),
            ("ok", "\"witness\"", "evidence", page("seats")),
        ];
        let checker = find("ledger-union").unwrap();
        let mut builder = DigestBuilder::new([checker]);
        for (index, (kind, process, f, value)) in events.iter().enumerate() {
            let line = format!(
                r#"{{"index":{index},"time":0,"type":"{kind}","process":{process},"region":"r","f":"{f}","key":{key},"value":{value}}}"#
            );
            builder.event(&jsonl::parse(&line).unwrap()).unwrap();
        }
        let verdict = checker.check(&builder.finish().unwrap(), &Options::default());
        assert_eq!(verdict.valid, Valid::True, "{key}: {verdict:?}");
    }
}

#[test]
fn regions_have_a_limit() {
    let purchases: Vec<String> = (0..33)
        .map(|n| format!("{n}@r{n} invoke acquire A1 {{\"buyer\":\"b{n}\"}}"))
        .collect();
    assert_eq!(
        refusal(&purchases.join("\n")),
        "event 32: more than 32 regions"
    );
}

#[test]
fn completions_without_an_invocation_are_refused_even_unvalidated() {
    let line = r#"{"index":3,"time":1,"type":"fail","process":0,"f":"acquire","key":"A1"}"#;
    let event: Event<'_> = jsonl::parse(line).unwrap();
    let refusal = DigestBuilder::new(all().iter().copied()).event(&event);
    assert_eq!(
        refusal.unwrap_err().to_string(),
        "event 3: field \"process\": process 0 has no purchase open"
    );
}

#[test]
fn other_events_are_left_alone() {
    let history = history(
        r#"
        nemesis info partition _ ["us-east-1"]
        0 invoke read A1
        0 ok     read A1 7
        witness ok phase _ {"phase":"burst","clients":24}
        witness@r ok evidence _ {"table":"accounts","rows":[{"id":1}],"last":true}
    "#,
    )
    .unwrap();
    let digest = Digest::of(&history, all().iter().copied()).unwrap();
    assert_eq!(digest.events(), 5);
    for checker in all() {
        assert!(!checker.applies(&digest), "{}", checker.name());
    }
}

#[test]
fn a_history_that_is_no_sale_has_empty_books_unless_they_were_asked_for() {
    let digest = |shorthand: &str| {
        let history = history(shorthand).unwrap();
        let mut builder = DigestBuilder::new(all().iter().copied()).unasked();
        history
            .events()
            .try_for_each(|event| builder.event(&event))
            .and_then(|()| builder.finish())
    };
    for no_sale in [
        "0 invoke acquire\n0 ok acquire\n0 invoke release\n0 ok release",
        r#"witness ok phase _ "main""#,
        "0 invoke reset x\n0 ok reset x",
    ] {
        let digest = digest(no_sale).unwrap();
        assert!(all().iter().all(|checker| !checker.applies(&digest)));
        refusal(no_sale);
    }
    for sale in [
        r#"witness ok phase _ {"phase":"setup","regions":["r"]}"#,
        r#"1 invoke acquire A1 {"buyer":"b"}"#,
        r#"witness@r ok evidence _ {"table":"ledger","rows":[],"last":true}"#,
    ] {
        let refusal = digest(&format!("{sale}\n0 invoke acquire")).unwrap_err();
        assert_eq!(refusal.to_string(), "event 1: field \"value\": missing");
    }
}

#[test]
fn an_unknown_checker_is_answered_with_the_nearest() {
    let message = |name| find(name).err().unwrap().to_string();
    assert_eq!(
        message("leger-union"),
        "no checker is named \"leger-union\"; did you mean \"ledger-union\"?"
    );
    assert_eq!(
        message("at-most-one"),
        "no checker is named \"at-most-one\"; did you mean \"at-most-one-acquisition\"?"
    );
    assert_eq!(message("xyzzy"), "no checker is named \"xyzzy\"");
}

/// Any JSON, of the shapes and names that a sale's values have, or not.
fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-1e9..1e9f64).prop_map(Value::from),
        "[a-z\"\\\\é]{0,3}".prop_map(Value::from),
        prop::sample::select(vec!["ledger", "seats", "setup", "end", "available"])
            .prop_map(Value::from),
    ];
    let name = prop::sample::select(vec![
        "buyer",
        "request",
        "sale_id",
        "key",
        "status",
        "owner",
        "table",
        "rows",
        "last",
        "confirmed",
        "oversold",
        "phase",
        "regions",
        "other",
    ]);
    leaf.prop_recursive(3, 24, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map(name.clone().prop_map(str::to_owned), inner, 0..6)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever an event's value is, it is taken in or refused with the event's
    /// index; and whatever was taken in can be judged.
    #[test]
    fn no_value_is_too_strange(events in prop::collection::vec(
        (0..5usize, 0..4usize, json(), prop::option::of(json())), 1..12,
    )) {
        let mut builder = DigestBuilder::new(all().iter().copied());
        for (index, (f, kind, value, key)) in events.into_iter().enumerate() {
            let f = ["acquire", "reset", "scoreboard", "evidence", "phase"][f];
            let kind = ["invoke", "ok", "fail", "info"][kind];
            let process = if f == "reset" { json!("witness") } else { json!(0) };
            let mut event = json!({"index":index,"time":0,"type":kind,"process":process,"region":"r","f":f,"value":value});
            if let Some(key) = key.filter(|key| !key.is_object() && !key.is_array() && !key.is_null()) {
                event["key"] = key;
            }
            let line = event.to_string();
            let event: Event<'_> = jsonl::parse(&line).unwrap();
            if let Err(error) = builder.event(&event) {
                let named = format!("event {index}: ");
                prop_assert!(error.to_string().starts_with(&named), "{}", error);
            }
        }
        let digest = builder.finish().unwrap();
        for checker in all() {
            checker.check(&digest, &Options::default());
        }
    }
}

#[test]
fn evidence_that_failed_need_not_say_where() {
    let history = history("witness info evidence _ _ timeout: no answer").unwrap();
    assert!(Digest::of(&history, all().iter().copied()).is_ok());
}
