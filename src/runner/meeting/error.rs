//! Why the parts of a run did not meet, or why nothing can be decided of what they did.

use std::time::Duration;

use witness_workloads::{DbError, Part};

/// Why parts did not meet.
#[derive(Debug, thiserror::Error)]
pub enum PartError {
    /// Nobody opened a run.
    #[error(
        "no run on this database waits for part {part}, {waited:?} after it was looked for: begin part 1/{of} with the same options{because}", of = part.of()
    )]
    NoRun {
        /// The part that looked for it.
        part: Part,
        /// How long.
        waited: Duration,
        /// What the database said, if it did.
        because: String,
    },
    /// The others did not come.
    #[error("part {missing}/{of} was waited for, and did not come within {waited:?}{because}")]
    Alone {
        /// One that is missing.
        missing: usize,
        /// How many parts there are.
        of: usize,
        /// How long it was waited for.
        waited: Duration,
        /// What the database said, if it did.
        because: String,
    },
    /// The first part was asked otherwise, and no other began.
    #[error(
        "part 1 has {name} {theirs}, and this part {ours}; no other began within {waited:?}: give all parts the same, and begin with part 1 if it is over"
    )]
    Differs {
        /// What of it.
        name: String,
        /// What part 1 has, as JSON.
        theirs: String,
        /// What this part has, as JSON.
        ours: String,
        /// How long another was waited for.
        waited: Duration,
    },
    /// Another is the same part.
    #[error("two are part {part}/{of} of this run: stop one, and begin with part 1 again")]
    Twice {
        /// The part.
        part: usize,
        /// How many parts there are.
        of: usize,
    },
    /// A first part has begun another run.
    #[error(
        "the tables are not this run's any more: another part 1 has begun on them, and empties them; nothing can be decided of this run"
    )]
    Displaced,
    /// Another run's part was at the tables.
    #[error(
        "the tables were not this run's alone: a part of another run wrote meanwhile; nothing can be decided"
    )]
    Intruded,
    /// It could not be seen whether the tables were this run's to the end.
    #[error(
        "whether the tables were this run's to the end could not be seen, and nothing is decided{0}"
    )]
    Unseen(String),
    /// The database could not be told that this part is there.
    #[error("the other parts could not be told of this one: {0}")]
    Untold(DbError),
}
