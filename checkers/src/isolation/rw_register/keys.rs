//! Versions of a key in the order in which processes, or real time, had them. It says what
//! follows; whether that is assumed or known is for others to say.

use super::facts::Facts;
use super::lists::Lists;
use super::must::{Must, Why};
use crate::intern::NONE;
use crate::isolation::transactions::{NEVER, Status};

/// What each process read or wrote of a key, in its order, is in that order. O(reads and
/// writes).
pub(super) fn by_session(facts: &Facts<'_>) -> Vec<Must> {
    let mut musts = Vec::new();
    // Of every key: the session that touched it last, what, and by which transaction.
    let mut last = vec![(NONE, 0, 0); facts.key_count() as usize];
    for (session, transactions) in (0_u32..).zip(facts.sessions()) {
        for &at in &transactions {
            let touched = facts.reads(at).iter().chain(facts.installs(at));
            for &version in touched {
                let last = &mut last[facts.key(version) as usize];
                let before = std::mem::replace(last, (session, version, at));
                if before.0 == session && before.1 != version && !facts.is_initial(before.1) {
                    musts.push(Must {
                        before: before.1,
                        after: version,
                        why: Why::Session {
                            first: before.2,
                            second: at,
                        },
                    });
                }
            }
        }
    }
    musts
}

/// When a version was there: not before `last_begin` is over whatever `first_end` ended
/// before.
#[derive(Debug, Clone, Copy)]
struct Zone {
    version: u32,
    /// The first end of a transaction that read or wrote it, and whose.
    end: u32,
    ended: u32,
    /// The last beginning of one, and whose.
    begin: u32,
    began: u32,
}

/// If a transaction was over before another began, what it read or wrote of a key is no
/// later than what the other did. What follows by others in between is left out.
///
/// A version comes before another exactly if a transaction that read or wrote it was over
/// before one began that did so with the other (Gibbons and Korach 1997). O(n log n), and
/// for every version those that were there at the same time.
///
/// Only those that `matter` are looked at.
pub(super) fn by_realtime(facts: &Facts<'_>, matter: impl Fn(u32) -> bool) -> Vec<Must> {
    let installs = facts.counting().flat_map(|at| {
        let all = facts.installs(at).iter();
        all.map(move |&version| (facts.key(version), version))
    });
    let of_key = Lists::new(facts.key_count(), installs);
    let mut musts = Vec::new();
    let mut zones: Vec<Zone> = Vec::new();
    for key in 0..facts.key_count() {
        let initial = zone(facts, facts.initial(key), &matter);
        zones.clear();
        zones.extend(
            of_key
                .of(key)
                .iter()
                .map(|&version| zone(facts, version, &matter)),
        );
        zones.sort_unstable_by_key(|zone| (zone.begin, zone.version));
        let must = |before: &Zone, after: &Zone| Must {
            before: before.version,
            after: after.version,
            why: Why::Realtime {
                first: before.ended,
                second: after.began,
            },
        };
        if initial.began != NONE {
            let before = zones.iter().filter(|zone| zone.end < initial.begin);
            musts.extend(before.map(|zone| must(zone, &initial)));
        }
        for zone in &zones {
            if zone.end == NEVER {
                continue;
            }
            let first = zones.partition_point(|other| other.begin <= zone.end);
            // Whatever began after the first end of one of these comes by way of it.
            let mut covered = NEVER;
            for other in &zones[first..] {
                if other.begin > covered {
                    break;
                }
                if other.version != zone.version {
                    musts.push(must(zone, other));
                    covered = covered.min(other.end);
                }
            }
        }
    }
    musts
}

fn zone(facts: &Facts<'_>, version: u32, matter: &impl Fn(u32) -> bool) -> Zone {
    let all = facts.transactions.all();
    let mut zone = Zone {
        version,
        end: NEVER,
        ended: NONE,
        begin: 0,
        began: NONE,
    };
    let writer = Some(facts.writer(version)).filter(|&writer| writer != NONE);
    for at in writer
        .into_iter()
        .chain(facts.readers(version).iter().copied())
        .filter(|&at| matter(at))
    {
        let transaction = &all[at as usize];
        if transaction.status == Status::Committed && transaction.completed < zone.end {
            (zone.end, zone.ended) = (transaction.completed, at);
        }
        if zone.began == NONE || transaction.invoked > zone.begin {
            (zone.begin, zone.began) = (transaction.invoked, at);
        }
    }
    zone
}
