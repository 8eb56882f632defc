//! The books of a sale: who asked for which seat, who was told what, and what the
//! committed tables of each region hold. Compact, and filled in one pass. They record
//! and match; whether anything is wrong is for the checkers to say.
//!
//! A **purchase** is an `acquire` operation that was confirmed (`ok`) or of which
//! nobody knows (`info`, or open at the end). One that failed leaves nothing but a
//! fingerprint. A **sale** is a sale_id: acknowledged to a buyer, or in a ledger, or
//! both.
//!
//! An **epoch** of a seat begins when the seat is put on sale: at the start of the
//! history, and at every `reset`. One of which nobody knows (`info`) may have happened
//! when it was recorded, at any later time, or never: epochs are numbered as if it had
//! happened at once, and [`Seat::certain`] numbers them as if it never did. Where several
//! recorders saw the sale no reset's place among the purchases is known, so that each
//! counts as one of which nobody knows, and each purchase may be of any epoch.

mod build;
mod evidence;
mod matching;
mod payload;
mod recorders;

use serde_json::Value;

pub(crate) use crate::intern::NONE;
use crate::intern::{Keys, Words};
pub(crate) use build::SalesBuilder;
pub(crate) use matching::{Epochs, Origin};

/// The books of a sale.
#[derive(Debug, Default)]
pub(crate) struct Sales {
    keys: Keys,
    words: Words,
    sale_ids: Words,
    /// By seat.
    seats: Vec<Seat>,
    /// First the confirmed and the `info` ones, as they completed; then those left open.
    purchases: Vec<Purchase>,
    /// By sale_id.
    sales: Vec<Sale>,
    /// Rows that differ from the first one of their sale_id; sorted, each once.
    variants: Vec<Variant>,
    /// Sales whose row a ledger showed more than once in one reading, and its region.
    repeated: Vec<(u32, u8)>,
    /// Sales acknowledged to another request than the first; (sale, purchase), sorted.
    /// A purchase without one is a request of its own.
    shared: Vec<(u32, u32)>,
    /// Answers at odds with their purchase; sorted.
    misanswered: Vec<Misanswer>,
    /// Rows of the seats tables; sorted by seat, then region; the last read of each.
    owners: Vec<Owner>,
    regions: Vec<Region>,
    /// Purchases by (seat, buyer, request, invocation).
    asked: Vec<u32>,
    /// Sales that a ledger has, by (seat, buyer, request) of their first row.
    recorded: Vec<u32>,
    /// Sales that only a failed purchase asked for; (sale, invocation).
    refused: Vec<(u32, u32)>,
    pub(crate) tally: Tally,
    /// How many purchases had completed when the first evidence was asked for.
    completed_before_evidence: Option<usize>,
    /// By purchase, if there were several recorders: whether it certainly was over when
    /// the evidence was asked for. Then the order of events says nothing of that.
    over: Option<Vec<bool>>,
    /// Requests of several recorders have one name, so that nobody can tell them apart.
    pub(crate) mixed_requests: bool,
    /// A run said that it began, and none that it ended.
    pub(crate) cut_short: bool,
    /// The seat of the last scoreboard.
    pub(crate) last_scoreboard: Option<u32>,
}

/// How the purchases of a history ended.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Tally {
    pub(crate) asked: u64,
    pub(crate) failed: u64,
    /// `info` or still open.
    pub(crate) indeterminate: u64,
    /// Ledger rows that a later reading showed again.
    pub(crate) reread_rows: u64,
    /// Readings of a ledger that began with the first row of the one before, which
    /// was not at its end.
    pub(crate) restarts: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Seat {
    /// Event index of each reset: where epochs 1, 2, ... begin.
    pub(crate) resets: Vec<u32>,
    /// The epochs that begin with a reset of which nobody knows; ascending.
    pub(crate) unsure: Vec<u32>,
    /// What its last scoreboard showed.
    pub(crate) scoreboard: Option<Scoreboard>,
    /// Somebody asked for it, or it was put on sale.
    pub(crate) on_sale: bool,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Scoreboard {
    pub(crate) index: u32,
    pub(crate) epoch: u32,
    pub(crate) confirmed: u64,
    pub(crate) oversold: u64,
    /// How many purchases had completed before it.
    pub(crate) completed: usize,
}

/// One `acquire` that did not fail.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Purchase {
    /// Event index of its invocation.
    pub(crate) invocation: u32,
    pub(crate) seat: u32,
    pub(crate) buyer: u32,
    pub(crate) request: u32,
    /// The sale it was told of; [`NONE`] if nobody knows how it ended.
    pub(crate) sale: u32,
    /// The epoch it was invoked in.
    pub(crate) invoked: u32,
    /// The epoch it completed in; the last one if nobody knows how it ended.
    pub(crate) completed: u32,
}

/// What a ledger row says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Content {
    pub(crate) seat: u32,
    pub(crate) buyer: u32,
    pub(crate) request: u32,
    /// The other fields, as canonical JSON.
    extra: u32,
}

/// One sale_id.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sale {
    /// The first row read; meaningless while `regions` is 0.
    pub(crate) content: Content,
    /// The regions whose ledger has exactly this row, one bit each.
    regions: u32,
    /// The first purchase that was told of it.
    pub(crate) purchase: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Variant {
    sale: u32,
    region: u8,
    content: Content,
}

/// An `ok` that names another buyer or request than the purchase that it completes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Misanswer {
    pub(crate) sale: u32,
    pub(crate) purchase: u32,
    /// [`NONE`] if it is the purchase's, or not named; so below.
    pub(crate) buyer: u32,
    pub(crate) request: u32,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Owner {
    pub(crate) seat: u32,
    pub(crate) region: u8,
    /// [`NONE`] if the seat is nobody's.
    pub(crate) owner: u32,
}

/// A region, and how much of its committed state was seen.
#[derive(Debug, Default)]
pub(crate) struct Region {
    pub(crate) name: String,
    /// The run said that it stands there.
    named: bool,
    /// A client stood there.
    asked_in: bool,
    pub(crate) ledger: Seen,
    pub(crate) seats: Seen,
    /// Why it could not be read, the last time that it could not.
    unread: Option<String>,
}

/// How much of a table was seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Seen {
    #[default]
    Nothing,
    Part,
    Whole,
}

impl Sales {
    pub(crate) fn sale_id(&self, sale: u32) -> String {
        self.sale_ids.get(sale)
    }

    pub(crate) fn word(&self, word: u32) -> String {
        self.words.get(word)
    }

    pub(crate) fn seat_name(&self, seat: u32) -> String {
        self.keys.print(seat)
    }

    pub(crate) fn seat_json(&self, seat: u32) -> Value {
        self.keys.json(seat)
    }

    pub(crate) fn seat_named(&self, printed: &str) -> Option<u32> {
        self.keys.find(printed)
    }

    pub(crate) fn seats(&self) -> &[Seat] {
        &self.seats
    }

    /// How many seats were on sale.
    pub(crate) fn seats_on_sale(&self) -> u64 {
        self.seats.iter().filter(|seat| seat.on_sale).count() as u64
    }

    pub(crate) fn purchases(&self) -> &[Purchase] {
        &self.purchases
    }

    /// The purchase of that number, unless it is [`NONE`].
    pub(crate) fn purchase(&self, number: u32) -> Option<&Purchase> {
        self.purchases.get(number as usize)
    }

    /// Sales that a ledger has, by seat, buyer and request of their first row; rows
    /// without a request come last of their buyer.
    pub(crate) fn recorded(&self) -> &[u32] {
        &self.recorded
    }

    /// Whether a ledger's first row of a sale has the seat sold to that buyer; O(log n).
    pub(crate) fn recorded_to(&self, seat: u32, buyer: u32) -> bool {
        let who = |&sale: &u32| {
            let row = self.sales[sale as usize].content;
            (row.seat, row.buyer)
        };
        let at = self
            .recorded
            .partition_point(|sale| who(sale) < (seat, buyer));
        self.recorded.get(at).map(who) == Some((seat, buyer))
    }

    /// Rows that differ from the first of their sale.
    pub(crate) fn variants(&self) -> impl Iterator<Item = Content> + '_ {
        self.variants.iter().map(|row| row.content)
    }

    pub(crate) fn sales(&self) -> &[Sale] {
        &self.sales
    }

    /// Sales whose row one reading of a ledger showed more than once, and the region;
    /// sorted, each once.
    pub(crate) fn repeated(&self) -> &[(u32, u8)] {
        &self.repeated
    }

    pub(crate) fn shared(&self) -> &[(u32, u32)] {
        &self.shared
    }

    pub(crate) fn misanswered(&self) -> &[Misanswer] {
        &self.misanswered
    }

    pub(crate) fn regions(&self) -> &[Region] {
        &self.regions
    }

    /// The rows of a seat in the seats tables, at most one a region.
    pub(crate) fn owners_of(&self, seat: u32) -> &[Owner] {
        let start = self.owners.partition_point(|row| row.seat < seat);
        let length = self.owners[start..].partition_point(|row| row.seat == seat);
        &self.owners[start..start + length]
    }

    /// Rows of the sale that differ from its first: the region and what it says.
    pub(crate) fn variants_of(&self, sale: u32) -> impl Iterator<Item = (u8, Content)> + Clone {
        let start = self.variants.partition_point(|row| row.sale < sale);
        self.variants[start..]
            .iter()
            .take_while(move |row| row.sale == sale)
            .map(|row| (row.region, row.content))
    }

    /// All rows of the sale: the region and what it says.
    pub(crate) fn rows_of(&self, sale: u32) -> impl Iterator<Item = (u8, Content)> + Clone {
        let Sale {
            content, regions, ..
        } = self.sales[sale as usize];
        (0..32u8)
            .filter(move |region| regions >> region & 1 == 1)
            .map(move |region| (region, content))
            .chain(self.variants_of(sale))
    }

    /// The regions whose ledger has the sale, one bit each.
    pub(crate) fn regions_of(&self, sale: u32) -> u32 {
        self.rows_of(sale)
            .fold(0, |all, (region, _)| all | 1 << region)
    }

    /// The regions in which a table was seen whole, one bit each.
    pub(crate) fn whole(&self, table: impl Fn(&Region) -> Seen) -> u32 {
        let whole = |(at, region)| (u32::from(table(region) == Seen::Whole)) << at;
        self.regions.iter().enumerate().map(whole).sum()
    }

    /// Whether several recorders saw the sale.
    pub(crate) fn has_several_recorders(&self) -> bool {
        self.over.is_some()
    }

    /// Whether anything was sold, or could have been.
    pub(crate) fn is_a_sale(&self) -> bool {
        let seen =
            |region: &Region| region.ledger != Seen::Nothing || region.seats != Seen::Nothing;
        self.tally.asked > 0 || self.regions.iter().any(seen)
    }

    /// The fields of a ledger row that have no meaning here, by name.
    pub(crate) fn other_fields(&self, content: Content) -> Vec<(String, Value)> {
        let fields = serde_json::from_str(&self.word(content.extra));
        let fields: serde_json::Map<String, Value> = fields.unwrap_or_default();
        fields.into_iter().collect()
    }

    /// Whether any ledger was read at all.
    pub(crate) fn any_ledger(&self) -> bool {
        self.regions
            .iter()
            .any(|region| region.ledger != Seen::Nothing)
    }

    /// Why the ledgers do not show everything that was committed; empty if they do.
    pub(crate) fn ledger_gaps(&self) -> Vec<String> {
        self.gaps("ledger", |region| region.ledger)
    }

    /// Why the seats tables do not show everything that was committed; empty if they do.
    pub(crate) fn seats_gaps(&self) -> Vec<String> {
        self.gaps("seats table", |region| region.seats)
    }

    /// Whether a verdict needs the region's evidence: those that the run named; if
    /// it named none, those that clients stood in; if none, all that gave evidence.
    fn required(&self, region: &Region) -> bool {
        if self.regions.iter().any(|region| region.named) {
            region.named
        } else {
            region.asked_in || !self.regions.iter().any(|region| region.asked_in)
        }
    }

    fn gaps(&self, table: &str, seen: impl Fn(&Region) -> Seen) -> Vec<String> {
        let mut gaps: Vec<String> = self
            .regions
            .iter()
            .filter(|region| self.required(region))
            .filter_map(|region| {
                let name = &region.name;
                let why = region.unread.as_ref();
                let why = why.map_or_else(String::new, |why| format!(" ({why})"));
                match seen(region) {
                    Seen::Whole => None,
                    Seen::Part => Some(format!(
                        "the {table} of {name} was not read to its end{why}"
                    )),
                    Seen::Nothing => Some(format!("the {table} of {name} was not read{why}")),
                }
            })
            .collect();
        if self.regions.is_empty() {
            gaps.push(format!("no {table} was read in any region"));
        }
        gaps
    }

    /// How many purchases, of those that did not fail, were not over when the evidence
    /// was first asked for: open then, or asked for later.
    pub(crate) fn late(&self) -> u64 {
        if let Some(over) = &self.over {
            return over.iter().filter(|over| !**over).count() as u64;
        }
        let before = self.completed_before_evidence;
        let before = before.unwrap_or(self.purchases.len());
        (self.purchases.len() - before) as u64
    }

    /// Whether the purchase was over before the evidence was asked for, so that
    /// the evidence must show what came of it.
    pub(crate) fn settled(&self, purchase: u32) -> bool {
        self.purchase(purchase)
            .is_some_and(|purchase| purchase.sale != NONE)
            && match &self.over {
                Some(over) => over[purchase as usize],
                None => self
                    .completed_before_evidence
                    .is_none_or(|completed| (purchase as usize) < completed),
            }
    }
}

impl Seat {
    /// The number of an epoch if no reset of unknown outcome happened.
    pub(crate) fn certain(&self, epoch: u32) -> u32 {
        epoch - self.unsure.partition_point(|&began| began <= epoch) as u32
    }
}

impl Sale {
    /// Whether a purchase was told of it.
    pub(crate) fn acknowledged(&self) -> bool {
        self.purchase != NONE
    }

    /// Whether any ledger has it.
    pub(crate) fn recorded(&self) -> bool {
        self.regions != 0
    }
}
