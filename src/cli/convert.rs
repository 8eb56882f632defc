//! `witness convert`: a saved history from one format into another.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use witness_histories::{ConvertError, Format, Reader, Writer, convert};

use super::shared::refuse_taken;
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
        write_file(&mut reader, &args.to_path, to)?;
    }
    for warning in reader.warnings() {
        tell(format_args!("witness: note: {warning}\n"));
    }
    Ok(Outcome::Done)
}

/// The format that a file of that name is to hold.
fn by_name(path: &Path) -> Result<Format, Failure> {
    let named = match path.extension().and_then(|end| end.to_str()) {
        Some("jsonl" | "ndjson") => Some(Format::JsonLines),
        Some("json") => Some(Format::Json),
        Some("edn") => Some(Format::Edn),
        _ => None,
    };
    named.ok_or_else(|| {
        Failure::bad_input(format!(
            "{}: the name does not tell the format: say --to jsonl, json or edn",
            path.display()
        ))
    })
}

/// Writes the file, whole or not at all. Histories are evidence: none is replaced.
fn write_file<R: Read>(reader: &mut Reader<R>, path: &Path, to: Format) -> Result<(), Failure> {
    let refused = |error: io::Error| Failure::bad_input(format!("{}: {error}", path.display()));
    refuse_taken(path)?;
    let mut partial = path.as_os_str().to_owned();
    partial.push(".partial");
    let partial = PathBuf::from(partial);
    refuse_taken(&partial)?;
    let file = File::create_new(&partial).map_err(refused)?;
    let written = write(reader, &path.display().to_string(), file, to)
        .and_then(|()| fs::rename(&partial, path).map_err(refused));
    if written.is_err() {
        // The failure is said; what is half written is of no use to anyone.
        let _ = fs::remove_file(&partial);
    }
    written
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
