//! Every workload on every backend in every variant, as trials of their own:
//! each must come to what theory predicts, and each seeded defect of the
//! embedded regions must be caught by its name.
//!
//! `cargo test --test workloads seats::dsql` runs some of them.

mod finished;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::time::Duration;

use finished::{told, verdict};
use libtest_mimic::Arguments;
use serde_json::Value;
use witness::run::{Finished, Spec};
use witness::suite::{Case, trials};
use witness_checkers::Valid;

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
                linearizable(done, *expected)?;
                match app {
                    "read-write" => fresh(done, *expected),
                    _ => Ok(()),
                }
            }));
        }
    }
    for (defect, clients, requests) in DEFECTS_OF_REGISTERS {
        let mut spec = register("dsql", "read-write");
        spec.parameters.bursts = vec![clients];
        spec.parameters.keys = 1;
        spec.parameters.requests = requests;
        spec.options.defects = vec![defect.into()];
        let name = format!("register::dsql::defect::{defect}");
        cases.push(Case::new(name, spec, |done| {
            linearizable(done, Valid::False)
        }));
    }
    for row in TRANSACTIONS {
        let name = format!("{}::{}::{}", row.workload, row.backend, row.app);
        cases.push(Case::new(name, row.spec(), |done| {
            let regions = recorded(done)?;
            row.check(done)?;
            are_alike(&regions)
        }));
    }
    for row in DEFECTS_OF_TRANSACTIONS {
        let name = format!("{}::{}::defect::{}", row.workload, row.backend, row.defect);
        let mut spec = row.spec();
        spec.options.defects = vec![row.defect.into()];
        // The regions may never agree: that is a defect.
        spec.settle_max = Duration::from_secs(3);
        cases.push(Case::new(name.clone(), spec, |done| {
            recorded(done)?;
            row.check(done)
        }));
        // It is the defect that is caught, and nothing that is there without it.
        cases.push(Case::new(name + "::off", row.spec(), |done| {
            recorded(done)?;
            row.check_off(done)
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

/// How stale reads were: those of eventual consistency by versions and by time, which the
/// summary gives.
fn fresh(done: &Finished, expected: Valid) -> Result<(), String> {
    let verdict = verdict(done, "staleness")?;
    let measured = ["missed_versions_max", "behind_ns_max"].map(|name| verdict.counts.get(name));
    let is_as_measured = match expected {
        Valid::False => measured.iter().all(|count| count.is_some_and(|&n| n > 0)),
        _ => measured.iter().all(|count| count == &Some(&0)),
    };
    if verdict.valid == expected && is_as_measured {
        Ok(())
    } else {
        Err(format!("{measured:?}\n{}", told(done)))
    }
}

/// What is caught with one register, and by how many clients who do how much. Of one client the
/// seed alone decides what goes wrong and who sees it; many see what the others abort.
///
/// Not here are defects that single operations on registers cannot show: a conflict that nobody
/// checks is one of two transactions, and an operation here is one statement; a replication that
/// is dropped looks like one that is late, which eventual consistency allows.
const DEFECTS_OF_REGISTERS: [(&str, usize, usize); 3] = [
    ("stale-snapshot", 1, 200),
    ("lost-commit", 1, 200),
    ("dirty-read", 12, 60),
];

/// What isolation theory predicts of a workload of transactions.
struct Isolation {
    workload: &'static str,
    backend: &'static str,
    app: &'static str,
    /// A seeded defect, if it is to be caught.
    defect: &'static str,
    /// Levels that hold.
    hold: &'static [&'static str],
    /// Levels that do not.
    fail: &'static [&'static str],
    /// What shows it, by one of these names.
    by: &'static [&'static str],
}

impl Isolation {
    fn check(&self, done: &Finished) -> Result<(), String> {
        let verdict = verdict(done, "isolation")?;
        let levels = &verdict.scope["levels"];
        let is = |all: &[&str], valid: bool| all.iter().all(|level| levels[level] == valid);
        let shown = |name: &&str| {
            let note = format!("does not forbid {name},");
            verdict.counts.contains_key(*name) || verdict.notes.iter().any(|n| n.contains(&note))
        };
        let named = self.by.is_empty() || self.by.iter().any(shown);
        let operations = verdict.anomalies.iter().all(|a| !a.operations.is_empty());
        if is(self.hold, true) && is(self.fail, false) && named && operations {
            Ok(())
        } else {
            Err(format!("{levels:#}\n{}", told(done)))
        }
    }

    /// The run, without its defect.
    fn spec(&self) -> Spec {
        let mut spec = spec(self.workload, self.backend, self.app);
        (spec.parameters.bursts, spec.parameters.requests) = match self.defect {
            // One client: the seed alone decides what goes wrong and who sees it.
            "stale-snapshot" | "lost-commit" | "drop-replication" => (vec![1], 100),
            // Others see what is not committed, or is overwritten.
            "skip-conflict-check" | "dirty-read" => (vec![12], 20),
            _ => (vec![12], 10),
        };
        spec
    }

    /// Whether none of it is so where the defect is switched off.
    fn check_off(&self, done: &Finished) -> Result<(), String> {
        let verdict = verdict(done, "isolation")?;
        let levels = &verdict.scope["levels"];
        let holds = |level: &&&str| levels[**level] == true;
        let is_named = |name: &&&str| verdict.counts.contains_key(**name);
        let fails = self.fail.iter().find(|level| !holds(level));
        match (fails, self.by.iter().find(is_named)) {
            (None, None) => Ok(()),
            found => Err(format!("without it: {found:?} {levels:#}\n{}", told(done))),
        }
    }
}

/// Once nothing is on its way any more, regions are alike.
fn are_alike(regions: &Regions) -> Result<(), String> {
    let mut all = regions.values();
    let first = all.next();
    match all.all(|other| Some(other) == first) {
        true => Ok(()),
        false => Err(format!("the regions differ in the end: {regions:?}")),
    }
}

const fn row(
    [workload, backend, app, defect]: [&'static str; 4],
    hold: &'static [&'static str],
    fail: &'static [&'static str],
    by: &'static [&'static str],
) -> Isolation {
    Isolation {
        workload,
        backend,
        app,
        defect,
        hold,
        fail,
        by,
    }
}

/// Aurora DSQL keeps strong snapshot isolation, and nothing more unless rows are taken for
/// update. DynamoDB has no transactions of several operations here: each is visible at once,
/// and what it shows of that is a matter of who came when, most of the time.
const TRANSACTIONS: &[Isolation] = &[
    row(
        ["list-append", "dsql", "naive", ""],
        &["strong-snapshot-isolation"],
        &[],
        &[],
    ),
    row(
        ["list-append", "dsql", "for-update", ""],
        &["strict-serializable"],
        &[],
        &[],
    ),
    row(
        ["list-append", "dynamodb", "naive", ""],
        &[],
        &["read-committed", "strict-serializable"],
        &["incompatible-order", "G1b", "G1c"],
    ),
    row(
        ["list-append", "dynamodb-mrsc", "naive", ""],
        &[],
        &["snapshot-isolation", "strict-serializable"],
        &[],
    ),
    row(
        ["rw-register", "dsql", "naive", ""],
        &["strong-snapshot-isolation"],
        &[],
        &[],
    ),
    row(
        ["rw-register", "dsql", "for-update", ""],
        &["strict-serializable"],
        &[],
        &[],
    ),
    row(
        ["rw-register", "dynamodb", "naive", ""],
        &["read-uncommitted"],
        &["serializable", "strict-serializable"],
        &[],
    ),
    row(
        ["rw-register", "dynamodb-mrsc", "naive", ""],
        &["read-uncommitted"],
        &["serializable", "strict-serializable"],
        &[],
    ),
    row(
        ["write-skew", "dsql", "naive", ""],
        &["strong-snapshot-isolation"],
        &["serializable", "repeatable-read"],
        &["G2-item"],
    ),
    row(
        ["write-skew", "dsql", "for-update", ""],
        &["strict-serializable"],
        &[],
        &[],
    ),
    row(
        ["write-skew", "dynamodb", "naive", ""],
        &["read-committed"],
        &["snapshot-isolation", "serializable"],
        &["lost-update"],
    ),
    row(
        ["write-skew", "dynamodb-mrsc", "naive", ""],
        &["read-committed"],
        &["snapshot-isolation", "serializable"],
        &["lost-update"],
    ),
    row(
        ["long-fork", "dsql", "naive", ""],
        &["strong-snapshot-isolation"],
        &[],
        &[],
    ),
    row(
        ["long-fork", "dsql", "for-update", ""],
        &["strict-serializable"],
        &[],
        &[],
    ),
    row(
        ["long-fork", "dynamodb", "naive", ""],
        &["read-committed"],
        &["snapshot-isolation", "serializable"],
        &["long-fork"],
    ),
    row(
        ["long-fork", "dynamodb-mrsc", "naive", ""],
        &["read-committed"],
        &[],
        &[],
    ),
];

/// Every seeded defect of the embedded regions that is not about a ledger, and the name that
/// it is caught by.
const DEFECTS_OF_TRANSACTIONS: &[Isolation] = &[
    // Two that overwrite the same version commit both.
    row(
        ["write-skew", "dsql", "naive", "skip-conflict-check"],
        &["read-committed"],
        &["cursor-stability", "strong-snapshot-isolation"],
        &["lost-update"],
    ),
    row(
        ["rw-register", "dsql", "naive", "stale-snapshot"],
        &["read-atomic", "strong-read-committed"],
        &["read-your-writes", "strong-snapshot-isolation"],
        &["missing-your-writes"],
    ),
    // What comes next overwrites the version that the lost commit had overwritten.
    row(
        ["write-skew", "dsql", "naive", "lost-commit"],
        &["read-atomic", "strong-read-committed"],
        &["cursor-stability", "strong-snapshot-isolation"],
        &["lost-update"],
    ),
    // Of one that is tried again after a conflict nothing has aborted in the end: who read its
    // first try read it in the middle.
    row(
        ["list-append", "dsql", "naive", "dirty-read"],
        &[],
        &["read-committed", "strong-snapshot-isolation"],
        &["G1a", "G1b"],
    ),
    // Of what one client wrote, another region never hears of some that came before what it
    // has heard of. A lag does not do that: regions are looked at when they had time to agree.
    row(
        ["long-fork", "dynamodb", "naive", "drop-replication"],
        &["read-atomic", "strong-read-committed"],
        &["causal", "strong-session-snapshot-isolation"],
        &["causality-violation-process"],
    ),
];

/// Whether the history of a run of transactions is whole: what was answered is what was
/// asked for, whatever was read somebody wrote, and every region was looked at in the end.
fn recorded(done: &Finished) -> Result<Regions, String> {
    if !done.ended.not_done.is_empty() {
        return Err(format!("not done: {:?}", done.ended.not_done));
    }
    let claimed = (done.run.backend == "dsql").then_some("strong-snapshot-isolation");
    if done.run.isolation.as_deref() != claimed {
        return Err(format!("claims {:?}", done.run.isolation));
    }
    let text = std::fs::read_to_string(done.dir.history()).map_err(|e| e.to_string())?;
    let mut open = HashMap::new();
    let mut written = HashSet::new();
    let mut read = Vec::new();
    // By region, what was read since the regions had time to agree.
    let mut last_look: Option<Regions> = None;
    let mut keys = BTreeSet::new();
    for line in text.lines() {
        let event: Value = serde_json::from_str(line).map_err(|e| e.to_string())?;
        if event["value"]["phase"] == "settled" {
            last_look = Some(BTreeMap::new());
        }
        if event["f"] != "txn" {
            continue;
        }
        let process = event["process"].to_string();
        if event["type"] == "invoke" {
            let asked = ops(&event)?;
            keys.extend(asked.iter().map(|(_, key, _)| *key));
            let writes = asked.iter().filter(|(f, ..)| f != "r");
            written.extend(writes.map(|(_, key, value)| (*key, value.clone())));
            open.insert(process, asked);
            continue;
        }
        let asked = open.remove(&process).ok_or("not invoked")?;
        if event["type"] != "ok" {
            continue;
        }
        let answered = ops(&event)?;
        let as_asked = |(a, b): (&Op, &Op)| a.0 == b.0 && a.1 == b.1 && (a.0 == "r" || a.2 == b.2);
        if asked.len() != answered.len() || !asked.iter().zip(&answered).all(as_asked) {
            return Err(format!("asked for {asked:?}, answered {answered:?}"));
        }
        for (_, key, value) in answered.into_iter().filter(|(f, ..)| f == "r") {
            if let Some(look) = &mut last_look {
                let region = event["region"].as_str().unwrap_or_default().to_owned();
                look.entry(region).or_default().insert(key, value.clone());
            }
            match value {
                Value::Null => {}
                Value::Array(list) => read.extend(list.into_iter().map(|value| (key, value))),
                value => read.push((key, value)),
            }
        }
    }
    if read.is_empty() {
        return Err("nothing was read that was written".into());
    }
    if let Some(read) = read.iter().find(|read| !written.contains(read)) {
        return Err(format!("{read:?} was read, and nobody wrote it"));
    }
    let looked = last_look.unwrap_or_default();
    let is_whole = |seen: &BTreeMap<u64, Value>| seen.keys().eq(&keys);
    if looked.len() != 2 || !looked.values().all(is_whole) {
        return Err(format!("of the keys {keys:?}, read in the end: {looked:?}"));
    }
    Ok(looked)
}

/// What each region showed of each key in the end.
type Regions = BTreeMap<String, BTreeMap<u64, Value>>;

/// A micro-operation.
type Op = (String, u64, Value);

fn ops(event: &Value) -> Result<Vec<Op>, String> {
    serde_json::from_value(event["value"].clone()).map_err(|e| format!("{event}: {e}"))
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
    spec.options.timeout = Duration::from_secs(300);
    spec.settle_max = Duration::from_secs(300);
    spec.store = concat!(env!("CARGO_TARGET_TMPDIR"), "/store").into();
    spec
}
