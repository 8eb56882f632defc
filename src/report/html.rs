//! A page that stands alone: no script, no font, nothing fetched; readable on a
//! phone, and in the dark.

use std::fmt::{self, Display, Write};

use serde_json::Value;
use witness_checkers::{Anomaly, Row, Valid, Verdict, Verdicts, isolation_levels};

use crate::round_trip::{RoundTrip, ms};
use crate::store::Run;

const STYLE: &str = include_str!("page.css");

/// The page of one history's verdicts, and of what ran where that is known.
pub fn page(run: Option<&Run>, verdicts: &Verdicts) -> String {
    let mut html = String::new();
    // Writing to a string cannot fail.
    let _ = write_page(&mut html, run, verdicts);
    html
}

fn write_page(out: &mut String, run: Option<&Run>, verdicts: &Verdicts) -> fmt::Result {
    let title = run.map_or("History", |run| &run.title);
    let (class, word) = word(verdicts.valid);
    writeln!(
        out,
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{}: {word}</title>\n<style>\n{STYLE}</style>\n<body>\n<header>",
        Escaped(title)
    )?;
    writeln!(
        out,
        "<p class=\"badge {class}\">{word}</p>\n<h1>{}</h1>",
        Escaped(title)
    )?;
    if let Some(run) = run {
        writeln!(
            out,
            "<p><strong>{}</strong> · claims {}</p>",
            Escaped(&run.provenance),
            Escaped(&run.claim)
        )?;
    }
    writeln!(out, "</header>\n<main>")?;
    for (verdict, notes) in verdicts.verdicts.iter().zip(super::untold(verdicts)) {
        write_verdict(out, verdict, &notes)?;
    }
    if verdicts.verdicts.is_empty() {
        writeln!(
            out,
            "<section><p>No checker has anything to say about this history.</p>"
        )?;
        for note in &verdicts.notes {
            writeln!(out, "<p class=\"note\">{}</p>", Escaped(note))?;
        }
        writeln!(out, "</section>")?;
    }
    if let Some(run) = run {
        write_run(out, run)?;
    }
    writeln!(out, "</main>\n</body>\n</html>")
}

fn word(valid: Valid) -> (&'static str, &'static str) {
    match valid {
        Valid::True => ("valid", "valid"),
        Valid::False => ("violated", "violated"),
        Valid::Unknown => ("unknown", "unknown"),
    }
}

fn write_verdict(out: &mut String, verdict: &Verdict, notes: &[&str]) -> fmt::Result {
    let (class, _) = word(verdict.valid);
    writeln!(
        out,
        "<section class=\"{class}\">\n<h2>{}</h2>",
        Escaped(&verdict.title)
    )?;
    writeln!(
        out,
        "<p class=\"summary\">{}</p>",
        Escaped(&verdict.summary)
    )?;
    writeln!(
        out,
        "<p class=\"fine\">Property decided: {} · checker <code>{}</code></p>",
        Escaped(&verdict.property),
        Escaped(&verdict.checker)
    )?;
    let scope = verdict
        .scope
        .iter()
        .filter(|(name, _)| *name != "levels")
        .map(|(name, value)| (name, plain(value)));
    let counts = verdict
        .counts
        .iter()
        .map(|(name, count)| (name, count.to_string()));
    writeln!(out, "<dl>")?;
    for (name, value) in scope.chain(counts) {
        writeln!(
            out,
            "<div><dt>{}</dt><dd>{}</dd></div>",
            Escaped(name),
            Escaped(&value)
        )?;
    }
    writeln!(out, "</dl>")?;
    write_levels(out, verdict)?;
    for anomaly in &verdict.anomalies {
        write_anomaly(out, anomaly)?;
    }
    for note in notes {
        writeln!(out, "<p class=\"note\">{}</p>", Escaped(note))?;
    }
    writeln!(out, "</section>")
}

/// Isolation levels: which hold.
fn write_levels(out: &mut String, verdict: &Verdict) -> fmt::Result {
    let Some(Value::Object(levels)) = verdict.scope.get("levels") else {
        return Ok(());
    };
    writeln!(out, "<ul class=\"levels\">")?;
    for (level, valid) in levels.iter().rev() {
        let (class, mark) = match valid {
            Value::Bool(true) => ("valid", "✓"),
            Value::Bool(false) => ("violated", "✗"),
            _ => ("unknown", "?"),
        };
        writeln!(out, "<li class=\"{class}\">{mark} {}</li>", Escaped(level))?;
    }
    writeln!(out, "</ul>")?;
    match levels.len() < isolation_levels().len() {
        true => writeln!(
            out,
            "<p class=\"note\">The other levels were not asked for.</p>"
        ),
        false => Ok(()),
    }
}

fn write_anomaly(out: &mut String, anomaly: &Anomaly) -> fmt::Result {
    let key = anomaly
        .key
        .as_ref()
        .map(|key| format!(" · {}", plain(key)))
        .unwrap_or_default();
    writeln!(
        out,
        "<details>\n<summary><strong>{}</strong>{}<br>{}</summary>",
        Escaped(&anomaly.name),
        Escaped(&key),
        Escaped(&anomaly.explanation)
    )?;
    if !anomaly.operations.is_empty() {
        let operations: Vec<_> = anomaly.operations.iter().map(u64::to_string).collect();
        let operations = operations.join(", ");
        writeln!(
            out,
            "<p>Invocations in the history, by index: <code>{operations}</code></p>"
        )?;
    }
    if let Some(cycle) = &anomaly.cycle {
        writeln!(
            out,
            "<figure>{}</figure>\n<ol>",
            super::cycle::svg(cycle, "")
        )?;
        for edge in &cycle.edges {
            writeln!(
                out,
                "<li>{} → {} <strong>{}</strong>: {}</li>",
                Escaped(&edge.from),
                Escaped(&edge.to),
                Escaped(&edge.kind),
                Escaped(&edge.because)
            )?;
        }
        writeln!(out, "</ol>")?;
    }
    let mut tables: Vec<&str> = anomaly.rows.iter().map(|row| row.table.as_str()).collect();
    tables.sort_unstable();
    tables.dedup();
    for table in tables {
        write_rows(out, table, &anomaly.rows)?;
    }
    writeln!(out, "</details>")
}

/// The rows of one table; one that several regions hold alike stands once.
fn write_rows(out: &mut String, table: &str, all: &[Row]) -> fmt::Result {
    let mut rows: Vec<(&Row, Vec<&str>)> = Vec::new();
    let mut columns: Vec<&str> = Vec::new();
    for row in all.iter().filter(|row| row.table == table) {
        match rows.iter_mut().find(|(other, _)| other.row == row.row) {
            Some((_, regions)) => regions.push(&row.region),
            None => rows.push((row, vec![&row.region])),
        }
        for name in row.row.keys() {
            if !columns.contains(&name.as_str()) {
                columns.push(name);
            }
        }
    }
    writeln!(
        out,
        "<div class=\"wide\"><table><caption>{}</caption>\n<tr>",
        Escaped(table)
    )?;
    for column in &columns {
        write!(out, "<th>{}</th>", Escaped(column))?;
    }
    writeln!(out, "<th>in</th></tr>")?;
    for (row, regions) in rows {
        write!(out, "<tr>")?;
        for column in &columns {
            let value = row.row.get(*column).map(plain).unwrap_or_default();
            write!(out, "<td>{}</td>", Escaped(&value))?;
        }
        writeln!(out, "<td>{}</td></tr>", Escaped(&regions.join(", ")))?;
    }
    writeln!(out, "</table></div>")
}

fn write_run(out: &mut String, run: &Run) -> fmt::Result {
    writeln!(out, "<section>\n<h2>What ran</h2>\n<dl>")?;
    let mut line = |name: &str, value: &str| {
        writeln!(
            out,
            "<div><dt>{}</dt><dd>{}</dd></div>",
            Escaped(name),
            Escaped(value)
        )
    };
    line("witness", &run.version)?;
    line("began", &run.began)?;
    line("workload", &run.workload)?;
    line("backend", &run.backend)?;
    line("seed", &run.seed.to_string())?;
    for endpoint in &run.endpoints {
        line(&plain(&endpoint["region"]), &plain(&endpoint["host"]))?;
    }
    for RoundTrip {
        region,
        asked,
        min_ns,
        median_ns,
    } in &run.round_trips
    {
        let (min, median) = (ms(*min_ns), ms(*median_ns));
        let said = format!("median {median}, minimum {min}, of {asked}");
        line(&format!("round trip to {region}"), &said)?;
    }
    for (name, value) in run.options.as_object().into_iter().flatten() {
        if !value.is_null() {
            line(name, &plain(value))?;
        }
    }
    writeln!(out, "</dl>\n</section>")
}

/// A string without its quotes, anything else as JSON.
fn plain(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

/// Text that stays text in HTML.
pub(super) struct Escaped<'a>(pub(super) &'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_database_says_cannot_become_markup() {
        let text = Escaped("<script>alert('&\"')</script>").to_string();
        assert_eq!(
            text,
            "&lt;script&gt;alert(&#39;&amp;&quot;&#39;)&lt;/script&gt;"
        );
    }
}
