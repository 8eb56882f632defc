//! Checker `linearizable`: whether the operations of each object can be put in an
//! order that agrees with real time and that the object's model allows.
//!
//! Herlihy and Wing, "Linearizability: A Correctness Condition for Concurrent
//! Objects" (1990). Objects are judged one by one, which is as good as all together:
//! linearizability is local. Each is judged by the cheapest engine that is sound and
//! complete for it: [`zones`] for registers whose written values all differ,
//! [`monitored`] for queues, stacks and sets, else [`search`]. See `docs/linearizability.md`.

mod conflict;
mod groups;
mod intervals;
mod judge;
mod mask;
mod model;
mod models;
mod monitored;
mod object;
mod options;
mod plan;
mod proof;
mod search;
mod shrink;
mod space;
mod spare;
mod usage;
mod zones;

use rayon::prelude::*;

pub(crate) use conflict::{name as named_access, violation as conflict_of};
pub(crate) use groups::Groups;
pub(crate) use intervals::Intervals;
pub(crate) use judge::{Case, Judge, Judged, Violation, capitalised, named};
pub use model::{Call, Model};
pub use models::{ModelError, ModelInfo, models};
pub(crate) use models::{guess, may_tell};
pub(crate) use object::{Misfit, Object, is_mute, objects};
pub use options::{FailedCas, Initial, KeyBy, NilReads, ObjectOptions};
pub use proof::{Flaw, Order, Proof};
pub(crate) use space::{INITIAL, Space, States};
pub(crate) use zones::{Conflict, Meaning};

use crate::checker::{Checker, Need, Options};
use crate::digest::Digest;
use crate::intern::NONE;
use crate::operations::{Operation, Operations, Outcome, REFUSALS};
use crate::ruling::Ruling;
use crate::verdict::{Anomaly, Valid, Verdict, WITNESSES_MAX};
use crate::words;
use monitored::Monitor;

/// The checker `linearizable` with the models that come along.
pub(crate) struct Linearizable;

/// The checker `linearizable` with a model of your own; see [`Model`].
pub struct LinearizableBy<M>(
    /// The model.
    pub M,
);

const NAME: &str = "linearizable";
const ABOUT: &str = "operations on each object have an order that agrees with real time";
const ANOMALY: &str = "nonlinearizable";

impl Checker for Linearizable {
    fn name(&self) -> &'static str {
        NAME
    }

    fn about(&self) -> &'static str {
        ABOUT
    }

    fn property(&self) -> &'static str {
        NAME
    }

    fn needs(&self) -> &'static [Need] {
        &[Need::Operations]
    }

    fn applies(&self, digest: &Digest) -> bool {
        models::guess(digest.operations().fs()).is_some()
    }

    fn check(&self, digest: &Digest, options: &Options) -> Verdict {
        linearize_with(self, None, digest, options, false).0
    }
}

impl<M: Model> Checker for LinearizableBy<M> {
    fn name(&self) -> &'static str {
        NAME
    }

    fn about(&self) -> &'static str {
        ABOUT
    }

    fn property(&self) -> &'static str {
        NAME
    }

    fn needs(&self) -> &'static [Need] {
        &[Need::Operations]
    }

    fn applies(&self, digest: &Digest) -> bool {
        !digest.operations().is_empty()
    }

    fn check(&self, digest: &Digest, options: &Options) -> Verdict {
        linearize_with(self, Some(&self.0), digest, options, false).0
    }
}

/// The verdict of the checker `linearizable`, and the orders that prove it if it is
/// valid. To find an order may take more than to find that there is one: where the budget is too
/// small for it there is no proof, and a note says so.
pub fn linearize(digest: &Digest, options: &Options) -> (Verdict, Option<Proof>) {
    linearize_with(&Linearizable, None, digest, options, true)
}

/// Verifies a proof with code that shares nothing with the engines; O(n).
///
/// # Errors
/// Why it is no proof of this history.
pub fn verify_proof(digest: &Digest, options: &Options, proof: &Proof) -> Result<(), Flaw> {
    if let Some(unseen) = digest.caveats().iter().find(|caveat| caveat.unseen) {
        return Err(Flaw::Unseen(unseen.message.clone()));
    }
    let chosen = models::find(&proof.model, &options.object)
        .map_err(|error| Flaw::Model(error.to_string()))?;
    if let Some(asked) = options
        .object
        .model
        .as_ref()
        .filter(|asked| **asked != proof.model)
    {
        return Err(Flaw::Model(format!(
            "the proof is for a {}, not for a {asked}",
            proof.model
        )));
    }
    let operations = digest.operations();
    let groups = Groups::new(operations, options)?;
    // One way in which it may have happened must explain all objects.
    let mut flaw = None;
    for intervals in Intervals::possible(operations, options.object.clock_uncertainty_ns) {
        let case = case(operations, &options.object, intervals, 1);
        match verify_orders(&*chosen, &case, &groups, proof) {
            Ok(()) => return Ok(()),
            Err(found) => flaw = flaw.or(Some(found)),
        }
    }
    Err(flaw.unwrap_or(Flaw::Unplaced))
}

fn verify_orders(
    judge: &dyn Judge,
    case: &Case<'_>,
    groups: &Groups,
    proof: &Proof,
) -> Result<(), Flaw> {
    let operations = case.operations;
    let mut found = 0;
    for members in groups.iter() {
        let key = groups.key(operations, members);
        let orders: Vec<&[u64]> = proof
            .orders
            .iter()
            .filter(|order| order.key == key)
            .map(|order| &*order.operations)
            .collect();
        found += orders.len();
        judge.verify(case, members, &orders)?;
    }
    let strange = proof
        .orders
        .iter()
        .find_map(|order| order.operations.first());
    match strange {
        Some(&event) if found < proof.orders.len() => Err(Flaw::NoOperation(event)),
        _ => Ok(()),
    }
}

/// The events of a small part of the history that still is not linearizable,
/// ascending; `None` if no violation is found.
///
/// Operations are left out only where a violation of what remains is one of the whole
/// history: with a write go the reads of it, or nobody can have noticed it. An invocation whose completion is left
/// out came too late to matter. Of a part of a run there is none to be found.
pub fn shrink(digest: &Digest, options: &Options) -> Option<Vec<u64>> {
    if !digest.is_whole() {
        return None;
    }
    let operations = digest.operations();
    let chosen = choose(operations, options).ok()?;
    let certain = Intervals::new(operations, options.object.clock_uncertainty_ns);
    let mut case = case(operations, &options.object, certain, 1);
    case.thorough = true;
    let groups = Groups::new(operations, options).ok()?;
    let violation = groups.iter().find_map(|members| {
        match decide(&*chosen.judge, chosen.quick, &case, members, false) {
            Ok(Judged::Violated(violation)) => Some(violation),
            _ => None,
        }
    })?;
    let mut events = Vec::new();
    for (at, completes) in violation.operations {
        let operation = &operations.all[at as usize];
        events.push(u64::from(operation.call));
        if completes && operation.completed != crate::operations::NEVER {
            events.push(operation.completed.into());
        }
    }
    events.sort_unstable();
    Some(events)
}

/// A model, and how to decide it quickly if there is a way.
pub(crate) struct Chosen {
    judge: Box<dyn Judge>,
    quick: Option<Quick>,
}

impl Chosen {
    pub(crate) fn judge(&self) -> &dyn Judge {
        &*self.judge
    }

    /// Whether it is a register, compare-and-set or not.
    pub(crate) fn is_register(&self) -> bool {
        matches!(self.quick, Some(Quick::Zones(_)))
    }

    /// Judges an object in the quickest way.
    pub(crate) fn decide(&self, case: &Case<'_>, members: &[u32]) -> Result<Judged, Misfit> {
        decide(&*self.judge, self.quick, case, members, false)
    }
}

/// A quick way, for histories that allow it.
#[derive(Clone, Copy)]
enum Quick {
    Zones(Meaning),
    Monitored(Monitor),
}

/// The model that was asked for, or that the operations tell.
pub(crate) fn choose(operations: &Operations, options: &Options) -> Result<Chosen, String> {
    let name = name_of_model(operations, options).ok_or_else(|| {
        let fs = operations.fs();
        let tell = match fs.len() {
            0 => return "there are no operations: nothing tells the model".to_owned(),
            1 => "does not tell",
            _ => "do not tell",
        };
        let fs = words::list(fs.iter(), fs.len());
        let names = models::names();
        format!("{fs} {tell} the model: name it with --model, one of {names}")
    })?;
    let judge = models::find(name, &options.object).map_err(|error| error.to_string())?;
    let quick = match name {
        "register" | "cas-register" => Some(Quick::Zones(meaning(operations, options))),
        name => Monitor::of(name).map(Quick::Monitored),
    };
    Ok(Chosen { judge, quick })
}

fn name_of_model<'a>(operations: &Operations, options: &'a Options) -> Option<&'a str> {
    let asked = options.object.model.as_deref();
    asked.or_else(|| models::guess(operations.fs()))
}

/// The name of the model that the checker `linearizable` takes: the one that is asked for, or else
/// the one that the operations tell, if they do.
pub fn model_of<'a>(digest: &Digest, options: &'a Options) -> Option<&'a str> {
    name_of_model(digest.operations(), options)
}

/// Whether the model that is asked for, if one is, can start as it is asked to.
///
/// # Errors
/// Why not.
pub fn check_model(options: &ObjectOptions) -> Result<(), ModelError> {
    match &options.model {
        Some(name) => models::find(name, options).map(|_| ()),
        None => Ok(()),
    }
}

/// What reads and writes of a register mean.
pub(crate) fn meaning(operations: &Operations, options: &Options) -> Meaning {
    let named = |name: &str| {
        let at = operations.fs().iter().position(|f| f == name);
        at.and_then(|at| u16::try_from(at).ok())
    };
    Meaning {
        initial: match &options.object.initial {
            None => Some(NONE),
            Some(initial) => operations.values.find(initial.json()),
        },
        nil_is_unknown: options.object.nil_reads == NilReads::Unknown,
        read: named("read"),
        write: named("write"),
    }
}

/// A register that is only read and written.
pub(crate) fn register(operations: &Operations, options: &Options) -> Result<Chosen, ModelError> {
    Ok(Chosen {
        judge: models::find("register", &options.object)?,
        quick: Some(Quick::Zones(meaning(operations, options))),
    })
}

/// What is judged, of which `at_once` objects are at a time.
pub(crate) fn case<'a>(
    operations: &'a Operations,
    options: &'a ObjectOptions,
    intervals: Intervals,
    at_once: usize,
) -> Case<'a> {
    Case {
        operations,
        intervals,
        options,
        budget: options.budget(at_once),
        thorough: false,
        picked_of: None,
    }
}

/// Judges an object by the cheapest engine that can. Orders are only built if wanted.
fn decide(
    judge: &dyn Judge,
    quick: Option<Quick>,
    case: &Case<'_>,
    members: &[u32],
    wanted: bool,
) -> Result<Judged, Misfit> {
    let quickly = match quick {
        None => None,
        Some(Quick::Zones(meaning)) => by_zones(meaning, case, members, wanted),
        Some(Quick::Monitored(monitor)) => monitor.judge(judge, case, members)?,
    };
    match quickly {
        // A monitor finds no order.
        Some(Judged::Valid(orders)) if wanted && orders.is_empty() => {
            Ok(match judge.judge(case, members)? {
                Judged::Unknown(why) => Judged::Unproved(why),
                judged => judged,
            })
        }
        Some(judged) => Ok(judged),
        None => judge.judge(case, members),
    }
}

fn by_zones(meaning: Meaning, case: &Case<'_>, members: &[u32], wanted: bool) -> Option<Judged> {
    Some(
        match zones::zones(case.operations, &case.intervals, members, meaning)? {
            Ok(zones) => {
                let order = wanted.then(|| zones.order(case.operations, &case.intervals, members));
                Judged::Valid(order.into_iter().collect())
            }
            Err(conflict) => {
                Judged::Violated(conflict::violation(case.operations, meaning, &conflict))
            }
        },
    )
}

fn linearize_with(
    checker: &dyn Checker,
    own: Option<&dyn Judge>,
    digest: &Digest,
    options: &Options,
    wanted: bool,
) -> (Verdict, Option<Proof>) {
    let operations = digest.operations();
    let mut ruling = Ruling::new(checker, digest);
    let chosen = match own {
        Some(_) => Ok(None),
        None => choose(operations, options).map(Some),
    };
    let chosen = match chosen {
        Ok(chosen) => chosen,
        Err(problem) => {
            return (ruling.refuse(problem), None);
        }
    };
    let (judge, quick) = match (own, &chosen) {
        (Some(own), _) => (own, None),
        (None, Some(chosen)) => (&*chosen.judge, chosen.quick),
        (None, None) => return (ruling.refuse("there is no model"), None),
    };
    let groups = match Groups::new(operations, options) {
        Ok(groups) => groups,
        Err(misfit) => return (ruling.refuse(misfit.to_string()), None),
    };
    let at_once = rayon::current_num_threads().min(groups.len());
    let judge_all = |intervals: Intervals| -> Vec<_> {
        let case = case(operations, &options.object, intervals, at_once);
        let judge_group = |at: usize| decide(judge, quick, &case, groups.get(at), wanted);
        // To hand one to another thread takes longer than to judge a short one.
        match groups.len() {
            1 => vec![judge_group(0)],
            objects => (0..objects).into_par_iter().map(judge_group).collect(),
        }
    };
    let uncertainty_ns = options.object.clock_uncertainty_ns;
    let judged = match operations.clocks(uncertainty_ns) {
        None => judge_all(Intervals::new(operations, uncertainty_ns)),
        Some(clocks) => {
            clocks.describe(uncertainty_ns, &mut ruling);
            // Objects may be judged one by one only if one order in time is meant for all.
            let is_valid = |judged: &Result<Judged, _>| {
                matches!(judged, Ok(Judged::Valid(_) | Judged::Unproved(_)))
            };
            let judged = judge_all(Intervals::new(operations, uncertainty_ns));
            let is_wrong =
                |judged: &Result<Judged, _>| matches!(judged, Ok(Judged::Violated(_)) | Err(_));
            if judged.iter().any(is_wrong) {
                judged
            } else {
                let mut possible = Intervals::possible(operations, uncertainty_ns)
                    .take_while(|_| !options.object.stop.now())
                    .map(judge_all);
                let valid = possible.find(|judged| judged.iter().all(is_valid));
                valid.unwrap_or_else(|| {
                    if judged.iter().all(is_valid) {
                        ruling.doubt(clocks.undecided(uncertainty_ns, &options.object.stop));
                    }
                    judged
                })
            }
        }
    };
    ruling.scope("model", judge.name());
    ruling.scope("objects", groups.len());
    ruling.scope("operations", operations.len());
    ruling.count(ANOMALY, 0);
    if operations.is_empty() {
        ruling.doubt("there are no operations");
    }
    if options.object.failed_cas == Some(FailedCas::Proves) && judge.name() == "cas-register" {
        note_mute_refusals(operations, &mut ruling);
    }
    let mut proof = Proof {
        model: judge.name().to_owned(),
        orders: Vec::new(),
    };
    let mut is_proved = wanted;
    for (members, judged) in groups.iter().zip(judged) {
        let key = || groups.key(operations, members);
        match judged {
            Ok(Judged::Valid(orders)) => {
                let event = |at: u32| u64::from(operations.all[at as usize].call);
                proof.orders.extend(orders.into_iter().map(|order| Order {
                    key: key(),
                    operations: order.into_iter().map(event).collect(),
                }));
            }
            Ok(Judged::Unproved(why)) => {
                is_proved = false;
                let key = key().map_or(String::new(), |key| format!(" of key {key}"));
                ruling.note(format!("no order{key} was found to prove it with: {why}"));
            }
            Ok(Judged::Violated(violation)) => {
                ruling.anomaly(ANOMALY, || anomaly(ANOMALY, operations, key(), &violation));
            }
            Ok(Judged::Unknown(why)) => ruling.doubt(match key() {
                None => why,
                Some(key) => format!("key {key}: {why}"),
            }),
            Err(misfit) => ruling.doubt(misfit.to_string()),
        }
    }
    let verdict = conclude(ruling, operations, groups.len() as u64, judge.name());
    let proof = (is_proved && verdict.valid == Valid::True).then_some(proof);
    (verdict, proof)
}

/// Says which refused compare-and-sets prove nothing although they are to.
fn note_mute_refusals(operations: &Operations, ruling: &mut Ruling) {
    let is_mute = |operation: &&Operation| {
        operation.outcome == Outcome::Failed && operations.fs[usize::from(operation.f)] == "cas"
    };
    let mute: Vec<&Operation> = operations.all.iter().filter(is_mute).collect();
    let Some(first) = mute.first() else { return };
    ruling.note(format!(
        "nothing is proved by {}, the first that of event {}: an error proves that the value was another if its class is {}",
        words::count(mute.len() as u64, "failed compare-and-set"),
        first.call,
        words::list_with("or", REFUSALS.iter(), REFUSALS.len())
    ));
}

fn conclude(ruling: Ruling, operations: &Operations, objects: u64, model: &str) -> Verdict {
    let number = words::count(operations.len() as u64, "operation");
    let violated = ruling.counted(ANOMALY);
    ruling.conclude("Linearizable ✓", |valid, doubt| {
        let of = words::count(objects, &format!("{model} object"));
        match valid {
            Valid::True => format!("{number} on {of}"),
            Valid::False => format!("{violated} of {of} not linearizable: {number}"),
            Valid::Unknown => doubt.unwrap_or_default().to_owned(),
        }
    })
}

/// An anomaly that shows the operation that fits nowhere and, if there are too many, those
/// that were invoked nearest to it.
pub(crate) fn anomaly(
    name: &str,
    operations: &Operations,
    key: Option<serde_json::Value>,
    violation: &Violation,
) -> Anomaly {
    let event = |at: u32| u64::from(operations.all[at as usize].call);
    let mut explanation = violation.explanation.clone();
    let mut shown: Vec<u64> = (violation.operations.iter())
        .map(|&(at, _)| event(at))
        .collect();
    if let Some(culprit) = violation.culprit.filter(|_| shown.len() > WITNESSES_MAX) {
        let number = shown.len();
        shown.sort_by_key(|shown| shown.abs_diff(event(culprit)));
        shown.truncate(WITNESSES_MAX);
        explanation.push_str(&format!(
            " Of {number} operations, the {WITNESSES_MAX} nearest to it are listed."
        ));
    }
    Anomaly {
        name: name.to_owned(),
        key,
        explanation,
        operations: shown,
        rows: Vec::new(),
        cycle: None,
    }
}
