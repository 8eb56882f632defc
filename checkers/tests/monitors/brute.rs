//! Linearizability by its definition: try every order.

use std::collections::HashSet;
use std::hash::Hash;

use witness_checkers::monitors::Interval;

/// Whether some order of the operations respects their intervals and the steps. Resolved
/// ones all happen; each of the others may be left out.
pub fn linearizable<A, S: Clone + Eq + Hash>(
    operations: &[(Interval, A)],
    initial: S,
    step: impl Fn(&S, &A) -> Vec<S>,
) -> bool {
    let must: u32 = (0..operations.len())
        .filter(|&index| !operations[index].0.is_unresolved())
        .map(|index| 1 << index)
        .sum();
    let mut seen = HashSet::new();
    let mut open = vec![(0_u32, initial)];
    while let Some((done, state)) = open.pop() {
        if done & must == must {
            return true;
        }
        for (index, (interval, action)) in operations.iter().enumerate() {
            let blocked = |(other, &(before, _)): (usize, &(Interval, A))| {
                done & 1 << other == 0 && before.precedes(*interval)
            };
            if done & 1 << index != 0 || operations.iter().enumerate().any(blocked) {
                continue;
            }
            for next in step(&state, action) {
                let node = (done | 1 << index, next);
                if seen.insert(node.clone()) {
                    open.push(node);
                }
            }
        }
    }
    false
}
