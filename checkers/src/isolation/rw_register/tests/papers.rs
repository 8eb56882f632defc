//! Histories as papers tell them: what each level says of them, and in which words.

use std::collections::BTreeSet;

use super::super::{Misfit, Registers};
use super::read;
use crate::isolation::data::Data;
use crate::isolation::graph::{Kind, Step};
use crate::isolation::judge::{Judgement, judge};
use crate::isolation::levels::Level::{self, *};
use crate::isolation::options::IsolationOptions;
use crate::isolation::phenomena::Order;

pub(super) fn judged(shorthand: &str) -> Judgement {
    let transactions = read(shorthand);
    let options = IsolationOptions::default();
    let registers = Registers::new(&transactions, &options).unwrap();
    judge(&transactions, &registers, Level::StrictSerializable)
}

/// That the first levels hold and the others do not, and that this was found.
pub(super) fn check(shorthand: &str, hold: &[Level], fail: &[Level], found: &[&str]) {
    let judgement = judged(shorthand);
    let names: BTreeSet<&str> = judgement.findings.iter().map(|(p, ..)| p.name()).collect();
    for &level in hold {
        assert!(judgement.holds(level), "{}: {names:?}", level.name());
    }
    for &level in fail {
        let status = judgement.status(level);
        assert!(judgement.fails(level), "{}: {status:?}", level.name());
    }
    for name in found {
        assert!(names.contains(name), "{name}: {names:?}");
    }
}

/// Berenson et al. 1995, P4: both saw 100, and one deposit is gone.
#[test]
fn lost_update() {
    check(
        r#"0 invoke txn _ [["r","x",null],["w","x",120]]
           1 invoke txn _ [["r","x",null],["w","x",130]]
           0 ok     txn _ [["r","x",null],["w","x",120]]
           1 ok     txn _ [["r","x",null],["w","x",130]]"#,
        &[Causal, ReadAtomic],
        &[
            CursorStability,
            ParallelSnapshotIsolation,
            RepeatableRead,
            Serializable,
        ],
        &["lost-update"],
    );
}

/// Berenson et al. 1995, A5B: each saw what the other was to change.
/// Of three versions that replaced each other in a row, and a fourth: which of the two sides
/// it is on decides, and the first that is tried is the wrong one.
#[test]
fn a_wrong_choice_of_one_key_says_nothing_of_the_others() {
    let history = r#"0 invoke txn _ [["r",1,null],["r",1,null]]
                     1 invoke txn _ [["w",1,1]]
                     2 invoke txn _ [["w",0,3],["w",1,4]]
                     0 ok     txn _ [["r",1,4],["r",1,1]]
                     1 info   txn _ [["w",1,1]]
                     2 info   txn _ [["w",0,3],["w",1,4]]
                     3 invoke txn _ [["r",1,null],["w",1,2],["r",0,null]]
                     4 invoke txn _ [["r",1,null],["w",1,5]]
                     3 ok     txn _ [["r",1,5],["w",1,2],["r",0,3]]
                     4 ok     txn _ [["r",1,1],["w",1,5]]"#;
    check(
        history,
        &[CursorStability],
        &[RepeatableRead],
        &["internal", "G-single"],
    );
}

#[test]
fn write_skew() {
    check(
        r#"0 invoke txn _ [["r","x",null],["r","y",null],["w","x",1]]
           1 invoke txn _ [["r","x",null],["r","y",null],["w","y",1]]
           0 ok     txn _ [["r","x",null],["r","y",null],["w","x",1]]
           1 ok     txn _ [["r","x",null],["r","y",null],["w","y",1]]"#,
        &[StrongSnapshotIsolation],
        &[RepeatableRead, Serializable],
        &["G2-item"],
    );
}

/// Sovran et al. 2011: two readers disagree which of two writes came first.
#[test]
fn long_fork() {
    check(
        r#"0 invoke txn _ [["w","x",1]]
           1 invoke txn _ [["w","y",1]]
           2 invoke txn _ [["r","x",null],["r","y",null]]
           3 invoke txn _ [["r","x",null],["r","y",null]]
           0 ok     txn _ [["w","x",1]]
           1 ok     txn _ [["w","y",1]]
           2 ok     txn _ [["r","x",1],["r","y",null]]
           3 ok     txn _ [["r","x",null],["r","y",1]]"#,
        &[ParallelSnapshotIsolation, Causal],
        &[SnapshotIsolation, Serializable],
        &["long-fork"],
    );
}

/// Bailis et al. 2014, RAMP: half of another's writes are seen.
#[test]
fn fractured_read() {
    check(
        r#"0 invoke txn _ [["w","x",1],["w","y",1]]
           1 invoke txn _ [["r","y",null],["r","x",null]]
           0 ok     txn _ [["w","x",1],["w","y",1]]
           1 ok     txn _ [["r","y",null],["r","x",1]]"#,
        &[MonotonicAtomicView, CursorStability],
        &[ReadAtomic, CausalCerone, SnapshotIsolation],
        &["fractured-read", "G-single"],
    );
}

/// Bailis et al. 2014, HAT: what was seen is gone later on. The order of the two versions
/// of y follows from who read what.
#[test]
fn observed_transaction_vanishes() {
    check(
        r#"0 invoke txn _ [["w","y",1]]
           1 invoke txn _ [["r","y",null],["w","x",2],["w","y",2]]
           2 invoke txn _ [["r","x",null],["r","y",null]]
           0 ok     txn _ [["w","y",1]]
           1 ok     txn _ [["r","y",1],["w","x",2],["w","y",2]]
           2 ok     txn _ [["r","x",2],["r","y",1]]"#,
        &[ReadCommitted],
        &[MonotonicAtomicView, ReadAtomic],
        &["observed-transaction-vanishes"],
    );
}

/// Cerone, Bernardi and Gotsman 2015: an answer without its question.
#[test]
fn an_effect_without_its_cause() {
    check(
        r#"0 invoke txn _ [["w","question",1]]
           1 invoke txn _ [["r","question",null],["w","answer",1]]
           2 invoke txn _ [["r","answer",null],["r","question",null]]
           0 ok     txn _ [["w","question",1]]
           1 ok     txn _ [["r","question",1],["w","answer",1]]
           2 ok     txn _ [["r","answer",1],["r","question",null]]"#,
        &[ReadAtomic],
        &[CausalCerone, Causal, ParallelSnapshotIsolation],
        &["causality-violation"],
    );
}

/// The same where only the order of a process makes one the cause of the other.
#[test]
fn an_effect_without_what_its_process_did_before() {
    check(
        r#"0 invoke txn _ [["w","question",1]]
           0 ok     txn _ [["w","question",1]]
           0 invoke txn _ [["w","answer",1]]
           1 invoke txn _ [["r","answer",null],["r","question",null]]
           0 ok     txn _ [["w","answer",1]]
           1 ok     txn _ [["r","answer",1],["r","question",null]]"#,
        &[
            Serializable,
            ReadYourWrites,
            MonotonicReads,
            WritesFollowReads,
        ],
        &[Causal, StrongSessionSnapshotIsolation],
        &["causality-violation-process", "G-single-process"],
    );
}

/// Adya 1999: G1a, G1b and G1c.
#[test]
fn what_read_committed_forbids() {
    check(
        r#"0 invoke txn _ [["w","x",1]]
           1 invoke txn _ [["r","x",null]]
           0 fail   txn _ [["w","x",1]] conflict: no
           1 ok     txn _ [["r","x",1]]"#,
        &[ReadUncommitted],
        &[ReadCommitted],
        &["G1a"],
    );
    check(
        r#"0 invoke txn _ [["w","x",1],["w","x",2]]
           1 invoke txn _ [["r","x",null]]
           0 ok     txn _ [["w","x",1],["w","x",2]]
           1 ok     txn _ [["r","x",1]]"#,
        &[ReadUncommitted],
        &[ReadCommitted],
        &["G1b"],
    );
    check(
        r#"0 invoke txn _ [["w","x",1],["r","y",null]]
           1 invoke txn _ [["w","y",1],["r","x",null]]
           0 ok     txn _ [["w","x",1],["r","y",1]]
           1 ok     txn _ [["w","y",1],["r","x",1]]"#,
        &[ReadUncommitted, StrongReadUncommitted],
        &[ReadCommitted],
        &["G1c"],
    );
    check(
        r#"0 invoke txn _ [["r","x",null],["w","x",1]]
           0 ok     txn _ [["r","x",1],["w","x",1]]"#,
        &[ReadUncommitted],
        &[ReadCommitted],
        &["future-read"],
    );
    check(
        r#"0 invoke txn _ [["r","x",null]]
           0 ok     txn _ [["r","x",7]]"#,
        &[],
        &[ReadUncommitted, MonotonicReads],
        &["garbage-read"],
    );
}

/// Terry et al. 1994, each broken alone.
#[test]
fn session_guarantees() {
    check(
        r#"0 invoke txn _ [["w","x",1]]
           0 ok     txn _ [["w","x",1]]
           0 invoke txn _ [["r","x",null]]
           0 ok     txn _ [["r","x",null]]"#,
        &[
            MonotonicReads,
            MonotonicWrites,
            WritesFollowReads,
            Serializable,
        ],
        &[ReadYourWrites, Causal],
        &["missing-your-writes"],
    );
    check(
        r#"0 invoke txn _ [["w","x",1]]
           1 invoke txn _ [["r","x",null]]
           0 ok     txn _ [["w","x",1]]
           1 ok     txn _ [["r","x",1]]
           1 invoke txn _ [["r","x",null]]
           1 ok     txn _ [["r","x",null]]"#,
        &[
            ReadYourWrites,
            MonotonicWrites,
            WritesFollowReads,
            Serializable,
        ],
        &[MonotonicReads, Causal],
        &["non-monotonic-reads"],
    );
    check(
        r#"0 invoke txn _ [["r","x",null]]
           1 invoke txn _ [["r","y",null]]
           0 ok     txn _ [["r","x",1]]
           1 ok     txn _ [["r","y",1]]
           0 invoke txn _ [["w","y",1]]
           1 invoke txn _ [["w","x",1]]
           0 ok     txn _ [["w","y",1]]
           1 ok     txn _ [["w","x",1]]"#,
        &[
            ReadYourWrites,
            MonotonicReads,
            MonotonicWrites,
            Serializable,
        ],
        &[WritesFollowReads, StrongSessionReadCommitted],
        &["missing-read-write-dependency", "G1c-process"],
    );
}

/// A read from long ago: as if it had come first, so serializable, but not strictly.
#[test]
fn stale_reads_are_serializable() {
    check(
        r#"0 invoke txn _ [["w","x",1]]
           0 ok     txn _ [["w","x",1]]
           1 invoke txn _ [["r","x",null]]
           1 ok     txn _ [["r","x",null]]"#,
        &[StrongSessionSerializable],
        &[StrictSerializable, StrongSnapshotIsolation],
        &["G-single-realtime"],
    );
}

/// Blind writes: no single edge tells their order, and a reader does.
#[test]
fn why_one_write_came_first_is_said() {
    let transactions = read(
        r#"0 invoke txn _ [["w","x",6],["w","z",1]]
           1 invoke txn _ [["w","x",7]]
           2 invoke txn _ [["r","z",null],["r","x",null]]
           0 ok     txn _ [["w","x",6],["w","z",1]]
           1 ok     txn _ [["w","x",7]]
           2 ok     txn _ [["r","z",1],["r","x",7]]
           3 invoke txn _ [["r","x",null]]
           3 ok     txn _ [["r","x",6]]"#,
    );
    let options = IsolationOptions::default();
    let registers = Registers::new(&transactions, &options).unwrap();
    // That T3 is late matters only with real time.
    let judgement = judge(&transactions, &registers, Level::StrictSerializable);
    assert!(judgement.holds(StrongSessionSerializable));
    assert!(
        judgement.holds(SnapshotIsolation),
        "{:#?}",
        judgement.findings
    );
    let told = registers.reason(Step {
        from: 3,
        to: 1,
        kind: Kind::Rw,
    });
    let told = told.unwrap();
    assert_eq!(told.key, 0);
    assert!(
        told.sentence
            .starts_with("T6 read 6 of key \"x\", which T1 overwrote with 7"),
        "{}",
        told.sentence
    );
    assert!(judgement.fails(StrictSerializable));
}

/// Each transaction reads what it writes: their order is known, however many there are.
#[test]
fn mini_transactions_have_a_known_order() {
    let mut text = String::from("0 invoke txn _ [[\"r\",0,null],[\"w\",0,1]]\n");
    text.push_str("0 ok txn _ [[\"r\",0,null],[\"w\",0,1]]\n");
    for value in 1..200 {
        let next = value + 1;
        let process = value % 7;
        text.push_str(&format!(
            "{process} invoke txn _ [[\"r\",0,null],[\"w\",0,{next}]]\n"
        ));
        text.push_str(&format!(
            "{process} ok txn _ [[\"r\",0,{value}],[\"w\",0,{next}]]\n"
        ));
    }
    check(&text, &[StrictSerializable], &[], &[]);
    // One that is behind: all levels are known by the graph alone.
    text.push_str("9 invoke txn _ [[\"r\",0,null]]\n9 ok txn _ [[\"r\",0,100]]\n");
    let transactions = read(&text);
    let registers = Registers::new(&transactions, &IsolationOptions::default()).unwrap();
    assert!(registers.is_known());
    let strict = [StrictSerializable, StrongSnapshotIsolation];
    let found = ["G-single-realtime"];
    check(&text, &[StrongSessionSerializable], &strict, &found);
}

#[test]
fn assumptions_contradict_stale_reads() {
    let transactions = read(
        r#"0 invoke txn _ [["w","x",1]]
           0 ok     txn _ [["w","x",1]]
           0 invoke txn _ [["w","x",2]]
           0 ok     txn _ [["w","x",2]]
           1 invoke txn _ [["r","x",null]]
           1 ok     txn _ [["r","x",2]]
           1 invoke txn _ [["r","x",null]]
           1 ok     txn _ [["r","x",1]]"#,
    );
    for (sequential_keys, linearizable_keys) in [(true, false), (false, true)] {
        let options = IsolationOptions {
            sequential_keys,
            linearizable_keys,
            ..IsolationOptions::default()
        };
        let registers = Registers::new(&transactions, &options).unwrap();
        let found: Vec<_> = registers.findings().iter().collect();
        let [(phenomenon, 1, [finding])] = found[..] else {
            panic!("{found:?}");
        };
        assert_eq!(phenomenon.name(), "cyclic-versions");
        assert!(
            finding
                .explanation
                .contains("T0's write of 1 to key \"x\" came before T2's of 2"),
            "{}",
            finding.explanation
        );
        let judgement = judge(&transactions, &registers, Level::StrictSerializable);
        assert!(judgement.fails(ReadUncommitted));
    }
}

#[test]
fn misfits_are_named() {
    let misfit =
        |text: &str| Registers::new(&read(text), &IsolationOptions::default()).unwrap_err();
    let twice = misfit(
        r#"0 invoke txn _ [["w","x",1]]
           0 ok     txn _ [["w","x",1]]
           1 invoke txn _ [["w","x",1]]
           1 ok     txn _ [["w","x",1]]"#,
    );
    assert_eq!(
        twice.to_string(),
        "1 was written to key \"x\" by event 0 and again by event 2: which of them a read saw cannot be told"
    );
    let append = misfit(
        r#"0 invoke txn _ [["append","x",1]]
           0 ok     txn _ [["append","x",1]]"#,
    );
    assert_eq!(append, Misfit::Append { event: 0 });
}

/// Nobody accuses read uncommitted of what only read committed forbids.
#[test]
fn circles_of_reads_order_no_versions() {
    let text = r#"0 invoke txn _ [["r","x",null],["w","x",1]]
           1 invoke txn _ [["r","x",null],["w","x",2]]
           0 ok     txn _ [["r","x",2],["w","x",1]]
           1 ok     txn _ [["r","x",1],["w","x",2]]"#;
    check(
        text,
        &[StrongReadUncommitted, MonotonicWrites],
        &[ReadCommitted],
        &["G1c"],
    );
    let transactions = read(text);
    let registers = Registers::new(&transactions, &IsolationOptions::default()).unwrap();
    for order in [Order::Free, Order::Process, Order::Realtime] {
        let mut graph = crate::isolation::graph::GraphBuilder::new(2);
        registers.edges(order, true, &mut graph);
        let graph = graph.build();
        assert!(graph.edges(0).all(|edge| edge.kind != Kind::Ww));
    }
}
