//! This host: is its clock synchronised, and may it open many connections. Asked without
//! any right that not everybody has.

use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::{Checks, Fix, HOST};
use crate::clock_bound::{self as bound, SEGMENT};

/// How long a program may take to answer.
const ANSWER_MAX: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(5);
/// Open files that a run of the workloads' own sizes needs, and room to spare.
const FILES_MIN: u64 = 1024;
/// Past this the clock is off, although somebody sets it.
const CLOCK_OFF_MAX_S: f64 = 1.0;

pub(super) fn examine(checks: &mut Checks) {
    let chrony = answer("chronyc", &["-n", "-c", "tracking"]);
    let systemd = answer("timedatectl", &["show", "--property=NTPSynchronized"]);
    clock(chrony.as_deref(), systemd.as_deref(), checks);
    clock_bound(Path::new(SEGMENT), checks);
    let limits = answer("sh", &["-c", "ulimit -Sn; ulimit -Hn"]);
    files(limits.as_deref(), checks);
}

/// What a program says; none: it is not here, or does not say.
fn answer(program: &str, arguments: &[&str]) -> Option<String> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().ok()?;
    let began = Instant::now();
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if began.elapsed() < ANSWER_MAX => std::thread::sleep(PAUSE),
            _ => {
                let _ = child.kill();
                let _ = child.wait();
                return None;
            }
        }
    };
    // A line or two, which a pipe holds.
    let mut said = String::new();
    child.stdout?.read_to_string(&mut said).ok()?;
    status.success().then_some(said)
}

/// What chrony says of the clock.
#[derive(Debug, PartialEq)]
struct Tracking {
    /// By how much the clock is off; slow, where it is positive.
    off_s: f64,
    /// How far it may be from the truth besides: half of the way to the root, and what the
    /// servers on it do not know.
    error_s: f64,
    synchronised: bool,
}

impl Tracking {
    /// One line of values: stratum, system time, root delay, root dispersion and leap status
    /// are the third, fifth, eleventh, twelfth and last.
    fn of(text: &str) -> Option<Tracking> {
        let values: Vec<_> = text.trim().split(',').collect();
        let number = |n: usize| values.get(n)?.parse::<f64>().ok();
        Some(Tracking {
            off_s: number(4)?,
            error_s: number(10)? / 2.0 + number(11)?,
            synchronised: *values.last()? != "Not synchronised",
        })
    }
}

fn clock(chrony: Option<&str>, systemd: Option<&str>, checks: &mut Checks) {
    let at = (HOST, "clock");
    let fix = || Fix::run("sudo timedatectl set-ntp true");
    if let Some(tracking) = chrony.and_then(Tracking::of) {
        let Tracking { off_s, error_s, .. } = tracking;
        let figures = format!("off by {off_s:.6} s, ± {error_s:.6} s, says chrony");
        let micros = |s: f64| (s * 1e6).round() as i64;
        let check = match tracking {
            Tracking {
                synchronised: false,
                ..
            } => {
                let fix = Fix::run("sudo systemctl restart chronyd");
                checks.missing(at, "chrony runs and is not synchronised", fix)
            }
            _ if off_s.abs() > CLOCK_OFF_MAX_S => {
                checks.missing(at, figures, Fix::run("sudo chronyc makestep"))
            }
            _ => checks.ok(at, figures),
        };
        check
            .with("off_us", micros(off_s))
            .with("error_us", micros(error_s));
        return;
    }
    match systemd.map(str::trim) {
        Some("NTPSynchronized=yes") => {
            checks.ok(
                at,
                "synchronised, says timedatectl; by how much it is off, it does not",
            );
        }
        Some("NTPSynchronized=no") => {
            checks.missing(at, "not synchronised, says timedatectl", fix());
        }
        _ => {
            checks.unchecked(
                at,
                "neither chronyc nor timedatectl says whether it is synchronised",
            );
        }
    }
}

/// Nothing here needs it: where it is not, there is nothing to say.
fn clock_bound(path: &Path, checks: &mut Checks) {
    if !path.exists() {
        return;
    }
    let at = (HOST, "ClockBound");
    match bound::now(path) {
        Ok(clock) => {
            // Upwards: it is the most.
            let error_us = (clock.latest() - clock.earliest() + 1_999) / 2_000;
            let figures = format!("the clock is off by at most {error_us} µs");
            checks.ok(at, figures).with("error_us", error_us);
        }
        Err(why) => {
            checks.unchecked(at, format!("{}: {why}", path.display()));
        }
    }
}

/// The limit in force, and up to where anybody may raise it.
fn files(limits: Option<&str>, checks: &mut Checks) {
    let at = (HOST, "open files");
    let number = |text: &str| match text {
        "unlimited" => Some(u64::MAX),
        text => text.parse::<u64>().ok(),
    };
    let mut lines = limits.unwrap_or_default().lines().map(number);
    let (Some(Some(soft)), Some(Some(hard))) = (lines.next(), lines.next()) else {
        checks.unchecked(at, "the shell does not say how many there may be");
        return;
    };
    let text = |limit: u64| match limit {
        u64::MAX => "any number".to_owned(),
        limit => limit.to_string(),
    };
    let signed = |limit: u64| i64::try_from(limit).unwrap_or(i64::MAX);
    let check = match soft < FILES_MIN {
        false => checks.ok(at, format!("{} at once", text(soft))),
        true => {
            let found = format!(
                "{soft} at once: too few for a connection each of many clients; {} if asked for",
                text(hard)
            );
            let fix = match hard < FILES_MIN {
                true => format!("sudo prlimit --pid $$ --nofile={FILES_MIN}"),
                false => format!("ulimit -n {FILES_MIN}"),
            };
            checks.missing(at, found, Fix::run(fix))
        }
    };
    check
        .with("files", signed(soft))
        .with("files_max", signed(hard));
}

#[cfg(test)]
mod tests {
    use super::super::{Check, State};
    use super::*;

    fn one(look: impl FnOnce(&mut Checks)) -> Check {
        let mut checks = Checks::default();
        look(&mut checks);
        let [check] = checks.all() else {
            panic!("{checks:?}")
        };
        assert_eq!(check.fix.is_some(), check.state == State::Missing);
        check.clone()
    }

    #[test]
    fn chrony_is_asked_before_systemd() {
        let tracking = |off: &str, leap: &str| {
            format!(
                "A9FEA97B,169.254.169.123,4,1795817000.123456789,{off},-0.000000345,0.000004210,\
                 -13.432,-0.000,0.012,0.000400000,0.000150000,16.1,{leap}\n"
            )
        };
        let good = tracking("0.000001234", "Normal");
        let check = one(|c| clock(Some(&good), Some("NTPSynchronized=no\n"), c));
        assert_eq!(check.state, State::Ok, "{check:?}");
        assert_eq!(check.found, "off by 0.000001 s, ± 0.000350 s, says chrony");
        assert_eq!(check.measured["error_us"], 350);
        for (off, leap) in [("-1.5", "Normal"), ("0.0", "Not synchronised")] {
            let bad = tracking(off, leap);
            let check = one(|c| clock(Some(&bad), Some("NTPSynchronized=yes\n"), c));
            assert_eq!(check.state, State::Missing, "{check:?}");
        }
    }

    #[test]
    fn systemd_is_asked_where_there_is_no_chrony() {
        for (chrony, systemd, state) in [
            (None, Some("NTPSynchronized=yes\n"), State::Ok),
            (None, Some("NTPSynchronized=no\n"), State::Missing),
            (
                Some("506 Cannot talk to daemon"),
                Some("NTPSynchronized=no"),
                State::Missing,
            ),
            (None, None, State::NotChecked),
            (None, Some("what?"), State::NotChecked),
        ] {
            let check = one(|c| clock(chrony, systemd, c));
            assert_eq!(check.state, state, "{chrony:?} {systemd:?}");
        }
    }

    #[test]
    fn clock_bound_says_it_where_it_is() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let check = one(|c| clock_bound(file.path(), c));
        assert_eq!(check.state, State::NotChecked);
        assert!(check.found.starts_with(file.path().to_str().unwrap()));
        let mut none = Checks::default();
        clock_bound(Path::new("/nowhere/shm0"), &mut none);
        assert_eq!(none, Checks::default());
    }

    /// A segment of the daemon as of now, of a clock that does not drift.
    #[test]
    #[cfg(all(
        target_os = "linux",
        target_pointer_width = "64",
        feature = "clock-bound"
    ))]
    fn clock_bound_tells_the_error_of_the_clock() {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::MonotonicCoarse);
        let layout_and_generation = 2 | 2 << 16;
        let mut segment = [0x414D_5A4Eu32, 0x4342_0200, 80, layout_and_generation]
            .map(u32::to_le_bytes)
            .concat();
        for number in [now.tv_sec, now.tv_nsec, now.tv_sec + 1000, 0, 344_001, 0] {
            segment.extend(number.to_le_bytes());
        }
        segment.extend([0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), segment).unwrap();
        let check = one(|c| clock_bound(file.path(), c));
        assert_eq!(check.state, State::Ok, "{check:?}");
        assert_eq!(check.found, "the clock is off by at most 345 µs");
        assert_eq!(check.measured["error_us"], 345);
    }

    #[test]
    fn few_open_files_are_too_few() {
        for (limits, state, fix) in [
            (Some("1024\n1048576\n"), State::Ok, None),
            (Some("unlimited\nunlimited\n"), State::Ok, None),
            (
                Some("256\nunlimited\n"),
                State::Missing,
                Some("ulimit -n 1024"),
            ),
            (
                Some("256\n512\n"),
                State::Missing,
                Some("sudo prlimit --pid $$ --nofile=1024"),
            ),
            (Some("many\n"), State::NotChecked, None),
            (None, State::NotChecked, None),
        ] {
            let check = one(|c| files(limits, c));
            assert_eq!(check.state, state, "{limits:?}");
            assert_eq!(check.fix, fix.map(Fix::run), "{limits:?}");
        }
    }

    #[test]
    fn a_program_that_is_not_there_or_fails_says_nothing() {
        assert_eq!(answer("sh", &["-c", "echo yes"]).as_deref(), Some("yes\n"));
        assert_eq!(answer("sh", &["-c", "echo no; exit 1"]), None);
        assert_eq!(answer("there-is-no-such-program", &[]), None);
    }
}
