//! What a search may take: told to stop it leaves open what it did not decide, and is wrong
//! about nothing; and long transactions take no longer than their length.

use std::sync::atomic::{AtomicU32, Ordering};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use witness_checkers::{IsolationOptions, Stop, Valid};
use witness_histories::history;

use crate::checker::{anomalies_of, levels_of, verdict};
use crate::model::Data;
use crate::random;

/// Stops when it was asked so often.
fn stopped_after(asked_max: u32) -> IsolationOptions {
    let asked = AtomicU32::new(0);
    let mut options = IsolationOptions::default();
    options.stop = Stop::when(move || asked.fetch_add(1, Ordering::Relaxed) >= asked_max);
    options
}

fn on_random(data: Data) {
    let choices = (vec(any::<u8>(), 40..150), 0..60_u32);
    let result = TestRunner::new(crate::config()).run(&choices, |(choices, asked_max)| {
        let case = random::case(data, &choices, random::TXNS_MAX);
        prop_assume!(case.has_commits());
        let history = case.history();
        let all = verdict(&history, IsolationOptions::default());
        let stopped = verdict(&history, stopped_after(asked_max));
        let levels = levels_of(&all);
        for (level, said) in levels_of(&stopped) {
            prop_assert!(
                said == Valid::Unknown || said == levels[&level],
                "{}: {:#?}",
                level,
                case
            );
        }
        if stopped.valid == Valid::Unknown && all.valid != Valid::Unknown {
            let why = stopped.notes.first().map_or("", String::as_str);
            prop_assert!(why.contains("time was up"), "{:#?}", stopped);
        }
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}

#[test]
fn lists_are_judged_rightly_until_time_is_up() {
    on_random(Data::Lists);
}

#[test]
fn registers_are_judged_rightly_until_time_is_up() {
    on_random(Data::Registers);
}

/// So many transactions, each of which misses what the one before appended.
fn circle(length: usize) -> String {
    let mut shorthand = String::new();
    for (kind, seen) in [("invoke", "null"), ("ok", "[]")] {
        for at in 0..length {
            let next = (at + 1) % length;
            shorthand.push_str(&format!(
                "{at} {kind} txn _ [[\"r\",{at},{seen}],[\"append\",{next},1]]\n"
            ));
        }
    }
    shorthand
}

#[test]
fn a_search_that_is_stopped_says_how_far_it_got() {
    let history = history(&circle(2_000)).unwrap();
    let stopped = verdict(&history, stopped_after(0));
    assert_eq!(stopped.valid, Valid::Unknown);
    assert_eq!(
        stopped.notes,
        [
            "time was up when of 1 group whose transactions depend on each other in circles 0 had been looked at"
        ]
    );
    let all = verdict(&history, IsolationOptions::default());
    assert!(anomalies_of(&all).contains("G2-item"), "{all:#?}");
}

/// A hundred thousand micro-operations in one transaction.
#[test]
fn long_transactions_are_judged() {
    const READS: usize = 100_000;
    let read = |seen: &str| {
        let reads = vec![format!("[\"r\",\"x\",{seen}]"); READS];
        format!(
            "[[\"append\",\"y\",1],{},[\"r\",\"z\",{seen}]]",
            reads.join(",")
        )
    };
    let shorthand = format!(
        "0 invoke txn _ [[\"append\",\"x\",1],[\"append\",\"z\",1]]
         0 ok     txn _ [[\"append\",\"x\",1],[\"append\",\"z\",1]]
         1 invoke txn _ {}
         1 ok     txn _ {}",
        read("null"),
        read("[]").replace("\"z\",[]", "\"z\",[1]")
    );
    let verdict = verdict(&history(&shorthand).unwrap(), IsolationOptions::default());
    let levels = levels_of(&verdict);
    assert_eq!(levels["read-committed"], Valid::True);
    assert_eq!(levels["monotonic-atomic-view"], Valid::True);
    assert_eq!(levels["read-atomic"], Valid::False);
}

#[test]
fn what_was_found_until_then_counts() {
    let history = history(&circle(20)).unwrap();
    let mut stopped = (0..10_000).map(|asked_max| verdict(&history, stopped_after(asked_max)));
    let found = stopped
        .find(|verdict| verdict.valid == Valid::False)
        .unwrap();
    assert_eq!(anomalies_of(&found), ["G2-item".to_owned()].into());
    assert_eq!(
        found.summary,
        "not strict-serializable; the first to fail: repeatable-read; that any other level holds is not known: 20 transactions"
    );
    let note = "G2-item: at least 1, for not all was looked at";
    assert!(found.notes.iter().any(|said| said == note), "{found:#?}");
}
