//! Checkers: pure functions from a history to a verdict.
//!
//! A history is read once, event by event, into a [`Digest`]: what the selected
//! checkers need of it and no more. Each [`Checker`] then is a function from the
//! digest and the [`Options`] to a [`Verdict`].
//!
//! ```
//! use witness_checkers::{Digest, Options, Valid, find};
//! use witness_histories::history;
//!
//! // Two buyers in two regions are both told that A1 is theirs, and both sales
//! // are in the ledger.
//! let history = history(r#"
//!     0@us-east-1 invoke acquire A1 {"buyer":"b0"}
//!     1@us-east-2 invoke acquire A1 {"buyer":"b1"}
//!     0@us-east-1 ok     acquire A1 {"buyer":"b0","sale_id":"s0"}
//!     1@us-east-2 ok     acquire A1 {"buyer":"b1","sale_id":"s1"}
//!     witness@us-east-1 ok evidence _ {"table":"ledger","rows":[{"sale_id":"s0","key":"A1","buyer":"b0"},{"sale_id":"s1","key":"A1","buyer":"b1"}],"last":true}
//! "#)?;
//! let checker = find("at-most-one-acquisition")?;
//! let verdict = checker.check(&Digest::of(&history, [checker])?, &Options::default());
//! assert_eq!(verdict.valid, Valid::False);
//! assert_eq!(verdict.summary, "1 seat oversold: A1 by 1");
//! assert_eq!(verdict.anomalies[0].operations, [0, 1]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Architecture invariant: nothing here reads a file, a clock or a network, or
//! draws a random number. The same events give the same verdict, byte for byte;
//! [`Verdict::elapsed_ns`] is for the caller to fill in.

mod acquisitions;
mod at_most_one_acquisition;
mod budget;
mod checker;
mod clocks;
mod digest;
mod intern;
mod isolation;
mod ledger_union;
mod linearizable;
pub mod monitors;
mod operations;
mod parts;
mod reconciled_scope;
mod registers;
mod registry;
mod regular;
mod ruling;
mod sales;
mod sequential;
mod staleness;
mod testimony;
mod verdict;
mod words;

pub use budget::{Budget, Exhausted, Stop};
pub use checker::{Caveat, CheckError, Checker, Need, Options};
pub use digest::{Digest, DigestBuilder};
pub use isolation::{DataType, IsolationLevel, IsolationOptions, isolation_levels};
pub use linearizable::{
    Call, FailedCas, Flaw, Initial, KeyBy, LinearizableBy, Model, ModelError, ModelInfo, NilReads,
    ObjectOptions, Order, Proof, check_model, linearize, model_of, models, shrink, verify_proof,
};
pub use operations::{Operations, Outcome};
pub use registry::{UnknownChecker, all, find};
pub use verdict::{Anomaly, Cycle, CycleEdge, CycleTransaction, Row, Valid, Verdict, Verdicts};
