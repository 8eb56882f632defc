//! Why a history could not be read, and what was let pass. Every message begins
//! with the source's name and is one line.

use std::io;

use crate::draft::Supplied;
use crate::jsonl::ParseError;
use crate::validate::Problem;

/// Something a reader let pass, and a verdict must mention.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Warning {
    /// The last line has no end and is no whole event: the run was killed, or
    /// the file cut. The events before it are whole.
    #[error("{name}:{line}: the last line is cut short after {bytes} bytes and was left out")]
    CutShort {
        /// The source's name.
        name: String,
        /// The line, from 1.
        line: u64,
        /// How much of it is there.
        bytes: usize,
    },
    /// The last event has no end.
    #[error("{name}:{line}: the last event is cut short after {bytes} bytes and was left out")]
    EventCutShort {
        /// The source's name.
        name: String,
        /// The line, from 1, on which it begins.
        line: u64,
        /// How much of it is there.
        bytes: usize,
    },
    /// The list of events is not closed: more of them were to come.
    #[error("{name}: the list of events has no end: the history is cut short")]
    NotClosed {
        /// The source's name.
        name: String,
    },
    /// Compressed bytes end before their end.
    #[error("{name}: the compressed history is cut short")]
    PackedCutShort {
        /// The source's name.
        name: String,
    },
    /// A history of another format left something out, and the reader supplied it.
    #[error("{name}:{line}: {what}, from this line on, for {events} event{}", plural(.events))]
    Supplied {
        /// The source's name.
        name: String,
        /// The line, from 1, of the first event for which it did.
        line: u64,
        /// For how many events it did.
        events: u64,
        /// What.
        what: Supplied,
    },
}

impl Warning {
    /// Whether a part of the history went unseen, so that nothing can be called
    /// valid. Else it is good to know, and changes no verdict.
    pub fn is_unseen(&self) -> bool {
        !matches!(self, Warning::Supplied { .. })
    }
}

/// Why a history could not be read. Every message is one line and begins with
/// the source's name.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The source could not be opened or read.
    #[error("{name}: {error}")]
    Io {
        /// The source's name.
        name: String,
        /// What the system said.
        error: io::Error,
    },
    /// There is no event in it.
    #[error("{name}: empty: not one event")]
    Empty {
        /// The source's name.
        name: String,
    },
    /// A line is not UTF-8.
    #[error("{name}:{line}:{column}: not UTF-8")]
    NotUtf8 {
        /// The source's name.
        name: String,
        /// The line, from 1.
        line: u64,
        /// The first byte at fault, from 1.
        column: usize,
    },
    /// A line is longer than a line may be.
    #[error("{name}:{line}: the line is longer than {bytes_max} bytes")]
    LineTooLong {
        /// The source's name.
        name: String,
        /// The line, from 1.
        line: u64,
        /// The limit.
        bytes_max: usize,
    },
    /// An event is longer than a line may be.
    #[error("{name}:{line}: the event is longer than {bytes_max} bytes")]
    EventTooLong {
        /// The source's name.
        name: String,
        /// The line, from 1, on which it begins.
        line: u64,
        /// The limit.
        bytes_max: usize,
    },
    /// A line is not an event.
    #[error("{name}:{line}{}: {error}", Column(.error.column))]
    Malformed {
        /// The source's name.
        name: String,
        /// The line, from 1.
        line: u64,
        /// What is wrong with it.
        error: ParseError,
    },
    /// An event does not fit the ones before it.
    #[error("{name}:{line}: {problem}")]
    Invalid {
        /// The source's name.
        name: String,
        /// The line, from 1.
        line: u64,
        /// What is wrong with it.
        problem: Problem,
    },
}

/// A column as it stands behind a line number.
struct Column(Option<usize>);

impl std::fmt::Display for Column {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.map_or(Ok(()), |column| write!(f, ":{column}"))
    }
}

fn plural(number: &u64) -> &'static str {
    match number {
        1 => "",
        _ => "s",
    }
}
