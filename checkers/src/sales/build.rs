//! Filling the books, event by event. It keeps no event, and of a purchase that
//! failed only a fingerprint.

use std::hash::{DefaultHasher, Hash, Hasher};

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use witness_histories::{Event, Key, Kind, Process};

use super::evidence::Reading;
use super::payload::{self, Ask, Phase, Shown, Sold, Text};
use super::recorders::Recorders;
use super::{Content, Misanswer, Purchase, Region, Sale, Sales, Scoreboard, Seat};
use crate::checker::CheckError;
use crate::intern::{Full, NONE};

/// Regions of a run; a sale keeps one bit for each.
const REGIONS_MAX: usize = 32;

/// Fills [`Sales`].
#[derive(Debug, Default)]
pub(crate) struct SalesBuilder {
    pub(super) sales: Sales,
    open: HashMap<u64, Open, FixedState>,
    /// Emptied, to be filled again: asking allocates nothing.
    spare: Vec<Open>,
    failed: Failed,
    /// The seat of the last event.
    pub(super) seat: u32,
    /// The sale of the last row: tables are mostly read in the order of their sales.
    pub(super) row: u32,
    /// By region and recorder: how its ledger is being read.
    pub(super) readings: Vec<(u8, u16, Reading)>,
    pub(super) recorders: Recorders,
}

/// A purchase that has not completed.
#[derive(Debug, Default)]
struct Open {
    invocation: u32,
    seat: u32,
    epoch: u32,
    buyer: String,
    request: Option<String>,
}

/// Fingerprints of purchases that failed, and their invocations.
///
/// 12 bytes each, so that a ledger row which only a failed purchase explains can
/// be told from one that nobody asked for.
#[derive(Debug, Default)]
pub(super) struct Failed {
    fingerprints: Vec<u64>,
    invocations: Vec<u32>,
}

impl Failed {
    pub(super) fn fingerprint(seat: u32, buyer: &str) -> u64 {
        let mut hasher = DefaultHasher::new();
        (seat, buyer).hash(&mut hasher);
        hasher.finish()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, u32)> {
        let invocations = self.invocations.iter().copied();
        self.fingerprints.iter().copied().zip(invocations)
    }
}

impl SalesBuilder {
    /// Takes in an event; ignores those that are not of a sale.
    pub(crate) fn event(&mut self, event: &Event<'_>) -> Result<(), CheckError> {
        match &*event.f {
            "acquire" => self.acquire(event),
            "reset" => self.reset(event),
            "evidence" => self.evidence(event),
            "scoreboard" if event.kind == Kind::Ok => self.scoreboard(event),
            "phase" if event.kind == Kind::Ok => self.phase(event),
            _ => Ok(()),
        }
    }

    /// Whether anything so far shows that this is a sale.
    pub(crate) fn is_a_sale(&self) -> bool {
        self.sales.tally.asked > 0
            || self.sales.completed_before_evidence.is_some()
            || self.sales.regions.iter().any(|region| region.named)
    }

    /// Closes the books.
    pub(crate) fn finish(mut self, last: u64) -> Result<Sales, CheckError> {
        let mut open: Vec<Open> = self.open.drain().map(|(_, open)| open).collect();
        open.sort_unstable_by_key(|open| open.invocation);
        for open in &open {
            self.purchase(open, NONE)
                .map_err(|Full| too_many(last, "different names", u64::from(NONE)))?;
        }
        self.sales.cut_short = self.recorders.cut_short();
        if self.recorders.are_several() {
            self.forget_order();
        }
        self.sales.close(&self.failed);
        if self.recorders.are_several() {
            self.sales.mixed_requests = self.requests_are_mixed();
        }
        Ok(self.sales)
    }

    /// By how much clocks may be off more than they say.
    pub(crate) fn clock_uncertainty(&mut self, ns: u64) {
        self.recorders.uncertainty_ns = ns;
    }

    /// They cannot be believed: no purchase was certainly over before the evidence.
    pub(crate) fn disbelieve_clocks(&mut self) {
        self.recorders.are_disbelieved = true;
    }

    /// Where several recorders saw the sale, clocks tell which purchases were over before
    /// the evidence. A reset stands between the purchases of its recorder only: of each
    /// nobody knows when it happened, and of each purchase not in which epoch.
    fn forget_order(&mut self) {
        let sales = &mut self.sales;
        let over = (0..sales.purchases.len()).map(|number| self.recorders.was_over(number));
        sales.over = Some(over.collect());
        for seat in &mut sales.seats {
            seat.unsure = (1..=seat.resets.len() as u32).collect();
        }
        for purchase in &mut sales.purchases {
            purchase.invoked = 0;
            purchase.completed = sales.seats[purchase.seat as usize].resets.len() as u32;
        }
    }

    fn requests_are_mixed(&self) -> bool {
        let sales = &self.sales;
        let who = |number: u32| {
            let purchase = &sales.purchases[number as usize];
            (purchase.seat, purchase.buyer, purchase.request)
        };
        sales.asked.windows(2).any(|pair| {
            let [one, other] = [pair[0], pair[1]];
            who(one) == who(other)
                && sales.purchases[one as usize].request != NONE
                && !self.recorders.are_of_one([one, other])
        })
    }

    fn acquire(&mut self, event: &Event<'_>) -> Result<(), CheckError> {
        let Process::Client(process) = event.process else {
            let problem = format!("expected a client, not {}", event.process);
            return Err(payload::fault(event, "process".into(), &problem));
        };
        if event.kind == Kind::Invoke {
            return self.ask(event, process);
        }
        let Some(open) = self.open.remove(&process) else {
            let problem = format!("process {process} has no purchase open");
            return Err(payload::fault(event, "process".into(), &problem));
        };
        if event.kind != Kind::Fail {
            self.recorders.completed(self.sales.purchases.len(), event);
        }
        match event.kind {
            Kind::Ok => {
                let sold: Sold<'_> = payload::read(event, payload::SOLD)?;
                let sale = self.sale(event, &sold.sale_id, NONE)?;
                self.answer(&open, sale, &sold)
                    .map_err(|full| names(event, full))?;
                self.purchase(&open, sale)
                    .map_err(|full| names(event, full))?;
            }
            Kind::Fail => {
                self.sales.tally.failed += 1;
                let fingerprint = Failed::fingerprint(open.seat, &open.buyer);
                self.failed.fingerprints.push(fingerprint);
                self.failed.invocations.push(open.invocation);
            }
            _ => self
                .purchase(&open, NONE)
                .map_err(|full| names(event, full))?,
        }
        self.spare.push(open);
        Ok(())
    }

    fn ask(&mut self, event: &Event<'_>, process: u64) -> Result<(), CheckError> {
        let ask: Ask<'_> = payload::read(event, payload::ASK)?;
        let invocation = index(event)?;
        let seat = self.seat(event)?;
        self.sales.seats[seat as usize].on_sale = true;
        self.sales.tally.asked += 1;
        if let Some(region) = &event.region {
            let region = self.region(event, region)?;
            self.sales.regions[region as usize].asked_in = true;
        }
        let mut open = self.spare.pop().unwrap_or_default();
        open.invocation = invocation;
        open.seat = seat;
        open.epoch = self.epoch(seat);
        open.buyer.clear();
        open.buyer.push_str(&ask.buyer);
        open.request = ask.request.map(|request| request.0.into_owned());
        match self.open.insert(process, open) {
            None => Ok(()),
            Some(_) => {
                let problem = format!("process {process} has a purchase open already");
                Err(payload::fault(event, "process".into(), &problem))
            }
        }
    }

    /// Notes an answer that names another buyer or request than its question; it need
    /// not name them.
    fn answer(&mut self, open: &Open, sale: u32, sold: &Sold<'_>) -> Result<(), Full> {
        let buyer = sold.buyer.as_ref().filter(|buyer| buyer.0 != open.buyer);
        let asked = open.request.as_ref();
        let request = sold.request.as_ref();
        let request = request.filter(|request| asked.is_some_and(|asked| request.0 != *asked));
        if buyer.is_none() && request.is_none() {
            return Ok(());
        }
        let Sales {
            words, purchases, ..
        } = &mut self.sales;
        let mut intern =
            |text: Option<&Text<'_>>| text.map_or(Ok(NONE), |text| words.intern(&text.0, NONE));
        let answer = Misanswer {
            sale,
            purchase: purchases.len() as u32,
            buyer: intern(buyer)?,
            request: intern(request)?,
        };
        self.sales.misanswered.push(answer);
        Ok(())
    }

    /// Records a purchase that did not fail.
    fn purchase(&mut self, open: &Open, sale: u32) -> Result<(), Full> {
        let sales = &mut self.sales;
        let purchase = Purchase {
            invocation: open.invocation,
            seat: open.seat,
            buyer: sales.words.intern(&open.buyer, NONE)?,
            request: match &open.request {
                Some(request) => sales.words.intern(request, NONE)?,
                None => NONE,
            },
            sale,
            invoked: open.epoch,
            completed: sales.seats[open.seat as usize].resets.len() as u32,
        };
        let number = u32::try_from(sales.purchases.len()).map_err(|_| Full)?;
        sales.purchases.push(purchase);
        let Some(sale_told) = sales.sales.get_mut(sale as usize) else {
            sales.tally.indeterminate += 1;
            return Ok(());
        };
        if sale_told.purchase == NONE {
            sale_told.purchase = number;
        } else {
            let first = sales.purchases[sale_told.purchase as usize];
            let who = |p: &Purchase| (p.seat, p.buyer, p.request);
            // Without a request, each is a request of its own.
            if who(&first) != who(&purchase) || purchase.request == NONE {
                sales.shared.push((sale, number));
            }
        }
        Ok(())
    }

    fn reset(&mut self, event: &Event<'_>) -> Result<(), CheckError> {
        // A client's takes time, and purchases that run meanwhile may come before or
        // after it; Witness's stands between them.
        if event.process != Process::Witness {
            let problem = format!("expected witness, not {}", event.process);
            return Err(payload::fault(event, "process".into(), &problem));
        }
        if matches!(event.kind, Kind::Ok | Kind::Info) {
            let seat = self.seat(event)? as usize;
            let seat = &mut self.sales.seats[seat];
            seat.resets.push(index(event)?);
            seat.on_sale = true;
            if event.kind == Kind::Info {
                seat.unsure.push(seat.resets.len() as u32);
            }
        }
        Ok(())
    }

    fn scoreboard(&mut self, event: &Event<'_>) -> Result<(), CheckError> {
        let shown: Shown = payload::read(event, payload::SHOWN)?;
        let seat = self.seat(event)?;
        self.sales.seats[seat as usize].scoreboard = Some(Scoreboard {
            index: index(event)?,
            epoch: self.epoch(seat),
            confirmed: shown.confirmed,
            oversold: shown.oversold,
            completed: self.sales.purchases.len(),
        });
        self.sales.last_scoreboard = Some(seat);
        Ok(())
    }

    fn phase(&mut self, event: &Event<'_>) -> Result<(), CheckError> {
        let phase: Phase<'_> = payload::read(event, payload::PHASE)?;
        match &*phase.phase {
            "setup" => {
                self.recorders.phase(event, true, false);
                for region in &phase.regions {
                    let region = self.region(event, region)?;
                    self.sales.regions[region as usize].named = true;
                }
            }
            "end" => self.recorders.phase(event, false, true),
            _ => {}
        }
        Ok(())
    }

    fn epoch(&self, seat: u32) -> u32 {
        self.sales.seats[seat as usize].resets.len() as u32
    }

    /// The seat that an event is about.
    fn seat(&mut self, event: &Event<'_>) -> Result<u32, CheckError> {
        match &event.key {
            Some(key) => self.seat_of(event, key, self.seat),
            None => Err(payload::fault(event, "key".into(), "missing")),
        }
    }

    pub(super) fn seat_of(
        &mut self,
        event: &Event<'_>,
        key: &Key<'_>,
        likely: u32,
    ) -> Result<u32, CheckError> {
        let keys = &mut self.sales.keys;
        let seat = keys
            .intern(key, likely)
            .map_err(|full| names(event, full))?;
        self.seat = seat;
        if self.sales.seats.len() < keys.len() {
            self.sales.seats.push(Seat::default());
        }
        Ok(seat)
    }

    pub(super) fn sale(
        &mut self,
        event: &Event<'_>,
        sale_id: &str,
        likely: u32,
    ) -> Result<u32, CheckError> {
        let ids = &mut self.sales.sale_ids;
        let sale = ids
            .intern(sale_id, likely)
            .map_err(|full| names(event, full))?;
        if self.sales.sales.len() < ids.len() {
            self.sales.sales.push(Sale {
                content: Content {
                    seat: NONE,
                    buyer: NONE,
                    request: NONE,
                    extra: NONE,
                },
                regions: 0,
                purchase: NONE,
            });
        }
        Ok(sale)
    }

    pub(super) fn region(&mut self, event: &Event<'_>, name: &str) -> Result<u8, CheckError> {
        let regions = &mut self.sales.regions;
        if let Some(at) = regions.iter().position(|region| region.name == name) {
            return Ok(at as u8);
        }
        if regions.len() == REGIONS_MAX {
            return Err(too_many(event.index, "regions", REGIONS_MAX as u64));
        }
        regions.push(Region {
            name: name.to_owned(),
            ..Region::default()
        });
        Ok(regions.len() as u8 - 1)
    }
}

fn index(event: &Event<'_>) -> Result<u32, CheckError> {
    let max = u64::from(u32::MAX);
    u32::try_from(event.index).map_err(|_| too_many(event.index, "events", max))
}

pub(super) fn names(event: &Event<'_>, _: Full) -> CheckError {
    too_many(event.index, "different names", u64::from(NONE))
}

fn too_many(index: u64, what: &'static str, max: u64) -> CheckError {
    CheckError::TooMany { index, what, max }
}
