//! At most one acquisition a seat and epoch, by trying every assignment.

use std::collections::BTreeSet;

use witness_checkers::Valid;

use super::sale::Sale;
use super::scenario::SEATS;

pub struct Found {
    pub valid: Valid,
    pub confirmed: u64,
    pub oversold: u64,
    pub oversold_seats: u64,
}

pub fn judge(sale: &Sale) -> Found {
    let any_ledger = sale.seen.iter().any(|[ledger, _]| *ledger > 0);
    let sales = if any_ledger {
        sale.recorded_sales()
    } else {
        sale.told_sales()
    };
    let seat_of = |id: &str| {
        if !any_ledger {
            return Some(sale.told(id)[0].seat);
        }
        match sale.seats_of(id)[..] {
            [seat] => Some(seat),
            _ => None,
        }
    };
    let (mut oversold, mut oversold_seats, mut needs_a_reset) = (0, 0, false);
    for seat in 0..SEATS {
        let of_seat = sales.iter().filter(|id| seat_of(id) == Some(seat));
        let intervals: Vec<(usize, usize)> = of_seat
            .map(|id| {
                if any_ledger {
                    sale.epochs(id, seat)
                } else {
                    sale.told_epochs(sale.told(id)[0])
                }
            })
            .collect();
        // In an epoch that certainly began, and behind resets that may have happened.
        let sure = sale.times_on_sale(seat);
        let over = |times: &[(usize, usize)]| {
            intervals.len() - most_placed(&intervals, times, &mut vec![false; times.len()])
        };
        let unsure = sale.unsure_epochs(seat);
        let unsure = unsure.iter().map(|&epoch| (epoch, usize::MAX));
        let least = over(&sure.iter().copied().chain(unsure).collect::<Vec<_>>());
        needs_a_reset |= least < over(&sure);
        oversold += least as u64;
        oversold_seats += u64::from(least > 0);
    }
    let doubt = !any_ledger
        || needs_a_reset
        || !sale.all_whole(0)
        || sale.doubtful()
        || sales.iter().any(|id| buyers(sale, id) > 1)
        || sales.iter().any(|id| seat_of(id).is_none());
    Found {
        valid: match (oversold, doubt) {
            (1.., _) => Valid::False,
            (0, true) => Valid::Unknown,
            (0, false) => Valid::True,
        },
        confirmed: sales.len() as u64,
        oversold,
        oversold_seats,
    }
}

/// How many buyers rows and answers name under that sale_id.
fn buyers(sale: &Sale, id: &str) -> usize {
    let rows = sale.rows_of(id).into_iter().map(|row| row.buyer.clone());
    let told = sale.told(id).into_iter().map(|p| p.buyer.clone());
    rows.chain(told).collect::<BTreeSet<String>>().len()
}

/// How many sales can have a time on sale of their own, by trying everything.
fn most_placed(
    intervals: &[(usize, usize)],
    times: &[(usize, usize)],
    taken: &mut [bool],
) -> usize {
    let Some((&(first, last), rest)) = intervals.split_first() else {
        return 0;
    };
    let mut most = most_placed(rest, times, taken);
    for (at, &(began, ended)) in times.iter().enumerate() {
        if !taken[at] && first <= ended && began <= last {
            taken[at] = true;
            most = most.max(1 + most_placed(rest, times, taken));
            taken[at] = false;
        }
    }
    most
}
