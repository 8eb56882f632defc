//! `witness convert`: a saved history from one format into another.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use witness_histories::{ConvertError, Format, Reader, Writer, convert};

use super::shared::{by_name, write_new};
use super::{Failure, Outcome, tell};
use crate::input::Input;
use crate::store;

/// Converts a history: from our JSON Lines, Jepsen's EDN, JSON arrays, Jepsen's logs
///
/// Nothing is lost: what one format has no word for is spelt in another, so that a
/// history comes back as it was. What a format leaves out, such as times, is supplied
/// and mentioned. A history that is cut short stays cut short. Input may be packed by
/// gzip or zstd.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  witness convert store/latest history.edn               for Jepsen, Knossos, elle-cli
  witness convert history.edn history.jsonl              the format is told by the name
  witness convert --independent history.edn out.jsonl    [key value] becomes a key and a value
  witness convert etcd.log.gz out.json
  curl -s $URL | witness convert - - --to jsonl | head

Formats: jsonl (ours), json (an array), edn, jepsen-log (read only)")]
pub(super) struct Args {
    /// Run directory, history file, or - for standard input
    #[arg(value_name = "IN")]
    from_path: PathBuf,
    /// File that is not there yet, or - for standard output
    #[arg(value_name = "OUT")]
    to_path: PathBuf,
    /// Format of IN; told by its contents unless given
    #[arg(long, value_name = "FORMAT")]
    from: Option<Format>,
    /// Format of OUT; told by its name unless given
    #[arg(long, value_name = "FORMAT")]
    to: Option<Format>,
    /// Split values that are Jepsen's independent [key value] tuples
    #[arg(long)]
    independent: bool,
}

pub(super) fn main(args: &Args) -> Result<Outcome, Failure> {
    let to = match args.to {
        Some(to) => to,
        None => by_name(&args.to_path)?,
    };
    let saved = store::find(&args.from_path).map_err(Failure::bad_input)?;
    let input = Input {
        path: saved.history,
        format: args.from,
        independent: args.independent,
    };
    let mut reader = input.open().map_err(Failure::bad_input)?;
    if args.to_path == Path::new("-") {
        write(&mut reader, "-", io::stdout().lock(), to)?;
    } else {
        write_new(&args.to_path, |name, file| {
            write(&mut reader, name, file, to)
        })?;
    }
    for warning in reader.warnings() {
        tell(format_args!("witness: note: {warning}\n"));
    }
    Ok(Outcome::Done)
}

fn write<R: Read>(
    reader: &mut Reader<R>,
    name: &str,
    out: impl Write,
    to: Format,
) -> Result<(), Failure> {
    let written = Writer::new(name, out, to).and_then(|writer| convert(reader, writer));
    match written {
        Ok(_) => Ok(()),
        // Who read it has had what was wanted; the rest need not be read.
        Err(ConvertError::Write { error, .. }) if error.kind() == io::ErrorKind::BrokenPipe => {
            Ok(())
        }
        Err(error @ ConvertError::Write { .. }) => Err(Failure::failed(error)),
        Err(error) => Err(Failure::bad_input(error)),
    }
}
