//! The scoreboard beside the ledger, counted by hand.

use witness_checkers::Valid;

use super::sale::Sale;
use super::scenario::Outcome;

/// The verdict on the seat of the last scoreboard.
pub fn judge(sale: &Sale) -> Valid {
    let Some(&(index, seat, confirmed, oversold)) = sale.scoreboards.last() else {
        return Valid::Unknown;
    };
    let epoch = sale.epoch(seat, index);
    let time = sale.time_on_sale(seat, epoch);
    let (mut held, mut sure, mut belated, mut maybe) = (0, 0, 0, 0);
    for id in sale.recorded_sales() {
        if !sale.seats_of(&id).contains(&seat) {
            continue;
        }
        let (first, last) = sale.epochs(&id, seat);
        let asked = sale.told(&id).is_empty() && !sale.explaining_any(&id).is_empty();
        let unanswered = match sale.told(&id).first() {
            Some(told) => told.completed.unwrap() > index,
            None => sale
                .explaining_any(&id)
                .iter()
                .any(|p| matches!(p.outcome, Outcome::Info | Outcome::Open)),
        };
        if sale.seats_of(&id).len() > 1 {
            maybe += 1;
        } else if !sale.unsure_epochs(seat).is_empty() {
            let (began, ended) = sale.times_on_sale(seat)[time];
            maybe += u64::from(first <= ended && began <= last);
        } else if (first, last) == (epoch, epoch) {
            held += 1;
            sure += u64::from(!unanswered);
        } else if asked && first == epoch {
            held += 1;
        } else if first <= epoch && epoch <= last {
            if asked {
                belated += 1;
            } else {
                maybe += 1;
            }
        }
    }
    // Told of, but too late for the evidence.
    let mut unseen: Vec<&String> = sale
        .purchases
        .iter()
        .filter(|p| {
            p.outcome == Outcome::Ok
                && p.seat == seat
                && p.completed.unwrap() < index
                && sale.time_on_sale(seat, sale.epoch(seat, p.completed.unwrap())) == time
        })
        .filter_map(|p| p.sale.as_ref())
        .filter(|id| sale.rows_of(id).is_empty() && !sale.settled(sale.told(id)[0]))
        .collect();
    unseen.sort();
    unseen.dedup();
    let most = if sale.all_whole(0) {
        held + belated + maybe + unseen.len() as u64
    } else {
        u64::MAX
    };
    let possible = sure <= confirmed && confirmed <= most;
    if !possible || oversold != confirmed.saturating_sub(1) {
        Valid::False
    } else if confirmed != held || maybe > 0 || !sale.all_whole(0) || sale.doubtful() {
        Valid::Unknown
    } else {
        Valid::True
    }
}
