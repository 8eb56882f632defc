//! How transactions are to be understood, and what deciding them may cost.

use crate::budget::Stop;

/// The kind of data that transactions work on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DataType {
    /// Lists that only grow: `append`, and `r` of whole lists.
    ListAppend,
    /// Registers: `w`, and `r`; a value is written at most once a key.
    RwRegister,
}

impl DataType {
    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            DataType::ListAppend => "list-append",
            DataType::RwRegister => "rw-register",
        }
    }
}

/// How the checker `isolation` understands a history, and what it may use.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct IsolationOptions {
    /// The level to decide; none: the strongest, `strict-serializable`.
    pub level: Option<String>,
    /// Decide no more than that level and what it implies. Of the others the verdict says only
    /// what that tells.
    pub only_level: bool,
    /// The kind of data; none: the one that the micro-operations tell.
    pub data: Option<DataType>,
    /// Registers only: assume that each process sees the versions of a key in their order.
    pub sequential_keys: bool,
    /// Registers only: assume that the versions of a key are in the order of real time.
    pub linearizable_keys: bool,
    /// Steps of a search; past it what it was to decide is unknown.
    pub steps_max: u64,
    /// Asked now and then; once it is true, what is undecided stays unknown.
    pub stop: Stop,
}

impl Default for IsolationOptions {
    fn default() -> Self {
        IsolationOptions {
            level: None,
            only_level: false,
            data: None,
            sequential_keys: false,
            linearizable_keys: false,
            steps_max: 50_000_000,
            stop: Stop::default(),
        }
    }
}
