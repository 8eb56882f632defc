//! What the embedded global tables can be asked to be. Data only.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::credentials::Credentials;

/// How to start [`super::GlobalTables`].
#[derive(Debug, Clone)]
pub struct Options {
    /// One endpoint a region, at least one, no name twice.
    pub regions: Vec<String>,
    /// Of a global table whose `UpdateTable` names no `MultiRegionConsistency`.
    pub consistency: Consistency,
    /// How long an asynchronous replication takes.
    pub lag: Lag,
    /// What a strongly consistent request pays, there and back.
    pub inter_region_rtt: Duration,
    /// Faults of the database itself, for showing that a checker finds them.
    pub defects: Defects,
    /// The only credentials that are accepted.
    pub credentials: Credentials,
    /// Of the lags and the defects.
    pub seed: u64,
    /// Ports on 127.0.0.1, one a region in order; empty lets the system pick.
    pub ports: Vec<u16>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            regions: vec!["us-east-1".to_owned(), "us-east-2".to_owned()],
            consistency: Consistency::Mrec,
            lag: Lag::default(),
            inter_region_rtt: Duration::from_millis(12),
            defects: Defects::default(),
            credentials: Credentials::default(),
            seed: 0,
            ports: Vec::new(),
        }
    }
}

/// The consistency mode of a global table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Consistency {
    /// Multi-region eventual consistency: local writes, asynchronous replication.
    #[default]
    Mrec,
    /// Multi-region strong consistency: synchronous writes, linearizable reads.
    Mrsc,
}

/// The distribution of replication lags: at least `min`, half of them below
/// `median`, exponentially fewer above it, none above `max`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lag {
    /// No replication is faster.
    pub min: Duration,
    /// Half of them are.
    pub median: Duration,
    /// No replication is slower.
    pub max: Duration,
}

impl Default for Lag {
    /// AWS promises "usually within a second".
    fn default() -> Self {
        Self {
            min: Duration::from_millis(250),
            median: Duration::from_millis(450),
            max: Duration::from_millis(900),
        }
    }
}

impl Lag {
    /// Every replication takes exactly this long.
    pub fn fixed(lag: Duration) -> Self {
        Self {
            min: lag,
            median: lag,
            max: lag,
        }
    }

    pub(super) fn sample(&self, rng: &mut fastrand::Rng) -> Duration {
        let beyond_min = self.median.saturating_sub(self.min);
        // -log2(u) has median 1; u is never 0, so this stays finite.
        let factor = -(1.0 - rng.f64()).log2();
        (self.min + beyond_min.mul_f64(factor.max(0.0))).min(self.max)
    }
}

/// One of the seeded defects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Defect {
    /// Some replications never arrive.
    DropReplication,
    /// A put into a table whose name contains `ledger` is sometimes applied twice,
    /// the second time under a new `sale_id`.
    DuplicateLedgerWrite,
    /// A replicated row of such a table arrives with another `buyer`.
    CorruptLedgerRow,
}

impl Defect {
    /// Every defect.
    pub const ALL: [Self; 3] = [
        Self::DropReplication,
        Self::DuplicateLedgerWrite,
        Self::CorruptLedgerRow,
    ];

    /// The name of its switch.
    pub fn name(self) -> &'static str {
        match self {
            Self::DropReplication => "drop-replication",
            Self::DuplicateLedgerWrite => "duplicate-ledger-write",
            Self::CorruptLedgerRow => "corrupt-ledger-row",
        }
    }
}

impl fmt::Display for Defect {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

/// A name that no defect has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "no defect is called {0:?}; there are drop-replication, duplicate-ledger-write and corrupt-ledger-row"
)]
pub struct UnknownDefect(pub String);

impl FromStr for Defect {
    type Err = UnknownDefect;

    fn from_str(name: &str) -> Result<Self, UnknownDefect> {
        Self::ALL
            .into_iter()
            .find(|defect| defect.name() == name)
            .ok_or_else(|| UnknownDefect(name.to_owned()))
    }
}

/// The defects that are switched on; none by default.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Defects(Vec<Defect>);

impl Defects {
    /// Whether this one is on.
    pub fn has(&self, defect: Defect) -> bool {
        self.0.contains(&defect)
    }

    /// Whether all are off.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<Defect> for Defects {
    fn from_iter<I: IntoIterator<Item = Defect>>(defects: I) -> Self {
        Self(defects.into_iter().collect())
    }
}

impl FromStr for Defects {
    type Err = UnknownDefect;

    /// Names separated by commas.
    fn from_str(names: &str) -> Result<Self, UnknownDefect> {
        names
            .split(',')
            .map(str::trim)
            .filter(|name| !name.is_empty())
            .map(Defect::from_str)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_defect_is_found_by_its_name() {
        for defect in Defect::ALL {
            assert_eq!(defect.name().parse(), Ok(defect));
        }
        let both: Defects = "drop-replication, corrupt-ledger-row".parse().unwrap();
        assert!(both.has(Defect::DropReplication) && both.has(Defect::CorruptLedgerRow));
        assert!(!both.has(Defect::DuplicateLedgerWrite));
        assert!("drop".parse::<Defects>().is_err());
    }

    #[test]
    fn lags_stay_within_their_bounds_around_their_median() {
        let (lag, mut rng) = (Lag::default(), fastrand::Rng::with_seed(7));
        let mut samples: Vec<_> = (0..2_001).map(|_| lag.sample(&mut rng)).collect();
        samples.sort();
        assert!(samples[0] >= lag.min && samples[2_000] <= lag.max);
        assert!(samples[1_000].abs_diff(lag.median) < Duration::from_millis(30));
        assert_eq!(Lag::fixed(Duration::ZERO).sample(&mut rng), Duration::ZERO);
    }
}
