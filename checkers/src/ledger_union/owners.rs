//! The seats tables against the ledgers: sales that the tables hide, tables that
//! differ, and owners without a sale.

use std::collections::BTreeSet;

use super::ledgers::surely_over;
use super::{DIVERGED, HIDDEN, HIDDEN_SALES};
use crate::ruling::Ruling;
use crate::sales::{Content, NONE, Region, Sales};
use crate::testimony;
use crate::verdict::Anomaly;
use crate::words;

pub(super) fn check(sales: &Sales, ruling: &mut Ruling) {
    let whole = sales.whole(|region: &Region| region.seats);
    let hidden = hidden(sales, ruling);
    for of_seat in hidden.chunk_by(|a, b| a.0 == b.0) {
        ruling.count(HIDDEN_SALES, of_seat.len() as u64);
        let seat = of_seat[0].0;
        ruling.anomaly(HIDDEN, || hidden_anomaly(sales, seat, of_seat));
    }
    let busy = busy_seats(sales);
    let ledgers_whole = sales.ledger_gaps().is_empty();
    let variants: BTreeSet<(u32, u32)> =
        sales.variants().map(|row| (row.seat, row.buyer)).collect();
    let sold = |seat, buyer| sales.recorded_to(seat, buyer) || variants.contains(&(seat, buyer));
    let (mut landing, mut unrecorded) = (0, Vec::new());
    for seat in 0..sales.seats().len() as u32 {
        let mut owners = [NONE; 32];
        for row in sales.owners_of(seat) {
            owners[row.region as usize] = row.owner;
        }
        let seen = (0..32).filter(|region| whole >> region & 1 == 1);
        let mut seen = seen.map(|region| owners[region]);
        let first = seen.next();
        if seen.any(|owner| Some(owner) != first) {
            if busy[seat as usize] {
                landing += 1;
            } else {
                ruling.anomaly(DIVERGED, || diverged_anomaly(sales, seat));
            }
        }
        let owns = |owner: u32| owner != NONE && ledgers_whole && !sold(seat, owner);
        if owners.into_iter().any(owns) {
            unrecorded.push(seat);
        }
    }
    if landing > 0 {
        let landing = words::count(landing, "seat");
        ruling.doubt(format!(
            "{landing} not with the same owner in every region, and wanted by purchases or put back on sale by resets whose outcome nobody knows: a write may have landed while the evidence was read"
        ));
    }
    if !unrecorded.is_empty() {
        let names = unrecorded.iter().map(|&seat| sales.seat_name(seat));
        let seats = words::count(unrecorded.len() as u64, "seat");
        ruling.doubt(format!(
            "{seats} owned, by the seats table, by a buyer to whom no ledger has it sold: {}",
            words::list(names, unrecorded.len())
        ));
    }
}

/// Sales that were certainly made since their seat was last put on sale, and whose
/// buyer no seats table shows; sorted by seat. A reset of which nobody knows may have
/// come after any of them.
fn hidden(sales: &Sales, ruling: &mut Ruling) -> Vec<(u32, u32)> {
    let all_seen = sales.seats_gaps().is_empty();
    let (mut hidden, mut landing, mut reset) = (Vec::new(), 0, 0);
    for &number in sales.recorded() {
        let Some(seat) = sales.seat_of(number) else {
            continue;
        };
        let owners = sales.owners_of(seat);
        let shown = |(_, row): (u8, Content)| owners.iter().any(|owner| owner.owner == row.buyer);
        let of_seat = &sales.seats()[seat as usize];
        let last = of_seat.certain(of_seat.resets.len() as u32);
        // A seat that no table has may be in one that was not seen, or never was on sale.
        if (owners.is_empty() && !(all_seen && of_seat.on_sale))
            || sales.rows_of(number).any(shown)
            || of_seat.certain(sales.epochs(number, seat).first) != last
        {
            continue;
        }
        if !of_seat.unsure.is_empty() {
            reset += 1;
        } else if surely_over(sales, number) {
            hidden.push((seat, number));
        } else {
            landing += 1;
        }
    }
    if landing > 0 {
        let landing = words::count(landing, "sale");
        ruling.doubt(format!(
            "{landing} not shown by the seats table, by purchases whose outcome nobody knows: a write may have landed while the evidence was read"
        ));
    }
    if reset > 0 {
        let reset = words::count(reset, "sale");
        ruling.doubt(format!(
            "{reset} not shown by the seats table, of seats that may have been put back on sale since by a reset of which nobody knows"
        ));
    }
    hidden.sort_unstable();
    hidden
}

/// By seat: whether a purchase, or a reset, may still be changing it while the
/// evidence is read.
fn busy_seats(sales: &Sales) -> Vec<bool> {
    let unsure = sales.seats().iter().map(|seat| !seat.unsure.is_empty());
    let mut busy: Vec<bool> = unsure.collect();
    for (number, purchase) in (0u32..).zip(sales.purchases()) {
        busy[purchase.seat as usize] |= !sales.settled(number);
    }
    busy
}

fn hidden_anomaly(sales: &Sales, seat: u32, hidden: &[(u32, u32)]) -> Anomaly {
    let all = hidden.iter().map(|&(_, number)| number);
    let number = words::count(hidden.len() as u64, "more sale");
    let sold = all.clone().map(|number| testimony::sale(sales, number));
    let explanation = format!(
        "{}, but the ledgers hold {number} of it: to {}.",
        words::sentence(&owner_of(sales, seat)),
        words::long_list(sold, hidden.len()),
    );
    let mut rows = testimony::seats_rows(sales, seat);
    rows.extend(testimony::ledger_rows(sales, all.clone()));
    Anomaly {
        name: HIDDEN.to_owned(),
        key: Some(sales.seat_json(seat)),
        explanation,
        operations: all
            .filter_map(|number| testimony::invocation(sales, number))
            .collect(),
        rows,
        cycle: None,
    }
}

/// `the seats tables of us-east-1 and us-east-2 show b3 as the owner of A1`.
fn owner_of(sales: &Sales, seat: u32) -> String {
    let mut rows = sales.owners_of(seat).to_vec();
    rows.sort_by_key(|row| row.owner);
    let name = sales.seat_name(seat);
    if rows.is_empty() {
        return format!("no seats table has {name}");
    }
    let shown = rows.chunk_by(|a, b| a.owner == b.owner).map(|rows| {
        let regions = rows.iter().fold(0, |bits, row| bits | 1 << row.region);
        let regions = testimony::region_names(sales, regions);
        let (tables, show) = match rows.len() {
            1 => ("seats table", "shows"),
            _ => ("seats tables", "show"),
        };
        match rows[0].owner {
            NONE => format!("the {tables} of {regions} {show} {name} as available"),
            owner => {
                let owner = sales.word(owner);
                format!("the {tables} of {regions} {show} {owner} as the owner of {name}")
            }
        }
    });
    shown.collect::<Vec<_>>().join(", ")
}

fn diverged_anomaly(sales: &Sales, seat: u32) -> Anomaly {
    let name = sales.seat_name(seat);
    let whole = sales.whole(|region: &Region| region.seats);
    let shown: Vec<String> = (0..32u8)
        .filter(|region| whole >> region & 1 == 1)
        .map(|region| {
            let row = sales
                .owners_of(seat)
                .iter()
                .find(|row| row.region == region);
            let region = testimony::region_names(sales, 1 << region);
            match row.map(|row| row.owner) {
                None => format!("that of {region} does not have it"),
                Some(NONE) => format!("that of {region} shows it as available"),
                Some(owner) => format!("that of {region} shows {}", sales.word(owner)),
            }
        })
        .collect();
    Anomaly {
        name: DIVERGED.to_owned(),
        key: Some(sales.seat_json(seat)),
        explanation: format!(
            "The seats tables do not agree on the owner of {name}: {}.",
            words::list(shown.iter(), shown.len())
        ),
        operations: sales
            .asked_of(seat)
            .map(|p| u64::from(p.invocation))
            .collect(),
        rows: testimony::seats_rows(sales, seat),
        cycle: None,
    }
}
