//! The seeded defects: which write is hit, and what becomes of it.
//!
//! In a ledger (a table whose name contains `ledger`) the first occasion is hit
//! and then every n-th, n from 3 to 6 by the seed. Elsewhere replications are
//! dropped from the n-th on, so that a table's first rows, its setup, arrive.

use std::collections::HashMap;

use dynoxide::{AttributeValue, Item};

use super::options::{Defect, Defects};
use super::replica::Change;

/// The defects of one cluster, and how often each had its occasion.
#[derive(Debug)]
pub(super) struct Seeded {
    defects: Defects,
    period: u64,
    rng: fastrand::Rng,
    occasions: HashMap<(&'static str, String), u64>,
}

impl Seeded {
    pub(super) fn new(defects: Defects, seed: u64) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed);
        Self {
            defects,
            period: rng.u64(3..=6),
            rng,
            occasions: HashMap::new(),
        }
    }

    /// Whether `defect` hits this occasion in `table`.
    fn hits(&mut self, defect: Defect, table: &str) -> bool {
        if !self.defects.has(defect) {
            return false;
        }
        let first = if is_ledger(table) { 0 } else { self.period - 1 };
        let count = self
            .occasions
            .entry((defect.name(), table.to_owned()))
            .or_default();
        let hit = *count % self.period == first;
        *count += 1;
        hit
    }

    /// What arrives of a change at another region; none if nothing does.
    pub(super) fn replicate(&mut self, mut change: Change) -> Option<Change> {
        if self.hits(Defect::DropReplication, &change.target.table) {
            return None;
        }
        if is_ledger(&change.target.table)
            && let Some(AttributeValue::S(buyer)) =
                change.image.as_mut().and_then(|row| row.get_mut("buyer"))
            && self.hits(Defect::CorruptLedgerRow, &change.target.table)
        {
            *buyer = format!("not-{buyer}");
        }
        Some(change)
    }

    /// The second copy of a row that a ledger just got, if it is to have one.
    pub(super) fn second_copy(&mut self, change: &Change) -> Option<Item> {
        let row = change.image.as_ref()?;
        let key = &change.target.key;
        // The sale's id if that makes another item, else any key that is text.
        let mut names: Vec<_> = key.keys().collect();
        names.sort_by_key(|name| (name.as_str() != "sale_id", name.as_str()));
        let name = names
            .into_iter()
            .find(|name| matches!(key.get(*name), Some(AttributeValue::S(_))))?
            .clone();
        let table = &change.target.table;
        if !is_ledger(table) || !self.hits(Defect::DuplicateLedgerWrite, table) {
            return None;
        }
        let mut copy = row.clone();
        if let Some(AttributeValue::S(id)) = copy.get_mut(&name) {
            *id = self.another(id);
        }
        Some(copy)
    }

    /// Another id with the last eight characters drawn anew, or eight more if `id` is
    /// shorter than that.
    fn another(&mut self, id: &str) -> String {
        let cut = id
            .char_indices()
            .rev()
            .nth(7)
            .map_or(id.len(), |(at, _)| at);
        // A UUID's digits, or a ULID's.
        let alphabet: &[u8] = match id.contains(|c: char| c.is_ascii_lowercase()) {
            true => b"0123456789abcdef",
            false => b"0123456789ABCDEFGHJKMNPQRSTVWXYZ",
        };
        let tail: String = (0..8)
            .map(|_| alphabet[self.rng.usize(..alphabet.len())] as char)
            .collect();
        format!("{}{tail}", &id[..cut])
    }
}

fn is_ledger(table: &str) -> bool {
    table.contains("ledger")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::dynamodb::clock::HybridClock;
    use crate::dynamodb::request::KeySchema;

    /// The sales of the smallest run: one of each of four seats.
    fn sales() -> Vec<Change> {
        let schema = json!({"KeySchema": [{"AttributeName": "sale_id", "KeyType": "HASH"}]});
        let schema = KeySchema::of(&schema).unwrap();
        let mut clock = HybridClock::new(0);
        let change = |sale: u64| {
            let row = [("sale_id", format!("sale-{sale}")), ("buyer", "b1".into())];
            let row = row.map(|(name, text)| (name.to_owned(), AttributeValue::S(text)));
            let image: Item = row.into_iter().collect();
            Change {
                target: schema.target_of("witness_ledger", &image).unwrap(),
                generation: 1,
                image: Some(image),
                stamp: clock.next(sale),
            }
        };
        (0..4).map(change).collect()
    }

    #[test]
    fn four_sales_show_every_defect_whatever_the_seed() {
        for seed in 0..50 {
            for defect in Defect::ALL {
                let mut seeded = Seeded::new([defect].into_iter().collect(), seed);
                let hit = |sale: Change| match defect {
                    Defect::DuplicateLedgerWrite => seeded.second_copy(&sale).is_some(),
                    _ => seeded.replicate(sale.clone()) != Some(sale),
                };
                let hits = sales().into_iter().map(hit).filter(|hit| *hit).count();
                assert!((1..4).contains(&hits), "{defect}, seed {seed}: {hits}");
            }
        }
    }

    #[test]
    fn without_a_defect_nothing_is_changed() {
        let mut seeded = Seeded::new(Defects::default(), 0);
        for sale in sales() {
            assert_eq!(seeded.second_copy(&sale), None);
            assert_eq!(seeded.replicate(sale.clone()), Some(sale));
        }
    }
}
