//! What is said of the operation that fits nowhere, against an oracle that tries every order: the
//! states that are named are those in which it can have found the object.

use std::collections::{BTreeSet, HashSet};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use witness_checkers::{Valid, find};

use crate::oracle::{after, counts};
use crate::random::{self, Case, End, Operation};
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
            let next = after_unseen(case, &state, &case.operations[at]);
            open.extend(next.into_iter().map(|state| (state, done | 1 << at)));
        }
    }
    found
}

/// As [`after`], but with the smallest of the fences that an acquire may have returned which
/// nobody saw: it allows whatever a greater one would. As long as none was seen there is none.
fn after_unseen(case: &Case, state: &State, op: &Operation) -> Vec<State> {
    let mut next = after(case, state, op);
    if (case.model, op.f, &op.end) == ("fenced-lock", "acquire", &End::Unknown) {
        next.truncate(1);
        for next in next.iter_mut().filter(|_| state[1] == NO_FENCE) {
            next[1] = NO_FENCE;
        }
    }
    next
}

/// What the fence is before the first.
const NO_FENCE: i64 = -8;

fn said(model: &str, state: &State) -> String {
    let list = |state: &State| {
        let word = |value: &i64| match (model, value % 10) {
            ("priority-queue", 0) => (value / 10).to_string(),
            ("priority-queue", of) => format!("[{},{of}]", value / 10),
            _ => value.to_string(),
        };
        let words: Vec<String> = state.iter().map(word).collect();
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
        ("fenced-lock", Some(_)) if state[1] != NO_FENCE => format!(
            "{}, and fences up to {} are used up",
            said(model, &vec![state[0], NO_FENCE]),
            state[1]
        ),
        ("owner-mutex" | "fenced-lock", Some(-1)) => "the lock is free".to_owned(),
        ("owner-mutex" | "fenced-lock", Some(owner)) => format!("process {owner} holds the lock"),
        ("semaphore", Some(free)) => format!("{free} of 2 permits are free"),
        ("counter", Some(number)) => format!("the counter is at {number}"),
        ("set", None) => "the set is empty".to_owned(),
        ("set", _) => format!("the set is {}", list(state)),
        (_, None) => "there is nothing in it".to_owned(),
        ("unordered-queue", _) => format!("it holds {}", list(state)),
        ("priority-queue", _) => format!("it holds, smallest first, {}", list(state)),
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

/// Whether those states are named, and no others; of many nobody knows.
fn are_named(states: &BTreeSet<String>, named: &str) -> bool {
    let length: usize = states.iter().map(String::len).sum();
    // Between two are two letters, and four before the last.
    let between = match states.len() {
        0 | 1 => 0,
        several => 2 * several,
    };
    states.len() > 8
        || (named.len() == length + between && states.iter().all(|state| named.contains(state)))
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
    let mut cut = case.clone();
    if among {
        let shown = |at: &usize| {
            anomaly
                .operations
                .contains(&(case.operations[*at].call as u64))
        };
        aside.extend((0..case.operations.len()).filter(|at| !shown(at)));
        // What came of it later may have been left out, where it is violated without.
        let until = case.operations[culprit].ret;
        for op in cut
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
    let reachable = [&cut, case].map(|case| reachable(case, culprit, &aside));
    let fits = reachable.iter().any(|states| are_named(states, named));
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
        "fenced-lock",
        "semaphore",
        "fifo-queue",
        "unordered-queue",
        "priority-queue",
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
