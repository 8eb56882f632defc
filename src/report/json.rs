//! Verdicts as JSON: one history's as they are saved, several histories' under
//! what they come to.

use std::io::{self, Write};

use serde::Serialize;
use witness_checkers::{Valid, Verdicts};

#[derive(Serialize)]
struct All<'a> {
    valid: Valid,
    histories: Vec<One<'a>>,
}

#[derive(Serialize)]
struct One<'a> {
    path: &'a str,
    #[serde(flatten)]
    verdicts: &'a Verdicts,
}

/// Writes the verdicts of one history, as its `verdict.json` is, byte for byte.
///
/// # Errors
/// Those of the writer.
pub fn one(out: &mut dyn Write, verdicts: &Verdicts) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, verdicts)?;
    writeln!(out)
}

/// Writes the verdicts of several histories, each with its path, under what all
/// come to: `valid` may be less than they say, where some had none.
///
/// # Errors
/// Those of the writer.
pub fn several(
    out: &mut dyn Write,
    valid: Valid,
    checked: &[(String, Verdicts)],
) -> io::Result<()> {
    let histories = checked
        .iter()
        .map(|(path, verdicts)| One { path, verdicts });
    let all = All {
        valid,
        histories: histories.collect(),
    };
    serde_json::to_writer_pretty(&mut *out, &all)?;
    writeln!(out)
}
