//! Small random sales: plain steps that shrink, and the events they make.
//!
//! A step says what one buyer met with. Most keep to the rules (one sale a seat
//! and time on sale, written everywhere); a sale of the calm kind has no others.

use proptest::prelude::*;

pub const SEATS: u8 = 2;
pub const REGIONS: u8 = 2;

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Outcome {
    /// Sold if the seat is free, else refused.
    Fair,
    Ok,
    Fail,
    Info,
    Open,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Twist {
    None,
    /// A second row under a new sale_id.
    Duplicate,
    /// One region's row names another buyer.
    OtherBuyer,
    /// One region's row names another seat.
    OtherSeat,
    /// Told of the sale before this one.
    SharedId,
    /// The answer names another buyer.
    OtherAnswer,
}

#[derive(Debug, Clone)]
pub enum Step {
    Buy {
        seat: u8,
        /// None: a buyer of its own.
        buyer: Option<u8>,
        request: Option<u8>,
        outcome: Outcome,
        /// Completes at the end of all steps.
        late: bool,
        /// Regions whose ledger gets the row, one bit each.
        ledgers: u8,
        twist: Twist,
    },
    Reset {
        seat: u8,
        info: bool,
    },
    Scoreboard {
        seat: u8,
        wrong: u8,
    },
}

#[derive(Debug, Clone)]
pub struct Scenario {
    pub steps: Vec<Step>,
    /// Rows that nobody asked for: seat, buyer, regions.
    pub phantoms: Vec<(u8, u8, u8)>,
    /// By region, ledger then seats: 0 not read, 1 read in part, else whole.
    pub seen: [[u8; 2]; 2],
    /// By region and seat, how the owner is chosen: 0 nobody, 1 the first sale's
    /// buyer, 2 the last's, 3 no row.
    pub owners: [[u8; 2]; 2],
    /// Whether the run says that it began, and that it ended.
    pub phases: (bool, bool),
    /// Completions come after the evidence.
    pub evidence_early: bool,
    /// The row of that number, in that region's ledger, is there twice.
    pub repeat: Option<(u8, u8)>,
    /// The ledgers are read once more.
    pub reread: bool,
    /// A purchase of that seat comes after the evidence, which does not show it.
    pub after: Option<(u8, Outcome)>,
}

fn outcome(calm: bool) -> BoxedStrategy<Outcome> {
    if calm {
        prop_oneof![12 => Just(Outcome::Fair), 1 => Just(Outcome::Info)].boxed()
    } else {
        prop_oneof![
            4 => Just(Outcome::Fair), 3 => Just(Outcome::Ok), 1 => Just(Outcome::Fail),
            2 => Just(Outcome::Info), 1 => Just(Outcome::Open),
        ]
        .boxed()
    }
}

fn step(calm: bool) -> impl Strategy<Value = Step> {
    let outcome = outcome(calm);
    let wild = |odds: u32| prop::bool::weighted(if calm { 0.0 } else { f64::from(odds) / 100.0 });
    let twist = prop_oneof![
        8 => Just(Twist::None), 1 => Just(Twist::Duplicate), 1 => Just(Twist::OtherBuyer),
        1 => Just(Twist::OtherSeat), 1 => Just(Twist::SharedId), 1 => Just(Twist::OtherAnswer),
    ];
    let buy = (
        0..SEATS,
        (wild(30), 0..3u8),
        (prop::bool::weighted(0.3), 0..2u8),
        outcome,
        wild(15),
        (wild(15), 0..4u8),
        (wild(25), twist),
    )
        .prop_map(
            |(seat, buyer, request, outcome, late, ledgers, twist)| Step::Buy {
                seat,
                buyer: buyer.0.then_some(buyer.1),
                request: request.0.then_some(request.1),
                outcome,
                late,
                ledgers: if ledgers.0 { ledgers.1 } else { 3 },
                twist: if twist.0 { twist.1 } else { Twist::None },
            },
        );
    let info = wild(20);
    let reset = (0..SEATS, info).prop_map(|(seat, info)| Step::Reset { seat, info });
    let wrong = (wild(40), 1..4u8);
    let scoreboard = (0..SEATS, wrong).prop_map(|(seat, wrong)| Step::Scoreboard {
        seat,
        wrong: if wrong.0 { wrong.1 } else { 0 },
    });
    prop_oneof![6 => buy, 1 => reset, 2 => scoreboard]
}

pub fn scenario() -> impl Strategy<Value = Scenario> {
    any::<bool>().prop_flat_map(|calm| {
        let phantoms = if calm { 0..1usize } else { 0..3 };
        let rarely = |odds: f64| prop::bool::weighted(odds);
        let part = || (rarely(0.08), 0..2u8).prop_map(|(part, seen)| if part { seen } else { 2 });
        let owner = move || {
            let odd = prop::sample::select(vec![0, 1, 3]);
            (rarely(if calm { 0.0 } else { 0.2 }), odd)
                .prop_map(|(odd, owner)| if odd { owner } else { 2 })
        };
        (
            prop::collection::vec(step(calm), 0..9),
            prop::collection::vec((0..SEATS, 0..3u8, 1..4u8), phantoms),
            [[part(), part()], [part(), part()]],
            [[owner(), owner()], [owner(), owner()]],
            (rarely(0.5), rarely(0.9)),
            rarely(if calm { 0.0 } else { 0.1 }),
            (
                (rarely(if calm { 0.0 } else { 0.15 }), (0..REGIONS, 0..4u8))
                    .prop_map(|(repeat, row)| repeat.then_some(row)),
                rarely(0.2),
                prop::option::weighted(0.03, (0..SEATS, outcome(false))),
            ),
        )
            .prop_map(
                |(
                    steps,
                    phantoms,
                    seen,
                    owners,
                    phases,
                    evidence_early,
                    (repeat, reread, after),
                )| Scenario {
                    steps,
                    phantoms,
                    seen,
                    owners,
                    phases,
                    evidence_early,
                    repeat,
                    reread,
                    after,
                },
            )
    })
}
