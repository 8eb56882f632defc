//! Recording by the clock of ClockBound: on segments as its daemon writes them, with the
//! clocks of this host, and on those that tell no bound.
#![cfg(all(target_os = "linux", target_pointer_width = "64"))]

mod command;

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use command::witness;
use rustix::time::{ClockId, clock_gettime};
use serde_json::Value;
use tempfile::TempDir;
use witness::clock_bound::{ClockBound, NoBound};
use witness::run::{Clock, Spec, Told, run};
use witness::runner::{Progress, Stop};
use witness_histories::History;

const S: i64 = 1_000_000_000;
const MS: i64 = 1_000_000;

/// Nanoseconds.
fn now(clock: ClockId) -> i64 {
    let time = clock_gettime(clock);
    time.tv_sec * S + time.tv_nsec
}

/// What the daemon says, in the layout of version 2.
#[derive(Debug, Clone, Copy)]
struct Segment {
    magic: [u32; 2],
    version: u16,
    generation: u16,
    /// By the monotonic clock, in nanoseconds, as is the next.
    as_of: i64,
    void_after: i64,
    bound_ns: i64,
    drift_ppb: u32,
    status: u32,
    disruptions: u8,
}

const UNKNOWN: u32 = 0;
const SYNCHRONIZED: u32 = 1;
const FREE_RUNNING: u32 = 2;
const DISRUPTED: u32 = 3;

impl Segment {
    /// As of two seconds ago.
    fn new(bound_ns: i64, drift_ppb: u32, status: u32) -> Segment {
        let as_of = now(ClockId::MonotonicCoarse) - 2 * S;
        Segment {
            magic: [0x414D_5A4E, 0x4342_0200],
            version: 2,
            generation: 2,
            as_of,
            void_after: as_of + 1000 * S,
            bound_ns,
            drift_ppb,
            status,
            disruptions: 0,
        }
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.magic.map(u32::to_ne_bytes).concat();
        bytes.extend(80u32.to_ne_bytes());
        bytes.extend(self.version.to_ne_bytes());
        bytes.extend(self.generation.to_ne_bytes());
        for time in [self.as_of, self.void_after] {
            bytes.extend(time.div_euclid(S).to_ne_bytes());
            bytes.extend(time.rem_euclid(S).to_ne_bytes());
        }
        bytes.extend(self.bound_ns.to_ne_bytes());
        bytes.extend(7u64.to_ne_bytes());
        bytes.extend(self.drift_ppb.to_ne_bytes());
        bytes.extend(self.status.to_ne_bytes());
        bytes.extend([self.disruptions, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(bytes.len(), 80);
        bytes
    }

    fn create(&self, path: &Path) {
        fs::write(path, self.bytes()).expect("written");
    }

    /// As the daemon does: in place, and while it writes the generation is odd.
    fn update(&mut self, path: &Path) {
        let file = OpenOptions::new().write(true).open(path).expect("there");
        let generation = |it: u16| file.write_all_at(&it.to_ne_bytes(), 14).expect("written");
        generation(self.generation + 1);
        file.write_all_at(&self.bytes()[16..], 16).expect("written");
        self.generation += 2;
        generation(self.generation);
    }

    /// By how much the clock may be off at that time of the monotonic clock.
    fn error_ns(&self, at: i64) -> i64 {
        let drift = i128::from(at - self.as_of) * i128::from(self.drift_ppb) / i128::from(S);
        self.bound_ns + i64::try_from(drift).expect("small")
    }
}

fn dir() -> TempDir {
    tempfile::tempdir().expect("a directory")
}

const RUN: [&str; 10] = [
    "run",
    "register",
    "--backend",
    "dynamodb",
    "--bursts",
    "4",
    "--requests",
    "5",
    "--seed",
    "1",
];

fn json_lines(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).expect("saved");
    let events = text.lines().map(serde_json::from_str);
    events.collect::<Result<_, _>>().expect("JSON")
}

fn clock(event: &Value) -> [i64; 2] {
    let clock = event["clock"].as_array().expect("a clock");
    let [earliest, latest] = &clock[..] else {
        panic!("{event}");
    };
    [earliest, latest].map(|it| it.as_i64().expect("nanoseconds"))
}

#[test]
fn each_event_has_what_the_daemon_says_of_the_clock_then_and_merge_takes_it() {
    let dir = dir();
    let segments = [
        ("east", Segment::new(3 * MS, 1_000_000, SYNCHRONIZED)),
        ("west", Segment::new(40 * MS, 50_000_000, FREE_RUNNING)),
    ];
    for (name, segment) in &segments {
        segment.create(&dir.path().join(format!("{name}.shm")));
        let given = format!("--clock-bound={name}.shm");
        let more = [given.as_str(), "--recorder", name, "--store", name];
        let before = [ClockId::Realtime, ClockId::MonotonicCoarse].map(now);
        let (code, out, error) = witness(dir.path(), &[&RUN[..], &more].concat());
        let after = [ClockId::Realtime, ClockId::MonotonicCoarse].map(now);
        assert!(code <= 2, "{out}{error}");
        assert_eq!(error, "", "every event has a clock");

        let saved = dir.path().join(name).join("latest");
        let run = fs::read_to_string(saved.join("run.json")).expect("saved");
        let run: Value = serde_json::from_str(&run).expect("JSON");
        assert_eq!(run["options"]["clock_bound"], format!("{name}.shm"));
        assert_eq!(run["options"]["recorder"], *name);
        assert_eq!(run["options"]["clock_uncertainty_ns"], Value::Null);
        let from = run["recorded_from"].as_str().expect("a time");
        let from = humantime::parse_rfc3339(from).expect("a time");
        let from = from.duration_since(std::time::UNIX_EPOCH).expect("later");
        let from = i64::try_from(from.as_nanos()).expect("before 2262");

        let events = json_lines(&saved.join("history.jsonl"));
        assert!(events.len() > 40, "{}", events.len());
        let mut shown = before[0];
        for event in &events {
            assert_eq!(event["recorder"], *name);
            let [earliest, latest] = clock(event);
            // The error has grown since the daemon spoke, up to the moment of the event.
            let error = (latest - earliest) / 2;
            let least = segment.error_ns(before[1]) - 1;
            let most = segment.error_ns(after[1]) + 1;
            assert!((least..=most).contains(&error), "{least} {event} {most}");
            // In the middle is what the system's clock showed: before the event had its time.
            let middle = earliest + error;
            let time = event["time"].as_i64().expect("a time");
            assert!((shown..=from + time).contains(&middle), "{shown} {event}");
            shown = middle;
        }
        assert!(shown <= after[0]);
    }

    let merge = ["merge", "east/latest", "west/latest", "-o", "both.jsonl"];
    let (code, _, error) = witness(dir.path(), &merge);
    assert_eq!(code, 0, "{error}");
    assert!(
        error.contains("east and west are runs of their own"),
        "{error}"
    );
    let merged = json_lines(&dir.path().join("both.jsonl"));
    for (name, _) in &segments {
        let alone = json_lines(&dir.path().join(name).join("latest/history.jsonl"));
        let of_it = merged.iter().filter(|event| event["recorder"] == *name);
        assert_eq!(
            of_it.map(clock).collect::<Vec<_>>(),
            alone.iter().map(clock).collect::<Vec<_>>()
        );
    }
}

#[test]
fn without_a_bound_no_run_begins() {
    let dir = dir();
    let good = Segment::new(MS, 50_000, SYNCHRONIZED);
    let monotonic = now(ClockId::Monotonic);
    let with = |change: fn(&mut Segment)| {
        let mut segment = good;
        change(&mut segment);
        segment.bytes()
    };
    let stale = Segment {
        as_of: monotonic - 2000 * S,
        void_after: monotonic - 1000 * S,
        ..good
    };
    let of_the_future = Segment {
        as_of: monotonic + 3600 * S,
        void_after: monotonic + 4600 * S,
        ..good
    };
    let none = "it is no segment of ClockBound";
    let nothing_yet = "the daemon of ClockBound has not said anything yet";
    let unsound = "what it says makes no sense";
    let unknown = "the daemon of ClockBound does not vouch for the clock, or no longer";
    let mut cases = vec![
        (Vec::new(), none),
        (b"no segment\n".to_vec(), none),
        (with(|it| it.magic[1] += 1), none),
        (good.bytes()[..15].to_vec(), "it is cut short"),
        (good.bytes()[..40].to_vec(), "it is cut short"),
        (good.bytes()[..79].to_vec(), "it is cut short"),
        (with(|it| it.version = 0), nothing_yet),
        (with(|it| it.generation = 0), nothing_yet),
        (with(|it| it.generation = 3), unknown),
        (
            with(|it| it.version = 0x0303),
            "its layout is version 3, and 2 is read: /var/run/clockbound/shm0 has that one",
        ),
        (with(|it| it.status = UNKNOWN), unknown),
        (stale.bytes(), unknown),
        (
            with(|it| it.status = DISRUPTED),
            "the clock was disrupted, and the daemon of ClockBound has not set it since",
        ),
        (with(|it| it.status = 4), unsound),
        (with(|it| it.disruptions = 2), unsound),
        (with(|it| it.drift_ppb = 1_000_000_000), unsound),
        (with(|it| it.bound_ns = -5 * MS), unsound),
        (with(|it| it.bound_ns = i64::MAX), unsound),
        (with(|it| it.as_of = i64::MAX), unsound),
        (with(|it| it.as_of = i64::MIN), unsound),
        (
            of_the_future.bytes(),
            "it is of a time to come: from before this host was started?",
        ),
    ];
    if !Path::new("/dev/vmclock0").exists() {
        cases.push((
            with(|it| it.disruptions = 1),
            "/dev/vmclock0: No such file or directory (os error 2); is the daemon of ClockBound running?",
        ));
    }
    let refused = |message: &str| {
        let run = [&RUN[..], &["--clock-bound=shm"]].concat();
        let (code, out, error) = witness(dir.path(), &run);
        assert_eq!((code, out.as_str()), (254, ""), "{error}");
        assert_eq!(error, format!("witness: shm: {message}\n"));
        assert!(!dir.path().join("store").exists());
    };
    refused("No such file or directory (os error 2); is the daemon of ClockBound running?");
    for (bytes, message) in cases {
        fs::write(dir.path().join("shm"), bytes).expect("written");
        refused(message);
    }
    fs::remove_file(dir.path().join("shm")).expect("there");
    fs::create_dir(dir.path().join("shm")).expect("made");
    refused("Is a directory (os error 21); is the daemon of ClockBound running?");
}

#[test]
fn one_clock_is_chosen_and_a_recorder_has_one() {
    let dir = dir();
    for (more, message) in [
        (
            &["--clock-bound", "--clock-uncertainty", "1ms"][..],
            "'--clock-bound[=<PATH>]' cannot be used with '--clock-uncertainty <TIME>'",
        ),
        (
            &["--recorder", "east"],
            "<--clock-uncertainty <TIME>|--clock-bound[=<PATH>]>",
        ),
        (&["--clock-bound", "shm"], "unexpected argument 'shm' found"),
    ] {
        let (code, _, error) = witness(dir.path(), &[&RUN[..], more].concat());
        assert_eq!(code, 254, "{error}");
        assert!(error.contains(message), "{error}");
    }
}

fn spec(segment: PathBuf, store: PathBuf) -> Spec {
    let mut spec = Spec::new("register", "dynamodb").expect("both are there");
    spec.parameters.bursts = vec![3, 3, 3];
    spec.parameters.requests = 3;
    spec.clock = Some(Clock::ClockBound(segment));
    spec.store = store;
    spec
}

#[tokio::test(flavor = "multi_thread")]
async fn events_have_no_clock_while_the_daemon_vouches_for_none() {
    let dir = dir();
    let path = dir.path().join("shm");
    let mut segment = Segment::new(MS, 0, SYNCHRONIZED);
    segment.create(&path);
    let mut bursts = 0;
    let mut told = |told: Told<'_>| {
        if matches!(told, Told::Progress(Progress::Burst { .. })) {
            bursts += 1;
            segment.status = [UNKNOWN, SYNCHRONIZED, DISRUPTED][bursts - 1];
            segment.update(&path);
        }
    };
    let spec = spec(path.clone(), dir.path().join("store"));
    let done = run(&spec, &Stop::default(), &mut told).await;
    let done = done.expect("it runs on");
    assert!(bursts >= 3);

    let history = History::read(done.dir.history()).expect("valid");
    let (mut burst, mut without) = (0, 0);
    for event in history.events() {
        let value = event.value.as_ref().map_or("", |value| value.get());
        burst += usize::from(event.f == "phase" && value.contains("burst"));
        assert_eq!(
            event.clock().is_some(),
            burst == 0 || burst == 2,
            "{event:?}"
        );
        without += u64::from(event.clock().is_none());
        if let Some(clock) = event.clock() {
            assert_eq!(clock.latest() - clock.earliest(), 2 * MS);
        }
    }
    let missed = done.unclocked.expect("some");
    assert_eq!((missed.readings, &missed.why), (without, &NoBound::Unknown));
    assert_eq!(
        missed.to_string(),
        format!(
            "{without} events have no clock: the daemon of ClockBound does not vouch for the clock, or no longer"
        )
    );
}

/// Another thread finds nothing, and never what was there.
#[test]
fn what_is_mapped_lasts_as_long_as_the_daemon_said_and_what_is_there_anew_is_found() {
    let dir = dir();
    let path = dir.path().join("shm");
    let mut old = Segment::new(MS, 0, SYNCHRONIZED);
    old.create(&path);
    let clock = ClockBound::open(&path).expect("sound");
    let width = || clock.now().map(|it| it.latest() - it.earliest());
    let elsewhere = || std::thread::scope(|s| s.spawn(width).join().expect("no panic"));
    assert_eq!((width(), elsewhere()), (Some(2 * MS), Some(2 * MS)));
    assert_eq!(clock.missed(), None);

    let aside = dir.path().join("aside");
    fs::rename(&path, &aside).expect("moved");
    assert_eq!((width(), elsewhere()), (Some(2 * MS), None));
    let missed = clock.missed().expect("one");
    assert_eq!(missed.readings, 1);
    assert!(matches!(missed.why, NoBound::Unreadable(_)), "{missed}");

    let past = now(ClockId::MonotonicCoarse) - 10 * S;
    (old.as_of, old.void_after) = (past - 1000 * S, past);
    old.update(&aside);
    assert_eq!(width(), None);
    Segment::new(2 * MS, 0, SYNCHRONIZED).create(&path);
    assert_eq!((width(), elsewhere()), (Some(4 * MS), Some(4 * MS)));
}
