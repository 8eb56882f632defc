//! Counting acquisitions: how many times a seat was sold more often than it was put on
//! sale. Shared by the checkers that say so; it words nothing.
//!
//! At most one acquisition of a seat fits into one epoch. A sale may have been made in
//! any of its [`Epochs`], so the number oversold is the number of sales that are left
//! when as many as possible have an epoch of their own: the least that any explanation
//! of the history leaves. With every epoch known it is Σ max(0, sales − 1).
//!
//! A reset of which nobody knows may have happened at any time since, or never. So it
//! may explain one sale more, which is not counted as oversold, but is no proof either.

use crate::sales::{Epochs, NONE, Sales, Seat};

/// Where acquisitions are counted from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// Sales in the union of the regions' ledgers.
    Ledgers,
    /// Sales that buyers were told of.
    Completions,
}

/// The acquisitions of all seats.
#[derive(Debug)]
pub(crate) struct Acquisitions {
    /// Sales that were counted.
    pub(crate) confirmed: u64,
    /// Sales beyond one an epoch, over all seats.
    pub(crate) oversold: u64,
    /// The seats with some oversold.
    pub(crate) seats: Vec<Oversold>,
    /// The seats of which some sales are explained by nothing but a reset of which
    /// nobody knows.
    pub(crate) unsure: Vec<u32>,
    /// Sales that could not be counted: their rows name different seats.
    pub(crate) seatless: u64,
}

/// A seat that was sold too often.
#[derive(Debug)]
pub(crate) struct Oversold {
    pub(crate) seat: u32,
    /// By how many.
    pub(crate) by: u64,
    /// All sales of the seat, and when each can have been made.
    pub(crate) sales: Vec<(u32, Epochs)>,
}

impl Acquisitions {
    /// Counts. O(n log n) in sales; keeps sales only of seats that have several.
    pub(crate) fn count(sales: &Sales, source: Source) -> Self {
        let mut of_seat = vec![0u32; sales.seats().len()];
        let (mut confirmed, mut seatless) = (0, 0);
        for sale in counted(sales, source) {
            confirmed += 1;
            match seat(sales, source, sale) {
                Some(seat) => of_seat[seat as usize] += 1,
                None => seatless += 1,
            }
        }
        let mut several: Vec<(u32, u32)> = counted(sales, source)
            .filter_map(|sale| Some((seat(sales, source, sale)?, sale)))
            .filter(|&(seat, _)| of_seat[seat as usize] > 1)
            .collect();
        several.sort_unstable();
        let mut unsure = Vec::new();
        let seats: Vec<Oversold> = several
            .chunk_by(|(a, _), (b, _)| a == b)
            .filter_map(|of_seat| {
                let seat = of_seat[0].0;
                let dated = |&(_, sale): &(u32, u32)| (sale, epochs(sales, source, sale, seat));
                let dated: Vec<(u32, Epochs)> = of_seat.iter().map(dated).collect();
                let epochs = dated.iter().map(|&(_, epochs)| epochs);
                let (by, explained) = left_over(epochs, &sales.seats()[seat as usize]);
                if explained > 0 {
                    unsure.push(seat);
                }
                (by > 0).then_some(Oversold {
                    seat,
                    by,
                    sales: dated,
                })
            })
            .collect();
        Acquisitions {
            confirmed,
            oversold: seats.iter().map(|seat| seat.by).sum(),
            seats,
            unsure,
            seatless,
        }
    }
}

/// The sales that count.
fn counted(sales: &Sales, source: Source) -> impl Iterator<Item = u32> + '_ {
    let counts = move |sale: &u32| {
        let sale = &sales.sales()[*sale as usize];
        match source {
            Source::Ledgers => sale.recorded(),
            Source::Completions => sale.purchase != NONE,
        }
    };
    (0..sales.sales().len() as u32).filter(counts)
}

fn seat(sales: &Sales, source: Source, sale: u32) -> Option<u32> {
    match source {
        Source::Ledgers => sales.seat_of(sale),
        Source::Completions => {
            let purchase = sales.sales()[sale as usize].purchase;
            Some(sales.purchases()[purchase as usize].seat)
        }
    }
}

fn epochs(sales: &Sales, source: Source, sale: u32, seat: u32) -> Epochs {
    match source {
        Source::Ledgers => sales.epochs(sale, seat),
        Source::Completions => sales.acknowledged_epochs(sales.sales()[sale as usize].purchase),
    }
}

/// How many are left over when as many as possible have an epoch of their own: if
/// every reset of which nobody knows happened when it helps most, and how many of the
/// others need that.
///
/// The one that can wait the least goes first and takes the first epoch that is free;
/// what is left then can wait the longest, so it fits best behind the resets that may
/// have happened late. A reset leaves room for any sale that can be later than it.
fn left_over(all: impl Iterator<Item = Epochs>, seat: &Seat) -> (u64, u64) {
    let mut waiting: Vec<Epochs> = all.collect();
    waiting.sort_unstable_by_key(|epochs| epochs.last);
    let last = seat.certain(seat.resets.len() as u32);
    // The next epoch that is free, or one before it; the last stays so.
    let mut free: Vec<u32> = (0..=last + 1).collect();
    let mut left = Vec::new();
    for epochs in waiting {
        let mut epoch = seat.certain(epochs.first);
        while free[epoch as usize] != epoch {
            let next = free[epoch as usize];
            free[epoch as usize] = free[next as usize];
            epoch = next;
        }
        if epoch <= seat.certain(epochs.last) {
            free[epoch as usize] = epoch + 1;
        } else {
            left.push(epochs.last);
        }
    }
    let mut unsure = seat.unsure.iter().peekable();
    let explained = left
        .iter()
        .filter(|&&last| unsure.next_if(|&&began| began <= last).is_some())
        .count();
    ((left.len() - explained) as u64, explained as u64)
}
