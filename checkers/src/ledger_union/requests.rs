//! What was sold more than once, by what the ledgers hold: a request under several
//! sale_ids, or one sale_id in several rows of one ledger.

use super::DUPLICATE;
use super::ledgers::disagrees;
use crate::ruling::Ruling;
use crate::sales::{NONE, Sales};
use crate::testimony;
use crate::verdict::Anomaly;
use crate::words;

pub(super) fn check(sales: &Sales, ruling: &mut Ruling) {
    for of_sale in sales.repeated().chunk_by(|a, b| a.0 == b.0) {
        ruling.anomaly(DUPLICATE, || repeated(sales, of_sale));
    }
    if sales.mixed_requests {
        ruling
            .doubt("several recorders have requests of one name: nobody can tell whose a sale is");
        return;
    }
    let row = |number: u32| sales.sales()[number as usize].content;
    let who = |number: u32| (row(number).seat, row(number).buyer);
    for sold in sales.recorded().chunk_by(|&a, &b| who(a) == who(b)) {
        if sold.len() > 1 {
            // Whose a sale is must be certain: one at odds with itself may be another's.
            let certain = sold.iter().filter(|&&number| !disagrees(sales, number));
            of_buyer(sales, &certain.copied().collect::<Vec<u32>>(), ruling);
        }
    }
}

/// One sale, in the same ledger more than once.
fn repeated(sales: &Sales, of_sale: &[(u32, u8)]) -> Anomaly {
    let sale = of_sale[0].0;
    let regions = of_sale
        .iter()
        .fold(0, |bits, (_, region)| bits | 1 << region);
    let seat = sales.sales()[sale as usize].content.seat;
    Anomaly {
        name: DUPLICATE.to_owned(),
        key: Some(sales.seat_json(seat)),
        explanation: format!(
            "{} was sold to {}, and one reading of the ledger of {} shows that sale more than once.",
            sales.seat_name(seat),
            testimony::sale(sales, sale),
            testimony::region_names(sales, regions),
        ),
        operations: testimony::invocation(sales, sale).into_iter().collect(),
        rows: testimony::ledger_rows(sales, std::iter::once(sale)),
        cycle: None,
    }
}

/// The sales of one seat to one buyer.
fn of_buyer(sales: &Sales, sold: &[u32], ruling: &mut Ruling) {
    let row = |number: u32| sales.sales()[number as usize].content;
    let Some(&first) = sold.first() else {
        return;
    };
    let asked = sales.asked_for(row(first).seat, row(first).buyer);
    let mut requests: Vec<u32> = asked
        .iter()
        .map(|&purchase| sales.purchases()[purchase as usize].request)
        .collect();
    // A purchase without a request is a request of its own.
    let nameless = requests.iter().filter(|&&request| request == NONE).count();
    requests.dedup();
    requests.retain(|&request| request != NONE);
    let mut rest = Vec::new();
    let made = nameless + requests.len();
    let mut allowed = made;
    for of_request in sold.chunk_by(|&a, &b| row(a).request == row(b).request) {
        if requests.contains(&row(of_request[0]).request) {
            allowed -= 1;
            report(sales, of_request, 1, ruling);
        } else {
            rest.extend(of_request.iter().copied());
        }
    }
    // What nobody asked for is a phantom, not a duplicate.
    rest.retain(|&number| sales.explaining(row(number)).next().is_some());
    if rest.len() > allowed {
        // Together with those that name their request: all sales to all requests.
        let of_requests = |number: &u32| requests.contains(&row(*number).request);
        rest.extend(sold.iter().filter(|number| of_requests(number)));
        rest.sort_unstable();
        report(sales, &rest, made, ruling);
    }
}

fn report(sales: &Sales, sold: &[u32], allowed: usize, ruling: &mut Ruling) {
    if sold.len() <= allowed {
        return;
    }
    ruling.anomaly(DUPLICATE, || {
        let content = sales.sales()[sold[0] as usize].content;
        let asked = sales.asked_for(content.seat, content.buyer).iter();
        let invocation = |&number: &u32| u64::from(sales.purchases()[number as usize].invocation);
        let operations: Vec<u64> = asked.map(invocation).collect();
        let events = operations.iter().map(u64::to_string);
        let events = words::list(events, operations.len());
        let event = if operations.len() == 1 { "event" } else { "events" };
        let requests = words::count(allowed as u64, "request");
        let ids = sold.iter().map(|&number| {
            let regions = testimony::region_names(sales, sales.regions_of(number));
            format!("{} (in {regions})", sales.sale_id(number))
        });
        let explanation = format!(
            "{} made {requests} for {} ({event} {events}), but the ledgers hold {} sales of it to them: {}.",
            sales.word(content.buyer),
            sales.seat_name(content.seat),
            sold.len(),
            words::list(ids, sold.len()),
        );
        Anomaly {
            name: DUPLICATE.to_owned(),
            key: Some(sales.seat_json(content.seat)),
            explanation,
            operations,
            rows: testimony::ledger_rows(sales, sold.iter().copied()),
            cycle: None,
        }
    });
}
