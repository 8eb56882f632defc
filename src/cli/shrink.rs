//! `witness shrink`: the smallest part of a history that is still violated.

use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use witness_checkers::{Options, Valid, Verdicts};
use witness_histories::{Event, jsonl};

use super::shared::{InputArgs, ObjectArgs, refuse_taken};
use super::{Failure, Outcome, stdout};
use crate::input::Input;
use crate::report::{self, text::Detail};
use crate::{check, store};

/// Writes the smallest part found of a history that is still not linearizable
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  witness shrink store/latest                    writes store/latest/history.shrunk.jsonl
  witness shrink history.jsonl -o small.jsonl; witness check small.jsonl --model register")]
pub(super) struct Args {
    /// A run directory or a history file
    path: PathBuf,
    /// The file to write; it must not be there yet
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    input: InputArgs,
    #[command(flatten)]
    object: ObjectArgs,
}

pub(super) fn main(args: &Args) -> Result<Outcome, Failure> {
    let saved = store::find(&args.path).map_err(Failure::bad_input)?;
    if saved.history == Path::new("-") {
        return Err(Failure::bad_input(
            "a history is read twice to shrink it: it must be a file",
        ));
    }
    let output = args
        .output
        .clone()
        .unwrap_or_else(|| saved.history.with_extension("shrunk.jsonl"));
    refuse_taken(&output)?;
    if !saved.history.is_file() {
        return Err(Failure::bad_input(format!(
            "{}: a history is read twice to shrink it: it must be a file",
            saved.history.display()
        )));
    }
    let linearizable = witness_checkers::find("linearizable").map_err(Failure::failed)?;
    let mut options = Options::default();
    options.object = args.object.options()?;
    let input = args.input.of(&saved.history);
    let digest = check::digest(&input, &[linearizable], true).map_err(Failure::bad_input)?;
    if !digest.is_whole() {
        let nothing = Verdicts::compose(Vec::new(), &digest);
        report::text::verdicts(&mut stdout(), &nothing, Detail::Brief)?;
        return Ok(Outcome::Verdict(nothing.valid));
    }
    let Some(events) = witness_checkers::shrink(&digest, &options) else {
        let verdict = linearizable.check(&digest, &options);
        writeln!(
            stdout(),
            "nothing to shrink: {}  {}",
            verdict.title,
            verdict.summary
        )?;
        return Ok(Outcome::Verdict(verdict.valid));
    };
    let events: BTreeSet<u64> = events.into_iter().collect();
    write(&input, &events, &output)?;
    let (number, all) = (events.len(), digest.events());
    writeln!(
        stdout(),
        "{number} of {all} events are enough: {}",
        output.display()
    )?;
    // What is left need not tell its model, nor where it started.
    let model = witness_checkers::model_of(&digest, &options);
    if let (Some(model), Some(file)) = (model, output.to_str()) {
        let mut command = vec!["witness".to_owned(), "check".to_owned(), named(file)];
        command.extend(["--checker".to_owned(), "linearizable".to_owned()]);
        command.extend(args.object.meaning(model));
        let words: Vec<String> = command.iter().map(|word| quoted(word)).collect();
        writeln!(stdout(), "they are shown by: {}", words.join(" "))?;
    }
    Ok(Outcome::Verdict(Valid::False))
}

/// The file, as an argument that is not taken for an option.
fn named(file: &str) -> String {
    match file.starts_with('-') {
        true => format!("./{file}"),
        false => file.to_owned(),
    }
}

/// A word as a shell takes it for that word.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./,:=+@%".contains(c);
    match !word.is_empty() && word.chars().all(is_plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

/// Copies these events, numbered anew.
fn write(input: &Input, events: &BTreeSet<u64>, output: &Path) -> Result<(), Failure> {
    let failed = |e: std::io::Error| Failure::failed(format!("{}: {e}", output.display()));
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(output)
        .map_err(failed)?;
    let mut file = BufWriter::new(file);
    let mut reader = input.open().map_err(Failure::bad_input)?;
    let (mut line, mut index) = (Vec::new(), 0);
    while let Some(event) = reader.next().map_err(Failure::bad_input)? {
        if events.contains(&event.index) {
            line.clear();
            jsonl::write(&Event { index, ..event }, &mut line);
            file.write_all(&line).map_err(failed)?;
            index += 1;
        }
    }
    file.flush().map_err(failed)
}
