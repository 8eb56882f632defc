//! What the checker `isolation` takes for a transaction, what it refuses, and what it
//! cannot judge: histories that do not say what happened.

#![allow(clippy::unwrap_used, reason = "tests")]

use serde_json::Value;
use witness_checkers::{Digest, Options, Valid, Verdict, find};
use witness_histories::history;

fn judged(shorthand: &str, level: Option<&str>) -> Result<Verdict, String> {
    let history = history(shorthand).unwrap();
    let checker = find("isolation").unwrap();
    let digest = Digest::of(&history, [checker]).map_err(|error| error.to_string())?;
    let mut options = Options::default();
    options.isolation.level = level.map(str::to_owned);
    Ok(checker.check(&digest, &options))
}

#[track_caller]
fn check(shorthand: &str) -> Verdict {
    judged(shorthand, None).unwrap()
}

/// That it is unknown, and why.
#[track_caller]
fn assert_unknown(shorthand: &str, why: &str) {
    let verdict = check(shorthand);
    assert_eq!(verdict.valid, Valid::Unknown, "{verdict:#?}");
    assert_eq!(verdict.notes.first().map(String::as_str), Some(why));
}

/// The names of what was found, each once.
fn anomalies(verdict: &Verdict) -> Vec<&str> {
    let mut names: Vec<&str> = verdict.anomalies.iter().map(|a| a.name.as_str()).collect();
    names.dedup();
    names
}

#[test]
fn a_completion_answers_what_was_asked() {
    for (asked, done, message) in [
        (
            r#"[["append","x",1]]"#,
            r#"[["append","x",2]]"#,
            r#"event 1: field "value[0]": is not what event 0 asked for: ["append","x",1]"#,
        ),
        (
            r#"[["w","x",1]]"#,
            r#"[["w","x",2]]"#,
            r#"event 1: field "value[0]": is not what event 0 asked for: ["w","x",1]"#,
        ),
        (
            r#"[["append","x",1]]"#,
            r#"[["w","x",1]]"#,
            r#"event 1: field "value[0]": is not what event 0 asked for: ["append","x",1]"#,
        ),
        (
            r#"[["append","x",1],["r","x",null]]"#,
            r#"[["append","x",1],["r","y",[]]]"#,
            r#"event 1: field "value[1]": is not what event 0 asked for: ["r","x",null]"#,
        ),
        (
            r#"[["append","x",1],["r","x",null]]"#,
            r#"[["r","x",[]],["append","x",1]]"#,
            r#"event 1: field "value[0]": is not what event 0 asked for: ["append","x",1]"#,
        ),
        (
            r#"[["append","x",1]]"#,
            "[]",
            r#"event 1: field "value": is not what event 0 asked for: 1 micro-operation"#,
        ),
        (
            r#"[["r","x",null],["r","y",null]]"#,
            r#"[["r","x",[]],["r","y",[]],["append","z",1]]"#,
            r#"event 1: field "value": is not what event 0 asked for: 2 micro-operations"#,
        ),
    ] {
        let history = format!("0 invoke txn _ {asked}\n0 ok txn _ {done}");
        assert_eq!(judged(&history, None).unwrap_err(), message);
    }
}

#[test]
fn a_completion_may_spell_otherwise_what_was_asked() {
    let history = r#"
        0 invoke txn _ [["append","x",1],["r","y"]]
        0 ok     txn _ [ ["append", "\u0078", 1.0], ["r","y",null] ]
        1 invoke txn _ [["r","x",[7]]]
        1 ok     txn _ [["r","x",[1]]]"#;
    assert_eq!(check(history).valid, Valid::True);
}

/// Some recorders write down transactions only when they are over.
#[test]
fn only_completions_may_tell() {
    let told = r#"
        0 invoke txn _ []
        0 ok     txn _ [["append","x",1]]
        1 invoke txn _ []
        1 info   txn _ [["append","x",2]] timeout: no answer
        2 invoke txn _ []
        2 fail   txn _ [["append","x",3]] conflict: no
        3 invoke txn _ []
        3 ok     txn _ [["r","x",[1,2]]]"#;
    assert_eq!(check(told).valid, Valid::True);
    let aborted = told.replace("[1,2]", "[1,3]");
    assert_eq!(anomalies(&check(&aborted)), ["G1a"]);
    // The last may have appended anything.
    let untold = format!("{told}\n4 invoke txn _ []\n4 info txn _ \"what?\" timeout: no answer");
    assert_unknown(
        &untold.replace("[1,2]", "[1,2,4]"),
        "event 8: nothing says what the transaction was to do, and it may have committed",
    );
}

#[test]
fn reads_that_were_not_reported_prove_nothing() {
    let unreported = r#"
        0 invoke txn _ [["append","x",1]]
        0 ok     txn _
        1 invoke txn _ [["r","x",null]]
        1 ok     txn _ null
        2 invoke txn _ [["r","x",null]]
        2 ok     txn _"#;
    assert_unknown(
        unreported,
        "2 transactions committed without saying what reads saw, the first at event 3",
    );
    // What only wrote is known.
    let written = r#"
        0 invoke txn _ [["append","x",1]]
        0 ok     txn _
        1 invoke txn _ [["r","x",null]]
        1 ok     txn _ [["r","x",[1]]]"#;
    assert_eq!(check(written).valid, Valid::True);
    // What is wrong besides is wrong all the same.
    let stale = written.replace("[1]]]", "[]]]");
    let verdict = check(&format!(
        "{stale}\n2 invoke txn _ [[\"r\",\"x\",null]]\n2 ok txn _"
    ));
    assert_eq!(anomalies(&verdict), ["G-single-realtime"]);
}

#[test]
fn nothing_is_proved_if_nothing_committed() {
    for end in ["fail", "info"] {
        let history = format!("0 invoke txn _ [[\"w\",\"x\",1]]\n0 {end} txn _ _ conflict: no");
        assert_unknown(&history, "no transaction committed");
    }
    assert_unknown(
        "0 invoke txn _ [[\"append\",1,1]]",
        "no transaction committed",
    );
}

/// An operation is a transaction by its name, or by what it is to do.
#[test]
fn what_is_a_transaction() {
    let none = r#"
        0 invoke read _ []
        0 ok     read _ []
        0 invoke drain _ []
        0 ok     drain _ [["append","x",1]]
        0 invoke add _ 1
        0 ok     add _ 1"#;
    assert_unknown(none, "there are no transactions");
    let mixed = format!(
        r#"{none}
        1 invoke write _ [["append","x",1]]
        1 ok     write _ [["append","x",1]]
        1 invoke txn _ []
        1 ok     txn _ []
        2 invoke add _ [[1,2,3]]
        2 ok     add _ [[1,2,3]]"#
    );
    let verdict = check(&mixed);
    assert_eq!(verdict.valid, Valid::True);
    assert_eq!(verdict.scope["transactions"], Value::from(2));
    assert_eq!(
        verdict.notes,
        ["4 operations were no transactions, and left out"]
    );
    let refused = judged("0 invoke txn _ 7", None).unwrap_err();
    assert_eq!(
        refused,
        "event 0: field \"value\": is not a list of micro-operations"
    );
}

/// Numbers are compared as numbers, whatever their size.
#[test]
fn values_are_equal_if_they_are_the_same() {
    let append_and_read = |appended: &str, read: &str| {
        check(&format!(
            r#"0 invoke txn _ [["append","x",{appended}]]
               0 ok     txn _ [["append","x",{appended}]]
               1 invoke txn _ [["r","x",null]]
               1 ok     txn _ [["r","x",[{read}]]]"#
        ))
    };
    for (appended, read) in [
        ("1", "1.0"),
        ("1.50", "1.5"),
        ("-0", "0"),
        (r#"{"a":1,"b":[1.0]}"#, r#"{ "b":[1], "a":1 }"#),
        (
            "123456789012345678901234567890",
            "123456789012345678901234567890",
        ),
    ] {
        let verdict = append_and_read(appended, read);
        assert_eq!(
            verdict.valid,
            Valid::True,
            "{appended} {read}: {verdict:#?}"
        );
    }
    for (appended, read) in [
        ("1", "\"1\""),
        (
            r#"{"n":18446744073709551617}"#,
            r#"{"n":18446744073709551618}"#,
        ),
        ("[9007199254740993.0, 1]", "[9007199254740992.0, 1]"),
        (
            "123456789012345678901234567890",
            "123456789012345678901234567891",
        ),
    ] {
        let verdict = append_and_read(appended, read);
        let found = anomalies(&verdict);
        assert!(found.contains(&"garbage-read"), "{appended} {read}");
    }
}

#[test]
fn null_in_a_list_is_an_element_that_nobody_appended() {
    let history = r#"
        0 invoke txn _ [["append","x",1]]
        0 ok     txn _ [["append","x",1]]
        1 invoke txn _ [["r","x",null]]
        1 ok     txn _ [["r","x",[1,null]]]"#;
    let verdict = check(history);
    assert_eq!(anomalies(&verdict), ["garbage-read"]);
    assert_eq!(
        verdict.anomalies[0].explanation,
        "T2 read [1 null] of key \"x\", with null, which nobody appended."
    );
}

#[test]
fn a_value_among_lists_is_no_list() {
    let history = r#"
        0 invoke txn _ [["append","x",1]]
        0 ok     txn _ [["append","x",1]]
        1 invoke txn _ [["r","x",null]]
        1 ok     txn _ [["r","x",7]]"#;
    let verdict = check(history);
    assert_eq!(verdict.scope["data"], Value::from("list-append"));
    assert_unknown(
        history,
        "event 2: not an operation on a list: it is not list-append alone",
    );
}

/// It says all that is wrong: there is no circle besides.
#[test]
fn an_element_twice_in_a_list_is_duplicate_elements_alone() {
    let history = r#"
        0 invoke txn _ [["append","x",1]]
        0 ok     txn _ [["append","x",1]]
        1 invoke txn _ [["append","x",2]]
        1 ok     txn _ [["append","x",2]]
        2 invoke txn _ [["r","x",null]]
        2 ok     txn _ [["r","x",[1,2,1]]]
        3 invoke txn _ [["append","x",3]]
        3 ok     txn _ [["append","x",3]]
        4 invoke txn _ [["r","x",null]]
        4 ok     txn _ [["r","x",[1,2,1,3]]]"#;
    let verdict = check(history);
    assert_eq!(anomalies(&verdict), ["duplicate-elements"], "{verdict:#?}");
    let levels = &verdict.scope["levels"];
    assert_eq!(levels["read-uncommitted"], Value::Bool(false));
    assert_eq!(levels["monotonic-writes"], Value::Bool(true));
}
