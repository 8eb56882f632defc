//! What a checker is. How one decides is its own file's business.

use crate::digest::Digest;
use crate::isolation::IsolationOptions;
use crate::linearizable::ObjectOptions;
use crate::verdict::Verdict;
use crate::words;

/// Decides one property of a history.
pub trait Checker: Send + Sync {
    /// Its name on the command line and in a verdict.
    fn name(&self) -> &'static str;

    /// One line about it, for a list.
    fn about(&self) -> &'static str;

    /// The property that it decides, exactly.
    fn property(&self) -> &'static str;

    /// What it reads of a history. The rest of the [`Digest`] may be missing.
    fn needs(&self) -> &'static [Need];

    /// Whether it has anything to say about this history, when nobody asked for it by name.
    fn applies(&self, digest: &Digest) -> bool;

    /// Decides. Pure: the same digest and options give the same verdict.
    fn check(&self, digest: &Digest, options: &Options) -> Verdict;
}

/// A part of a [`Digest`], built only if a checker needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Need {
    /// The books of a sale: who asked, who was told what, what the ledgers hold.
    Sales,
    /// The operations of clients, compact: what was asked, answered, and when.
    Operations,
    /// The transactions of clients, compact: micro-operations, and when.
    Transactions,
    /// Every event, in memory, and the operations they make up.
    History,
}

/// What a user may ask of the checkers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Options {
    /// The key to look at closely, as it is printed (`--seat`).
    pub focus: Option<String>,
    /// How the checker `linearizable` understands operations, and what it may use.
    pub object: ObjectOptions,
    /// How the checker `isolation` understands transactions, and what it may use.
    pub isolation: IsolationOptions,
}

/// Something that the one who reads the history found out, and a verdict must mention.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caveat {
    /// What it is, in words.
    pub message: String,
    /// Whether a part of the history went unseen, so that nothing can be called valid.
    pub unseen: bool,
    /// Whether nobody recorded which process did what, so that nothing can be said of the
    /// order of processes.
    pub unknown_processes: bool,
    /// Whether nobody recorded when something happened, or by a clock that went back, so that
    /// nothing can be said of how long anything took, or of clocks.
    pub unknown_times: bool,
}

/// An event whose contents no checker could make sense of.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CheckError {
    /// A field is missing, or not what it must be.
    #[error("event {index}: field \"{field}\": {problem}")]
    Payload {
        /// The event's index.
        index: u64,
        /// The field at fault, as a path: `value.rows[3].sale_id`.
        field: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The events are not a history; a reader that validates says so earlier.
    #[error(transparent)]
    Invalid(#[from] witness_histories::Invalid),
    /// The history is larger than the checkers' limits.
    #[error("event {index}: more than {max} {what}")]
    TooMany {
        /// The event's index.
        index: u64,
        /// What there are too many of.
        what: &'static str,
        /// How many there may be.
        max: u64,
    },
}

impl From<&witness_histories::Warning> for Caveat {
    fn from(warning: &witness_histories::Warning) -> Self {
        use witness_histories::{Supplied, Warning};
        // Without the file's name: the same history has the same verdict wherever it lies.
        let message = match warning {
            Warning::CutShort { line, bytes, .. } => format!(
                "the history is cut short: its last line, line {line}, ends after {bytes} bytes and was left out"
            ),
            Warning::EventCutShort { line, bytes, .. } => format!(
                "the history is cut short: its last event, on line {line}, ends after {bytes} bytes and was left out"
            ),
            Warning::NotClosed { .. } => {
                "the history is cut short: its list of events has no end".to_owned()
            }
            Warning::PackedCutShort { .. } => {
                "the history is cut short: its compressed bytes have no end".to_owned()
            }
            Warning::Supplied {
                line, events, what, ..
            } => format!(
                "{what}, from line {line} on, for {}",
                words::count(*events, "event")
            ),
            other => other.to_string(),
        };
        let supplied =
            |it: Supplied| matches!(warning, Warning::Supplied { what, .. } if *what == it);
        Caveat {
            message,
            unseen: warning.is_unseen(),
            unknown_processes: supplied(Supplied::Process),
            unknown_times: supplied(Supplied::Time) || supplied(Supplied::EarlyTime),
        }
    }
}
