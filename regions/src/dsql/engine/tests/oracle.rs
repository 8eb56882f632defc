//! Random interleavings of small transactions against a brute-force model of snapshot
//! isolation: every read, every error and every commit has to come out the same. Each
//! seeded defect has to break that.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};

use super::Client;
use crate::dsql::engine::store::Database;
use crate::dsql::{Defects, Limits};

const SESSIONS: usize = 3;
const KEYS: u8 = 3;

/// What a session does next.
#[derive(Clone, Copy, Debug)]
enum Op {
    Read(u8),
    Scan,
    Upsert(u8, i32),
    Insert(u8, i32),
    Increment(u8),
    Delete(u8),
    Lock(u8),
    KeyShare(u8),
    Move(u8, u8),
    Commit,
    Rollback,
}

fn op() -> impl Strategy<Value = Op> {
    let key = 0..KEYS;
    prop_oneof![
        3 => key.clone().prop_map(Op::Read),
        1 => Just(Op::Scan),
        2 => (key.clone(), 0..100).prop_map(|(key, value)| Op::Upsert(key, value)),
        1 => (key.clone(), 0..100).prop_map(|(key, value)| Op::Insert(key, value)),
        3 => key.clone().prop_map(Op::Increment),
        1 => key.clone().prop_map(Op::Delete),
        1 => key.clone().prop_map(Op::Lock),
        2 => key.clone().prop_map(Op::KeyShare),
        1 => (key.clone(), key).prop_map(|(from, to)| Op::Move(from, to)),
        4 => Just(Op::Commit),
        1 => Just(Op::Rollback),
    ]
}

fn schedule(steps: Range<usize>) -> impl Strategy<Value = Vec<(usize, Op)>> {
    proptest::collection::vec((0..SESSIONS, op()), steps)
}

type Rows = BTreeMap<u8, i32>;

/// The model: whole states by commit number, and who touched what when.
#[derive(Default)]
struct Model {
    states: Vec<Rows>,
    touched: Vec<(usize, u8)>,
    /// Those of the touched that were deleted.
    deleted: Vec<(usize, u8)>,
    key_shared: Vec<(usize, u8)>,
    open: [Option<Open>; SESSIONS],
}

#[derive(Clone)]
struct Open {
    snapshot: usize,
    rows: Rows,
    touched: BTreeSet<u8>,
    key_shared: BTreeSet<u8>,
    failed: bool,
}

impl Model {
    fn new() -> Self {
        Self {
            states: vec![Rows::new()],
            ..Self::default()
        }
    }

    fn apply(&mut self, session: usize, op: Op) -> String {
        let snapshot = self.states.len() - 1;
        let open = self.open[session].get_or_insert_with(|| Open {
            snapshot,
            rows: self.states[snapshot].clone(),
            touched: BTreeSet::new(),
            key_shared: BTreeSet::new(),
            failed: false,
        });
        match op {
            Op::Rollback => {
                self.open[session] = None;
                return "ROLLBACK".to_owned();
            }
            Op::Commit => return self.commit(session),
            _ if open.failed => {
                return "25P02: current transaction is aborted, commands ignored until end of transaction block".to_owned();
            }
            _ => {}
        }
        let duplicate = "23505: duplicate key value violates unique constraint \"t_pkey\"";
        let show = |row: Option<&i32>| {
            row.map_or("SELECT 0".to_owned(), |value| format!("{value} SELECT 1"))
        };
        match op {
            Op::Read(key) => show(open.rows.get(&key)),
            Op::Lock(key) => {
                if open.rows.contains_key(&key) {
                    open.touched.insert(key);
                }
                show(open.rows.get(&key))
            }
            Op::KeyShare(key) => {
                if open.rows.contains_key(&key) {
                    open.key_shared.insert(key);
                }
                show(open.rows.get(&key))
            }
            Op::Scan => {
                let rows: Vec<_> = open
                    .rows
                    .iter()
                    .map(|(key, value)| format!("{key},{value}"))
                    .collect();
                let rows = rows.join(";");
                let count = open.rows.len();
                format!("{rows} SELECT {count}").trim().to_owned()
            }
            Op::Upsert(key, value) => {
                open.rows.insert(key, value);
                open.touched.insert(key);
                "INSERT 0 1".to_owned()
            }
            Op::Insert(key, value) => {
                if open.rows.contains_key(&key) {
                    open.failed = true;
                    return duplicate.to_owned();
                }
                open.rows.insert(key, value);
                open.touched.insert(key);
                "INSERT 0 1".to_owned()
            }
            Op::Increment(key) => match open.rows.get_mut(&key) {
                None => "UPDATE 0".to_owned(),
                Some(value) => {
                    *value += 1;
                    open.touched.insert(key);
                    "UPDATE 1".to_owned()
                }
            },
            Op::Delete(key) => match open.rows.remove(&key) {
                None => "DELETE 0".to_owned(),
                Some(_) => {
                    open.touched.insert(key);
                    "DELETE 1".to_owned()
                }
            },
            Op::Move(from, to) => {
                if !open.rows.contains_key(&from) {
                    return "UPDATE 0".to_owned();
                }
                if from != to && open.rows.contains_key(&to) {
                    open.failed = true;
                    return duplicate.to_owned();
                }
                if let Some(value) = open.rows.remove(&from) {
                    open.rows.insert(to, value);
                }
                open.touched.extend([from, to]);
                "UPDATE 1".to_owned()
            }
            Op::Commit | Op::Rollback => unreachable!("answered above"),
        }
    }

    fn commit(&mut self, session: usize) -> String {
        let Some(open) = self.open[session].take() else {
            return "COMMIT".to_owned();
        };
        if open.failed {
            return "ROLLBACK".to_owned();
        }
        if open.touched.is_empty() && open.key_shared.is_empty() {
            return "COMMIT".to_owned();
        }
        let touched = open.touched.iter().copied();
        let deletes: BTreeSet<u8> = touched.filter(|key| !open.rows.contains_key(key)).collect();
        let since = |what: &[(usize, u8)], keys: &BTreeSet<u8>| {
            what.iter()
                .any(|(commit, key)| *commit > open.snapshot && keys.contains(key))
        };
        let conflicts = since(&self.touched, &open.touched)
            || since(&self.key_shared, &deletes)
            || since(&self.deleted, &open.key_shared);
        if conflicts {
            return "40001: change conflicts with another transaction (OC000)".to_owned();
        }
        let mut next = self.states[self.states.len() - 1].clone();
        for key in &open.touched {
            match open.rows.get(key) {
                Some(value) => next.insert(*key, *value),
                None => next.remove(key),
            };
        }
        self.states.push(next);
        let commit = self.states.len() - 1;
        let now = |keys: BTreeSet<u8>| keys.into_iter().map(move |key| (commit, key));
        self.touched.extend(now(open.touched));
        self.deleted.extend(now(deletes));
        self.key_shared.extend(now(open.key_shared));
        "COMMIT".to_owned()
    }
}

fn text(op: Op) -> String {
    match op {
        Op::Read(key) => format!("SELECT v FROM t WHERE k = {key}"),
        Op::Scan => "SELECT k, v FROM t".to_owned(),
        Op::Upsert(key, value) => format!(
            "INSERT INTO t VALUES ({key}, {value}) ON CONFLICT (k) DO UPDATE SET v = excluded.v"
        ),
        Op::Insert(key, value) => format!("INSERT INTO t VALUES ({key}, {value})"),
        Op::Increment(key) => format!("UPDATE t SET v = v + 1 WHERE k = {key}"),
        Op::Delete(key) => format!("DELETE FROM t WHERE k = {key}"),
        Op::Lock(key) => format!("SELECT v FROM t WHERE k = {key} FOR UPDATE"),
        Op::KeyShare(key) => format!("SELECT v FROM t WHERE k = {key} FOR KEY SHARE"),
        Op::Move(from, to) => format!("UPDATE t SET k = {to} WHERE k = {from}"),
        Op::Commit => "COMMIT".to_owned(),
        Op::Rollback => "ROLLBACK".to_owned(),
    }
}

/// The first step on which engine and model differ.
fn difference(defects: Defects, seed: u64, schedule: &[(usize, Op)]) -> Option<String> {
    let database: Arc<Database> = Database::new(defects, seed, Limits::default());
    let mut clients: Vec<_> = (0..SESSIONS).map(|_| Client::of(&database)).collect();
    clients[0].sql("CREATE TABLE t (k INT PRIMARY KEY, v INT)");
    let mut model = Model::new();
    let mut in_block = [false; SESSIONS];
    for (at, &(session, op)) in schedule.iter().enumerate() {
        let is_end = matches!(op, Op::Commit | Op::Rollback);
        if !in_block[session] {
            if is_end {
                continue;
            }
            clients[session].sql("BEGIN");
        }
        in_block[session] = !is_end;
        let expected = model.apply(session, op);
        let found = clients[session].sql(&text(op));
        if found != expected {
            return Some(format!(
                "step {at}, session {session}, {op:?}: {found}, expected {expected}"
            ));
        }
    }
    None
}

proptest! {
    #![proptest_config(Config { cases: 400, failure_persistence: None, ..Config::default() })]

    #[test]
    fn the_engine_is_snapshot_isolation(schedule in schedule(1..60)) {
        prop_assert_eq!(difference(Defects::default(), 0, &schedule), None);
    }
}

#[test]
fn every_defect_breaks_it() {
    for name in Defects::NAMES {
        let defects: Defects = name.parse().unwrap();
        let mut runner = TestRunner::deterministic();
        let broken = (0..500).any(|seed| {
            // Long, since the first commits to a table are spared.
            let schedule = schedule(100..200).new_tree(&mut runner).unwrap().current();
            difference(defects, seed, &schedule).is_some()
        });
        assert!(broken, "{name} was never noticed");
    }
}
