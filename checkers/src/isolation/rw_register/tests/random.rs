//! Small random histories: every level against brute force, and what options assume
//! against executions that keep it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use proptest::prelude::*;

use super::super::schedule::{self, Frontier, Wanted};
use super::super::{Registers, direct, sort};
use super::brute::Brute;
use super::read;
use crate::budget::Budget;
use crate::isolation::data::{Data, Execution};
use crate::isolation::judge::judge;
use crate::isolation::levels::Level;
use crate::isolation::options::IsolationOptions;
use crate::isolation::phenomena::{Order, Phenomenon};

/// Of what luck a read returns what nobody wrote.
const GARBAGE: u8 = 5;

/// What a client is to do: a key, and what a read returns, or that it writes.
#[derive(Debug, Clone, Copy)]
struct Micro {
    key: u8,
    writes: bool,
    /// Above this share of 256 a read returns what a serial execution would.
    luck: u8,
}

#[derive(Debug, Clone)]
struct Plan {
    /// By process: transactions, each with how it ends.
    processes: Vec<Vec<(Vec<Micro>, u8)>>,
    /// Which process goes on next.
    turns: Vec<u8>,
    /// How many of 256 reads are not what a serial execution would return.
    wild: u8,
}

fn plans(keys: u8, transactions: usize) -> impl Strategy<Value = Plan> {
    let micro = (0..keys, any::<bool>(), any::<u8>()).prop_map(|(key, writes, luck)| Micro {
        key,
        writes,
        luck,
    });
    let one = (prop::collection::vec(micro, 1..4), any::<u8>());
    let per_process = transactions.div_ceil(3);
    let processes = prop::collection::vec(prop::collection::vec(one, 0..=per_process), 1..=3);
    let turns = prop::collection::vec(0..3_u8, 0..4 * transactions);
    let wild = prop_oneof![Just(0_u8), Just(40), Just(100), Just(255)];
    (processes, turns, wild).prop_map(|(processes, turns, wild)| Plan {
        processes,
        turns,
        wild,
    })
}

/// Steps of processes in their turns: a number of a transaction, and whether it ends.
fn schedule(plan: &Plan) -> Vec<(usize, usize, bool)> {
    let mut next: Vec<(usize, bool)> = vec![(0, false); plan.processes.len()];
    let mut steps = Vec::new();
    let mut turns = plan
        .turns
        .iter()
        .map(|&turn| usize::from(turn))
        .chain((0..3).cycle());
    let left = |next: &[(usize, bool)]| {
        next.iter()
            .zip(&plan.processes)
            .any(|((at, _), all)| *at < all.len())
    };
    while left(&next) {
        let process = turns.next().unwrap() % plan.processes.len();
        let (at, is_open) = next[process];
        if at == plan.processes[process].len() {
            continue;
        }
        steps.push((process, at, is_open));
        next[process] = if is_open { (at + 1, false) } else { (at, true) };
    }
    steps
}

/// The history in shorthand. Transactions take effect when they end.
fn history(plan: &Plan) -> String {
    let steps = schedule(plan);
    // Who writes what: every value is written once.
    let mut written: BTreeMap<u8, Vec<u32>> = BTreeMap::new();
    let mut value = 0;
    let mut values: BTreeMap<(usize, usize, usize), u32> = BTreeMap::new();
    for (process, all) in plan.processes.iter().enumerate() {
        for (at, (micros, _)) in all.iter().enumerate() {
            for (position, micro) in micros.iter().enumerate() {
                if micro.writes {
                    value += 1;
                    written.entry(micro.key).or_default().push(value);
                    values.insert((process, at, position), value);
                }
            }
        }
    }
    let mut state: BTreeMap<u8, u32> = BTreeMap::new();
    let mut text = String::new();
    // After an info the client goes on as another process.
    let mut names: Vec<usize> = (0..plan.processes.len()).collect();
    let mut unused = plan.processes.len();
    for (process, at, ends) in steps {
        let (micros, fate) = &plan.processes[process][at];
        let kind = match fate {
            _ if !ends => "invoke",
            0..20 => "fail  ",
            20..50 => "info  ",
            _ => "ok    ",
        };
        let mut own = state.clone();
        let mut list = Vec::new();
        for (position, micro) in micros.iter().enumerate() {
            let key = micro.key;
            if let Some(value) = values.get(&(process, at, position)) {
                own.insert(key, *value);
                list.push(format!("[\"w\",{key},{value}]"));
                continue;
            }
            let mut read = own.get(&key).copied();
            if micro.luck < plan.wild {
                let all = written.get(&key).map_or(&[][..], |all| all);
                let at = usize::from(micro.luck) % (all.len() + 1);
                read = at.checked_sub(1).map(|at| all[at]);
                if micro.luck == GARBAGE {
                    read = Some(999);
                }
            }
            let read = match kind {
                "ok    " => read.map_or("null".to_owned(), |read| read.to_string()),
                _ => "null".to_owned(),
            };
            list.push(format!("[\"r\",{key},{read}]"));
        }
        // One of which nobody knows took effect, or it did not.
        if kind == "ok    " || (20..35).contains(fate) && ends {
            state = own;
        }
        writeln!(text, "{} {kind} txn _ [{}]", names[process], list.join(",")).unwrap();
        if kind == "info  " {
            names[process] = unused;
            unused += 1;
        }
    }
    text
}

fn cases() -> ProptestConfig {
    let cases = std::env::var("WITNESS_CASES")
        .ok()
        .and_then(|cases| cases.parse().ok());
    ProptestConfig {
        cases: cases.unwrap_or(1_000),
        failure_persistence: None,
        max_shrink_iters: 20_000,
        ..ProptestConfig::default()
    }
}

fn agree(plan: &Plan) -> Result<(), TestCaseError> {
    let text = history(plan);
    let transactions = read(&text);
    if transactions.is_empty() {
        return Ok(());
    }
    let options = IsolationOptions::default();
    let registers = Registers::new(&transactions, &options).unwrap();
    let judgement = judge(&transactions, &registers, Level::StrictSerializable);
    let expected = Brute::new(&transactions).levels();
    for level in Level::all() {
        let holds = expected.contains(&level);
        let alone = judge(&transactions, &registers, level);
        for judgement in [&judgement, &alone] {
            let is_expected = match holds {
                true => judgement.holds(level),
                false => judgement.fails(level),
            };
            prop_assert!(
                is_expected,
                "{}: {:?} where {} is right\n{}\n{:#?}",
                level.name(),
                judgement.status(level),
                holds,
                text,
                judgement.findings
            );
        }
        // What it tells of others by the way is as true.
        for other in Level::all() {
            let is_told = alone.holds(other) || alone.fails(other);
            prop_assert!(!is_told || alone.holds(other) == expected.contains(&other));
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn levels_are_those_of_brute_force(plan in plans(3, 6)) {
        agree(&plan)?;
    }

    #[test]
    fn levels_of_two_keys_are_those_of_brute_force(plan in plans(2, 5)) {
        agree(&plan)?;
    }

    /// A serial execution keeps every key in the order of each process and of real time.
    #[test]
    fn options_never_accuse_what_was_serial(mut plan in plans(4, 30)) {
        plan.wild = 0;
        let transactions = read(&history(&plan));
        let options = IsolationOptions {
            sequential_keys: true,
            linearizable_keys: true,
            ..IsolationOptions::default()
        };
        let registers = Registers::new(&transactions, &options).unwrap();
        prop_assert!(!registers.findings().iter().any(|(p, ..)| p == Phenomenon::CyclicVersions));
        let judgement = judge(&transactions, &registers, Level::StrictSerializable);
        prop_assert!(judgement.holds(Level::StrictSerializable));
    }
}

/// The histories are such that every level holds of many, and does not of many.
#[test]
fn both_verdicts_are_common() {
    use proptest::strategy::ValueTree;
    const PLANS: usize = 600;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut hold: BTreeMap<Level, usize> = BTreeMap::new();
    for _ in 0..PLANS {
        let plan = plans(3, 6).new_tree(&mut runner).unwrap().current();
        for level in Brute::new(&read(&history(&plan))).levels() {
            *hold.entry(level).or_default() += 1;
        }
    }
    for level in Level::all() {
        let share = 100 * hold.get(&level).copied().unwrap_or_default() / PLANS;
        assert!((10..=99).contains(&share), "{}: {share}%", level.name());
        // Only what nobody wrote breaks these.
        let is_weak = matches!(
            level,
            Level::ReadUncommitted
                | Level::MonotonicWrites
                | Level::StrongSessionReadUncommitted
                | Level::StrongReadUncommitted
                | Level::ReadYourWrites
                | Level::MonotonicReads
                | Level::WritesFollowReads
        );
        assert!(is_weak || share <= 97, "{}: {share}%", level.name());
    }
}

/// Keys, and what is written.
type Micros = Vec<(usize, Option<u32>)>;

/// A database whose read-only transactions see what was there `lag` transactions ago.
/// Numbers are the same each time.
fn behind(transactions: usize, lag: usize) -> String {
    let mut bits = 7_u64;
    let mut below = |bound: u64| {
        bits = bits.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (bits >> 33) % bound
    };
    let clients = 20;
    let keys = 10;
    // By key what it held, and from which transaction on.
    let mut states: Vec<Vec<(usize, u32)>> = vec![Vec::new(); keys];
    let mut value = 0;
    let mut executed = 0;
    let mut open: Vec<Option<(Micros, Option<String>)>> = vec![None; clients];
    let mut text = String::new();
    let mut begun = 0;
    while begun < transactions || open.iter().any(Option::is_some) {
        let process = below(clients as u64) as usize;
        match &mut open[process] {
            None if begun == transactions => {}
            client @ None => {
                begun += 1;
                let micros: Micros = (0..=below(4))
                    .map(|_| {
                        let key = below(keys as u64) as usize;
                        let writes = below(2) == 0;
                        value += u32::from(writes);
                        (key, writes.then_some(value))
                    })
                    .collect();
                writeln!(text, "{process} invoke txn _ {}", spelt(&micros, |_| None)).unwrap();
                *client = Some((micros, None));
            }
            Some((micros, answer @ None)) => {
                executed += 1;
                let only_reads = micros.iter().all(|(_, written)| written.is_none());
                let seen = executed - if only_reads { lag.min(executed) } else { 0 };
                let mut own = states.clone();
                for (key, written) in micros.iter() {
                    own[*key].extend(written.map(|written| (executed, written)));
                }
                // Reads come before writes of the same key, or see them.
                let mut now = states.clone();
                let mut list = Vec::new();
                for (key, written) in micros.iter() {
                    now[*key].extend(written.map(|written| (executed, written)));
                    let at = now[*key].partition_point(|&(since, _)| since <= seen);
                    list.push(at.checked_sub(1).map(|at| now[*key][at].1));
                }
                states = own;
                let mut reads = list.into_iter();
                *answer = Some(spelt(micros, |_| reads.next().flatten()));
            }
            Some((_, Some(answer))) => {
                writeln!(text, "{process} ok txn _ {answer}").unwrap();
                open[process] = None;
            }
        }
    }
    text
}

fn spelt(micros: &[(usize, Option<u32>)], mut read: impl FnMut(usize) -> Option<u32>) -> String {
    let micros = micros.iter().map(|&(key, written)| {
        let read = read(key);
        match (written, read) {
            (Some(value), _) => format!("[\"w\",{key},{value}]"),
            (None, Some(value)) => format!("[\"r\",{key},{value}]"),
            (None, None) => format!("[\"r\",{key},null]"),
        }
    });
    format!("[{}]", micros.collect::<Vec<_>>().join(","))
}

/// All at the same time, and of each key one is read, after them all: what nobody reads is
/// out of the way at once.
#[test]
fn writes_that_nobody_read_are_no_choice() {
    const KEYS: usize = 10;
    for writers in [20, 2_000, 20_000] {
        let mut text = String::new();
        for kind in ["invoke", "ok"] {
            for at in 0..writers {
                let key = at % KEYS;
                writeln!(text, "{at} {kind} txn _ [[\"w\",{key},{at}]]").unwrap();
            }
        }
        for key in 0..KEYS {
            let seen = writers / 2 / KEYS * KEYS + key;
            writeln!(text, "0 invoke txn _ [[\"r\",{key},null]]").unwrap();
            writeln!(text, "0 ok txn _ [[\"r\",{key},{seen}]]").unwrap();
        }
        let transactions = read(&text);
        let options = IsolationOptions::default();
        let registers = Registers::new(&transactions, &options).unwrap();
        let judgement = judge(&transactions, &registers, Level::StrictSerializable);
        assert!(judgement.holds(Level::StrictSerializable), "{writers}");
    }
}

/// A search that ends in no dead end has come as far as it is.
#[test]
fn how_far_a_search_came_is_told() {
    const WRITERS: usize = 300;
    let mut text = String::new();
    for kind in ["invoke", "ok"] {
        for at in 0..WRITERS {
            writeln!(text, "{at} {kind} txn _ [[\"w\",{at},{at}]]").unwrap();
        }
    }
    for at in 0..WRITERS {
        writeln!(text, "0 invoke txn _ [[\"r\",{at},null]]").unwrap();
        writeln!(text, "0 ok txn _ [[\"r\",{at},{at}]]").unwrap();
    }
    let transactions = read(&text);
    let (facts, _) = direct::read(&transactions).unwrap();
    let budget = Budget {
        steps_max: 1,
        ..Budget::default()
    };
    let wanted = Wanted {
        execution: Execution::Serial,
        order: Order::Realtime,
        frontier: Frontier::All,
        musts: &[],
        likely: &sort::by_end_of(&facts),
        budget: &budget,
    };
    let why = schedule::schedule(&facts, &wanted).unwrap_err().why;
    // It is asked every 4,096 steps, and each writer takes as many as there are left.
    assert!(
        why.ends_with("the furthest had 13 of 600 transactions"),
        "{why}"
    );
}

#[test]
fn a_database_that_is_behind_is_serializable() {
    for (transactions, lag) in [(60, 5), (400, 20), (2_000, 60)] {
        let transactions = read(&behind(transactions, lag));
        let options = IsolationOptions::default();
        let registers = Registers::new(&transactions, &options).unwrap();
        let judgement = judge(&transactions, &registers, Level::StrictSerializable);
        assert!(judgement.fails(Level::StrictSerializable));
        assert!(judgement.holds(Level::Serializable), "{lag}");
    }
}
