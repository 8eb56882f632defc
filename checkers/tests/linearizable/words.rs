//! What is said of the operation that fits nowhere, against an oracle that tries every order: the
//! states that are named are those in which it can have found the object.

use std::collections::{BTreeSet, HashSet};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use witness_checkers::{Valid, find};

use crate::oracle::{after, counts};
use crate::random::{self, Case, End};
use crate::spec::{self, State};

/// The states that can be come to before that operation returns, without it and without those
/// that are left aside, each said as the model says it.
fn reachable(case: &Case, culprit: usize, aside: &[usize]) -> BTreeSet<String> {
    let until = case.operations[culprit].ret;
    let is_there = |&at: &usize| {
        let op = &case.operations[at];
        at != culprit && !aside.contains(&at) && counts(case, op) && op.call < until
    };
    let there: Vec<usize> = (0..case.operations.len()).filter(is_there).collect();
    let initial = spec::initial(case.model, case.starts_at_zero);
    let mut found = BTreeSet::new();
    let mut seen = HashSet::new();
    let mut open = vec![(initial, 0_u32)];
    while let Some((state, done)) = open.pop() {
        if !seen.insert((state.clone(), done)) {
            continue;
        }
        let left = there.iter().filter(|&&at| done >> at & 1 == 0);
        let ret = |&&at: &&usize| match case.operations[at].end {
            End::Unknown => usize::MAX,
            _ => case.operations[at].ret,
        };
        let first_return = left.clone().map(|at| ret(&at)).min().unwrap_or(usize::MAX);
        if first_return > until {
            found.insert(said(case.model, &state));
        }
        for &at in left.filter(|&&at| case.operations[at].call < first_return) {
            let next = after(case, &state, &case.operations[at]);
            open.extend(next.into_iter().map(|state| (state, done | 1 << at)));
        }
    }
    found
}

fn said(model: &str, state: &State) -> String {
    let list = |state: &State| {
        let words: Vec<String> = state.iter().map(i64::to_string).collect();
        match &words[..] {
            [] => String::new(),
            [only] => only.clone(),
            [first @ .., last] => format!("{} and {last}", first.join(", ")),
        }
    };
    match (model, state[..].first()) {
        ("register" | "cas-register" | "kv", Some(&i64::MIN)) => "there is no value".to_owned(),
        ("register" | "cas-register", Some(value)) => format!("the value is {value}"),
        ("kv", Some(value)) => format!("\"{value}\""),
        ("mutex", Some(held)) => {
            format!("the lock is {}", ["free", "held"][usize::from(*held > 0)])
        }
        ("seat", Some(sold)) => format!("the seat is {}", ["free", "sold"][usize::from(*sold > 0)]),
        ("owner-mutex", Some(-1)) => "the lock is free".to_owned(),
        ("owner-mutex", Some(owner)) => format!("process {owner} holds the lock"),
        ("semaphore", Some(free)) => format!("{free} of 2 permits are free"),
        ("counter", Some(number)) => format!("the counter is at {number}"),
        ("set", None) => "the set is empty".to_owned(),
        ("set", _) => format!("the set is {}", list(state)),
        (_, None) => "there is nothing in it".to_owned(),
        _ => format!("it holds, oldest first, {}", list(state)),
    }
}

/// The events that a text names as the invocations of operations.
fn events(text: &str) -> Vec<usize> {
    let named = text.split("(event").skip(1);
    let number = |named: &str| {
        let digits = named.trim_start_matches(['s', ' ']);
        let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap();
        digits[..end].parse().unwrap()
    };
    named.map(number).collect()
}

/// Whether words were there to be judged.
fn are_true(case: &Case, small_witness: bool) -> Result<bool, TestCaseError> {
    let history = witness_histories::history(&case.shorthand()).unwrap();
    let mut options = super::options(case);
    options.object.small_witness = small_witness;
    let verdict = find("linearizable")
        .unwrap()
        .check(&super::digest(&history), &options);
    if verdict.valid != Valid::False {
        return Ok(false);
    }
    let anomaly = &verdict.anomalies[0];
    let text = &anomaly.explanation;
    let Some((name, rest)) = text.split_once(
        " fits nowhere: by the time that it returned, in every order of what came before",
    ) else {
        return Ok(false);
    };
    prop_assert!(!text.contains("perhaps"), "all can be tried: {}", text);
    let place = |event: usize| {
        case.operations
            .iter()
            .position(|op| op.call == event)
            .unwrap()
    };
    let culprit = place(events(name)[0]);
    let mut aside: Vec<usize> = match text.split_once("Left aside") {
        Some((_, aside)) => events(aside).into_iter().map(place).collect(),
        None => Vec::new(),
    };
    let (among, rest) = match rest.strip_prefix(" among these operations, ") {
        Some(rest) => (true, rest),
        None => (false, &rest[2..]),
    };
    let (named, _) = rest.split_once(" cannot happen then.").unwrap();
    let (named, _) = named.rsplit_once(", and ").unwrap();
    let mut case = case.clone();
    if among {
        let shown = |at: &usize| {
            anomaly
                .operations
                .contains(&(case.operations[*at].call as u64))
        };
        aside.extend((0..case.operations.len()).filter(|at| !shown(at)));
        // What came of it later may have been left out.
        let until = case.operations[culprit].ret;
        for op in case
            .operations
            .iter_mut()
            .filter(|op| small_witness && op.ret > until)
        {
            op.end = End::Unknown;
        }
    } else if case.model == "set"
        && !case
            .operations
            .iter()
            .any(|op| op.f == "read" && matches!(op.end, End::Ok(_)))
    {
        // Members that nobody reads together are judged one by one.
        let member = &case.operations[culprit].argument;
        aside.extend(
            (0..case.operations.len()).filter(|&at| case.operations[at].argument != *member),
        );
    }
    let reachable = reachable(&case, culprit, &aside);
    let length: usize = reachable.iter().map(String::len).sum();
    // Between two are two letters, and four before the last.
    let between = match reachable.len() {
        0 | 1 => 0,
        several => 2 * several,
    };
    let fits = reachable.len() > 8
        || (named.len() == length + between && reachable.iter().all(|state| named.contains(state)));
    prop_assert!(fits, "{} named, {:?} reachable: {}", named, reachable, text);
    Ok(true)
}

#[test]
fn the_states_that_are_named_are_those_that_there_can_have_been() {
    for model in [
        "register",
        "cas-register",
        "kv",
        "mutex",
        "owner-mutex",
        "semaphore",
        "fifo-queue",
        "stack",
        "set",
        "counter",
        "seat",
    ] {
        let config = Config {
            cases: super::cases() / 2,
            rng_seed: RngSeed::Fixed(2029),
            failure_persistence: None,
            ..Config::default()
        };
        let worded = std::cell::Cell::new(0);
        let result = TestRunner::new(config).run(
            &(vec(any::<u8>(), 0..120), any::<bool>()),
            |(choices, small)| {
                let case = random::case(model, &choices, random::OPERATIONS_MAX);
                let was_worded = are_true(&case, small).map_err(|error| match error {
                    TestCaseError::Fail(why) => {
                        TestCaseError::fail(format!("{model}: {why}\n{}", case.shorthand()))
                    }
                    other => other,
                })?;
                worded.set(worded.get() + u32::from(was_worded));
                Ok(())
            },
        );
        if let Err(error) = result {
            panic!("{error}");
        }
        let worded = worded.into_inner();
        assert!(
            worded * 40 > super::cases() / 2,
            "{model}: words for only {worded}"
        );
    }
}
