//! Coming to a verdict: anomalies make it false, doubts make it unknown, and what
//! grows is cut. The one place that decides `valid`.

use indexmap::IndexMap;
use serde_json::Value;

use crate::checker::Checker;
use crate::digest::Digest;
use crate::verdict::{ANOMALIES_MAX, Anomaly, Valid, Verdict, WITNESSES_MAX};
use crate::words;

/// A verdict in the making.
pub(crate) struct Ruling {
    verdict: Verdict,
    doubts: Vec<String>,
    is_whole: bool,
}

impl Ruling {
    /// Begins with what is the same for every checker: the run's end, what went unseen.
    pub(crate) fn new(checker: &dyn Checker, digest: &Digest) -> Self {
        let mut ruling = Ruling {
            verdict: Verdict {
                valid: Valid::Unknown,
                property: checker.property().to_owned(),
                checker: checker.name().to_owned(),
                title: String::new(),
                summary: String::new(),
                scope: IndexMap::new(),
                counts: IndexMap::new(),
                anomalies: Vec::new(),
                notes: Vec::new(),
                elapsed_ns: 0,
            },
            doubts: Vec::new(),
            is_whole: digest.is_whole(),
        };
        for caveat in digest.caveats() {
            if caveat.unseen {
                ruling.doubt(caveat.message.clone());
            } else {
                ruling.note(caveat.message.clone());
            }
        }
        ruling
    }

    /// The property that is decided, of a checker that decides several.
    pub(crate) fn property(&mut self, name: &str) {
        self.verdict.property = name.to_owned();
    }

    pub(crate) fn scope(&mut self, name: &str, value: impl Into<Value>) {
        self.verdict.scope.insert(name.to_owned(), value.into());
    }

    pub(crate) fn count(&mut self, name: &str, number: u64) {
        *self.verdict.counts.entry(name.to_owned()).or_insert(0) += number;
    }

    pub(crate) fn counted(&self, name: &str) -> u64 {
        self.verdict.counts.get(name).copied().unwrap_or(0)
    }

    pub(crate) fn note(&mut self, note: impl Into<String>) {
        self.verdict.notes.push(note.into());
    }

    /// A reason why nothing can be called valid; the verdict is unknown unless violated.
    pub(crate) fn doubt(&mut self, reason: impl Into<String>) {
        self.doubts.push(reason.into());
    }

    /// Adds an anomaly, which is only worded if it will be kept. Of a part of a run there is none:
    /// another part may explain it.
    pub(crate) fn anomaly(&mut self, name: &str, word: impl FnOnce() -> Anomaly) {
        if !self.is_whole {
            return;
        }
        self.count(name, 1);
        if self.counted(name) > ANOMALIES_MAX as u64 {
            return;
        }
        let mut anomaly = word();
        anomaly.operations.sort_unstable();
        anomaly.operations.dedup();
        for (what, length) in [
            ("operation", anomaly.operations.len()),
            ("row", anomaly.rows.len()),
        ] {
            if length > WITNESSES_MAX {
                let all = words::count(length as u64, what);
                let cut = format!(" Of {all}, the first {WITNESSES_MAX} are listed.");
                anomaly.explanation.push_str(&cut);
            }
        }
        anomaly.operations.truncate(WITNESSES_MAX);
        anomaly.rows.truncate(WITNESSES_MAX);
        self.verdict.anomalies.push(anomaly);
    }

    /// The verdict where nothing could be looked at.
    pub(crate) fn refuse(mut self, reason: impl Into<String>) -> Verdict {
        self.doubt(reason);
        self.conclude("", |_, doubt| doubt.unwrap_or_default().to_owned())
    }

    /// The verdict. Its title when valid is given, and its summary once `valid` and
    /// the first doubt are known.
    pub(crate) fn conclude(
        mut self,
        title_when_valid: &str,
        summary: impl FnOnce(Valid, Option<&str>) -> String,
    ) -> Verdict {
        let valid = if !self.verdict.anomalies.is_empty() {
            Valid::False
        } else if !self.doubts.is_empty() {
            Valid::Unknown
        } else {
            Valid::True
        };
        self.verdict.valid = valid;
        self.verdict.title = match valid {
            Valid::True => title_when_valid,
            Valid::False => "Violated ✗",
            Valid::Unknown => "Unknown ?",
        }
        .to_owned();
        self.verdict.summary = summary(valid, self.doubts.first().map(String::as_str));
        for (name, &number) in &self.verdict.counts {
            let kept = self.verdict.anomalies.iter().filter(|a| &a.name == name);
            let kept = kept.count() as u64;
            if kept > 0 && kept < number {
                let note = format!("{name}: the first {kept} of {number} are listed");
                self.verdict.notes.push(note);
            }
        }
        self.verdict.notes.splice(0..0, self.doubts);
        self.verdict
    }
}
