//! `at-most-one-acquisition` by example: what it says, and what it refuses to say.

#![allow(clippy::unwrap_used, reason = "a test may")]

mod support;

use witness_checkers::Valid::{False, True, Unknown};
use witness_checkers::Verdict;

fn check(shorthand: &str) -> Verdict {
    support::check("at-most-one-acquisition", shorthand)
}

#[test]
fn one_sale_a_seat_is_valid_and_says_which_property_that_is() {
    let verdict = check(
        r#"
        witness ok phase _ {"phase":"setup","regions":["us-east-1","us-east-2"]}
        0@us-east-1 invoke acquire A1 {"buyer":"b0"}
        1@us-east-2 invoke acquire A1 {"buyer":"b1"}
        0@us-east-1 ok     acquire A1 {"buyer":"b0","sale_id":"s0"}
        1@us-east-2 fail   acquire A1 {"buyer":"b1"} rejected: sold
        witness@us-east-1 ok evidence _ {"table":"ledger","rows":[{"sale_id":"s0","key":"A1","buyer":"b0"}],"last":true}
        witness@us-east-2 ok evidence _ {"table":"ledger","rows":[{"sale_id":"s0","key":"A1","buyer":"b0"}],"last":true}
        witness ok phase _ {"phase":"end"}
    "#,
    );
    assert_eq!(verdict.valid, True);
    assert_eq!(verdict.title, "Linearizable ✓");
    assert_eq!(verdict.property, "at-most-one-acquisition-per-seat");
    assert_eq!(
        verdict.summary,
        "at most one acquisition per seat: 1 seat, 2 purchases"
    );
    assert!(verdict.notes[0].contains("not sufficient"));
}

const SOLD_TWICE: &str = r#"
    witness ok phase _ {"phase":"setup","regions":["us-east-1","us-east-2"]}
    0@us-east-1 invoke acquire A1 {"buyer":"b0"}
    1@us-east-2 invoke acquire A1 {"buyer":"b1"}
    0@us-east-1 ok     acquire A1 {"buyer":"b0","sale_id":"s0"}
    1@us-east-2 ok     acquire A1 {"buyer":"b1","sale_id":"s1"}
    witness@us-east-1 ok evidence _ {"table":"ledger","rows":[{"sale_id":"s0","key":"A1","buyer":"b0"}],"last":true}
    witness@us-east-2 ok evidence _ {"table":"ledger","rows":[{"sale_id":"s1","key":"A1","buyer":"b1"},{"sale_id":"s0","key":"A1","buyer":"b0"}],"last":true}
    witness ok phase _ {"phase":"end"}
"#;

#[test]
fn a_seat_sold_twice_names_its_holders_and_their_purchases() {
    let verdict = check(SOLD_TWICE);
    assert_eq!(verdict.valid, False);
    assert_eq!(verdict.title, "Violated ✗");
    assert_eq!(verdict.summary, "1 seat oversold: A1 by 1");
    assert_eq!(
        (verdict.counts["confirmed"], verdict.counts["oversold"]),
        (2, 1)
    );
    let anomaly = &verdict.anomalies[0];
    assert_eq!(anomaly.name, "double-acquisition");
    assert_eq!(anomaly.key, Some("A1".into()));
    assert_eq!(anomaly.operations, [1, 2]);
    assert_eq!(anomaly.rows.len(), 3);
    assert_eq!(
        anomaly.explanation,
        "A1 was sold 2 times while it was on sale once: \
         to b0 (sale s0, event 1, in the ledgers of us-east-1 and us-east-2) \
         and b1 (sale s1, event 2, in the ledger of us-east-2). No order of the purchases explains that."
    );
}

#[test]
fn a_violation_shows_without_the_rest_of_the_evidence() {
    let without_region_1: String = SOLD_TWICE
        .lines()
        .filter(|line| !line.contains("witness@us-east-1") && !line.contains("\"end\""))
        .flat_map(|line| [line, "\n"])
        .collect();
    let verdict = check(&without_region_1);
    assert_eq!(verdict.valid, False);
    assert_eq!(
        verdict.notes,
        [
            "the ledger of us-east-1 was not read",
            "the run was cut short: the history does not say that it ended"
        ]
    );
}

#[test]
fn an_acknowledgement_is_not_evidence() {
    // Both buyers were told that the seat is theirs, but only one sale was committed.
    let verdict = check(
        r#"
        0@us-east-1 invoke acquire A1 {"buyer":"b0"}
        1@us-east-1 invoke acquire A1 {"buyer":"b1"}
        0@us-east-1 ok     acquire A1 {"buyer":"b0","sale_id":"s0"}
        1@us-east-1 ok     acquire A1 {"buyer":"b1","sale_id":"s1"}
        witness@us-east-1 ok evidence _ {"table":"ledger","rows":[{"sale_id":"s1","key":"A1","buyer":"b1"}],"last":true}
    "#,
    );
    assert_eq!(verdict.valid, True);
}

#[test]
fn two_buyers_under_one_sale_id_are_a_doubt() {
    let under_one_id = |second: &str, elsewhere: &str| {
        check(&format!(
            r#"
            0@r0 invoke acquire A1 {{"buyer":"b0"}}
            1@r1 invoke acquire A1 {{"buyer":"b1"}}
            0@r0 ok     acquire A1 {{"buyer":"b0","sale_id":"s0"}}
            1@r1 {second}
            witness@r0 ok evidence _ {{"table":"ledger","rows":[{{"sale_id":"s0","key":"A1","buyer":"b0"}}],"last":true}}
            witness@r1 ok evidence _ {{"table":"ledger","rows":[{{"sale_id":"s0","key":"A1","buyer":"{elsewhere}"}}],"last":true}}
        "#
        ))
    };
    let told = r#"ok acquire A1 {"buyer":"b1","sale_id":"s0"}"#;
    let refused = "fail acquire A1 _ rejected: sold";
    assert_eq!(under_one_id(refused, "b0").valid, True);
    for (second, elsewhere) in [(told, "b0"), (refused, "b1"), (told, "b1")] {
        let verdict = under_one_id(second, elsewhere);
        assert_eq!(verdict.valid, Unknown);
        assert_eq!(
            verdict.notes,
            [
                "1 sale counted once, though ledgers or answers name more than one buyer under the same sale_id"
            ]
        );
    }
}

#[test]
fn a_region_not_read_to_its_end_is_unknown() {
    let verdict = check(
        r#"
        0@us-east-1 invoke acquire A1 {"buyer":"b0"}
        1@us-east-2 invoke acquire A1 {"buyer":"b1"}
        0@us-east-1 ok     acquire A1 {"buyer":"b0","sale_id":"s0"}
        1@us-east-2 fail   acquire A1 {"buyer":"b1"} rejected: sold
        witness@us-east-1 ok evidence _ {"table":"ledger","rows":[{"sale_id":"s0","key":"A1","buyer":"b0"}],"last":true}
        witness@us-east-2 ok evidence _ {"table":"ledger","rows":[],"last":false}
        witness@us-east-2 info evidence _ _ timeout: no answer
    "#,
    );
    assert_eq!(
        (verdict.valid, verdict.title.as_str()),
        (Unknown, "Unknown ?")
    );
    assert_eq!(
        verdict.notes,
        ["the ledger of us-east-2 was not read to its end (timeout: no answer)"]
    );
}

#[test]
fn without_evidence_completions_can_only_accuse() {
    let told_once = check(
        r#"
        0 invoke acquire A1 {"buyer":"b0"}
        0 ok     acquire A1 {"buyer":"b0","sale_id":"s0"}
    "#,
    );
    assert_eq!(told_once.valid, Unknown);
    assert!(told_once.notes[0].starts_with("no ledger was read: judged by what clients were told"));

    let told_twice = check(
        r#"
        0 invoke acquire A1 {"buyer":"b0"}
        0 ok     acquire A1 {"buyer":"b0","sale_id":"s0"}
        1 invoke acquire A1 {"buyer":"b1"}
        1 ok     acquire A1 {"buyer":"b1","sale_id":"s1"}
        witness@us-east-1 ok evidence _ {"table":"seats","rows":[{"key":"A1","status":"sold","owner":"b1"}],"last":true}
    "#,
    );
    assert_eq!(
        told_twice.valid, False,
        "a seats table alone is no evidence of sales"
    );
    assert_eq!(
        told_twice.summary,
        "1 seat oversold: A1 by 1, by what buyers were told"
    );
}

#[test]
fn a_seat_may_be_sold_again_once_it_was_put_back_on_sale() {
    let sold_in = |second_epoch: &str| {
        check(&format!(
            r#"
            0@r invoke acquire A1 {{"buyer":"b0"}}
            0@r ok     acquire A1 {{"buyer":"b0","sale_id":"s0"}}
            witness ok reset A1
            1@r invoke acquire A1 {{"buyer":"b1"}}
            2@r invoke acquire A1 {{"buyer":"b2"}}
            1@r ok     acquire A1 {{"buyer":"b1","sale_id":"s1"}}
            2@r {second_epoch}
            witness@r ok evidence _ {{"table":"ledger","rows":[{{"sale_id":"s0","key":"A1","buyer":"b0"}},{{"sale_id":"s1","key":"A1","buyer":"b1"}},{{"sale_id":"s2","key":"A1","buyer":"b2"}}],"last":true}}
        "#
        ))
    };
    let verdict = sold_in(r#"ok acquire A1 {"buyer":"b2","sale_id":"s2"}"#);
    assert_eq!(verdict.counts["oversold"], 1);
    assert_eq!(verdict.anomalies[0].operations, [3, 4]);
    assert!(
        verdict.anomalies[0]
            .explanation
            .starts_with("A1 was sold 2 times after it was put back on sale at event 2")
    );
}

#[test]
fn a_purchase_of_which_nobody_knows_may_take_effect_after_the_reset() {
    // s0 may have been made after the reset, when nobody else bought A1.
    let verdict = check(
        r#"
        0@r invoke acquire A1 {"buyer":"b0"}
        1@r invoke acquire A1 {"buyer":"b1"}
        0@r info   acquire A1 {"buyer":"b0"} timeout: no answer
        1@r ok     acquire A1 {"buyer":"b1","sale_id":"s1"}
        witness ok reset A1
        witness@r ok evidence _ {"table":"ledger","rows":[{"sale_id":"s0","key":"A1","buyer":"b0"},{"sale_id":"s1","key":"A1","buyer":"b1"}],"last":true}
    "#,
    );
    assert_eq!(verdict.valid, True);
}

#[test]
fn more_unexplained_sales_than_times_on_sale_are_too_many() {
    let verdict = check(
        r#"
        witness ok reset A1
        witness@r ok evidence _ {"table":"ledger","rows":[{"sale_id":"s0","key":"A1","buyer":"b0"},{"sale_id":"s1","key":"A1","buyer":"b1"},{"sale_id":"s2","key":"A1","buyer":"b2"}],"last":true}
    "#,
    );
    assert_eq!(verdict.counts["oversold"], 1);
    assert!(
        verdict.anomalies[0]
            .explanation
            .starts_with("A1 was sold 3 times while it was on sale 2 times: to b0")
    );
}

#[test]
fn a_sale_whose_rows_name_two_seats_counts_for_none() {
    let verdict = check(
        r#"
        witness@r1 ok evidence _ {"table":"ledger","rows":[{"sale_id":"s0","key":"A1","buyer":"b0"},{"sale_id":"s1","key":"A1","buyer":"b1"}],"last":true}
        witness@r2 ok evidence _ {"table":"ledger","rows":[{"sale_id":"s0","key":"A2","buyer":"b0"},{"sale_id":"s1","key":"A1","buyer":"b1"}],"last":true}
    "#,
    );
    assert_eq!(verdict.valid, Unknown);
    assert_eq!(
        verdict.notes,
        ["1 sale counted for no seat: the ledgers disagree about which"]
    );
}

#[test]
fn a_verdict_does_not_grow_with_the_history() {
    let row =
        |n: u32, seat: u32| format!(r#"{{"sale_id":"s{n}-{seat}","key":{seat},"buyer":"b{n}"}}"#);
    let rows: Vec<String> = (0..150)
        .flat_map(|n| (0..150).map(move |seat| row(n, seat)))
        .collect();
    let verdict = check(&format!(
        r#"witness@r ok evidence _ {{"table":"ledger","rows":[{}],"last":true}}"#,
        rows.join(",")
    ));
    assert_eq!(verdict.anomalies.len(), 100);
    assert_eq!(verdict.counts["double-acquisition"], 150);
    assert_eq!(verdict.counts["oversold"], 150 * 149);
    assert_eq!(verdict.anomalies[0].rows.len(), 100);
    assert!(verdict.anomalies[0].explanation.contains("and 147 more"));
    assert_eq!(
        verdict.notes,
        ["double-acquisition: the first 100 of 150 are listed"]
    );
}

#[test]
fn a_request_sent_again_after_a_reset_may_be_told_of_its_earlier_sale() {
    let verdict = check(
        r#"
        0@r invoke acquire A1 {"buyer":"b0","request":"q0"}
        0@r info   acquire A1 {"buyer":"b0","request":"q0"} timeout: no answer
        witness ok reset A1
        1@r invoke acquire A1 {"buyer":"b0","request":"q0"}
        1@r ok     acquire A1 {"buyer":"b0","request":"q0","sale_id":"s0"}
        2@r invoke acquire A1 {"buyer":"b2"}
        2@r ok     acquire A1 {"buyer":"b2","sale_id":"s2"}
        witness@r ok evidence _ {"table":"ledger","rows":[{"sale_id":"s0","key":"A1","buyer":"b0","request":"q0"},{"sale_id":"s2","key":"A1","buyer":"b2"}],"last":true}
    "#,
    );
    assert_eq!(verdict.valid, True);
}

/// A1 is sold to b0, a reset of it ends in `info`, and then it is sold to the others.
fn sold_around_an_unsure_reset(before: &[&str], after: &[&str]) -> Verdict {
    let all: Vec<&str> = [before, after].concat();
    let mut shorthand = String::new();
    for (number, buyer) in all.iter().enumerate() {
        if number == before.len() {
            shorthand.push_str("witness info reset A1 _ timeout: no answer\n");
        }
        shorthand.push_str(&format!(
            "{number}@r invoke acquire A1 {{\"buyer\":\"{buyer}\"}}\n{number}@r ok acquire A1 {{\"buyer\":\"{buyer}\",\"sale_id\":\"s-{buyer}\"}}\n"
        ));
    }
    if after.is_empty() {
        shorthand.push_str("witness info reset A1 _ timeout: no answer\n");
    }
    let row = |buyer| format!(r#"{{"sale_id":"s-{buyer}","key":"A1","buyer":"{buyer}"}}"#);
    let rows: Vec<String> = all.iter().map(row).collect();
    let rows = rows.join(",");
    check(&format!(
        "{shorthand}witness@r ok evidence _ {{\"table\":\"ledger\",\"rows\":[{rows}],\"last\":true}}"
    ))
}

#[test]
fn a_reset_of_which_nobody_knows_may_have_happened_or_not() {
    let once = sold_around_an_unsure_reset(&[], &["b0"]);
    assert_eq!(once.valid, True, "right either way");
    for (before, after) in [(&["b0"][..], &["b1"][..]), (&[], &["b0", "b1"])] {
        let verdict = sold_around_an_unsure_reset(before, after);
        assert_eq!(verdict.valid, Unknown);
        assert_eq!(verdict.counts["oversold"], 0);
        assert_eq!(
            verdict.notes,
            [
                "1 seat sold too often unless put back on sale by a reset of which nobody knows whether it happened: A1"
            ]
        );
    }
}

#[test]
fn a_reset_of_which_nobody_knows_explains_one_sale_at_most_and_none_before_it() {
    let thrice = sold_around_an_unsure_reset(&["b0"], &["b1", "b2"]);
    assert_eq!((thrice.valid, thrice.counts["oversold"]), (False, 1));
    assert!(
        thrice.anomalies[0]
            .explanation
            .starts_with("A1 was sold 3 times while it was on sale at most 2 times: to b0")
    );
    let before = sold_around_an_unsure_reset(&["b0", "b1"], &[]);
    assert_eq!((before.valid, before.counts["oversold"]), (False, 1));
    assert!(
        before.anomalies[0]
            .explanation
            .contains("sold 2 times before it was first put back on sale (event 4)")
    );
}
