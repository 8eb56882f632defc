//! What the `run.json` of several runs say of each other: whether they can be the parts of one,
//! and what is odd about merging them. A verdict never rests on it: what a history says of the
//! part that it is, the checkers read for themselves.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use witness_workloads::Part;

use crate::store::Run;

/// What runs of one database must have in common at least.
const ALWAYS: [&str; 4] = ["workload", "backend", "isolation", "level"];

/// Options in which the parts of one run may differ.
const OWN: [&str; 6] = [
    "part",
    "recorder",
    "clock_uncertainty_ns",
    "clock_bound",
    "timeout_ms",
    "settle_ms_max",
];

/// What the parts of one run must have alike, by name: what makes their plan, and whatever
/// else they were asked.
pub fn alike(run: &Run) -> Value {
    let mut alike = run.options.clone();
    if let Some(options) = alike.as_object_mut() {
        options.retain(|name, _| !OWN.contains(&name.as_str()));
    }
    let regions: Vec<_> = run.endpoints.iter().map(|e| &e["region"]).collect();
    alike["workload"] = run.workload.as_str().into();
    alike["backend"] = run.backend.as_str().into();
    alike["regions"] = json!(regions);
    alike["seed"] = run.seed.into();
    // Another one may make other values of the same seed.
    alike["version"] = run.version.as_str().into();
    alike
}

/// The first thing that two do not have alike: its name, and what each has.
pub fn difference<'a>(one: &'a Value, other: &'a Value) -> Option<(&'a str, &'a Value, &'a Value)> {
    let names = [one, other].into_iter().filter_map(Value::as_object);
    let mut names = names.flat_map(|those| those.keys());
    let name = names.find(|name| one[name.as_str()] != other[name.as_str()])?;
    Some((name, &one[name], &other[name]))
}

/// What is odd about making one history of these runs, each with its recorder's name.
pub fn oddities(runs: &[(&str, &Run)]) -> Vec<String> {
    let mut odd = Vec::new();
    let Some(((first, run), others)) = runs.split_first() else {
        return odd;
    };
    for (name, other) in others {
        let (mut ours, mut theirs) = (alike(run), alike(other));
        let parts = part(run).zip(part(other));
        if parts.is_none() {
            odd.push(format!(
                "{first} and {name} are runs of their own: each empties the tables as it begins, and knows nothing of what the other writes"
            ));
            for alike in [&mut ours, &mut theirs] {
                if let Some(alike) = alike.as_object_mut() {
                    alike.retain(|name, _| ALWAYS.contains(&name.as_str()));
                }
            }
        }
        if let Some((what, ours, theirs)) = difference(&ours, &theirs) {
            odd.push(format!(
                "{first} and {name} do not agree: {what} {ours} and {theirs}"
            ));
        }
        if let Some((ours, theirs)) = parts.filter(|(ours, theirs)| ours.of() != theirs.of()) {
            odd.push(format!(
                "{first} and {name} are no parts of one run: {ours} and {theirs}"
            ));
        }
    }
    let mut there = BTreeMap::<usize, &str>::new();
    let parts = runs
        .iter()
        .filter_map(|(name, run)| Some((name, part(run)?)));
    for (name, part) in parts.clone() {
        if let Some(twice) = there.insert(part.number(), name) {
            odd.push(format!("{twice} and {name} are both part {part}"));
        }
    }
    if let Some((_, part)) = parts.clone().next() {
        let missing: Vec<_> = (1..=part.of())
            .filter(|number| !there.contains_key(number))
            .map(|number| format!("{number}/{}", part.of()))
            .collect();
        if !missing.is_empty() {
            odd.push(format!(
                "without part {}, check decides nothing of what is merged here",
                missing.join(", ")
            ));
        }
    }
    odd
}

/// Which part of a run it is, if it is one.
pub fn part(run: &Run) -> Option<Part> {
    run.options["part"].as_str()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(part: Option<&str>, seed: u64, keys: u64, workload: &str) -> Run {
        let run = json!({
            "version": "0.1.0", "began": "2026-11-23T16:18:24Z", "workload": workload,
            "backend": "dsql", "title": "Aurora DSQL", "provenance": "real",
            "claim": "strong snapshot isolation", "endpoints": [{"region": "r"}], "seed": seed,
            "options": {"keys": keys, "part": part},
        });
        serde_json::from_value(run).unwrap()
    }

    fn odd(runs: &[Run]) -> Vec<String> {
        let named = ["a", "b", "c"].into_iter().zip(runs);
        oddities(&named.collect::<Vec<_>>())
    }

    #[test]
    fn the_parts_of_one_run_are_nothing_odd() {
        let part = |part| run(Some(part), 1, 5, "register");
        assert_eq!(odd(&[part("1/2"), part("2/2")]), [""; 0]);
        assert_eq!(odd(&[part("3/3"), part("1/3"), part("2/3")]), [""; 0]);
        assert_eq!(odd(&[run(None, 1, 5, "register")]), [""; 0]);
        assert_eq!(odd(&[]), [""; 0]);
    }

    #[test]
    fn what_does_not_belong_together_is_named() {
        let part = |part| run(Some(part), 1, 5, "register");
        let seed = odd(&[part("1/2"), run(Some("2/2"), 2, 5, "register")]);
        assert_eq!(seed, ["a and b do not agree: seed 1 and 2"]);
        let keys = odd(&[part("1/2"), run(Some("2/2"), 1, 6, "register")]);
        assert_eq!(keys, ["a and b do not agree: keys 5 and 6"]);
        let twice = odd(&[part("1/2"), part("1/2")]);
        assert_eq!(twice[0], "a and b are both part 1/2");
        assert!(twice[1].starts_with("without part 2/2,"), "{twice:?}");
        let numbers = odd(&[part("1/2"), part("2/3")]);
        assert_eq!(numbers[0], "a and b are no parts of one run: 1/2 and 2/3");
        let own = odd(&[run(None, 1, 5, "register"), run(None, 2, 6, "list-append")]);
        assert_eq!(own.len(), 2);
        assert!(
            own[0].starts_with("a and b are runs of their own"),
            "{own:?}"
        );
        assert!(own[1].contains("workload \"register\" and"), "{own:?}");
        let one = odd(&[part("1/2"), run(None, 1, 5, "register")]);
        assert!(
            one[0].starts_with("a and b are runs of their own"),
            "{one:?}"
        );
    }
}
