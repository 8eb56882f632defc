//! Options that several subcommands share: how a history is read, and how the
//! checker `linearizable` understands it.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::ValueEnum;
use witness_checkers::{
    DataType, FailedCas, Initial, IsolationOptions, KeyBy, NilReads, ObjectOptions, Stop,
    isolation_levels,
};
use witness_histories::Format;

use super::Failure;
use crate::backends::{self, Backend, Endpoint};
use crate::check;
use crate::input::Input;

/// How a saved history is read.
#[derive(clap::Args)]
pub(super) struct InputArgs {
    /// The format of what is read; told by its contents if not given
    #[arg(long, value_name = "FORMAT")]
    input: Option<Format>,
    /// Split values that are Jepsen's independent [key value] tuples
    #[arg(long)]
    independent: bool,
}

impl InputArgs {
    pub(super) fn of(&self, history: &Path) -> Input {
        Input {
            path: history.into(),
            format: self.input,
            independent: self.independent,
        }
    }
}

/// How operations are understood, and what deciding them may cost.
#[derive(clap::Args)]
#[command(next_help_heading = "Linearizability")]
pub(super) struct ObjectArgs {
    /// The model, such as register, cas-register, kv, fifo-queue; told by the operations if not given
    #[arg(long, value_name = "NAME", value_parser = model)]
    model: Option<String>,
    /// The value before the first operation, as JSON or nil; the model's own if not given
    #[arg(long, value_name = "JSON", allow_hyphen_values = true, value_parser = initial)]
    initial: Option<Initial>,
    /// What a read of null has seen
    #[arg(long, value_enum, default_value_t = Nil::Absent)]
    nil_reads: Nil,
    /// What a refused compare-and-set says of the value; `proves`, but with --nil-reads unknown `ignore`
    #[arg(long, value_enum)]
    failed_cas: Option<Refused>,
    /// What makes operations those of one object: key (their key), whole (all are of one object),
    /// or the name of a field of their values
    #[arg(long, value_name = "key|whole|FIELD", default_value = "key", value_parser = key_by)]
    key_by: KeyBy,
    /// By how much the clocks of several recorders, or of the processes of one, may be off, such as
    /// 5ms; isolation heeds it too
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = duration)]
    clock_uncertainty: Duration,
    /// How long a search may take; past it the verdict is unknown
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = duration)]
    timeout: Duration,
    /// What all searches together may use, in MiB; past it the verdict is unknown
    #[arg(long, value_name = "MIB", default_value_t = 4096)]
    memory: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Nil {
    /// The absent value
    Absent,
    /// Nobody knows what
    Unknown,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Refused {
    /// That it was not the expected one
    Proves,
    /// Nothing
    Ignore,
}

fn model(name: &str) -> Result<String, String> {
    let known: Vec<_> = witness_checkers::models().iter().map(|m| m.name).collect();
    match known.contains(&name) {
        true => Ok(name.to_owned()),
        false => Err(format!("there are: {}", known.join(", "))),
    }
}

fn key_by(text: &str) -> Result<KeyBy, &'static str> {
    match text {
        "" => Err("expected key, whole or the name of a field"),
        "key" => Ok(KeyBy::Key),
        "whole" => Ok(KeyBy::Whole),
        field => Ok(KeyBy::Field(field.to_owned())),
    }
}

/// JSON, or `nil`.
fn initial(text: &str) -> Result<Initial, &'static str> {
    let json = if text == "nil" { "null" } else { text };
    json.parse()
        .map_err(|_| "expected JSON, or nil: text takes quotes of its own, '\"free\"'")
}

impl ObjectArgs {
    /// The options of one decision.
    pub(super) fn options(&self) -> Result<ObjectOptions, Failure> {
        let mut options = ObjectOptions::default();
        options.model.clone_from(&self.model);
        options.initial.clone_from(&self.initial);
        options.nil_reads = match self.nil_reads {
            Nil::Absent => NilReads::Absent,
            Nil::Unknown => NilReads::Unknown,
        };
        options.failed_cas = self.failed_cas.map(|refused| match refused {
            Refused::Proves => FailedCas::Proves,
            Refused::Ignore => FailedCas::Ignore,
        });
        options.key_by.clone_from(&self.key_by);
        let uncertainty = self.clock_uncertainty.as_nanos();
        options.clock_uncertainty_ns = u64::try_from(uncertainty).unwrap_or(u64::MAX);
        options.memory_bytes_max = self.memory.saturating_mul(1 << 20);
        options.stop = check::stop_after(self.timeout);
        witness_checkers::check_model(&options).map_err(Failure::bad_input)?;
        Ok(options)
    }

    /// The arguments that say the same of what operations mean, with that model.
    pub(super) fn meaning(&self, model: &str) -> Vec<String> {
        let mut arguments = vec!["--model".to_owned(), model.to_owned()];
        let mut add = |name: &str, value: String| match value.starts_with('-') {
            true => arguments.push(format!("{name}={value}")),
            false => arguments.extend([name.to_owned(), value]),
        };
        if let Some(initial) = &self.initial {
            add("--initial", initial.to_string());
        }
        let named = |value: Option<clap::builder::PossibleValue>| {
            value.map_or(String::new(), |value| value.get_name().to_owned())
        };
        if self.nil_reads != Nil::Absent {
            add("--nil-reads", named(self.nil_reads.to_possible_value()));
        }
        if let Some(refused) = self.failed_cas {
            add("--failed-cas", named(refused.to_possible_value()));
        }
        match &self.key_by {
            KeyBy::Key => {}
            KeyBy::Whole => add("--key-by", "whole".to_owned()),
            KeyBy::Field(field) => add("--key-by", field.clone()),
        }
        if !self.clock_uncertainty.is_zero() {
            let uncertainty = humantime::format_duration(self.clock_uncertainty);
            add("--clock-uncertainty", uncertainty.to_string());
        }
        arguments
    }
}

/// How transactions are understood.
#[derive(clap::Args)]
#[command(next_help_heading = "Isolation")]
pub(super) struct IsolationArgs {
    /// The isolation level to decide, with what it implies and no other; without it all are
    /// decided, for what a run's database claims, else strict-serializable
    #[arg(long, value_name = "LEVEL", value_parser = level)]
    level: Option<String>,
    /// The kind of data; told by the micro-operations if not given
    #[arg(long, value_enum)]
    data: Option<Data>,
    /// rw-register: assume that each process sees the versions of a key in their order
    #[arg(long)]
    sequential_keys: bool,
    /// rw-register: assume that the versions of a key are in the order of real time
    #[arg(long)]
    linearizable_keys: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Data {
    /// Lists that only grow
    ListAppend,
    /// Registers, each value written once
    RwRegister,
}

/// The level's own name, by which it is known.
pub(super) fn level(name: &str) -> Result<String, String> {
    let known = isolation_levels();
    let is = |other: &str| other.eq_ignore_ascii_case(name);
    match known
        .iter()
        .find(|level| is(level.name) || level.aliases.iter().any(|alias| is(alias)))
    {
        Some(level) => Ok(level.name.to_owned()),
        None => {
            let names: Vec<_> = known.iter().map(|level| level.name).collect();
            let names = format!("there are: {}", names.join(", "));
            let about_objects = OF_OBJECTS.iter().find(|(other, _)| is(other));
            Err(match about_objects {
                Some((_, checker)) => format!(
                    "it is about single operations on objects, not about transactions: \
                     --checker {checker} decides it; {names}"
                ),
                None => names,
            })
        }
    }
}

/// Consistency that is no isolation level, by its names, and the checker that decides it.
const OF_OBJECTS: [(&str, &str); 6] = [
    ("linearizable", "linearizable"),
    ("linearizability", "linearizable"),
    ("sequential", "sequential"),
    ("sequential-consistency", "sequential"),
    ("regular", "regular"),
    ("bounded-staleness", "staleness"),
];

impl IsolationArgs {
    /// The options of one decision; `stop` says when its time is up.
    pub(super) fn options(&self, claimed: Option<&str>, stop: &Stop) -> IsolationOptions {
        let mut options = IsolationOptions::default();
        options.level = self.level.clone().or_else(|| claimed.map(str::to_owned));
        options.only_level = self.level.is_some();
        options.data = self.data.map(|data| match data {
            Data::ListAppend => DataType::ListAppend,
            Data::RwRegister => DataType::RwRegister,
        });
        options.sequential_keys = self.sequential_keys;
        options.linearizable_keys = self.linearizable_keys;
        options.stop = stop.clone();
        options
    }
}

/// Histories, and what was made of them, are evidence: none is replaced.
pub(super) fn refuse_taken(path: &Path) -> Result<(), Failure> {
    if path.symlink_metadata().is_err() {
        return Ok(());
    }
    Err(Failure::bad_input(format!(
        "{}: is there already, and is not replaced",
        path.display()
    )))
}

/// The backends of those names.
pub(super) fn backends_named(names: &[String]) -> Result<Vec<&'static dyn Backend>, Failure> {
    let found = names.iter().map(|name| backends::find(name));
    found.collect::<Result<_, _>>().map_err(Failure::bad_input)
}

/// What of endpoints no backend takes.
pub(super) fn check_endpoints(endpoints: &[Endpoint], backends: usize) -> Result<(), Failure> {
    if !endpoints.is_empty() && backends != 1 {
        let message =
            "--endpoint goes with one --backend, and is given once for each of its regions";
        return Err(Failure::bad_input(message));
    }
    // It may be a password: it is not said again.
    match endpoints
        .iter()
        .find(|endpoint| endpoint.host.contains(['@', '?']))
    {
        Some(Endpoint { region, .. }) => Err(Failure::bad_input(format!(
            "--endpoint of {region}: a name or a password before an @, or a query, is of no use there: leave it out"
        ))),
        None => Ok(()),
    }
}

/// The longest time that an option takes: with more, clocks overflow.
const DURATION_MAX: Duration = Duration::from_secs(10 * 365 * 86_400);

/// A time such as `5ms`.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let duration = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    match duration {
        duration if duration > DURATION_MAX => Err("longer than ten years".to_owned()),
        duration => Ok(duration),
    }
}

/// As [`duration`], of what is waited for.
pub(super) fn time_out(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        Duration::ZERO => Err("nothing can be waited for in no time".to_owned()),
        duration => Ok(duration),
    }
}

/// The format that a file of that name is to hold.
pub(super) fn by_name(path: &Path) -> Result<Format, Failure> {
    let named = match path.extension().and_then(|end| end.to_str()) {
        Some("jsonl" | "ndjson") => Some(Format::JsonLines),
        Some("json") => Some(Format::Json),
        Some("edn") => Some(Format::Edn),
        _ => None,
    };
    named.ok_or_else(|| {
        Failure::bad_input(format!(
            "{}: the name does not tell the format: .jsonl, .json or .edn at its end does",
            path.display()
        ))
    })
}

/// Writes the file, whole or not at all: `write` is given its name and what to write to.
/// Histories are evidence: none is replaced.
pub(super) fn write_new(
    path: &Path,
    write: impl FnOnce(&str, File) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let refused = |error: io::Error| Failure::bad_input(format!("{}: {error}", path.display()));
    refuse_taken(path)?;
    let mut partial = path.as_os_str().to_owned();
    partial.push(".partial");
    let partial = PathBuf::from(partial);
    refuse_taken(&partial)?;
    let file = File::create_new(&partial).map_err(refused)?;
    let written = write(&path.display().to_string(), file)
        .and_then(|()| fs::rename(&partial, path).map_err(refused));
    if written.is_err() {
        // The failure is said; what is half written is of no use to anyone.
        let _ = fs::remove_file(&partial);
    }
    written
}
