//! Long fork, after Jepsen's workload of that name: registers in small groups, each
//! written once and alone, and groups read whole. Two writes that know nothing of each
//! other may come in any order, but in one: where one reader saw only the first and
//! another only the second, the database's past has forked. Snapshot isolation allows
//! no such thing, parallel snapshot isolation does.
//!
//! A client that has written reads the group right after; otherwise it writes the next
//! register, or reads a group that others are at.
//!
//! It heeds `bursts`, `keys` (of a group), `requests` and `seed` of [`Parameters`].

use async_trait::async_trait;
use serde_json::{Value, json};

use crate::register::REGISTERS;
use crate::transactions::{APPS, Generator, bursts, perform, read};
use crate::{Attempted, BadParameters, Burst, Connection, Parameters, Request, Table, Workload};

/// The workload `long-fork`.
pub struct LongFork;

#[async_trait]
impl Workload for LongFork {
    fn name(&self) -> &'static str {
        "long-fork"
    }

    fn about(&self) -> &'static str {
        "registers written once and read in groups: do all see the writes in one order?"
    }

    fn apps(&self) -> &'static [(&'static str, &'static str)] {
        APPS
    }

    fn heeds(&self) -> &'static [&'static str] {
        &["--keys", "--requests"]
    }

    fn defaults(&self) -> Parameters {
        Parameters {
            app: APPS[0].0.into(),
            bursts: vec![20],
            keys: 3,
            requests: 20,
            ..Parameters::default()
        }
    }

    fn tables(&self) -> &'static [&'static Table] {
        &[&REGISTERS]
    }

    fn bursts(&self, parameters: &Parameters) -> Result<Vec<Burst>, BadParameters> {
        let groups = Groups {
            random: fastrand::Rng::with_seed(parameters.seed),
            size: parameters.keys as u64,
            written: 0,
            unread: Vec::new(),
        };
        bursts(parameters, &REGISTERS, groups)
    }

    async fn perform(&self, app: &str, db: &mut dyn Connection, request: &Request) -> Attempted {
        perform(app, &REGISTERS, db, request).await
    }
}

struct Groups {
    random: fastrand::Rng,
    /// Keys of a group; the first so many are the first group, and so on.
    size: u64,
    /// Keys that were written, from 0 on.
    written: u64,
    /// By client, the key that it has written, and not read since.
    unread: Vec<Option<u64>>,
}

impl Groups {
    /// Reads the key's group, in no particular order.
    fn read(&mut self, key: u64) -> Vec<Value> {
        let first = key - key % self.size;
        let mut keys: Vec<_> = (first..first + self.size).collect();
        self.random.shuffle(&mut keys);
        keys.into_iter().map(read).collect()
    }
}

impl Generator for Groups {
    fn transaction(&mut self, client: usize, clients: usize) -> Vec<Value> {
        self.unread.resize(self.unread.len().max(clients), None);
        if let Some(key) = self.unread[client].take() {
            return self.read(key);
        }
        if self.written == 0 || self.random.bool() {
            let key = self.written;
            self.written += 1;
            self.unread[client] = Some(key);
            // The key is written once; what is written tells the keys apart in a report.
            return vec![json!(["w", key, self.written])];
        }
        let lately = self.written.saturating_sub(clients as u64)..self.written;
        let key = self.random.u64(lately);
        self.read(key)
    }

    fn keys(&self) -> u64 {
        self.written.next_multiple_of(self.size)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;
    use crate::transactions::tests::transactions;

    #[test]
    fn a_key_is_written_once_and_alone_and_then_its_group_is_read_whole() {
        let parameters = Parameters {
            bursts: vec![20, 10],
            keys: 3,
            requests: 30,
            ..Parameters::default()
        };
        let bursts = LongFork.bursts(&parameters).unwrap();
        let mut written = BTreeSet::new();
        for burst in &bursts[..2] {
            for client in transactions(burst) {
                let mut unread = None;
                for ops in client {
                    let keys: Vec<_> = ops.iter().map(|op| op[1].as_u64().unwrap()).collect();
                    if ops[0][0] == "w" {
                        assert_eq!((ops.len(), unread), (1, None));
                        assert!(written.insert(keys[0]));
                        unread = Some(keys[0] / 3);
                        continue;
                    }
                    let groups: BTreeSet<_> = keys.iter().map(|key| key / 3).collect();
                    let keys: BTreeSet<_> = keys.into_iter().collect();
                    assert_eq!((groups.len(), keys.len(), ops.len()), (1, 3, 3));
                    if let Some(group) = unread.take() {
                        assert!(groups.contains(&group));
                    }
                }
            }
        }
        assert!(
            written.len() > 200 && written.len() < 500,
            "{}",
            written.len()
        );
    }

    /// What a fork needs is that both regions write to a group.
    #[test]
    fn nearly_every_group_is_written_from_both_regions() {
        let parameters = Parameters {
            regions: 2,
            ..LongFork.defaults()
        };
        let bursts = LongFork.bursts(&parameters).unwrap();
        let mut regions = BTreeMap::<u64, BTreeSet<usize>>::new();
        for client in &bursts[0].clients {
            for request in client.requests.iter().filter(|r| r.value[0][0] == "w") {
                let key = request.value[0][1].as_u64().unwrap();
                regions.entry(key / 3).or_default().insert(client.region);
            }
        }
        let both = regions
            .values()
            .filter(|regions| regions.len() == 2)
            .count();
        assert!(both * 3 > regions.len() * 2, "{both} of {}", regions.len());
    }
}
