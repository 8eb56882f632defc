//! Our table of isolation levels beside Elle's, which is read where it lies:
//! `../shared/reference` from here, or where `WITNESS_REFERENCE` says; where it is absent
//! the trial says so by name. Every difference is named here, and why it is one.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use libtest_mimic::{Arguments, Failed, Trial};
use witness_checkers::isolation_levels;

/// What we forbid and Elle does not, of anomalies that both name.
const DIFFERENCES: &[(&str, &[&str], &str)] = &[
    (
        "repeatable-read",
        &["G-single", "G-nonadjacent"],
        "Elle has them as G-single-item and G-nonadjacent-item: here every read is of an item",
    ),
    (
        "parallel-snapshot-isolation",
        &["G-single"],
        "Cerone and Gotsman 2018, theorem 10: two rw at least in every cycle",
    ),
];

/// Levels of which Elle's table forbids nothing. Ours decides each.
const VACUOUS_THERE: [&str; 5] = [
    "causal",
    "read-your-writes",
    "monotonic-reads",
    "monotonic-writes",
    "writes-follow-reads",
];

fn main() {
    let folder = std::env::var_os("WITNESS_REFERENCE").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/reference"),
        PathBuf::from,
    );
    let trial = match std::fs::read_to_string(folder.join("consistency-models.md")) {
        Ok(text) => Trial::test("isolation levels, beside Elle's", move || compare(&text)),
        Err(_) => Trial::test("isolation levels, beside Elle's", || Ok(()))
            .with_kind("no table of Elle's here")
            .with_ignored_flag(true),
    };
    libtest_mimic::run(&Arguments::from_args(), vec![trial]).exit();
}

/// By level, all that it forbids.
fn ours() -> BTreeMap<&'static str, BTreeSet<&'static str>> {
    let mut all: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let levels = isolation_levels();
    // As often as implications can be deep.
    for _ in &levels {
        for level in &levels {
            let implied = level.implies.iter().filter_map(|implied| all.get(implied));
            let implied: BTreeSet<&str> = implied.flatten().copied().collect();
            let forbids = all.entry(level.name).or_default();
            forbids.extend(implied);
            forbids.extend(&level.forbids);
        }
    }
    all
}

/// The same of Elle's, from the section of the whole sets.
fn theirs(text: &str) -> Option<BTreeMap<&str, BTreeSet<&str>>> {
    let (_, section) = text.split_once("## Full set of anomalies")?;
    let (section, _) = section.split_once("\n## ")?;
    let rows = section.lines().filter_map(|line| {
        let (name, forbids) = line
            .strip_prefix("| ")?
            .strip_suffix('|')?
            .split_once('|')?;
        let forbids = forbids.split(',').map(str::trim);
        Some((
            name.trim(),
            forbids.filter(|name| !name.is_empty()).collect(),
        ))
    });
    Some(rows.collect())
}

fn compare(text: &str) -> Result<(), Failed> {
    let (ours, theirs) = (ours(), theirs(text).ok_or("no table there")?);
    let known_here: BTreeSet<&str> = ours.values().flatten().copied().collect();
    let known_there: BTreeSet<&str> = theirs.values().flatten().copied().collect();
    let mut compared = 0;
    for (&level, forbidden) in &ours {
        let name = match level {
            "strict-serializable" => "strong-serializable",
            other => other,
        };
        let elle = theirs.get(name).ok_or(format!("Elle has no {name}"))?;
        if VACUOUS_THERE.contains(&level) {
            if !elle.is_empty() {
                return Err(format!("Elle's {level} forbids {elle:?}").into());
            }
            if forbidden.len() < 2 {
                return Err(format!("our {level} forbids only {forbidden:?}").into());
            }
            continue;
        }
        let more = forbidden.intersection(&known_there);
        let more: BTreeSet<&str> = more.copied().filter(|name| !elle.contains(name)).collect();
        let less = elle.intersection(&known_here);
        let less: BTreeSet<&str> = less
            .copied()
            .filter(|name| !forbidden.contains(name))
            .collect();
        let expected = DIFFERENCES.iter().find(|(named, ..)| *named == level);
        let expected: BTreeSet<&str> =
            expected.map_or_else(BTreeSet::new, |(_, more, _)| more.iter().copied().collect());
        if more != expected || !less.is_empty() {
            return Err(format!("{level}: more {more:?}, less {less:?}").into());
        }
        compared += 1;
    }
    match compared {
        18 => Ok(()),
        other => Err(format!("{other} levels compared").into()),
    }
}
