//! What can be wrong on purpose, and the limits that can be moved for a test.

use std::str::FromStr;
use std::time::Duration;

/// Seeded defects, all off by default: each breaks one promise of the database, so
/// that a checker can be shown to notice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Defects {
    /// Commits are not checked for conflicts: the last writer of a row wins.
    pub skip_conflict_check: bool,
    /// Some snapshots are a few commits behind, and the commit check does not notice:
    /// reads are stale and updates built on them are lost.
    pub stale_snapshot: bool,
    /// Some commits are acknowledged and then gone.
    pub lost_commit: bool,
    /// Some transactions see rows that others have written and not committed, and may
    /// never commit.
    pub dirty_read: bool,
}

/// A name that is no defect's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no defect is named {0:?}; there are {known}", known = Defects::NAMES.join(", "))]
pub struct UnknownDefect(String);

impl Defects {
    /// The names of the defects.
    pub const NAMES: [&str; 4] = [
        "skip-conflict-check",
        "stale-snapshot",
        "lost-commit",
        "dirty-read",
    ];

    /// Switches a defect on by its name.
    pub fn enable(&mut self, name: &str) -> Result<(), UnknownDefect> {
        match name {
            "skip-conflict-check" => self.skip_conflict_check = true,
            "stale-snapshot" => self.stale_snapshot = true,
            "lost-commit" => self.lost_commit = true,
            "dirty-read" => self.dirty_read = true,
            _ => return Err(UnknownDefect(name.to_owned())),
        }
        Ok(())
    }
}

impl FromStr for Defects {
    type Err = UnknownDefect;

    /// Reads names with commas between; nothing means no defect.
    fn from_str(names: &str) -> Result<Self, UnknownDefect> {
        let mut defects = Self::default();
        for name in names
            .split(',')
            .map(str::trim)
            .filter(|name| !name.is_empty())
        {
            defects.enable(name)?;
        }
        Ok(defects)
    }
}

/// The limits of the service, at its own values by default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Rows that a transaction may write.
    pub transaction_rows_max: usize,
    /// Bytes that a transaction may write.
    pub transaction_bytes_max: usize,
    /// How long a transaction may take.
    pub transaction_age_max: Duration,
    /// Connections open at a time, over both regions.
    pub connections_max: usize,
    /// How long a connection may stay open.
    pub connection_age_max: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            transaction_rows_max: 3000,
            transaction_bytes_max: 10 << 20,
            transaction_age_max: Duration::from_secs(300),
            connections_max: 10_000,
            connection_age_max: Duration::from_secs(3600),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_switches_its_defect_on() {
        assert_eq!("".parse(), Ok(Defects::default()));
        let all: Defects = Defects::NAMES.join(", ").parse().unwrap();
        assert!(all.skip_conflict_check && all.stale_snapshot);
        assert!(all.lost_commit && all.dirty_read);
        for name in Defects::NAMES {
            assert_ne!(name.parse(), Ok(Defects::default()));
        }
        let error = "lost-comit".parse::<Defects>().unwrap_err();
        assert!(error.to_string().contains("lost-commit"));
    }
}
