//! Registers whose written values are all different, in O(n log n): zones.
//!
//! Gibbons and Korach, "Testing Shared Memories", SIAM Journal on Computing 26 (1997).
//! A value's operations are its write and the reads of it. Let f be the earliest of
//! their returns and s the latest of their calls. If f < s, the register certainly had
//! the value from f to s: a forward zone. Otherwise all of them were open from s to f,
//! and the register had the value at some moment then: a backward zone. The history is
//! linearizable exactly if
//!
//! - no value was read that was not written, or was read before its write was called,
//! - no two forward zones overlap,
//! - and no backward zone lies within a forward one.
//!
//! The initial value counts as written before everything. An unresolved write that
//! nobody read is left out, since it may not have happened; one that was read never
//! returns. A value that nobody read may be written several times, or be the initial one: it
//! changes nothing to take each for another that nobody read. Agreement with brute force is
//! tested; the order is built, and can be verified, so a verdict of valid need not be believed.

use foldhash::fast::FixedState;
use hashbrown::{HashMap, HashSet};

use super::intervals::Intervals;
use crate::intern::NONE;
use crate::operations::{NEVER, Operations, Outcome};

/// What the operations' names and values mean.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Meaning {
    /// The value that it starts with, of [`Values`](crate::operations::Values).
    pub(crate) initial: Option<u32>,
    pub(crate) nil_is_unknown: bool,
    pub(crate) read: Option<u16>,
    pub(crate) write: Option<u16>,
}

/// Why no order explains the operations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Conflict {
    /// Of a value that nobody had asked to write.
    NeverWritten { read: u32 },
    /// The read returned before the write was called.
    ReadBeforeWrite { read: u32, write: u32 },
    /// Two values had to be there at once.
    Overlap { first: Zone, second: Zone },
    /// The second value had to be there while the first was, all the time.
    Within { outer: Zone, inner: Zone },
}

/// A value's operations: what bounds the time that it was there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Zone {
    /// The write; [`NONE`] for the initial value, or before it was seen.
    pub(crate) write: u32,
    /// The earliest return.
    pub(crate) f: u32,
    /// The latest call.
    pub(crate) s: u32,
    /// Which operation returned then; [`NONE`] for the initial value's write.
    pub(crate) returned: u32,
    /// Which operation was called then; [`NONE`] if there is no read of the initial value.
    pub(crate) called: u32,
}

impl Zone {
    fn is_forward(&self) -> bool {
        self.f < self.s
    }
}

/// A value and its zone.
#[derive(Debug)]
pub(crate) struct Zones {
    zones: Vec<Zone>,
    /// By zone, forward ones by their beginning.
    forward: Vec<u32>,
    of: Index,
    meaning: Meaning,
}

/// Where the zone of a value is.
#[derive(Debug)]
enum Index {
    /// Of values that are close to each other.
    Dense {
        least: u32,
        at: Vec<u32>,
    },
    Sparse(HashMap<u32, u32, FixedState>),
}

impl Index {
    fn new(values: impl Iterator<Item = u32> + Clone) -> Self {
        let (count, least, greatest) = values.fold((0usize, u32::MAX, 0), |(n, least, most), v| {
            (n + 1, least.min(v), most.max(v))
        });
        let span = (greatest.saturating_sub(least)) as usize;
        if count > 0 && span < 4 * count + 64 {
            Index::Dense {
                least,
                at: vec![NONE; span + 1],
            }
        } else {
            Index::Sparse(HashMap::default())
        }
    }

    fn get(&self, value: u32) -> Option<u32> {
        match self {
            Index::Dense { least, at } => at
                .get(value.checked_sub(*least)? as usize)
                .copied()
                .filter(|&zone| zone != NONE),
            Index::Sparse(at) => at.get(&value).copied(),
        }
    }

    /// The zone that the value has, or else has from now on.
    fn put(&mut self, value: u32, zone: u32) -> u32 {
        match self {
            Index::Dense { least, at } => {
                let slot = &mut at[(value - *least) as usize];
                if *slot == NONE {
                    *slot = zone;
                }
                *slot
            }
            Index::Sparse(at) => *at.entry(value).or_insert(zone),
        }
    }
}

/// The operations' zones, or why there is no order of them; `None` if some value that was read was
/// written twice, or there is more to it than reads and writes.
pub(crate) fn zones(
    operations: &Operations,
    intervals: &Intervals,
    members: &[u32],
    meaning: Meaning,
) -> Option<Result<Zones, Conflict>> {
    let values = members.iter().filter_map(|&at| {
        let operation = &operations.all[at as usize];
        let is_write = Some(operation.f) == meaning.write;
        (is_write && operation.argument != NONE).then_some(operation.argument)
    });
    let mut index = Index::new(values);
    let mut zones: Vec<Zone> = vec![Zone {
        write: NONE,
        f: 0,
        s: 0,
        returned: NONE,
        called: NONE,
    }];
    // Of whose values a read would not tell by which write.
    let mut ambiguous: HashSet<u32, FixedState> = HashSet::default();
    // Writes first: a read may come before the write that it overlaps.
    for &at in members {
        let operation = &operations.all[at as usize];
        if Some(operation.f) == meaning.read {
            continue;
        }
        if Some(operation.f) != meaning.write {
            return None;
        }
        if matches!(operation.outcome, Outcome::Failed | Outcome::Refused) {
            continue;
        }
        if operation.argument == NONE {
            return None;
        }
        let zone = zones.len() as u32;
        let is_first = index.put(operation.argument, zone) == zone;
        if !is_first || Some(operation.argument) == meaning.initial {
            ambiguous.insert(operation.argument);
        }
        let [call, ret] = ends(operations, intervals, at);
        zones.push(Zone {
            write: at,
            f: ret,
            s: call,
            returned: at,
            called: at,
        });
    }
    for &at in members {
        let operation = &operations.all[at as usize];
        if Some(operation.f) != meaning.read || operation.outcome != Outcome::Happened {
            continue;
        }
        if operation.result == NONE && meaning.nil_is_unknown {
            continue;
        }
        if ambiguous.contains(&operation.result) {
            return None;
        }
        let [call, ret] = ends(operations, intervals, at);
        let zone = match index.get(operation.result) {
            Some(zone) => zone,
            None if Some(operation.result) == meaning.initial => 0,
            None => return Some(Err(Conflict::NeverWritten { read: at })),
        };
        let zone = &mut zones[zone as usize];
        if zone.write != NONE {
            let [written, _] = ends(operations, intervals, zone.write);
            if ret < written {
                let write = zone.write;
                return Some(Err(Conflict::ReadBeforeWrite { read: at, write }));
            }
            if ret < zone.f {
                (zone.f, zone.returned) = (ret, at);
            }
        }
        if call > zone.s || zone.called == NONE {
            (zone.s, zone.called) = (call, at);
        }
    }
    // Nobody read them, and they may not have happened.
    for zone in zones.iter_mut().filter(|zone| zone.f == NEVER) {
        zone.write = NONE;
    }
    let there = |&zone: &u32| {
        let zone = &zones[zone as usize];
        zone.write != NONE || (zone.called != NONE && zone.returned == NONE)
    };
    let all = (0..zones.len() as u32).filter(there);
    let mut forward: Vec<u32> = all
        .clone()
        .filter(|&zone| zones[zone as usize].is_forward())
        .collect();
    forward.sort_unstable_by_key(|&zone| zones[zone as usize].f);
    for pair in forward.windows(2) {
        let [first, second] = [zones[pair[0] as usize], zones[pair[1] as usize]];
        if second.f < first.s {
            return Some(Err(Conflict::Overlap { first, second }));
        }
    }
    for inner in all.map(|zone| zones[zone as usize]) {
        if inner.is_forward() {
            continue;
        }
        let before = forward.partition_point(|&zone| zones[zone as usize].f < inner.s);
        let Some(outer) = before.checked_sub(1).map(|at| zones[forward[at] as usize]) else {
            continue;
        };
        if inner.f < outer.s {
            return Some(Err(Conflict::Within { outer, inner }));
        }
    }
    Some(Ok(Zones {
        zones,
        forward,
        of: index,
        meaning,
    }))
}

/// The call and the return, leaving 0 for what was before everything.
fn ends(operations: &Operations, intervals: &Intervals, at: u32) -> [u32; 2] {
    let [call, ret] = intervals.of(operations, at);
    [call + 1, ret.saturating_add(1)]
}

impl Zones {
    /// An order that explains the operations; O(n log n).
    pub(crate) fn order(
        &self,
        operations: &Operations,
        intervals: &Intervals,
        members: &[u32],
    ) -> Vec<u32> {
        // A forward zone stands at its beginning; a backward one as early as it can,
        // outside of every forward one.
        let place = |zone: &Zone| {
            if zone.is_forward() {
                return zone.f;
            }
            let before = self
                .forward
                .partition_point(|&other| self.zones[other as usize].f < zone.s);
            let around = before
                .checked_sub(1)
                .map(|at| &self.zones[self.forward[at] as usize]);
            around.map_or(zone.s, |around| zone.s.max(around.s))
        };
        let places: Vec<u32> = self.zones.iter().map(place).collect();
        let zones = self.zones.iter().zip(0..);
        let written: HashMap<u32, u32, FixedState> = zones
            .filter(|(zone, _)| zone.write != NONE)
            .map(|(zone, number)| (zone.write, number))
            .collect();
        let mut order: Vec<(u32, u32, bool, u32, u32)> = members
            .iter()
            .filter_map(|&at| {
                let operation = &operations.all[at as usize];
                let is_write = Some(operation.f) == self.meaning.write;
                let zone = match is_write {
                    true => *written.get(&at)?,
                    false if operation.outcome != Outcome::Happened => return None,
                    false if operation.result == NONE && self.meaning.nil_is_unknown => {
                        return None;
                    }
                    false => self.of.get(operation.result).unwrap_or(0),
                };
                let call = intervals.of(operations, at)[0];
                Some((places[zone as usize], zone, !is_write, call, at))
            })
            .collect();
        order.sort_unstable();
        order.into_iter().map(|(.., at)| at).collect()
    }
}
