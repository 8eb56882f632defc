//! Sets of slots: which of the open operations are linearized already.

use std::hash::Hash;

/// A set of small numbers.
pub(super) trait Mask: Clone + Default + Eq + Hash {
    fn empty(slots: usize) -> Self;
    fn has(&self, slot: u32) -> bool;
    fn insert(&mut self, slot: u32);
    fn remove(&mut self, slot: u32);
    /// Bytes on the heap.
    fn heap_bytes(&self) -> usize {
        0
    }
}

macro_rules! word {
    ($word:ty) => {
        impl Mask for $word {
            fn empty(_: usize) -> Self {
                0
            }
            fn has(&self, slot: u32) -> bool {
                self >> slot & 1 != 0
            }
            fn insert(&mut self, slot: u32) {
                *self |= 1 << slot;
            }
            fn remove(&mut self, slot: u32) {
                *self &= !(1 << slot);
            }
        }
    };
}

word!(u32);
word!(u64);
word!(u128);

/// Any number of slots.
impl Mask for Box<[u64]> {
    fn empty(slots: usize) -> Self {
        vec![0; slots.div_ceil(64)].into()
    }
    fn has(&self, slot: u32) -> bool {
        self[slot as usize / 64] >> (slot % 64) & 1 != 0
    }
    fn insert(&mut self, slot: u32) {
        self[slot as usize / 64] |= 1 << (slot % 64);
    }
    fn remove(&mut self, slot: u32) {
        self[slot as usize / 64] &= !(1 << (slot % 64));
    }
    fn heap_bytes(&self) -> usize {
        8 * self.len() + 16
    }
}
