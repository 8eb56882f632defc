//! The command line: one file a subcommand, no logic beyond arguments, what is
//! printed, and exit codes. Those are Jepsen's: 0 valid, 1 violated, 2 unknown,
//! 254 wrong arguments or unreadable input, 255 whatever else went wrong.

mod ask;
mod check;
mod completions;
mod convert;
mod databases;
mod doctor;
mod list;
mod merge;
mod passwords;
#[cfg(feature = "aws")]
mod provision;
mod regions;
mod run;
mod shared;
mod shrink;

use std::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};
use witness_checkers::Valid;

/// Something that a run needs is not there.
const MISSING: u8 = 1;
/// Wrong arguments, or input that is no history.
const BAD_INPUT: u8 = 254;
/// Whatever else went wrong.
const FAILED: u8 = 255;

/// Does a database keep what it promises? Runs concurrent clients in two regions,
/// records what they saw, and decides from what was committed.
#[derive(Parser)]
#[command(
    name = "witness",
    version,
    after_help = "Exit codes: 0 valid, 1 violated, 2 unknown, \
    254 wrong arguments or unreadable input, 255 whatever else went wrong."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Run(Box<run::Args>),
    Doctor(Box<doctor::Args>),
    Check(check::Args),
    Shrink(shrink::Args),
    Convert(convert::Args),
    Merge(merge::Args),
    List(list::Args),
    Regions(regions::Args),
    #[cfg(feature = "aws")]
    Provision(provision::Args),
    Completions(completions::Args),
}

/// How verdicts are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For a person.
    Text,
    /// For a program: the verdicts and nothing else on standard output.
    Json,
}

/// What a subcommand came to.
enum Outcome {
    /// It did what it is there for.
    Done,
    /// It came to a verdict.
    Verdict(Valid),
    /// What it looked for is not all there.
    Missing,
}

/// Why it did not: the exit code, and one message.
struct Failure {
    code: u8,
    message: String,
}

impl Failure {
    fn bad_input(message: impl Display) -> Failure {
        Failure {
            code: BAD_INPUT,
            message: message.to_string(),
        }
    }

    fn failed(message: impl Display) -> Failure {
        Failure {
            code: FAILED,
            message: message.to_string(),
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        Failure::failed(format!("standard output: {error}"))
    }
}

/// Parses the arguments of this process, does what they say, and tells how it went.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are not errors; and the library's own code for
            // wrong usage, 2, means "unknown" here.
            if error.use_stderr() {
                tell(error.render().ansi());
                return BAD_INPUT.into();
            }
            return match error.print() {
                Err(e) if e.kind() != io::ErrorKind::BrokenPipe => FAILED.into(),
                _ => ExitCode::SUCCESS,
            };
        }
    };
    let outcome = match cli.command {
        Command::Run(args) => run::main(&args),
        Command::Doctor(args) => doctor::main(&args),
        Command::Check(args) => check::main(&args),
        Command::Shrink(args) => shrink::main(&args),
        Command::Convert(args) => convert::main(&args),
        Command::Merge(args) => merge::main(&args),
        Command::List(args) => list::main(&args),
        Command::Regions(args) => regions::main(args),
        #[cfg(feature = "aws")]
        Command::Provision(args) => provision::main(args),
        Command::Completions(args) => completions::main(&args),
    };
    match outcome {
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::Verdict(valid)) => valid.exit_code().into(),
        Ok(Outcome::Missing) => MISSING.into(),
        Err(Failure { code, message }) => {
            tell(format_args!("witness: {message}\n"));
            code.into()
        }
    }
}

/// Standard output, with styles only where they belong: on a terminal, without `NO_COLOR`.
///
/// A reader that goes away, as `head -1` does, has had what it wanted: what else there is to
/// say goes nowhere, and the exit code still tells what came of it.
fn stdout() -> impl Write {
    UntilClosed(anstream::stdout().lock())
}

/// A writer to whom it is all one whether anybody still reads.
struct UntilClosed<W>(W);

impl<W: Write> Write for UntilClosed<W> {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        match self.0.write(text) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(text.len()),
            done => done,
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self.0.flush() {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            done => done,
        }
    }
}

/// Says it on standard error, if anybody hears it: who hears nothing is no reason to stop.
fn tell(text: impl Display) {
    let given = std::env::vars_os().map(|(_, value)| value);
    let given = std::env::args_os().chain(given);
    let text = passwords::hidden(&text.to_string(), given);
    let _ = anstream::stderr().write_all(text.as_bytes());
}

/// The runtime of the subcommands that need one.
fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(Failure::failed)
}

/// Returns at Ctrl-C, or when the system asks the program to end.
async fn interrupted() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    // Without a handler there is nothing to wait for.
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_arguments_make_sense() {
        super::Cli::command().debug_assert();
    }
}
