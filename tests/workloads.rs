//! Every workload on every backend in every variant, as trials of their own:
//! each must come to what theory predicts, and each seeded defect of the
//! embedded regions must be caught by its name.
//!
//! `cargo test --test workloads seats::dsql` runs some of them.

use std::time::Duration;

use libtest_mimic::Arguments;
use witness::run::{Finished, Spec};
use witness::suite::{Case, trials};
use witness_checkers::{Valid, Verdict};

fn main() {
    let mut cases = Vec::new();
    for (backend, theory) in BACKENDS {
        for (app, predicted) in ["naive", "conditional", "idempotent"]
            .into_iter()
            .zip(theory)
        {
            for clients in [8, 24, 48, 60] {
                let name = format!("seats::{backend}::{app}::{clients}");
                let mut spec = spec("seats", backend, app);
                spec.parameters.bursts = vec![clients];
                cases.push(Case::new(name, spec, move |done| predicted.check(done)));
            }
            let mut floor = spec("seats", backend, app);
            floor.parameters.on_sale = Some((6, 20));
            let name = format!("seats::{backend}::{app}::floor");
            cases.push(Case::new(name, floor, move |done| predicted.check(done)));
        }
        let mut again = spec("seats", backend, "naive");
        again.parameters.seat = Some("A1".into());
        again.parameters.bursts = vec![8, 24];
        let name = format!("seats::{backend}::naive::one-seat");
        cases.push(Case::new(name, again, move |done| theory[0].check(done)));
    }
    for (backend, defect, checker, anomaly) in DEFECTS {
        let mut spec = spec("seats", backend, "conditional");
        if *anomaly == "double-acquisition" {
            // Many buyers who come back to a seat that has just been sold.
            spec.parameters.bursts = vec![60, 60];
        } else {
            // So many sales that a defect of one in a few cannot spare them all.
            spec.parameters.on_sale = Some((24, 4));
        }
        spec.options.defects = vec![(*defect).into()];
        // The regions will never agree: that is the defect.
        spec.settle_max = Duration::from_secs(3);
        let name = format!("seats::{backend}::defect::{defect}");
        cases.push(Case::new(name, spec, move |done| {
            caught(done, checker, anomaly)
        }));
    }
    for (backend, expected) in REGISTERS {
        for app in ["read-write", "cas"] {
            let spec = register(backend, app);
            let name = format!("register::{backend}::{app}");
            cases.push(Case::new(name, spec, move |done| {
                linearizable(done, *expected)
            }));
        }
    }
    for defect in ["stale-snapshot", "lost-commit"] {
        let mut spec = register("dsql", "read-write");
        // One client and one register: the seed alone decides what goes wrong and who sees it.
        spec.parameters.bursts = vec![1];
        spec.parameters.keys = 1;
        spec.parameters.requests = 200;
        spec.options.defects = vec![defect.into()];
        let name = format!("register::dsql::defect::{defect}");
        cases.push(Case::new(name, spec, |done| {
            linearizable(done, Valid::False)
        }));
    }
    libtest_mimic::run(&Arguments::from_args(), trials(cases)).exit();
}

/// For each backend, whether its registers are linearizable.
const REGISTERS: &[(&str, Valid)] = &[
    ("dsql", Valid::True),
    ("dynamodb", Valid::False),
    ("dynamodb-mrsc", Valid::True),
];

fn register(backend: &str, app: &str) -> Spec {
    let mut spec = spec("register", backend, app);
    spec.parameters.bursts = vec![10];
    spec
}

fn linearizable(done: &Finished, expected: Valid) -> Result<(), String> {
    let verdict = verdict(done, "linearizable")?;
    let shown = verdict.anomalies.iter().all(|a| !a.operations.is_empty());
    if verdict.valid == expected && shown {
        Ok(())
    } else {
        Err(told(done))
    }
}

/// For each backend, what theory says (and that no request is served twice, and
/// nothing lost, by any of them) of `naive`, `conditional` and `idempotent`.
const BACKENDS: &[(&str, [Theory; 3])] = &[
    ("dsql", [Theory::Valid, Theory::Valid, Theory::Valid]),
    // A condition is checked in its own region only.
    (
        "dynamodb",
        [Theory::Violated, Theory::OnceARegion, Theory::Violated],
    ),
    (
        "dynamodb-mrsc",
        [Theory::Violated, Theory::Valid, Theory::Violated],
    ),
];

/// Which checker catches which seeded defect, by which name.
const DEFECTS: &[(&str, &str, &str, &str)] = &[
    (
        "dsql",
        "skip-conflict-check",
        "at-most-one-acquisition",
        "double-acquisition",
    ),
    (
        "dsql",
        "stale-snapshot",
        "at-most-one-acquisition",
        "double-acquisition",
    ),
    ("dsql", "lost-commit", "ledger-union", "lost-sale"),
    (
        "dynamodb",
        "drop-replication",
        "ledger-union",
        "diverged-replicas",
    ),
    (
        "dynamodb",
        "duplicate-ledger-write",
        "ledger-union",
        "duplicate-sale",
    ),
    (
        "dynamodb",
        "corrupt-ledger-row",
        "ledger-union",
        "conflicting-rows",
    ),
    (
        "dynamodb-mrsc",
        "duplicate-ledger-write",
        "ledger-union",
        "duplicate-sale",
    ),
];

#[derive(Clone, Copy)]
enum Theory {
    /// At most one sale a seat, and the ledger as the buyers were told.
    Valid,
    /// Two buyers of one seat, at the least.
    Violated,
    /// At most one sale a seat in each region: it may be violated, by one.
    OnceARegion,
}

impl Theory {
    fn check(self, done: &Finished) -> Result<(), String> {
        let sold = verdict(done, "at-most-one-acquisition")?;
        let ledger = verdict(done, "ledger-union")?;
        let scope = verdict(done, "reconciled-scope")?;
        let seats = sold.scope["seats"].as_u64().unwrap_or_default();
        let oversold = sold.counts["oversold"];
        // The ledgers are whole and alike whatever was sold; what the seats
        // table hides is what was sold too often.
        let whole = scope.valid == Valid::True
            && ledger
                .anomalies
                .iter()
                .all(|a| a.name == "hidden-by-last-writer-wins")
            && ledger.counts["hidden_sales"] <= oversold;
        let met = match self {
            Theory::Valid => done.verdicts.valid == Valid::True && oversold == 0,
            Theory::Violated => sold.valid == Valid::False && oversold > 0,
            Theory::OnceARegion => {
                let expected = if oversold == 0 {
                    Valid::True
                } else {
                    Valid::False
                };
                sold.valid == expected && oversold <= seats
            }
        };
        if met && whole {
            Ok(())
        } else {
            Err(told(done))
        }
    }
}

fn caught(done: &Finished, checker: &str, anomaly: &str) -> Result<(), String> {
    let verdict = verdict(done, checker)?;
    let named = verdict
        .anomalies
        .iter()
        .any(|a| a.name == anomaly && !a.operations.is_empty());
    if verdict.valid == Valid::False && named {
        Ok(())
    } else {
        Err(told(done))
    }
}

fn spec(workload: &str, backend: &str, app: &str) -> Spec {
    let mut spec = Spec::new(workload, backend).expect("registered");
    spec.parameters.app = app.into();
    // Clients that wait for a core are not clients that time out.
    spec.options.timeout = Duration::from_secs(60);
    spec.settle_max = Duration::from_secs(60);
    spec.store = concat!(env!("CARGO_TARGET_TMPDIR"), "/store").into();
    spec
}

fn verdict<'a>(done: &'a Finished, checker: &str) -> Result<&'a Verdict, String> {
    let found = done.verdicts.verdicts.iter().find(|v| v.checker == checker);
    found.ok_or_else(|| format!("{checker} has nothing to say"))
}

fn told(done: &Finished) -> String {
    let lines = done.verdicts.verdicts.iter().map(|v| {
        let names: Vec<_> = v.anomalies.iter().map(|a| a.name.as_str()).collect();
        format!(
            "{}: {} {} {:?} {names:?} {:?}",
            v.checker, v.title, v.summary, v.counts, v.notes
        )
    });
    format!(
        "not as predicted:\n  {}",
        lines.collect::<Vec<_>>().join("\n  ")
    )
}
