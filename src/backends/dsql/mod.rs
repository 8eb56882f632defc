//! Aurora DSQL over tokio-postgres: TLS verified, an IAM token for every new
//! connection.

mod connection;
mod connector;
mod examine;
mod node;
mod rate;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use witness_regions::dsql as embedded;
use witness_workloads::{Connection, Database, DbError, Fault, Table};

use self::connection::{Pool, PooledConnection};
use self::connector::Connector;
use self::node::Node;
use super::sql::ddl;
use super::{
    AwsClients, Backend, DsqlOptions, Endpoint, OpenError, Opened, Options, aws, endpoints,
};
use crate::doctor::Checks;

/// The environment variable that names real clusters.
const ENDPOINTS: &str = "WITNESS_DSQL_ENDPOINTS";
/// The file of those who may have signed a server's certificate, instead of Mozilla's roots; as
/// libpq has it.
const ROOTS: &str = "PGSSLROOTCERT";
/// Where clusters are reached whose names lead elsewhere, or nowhere; as libpq has it.
const ADDRESS: &str = "PGHOSTADDR";
/// How often a schema change that another one overtook is tried.
const DDL_TRIES_MAX: u32 = 10;

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

    fn heeds(&self) -> &'static [&'static str] {
        &["--dsql-user", "--token-expiry"]
    }

    fn defects(&self) -> Vec<&'static str> {
        embedded::Defects::NAMES.to_vec()
    }

    fn choices(&self, options: &Options) -> serde_json::Value {
        serde_json::json!({
            "role": options.dsql.user,
            "token_expiry_s": options.dsql.token_expiry.as_secs(),
        })
    }

    fn is_elsewhere(&self, options: &Options) -> Result<bool, OpenError> {
        Ok(!endpoints(self.name(), ENDPOINTS, options, 2)?.is_empty())
    }

    async fn examine_host(&self, checks: &mut Checks) {
        let config = aws::from_environment("us-east-1").await;
        aws::examine_credentials(&config, checks).await;
    }

    async fn examine(&self, options: &Options, checks: &mut Checks) -> Result<(), OpenError> {
        let endpoints = endpoints(self.name(), ENDPOINTS, options, 2)?;
        check(&options.dsql)?;
        if endpoints.is_empty() {
            let (database, _cluster) = DsqlDatabase::embedded(options).await?;
            database.examine(None, checks).await;
            return Ok(());
        }
        let regions: Vec<_> = endpoints.iter().map(|e| e.region.clone()).collect();
        let control = AwsClients::new(&regions).await;
        let database = DsqlDatabase::real(&endpoints, options).await?;
        database.examine(Some(&control), checks).await;
        Ok(())
    }

    async fn open(&self, options: &Options) -> Result<Opened, OpenError> {
        let endpoints = endpoints(self.name(), ENDPOINTS, options, 2)?;
        check(&options.dsql)?;
        let (database, cluster) = if endpoints.is_empty() {
            let (database, cluster) = DsqlDatabase::embedded(options).await?;
            (database, Some(cluster))
        } else {
            (DsqlDatabase::real(&endpoints, options).await?, None)
        };
        let places = database.nodes.iter().map(Node::place).collect();
        let embedded = cluster.map(|cluster| Box::new(cluster) as _);
        Ok(Opened::new(
            "Aurora DSQL",
            "strong snapshot isolation",
            Some("strong-snapshot-isolation"),
            places,
            database,
            embedded,
        )
        .await)
    }
}

fn check(options: &DsqlOptions) -> Result<(), OpenError> {
    let longest = DsqlOptions::TOKEN_EXPIRY_MAX;
    if options.token_expiry < Duration::from_secs(1) || options.token_expiry > longest {
        let message = "a token of Aurora DSQL is good for a second at least, and a week at most";
        return Err(OpenError::Options(message.into()));
    }
    if options.user.is_empty() {
        let message = "the role that connects to Aurora DSQL has no name";
        return Err(OpenError::Options(message.into()));
    }
    Ok(())
}

/// The certificates in a file; one at least.
fn roots_in(file: &str) -> Result<rustls::RootCertStore, String> {
    let bad = |e: &dyn std::fmt::Display| format!("{file}: {e}");
    let mut roots = rustls::RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(file).map_err(|e| bad(&e))? {
        let certificate = certificate.map_err(|e| bad(&e))?;
        roots.add(certificate).map_err(|e| bad(&e))?;
    }
    match roots.is_empty() {
        true => Err(bad(&"no certificate in it")),
        false => Ok(roots),
    }
}

struct DsqlDatabase {
    regions: Vec<String>,
    nodes: Vec<Node>,
    pool: Arc<Pool>,
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
                given: false,
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
        let connector = Connector::new(aws, roots, options.dsql.clone(), options.timeout);
        Ok((DsqlDatabase::new(nodes, Pool::new(connector)), cluster))
    }

    async fn real(endpoints: &[Endpoint], options: &Options) -> Result<DsqlDatabase, OpenError> {
        let said = |variable| std::env::var(variable).ok().filter(|it| !it.is_empty());
        let bad = |variable, why: &dyn std::fmt::Display| {
            OpenError::Options(format!("{variable}: {why}"))
        };
        let roots = match said(ROOTS).filter(|file| file != "system") {
            None => webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect(),
            Some(file) => roots_in(&file).map_err(|why| bad(ROOTS, &why))?,
        };
        let address = said(ADDRESS).map(|it| it.parse()).transpose();
        let address = address.map_err(|why| bad(ADDRESS, &why))?;
        let aws = aws::from_environment(&endpoints[0].region).await;
        let node = |endpoint| Node {
            address,
            ..Node::real(endpoint)
        };
        let nodes = endpoints.iter().map(node).collect();
        let connector = Connector::new(aws, roots, options.dsql.clone(), options.timeout);
        Ok(DsqlDatabase::new(nodes, Pool::new(connector)))
    }

    fn new(nodes: Vec<Node>, pool: Pool) -> DsqlDatabase {
        DsqlDatabase {
            regions: nodes.iter().map(|n| n.region.clone()).collect(),
            nodes,
            pool: Arc::new(pool),
        }
    }

    async fn connection(&self, region: &str) -> Result<PooledConnection, DbError> {
        let node = self.nodes.iter().find(|n| n.region == region);
        let missing = || DbError::definite("region", format!("no endpoint in {region}"));
        Arc::clone(&self.pool).take(node.ok_or_else(missing)?).await
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
        let mut connection = self.connection(&self.regions[0]).await?;
        for table in tables {
            for ddl in ddl(table) {
                let mut tries = 0;
                while let Err(error) = connection.define(&ddl).await {
                    tries += 1;
                    if error.fault != Fault::Conflict || tries == DDL_TRIES_MAX {
                        return Err(error);
                    }
                    tokio::time::sleep(Duration::from_millis(50) * tries).await;
                }
            }
        }
        Ok(())
    }

    async fn connect(&self, region: &str) -> Result<Box<dyn Connection>, DbError> {
        Ok(Box::new(self.connection(region).await?))
    }
}

#[cfg(test)]
mod tests;
