//! Edges that follow from those between neighbours: a version comes before all behind the
//! next one, and who read it before their writers. Of few transactions, to show less of them.

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::Lists;
use crate::intern::NONE;
use crate::isolation::graph::{Kind, Step};

/// What one of them appended to a key: the first position and the last; [`NONE`], which is
/// behind all, of what no list shows.
type Written = (u32, u32, u32);

impl Lists<'_> {
    /// All ww and rw edges between those transactions. O(n² keys), and their micro-operations.
    pub(super) fn implied_among(&self, among: &[u32]) -> Vec<Step> {
        let mut steps = Vec::new();
        let mut written: HashMap<u32, Vec<Written>, FixedState> = HashMap::default();
        for &at in among {
            for (key, _, position) in self.appends_of(at) {
                let chain = &self.chains[key as usize];
                let is_version = match position {
                    NONE => chain.unseen.binary_search(&at).is_ok(),
                    _ => chain.writers[position as usize] == at,
                };
                if chain.contested || !is_version {
                    continue;
                }
                let of_key = written.entry(key).or_default();
                match of_key.last_mut().filter(|(writer, ..)| *writer == at) {
                    Some((_, first, last)) => {
                        *first = position.min(*first);
                        *last = position.max(*last);
                    }
                    None => of_key.push((at, position, position)),
                }
            }
        }
        let step = |from, to, kind| Step { from, to, kind };
        for of_key in written.values() {
            for &(from, first, _) in of_key {
                let behind = of_key
                    .iter()
                    .filter(|&&(to, _, last)| to != from && first < last);
                steps.extend(behind.map(|&(to, ..)| step(from, to, Kind::Ww)));
            }
        }
        for &reader in among {
            for (_, key, length) in self.external(reader) {
                let of_key = written.get(&key).map(Vec::as_slice).unwrap_or_default();
                let missed = of_key
                    .iter()
                    .filter(|&&(writer, _, last)| writer != reader && last >= length);
                steps.extend(missed.map(|&(to, ..)| step(reader, to, Kind::Rw)));
            }
        }
        steps
    }
}
