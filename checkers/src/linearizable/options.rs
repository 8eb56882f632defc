//! How operations are to be understood, and what a decision may cost.

use std::fmt;
use std::str::FromStr;

use serde_json::Value;
use serde_json::value::RawValue;

use crate::budget::{Budget, Stop};
use crate::operations::{canonical, exactly};

/// The value before the first operation, as exactly as it is spelt: its numbers may be
/// longer than any machine's.
///
/// ```
/// use witness_checkers::Initial;
///
/// let zero: Initial = "0.0".parse()?;
/// assert_eq!(zero, Initial::from(serde_json::json!(0)));
/// assert!("nil".parse::<Initial>().is_err(), "no JSON");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Initial {
    /// Canonical.
    json: String,
}

impl Initial {
    pub(crate) fn json(&self) -> &str {
        &self.json
    }

    /// What a model calls it: what it calls the same value in a history.
    pub(crate) fn value(&self) -> Value {
        exactly(&self.json)
    }
}

impl From<Value> for Initial {
    fn from(value: Value) -> Initial {
        let json = value.to_string();
        Initial {
            json: canonical(&json).into_owned(),
        }
    }
}

impl FromStr for Initial {
    type Err = serde_json::Error;

    /// Reads JSON.
    fn from_str(json: &str) -> Result<Initial, serde_json::Error> {
        let json: &RawValue = serde_json::from_str(json)?;
        Ok(Initial {
            json: canonical(json.get()).into_owned(),
        })
    }
}

impl fmt::Display for Initial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.json)
    }
}

/// What a read of null has seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum NilReads {
    /// The absent value.
    #[default]
    Absent,
    /// Nobody knows what: it is always right (Knossos's meaning).
    Unknown,
}

/// What a compare-and-set that was refused says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailedCas {
    /// That the value was not the expected one. It must have failed without an error,
    /// or with one of the class `rejected`, `cas-failed`, `did-not-match`, `mismatch`
    /// or `precondition-failed`: one that lost a conflict or its connection never
    /// looked at the value.
    Proves,
    /// Nothing.
    Ignore,
}

/// What makes operations those of one object.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum KeyBy {
    /// Their key.
    #[default]
    Key,
    /// Nothing: all are of one object. A model may still know independent parts of it.
    Whole,
    /// That field of their values: of the invocation's, or where that has none (or null) of
    /// the completion's. If one has neither, nothing is decided. To a model the value is
    /// what it was, the field included.
    Field(String),
}

/// How the checker `linearizable` understands a history, and what it may use.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ObjectOptions {
    /// The name of the model; none: the one that the operations tell.
    pub model: Option<String>,
    /// The value before the first operation; none: the model's own.
    pub initial: Option<Initial>,
    /// What a read of null has seen.
    pub nil_reads: NilReads,
    /// What a refused compare-and-set says; none: that the value was not the expected
    /// one, unless `nil_reads` is Knossos's, who takes it to say nothing.
    pub failed_cas: Option<FailedCas>,
    /// What makes operations those of one object.
    pub key_by: KeyBy,
    /// By how much clocks may be off, in nanoseconds: every operation is taken to have
    /// begun that much earlier and ended that much later, but those of a process, or of one of
    /// several recorders, in its order. 0: the order of events in the history is that of real
    /// time.
    pub clock_uncertainty_ns: u64,
    /// Whether a violation is shown by few operations rather than by all of the object; to
    /// leave out the others takes longer than to find that there is one.
    pub small_witness: bool,
    /// Steps of search for one object; past it the verdict is unknown.
    pub steps_max: u64,
    /// Bytes for all searches together, about; past it the verdict is unknown.
    pub memory_bytes_max: u64,
    /// Asked now and then; once it is true, what is undecided stays unknown.
    pub stop: Stop,
}

impl Default for ObjectOptions {
    fn default() -> Self {
        let Budget {
            steps_max,
            bytes_max,
            stop,
        } = Budget::default();
        ObjectOptions {
            model: None,
            initial: None,
            nil_reads: NilReads::default(),
            failed_cas: None,
            key_by: KeyBy::default(),
            clock_uncertainty_ns: 0,
            small_witness: true,
            steps_max,
            memory_bytes_max: bytes_max as u64,
            stop,
        }
    }
}

impl ObjectOptions {
    /// Whether a refused compare-and-set says something.
    pub(crate) fn refusals_prove(&self) -> bool {
        match (self.failed_cas, self.nil_reads) {
            (Some(meaning), _) => meaning == FailedCas::Proves,
            (None, NilReads::Absent) => true,
            (None, NilReads::Unknown) => false,
        }
    }

    /// What one object's search may use while `at_once` are searched.
    pub(crate) fn budget(&self, at_once: usize) -> Budget {
        let bytes = self.memory_bytes_max / at_once.max(1) as u64;
        Budget {
            steps_max: self.steps_max,
            bytes_max: usize::try_from(bytes).unwrap_or(usize::MAX),
            stop: self.stop.clone(),
        }
    }
}
