//! What it means for versions that a transaction saw another: of what the other wrote it
//! may see nothing older. Monotonic atomic view asks that of reads that come later
//! (Bailis et al. 2014), read atomic of all of them (RAMP, 2014).

use super::facts::Facts;
use super::must::{Must, Why};
use crate::intern::NONE;

/// What must be before what for a read atomic order; [`Why::SawThen`] are those for
/// monotonic atomic view. O(sum over reads of the lesser of what the reader read and what the
/// writer wrote, times a logarithm).
pub(super) fn musts(facts: &Facts<'_>) -> Vec<Must> {
    let mut musts = Vec::new();
    // Whom it saw, and at which of its reads first.
    let mut saw: Vec<(u32, u32)> = Vec::new();
    // What it read, by key.
    let mut read: Vec<(u32, u32, u32)> = Vec::new();
    for reader in facts.counting() {
        let reads = facts.reads(reader);
        if reads.len() < 2 {
            continue;
        }
        saw.clear();
        read.clear();
        for (position, &version) in (0..).zip(reads) {
            read.push((facts.key(version), position, version));
            let writer = facts.writer(version);
            if writer != NONE && writer != reader {
                saw.push((writer, position));
            }
        }
        read.sort_unstable();
        saw.sort_unstable();
        saw.dedup_by_key(|&mut (writer, _)| writer);
        for &(writer, first) in &saw {
            let mut compare = |before: u32, position: u32, after: u32| {
                if before != after && facts.writer(after) != reader {
                    musts.push(Must {
                        before,
                        after,
                        why: match position > first {
                            true => Why::SawThen { reader },
                            false => Why::Saw { reader },
                        },
                    });
                }
            };
            let installs = facts.installs(writer);
            if installs.len() <= read.len() {
                for &own in installs {
                    let key = facts.key(own);
                    let from = read.partition_point(|&(other, ..)| other < key);
                    let of_key = read[from..].iter().take_while(|&&(other, ..)| other == key);
                    of_key.for_each(|&(_, position, version)| compare(own, position, version));
                }
            } else {
                for &(key, position, version) in &read {
                    if let Some(own) = facts.installed(writer, key) {
                        compare(own, position, version);
                    }
                }
            }
        }
    }
    musts
}
