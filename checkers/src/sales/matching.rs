//! Closing the books: which purchase explains a sale, and in which epochs it can
//! have been made. It finds; it does not judge.

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::build::Failed;
use super::{Content, Purchase, Sales};
use crate::intern::NONE;

/// Who made a sale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The purchase that was told of it.
    Acknowledged(u32),
    /// A purchase by that buyer of that seat, which was not told of it.
    Asked(u32),
    /// Only a purchase that failed asked for it; its invocation.
    Refused(u32),
    /// Nobody asked for it.
    Nobody,
}

/// The epochs in which a sale can have been made, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Epochs {
    pub(crate) first: u32,
    pub(crate) last: u32,
}

impl Epochs {
    pub(crate) fn only(self) -> Option<u32> {
        (self.first == self.last).then_some(self.first)
    }
}

impl Sales {
    /// Sorts what was gathered. O(n log n) in what was sold, O(1) in what failed
    /// unless a sale has no other explanation.
    pub(super) fn close(&mut self, failed: &Failed) {
        self.variants.sort_unstable();
        self.variants.dedup();
        self.shared.sort_unstable();
        self.misanswered.sort_unstable();
        self.repeated.sort_unstable();
        self.repeated.dedup();
        // Stable: of two rows read in one region, the later read stays.
        self.owners.sort_by_key(|row| (row.seat, row.region));
        self.owners.reverse();
        self.owners.dedup_by_key(|row| (row.seat, row.region));
        self.owners.reverse();
        self.owners.shrink_to_fit();
        self.asked = (0..self.purchases.len() as u32).collect();
        let purchases = &self.purchases;
        self.asked.sort_unstable_by_key(|&number| {
            let purchase = &purchases[number as usize];
            let Purchase {
                seat,
                buyer,
                request,
                invocation,
                ..
            } = *purchase;
            (seat, buyer, request, invocation)
        });
        let sales = &self.sales;
        self.recorded = (0..sales.len() as u32)
            .filter(|&sale| sales[sale as usize].recorded())
            .collect();
        self.recorded.sort_unstable_by_key(|&sale| {
            let row = sales[sale as usize].content;
            (row.seat, row.buyer, row.request, sale)
        });
        self.refused = self.refused_sales(failed);
    }

    fn refused_sales(&self, failed: &Failed) -> Vec<(u32, u32)> {
        let mut unexplained: HashMap<u64, Vec<u32>, FixedState> = HashMap::default();
        for sale in 0..self.sales.len() as u32 {
            if self.sales[sale as usize].recorded() && self.origin(sale) == Origin::Nobody {
                for (_, content) in self.rows_of(sale) {
                    let buyer = self.word(content.buyer);
                    let fingerprint = Failed::fingerprint(content.seat, &buyer);
                    unexplained.entry(fingerprint).or_default().push(sale);
                }
            }
        }
        if unexplained.is_empty() {
            return Vec::new();
        }
        let mut refused: Vec<(u32, u32)> = failed
            .iter()
            .filter_map(|(fingerprint, invocation)| {
                Some((unexplained.get(&fingerprint)?, invocation))
            })
            .flat_map(|(sales, invocation)| sales.iter().map(move |&sale| (sale, invocation)))
            .collect();
        refused.sort_unstable();
        refused.dedup_by_key(|(sale, _)| *sale);
        refused
    }

    /// Purchases of that seat by that buyer, by request and invocation; O(log n).
    pub(crate) fn asked_for(&self, seat: u32, buyer: u32) -> &[u32] {
        let who = |&number: &u32| {
            let purchase = &self.purchases[number as usize];
            (purchase.seat, purchase.buyer)
        };
        let start = self
            .asked
            .partition_point(|number| who(number) < (seat, buyer));
        let length = self.asked[start..].partition_point(|number| who(number) == (seat, buyer));
        &self.asked[start..start + length]
    }

    /// Purchases of that seat; O(log n) for the first.
    pub(crate) fn asked_of(&self, seat: u32) -> impl Iterator<Item = &Purchase> + '_ {
        let purchase = |&number: &u32| &self.purchases[number as usize];
        let start = self
            .asked
            .partition_point(|number| purchase(number).seat < seat);
        let all = self.asked[start..].iter().map(purchase);
        all.take_while(move |purchase| purchase.seat == seat)
    }

    /// The purchases that a ledger row can stem from.
    pub(crate) fn explaining(&self, content: Content) -> impl Iterator<Item = u32> + '_ {
        self.asked_for(content.seat, content.buyer)
            .iter()
            .copied()
            .filter(move |&number| {
                let request = self.purchases[number as usize].request;
                request == content.request || request == NONE || content.request == NONE
            })
    }

    /// Who made the sale; O(log n).
    pub(crate) fn origin(&self, sale: u32) -> Origin {
        let purchase = self.sales[sale as usize].purchase;
        if purchase != NONE {
            return Origin::Acknowledged(purchase);
        }
        let asked = self
            .rows_of(sale)
            .find_map(|(_, content)| self.explaining(content).next());
        if let Some(asked) = asked {
            return Origin::Asked(asked);
        }
        let refused = self.refused.binary_search_by_key(&sale, |&(sale, _)| sale);
        refused.map_or(Origin::Nobody, |at| Origin::Refused(self.refused[at].1))
    }

    /// The seat that a recorded sale is of; none if its rows disagree.
    pub(crate) fn seat_of(&self, sale: u32) -> Option<u32> {
        let seat = self.sales[sale as usize].content.seat;
        self.variants_of(sale)
            .all(|(_, content)| content.seat == seat)
            .then_some(seat)
    }

    /// How many recorded sales more than one buyer holds a row of, or was told of. O(n).
    pub(crate) fn of_several_buyers(&self) -> u64 {
        let row_of = |sale: u32| self.sales[sale as usize].content.buyer;
        let varied = self.variants.iter();
        let varied = varied.map(|row| (row.sale, row.content.buyer));
        let shared = self.shared.iter().copied();
        let told = (0u32..).zip(self.sales.iter().map(|sale| sale.purchase));
        let told = told
            .chain(shared)
            .filter_map(|(sale, number)| Some((sale, self.purchase(number)?.buyer)));
        let mut several: Vec<u32> = varied
            .chain(told)
            .filter(|&(sale, _)| self.sales[sale as usize].recorded())
            .filter(|&(sale, buyer)| row_of(sale) != buyer)
            .map(|(sale, _)| sale)
            .collect();
        several.sort_unstable();
        several.dedup();
        several.len() as u64
    }

    /// When a recorded sale of that seat can have been made.
    ///
    /// A confirmed purchase made its sale between its invocation and its completion;
    /// one of which nobody knows may still do so at any later time; and a sale that no
    /// purchase explains can have been made whenever.
    pub(crate) fn epochs(&self, sale: u32, seat: u32) -> Epochs {
        let last = self.seats[seat as usize].resets.len() as u32;
        if last == 0 {
            return Epochs { first: 0, last };
        }
        match self.origin(sale) {
            Origin::Acknowledged(number) if self.purchases[number as usize].seat == seat => {
                self.acknowledged_epochs(number)
            }
            Origin::Asked(_) => {
                let explaining = self
                    .rows_of(sale)
                    .flat_map(|(_, content)| self.explaining(content));
                let invoked = explaining.map(|number| self.purchases[number as usize].invoked);
                Epochs {
                    first: invoked.min().unwrap_or(0),
                    last,
                }
            }
            _ => Epochs { first: 0, last },
        }
    }

    /// When a confirmed purchase can have made the sale that it was told of: one of a
    /// request that was sent several times may have been told of an earlier one's.
    pub(crate) fn acknowledged_epochs(&self, number: u32) -> Epochs {
        let purchase = self.purchases[number as usize];
        let mut first = purchase.invoked;
        if purchase.request != NONE {
            for &other in self.asked_for(purchase.seat, purchase.buyer) {
                let other = self.purchases[other as usize];
                if other.request == purchase.request {
                    first = first.min(other.invoked);
                }
            }
        }
        Epochs {
            first,
            last: purchase.completed,
        }
    }
}
