//! Words and witnesses for a sale: who holds it, what made it, where it shows.
//! For people who want to look it up; nothing is decided here.

use indexmap::IndexMap;
use serde_json::Value;

use crate::ruling::Ruling;
use crate::sales::{NONE, Origin, Sales};
use crate::verdict::{Row, WITNESSES_MAX};
use crate::words;

/// What no sale's checker may call valid: a run cut short, and purchases that
/// went on while the evidence was being read.
///
/// One that ended in `info` before may be in the evidence or not. It may even take
/// effect after it: no reading could rule that out, so valid means of what was read.
pub(crate) fn doubt_the_run(sales: &Sales, ruling: &mut Ruling) {
    if sales.cut_short {
        ruling.doubt("the run was cut short: the history does not say that it ended");
    }
    let late = sales.late();
    if late > 0 {
        let late = words::count(late, "purchase");
        ruling.doubt(format!(
            "{late} not over when the evidence was asked for, which may not show what came of that"
        ));
    }
}

/// The buyers that the ledgers name for a sale; without a ledger, the one told of it.
pub(crate) fn holders(sales: &Sales, sale: u32) -> String {
    let mut buyers: Vec<u32> = sales.rows_of(sale).map(|(_, row)| row.buyer).collect();
    let purchase = sales.sales()[sale as usize].purchase;
    if buyers.is_empty() && purchase != NONE {
        buyers.push(sales.purchases()[purchase as usize].buyer);
    }
    buyers.sort_unstable();
    buyers.dedup();
    let names: Vec<String> = buyers.iter().map(|&buyer| sales.word(buyer)).collect();
    names.join(" or ")
}

/// Names of regions, one bit each: `us-east-1 and us-east-2`.
pub(crate) fn region_names(sales: &Sales, bits: u32) -> String {
    let named: Vec<&str> = sales
        .regions()
        .iter()
        .enumerate()
        .filter(|(at, _)| bits >> at & 1 == 1)
        .map(|(_, region)| region.name.as_str())
        .collect();
    words::list(named.iter(), named.len())
}

/// Which purchase made a sale: `event 4`.
pub(crate) fn origin(sales: &Sales, sale: u32) -> String {
    let event = |number: u32| sales.purchases()[number as usize].invocation;
    match sales.origin(sale) {
        Origin::Acknowledged(number) => format!("event {}", event(number)),
        Origin::Asked(number) if sales.purchases()[number as usize].sale == NONE => {
            format!("event {}, whose outcome nobody knows", event(number))
        }
        Origin::Asked(number) => format!("event {}, told of another sale", event(number)),
        Origin::Refused(invocation) => format!("event {invocation}, which failed"),
        Origin::Nobody => "no purchase asked for it".to_owned(),
    }
}

/// A sale in words: `b3 (sale 01JD…, event 4, in the ledger of us-east-1)`.
pub(crate) fn sale(sales: &Sales, sale: u32) -> String {
    let regions = sales.regions_of(sale);
    let ledger = match regions.count_ones() {
        0 => String::new(),
        1 => format!(", in the ledger of {}", region_names(sales, regions)),
        _ => format!(", in the ledgers of {}", region_names(sales, regions)),
    };
    let (holders, id) = (holders(sales, sale), sales.sale_id(sale));
    let origin = origin(sales, sale);
    format!("{holders} (sale {id}, {origin}{ledger})")
}

/// The invocation that made a sale, if there is one.
pub(crate) fn invocation(sales: &Sales, sale: u32) -> Option<u64> {
    match sales.origin(sale) {
        Origin::Acknowledged(number) | Origin::Asked(number) => {
            Some(u64::from(sales.purchases()[number as usize].invocation))
        }
        Origin::Refused(invocation) => Some(u64::from(invocation)),
        Origin::Nobody => None,
    }
}

/// The ledgers' rows of some sales, one more than a verdict keeps at most.
pub(crate) fn ledger_rows(sales: &Sales, all: impl Iterator<Item = u32>) -> Vec<Row> {
    let rows = all.flat_map(|sale| sales.rows_of(sale).map(move |row| (sale, row)));
    rows.take(WITNESSES_MAX + 1)
        .map(|(sale, (region, content))| {
            let mut row = IndexMap::from([
                ("sale_id".to_owned(), Value::from(sales.sale_id(sale))),
                ("key".to_owned(), sales.seat_json(content.seat)),
                ("buyer".to_owned(), Value::from(sales.word(content.buyer))),
            ]);
            if content.request != NONE {
                row.insert("request".to_owned(), sales.word(content.request).into());
            }
            row.extend(sales.other_fields(content));
            Row {
                region: sales.regions()[region as usize].name.clone(),
                table: "ledger".to_owned(),
                row,
            }
        })
        .collect()
}

/// The seats tables' rows of a seat.
pub(crate) fn seats_rows(sales: &Sales, seat: u32) -> Vec<Row> {
    let rows = sales.owners_of(seat).iter();
    rows.map(|row| {
        let owner = (row.owner != NONE).then(|| sales.word(row.owner));
        Row {
            region: sales.regions()[row.region as usize].name.clone(),
            table: "seats".to_owned(),
            row: IndexMap::from([
                ("key".to_owned(), sales.seat_json(seat)),
                ("owner".to_owned(), owner.into()),
            ]),
        }
    })
    .collect()
}
