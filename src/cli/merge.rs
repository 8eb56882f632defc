//! `witness merge`: histories that several recorders saved of one database, as one.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use witness_histories::{ConvertError, MergeError, Source, Writer, merge};

use super::shared::{InputArgs, by_name, duration, refuse_taken, write_new};
use super::{Failure, Outcome, stdout, tell};
use crate::parts;
use crate::store::{self, Saved};

/// Makes one history of those that several recorders, each with its clock, saved of one database
///
/// Every event gets a clock, [earliest, latest], and the name of its recorder: A is before
/// B only if A.latest is before B.earliest, or if one recorder saw it so. Events that have
/// a clock keep it; of others it is when the recording began and their time, give or take
/// --clock-uncertainty. Processes are renumbered so that no two are the same.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  witness merge east/ west/ -o both.jsonl                      recorded with clocks
  witness merge east/ west/ -o both.jsonl --clock-uncertainty 5ms
  witness merge a.edn b.edn -o both.edn --clock-uncertainty 1ms \\
    --start a=2026-11-27T10:00:00.120Z --start b=2026-11-27T10:00:00.733Z
  witness merge x/run y/run -o both.jsonl --name east --name west
  witness check both.jsonl

A recorder that no event names is called as its run directory or its file is.")]
pub(super) struct Args {
    /// Run directories or history files, at least two
    #[arg(required = true, num_args = 2.., value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// File that is not there yet; its name tells the format: .jsonl, .json or .edn
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// By how much each clock may be off, or off more than it says, such as 5ms
    #[arg(long, value_name = "TIME", value_parser = duration)]
    clock_uncertainty: Option<Duration>,
    /// A name for each recorder, in the order of the paths
    #[arg(long = "name", value_name = "NAME")]
    names: Vec<String>,
    /// When a recording began, where neither events nor its run.json say it: the moment of time 0
    #[arg(long = "start", value_name = "NAME=RFC3339", value_parser = start)]
    starts: Vec<(String, i64)>,
    #[command(flatten)]
    input: InputArgs,
}

fn start(text: &str) -> Result<(String, i64), String> {
    let expected = "expected NAME=TIME, such as east=2026-11-27T10:00:00.120Z";
    let (name, time) = text.split_once('=').ok_or(expected)?;
    let time = humantime::parse_rfc3339(time).map_err(|error| format!("{error}; {expected}"))?;
    let time = nanoseconds(time).ok_or("a year from 1970 to 2262 is expected")?;
    Ok((name.to_owned(), time))
}

fn nanoseconds(time: SystemTime) -> Option<i64> {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    i64::try_from(since.as_nanos()).ok()
}

pub(super) fn main(args: &Args) -> Result<Outcome, Failure> {
    let format = by_name(&args.output)?;
    refuse_taken(&args.output)?;
    if !args.names.is_empty() && args.names.len() != args.paths.len() {
        return Err(Failure::bad_input(format!(
            "{} histories, but {} times --name: give one for each, in their order, or none",
            args.paths.len(),
            args.names.len()
        )));
    }
    let mut all_saved = Vec::with_capacity(args.paths.len());
    for path in &args.paths {
        all_saved.push(store::find(path).map_err(Failure::bad_input)?);
    }
    let named = args.paths.iter().zip(&all_saved);
    let names: Vec<String> = named
        .map(|(path, saved)| recorder(saved).unwrap_or_else(|| name(path)))
        .collect();
    let names = if args.names.is_empty() {
        &names
    } else {
        &args.names
    };
    if names.iter().any(|name| name.trim().is_empty()) {
        return Err(Failure::bad_input(
            "a recorder would be called nothing: give each a --name",
        ));
    }
    if let Some(same) = same(&args.paths, &all_saved, names) {
        return Err(Failure::bad_input(same));
    }
    if let Some((name, _)) = args.starts.iter().find(|(name, _)| !names.contains(name)) {
        return Err(Failure::bad_input(format!(
            "--start {name}: no recorder is called so; there are: {}",
            names.join(", ")
        )));
    }
    let mut sources = Vec::with_capacity(args.paths.len());
    let mut runs = Vec::with_capacity(args.paths.len());
    for (saved, name) in all_saved.into_iter().zip(names) {
        let reader = args.input.of(&saved.history).open();
        let mut source = Source::new(reader.map_err(Failure::bad_input)?, name);
        if !args.names.is_empty() {
            source = source.renamed(name);
        }
        if let Some(warning) = &saved.warning {
            tell(format_args!("witness: {warning}\n"));
        }
        let given = args.starts.iter().find(|(of, _)| of == name);
        let recorded = saved
            .run
            .as_ref()
            .and_then(|run| run.recorded_from.as_deref());
        let recorded = recorded.and_then(|time| humantime::parse_rfc3339(time).ok());
        if let Some(start) = given
            .map(|(_, start)| *start)
            .or(recorded.and_then(nanoseconds))
        {
            source = source.started(start);
        }
        sources.push(source);
        runs.push(saved.run);
    }
    let known = names.iter().zip(&runs);
    let known: Vec<_> = known
        .filter_map(|(name, run)| Some((name.as_str(), run.as_ref()?)))
        .collect();
    let uncertainty = args.clock_uncertainty.map(|by| by.as_nanos());
    let uncertainty = uncertainty.map(|by| u64::try_from(by).unwrap_or(u64::MAX));
    let mut events = 0;
    write_new(&args.output, |name, file| {
        let merged = Writer::new(name, file, format)
            .map_err(MergeError::from)
            .and_then(|writer| merge(&mut sources, uncertainty, writer));
        events = merged.map_err(|error| match error {
            MergeError::Convert(ConvertError::Write { .. }) => Failure::failed(error),
            error => Failure::bad_input(error),
        })?;
        Ok(())
    })?;
    for warning in sources.iter().flat_map(Source::warnings) {
        tell(format_args!("witness: note: {warning}\n"));
    }
    for odd in parts::oddities(&known) {
        tell(format_args!("witness: note: {odd}\n"));
    }
    let mut out = stdout();
    writeln!(out, "{events} events in {}", args.output.display())?;
    for ((source, path), at) in sources.iter().zip(&args.paths).zip(0..) {
        let recorders: Vec<&str> = source.recorders().collect();
        let became = match at {
            0 => format!("{}p", sources.len()),
            at => format!("{}p + {at}", sources.len()),
        };
        writeln!(
            out,
            "  {}: recorder {}, process p became {became}",
            path.display(),
            recorders.join(", ")
        )?;
    }
    let claimed: Vec<_> = runs
        .iter()
        .map(|run| run.as_ref().and_then(store::level))
        .collect();
    if let [Some(level), others @ ..] = &claimed[..]
        && others.iter().all(|other| other.as_ref() == Some(level))
    {
        // What a run remembers of its database a history does not say.
        let file = args.output.display();
        writeln!(
            out,
            "  the runs claim it: witness check {file} --level {level}"
        )?;
    }
    Ok(Outcome::Done)
}

/// Which two cannot both be merged, and why.
fn same(paths: &[PathBuf], all_saved: &[Saved], names: &[String]) -> Option<String> {
    let whole = |saved: &Saved| saved.history.canonicalize().ok();
    let part = |saved: &Saved| saved.run.as_ref().and_then(parts::part);
    let pairs = (0..paths.len()).flat_map(|at| (0..at).map(move |before| (before, at)));
    pairs.into_iter().find_map(|(before, at)| {
        let (one, other) = (&all_saved[before], &all_saved[at]);
        let both = format!("{} and {}", paths[before].display(), paths[at].display());
        if whole(one).is_some_and(|whole_one| Some(whole_one) == whole(other)) {
            return Some(format!("{both} are one history: give it once"));
        }
        if names[before] != names[at] {
            return None;
        }
        Some(match part(one).filter(|it| Some(*it) == part(other)) {
            Some(part) => format!("{both} are both part {part}: give each part of one run once"),
            None => format!(
                "two recorders would be called {:?}: give each a --name of its own",
                names[at]
            ),
        })
    })
}

/// What the run called its recorder, as its events do.
fn recorder(saved: &Saved) -> Option<String> {
    let recorder = saved.run.as_ref()?.options.get("recorder")?.as_str()?;
    Some(recorder.to_owned())
}

/// What a recorder is called that has no name.
fn name(path: &Path) -> String {
    let whole = path.canonicalize();
    let path = whole.as_deref().unwrap_or(path);
    let path = match path.file_name().and_then(|name| name.to_str()) {
        Some(store::HISTORY) => path.parent().unwrap_or(path),
        _ => path,
    };
    let name = path
        .file_name()
        .unwrap_or(path.as_os_str())
        .to_string_lossy();
    let end = [".jsonl", ".ndjson", ".json", ".edn", ".log"]
        .into_iter()
        .find_map(|end| {
            name.trim_end_matches(".gz")
                .trim_end_matches(".zst")
                .strip_suffix(end)
        });
    end.unwrap_or(&name).to_owned()
}
