//! Reads and writes of a few keys in random order, as Elle's generator makes them: a
//! key that was written to often enough gives its place to a new one, so that lists and
//! orders of versions stay short.

use serde_json::{Value, json};

use super::{Generator, read};
use crate::Parameters;

/// Each micro-operation is a read or a write, half and half, of any key in use.
pub(crate) struct Mixed {
    random: fastrand::Rng,
    /// What a write is: `append`, `w`.
    write: &'static str,
    min: usize,
    max: usize,
    writes_per_key: usize,
    /// The keys in use, and how often each was written to.
    places: Vec<(u64, usize)>,
    keys: u64,
}

impl Mixed {
    pub(crate) fn new(parameters: &Parameters, write: &'static str) -> Mixed {
        let keys = parameters.keys as u64;
        Mixed {
            random: fastrand::Rng::with_seed(parameters.seed),
            write,
            min: *parameters.ops.start(),
            max: *parameters.ops.end(),
            writes_per_key: parameters.writes_per_key,
            places: (0..keys).map(|key| (key, 0)).collect(),
            keys,
        }
    }

    fn op(&mut self) -> Value {
        let place = self.random.usize(0..self.places.len());
        let (key, written) = &mut self.places[place];
        if self.random.bool() {
            return read(*key);
        }
        *written += 1;
        let op = json!([self.write, *key, *written]);
        if *written == self.writes_per_key {
            self.places[place] = (self.keys, 0);
            self.keys += 1;
        }
        op
    }
}

impl Generator for Mixed {
    fn transaction(&mut self, _: usize, _: usize) -> Vec<Value> {
        let length = self.random.usize(self.min..=self.max);
        (0..length).map(|_| self.op()).collect()
    }

    fn keys(&self) -> u64 {
        self.keys
    }
}
