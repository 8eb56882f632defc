//! Whether what a run on DynamoDB needs is there: the way, rights, and the tables, each
//! with a replica in every region.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::types::{
    AttributeValue, BillingMode, MultiRegionConsistency, ReplicaStatus, StreamViewType,
    TableDescription, TableStatus, WitnessStatus,
};
use witness_workloads::{Connection, Table};

use super::connection::DynamoConnection;
use super::tables::{DynamoDatabase, WITNESS_REGION};
use super::{Node, authority};
use crate::backends::sdk_message;
use crate::doctor::{self, Checks, Fix, reach};
use crate::provision::ProvisionError;

impl DynamoDatabase {
    /// Looks. The embedded regions have no tables before a run makes them.
    pub(super) async fn examine(&self, timeout: Duration, embedded: bool, checks: &mut Checks) {
        for node in &self.nodes {
            if let Some(server) = server(node)
                && !reach::examine(&node.region, server, timeout, checks).await
            {
                continue;
            }
            self.node(node, embedded, checks).await;
        }
    }

    async fn node(&self, node: &Node, embedded: bool, checks: &mut Checks) {
        let region = node.region.as_str();
        let client = node.client();
        let at = (region, "let in");
        if let Err(error) = super::ping::ping(&client).await {
            let needs = ("dynamodb:ListTables", "*");
            let why = ProvisionError::of(&error, "ListTables", region, needs);
            let fix = match error {
                // Nobody has answered: whose keys these are does not matter yet.
                SdkError::DispatchFailure(_) | SdkError::TimeoutError(_) => node.ask(),
                _ => why.fix(),
            };
            checks.missing(at, why.to_string(), fix);
            return;
        }
        checks.ok(at, format!("{} takes the keys", node.printed()));
        let mut connection =
            DynamoConnection::new(node.client(), self.prefix.clone(), self.options);
        let connection: &mut dyn Connection = &mut connection;
        doctor::connection::examine(region, connection, checks).await;
        if embedded {
            checks.unchecked(
                (region, "tables"),
                "those of the embedded stand-in a run makes",
            );
            return;
        }
        let (mut tables, mut absent) = (Vec::new(), Vec::new());
        for table in witness_workloads::tables() {
            let name = self.physical(&table);
            match client.describe_table().table_name(&name).send().await {
                Ok(described) => match described.table {
                    Some(found) => tables.push((table, found)),
                    None => {
                        let why = format!("DescribeTable says nothing of {name}");
                        checks.unchecked((region, "tables"), why);
                        return;
                    }
                },
                Err(e) if e.code() == Some("ResourceNotFoundException") => {
                    absent.push(name);
                }
                Err(e) => {
                    let resource = format!("arn:aws:dynamodb:{region}:*:table/{name}");
                    let needs = ("dynamodb:DescribeTable", resource.as_str());
                    let error = ProvisionError::of(&e, "DescribeTable", region, needs);
                    checks.missing((region, "tables"), error.to_string(), error.fix());
                    return;
                }
            }
        }
        if !absent.is_empty() {
            let them = if absent.len() == 1 { "it" } else { "them" };
            let why = format!(
                "there is no {}: a run makes {them} where the keys may, which is not tried here, or \
                 before it `{}`",
                absent.join(", no "),
                self.provision()
            );
            checks.unchecked((region, "tables"), why);
        }
        match tables.first() {
            Some((table, found)) => {
                let described: Vec<_> = tables.iter().map(|(_, found)| found).collect();
                self.states(region, &described, checks);
                may_read(region, &client, table, found, checks).await;
            }
            None => {
                checks.unchecked((region, "may read"), "there is no table yet");
            }
        }
        let why = "nothing is written here; `witness provision dynamodb … --policy` prints \
                   what a run needs";
        checks.unchecked((region, "may write"), why);
    }

    /// What makes the tables, and their replicas.
    fn provision(&self) -> String {
        let regions = self.regions.iter();
        let regions: String = regions.map(|r| format!(" --region {r}")).collect();
        let strong = match (self.strong, self.regions.len()) {
            (true, 2) => format!(" --mrsc --witness-region {WITNESS_REGION}"),
            (true, _) => " --mrsc".to_owned(),
            (false, _) => String::new(),
        };
        let prefix = match self.prefix.as_str() {
            "witness_" => String::new(),
            prefix => format!(" --prefix {prefix}"),
        };
        format!("witness provision dynamodb{regions}{strong}{prefix}")
    }

    /// What the region says of its tables; of each kind of trouble the first table that has it.
    fn states(&self, region: &str, tables: &[&TableDescription], checks: &mut Checks) {
        let name = |table: &TableDescription| table.table_name().unwrap_or_default().to_owned();
        let look = |table: &TableDescription| {
            let name = name(table);
            Fix::run(format!(
                "aws dynamodb describe-table --region {region} --table-name {name}"
            ))
        };
        let first = |wrong: &dyn Fn(&TableDescription) -> Option<String>| {
            let mut all = tables.iter();
            all.find_map(|table| wrong(table).map(|what| (*table, what)))
        };

        let at = (region, "tables");
        let not_active = |table: &TableDescription| match table.table_status() {
            Some(TableStatus::Active) => None,
            status => Some(
                status
                    .map_or("of unknown state", TableStatus::as_str)
                    .to_owned(),
            ),
        };
        match first(&not_active) {
            Some((table, what)) => {
                checks.missing(at, format!("{} is {what}", name(table)), look(table))
            }
            None => checks.ok(at, format!("{} are ACTIVE", tables.len())),
        };

        let at = (region, "replicas");
        let others: Vec<_> = self
            .regions
            .iter()
            .filter(|other| *other != region)
            .collect();
        let unreplicated = |table: &TableDescription| {
            others.iter().find_map(|other| {
                let mut replicas = table.replicas().iter();
                match replicas.find(|replica| replica.region_name() == Some(other)) {
                    None => Some(format!("has none in {other}")),
                    Some(replica) => match replica.replica_status() {
                        Some(ReplicaStatus::Active) => None,
                        status => {
                            let is = status.map_or("of unknown state", ReplicaStatus::as_str);
                            Some(format!("in {other} is {is}"))
                        }
                    },
                }
            })
        };
        match first(&unreplicated) {
            _ if others.is_empty() => checks.ok(at, "of one region, none"),
            Some((table, what)) if what.starts_with("has none") => {
                let fix = Fix::run(self.provision());
                checks.missing(at, format!("{} {what}", name(table)), fix)
            }
            Some((table, what)) => {
                checks.missing(at, format!("{} {what}", name(table)), look(table))
            }
            None => {
                let others: Vec<_> = others.iter().map(|other| other.as_str()).collect();
                checks.ok(at, format!("ACTIVE in {}", others.join(", ")))
            }
        };

        let at = (region, "consistency");
        let strong = |table: &TableDescription| {
            table.multi_region_consistency() == Some(&MultiRegionConsistency::Strong)
        };
        let (is, is_not) = match self.strong {
            true => ("strong", "eventual"),
            false => ("eventual", "strong"),
        };
        match first(&|table| (strong(table) != self.strong).then(String::new)) {
            _ if others.is_empty() => checks.ok(at, "of one region"),
            Some((table, _)) => {
                let found = format!(
                    "{} has multi-region {is_not} consistency, not {is}, which is for ever: \
                     other names are needed",
                    name(table)
                );
                let command = self.provision();
                let command = command.split(" --prefix ").next().unwrap_or_default();
                checks.missing(at, found, Fix::run(format!("{command} --prefix {is}_")))
            }
            None => checks.ok(at, format!("multi-region {is} consistency")),
        };

        if self.strong && self.regions.len() == 2 {
            let at = (region, "witness");
            let unseen = |table: &TableDescription| match table.global_table_witnesses() {
                [] => Some("has none".to_owned()),
                [witness, ..] => match witness.witness_status() {
                    Some(WitnessStatus::Active) => None,
                    status => {
                        let is = status.map_or("of unknown state", WitnessStatus::as_str);
                        Some(format!("has one that is {is}"))
                    }
                },
            };
            match first(&unseen) {
                Some((table, what)) => {
                    checks.missing(at, format!("{} {what}", name(table)), look(table))
                }
                None => checks.ok(at, "ACTIVE"),
            };
        }

        let at = (region, "streams");
        let view = |table: &TableDescription| {
            let stream = table.stream_specification().filter(|s| s.stream_enabled());
            stream.and_then(|s| s.stream_view_type().cloned())
        };
        // Eventual replication of what is no global table yet is set up with its stream.
        let unlike = |table: &TableDescription| match view(table) {
            Some(StreamViewType::NewAndOldImages) => None,
            Some(other) => Some(format!("streams {}", other.as_str())),
            None => Some("has no stream".to_owned()),
        };
        match first(&unlike) {
            _ if self.strong || others.is_empty() => checks.ok(at, "none are needed"),
            Some((_, what)) if what == "has no stream" && first(&unreplicated).is_none() => {
                checks.unchecked(at, "none is shown, although the replicas are ACTIVE")
            }
            Some((table, what)) => {
                let table_name = name(table);
                let fix = format!(
                    "aws dynamodb update-table --region {region} --table-name {table_name} \
                     --stream-specification StreamEnabled=true,StreamViewType=NEW_AND_OLD_IMAGES"
                );
                checks.missing(
                    at,
                    format!("{table_name} {what}, and replication needs NEW_AND_OLD_IMAGES"),
                    Fix::run(fix),
                )
            }
            None => checks.ok(at, "NEW_AND_OLD_IMAGES"),
        };

        let at = (region, "billing");
        let on_demand = |table: &TableDescription| {
            let billing = table.billing_mode_summary();
            billing.and_then(|b| b.billing_mode()) == Some(&BillingMode::PayPerRequest)
        };
        match first(&|table| (!on_demand(table)).then(String::new)) {
            Some((table, _)) => {
                let table = name(table);
                let fix = format!(
                    "aws dynamodb update-table --region {region} --table-name {table} \
                     --billing-mode PAY_PER_REQUEST"
                );
                let found = format!("{table} is of provisioned capacity, which bursts exceed");
                checks.missing(at, found, Fix::run(fix))
            }
            None => checks.ok(at, "by request"),
        };
    }
}

impl Node {
    /// Shows whether anybody answers.
    fn ask(&self) -> Fix {
        let url = match &self.url {
            Some(url) => url.clone(),
            None => format!("https://{}", self.printed()),
        };
        Fix::run(format!("curl -sS {url}"))
    }
}

/// A key that nobody writes.
const NOBODYS: &str = "witness-doctor";

/// Reads what is not there, as an application does: the least that is paid for.
async fn may_read(
    region: &str,
    client: &Client,
    table: &Table,
    found: &TableDescription,
    checks: &mut Checks,
) {
    let at = (region, "may read");
    let name = found.table_name().unwrap_or_default();
    let key = AttributeValue::S(NOBODYS.into());
    let get = client.get_item().table_name(name).key(table.key, key);
    match get.send().await {
        Ok(_) => {
            checks.ok(at, format!("GetItem of {name}"));
        }
        Err(e) => {
            let arn = found.table_arn().unwrap_or(name);
            let error = ProvisionError::of(&e, "GetItem", region, ("dynamodb:GetItem", arn));
            let said = match &error {
                ProvisionError::Refused { .. } => error.to_string(),
                _ => sdk_message(&e),
            };
            checks.missing(at, said, error.fix());
        }
    }
}

/// Where TLS is spoken; none: it is not.
fn server(node: &Node) -> Option<reach::Server> {
    let url = node.url.clone();
    let url = url.unwrap_or_else(|| format!("https://{}", node.printed()));
    let (name, port) = authority(&url).filter(|_| url.starts_with("https://"))?;
    let mut roots = rustls::RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    Some(reach::Server {
        name: name.to_owned(),
        address: None,
        port,
        roots: Arc::new(roots),
        opening: reach::Opening::Direct(b"http/1.1"),
    })
}
