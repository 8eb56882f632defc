//! The anomalies of the ledgers, each from its definition.

use witness_checkers::Valid;

use super::sale::{LedgerRow, Purchase, Sale};
use super::scenario::{Outcome, SEATS};

pub struct Found {
    pub valid: Valid,
    /// Name and seat, sorted.
    pub anomalies: Vec<(&'static str, u8)>,
    pub hidden_sales: u64,
}

pub fn judge(sale: &Sale) -> Found {
    let mut anomalies = Vec::new();
    let mut doubt = !sale.all_whole(0) || !sale.all_whole(1) || sale.doubtful();
    let mut hidden_sales = 0;
    for id in sale.told_sales() {
        let told = sale.told(&id);
        let unlike = |p: &&Purchase| {
            (p.seat, &p.buyer, &p.request) != (told[0].seat, &told[0].buyer, &told[0].request)
                || (p.request.is_none() && p.invoked != told[0].invoked)
        };
        let misanswered = |p: &&Purchase| p.misanswered;
        if told.iter().any(|p| unlike(p) || misanswered(p)) && !conflicting(sale, &id) {
            anomalies.push(("conflicting-rows", told[0].seat));
        }
        if sale.rows_of(&id).is_empty() && sale.all_whole(0) && sale.settled(told[0]) {
            anomalies.push(("lost-sale", told[0].seat));
        }
    }
    let mut hidden_seats = Vec::new();
    for id in sale.recorded_sales() {
        let rows = sale.rows_of(&id);
        let seat = rows[0].seat;
        if sale.told(&id).is_empty() && sale.explaining_any(&id).is_empty() {
            anomalies.push(("phantom-sale", seat));
        }
        if sale.repeated.contains(&id) {
            anomalies.push(("duplicate-sale", seat));
        }
        if conflicting(sale, &id) {
            anomalies.push(("conflicting-rows", seat));
        }
        let lacks = |region: u8| {
            sale.seen[region as usize][0] > 1 && !rows.iter().any(|row| row.region == region)
        };
        if lacks(0) || lacks(1) {
            if over(sale, &id) {
                anomalies.push(("diverged-replicas", seat));
            } else {
                doubt = true;
            }
        }
        if hidden(sale, &id) {
            if !sale.unsure_epochs(seat).is_empty() {
                doubt = true;
            } else if over(sale, &id) {
                hidden_sales += 1;
                hidden_seats.push(seat);
            } else {
                doubt = true;
            }
        }
    }
    hidden_seats.sort_unstable();
    hidden_seats.dedup();
    anomalies.extend(
        hidden_seats
            .iter()
            .map(|&seat| ("hidden-by-last-writer-wins", seat)),
    );
    for seat in 0..SEATS {
        anomalies.extend(vec![("duplicate-sale", seat); duplicates(sale, seat)]);
        let owner = |region: u8| {
            let mut rows = sale
                .owners
                .iter()
                .filter(|row| (row.0, row.1) == (region, seat));
            rows.next_back().and_then(|row| row.2.clone())
        };
        if sale.seen[0][1] > 1 && sale.seen[1][1] > 1 && owner(0) != owner(1) {
            let mut of_seat = sale.purchases.iter().filter(|p| p.seat == seat && made(p));
            if of_seat.all(|p| sale.settled(p)) && sale.unsure_epochs(seat).is_empty() {
                anomalies.push(("diverged-replicas", seat));
            } else {
                doubt = true;
            }
        }
        for owner in [owner(0), owner(1)].into_iter().flatten() {
            let sold = |row: &LedgerRow| (row.seat, &row.buyer) == (seat, &owner);
            doubt |= sale.all_whole(0) && !sale.rows.iter().any(sold);
        }
    }
    anomalies.sort_unstable();
    Found {
        valid: match (anomalies.is_empty(), doubt) {
            (false, _) => Valid::False,
            (true, true) => Valid::Unknown,
            (true, false) => Valid::True,
        },
        anomalies,
        hidden_sales,
    }
}

/// Whether it may have made a sale.
fn made(purchase: &Purchase) -> bool {
    matches!(
        purchase.outcome,
        Outcome::Ok | Outcome::Info | Outcome::Open
    )
}

/// Whether the rows of a sale differ from each other, or from what the first buyer was told.
fn conflicting(sale: &Sale, id: &str) -> bool {
    let rows = sale.rows_of(id);
    rows.iter().any(|row| {
        let other = |other: &&LedgerRow| {
            (other.seat, &other.buyer, &other.request) != (row.seat, &row.buyer, &row.request)
        };
        let unlike_told = |told: &&Purchase| {
            (told.seat, &told.buyer) != (row.seat, &row.buyer)
                || (told.request.is_some() && row.request.is_some() && told.request != row.request)
        };
        rows.iter().any(other) || sale.told(id).first().is_some_and(unlike_told)
    })
}

/// Whether nothing more can come of whatever made the sale.
fn over(sale: &Sale, id: &str) -> bool {
    match sale.told(id).first() {
        Some(told) => sale.settled(told),
        None => sale.explaining_any(id).iter().all(|p| sale.settled(p)),
    }
}

/// Whether a sale of a seat's last time on sale is shown by no seats table, though
/// some show the seat, or all were seen.
fn hidden(sale: &Sale, id: &str) -> bool {
    let [seat] = sale.seats_of(id)[..] else {
        return false;
    };
    let rows = sale.rows_of(id);
    let mut owners = sale
        .owners
        .iter()
        .filter(|owner| owner.1 == seat)
        .peekable();
    let shown = |owner: &(u8, u8, Option<String>)| {
        rows.iter().any(|row| Some(&row.buyer) == owner.2.as_ref())
    };
    let on_sale = sale.purchases.iter().any(|p| p.seat == seat) || sale.last_epoch(seat) > 0;
    (owners.peek().is_some() || (on_sale && sale.all_whole(1)))
        && !owners.any(shown)
        && sale.epochs(id, seat).0 >= sale.times_on_sale(seat).last().unwrap().0
}

/// How many requests for the seat were sold more than once.
fn duplicates(sale: &Sale, seat: u8) -> usize {
    let mut buyers: Vec<&String> = sale.rows.iter().map(|row| &row.buyer).collect();
    buyers.sort();
    buyers.dedup();
    let mut found = 0;
    for buyer in buyers {
        let asked = sale
            .purchases
            .iter()
            .filter(|p| p.seat == seat && &p.buyer == buyer && made(p));
        let mut requests: Vec<Option<&String>> = asked.map(|p| p.request.as_ref()).collect();
        requests.sort();
        let nameless = requests.iter().filter(|request| request.is_none()).count();
        requests.dedup();
        let named: Vec<&String> = requests.into_iter().flatten().collect();
        // Sales that are certainly of that seat to that buyer.
        let ids = sale
            .recorded_sales()
            .into_iter()
            .filter(|id| !conflicting(sale, id));
        let rows: Vec<LedgerRow> = ids
            .map(|id| sale.rows_of(&id)[0].clone())
            .filter(|row| {
                row.seat == seat && &row.buyer == buyer && !sale.explaining(row).is_empty()
            })
            .collect();
        let own = |request: &String| {
            rows.iter()
                .filter(|row| row.request.as_ref() == Some(request))
                .count()
        };
        found += named.iter().filter(|request| own(request) > 1).count();
        let rest = rows.len() - named.iter().map(|request| own(request)).sum::<usize>();
        let allowed = nameless + named.iter().filter(|request| own(request) == 0).count();
        found += usize::from(rest > allowed);
    }
    found
}
