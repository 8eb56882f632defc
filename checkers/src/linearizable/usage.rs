//! How many of each kind of unresolved operation have been used, as numbers:
//! vectors of counts, each kept once.

use std::hash::BuildHasher;

use foldhash::fast::FixedState;
use hashbrown::HashTable;

/// None of any kind.
pub(super) const NOTHING: u32 = 0;

/// Interned vectors of counts, all of one length.
#[derive(Default)]
pub(super) struct Usage {
    kinds: usize,
    counts: Vec<u32>,
    numbers: HashTable<u32>,
    scratch: Vec<u32>,
}

impl Usage {
    /// Forgets all; [`NOTHING`] is there, of so many kinds.
    pub(super) fn clear(&mut self, kinds: usize) {
        self.kinds = kinds;
        self.counts.clear();
        self.numbers.clear();
        self.scratch.clear();
        self.scratch.resize(kinds, 0);
        self.number();
    }

    fn of(&self, number: u32) -> &[u32] {
        let start = number as usize * self.kinds;
        &self.counts[start..start + self.kinds]
    }

    pub(super) fn count(&self, number: u32, kind: usize) -> usize {
        self.of(number)[kind] as usize
    }

    /// One more of that kind.
    pub(super) fn plus(&mut self, number: u32, kind: usize) -> u32 {
        let start = number as usize * self.kinds;
        self.scratch
            .copy_from_slice(&self.counts[start..start + self.kinds]);
        self.scratch[kind] += 1;
        self.number()
    }

    /// Whether the first uses no more of anything than the second.
    pub(super) fn is_within(&self, first: u32, second: u32) -> bool {
        first == second
            || (self.of(first).iter().zip(self.of(second))).all(|(first, second)| first <= second)
    }

    fn number(&mut self) -> u32 {
        let hasher = FixedState::with_seed(0);
        let (kinds, counts, scratch) = (self.kinds, &mut self.counts, &self.scratch);
        let of = |counts: &[u32], n: u32| -> u64 {
            hasher.hash_one(&counts[n as usize * kinds..(n as usize + 1) * kinds])
        };
        let hash = hasher.hash_one(&scratch[..]);
        let same = |&n: &u32| counts[n as usize * kinds..(n as usize + 1) * kinds] == scratch[..];
        if let Some(&number) = self.numbers.find(hash, same) {
            return number;
        }
        let number = self.numbers.len() as u32;
        counts.extend_from_slice(scratch);
        self.numbers.insert_unique(hash, number, |&n| of(counts, n));
        number
    }

    pub(super) fn bytes(&self) -> usize {
        self.counts.capacity() * 4 + self.numbers.capacity() * 5
    }
}
