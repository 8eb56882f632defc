//! The embedded DynamoDB Global Tables: one HTTP endpoint a region on loopback,
//! each a full replica, speaking the JSON 1.0 protocol that the AWS SDKs speak.
//!
//! A global table is made as on AWS: `CreateTable` in one region, `UpdateTable`
//! with `ReplicaUpdates` for the others. With multi-region eventual consistency
//! (MREC) writes, conditions, transactions and consistent reads are the region's
//! own, and replication follows after a lag; of concurrent writes to an item the
//! last by (hybrid time, region) stays, deletions included. With multi-region
//! strong consistency (MRSC) writes are synchronous, consistent reads are
//! linearizable, a write that meets another region's is refused with
//! `ReplicatedWriteConflictException`, and transactions are refused. A read that
//! does not ask for consistency sees all that its own region has applied.
//!
//! What differs from AWS: a region executes its requests one after another, so a
//! transaction never meets another one (`TransactionConflict` comes by a planned
//! [`Fault`] only); a table is ready as soon as its creation is answered; every
//! successful write counts for the last writer, a deletion of nothing included.
//!
//! # What it stands on
//!
//! Each region is an in-memory `dynoxide` (MIT or Apache-2.0), which has the tables,
//! indexes, expressions, limits and error messages of DynamoDB, checked by its
//! authors against AWS. It knows no regions, so everything between them is built
//! around it here: stamps, replication, last writer wins, strong consistency,
//! signatures, client tokens, faults and defects. Its HTTP server is left out (it
//! checks no signature, offers no hook between a request and its execution, and
//! brings axum along); its PartiQL, streams and time-to-live are not served.
//! Measured on two shared cores: the engine alone does 55,000 conditional puts and
//! 200,000 reads a second in a release build, 14,000 and 41,000 in a debug build; a
//! whole region over HTTP, signatures checked and writes replicated, 13,000 to 27,000
//! puts and 27,000 to 48,000 consistent reads, by what else the machine did. It adds
//! 37 CPU seconds to a cold debug build and 100 to a release build, SQLite in C among
//! them. Its parsers recurse without a limit, so it runs on threads with a deep stack
//! (see `workers`).
//!
//! Architecture invariant: only `engine` calls dynoxide's database, and every write
//! of an item goes through `replica`, which stamps it.

mod auth;
mod batch;
mod catalogue;
mod clock;
mod cluster;
mod control;
mod defect;
mod engine;
mod error;
mod fault;
mod operation;
mod options;
mod replica;
mod replica_plan;
mod replication;
mod request;
mod server;
mod strong;
mod tokens;
mod workers;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::credentials::Credentials;
use cluster::Cluster;

pub use error::ErrorKind;
pub use fault::{Fault, FaultAction};
pub use options::{Consistency, Defect, Defects, Lag, Options, UnknownDefect};

/// The running stand-in. Dropping it stops it, without waiting.
pub struct GlobalTables {
    cluster: Arc<Cluster>,
    endpoints: Vec<Endpoint>,
    tasks: JoinSet<()>,
}

/// Where one region listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Its name, such as `us-east-1`.
    pub region: String,
    /// `http://127.0.0.1:port`
    pub url: String,
    /// The same, for a proxy in front of it.
    pub address: SocketAddr,
}

/// Why the stand-in did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// No region was asked for.
    #[error("global tables need at least one region")]
    NoRegions,
    /// Two replicas of a table cannot be in one region.
    #[error("region {0} is named twice")]
    RepeatedRegion(String),
    /// Ports were given, but not one for each region.
    #[error("{ports} ports for {regions} regions")]
    Ports {
        /// How many ports.
        ports: usize,
        /// How many regions.
        regions: usize,
    },
    /// The endpoint of a region could not listen.
    #[error("cannot listen on 127.0.0.1:{port} for {region}: {source}")]
    Listen {
        /// The region.
        region: String,
        /// The port; 0 stands for any.
        port: u16,
        /// What the system says.
        source: std::io::Error,
    },
    /// The storage engine did not start.
    #[error("the storage engine did not start: {0}")]
    Engine(String),
}

impl GlobalTables {
    /// Starts every region. Needs a Tokio runtime with time and I/O.
    pub async fn start(options: Options) -> Result<Self, StartError> {
        let regions = options.regions.len();
        if regions == 0 {
            return Err(StartError::NoRegions);
        }
        for (at, name) in options.regions.iter().enumerate() {
            if options.regions[..at].contains(name) {
                return Err(StartError::RepeatedRegion(name.clone()));
            }
        }
        let ports = options.ports.len();
        if ports != 0 && ports != regions {
            return Err(StartError::Ports { ports, regions });
        }
        let mut listeners = Vec::new();
        let mut endpoints = Vec::new();
        for (at, region) in options.regions.iter().enumerate() {
            let port = options.ports.get(at).copied().unwrap_or(0);
            let (listener, address) = listen(port).await.map_err(|source| StartError::Listen {
                region: region.clone(),
                port,
                source,
            })?;
            listeners.push(listener);
            endpoints.push(Endpoint {
                region: region.clone(),
                url: format!("http://{address}"),
                address,
            });
        }
        let cluster = Cluster::new(options).map_err(|error| StartError::Engine(error.body))?;
        let cluster = Arc::new(cluster);
        let mut tasks = JoinSet::new();
        for (region, listener) in listeners.into_iter().enumerate() {
            tasks.spawn(server::serve(cluster.clone(), region, listener));
            tasks.spawn(cluster.clone().receive(region));
        }
        Ok(Self {
            cluster,
            endpoints,
            tasks,
        })
    }

    /// One a region, in the order of [`Options::regions`].
    pub fn endpoints(&self) -> &[Endpoint] {
        &self.endpoints
    }

    /// What clients have to sign with.
    pub fn credentials(&self) -> &Credentials {
        &self.cluster.options.credentials
    }

    /// Plans a fault for coming requests. Faults are spent oldest first, one a request.
    pub fn inject(&self, fault: Fault) {
        self.cluster.plan(fault);
    }

    /// How many more requests will meet a planned fault.
    pub fn faults_left(&self) -> usize {
        self.cluster.faults_left()
    }

    /// Stops (or resumes) all replication from and to a region; strongly consistent
    /// requests there fail meanwhile. Nothing is lost: what waits is delivered when
    /// the region is healed. False if there is no such region.
    pub fn set_partitioned(&self, region: &str, partitioned: bool) -> bool {
        let Some(region) = self.cluster.region(region) else {
            return false;
        };
        self.cluster
            .replication
            .set_partitioned(region, partitioned);
        true
    }

    /// Waits until every change has reached every replica that it is on its way to.
    /// While a region is partitioned, that may be never.
    pub async fn quiesced(&self) {
        self.cluster.replication.quiesced().await;
    }

    /// Closes every endpoint and its connections.
    pub async fn shutdown(mut self) {
        self.tasks.shutdown().await;
    }
}

async fn listen(port: u16) -> std::io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}
