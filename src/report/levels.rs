//! Isolation levels as a picture in text: which hold, the stronger above and to the right
//! of what they imply.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use serde_json::Value;
use witness_checkers::Verdict;

/// A line: a name, and the levels of that kind alone, with the order of each process,
/// and with that of real time. One that begins with a bar is beside those around it.
type Line = (&'static str, [Option<&'static str>; 3]);

const LINES: &[Line] = &[
    (
        "serializable",
        [
            Some("serializable"),
            Some("strong-session-serializable"),
            Some("strict-serializable"),
        ],
    ),
    ("│ repeatable-read", [Some("repeatable-read"), None, None]),
    (
        "snapshot-isolation",
        [
            Some("snapshot-isolation"),
            Some("strong-session-snapshot-isolation"),
            Some("strong-snapshot-isolation"),
        ],
    ),
    (
        "parallel-snapshot-isolation",
        [Some("parallel-snapshot-isolation"), None, None],
    ),
    ("│ cursor-stability", [Some("cursor-stability"), None, None]),
    ("causal", [Some("causal-cerone"), Some("causal"), None]),
    ("read-atomic", [Some("read-atomic"), None, None]),
    (
        "monotonic-atomic-view",
        [Some("monotonic-atomic-view"), None, None],
    ),
    (
        "read-committed",
        [
            Some("read-committed"),
            Some("strong-session-read-committed"),
            Some("strong-read-committed"),
        ],
    ),
    (
        "read-uncommitted",
        [
            Some("read-uncommitted"),
            Some("strong-session-read-uncommitted"),
            Some("strong-read-uncommitted"),
        ],
    ),
];

/// The guarantees of sessions, each on its own.
const SESSIONS: [&str; 4] = [
    "read-your-writes",
    "monotonic-reads",
    "monotonic-writes",
    "writes-follow-reads",
];

const DIM: Style = Style::new().dimmed();

/// Draws the levels of a verdict that has some.
///
/// # Errors
/// Those of the writer.
pub fn draw(out: &mut dyn Write, verdict: &Verdict) -> io::Result<()> {
    let Some(levels) = verdict.scope.get("levels") else {
        return Ok(());
    };
    writeln!(
        out,
        "    {DIM}{:<28}  alone   session   real time{DIM:#}",
        "levels"
    )?;
    for (name, cells) in LINES {
        write!(out, "    {name:<28}")?;
        for (cell, width) in cells.iter().zip([5, 9, 10]) {
            let Some(level) = cell else { continue };
            write!(out, "{:width$}{}", "", mark(&levels[*level]))?;
        }
        writeln!(out)?;
    }
    let sessions: Vec<String> = SESSIONS
        .iter()
        .map(|level| format!("{level} {}", mark(&levels[*level])))
        .collect();
    writeln!(out, "    {}", sessions[..2].join(" · "))?;
    writeln!(out, "    {}", sessions[2..].join(" · "))?;
    writeln!(
        out,
        "    {DIM}Each implies those below it and those left of it; causal in a session\n    \
         implies the four. │: beside the order: serializable implies\n    \
         repeatable-read, it and parallel-snapshot-isolation imply\n    \
         cursor-stability.{DIM:#}"
    )?;
    let all = LINES.iter().flat_map(|(_, cells)| cells.iter().flatten());
    if all.chain(&SESSIONS).any(|level| levels[*level].is_null()) {
        writeln!(out, "    {DIM}–: not asked for.{DIM:#}")?;
    }
    Ok(())
}

/// ✓, ✗ or ?; of what was not asked for, a dash.
fn mark(valid: &Value) -> String {
    let (mark, color) = match valid {
        Value::Bool(true) => ("✓", AnsiColor::Green),
        Value::Bool(false) => ("✗", AnsiColor::Red),
        Value::Null => return format!("{DIM}–{DIM:#}"),
        _ => ("?", AnsiColor::Yellow),
    };
    let style = Style::new().bold().fg_color(Some(color.into()));
    format!("{style}{mark}{style:#}")
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use witness_checkers::isolation_levels;

    use super::*;

    /// Every level that holds wherever this one does.
    fn implied(level: &str) -> BTreeSet<&'static str> {
        let direct: BTreeMap<_, _> = isolation_levels()
            .into_iter()
            .map(|level| (level.name, level.implies))
            .collect();
        let mut all = BTreeSet::new();
        let mut open: Vec<&'static str> = direct[level].clone();
        while let Some(next) = open.pop() {
            if all.insert(next) {
                open.extend(&direct[next]);
            }
        }
        all
    }

    #[test]
    fn what_was_not_asked_for_is_a_dash() {
        let draw = |levels: &[&'static str]| {
            let levels = levels
                .iter()
                .map(|level| ((*level).to_owned(), true.into()));
            let verdict = serde_json::json!({
                "valid": true, "property": "causal", "checker": "isolation", "title": "",
                "summary": "", "scope": {"levels": Value::Object(levels.collect())},
                "counts": {}, "anomalies": [], "notes": [], "elapsed_ns": 0,
            });
            let verdict: Verdict = serde_json::from_value(verdict).unwrap();
            let mut drawn = Vec::new();
            super::draw(&mut drawn, &verdict).unwrap();
            anstream::adapter::strip_str(&String::from_utf8(drawn).unwrap()).to_string()
        };
        let some = draw(&["read-committed", "read-uncommitted"]);
        assert!(some.contains("read-committed                   ✓         –          –\n"));
        assert!(some.ends_with("–: not asked for.\n"), "{some}");
        let all: Vec<&str> = isolation_levels().iter().map(|level| level.name).collect();
        assert!(!draw(&all).contains("not asked"));
    }

    #[test]
    fn the_picture_shows_every_level_once() {
        let cells = LINES.iter().flat_map(|(_, cells)| cells.iter().flatten());
        let mut shown: Vec<&str> = cells.chain(&SESSIONS).copied().collect();
        shown.sort_unstable();
        let mut all: Vec<&str> = isolation_levels().iter().map(|level| level.name).collect();
        all.sort_unstable();
        assert_eq!(shown, all);
    }

    #[test]
    fn what_the_picture_says_of_implications_is_true() {
        let beside = |name: &str| name.starts_with('│');
        for (at, (name, cells)) in LINES.iter().enumerate() {
            for (column, cell) in cells.iter().enumerate() {
                let Some(level) = cell else { continue };
                let implied = implied(level);
                for left in cells[..column].iter().flatten() {
                    assert!(implied.contains(left), "{level} does not imply {left}");
                }
                let below = LINES[at + 1..].iter().filter(|(other, _)| !beside(other));
                for (_, others) in below.filter(|_| !beside(name)) {
                    for other in others[..=column].iter().flatten() {
                        assert!(implied.contains(other), "{level} does not imply {other}");
                    }
                }
            }
        }
        assert!(implied("serializable").contains("repeatable-read"));
        assert!(implied("repeatable-read").contains("cursor-stability"));
        assert!(implied("parallel-snapshot-isolation").contains("cursor-stability"));
        assert!(
            SESSIONS
                .iter()
                .all(|session| implied("causal").contains(session))
        );
    }
}
