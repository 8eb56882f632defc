//! The seat sale: one seat must sell to exactly one buyer.
//!
//! Buyers in every region go for the same seats at the same moment. The
//! application (`app.rs`) serves them; `bursts.rs` says who asks for what. What a
//! sale leaves behind is a row in the append-only [`LEDGER`]: the seats table
//! shows one owner a seat however often it was sold.
//!
//! It heeds `bursts` (buyers of each burst), `seat`, `on_sale` and `send_twice` of
//! [`Parameters`].

mod app;
mod bursts;

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use serde_json::json;

use crate::{
    Attempted, BadParameters, Burst, Connection, Note, Outcome, Parameters, Request, Table,
    Workload,
};

/// One row a seat: the state that the application believes.
pub const SEATS: Table = Table {
    name: "seats",
    key: "key",
    columns: &["status", "owner", "sale_id"],
};

/// One row a sale, appended and never changed: the evidence.
pub const LEDGER: Table = Table {
    name: "ledger",
    key: "sale_id",
    columns: &["key", "buyer", "request"],
};

/// The workload `seats`.
pub struct Seats;

#[async_trait]
impl Workload for Seats {
    fn name(&self) -> &'static str {
        "seats"
    }

    fn about(&self) -> &'static str {
        "one seat, one buyer: concurrent buyers in two regions go for the same seats"
    }

    fn apps(&self) -> &'static [(&'static str, &'static str)] {
        app::APPS
    }

    fn heeds(&self) -> &'static [&'static str] {
        &["--seat", "--on-sale", "--send-twice"]
    }

    fn tables(&self) -> &'static [&'static Table] {
        &[&LEDGER, &SEATS]
    }

    fn bursts(&self, parameters: &Parameters) -> Result<Vec<Burst>, BadParameters> {
        bursts::bursts(parameters)
    }

    async fn perform(&self, app: &str, db: &mut dyn Connection, request: &Request) -> Attempted {
        app::perform(app, db, request).await
    }

    /// For every seat that was asked for, in order: how many sales the
    /// application confirmed to its buyers, and how many of them were too many.
    fn scoreboard(&self, burst: &[(Request, Attempted)]) -> Vec<Note> {
        let mut confirmed: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (request, attempted) in burst {
            let seat = request.key.as_deref().unwrap_or_default();
            let sales = confirmed.entry(seat).or_default();
            if let Outcome::Ok(value) = &attempted.outcome {
                sales.extend(value["sale_id"].as_str());
            }
        }
        confirmed
            .into_iter()
            .map(|(seat, sales)| Note {
                f: "scoreboard",
                key: Some(seat.to_owned()),
                value: json!({"confirmed": sales.len(), "oversold": sales.len().saturating_sub(1)}),
            })
            .collect()
    }
}
