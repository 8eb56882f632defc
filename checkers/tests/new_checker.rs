//! A checker from outside: one file, and nothing else to touch.

#![allow(clippy::unwrap_used, reason = "a test may")]

use witness_checkers::{Checker, Digest, Need, Options, Valid, Verdict};
use witness_histories::{Completion, history};

/// Every operation ends, one way or another.
struct EverythingEnds;

impl Checker for EverythingEnds {
    fn name(&self) -> &'static str {
        "everything-ends"
    }
    fn about(&self) -> &'static str {
        "every operation ends, one way or another"
    }
    fn property(&self) -> &'static str {
        "everything-ends"
    }
    fn needs(&self) -> &'static [Need] {
        &[Need::History]
    }
    fn applies(&self, digest: &Digest) -> bool {
        digest.history().operations().next().is_some()
    }
    fn check(&self, digest: &Digest, _: &Options) -> Verdict {
        let operations = digest.history().operations();
        let open = operations.filter(|operation| operation.completed().is_none());
        let open: Vec<u64> = open.map(|operation| operation.index()).collect();
        Verdict {
            valid: if open.is_empty() {
                Valid::True
            } else {
                Valid::False
            },
            property: self.property().into(),
            checker: self.name().into(),
            title: "Ends".into(),
            summary: format!("{} open", open.len()),
            scope: [].into(),
            counts: [("open".to_owned(), open.len() as u64)].into(),
            anomalies: Vec::new(),
            notes: Vec::new(),
            elapsed_ns: 0,
        }
    }
}

#[test]
fn a_checker_that_needs_the_whole_history_gets_it() {
    let history = history("0 invoke read x\n1 invoke read x\n1 ok read x 7").unwrap();
    let digest = Digest::of(&history, [&EverythingEnds as &dyn Checker]).unwrap();
    assert!(EverythingEnds.applies(&digest));
    let verdict = EverythingEnds.check(&digest, &Options::default());
    assert_eq!((verdict.valid, verdict.counts["open"]), (Valid::False, 1));
    let last = digest.history().operations().last().unwrap();
    assert_eq!(last.completion(), Completion::Ok);
}
