//! At most one acquisition per seat: no seat is sold twice while it is on sale once.
//!
//! **Property.** In every epoch of a seat (from the start, and from each `reset`) at
//! most one sale of it was committed. A linearizable sale has this property, but not
//! every history that has it is linearizable: the full check is another checker.
//!
//! **Evidence.** A sale counts if its row is in the ledger of any region: the union, by
//! sale_id. A client's `ok` does not count: it is the application's word, and what it
//! was wrong about is for `ledger-union` to say. The seats table cannot show two
//! owners, so it does not count either. Without any ledger, the completions are all
//! there is; they can show a violation (by the application's own word) and nothing
//! else.
//!
//! **Sound.** A violation stands whatever a purchase of unknown outcome did, whenever
//! an unexplained row was written, and whatever was not seen: more rows only add sales,
//! or show that one is corrupt. What is counted as oversold is the least that any
//! explanation leaves (see `acquisitions`). A sale whose rows disagree about the seat
//! counts for none, and is a doubt. So is a sale_id under which rows, or answers, name
//! several buyers: a corrupt row or a false answer makes one acquisition look like two,
//! and two that share a sale_id look like one; that it is wrong is for `ledger-union` to
//! say, which of the two it is nobody can. And so is a seat that was sold twice unless a `reset`
//! of which nobody knows (`info`) happened in between.
//! **Complete.** Valid is said only if every region's ledger was seen whole and the run
//! ended; then no sale is missing but of purchases whose outcome nobody knows.

use crate::acquisitions::{Acquisitions, Oversold, Source};
use crate::checker::{Checker, Need, Options};
use crate::digest::Digest;
use crate::ruling::Ruling;
use crate::sales::Sales;
use crate::testimony;
use crate::verdict::{Anomaly, Valid, Verdict};
use crate::words;

pub(crate) struct AtMostOneAcquisition;

impl Checker for AtMostOneAcquisition {
    fn name(&self) -> &'static str {
        "at-most-one-acquisition"
    }

    fn about(&self) -> &'static str {
        "no seat is sold twice while it is on sale once (necessary for linearizability)"
    }

    fn property(&self) -> &'static str {
        "at-most-one-acquisition-per-seat"
    }

    fn needs(&self) -> &'static [Need] {
        &[Need::Sales]
    }

    fn applies(&self, digest: &Digest) -> bool {
        digest.sales().is_a_sale()
    }

    fn check(&self, digest: &Digest, _: &Options) -> Verdict {
        let sales = digest.sales();
        let mut ruling = Ruling::new(self, digest);
        let source = if sales.any_ledger() {
            Source::Ledgers
        } else {
            Source::Completions
        };
        let found = Acquisitions::count(sales, source);
        ruling.scope("seats", sales.seats_on_sale());
        ruling.scope("operations", sales.tally.asked);
        ruling.count("confirmed", found.confirmed);
        ruling.count("oversold", found.oversold);
        ruling.count("oversold_seats", found.seats.len() as u64);
        ruling.count(DOUBLE, 0);
        for seat in &found.seats {
            report(sales, seat, source, &mut ruling);
        }
        match source {
            Source::Ledgers => sales.ledger_gaps().into_iter().for_each(|gap| ruling.doubt(gap)),
            Source::Completions => ruling.doubt(
                "no ledger was read: judged by what clients were told, which can show a violation but never its absence",
            ),
        }
        if !found.unsure.is_empty() {
            let names = found.unsure.iter().map(|&seat| sales.seat_name(seat));
            let seats = words::count(found.unsure.len() as u64, "seat");
            ruling.doubt(format!(
                "{seats} sold too often unless put back on sale by a reset of which nobody knows whether it happened: {}",
                words::list(names, found.unsure.len())
            ));
        }
        if found.seatless > 0 {
            let sales = words::count(found.seatless, "sale");
            ruling.doubt(format!(
                "{sales} counted for no seat: the ledgers disagree about which"
            ));
        }
        let several = sales.of_several_buyers();
        if several > 0 {
            let several = words::count(several, "sale");
            ruling.doubt(format!(
                "{several} counted once, though ledgers or answers name more than one buyer under the same sale_id"
            ));
        }
        testimony::doubt_the_run(sales, &mut ruling);
        let operations = words::count(sales.tally.asked, "purchase");
        let seats = words::count(sales.seats_on_sale(), "seat");
        let mut verdict = ruling.conclude("Linearizable ✓", |valid, doubt| match valid {
            Valid::True => format!("at most one acquisition per seat: {seats}, {operations}"),
            Valid::Unknown => format!(
                "at most one acquisition per seat: none oversold that could be seen; {}",
                doubt.unwrap_or_default()
            ),
            Valid::False => oversold(sales, &found, source),
        });
        if verdict.valid == Valid::True {
            verdict.notes.push(
                "decided: at most one acquisition per seat, which is necessary for linearizability, not sufficient".to_owned(),
            );
        }
        verdict
    }
}

const DOUBLE: &str = "double-acquisition";

/// `2 seats oversold: A1 by 7 and A2 by 23`.
fn oversold(sales: &Sales, found: &Acquisitions, source: Source) -> String {
    let seats = found.seats.iter();
    let seats = seats.map(|seat| format!("{} by {}", sales.seat_name(seat.seat), seat.by));
    let number = words::count(found.seats.len() as u64, "seat");
    let list = words::list(seats, found.seats.len());
    let told = match source {
        Source::Ledgers => "",
        Source::Completions => ", by what buyers were told",
    };
    format!("{number} oversold: {list}{told}")
}

/// One anomaly for every epoch that certainly had two sales; if only the epochs
/// together are too few, one for the seat. After a reset of which nobody knows no
/// epoch is certain.
fn report(sales: &Sales, oversold: &Oversold, source: Source, ruling: &mut Ruling) {
    let seat = &sales.seats()[oversold.seat as usize];
    let certain = |epoch: &u32| seat.unsure.first().is_none_or(|unsure| epoch < unsure);
    let mut dated: Vec<(u32, u32)> = oversold
        .sales
        .iter()
        .filter_map(|&(sale, epochs)| Some((epochs.only().filter(certain)?, sale)))
        .collect();
    dated.sort_unstable();
    let mut shown = 0;
    for epoch in dated.chunk_by(|(a, _), (b, _)| a == b) {
        if epoch.len() > 1 {
            shown += epoch.len() as u64 - 1;
            let acquired = epoch.iter().map(|&(_, sale)| sale);
            let when = since(sales, oversold.seat, epoch[0].0);
            ruling.anomaly(DOUBLE, || {
                anomaly(sales, oversold.seat, source, acquired, &when)
            });
        }
    }
    if shown < oversold.by {
        let acquired = oversold.sales.iter().map(|&(sale, _)| sale);
        let epochs = 1 + seat.resets.len();
        ruling.anomaly(DOUBLE, || {
            let at_most = if seat.unsure.is_empty() {
                ""
            } else {
                "at most "
            };
            let when = match epochs {
                1 => String::new(),
                _ => format!(" while it was on sale {at_most}{epochs} times"),
            };
            anomaly(sales, oversold.seat, source, acquired, &when)
        });
    }
}

/// Which time on sale: nothing for the first of one, or when it began.
fn since(sales: &Sales, seat: u32, epoch: u32) -> String {
    let resets = &sales.seats()[seat as usize].resets;
    match (resets.first(), epoch.checked_sub(1)) {
        (None, _) => String::new(),
        (Some(first), None) => format!(" before it was first put back on sale (event {first})"),
        (Some(_), Some(reset)) => {
            let reset = resets[reset as usize];
            format!(" after it was put back on sale at event {reset}")
        }
    }
}

fn anomaly(
    sales: &Sales,
    seat: u32,
    source: Source,
    acquired: impl ExactSizeIterator<Item = u32> + Clone,
    when: &str,
) -> Anomaly {
    let name = sales.seat_name(seat);
    let number = acquired.len();
    let told = match source {
        Source::Ledgers => "",
        Source::Completions => ", by what buyers were told,",
    };
    let when = match when {
        "" => " while it was on sale once",
        when => when,
    };
    let holders = words::long_list(
        acquired.clone().map(|sale| testimony::sale(sales, sale)),
        number,
    );
    Anomaly {
        name: DOUBLE.to_owned(),
        key: Some(sales.seat_json(seat)),
        explanation: format!(
            "{name} was{told} sold {number} times{when}: to {holders}. No order of the purchases explains that."
        ),
        operations: acquired
            .clone()
            .filter_map(|sale| testimony::invocation(sales, sale))
            .collect(),
        rows: testimony::ledger_rows(sales, acquired),
        cycle: None,
    }
}
