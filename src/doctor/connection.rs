//! How far away a server is and what its clock says, on a connection that is open.

use witness_workloads::Connection;

use super::{Checks, Fix};
use crate::round_trip::{ClockOffset, ms};

/// Past this a clock is not synchronised. No verdict of one recorder depends on it; tokens,
/// signatures and certificates do, and histories of several recorders.
const CLOCK_OFF_MAX_NS: u64 = 1_000_000_000;

/// Connections that a run of the workloads' own sizes needs.
const ROOM_MIN: i64 = 64;

/// Asks some twenty times.
pub(crate) async fn examine(region: &str, connection: &mut dyn Connection, checks: &mut Checks) {
    let measured = match crate::round_trip::measure(region, connection).await {
        Ok(measured) => measured,
        Err(error) => {
            let fix = Fix::run("witness doctor --timeout 60s");
            checks.missing((region, "round trip"), error.to_string(), fix);
            return;
        }
    };
    let trip = &measured.round_trip;
    let (min, median) = (ms(trip.min_ns), ms(trip.median_ns));
    let found = format!("minimum {min}, median {median}, of {}", trip.asked);
    checks
        .ok((region, "round trip"), found)
        .with("min_ns", signed(trip.min_ns))
        .with("median_ns", signed(trip.median_ns));
    clock(region, measured.clock, checks);
}

fn clock(region: &str, offset: Option<ClockOffset>, checks: &mut Checks) {
    let at = (region, "clock");
    let Some(ClockOffset { ahead_ns, error_ns }) = offset else {
        checks.unchecked(at, "the server says no time");
        return;
    };
    let off = ahead_ns.unsigned_abs();
    let way = if ahead_ns < 0 { "behind" } else { "ahead of" };
    let found = format!("{} {way} this host's, ± {}", ms(off), ms(error_ns));
    let check = match off.saturating_sub(error_ns) > CLOCK_OFF_MAX_NS {
        // Which of the two is wrong nobody knows here; that of AWS is not.
        true => checks.missing(at, found, Fix::run("sudo timedatectl set-ntp true")),
        false => checks.ok(at, found),
    };
    check
        .with("ahead_ns", ahead_ns)
        .with("error_ns", signed(error_ns));
}

/// Whether so many more clients as a run has are let in. `raise` is what lets more in.
pub(crate) fn room(region: &str, free: i64, raise: &str, checks: &mut Checks) {
    let at = (region, "room");
    let found = format!("{free} more connections");
    let check = match free < ROOM_MIN {
        true => checks.missing(at, found, Fix::run(raise)),
        false => checks.ok(at, found),
    };
    check.with("connections", free);
}

fn signed(ns: u64) -> i64 {
    i64::try_from(ns).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;

    #[test]
    fn a_run_needs_room() {
        for (free, state) in [(64, State::Ok), (63, State::Missing), (-1, State::Missing)] {
            let mut checks = Checks::default();
            room("r", free, "raise", &mut checks);
            assert_eq!(checks.all()[0].state, state, "{free}");
        }
    }

    #[test]
    fn a_clock_that_is_certainly_off_is_missing() {
        let second = 1_000_000_000;
        for (ahead_ns, error_ns, state) in [
            (second / 2, 1000, State::Ok),
            (-second / 2, 1000, State::Ok),
            (second + 2000, 1000, State::Missing),
            (-second - 2000, 1000, State::Missing),
            // It may be the way.
            (3 * second, 2 * second as u64, State::Ok),
            (-3600 * second, second as u64, State::Missing),
        ] {
            let mut checks = Checks::default();
            clock("r", Some(ClockOffset { ahead_ns, error_ns }), &mut checks);
            let [check] = checks.all() else {
                panic!("{checks:?}")
            };
            assert_eq!(check.state, state, "{check:?}");
            assert_eq!(check.fix.is_some(), state == State::Missing);
            assert_eq!(check.measured["ahead_ns"], ahead_ns);
        }
        let mut checks = Checks::default();
        clock("r", None, &mut checks);
        assert_eq!(checks.all()[0].state, State::NotChecked);
    }
}
