//! Whole runs, and what theory says of each isolation level, on a primary alone and with
//! a standby.

use std::time::Duration;

use witness::backends;
use witness::backends::Isolation::{self, ReadCommitted, RepeatableRead, Serializable};
use witness::run::{Finished, Spec};
use witness::suite::Case;
use witness_checkers::{Valid, Verdict};

use crate::finished::{told, verdict};
use crate::shared::OnShared;

pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    // Buyers who have all read the seat before any of them writes it.
    for (isolation, sold) in [(ReadCommitted, 8), (RepeatableRead, 1), (Serializable, 1)] {
        let mut spec = spec("seats", isolation);
        spec.backend = &OnShared { gate: Some(8) };
        spec.parameters.bursts = vec![8];
        let name = format!("seats::naive::{isolation}");
        cases.push(Case::new(name, spec, move |done| sells(done, sold)));
    }
    for isolation in Isolation::ALL {
        let mut spec = spec("seats", isolation);
        spec.parameters.app = "conditional".into();
        spec.parameters.bursts = vec![8, 24];
        let name = format!("seats::conditional::{isolation}");
        cases.push(Case::new(name, spec, |done| sells(done, 2)));
    }
    for isolation in [RepeatableRead, Serializable] {
        let mut spec = spec("seats", isolation);
        spec.parameters.on_sale = Some((6, 20));
        let name = format!("seats::naive::{isolation}::floor");
        cases.push(Case::new(name, spec, |done| sells(done, 6)));
    }
    // Two transactions that read both registers of a pair before either writes its own.
    for (isolation, theory) in [
        (
            ReadCommitted,
            Theory {
                fail: &["repeatable-read", "serializable"],
                by: &["G2-item"],
                ..Theory::default()
            },
        ),
        (
            RepeatableRead,
            Theory {
                hold: &["strong-snapshot-isolation"],
                fail: &["repeatable-read", "serializable"],
                by: &["G2-item"],
            },
        ),
        (Serializable, STRICT),
    ] {
        let mut spec = spec("write-skew", isolation);
        spec.backend = &OnShared { gate: Some(2) };
        spec.parameters.bursts = vec![2];
        spec.parameters.keys = 1;
        spec.parameters.requests = 1;
        let name = format!("write-skew::{isolation}::overlapping");
        cases.push(Case::new(name, spec, move |done| theory.check(done)));
    }
    for workload in ["list-append", "rw-register", "write-skew", "long-fork"] {
        for (isolation, theory) in [(RepeatableRead, SNAPSHOTS), (Serializable, STRICT)] {
            let mut spec = spec(workload, isolation);
            spec.parameters.bursts = vec![12];
            spec.parameters.requests = 10;
            let name = format!("{workload}::{isolation}");
            cases.push(Case::new(name, spec, move |done| theory.check(done)));
        }
    }
    // Rows that are held until COMMIT make up for what the level lacks.
    for workload in ["list-append", "rw-register", "write-skew"] {
        for isolation in [ReadCommitted, RepeatableRead] {
            let mut spec = spec(workload, isolation);
            spec.parameters.app = "for-update".into();
            spec.parameters.bursts = vec![8];
            spec.parameters.requests = 10;
            let name = format!("{workload}::{isolation}::for-update");
            cases.push(Case::new(name, spec, |done| STRICT.check(done)));
        }
    }
    // One statement is one snapshot, and each is the latest there is.
    for isolation in Isolation::ALL {
        let mut spec = spec("register", isolation);
        spec.parameters.bursts = vec![10];
        let name = format!("register::{isolation}");
        cases.push(Case::new(name, spec, |done| {
            let verdict = verdict(done, "linearizable")?;
            (verdict.valid == Valid::True)
                .then_some(())
                .ok_or_else(|| told(done))
        }));
    }
    cases.extend(with_a_standby());
    cases
}

/// A standby that holds each commit back for longer than the burst takes to get going: whoever
/// reads there misses what was committed, and acknowledged, before.
fn with_a_standby() -> Vec<Case> {
    let lagging = |workload| {
        let mut spec = spec(workload, Serializable);
        spec.backend = backends::find("postgres").expect("it is registered");
        spec.options.servers.standby = true;
        spec.options.servers.standby_lag = Duration::from_secs(3);
        spec.parameters.bursts = vec![12];
        spec
    };
    let mut register = lagging("register");
    register.parameters.keys = 1;
    let mut lists = lagging("list-append");
    lists.parameters.requests = 15;
    let mut sale = lagging("seats");
    sale.parameters.bursts = vec![24];
    vec![
        Case::new("register::standby::stale", register, |done| {
            let linearizable = verdict(done, "linearizable")?.valid == Valid::False;
            let stale = verdict(done, "staleness")?;
            let named = stale.anomalies.iter().any(|a| a.name == "stale-read");
            (linearizable && named)
                .then_some(())
                .ok_or_else(|| told(done))
        }),
        Case::new("list-append::standby::stale", lists, |done| {
            let theory = Theory {
                hold: &["parallel-snapshot-isolation"],
                fail: &["strict-serializable", "strong-snapshot-isolation"],
                by: &["missing-your-writes"],
            };
            theory.check(done)?;
            let claimed = done.run.isolation.as_deref() == Some("snapshot-isolation");
            claimed.then_some(()).ok_or_else(|| told(done))
        }),
        // Sales are decided on the primary: a standby that is behind oversells nothing.
        Case::new("seats::standby::serializable", sale, |done| sells(done, 1)),
    ]
}

/// What isolation theory says of a run.
#[derive(Clone, Copy, Default)]
pub struct Theory {
    /// Levels that hold.
    pub hold: &'static [&'static str],
    /// Levels that do not.
    pub fail: &'static [&'static str],
    /// What shows it, every one by its name.
    pub by: &'static [&'static str],
}

const STRICT: Theory = Theory {
    hold: &["strict-serializable"],
    fail: &[],
    by: &[],
};

const SNAPSHOTS: Theory = Theory {
    hold: &["strong-snapshot-isolation"],
    fail: &[],
    by: &[],
};

impl Theory {
    fn check(&self, done: &Finished) -> Result<(), String> {
        self.check_verdict(verdict(done, "isolation")?)
            .map_err(|wrong| format!("{wrong}\n{}", told(done)))
    }

    pub fn check_verdict(&self, verdict: &Verdict) -> Result<(), String> {
        let levels = &verdict.scope["levels"];
        let is = |all: &[&str], valid: bool| all.iter().all(|level| levels[level] == valid);
        // An anomaly that the level in question allows is in a note.
        let shown = |name: &&str| {
            let note = format!("does not forbid {name},");
            verdict.counts.contains_key(*name) || verdict.notes.iter().any(|n| n.contains(&note))
        };
        let operations = verdict.anomalies.iter().all(|a| !a.operations.is_empty());
        if is(self.hold, true) && is(self.fail, false) && self.by.iter().all(shown) && operations {
            Ok(())
        } else {
            Err(format!("{levels:#}\n{:?}", verdict.notes))
        }
    }
}

/// So many sales in all, none of them lost, doubled or different in the two regions.
fn sells(done: &Finished, sales: u64) -> Result<(), String> {
    let sold = verdict(done, "at-most-one-acquisition")?;
    let ledger = verdict(done, "ledger-union")?;
    let scope = verdict(done, "reconciled-scope")?;
    let seats = sold.scope["seats"].as_u64().unwrap_or_default();
    let oversold = sales.saturating_sub(seats);
    let expected = if oversold == 0 {
        Valid::True
    } else {
        Valid::False
    };
    // What was sold too often, the seats table hides.
    let whole = ledger
        .anomalies
        .iter()
        .all(|a| a.name == "hidden-by-last-writer-wins" && oversold > 0);
    let met = sold.valid == expected
        && sold.counts["confirmed"] == sales
        && sold.counts["oversold"] == oversold
        && scope.valid == Valid::True;
    if met && whole && done.ended.not_done.is_empty() {
        Ok(())
    } else {
        Err(told(done))
    }
}

fn spec(workload: &str, isolation: Isolation) -> Spec {
    let mut spec = Spec::new(workload, "postgres").expect("both are registered");
    spec.backend = &OnShared { gate: None };
    spec.options.servers.isolation = isolation;
    // Clients that wait for a core are not clients that time out.
    spec.options.timeout = Duration::from_secs(300);
    spec.settle_max = Duration::from_secs(300);
    spec.store = concat!(env!("CARGO_TARGET_TMPDIR"), "/postgres-store").into();
    spec
}
