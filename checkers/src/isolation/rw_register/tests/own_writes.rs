//! What a transaction reads of another though it had written the key itself: Adya's
//! definitions make no difference between that and any other read.

use super::super::Registers;
use super::papers::{check, judged};
use super::read;
use crate::isolation::data::Data;
use crate::isolation::graph::{Kind, Step};
use crate::isolation::levels::Level::*;
use crate::isolation::options::IsolationOptions;
use crate::isolation::phenomena::Order;

/// Adya 1999: one depends on whose version it read, whatever it had written itself.
#[test]
fn a_version_of_another_is_read_behind_an_own_write() {
    let history = |x: &str| {
        format!(
            r#"0 invoke txn _ [["w","x",1],["w","y",1],["r","y",null]]
               1 invoke txn _ [["w","y",2],["r","x",null]]
               0 ok     txn _ [["w","x",1],["w","y",1],["r","y",2]]
               1 ok     txn _ [["w","y",2],["r","x",{x}]]"#
        )
    };
    // The one was overwritten by the other, which is all that it saw.
    check(
        &history("null"),
        &[MonotonicAtomicView, CursorStability, RepeatableRead],
        &[ReadAtomic],
        &["internal"],
    );
    check(
        &history("1"),
        &[ReadUncommitted],
        &[ReadCommitted, StrongReadCommitted, Serializable],
        &["internal", "G1c"],
    );
}

/// What was seen so must not vanish.
#[test]
fn what_is_read_behind_an_own_write_vanishes() {
    check(
        r#"0 invoke txn _ [["w","x",1],["w","y",1]]
           1 invoke txn _ [["w","x",2],["r","x",null],["r","y",null]]
           0 ok     txn _ [["w","x",1],["w","y",1]]
           1 ok     txn _ [["w","x",2],["r","x",1],["r","y",null]]"#,
        &[ReadCommitted, CursorStability],
        &[MonotonicAtomicView, RepeatableRead],
        &["observed-transaction-vanishes", "internal"],
    );
}

/// Nor may others come between it and what its reader installed, first or last: of the
/// initial version too.
#[test]
fn what_is_read_behind_an_own_write_is_replaced() {
    check(
        r#"0 invoke txn _ [["w","x",1],["r","x",null],["r","y",null]]
           1 invoke txn _ [["w","x",2],["w","y",2]]
           0 ok     txn _ [["w","x",1],["r","x",null],["r","y",2]]
           1 ok     txn _ [["w","x",2],["w","y",2]]"#,
        &[ReadCommitted, MonotonicAtomicView],
        &[CursorStability, RepeatableRead],
        &["lost-update", "internal"],
    );
}

#[test]
fn what_is_read_behind_an_own_write_is_told() {
    let transactions = read(
        r#"0 invoke txn _ [["w","x",1]]
           1 invoke txn _ [["w","x",2],["r","x",null]]
           0 ok     txn _ [["w","x",1]]
           1 ok     txn _ [["w","x",2],["r","x",1]]"#,
    );
    let options = IsolationOptions::default();
    let registers = Registers::new(&transactions, &options).unwrap();
    registers.inferred(Order::Free);
    let told = registers.reason(Step {
        from: 0,
        to: 1,
        kind: Kind::Ww,
    });
    assert_eq!(
        told.unwrap().sentence,
        "T0's write of 1 to key \"x\" came before T1's of 2, since T1 read 1 even after it wrote"
    );
}

/// It is what a process has seen.
#[test]
fn sessions_remember_what_was_read_behind_an_own_write() {
    let history = |then: &str| {
        format!(
            r#"0 invoke txn _ [["w","x",1]]
               0 ok     txn _ [["w","x",1]]
               1 invoke txn _ [["w","x",2],["r","x",null]]
               1 ok     txn _ [["w","x",2],["r","x",1]]
               1 invoke txn _ {then}
               1 ok     txn _ {then}"#
        )
    };
    check(
        &history(r#"[["r","x",null]]"#),
        &[MonotonicAtomicView],
        &[MonotonicReads, ReadYourWrites, Causal],
        &["non-monotonic-reads", "missing-your-writes"],
    );
    check(
        r#"0 invoke txn _ [["w","x",1],["r","y",null]]
           1 invoke txn _ [["w","x",2],["r","x",null]]
           1 ok     txn _ [["w","x",2],["r","x",1]]
           1 invoke txn _ [["w","y",1]]
           1 ok     txn _ [["w","y",1]]
           0 ok     txn _ [["w","x",1],["r","y",1]]"#,
        &[ReadCommitted, MonotonicReads, ReadYourWrites],
        &[StrongSessionReadCommitted],
        &["G1c-process"],
    );
}

/// Nor does it help to have written when it was aborted, or was in between.
#[test]
fn aborted_and_intermediate_reads_behind_an_own_write() {
    check(
        r#"0 invoke txn _ [["w","x",1]]
           1 invoke txn _ [["w","x",2],["r","x",null]]
           0 fail   txn _ [["w","x",1]]
           1 ok     txn _ [["w","x",2],["r","x",1]]"#,
        &[ReadUncommitted],
        &[ReadCommitted],
        &["G1a"],
    );
    check(
        r#"0 invoke txn _ [["w","x",1],["w","x",3]]
           1 invoke txn _ [["w","x",2],["r","x",null]]
           0 ok     txn _ [["w","x",1],["w","x",3]]
           1 ok     txn _ [["w","x",2],["r","x",1]]"#,
        &[ReadUncommitted],
        &[ReadCommitted],
        &["G1b"],
    );
}

/// Nobody else overwrote it: there is a read of what came later, and no more.
#[test]
fn an_own_value_that_is_read_too_early_is_no_intermediate_one() {
    let judgement = judged(
        r#"0 invoke txn _ [["r","x",null],["w","x",1],["w","x",2]]
           0 ok     txn _ [["r","x",1],["w","x",1],["w","x",2]]"#,
    );
    let names: Vec<&str> = judgement.findings.iter().map(|(p, ..)| p.name()).collect();
    assert_eq!(names, ["future-read"]);
}
