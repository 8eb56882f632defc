//! What trials of runs look at, and say when it is not as predicted.

use witness::run::Finished;
use witness_checkers::Verdict;

/// The verdict of that checker.
pub fn verdict<'a>(done: &'a Finished, checker: &str) -> Result<&'a Verdict, String> {
    let found = done.verdicts.verdicts.iter().find(|v| v.checker == checker);
    found.ok_or_else(|| format!("{checker} has nothing to say"))
}

/// All verdicts, for a person.
pub fn told(done: &Finished) -> String {
    let lines = done.verdicts.verdicts.iter().map(|v| {
        let names: Vec<_> = v.anomalies.iter().map(|a| a.name.as_str()).collect();
        format!(
            "{}: {} {} {:?} {names:?} {:?}",
            v.checker, v.title, v.summary, v.counts, v.notes
        )
    });
    let lines: Vec<_> = lines.collect();
    format!("not as predicted:\n  {}", lines.join("\n  "))
}
