//! The databases that a workload can run on. A new one is one file here and one
//! line in [`registry`].
//!
//! Architecture invariant: a backend never retries behind the recorder's back
//! and never guesses: whatever it cannot prove not to have happened is
//! [`Fault::Indeterminate`](witness_workloads::Fault).

#[cfg(feature = "aws")]
mod aws;
#[cfg(feature = "aws")]
mod dsql;
#[cfg(feature = "aws")]
mod dynamodb;
mod endpoint;
#[cfg(all(unix, feature = "mysql"))]
mod mysql;
mod options;
#[cfg(all(unix, feature = "postgres"))]
mod postgres;
mod servers;
#[cfg(feature = "postgres")]
mod sql;
#[cfg(all(test, feature = "postgres"))]
mod sql_faults;
#[cfg(feature = "postgres")]
mod sql_tables;
#[cfg(all(unix, feature = "postgres"))]
mod tls;

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde::Serialize;
use serde_json::Value;
use witness_workloads::{Burst, Database, DbError};

use crate::doctor::{Checks, HOST};

#[cfg(feature = "aws")]
pub(crate) use aws::{Clients as AwsClients, message as sdk_message};
#[cfg(feature = "aws")]
use endpoint::Place;
pub use endpoint::{BadEndpoint, Endpoint};
pub use options::{DsqlOptions, DynamoOptions, Reads, Writes, refuse_foreign};
pub use servers::{Isolation, ServerOptions, Url};

/// How to reach a database, or how its embedded stand-in shall behave.
#[derive(Debug, Clone)]
pub struct Options {
    /// One a region. None: the embedded stand-in.
    pub endpoints: Vec<Endpoint>,
    /// Seeded defects of the embedded stand-in, by name.
    pub defects: Vec<String>,
    /// Seed of the embedded stand-in's choices.
    pub seed: u64,
    /// The embedded stand-in's inter-region round trip, where not the default.
    pub inter_region_rtt: Option<Duration>,
    /// Past this a request's outcome is not known.
    pub timeout: Duration,
    /// How Aurora DSQL is connected to.
    pub dsql: DsqlOptions,
    /// How DynamoDB is used.
    pub dynamodb: DynamoOptions,
    /// What only databases heed that are not AWS's.
    pub servers: ServerOptions,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            endpoints: Vec::new(),
            defects: Vec::new(),
            seed: 0,
            inter_region_rtt: None,
            timeout: Duration::from_secs(10),
            dsql: DsqlOptions::default(),
            dynamodb: DynamoOptions::default(),
            servers: ServerOptions::default(),
        }
    }
}

/// Why there is no database to run on.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Options that do not go together.
    #[error("{0}")]
    Options(String),
    /// What it runs on is not installed, or did not start.
    #[error("{0}")]
    Unavailable(String),
    /// A server did not let us in.
    #[error(transparent)]
    Unreachable(#[from] DbError),
    /// An embedded stand-in did not start.
    #[error("the embedded {name} did not start: {reason}")]
    Embedded {
        /// The backend.
        name: &'static str,
        /// What its start said.
        reason: String,
    },
}

/// What a report says of where a run took place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct About {
    /// The database, as people call it.
    pub title: String,
    /// `embedded` in this process, `real`, or `loopback`: what answers for AWS on this host,
    /// such as the regions of `witness regions up`. A server of PostgreSQL or MariaDB is real,
    /// whoever started it, and wherever.
    pub provenance: &'static str,
    /// The consistency that it claims.
    pub claim: &'static str,
    /// The isolation that it claims of a transaction of several operations, by its name
    /// as a checker knows it; none where it claims nothing of them together.
    pub isolation: Option<&'static str>,
    /// Where its regions are. Never holds credentials.
    pub endpoints: Vec<Endpoint>,
}

/// A database that is ready.
pub struct Opened {
    /// The port's other side.
    pub database: Arc<dyn Database>,
    /// What a report says of it.
    pub about: About,
    /// The servers behind it, where this process started them: they stop when this is
    /// dropped. A test that meddles with them knows their type.
    pub embedded: Option<Box<dyn Any + Send + Sync>>,
}

#[cfg(feature = "aws")]
impl Opened {
    /// What runs against embedded servers is never reported as real, nor the reverse; and no
    /// server on this host is taken for one of AWS's.
    async fn new(
        title: &str,
        claim: &'static str,
        isolation: Option<&'static str>,
        places: Vec<Place>,
        database: impl Database + 'static,
        embedded: Option<Box<dyn Any + Send + Sync>>,
    ) -> Opened {
        let provenance = match embedded {
            Some(_) => "embedded",
            None if endpoint::any_on_loopback(&places).await => "loopback",
            None => "real",
        };
        Opened {
            database: Arc::new(database),
            about: About {
                title: title.into(),
                provenance,
                claim,
                isolation,
                endpoints: places.into_iter().map(|place| place.printed).collect(),
            },
            embedded,
        }
    }
}

/// A kind of database.
#[async_trait]
pub trait Backend: Send + Sync {
    /// The name on the command line and in the store.
    fn name(&self) -> &'static str;

    /// One line for a list.
    fn about(&self) -> &'static str;

    /// Whether a run that names no backend takes it.
    fn by_default(&self) -> bool;

    /// The seeded defects that its embedded stand-in offers.
    fn defects(&self) -> Vec<&'static str>;

    /// The options on the command line that are of this database, and not of all.
    fn heeds(&self) -> &'static [&'static str] {
        &[]
    }

    /// What was chosen of this database, as reports print it; null where there is nothing
    /// to choose.
    fn choices(&self, _options: &Options) -> Value {
        Value::Null
    }

    /// Whether the options name a database that other processes reach, too, so that none is
    /// started for the run.
    ///
    /// # Errors
    /// [`OpenError::Options`]: they do not go together.
    fn is_elsewhere(&self, _options: &Options) -> Result<bool, OpenError> {
        Ok(false)
    }

    /// About what a run of these bursts costs, where it costs something; of a part, what this
    /// share of them costs, and what all parts do.
    ///
    /// # Errors
    /// [`OpenError::Options`]: it is not clear where they would go.
    fn cost(
        &self,
        _options: &Options,
        _whole: &[Burst],
        _part: Option<&[Burst]>,
    ) -> Result<Option<String>, OpenError> {
        Ok(None)
    }

    /// What this host has of what the database needs, wherever that is.
    async fn examine_host(&self, _checks: &mut Checks) {}

    /// Looks whether what a run with these options needs is there, and changes nothing:
    /// see [`doctor`](crate::doctor).
    ///
    /// # Errors
    /// Those of [`Backend::open`] about options. What is missing is a check.
    async fn examine(&self, _options: &Options, checks: &mut Checks) -> Result<(), OpenError> {
        let why = format!("the backend {} does not say what it needs", self.name());
        checks.unchecked((HOST, "database"), why);
        Ok(())
    }

    /// Connects to real endpoints, or starts the embedded stand-in.
    async fn open(&self, options: &Options) -> Result<Opened, OpenError>;
}

static BACKENDS: &[&dyn Backend] = &[
    #[cfg(feature = "aws")]
    &dsql::Dsql,
    #[cfg(feature = "aws")]
    &dynamodb::MREC,
    #[cfg(feature = "aws")]
    &dynamodb::MRSC,
    #[cfg(all(unix, feature = "postgres"))]
    &postgres::Postgres,
    #[cfg(all(unix, feature = "mysql"))]
    &mysql::Mysql,
];

/// Every backend.
pub fn registry() -> &'static [&'static dyn Backend] {
    BACKENDS
}

/// The backend of this name.
pub fn find(name: &str) -> Result<&'static dyn Backend, OpenError> {
    registry()
        .iter()
        .copied()
        .find(|b| b.name() == name)
        .ok_or_else(|| {
            let names: Vec<_> = registry().iter().map(|b| b.name()).collect();
            OpenError::Options(format!(
                "there is no backend {name:?}; there are: {}",
                names.join(", ")
            ))
        })
}

/// The real endpoints that the options or the environment name; none: embedded.
#[cfg(feature = "aws")]
fn endpoints(
    name: &str,
    variable: &str,
    options: &Options,
    regions_min: usize,
) -> Result<Vec<Endpoint>, OpenError> {
    let mut endpoints = options.endpoints.clone();
    if endpoints.is_empty() {
        endpoints = Endpoint::from_env(variable).map_err(OpenError::Options)?;
    }
    let refused = |message: String| Err(OpenError::Options(message));
    for (n, endpoint) in endpoints.iter().enumerate() {
        if endpoints[..n]
            .iter()
            .any(|other| other.region == endpoint.region)
        {
            return refused(format!("{} has two endpoints of {name}", endpoint.region));
        }
    }
    match (&endpoints[..], &options.defects[..]) {
        ([], _) => {}
        ([one], _) if regions_min > 1 => {
            return refused(format!(
                "{name} needs an endpoint in two regions, not only {one}"
            ));
        }
        (_, [defect, ..]) => {
            return refused(format!(
                "--defect {defect} is of the embedded {name}; real endpoints have none to switch on"
            ));
        }
        _ if options.inter_region_rtt.is_some() => {
            return refused(format!(
                "--inter-region-rtt is of the embedded {name}; real endpoints have their own"
            ));
        }
        _ => {}
    }
    Ok(endpoints)
}

/// The ledger is `op_log` here; the prefix keeps clear of tables that are not ours.
#[cfg(feature = "postgres")]
fn physical(table: &witness_workloads::Table) -> String {
    format!(
        "witness_{}",
        if table.name == "ledger" {
            "op_log"
        } else {
            table.name
        }
    )
}

/// The names of all tables, as texts of SQL: `'witness_seats', 'witness_op_log'`.
#[cfg(feature = "postgres")]
fn quoted_names() -> String {
    let tables = witness_workloads::tables();
    let names = tables.iter().map(|table| format!("'{}'", physical(table)));
    names.collect::<Vec<_>>().join(", ")
}
