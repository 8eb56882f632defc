//! One run, whole: opens the database, gives the run a directory, records,
//! checks the saved history, and saves the verdicts beside it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use witness_checkers::{Options as CheckOptions, Verdicts};
use witness_histories::{RecordError, Recorder, Stamping};
use witness_workloads::{Parameters, Part, Workload};

use crate::backends::{self, Backend, OpenError};
use crate::check::{self, Unreadable};
use crate::clock_bound::{self, ClockBound, Missed, NoBound};
use crate::input::Input;
use crate::parts;
use crate::report;
use crate::round_trip;
use crate::runner::{self, Ended, Meeting, PartError, Parted, Plan, Progress, RunError, Stop};
use crate::store::{self, Run, RunDir, StoreError};

/// How long deciding a run may take; `witness check` takes a longer `--timeout`.
const DECIDE_MAX: Duration = Duration::from_secs(60);

/// Everything that one run is asked to be.
#[derive(Clone)]
pub struct Spec {
    /// What clients do.
    pub workload: &'static dyn Workload,
    /// On which database.
    pub backend: &'static dyn Backend,
    /// How the workload is shaped. `regions` is taken from the database, `seed` from
    /// the options.
    pub parameters: Parameters,
    /// How the database is reached.
    pub options: backends::Options,
    /// How long the regions may take to agree before the evidence is read.
    pub settle_max: Duration,
    /// The isolation level to decide; none: the one that the database claims.
    pub level: Option<String>,
    /// The clock by which events say when they happened, for a history that is to be merged
    /// with another; none: they say nothing.
    pub clock: Option<Clock>,
    /// What they say of who recorded them, if they say when; none: that is said when the
    /// history is merged.
    pub recorder: Option<String>,
    /// Which part of the run is done here, and how long it waits for the others; none: all
    /// of it.
    pub part: Option<(Part, Duration)>,
    /// Below which the run's directory is made.
    pub store: PathBuf,
}

/// The system's clock, and how it is known by how much it may be off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Clock {
    /// By that much, either way, in nanoseconds.
    Within(u64),
    /// By what the daemon of ClockBound tells meanwhile, in this segment.
    ClockBound(PathBuf),
}

impl Spec {
    /// The workload on the backend, both by name, with the options of a run that
    /// names none.
    ///
    /// # Errors
    /// [`OpenError::Options`]: there is no such workload or backend.
    pub fn new(workload: &str, backend: &str) -> Result<Spec, OpenError> {
        let workload = witness_workloads::find(workload);
        let workload = workload.map_err(|e| OpenError::Options(e.to_string()))?;
        Ok(Spec {
            workload,
            backend: backends::find(backend)?,
            parameters: workload.defaults(),
            options: backends::Options::default(),
            settle_max: Duration::from_secs(10),
            level: None,
            clock: None,
            recorder: None,
            part: None,
            store: PathBuf::from("store"),
        })
    }
}

impl Spec {
    /// Whether this can be run at all: known before anything runs.
    ///
    /// # Errors
    /// [`OpenError::Options`]: the workload has no such application, makes no clients of
    /// these parameters, or cannot be shared out; or a part has a database of its own.
    pub fn check(&self) -> Result<(), OpenError> {
        let app = &self.parameters.app;
        let apps: Vec<_> = self.workload.apps().iter().map(|(app, _)| *app).collect();
        if !apps.contains(&app.as_str()) {
            return Err(OpenError::Options(format!(
                "there is no --app {app:?} of {}; there are: {}",
                self.workload.name(),
                apps.join(", ")
            )));
        }
        let bursts = match self.part {
            Some((part, _)) => part.bursts(self.workload, &self.parameters),
            None => self.workload.bursts(&self.parameters),
        };
        bursts
            .map(drop)
            .map_err(|e| OpenError::Options(e.to_string()))?;
        if self.part.is_some() && !self.backend.is_elsewhere(&self.options)? {
            let server = match self.backend.heeds().contains(&"--url") {
                true => "one with --url",
                false => "endpoints, of a real one or of `witness regions up`",
            };
            return Err(OpenError::Options(format!(
                "a run in parts needs a database that all of them reach, and this one would be \
                 this process's own: give {server}"
            )));
        }
        Ok(())
    }
}

/// What a run tells while it goes on.
#[derive(Debug)]
pub enum Told<'a> {
    /// The database is there; the run begins in this directory.
    Began(&'a Run, &'a RunDir),
    /// How far the run is.
    Progress(Progress),
    /// How far it came, whether it could go on or not; next it is decided.
    Ended(&'a Ended),
}

/// A run that came to a verdict.
#[derive(Debug)]
pub struct Finished {
    /// Where everything of it is.
    pub dir: RunDir,
    /// What ran.
    pub run: Run,
    /// What was planned and not done.
    pub ended: Ended,
    /// The events that have no clock, although they were to have one.
    pub unclocked: Option<Missed>,
    /// What the checkers say of the saved history.
    pub verdicts: Verdicts,
}

/// Why a run came to no verdict.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    /// There was no bound on the clock's error to begin with.
    #[error("{}: {why}", segment.display())]
    Clock {
        /// Which was to tell it.
        segment: PathBuf,
        /// Why it does not.
        why: NoBound,
    },
    /// There was no database to run on.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The run's directory could not be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The part could not join the run: it left nothing behind.
    #[error(transparent)]
    Part(#[from] PartError),
    /// The history could not be written.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The run could not go on.
    #[error("{error}; what was recorded is in {}", dir.display())]
    Run {
        /// Why.
        error: RunError,
        /// Where the history is.
        dir: PathBuf,
    },
    /// The history that was just written cannot be read.
    #[error(transparent)]
    Check(#[from] Unreadable),
}

/// Runs, records, checks, saves.
///
/// # Errors
/// See [`Failed`].
pub async fn run(
    spec: &Spec,
    stop: &Stop,
    told: &mut dyn FnMut(Told<'_>),
) -> Result<Finished, Failed> {
    spec.check()?;
    let bound = clock_bound(spec)?;
    let opened = spec.backend.open(&spec.options).await?;
    let parameters = Parameters {
        seed: spec.options.seed,
        regions: opened.database.regions().len(),
        ..spec.parameters.clone()
    };
    let mut run = describe(spec, &parameters, &opened.about);
    if run.provenance != "embedded" {
        run.round_trips = round_trip::of_all(opened.database.as_ref()).await;
    }
    let mut meeting = spec.part.map(|(part, wait_max)| {
        let parted = Parted {
            part,
            wait_max,
            plan: parts::alike(&run),
            uncertainty: uncertainty(spec.clock.as_ref()),
        };
        Meeting::new(&opened.database, parted)
    });
    if let Some(other) = meeting.as_mut().filter(|it| !it.part().is_first()) {
        told(Told::Progress(Progress::Meeting));
        stop.or(other.join()).await.transpose()?;
    }
    let dir = RunDir::create(&spec.store, spec.workload.name(), spec.backend.name())?;
    let stamping = stamping(spec, bound.as_ref());
    let recorder = Recorder::create_stamping(dir.history(), stamping)?;
    let began = humantime::format_rfc3339_nanos(recorder.began());
    run.recorded_from = Some(began.to_string());
    dir.write_json(store::RUN, &run)?;
    told(Told::Began(&run, &dir));

    let plan = Plan {
        workload: spec.workload,
        settle_max: spec.settle_max,
        meeting,
    };
    let mut progress = |p| told(Told::Progress(p));
    let (ended, ran) = runner::run(
        plan,
        &parameters,
        &opened.database,
        &recorder,
        stop,
        &mut progress,
    )
    .await;
    let finished = recorder.finish();
    told(Told::Ended(&ended));
    ran.map_err(|error| Failed::Run {
        error,
        dir: dir.path().to_owned(),
    })?;
    finished?;
    drop(opened);

    let mut options = CheckOptions::default();
    options.focus.clone_from(&parameters.seat);
    options.isolation.level = store::level(&run);
    options.object.stop = check::stop_after(DECIDE_MAX);
    options.isolation.stop = options.object.stop.clone();
    let verdicts = check::history(&Input::new(dir.history()), &[], &options)?;
    dir.write_json(store::VERDICT, &verdicts)?;
    let page = report::html::page(Some(&run), &verdicts);
    dir.write(store::REPORT, page.as_bytes())?;
    Ok(Finished {
        dir,
        run,
        ended,
        unclocked: bound.and_then(|bound| bound.missed()),
        verdicts,
    })
}

/// Where the daemon of ClockBound is to say by how much the clock may be off, it does.
fn clock_bound(spec: &Spec) -> Result<Option<Arc<ClockBound>>, Failed> {
    let Some(Clock::ClockBound(segment)) = &spec.clock else {
        return Ok(None);
    };
    match ClockBound::open(segment) {
        Ok(bound) => Ok(Some(Arc::new(bound))),
        Err(why) => Err(Failed::Clock {
            segment: segment.clone(),
            why,
        }),
    }
}

/// By how much the clock may be off now.
fn uncertainty(clock: Option<&Clock>) -> Duration {
    let ns = match clock {
        None => 0,
        Some(Clock::Within(ns)) => *ns,
        Some(Clock::ClockBound(segment)) => clock_bound::now(segment)
            .map_or(0, |now| now.latest().abs_diff(now.earliest()).div_ceil(2)),
    };
    Duration::from_nanos(ns)
}

fn stamping(spec: &Spec, bound: Option<&Arc<ClockBound>>) -> Option<Stamping> {
    let stamping = match (&spec.clock, bound.cloned()) {
        (_, Some(bound)) => Stamping::by(move || bound.now()),
        (Some(Clock::Within(ns)), None) => Stamping::system(*ns),
        _ => return None,
    };
    Some(match &spec.recorder {
        Some(name) => stamping.named(name),
        None => stamping,
    })
}

fn describe(spec: &Spec, parameters: &Parameters, about: &backends::About) -> Run {
    Run {
        version: env!("CARGO_PKG_VERSION").into(),
        began: store::now(),
        recorded_from: None,
        workload: spec.workload.name().into(),
        backend: spec.backend.name().into(),
        title: about.title.clone(),
        provenance: about.provenance.into(),
        claim: about.claim.into(),
        isolation: about.isolation.map(str::to_owned),
        endpoints: about.endpoints.iter().map(|e| json!(e)).collect(),
        round_trips: Vec::new(),
        seed: spec.options.seed,
        options: options(spec, parameters),
    }
}

fn options(spec: &Spec, parameters: &Parameters) -> Value {
    let Parameters {
        app,
        bursts,
        seat,
        on_sale,
        send_twice,
        keys,
        requests,
        ops,
        writes_per_key,
        seed: _,
        regions: _,
    } = parameters;
    let on_sale = on_sale.map(|(seats, buyers)| format!("{seats}x{buyers}"));
    let on_servers = spec.backend.heeds().contains(&"--isolation");
    let servers = on_servers.then_some(&spec.options.servers);
    let ms = |d: Duration| u64::try_from(d.as_millis()).unwrap_or(u64::MAX);
    let (within, bound) = match &spec.clock {
        None => (None, None),
        Some(Clock::Within(ns)) => (Some(ns), None),
        Some(Clock::ClockBound(segment)) => (None, Some(segment.display().to_string())),
    };
    json!({
        "app": app,
        "bursts": on_sale.is_none().then_some(bursts),
        "seat": seat,
        "on_sale": on_sale,
        "send_twice": send_twice,
        "keys": keys,
        "requests": requests,
        "ops": format!("{}..{}", ops.start(), ops.end()),
        "writes_per_key": writes_per_key,
        "defects": spec.options.defects,
        "inter_region_rtt_ms": spec.options.inter_region_rtt.map(ms),
        "timeout_ms": ms(spec.options.timeout),
        "isolation": servers.map(|s| s.isolation.name()),
        "standby": servers.map(|s| s.standby),
        "standby_lag_ms": servers.map(|s| ms(s.standby_lag)),
        "settle_ms_max": ms(spec.settle_max),
        "level": spec.level,
        "clock_uncertainty_ns": within,
        "clock_bound": bound,
        "recorder": spec.clock.as_ref().and(spec.recorder.as_ref()),
        "part": spec.part.map(|(part, _)| part.to_string()),
        "database": spec.backend.choices(&spec.options),
    })
}
