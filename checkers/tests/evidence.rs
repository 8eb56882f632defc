//! What `ledger-union` makes of how the evidence was read: in part, again, too early.

#![allow(clippy::unwrap_used, reason = "a test may")]

mod support;

use witness_checkers::Valid::{True, Unknown};
use witness_checkers::Verdict;

/// What a ledger of the sales s0 of A1 and s1 of A2 comes to, read in these pages;
/// `!` ends one that is the last, and a page that is none is an error.
fn read_in(pages: &[&str]) -> Verdict {
    let mut shorthand = r#"
        0@r invoke acquire A1 {"buyer":"b0"}
        0@r ok     acquire A1 {"buyer":"b0","sale_id":"s0"}
        0@r invoke acquire A2 {"buyer":"b1"}
        0@r ok     acquire A2 {"buyer":"b1","sale_id":"s1"}
        witness@r ok evidence _ {"table":"seats","rows":[{"key":"A1","status":"sold","owner":"b0"},{"key":"A2","status":"sold","owner":"b1"}],"last":true}
    "#
    .to_owned();
    for page in pages {
        let rows: Vec<&str> = page
            .split_whitespace()
            .filter_map(|sale| match sale {
                "s0" => Some(r#"{"sale_id":"s0","key":"A1","buyer":"b0"}"#),
                "s1" => Some(r#"{"sale_id":"s1","key":"A2","buyer":"b1"}"#),
                _ => None,
            })
            .collect();
        shorthand.push_str(&match *page {
            "error" => "\nwitness@r info evidence _ _ timeout: no answer".to_owned(),
            _ => format!(
                "\nwitness@r ok evidence _ {{\"table\":\"ledger\",\"rows\":[{}],\"last\":{}}}",
                rows.join(","),
                page.ends_with('!'),
            ),
        });
    }
    support::check("ledger-union", &shorthand)
}

#[test]
fn a_region_without_evidence_is_unknown_and_nothing_counts_as_lost() {
    let verdict = support::check(
        "ledger-union",
        r#"
        0@r0 invoke acquire A1 {"buyer":"b0"}
        1@r1 invoke acquire A2 {"buyer":"b1"}
        0@r0 ok     acquire A1 {"buyer":"b0","sale_id":"s0"}
        1@r1 fail   acquire A2 {"buyer":"b1"} conflict: gave up
        witness@r0 ok   evidence _ {"table":"ledger","rows":[],"last":true}
        witness@r0 ok   evidence _ {"table":"seats","rows":[],"last":true}
        witness@r1 info evidence _ _ unreachable: connection refused
    "#,
    );
    assert_eq!(verdict.valid, Unknown);
    assert_eq!(
        verdict.notes,
        [
            "the ledger of r1 was not read (unreachable: connection refused)",
            "the seats table of r1 was not read (unreachable: connection refused)"
        ]
    );
}

#[test]
fn purchases_that_outlast_the_evidence_make_it_unknown() {
    let verdict = support::check(
        "ledger-union",
        r#"
        0@r0 invoke acquire A1 {"buyer":"b0"}
        witness@r0 ok evidence _ {"table":"ledger","rows":[],"last":true}
        0@r0 ok     acquire A1 {"buyer":"b0","sale_id":"s0"}
        witness@r0 ok evidence _ {"table":"seats","rows":[],"last":true}
    "#,
    );
    assert_eq!(verdict.valid, Unknown);
    assert_eq!(
        verdict.notes,
        [
            "1 purchase not over when the evidence was asked for, which may not show what came of that"
        ]
    );
}

#[test]
fn purchases_of_unknown_outcome_that_outlast_the_evidence_make_it_unknown_too() {
    let around = |before: &str, after: &str| {
        let shorthand = format!(
            r#"
            {before}
            witness@r0 ok evidence _ {{"table":"ledger","rows":[],"last":true}}
            witness@r0 ok evidence _ {{"table":"seats","rows":[],"last":true}}
            {after}
        "#
        );
        let acquisitions = support::check("at-most-one-acquisition", &shorthand).valid;
        (
            acquisitions,
            support::check("ledger-union", &shorthand).valid,
        )
    };
    let asked = r#"0@r0 invoke acquire A1 {"buyer":"b0"}"#;
    let lost = "0@r0 info acquire A1 _ timeout: no answer";
    let asked_and_lost = format!("{asked}\n{lost}");
    assert_eq!(
        around(&asked_and_lost, ""),
        (True, True),
        "over, one way or another"
    );
    assert_eq!(around(asked, lost), (Unknown, Unknown));
    assert_eq!(around(asked, ""), (Unknown, Unknown), "never answered");
    assert_eq!(around("", &asked_and_lost), (Unknown, Unknown));
    let unread = format!("{asked_and_lost}\nwitness@r0 info evidence _ _ unreachable: refused");
    assert_eq!(
        around("", &unread),
        (Unknown, Unknown),
        "and not read again"
    );
    let refused = format!("{asked}\n0@r0 fail acquire A1 _ rejected: sold");
    assert_eq!(
        around("", &refused),
        (True, True),
        "it certainly did nothing"
    );
}

#[test]
fn a_row_that_is_read_again_counts_once() {
    assert_eq!(read_in(&["s0", "s1 !"]).valid, True);
    for again in [&["s0 s1 !", "s0", "s1 !"][..], &["s0", "error", "s0 s1 !"]] {
        let verdict = read_in(again);
        assert_eq!(verdict.valid, True, "{again:?}");
        assert!(verdict.notes[0].contains("seen again when a ledger was read again"));
    }
    for twice in [
        &["s0", "s1", "s1 !"][..],
        &["s0 s1", "s1 s0 !"],
        &["s0 s1 !", "s0", "s1 s1 !"],
        &["s0", "error", "s0 s1", "s1 !"],
    ] {
        assert_eq!(
            read_in(twice).counts["duplicate-sale"],
            if twice[0] == "s0 s1" { 2 } else { 1 },
            "{twice:?}"
        );
    }
}

#[test]
fn a_reading_that_begins_again_without_a_word_is_a_doubt() {
    let verdict = read_in(&["s0", "s0 s1 !"]);
    assert_eq!(verdict.valid, Unknown);
    assert!(verdict.notes[0].starts_with("1 reading of a ledger began again"));
}

#[test]
fn the_last_reading_of_a_seat_counts_and_an_available_one_is_nobodys() {
    let owners = |rows: &str| {
        support::check(
            "ledger-union",
            &format!(
                r#"
                0@r invoke acquire A1 {{"buyer":"b0"}}
                0@r ok     acquire A1 {{"buyer":"b0","sale_id":"s0"}}
                witness@r ok evidence _ {{"table":"ledger","rows":[{{"sale_id":"s0","key":"A1","buyer":"b0"}}],"last":true}}
                witness@r ok evidence _ {{"table":"seats","rows":[{rows}],"last":true}}
            "#
            ),
        )
    };
    let read_again = owners(
        r#"{"key":"A1","status":"sold","owner":"b9"},{"key":"A1","status":"sold","owner":"b0"}"#,
    );
    assert_eq!(read_again.valid, True);
    let left_over = owners(r#"{"key":"A1","status":"available","owner":"b0"}"#);
    assert_eq!(left_over.anomalies[0].name, "hidden-by-last-writer-wins");
}
