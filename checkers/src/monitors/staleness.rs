//! How stale the reads of a register were, in versions and in time.
//!
//! A write has *taken effect* by the time at which it or a read of it returned, whichever
//! is first. A write is *newer* than another if it was called after the other had taken
//! effect. A read *missed* a write if it is newer than the one that the read returned, and
//! had taken effect before the read was called. Whatever the order in which things happened,
//! these writes lie between; other writes may or may not. Then:
//!
//! - a read that missed something was stale: it was *behind* by the time from when the first
//!   write that it missed had taken effect until the read was called, at least, and by as
//!   many versions as it missed, at least;
//! - a register is *k-atomic* (Aiyer, Alvisi and Bazzi, "On the Availability of Non-strict
//!   Quorum Systems", DISC 2005) if all operations can be put in one order that respects real
//!   time, in which each read returns the value of one of the last k writes before it.
//!   1-atomic is linearizable. The smallest k is [`Staleness::versions`]: k = 1 is decided exactly by
//!   zones (Gibbons and Korach, "Testing Shared Memories", SIAM J. Comput. 26(4), 1997), k = 2
//!   by LBT (see `two_atomic`); for a greater k no fast algorithm is known, so there it is
//!   bounded: from below by one more than any read missed, from above by the best of some
//!   orders that are tried;
//! - a register is *Δ-atomic* (Golab, Li and Shah, "Analyzing Consistency Properties for Fun
//!   and Profit", PODC 2011) if it is linearizable once every read is taken to have been
//!   called earlier by Δ. The smallest Δ is exact; it is at least what any read was behind.
//!
//! Zones: of each value the earliest return f and the latest call s of its write and its
//! reads. If f < s, the value was certainly in force from f to s (a forward zone), else it
//! may have come and gone at one instant from s to f (a backward zone). Linearizable if and
//! only if no two forward zones overlap and no backward zone lies strictly inside a forward
//! one. An earlier call of all reads moves s down, to the call of the write at the least.
//!
//! *Where a value is written again,* or is the one that was there at first, a read of it can have
//! returned any of its writes that had begun before the read was over. Then
//!
//! - only a read that can be of one write alone shows when that write had taken effect;
//! - a read missed what it missed if it returned the *newest* of its writes, the one that had
//!   taken effect last: what is newer than that one is newer than the others. So it is stale, by
//!   so many versions and so long at least, whichever it returned;
//! - k and Δ are bounded: from below by what reads missed, from above by what holds if each
//!   read is of one likely write. If that is linearizable, so is the register, whatever reads
//!   returned; if not, and no read is stale, it is not decided here.

use super::register::{Newer, Operation, Possible, Reason, Register};
use super::{Violation, two_atomic};

/// How stale a register's reads were.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Staleness {
    /// The reads that missed something, in the order given. They alone do not decide
    /// linearizability: a history may be stale only as a whole.
    pub stale: Vec<StaleRead>,
    /// The smallest k for which the register is k-atomic; the initial value counts as the first
    /// version. Linearizable if it is 1, the least that it can be.
    pub versions: Bounds,
    /// The smallest Δ for which the register is Δ-atomic, in the caller's unit of time; exact
    /// where each read can be of one write only.
    pub delta: Bounds,
}

impl Staleness {
    /// Whether the register is linearizable; none if that is not decided.
    pub fn is_linearizable(&self) -> Option<bool> {
        match self.versions {
            Bounds { at_most: 1, .. } => Some(true),
            Bounds { at_least: 1, .. } => None,
            _ => Some(false),
        }
    }

    /// Takes what another method decided.
    pub fn settle(&mut self, is_linearizable: bool) {
        match is_linearizable {
            true => {
                self.versions = Bounds::exactly(1);
                self.delta = Bounds::exactly(0);
            }
            false => {
                self.versions.at_least = self.versions.at_least.max(2);
                self.delta.at_least = self.delta.at_least.max(1);
            }
        }
    }
}

/// A read of a value that had certainly been overwritten before the read was called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StaleRead {
    /// The read.
    pub read: u64,
    /// The newest write that it can have returned; none if it found the initial value.
    pub written: Option<u64>,
    /// Whether it can have returned no other.
    pub is_certain: bool,
    /// The write that it missed which took effect first.
    pub newer: u64,
    /// The read that showed that `newer` had taken effect; none if it had returned itself.
    pub shown_by: Option<u64>,
    /// The read that showed that `written` had taken effect before `newer` was called; none if
    /// it had returned itself.
    pub seen_by: Option<u64>,
    /// How many writes it missed, at least; never 0.
    pub missed: u64,
    /// How long ago `newer` had taken effect when the read was called, in the caller's
    /// unit of time; never 0.
    pub behind: u64,
}

/// Bounds of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// It is not smaller.
    pub at_least: u64,
    /// It is not greater.
    pub at_most: u64,
}

impl Bounds {
    fn exactly(number: u64) -> Bounds {
        Bounds {
            at_least: number,
            at_most: number,
        }
    }
}

/// Measures a history. O(n log n) time, but for the decision on k = 2 (see `two_atomic`),
/// which gets a budget proportional to n and otherwise leaves wider bounds, and for Δ where
/// it is greater than what every single read was behind (a binary search). O(n) memory.
///
/// # Errors
/// The history cannot be explained by any staleness: a read returned what nobody wrote, or
/// before it was written.
pub fn measure(operations: &[Operation]) -> Result<Staleness, Violation<Reason>> {
    let possible = Possible::new(operations)?;
    let certain = possible.certain();
    let effect = possible.in_effect();
    let newest = possible.of_latest(|index| effect[index]);
    let stale = stale_reads(&newest, &effect, &certain);
    let behind = stale.iter().map(|read| read.behind).max().unwrap_or(0);
    let missed = stale.iter().map(|read| read.missed).max().unwrap_or(0);

    let likely = possible.of_likely(&effect);
    let effect = likely.in_effect();
    let delta = Zones::new(&likely, &effect).smallest_delta(behind);
    let versions = match delta {
        0 => Bounds::exactly(1),
        _ => versions(&likely, &effect, missed),
    };
    let is_exact = certain.into_iter().all(|is_certain| is_certain);
    Ok(match is_exact || delta == 0 {
        true => Staleness {
            stale,
            versions,
            delta: Bounds::exactly(delta),
        },
        false => Staleness {
            stale,
            versions: Bounds {
                at_least: missed + 1,
                ..versions
            },
            delta: Bounds {
                at_least: behind,
                at_most: delta,
            },
        },
    })
}

/// The bounds, for a register that is not 1-atomic and of which a read missed so many.
fn versions(register: &Register, effect: &[u64], missed: u64) -> Bounds {
    let at_most = smallest_tried(register, effect);
    let mut at_least = 2.max(missed + 1);
    let operations = register.writes.len() + register.reads.len();
    if at_least == 2 && at_most > 2 {
        match two_atomic::check(register, effect, 64 * operations + 1_000) {
            Some(true) => {
                return Bounds::exactly(2);
            }
            Some(false) => at_least = 3,
            None => {}
        }
    }
    Bounds { at_least, at_most }
}

fn stale_reads(register: &Register, effect: &[u64], certain: &[bool]) -> Vec<StaleRead> {
    let newer = Newer::new(register, |index| effect[index]);
    // The read of each write that returned when it took effect, if not the write did.
    let mut shown_by = vec![None; register.writes.len()];
    for (read, _) in register
        .reads
        .iter()
        .zip(certain)
        .filter(|(_, certain)| **certain)
    {
        let write = &register.writes[read.from];
        if read.interval.ret == effect[read.from] && write.interval.ret != effect[read.from] {
            shown_by[read.from] = Some(read.id);
        }
    }
    let mut stale: Vec<(usize, StaleRead)> = Vec::new();
    for (index, read) in register.reads.iter().enumerate() {
        let Some((end, newer)) = newer.between(effect[read.from], read.interval.call) else {
            continue;
        };
        let written = &register.writes[read.from];
        let had_returned = written.interval.precedes(register.writes[newer].interval);
        let one = StaleRead {
            read: read.id,
            written: written.id,
            is_certain: certain[index],
            // The initial write is before all others, so a newer one has an id.
            newer: register.writes[newer].id.unwrap_or_default(),
            shown_by: shown_by[newer],
            seen_by: shown_by[read.from].filter(|_| !had_returned),
            missed: 0,
            behind: read.interval.call - end,
        };
        stale.push((index, one));
    }
    count_missed(register, effect, &mut stale);
    stale.into_iter().map(|(_, one)| one).collect()
}

/// Sweeps over time, counting by call the writes that have taken effect.
fn count_missed(register: &Register, effect: &[u64], stale: &mut [(usize, StaleRead)]) {
    let Register { writes, reads } = register;
    let mut calls: Vec<u64> = writes.iter().map(|write| write.interval.call).collect();
    calls.sort_unstable();
    let mut by_effect: Vec<usize> = (0..writes.len()).collect();
    by_effect.sort_unstable_by_key(|&index| effect[index]);
    let mut by_effect = by_effect.into_iter().peekable();
    let mut order: Vec<usize> = (0..stale.len()).collect();
    order.sort_unstable_by_key(|&place| reads[stale[place].0].interval.call);

    let mut counted = Fenwick(vec![0; calls.len() + 1]);
    let mut total = 0;
    for place in order {
        let (index, one) = &mut stale[place];
        let read = reads[*index];
        while let Some(write) = by_effect.next_if(|&write| effect[write] < read.interval.call) {
            let call = writes[write].interval.call;
            counted.add(calls.partition_point(|&other| other < call));
            total += 1;
        }
        let older = calls.partition_point(|&call| call <= effect[read.from]);
        one.missed = total - counted.below(older);
    }
}

/// Counts by position.
struct Fenwick(Vec<u64>);

impl Fenwick {
    fn add(&mut self, position: usize) {
        let mut node = position + 1;
        while let Some(count) = self.0.get_mut(node) {
            *count += 1;
            node += node & node.wrapping_neg();
        }
    }

    /// How many were counted at positions below this one.
    fn below(&self, position: usize) -> u64 {
        let (mut node, mut sum) = (position, 0);
        while node > 0 {
            sum += self.0[node];
            node &= node - 1;
        }
        sum
    }
}

/// The smallest k that one of a few orders shows.
///
/// An order: each write happens at an instant at which it can, all its reads as early as they
/// then can, and at one instant reads of earlier writes come first.
fn smallest_tried(register: &Register, effect: &[u64]) -> u64 {
    let Register { writes, reads } = register;
    let mut last_read = vec![None; writes.len()];
    for read in reads {
        last_read[read.from] = last_read[read.from].max(Some(read.interval.call));
    }
    let call = |index: usize| writes[index].interval.call;
    // As late as they can; unread ones early instead; those that can do with one instant early.
    let latest = |index: usize| effect[index];
    let unread_early = |index: usize| last_read[index].map_or(call(index), |_| effect[index]);
    let brief_early = |index: usize| {
        let last = last_read[index].unwrap_or(0).max(call(index));
        effect[index].min(last)
    };
    let instants: [&dyn Fn(usize) -> u64; 4] = [&latest, &unread_early, &brief_early, &call];
    let tried = instants.iter().map(|instant| needed(register, instant));
    tried.min().unwrap_or(1)
}

/// The smallest k with each write at that instant.
fn needed(register: &Register, instant: &dyn Fn(usize) -> u64) -> u64 {
    let writes = &register.writes;
    let mut order: Vec<(u64, u64, usize)> = (0..writes.len())
        .map(|index| (instant(index), writes[index].interval.call, index))
        .collect();
    order.sort_unstable();
    let mut place = vec![0; writes.len()];
    for (at, &(_, _, index)) in order.iter().enumerate() {
        place[index] = at;
    }
    let newer = register.reads.iter().map(|read| {
        let at = place[read.from];
        let before = order.partition_point(|&(instant, _, _)| instant < read.interval.call);
        before.saturating_sub(at + 1) as u64
    });
    newer.max().unwrap_or(0) + 1
}

/// A value's zone, as it depends on when reads are taken to have been called.
#[derive(Debug, Clone, Copy)]
struct Zone {
    /// The earliest return.
    end: u64,
    /// The call of the write, and of the last read.
    write_call: u64,
    read_call: u64,
}

impl Zone {
    /// The latest call, with reads called earlier by delta.
    fn start(&self, delta: u64) -> u64 {
        self.write_call.max(self.read_call.saturating_sub(delta))
    }
}

/// All zones, by earliest return.
struct Zones(Vec<Zone>);

impl Zones {
    fn new(register: &Register, effect: &[u64]) -> Zones {
        let zone = |(write, &end): (&super::register::Write, &u64)| Zone {
            end,
            write_call: write.interval.call,
            read_call: 0,
        };
        let mut zones: Vec<Zone> = register.writes.iter().zip(effect).map(zone).collect();
        for read in &register.reads {
            let zone = &mut zones[read.from];
            zone.read_call = zone.read_call.max(read.interval.call);
        }
        zones.sort_unstable_by_key(|zone| zone.end);
        Zones(zones)
    }

    /// Whether the register is Δ-atomic for this Δ.
    fn atomic_within(&self, delta: u64) -> bool {
        let mut forward: Vec<(u64, u64)> = Vec::new();
        for zone in &self.0 {
            let start = zone.start(delta);
            if zone.end < start {
                if forward.last().is_some_and(|&(_, until)| zone.end < until) {
                    return false;
                }
                forward.push((zone.end, start));
            }
        }
        self.0.iter().all(|zone| {
            let start = zone.start(delta);
            if zone.end < start {
                return true;
            }
            // The last forward zone that begins before this backward one does.
            let before = forward.partition_point(|&(from, _)| from < start);
            before == 0 || forward[before - 1].1 <= zone.end
        })
    }

    fn smallest_delta(&self, at_least: u64) -> u64 {
        if self.atomic_within(at_least) {
            return at_least;
        }
        // With all reads called no later than their writes, no zone is forward.
        let enough = |zone: &Zone| zone.read_call.saturating_sub(zone.write_call);
        let (mut not, mut enough) = (at_least, self.0.iter().map(enough).max().unwrap_or(0));
        while enough - not > 1 {
            let middle = not.midpoint(enough);
            match self.atomic_within(middle) {
                true => enough = middle,
                false => not = middle,
            }
        }
        enough
    }
}
