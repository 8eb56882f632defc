//! Registers of which the order of versions is known though single reads hardly tell it: keys
//! that are written once, or whose later writers had read the one before. However large, every
//! level of them is decided, and rightly.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use witness_checkers::{IsolationOptions, Valid};
use witness_histories::history;

use crate::checker::{levels, levels_of, verdict};
use crate::definitions::ORDERS_MAX;
use crate::facts::Facts;
use crate::model::{Case, Data, End, Mop, Txn};
use crate::oracle;

const TXNS: usize = 5;
const KEYS: u32 = 3;

/// What is written and read of one key: who writes it, each but the first having read what the
/// one before wrote, whether the first had read it too, and what each other reads.
#[derive(Debug, Clone)]
struct Key {
    writers: Vec<usize>,
    first_reads: bool,
    reads: Vec<usize>,
}

fn key() -> impl Strategy<Value = Key> {
    let writers = Just((0..TXNS).collect::<Vec<_>>()).prop_shuffle();
    let reads = vec(0..8_usize, TXNS);
    (writers, 0..4_usize, any::<bool>(), reads).prop_map(
        |(mut writers, length, first_reads, reads)| {
            writers.truncate(length);
            Key {
                writers,
                first_reads,
                reads,
            }
        },
    )
}

fn case(keys: &[Key], times: &[usize]) -> Case {
    let mut mops: Vec<Vec<Mop>> = vec![Vec::new(); TXNS];
    for (number, key) in (0..).zip(keys) {
        // Values are those of the writers' places, from one on.
        let version = |place: usize| match place {
            0 => Vec::new(),
            place => vec![place as u32],
        };
        for (txn, mops) in mops.iter_mut().enumerate() {
            match key.writers.iter().position(|&writer| writer == txn) {
                Some(place) => {
                    if place > 0 || key.first_reads {
                        mops.push(Mop::Read(number, version(place)));
                    }
                    mops.push(Mop::Write(number, place as u32 + 1));
                }
                None if key.reads[txn] <= key.writers.len() => {
                    mops.push(Mop::Read(number, version(key.reads[txn])));
                }
                None => {}
            }
        }
    }
    let mut last: Vec<usize> = Vec::new();
    let mut txns: Vec<Txn> = Vec::new();
    let mut at: Vec<usize> = (0..TXNS).collect();
    let begin = |txn: usize| times[2 * txn].min(times[2 * txn + 1]);
    at.sort_by_key(|&txn| begin(txn));
    for txn in at {
        let (invoked, returned) = (begin(txn), times[2 * txn].max(times[2 * txn + 1]));
        let free = last.iter().position(|&end| end < invoked);
        let process = free.unwrap_or_else(|| {
            last.push(0);
            last.len() - 1
        });
        last[process] = returned;
        if !mops[txn].is_empty() {
            txns.push(Txn {
                process: process as u64,
                mops: mops[txn].clone(),
                end: End::Ok,
                invoked,
                returned,
            });
        }
    }
    Case {
        data: Data::Registers,
        txns,
    }
}

#[test]
fn every_level_is_what_the_oracle_says() {
    let times = Just((0..2 * TXNS).collect::<Vec<_>>()).prop_shuffle();
    let choices = (vec(key(), KEYS as usize), times);
    let result = TestRunner::new(crate::config()).run(&choices, |(keys, times)| {
        let case = case(&keys, &times);
        prop_assume!(case.has_commits());
        prop_assume!(Facts::of(&case).orders_max() <= ORDERS_MAX);
        let said = levels(&case.history());
        for (level, held) in oracle::judge(&case).levels {
            let held = if held { Valid::True } else { Valid::False };
            prop_assert_eq!(said[level], held, "{}: {:?}", level, case);
        }
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}

/// So many transactions, each of which misses what the one before wrote; at the end of one that
/// is `broken` somebody misses what was written long ago.
fn ring(length: usize, broken: bool) -> String {
    let mut shorthand = String::new();
    for kind in ["invoke", "ok"] {
        for at in 0..length {
            let next = (at + 1) % length;
            shorthand.push_str(&format!(
                "{at} {kind} txn _ [[\"r\",{at},null],[\"w\",{next},1]]\n"
            ));
        }
    }
    if broken {
        shorthand.push_str("0 invoke txn _ [[\"r\",1,null]]\n0 ok txn _ [[\"r\",1,null]]\n");
    }
    shorthand
}

#[test]
fn a_large_circle_is_decided() {
    for (broken, strong) in [(false, Valid::True), (true, Valid::False)] {
        let history = history(&ring(10_000, broken)).unwrap();
        let said = levels_of(&verdict(&history, IsolationOptions::default()));
        let open: Vec<_> = said
            .iter()
            .filter(|(_, held)| **held == Valid::Unknown)
            .collect();
        assert!(open.is_empty(), "{open:?}");
        assert_eq!(said["serializable"], Valid::False);
        assert_eq!(said["snapshot-isolation"], Valid::True);
        assert_eq!(said["strong-snapshot-isolation"], strong);
    }
}
