//! What the tests of the DSQL stand-in share: starting it and connecting to it.

use std::sync::Arc;
use std::time::Duration;

use tokio_postgres::config::SslMode;
use tokio_postgres::{Client, Config, Error};
use tokio_postgres_rustls::MakeRustlsConnect;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::{self, ClientConfig, RootCertStore};
use witness_regions::dsql::{Cluster, Endpoint, Options};

/// Longer than anything here takes, so that a test ends even when the server hangs.
pub const PATIENCE: Duration = Duration::from_secs(300);

pub async fn start(options: Options) -> Cluster {
    Cluster::start(options).await.unwrap()
}

/// A cluster with no distance between its regions.
pub async fn near() -> Cluster {
    start(Options {
        inter_region_rtt: Duration::ZERO,
        ..Options::default()
    })
    .await
}

/// A client that trusts this cluster only.
pub fn client_config(cluster: &Cluster) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    let certificate = CertificateDer::from_pem_slice(cluster.ca_pem().as_bytes()).unwrap();
    roots.add(certificate).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"postgresql".to_vec()];
    config
}

pub fn tls(cluster: &Cluster) -> MakeRustlsConnect {
    MakeRustlsConnect::new(client_config(cluster))
}

pub fn config(cluster: &Cluster, endpoint: &Endpoint) -> Config {
    let mut config = Config::new();
    config
        .host(&endpoint.host)
        .hostaddr(endpoint.address.ip())
        .port(endpoint.address.port())
        .user("admin")
        .password(cluster.token(endpoint, "admin", Duration::from_secs(900)))
        .dbname("postgres")
        .ssl_mode(SslMode::Require);
    config
}

pub async fn open(cluster: &Cluster, config: &Config) -> Result<Client, Error> {
    let connecting = config.connect(tls(cluster));
    let (client, connection) = tokio::time::timeout(PATIENCE, connecting).await.unwrap()?;
    tokio::spawn(connection);
    Ok(client)
}

pub async fn connect(cluster: &Cluster, region: usize) -> Client {
    let endpoint = &cluster.endpoints()[region];
    open(cluster, &config(cluster, endpoint)).await.unwrap()
}

pub fn code(error: &Error) -> String {
    error.code().map_or_else(
        || format!("no SQLSTATE: {error}"),
        |code| code.code().to_owned(),
    )
}

pub fn message(error: &Error) -> String {
    error
        .as_db_error()
        .map_or_else(|| error.to_string(), |error| error.message().to_owned())
}

pub async fn seats(client: &Client) {
    client
        .batch_execute(
            "CREATE TABLE seats (key TEXT PRIMARY KEY, status TEXT NOT NULL, owner TEXT)",
        )
        .await
        .unwrap();
    client
        .execute(
            "INSERT INTO seats (key, status) VALUES ($1, $2)",
            &[&"A1", &"available"],
        )
        .await
        .unwrap();
}
