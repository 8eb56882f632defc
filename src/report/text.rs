//! Reports for a terminal, at 80 columns. Styles are written always; the stream
//! that it goes to leaves them out where they do not belong.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use witness_checkers::{Anomaly, Valid, Verdict, Verdicts};

use crate::round_trip::{RoundTrip, ms};
use crate::runner::{Scoreboard, Tally};
use crate::store::Run;

/// Columns that a line has at most, where its words allow it.
pub(super) const COLUMNS: usize = 80;

/// How much of a verdict is shown; all of it stands in the JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// An example of each kind of anomaly.
    Brief,
    /// A few of each kind.
    Full,
}

impl Detail {
    fn shown_max(self) -> usize {
        match self {
            Detail::Brief => 1,
            Detail::Full => 3,
        }
    }
}

/// Transactions of a cycle that are spelt out; of a longer one the first.
const TRANSACTIONS_MAX: usize = 8;

pub(super) const BOLD: Style = Style::new().bold();
pub(super) const DIM: Style = Style::new().dimmed();

/// What ran, and where: whether the regions were embedded, on loopback or real is never left out.
///
/// # Errors
/// Those of the writer, here and below.
pub fn header(out: &mut dyn Write, run: &Run) -> io::Result<()> {
    let Run {
        title,
        provenance,
        claim,
        ..
    } = run;
    let regions: Vec<_> = run
        .endpoints
        .iter()
        .filter_map(|e| e["region"].as_str())
        .collect();
    writeln!(
        out,
        "{BOLD}{title}{BOLD:#} · {provenance} · {}",
        regions.join(", ")
    )?;
    let app = run.options["app"].as_str().unwrap_or("?");
    writeln!(
        out,
        "  {DIM}claims {claim}; the application is {app}{DIM:#}"
    )?;
    let choices = choices(&run.options["database"]);
    if !choices.is_empty() {
        writeln!(out, "  {DIM}{}{DIM:#}", choices.join(", "))?;
    }
    if let Some(line) = round_trips(&run.round_trips) {
        for line in wrap(&line, COLUMNS - 2) {
            writeln!(out, "  {DIM}{line}{DIM:#}")?;
        }
    }
    Ok(())
}

/// How far away the regions were, in a line; none where that was not measured.
pub(super) fn round_trips(round_trips: &[RoundTrip]) -> Option<String> {
    let each = round_trips.iter();
    let each = each.map(|r| format!("{} {}", r.region, ms(r.median_ns)));
    let each = each.collect::<Vec<_>>().join(", ");
    (!each.is_empty()).then(|| format!("round trips: {each}"))
}

/// What was chosen of the database, in words: what is on, and what of several it is.
fn choices(chosen: &serde_json::Value) -> Vec<String> {
    let chosen = chosen.as_object().into_iter().flatten();
    chosen
        .filter_map(|(name, value)| {
            let name = name.replace('_', " ");
            match value {
                serde_json::Value::String(text) => Some(format!("{name} {text}")),
                serde_json::Value::Bool(true) => Some(name),
                _ => None,
            }
        })
        .collect()
}

/// A burst in one line.
///
/// # Errors
/// Those of the writer.
pub fn tally(out: &mut dyn Write, tally: &Tally) -> io::Result<()> {
    let Tally {
        clients,
        ok,
        unknown,
        retries_max,
        scoreboard,
    } = tally;
    write!(out, "  c={clients:>2}")?;
    match scoreboard {
        Some(Scoreboard {
            confirmed,
            oversold,
        }) => {
            write!(out, "  confirmed={confirmed:>2}  oversold={oversold:>2}")?;
        }
        None => write!(out, "  ok={ok:>2}")?,
    }
    write!(out, "  maxRetries={retries_max}")?;
    if *unknown > 0 {
        write!(out, "  unknown={unknown}")?;
    }
    writeln!(out)
}

/// Every verdict: its line, what shows it, and what a reader must know besides.
///
/// # Errors
/// Those of the writer.
pub fn verdicts(out: &mut dyn Write, verdicts: &Verdicts, detail: Detail) -> io::Result<()> {
    if verdicts.verdicts.is_empty() {
        writeln!(
            out,
            "  Unknown ?  no checker has anything to say about this history"
        )?;
    }
    for (verdict, notes) in verdicts.verdicts.iter().zip(super::untold(verdicts)) {
        self::verdict(out, verdict, &notes, detail)?;
    }
    for note in &verdicts.notes {
        paragraph(out, &format!("note: {note}"), DIM)?;
    }
    Ok(())
}

fn verdict(
    out: &mut dyn Write,
    verdict: &Verdict,
    notes: &[&str],
    detail: Detail,
) -> io::Result<()> {
    let style = Style::new().bold().fg_color(Some(match verdict.valid {
        Valid::True => AnsiColor::Green.into(),
        Valid::False => AnsiColor::Red.into(),
        Valid::Unknown => AnsiColor::Yellow.into(),
    }));
    let title = &verdict.title;
    let pad = " ".repeat(20_usize.saturating_sub(title.chars().count()));
    let mut lines = wrap(&verdict.summary, COLUMNS - 24).into_iter();
    let first = lines.next().unwrap_or_default();
    writeln!(out, "  {style}{title}{style:#}{pad}  {first}")?;
    for line in lines {
        writeln!(out, "{:24}{line}", "")?;
    }
    super::levels::draw(out, verdict)?;
    let mut shown: Vec<(&str, usize)> = Vec::new();
    for anomaly in &verdict.anomalies {
        let name = anomaly.name.as_str();
        let count = match shown.iter_mut().find(|(n, _)| *n == name) {
            Some((_, count)) => count,
            None => {
                shown.push((name, 0));
                &mut shown.last_mut().expect("just pushed").1
            }
        };
        *count += 1;
        if *count <= detail.shown_max() {
            self::anomaly(out, anomaly)?;
        }
    }
    for (name, kept) in shown {
        let total = verdict.counts.get(name).copied().unwrap_or(kept as u64);
        let more = total.saturating_sub(detail.shown_max() as u64);
        if more > 0 {
            writeln!(out, "    {DIM}… and {more} more of {name}{DIM:#}")?;
        }
    }
    for note in notes {
        paragraph(out, &format!("note: {note}"), DIM)?;
    }
    Ok(())
}

fn anomaly(out: &mut dyn Write, anomaly: &Anomaly) -> io::Result<()> {
    let operations: Vec<_> = anomaly
        .operations
        .iter()
        .take(8)
        .map(u64::to_string)
        .collect();
    let more = if anomaly.operations.len() > operations.len() {
        ", …"
    } else {
        ""
    };
    let at = match &operations[..] {
        [] => String::new(),
        [one] => format!(" [operation {one}]"),
        several => format!(" [operations {}{more}]", several.join(", ")),
    };
    paragraph(
        out,
        &format!("{}: {}{at}", anomaly.name, anomaly.explanation),
        Style::new(),
    )?;
    let Some(cycle) = &anomaly.cycle else {
        return Ok(());
    };
    for transaction in cycle.transactions.iter().take(TRANSACTIONS_MAX) {
        let [name, operations @ ..] = &super::cycle::lines(transaction)[..] else {
            continue;
        };
        let line = format!("{name}: {}", operations.join(" "));
        indented(out, 6, &line, DIM)?;
    }
    let more = cycle.transactions.len().saturating_sub(TRANSACTIONS_MAX);
    if more > 0 {
        indented(out, 6, &format!("… and {more} more"), DIM)?;
    }
    Ok(())
}

fn paragraph(out: &mut dyn Write, text: &str, style: Style) -> io::Result<()> {
    indented(out, 4, text, style)
}

/// A paragraph whose first line begins so far in, and the others a little further.
fn indented(out: &mut dyn Write, first: usize, text: &str, style: Style) -> io::Result<()> {
    let others = first + 2;
    for (n, line) in wrap(text, COLUMNS - others).into_iter().enumerate() {
        let indent = if n == 0 { first } else { others };
        writeln!(out, "{:indent$}{style}{line}{style:#}", "")?;
    }
    Ok(())
}

/// Breaks between words; a word that is longer than a line has one to itself.
pub(super) fn wrap(text: &str, columns: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    // What a history says must not steer the terminal.
    let text = text.replace(|c: char| c.is_control() && !c.is_whitespace(), "\u{fffd}");
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= columns => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_are_shown_where_there_is_no_verdict() {
        let json = r#"{"valid":"unknown","verdicts":[],"notes":["the history is cut short"]}"#;
        let read: Verdicts = serde_json::from_str(json).unwrap();
        let mut out = Vec::new();
        verdicts(&mut out, &read, Detail::Brief).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains("note: the history is cut short"), "{text}");
        let page = crate::report::html::page(None, &read);
        assert!(page.contains("the history is cut short"), "{page}");
    }

    #[test]
    fn what_is_said_already_is_no_note() {
        let verdict = |summary: &str, notes: &[&str]| {
            serde_json::json!({
                "valid": "unknown", "property": "p", "checker": "c", "title": "Unknown ?",
                "summary": summary, "scope": {}, "counts": {}, "anomalies": [], "notes": notes,
                "elapsed_ns": 0,
            })
        };
        let all = serde_json::json!({
            "valid": "unknown",
            "verdicts": [
                verdict("too long", &["too long", "cut short"]),
                verdict("too hard", &["too hard", "cut short", "a word"]),
            ],
        });
        let read: Verdicts = serde_json::from_value(all).unwrap();
        let mut out = Vec::new();
        verdicts(&mut out, &read, Detail::Full).unwrap();
        let (text, page) = (
            String::from_utf8(out).unwrap(),
            crate::report::html::page(None, &read),
        );
        for said in ["too long", "too hard", "cut short", "a word"] {
            assert_eq!(text.matches(said).count(), 1, "{text}");
            assert_eq!(page.matches(said).count(), 1, "{page}");
        }
    }

    #[test]
    fn how_far_away_the_regions_were_is_said_in_a_line() {
        let run = |round_trips: serde_json::Value| {
            let mut run = serde_json::json!({
                "version": "0.1.0", "began": "2026-11-23T16:18:24Z", "workload": "seats",
                "backend": "dsql", "title": "Aurora DSQL", "provenance": "real",
                "claim": "strong snapshot isolation", "endpoints": [], "seed": 1, "options": {},
            });
            if !round_trips.is_null() {
                run["round_trips"] = round_trips;
            }
            serde_json::from_value::<Run>(run).unwrap()
        };
        let text = |run: &Run| {
            let mut out = Vec::new();
            header(&mut out, run).unwrap();
            String::from_utf8(out).unwrap()
        };
        let one = |region: &str, median: u64| serde_json::json!({"region": region, "asked": 20, "min_ns": median / 2, "median_ns": median});
        let regions = ["us-east-1", "us-east-2", "us-west-2"];
        let three: Vec<_> = regions
            .iter()
            .zip([310_000, 12_340_000, 61_700_000])
            .collect();
        let three: Vec<_> = three.into_iter().map(|(r, m)| one(r, m)).collect();
        let measured = run(three.into());
        let line = "round trips: us-east-1 0.31 ms, us-east-2 12.3 ms, us-west-2 61.7 ms";
        assert!(text(&measured).contains(line), "{}", text(&measured));
        let none = serde_json::from_str::<Verdicts>(r#"{"valid":true,"verdicts":[]}"#).unwrap();
        let page = crate::report::html::page(Some(&measured), &none);
        assert!(
            page.contains("median 0.31 ms, minimum 0.15 ms, of 20"),
            "{page}"
        );
        let before = run(serde_json::Value::Null);
        assert!(!text(&before).contains("round trips"), "{}", text(&before));
    }

    #[test]
    fn lines_break_between_words() {
        assert_eq!(wrap("one two  three", 7), ["one two", "three"]);
        assert_eq!(wrap("unbreakable x", 4), ["unbreakable", "x"]);
        assert!(wrap("", 10).is_empty());
    }
}
