//! Whether what a run on Aurora DSQL needs is there: keys, the way, the role, and the
//! clusters, which must know each other.

use std::sync::Arc;

use aws_sdk_dsql::types::ClusterStatus;
use witness_workloads::DbError;

use super::DsqlDatabase;
use super::connector::ALPN;
use super::node::Node;
use crate::backends::{AwsClients, aws, sql_tables};
use crate::doctor::{self, Checks, Fix, reach};
use crate::provision::dsql::{Cluster, calls};

impl DsqlDatabase {
    /// Looks. `control` has the clusters' state; the embedded ones have none.
    pub(super) async fn examine(&self, control: Option<&AwsClients>, checks: &mut Checks) {
        let connector = self.pool.connector();
        if control.is_some() {
            aws::examine_credentials(connector.aws(), checks).await;
        }
        for node in &self.nodes {
            let server = reach::Server {
                name: node.host.clone(),
                address: node.address,
                port: node.port,
                roots: Arc::clone(connector.roots()),
                opening: reach::Opening::Either(ALPN),
            };
            if reach::examine(&node.region, server, connector.timeout(), checks).await {
                self.let_in(node, checks).await;
            }
        }
        match control {
            Some(control) => self.clusters(control, checks).await,
            None => {
                for region in &self.regions {
                    checks.unchecked((region, "cluster"), "the embedded stand-in is always up");
                }
            }
        }
    }

    /// As the role that a run connects as.
    async fn let_in(&self, node: &Node, checks: &mut Checks) {
        let region = node.region.as_str();
        let user = self.pool.connector().user();
        let at = (region, "role");
        let mut connection = match Arc::clone(&self.pool).take(node).await {
            Ok(connection) => connection,
            Err(error) => {
                checks.missing(at, said(&error), mend(&error, node, user));
                return;
            }
        };
        checks.ok(at, format!("{user} is let in with a token minted here"));
        doctor::connection::examine(region, &mut connection, checks).await;
        sql_tables::examine(region, connection.tables().await, checks);
    }

    async fn clusters(&self, control: &AwsClients, checks: &mut Checks) {
        let mut seen = Vec::new();
        for node in &self.nodes {
            let at = (node.region.as_str(), "cluster");
            let Some(id) = node.cluster() else {
                let why = format!("{} is no name of a cluster in {}", node.host, node.region);
                checks.unchecked(at, why);
                continue;
            };
            let client = control.dsql(&node.region);
            match calls::look(&client, &node.region, id).await {
                Ok(Some(cluster)) => seen.push(cluster),
                Ok(None) => {
                    let list = format!("aws dsql list-clusters --region {}", node.region);
                    checks.missing(at, format!("there is no cluster {id}"), Fix::run(list));
                }
                // Whether it is there nobody has said; the way to it and the role were looked at.
                Err(error) => {
                    checks.unchecked(at, error.to_string());
                }
            }
        }
        for cluster in &seen {
            state(cluster, checks);
            peering(cluster, &seen, self.nodes.len(), checks);
        }
    }
}

/// The class says nothing more to a person.
fn said(error: &DbError) -> String {
    error.message.clone()
}

fn arn(node: &Node) -> String {
    let id = node.cluster().unwrap_or("*");
    format!("arn:aws:dsql:{}:*:cluster/{id}", node.region)
}

/// What lets the role in.
fn mend(error: &DbError, node: &Node, user: &str) -> Fix {
    if error.class == "token" {
        // Nothing was sent: there are no keys to mint one with.
        return Fix::run("export AWS_PROFILE=NAME");
    }
    if !error.message.contains("the token was rejected") {
        return Fix::run(format!("aws dsql list-clusters --region {}", node.region));
    }
    let action = match user {
        "admin" => "dsql:DbConnectAdmin",
        _ => "dsql:DbConnect",
    };
    Fix::allow(action, &arn(node))
}

fn look_again(cluster: &Cluster) -> Fix {
    let Cluster { region, id, .. } = cluster;
    Fix::run(format!(
        "aws dsql get-cluster --region {region} --identifier {id}"
    ))
}

fn state(cluster: &Cluster, checks: &mut Checks) {
    use ClusterStatus::{Active, Idle, Inactive};
    let at = (cluster.region.as_str(), "cluster");
    let found = cluster.status.as_str().to_owned();
    match cluster.status {
        // Idle ones wake up when somebody connects.
        Active | Idle | Inactive => checks.ok(at, found),
        _ => checks.missing(at, found, look_again(cluster)),
    };
}

/// Whether it knows every other cluster of the run: otherwise these are several databases.
fn peering(cluster: &Cluster, seen: &[Cluster], nodes: usize, checks: &mut Checks) {
    let at = (cluster.region.as_str(), "peering");
    let others = || seen.iter().filter(|other| other.arn != cluster.arn);
    let strangers: Vec<_> = others()
        .filter(|other| !cluster.peers.contains(&other.arn))
        .collect();
    if let [stranger, ..] = strangers[..] {
        let witness = cluster
            .witness_region
            .as_deref()
            .unwrap_or("WITNESS_REGION");
        let found = format!("it does not know the cluster in {}", stranger.region);
        // Only a cluster that waits for its peer can be told of one; both are made so.
        let fix = format!(
            "witness provision dsql --region {} --region {} --witness-region {witness} --name NAME",
            cluster.region, stranger.region
        );
        checks.missing(at, found, Fix::run(fix));
        return;
    }
    if others().count() + 1 < nodes {
        checks.unchecked(at, "the other cluster was not seen");
        return;
    }
    let witness = cluster.witness_region.as_deref().unwrap_or("no region");
    let known: Vec<_> = others().map(|other| other.region.as_str()).collect();
    let found = format!("knows {}; its witness is in {witness}", known.join(", "));
    checks.ok(at, found);
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::time::Duration;

    use aws_config::retry::RetryConfig;
    use witness_regions::credentials::Credentials;

    use super::super::connection::Pool;
    use super::super::connector::Connector;
    use super::*;
    use crate::backends::DsqlOptions;
    use crate::doctor::{Check, State};

    /// What is found of a cluster whose control plane answers so.
    async fn control(status: &str, error: &str, message: &str) -> Check {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let body =
            format!(r#"{{"message":"{message}","resourceId":"x","resourceType":"cluster"}}"#);
        let answer = format!(
            "HTTP/1.1 {status}\r\nx-amzn-errortype: {error}\r\ncontent-length: {}\r\n\
             connection: close\r\n\r\n{body}",
            body.len()
        );
        // Nobody: the listener is gone before it is asked.
        if !status.is_empty() {
            std::thread::spawn(move || {
                let (mut stream, _) = listener.accept().unwrap();
                let mut asked = Vec::new();
                while !asked.ends_with(b"\r\n\r\n") {
                    let mut byte = [0];
                    stream.read_exact(&mut byte).unwrap();
                    asked.extend(byte);
                }
                assert!(asked.starts_with(b"GET /cluster/abcdefghijklmnopqrstuvwxyz "));
                stream.write_all(answer.as_bytes()).unwrap();
            });
        } else {
            drop(listener);
        }
        let keys = Credentials {
            access_key_id: "AKIADOCTORTEST".into(),
            secret_access_key: "c2VjcmV0IG9mIGEgdGVzdA".into(),
        };
        let aws = aws::embedded("us-east-1", &keys).await;
        let asked = aws.to_builder().endpoint_url(url);
        let clients = AwsClients::of(asked.retry_config(RetryConfig::disabled()).build());
        let connector = Connector::new(
            aws,
            rustls::RootCertStore::empty(),
            DsqlOptions::default(),
            Duration::from_secs(60),
        );
        let node = Node::real(&"us-east-1=abcdefghijklmnopqrstuvwxyz".parse().unwrap());
        let database = DsqlDatabase::new(vec![node], Pool::new(connector));
        let mut checks = Checks::default();
        database.clusters(&clients, &mut checks).await;
        let [check] = checks.all() else {
            panic!("{checks:?}")
        };
        check.clone()
    }

    #[tokio::test]
    async fn a_cluster_is_missing_where_the_service_says_so() {
        let gone = control("404 Not Found", "ResourceNotFoundException", "no such").await;
        assert_eq!(gone.state, State::Missing, "{gone:?}");
        assert_eq!(gone.found, "there is no cluster abcdefghijklmnopqrstuvwxyz");
        let denied = "not authorized to perform: dsql:GetCluster on resource: arn:of:it";
        for (status, error, message, said) in [
            (
                "403 Forbidden",
                "AccessDeniedException",
                denied,
                "the policy lacks dsql:GetCluster on arn:of:it",
            ),
            (
                "403 Forbidden",
                "UnrecognizedClientException",
                "The security token included in the request is invalid.",
                "The security token included in the request is invalid.",
            ),
            ("500 Internal", "InternalServerException", "later", "later"),
            ("", "", "", "GetCluster in us-east-1: dispatch failure"),
        ] {
            let check = control(status, error, message).await;
            assert_eq!(check.state, State::NotChecked, "{check:?}");
            assert!(check.found.contains(said), "{check:?}");
        }
    }

    fn cluster(region: &str, status: ClusterStatus, peers: &[&str]) -> Cluster {
        let arn = |region: &str| format!("arn:aws:dsql:{region}:111122223333:cluster/x");
        Cluster {
            region: region.into(),
            id: "x".into(),
            arn: arn(region),
            status,
            endpoint: None,
            peers: peers.iter().map(|region| arn(region)).collect(),
            witness_region: Some("us-west-2".into()),
            protected: false,
            name: None,
        }
    }

    #[test]
    fn who_is_not_let_in_is_told_why() {
        let node = Node::real(&"us-east-1=abcdefghijklmnopqrstuvwxyz".parse().unwrap());
        let arn = "arn:aws:dsql:us-east-1:*:cluster/abcdefghijklmnopqrstuvwxyz";
        let rejected = "unable to accept connection, access denied (28000): the token was rejected";
        for (class, message, user, fix) in [
            (
                "connect",
                rejected,
                "admin",
                Fix::allow("dsql:DbConnectAdmin", arn),
            ),
            (
                "connect",
                rejected,
                "buyer",
                Fix::allow("dsql:DbConnect", arn),
            ),
            (
                "token",
                "no token",
                "admin",
                Fix::run("export AWS_PROFILE=NAME"),
            ),
            (
                "connect",
                "no answer within 10s",
                "admin",
                Fix::run("aws dsql list-clusters --region us-east-1"),
            ),
        ] {
            let error = DbError::definite(class, message);
            assert_eq!(mend(&error, &node, user), fix, "{message}");
        }
    }

    #[test]
    fn only_a_cluster_that_takes_clients_is_all_right() {
        use ClusterStatus::{Active, Creating, Deleting, Failed, Idle, PendingSetup};
        for (status, expected) in [
            (Active, State::Ok),
            (Idle, State::Ok),
            (Creating, State::Missing),
            (PendingSetup, State::Missing),
            (Deleting, State::Missing),
            (Failed, State::Missing),
        ] {
            let mut checks = Checks::default();
            state(&cluster("us-east-1", status.clone(), &[]), &mut checks);
            assert_eq!(checks.all()[0].state, expected, "{status:?}");
        }
    }

    #[test]
    fn clusters_have_to_know_each_other() {
        let active = ClusterStatus::Active;
        let look = |peers: &[&str], nodes: usize, both: bool| {
            let a = cluster("us-east-1", active.clone(), peers);
            let mut seen = vec![a.clone()];
            if both {
                seen.push(cluster("us-east-2", active.clone(), &["us-east-1"]));
            }
            let mut checks = Checks::default();
            peering(&a, &seen, nodes, &mut checks);
            checks.all()[0].clone()
        };
        // Its own ARN may be among those that it knows.
        let good = look(&["us-east-1", "us-east-2"], 2, true);
        assert_eq!(good.state, State::Ok);
        assert_eq!(good.found, "knows us-east-2; its witness is in us-west-2");
        assert_eq!(look(&["us-east-1"], 2, true).state, State::Missing);
        assert_eq!(look(&[], 2, true).state, State::Missing);
        assert_eq!(look(&["us-east-2"], 2, false).state, State::NotChecked);
    }
}
