//! The states that a search has come across, as numbers, and the steps between
//! them: each is computed once where there are few, so that engines compare
//! numbers whatever the model.

use std::hash::BuildHasher;

use foldhash::fast::FixedState;
use hashbrown::HashTable;

use super::model::Model;

/// Steps that are remembered, at most: 16 MiB.
const REMEMBERED_MAX: usize = 1 << 22;

const UNSEEN: u32 = 0;
const NOWHERE: u32 = 1;
const SEVERAL: u32 = u32::MAX;

/// A model's states and steps. Operations are numbered by their class.
pub(crate) trait Space {
    /// The states that the operation leads to, put behind `next`.
    fn step(&mut self, state: u32, class: u32, next: &mut Vec<u32>);
    /// Bytes in use, about.
    fn bytes(&self) -> usize;
    /// Whether the operation leaves every state as it is.
    fn read_only(&self, class: u32) -> bool;
    /// Whether whatever may happen in the second state may happen in the first, the same number included.
    fn covers(&self, state: u32, other: u32) -> bool;
    fn describe_state(&self, state: u32) -> String;
    fn describe(&self, class: u32) -> String;
}

/// The initial state's number.
pub(crate) const INITIAL: u32 = 0;

/// The [`Space`] of a model.
pub(crate) struct States<'a, M: Model> {
    model: &'a M,
    classes: &'a [M::Op],
    states: Vec<M::State>,
    numbers: HashTable<u32>,
    remembered: Vec<u32>,
    bytes: usize,
}

impl<'a, M: Model> States<'a, M> {
    pub(crate) fn new(model: &'a M, classes: &'a [M::Op]) -> Self {
        let mut states = States {
            model,
            classes,
            states: Vec::new(),
            numbers: HashTable::new(),
            remembered: Vec::new(),
            bytes: 0,
        };
        states.number(model.initial());
        states
    }

    fn number(&mut self, state: M::State) -> u32 {
        let hasher = FixedState::with_seed(0);
        let hash = hasher.hash_one(&state);
        let states = &mut self.states;
        if let Some(&number) = self.numbers.find(hash, |&n| states[n as usize] == state) {
            return number;
        }
        // The memory budget ends a search long before four billion states.
        let number = states.len() as u32;
        self.bytes += self.model.state_bytes(&state) + 16;
        states.push(state);
        self.numbers
            .insert_unique(hash, number, |&n| hasher.hash_one(&states[n as usize]));
        number
    }

    fn compute(&mut self, state: u32, class: u32, next: &mut Vec<u32>) {
        let (state, op) = (&self.states[state as usize], &self.classes[class as usize]);
        for reached in self.model.step(state, op) {
            let number = self.number(reached);
            next.push(number);
        }
    }
}

impl<M: Model> Space for States<'_, M> {
    fn step(&mut self, state: u32, class: u32, next: &mut Vec<u32>) {
        let at = state as usize * self.classes.len() + class as usize;
        if at >= REMEMBERED_MAX {
            return self.compute(state, class, next);
        }
        if at >= self.remembered.len() {
            let rows = (state as usize + 1).next_power_of_two() * self.classes.len();
            self.remembered.resize(rows.min(REMEMBERED_MAX), UNSEEN);
        }
        match self.remembered[at] {
            UNSEEN => {
                let before = next.len();
                self.compute(state, class, next);
                self.remembered[at] = match next[before..] {
                    [] => NOWHERE,
                    [only] => only + 2,
                    _ => SEVERAL,
                };
            }
            NOWHERE => {}
            SEVERAL => self.compute(state, class, next),
            only => next.push(only - 2),
        }
    }

    fn bytes(&self) -> usize {
        self.bytes + self.remembered.capacity() * 4 + self.numbers.capacity() * 5
    }

    fn read_only(&self, class: u32) -> bool {
        self.model.read_only(&self.classes[class as usize])
    }

    fn covers(&self, state: u32, other: u32) -> bool {
        let [of, with] = [state, other].map(|number| &self.states[number as usize]);
        state == other || self.model.covers(of, with)
    }

    fn describe_state(&self, state: u32) -> String {
        self.model.describe_state(&self.states[state as usize])
    }

    fn describe(&self, class: u32) -> String {
        self.model.describe(&self.classes[class as usize])
    }
}
