//! The scoreboard's number beside the ledger's, for the same scope.
//!
//! **Property.** For the seat in focus (`--seat`; else the seat of the last
//! scoreboard), what its last scoreboard showed is what the union of the ledgers holds
//! of that seat, for the same time on sale: as many sales, and as many oversold. The
//! number of the whole floor is printed beside them, because that is the one they are
//! mistaken for: a seat's zero says nothing of the floor.
//!
//! A scoreboard counts what buyers were told; a ledger what was committed. The sale of
//! a purchase whose outcome nobody knows, or that was confirmed after the scoreboard,
//! may be in the ledger and rightly not on the scoreboard: if such sales make up the
//! difference, the verdict is unknown, and says so. Such a sale counts for the time on
//! sale in which it was asked for, though it may have been made in a later one; one
//! that nobody asked for belongs to any, and leaves a doubt. So does every sale of a
//! seat with a reset of which nobody knows: the scoreboard may have begun anew at it or
//! not, and the seat at any time since.
//!
//! A history of several recorders is not judged: each scoreboard counts the buyers of its
//! recorder, and the ledgers hold the sales of all.
//!
//! **Sound.** Violated only if no such explanation can make the numbers equal, and,
//! where a ledger was not seen whole, only if it has too many already.
//! **Complete.** Valid only if all ledgers were seen whole and both numbers are equal.

use crate::acquisitions::{Acquisitions, Source};
use crate::checker::{Checker, Need, Options};
use crate::digest::Digest;
use crate::ruling::Ruling;
use crate::sales::{NONE, Origin, Sales, Scoreboard};
use crate::testimony;
use crate::verdict::{Anomaly, Valid, Verdict};
use crate::words;

pub(crate) struct ReconciledScope;

const MISMATCH: &str = "scope-mismatch";

impl Checker for ReconciledScope {
    fn name(&self) -> &'static str {
        "reconciled-scope"
    }

    fn about(&self) -> &'static str {
        "a seat's scoreboard and its ledger, compared for the same scope, beside the whole floor"
    }

    fn property(&self) -> &'static str {
        "scoreboard-equals-ledger-for-the-same-seat"
    }

    fn needs(&self) -> &'static [Need] {
        &[Need::Sales]
    }

    fn applies(&self, digest: &Digest) -> bool {
        let sales = digest.sales();
        sales.last_scoreboard.is_some() && !sales.has_several_recorders()
    }

    fn check(&self, digest: &Digest, options: &Options) -> Verdict {
        let sales = digest.sales();
        let mut ruling = Ruling::new(self, digest);
        if sales.has_several_recorders() {
            return ruling.refuse(
                "the history is of several recorders, and a scoreboard counts the buyers of one",
            );
        }
        let focus = match &options.focus {
            Some(printed) => sales.seat_named(printed),
            None => sales.last_scoreboard,
        };
        if let Some(seat) = focus {
            ruling.scope("focus", sales.seat_json(seat));
        } else if let Some(printed) = &options.focus {
            ruling.scope("focus", printed.as_str());
        }
        ruling.scope("seats", sales.seats_on_sale());
        ruling.scope("operations", sales.tally.asked);
        let floor = Acquisitions::count(sales, Source::Ledgers).oversold;
        let gaps = sales.ledger_gaps();
        let shown = focus.and_then(|seat| Some((seat, sales.seats()[seat as usize].scoreboard?)));
        let mut line = String::new();
        match (shown, focus, &options.focus) {
            (Some((seat, scoreboard)), ..) => {
                let books = Books::of(sales, seat, scoreboard);
                line = books.line(sales, floor);
                books.decide(sales, &mut ruling, gaps.is_empty());
            }
            (None, Some(seat), _) => {
                let seat = sales.seat_name(seat);
                ruling.doubt(format!("no scoreboard was recorded for seat {seat}"));
            }
            (None, None, Some(printed)) => {
                ruling.doubt(format!("seat {printed} does not appear in this history"));
            }
            (None, None, None) => ruling.doubt("no scoreboard was recorded"),
        }
        ruling.count("floor_oversold", floor);
        for gap in gaps {
            ruling.doubt(gap);
        }
        testimony::doubt_the_run(sales, &mut ruling);
        ruling.conclude("Scope reconciled ✓", |valid, doubt| {
            match (valid, doubt) {
                (Valid::Unknown, Some(doubt)) if line.is_empty() => doubt.to_owned(),
                (Valid::Unknown, Some(doubt)) => format!("{line}; {doubt}"),
                _ => line,
            }
        })
    }
}

/// One seat, one time on sale: what was shown, told and committed.
struct Books {
    seat: u32,
    shown: Scoreboard,
    /// Sales in the ledgers that belong to that time.
    ledger: Vec<u32>,
    /// How many of `ledger` were certainly made in that time, and rightly counted.
    sure: u64,
    /// How many of `ledger` the scoreboard rightly could not count.
    untold: u64,
    /// Sales in the ledgers that were asked for earlier, but may have been made in that time.
    belated: u64,
    /// Sales in the ledgers that may belong to that time or to another.
    undated: u64,
    /// Sales that buyers were told of before the scoreboard.
    told: Vec<u32>,
    /// Of `told`: what the evidence may rightly lack, being confirmed after it.
    unseen: u64,
}

impl Books {
    /// O(n) in sales and purchases.
    fn of(sales: &Sales, seat: u32, shown: Scoreboard) -> Self {
        let mut books = Books {
            seat,
            shown,
            ledger: Vec::new(),
            sure: 0,
            untold: 0,
            belated: 0,
            undated: 0,
            told: Vec::new(),
            unseen: 0,
        };
        let of_seat = &sales.seats()[seat as usize];
        let unsure = !of_seat.unsure.is_empty();
        let same_time = |epoch| of_seat.certain(epoch) == of_seat.certain(shown.epoch);
        for &sale in sales.recorded() {
            if sales.seat_of(sale).is_none() {
                let maybe = sales.rows_of(sale).any(|(_, row)| row.seat == seat);
                books.undated += u64::from(maybe);
                continue;
            }
            if sales.seat_of(sale) != Some(seat) {
                continue;
            }
            let epochs = sales.epochs(sale, seat);
            let asked = matches!(sales.origin(sale), Origin::Asked(_));
            let certain = epochs.only() == Some(shown.epoch);
            if unsure {
                let shown = of_seat.certain(shown.epoch);
                let first = of_seat.certain(epochs.first);
                let maybe = first <= shown && shown <= of_seat.certain(epochs.last);
                books.undated += u64::from(maybe);
            } else if certain || (asked && epochs.first == shown.epoch) {
                let untold = books.rightly_untold(sales, sale);
                books.untold += u64::from(untold);
                books.sure += u64::from(certain && !untold);
                books.ledger.push(sale);
            } else if epochs.first <= shown.epoch && shown.epoch <= epochs.last {
                books.belated += u64::from(asked);
                books.undated += u64::from(!asked);
            }
        }
        let before = sales.purchases().iter().take(shown.completed);
        books.told = before
            .filter(|purchase| purchase.seat == seat && same_time(purchase.completed))
            .map(|purchase| purchase.sale)
            .filter(|&sale| sale != NONE)
            .collect();
        books.told.sort_unstable();
        books.told.dedup();
        books.ledger.sort_unstable();
        let unseen = books.told.iter().filter(|&&sale| {
            let sale = &sales.sales()[sale as usize];
            !sale.recorded() && !sales.settled(sale.purchase)
        });
        books.unseen = unseen.count() as u64;
        books
    }

    fn rightly_untold(&self, sales: &Sales, sale: u32) -> bool {
        match sales.origin(sale) {
            Origin::Acknowledged(purchase) => purchase as usize >= self.shown.completed,
            Origin::Asked(_) => sales
                .rows_of(sale)
                .flat_map(|(_, row)| sales.explaining(row))
                .any(|purchase| sales.purchases()[purchase as usize].sale == NONE),
            Origin::Refused(_) | Origin::Nobody => false,
        }
    }

    fn ledger_oversold(&self) -> u64 {
        (self.ledger.len() as u64).saturating_sub(1)
    }

    /// `seat A4: scoreboard 0, ledger 0 · whole floor 0`: sales beyond one.
    fn line(&self, sales: &Sales, floor: u64) -> String {
        let seat = sales.seat_name(self.seat);
        let (shown, held) = (self.shown.oversold, self.ledger_oversold());
        let (confirmed, recorded) = (self.shown.confirmed, self.ledger.len() as u64);
        // The same number oversold of different numbers sold would look reconciled.
        let (a, b) = if shown == held && confirmed != recorded {
            (
                format!(" ({confirmed} sold)"),
                format!(" ({recorded} sold)"),
            )
        } else {
            (String::new(), String::new())
        };
        format!("seat {seat}: scoreboard {shown}{a}, ledger {held}{b} · whole floor {floor}")
    }

    fn decide(&self, sales: &Sales, ruling: &mut Ruling, seen_whole: bool) {
        let held = self.ledger.len() as u64;
        ruling.count("scoreboard_confirmed", self.shown.confirmed);
        ruling.count("scoreboard_oversold", self.shown.oversold);
        ruling.count("ledger_confirmed", held);
        ruling.count("ledger_oversold", self.ledger_oversold());
        ruling.count(MISMATCH, 0);
        let (confirmed, oversold) = (self.shown.confirmed, self.shown.oversold);
        let consistent = oversold == confirmed.saturating_sub(1);
        let most = if seen_whole {
            held + self.belated + self.undated + self.unseen
        } else {
            u64::MAX
        };
        if !consistent || confirmed < self.sure || confirmed > most {
            ruling.anomaly(MISMATCH, || self.mismatch(sales, consistent));
        } else if confirmed != held || self.undated > 0 {
            ruling.doubt(format!("they may differ by {}", self.reasons()));
        }
    }

    /// In the ledgers but not told, and told but not in the ledgers.
    fn differing(&self) -> (Vec<u32>, Vec<u32>) {
        let without = |all: &[u32], others: &[u32]| {
            let differ = all
                .iter()
                .filter(|sale| others.binary_search(sale).is_err());
            differ.copied().collect()
        };
        (
            without(&self.ledger, &self.told),
            without(&self.told, &self.ledger),
        )
    }

    /// Why the two numbers may differ, in words; nothing if the sales are the same.
    fn reasons(&self) -> String {
        let (unheard, unrecorded) = self.differing();
        let mut reasons = Vec::new();
        if self.untold > 0 {
            let untold = words::count(self.untold, "sale");
            reasons.push(format!(
                "{untold} in the ledger by purchases that had no answer when the scoreboard was read"
            ));
        }
        let unheard = unheard.len() as u64;
        if unheard > self.untold {
            let wrong = words::count(unheard - self.untold, "sale");
            reasons.push(format!("{wrong} in the ledger that no buyer was told of"));
        }
        if !unrecorded.is_empty() {
            let unrecorded = words::count(unrecorded.len() as u64, "sale");
            reasons.push(format!("{unrecorded} that buyers were told of and the ledger does not hold for this seat and time"));
        }
        if self.belated + self.undated > 0 {
            let undated = words::count(self.belated + self.undated, "sale");
            reasons.push(format!(
                "{undated} in the ledger that may belong to this time on sale or to another"
            ));
        }
        let told = self.told.len() as u64;
        if told != self.shown.confirmed {
            reasons.push(format!(
                "the scoreboard counts {}, but buyers were told of {told}",
                words::count(self.shown.confirmed, "sale")
            ));
        }
        reasons.join("; ")
    }

    fn mismatch(&self, sales: &Sales, consistent: bool) -> Anomaly {
        let (unheard, unrecorded) = self.differing();
        let held = self.ledger.len() as u64;
        let seat = sales.seat_name(self.seat);
        let mut explanation = format!(
            "The scoreboard of {seat} (event {}) shows {}, {} oversold; the ledgers hold {} for the same time on sale, {} oversold.",
            self.shown.index,
            words::count(self.shown.confirmed, "sale"),
            self.shown.oversold,
            words::count(held, "sale"),
            self.ledger_oversold(),
        );
        let reasons = self.reasons();
        if !reasons.is_empty() {
            explanation.push_str(&format!(" They differ by {reasons}."));
        }
        if !consistent {
            explanation
                .push_str(" The scoreboard contradicts itself: of n sales, n - 1 are oversold.");
        }
        let differing = || unheard.iter().chain(&unrecorded).copied();
        // If no sale differs, those that were counted wrongly are the witness.
        let witnesses: Vec<u32> = match differing().next() {
            Some(_) => differing().collect(),
            None => self.ledger.clone(),
        };
        Anomaly {
            name: MISMATCH.to_owned(),
            key: Some(sales.seat_json(self.seat)),
            explanation,
            operations: witnesses
                .iter()
                .filter_map(|&sale| testimony::invocation(sales, sale))
                .collect(),
            rows: testimony::ledger_rows(sales, witnesses.into_iter()),
            cycle: None,
        }
    }
}
