//! Where a level fails with every order of versions, which nobody saw, the reason is concrete:
//! a circle, of which each edge is one with some order.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use witness_checkers::{Anomaly, IsolationOptions, Valid};
use witness_histories::history;

use crate::checker::{levels_of, verdict, verdict_on};
use crate::cycles::Kind;
use crate::definitions::ORDERS_MAX;
use crate::facts::Facts;
use crate::model::Data;
use crate::oracle;
use crate::random;

const NO_ORDER: &str = "no-order";

/// Whether each step of its circle starts where the one before ended, and how they go.
fn kinds(anomaly: &Anomaly) -> Vec<&str> {
    let cycle = anomaly.cycle.as_ref();
    let cycle = cycle.unwrap_or_else(|| panic!("no circle: {anomaly:#?}"));
    let next = cycle.edges.iter().cycle().skip(1);
    for (edge, next) in cycle.edges.iter().zip(next) {
        assert_eq!(edge.to, next.from, "{anomaly:#?}");
    }
    cycle.edges.iter().map(|edge| edge.kind.as_str()).collect()
}

/// T0 was over before T2 began, which did not see it.
#[test]
fn what_real_time_shows_is_shown_by_real_time() {
    let stale = history(
        r#"
        0 invoke txn _ [["w",2,3]]
        0 ok     txn _ [["w",2,3]]
        1 invoke txn _ [["r",2,null],["w",2,4]]
        2 invoke txn _ [["r",2,null]]
        1 ok     txn _ [["r",2,null],["w",2,4]]
        2 ok     txn _ [["r",2,null]]"#,
    )
    .unwrap();
    let shown = verdict_on(&stale, "strong-snapshot-isolation");
    assert_eq!(shown.valid, Valid::False);
    let [shown] = &shown.anomalies[..] else {
        panic!("{shown:#?}");
    };
    assert_eq!(shown.name, "G-single-realtime");
    let mut kinds = kinds(shown);
    kinds.sort_unstable();
    assert_eq!(kinds, ["realtime", "rw"]);
}

/// Neither order of T0's and T1's writes of x explains that T1 read none, and T4 neither.
#[test]
fn one_of_all_orders_is_an_example() {
    let blind = history(
        r#"
        1 invoke txn _ [["w","x",1],["r","x",null],["r","y",null]]
        0 invoke txn _ [["r","x",null],["w","x",2],["w","y",3],["r","x",null]]
        0 ok     txn _ [["r","x",null],["w","x",2],["w","y",3],["r","x",2]]
        1 ok     txn _ [["w","x",1],["r","x",1],["r","y",4]]
        1 invoke txn _ [["w","y",4],["r","x",null]]
        1 ok     txn _ [["w","y",4],["r","x",null]]"#,
    )
    .unwrap();
    let level = "parallel-snapshot-isolation";
    let shown = verdict_on(&blind, level);
    assert_eq!(shown.valid, Valid::False);
    let shown = shown
        .anomalies
        .iter()
        .find(|anomaly| anomaly.name == NO_ORDER);
    let shown = shown.unwrap();
    let tried = "every order of the versions was tried, and none is parallel-snapshot-isolation. \
                 Whichever order they are in, something is wrong: with one of them there is, for \
                 example, G-single";
    assert!(shown.explanation.starts_with(tried), "{shown:#?}");
    assert_eq!(kinds(shown).iter().filter(|kind| **kind == "rw").count(), 1);
}

/// Either of two appends that no list shows came first, and one of their writers saw neither.
#[test]
fn each_order_of_unseen_appends_is_tried() {
    let unseen = history(
        r#"
        3 invoke txn _ [["append","y",1],["r","x",null],["append","y",2]]
        3 ok     txn _ [["append","y",1],["r","x",[]],["append","y",2]]
        1 invoke txn _ [["r","y",null],["append","y",3],["r","x",null],["append","x",4]]
        3 invoke txn _ [["r","x",null],["append","y",5]]
        1 ok     txn _ [["r","y",[]],["append","y",3],["r","x",[]],["append","x",4]]
        3 ok     txn _ [["r","x",[]],["append","y",5]]"#,
    )
    .unwrap();
    let said = levels_of(&verdict(&unseen, IsolationOptions::default()));
    assert!(
        said.values().all(|held| *held != Valid::Unknown),
        "{said:#?}"
    );
}

fn on_random(data: Data) {
    let choices = vec(any::<u8>(), 40..150);
    let result = TestRunner::new(crate::config()).run(&choices, |choices| {
        let case = random::case(data, &choices, random::TXNS_MAX);
        let facts = Facts::of(&case);
        prop_assume!(case.has_commits() && facts.orders_max() <= ORDERS_MAX);
        let (history, invocations) = (case.history(), case.invocations());
        let txn = |name: &str| {
            let event: u64 = name.trim_start_matches('T').parse().unwrap();
            invocations
                .iter()
                .position(|&known| known == event)
                .unwrap()
        };
        for (level, held) in levels_of(&verdict(&history, IsolationOptions::default())) {
            if held != Valid::False {
                continue;
            }
            for anomaly in verdict_on(&history, &level).anomalies {
                // What takes an order to infer an edge names that order.
                let needs_order =
                    anomaly.name.ends_with("-process") || anomaly.name.ends_with("-realtime");
                let Some(cycle) = anomaly.cycle else {
                    prop_assert!(
                        anomaly.name != NO_ORDER,
                        "{}: {:?}\n{}",
                        level,
                        case,
                        anomaly.explanation
                    );
                    continue;
                };
                let edges: Vec<_> = cycle
                    .edges
                    .iter()
                    .map(|edge| {
                        (
                            txn(&edge.from),
                            txn(&edge.to),
                            Kind::named(&edge.kind).unwrap(),
                        )
                    })
                    .collect();
                // Adya's phenomena are of edges alone.
                let by_observation = !anomaly.name.starts_with('G');
                prop_assert!(
                    needs_order || oracle::are_edges(&facts, &edges, by_observation),
                    "{}: {:?}\n{}",
                    level,
                    case,
                    anomaly.explanation
                );
            }
        }
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}

#[test]
fn no_order_of_lists_is_shown_by_a_circle_of_one() {
    on_random(Data::Lists);
}

#[test]
fn no_order_of_registers_is_shown_by_a_circle_of_one() {
    on_random(Data::Registers);
}
