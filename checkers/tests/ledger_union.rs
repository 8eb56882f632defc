//! `ledger-union` by example: one test an anomaly, and what is no anomaly.

#![allow(clippy::unwrap_used, reason = "a test may")]

mod support;

use witness_checkers::Valid::{False, True, Unknown};
use witness_checkers::{Anomaly, Verdict};

/// The verdict on a sale of two regions whose tables are read whole. Rows are
/// `sale_id key buyer`, owners `key owner`.
fn check(purchases: &str, ledgers: [&[&str]; 2], owners: [&[&str]; 2]) -> Verdict {
    let mut shorthand =
        r#"witness ok phase _ {"phase":"setup","regions":["r0","r1"]}"#.to_owned() + "\n";
    shorthand.push_str(purchases);
    for (region, (ledger, owners)) in ledgers.into_iter().zip(owners).enumerate() {
        let words = |row: &str| -> Vec<String> { row.split(' ').map(str::to_owned).collect() };
        let ledger = ledger.iter().map(|row| match &words(row)[..] {
            [id, key, buyer] => format!(r#"{{"sale_id":"{id}","key":"{key}","buyer":"{buyer}"}}"#),
            [id, key, buyer, request] => format!(
                r#"{{"sale_id":"{id}","key":"{key}","buyer":"{buyer}","request":"{request}"}}"#
            ),
            _ => panic!("{row}"),
        });
        let owners = owners.iter().map(|row| match &words(row)[..] {
            [key] => format!(r#"{{"key":"{key}","status":"available","owner":null}}"#),
            [key, owner] => format!(r#"{{"key":"{key}","status":"sold","owner":"{owner}"}}"#),
            _ => panic!("{row}"),
        });
        let tables = [
            ("ledger", ledger.collect::<Vec<_>>().join(",")),
            ("seats", owners.collect::<Vec<_>>().join(",")),
        ];
        for (table, rows) in tables {
            shorthand.push_str(&format!(
                "\nwitness@r{region} ok evidence _ {{\"table\":\"{table}\",\"rows\":[{rows}],\"last\":true}}"
            ));
        }
    }
    shorthand.push_str("\nwitness ok phase _ {\"phase\":\"end\"}");
    support::check("ledger-union", &shorthand)
}

/// The one anomaly of a violated verdict.
fn only(verdict: &Verdict) -> &Anomaly {
    assert_eq!(verdict.valid, False, "{verdict:?}");
    assert_eq!(verdict.anomalies.len(), 1, "{verdict:?}");
    &verdict.anomalies[0]
}

const SOLD: &str = r#"
    0@r0 invoke acquire A1 {"buyer":"b0"}
    0@r0 ok     acquire A1 {"buyer":"b0","sale_id":"s0"}
"#;

#[test]
fn a_sale_in_every_ledger_and_its_buyer_the_owner_is_valid() {
    let verdict = check(SOLD, [&["s0 A1 b0"]; 2], [&["A1 b0"]; 2]);
    assert_eq!(verdict.valid, True);
    assert_eq!(verdict.title, "Ledgers agree ✓");
    assert_eq!(
        verdict.summary,
        "1 sale the same in 2 regions, all asked for, none lost"
    );
}

#[test]
fn lost_sale() {
    let verdict = check(SOLD, [&[]; 2], [&["A1"]; 2]);
    let anomaly = only(&verdict);
    assert_eq!(
        (anomaly.name.as_str(), &anomaly.operations[..]),
        ("lost-sale", &[1][..])
    );
    assert_eq!(
        anomaly.explanation,
        "b0 was told that A1 is sold to them as s0 (event 1), but no region's ledger has that sale."
    );
    assert_eq!(verdict.summary, "1 sale lost");
}

#[test]
fn phantom_sale_that_nobody_asked_for() {
    let verdict = check(SOLD, [&["s0 A1 b0", "s9 A2 b9"]; 2], [&["A1 b0"]; 2]);
    let anomaly = only(&verdict);
    assert_eq!(anomaly.name, "phantom-sale");
    assert_eq!(
        anomaly.explanation,
        "Sale s9 of A2 to b9 is in the ledger of r0 and r1, but no purchase of that seat by that buyer was ever asked for."
    );
}

#[test]
fn phantom_sale_whose_purchase_failed() {
    let refused = r#"
        0@r0 invoke acquire A1 {"buyer":"b0"}
        0@r0 fail   acquire A1 {"buyer":"b0"} rejected: sold
    "#;
    let verdict = check(refused, [&["s0 A1 b0"]; 2], [&["A1 b0"]; 2]);
    let anomaly = only(&verdict);
    assert_eq!(
        (anomaly.name.as_str(), &anomaly.operations[..]),
        ("phantom-sale", &[1][..])
    );
    assert!(
        anomaly
            .explanation
            .ends_with("but their purchase, event 1, failed and so cannot have made it.")
    );
}

#[test]
fn conflicting_rows_of_one_sale() {
    let verdict = check(SOLD, [&["s0 A1 b0"], &["s0 A1 b9"]], [&["A1 b0"]; 2]);
    let anomaly = only(&verdict);
    assert_eq!(anomaly.name, "conflicting-rows");
    assert_eq!(anomaly.rows.len(), 2);
    assert_eq!(
        anomaly.explanation,
        "Sale s0 is not one and the same: b0 was told of A1 (event 1), \
         the ledger of r0 has A1 sold to b0 and the ledger of r1 has A1 sold to b9."
    );
}

#[test]
fn conflicting_rows_and_acknowledgement() {
    let verdict = check(SOLD, [&["s0 A1 b9"]; 2], [&["A1 b9"]; 2]);
    assert_eq!(only(&verdict).name, "conflicting-rows");
}

#[test]
fn other_fields_of_a_row_conflict_too_but_not_their_order() {
    let with = |first: &str, second: &str| {
        support::check(
            "ledger-union",
            &format!(
                r#"
                0@r0 invoke acquire A1 {{"buyer":"b0"}}
                0@r0 ok     acquire A1 {{"buyer":"b0","sale_id":"s0"}}
                witness@r0 ok evidence _ {{"table":"ledger","rows":[{{"sale_id":"s0","key":"A1","buyer":"b0",{first}}}],"last":true}}
                witness@r1 ok evidence _ {{"table":"ledger","rows":[{{{second},"buyer":"b0","key":"A1","sale_id":"s0"}}],"last":true}}
                witness@r0 ok evidence _ {{"table":"seats","rows":[{{"key":"A1","status":"sold","owner":"b0"}}],"last":true}}
            "#
            ),
        )
    };
    let same = with(
        r#""price":3,"note":{"a":1,"b":2}"#,
        r#""note": {"b":2, "a":1}, "price":3"#,
    );
    assert_eq!(same.valid, True, "{same:?}");
    let other = with(r#""price":3"#, r#""price":4"#);
    assert_eq!(
        only(&other).explanation,
        "Sale s0 is not one and the same: b0 was told of A1 (event 0), \
         the ledger of r0 has A1 sold to b0, price 3 and the ledger of r1 has A1 sold to b0, price 4."
    );
}

#[test]
fn one_sale_acknowledged_to_two_buyers() {
    let purchases = r#"
        0@r0 invoke acquire A1 {"buyer":"b0"}
        1@r1 invoke acquire A1 {"buyer":"b1"}
        0@r0 ok     acquire A1 {"buyer":"b0","sale_id":"s0"}
        1@r1 ok     acquire A1 {"buyer":"b1","sale_id":"s0"}
    "#;
    let verdict = check(purchases, [&["s0 A1 b0"]; 2], [&["A1 b0"]; 2]);
    let anomaly = only(&verdict);
    assert_eq!(
        (anomaly.name.as_str(), &anomaly.operations[..]),
        ("conflicting-rows", &[1, 2][..])
    );
}

#[test]
fn one_sale_acknowledged_to_two_purchases_without_a_request() {
    let purchases = r#"
        0@r0 invoke acquire A1 {"buyer":"b0"}
        0@r0 ok     acquire A1 {"buyer":"b0","sale_id":"s0"}
        0@r0 invoke acquire A1 {"buyer":"b0"}
        0@r0 ok     acquire A1 {"buyer":"b0","sale_id":"s0"}
    "#;
    let verdict = check(purchases, [&["s0 A1 b0"]; 2], [&["A1 b0"]; 2]);
    assert_eq!(
        only(&verdict).explanation,
        "Sale s0 was acknowledged to two requests: b0 of A1 (event 1) and b0 of A1 (event 3)."
    );
}

#[test]
fn an_answer_that_names_another_buyer_or_request() {
    let answered = |value: &str| {
        let purchase = format!(
            "0@r0 invoke acquire A1 {{\"buyer\":\"b0\",\"request\":\"q0\"}}\n0@r0 ok acquire A1 {value}"
        );
        check(&purchase, [&["s0 A1 b0 q0"]; 2], [&["A1 b0"]; 2])
    };
    assert_eq!(answered(r#"{"sale_id":"s0"}"#).valid, True);
    let verdict = answered(r#"{"buyer":"b9","sale_id":"s0"}"#);
    let anomaly = only(&verdict);
    assert_eq!(
        (anomaly.name.as_str(), &anomaly.operations[..]),
        ("conflicting-rows", &[1][..])
    );
    assert_eq!(
        anomaly.explanation,
        "b0 by request q0 asked for A1 (event 1), but the answer, sale s0, is to b9 by request q0."
    );
    let verdict = answered(r#"{"buyer":"b0","request":"q9","sale_id":"s0"}"#);
    assert!(
        only(&verdict)
            .explanation
            .ends_with("is to b0 by request q9.")
    );
}

#[test]
fn duplicate_sale() {
    let verdict = check(SOLD, [&["s0 A1 b0", "s1 A1 b0"]; 2], [&["A1 b0"]; 2]);
    let anomaly = only(&verdict);
    assert_eq!(
        anomaly.explanation,
        "b0 made 1 request for A1 (event 1), but the ledgers hold 2 sales of it to them: \
         s0 (in r0 and r1) and s1 (in r0 and r1)."
    );
}

#[test]
fn a_request_sent_twice_must_be_sold_once() {
    let sent_twice = |second: &str| {
        format!(
            r#"
            0@r0 invoke acquire A1 {{"buyer":"b0","request":"q0"}}
            0@r0 info   acquire A1 {{"buyer":"b0","request":"q0"}} timeout: no answer
            1@r0 invoke acquire A1 {{"buyer":"b0","request":"q0"}}
            1@r0 ok     acquire A1 {{"buyer":"b0","request":"q0","sale_id":"{second}"}}
        "#
        )
    };
    let once = check(&sent_twice("s0"), [&["s0 A1 b0 q0"]; 2], [&["A1 b0"]; 2]);
    assert_eq!(once.valid, True);
    let twice = check(
        &sent_twice("s1"),
        [&["s0 A1 b0 q0", "s1 A1 b0 q0"]; 2],
        [&["A1 b0"]; 2],
    );
    assert_eq!(only(&twice).name, "duplicate-sale");
    assert_eq!(only(&twice).operations, [1, 3]);
    let ledger_without_requests = check(
        &sent_twice("s1"),
        [&["s0 A1 b0", "s1 A1 b0"]; 2],
        [&["A1 b0"]; 2],
    );
    assert_eq!(only(&ledger_without_requests).name, "duplicate-sale");
}

#[test]
fn a_row_without_its_request_is_a_duplicate_once_all_requests_have_their_sale() {
    let purchase = r#"
        0@r0 invoke acquire A1 {"buyer":"b0","request":"q0"}
        0@r0 ok     acquire A1 {"buyer":"b0","request":"q0","sale_id":"s0"}
    "#;
    let verdict = check(purchase, [&["s0 A1 b0 q0", "s1 A1 b0"]; 2], [&["A1 b0"]; 2]);
    assert_eq!(
        only(&verdict).explanation,
        "b0 made 1 request for A1 (event 1), but the ledgers hold 2 sales of it to them: \
         s0 (in r0 and r1) and s1 (in r0 and r1)."
    );
}

#[test]
fn diverged_replicas() {
    let verdict = check(SOLD, [&["s0 A1 b0"], &[]], [&["A1 b0"]; 2]);
    let anomaly = only(&verdict);
    assert_eq!(
        anomaly.explanation,
        "A1 was sold to b0 (sale s0, event 1, in the ledger of r0), but the ledger of r1 does not have that sale."
    );
    let owners_differ = check(SOLD, [&["s0 A1 b0"]; 2], [&["A1 b0"], &["A1"]]);
    assert_eq!(
        only(&owners_differ).explanation,
        "The seats tables do not agree on the owner of A1: that of r0 shows b0 and that of r1 shows it as available."
    );
}

#[test]
fn hidden_by_last_writer_wins() {
    let purchases = r#"
        0@r0 invoke acquire A1 {"buyer":"b0"}
        1@r1 invoke acquire A1 {"buyer":"b1"}
        0@r0 ok     acquire A1 {"buyer":"b0","sale_id":"s0"}
        1@r1 ok     acquire A1 {"buyer":"b1","sale_id":"s1"}
    "#;
    let verdict = check(purchases, [&["s0 A1 b0", "s1 A1 b1"]; 2], [&["A1 b1"]; 2]);
    assert_eq!(verdict.counts["hidden_sales"], 1);
    assert_eq!(
        verdict.summary,
        "the seats table shows one owner a seat: last-writer-wins hid 1 sale"
    );
    assert_eq!(
        only(&verdict).explanation,
        "The seats tables of r0 and r1 show b1 as the owner of A1, \
         but the ledgers hold 1 more sale of it: to b0 (sale s0, event 1, in the ledgers of r0 and r1)."
    );
}

#[test]
fn a_sold_seat_that_no_seats_table_has_is_hidden() {
    let verdict = check(SOLD, [&["s0 A1 b0"]; 2], [&[]; 2]);
    assert_eq!(
        only(&verdict).explanation,
        "No seats table has A1, but the ledgers hold 1 more sale of it: \
         to b0 (sale s0, event 1, in the ledgers of r0 and r1)."
    );
    let in_one = check(SOLD, [&["s0 A1 b0"]; 2], [&["A1 b0"], &[]]);
    assert_eq!(only(&in_one).name, "diverged-replicas");
}

#[test]
fn a_seat_that_may_have_been_put_back_on_sale_hides_nothing() {
    let purchases = format!("witness info reset A1 _ timeout: no answer\n{SOLD}");
    let verdict = check(&purchases, [&["s0 A1 b0"]; 2], [&["A1"]; 2]);
    assert_eq!(verdict.valid, Unknown);
    assert!(verdict.notes[0].starts_with("1 sale not shown by the seats table, of seats that"));
    let purchases = format!("{SOLD}\nwitness info reset A1 _ timeout: no answer");
    let verdict = check(&purchases, [&["s0 A1 b0"]; 2], [&["A1 b0"], &["A1"]]);
    assert_eq!(verdict.valid, Unknown, "it may have landed in between");
}

#[test]
fn a_seats_table_need_not_show_what_was_sold_before_the_last_reset() {
    let purchases = format!("{SOLD}\n witness ok reset A1");
    let verdict = check(&purchases, [&["s0 A1 b0"]; 2], [&["A1"]; 2]);
    assert_eq!(verdict.valid, True);
}

#[test]
fn a_sale_of_which_nobody_knows_may_be_there_or_not() {
    let unanswered = r#"
        0@r0 invoke acquire A1 {"buyer":"b0"}
        0@r0 info   acquire A1 {"buyer":"b0"} timeout: no answer
    "#;
    assert_eq!(check(unanswered, [&[]; 2], [&["A1"]; 2]).valid, True);
    let there = check(unanswered, [&["s0 A1 b0"]; 2], [&["A1 b0"]; 2]);
    assert_eq!(there.valid, True);
    // It may have landed after the first ledger was read.
    let in_one = check(unanswered, [&[], &["s0 A1 b0"]], [&["A1 b0"]; 2]);
    assert_eq!(in_one.valid, Unknown);
    assert!(in_one.notes[0].starts_with("1 sale not in every ledger"));
}

#[test]
fn an_owner_without_a_sale_is_not_called_valid() {
    let unanswered = r#"
        0@r0 invoke acquire A1 {"buyer":"b0"}
        0@r0 info   acquire A1 {"buyer":"b0"} timeout: no answer
    "#;
    let verdict = check(unanswered, [&[]; 2], [&["A1 b0"]; 2]);
    assert_eq!(verdict.valid, Unknown);
    assert_eq!(
        verdict.notes,
        ["1 seat owned, by the seats table, by a buyer to whom no ledger has it sold: A1"]
    );
}

#[test]
fn one_row_twice_in_one_reading_is_a_duplicate() {
    let verdict = check(
        SOLD,
        [&["s0 A1 b0", "s0 A1 b0"], &["s0 A1 b0"]],
        [&["A1 b0"]; 2],
    );
    assert_eq!(
        only(&verdict).explanation,
        "A1 was sold to b0 (sale s0, event 1, in the ledgers of r0 and r1), \
         and one reading of the ledger of r0 shows that sale more than once."
    );
}

#[test]
fn two_sales_each_acknowledged_to_several_buyers_are_two_anomalies() {
    let purchases: String = (0..6)
        .map(|n| {
            format!(
                "{n}@r0 invoke acquire A1 {{\"buyer\":\"b{n}\"}}\n{n}@r0 ok acquire A1 {{\"buyer\":\"b{n}\",\"sale_id\":\"s{}\"}}\n",
                n % 2
            )
        })
        .collect();
    let verdict = check(&purchases, [&["s0 A1 b0", "s1 A1 b1"]; 2], [&["A1 b1"]; 2]);
    assert_eq!(verdict.counts["conflicting-rows"], 2);
}

#[test]
fn of_several_failed_purchases_the_first_is_named() {
    let refused_twice = r#"
        0@r0 invoke acquire A1 {"buyer":"b0"}
        0@r0 fail   acquire A1 {"buyer":"b0"} rejected: sold
        0@r0 invoke acquire A1 {"buyer":"b0"}
        0@r0 fail   acquire A1 {"buyer":"b0"} rejected: sold
        0@r0 invoke acquire A1 {"buyer":"b0"}
        0@r0 fail   acquire A1 {"buyer":"b0"} rejected: sold
    "#;
    let verdict = check(refused_twice, [&["s0 A1 b0"]; 2], [&["A1 b0"]; 2]);
    assert_eq!(only(&verdict).operations, [1]);
}
