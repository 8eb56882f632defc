//! Each monitor against an oracle that follows the definition by brute force, on thousands
//! of small random histories, dense in concurrency and with unresolved operations.
//!
//! `PROPTEST_RNG_SEED` chooses other histories than the usual ones, and
//! `WITNESS_MONITOR_CASES` how many of each kind.

mod brute;
mod collections;
mod examples;
mod nonsense;
mod registers;
mod sequences;
mod sets;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Debug;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};

/// How often each verdict came.
struct Shares {
    shares: BTreeMap<&'static str, u32>,
    cases: u32,
}

impl Shares {
    fn of(&self, verdict: &str) -> f64 {
        f64::from(self.shares.get(verdict).copied().unwrap_or(0)) / f64::from(self.cases)
    }
}

/// Runs the test on many histories; it names each one's verdict, whose shares come back.
fn run<T: Debug>(
    cases: u32,
    strategy: &impl Strategy<Value = T>,
    test: impl Fn(T) -> Result<&'static str, TestCaseError>,
) -> Shares {
    let seed = match Config::default().rng_seed {
        RngSeed::Fixed(seed) => seed,
        RngSeed::Random => 2026,
    };
    let cases = std::env::var("WITNESS_MONITOR_CASES")
        .map_or(cases, |cases| cases.parse().expect("a number of cases"));
    let mut runner = TestRunner::new(Config {
        cases,
        rng_seed: RngSeed::Fixed(seed),
        failure_persistence: None,
        max_shrink_iters: 100_000,
        ..Config::default()
    });
    let shares: RefCell<BTreeMap<&'static str, u32>> = RefCell::default();
    let outcome = runner.run(strategy, |case| {
        *shares.borrow_mut().entry(test(case)?).or_default() += 1;
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
    let shares = shares.into_inner();
    println!("{shares:?}");
    Shares { shares, cases }
}
