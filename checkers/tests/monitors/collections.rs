//! Queues, bags, stacks and priority queues.

use proptest::prelude::*;
use witness_checkers::monitors::collection::{Action, Operation, Reason};
use witness_checkers::monitors::priority_queue::{self, First};
use witness_checkers::monitors::{Interval, Outcome, bag, queue, stack};

use crate::brute::linearizable;
use crate::run;

/// The sequential objects, as plainly as they can be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Queue,
    Bag,
    Stack,
    Smallest,
    Largest,
}

impl Kind {
    /// What may come out next, as positions in what is inside, oldest first.
    fn next_out(self, inside: &[u32]) -> Vec<usize> {
        let all = 0..inside.len();
        match self {
            Kind::Bag => all.collect(),
            Kind::Queue => all.take(1).collect(),
            Kind::Stack => all.rev().take(1).collect(),
            Kind::Smallest => all.min_by_key(|&at| inside[at]).into_iter().collect(),
            Kind::Largest => all.max_by_key(|&at| inside[at]).into_iter().collect(),
        }
    }

    fn step(self, inside: &[u32], action: &Action) -> Vec<Vec<u32>> {
        let out = |wanted: Option<u32>| {
            let fits = |&at: &usize| wanted.is_none_or(|value| inside[at] == value);
            let without = |at: usize| {
                let mut rest = inside.to_vec();
                rest.remove(at);
                rest
            };
            let next = self.next_out(inside).into_iter().filter(fits);
            next.map(without).collect()
        };
        match *action {
            Action::Add(value) => {
                let mut more = inside.to_vec();
                more.push(value);
                if self == Kind::Bag {
                    more.sort_unstable();
                }
                vec![more]
            }
            Action::Remove(value) => out(Some(value)),
            Action::RemoveEmpty if inside.is_empty() => vec![Vec::new()],
            Action::RemoveEmpty => Vec::new(),
            Action::RemoveUnknown => out(None),
        }
    }

    fn check(self, operations: &[Operation]) -> Outcome<Reason> {
        match self {
            Kind::Queue => queue::check(operations),
            Kind::Bag => bag::check(operations),
            Kind::Stack => stack::check(operations),
            Kind::Smallest => priority_queue::check(operations, First::Smallest),
            Kind::Largest => priority_queue::check(operations, First::Largest),
        }
    }

    fn brute(self, operations: &[Operation]) -> bool {
        let plain: Vec<(Interval, Action)> = operations
            .iter()
            .map(|operation| (operation.interval, operation.action))
            .collect();
        linearizable(&plain, Vec::new(), |inside, action| {
            self.step(inside, action)
        })
    }
}

/// How one operation comes to be.
#[derive(Debug, Clone, Copy)]
struct Seed {
    adds: bool,
    priority: u8,
    choice: u8,
    wait: u8,
    before: u8,
    after: u8,
    unresolved: bool,
    /// Whether a removal answers something else than it should.
    wrong: bool,
}

fn seed(unresolved: f64) -> impl Strategy<Value = Seed> {
    let shape = (prop::bool::weighted(0.55), 0..8_u8, any::<u8>());
    let times = (0..4_u8, 0..5_u8, 0..4_u8);
    let ends = (prop::bool::weighted(unresolved), prop::bool::weighted(0.4));
    (shape, times, ends).prop_map(
        |((adds, priority, choice), (wait, before, after), (unresolved, wrong))| Seed {
            adds,
            priority,
            choice,
            wait,
            before,
            after,
            unresolved,
            wrong,
        },
    )
}

/// A history of a nearly correct object, in which then some operations are moved in time.
fn history(kind: Kind, unresolved: f64) -> impl Strategy<Value = Vec<Operation>> {
    let seeds = prop::collection::vec(seed(unresolved), 6..12);
    let moves = prop::collection::vec((any::<prop::sample::Index>(), 0..18_u64, 0..6_u64), 0..3);
    (seeds, moves).prop_map(move |(seeds, moves)| {
        let mut operations = nearly_correct(kind, &seeds);
        for (index, call, length) in moves {
            let moved = index.get(&operations).id as usize;
            let interval = &mut operations[moved].interval;
            interval.call = call;
            if !interval.is_unresolved() {
                interval.ret = call + length;
            }
        }
        operations
    })
}

fn nearly_correct(kind: Kind, seeds: &[Seed]) -> Vec<Operation> {
    let mut inside: Vec<u32> = Vec::new();
    let mut now = 4;
    let mut operations = Vec::new();
    for (id, seed) in seeds.iter().enumerate() {
        now += u64::from(seed.wait);
        let action = if seed.adds {
            let value = u32::from(seed.priority) * 1_000 + id as u32;
            inside.push(value);
            Action::Add(value)
        } else {
            let mut next = kind.next_out(&inside);
            if seed.wrong {
                // Anything inside, or nothing.
                next = (0..inside.len()).collect();
                next.truncate(usize::from(seed.choice) / 32);
            }
            match next.get(usize::from(seed.choice) % next.len().max(1)) {
                Some(&at) => Action::Remove(inside.remove(at)),
                None => Action::RemoveEmpty,
            }
        };
        let (action, ret) = match (seed.unresolved, action) {
            (false, action) => (action, now + u64::from(seed.after)),
            (true, Action::Add(value)) => (Action::Add(value), Interval::NEVER),
            (true, _) => (Action::RemoveUnknown, Interval::NEVER),
        };
        let call = now - u64::from(seed.before);
        operations.push(Operation {
            id: id as u64,
            interval: Interval { call, ret },
            action,
        });
    }
    operations
}

fn agree(kind: Kind, operations: &[Operation]) -> Result<&'static str, TestCaseError> {
    let linearizable = kind.brute(operations);
    match kind.check(operations) {
        Outcome::Valid => {
            prop_assert!(linearizable, "called valid");
            Ok("valid")
        }
        Outcome::Violated(violation) => {
            prop_assert!(!linearizable, "called violated: {violation:?}");
            let shown: Vec<Operation> = operations
                .iter()
                .copied()
                .filter(|operation| violation.operations.contains(&operation.id))
                .collect();
            prop_assert!(!kind.brute(&shown), "shows nothing: {violation:?}");
            Ok(match violation.reason {
                Reason::NeverAdded { .. } | Reason::RemovedTwice { .. } => "violated plainly",
                Reason::RemovedBeforeAdded { .. } => "violated plainly",
                _ => "violated",
            })
        }
        Outcome::Undecided(why) => Err(TestCaseError::fail(why.to_string())),
    }
}

/// With every operation resolved, and with unresolved ones.
fn all_agree(kind: Kind) {
    for unresolved in [0.0, 0.2] {
        let history = history(kind, unresolved);
        let share = run(2_500, &history, |operations| agree(kind, &operations));
        assert!(share.of("valid") > 0.2, "few are valid");
        assert!(share.of("violated") > 0.05, "few are violated");
    }
}

#[test]
fn queues() {
    all_agree(Kind::Queue);
}

#[test]
fn bags() {
    all_agree(Kind::Bag);
}

#[test]
fn stacks() {
    all_agree(Kind::Stack);
    // Half of all operations may not have happened: which pops took what is searched for.
    let history = history(Kind::Stack, 0.5);
    let share = run(2_500, &history, |operations| {
        agree(Kind::Stack, &operations)
    });
    assert!(share.of("valid") > 0.5 && share.of("violated") > 0.01);
}

#[test]
fn priority_queues() {
    all_agree(Kind::Smallest);
    all_agree(Kind::Largest);
}

/// Too large for brute force: what a correct object did is never called violated.
#[test]
fn long_histories_of_correct_objects() {
    for kind in [
        Kind::Queue,
        Kind::Bag,
        Kind::Stack,
        Kind::Smallest,
        Kind::Largest,
    ] {
        let seeds = prop::collection::vec(seed(0.03), 200..400);
        let history = seeds.prop_map(move |mut seeds| {
            seeds.iter_mut().for_each(|seed| seed.wrong = false);
            nearly_correct(kind, &seeds)
        });
        let share = run(30, &history, |operations| match kind.check(&operations) {
            Outcome::Valid => Ok("valid"),
            Outcome::Undecided(_) => Ok("undecided"),
            Outcome::Violated(violation) => Err(TestCaseError::fail(format!("{violation:?}"))),
        });
        assert!(share.of("undecided") < 0.2, "{kind:?}");
    }
}
