//! `reconciled-scope` by example.

#![allow(clippy::unwrap_used, reason = "a test may")]

mod support;

use witness_checkers::Valid::{False, True, Unknown};
use witness_checkers::Verdict;

/// Two buyers want A1, one of them also A2; both sales of A1 are in the ledger.
fn check(scoreboards: &str, focus: Option<&str>) -> Verdict {
    support::check_focused(
        "reconciled-scope",
        &format!(
            r#"
            0@r invoke acquire A1 {{"buyer":"b0"}}
            1@r invoke acquire A1 {{"buyer":"b1"}}
            0@r ok     acquire A1 {{"buyer":"b0","sale_id":"s0"}}
            1@r ok     acquire A1 {{"buyer":"b1","sale_id":"s1"}}
            2@r invoke acquire A2 {{"buyer":"b2"}}
            2@r ok     acquire A2 {{"buyer":"b2","sale_id":"s2"}}
            {scoreboards}
            witness@r ok evidence _ {{"table":"ledger","rows":[{{"sale_id":"s0","key":"A1","buyer":"b0"}},{{"sale_id":"s1","key":"A1","buyer":"b1"}},{{"sale_id":"s2","key":"A2","buyer":"b2"}}],"last":true}}
        "#
        ),
        focus,
    )
}

const RIGHT: &str = r#"
    witness ok scoreboard A1 {"confirmed":2,"oversold":1}
    witness ok scoreboard A2 {"confirmed":1,"oversold":0}
"#;

#[test]
fn equal_numbers_of_one_seat_are_reconciled_whatever_the_floor_says() {
    let last = check(RIGHT, None);
    assert_eq!(
        (last.valid, last.title.as_str()),
        (True, "Scope reconciled ✓")
    );
    assert_eq!(
        last.summary,
        "seat A2: scoreboard 0, ledger 0 · whole floor 1"
    );
    let focused = check(RIGHT, Some("A1"));
    assert_eq!(focused.valid, True);
    assert_eq!(
        focused.summary,
        "seat A1: scoreboard 1, ledger 1 · whole floor 1"
    );
    assert_eq!(focused.scope["focus"], "A1");
}

#[test]
fn a_scoreboard_that_shows_less_than_buyers_were_told_is_a_mismatch() {
    let verdict = check(
        r#"witness ok scoreboard A1 {"confirmed":1,"oversold":0}"#,
        None,
    );
    assert_eq!(verdict.valid, False);
    assert_eq!(verdict.anomalies[0].name, "scope-mismatch");
    assert_eq!(verdict.anomalies[0].operations, [0, 1]);
    assert_eq!(
        verdict.anomalies[0].explanation,
        "The scoreboard of A1 (event 6) shows 1 sale, 0 oversold; the ledgers hold 2 sales for the same time on sale, 1 oversold. \
         They differ by the scoreboard counts 1 sale, but buyers were told of 2."
    );
}

#[test]
fn the_same_number_oversold_of_different_numbers_sold_is_no_reconciliation() {
    let verdict = check(
        r#"witness ok scoreboard A2 {"confirmed":0,"oversold":0}"#,
        None,
    );
    assert_eq!(verdict.valid, False);
    assert_eq!(
        verdict.summary,
        "seat A2: scoreboard 0 (0 sold), ledger 0 (1 sold) · whole floor 1"
    );
}

#[test]
fn a_scoreboard_that_contradicts_itself_is_a_mismatch() {
    let verdict = check(
        r#"witness ok scoreboard A1 {"confirmed":2,"oversold":0}"#,
        None,
    );
    assert_eq!(verdict.valid, False);
    assert!(
        verdict.anomalies[0]
            .explanation
            .contains("contradicts itself")
    );
}

#[test]
fn what_a_buyer_was_not_told_of_makes_it_unknown() {
    let verdict = support::check(
        "reconciled-scope",
        r#"
        0@r invoke acquire A1 {"buyer":"b0"}
        0@r info   acquire A1 {"buyer":"b0"} timeout: no answer
        witness ok scoreboard A1 {"confirmed":0,"oversold":0}
        witness@r ok evidence _ {"table":"ledger","rows":[{"sale_id":"s0","key":"A1","buyer":"b0"}],"last":true}
    "#,
    );
    assert_eq!(verdict.valid, Unknown);
    assert_eq!(
        verdict.summary,
        "seat A1: scoreboard 0 (0 sold), ledger 0 (1 sold) · whole floor 0; they may differ by \
         1 sale in the ledger by purchases that had no answer when the scoreboard was read"
    );
}

#[test]
fn a_scoreboard_is_compared_with_its_own_time_on_sale() {
    let verdict = support::check(
        "reconciled-scope",
        r#"
        0@r invoke acquire A1 {"buyer":"b0"}
        0@r ok     acquire A1 {"buyer":"b0","sale_id":"s0"}
        witness ok scoreboard A1 {"confirmed":1,"oversold":0}
        witness ok reset A1
        1@r invoke acquire A1 {"buyer":"b1"}
        1@r ok     acquire A1 {"buyer":"b1","sale_id":"s1"}
        witness ok scoreboard A1 {"confirmed":1,"oversold":0}
        witness@r ok evidence _ {"table":"ledger","rows":[{"sale_id":"s0","key":"A1","buyer":"b0"},{"sale_id":"s1","key":"A1","buyer":"b1"}],"last":true}
    "#,
    );
    assert_eq!(verdict.valid, True);
}

#[test]
fn nothing_to_compare_is_unknown_and_says_why() {
    assert_eq!(
        check("", Some("A1")).notes,
        ["no scoreboard was recorded for seat A1"]
    );
    let elsewhere = check(RIGHT, Some("Z9"));
    assert_eq!(elsewhere.valid, Unknown);
    assert_eq!(elsewhere.summary, "seat Z9 does not appear in this history");
    assert_eq!(check("", None).notes, ["no scoreboard was recorded"]);
}

#[test]
fn a_sale_confirmed_after_the_evidence_may_be_missing_from_it() {
    let verdict = support::check(
        "reconciled-scope",
        r#"
        0@r invoke acquire A1 {"buyer":"b0"}
        witness@r ok evidence _ {"table":"ledger","rows":[],"last":true}
        0@r ok     acquire A1 {"buyer":"b0","sale_id":"s0"}
        witness ok scoreboard A1 {"confirmed":1,"oversold":0}
    "#,
    );
    assert_eq!(verdict.valid, Unknown);
}

#[test]
fn an_unanswered_purchase_counts_for_the_time_it_was_asked_in_or_a_later_one() {
    let shown_at_last = |confirmed: u64| {
        support::check(
            "reconciled-scope",
            &format!(
                r#"
                0@r invoke acquire A1 {{"buyer":"b0"}}
                0@r info   acquire A1 {{"buyer":"b0"}} timeout: no answer
                witness ok reset A1
                1@r invoke acquire A1 {{"buyer":"b1"}}
                1@r fail   acquire A1 {{"buyer":"b1"}} rejected: sold
                witness ok scoreboard A1 {{"confirmed":{confirmed},"oversold":{}}}
                witness@r ok evidence _ {{"table":"ledger","rows":[{{"sale_id":"s0","key":"A1","buyer":"b0"}}],"last":true}}
            "#,
                confirmed.saturating_sub(1)
            ),
        )
        .valid
    };
    assert_eq!(shown_at_last(0), True);
    assert_eq!(shown_at_last(1), Unknown);
    assert_eq!(shown_at_last(2), False);
}
