//! The checker on runs of databases that are wrong in one named way, whose order of versions
//! is known. What is found is there, and what the fault leads to is found by its name; levels
//! fail exactly where they do in truth.

use std::collections::{BTreeMap, BTreeSet};

use witness_checkers::{IsolationOptions, Valid, Verdict};

use crate::agreement::ALWAYS_NAMED;
use crate::checker::{anomalies_of, levels_of, verdict};
use crate::facts::Facts;
use crate::faults::{self, Fault};
use crate::faulty::{self, Run};
use crate::levels::{self, included};
use crate::model::Data;
use crate::oracle::{self, Names};
use crate::truth::{self, Truth};

/// Lengths of runs without their last look; of the shortest all cycles can be gone through.
const LENGTHS: [usize; 5] = [SHORT - 1, 10, 16, 32, 60];
const SHORT: usize = 6;

fn kept(fault: Fault) -> Names {
    let strongest = fault.keeps().iter();
    strongest.flat_map(|&level| included(level)).collect()
}

/// Whether the level asks for one order of the versions that show. Any other does for a
/// guarantee of registers' sessions, even one against what was read: a circle of ww and wr.
fn asks_for_order(level: &str, data: Data) -> bool {
    data == Data::Lists || levels::forbidden(level).contains("G1c")
}

/// What may be called something else where there is something else.
fn is_covered(name: &str, data: Data, found: &BTreeSet<String>) -> bool {
    let by: &[&str] = match name {
        "missing-your-writes" | "non-monotonic-reads" if data == Data::Registers => {
            &["G-single-process"]
        }
        "G-single" => &["G0", "G1c"],
        // It is one, and may be there only by edges that follow from those of another.
        "long-fork" => &["G-nonadjacent"],
        _ => &[],
    };
    by.iter().any(|name| found.contains(*name))
}

/// By all means there are, so that the truth is one.
fn is_true(facts: &Facts<'_>, run: &Run, truth: &Truth) {
    if run.case.txns.len() > SHORT {
        return;
    }
    let all = oracle::phenomena(facts, &run.versions);
    for (level, &held) in &truth.levels {
        let forbidden = levels::forbidden(level);
        assert_eq!(held, all.is_disjoint(&forbidden), "{level}: {:?}", run.case);
    }
    for name in &truth.plain {
        assert!(all.contains(name), "no {name}: {:?}", run.case);
    }
}

/// What the verdict has to be, of a run whose order of versions shows.
fn is_exact(verdict: &Verdict, truth: &Truth, data: Data) {
    for (level, said) in levels_of(verdict) {
        if said == Valid::True && !asks_for_order(&level, data) {
            continue;
        }
        let held = match truth.levels[level.as_str()] {
            true => Valid::True,
            false => Valid::False,
        };
        assert_eq!(said, held, "{level}");
    }
    for name in anomalies_of(verdict) {
        assert!(truth.some.contains(name.as_str()), "there is no {name}");
    }
}

/// What it has to be of any other: no level is accused that holds with the true order. What
/// is shown of one that fails may be there with another.
fn is_possible(verdict: &Verdict, truth: &Truth) {
    for (level, said) in levels_of(verdict) {
        let held = truth.levels[level.as_str()];
        assert!(!held || said != Valid::False, "{level}");
    }
}

fn examine(fault: Fault, run: &Run, is_blind: bool) -> Names {
    let facts = Facts::of(&run.case);
    let truth = truth::of(&facts, &run.versions);
    is_true(&facts, run, &truth);
    for level in kept(fault) {
        assert!(truth.levels[level], "it keeps no {level}: {truth:#?}");
    }
    if !run.case.has_commits() {
        return Names::new();
    }
    let verdict = verdict(&run.case.history(), IsolationOptions::default());
    // Of what was never committed a list may make versions, and contradict those without it.
    let is_clean = run.case.data == Data::Registers
        || facts.has_lists_in_order() && !truth.plain.contains("G1a");
    let is_shown = match run.case.data {
        Data::Lists => is_clean && !facts.has_several_unseen(),
        // Who of two came first that overwrote the same version, nobody saw.
        Data::Registers => !is_blind && !truth.plain.contains("lost-update"),
    };
    let told = std::panic::catch_unwind(|| {
        match is_shown {
            true => is_exact(&verdict, &truth, run.case.data),
            false if is_clean => is_possible(&verdict, &truth),
            false => {}
        }
        is_kept(fault, &verdict);
        // What a read shows alone, it shows whatever the order is.
        let is_certain = match fault {
            Fault::AbortedRead => true,
            Fault::LostUpdate => is_shown || run.case.data == Data::Registers && !is_blind,
            _ => is_shown,
        };
        match is_certain {
            true => is_named(fault, run.case.data, &verdict, &truth, is_shown),
            false => Names::new(),
        }
    });
    told.unwrap_or_else(|_| panic!("{truth:#?}{verdict:#?}"))
}

/// No level is accused that the fault does not break.
fn is_kept(fault: Fault, verdict: &Verdict) {
    let said = levels_of(verdict);
    for level in kept(fault) {
        assert_ne!(said[level], Valid::False, "{level}");
    }
}

/// What the fault led to is found by its name, and at every level that forbids it. The names.
fn is_named(fault: Fault, data: Data, verdict: &Verdict, truth: &Truth, is_shown: bool) -> Names {
    let (found, said) = (anomalies_of(verdict), levels_of(verdict));
    let led_to = fault.leads_to().iter().copied();
    let led_to: Names = led_to.filter(|name| truth.plain.contains(name)).collect();
    let always = ALWAYS_NAMED.iter().copied();
    // Of registers a cycle is found by what was inferred.
    let is_list = data == Data::Lists;
    let always = always.filter(|name| is_shown && is_list && truth.plain.contains(name));
    for name in led_to.iter().copied().chain(always) {
        let is_named = found.contains(name) || is_covered(name, data, &found);
        assert!(is_named, "no {name}");
        let forbids =
            |level: &&str| levels::forbidden(level).contains(name) && asks_for_order(level, data);
        for level in levels::all().filter(forbids) {
            assert_eq!(said[level], Valid::False, "{name}: {level}");
        }
    }
    led_to
}

fn are_caught(data: Data) {
    let seeds = u64::from(crate::cases() / 6).max(100);
    let mut often: BTreeMap<(Fault, &str), u64> = BTreeMap::new();
    for (fault, seed) in faults::ALL
        .into_iter()
        .flat_map(|fault| (0..seeds).map(move |seed| (fault, seed)))
    {
        let length = LENGTHS[seed as usize % LENGTHS.len()];
        let is_blind = data == Data::Registers && seed % 3 == 0;
        let run = faulty::run(fault, data, is_blind, length, seed);
        let examined = std::panic::catch_unwind(|| examine(fault, &run, is_blind));
        let produced = examined.unwrap_or_else(|_| {
            panic!(
                "{fault:?}, seed {seed}, in order {:?}: {:?}",
                run.versions, run.case
            )
        });
        for name in produced {
            *often.entry((fault, name)).or_default() += 1;
        }
    }
    println!("{data:?}, of {seeds} runs each: {often:?}");
    for fault in faults::ALL {
        let count = |name: &&'static str| often.get(&(fault, *name)).copied().unwrap_or_default();
        let counts: Vec<u64> = fault.leads_to().iter().map(count).collect();
        let is_often = |&most: &u64| most * 50 >= seeds;
        assert!(
            counts.iter().max().is_none_or(is_often),
            "{fault:?}: {counts:?}"
        );
        assert!(
            counts.iter().all(|count| count * 150 >= seeds),
            "{fault:?}: {counts:?}"
        );
    }
}

#[test]
fn faulty_databases_of_lists_are_caught_by_name() {
    are_caught(Data::Lists);
}

#[test]
fn faulty_databases_of_registers_are_caught_by_name() {
    are_caught(Data::Registers);
}
