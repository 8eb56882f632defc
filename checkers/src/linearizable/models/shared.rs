//! Values that many states have: each is there once, and remembers its hash.

use std::hash::{BuildHasher, Hash, Hasher};
use std::ops::Deref;
use std::sync::Arc;

use foldhash::fast::FixedState;

/// A value that is cheap to copy, to hash and, mostly, to compare.
#[derive(Debug)]
pub(crate) struct Shared<T>(Arc<Hashed<T>>);

#[derive(Debug)]
struct Hashed<T> {
    hash: u64,
    value: T,
}

impl<T: Hash> Shared<T> {
    pub(super) fn new(value: T) -> Self {
        let hash = FixedState::with_seed(0).hash_one(&value);
        Shared(Arc::new(Hashed { hash, value }))
    }
}

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Shared(self.0.clone())
    }
}

impl<T> Deref for Shared<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0.value
    }
}

impl<T: PartialEq> PartialEq for Shared<T> {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
            || (self.0.hash == other.0.hash && self.0.value == other.0.value)
    }
}

impl<T: Eq> Eq for Shared<T> {}

impl<T> Hash for Shared<T> {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        hasher.write_u64(self.0.hash);
    }
}

/// What an allocator takes for so many bytes: about, and rather more than less.
pub(super) const fn allocated(bytes: usize) -> usize {
    match bytes {
        0 => 0,
        bytes => bytes.next_multiple_of(16) + 16,
    }
}
