//! What a sale's history says, found out by looking at everything, every time.

use super::sale::{LedgerRow, Purchase, Reset, Sale};
use super::scenario::Outcome;

impl Sale {
    /// The epoch of the seat at that event.
    pub fn epoch(&self, seat: u8, index: usize) -> usize {
        let before = |reset: &&Reset| reset.seat == seat && reset.index < index;
        self.resets.iter().filter(before).count()
    }

    /// The epochs that begin with a reset of which nobody knows.
    pub fn unsure_epochs(&self, seat: u8) -> Vec<usize> {
        let of_seat = self.resets.iter().filter(|reset| reset.seat == seat);
        let numbered = of_seat.enumerate().filter(|(_, reset)| reset.info);
        numbered.map(|(number, _)| number + 1).collect()
    }

    /// The first and last epoch of each time on sale that certainly began.
    pub fn times_on_sale(&self, seat: u8) -> Vec<(usize, usize)> {
        let unsure = self.unsure_epochs(seat);
        let all = 0..=self.last_epoch(seat);
        let began: Vec<usize> = all.filter(|epoch| !unsure.contains(epoch)).collect();
        let ended = began[1..].iter().map(|next| next - 1);
        let ended = ended.chain([self.last_epoch(seat)]);
        began.iter().copied().zip(ended).collect()
    }

    /// The time on sale that the epoch is part of, if no unsure reset happened.
    pub fn time_on_sale(&self, seat: u8, epoch: usize) -> usize {
        let times = self.times_on_sale(seat);
        let of = |&(began, ended): &(usize, usize)| began <= epoch && epoch <= ended;
        times.iter().position(of).unwrap()
    }

    pub fn last_epoch(&self, seat: u8) -> usize {
        self.epoch(seat, usize::MAX)
    }

    /// Confirmed purchases that were told of that sale, the first to complete first.
    pub fn told(&self, sale: &str) -> Vec<&Purchase> {
        let mut told: Vec<&Purchase> = self
            .purchases
            .iter()
            .filter(|p| p.outcome == Outcome::Ok && p.sale.as_deref() == Some(sale))
            .collect();
        told.sort_by_key(|p| p.completed);
        told
    }

    /// Sales that were told of to someone.
    pub fn told_sales(&self) -> Vec<String> {
        let ok = self.purchases.iter().filter(|p| p.outcome == Outcome::Ok);
        let mut ids: Vec<String> = ok.filter_map(|p| p.sale.clone()).collect();
        ids.sort();
        ids.dedup();
        ids
    }

    /// Sales in any ledger that was read.
    pub fn recorded_sales(&self) -> Vec<String> {
        let mut ids: Vec<String> = self.rows.iter().map(|row| row.sale.clone()).collect();
        ids.sort();
        ids.dedup();
        ids
    }

    /// Rows of a sale, in the order that they were read.
    pub fn rows_of(&self, sale: &str) -> Vec<&LedgerRow> {
        let mut rows: Vec<&LedgerRow> = self.rows.iter().filter(|row| row.sale == sale).collect();
        rows.sort_by_key(|row| row.region);
        rows
    }

    /// The seats that the rows of a sale name.
    pub fn seats_of(&self, sale: &str) -> Vec<u8> {
        let mut seats: Vec<u8> = self.rows_of(sale).iter().map(|row| row.seat).collect();
        seats.sort_unstable();
        seats.dedup();
        seats
    }

    /// Purchases that did not fail and can have made the row.
    pub fn explaining(&self, row: &LedgerRow) -> Vec<&Purchase> {
        let can = |p: &&Purchase| {
            p.outcome != Outcome::Fail
                && p.outcome != Outcome::Fair
                && p.seat == row.seat
                && p.buyer == row.buyer
                && (p.request.is_none() || row.request.is_none() || p.request == row.request)
        };
        self.purchases.iter().filter(can).collect()
    }

    pub fn explaining_any(&self, sale: &str) -> Vec<&Purchase> {
        let rows = self.rows_of(sale);
        rows.iter().flat_map(|row| self.explaining(row)).collect()
    }

    /// The epochs in which a sale that buyers were told of can have been made.
    pub fn told_epochs(&self, first: &Purchase) -> (usize, usize) {
        let same_request = self.purchases.iter().filter(|p| {
            let made = matches!(p.outcome, Outcome::Ok | Outcome::Info | Outcome::Open);
            let who = (p.seat, &p.buyer) == (first.seat, &first.buyer);
            made && who && p.request == first.request && p.request.is_some()
        });
        let invoked = same_request.map(|p| p.invoked).chain([first.invoked]).min();
        (
            self.epoch(first.seat, invoked.unwrap()),
            self.epoch(first.seat, first.completed.unwrap()),
        )
    }

    /// The epochs in which a recorded sale of that seat can have been made.
    pub fn epochs(&self, sale: &str, seat: u8) -> (usize, usize) {
        let last = self.last_epoch(seat);
        if let Some(first) = self.told(sale).first() {
            return if first.seat == seat {
                self.told_epochs(first)
            } else {
                (0, last)
            };
        }
        let invoked = self.explaining_any(sale).iter().map(|p| p.invoked).min();
        (invoked.map_or(0, |index| self.epoch(seat, index)), last)
    }

    /// Whether all that comes of the purchase was there when the evidence was asked for.
    pub fn settled(&self, purchase: &Purchase) -> bool {
        purchase.outcome == Outcome::Ok
            && self
                .evidence
                .is_none_or(|evidence| purchase.completed.unwrap() < evidence)
    }

    /// The regions whose evidence a verdict needs.
    pub fn required(&self) -> Vec<u8> {
        if self.began {
            return vec![0, 1];
        }
        let stood = |region: u8| {
            self.events.iter().any(|event| {
                event["f"] == "acquire" && event["region"] == format!("r{region}").as_str()
            })
        };
        let read = |region: u8| self.seen[region as usize] != [0, 0];
        let stood: Vec<u8> = (0..2).filter(|&region| stood(region)).collect();
        if stood.is_empty() {
            (0..2).filter(|&region| read(region)).collect()
        } else {
            stood
        }
    }

    /// Whether the table (0 ledger, 1 seats) was seen whole in every region that needs it.
    pub fn all_whole(&self, table: usize) -> bool {
        let required = self.required();
        !required.is_empty()
            && required
                .iter()
                .all(|&region| self.seen[region as usize][table] > 1)
    }

    /// Whether the run itself leaves a doubt.
    pub fn doubtful(&self) -> bool {
        let late = |p: &Purchase| {
            let over = |evidence| p.completed.is_some_and(|completed| completed < evidence);
            matches!(p.outcome, Outcome::Ok | Outcome::Info | Outcome::Open)
                && self.evidence.is_some_and(|evidence| !over(evidence))
        };
        (self.began && !self.ended) || self.purchases.iter().any(late)
    }
}
