//! `witness run`: a workload on one or more databases, recorded and decided.

use std::collections::BTreeSet;
use std::io::{IsTerminal, Write};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use witness_checkers::{Valid, Verdicts};
use witness_workloads::{Parameters, Part, Workload};

use super::databases::{DatabaseArgs, ServerArgs, only};
use super::shared::{backends_named, check_endpoints, duration, time_out};
use super::{Failure, Format, Outcome, ask, interrupted, runtime, stdout, tell};
use crate::backends::{self, Endpoint, OpenError};
use crate::clock_bound::SEGMENT;
use crate::foreign::{self, Choice};
use crate::report::{self, text::Detail};
use crate::run::{Clock, Failed, Finished, Spec, Told, run};
use crate::runner::{PartError, Progress, Stop};

/// How long a part waits for the others.
const WAIT_MAX: Duration = Duration::from_secs(60);

/// Runs a workload, records its history, and decides it
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  witness run seats                                      both databases, embedded
  witness run seats --backend dsql --defect skip-conflict-check
  witness run seats --backend dynamodb-mrsc --app conditional
  witness run seats --on-sale 12x60                      a whole floor at once
  witness run seats --seat A1 --bursts 8,60              all bursts for one seat
  witness run register --backend dynamodb                linearizable? and if not, how stale
  witness run write-skew --backend dsql --app for-update
  witness run write-skew --backend dsql --level serializable
  witness run list-append --keys 8 --requests 100 --bursts 20 --ops 2..4
  witness run seats --backend dsql \\
    --endpoint us-east-1=ID.dsql.us-east-1.on.aws \\
    --endpoint us-east-2=ID.dsql.us-east-2.on.aws        real clusters, your credentials

  witness run seats --backend postgres --isolation read-committed
  witness run long-fork --backend postgres --standby     reads of us-east-2 on a hot standby
  witness run list-append --backend postgres --isolation serializable \\
    --url us-east-1=postgres://app@db.example.com/app    a server of yours
  witness run write-skew --backend mysql                 two nodes of MariaDB with Galera
  witness run register --backend dynamodb --clock-uncertainty 1ms --recorder east
  witness run register --backend dynamodb --clock-bound --recorder west
  witness run list-append --seed 7 --part 1/2 …          and on a host in the other region
  witness run list-append --seed 7 --part 2/2 …          the other half of the clients

Endpoints may also come from WITNESS_DSQL_ENDPOINTS and WITNESS_DYNAMODB_ENDPOINTS,
separated by commas: REGION=HOST, REGION=CLUSTER_ID, or the ARN of a cluster or table; URLs
from WITNESS_POSTGRES_URLS and WITNESS_MYSQL_URLS, separated by spaces, and a password from
PGPASSWORD or MYSQL_PWD. The programs of PostgreSQL are found by pg_config, in Debian's folder
or on the PATH, or are those in WITNESS_POSTGRES_BIN; those of MariaDB are below /usr, or
below WITNESS_MARIADB_BASE.")]
pub(super) struct Args {
    /// The workload; `witness list` shows all
    #[arg(default_value = "seats")]
    workload: String,
    /// The databases, one run each; dsql and dynamodb if not given
    #[arg(long, value_delimiter = ',')]
    backend: Vec<String>,
    /// The variant of the application under test; the workload's first if not given
    #[arg(long)]
    app: Option<String>,
    /// Concurrent clients, burst after burst; if not given, as the workload has them
    #[arg(long, value_name = "CLIENTS,…", value_delimiter = ',')]
    bursts: Option<Vec<usize>>,
    /// seats: let all bursts go for this seat, put back on sale in between
    #[arg(long)]
    seat: Option<String>,
    /// seats: sell a whole floor at once: so many seats, to so many buyers each
    #[arg(long, value_name = "SEATSxBUYERS", value_parser = floor, conflicts_with = "bursts")]
    on_sale: Option<(usize, usize)>,
    /// seats: send every request twice, to both regions; always so with --app idempotent
    #[arg(long)]
    send_twice: bool,
    /// All but seats: objects that clients share at a time; of write-skew, pairs; of
    /// long-fork, those of a group
    #[arg(long, value_name = "NUMBER")]
    keys: Option<usize>,
    /// All but seats: requests of each client
    #[arg(long, value_name = "NUMBER")]
    requests: Option<usize>,
    /// list-append, rw-register: reads and writes of a transaction, such as 1..5
    #[arg(long, value_name = "MIN..MAX", value_parser = ops)]
    ops: Option<RangeInclusive<usize>>,
    /// list-append, rw-register: writes of a key after which another takes its place
    #[arg(long, value_name = "NUMBER")]
    writes_per_key: Option<usize>,
    /// A real database instead of the embedded one; once a region, with one backend
    #[arg(long = "endpoint", value_name = "REGION=HOST")]
    endpoints: Vec<Endpoint>,
    /// Switch a seeded defect of the embedded database on; `witness list` shows all
    #[arg(long = "defect", value_name = "NAME")]
    defects: Vec<String>,
    /// Seed of what is random in requests and embedded regions; by default another each time
    #[arg(long, env = "WITNESS_SEED")]
    seed: Option<u64>,
    /// The embedded regions' round trip, such as 60ms
    #[arg(long, value_name = "TIME", value_parser = duration)]
    inter_region_rtt: Option<Duration>,
    /// Past this, nobody knows how a request ended
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = time_out)]
    timeout: Duration,
    /// How long the regions may take to agree before their evidence is read
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = duration)]
    settle: Duration,
    /// The isolation level to decide; the one that the database claims if not given
    #[arg(long, value_name = "LEVEL", value_parser = super::shared::level)]
    level: Option<String>,
    /// Record with every event when it happened by the system's clock, which may be off by that
    /// much, such as 1ms: for `witness merge` with what was recorded on another host meanwhile
    #[arg(long, value_name = "TIME", value_parser = duration, group = "clock")]
    clock_uncertainty: Option<Duration>,
    /// The same, and by how much it may be off is what the daemon of ClockBound says at each event;
    /// PATH: its segment, if not /var/run/clockbound/shm0
    #[arg(
        long,
        value_name = "PATH",
        group = "clock",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = SEGMENT
    )]
    clock_bound: Option<PathBuf>,
    /// The name of this recorder, of one host among several
    #[arg(long, value_name = "NAME", requires = "clock")]
    recorder: Option<String>,
    /// Perform the requests of one part of the clients, such as 1/2: on another host the same
    /// command with 2/2 performs the others', and `witness merge` makes one history of both.
    /// Part 1 makes the tables
    #[arg(long, value_name = "PART/PARTS", requires = "seed")]
    part: Option<Part>,
    /// How long a part waits for the others, each time; 60s if not given
    #[arg(long, value_name = "TIME", value_parser = duration, requires = "part")]
    wait: Option<Duration>,
    /// Where runs are saved
    #[arg(
        long,
        value_name = "DIR",
        env = "WITNESS_STORE",
        default_value = "store"
    )]
    store: PathBuf,
    /// How verdicts are printed
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    #[command(flatten)]
    servers: ServerArgs,
    #[command(flatten)]
    databases: DatabaseArgs,
    /// Do not ask before a run that costs money
    #[arg(long)]
    yes: bool,
}

fn floor(text: &str) -> Result<(usize, usize), String> {
    let parsed = text.split_once(['x', '×']).and_then(|(seats, buyers)| {
        Some((seats.trim().parse().ok()?, buyers.trim().parse().ok()?))
    });
    parsed.ok_or_else(|| "expected SEATSxBUYERS, such as 12x60".to_owned())
}

fn ops(text: &str) -> Result<RangeInclusive<usize>, String> {
    let (min, max) = text.split_once("..").unwrap_or((text, text));
    let parsed = (min.trim().parse(), max.trim().parse());
    match parsed {
        (Ok(min), Ok(max)) => Ok(min..=max),
        _ => Err("expected MIN..MAX, both included, such as 1..5".to_owned()),
    }
}

pub(super) fn main(args: &Args) -> Result<Outcome, Failure> {
    let specs = specs(args)?;
    for spec in &specs {
        spec.check().map_err(Failure::bad_input)?;
        agree_to_cost(spec, args.yes)?;
    }
    runtime()?.block_on(all(&specs, args.format))
}

/// Nobody is surprised by a bill: what a run costs is said before it begins.
fn agree_to_cost(spec: &Spec, yes: bool) -> Result<(), Failure> {
    let bursts = spec.workload.bursts(&spec.parameters);
    let bursts = bursts.map_err(Failure::bad_input)?;
    let share = spec
        .part
        .map(|(part, _)| part.bursts(spec.workload, &spec.parameters));
    let share = share.transpose().map_err(Failure::bad_input)?;
    let cost = spec.backend.cost(&spec.options, &bursts, share.as_deref());
    let Some(cost) = cost.map_err(Failure::bad_input)? else {
        return Ok(());
    };
    tell(format_args!("witness: {}: {cost}\n", spec.backend.name()));
    ask::confirm("Go on?", yes)
}

/// One run a backend; what else is wrong with it each run says before it begins.
fn specs(args: &Args) -> Result<Vec<Spec>, Failure> {
    let workload = witness_workloads::find(&args.workload).map_err(Failure::bad_input)?;
    refuse_foreign(args, workload).map_err(Failure::bad_input)?;
    let defaults = workload.defaults();
    let parameters = Parameters {
        app: args.app.clone().unwrap_or(defaults.app),
        bursts: args.bursts.clone().unwrap_or(defaults.bursts),
        seat: args.seat.clone(),
        on_sale: args.on_sale,
        send_twice: args.send_twice,
        keys: args.keys.unwrap_or(defaults.keys),
        requests: args.requests.unwrap_or(defaults.requests),
        ops: args.ops.clone().unwrap_or(defaults.ops),
        writes_per_key: args.writes_per_key.unwrap_or(defaults.writes_per_key),
        ..defaults
    };
    let options = backends::Options {
        endpoints: args.endpoints.clone(),
        defects: Vec::new(),
        seed: args.seed.unwrap_or_else(seed),
        inter_region_rtt: args.inter_region_rtt,
        timeout: args.timeout,
        dsql: args.databases.dsql(),
        dynamodb: args.databases.dynamodb(),
        servers: args.servers.options().map_err(Failure::bad_input)?,
    };
    let backends: Vec<_> = match &args.backend[..] {
        [] => backends::registry()
            .iter()
            .copied()
            .filter(|b| b.by_default())
            .collect(),
        named => backends_named(named)?,
    };
    if backends.is_empty() {
        let message = "no backend is taken by default: this was built without the feature \"aws\"";
        return Err(Failure::bad_input(message));
    }
    check_endpoints(&args.endpoints, backends.len())?;
    let given = args.servers.given().chain(args.databases.given());
    backends::refuse_foreign(given, &backends, backends::registry()).map_err(Failure::bad_input)?;
    for defect in &args.defects {
        if !backends
            .iter()
            .any(|b| b.defects().contains(&defect.as_str()))
        {
            let all: Vec<_> = backends.iter().flat_map(|b| b.defects()).collect();
            let message = format!(
                "there is no --defect {defect:?} of {}; there are: {}",
                join(backends.iter().map(|b| b.name())),
                join(all)
            );
            return Err(Failure::bad_input(message));
        }
    }
    let within = |by: Duration| Clock::Within(u64::try_from(by.as_nanos()).unwrap_or(u64::MAX));
    let clock = args.clock_uncertainty.map(within);
    let clock = clock.or_else(|| args.clock_bound.clone().map(Clock::ClockBound));
    let spec = |backend: &&'static dyn backends::Backend| {
        let offered = backend.defects();
        let mine = args
            .defects
            .iter()
            .filter(|d| offered.contains(&d.as_str()));
        Spec {
            workload,
            backend: *backend,
            parameters: parameters.clone(),
            options: backends::Options {
                defects: mine.cloned().collect(),
                ..options.clone()
            },
            settle_max: args.settle,
            level: args.level.clone(),
            clock: clock.clone(),
            recorder: args.recorder.clone(),
            part: args.part.map(|part| (part, args.wait.unwrap_or(WAIT_MAX))),
            store: args.store.clone(),
        }
    };
    Ok(backends.iter().map(spec).collect())
}

/// Refuses what is of other workloads.
fn refuse_foreign(args: &Args, workload: &dyn Workload) -> Result<(), String> {
    let given = only([
        ("--seat", args.seat.is_some()),
        ("--on-sale", args.on_sale.is_some()),
        ("--send-twice", args.send_twice),
        ("--keys", args.keys.is_some()),
        ("--requests", args.requests.is_some()),
        ("--ops", args.ops.is_some()),
        ("--writes-per-key", args.writes_per_key.is_some()),
    ]);
    let choice = |workload: &dyn Workload| Choice {
        name: workload.name(),
        heeds: workload.heeds(),
    };
    let all: Vec<_> = witness_workloads::registry()
        .iter()
        .map(|w| choice(*w))
        .collect();
    let chosen = [choice(workload)];
    foreign::complaint(given, &chosen, &all, "workload", "the workload").map_or(Ok(()), Err)
}

/// Each name once.
fn join(names: impl IntoIterator<Item = &'static str>) -> String {
    let names: BTreeSet<_> = names.into_iter().collect();
    names.into_iter().collect::<Vec<_>>().join(", ")
}

fn seed() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    // Few digits, since a person may have to type them.
    u64::from(since.subsec_nanos())
}

async fn all(specs: &[Spec], format: Format) -> Result<Outcome, Failure> {
    let stop = Stop::default();
    tokio::spawn(on_signals(stop.clone()));
    let mut finished: Vec<(String, Verdicts)> = Vec::new();
    let mut failure = None;
    let mut valid = Vec::new();
    for spec in specs {
        if stop.requested() {
            tell(format_args!(
                "witness: {} was not run\n",
                spec.backend.name()
            ));
            valid.push(Valid::Unknown);
            continue;
        }
        let mut screen = Screen::new(format);
        let done = run(spec, &stop, &mut |told| screen.show(&told)).await;
        screen.clear();
        match done {
            Ok(done) => {
                screen.finish(&done)?;
                valid.push(done.verdicts.valid);
                finished.push((done.dir.path().display().to_string(), done.verdicts));
            }
            // What the runs before it came to is still to be printed.
            Err(error) => {
                failure = Some(match error {
                    Failed::Open(OpenError::Options(_))
                    | Failed::Clock { .. }
                    | Failed::Part(PartError::Differs { .. }) => Failure::bad_input(error),
                    _ => Failure::failed(format!("{}: {error}", spec.backend.name())),
                });
                valid.push(Valid::Unknown);
                break;
            }
        }
    }
    let valid = Valid::compose(valid);
    match (format, &finished[..]) {
        (Format::Json, [(_, verdicts)]) if specs.len() == 1 => {
            report::json::one(&mut stdout(), verdicts)?;
        }
        (Format::Json, [_, ..]) => report::json::several(&mut stdout(), valid, &finished)?,
        (Format::Text, [_, ..]) => {
            let dirs: Vec<_> = finished.iter().map(|(dir, _)| dir.as_str()).collect();
            writeln!(stdout(), "replay: witness check {}", dirs.join(" "))?;
        }
        (_, []) => {}
    }
    match failure {
        Some(failure) => Err(failure),
        None => Ok(Outcome::Verdict(valid)),
    }
}

/// The first Ctrl-C ends the run in order, the second at once. What was recorded
/// is in the file either way.
async fn on_signals(stop: Stop) {
    interrupted().await;
    stop.request();
    tell("\nwitness: stopping; what is recorded stays; again to stop at once\n");
    interrupted().await;
    tell("witness: stopped at once; the history so far is in the store\n");
    std::process::exit(i32::from(Valid::Unknown.exit_code()));
}

/// What a run shows while it goes on: results on standard output, and on a
/// terminal a line of what it is doing.
struct Screen {
    format: Format,
    terminal: bool,
    error: Option<std::io::Error>,
}

impl Screen {
    fn new(format: Format) -> Screen {
        Screen {
            format,
            terminal: std::io::stderr().is_terminal(),
            error: None,
        }
    }

    fn show(&mut self, told: &Told<'_>) {
        self.clear();
        let text = self.format == Format::Text;
        let shown = match told {
            Told::Began(run, _) if text => report::text::header(&mut stdout(), run),
            Told::Progress(Progress::Tally(tally)) if text => {
                report::text::tally(&mut stdout(), tally)
            }
            _ => Ok(()),
        };
        self.error = self.error.take().or(shown.err());
        match told {
            Told::Began(..) | Told::Progress(Progress::Tally(_)) => {}
            Told::Ended(ended) => {
                for what in &ended.not_done {
                    tell(format_args!("witness: not done: {what}\n"));
                }
                if let Some(why) = &ended.undecided {
                    tell(format_args!("witness: undecided: {why}\n"));
                }
            }
            Told::Progress(Progress::Setup) => self.line("making the tables"),
            Told::Progress(Progress::Meeting) => self.line("waiting for the other parts"),
            Told::Progress(Progress::Burst { clients }) => {
                self.line(&format!("{clients} clients"));
            }
            Told::Progress(Progress::Settle) => self.line("waiting for the regions to agree"),
            Told::Progress(Progress::Evidence { region }) => {
                self.line(&format!("reading what {region} committed"));
            }
        }
    }

    fn line(&self, doing: &str) {
        if self.terminal {
            tell(format_args!("  {doing} …"));
        }
    }

    fn clear(&self) {
        if self.terminal {
            tell("\r\x1b[K");
        }
    }

    fn finish(&mut self, done: &Finished) -> Result<(), Failure> {
        if let Some(error) = self.error.take() {
            return Err(error.into());
        }
        if let Some(missed) = &done.unclocked {
            tell(format_args!("witness: note: {missed}\n"));
        }
        if self.format == Format::Text {
            let mut out = stdout();
            report::text::verdicts(&mut out, &done.verdicts, Detail::Brief)?;
            writeln!(out, "  saved in {}", done.dir.path().display())?;
        }
        Ok(())
    }
}
