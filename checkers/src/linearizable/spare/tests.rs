//! What is spared by proof is spared rightly: of small histories that have an order, what
//! remains has one, for every group of up to three operations and each model.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use serde_json::{Value, json};

use super::*;
use crate::budget::Budget;
use crate::linearizable::model::{Call, Model};
use crate::linearizable::models::{
    Counter, Discipline, FencedLock, Kv, Mutex, OwnerMutex, Queue, Register, Seat, Semaphore, Set,
};
use crate::linearizable::search::{Found, search};
use crate::linearizable::space::States;
use crate::operations::{NEVER, Outcome};

/// What may be asked, and answered: a name, an argument and a result, and who asks.
type Asked = (&'static str, Value, Value, u32);

fn op<M: Model>(model: &M, asked: &Asked, happened: bool) -> Option<M::Op> {
    let (f, argument, result, process) = asked;
    let outcome = match (f.strip_prefix("refused "), happened) {
        (Some(_), _) => Outcome::Refused,
        (None, true) => Outcome::Happened,
        (None, false) => Outcome::Unknown,
    };
    let result = if happened { result } else { &Value::Null };
    let f = f.trim_start_matches("refused ");
    let (key, process) = (None, *process);
    let call = Call {
        f,
        key,
        argument,
        result,
        outcome,
        process,
    };
    model.operation(&call).unwrap()
}

/// Operations of a few clients, one in eight of which nobody knows.
fn items<M: Model>(model: &M, pool: &[Asked], choices: &[u8]) -> (Vec<M::Op>, Vec<Item>) {
    let (mut classes, mut items): (Vec<M::Op>, Vec<Item>) = (Vec::new(), Vec::new());
    let mut open: Vec<usize> = Vec::new();
    for (position, &choice) in (0..).zip(choices) {
        let choice = usize::from(choice);
        if open.len() == 3 || (!open.is_empty() && choice % 2 == 0) {
            items[open.swap_remove(choice / 2 % open.len())].ret = position;
            continue;
        }
        let asked = &pool[choice / 2 % pool.len()];
        let happened = choice / 32 > 0;
        let Some(op) = op(model, asked, happened) else {
            continue;
        };
        if !happened && model.read_only(&op) {
            continue;
        }
        let class = classes.iter().position(|other| *other == op);
        let class = class.unwrap_or_else(|| {
            classes.push(op);
            classes.len() - 1
        });
        if happened {
            open.push(items.len());
        }
        items.push(Item {
            class: class as u32,
            operation: items.len() as u32,
            call: position,
            ret: NEVER,
        });
    }
    // What is open still returns after all.
    for (&at, ret) in open.iter().zip(choices.len() as u32..) {
        items[at].ret = ret;
    }
    (classes, items)
}

fn has_order<M: Model>(model: &M, classes: &[M::Op], items: &[Item]) -> bool {
    let mut states = States::new(model, classes);
    let found = search(items, &mut states, model.overwrites(), &Budget::default());
    matches!(found.0, Found::Order(_))
}

/// All groups of up to three of so many.
fn groups(number: u32) -> Vec<Vec<u32>> {
    let mut groups = Vec::new();
    for a in 0..number {
        groups.push(vec![a]);
        for b in a + 1..number {
            groups.push(vec![a, b]);
            groups.extend((b + 1..number).map(|c| vec![a, b, c]));
        }
    }
    groups
}

fn is_sound<M: Model>(model: &M, pool: &[Asked]) {
    let config = Config {
        cases: 3_000,
        rng_seed: RngSeed::Fixed(2028),
        failure_persistence: None,
        ..Config::default()
    };
    let proven = std::cell::Cell::new(0);
    let result = TestRunner::new(config).run(&vec(any::<u8>(), 2..15), |choices| {
        let (classes, items) = items(model, pool, &choices);
        if !has_order(model, &classes, &items) {
            return Ok(());
        }
        let mut plan = Plan::default();
        plan.lay_out(&items);
        let mut states = States::new(model, &classes);
        let mut course = Course::new(&plan, &mut states, u64::MAX).unwrap();
        prop_assert!(course.reached.iter().all(|nodes| !nodes.is_empty()));
        for group in groups(plan.musts.len() as u32) {
            let found = course.without(&group);
            course.mark(&group, false);
            if !found.is_some_and(|found| found.is_proven) {
                continue;
            }
            proven.set(proven.get() + 1);
            let going = |at: usize| {
                group
                    .iter()
                    .any(|&m| plan.musts[m as usize].item as usize == at)
            };
            let left: Vec<Item> = (0..items.len())
                .filter(|&at| !going(at))
                .map(|at| items[at])
                .collect();
            let words: Vec<_> = items
                .iter()
                .map(|item| {
                    (
                        model.describe(&classes[item.class as usize]),
                        item.call,
                        item.ret,
                    )
                })
                .collect();
            prop_assert!(
                has_order(model, &classes, &left),
                "{words:?} without {group:?}"
            );
        }
        Ok(())
    });
    if let Err(error) = result {
        panic!("{}: {error}", model.name());
    }
    assert!(
        proven.get() > 100,
        "{}: only {} groups",
        model.name(),
        proven.get()
    );
}

fn ask(f: &'static str, argument: Value, result: Value) -> Asked {
    (f, argument, result, 0)
}

/// Each of two processes.
fn both(f: &'static str, results: &[Value]) -> Vec<Asked> {
    let of = |process| {
        results
            .iter()
            .map(move |result| (f, Value::Null, result.clone(), process))
    };
    (0..2).flat_map(of).collect()
}

#[test]
fn of_registers() {
    let mut pool = vec![ask("read", json!(null), json!(null))];
    for value in 1..3 {
        pool.push(ask("write", json!(value), json!(null)));
        pool.push(ask("read", json!(null), json!(value)));
        pool.push(ask("cas", json!([value, 3 - value]), json!(null)));
        pool.push(ask("refused cas", json!([value, 3 - value]), json!(null)));
    }
    let initial = Value::Null;
    is_sound(
        &Register {
            initial,
            nil_is_unknown: false,
            cas: true,
        },
        &pool,
    );
}

#[test]
fn of_stores() {
    let gets = ["a", "b", "ac", "bc", "c", ""].map(|text| ask("get", json!(null), json!(text)));
    let mut pool = vec![
        ask("put", json!("a"), json!(null)),
        ask("put", json!("b"), json!(null)),
        ask("put", json!(5), json!(null)),
        ask("append", json!("c"), json!(null)),
        ask("delete", json!(null), json!(null)),
        ask("get", json!(null), json!(null)),
        ask("get", json!(null), json!(5)),
    ];
    pool.extend(gets);
    is_sound(&Kv, &pool);
}

#[test]
fn of_locks() {
    let nothing = [Value::Null];
    let pool = [both("acquire", &nothing), both("release", &nothing)].concat();
    is_sound(&Mutex, &pool);
    is_sound(&OwnerMutex { key_field: None }, &pool);
    let fences = [json!(1), json!(2), json!(3)];
    let pool = [both("acquire", &fences), both("release", &nothing)].concat();
    is_sound(&FencedLock { key_field: None }, &pool);
    let pool = ["acquire", "reset"].map(|f| ask(f, json!(null), json!(null)));
    is_sound(&Seat, &pool);
}

#[test]
fn of_what_counts() {
    let mut pool = Vec::new();
    for number in 1..3 {
        pool.push(ask("acquire", json!(number), json!(null)));
        pool.push(ask("release", json!(number), json!(null)));
    }
    is_sound(
        &Semaphore {
            permits: 2,
            key_field: None,
        },
        &pool,
    );
    let mut pool = vec![
        ask("increment", json!(1), json!(null)),
        ask("decrement", json!(1), json!(null)),
        ask("add", json!(2), json!(null)),
    ];
    for number in 0..3 {
        pool.push(ask("read", json!(null), json!(number)));
        pool.push(ask("increment", json!(null), json!(number)));
    }
    is_sound(
        &Counter {
            initial: 0,
            key_field: None,
        },
        &pool,
    );
}

#[test]
fn of_queues_and_sets() {
    for discipline in [
        Discipline::Fifo,
        Discipline::Lifo,
        Discipline::Bag,
        Discipline::Priority,
    ] {
        let [put, take] = discipline.verbs().map(|verbs| verbs[0]);
        let mut pool = vec![ask(take, json!(null), json!(null))];
        for value in 1..3 {
            pool.push(ask(put, json!(value), json!(null)));
            pool.push(ask(take, json!(null), json!(value)));
        }
        is_sound(&Queue(discipline), &pool);
    }
    let mut pool = vec![
        ask("read", json!(null), json!([1])),
        ask("read", json!(null), json!([])),
    ];
    for member in 1..3 {
        for result in [json!(null), json!(true), json!(false)] {
            pool.push(ask("add", json!(member), result.clone()));
            pool.push(ask("remove", json!(member), result.clone()));
            if !result.is_null() {
                pool.push(ask("contains", json!(member), result));
            }
        }
    }
    is_sound(&Set, &pool);
}
