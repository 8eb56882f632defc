//! The union of the regions' ledgers, against what was asked for and acknowledged, and
//! against the seats tables.
//!
//! **Property.** Every acknowledged sale is in the ledger and every sale in the ledger
//! was asked for; once and the same in every region; and its buyer owns the seat. The
//! union is by sale_id: a row that several regions show is one sale.
//!
//! | anomaly | when |
//! |---|---|
//! | `lost-sale` | acknowledged, and in no ledger |
//! | `phantom-sale` | in a ledger, and no purchase asked for it, or only one that failed |
//! | `conflicting-rows` | one sale_id, but rows, or row and acknowledgement, or two acknowledgements differ, or one differs from what was asked |
//! | `duplicate-sale` | one buyer's request sold more than once, or one row in a ledger more than once |
//! | `diverged-replicas` | a sale in some ledgers and not in another, or an owner likewise |
//! | `hidden-by-last-writer-wins` | in a ledger, but the seats tables show another owner, or none, or do not have the seat |
//!
//! **Requests.** A request is (seat, buyer, request); a purchase without one is a
//! request of its own. If rows name no request, a buyer's purchases of a seat allow as
//! many sales as they are requests.
//!
//! **Several recorders.** A purchase must be in the evidence only if clocks are sure that it
//! was over before the region's evidence was asked for by the recorder that did so last;
//! else it is late. Of resets see [`sales`](crate::sales).
//!
//! **Sound.** What nobody knows is given the benefit of the doubt: the sale of a
//! purchase that ended in `info` may be there or not, and may have landed between two
//! reads of the evidence, so in one region only it is a doubt, not an anomaly. Absence
//! counts only where a table was seen whole: `lost-sale` needs every region's ledger,
//! `diverged-replicas` the one that lacks the sale. `hidden-by-last-writer-wins` is
//! said only of sales that were certainly made since the seat was last put on sale: a
//! seats table shows no earlier ones.
//! **Complete.** Valid is said only if every ledger and seats table was seen whole.

use crate::checker::{Checker, Need, Options};
use crate::digest::Digest;
use crate::ruling::Ruling;
use crate::sales::Sales;
use crate::testimony;
use crate::verdict::{Valid, Verdict};
use crate::words;

mod ledgers;
mod owners;
mod requests;

pub(crate) struct LedgerUnion;

const LOST: &str = "lost-sale";
const PHANTOM: &str = "phantom-sale";
const CONFLICTING: &str = "conflicting-rows";
const DUPLICATE: &str = "duplicate-sale";
const DIVERGED: &str = "diverged-replicas";
const HIDDEN: &str = "hidden-by-last-writer-wins";
const HIDDEN_SALES: &str = "hidden_sales";

impl Checker for LedgerUnion {
    fn name(&self) -> &'static str {
        "ledger-union"
    }

    fn about(&self) -> &'static str {
        "every sale acknowledged is in the ledgers, once, the same in every region, and its buyer owns the seat"
    }

    fn property(&self) -> &'static str {
        "ledgers-hold-exactly-the-acknowledged-sales"
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
        describe(sales, &mut ruling);
        ledgers::check(sales, &mut ruling);
        requests::check(sales, &mut ruling);
        owners::check(sales, &mut ruling);
        for gap in sales.ledger_gaps().into_iter().chain(sales.seats_gaps()) {
            ruling.doubt(gap);
        }
        testimony::doubt_the_run(sales, &mut ruling);
        if sales.tally.restarts > 0 {
            let restarts = words::count(sales.tally.restarts, "reading");
            ruling.doubt(format!(
                "{restarts} of a ledger began again from the first row without having ended: rows that came twice may be in it twice"
            ));
        }
        if sales.tally.reread_rows > 0 {
            let rows = words::count(sales.tally.reread_rows, "row");
            ruling.note(format!(
                "{rows} seen again when a ledger was read again, counted once"
            ));
        }
        let found = found(&ruling);
        let recorded = words::count(ruling.counted("recorded"), "sale");
        let ledgers = words::count(sales.regions().len() as u64, "region");
        ruling.conclude("Ledgers agree ✓", |valid, doubt| match valid {
            Valid::True => format!("{recorded} the same in {ledgers}, all asked for, none lost"),
            Valid::Unknown => format!(
                "{recorded} recorded, nothing wrong that could be seen; {}",
                doubt.unwrap_or_default()
            ),
            Valid::False => found,
        })
    }
}

/// Scope and counts.
fn describe(sales: &Sales, ruling: &mut Ruling) {
    ruling.scope("seats", sales.seats_on_sale());
    ruling.scope("operations", sales.tally.asked);
    let regions = sales.regions().iter().map(|region| region.name.as_str());
    ruling.scope("regions", regions.collect::<Vec<_>>());
    let acknowledged = sales.sales().iter().filter(|sale| sale.acknowledged());
    ruling.count("acknowledged", acknowledged.count() as u64);
    ruling.count("recorded", sales.recorded().len() as u64);
    ruling.count("failed", sales.tally.failed);
    ruling.count("indeterminate", sales.tally.indeterminate);
    for name in [
        LOST,
        PHANTOM,
        CONFLICTING,
        DUPLICATE,
        DIVERGED,
        HIDDEN,
        HIDDEN_SALES,
    ] {
        ruling.count(name, 0);
    }
}

/// What was found, in one line: `2 sales lost · last-writer-wins hid 31 sales`.
fn found(ruling: &Ruling) -> String {
    let mut parts = Vec::new();
    for (name, thing, what) in [
        (LOST, "sale", "lost"),
        (PHANTOM, "phantom sale", ""),
        (CONFLICTING, "sale", "with conflicting rows"),
        (DUPLICATE, "request", "sold more than once"),
        (DIVERGED, "difference", "between regions"),
    ] {
        let number = ruling.counted(name);
        if number > 0 {
            let part = format!("{} {what}", words::count(number, thing));
            parts.push(part.trim_end().to_owned());
        }
    }
    let hidden = ruling.counted(HIDDEN_SALES);
    if hidden > 0 {
        let hidden = words::count(hidden, "sale");
        parts.push(format!(
            "the seats table shows one owner a seat: last-writer-wins hid {hidden}"
        ));
    }
    parts.join(" · ")
}
