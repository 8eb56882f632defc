//! `witness check`: verdicts on saved histories.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use witness_checkers::{Options, Valid, Verdicts};

use super::shared::{InputArgs, IsolationArgs, ObjectArgs, refuse_taken};
use super::{Failure, Format, Outcome, stdout, tell};
use crate::report::text::Detail;
use crate::store::{self, Saved};
use crate::{check, report};

/// Decides saved histories, offline: needs no database
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  witness check store/latest                     the newest run
  witness check history.jsonl other.jsonl        several histories, one exit code
  witness check --checker ledger-union store/latest
  witness check history.edn --model cas-register --initial 0 --proof proof.json
  witness check history.edn --model cas-register --initial 0 --verify-proof proof.json
  witness check txns.edn --checker isolation --level snapshot-isolation --draw cycles
  witness check history.jsonl.gz history.edn     packed, or as Jepsen saves them
  curl -s $URL | witness check -                 from standard input
  witness check --format json store/latest | jq .valid")]
pub(super) struct Args {
    /// Run directories, history files, or - for standard input
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Decide with this checker only; may be given several times
    #[arg(long = "checker", value_name = "NAME")]
    checkers: Vec<String>,
    /// The seat whose scoreboard is reconciled with the ledger
    #[arg(long)]
    seat: Option<String>,
    /// How verdicts are printed
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Decide linearizability of the one history, and where it is valid write the order that proves it
    #[arg(long, value_name = "FILE", conflicts_with = "verify_proof", conflicts_with_all = OTHERS)]
    proof: Option<PathBuf>,
    /// Verify such a proof instead of looking for one
    #[arg(long, value_name = "FILE", conflicts_with = "format", conflicts_with_all = OTHERS,
          conflicts_with_all = LIMITS)]
    verify_proof: Option<PathBuf>,
    #[command(flatten)]
    input: InputArgs,
    #[command(flatten)]
    object: ObjectArgs,
    #[command(flatten)]
    isolation: IsolationArgs,
    /// Draw the cycles that are found into this folder, as .svg and as .dot for Graphviz
    #[arg(long, value_name = "DIR")]
    draw: Option<PathBuf>,
}

/// What is of other checkers than the one that a proof is of: ignored, it would be believed
/// to have been heeded.
const OTHERS: [&str; 7] = [
    "checkers",
    "seat",
    "draw",
    "level",
    "data",
    "sequential_keys",
    "linearizable_keys",
];

/// What limits a search: a proof is verified without one.
const LIMITS: [&str; 2] = ["timeout", "memory"];

pub(super) fn main(args: &Args) -> Result<Outcome, Failure> {
    if args.proof.is_some() || args.verify_proof.is_some() {
        return proof(args);
    }
    let checkers = args
        .checkers
        .iter()
        .map(|name| witness_checkers::find(name).map_err(Failure::bad_input))
        .collect::<Result<Vec<_>, _>>()?;
    args.object.options()?;
    let mut checked: Vec<(String, Verdicts)> = Vec::new();
    let mut unreadable = Vec::new();
    let (mut drawn, mut undrawn) = (0, None);
    for path in &args.paths {
        let result = store::find(path)
            .map_err(Failure::bad_input)
            .and_then(|saved| {
                if let Some(warning) = &saved.warning {
                    tell(format_args!("witness: {warning}\n"));
                }
                let mut options = Options::default();
                options.focus = args.seat.clone().or_else(|| focus(&saved));
                options.object = args.object.options()?;
                let claimed = saved.run.as_ref().and_then(store::level);
                options.isolation = args
                    .isolation
                    .options(claimed.as_deref(), &options.object.stop);
                let verdicts = check::history(&args.input.of(&saved.history), &checkers, &options);
                Ok((saved, verdicts.map_err(Failure::bad_input)?))
            });
        match result {
            Ok((saved, verdicts)) => {
                if args.format == Format::Text {
                    print(&saved, path.display().to_string(), &verdicts)?;
                }
                if let Some(dir) = &args.draw {
                    undrawn = undrawn.or(draw(dir, &verdicts, &mut drawn).err());
                }
                checked.push((path.display().to_string(), verdicts));
            }
            // The other histories still get their verdict.
            Err(failure) => unreadable.push(failure.message),
        }
    }
    let valid = Valid::compose(checked.iter().map(|(_, v)| v.valid));
    if args.format == Format::Json {
        match (&checked[..], args.paths.len()) {
            ([(_, verdicts)], 1) => report::json::one(&mut stdout(), verdicts)?,
            (_, 1) => {}
            _ => report::json::several(&mut stdout(), valid, &checked)?,
        }
    }
    if let Some(failure) = undrawn {
        return Err(failure);
    }
    if !unreadable.is_empty() {
        return Err(Failure::bad_input(unreadable.join("\nwitness: ")));
    }
    Ok(Outcome::Verdict(valid))
}

/// One history, the checker `linearizable`, and a proof.
fn proof(args: &Args) -> Result<Outcome, Failure> {
    let [path] = &args.paths[..] else {
        return Err(Failure::bad_input(
            "a proof is of one history, not of several",
        ));
    };
    if let Some(file) = &args.proof {
        refuse_taken(file)?;
    }
    let saved = store::find(path).map_err(Failure::bad_input)?;
    let linearizable = witness_checkers::find("linearizable").map_err(Failure::failed)?;
    let input = args.input.of(&saved.history);
    let digest = check::digest(&input, &[linearizable], true).map_err(Failure::bad_input)?;
    let mut options = Options::default();
    options.object = args.object.options()?;
    if let Some(file) = &args.verify_proof {
        let named = |e: &dyn std::fmt::Display| format!("{}: {e}", file.display());
        let text = std::fs::read(file).map_err(|e| Failure::bad_input(named(&e)))?;
        let proof = serde_json::from_slice(&text).map_err(|e| Failure::bad_input(named(&e)))?;
        witness_checkers::verify_proof(&digest, &options, &proof)
            .map_err(|e| Failure::bad_input(named(&e)))?;
        writeln!(
            stdout(),
            "{}: a proof that {} is linearizable",
            file.display(),
            path.display()
        )?;
        return Ok(Outcome::Done);
    }
    let mut proof = None;
    let verdict = check::timed(|| {
        let (verdict, found) = witness_checkers::linearize(&digest, &options);
        // Of a part of a run nothing is decided, and so nothing proved.
        proof = found.filter(|_| digest.is_whole());
        verdict
    });
    let verdicts = Verdicts::compose(vec![verdict], &digest);
    match args.format {
        Format::Text => print(&saved, path.display().to_string(), &verdicts)?,
        Format::Json => report::json::one(&mut stdout(), &verdicts)?,
    }
    if let (Some(proof), Some(file)) = (proof, &args.proof) {
        let text = serde_json::to_string(&proof).map_err(Failure::failed)?;
        let written = File::create_new(file);
        let written = written.and_then(|mut file| writeln!(file, "{text}"));
        written.map_err(|e| Failure::failed(format!("{}: {e}", file.display())))?;
    }
    Ok(Outcome::Verdict(verdicts.valid))
}

/// Draws every cycle of the verdicts, named by its anomaly and a number that counts on from
/// history to history.
fn draw(dir: &Path, verdicts: &Verdicts, drawn: &mut usize) -> Result<(), Failure> {
    let failed =
        |path: &Path, e: std::io::Error| Failure::failed(format!("{}: {e}", path.display()));
    std::fs::create_dir_all(dir).map_err(|e| failed(dir, e))?;
    let anomalies = verdicts
        .verdicts
        .iter()
        .flat_map(|verdict| &verdict.anomalies);
    for anomaly in anomalies {
        let Some(cycle) = &anomaly.cycle else {
            continue;
        };
        let number = *drawn;
        *drawn += 1;
        for (extension, picture) in [
            ("dot", report::cycle::dot(cycle, &anomaly.explanation)),
            ("svg", report::cycle::svg(cycle, &anomaly.explanation)),
        ] {
            let path = dir.join(format!("{number}-{}.{extension}", anomaly.name));
            std::fs::write(&path, picture).map_err(|e| failed(&path, e))?;
        }
    }
    Ok(())
}

/// A run directory remembers on which seat its run looked.
fn focus(saved: &Saved) -> Option<String> {
    Some(
        saved
            .run
            .as_ref()?
            .options
            .get("seat")?
            .as_str()?
            .to_owned(),
    )
}

fn print(saved: &Saved, path: String, verdicts: &Verdicts) -> Result<(), Failure> {
    let mut out = stdout();
    match &saved.run {
        Some(run) => report::text::header(&mut out, run)?,
        None => writeln!(out, "{path}")?,
    }
    report::text::verdicts(&mut out, verdicts, Detail::Full)?;
    Ok(())
}
