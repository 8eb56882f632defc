//! Which writers of what was read are in the past of the read. It knows orders and
//! paths, and no isolation level.
//!
//! A read of a version is suspect if, in an order of all transactions that agrees with
//! what is known, another version was installed between that one and the read. Whether its
//! writer is in the read's past, by a path of the graph, is found by carrying the latest
//! writer of a key along all edges within the stretch of the order from the one to the
//! other; several keys at once, where their stretches overlap. In an order that explains
//! nearly all reads that is next to nothing; else it takes as many steps as the order is
//! long, times the keys in use at one time, by eight.
//!
//! AWDIT (Møldrup and Pavlogiannis, PLDI 2025) looks at the same writers, with a clock for
//! each process instead; an order works without processes too, and with any number.

use super::facts::Facts;
use crate::intern::NONE;
use crate::isolation::digraph::Digraph;

/// A read of a version, with one installed in between.
#[derive(Debug, Clone, Copy)]
struct Suspect {
    key: u32,
    version: u32,
    /// The place of the first that installed another after that version.
    from: u32,
    /// The place of the read.
    to: u32,
}

/// That who wrote `before` is in the past of a read of `after`, and wrote later than who
/// wrote that, in the order that was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Overlooked {
    pub(super) before: u32,
    pub(super) after: u32,
    pub(super) reader: u32,
}

/// An order of all vertices, and where each is in it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ordered<'a> {
    pub(super) order: &'a [u32],
    pub(super) places: &'a [u32],
}

/// Keys that are followed at once.
const LANES: usize = 8;
type Lanes = [u32; LANES];
const NO_LANE: u8 = u8::MAX;

/// Of every read that `matters` the latest writer in its past, if it is later than who wrote
/// what was read. `spend` is told the steps, and stops it by `false`.
///
/// # Errors
/// It was stopped.
pub(super) fn overlooked(
    facts: &Facts<'_>,
    graph: &impl Digraph,
    ordered: Ordered<'_>,
    matters: impl Fn(u32, u32) -> bool,
    mut spend: impl FnMut(u64) -> bool,
) -> Option<Vec<Overlooked>> {
    let suspects = suspects(facts, ordered.order, matters);
    let mut found = Vec::new();
    if suspects.is_empty() {
        return Some(found);
    }
    let mut sweep = Sweep {
        facts,
        graph,
        ordered,
        lane_of: vec![NO_LANE; facts.key_count() as usize],
        carried: Vec::new(),
    };
    let mut stretches = stretches(&suspects).into_iter().peekable();
    let mut batch: Vec<Stretch> = Vec::new();
    let mut in_batch: Vec<Suspect> = Vec::new();
    while let Some(first) = stretches.next() {
        let (mut from, mut to) = (first.from, first.to);
        let mut length = u64::from(to - from) + 1;
        batch.clear();
        batch.push(first);
        // As long as it is no longer at once than one after the other.
        while batch.len() < LANES {
            let joined = stretches.next_if(|next| {
                let all = to.max(next.to) - from.min(next.from) + 1;
                u64::from(all) <= length + u64::from(next.to - next.from) + 1
            });
            let Some(next) = joined else { break };
            (from, to) = (from.min(next.from), to.max(next.to));
            length += u64::from(next.to - next.from) + 1;
            batch.push(next);
        }
        if !spend(u64::from(to - from) + 1) {
            return None;
        }
        in_batch.clear();
        for stretch in &batch {
            in_batch.extend_from_slice(&suspects[stretch.suspects.clone()]);
        }
        sweep.over(from, to, &mut in_batch, &mut found);
    }
    Some(found)
}

/// Where there is something to follow of one key.
#[derive(Debug)]
struct Stretch {
    from: u32,
    to: u32,
    suspects: std::ops::Range<usize>,
}

fn suspects(facts: &Facts<'_>, order: &[u32], matters: impl Fn(u32, u32) -> bool) -> Vec<Suspect> {
    let mut current: Vec<u32> = (0..facts.key_count()).map(|k| facts.initial(k)).collect();
    let mut replaced_at = vec![NONE; facts.versions() as usize];
    let mut suspects = Vec::new();
    for (place, &vertex) in (0..).zip(order) {
        if vertex >= facts.len() {
            continue;
        }
        for &version in facts.reads(vertex) {
            let key = facts.key(version);
            let from = replaced_at[version as usize];
            // One that read what it wrote only later came after nobody by that.
            if current[key as usize] != version && from != NONE && matters(vertex, version) {
                suspects.push(Suspect {
                    key,
                    version,
                    from,
                    to: place,
                });
            }
        }
        for &version in facts.installs(vertex) {
            let current = &mut current[facts.key(version) as usize];
            replaced_at[*current as usize] = place;
            *current = version;
        }
    }
    suspects.sort_unstable_by_key(|suspect| (suspect.key, suspect.from));
    suspects
}

/// The stretches of each key, ascending by their beginnings.
fn stretches(suspects: &[Suspect]) -> Vec<Stretch> {
    let mut stretches: Vec<Stretch> = Vec::new();
    let mut key = NONE;
    for (at, suspect) in suspects.iter().enumerate() {
        match stretches.last_mut() {
            Some(last) if key == suspect.key && suspect.from <= last.to => {
                last.to = last.to.max(suspect.to);
                last.suspects.end = at + 1;
            }
            _ => stretches.push(Stretch {
                from: suspect.from,
                to: suspect.to,
                suspects: at..at + 1,
            }),
        }
        key = suspect.key;
    }
    stretches.sort_unstable_by_key(|stretch| stretch.from);
    stretches
}

struct Sweep<'a, G> {
    facts: &'a Facts<'a>,
    graph: &'a G,
    ordered: Ordered<'a>,
    /// By key.
    lane_of: Vec<u8>,
    /// The place behind the latest writer in the past, by place in the stretch; 0 is none.
    carried: Vec<Lanes>,
}

impl<G: Digraph> Sweep<'_, G> {
    fn over(&mut self, from: u32, to: u32, suspects: &mut [Suspect], found: &mut Vec<Overlooked>) {
        let Ordered { order, places } = self.ordered;
        let mut lanes = 0;
        for suspect in suspects.iter() {
            let lane = &mut self.lane_of[suspect.key as usize];
            if *lane == NO_LANE {
                *lane = lanes;
                lanes += 1;
            }
        }
        suspects.sort_unstable_by_key(|suspect| suspect.to);
        let mut next = suspects.iter().peekable();
        let length = (to - from) as usize + 1;
        if self.carried.len() < length {
            self.carried.resize(length, [0; LANES]);
        }
        for place in from..=to {
            let vertex = order[place as usize];
            let mut carried = std::mem::take(&mut self.carried[(place - from) as usize]);
            while let Some(suspect) = next.next_if(|suspect| suspect.to == place) {
                let latest = carried[usize::from(self.lane_of[suspect.key as usize])];
                found.extend(self.overlooked(suspect, vertex, latest));
            }
            if vertex < self.facts.len() {
                for &version in self.facts.installs(vertex) {
                    let lane = self.lane_of[self.facts.key(version) as usize];
                    if lane != NO_LANE {
                        carried[usize::from(lane)] = place + 1;
                    }
                }
            }
            if carried == [0; LANES] {
                continue;
            }
            for edge in 0..self.graph.degree(vertex) {
                let Some(target) = self.graph.target(vertex, edge) else {
                    continue;
                };
                let target = places[target as usize];
                if target <= to {
                    let there = &mut self.carried[(target - from) as usize];
                    for lane in 0..LANES {
                        there[lane] = there[lane].max(carried[lane]);
                    }
                }
            }
        }
        for suspect in suspects.iter() {
            self.lane_of[suspect.key as usize] = NO_LANE;
        }
    }

    fn overlooked(&self, suspect: &Suspect, reader: u32, latest: u32) -> Option<Overlooked> {
        let writer = self.ordered.order[latest.checked_sub(1)? as usize];
        let before = self.facts.installed(writer, suspect.key)?;
        let written = self.facts.writer(suspect.version);
        // Latest in the past may be who wrote what was read, or one before.
        let is_later = written == NONE || self.ordered.places[written as usize] + 1 < latest;
        (is_later && before != suspect.version).then_some(Overlooked {
            before,
            after: suspect.version,
            reader,
        })
    }
}
