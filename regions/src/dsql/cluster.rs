//! Starting and stopping: two listeners over one database.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use time::OffsetDateTime;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::engine::store::Database;
use super::fault::{Fault, Faults};
use super::server;
use super::tls::{Authority, TlsError};
use super::token::{Action, mint};
use super::{Defects, Limits};
use crate::credentials::Credentials;

/// How a cluster is to be.
#[derive(Clone, Debug)]
pub struct Options {
    /// The regions, one endpoint each.
    pub regions: Vec<String>,
    /// The port of each region's endpoint on 127.0.0.1; 0, or none given, lets the
    /// system pick.
    pub ports: Vec<u16>,
    /// What a commit with writes waits for: one round trip between the regions.
    pub inter_region_rtt: Duration,
    /// What is wrong on purpose.
    pub defects: Defects,
    /// The key pair that tokens are to be signed with.
    pub credentials: Credentials,
    /// Decides the host names, and which operations a defect strikes.
    pub seed: u64,
    /// The limits of the service.
    pub limits: Limits,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            regions: vec!["us-east-1".to_owned(), "us-east-2".to_owned()],
            ports: Vec::new(),
            // us-east-1 to us-east-2, roughly.
            inter_region_rtt: Duration::from_millis(12),
            defects: Defects::default(),
            credentials: Credentials::default(),
            seed: 0,
            limits: Limits::default(),
        }
    }
}

/// Why a cluster did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// No region was named, or one twice.
    #[error("a cluster needs distinct regions, got {0:?}")]
    Regions(Vec<String>),
    /// A port could not be listened on.
    #[error("could not listen on 127.0.0.1:{port} for {region}: {source}")]
    Listen {
        /// The region.
        region: String,
        /// The port, 0 for one that the system picks.
        port: u16,
        /// What the system said.
        source: std::io::Error,
    },
    /// TLS could not be set up.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// A regional endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The region.
    pub region: String,
    /// The name that clients verify and tokens carry, like `<id>.dsql.us-east-1.on.aws`.
    /// It is not in any DNS: give it as the host and [`Endpoint::address`] as the
    /// address (`hostaddr`).
    pub host: String,
    /// Where it listens.
    pub address: SocketAddr,
}

/// What all connections share.
pub(crate) struct Shared {
    pub(crate) database: Arc<Database>,
    pub(crate) credentials: Credentials,
    pub(crate) inter_region_rtt: Duration,
    pub(crate) faults: Faults,
    pub(crate) connections: AtomicUsize,
    pub(crate) next_pid: AtomicI32,
    /// By process id: the secret that a cancel request must show, and the bell it rings.
    pub(crate) cancels: Mutex<HashMap<i32, (i32, Arc<Notify>)>>,
}

/// One endpoint, as its connections know it.
pub(crate) struct Site {
    pub(crate) region: String,
    pub(crate) host: String,
    pub(crate) tls: TlsAcceptor,
}

/// A running cluster. Dropping it closes every connection.
pub struct Cluster {
    endpoints: Vec<Endpoint>,
    ca_pem: String,
    shared: Arc<Shared>,
    listeners: JoinSet<()>,
}

impl Cluster {
    /// Starts a cluster; it serves from when this returns.
    pub async fn start(options: Options) -> Result<Self, StartError> {
        let mut distinct = options.regions.clone();
        distinct.sort_unstable();
        distinct.dedup();
        if distinct.is_empty() || distinct.len() != options.regions.len() {
            return Err(StartError::Regions(options.regions));
        }
        let authority = Authority::new()?;
        let shared = Arc::new(Shared {
            database: Database::new(options.defects, options.seed, options.limits),
            credentials: options.credentials,
            inter_region_rtt: options.inter_region_rtt,
            faults: Faults::default(),
            connections: AtomicUsize::new(0),
            next_pid: AtomicI32::new(1),
            cancels: Mutex::default(),
        });
        let mut endpoints = Vec::new();
        let mut listeners = JoinSet::new();
        for (at, region) in options.regions.into_iter().enumerate() {
            let port = options.ports.get(at).copied().unwrap_or(0);
            let listen = async {
                let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
                let address = listener.local_addr()?;
                Ok((listener, address))
            };
            let (listener, address) = listen.await.map_err(|source| StartError::Listen {
                region: region.clone(),
                port,
                source,
            })?;
            let host = format!("{}.dsql.{region}.on.aws", cluster_id(options.seed, at));
            let site = Arc::new(Site {
                tls: authority.acceptor(&host)?,
                region: region.clone(),
                host: host.clone(),
            });
            listeners.spawn(server::listen(listener, site, Arc::clone(&shared)));
            endpoints.push(Endpoint {
                region,
                host,
                address,
            });
        }
        Ok(Self {
            endpoints,
            ca_pem: authority.pem().to_owned(),
            shared,
            listeners,
        })
    }

    /// The endpoints, in the order of the regions given.
    pub fn endpoints(&self) -> &[Endpoint] {
        &self.endpoints
    }

    /// The certificate of the authority that signed the endpoints', in PEM: what a
    /// client has to trust.
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// The key pair that tokens are to be signed with.
    pub fn credentials(&self) -> &Credentials {
        &self.shared.credentials
    }

    /// A token for a role at an endpoint, valid from now.
    pub fn token(&self, endpoint: &Endpoint, role: &str, lifetime: Duration) -> String {
        mint(
            &self.shared.credentials,
            &endpoint.host,
            &endpoint.region,
            Action::for_role(role),
            OffsetDateTime::now_utc(),
            lifetime,
        )
    }

    /// Makes something go wrong, once the matching commit or statement comes.
    pub fn inject(&self, fault: Fault) {
        self.shared.faults.add(fault);
    }

    /// How often faults will still strike.
    pub fn faults_left(&self) -> u32 {
        self.shared.faults.left()
    }

    /// How many clients are connected.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::Relaxed)
    }

    /// Stops listening and closes every connection. Transactions in progress are
    /// rolled back; a commit that waits for the other region is not made.
    pub async fn shutdown(mut self) {
        self.listeners.shutdown().await;
    }
}

/// 26 letters and digits, as a real cluster's identifier has.
fn cluster_id(seed: u64, at: usize) -> String {
    const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let mut state = seed ^ (at as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (0..26)
        .map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            char::from(ALPHABET[(state >> 59) as usize])
        })
        .collect()
}
