//! Lists of numbers from which members are taken, and put back in the opposite order.

use crate::intern::NONE;

/// A list from which members are taken, and put back in the opposite order (Knuth's
/// dancing links).
pub(super) struct Linked {
    next: Vec<u32>,
    previous: Vec<u32>,
    root: u32,
}

impl Linked {
    /// Of numbers below `bound`.
    pub(super) fn new(bound: u32, members: &[u32]) -> Self {
        let root = bound;
        let mut list = Linked {
            next: vec![NONE; bound as usize + 1],
            previous: vec![NONE; bound as usize + 1],
            root,
        };
        let mut last = root;
        for &member in members {
            list.next[last as usize] = member;
            list.previous[member as usize] = last;
            last = member;
        }
        list.next[last as usize] = root;
        list.previous[root as usize] = last;
        list
    }

    /// Puts it behind the last; to be undone by [`Linked::unpush`].
    pub(super) fn push(&mut self, member: u32) {
        let last = self.previous[self.root as usize];
        (self.next[member as usize], self.previous[member as usize]) = (self.root, last);
        self.restore(member);
    }

    /// Takes the last back, which was put there.
    pub(super) fn unpush(&mut self, member: u32) {
        self.remove(member);
        self.previous[member as usize] = NONE;
    }

    pub(super) fn first(&self) -> u32 {
        self.after(self.root)
    }

    /// [`NONE`] after the last.
    pub(super) fn after(&self, member: u32) -> u32 {
        match self.next[member as usize] {
            next if next == self.root => NONE,
            next => next,
        }
    }

    /// Nothing, if it is no member.
    pub(super) fn remove(&mut self, member: u32) {
        let (previous, next) = (self.previous[member as usize], self.next[member as usize]);
        if previous != NONE {
            self.next[previous as usize] = next;
            self.previous[next as usize] = previous;
        }
    }

    pub(super) fn restore(&mut self, member: u32) {
        let (previous, next) = (self.previous[member as usize], self.next[member as usize]);
        if previous != NONE {
            self.next[previous as usize] = member;
            self.previous[next as usize] = member;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members(list: &Linked) -> Vec<u32> {
        let is_one = |at: u32| Some(at).filter(|&at| at != NONE);
        std::iter::successors(is_one(list.first()), |&at| is_one(list.after(at))).collect()
    }

    #[test]
    fn what_was_taken_comes_back_where_it_was() {
        let mut list = Linked::new(9, &[4, 2, 7]);
        list.remove(2);
        list.push(8);
        list.remove(4);
        list.remove(5);
        assert_eq!(members(&list), [7, 8]);
        list.restore(5);
        list.restore(4);
        list.unpush(8);
        list.restore(2);
        assert_eq!(members(&list), [4, 2, 7]);
    }
}
