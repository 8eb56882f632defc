//! Verdicts: what a checker found, how several compose, and the exit code that
//! says so. It decides nothing and prints nothing.

use indexmap::IndexMap;
use serde::de::{self, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::digest::Digest;

/// Anomalies kept of one name; `counts` has the total.
pub const ANOMALIES_MAX: usize = 100;

/// Operations, and rows, kept of one anomaly; its explanation says how many there are.
pub const WITNESSES_MAX: usize = 100;

/// Whether the property holds. Serialises as `true`, `false` or `"unknown"`.
///
/// The order is that of composition: the greater one wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Valid {
    /// The property holds.
    True,
    /// It could not be decided; the notes say why.
    Unknown,
    /// The property is violated; the anomalies show how.
    False,
}

/// What one checker found about one history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Verdict {
    /// Whether the property holds.
    pub valid: Valid,
    /// The property that was decided, exactly.
    pub property: String,
    /// The name of the checker that decided it.
    pub checker: String,
    /// Two or three words for a person, with a mark: `Linearizable ✓`.
    pub title: String,
    /// What was found, in one line that goes beside the title.
    pub summary: String,
    /// What was looked at.
    pub scope: IndexMap<String, Value>,
    /// What was counted. Anomalies are counted by their name, all of them.
    pub counts: IndexMap<String, u64>,
    /// How the property is broken, at most 100 of a name.
    pub anomalies: Vec<Anomaly>,
    /// What a reader must know besides: why it is unknown, what was cut.
    pub notes: Vec<String>,
    /// Nanoseconds that the check took; the caller's to measure, 0 before.
    pub elapsed_ns: u64,
}

/// One way in which the property is broken, with a witness.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Anomaly {
    /// The field's name for it: `lost-sale`, `G-single`.
    pub name: String,
    /// The object it happened to, if it happened to one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Value>,
    /// What happened, in words that can be checked against the history.
    pub explanation: String,
    /// Event indices of the invocations that show it, ascending, at most 100.
    pub operations: Vec<u64>,
    /// Rows of the evidence that show it, at most 100.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rows: Vec<Row>,
    /// The cycle of transactions that it is, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cycle: Option<Cycle>,
}

/// Transactions each of which came before the next, and the last before the first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cycle {
    /// The transactions, in the order of the cycle.
    pub transactions: Vec<CycleTransaction>,
    /// The edges: the first leads from the first transaction to the second.
    pub edges: Vec<CycleEdge>,
}

/// A transaction of a [`Cycle`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CycleTransaction {
    /// What explanations call it: `T` and the event index of its invocation.
    pub name: String,
    /// The process that executed it.
    pub process: u64,
    /// Where its client stood, if that was recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Its micro-operations: `[["r",1,[5]],["append",1,6]]`.
    pub operations: Vec<Value>,
}

/// Why a transaction of a [`Cycle`] came before the next.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CycleEdge {
    /// The name of the transaction before.
    pub from: String,
    /// The name of the transaction after.
    pub to: String,
    /// `ww`, `wr`, `rw`, `process` or `realtime`.
    pub kind: String,
    /// Why, in a sentence that can be checked against the history.
    pub because: String,
}

/// A row of committed state, as a region's evidence showed it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// The region that it was read in.
    pub region: String,
    /// The table that it was read from.
    pub table: String,
    /// Its fields.
    pub row: IndexMap<String, Value>,
}

/// The verdicts of several checkers on one history, and what they come to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Verdicts {
    /// False beats unknown beats true. Nothing checked is unknown.
    pub valid: Valid,
    /// One a checker, in the order they ran.
    pub verdicts: Vec<Verdict>,
    /// What a reader must know although no checker had anything to say.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

impl Valid {
    /// The exit code of a program that found this: 0 valid, 1 violated, 2 unknown.
    pub fn exit_code(self) -> u8 {
        match self {
            Valid::True => 0,
            Valid::False => 1,
            Valid::Unknown => 2,
        }
    }

    /// What several come to: false beats unknown beats true; none at all is unknown.
    pub fn compose(all: impl IntoIterator<Item = Valid>) -> Valid {
        all.into_iter().max().unwrap_or(Valid::Unknown)
    }
}

impl Verdicts {
    /// Puts verdicts together. The digest's caveats are the notes if there is no
    /// verdict to carry them. Of a history that is not whole nothing was decided.
    pub fn compose(mut verdicts: Vec<Verdict>, digest: &Digest) -> Self {
        if !digest.is_whole() {
            verdicts.clear();
        }
        let valid = Valid::compose(verdicts.iter().map(|verdict| verdict.valid));
        let caveats = digest.caveats().iter();
        let notes = if verdicts.is_empty() {
            caveats.map(|caveat| caveat.message.clone()).collect()
        } else {
            Vec::new()
        };
        Verdicts {
            valid,
            verdicts,
            notes,
        }
    }
}

impl Serialize for Valid {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Valid::True => serializer.serialize_bool(true),
            Valid::False => serializer.serialize_bool(false),
            Valid::Unknown => serializer.serialize_str("unknown"),
        }
    }
}

impl<'de> Deserialize<'de> for Valid {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ValidVisitor;
        impl Visitor<'_> for ValidVisitor {
            type Value = Valid;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("true, false or \"unknown\"")
            }
            fn visit_bool<E: de::Error>(self, valid: bool) -> Result<Valid, E> {
                Ok(if valid { Valid::True } else { Valid::False })
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Valid, E> {
                match text {
                    "unknown" => Ok(Valid::Unknown),
                    other => Err(E::invalid_value(Unexpected::Str(other), &self)),
                }
            }
        }
        deserializer.deserialize_any(ValidVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn valid_is_saved_as_true_false_or_unknown() {
        for (valid, json) in [
            (Valid::True, "true"),
            (Valid::False, "false"),
            (Valid::Unknown, "\"unknown\""),
        ] {
            assert_eq!(serde_json::to_string(&valid).unwrap(), json);
            assert_eq!(serde_json::from_str::<Valid>(json).unwrap(), valid);
        }
        let error = serde_json::from_str::<Valid>("\"maybe\"").unwrap_err();
        assert!(error.to_string().contains("true, false or \"unknown\""));
    }

    #[test]
    fn false_beats_unknown_beats_true() {
        use Valid::{False, True, Unknown};
        assert_eq!(Valid::compose([True, True]), True);
        assert_eq!(Valid::compose([True, Unknown]), Unknown);
        assert_eq!(Valid::compose([Unknown, False, True]), False);
        assert_eq!(Valid::compose([]), Unknown, "nothing was decided");
    }

    #[test]
    fn what_no_verdict_carries_is_a_note() {
        let mut digest = crate::DigestBuilder::new([]);
        digest.caveat(crate::Caveat {
            message: "cut short".to_owned(),
            unseen: true,
            unknown_processes: false,
            unknown_times: false,
        });
        let none = Verdicts::compose(Vec::new(), &digest.finish().unwrap());
        let json = r#"{"valid":"unknown","verdicts":[],"notes":["cut short"]}"#;
        assert_eq!(serde_json::to_string(&none).unwrap(), json);
        assert_eq!(serde_json::from_str::<Verdicts>(json).unwrap(), none);
        let json = r#"{"valid":"unknown","verdicts":[]}"#;
        let read: Verdicts = serde_json::from_str(json).unwrap();
        assert_eq!(serde_json::to_string(&read).unwrap(), json);
    }

    #[test]
    fn the_exit_codes_are_jepsens() {
        assert_eq!(Valid::True.exit_code(), 0);
        assert_eq!(Valid::False.exit_code(), 1);
        assert_eq!(Valid::Unknown.exit_code(), 2);
    }
}
