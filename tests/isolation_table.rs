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

/// What holds here wherever a level does and, by Elle's table, need not: the level, what it
/// implies, and why.
const IMPLIED: &[(&str, &str, &str)] = &[
    (
        "causal",
        "causal-cerone",
        "of transactions it is that of Cerone et al. 2015, with sessions: who sees a part sees all",
    ),
    (
        "causal",
        "strong-session-read-committed",
        "one order has all that is read, overwritten and done in a session: no circle of these",
    ),
    (
        "strong-session-snapshot-isolation",
        "causal",
        "snapshots grow along a session (Daudjee and Salem 2006), so it sees all causes",
    ),
    (
        "strong-session-read-uncommitted",
        "monotonic-writes",
        "versions against the order of a session are a circle of ww and process",
    ),
    (
        "strong-session-read-committed",
        "writes-follow-reads",
        "a write before what its session had read is a circle of ww, wr and process",
    ),
    (
        "parallel-snapshot-isolation",
        "cursor-stability",
        "of two that write a key one sees the other: no lost-update, which Elle forbids too",
    ),
];

/// Anomalies that only we name, and why.
const NAMED_HERE: &[(&[&str], &str)] = &[
    (
        &["garbage-read"],
        "a value that nobody wrote breaks every level; no anomaly of Elle's table",
    ),
    (
        &["observed-transaction-vanishes", "fractured-read"],
        "Bailis et al. 2014: Elle tells monotonic-atomic-view and read-atomic by less",
    ),
    (
        &["causality-violation", "causality-violation-process"],
        "Elle tells causal levels by what read-atomic forbids",
    ),
    (
        &["long-fork"],
        "a G-nonadjacent that the field has a name for",
    ),
    (
        &[
            "missing-your-writes",
            "non-monotonic-reads",
            "non-monotonic-writes",
            "missing-read-write-dependency",
        ],
        "Terry et al. 1994: of sessions Elle's table forbids nothing",
    ),
];

/// Levels that only Elle has, and why.
const ELSEWHERE: &[(&[&str], &str)] = &[
    (
        &["linearizable", "sequential", "PRAM"],
        "they are not about transactions",
    ),
    (
        &["1SR", "session-serializable", "view-serializable"],
        "Elle's table forbids nothing of them: serializable and its kin are decided",
    ),
    (
        &["prefix", "update-atomic"],
        "snapshot-isolation and parallel-snapshot-isolation less a half: no database claims them",
    ),
    (
        &[
            "consistent-view",
            "forward-consistent-view",
            "monotonic-snapshot-read",
            "monotonic-view",
            "update-serializable",
        ],
        "Adya's levels in between, which no database claims",
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

/// Pairs of a level and what holds wherever it does, by way of others too.
type Implications<'a> = BTreeSet<(&'a str, &'a str)>;

/// As Elle's table has them, directly, under our names.
fn implied_there(text: &str) -> Option<Implications<'_>> {
    let (_, section) = text.split_once("## Models")?;
    let (section, _) = section.split_once("\n## ")?;
    let rows: Vec<Vec<&str>> = section
        .lines()
        .filter_map(|line| line.strip_prefix("| "))
        .map(|row| row.split('|').map(str::trim).collect())
        .collect();
    let name = |model: &str| {
        let row = rows.iter().find(|row| row[0] == model)?;
        Some(match row[1] {
            "strong-serializable" => "strict-serializable",
            other => other,
        })
    };
    let mut implied = Implications::new();
    for row in rows.iter().filter(|row| row[0] != "model") {
        for weaker in row[2].split(',').map(str::trim).filter(|it| !it.is_empty()) {
            implied.insert((name(row[0])?, name(weaker)?));
        }
    }
    Some(implied)
}

/// With all that follows from them.
fn closed(mut implied: Implications<'_>) -> Implications<'_> {
    loop {
        let next = |&(stronger, level): &(_, _)| {
            let onwards = implied.iter().filter(move |&&(from, _)| from == level);
            onwards.map(move |&(_, weaker)| (stronger, weaker))
        };
        let more: Implications<'_> = implied.iter().flat_map(next).collect();
        if more.is_subset(&implied) {
            return implied;
        }
        implied.extend(more);
    }
}

/// All that ours imply, against Elle's with the differences that are known.
fn compare_implications(text: &str) -> Result<(), Failed> {
    let levels = isolation_levels();
    let names: BTreeSet<&str> = levels.iter().map(|level| level.name).collect();
    let pairs = |level: &witness_checkers::IsolationLevel| {
        let name = level.name;
        let implied = level.implies.clone().into_iter();
        implied.map(move |weaker| (name, weaker))
    };
    let ours = closed(levels.iter().flat_map(pairs).collect());
    let theirs = implied_there(text).ok_or("no models there")?;
    let with = |but: Option<usize>| {
        let known = IMPLIED
            .iter()
            .enumerate()
            .filter(|&(at, _)| Some(at) != but);
        let known = known.map(|(_, &(level, weaker, _))| (level, weaker));
        let mut all = closed(theirs.iter().copied().chain(known).collect());
        all.retain(|(level, weaker)| names.contains(level) && names.contains(weaker));
        all
    };
    let expected = with(None);
    if ours != expected {
        let more: Vec<_> = ours.difference(&expected).collect();
        let less: Vec<_> = expected.difference(&ours).collect();
        return Err(format!("implied here only: {more:?}; there only: {less:?}").into());
    }
    for (at, (level, weaker, _)) in IMPLIED.iter().enumerate() {
        if with(Some(at)) == ours {
            return Err(format!("that {level} implies {weaker} is no difference").into());
        }
    }
    let elsewhere = theirs.iter().flat_map(|&(level, weaker)| [level, weaker]);
    let elsewhere = elsewhere.filter(|level| !names.contains(level));
    same("levels", elsewhere.collect(), ELSEWHERE)
}

/// Whether those are the names of a table.
fn same(
    what: &str,
    found: BTreeSet<&str>,
    known: &[(&[&'static str], &str)],
) -> Result<(), Failed> {
    let known: BTreeSet<&str> = known
        .iter()
        .flat_map(|(names, _)| *names)
        .copied()
        .collect();
    let differ: Vec<_> = found.symmetric_difference(&known).collect();
    match differ.is_empty() {
        true => Ok(()),
        false => {
            Err(format!("{what} that only one has: {differ:?} differ from what is known").into())
        }
    }
}

fn compare(text: &str) -> Result<(), Failed> {
    compare_implications(text)?;
    let (ours, theirs) = (ours(), theirs(text).ok_or("no table there")?);
    let known_here: BTreeSet<&str> = ours.values().flatten().copied().collect();
    let known_there: BTreeSet<&str> = theirs.values().flatten().copied().collect();
    let only_here = known_here.difference(&known_there).copied();
    same("anomalies", only_here.collect(), NAMED_HERE)?;
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
