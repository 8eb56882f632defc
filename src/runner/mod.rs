//! Runs a workload on a database and records what happened:
//!
//! ```text
//! setup ─► burst, scoreboard ─► … ─► settle ─► last look, if there is one ─► evidence ─► end
//! ```
//!
//! One of several parts meets the others before each burst and when all are over; the tables
//! are then made, and the rows put down, by the first. Each reads the evidence for itself.
//!
//! Everything that a verdict needs goes into the history; what is returned is
//! for showing progress only.
//!
//! Architecture invariant: the runner judges nothing and believes nobody. It
//! does not look at evidence except to record it, and to see whether the regions
//! have come to agree.

mod burst;
mod course;
mod evidence;
mod meeting;
mod stop;

use std::sync::Arc;
use std::time::Duration;

use witness_histories::{RecordError, Recorder};
use witness_workloads::{BadParameters, Database, DbError, Parameters, Workload};

use self::course::Course;

pub use meeting::{Meeting, PartError, Parted};
pub use stop::Stop;

/// What to run.
pub struct Plan {
    /// The workload.
    pub workload: &'static dyn Workload,
    /// How long the regions may take to agree before their evidence is read.
    pub settle_max: Duration,
    /// Where the part that is done here meets the others, which it has joined unless it is the
    /// first; none: all is done here.
    pub meeting: Option<Meeting>,
}

/// What a run tells while it goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// Tables are being made.
    Setup,
    /// Waiting for the other parts.
    Meeting,
    /// Clients are connecting, to be released together.
    Burst {
        /// How many clients.
        clients: usize,
    },
    /// A burst is over.
    Tally(Tally),
    /// Waiting for the regions to agree.
    Settle,
    /// Reading what a region has committed.
    Evidence {
        /// Which region.
        region: String,
    },
}

/// A burst as the application tells of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Concurrent clients.
    pub clients: usize,
    /// Requests that were served.
    pub ok: u64,
    /// Requests of which nobody knows whether they were served.
    pub unknown: u64,
    /// The most often that one request was tried again.
    pub retries_max: u32,
    /// What the scoreboards show, where the workload has some.
    pub scoreboard: Option<Scoreboard>,
}

/// All scoreboards of a burst together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Scoreboard {
    /// Acquisitions that were confirmed to clients.
    pub confirmed: u64,
    /// Of these, those that were too many.
    pub oversold: u64,
}

/// How far a run came.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ended {
    /// What was planned and not done, and why; empty after a whole run.
    pub not_done: Vec<String>,
    /// Why nothing can be decided of a part, not even together with the others.
    pub undecided: Option<String>,
}

/// Why a run could not go on. What was recorded before is in the file.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The workload has no such generator.
    #[error(transparent)]
    Parameters(#[from] BadParameters),
    /// The other parts of the run were not met.
    #[error(transparent)]
    Part(#[from] PartError),
    /// The database could not be made ready.
    #[error("{phase}: {error}")]
    Database {
        /// What was being done.
        phase: &'static str,
        /// What the database said.
        error: DbError,
    },
    /// The history could not be written.
    #[error(transparent)]
    Record(#[from] RecordError),
}

/// Runs the workload to its end, or until it is stopped. How far it came is known, too, where
/// it could not go on.
///
/// # Errors
/// See [`RunError`]; a request that goes wrong is not an error but an event.
pub async fn run(
    plan: Plan,
    parameters: &Parameters,
    database: &Arc<dyn Database>,
    recorder: &Recorder,
    stop: &Stop,
    progress: &mut dyn FnMut(Progress),
) -> (Ended, Result<(), RunError>) {
    let tables = plan.workload.tables().iter().map(|t| **t).collect();
    let mut course = Course {
        plan,
        parameters,
        database,
        tables,
        recorder,
        stop,
        progress,
        alone: false,
        ended: Ended::default(),
    };
    let ran = course.run().await;
    (course.ended, ran)
}

#[cfg(test)]
mod tests;
