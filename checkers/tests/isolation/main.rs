//! The checker `isolation` against an oracle that follows the definitions by brute
//! force, on thousands of small random histories, and against simulated databases
//! whose guarantees and defects are known. The oracle is held to definitions of another
//! kind in turn.
//!
//! `WITNESS_CASES` asks for another number of histories than the usual.

#![allow(clippy::unwrap_used, reason = "tests")]

mod agreement;
mod axioms;
mod boundaries;
mod checker;
#[path = "../choices/mod.rs"]
mod choices;
mod clocks;
mod cycles;
mod databases;
mod defects;
mod definitions;
mod facts;
mod faults;
mod faulty;
mod levels;
mod limits;
mod mechanisms;
mod model;
mod oracle;
mod orders;
mod random;
mod replay;
mod simulated;
mod smallest;
mod truth;
mod whole;

use proptest::test_runner::{Config, RngSeed};

/// How many histories to try.
fn cases() -> u32 {
    let asked = std::env::var("WITNESS_CASES").ok();
    asked.and_then(|cases| cases.parse().ok()).unwrap_or(1_000)
}

fn config() -> Config {
    Config {
        cases: cases(),
        // Some histories have too many orders of versions to try.
        max_global_rejects: cases(),
        rng_seed: RngSeed::Fixed(2026),
        failure_persistence: None,
        ..Config::default()
    }
}
