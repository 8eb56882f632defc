//! Aurora DSQL over tokio-postgres: TLS verified, an IAM token for every new
//! connection.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_dsql::auth_token::{AuthTokenGenerator, Config as TokenConfig};
use aws_sdk_dsql::config::Region;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tokio_postgres::config::SslMode;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config};
use tokio_postgres_rustls::MakeRustlsConnect;
use witness_regions::dsql as embedded;
use witness_workloads::{Connection, Database, DbError, Fault, Table};

use super::sql::{SqlConnection, Stage, classify, ddl, message};
use super::{Backend, Endpoint, OpenError, Opened, Options, aws, endpoints};

/// Where a cluster listens.
const PORT: u16 = 5432;
/// The environment variable that names real clusters.
const ENDPOINTS: &str = "WITNESS_DSQL_ENDPOINTS";

/// The backend `dsql`.
pub struct Dsql;

#[async_trait]
impl Backend for Dsql {
    fn name(&self) -> &'static str {
        "dsql"
    }

    fn about(&self) -> &'static str {
        "Aurora DSQL, multi-region: strong snapshot isolation"
    }

    fn by_default(&self) -> bool {
        true
    }

    fn defects(&self) -> Vec<&'static str> {
        embedded::Defects::NAMES.to_vec()
    }

    async fn open(&self, options: &Options) -> Result<Opened, OpenError> {
        let endpoints = endpoints(self.name(), ENDPOINTS, options)?;
        let (database, cluster) = if endpoints.is_empty() {
            let (database, cluster) = DsqlDatabase::embedded(options).await?;
            (database, Some(cluster))
        } else {
            (DsqlDatabase::real(&endpoints, options.timeout).await, None)
        };
        let endpoints = database.nodes.iter().map(Node::endpoint).collect();
        let embedded = cluster.map(|cluster| Box::new(cluster) as _);
        Ok(Opened::new(
            "Aurora DSQL",
            "strong snapshot isolation",
            Some("strong-snapshot-isolation"),
            endpoints,
            database,
            embedded,
        ))
    }
}

/// One regional endpoint.
#[derive(Debug, Clone)]
struct Node {
    region: String,
    /// The name that TLS verifies and that the token is minted for.
    host: String,
    port: u16,
    /// Where it really is, when not where its name says.
    address: Option<IpAddr>,
}

impl Node {
    /// What a report prints.
    fn endpoint(&self) -> Endpoint {
        Endpoint {
            region: self.region.clone(),
            host: self.printed(),
        }
    }

    fn printed(&self) -> String {
        match self.address {
            Some(address) => format!("{address}:{}", self.port),
            None if self.port != PORT => format!("{}:{}", self.host, self.port),
            None => self.host.clone(),
        }
    }

    /// From a host, `host:port`, a cluster id or a cluster's ARN.
    fn real(endpoint: &Endpoint) -> Node {
        let region = endpoint.region.clone();
        let id = endpoint
            .resource("dsql")
            .and_then(|r| r.strip_prefix("cluster/"));
        let host = id.unwrap_or(&endpoint.host);
        let (host, port) = match host.rsplit_once(':') {
            Some((host, port)) if port.parse::<u16>().is_ok() => {
                (host, port.parse().unwrap_or(PORT))
            }
            _ => (host, PORT),
        };
        // A cluster's identifier has 26 letters and digits.
        let is_id = host.len() == 26 && host.bytes().all(|b| b.is_ascii_alphanumeric());
        let host = if is_id {
            format!("{host}.dsql.{region}.on.aws")
        } else {
            host.to_owned()
        };
        Node {
            region,
            host,
            port,
            address: None,
        }
    }
}

struct DsqlDatabase {
    regions: Vec<String>,
    nodes: Vec<Node>,
    aws: SdkConfig,
    tls: MakeRustlsConnect,
    timeout: Duration,
}

impl DsqlDatabase {
    async fn embedded(options: &Options) -> Result<(DsqlDatabase, embedded::Cluster), OpenError> {
        let failed = |reason: String| OpenError::Embedded {
            name: "dsql",
            reason,
        };
        let defects = options.defects.join(",").parse::<embedded::Defects>();
        let defects = defects.map_err(|e| OpenError::Options(e.to_string()))?;
        let mut wanted = embedded::Options {
            defects,
            seed: options.seed,
            ..Default::default()
        };
        if let Some(rtt) = options.inter_region_rtt {
            wanted.inter_region_rtt = rtt;
        }
        let cluster = embedded::Cluster::start(wanted)
            .await
            .map_err(|e| failed(e.to_string()))?;
        let nodes: Vec<Node> = cluster
            .endpoints()
            .iter()
            .map(|e| Node {
                region: e.region.clone(),
                host: e.host.clone(),
                port: e.address.port(),
                address: Some(e.address.ip()),
            })
            .collect();
        let mut roots = rustls::RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(cluster.ca_pem().as_bytes()) {
            let certificate = certificate.map_err(|e| failed(e.to_string()))?;
            roots.add(certificate).map_err(|e| failed(e.to_string()))?;
        }
        let aws = aws::embedded(&nodes[0].region, cluster.credentials()).await;
        Ok((
            DsqlDatabase::new(nodes, aws, roots, options.timeout),
            cluster,
        ))
    }

    async fn real(endpoints: &[Endpoint], timeout: Duration) -> DsqlDatabase {
        let aws = aws::from_environment(&endpoints[0].region).await;
        let roots = webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect();
        let nodes = endpoints.iter().map(Node::real).collect();
        DsqlDatabase::new(nodes, aws, roots, timeout)
    }

    fn new(
        nodes: Vec<Node>,
        aws: SdkConfig,
        roots: rustls::RootCertStore,
        timeout: Duration,
    ) -> DsqlDatabase {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("ring offers the default protocol versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        DsqlDatabase {
            regions: nodes.iter().map(|n| n.region.clone()).collect(),
            nodes,
            aws,
            tls: MakeRustlsConnect::new(tls),
            timeout,
        }
    }

    async fn client(&self, region: &str) -> Result<Client, DbError> {
        let node = self
            .nodes
            .iter()
            .find(|n| n.region == region)
            .ok_or_else(|| DbError::definite("region", format!("no endpoint in {region}")))?;
        let token = self.token(node).await?;
        let mut config = Config::new();
        config
            .host(&node.host)
            .port(node.port)
            .user("admin")
            .dbname("postgres")
            .password(token)
            .ssl_mode(SslMode::Require)
            .application_name("witness")
            .connect_timeout(self.timeout);
        if let Some(address) = node.address {
            config.hostaddr(address);
        }
        let refused = |e: &dyn std::fmt::Display| {
            DbError::definite("connect", format!("{region} ({}): {e}", node.printed()))
        };
        let connecting = config.connect(self.tls.clone());
        let (client, connection) = tokio::time::timeout(self.timeout, connecting)
            .await
            .map_err(|_| refused(&format!("no answer within {:?}", self.timeout)))?
            .map_err(|e| refused(&format!("{}{}", message(&e), hint(&e))))?;
        tokio::spawn(connection);
        Ok(client)
    }

    async fn token(&self, node: &Node) -> Result<String, DbError> {
        let failed = |e| DbError::definite("token", format!("no token for {}: {e}", node.host));
        let config = TokenConfig::builder()
            .hostname(&node.host)
            .region(Region::new(node.region.clone()))
            .build()
            .map_err(failed)?;
        let minted = AuthTokenGenerator::new(config)
            .db_connect_admin_auth_token(&self.aws)
            .await;
        Ok(minted.map_err(failed)?.to_string())
    }
}

/// A token is the password here.
fn hint(error: &tokio_postgres::Error) -> &'static str {
    let code = error.code();
    let refused = [
        &SqlState::INVALID_AUTHORIZATION_SPECIFICATION,
        &SqlState::INVALID_PASSWORD,
    ];
    if code.is_some_and(|code| refused.contains(&code)) {
        ": the token was rejected"
    } else {
        ""
    }
}

#[async_trait]
impl Database for DsqlDatabase {
    fn regions(&self) -> &[String] {
        &self.regions
    }

    /// One statement a transaction, outside BEGIN, as DSQL wants DDL; a schema
    /// change that another one overtook is tried again.
    async fn create(&self, tables: &[Table]) -> Result<(), DbError> {
        let client = self.client(&self.regions[0]).await?;
        for table in tables {
            for ddl in ddl(table) {
                let mut tries = 0;
                while let Err(error) = client.batch_execute(&ddl).await {
                    let error = classify(&error, Stage::Statement);
                    tries += 1;
                    if error.fault != Fault::Conflict || tries == 10 {
                        return Err(error);
                    }
                    tokio::time::sleep(Duration::from_millis(50) * tries).await;
                }
            }
        }
        Ok(())
    }

    async fn connect(&self, region: &str) -> Result<Box<dyn Connection>, DbError> {
        let client = self.client(region).await?;
        Ok(Box::new(SqlConnection::new(client, self.timeout)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_a_host_a_cluster_id_or_an_arn() {
        let id = "abcdefghijklmnopqrstuvwxyz";
        let host = format!("{id}.dsql.us-east-1.on.aws");
        for (text, expected, port) in [
            (format!("us-east-1={host}"), host.as_str(), 5432),
            (format!("us-east-1={host}:5433"), host.as_str(), 5433),
            (format!("us-east-1={id}"), host.as_str(), 5432),
            (
                format!("arn:aws:dsql:us-east-1:111122223333:cluster/{id}"),
                host.as_str(),
                5432,
            ),
            ("us-east-1=localhost:5433".into(), "localhost", 5433),
        ] {
            let node = Node::real(&text.parse().unwrap());
            assert_eq!((node.host.as_str(), node.port), (expected, port), "{text}");
        }
    }

    #[tokio::test]
    async fn a_rejected_token_is_named_and_not_shown() {
        let (mut database, cluster) = DsqlDatabase::embedded(&Options::default()).await.unwrap();
        let mut keys = cluster.credentials().clone();
        keys.secret_access_key = "another".into();
        database.aws = aws::embedded("us-east-1", &keys).await;
        let Err(error) = database.client("us-east-1").await else {
            panic!("let in")
        };
        assert_eq!(error.fault, Fault::Definite);
        assert!(error.message.contains("the token was rejected"), "{error}");
        assert!(!error.message.contains("X-Amz"), "{error}");
    }
}
