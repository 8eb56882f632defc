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

/// That many appends to a key each, and that many readers, each of which saw one of them and
/// not the next.
fn forks(length: usize) -> String {
    let mut shorthand = String::new();
    for (kind, seen, unseen) in [("invoke", "null", "null"), ("ok", "[1]", "[]")] {
        for at in 0..length {
            let (reader, next) = (length + at, (at + 1) % length);
            shorthand.push_str(&format!("{at} {kind} txn _ [[\"append\",{at},1]]\n"));
            shorthand.push_str(&format!(
                "{reader} {kind} txn _ [[\"r\",{at},{seen}],[\"r\",{next},{unseen}]]\n"
            ));
        }
    }
    shorthand
}

/// Levels that are about circles alone, of which it takes linear time to say whether there is one.
const BY_CIRCLES: [&str; 12] = [
    "strict-serializable",
    "strong-session-serializable",
    "serializable",
    "strong-snapshot-isolation",
    "strong-session-snapshot-isolation",
    "snapshot-isolation",
    "strong-read-committed",
    "strong-session-read-committed",
    "read-committed",
    "strong-read-uncommitted",
    "strong-session-read-uncommitted",
    "read-uncommitted",
];

#[test]
fn circles_are_seen_though_no_time_is_left() {
    for shorthand in [circle(2_000), forks(1_000), forks(2)] {
        let history = history(&shorthand).unwrap();
        let all = verdict(&history, IsolationOptions::default());
        let stopped = verdict(&history, stopped_after(0));
        let (all, stopped) = (levels_of(&all), levels_of(&stopped));
        for level in BY_CIRCLES {
            assert_ne!(all[level], Valid::Unknown, "{level}");
            assert_eq!(stopped[level], all[level], "{level}");
        }
    }
}

#[test]
fn a_search_that_is_stopped_says_what_it_left_open_and_where() {
    let history = history(&forks(1_000)).unwrap();
    let on = |mut options: IsolationOptions| {
        options.level = Some("parallel-snapshot-isolation".to_owned());
        verdict(&history, options)
    };
    let stopped = on(stopped_after(0));
    assert_eq!(stopped.valid, Valid::Unknown);
    let note = "whether there is a G-single, which parallel-snapshot-isolation forbids, is open: \
                time was up when of 1 group whose transactions depend on each other in circles \
                0 had been looked at; the largest that is left has 2000 transactions \
                (T0, T1, T2, T3, T4, T5, T6, T7 and 1992 more), and one of its circles is ";
    let said = stopped
        .notes
        .iter()
        .find_map(|said| said.strip_prefix(note));
    let circle = "T0 ─wr→ T1 ─rw→ T2 ─wr→ T3 ─rw→ T4 and so on, in 1996 steps back to T0";
    assert_eq!(said, Some(circle), "{stopped:#?}");
    assert_eq!(on(IsolationOptions::default()).valid, Valid::True);
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
    for asked_max in [0, 1, 5, 10_000] {
        let found = verdict(&history, stopped_after(asked_max));
        assert_eq!(found.valid, Valid::False);
        assert_eq!(anomalies_of(&found), ["G2-item".to_owned()].into());
        assert_eq!(
            found.summary,
            "not strict-serializable; the first to fail: repeatable-read; what holds: strong-snapshot-isolation (20 transactions)"
        );
        let note = "G2-item: at least 1, for not all was looked at";
        let is_cut = found.notes.iter().any(|said| said == note);
        assert_eq!(is_cut, asked_max < 10_000, "{found:#?}");
    }
}

/// All of it stands in the circle itself.
#[test]
fn a_long_circle_is_told_by_its_ends() {
    let history = history(&circle(500)).unwrap();
    let all = verdict(&history, IsolationOptions::default());
    let shown = &all.anomalies[0];
    assert!(
        shown.explanation.contains("So it goes on for 488 steps"),
        "{}",
        shown.explanation
    );
    assert_eq!(shown.explanation.matches(" came before T").count(), 12);
    let circle = shown.cycle.as_ref().unwrap();
    assert_eq!(circle.edges.len(), 500);
    assert!(
        circle
            .edges
            .iter()
            .all(|edge| edge.because.contains("did not see"))
    );
}
