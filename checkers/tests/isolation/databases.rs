//! The checker on runs of simulated databases: none is accused at a level that it
//! guarantees, and each defect is found, by its name and at its levels.

use std::collections::BTreeSet;

use witness_checkers::{IsolationOptions, Valid};

use crate::checker::{anomalies_of, is_known, levels, levels_of, verdict};
use crate::defects::{self, Defect};
use crate::facts::Facts;
use crate::levels::included;
use crate::model::Data;
use crate::oracle;
use crate::simulated::{self, Database};

/// Lengths of runs: the longest is for release builds.
fn lengths() -> Vec<usize> {
    let longest = if cfg!(debug_assertions) {
        2_000
    } else {
        10_000
    };
    [vec![10; 40], vec![50; 20], vec![300; 5], vec![longest]].concat()
}

fn is_kept(database: Database, data: Data) {
    for (seed, length) in (0..).zip(lengths()) {
        let run = simulated::run(database, data, length, seed);
        let levels = levels(&run.history());
        // An oracle is slow.
        let is_known =
            data == Data::Lists && length <= 300 && !Facts::of(&run).has_several_unseen();
        for guaranteed in database
            .guarantees()
            .iter()
            .flat_map(|&level| included(level))
        {
            let held = levels[guaranteed];
            let shown = if length < 100 {
                run.to_string()
            } else {
                String::new()
            };
            assert_ne!(
                held,
                Valid::False,
                "{database:?}, {length} transactions, seed {seed}: {guaranteed}\n{shown}"
            );
            assert!(
                !is_known || held == Valid::True,
                "{database:?}, {length} transactions, seed {seed}: {guaranteed} is undecided\n{shown}"
            );
        }
    }
}

#[test]
fn no_database_of_lists_is_accused() {
    for database in simulated::ALL {
        is_kept(database, Data::Lists);
    }
}

#[test]
fn no_database_of_registers_is_accused() {
    for database in simulated::ALL {
        is_kept(database, Data::Registers);
    }
}

/// The simulations are what they say, by the oracle.
#[test]
fn databases_guarantee_what_they_say() {
    let mut broken = BTreeSet::new();
    for database in simulated::ALL {
        for data in [Data::Lists, Data::Registers] {
            for seed in 0..u64::from(crate::cases() / 3).max(333) {
                let run = simulated::run(database, data, 6, seed);
                if Facts::of(&run).orders_max() > crate::definitions::ORDERS_MAX {
                    continue;
                }
                let judgement = oracle::judge(&run);
                for guaranteed in database
                    .guarantees()
                    .iter()
                    .flat_map(|&level| included(level))
                {
                    assert!(
                        judgement.levels[guaranteed],
                        "{database:?}, seed {seed}: no {guaranteed}\n{run:?}\n{judgement:#?}"
                    );
                }
                let broken_here = judgement.levels.iter().filter(|(_, held)| !**held);
                broken.extend(broken_here.map(|(level, _)| (format!("{database:?}"), *level)));
            }
        }
    }
    // Each is as weak as it says: what is next to its guarantees breaks.
    for (database, level) in [
        ("StaleReaders", "strong-session-snapshot-isolation"),
        ("Snapshot", "serializable"),
        ("SessionSnapshot", "strong-snapshot-isolation"),
        ("OldSnapshot", "causal"),
        ("Committed", "read-atomic"),
        ("ParallelSnapshot", "strong-snapshot-isolation"),
        ("Causal", "snapshot-isolation"),
    ] {
        assert!(
            broken.contains(&(database.to_owned(), level)),
            "{database} keeps {level}: {broken:?}"
        );
    }
}

/// All levels that include one that breaks.
fn expected(defect: &Defect) -> BTreeSet<&'static str> {
    let breaks = |level: &&'static str| {
        let included = included(level);
        defect.breaks.iter().any(|broken| included.contains(broken))
    };
    crate::levels::all().filter(breaks).collect()
}

fn defects_of(data: Data) -> impl Iterator<Item = &'static Defect> {
    let of_lists = defects::OF_LISTS
        .iter()
        .filter(move |_| data == Data::Lists);
    defects::ALL.iter().chain(of_lists)
}

/// The defects are what they say, by the oracle.
#[test]
fn defects_are_what_they_are_called() {
    for defect in defects_of(Data::Lists) {
        let case = defect.case(Data::Lists);
        let judgement = oracle::judge(&case);
        assert!(
            judgement.all.contains(defect.name),
            "{}: {case:?}{judgement:#?}",
            defect.name
        );
        let broken = judgement.levels.iter().filter(|(_, held)| !**held);
        let broken: BTreeSet<&str> = broken.map(|(level, _)| *level).collect();
        assert_eq!(broken, expected(defect), "{}: {case:?}", defect.name);
    }
}

/// A defect in a run of a strict database is all that is wrong with it, whatever
/// is around it: the run has the levels that the defect's transactions have alone. On
/// registers all of them are decided.
fn is_found(data: Data) {
    for defect in defects_of(data) {
        let alone = oracle::judge(&defect.case(data));
        for (seed, length) in (0..).zip([10, 10, 10, 50, 50, 300, 2_000]) {
            let mut run = simulated::run(Database::Strict, data, length, seed);
            defect.put_into(&mut run, length / 2);
            let mut options = IsolationOptions::default();
            // Where only a search over orders of versions tells, it may well give up.
            options.steps_max = 1_000_000;
            let verdict = verdict(&run.history(), options);
            let shown = format!(
                "{} in {length} transactions on {data:?}, seed {seed}",
                defect.name
            );
            for (level, said) in levels_of(&verdict) {
                let held = alone.levels[level.as_str()];
                let is_told = data == Data::Registers
                    || said != Valid::Unknown
                    || defect.breaks.contains(&level.as_str());
                if is_told {
                    let held = if held { Valid::True } else { Valid::False };
                    assert_eq!(said, held, "{shown}: {level}");
                }
            }
            let found = anomalies_of(&verdict);
            if alone.all.contains(defect.name) {
                assert!(found.contains(defect.name), "{shown}: {found:?}");
            }
            for name in &found {
                assert!(is_known(&alone.some, name), "{shown}: {name}");
            }
        }
    }
}

#[test]
fn every_defect_of_lists_is_found() {
    is_found(Data::Lists);
}

#[test]
fn every_defect_of_registers_is_found() {
    is_found(Data::Registers);
}

/// Assumptions that are true accuse nobody.
#[test]
fn what_may_be_assumed_of_serial_runs_accuses_none() {
    let histories = if cfg!(debug_assertions) {
        2_000
    } else {
        10_000
    };
    for seed in 0..histories {
        let run = simulated::run(Database::Strict, Data::Registers, 8, seed);
        let history = run.history();
        for (sequential, linearizable) in [(true, false), (false, true), (true, true)] {
            let mut options = IsolationOptions::default();
            options.sequential_keys = sequential;
            options.linearizable_keys = linearizable;
            let verdict = verdict(&history, options);
            assert_ne!(
                verdict.valid,
                Valid::False,
                "seed {seed}: {verdict:#?}\n{run}"
            );
        }
    }
}
