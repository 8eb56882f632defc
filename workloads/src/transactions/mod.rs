//! Transactions of micro-operations, as Jepsen and Elle have them, and what the
//! workloads that make them share. A request's value is a list of these:
//!
//! | micro-operation | asks for | completes as |
//! |---|---|---|
//! | `["r", 3, null]` | the value of key 3 | `["r", 3, 7]`, `["r", 3, [1, 2]]`; null if never written |
//! | `["w", 3, 7]` | writing 7 over it | the same |
//! | `["append", 3, 7]` | 7 at the end of the list | the same |
//!
//! No value is written twice to a key, so that a read tells which write it saw. Every
//! key has its row before a burst begins, without a value: a row that is not there
//! cannot be held for update, and null is read of it all the same. When the regions
//! have had time to agree, a client in each reads all keys: what those reads show
//! recovers the order of the last writes.
//!
//! Each workload says which transactions there are (a [`Generator`]); `app.rs` is the
//! application code, one for all. What was recorded is for a checker to judge.

mod app;
mod mixed;

use std::ops::Range;

use serde_json::{Value, json};

pub(crate) use app::{APPS, perform};
pub(crate) use mixed::Mixed;

use crate::{BadParameters, Burst, Client, Parameters, Request, Row, Table, limits};

/// Keys that a transaction of the last look reads at most.
const LAST_LOOK_KEYS_MAX: u64 = 16;

/// Says which transactions there are. Keys are numbers from 0 on.
pub(crate) trait Generator {
    /// The micro-operations of the next transaction of this client, one of so many.
    fn transaction(&mut self, client: usize, clients: usize) -> Vec<Value>;

    /// How many keys are in use by now. It never shrinks.
    fn keys(&self) -> u64;
}

/// The bursts that were asked for, and the last look. Clients stand in all regions in
/// turn. Every client's first transaction is generated before the second of any, since
/// that is about the order in which they will be made: keys that a generator has in use
/// at a time meet at the database, too.
pub(crate) fn bursts(
    parameters: &Parameters,
    table: &'static Table,
    mut generator: impl Generator,
) -> Result<Vec<Burst>, BadParameters> {
    limits::check_transactions(parameters)?;
    let regions = parameters.regions;
    let mut bursts = Vec::new();
    let mut there = 0;
    for &count in &parameters.bursts {
        let mut clients = vec![Vec::with_capacity(parameters.requests); count];
        for _ in 0..parameters.requests {
            for (number, requests) in clients.iter_mut().enumerate() {
                requests.push(request(generator.transaction(number, count)));
            }
        }
        let keys = generator.keys();
        bursts.push(Burst {
            rows: (there..keys).map(|key| (table, unwritten(key))).collect(),
            notes: Vec::new(),
            clients: clients
                .into_iter()
                .enumerate()
                .map(|(number, requests)| Client {
                    region: number % regions,
                    requests,
                })
                .collect(),
            reads_only: false,
        });
        there = keys;
    }
    bursts.push(last_look(0..there, regions));
    Ok(bursts)
}

/// A read, to be asked for.
pub(crate) fn read(key: u64) -> Value {
    json!(["r", key, null])
}

fn request(ops: Vec<Value>) -> Request {
    Request {
        f: "txn",
        key: None,
        value: ops.into(),
    }
}

fn unwritten(key: u64) -> Row {
    Row::from([("key".into(), key.to_string())])
}

/// One client a region, which reads every key.
fn last_look(keys: Range<u64>, regions: usize) -> Burst {
    let first_keys = keys.clone().step_by(LAST_LOOK_KEYS_MAX as usize);
    let requests: Vec<_> = first_keys
        .map(|first| first..keys.end.min(first + LAST_LOOK_KEYS_MAX))
        .map(|some| request(some.map(read).collect()))
        .collect();
    Burst {
        rows: Vec::new(),
        notes: Vec::new(),
        clients: (0..regions)
            .map(|region| Client {
                region,
                requests: requests.clone(),
            })
            .collect(),
        reads_only: true,
    }
}

/// What the tests of every workload of transactions look at.
#[cfg(test)]
pub(crate) mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

    use super::*;
    use crate::Workload;

    /// The micro-operations of each transaction, by client and burst.
    pub(crate) fn transactions(burst: &Burst) -> Vec<Vec<Vec<Value>>> {
        let ops = |request: &Request| request.value.as_array().unwrap().clone();
        let clients = burst.clients.iter();
        clients
            .map(|client| client.requests.iter().map(ops).collect())
            .collect()
    }

    /// All micro-operations of a burst.
    pub(crate) fn ops(burst: &Burst) -> Vec<(String, u64, Value)> {
        let all = transactions(burst).into_iter().flatten().flatten();
        all.map(|op| serde_json::from_value(op).unwrap()).collect()
    }

    fn parameters() -> impl Strategy<Value = Parameters> {
        let ops = (1..6_usize, 0..5_usize);
        let shape = (prop::collection::vec(1..20_usize, 1..4), 1..12_usize);
        (
            shape,
            ops,
            1..9_usize,
            1..10_usize,
            any::<u64>(),
            1..4_usize,
        )
            .prop_map(
                |((bursts, requests), (min, more), keys, writes_per_key, seed, regions)| {
                    Parameters {
                        bursts,
                        requests,
                        ops: min..=min + more,
                        keys,
                        writes_per_key,
                        seed,
                        regions,
                        ..Parameters::default()
                    }
                },
            )
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn every_workload_of_transactions_keeps_the_rules(p in parameters()) {
            let of_transactions = |w: &&&dyn Workload| w.apps() == APPS;
            let workloads: Vec<_> = crate::registry().iter().filter(of_transactions).collect();
            prop_assert_eq!(workloads.len(), 4);
            for workload in workloads {
                keeps_the_rules(*workload, &p)?;
            }
        }
    }

    fn keeps_the_rules(workload: &dyn Workload, p: &Parameters) -> Result<(), TestCaseError> {
        let bursts = workload.bursts(p).unwrap();
        prop_assert_eq!(&bursts, &workload.bursts(p).unwrap(), "the seed decides");
        prop_assert_eq!(bursts.len(), p.bursts.len() + 1);
        let mut there = BTreeSet::new();
        let mut written = BTreeMap::<u64, BTreeSet<u64>>::new();
        for (burst, &count) in bursts.iter().zip(&p.bursts) {
            prop_assert!(!burst.reads_only);
            prop_assert_eq!(burst.clients.len(), count);
            for (number, client) in burst.clients.iter().enumerate() {
                prop_assert_eq!(client.region, number % p.regions);
                prop_assert_eq!(client.requests.len(), p.requests);
                for request in &client.requests {
                    prop_assert_eq!((request.f, &request.key), ("txn", &None));
                }
            }
            for (table, row) in &burst.rows {
                prop_assert_eq!(workload.tables(), &[*table]);
                prop_assert_eq!(
                    row.keys().collect::<Vec<_>>(),
                    ["key"],
                    "nothing is written yet"
                );
                let is_new = there.insert(row["key"].parse::<u64>().unwrap());
                prop_assert!(
                    is_new,
                    "a row that is put down twice loses what was written to it"
                );
            }
            for (f, key, value) in ops(burst) {
                prop_assert!(
                    there.contains(&key),
                    "a row that is not there cannot be held"
                );
                if f == "r" {
                    prop_assert!(value.is_null());
                } else {
                    let is_new = written
                        .entry(key)
                        .or_default()
                        .insert(value.as_u64().unwrap());
                    prop_assert!(is_new, "{} is written to {} twice", value, key);
                }
            }
        }
        let last = bursts.last().unwrap();
        prop_assert!(last.reads_only && last.rows.is_empty());
        let regions: Vec<_> = last.clients.iter().map(|client| client.region).collect();
        prop_assert_eq!(regions, (0..p.regions).collect::<Vec<_>>());
        for client in transactions(last) {
            let client: Vec<_> = client.into_iter().flatten().collect();
            let all: Vec<_> = there.iter().map(|&key| read(key)).collect();
            prop_assert_eq!(client, all);
        }
        Ok(())
    }
}
