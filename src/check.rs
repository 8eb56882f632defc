//! A saved history in, verdicts out: reads it once, as a stream, and hands it to
//! the checkers. No database, no async runtime.

use std::io::Read;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use witness_checkers::{
    Caveat, CheckError, Checker, Digest, DigestBuilder, Options, Stop, Verdict, Verdicts,
};
use witness_histories::{ReadError, Reader};

use crate::input::Input;

/// Why there is no verdict.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// The file is not a history.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// An event's contents make no sense to the checkers.
    #[error("{source_name}:{line}: {error}")]
    Payload {
        /// The file, or `-`.
        source_name: String,
        /// The event's line, from 1.
        line: u64,
        /// What is wrong with it.
        error: CheckError,
    },
}

/// The verdicts of the checkers on the history. None named: those that have something to say
/// about it. Of a part of a run, without the others, none.
///
/// # Errors
/// See [`Unreadable`].
pub fn history(
    input: &Input,
    named: &[&'static dyn Checker],
    options: &Options,
) -> Result<Verdicts, Unreadable> {
    let candidates = if named.is_empty() {
        witness_checkers::all()
    } else {
        named
    };
    let uncertainty_ns = options.object.clock_uncertainty_ns;
    let digest = digest_by(input, candidates, !named.is_empty(), uncertainty_ns)?;
    let applying = candidates
        .iter()
        .filter(|c| digest.is_whole() && (!named.is_empty() || c.applies(&digest)));
    let verdicts = applying.map(|checker| timed(|| checker.check(&digest, options)));
    Ok(Verdicts::compose(verdicts.collect(), &digest))
}

/// Stops a search that long after it was first asked whether to: reading does not count.
pub fn stop_after(limit: Duration) -> Stop {
    let asked = OnceLock::new();
    Stop::when(move || asked.get_or_init(Instant::now).elapsed() >= limit)
}

/// A verdict that says how long it took.
pub fn timed(decide: impl FnOnce() -> Verdict) -> Verdict {
    let began = Instant::now();
    let mut verdict = decide();
    verdict.elapsed_ns = u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
    verdict
}

/// The history as these checkers need it. Where
/// nobody `asked` for them by name, one to whom the history says nothing goes without.
///
/// # Errors
/// See [`Unreadable`].
pub fn digest(
    input: &Input,
    checkers: &[&'static dyn Checker],
    asked: bool,
) -> Result<Digest, Unreadable> {
    digest_by(input, checkers, asked, 0)
}

fn digest_by(
    input: &Input,
    checkers: &[&'static dyn Checker],
    asked: bool,
    clock_uncertainty_ns: u64,
) -> Result<Digest, Unreadable> {
    let mut digest = DigestBuilder::new(checkers.iter().copied());
    digest = digest.clock_uncertainty(clock_uncertainty_ns);
    if !asked {
        digest = digest.unasked();
    }
    feed(input.open()?, digest)
}

fn feed<R: Read + Send>(
    mut reader: Reader<R>,
    mut digest: DigestBuilder,
) -> Result<Digest, Unreadable> {
    let source_name = reader.name().to_owned();
    let payload = |line, error| Unreadable::Payload {
        source_name: source_name.clone(),
        line,
        error,
    };
    reader.for_each(|event, line| digest.event(event).map_err(|error| payload(line, error)))?;
    for warning in reader.warnings() {
        digest.caveat(Caveat::from(warning));
    }
    digest
        .finish()
        .map_err(|error| payload(reader.line(), error))
}
