//! The seeded defects of the store: which snapshot is behind, and which commit is
//! acknowledged and then gone. It may not touch a row; it only says when.
//!
//! Commits are counted apart by the tables they write, so that no rhythm of a
//! workload (put a seat down, sell it, put the next one down) can keep the commits
//! that matter off the count. Of those that write several tables one of the first
//! two is lost, and so is one in every few after it; of those that write one table,
//! as the filling of tables does, none is lost for some time.

use std::collections::HashMap;
use std::ops::RangeInclusive;

use super::catalog::RelationId;

/// With the defect `stale-snapshot`, how far behind a snapshot may be, in commits.
pub const STALE_COMMITS_MAX: u64 = 3;
/// Of so many snapshots in a row, one is behind.
const STALE_ONE_IN: u64 = 4;
/// With the defect `lost-commit`, of so many commits to the same several tables one
/// is lost: by the seed.
const LOST_ONE_IN: RangeInclusive<u64> = 2..=4;
/// The same for commits to one table: the last of so many.
const ALONE_ONE_IN: RangeInclusive<u64> = 6..=9;

/// How often each defect of one database had its occasion.
#[derive(Debug)]
pub struct Seeded {
    seed: u64,
    snapshots: u64,
    /// Commits by the tables they wrote.
    commits: HashMap<Vec<RelationId>, u64>,
}

impl Seeded {
    /// No occasion yet.
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            snapshots: 0,
            commits: HashMap::new(),
        }
    }

    /// With `stale-snapshot`, how many commits the next snapshot is behind.
    pub fn staleness(&mut self) -> u64 {
        let (round, place) = (self.snapshots / STALE_ONE_IN, self.snapshots % STALE_ONE_IN);
        self.snapshots += 1;
        // A place drawn anew for every round: no rhythm can avoid it for long.
        let random = mix(self.seed ^ mix(round));
        if place == random % STALE_ONE_IN {
            1 + (random >> 32) % STALE_COMMITS_MAX
        } else {
            0
        }
    }

    /// With `lost-commit`, whether the next commit, which writes `tables`, is lost.
    pub fn loses(&mut self, tables: Vec<RelationId>) -> bool {
        if tables.is_empty() {
            return false;
        }
        let random = mix(self.seed);
        let pick = |range: RangeInclusive<u64>| {
            let (min, max) = range.into_inner();
            min + random % (max - min + 1)
        };
        let (one_in, lost) = if tables.len() > 1 {
            (pick(LOST_ONE_IN), (random >> 32) % 2)
        } else {
            let one_in = pick(ALONE_ONE_IN);
            (one_in, one_in - 1)
        };
        let count = self.commits.entry(tables).or_default();
        let hit = *count % one_in == lost;
        *count += 1;
        hit
    }
}

/// SplitMix64: a well-mixed number from any other.
fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
