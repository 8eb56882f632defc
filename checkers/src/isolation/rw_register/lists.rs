//! Many short lists of numbers in one piece of memory. It knows nothing of what they mean.

/// Lists of numbers, by number from 0: 4 bytes a list and 4 an item.
#[derive(Debug, Default, Clone)]
pub(super) struct Lists {
    starts: Vec<u32>,
    items: Vec<u32>,
}

impl Lists {
    /// So many lists, from pairs of a list and an item: items keep their order. O(lists +
    /// pairs); `pairs` is gone over twice.
    pub(super) fn new(lists: u32, pairs: impl Iterator<Item = (u32, u32)> + Clone) -> Self {
        let mut starts = vec![0_u32; lists as usize + 1];
        for (list, _) in pairs.clone() {
            starts[list as usize + 1] += 1;
        }
        for at in 0..lists as usize {
            starts[at + 1] += starts[at];
        }
        let mut items = vec![0_u32; starts[lists as usize] as usize];
        // Filled from where each starts: afterwards each start is the next list's.
        for (list, item) in pairs {
            let next = &mut starts[list as usize];
            items[*next as usize] = item;
            *next += 1;
        }
        starts.rotate_right(1);
        starts[0] = 0;
        Lists { starts, items }
    }

    /// The items of a list.
    #[inline]
    pub(super) fn of(&self, list: u32) -> &[u32] {
        let (from, to) = (self.starts[list as usize], self.starts[list as usize + 1]);
        &self.items[from as usize..to as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_keep_their_order() {
        let pairs = [(2, 9), (0, 5), (2, 7), (0, 6)];
        let lists = Lists::new(4, pairs.into_iter());
        assert_eq!(lists.of(0), [5, 6]);
        assert!(lists.of(1).is_empty() && lists.of(3).is_empty());
        assert_eq!(lists.of(2), [9, 7]);
    }
}
