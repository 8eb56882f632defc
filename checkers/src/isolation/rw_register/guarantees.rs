//! The four session guarantees (Terry et al. 1994), each on its own: what it asks of the
//! order of versions is a graph, and it holds exactly if that has no cycle.
//!
//! Read your writes and monotonic reads are about versions of one key at a time;
//! monotonic writes and writes follow reads about transactions. With a whole order of
//! versions the same graph has that order's edges too.

use super::facts::Facts;
use super::must::Must;
use super::reasons;
use super::sort::{shortest_cycle, sorted};
use crate::intern::NONE;
use crate::isolation::data::Decision;
use crate::isolation::digraph::Filtered;
use crate::isolation::findings::{Finding, Findings};
use crate::isolation::graph::{Graph, GraphBuilder, Kind, Kinds};
use crate::isolation::judge::TOO_LARGE;
use crate::isolation::levels::Level;
use crate::isolation::phenomena::{Order, Phenomenon};

/// A process saw the initial version, though it had written or seen another.
type Initials = Vec<Violation>;

/// `later` read a version that is older than the one `earlier` wrote or read, if `older`
/// comes before `newer`.
#[derive(Debug, Clone, Copy)]
struct Violation {
    earlier: u32,
    newer: u32,
    later: u32,
    older: u32,
}

/// Decides one of them; O(n log n). `musts` are further orders of versions to keep.
pub(super) fn decide(facts: &Facts<'_>, level: Level, musts: &[Must]) -> Decision {
    let of_versions = matches!(level, Level::ReadYourWrites | Level::MonotonicReads);
    let mut initials = Initials::new();
    let mut graph = GraphBuilder::new(match of_versions {
        true => facts.versions(),
        false => facts.len(),
    });
    for must in musts {
        let (from, to) = match of_versions {
            true => (must.before, must.after),
            false => (facts.writer(must.before), facts.writer(must.after)),
        };
        if from != NONE && to != NONE {
            graph.edge(from, to, Kind::Ww);
        }
    }
    let phenomenon = match level {
        Level::ReadYourWrites => {
            your_writes(facts, &mut graph, &mut initials);
            Phenomenon::MissingYourWrites
        }
        Level::MonotonicReads => {
            monotonic_reads(facts, &mut graph, &mut initials);
            Phenomenon::NonMonotonicReads
        }
        Level::MonotonicWrites => {
            facts.order_edges(Order::Process, &mut graph);
            Phenomenon::NonMonotonicWrites
        }
        _ => {
            writes_follow_reads(facts, &mut graph);
            Phenomenon::MissingReadWriteDependency
        }
    };
    let mut findings = Findings::default();
    for violation in &initials {
        findings.add(phenomenon, || stale(facts, &[*violation]));
    }
    let graph = graph.build();
    let view = Filtered {
        graph: &graph,
        kinds: Kinds::of(&[Kind::Ww, Kind::Wr, Kind::Process]),
    };
    let all: Vec<u32> = (0..graph.vertices()).collect();
    if let Err(cycle) = sorted(&view, &all) {
        let cycle = shortest_cycle(&view, cycle);
        findings.add(phenomenon, || match of_versions {
            true => in_versions(facts, &graph, level, &cycle, musts),
            false => in_transactions(facts, &graph, level, &cycle, musts),
        });
    }
    if findings.iter().next().is_none() {
        return match graph.is_cut() {
            true => Decision::Open(TOO_LARGE.to_owned()),
            false => Decision::Holds,
        };
    }
    Decision::Violated(findings)
}

/// What a session wrote of a key so far.
#[derive(Debug, Default, Clone)]
struct Own {
    session: u32,
    versions: Vec<u32>,
    /// Of each what comes after it and all before it.
    helpers: Vec<u32>,
    /// How many of the others are before it already.
    told: Vec<u32>,
}

/// What a process wrote comes no later than what it reads after.
fn your_writes(facts: &Facts<'_>, graph: &mut GraphBuilder, initials: &mut Initials) {
    let mut by_key: Vec<Own> = vec![Own::default(); facts.key_count() as usize];
    for (session, transactions) in (1_u32..).zip(facts.sessions()) {
        for &at in &transactions {
            for &read in facts.reads(at) {
                let own = &mut by_key[facts.key(read) as usize];
                let (Some(&helper), Some(&last)) = (own.helpers.last(), own.versions.last()) else {
                    continue;
                };
                if own.session != session {
                    continue;
                }
                if facts.is_initial(read) {
                    initials.push(Violation {
                        earlier: facts.writer(last),
                        newer: last,
                        later: at,
                        older: read,
                    });
                    continue;
                }
                let Some(place) = own.versions.iter().rposition(|&version| version == read) else {
                    graph.edge(helper, read, Kind::Through);
                    continue;
                };
                if let Some(before) = place.checked_sub(1) {
                    graph.edge(own.helpers[before], read, Kind::Through);
                }
                let from = (place + 1).max(own.told[place] as usize);
                for &other in &own.versions[from..] {
                    graph.edge(other, read, Kind::Process);
                }
                own.told[place] = own.versions.len() as u32;
            }
            for &version in facts.installs(at) {
                let own = &mut by_key[facts.key(version) as usize];
                if own.session != session {
                    own.session = session;
                    own.versions.clear();
                    own.helpers.clear();
                    own.told.clear();
                }
                let helper = match own.helpers.last() {
                    None => version,
                    Some(&before) => {
                        let helper = graph.helper();
                        graph.edge(before, helper, Kind::Through);
                        graph.edge(version, helper, Kind::Process);
                        helper
                    }
                };
                own.versions.push(version);
                own.helpers.push(helper);
                own.told.push(0);
            }
        }
    }
}

/// What a session read of a key: in its last transaction that did, and the one before.
#[derive(Debug, Default, Clone)]
struct Seen {
    session: u32,
    at: u32,
    before: (u32, Vec<u32>),
    now: Vec<u32>,
}

/// What a process read comes no later than what it reads in later transactions.
fn monotonic_reads(facts: &Facts<'_>, graph: &mut GraphBuilder, initials: &mut Initials) {
    let mut by_key: Vec<Seen> = vec![Seen::default(); facts.key_count() as usize];
    for (session, transactions) in (1_u32..).zip(facts.sessions()) {
        for &at in &transactions {
            for &read in facts.reads(at) {
                let seen = &mut by_key[facts.key(read) as usize];
                if seen.session != session {
                    seen.session = session;
                    seen.at = at;
                    seen.before.1.clear();
                    seen.now.clear();
                }
                if seen.at != at {
                    seen.before.0 = std::mem::replace(&mut seen.at, at);
                    std::mem::swap(&mut seen.before.1, &mut seen.now);
                    seen.now.clear();
                }
                seen.now.push(read);
                for &before in &seen.before.1 {
                    if facts.is_initial(before) || before == read {
                        continue;
                    }
                    if facts.is_initial(read) {
                        initials.push(Violation {
                            earlier: seen.before.0,
                            newer: before,
                            later: at,
                            older: read,
                        });
                    } else {
                        graph.edge(before, read, Kind::Process);
                    }
                }
            }
        }
    }
}

/// What a transaction saw was there before what its process writes from then on.
fn writes_follow_reads(facts: &Facts<'_>, graph: &mut GraphBuilder) {
    for session in facts.sessions() {
        // From each of these on to all that the session writes in later transactions.
        let mut helpers: Vec<u32> = Vec::with_capacity(session.len());
        for &transaction in &session {
            let helper = graph.helper();
            if let Some(&before) = helpers.last() {
                graph.edge(before, helper, Kind::Through);
                if !facts.installs(transaction).is_empty() {
                    graph.edge(before, transaction, Kind::Through);
                }
            }
            helpers.push(helper);
        }
        for (&transaction, &helper) in session.iter().zip(&helpers) {
            for &version in facts.reads(transaction) {
                let writer = facts.writer(version);
                if writer == NONE || writer == transaction {
                    continue;
                }
                if facts.writes_after(transaction, version) {
                    graph.edge(writer, transaction, Kind::Wr);
                }
                graph.edge(writer, helper, Kind::Wr);
            }
        }
    }
}

/// The members of a cycle that are no helpers, each with the next.
fn steps(graph: &Graph, cycle: &[u32]) -> Vec<(u32, u32)> {
    let members: Vec<u32> = cycle
        .iter()
        .copied()
        .filter(|&v| !graph.is_helper(v))
        .collect();
    let next = members.iter().copied().cycle().skip(1);
    members.iter().copied().zip(next).collect()
}

/// Where a process had the newer of two versions before it read the older one, supposing
/// that they are that.
fn find(facts: &Facts<'_>, level: Level, newer: u32, older: u32) -> Option<Violation> {
    let mut had: Vec<u32> = vec![facts.writer(newer)];
    if level == Level::MonotonicReads {
        had = facts.readers(newer).to_vec();
    }
    facts.readers(older).iter().find_map(|&later| {
        let mut before = facts.previous(later);
        while let Some(earlier) = before {
            if had.contains(&earlier) {
                return Some(Violation {
                    earlier,
                    newer,
                    later,
                    older,
                });
            }
            before = facts.previous(earlier);
        }
        None
    })
}

fn in_versions(
    facts: &Facts<'_>,
    graph: &Graph,
    level: Level,
    cycle: &[u32],
    musts: &[Must],
) -> Finding {
    let mut found = Vec::new();
    let mut assumed: Vec<&Must> = Vec::new();
    for (newer, older) in steps(graph, cycle) {
        match find(facts, level, newer, older) {
            Some(violation) => found.push(violation),
            None => assumed.extend(
                musts
                    .iter()
                    .filter(|m| (m.before, m.after) == (newer, older)),
            ),
        }
    }
    let mut finding = stale(facts, &found);
    for must in assumed {
        finding.explanation.push_str("; ");
        finding.explanation.push_str(&reasons::must(facts, *must));
    }
    finding
}

/// `T1 wrote 5 of key 3, and after it, in the same process, T4 read 4; ..`.
fn stale(facts: &Facts<'_>, found: &[Violation]) -> Finding {
    let sentences = found.iter().map(|violation| {
        let Violation {
            earlier,
            newer,
            later,
            older,
        } = *violation;
        let verb = match facts.writer(newer) == earlier {
            true => "wrote",
            false => "read",
        };
        format!(
            "{} {verb} {}, and after it, in the same process, {} read {}",
            facts.name(earlier),
            facts.version_name(newer),
            facts.name(later),
            facts.value(older)
        )
    });
    let mut explanation = sentences.collect::<Vec<_>>().join("; ");
    if found.len() > 1 {
        explanation.push_str(": in whichever order they were written, one of them is older");
    }
    let mut transactions: Vec<u32> = found.iter().flat_map(|v| [v.earlier, v.later]).collect();
    transactions.sort_unstable();
    transactions.dedup();
    Finding {
        key: found.first().map(|violation| facts.key(violation.newer)),
        explanation,
        transactions,
        steps: Vec::new(),
    }
}

fn in_transactions(
    facts: &Facts<'_>,
    graph: &Graph,
    level: Level,
    cycle: &[u32],
    musts: &[Must],
) -> Finding {
    let mut transactions = Vec::new();
    let sentences: Vec<String> = steps(graph, cycle)
        .into_iter()
        .map(|(from, to)| {
            transactions.push(from);
            let must = musts
                .iter()
                .find(|m| (facts.writer(m.before), facts.writer(m.after)) == (from, to));
            if let Some(must) = must {
                return reasons::must(facts, *must);
            }
            if level == Level::MonotonicWrites {
                let (first, second) = (facts.name(from), facts.name(to));
                return format!("{second} came after {first} in its process");
            }
            let mut reader = Some(to);
            while let Some(at) = reader {
                let read = facts.reads(at).iter().find(|&&v| facts.writer(v) == from);
                if let Some(&read) = read {
                    transactions.push(at);
                    return follows(facts, at, read, to);
                }
                reader = facts.previous(at);
            }
            format!("{} came before {}", facts.name(from), facts.name(to))
        })
        .collect();
    transactions.sort_unstable();
    transactions.dedup();
    Finding {
        key: None,
        explanation: format!(
            "{}: so each must be installed before the next, and the last before the first",
            sentences.join("; ")
        ),
        transactions,
        steps: Vec::new(),
    }
}

/// `T4 read 5 of key 3, which T1 wrote, and wrote itself`, or a later one of its process.
fn follows(facts: &Facts<'_>, reader: u32, read: u32, writer: u32) -> String {
    let saw = format!(
        "{} read {}, which {} wrote",
        facts.name(reader),
        facts.version_name(read),
        facts.name(facts.writer(read))
    );
    match reader == writer {
        true => format!("{saw}, and wrote itself"),
        false => format!(
            "{saw}, and after it, in the same process, {} wrote",
            facts.name(writer)
        ),
    }
}
