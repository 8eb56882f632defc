//! Choices that random histories are made from: a list, so that it shrinks.

pub struct Choices<'a>(pub &'a [u8]);

impl Choices<'_> {
    /// Below `bound`; 0 once there are no choices left.
    pub fn below(&mut self, bound: usize) -> usize {
        let Some((first, rest)) = self.0.split_first() else {
            return 0;
        };
        self.0 = rest;
        usize::from(*first) % bound
    }
}
