//! What `witness doctor` found, for a terminal of 80 columns and as JSON.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use serde::Serialize;

use super::text::{BOLD, COLUMNS, DIM, wrap};
use crate::doctor::{Check, Checks, Fix, State};

/// The width of what was looked at.
const NAME: usize = 16;
/// Where what was found begins.
const FOUND: usize = 2 + 12 + NAME;

/// Every check in a line, place by place; under what is missing how to mend it.
///
/// # Errors
/// Those of the writer, here and below.
pub fn text(out: &mut dyn Write, checks: &Checks) -> io::Result<()> {
    let mut place: Option<String> = None;
    for check in checks.all() {
        let here = match check.backend {
            Some(backend) => format!("{} · {backend}", check.place),
            None => check.place.clone(),
        };
        if place.as_ref() != Some(&here) {
            writeln!(out, "{BOLD}{}{BOLD:#}", wrap(&here, COLUMNS).join(" "))?;
            place = Some(here);
        }
        self::check(out, check)?;
    }
    let count = |state| checks.count(state);
    writeln!(
        out,
        "{} ok, {} missing, {} not checked",
        count(State::Ok),
        count(State::Missing),
        count(State::NotChecked)
    )
}

fn check(out: &mut dyn Write, check: &Check) -> io::Result<()> {
    let (word, style) = match check.state {
        State::Ok => ("ok", Style::new().fg_color(Some(AnsiColor::Green.into()))),
        State::Missing => (
            "missing",
            Style::new().bold().fg_color(Some(AnsiColor::Red.into())),
        ),
        State::NotChecked => (
            "not checked",
            Style::new().fg_color(Some(AnsiColor::Yellow.into())),
        ),
    };
    let pad = " ".repeat(12_usize.saturating_sub(word.len()));
    let name = check.name;
    let mut lines = wrap(&check.found, COLUMNS - FOUND).into_iter();
    let first = lines.next().unwrap_or_default();
    writeln!(out, "  {style}{word}{style:#}{pad}{name:NAME$}{first}")?;
    for line in lines {
        writeln!(out, "{:FOUND$}{line}", "")?;
    }
    match &check.fix {
        None => Ok(()),
        // A line that is too long goes on where a shell takes it up again.
        Some(Fix::Command(command)) => {
            let lines = wrap(command, COLUMNS - 12);
            let last = lines.len().saturating_sub(1);
            for (n, line) in lines.iter().enumerate() {
                let label = if n == 0 { "fix:" } else { "" };
                let more = if n < last { " \\" } else { "" };
                writeln!(out, "    {DIM}{label:5}{DIM:#}{line}{more}")?;
            }
            Ok(())
        }
        Some(Fix::Allow(statement)) => {
            writeln!(out, "    {DIM}{:5}{DIM:#}add to the IAM policy:", "fix:")?;
            // Its parts in lines: an ARN alone may have sixty letters and more.
            for line in format!("{statement:#}").lines() {
                writeln!(out, "{:9}{line}", "")?;
            }
            Ok(())
        }
    }
}

#[derive(Serialize)]
struct All<'a> {
    /// Nothing is missing.
    ok: bool,
    #[serde(flatten)]
    checks: &'a Checks,
}

/// All checks, under whether anything is missing.
///
/// # Errors
/// Those of the writer.
pub fn json(out: &mut dyn Write, checks: &Checks) -> io::Result<()> {
    let ok = checks.count(State::Missing) == 0;
    serde_json::to_writer_pretty(&mut *out, &All { ok, checks })?;
    writeln!(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checks() -> Checks {
        let mut checks = Checks::default();
        let at = "us-east-1";
        let check = checks.ok((at, "round trip"), "minimum 0.31 ms, median 0.40 ms, of 20");
        check.with("min_ns", 310_000);
        let arn = "arn:aws:dsql:us-east-1:111122223333:cluster/abcdefghijklmnopqrstuvwxyz";
        let found = format!("GetCluster was refused: the policy lacks dsql:GetCluster on {arn}");
        checks.missing((at, "cluster"), found, Fix::allow("dsql:GetCluster", arn));
        let found = "there is no witness_seats\u{1b}[2J";
        let fix = "witness provision dynamodb --region us-east-1 --region us-east-2 --mrsc \
                   --witness-region us-west-2 --prefix witness_strong_";
        checks.missing((at, "tables"), found, Fix::run(fix));
        checks.unchecked((at, "may write"), "nothing is written here");
        checks
    }

    #[test]
    fn every_line_fits_and_a_fix_can_be_pasted() {
        let mut out = Vec::new();
        text(&mut out, &checks()).unwrap();
        let plain = anstream::adapter::strip_str(std::str::from_utf8(&out).unwrap()).to_string();
        for line in plain.lines() {
            let one_word = line.split_whitespace().count() <= 2;
            assert!(line.chars().count() <= 80 || one_word, "{line}");
        }
        assert!(!plain.contains('\u{1b}'), "{plain}");
        let from = plain.find("witness provision").unwrap();
        let to = plain[from..].find("witness_strong_").unwrap();
        let pasted = plain[from..from + to].replace(" \\\n", " ");
        let words: Vec<_> = pasted.split_whitespace().collect();
        assert_eq!(
            words.join(" "),
            "witness provision dynamodb --region us-east-1 --region us-east-2 --mrsc \
             --witness-region us-west-2 --prefix"
        );
        assert!(
            plain.ends_with("1 ok, 2 missing, 1 not checked\n"),
            "{plain}"
        );
    }

    #[test]
    fn json_has_every_check_and_its_figures() {
        let mut out = Vec::new();
        json(&mut out, &checks()).unwrap();
        let read: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(read["ok"], false);
        assert_eq!(read["checks"][0]["measured"]["min_ns"], 310_000);
        assert_eq!(read["checks"][0].get("fix"), None);
        assert_eq!(
            read["checks"][1]["fix"]["allow"]["Action"],
            "dsql:GetCluster"
        );
        assert_eq!(read["checks"][3]["state"], "not-checked");
    }
}
