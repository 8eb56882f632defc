//! DynamoDB Global Tables over aws-sdk-dynamodb, with the SDK's retries off: with
//! them on, a conditional put whose answer was lost comes back as a failed
//! condition although it was written.
//!
//! There are no interactive transactions: every write is visible at once. An
//! error after the first write of a request leaves the request half done, which
//! is neither "happened" nor "did not": indeterminate.

mod condition;
mod connection;
mod error;
mod examine;
mod pending;
mod ping;
mod tables;

use std::time::Duration;

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::config::{Builder, Region};
use witness_regions::dynamodb as embedded;
use witness_workloads::Burst;

use self::tables::DynamoDatabase;
use crate::doctor::Checks;
use crate::provision::cost::{Estimate, Shape};

use super::endpoint::Place;
use super::{Backend, DynamoOptions, Endpoint, OpenError, Opened, Options, aws, endpoints};

/// The environment variable that names real endpoints.
const ENDPOINTS: &str = "WITNESS_DYNAMODB_ENDPOINTS";

/// What is promised of several plain operations together, as the port makes them:
/// nothing. Of each alone AWS promises that it reads what was committed, and, with strong
/// consistency, the latest of it. But a transaction of two writes is two operations, and
/// others may write in between (G0) or read in between (G1b), so that not even
/// `read-uncommitted` is claimed. Only TransactWriteItems and TransactGetItems are
/// serializable, in one region, and no claim is made of them here: of several regions
/// they promise nothing.
const ISOLATION: Option<&str> = None;

/// The backend `dynamodb`, in one of its two consistencies.
pub struct DynamoDb {
    name: &'static str,
    about: &'static str,
    claim: &'static str,
    strong: bool,
}

/// The backend `dynamodb`: multi-region eventual consistency.
pub static MREC: DynamoDb = DynamoDb {
    name: "dynamodb",
    about: "DynamoDB Global Tables, multi-region eventual consistency (MREC)",
    claim: "multi-region eventual consistency",
    strong: false,
};

/// The backend `dynamodb-mrsc`: multi-region strong consistency.
pub static MRSC: DynamoDb = DynamoDb {
    name: "dynamodb-mrsc",
    about: "DynamoDB Global Tables, multi-region strong consistency (MRSC)",
    claim: "multi-region strong consistency",
    strong: true,
};

#[async_trait]
impl Backend for DynamoDb {
    fn name(&self) -> &'static str {
        self.name
    }

    fn about(&self) -> &'static str {
        self.about
    }

    fn by_default(&self) -> bool {
        !self.strong
    }

    fn heeds(&self) -> &'static [&'static str] {
        &["--reads", "--writes", "--transactions", "--client-tokens"]
    }

    fn defects(&self) -> Vec<&'static str> {
        let all = embedded::Defect::ALL.into_iter();
        // What goes wrong between replicas is not seen by strong reads.
        let shown = all.filter(|d| !self.strong || *d == embedded::Defect::DuplicateLedgerWrite);
        shown.map(embedded::Defect::name).collect()
    }

    fn choices(&self, options: &Options) -> serde_json::Value {
        serde_json::json!(options.dynamodb)
    }

    fn is_elsewhere(&self, options: &Options) -> Result<bool, OpenError> {
        Ok(!self.endpoints(options)?.is_empty())
    }

    fn cost(
        &self,
        options: &Options,
        whole: &[Burst],
        part: Option<&[Burst]>,
    ) -> Result<Option<String>, OpenError> {
        let endpoints = self.endpoints(options)?;
        if endpoints.iter().all(|endpoint| loopback(&endpoint.host)) {
            return Ok(None);
        }
        let regions = endpoints.len() as u64;
        let shape = Shape {
            // With strong consistency there are three members, a witness among them.
            members: if self.strong { 3 } else { regions },
            regions,
            transactions: options.dynamodb.transactions,
        };
        let run = Estimate::of(whole, shape);
        Ok(Some(match part {
            None => format!("this run takes {run}"),
            Some(part) => {
                let part = Estimate::of_part(part, whole, shape);
                format!("this part of the run takes {part}; all of it would take one host {run}")
            }
        }))
    }

    async fn examine_host(&self, checks: &mut Checks) {
        let config = aws::from_environment("us-east-1").await;
        aws::examine_credentials(&config, checks).await;
    }

    async fn examine(&self, options: &Options, checks: &mut Checks) -> Result<(), OpenError> {
        let endpoints = self.endpoints(options)?;
        if endpoints.is_empty() {
            let (database, _servers) = self.embedded(options).await?;
            database.examine(options.timeout, true, checks).await;
            return Ok(());
        }
        let config = aws::from_environment(&endpoints[0].region).await;
        aws::examine_credentials(&config, checks).await;
        let database = self.real(&endpoints, options).await?;
        database.examine(options.timeout, false, checks).await;
        Ok(())
    }

    async fn open(&self, options: &Options) -> Result<Opened, OpenError> {
        let endpoints = self.endpoints(options)?;
        let (database, servers) = if endpoints.is_empty() {
            let (database, servers) = self.embedded(options).await?;
            (database, Some(servers))
        } else {
            (self.real(&endpoints, options).await?, None)
        };
        let places = database.nodes.iter().map(Node::place).collect();
        let embedded = servers.map(|servers| Box::new(servers) as _);
        let claim = match database.nodes.len() {
            1 => "strong consistency of each operation, in one region",
            _ => self.claim,
        };
        Ok(Opened::new(
            "DynamoDB Global Tables",
            claim,
            ISOLATION,
            places,
            database,
            embedded,
        )
        .await)
    }
}

impl DynamoDb {
    /// The real endpoints; none: embedded. What does not go together is refused.
    fn endpoints(&self, options: &Options) -> Result<Vec<Endpoint>, OpenError> {
        if self.strong && options.dynamodb.transactions {
            let message =
                "--transactions: DynamoDB takes none with multi-region strong consistency";
            return Err(OpenError::Options(message.into()));
        }
        endpoints(self.name, ENDPOINTS, options, self.regions_min())
    }

    async fn embedded(
        &self,
        options: &Options,
    ) -> Result<(DynamoDatabase, embedded::GlobalTables), OpenError> {
        let offered = self.defects();
        let other = options
            .defects
            .iter()
            .find(|d| !offered.contains(&d.as_str()));
        if let Some(other) = other {
            return Err(OpenError::Options(format!(
                "{} has no defect {other:?}; there are: {}",
                self.name,
                offered.join(", ")
            )));
        }
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
        let servers =
            embedded::GlobalTables::start(wanted)
                .await
                .map_err(|e| OpenError::Embedded {
                    name: self.name,
                    reason: e.to_string(),
                })?;
        let aws = aws::embedded(&servers.endpoints()[0].region, servers.credentials()).await;
        let nodes = servers.endpoints().iter();
        let nodes = nodes.map(|e| Node::new(&e.region, Some(e.url.clone()), &aws, options.timeout));
        let database = self.database(nodes.collect(), "witness_".into(), options.dynamodb);
        Ok((database, servers))
    }

    /// A host or a URL, or the ARN of one of the tables: its name up to the last
    /// `_`, `-` or `.` is what the names of all begin with.
    async fn real(
        &self,
        endpoints: &[Endpoint],
        options: &Options,
    ) -> Result<DynamoDatabase, OpenError> {
        let aws = aws::from_environment(&endpoints[0].region).await;
        let mut prefix = "witness_".to_owned();
        let mut nodes = Vec::new();
        for endpoint in endpoints {
            let url = match endpoint.resource("dynamodb") {
                Some(table) => {
                    let name = table.strip_prefix("table/").unwrap_or(table);
                    let end = name.rfind(['_', '-', '.']).map(|at| at + 1);
                    prefix = name[..end.unwrap_or(0)].to_owned();
                    None
                }
                None if endpoint.host.starts_with("http://") && !loopback(&endpoint.host) => {
                    return Err(OpenError::Options(format!(
                        "{endpoint}: plain http is for loopback only"
                    )));
                }
                None if endpoint.host.contains("://") => Some(endpoint.host.clone()),
                None => Some(format!("https://{}", endpoint.host)),
            };
            nodes.push(Node::new(&endpoint.region, url, &aws, options.timeout));
        }
        Ok(self.database(nodes, prefix, options.dynamodb))
    }

    /// A table of one region is a table, too; strong consistency is between several.
    fn regions_min(&self) -> usize {
        if self.strong { 2 } else { 1 }
    }

    fn database(&self, nodes: Vec<Node>, prefix: String, options: DynamoOptions) -> DynamoDatabase {
        DynamoDatabase {
            regions: nodes.iter().map(|n| n.region.clone()).collect(),
            nodes,
            prefix,
            strong: self.strong,
            options,
        }
    }
}

/// One regional endpoint.
struct Node {
    region: String,
    url: Option<String>,
    config: Builder,
}

impl Node {
    fn new(region: &str, url: Option<String>, aws: &SdkConfig, timeout: Duration) -> Node {
        let mut config = Builder::from(aws)
            .region(Region::new(region.to_owned()))
            .retry_config(RetryConfig::disabled())
            .timeout_config(
                TimeoutConfig::builder()
                    // Shorter, so that whoever was connecting until it ended is told apart
                    // from whoever was waiting for an answer.
                    .connect_timeout(timeout / 2)
                    .operation_timeout(timeout)
                    .build(),
            );
        config.set_endpoint_url(url.clone());
        Node {
            region: region.to_owned(),
            url,
            config,
        }
    }

    /// What a report prints, and what is connected to.
    fn place(&self) -> Place {
        let printed = self.printed();
        // Of what is no URL the driver says so.
        let (host, port) = authority(&printed).unwrap_or_default();
        Place {
            host: host.to_owned(),
            port,
            printed: Endpoint {
                region: self.region.clone(),
                host: printed,
            },
        }
    }

    fn printed(&self) -> String {
        self.url
            .clone()
            .unwrap_or_else(|| format!("dynamodb.{}.amazonaws.com", self.region))
    }

    /// A client with connections of its own where that costs nothing: no TLS.
    fn client(&self) -> Client {
        let mut config = self.config.clone();
        if self
            .url
            .as_ref()
            .is_some_and(|url| url.starts_with("http://"))
        {
            config.set_http_client(Some(aws_smithy_http_client::Builder::new().build_http()));
        }
        Client::from_conf(config.build())
    }
}

/// The host that a URL names, and its port; none where that is no number.
fn authority(url: &str) -> Option<(&str, u16)> {
    let (scheme, rest) = url.split_once("://").unwrap_or(("https", url));
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port.parse().ok()?),
        _ if scheme == "http" => (authority, 80),
        _ => (authority, 443),
    };
    Some((host.trim_matches(['[', ']']), port))
}

/// Whether the URL says so by itself: nobody is asked what a name stands for.
fn loopback(url: &str) -> bool {
    authority(url).is_some_and(|(host, _)| {
        let address = host.parse::<std::net::IpAddr>();
        host == "localhost" || address.is_ok_and(|address| address.is_loopback())
    })
}

#[cfg(test)]
mod tests;
