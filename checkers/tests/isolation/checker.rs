//! What the checker `isolation` says of a history. The only file here that calls it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use witness_checkers::{Digest, IsolationOptions, Options, Valid, Verdict, find};
use witness_histories::History;

/// The verdict, with those options.
pub fn verdict(history: &History, isolation: IsolationOptions) -> Verdict {
    let checker = find("isolation").unwrap();
    let digest = Digest::of(history, [checker]).unwrap();
    let mut options = Options::default();
    options.isolation = isolation;
    checker.check(&digest, &options)
}

/// The verdict on one level.
pub fn verdict_on(history: &History, level: &str) -> Verdict {
    let mut options = IsolationOptions::default();
    options.level = Some(level.to_owned());
    verdict(history, options)
}

/// The verdict on one level, with nothing else decided.
pub fn verdict_on_only(history: &History, level: &str) -> Verdict {
    let mut options = IsolationOptions::default();
    options.level = Some(level.to_owned());
    options.only_level = true;
    verdict(history, options)
}

/// Whether each level holds, as the verdict says.
pub fn levels_of(verdict: &Verdict) -> BTreeMap<String, Valid> {
    let Some(Value::Object(levels)) = verdict.scope.get("levels") else {
        panic!("no levels: {verdict:#?}");
    };
    let levels = levels.iter().map(|(level, held)| {
        let held = match held {
            Value::Bool(true) => Valid::True,
            Value::Bool(false) => Valid::False,
            Value::String(unknown) if unknown == "unknown" => Valid::Unknown,
            other => panic!("{level}: {other}"),
        };
        (level.clone(), held)
    });
    levels.collect()
}

/// Whether each level holds.
pub fn levels(history: &History) -> BTreeMap<String, Valid> {
    levels_of(&verdict(history, IsolationOptions::default()))
}

/// The names of all anomalies of the verdict.
pub fn anomalies_of(verdict: &Verdict) -> BTreeSet<String> {
    let all = verdict.anomalies.iter();
    all.map(|anomaly| anomaly.name.clone()).collect()
}

/// Whether the oracle knows the anomaly. Of registers, a name with an order may also say
/// that it took that order to infer an edge: then the oracle has the cycle without one, for
/// some order of versions.
pub fn is_known(some: &BTreeSet<&'static str>, name: &str) -> bool {
    let bare = name
        .strip_suffix("-process")
        .or(name.strip_suffix("-realtime"));
    some.contains(name)
        || bare.is_some_and(|bare| {
            some.contains(bare) || (bare == "G-nonadjacent" && some.contains("long-fork"))
        })
}
