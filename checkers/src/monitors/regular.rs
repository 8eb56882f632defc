//! Regularity of a register.
//!
//! Lamport ("On Interprocess Communication", 1986) defines a regular register for one
//! writer: a read returns the value of a write that it overlaps, or else of the last write
//! that precedes it. With several writers there are several ways to say it; this is the
//! weakest of Shao, Welch, Pierce and Lee ("Multiwriter Consistency Conditions for Shared
//! Memory Registers", SIAM J. Comput. 40(1), 2011), *MWRegWeak*: for each read alone there
//! is an order of all writes and of that read, which respects real time, in which the read
//! returns the value of the last write before it.
//!
//! So a read may return any write that it overlaps, and any write that precedes it with no
//! other write wholly between the two. Two reads need not agree on the order of the writes,
//! and one read may return a newer value than a later read does: that is what
//! linearizability adds. So each read is judged alone, and values may be written again: a read
//! is right if any write of its value is one that it may return.

use super::register::{Newer, Operation, Possible, Reason};
use super::{Outcome, Violation};

/// Decides whether the history is regular. O(n log n) time, O(n) memory.
pub fn check(operations: &[Operation]) -> Outcome<Reason> {
    let possible = match Possible::new(operations) {
        Ok(possible) => possible,
        Err(violation) => return Outcome::Violated(violation),
    };
    let register = possible.of_latest(|index| possible.writes[index].interval.ret);
    let newer = Newer::new(&register, |index| register.writes[index].interval.ret);
    for read in &register.reads {
        let written = register.writes[read.from];
        if let Some((_, index)) = newer.between(written.interval.ret, read.interval.call) {
            // The initial write is before all others, so a newer one has an id.
            let newer = register.writes[index].id.unwrap_or_default();
            let reason = Reason::Overwritten {
                read: read.id,
                written: written.id,
                newer,
            };
            let operations = [Some(read.id), written.id, Some(newer)];
            let operations = operations.into_iter().flatten().collect();
            return Outcome::Violated(Violation::new(reason, operations));
        }
    }
    Outcome::Valid
}
