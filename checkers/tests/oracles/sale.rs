//! What a scenario comes to: a history in plain structs, and the same in JSON.

use serde_json::{Value, json};

use super::scenario::{Outcome, REGIONS, SEATS, Scenario, Step, Twist};

/// What a client did, as it shows in the history.
#[derive(Debug, Clone)]
pub struct Purchase {
    pub invoked: usize,
    /// Index of the ok or info; none if open.
    pub completed: Option<usize>,
    pub seat: u8,
    pub buyer: String,
    pub request: Option<String>,
    pub outcome: Outcome,
    pub sale: Option<String>,
    /// If it is answered, then as another buyer.
    pub misanswered: bool,
}

#[derive(Debug, Clone)]
pub struct Reset {
    pub index: usize,
    pub seat: u8,
    /// Nobody knows whether it happened.
    pub info: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LedgerRow {
    pub region: u8,
    pub sale: String,
    pub seat: u8,
    pub buyer: String,
    pub request: Option<String>,
}

/// A history in plain structs, for oracles; `events` says the same in JSON.
#[derive(Debug, Clone, Default)]
pub struct Sale {
    pub events: Vec<Value>,
    pub purchases: Vec<Purchase>,
    pub resets: Vec<Reset>,
    /// Event index, seat, confirmed, oversold.
    pub scoreboards: Vec<(usize, u8, u64, u64)>,
    pub rows: Vec<LedgerRow>,
    /// Sales whose first row a ledger has twice.
    pub repeated: Vec<String>,
    /// Region, seat, owner.
    pub owners: Vec<(u8, u8, Option<String>)>,
    pub seen: [[u8; 2]; 2],
    pub began: bool,
    pub ended: bool,
    /// Index of the first evidence event.
    pub evidence: Option<usize>,
}

pub fn seat_name(seat: u8) -> String {
    format!("A{seat}")
}

impl Scenario {
    /// Plays the scenario.
    pub fn play(&self) -> Sale {
        let mut sale = Sale {
            seen: self.seen,
            ..Sale::default()
        };
        if self.phases.0 {
            sale.began = true;
            sale.note(
                "phase",
                None,
                None,
                json!({"phase":"setup","regions":["r0","r1"]}),
            );
        }
        let mut late = Vec::new();
        let mut free = [true; SEATS as usize];
        for (number, step) in self.steps.iter().enumerate() {
            match step.clone() {
                Step::Buy {
                    seat,
                    buyer,
                    request,
                    outcome,
                    late: is_late,
                    ledgers,
                    twist,
                } => {
                    let buyer = buyer.map_or_else(|| format!("own{number}"), |b| format!("b{b}"));
                    let request = request.map(|r| format!("q{r}"));
                    let outcome = match outcome {
                        Outcome::Fair if free[seat as usize] => Outcome::Ok,
                        Outcome::Fair => Outcome::Fail,
                        other => other,
                    };
                    let at = sale.invoke(number, seat, buyer, request, outcome);
                    sale.purchases[at].misanswered = twist == Twist::OtherAnswer;
                    // What ends in info took effect if it was the turn of even numbers.
                    let takes_effect = match outcome {
                        Outcome::Ok => true,
                        Outcome::Fail => twist == Twist::SharedId,
                        _ => number % 2 == 0 && (free[seat as usize] || ledgers != 3),
                    };
                    if takes_effect {
                        free[seat as usize] = false;
                        sale.write(at, number, ledgers, twist);
                    }
                    if is_late {
                        late.push((at, number));
                    } else {
                        sale.complete(at, number);
                    }
                }
                Step::Reset { seat, info } => {
                    let at = sale.events.len();
                    sale.note("reset", None, Some(seat), json!({}));
                    if info {
                        sale.events[at]["type"] = json!("info");
                    }
                    sale.resets.push(Reset {
                        index: at,
                        seat,
                        info,
                    });
                    free[seat as usize] = true;
                }
                Step::Scoreboard { seat, wrong } => sale.scoreboard(seat, wrong),
            }
        }
        if !self.evidence_early {
            late.drain(..)
                .for_each(|(at, number)| sale.complete(at, number));
        }
        for (number, (seat, buyer, regions)) in self.phantoms.iter().enumerate() {
            let content = (format!("ghost{number}"), *seat, format!("b{buyer}"), None);
            sale.row(content, *regions);
        }
        self.evidence(&mut sale);
        late.drain(..)
            .for_each(|(at, number)| sale.complete(at, number));
        if let Some((seat, outcome)) = self.after {
            let number = self.steps.len();
            let at = sale.invoke(number, seat, "latecomer".to_owned(), None, outcome);
            sale.purchases[at].sale = (outcome == Outcome::Ok).then(|| "late".to_owned());
            sale.complete(at, number);
        }
        if self.phases.1 {
            sale.ended = true;
            sale.note("phase", None, None, json!({"phase":"end"}));
        }
        sale
    }

    fn evidence(&self, sale: &mut Sale) {
        for region in 0..REGIONS {
            let [ledger, seats] = self.seen[region as usize];
            if ledger > 0 {
                let rows = sale.rows.iter().filter(|row| row.region == region);
                let mut rows: Vec<LedgerRow> = rows.cloned().collect();
                let twice = self.repeat.filter(|repeat| repeat.0 == region);
                let twice = twice.and_then(|(_, at)| rows.get(usize::from(at)).cloned());
                rows.extend(twice.clone());
                let json: Vec<Value> = rows.iter().map(LedgerRow::json).collect();
                sale.table(region, "ledger", json.clone(), ledger > 1);
                if self.reread && ledger > 1 {
                    sale.table(region, "ledger", json, true);
                }
                if let Some(twice) = twice {
                    // One that differs from the first is a conflict already.
                    let first = sale.rows_of(&twice.sale)[0];
                    let like = |row: &LedgerRow| (row.seat, row.buyer.clone(), row.request.clone());
                    if like(first) == like(&twice) {
                        sale.repeated.push(twice.sale);
                    }
                }
            } else {
                sale.rows.retain(|row| row.region != region);
            }
            if seats > 0 {
                let mut rows = Vec::new();
                for seat in 0..SEATS {
                    let resets = sale.resets.iter().filter(|reset| reset.seat == seat);
                    let since = resets.map(|reset| reset.index).max().unwrap_or(0);
                    let mut sold = sale
                        .purchases
                        .iter()
                        .filter(|p| p.seat == seat && p.sale.is_some() && p.invoked >= since);
                    let owner = match self.owners[region as usize][seat as usize] {
                        3 => continue,
                        0 => None,
                        1 => sold.next(),
                        _ => sold.next_back(),
                    };
                    let owner = owner.map(|purchase| purchase.buyer.clone());
                    let status = if owner.is_some() { "sold" } else { "available" };
                    rows.push(json!({"key":seat_name(seat),"status":status,"owner":owner}));
                    sale.owners.push((region, seat, owner));
                }
                sale.table(region, "seats", rows, seats > 1);
            }
        }
    }
}

type Content = (String, u8, String, Option<String>);

impl Sale {
    fn event(&mut self, mut event: Value) -> usize {
        let index = self.events.len();
        event["index"] = json!(index);
        event["time"] = json!(index);
        self.events.push(event);
        index
    }

    fn note(&mut self, f: &str, region: Option<u8>, seat: Option<u8>, value: Value) {
        let mut event = json!({"type":"ok","process":"witness","f":f,"value":value});
        if let Some(region) = region {
            event["region"] = json!(format!("r{region}"));
        }
        if let Some(seat) = seat {
            event["key"] = json!(seat_name(seat));
        }
        self.event(event);
    }

    fn invoke(
        &mut self,
        number: usize,
        seat: u8,
        buyer: String,
        request: Option<String>,
        outcome: Outcome,
    ) -> usize {
        let mut value = json!({"buyer":buyer});
        if let Some(request) = &request {
            value["request"] = json!(request);
        }
        let region = format!("r{}", number % REGIONS as usize);
        let invoked = self.event(json!({
            "type":"invoke","process":number,"region":region,"f":"acquire",
            "key":seat_name(seat),"value":value,
        }));
        self.purchases.push(Purchase {
            invoked,
            completed: None,
            seat,
            buyer,
            request,
            outcome,
            sale: None,
            misanswered: false,
        });
        self.purchases.len() - 1
    }

    /// Writes what a purchase wrote to the ledgers.
    fn write(&mut self, at: usize, number: usize, ledgers: u8, twist: Twist) {
        let purchase = self.purchases[at].clone();
        // A request sent again is told of its first sale, if that succeeded.
        let same = |other: &&Purchase| {
            other.request.is_some()
                && (&other.buyer, &other.request, other.seat)
                    == (&purchase.buyer, &purchase.request, purchase.seat)
        };
        let earlier = self.purchases[..at].iter().filter(same);
        let earlier = earlier.filter_map(|other| other.sale.clone()).next();
        let before = self.purchases[..at]
            .iter()
            .rev()
            .find_map(|p| p.sale.clone());
        let sale = match (twist, earlier, before) {
            (Twist::SharedId, _, Some(sale)) => sale,
            (Twist::None | Twist::OtherAnswer, Some(sale), _) => sale,
            _ => format!("s{number}"),
        };
        self.purchases[at].sale = Some(sale.clone());
        let Purchase {
            seat,
            buyer,
            request,
            ..
        } = purchase;
        // Some ledgers do not keep the request.
        let request = request.filter(|_| !number.is_multiple_of(3));
        let right = (sale.clone(), seat, buyer.clone(), request.clone());
        match twist {
            Twist::Duplicate => {
                let request = request.filter(|_| number.is_multiple_of(2));
                let copy = (format!("{sale}-again"), seat, buyer, request);
                self.row(copy, ledgers);
                self.row(right, ledgers);
            }
            Twist::OtherBuyer => {
                self.row(right, ledgers & 1);
                self.row((sale, seat, "b2".to_owned(), request), ledgers & 2);
            }
            Twist::OtherSeat => {
                self.row(right, ledgers & 1);
                self.row((sale, 1 - seat, buyer, request), ledgers & 2);
            }
            // Sent again: it was written the first time.
            Twist::None | Twist::OtherAnswer if sale != format!("s{number}") => {}
            Twist::None | Twist::OtherAnswer | Twist::SharedId => self.row(right, ledgers),
        }
    }

    fn row(&mut self, (sale, seat, buyer, request): Content, regions: u8) {
        for region in (0..REGIONS).filter(|region| regions >> region & 1 == 1) {
            let row = LedgerRow {
                region,
                sale: sale.clone(),
                seat,
                buyer: buyer.clone(),
                request: request.clone(),
            };
            if !self.rows.contains(&row) {
                self.rows.push(row);
            }
        }
    }

    fn complete(&mut self, at: usize, number: usize) {
        let purchase = self.purchases[at].clone();
        let (kind, value) = match purchase.outcome {
            Outcome::Open => return,
            Outcome::Ok => (
                "ok",
                json!({
                    "buyer": if purchase.misanswered { "stranger" } else { &purchase.buyer },
                    "sale_id": purchase.sale,
                }),
            ),
            Outcome::Info => ("info", json!({"buyer":purchase.buyer})),
            Outcome::Fair | Outcome::Fail => ("fail", json!({"buyer":purchase.buyer})),
        };
        let region = format!("r{}", number % REGIONS as usize);
        let index = self.event(json!({
            "type":kind,"process":number,"region":region,"f":"acquire",
            "key":seat_name(purchase.seat),"value":value,
        }));
        self.purchases[at].completed = Some(index);
    }

    /// What a scoreboard would show now, and a little more if it is wrong.
    fn scoreboard(&mut self, seat: u8, wrong: u8) {
        let resets = self.resets.iter().filter(|reset| reset.seat == seat);
        let since = resets.map(|reset| reset.index).max().unwrap_or(0);
        let told = self.purchases.iter().filter(|p| {
            p.seat == seat && p.outcome == Outcome::Ok && p.completed.is_some_and(|at| at >= since)
        });
        let mut told: Vec<_> = told.map(|p| p.sale.clone()).collect();
        told.sort_unstable();
        told.dedup();
        let confirmed = told.len() as u64 + u64::from(wrong & 1);
        let oversold = confirmed.saturating_sub(1) + u64::from(wrong >> 1);
        let index = self.events.len();
        let value = json!({"confirmed":confirmed,"oversold":oversold});
        self.note("scoreboard", None, Some(seat), value);
        self.scoreboards.push((index, seat, confirmed, oversold));
    }

    fn table(&mut self, region: u8, table: &str, rows: Vec<Value>, last: bool) {
        self.evidence.get_or_insert(self.events.len());
        let value = json!({"table":table,"rows":rows,"last":last});
        self.note("evidence", Some(region), None, value);
    }

    /// The history as JSON Lines.
    pub fn lines(&self) -> String {
        self.events
            .iter()
            .map(|event| format!("{event}\n"))
            .collect()
    }
}

impl LedgerRow {
    fn json(&self) -> Value {
        let mut row = json!({"sale_id":self.sale,"key":seat_name(self.seat),"buyer":self.buyer});
        if let Some(request) = &self.request {
            row["request"] = json!(request);
        }
        row
    }
}
