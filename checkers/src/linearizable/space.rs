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
    /// Forgets all states but the initial one and that one, if it is worth it; its new number.
    fn forget_all_but(&mut self, state: u32) -> u32;
    /// Whether the operation leaves every state as it is.
    fn read_only(&self, class: u32) -> bool;
    /// Whether whatever may happen in the second state may happen in the first, the same number included.
    fn covers(&self, state: u32, other: u32) -> bool;
    fn describe_state(&self, state: u32) -> String;
    fn describe(&self, class: u32) -> String;
}

/// States that are kept although nobody comes back to them: some hundred bytes a state are worth
/// remembering the steps between them.
const FORGOTTEN_BYTES_MIN: usize = 1 << 20;

/// The initial state's number.
pub(crate) const INITIAL: u32 = 0;

/// The [`Space`] of a model.
pub(crate) struct States<'a, M: Model> {
    model: &'a M,
    classes: &'a [M::Op],
    /// The initial state, and then those whose numbers come after `forgotten`.
    states: Vec<M::State>,
    forgotten: u32,
    /// Of the states, their places.
    places: HashTable<u32>,
    remembered: Vec<u32>,
    /// Of all that states refer to.
    bytes: usize,
}

impl<'a, M: Model> States<'a, M> {
    pub(crate) fn new(model: &'a M, classes: &'a [M::Op]) -> Self {
        let mut states = States {
            model,
            classes,
            states: Vec::new(),
            forgotten: 0,
            places: HashTable::new(),
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
        let same = self.places.find(hash, |&at| states[at as usize] == state);
        let place = match same.copied() {
            Some(place) => place,
            None => {
                // The budget ends a search long before four billion states.
                let place = states.len() as u32;
                self.bytes += self
                    .model
                    .state_bytes(&state)
                    .saturating_sub(size_of::<M::State>());
                states.push(state);
                self.places
                    .insert_unique(hash, place, |&at| hasher.hash_one(&states[at as usize]));
                place
            }
        };
        match place {
            INITIAL => INITIAL,
            place => self.forgotten + place,
        }
    }

    fn state(&self, number: u32) -> &M::State {
        let place = match number {
            INITIAL => INITIAL,
            number => number - self.forgotten,
        };
        &self.states[place as usize]
    }

    fn compute(&mut self, state: u32, class: u32, next: &mut Vec<u32>) {
        let (state, op) = (self.state(state), &self.classes[class as usize]);
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
        // Of the table seven eighths are used.
        self.bytes
            + self.states.capacity() * size_of::<M::State>()
            + self.remembered.capacity() * 4
            + self.places.capacity() * 5 * 8 / 7
    }

    fn forget_all_but(&mut self, state: u32) -> u32 {
        if self.bytes < FORGOTTEN_BYTES_MIN {
            return state;
        }
        let kept = (state != INITIAL).then(|| self.state(state).clone());
        // Steps are remembered by the states' numbers, so none is given twice. The initial state
        // stays, and what it leads to does not.
        let row = self.classes.len().min(self.remembered.len());
        self.remembered[..row].fill(UNSEEN);
        self.forgotten += self.states.len() as u32 - 1;
        self.states.truncate(1);
        self.places.clear();
        self.bytes = 0;
        let initial = self.states.pop();
        let numbers = initial
            .into_iter()
            .chain(kept)
            .map(|state| self.number(state));
        numbers.last().unwrap_or(INITIAL)
    }

    fn read_only(&self, class: u32) -> bool {
        self.model.read_only(&self.classes[class as usize])
    }

    fn covers(&self, state: u32, other: u32) -> bool {
        state == other || self.model.covers(self.state(state), self.state(other))
    }

    fn describe_state(&self, state: u32) -> String {
        self.model.describe_state(self.state(state))
    }

    fn describe(&self, class: u32) -> String {
        self.model.describe(&self.classes[class as usize])
    }
}
