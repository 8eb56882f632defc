//! What a workload is: a generator of bursts, and the application code that
//! performs one request. It neither schedules nor records: the runner does.

use std::ops::RangeInclusive;

use async_trait::async_trait;
use serde_json::Value;

use crate::database::{Connection, DbError, Row, Table};

/// What the user may ask of a workload. Each workload says in its documentation what it heeds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameters {
    /// The variant of the application code.
    pub app: String,
    /// Concurrent clients of each burst.
    pub bursts: Vec<usize>,
    /// Let all bursts go for this one object.
    pub seat: Option<String>,
    /// Sell a whole floor at once: seats, and buyers for each.
    pub on_sale: Option<(usize, usize)>,
    /// Send every request twice, as a client does that missed the first answer.
    pub send_twice: bool,
    /// Objects that the clients share.
    pub keys: usize,
    /// Requests of each client, one after the other.
    pub requests: usize,
    /// Micro-operations of a transaction.
    pub ops: RangeInclusive<usize>,
    /// Writes of a key after which another takes its place.
    pub writes_per_key: usize,
    /// Of what is random in the requests.
    pub seed: u64,
    /// How many regions clients stand in.
    pub regions: usize,
}

impl Default for Parameters {
    /// What a workload starts from that has no other wish.
    fn default() -> Parameters {
        Parameters {
            app: String::new(),
            bursts: vec![8, 24, 48, 60],
            seat: None,
            on_sale: None,
            send_twice: false,
            keys: 5,
            requests: 50,
            ops: 1..=5,
            writes_per_key: 32,
            seed: 0,
            regions: 2,
        }
    }
}

/// The parameters do not make a workload.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadParameters(pub String);

/// One operation to be performed, as its invocation will record it.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// What.
    pub f: &'static str,
    /// The object; none where the argument names several.
    pub key: Option<String>,
    /// The argument.
    pub value: Value,
}

/// One logical client: where it stands and what it asks for, one after the other.
#[derive(Debug, Clone, PartialEq)]
pub struct Client {
    /// An index into the database's regions.
    pub region: usize,
    /// What it asks for, in order.
    pub requests: Vec<Request>,
}

/// Clients that are connected first and then released together.
#[derive(Debug, Clone, PartialEq)]
pub struct Burst {
    /// Rows that must be there, and seen by every region, before the burst.
    pub rows: Vec<(&'static Table, Row)>,
    /// What to record before the burst: a seat put back on sale, say.
    pub notes: Vec<Note>,
    /// The clients.
    pub clients: Vec<Client>,
    /// The clients only read, and not before the regions had time to agree.
    pub reads_only: bool,
}

/// An event that no client causes: a scoreboard, a reset.
#[derive(Debug, Clone, PartialEq)]
pub struct Note {
    /// What.
    pub f: &'static str,
    /// The object.
    pub key: Option<String>,
    /// What there is to say of it.
    pub value: Value,
}

/// How a request ended, as the application saw it.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// It happened: the completion's value.
    Ok(Value),
    /// It certainly did not happen.
    Fail {
        /// A short machine-readable class.
        class: String,
        /// For a person.
        message: String,
    },
    /// Nobody knows.
    Info {
        /// A short machine-readable class.
        class: String,
        /// For a person.
        message: String,
    },
}

/// An outcome and what it took.
#[derive(Debug, Clone, PartialEq)]
pub struct Attempted {
    /// How it ended.
    pub outcome: Outcome,
    /// Database transactions tried, the first included.
    pub attempts: u32,
}

impl Outcome {
    /// The refusal of a request by the application's own rules.
    pub fn rejected(message: impl Into<String>) -> Outcome {
        Outcome::Fail {
            class: "rejected".into(),
            message: message.into(),
        }
    }
}

impl From<DbError> for Outcome {
    /// An error that is not tried again. What nobody knows stays unknown.
    fn from(error: DbError) -> Outcome {
        let DbError {
            fault,
            class,
            message,
        } = error;
        match fault {
            crate::Fault::Indeterminate => Outcome::Info { class, message },
            crate::Fault::Definite | crate::Fault::Conflict => Outcome::Fail { class, message },
        }
    }
}

/// A generator of requests and the application code that serves them.
#[async_trait]
pub trait Workload: Send + Sync {
    /// The name on the command line and in the store.
    fn name(&self) -> &'static str;

    /// One line for a list.
    fn about(&self) -> &'static str;

    /// The variants of the application code, the default first: name and one line.
    fn apps(&self) -> &'static [(&'static str, &'static str)];

    /// The options on the command line that it heeds and not every workload does: those of
    /// all are `--app`, `--bursts` and `--seed`.
    fn heeds(&self) -> &'static [&'static str];

    /// What it does when it is asked for nothing else.
    fn defaults(&self) -> Parameters {
        Parameters {
            app: self.apps()[0].0.to_owned(),
            ..Parameters::default()
        }
    }

    /// The tables it needs; each is read from every region as evidence at the end.
    fn tables(&self) -> &'static [&'static Table];

    /// What the clients will do, burst after burst: the same each time, but for the
    /// identifiers of requests.
    fn bursts(&self, parameters: &Parameters) -> Result<Vec<Burst>, BadParameters>;

    /// Performs one request with the named variant of the application code.
    async fn perform(&self, app: &str, db: &mut dyn Connection, request: &Request) -> Attempted;

    /// What a scoreboard that believes the application shows after a burst; nothing
    /// where there is none.
    fn scoreboard(&self, _burst: &[(Request, Attempted)]) -> Vec<Note> {
        Vec::new()
    }
}
