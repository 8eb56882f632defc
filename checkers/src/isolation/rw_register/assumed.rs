//! What the options have one assume of the versions of a key, and where that puts them in
//! a circle: cyclic-versions.

use foldhash::fast::FixedState;
use hashbrown::HashSet;

use super::facts::Facts;
use super::keys;
use super::must::Must;
use super::reasons;
use super::sort::shortest_cycle;
use crate::isolation::digraph::{Filtered, components};
use crate::isolation::findings::{Finding, Findings};
use crate::isolation::graph::{GraphBuilder, Kind, Kinds};
use crate::isolation::options::IsolationOptions;
use crate::isolation::phenomena::Phenomenon;
use crate::isolation::words;

/// What is assumed and does not contradict itself. O(n log n).
pub(super) fn assume(
    facts: &Facts<'_>,
    options: &IsolationOptions,
    findings: &mut Findings,
) -> Vec<Must> {
    let mut musts = Vec::new();
    if options.sequential_keys {
        musts.extend(keys::by_session(facts));
    }
    if options.linearizable_keys {
        musts.extend(keys::by_realtime(facts, |_| true));
    }
    if musts.is_empty() {
        return musts;
    }
    musts.sort_unstable();
    musts.dedup_by_key(|must| (must.before, must.after));
    musts.retain(|&must| {
        let is_initial = facts.is_initial(must.after);
        if is_initial {
            findings.add(Phenomenon::CyclicVersions, || circle(facts, &[must]));
        }
        !is_initial
    });
    let mut graph = GraphBuilder::new(facts.versions());
    for must in &musts {
        graph.edge(must.before, must.after, Kind::Ww);
    }
    let graph = graph.build();
    let view = Filtered {
        graph: &graph,
        kinds: Kinds::of(&[Kind::Ww]),
    };
    let mut within: HashSet<u32, FixedState> = HashSet::default();
    for component in components(&view) {
        findings.add(Phenomenon::CyclicVersions, || {
            let cycle = shortest_cycle(&view, reasons::cycle_within(&view, &component));
            let next = cycle.iter().cycle().skip(1);
            let steps: Vec<Must> = cycle
                .iter()
                .zip(next)
                .filter_map(|(&before, &after)| {
                    let at = musts.binary_search_by_key(&(before, after), |m| (m.before, m.after));
                    at.ok().map(|at| musts[at])
                })
                .collect();
            circle(facts, &steps)
        });
        within.extend(component);
    }
    musts.retain(|must| !(within.contains(&must.before) && within.contains(&must.after)));
    musts
}

fn circle(facts: &Facts<'_>, steps: &[Must]) -> Finding {
    let mut sentences: Vec<String> = steps
        .iter()
        .map(|&must| reasons::must(facts, must))
        .collect();
    if let [only] = steps {
        let nothing = facts.version_name(only.after);
        sentences.push(format!(
            "but nothing comes before {nothing}, with which it begins"
        ));
    }
    let mut transactions: Vec<u32> = steps
        .iter()
        .flat_map(|must| reasons::involved(facts, must))
        .collect();
    transactions.sort_unstable();
    transactions.dedup();
    Finding {
        key: steps.first().map(|must| facts.key(must.before)),
        explanation: words::list(&sentences),
        transactions,
        steps: Vec::new(),
    }
}
