//! Carries changes between regions: each arrives after a lag, in no promised
//! order, and waits while either end is partitioned. It may not judge a change;
//! that is the receiving replica's part.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use super::replica::Change;

/// The ways into every region.
pub(super) struct Replication {
    inbound: Vec<Inbound>,
    partitioned: Vec<AtomicBool>,
    /// Changes sent and not yet delivered.
    pending: watch::Sender<usize>,
    order: AtomicU64,
}

#[derive(Default)]
struct Inbound {
    queue: Mutex<BinaryHeap<Reverse<Parcel>>>,
    wake: Notify,
}

/// A change under way.
struct Parcel {
    due: Instant,
    order: u64,
    from: usize,
    change: Change,
}

impl Replication {
    pub(super) fn new(regions: usize) -> Self {
        Self {
            inbound: (0..regions).map(|_| Inbound::default()).collect(),
            partitioned: (0..regions).map(|_| AtomicBool::new(false)).collect(),
            pending: watch::Sender::new(0),
            order: AtomicU64::new(0),
        }
    }

    /// Sends a change on its way.
    pub(super) fn send(&self, from: usize, to: usize, change: Change, lag: Duration) {
        let parcel = Parcel {
            due: Instant::now() + lag,
            order: self.order.fetch_add(1, Ordering::Relaxed),
            from,
            change,
        };
        self.pending.send_modify(|pending| *pending += 1);
        let inbound = &self.inbound[to];
        lock(&inbound.queue).push(Reverse(parcel));
        inbound.wake.notify_one();
    }

    /// Cuts a region off, or heals it.
    pub(super) fn set_partitioned(&self, region: usize, cut: bool) {
        self.partitioned[region].store(cut, Ordering::SeqCst);
        for inbound in &self.inbound {
            inbound.wake.notify_one();
        }
    }

    pub(super) fn is_partitioned(&self, region: usize) -> bool {
        self.partitioned[region].load(Ordering::SeqCst)
    }

    /// Waits until nothing is under way.
    pub(super) async fn quiesced(&self) {
        let mut pending = self.pending.subscribe();
        // The sender lives as long as self, so this cannot fail.
        let _ = pending.wait_for(|pending| *pending == 0).await;
    }

    /// Waits for changes that are due at `to`. Report them by [`Self::delivered`].
    pub(super) async fn receive(&self, to: usize) -> Vec<Change> {
        loop {
            // Created before the look at the queue, so that no wake is missed.
            let woken = self.inbound[to].wake.notified();
            let (due, next) = self.take_due(to);
            if !due.is_empty() {
                return due;
            }
            match next {
                Some(next) => tokio::select! {
                    () = woken => {}
                    () = tokio::time::sleep_until(next) => {}
                },
                None => woken.await,
            }
        }
    }

    pub(super) fn delivered(&self, count: usize) {
        self.pending.send_modify(|pending| *pending -= count);
    }

    /// The changes due by now that may pass, and when the next one is due.
    fn take_due(&self, to: usize) -> (Vec<Change>, Option<Instant>) {
        let mut queue = lock(&self.inbound[to].queue);
        if self.is_partitioned(to) {
            return (Vec::new(), None);
        }
        let now = Instant::now();
        let (mut due, mut held) = (Vec::new(), Vec::new());
        while let Some(Reverse(parcel)) = queue.peek() {
            if parcel.due > now {
                break;
            }
            let Some(parcel) = queue.pop() else { break };
            if self.is_partitioned(parcel.0.from) {
                held.push(parcel);
            } else {
                due.push(parcel.0.change);
            }
        }
        let next = queue.peek().map(|parcel| parcel.0.due);
        // Held ones wait for the partition to heal, which wakes this queue.
        queue.extend(held);
        (due, next)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl PartialEq for Parcel {
    fn eq(&self, other: &Self) -> bool {
        self.order == other.order
    }
}

impl Eq for Parcel {}

impl PartialOrd for Parcel {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Parcel {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.due, self.order).cmp(&(other.due, other.order))
    }
}
