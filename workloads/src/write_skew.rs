//! Write skew: pairs of registers, of which each client reads both and writes one,
//! always the first or always the second. Two that write different ones and saw neither
//! the other's write are in no order: each must have come before the other. Snapshot
//! isolation lets them both commit, since they write different rows; where rows are read
//! for update, one is refused.
//!
//! Every write follows a read of the same register, so that the order of its values can
//! be told from the reads alone. Many clients go for few pairs at once, so that those
//! who write the same register conflict and two of the others are left to pass.
//!
//! It heeds `bursts`, `keys` (pairs), `requests` and `seed` of [`Parameters`].

use async_trait::async_trait;
use serde_json::{Value, json};

use crate::register::REGISTERS;
use crate::transactions::{APPS, Generator, bursts, perform, read};
use crate::{Attempted, BadParameters, Burst, Connection, Parameters, Request, Table, Workload};

/// The workload `write-skew`.
pub struct WriteSkew;

#[async_trait]
impl Workload for WriteSkew {
    fn name(&self) -> &'static str {
        "write-skew"
    }

    fn about(&self) -> &'static str {
        "transactions that read two registers and write one: is each as if it were alone?"
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
            bursts: vec![24],
            requests: 10,
            ..Parameters::default()
        }
    }

    fn tables(&self) -> &'static [&'static Table] {
        &[&REGISTERS]
    }

    fn bursts(&self, parameters: &Parameters) -> Result<Vec<Burst>, BadParameters> {
        let pairs = Pairs {
            random: fastrand::Rng::with_seed(parameters.seed),
            regions: parameters.regions,
            pairs: parameters.keys as u64,
            written: 0,
        };
        bursts(parameters, &REGISTERS, pairs)
    }

    async fn perform(&self, app: &str, db: &mut dyn Connection, request: &Request) -> Attempted {
        perform(app, &REGISTERS, db, request).await
    }
}

struct Pairs {
    random: fastrand::Rng,
    regions: usize,
    pairs: u64,
    /// The last value that was written.
    written: u64,
}

impl Generator for Pairs {
    fn transaction(&mut self, client: usize, _: usize) -> Vec<Value> {
        let first = 2 * self.random.u64(0..self.pairs);
        // Both kinds of clients in every region, and two clients are of both kinds.
        let second = (client % self.regions + client / self.regions) % 2 == 1;
        self.written += 1;
        let write = json!(["w", first + u64::from(second), self.written]);
        vec![read(first), read(first + 1), write]
    }

    fn keys(&self) -> u64 {
        2 * self.pairs
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;
    use crate::transactions::tests::transactions;

    #[test]
    fn a_pair_is_read_whole_and_each_client_keeps_to_one_of_it() {
        for regions in [1, 2, 3] {
            let parameters = Parameters {
                bursts: vec![24],
                keys: 3,
                requests: 30,
                regions,
                ..Parameters::default()
            };
            let bursts = WriteSkew.bursts(&parameters).unwrap();
            let mut kinds = BTreeMap::<_, BTreeSet<_>>::new();
            let mut pairs = BTreeSet::new();
            for (client, requests) in transactions(&bursts[0]).into_iter().enumerate() {
                let mut mine = BTreeSet::new();
                for ops in requests {
                    let [x, y, written] = [0, 1, 2].map(|n| ops[n][1].as_u64().unwrap());
                    assert_eq!((x % 2, y), (0, x + 1));
                    assert_eq!((&ops[0], &ops[1]), (&read(x), &read(y)));
                    assert_eq!(ops[2][0], "w");
                    assert_eq!(written - written % 2, x, "one of the two");
                    mine.insert(written % 2);
                    pairs.insert(x);
                }
                assert_eq!(mine.len(), 1);
                kinds.entry(client % regions).or_default().extend(mine);
            }
            assert_eq!(pairs, BTreeSet::from([0, 2, 4]));
            assert!(kinds.values().all(|kinds| kinds.len() == 2), "{kinds:?}");
        }
    }
}
