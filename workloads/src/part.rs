//! A run in several parts, one a host: the same bursts, of which each part performs the
//! requests of its own clients. Nothing is made up by a part, so no two write one value.
//!
//! It says who does what. How parts find each other is the runner's business.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

use crate::{BadParameters, Burst, Parameters, Table, Workload};

/// More parts than that nobody has hosts for.
const PARTS_MAX: usize = 100;

/// Where the parts of a run meet: rows are appended and never changed.
pub const PARTS: Table = Table {
    name: "parts",
    key: "id",
    columns: &["run", "part", "step", "plan", "at"],
};

/// A name for a run that no other has; of two, the later is the greater, as clocks go.
pub fn new_run() -> String {
    Uuid::now_v7().to_string()
}

/// One part of so many, as `2/3` says it.
///
/// ```
/// let part: witness_workloads::Part = "2/3".parse()?;
/// assert_eq!((part.number(), part.of(), part.is_first()), (2, 3, false));
/// assert_eq!(part.to_string(), "2/3");
/// assert!("4/3".parse::<witness_workloads::Part>().is_err());
/// # Ok::<(), String>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    number: usize,
    of: usize,
}

impl FromStr for Part {
    type Err = String;

    fn from_str(text: &str) -> Result<Part, String> {
        let numbers = text.split_once('/');
        let numbers = numbers.and_then(|(number, of)| {
            Some(Part {
                number: number.trim().parse().ok()?,
                of: of.trim().parse().ok()?,
            })
        });
        let sound = |p: &Part| (2..=PARTS_MAX).contains(&p.of) && (1..=p.of).contains(&p.number);
        numbers
            .filter(sound)
            .ok_or_else(|| format!("expected PART/PARTS, such as 1/2; of {PARTS_MAX} at most"))
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.of)
    }
}

impl Part {
    /// Which it is, from 1.
    pub fn number(self) -> usize {
        self.number
    }

    /// How many there are.
    pub fn of(self) -> usize {
        self.of
    }

    /// The first makes the tables and puts the rows down; the others find them there.
    pub fn is_first(self) -> bool {
        self.number == 1
    }

    /// This part's share of the workload's bursts.
    ///
    /// # Errors
    /// The parameters make no workload, or none that can be shared out.
    pub fn bursts(
        self,
        workload: &dyn Workload,
        parameters: &Parameters,
    ) -> Result<Vec<Burst>, BadParameters> {
        let mut bursts = workload.bursts(parameters)?;
        let refuse = |why: &str| {
            let name = workload.name();
            Err(BadParameters(format!("{name} cannot run in parts: {why}")))
        };
        // The other parts make the bursts themselves.
        if workload.bursts(parameters)? != bursts {
            return refuse(
                "its requests have identifiers that are made up anew by each part (a request that is sent twice has)",
            );
        }
        let mut rows = BTreeSet::new();
        for (table, row) in bursts.iter().flat_map(|burst| &burst.rows) {
            if !rows.insert((table.name, row.get(table.key))) {
                return refuse(
                    "a row is put down again between bursts, where others may still be at it (a seat goes back on sale)",
                );
            }
        }
        for burst in &mut bursts {
            self.share(burst, parameters.regions);
        }
        if bursts.iter().all(|burst| burst.clients.is_empty()) {
            return refuse(&format!("there is no client for part {self}"));
        }
        Ok(bursts)
    }

    /// Where there are no more parts than regions, a region's clients are all of one part;
    /// else those who share a region have every so manieth of them.
    fn share(self, burst: &mut Burst, regions: usize) {
        let groups = self.of.min(regions);
        let (group, mine) = ((self.number - 1) % groups, (self.number - 1) / groups);
        let sharers = (self.of - group).div_ceil(groups);
        let mut dealt = 0;
        burst.clients.retain(|client| {
            if client.region % groups != group {
                return false;
            }
            dealt += 1;
            (dealt - 1) % sharers == mine
        });
        if !self.is_first() {
            burst.rows.clear();
            burst.notes.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Client, find, registry};

    fn part(number: usize, of: usize) -> Part {
        Part { number, of }
    }

    fn small(workload: &dyn Workload, regions: usize, seed: u64) -> Parameters {
        Parameters {
            bursts: vec![13, 7],
            requests: 6,
            regions,
            seed,
            ..workload.defaults()
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn every_client_is_of_one_part_and_rows_are_of_the_first(of in 2..8_usize, regions in 1..4_usize, seed: u64) {
            for workload in registry() {
                let parameters = small(*workload, regions, seed);
                let whole = workload.bursts(&parameters).unwrap();
                let parts: Vec<_> = (1..=of)
                    .map(|number| part(number, of).bursts(*workload, &parameters).unwrap())
                    .collect();
                for (number, burst) in whole.iter().enumerate() {
                    prop_assert_eq!(&parts[0][number].rows, &burst.rows);
                    prop_assert!(parts[1..].iter().all(|part| part[number].rows.is_empty()));
                    let text = |client: &Client| format!("{client:?}");
                    let mut shared: Vec<_> =
                        parts.iter().flat_map(|part| &part[number].clients).map(text).collect();
                    let mut all: Vec<_> = burst.clients.iter().map(text).collect();
                    shared.sort();
                    all.sort();
                    prop_assert_eq!(shared, all);
                    if of <= regions {
                        for region in 0..regions {
                            let here = |part: &&Vec<Burst>| {
                                part[number].clients.iter().any(|c| c.region == region)
                            };
                            prop_assert!(parts.iter().filter(here).count() <= 1);
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn two_parts_of_one_region_have_half_of_the_clients_each() {
        let register = find("register").unwrap();
        let parameters = small(register, 1, 7);
        let clients = |number| {
            let bursts = part(number, 2).bursts(register, &parameters).unwrap();
            bursts.iter().map(|b| b.clients.len()).collect::<Vec<_>>()
        };
        assert_eq!((clients(1), clients(2)), (vec![7, 4], vec![6, 3]));
    }

    #[test]
    fn what_parts_cannot_know_of_each_other_is_refused() {
        let seats = find("seats").unwrap();
        let refused = |change: fn(&mut Parameters)| {
            let mut parameters = small(seats, 2, 7);
            change(&mut parameters);
            let refused = part(2, 2).bursts(seats, &parameters).unwrap_err();
            refused.to_string()
        };
        for twice in [
            refused(|p| p.send_twice = true),
            refused(|p| p.app = "idempotent".into()),
        ] {
            assert!(twice.starts_with("seats cannot run in parts"), "{twice}");
            assert!(twice.contains("sent twice"), "{twice}");
        }
        let again = refused(|p| p.seat = Some("A1".into()));
        assert!(again.contains("goes back on sale"), "{again}");
        let nobody = refused(|p| p.bursts = vec![1]);
        assert!(
            nobody.ends_with("there is no client for part 2/2"),
            "{nobody}"
        );
        let wrong = refused(|p| p.bursts = vec![]);
        assert_eq!(wrong, "no burst was asked for");
    }

    #[test]
    fn a_part_is_one_of_those_there_are() {
        for wrong in ["", "1", "0/2", "3/2", "1/1", "1/101", "-1/2", "1/2/3"] {
            assert!(wrong.parse::<Part>().is_err(), "{wrong}");
        }
        assert_eq!("100/100".parse(), Ok(part(100, 100)));
    }
}
