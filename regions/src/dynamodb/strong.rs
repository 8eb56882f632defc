//! A table with multi-region strong consistency: one authoritative store behind
//! all its replicas, and a note of which region is writing which item.
//!
//! A write takes a round trip: half of it out, then it executes, then half of it
//! back. While it is under way, a write of the same item from another region is
//! refused with `ReplicatedWriteConflictException`; one from the same region is
//! serialized by the store. The regions' own copies serve eventually consistent
//! reads and are brought up to date by replication.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::engine::Engine;
use super::error::{ApiError, ApiResult, ErrorKind};
use super::replica::Replica;
use super::request::{ItemId, Target};

/// The authoritative side of one table.
pub(super) struct Strong {
    engine: Engine,
    store: Mutex<Replica>,
    writers: Mutex<HashMap<ItemId, Writers>>,
}

/// Who writes an item just now: always one region, perhaps several requests.
struct Writers {
    region: usize,
    count: usize,
}

/// Held while a request writes its items.
pub(super) struct InFlight {
    strong: Arc<Strong>,
    items: Vec<ItemId>,
}

impl Strong {
    pub(super) fn new(engine: Engine, store: Replica) -> Self {
        Self {
            engine,
            store: Mutex::new(store),
            writers: Mutex::default(),
        }
    }

    /// For strongly consistent reads.
    pub(super) fn engine(&self) -> &Engine {
        &self.engine
    }

    pub(super) fn store(&self) -> MutexGuard<'_, Replica> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that `region` writes `targets`, unless another region writes one of
    /// them: then nothing is noted.
    pub(super) fn begin(
        self: &Arc<Self>,
        region: usize,
        targets: &[Target],
    ) -> ApiResult<InFlight> {
        let mut writers = self.writers();
        let taken = |target: &Target| {
            let known = writers.get(&target.id);
            known.is_some_and(|known| known.region != region)
        };
        if targets.iter().any(taken) {
            return Err(ApiError::of(ErrorKind::ReplicatedWriteConflict));
        }
        let items: Vec<_> = targets.iter().map(|target| target.id.clone()).collect();
        for item in &items {
            let entry = writers.entry(item.clone());
            entry.or_insert(Writers { region, count: 0 }).count += 1;
        }
        Ok(InFlight {
            strong: Arc::clone(self),
            items,
        })
    }

    fn writers(&self) -> MutexGuard<'_, HashMap<ItemId, Writers>> {
        self.writers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let mut writers = self.strong.writers();
        for item in &self.items {
            if let Some(known) = writers.get_mut(item) {
                known.count -= 1;
                if known.count == 0 {
                    writers.remove(item);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
