//! Filling the books with evidence: rows of ledgers and seats tables, as each
//! region's committed state showed them.

use std::collections::BTreeMap;

use foldhash::fast::FixedState;
use hashbrown::HashSet;
use witness_histories::{Event, Kind};

use super::build::{SalesBuilder, names};
use super::payload::{self, Page, TableRow};
use super::recorders::Turn;
use super::{Content, Owner, Seen, Variant};
use crate::checker::CheckError;
use crate::intern::NONE;

/// One reading of a ledger, from its first row to its last or to an error.
///
/// A row that comes twice in one reading is in the ledger twice; a later reading
/// shows every row again.
#[derive(Debug, Default)]
pub(super) struct Reading {
    /// The sale of its first row.
    first: Option<u32>,
    /// It is over: the next row begins another.
    over: bool,
    /// What it showed, if it is not the first one of its ledger; of that, the sales
    /// know.
    shown: Option<HashSet<u32, FixedState>>,
}

impl Reading {
    /// Notes a row; whether it came before in this reading. `known` tells of all
    /// readings.
    fn again(&mut self, sale: u32, known: bool) -> bool {
        match &mut self.shown {
            None => known,
            Some(shown) => !shown.insert(sale),
        }
    }

    /// The first of a recorder that is named: others may be reading the same ledger.
    fn apart() -> Self {
        let mut reading = Reading::default();
        reading.restart();
        reading
    }

    /// Begins anew.
    fn restart(&mut self) {
        *self = Reading {
            shown: Some(HashSet::default()),
            ..Reading::default()
        };
    }
}

impl SalesBuilder {
    /// Takes in what a read of committed state returned, or that it failed.
    pub(super) fn evidence(&mut self, event: &Event<'_>) -> Result<(), CheckError> {
        let completed = self.sales.purchases.len();
        self.sales
            .completed_before_evidence
            .get_or_insert(completed);
        if event.kind == Kind::Invoke {
            return Ok(());
        }
        let Some(region) = &event.region else {
            // Without a region nothing was seen of any, which is what counts.
            if event.kind != Kind::Ok {
                return Ok(());
            }
            return Err(payload::fault(event, "region".into(), "missing"));
        };
        let region = self.region(event, region)?;
        let turn = self.recorders.reading(region, completed, event);
        if turn == Turn::Newer {
            // What the reading of another recorder showed of the ledger stays: it was there.
            let seen = &mut self.sales.regions[region as usize];
            (seen.ledger, seen.seats) = (Seen::Nothing, Seen::Nothing);
            seen.unread = None;
            self.sales.owners.retain(|owner| owner.region != region);
        }
        if event.kind != Kind::Ok {
            let why = event.error.as_ref().map_or_else(
                || "it could not be read".to_owned(),
                |error| format!("{}: {}", error.class, error.message),
            );
            if turn != Turn::Older {
                self.sales.regions[region as usize].unread = Some(why);
            }
            // What comes next is another attempt.
            let reading = self.reading(event, region);
            self.readings[reading].2.over = true;
            return Ok(());
        }
        let page: Page<'_> = payload::read(event, payload::PAGE)?;
        let ledger = match &*page.table {
            "ledger" => true,
            "seats" if turn == Turn::Older => return Ok(()),
            "seats" => false,
            _ => return Ok(()),
        };
        if ledger {
            payload::rows(event, &page, payload::LEDGER, &mut |at, row| {
                self.ledger_row(event, region, at, row)
            })?;
        } else {
            payload::rows(event, &page, payload::SEATS, &mut |at, row| {
                self.seats_row(event, region, at, row)
            })?;
        }
        if ledger && page.last {
            let reading = self.reading(event, region);
            self.readings[reading].2.over = true;
        }
        if turn == Turn::Older {
            return Ok(());
        }
        let region = &mut self.sales.regions[region as usize];
        let seen = if ledger {
            &mut region.ledger
        } else {
            &mut region.seats
        };
        if page.last {
            *seen = Seen::Whole;
        } else if *seen == Seen::Nothing {
            *seen = Seen::Part;
        }
        Ok(())
    }

    /// Where the reading of a region's ledger is that an event belongs to.
    fn reading(&mut self, event: &Event<'_>, region: u8) -> usize {
        let recorder = self.recorders.when(event).recorder;
        let is_it = |&(of, by, _): &(u8, u16, Reading)| (of, by) == (region, recorder);
        self.readings.iter().position(is_it).unwrap_or_else(|| {
            let reading = match event.recorder() {
                Some(_) => Reading::apart(),
                None => Reading::default(),
            };
            self.readings.push((region, recorder, reading));
            self.readings.len() - 1
        })
    }

    fn ledger_row(
        &mut self,
        event: &Event<'_>,
        region: u8,
        at: usize,
        mut row: TableRow<'_>,
    ) -> Result<(), CheckError> {
        let missing = |field| {
            let field = format!("value.rows[{at}].{field}");
            payload::fault(event, field, "missing")
        };
        let key = row.key.take().ok_or_else(|| missing("key"))?;
        let buyer = row.buyer.take().ok_or_else(|| missing("buyer"))?;
        let sale_id = row.sale_id.take().ok_or_else(|| missing("sale_id"))?;
        let sale = self.sale(event, &sale_id, self.row.wrapping_add(1))?;
        self.row = sale;
        let likely = self.likely(sale);
        let seat = self.seat_of(event, &key, likely.seat)?;
        let sales = &mut self.sales;
        let mut intern = |text: &str, likely| {
            let words = &mut sales.words;
            words
                .intern(text, likely)
                .map_err(|full| names(event, full))
        };
        let content = Content {
            seat,
            buyer: intern(&buyer, likely.buyer)?,
            request: match &row.request {
                Some(request) => intern(request, likely.request)?,
                None => NONE,
            },
            extra: match other_fields(row) {
                Some(extra) => intern(&extra, likely.extra)?,
                None => NONE,
            },
        };
        let reading = self.reading(event, region);
        let reading = &mut self.readings[reading].2;
        let sales = &mut self.sales;
        if reading.over {
            reading.restart();
        } else if at == 0 && reading.first == Some(sale) {
            sales.tally.restarts += 1;
            reading.restart();
        }
        reading.first.get_or_insert(sale);
        let sale_row = &mut sales.sales[sale as usize];
        if sale_row.regions == 0 {
            sale_row.content = content;
        }
        let known = sale_row.regions >> region & 1 == 1;
        if sale_row.content != content {
            sales.variants.push(Variant {
                sale,
                region,
                content,
            });
        } else if reading.again(sale, known) {
            sales.repeated.push((sale, region));
        } else {
            sale_row.regions |= 1 << region;
            sales.tally.reread_rows += u64::from(known);
        }
        Ok(())
    }

    fn seats_row(
        &mut self,
        event: &Event<'_>,
        region: u8,
        at: usize,
        row: TableRow<'_>,
    ) -> Result<(), CheckError> {
        let missing = |field| {
            let field = format!("value.rows[{at}].{field}");
            payload::fault(event, field, "missing")
        };
        let key = row.key.as_ref().ok_or_else(|| missing("key"))?;
        let status = row.status.as_ref().ok_or_else(|| missing("status"))?;
        let seat = self.seat_of(event, key, self.seat.wrapping_add(1))?;
        // An owner left over from before the seat was put back does not own it.
        let owner = match &row.owner {
            Some(owner) if status != "available" => {
                let words = &mut self.sales.words;
                words
                    .intern(owner, NONE)
                    .map_err(|full| names(event, full))?
            }
            _ => NONE,
        };
        self.sales.owners.push(Owner {
            seat,
            region,
            owner,
        });
        Ok(())
    }

    /// What a row of that sale probably says: what its buyer or another region said.
    fn likely(&self, sale: u32) -> Content {
        let sale = &self.sales.sales[sale as usize];
        match self.sales.purchase(sale.purchase) {
            Some(purchase) if sale.regions == 0 => Content {
                seat: purchase.seat,
                buyer: purchase.buyer,
                request: purchase.request,
                extra: NONE,
            },
            _ => sale.content,
        }
    }
}

/// A row's fields that have no place of their own, as JSON with sorted names.
fn other_fields(row: TableRow<'_>) -> Option<String> {
    let extra = row.extra.into_iter();
    let mut fields: BTreeMap<_, _> = extra
        .map(|(name, raw)| (name, payload::lenient(raw)))
        .collect();
    for value in fields.values_mut() {
        value.sort_all_objects();
    }
    // Maps with text for names always serialise.
    (!fields.is_empty()).then(|| serde_json::to_string(&fields).unwrap_or_default())
}
