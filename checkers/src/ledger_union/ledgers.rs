//! Sale by sale: lost, phantom, conflicting and diverged. One pass; what concerns
//! several sales of a buyer or the seats table is elsewhere.

use super::{CONFLICTING, DIVERGED, LOST, PHANTOM};
use crate::ruling::Ruling;
use crate::sales::{Content, Misanswer, NONE, Origin, Purchase, Region, Sales};
use crate::testimony;
use crate::verdict::Anomaly;
use crate::words;

pub(super) fn check(sales: &Sales, ruling: &mut Ruling) {
    let all_seen = sales.ledger_gaps().is_empty();
    let whole = sales.whole(|region: &Region| region.ledger);
    let mut landing = 0;
    for (number, sale) in (0u32..).zip(sales.sales()) {
        if !sale.recorded() {
            if all_seen && sales.settled(sale.purchase) {
                ruling.anomaly(LOST, || lost(sales, number));
            }
            continue;
        }
        let origin = sales.origin(number);
        if matches!(origin, Origin::Refused(_) | Origin::Nobody) {
            ruling.anomaly(PHANTOM, || phantom(sales, number, origin));
        }
        if disagrees(sales, number) {
            ruling.anomaly(CONFLICTING, || conflicting(sales, number));
        }
        let lacking = whole & !sales.regions_of(number);
        if lacking != 0 {
            if surely_over(sales, number) {
                ruling.anomaly(DIVERGED, || diverged(sales, number, lacking));
            } else {
                landing += 1;
            }
        }
    }
    if landing > 0 {
        let landing = words::count(landing, "sale");
        ruling.doubt(format!(
            "{landing} not in every ledger, by purchases whose outcome nobody knows: a write may have landed while the evidence was read"
        ));
    }
    // Those with rows at odds were reported above.
    let reported = |sale: u32| sales.sales()[sale as usize].recorded() && disagrees(sales, sale);
    for of_sale in sales.shared().chunk_by(|a, b| a.0 == b.0) {
        let (sale, purchase) = of_sale[0];
        if !reported(sale) {
            ruling.anomaly(CONFLICTING, || shared(sales, sale, purchase));
        }
    }
    let told_twice = |sale| {
        sales
            .shared()
            .binary_search_by_key(&sale, |&(sale, _)| sale)
    };
    for of_sale in sales.misanswered().chunk_by(|a, b| a.sale == b.sale) {
        let answer = of_sale[0];
        if !reported(answer.sale) && told_twice(answer.sale).is_err() {
            ruling.anomaly(CONFLICTING, || misanswered(sales, answer));
        }
    }
}

/// Whether nothing more can come of the purchases that can have made this sale.
pub(super) fn surely_over(sales: &Sales, sale: u32) -> bool {
    match sales.origin(sale) {
        Origin::Acknowledged(purchase) => sales.settled(purchase),
        Origin::Asked(_) => sales
            .rows_of(sale)
            .flat_map(|(_, content)| sales.explaining(content))
            .all(|purchase| sales.settled(purchase)),
        Origin::Refused(_) | Origin::Nobody => true,
    }
}

/// Whether rows of one sale_id differ, among each other or from what was acknowledged.
pub(super) fn disagrees(sales: &Sales, number: u32) -> bool {
    let sale = &sales.sales()[number as usize];
    sales.variants_of(number).next().is_some()
        || sales.purchase(sale.purchase).is_some_and(|purchase| {
            let row = sale.content;
            (row.seat, row.buyer) != (purchase.seat, purchase.buyer)
                || (row.request != purchase.request
                    && row.request != NONE
                    && purchase.request != NONE)
        })
}

fn anomaly(sales: &Sales, name: &str, sale: u32, seat: u32, explanation: String) -> Anomaly {
    Anomaly {
        name: name.to_owned(),
        key: Some(sales.seat_json(seat)),
        explanation,
        operations: testimony::invocation(sales, sale).into_iter().collect(),
        rows: testimony::ledger_rows(sales, std::iter::once(sale)),
        cycle: None,
    }
}

fn lost(sales: &Sales, number: u32) -> Anomaly {
    let purchase = sales.purchases()[sales.sales()[number as usize].purchase as usize];
    let explanation = format!(
        "{} was told that {} is sold to them as {} (event {}), but no region's ledger has that sale.",
        sales.word(purchase.buyer),
        sales.seat_name(purchase.seat),
        sales.sale_id(number),
        purchase.invocation,
    );
    anomaly(sales, LOST, number, purchase.seat, explanation)
}

fn phantom(sales: &Sales, number: u32, origin: Origin) -> Anomaly {
    let content = sales.sales()[number as usize].content;
    let (buyer, seat) = (
        testimony::holders(sales, number),
        sales.seat_name(content.seat),
    );
    let regions = testimony::region_names(sales, sales.regions_of(number));
    let why = match origin {
        Origin::Refused(invocation) => {
            format!("their purchase, event {invocation}, failed and so cannot have made it")
        }
        _ => "no purchase of that seat by that buyer was ever asked for".to_owned(),
    };
    let explanation = format!(
        "Sale {} of {seat} to {buyer} is in the ledger of {regions}, but {why}.",
        sales.sale_id(number)
    );
    anomaly(sales, PHANTOM, number, content.seat, explanation)
}

fn conflicting(sales: &Sales, number: u32) -> Anomaly {
    let id = sales.sale_id(number);
    let mut said: Vec<String> = sales
        .rows_of(number)
        .map(|(region, row)| {
            let region = testimony::region_names(sales, 1 << region);
            let (seat, buyer) = (sales.seat_name(row.seat), sales.word(row.buyer));
            format!(
                "the ledger of {region} has {seat} sold to {buyer}{}",
                details(sales, row)
            )
        })
        .collect();
    let content = sales.sales()[number as usize].content;
    if let Some(purchase) = sales.purchase(sales.sales()[number as usize].purchase) {
        let (seat, buyer) = (sales.seat_name(purchase.seat), sales.word(purchase.buyer));
        let request = request(sales, purchase.request);
        let event = purchase.invocation;
        said.insert(
            0,
            format!("{buyer} was told of {seat}{request} (event {event})"),
        );
    }
    let said = words::list(said.iter(), said.len());
    let explanation = format!("Sale {id} is not one and the same: {said}.");
    anomaly(sales, CONFLICTING, number, content.seat, explanation)
}

fn details(sales: &Sales, row: Content) -> String {
    let mut text = request(sales, row.request);
    for (name, value) in sales.other_fields(row) {
        text.push_str(&format!(", {name} {value}"));
    }
    text
}

fn request(sales: &Sales, request: u32) -> String {
    match request {
        NONE => String::new(),
        _ => format!(" by request {}", sales.word(request)),
    }
}

fn shared(sales: &Sales, sale: u32, second: u32) -> Anomaly {
    let first = sales.purchases()[sales.sales()[sale as usize].purchase as usize];
    let second = sales.purchases()[second as usize];
    let told = |p: Purchase| {
        let (seat, buyer) = (sales.seat_name(p.seat), sales.word(p.buyer));
        format!(
            "{buyer} of {seat}{} (event {})",
            request(sales, p.request),
            p.invocation
        )
    };
    let id = sales.sale_id(sale);
    let explanation = format!(
        "Sale {id} was acknowledged to two requests: {} and {}.",
        told(first),
        told(second)
    );
    let mut anomaly = anomaly(sales, CONFLICTING, sale, first.seat, explanation);
    anomaly.operations.push(u64::from(second.invocation));
    anomaly
}

fn misanswered(sales: &Sales, answer: Misanswer) -> Anomaly {
    let purchase = sales.purchases()[answer.purchase as usize];
    let named = |named: u32, asked: u32| if named == NONE { asked } else { named };
    let who = |buyer: u32, of_request: u32| {
        let buyer = sales.word(buyer);
        format!("{buyer}{}", request(sales, of_request))
    };
    let explanation = format!(
        "{} asked for {} (event {}), but the answer, sale {}, is to {}.",
        who(purchase.buyer, purchase.request),
        sales.seat_name(purchase.seat),
        purchase.invocation,
        sales.sale_id(answer.sale),
        who(
            named(answer.buyer, purchase.buyer),
            named(answer.request, purchase.request)
        ),
    );
    let mut anomaly = anomaly(sales, CONFLICTING, answer.sale, purchase.seat, explanation);
    anomaly.operations = vec![u64::from(purchase.invocation)];
    anomaly
}

fn diverged(sales: &Sales, number: u32, lacking: u32) -> Anomaly {
    let content = sales.sales()[number as usize].content;
    let explanation = format!(
        "{} was sold to {}, but the ledger of {} does not have that sale.",
        sales.seat_name(content.seat),
        testimony::sale(sales, number),
        testimony::region_names(sales, lacking),
    );
    anomaly(sales, DIVERGED, number, content.seat, explanation)
}
