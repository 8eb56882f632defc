//! What was inferred, in sentences that a person can check against the history.

use super::facts::Facts;
use super::inferred::Inferred;
use super::must::{Must, Why};
use crate::intern::NONE;
use crate::isolation::data::Reason;
use crate::isolation::digraph::Digraph;
use crate::isolation::graph::{Kind, Step};

/// `T1's write of 6 to key 3 came before T2's of 7, since ..`.
pub(super) fn must(facts: &Facts<'_>, must: Must) -> String {
    format!(
        "{}, since {}",
        claim(facts, must.before, must.after),
        why(facts, must)
    )
}

/// `T1's write of 6 to key 3 came before T2's of 7`.
pub(super) fn claim(facts: &Facts<'_>, before: u32, after: u32) -> String {
    let key = facts.key_name(before);
    let earlier = match facts.writer(before) {
        NONE => format!("the initial null of {key}"),
        writer => format!(
            "{}'s write of {} to {key}",
            facts.name(writer),
            facts.value(before)
        ),
    };
    match facts.writer(after) {
        NONE => format!("{earlier} came before the initial null"),
        writer => format!(
            "{earlier} came before {}'s of {}",
            facts.name(writer),
            facts.value(after)
        ),
    }
}

fn why(facts: &Facts<'_>, must: Must) -> String {
    let Must { before, after, why } = must;
    let [earlier, later] = [before, after].map(|version| facts.writer(version));
    match why {
        Why::Replaced => {
            let reader = facts.name(later);
            let value = facts.value(before);
            match facts.reads_before_writing(later, before) {
                true => format!("{reader} read {value} before it wrote"),
                false => format!("{reader} read {value} even after it wrote"),
            }
        }
        Why::SawThen { reader } => format!(
            "{} saw {} (it read {}), and after that read {} of {}",
            facts.name(reader),
            facts.name(earlier),
            seen(facts, reader, earlier),
            facts.value(after),
            facts.key_name(after),
        ),
        Why::Saw { reader } => format!(
            "{} saw {} (it read {}), and yet read {} of {}",
            facts.name(reader),
            facts.name(earlier),
            seen(facts, reader, earlier),
            facts.value(after),
            facts.key_name(after),
        ),
        Why::Past { reader } => format!(
            "{} came after {} and yet read {} of {}",
            facts.name(reader),
            facts.name(earlier),
            facts.value(after),
            facts.key_name(after),
        ),
        Why::Session { first, second } => format!(
            "{} and after it, in the same process, {}",
            touched(facts, first, before),
            touched(facts, second, after)
        ),
        Why::Realtime { first, second } => format!(
            "{} and was over before {} began, which {}",
            touched(facts, first, before),
            facts.name(second),
            did(facts, second, after)
        ),
        Why::Chained {
            before: row,
            after: other,
        } => format!(
            "{}, and nothing comes between a version and the one that replaced it",
            match facts.is_initial(row) {
                true => format!("{} was replaced first", facts.version_name(row)),
                false => claim(facts, row, other),
            }
        ),
        Why::Reached => format!(
            "what others read leads from {} to {}",
            facts.name(earlier),
            facts.name(later)
        ),
        Why::Tried => "that was tried".to_owned(),
    }
}

/// What it read of the other: `5 of key 3`.
fn seen(facts: &Facts<'_>, reader: u32, writer: u32) -> String {
    let of = |version: &&u32| facts.writer(**version) == writer;
    let version = facts.reads(reader).iter().find(of);
    version.map_or_else(String::new, |&version| facts.version_name(version))
}

/// `T3 read 7`.
fn touched(facts: &Facts<'_>, transaction: u32, version: u32) -> String {
    format!(
        "{} {}",
        facts.name(transaction),
        did(facts, transaction, version)
    )
}

fn did(facts: &Facts<'_>, transaction: u32, version: u32) -> String {
    let verb = match facts.writer(version) == transaction {
        true => "wrote",
        false => "read",
    };
    format!("{verb} {}", facts.value(version))
}

/// The transactions that show it.
pub(super) fn involved(facts: &Facts<'_>, must: &Must) -> Vec<u32> {
    let mut all = vec![facts.writer(must.before), facts.writer(must.after)];
    match must.why {
        Why::SawThen { reader } | Why::Saw { reader } | Why::Past { reader } => all.push(reader),
        Why::Session { first, second } | Why::Realtime { first, second } => {
            all.extend([first, second]);
        }
        Why::Replaced | Why::Chained { .. } | Why::Reached | Why::Tried => {}
    }
    all.retain(|&transaction| transaction != NONE);
    all
}

/// A cycle through the first vertex of a component.
pub(super) fn cycle_within(graph: &impl Digraph, component: &[u32]) -> Vec<u32> {
    let first = component.first().copied().unwrap_or(NONE);
    super::sort::path_within(graph, first, first, usize::MAX, usize::MAX - 1)
        .unwrap_or_else(|| component.to_vec())
}

/// Why a step of a cycle is one, of what was inferred so far.
pub(super) fn step(facts: &Facts<'_>, inferred: &[&Inferred], step: Step) -> Option<Reason> {
    let Step { from, to, kind } = step;
    let known = |before: u32, after: u32| {
        inferred.iter().find_map(|inferred| {
            let musts = &inferred.musts;
            let at = musts.binary_search_by_key(&(before, after), |must| (must.before, must.after));
            at.ok().map(|at| musts[at])
        })
    };
    let (from_name, to_name) = (facts.name(from), facts.name(to));
    let both = |version: u32| Some((version, facts.installed(to, facts.key(version))?));
    match kind {
        Kind::Wr => {
            let read = facts.reads(to).iter().find(|&&v| facts.writer(v) == from)?;
            Some(Reason {
                key: facts.key(*read),
                sentence: format!(
                    "{to_name} read {}, which {from_name} wrote",
                    facts.version_name(*read)
                ),
            })
        }
        Kind::Ww => {
            let pairs: Vec<(u32, u32)> = facts
                .installs(from)
                .iter()
                .filter_map(|&version| both(version))
                .collect();
            let must = pairs
                .iter()
                .find_map(|&(before, after)| known(before, after));
            let sentence = match must {
                Some(must) => self::must(facts, must),
                None => {
                    let &(before, after) = pairs.first()?;
                    format!(
                        "{} in the order that was tried",
                        claim(facts, before, after)
                    )
                }
            };
            let key = must.map_or(pairs.first()?.0, |must| must.before);
            Some(Reason {
                key: facts.key(key),
                sentence,
            })
        }
        Kind::Rw => {
            let pairs: Vec<(u32, u32)> = facts
                .reads(from)
                .iter()
                .filter_map(|&version| both(version))
                .filter(|(read, own)| read != own)
                .collect();
            let is_known = |&&(read, after): &&(u32, u32)| {
                facts.is_initial(read) || known(read, after).is_some()
            };
            let &(read, after) = pairs.iter().find(is_known).or(pairs.first())?;
            let mut sentence = format!(
                "{from_name} read {}, which {to_name} overwrote with {}",
                facts.version_name(read),
                facts.value(after)
            );
            match known(read, after) {
                Some(must) if must.why == Why::Replaced => {}
                Some(must) => sentence.push_str(&format!(" ({})", self::must(facts, must))),
                None if facts.is_initial(read) => {}
                None => sentence.push_str(" in the order that was tried"),
            }
            Some(Reason {
                key: facts.key(read),
                sentence,
            })
        }
        Kind::Process | Kind::Realtime | Kind::Through => None,
    }
}
