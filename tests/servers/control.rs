//! Provisioning on moto, where it has the calls; and boto3 on the embedded regions.

use std::process::Command;
use std::time::Duration;

use libtest_mimic::Failed;
use witness::provision::{Patience, dsql, dynamodb as tables};
use witness_regions::credentials::Credentials as Keys;
use witness_regions::dynamodb::{GlobalTables, Options};
use witness_workloads::seats::{LEDGER, SEATS};

use super::KEYS;
use super::peer::{Check, RUNTIME, python};

pub const ALL: &[(&str, Check)] = &[
    (
        "a_cluster_is_made_and_deleted",
        a_cluster_is_made_and_deleted,
    ),
    (
        "tables_are_made_and_destroyed",
        tables_are_made_and_destroyed,
    ),
];

const PATIENT: Patience = Patience {
    limit: Duration::from_secs(300),
    pause: Duration::from_millis(20),
};

/// A client of a server on loopback.
pub fn dynamodb(url: &str, region: &str) -> aws_sdk_dynamodb::Client {
    use aws_sdk_dynamodb::config::{BehaviorVersion, Builder, Credentials, Region};
    let config = Builder::new()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(region.to_owned()))
        .credentials_provider(Credentials::new(KEYS[0].1, KEYS[1].1, None, None, "test"))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .endpoint_url(url);
    aws_sdk_dynamodb::Client::from_conf(config.build())
}

/// moto knows no peers: it has the calls about a single cluster.
fn a_cluster_is_made_and_deleted(url: &str) -> Result<(), Failed> {
    use aws_sdk_dsql::config::{BehaviorVersion, Builder, Credentials, Region};
    let config = Builder::new()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new(KEYS[0].1, KEYS[1].1, None, None, "test"))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .endpoint_url(url);
    let client = aws_sdk_dsql::Client::from_conf(config.build());
    let plan = dsql::Plan {
        name: "ours".into(),
        regions: ["us-east-1".into(), "us-east-2".into()],
        witness_region: "us-west-2".into(),
        deletion_protection: false,
    };
    RUNTIME.block_on(async {
        let made = dsql::calls::create(&client, &plan, 0, None).await?;
        assert_eq!(made.status.as_str(), "CREATING");
        let seen = dsql::calls::look(&client, "us-east-1", &made.id).await?;
        let seen = seen.ok_or("it is there")?;
        assert_eq!(
            (seen.arn, seen.name.as_deref()),
            (made.arn.clone(), Some("ours"))
        );
        assert!(!seen.protected);
        dsql::calls::delete(&client, &made).await?;
        let gone = dsql::calls::look(&client, "us-east-1", &made.id).await?;
        assert_eq!(gone, None);
        dsql::calls::delete(&client, &made).await?;
        Ok(())
    })
}

/// moto knows no replicas: one region.
fn tables_are_made_and_destroyed(url: &str) -> Result<(), Failed> {
    let client = dynamodb(url, "us-east-1");
    let plan = tables::Plan {
        name: "ours".into(),
        prefix: "provisioned_".into(),
        regions: vec!["us-east-1".into()],
        consistency: tables::Consistency::Eventual,
        tables: vec![SEATS, LEDGER],
    };
    let regions = [("us-east-1".to_owned(), client.clone())];
    RUNTIME.block_on(async {
        let clients = [client.clone()];
        for _ in 0..2 {
            let arns = tables::provision(&clients, &plan, PATIENT, &mut |_| {}).await?;
            assert_eq!(arns.len(), 2, "{arns:?}");
            assert!(arns[0].ends_with(":table/provisioned_seats"), "{arns:?}");
        }
        // Another name finds them, and leaves them.
        let others = tables::mine(&regions, "provisioned_", "theirs").await?;
        assert_eq!((others.tables.len(), others.others.len()), (0, 2));
        let mine = tables::mine(&regions, "provisioned_", "ours").await?;
        assert_eq!((mine.tables.len(), mine.others.len()), (2, 0));
        tables::destroy(&regions, mine.tables, "ours", false, PATIENT, &mut |_| {}).await?;
        let left = tables::mine(&regions, "provisioned_", "ours").await?;
        assert_eq!(left, tables::Mine::default());
        Ok(())
    })
}

/// Both kinds of global tables on the embedded regions: made, run on, and destroyed.
pub fn provisioned() -> Result<(), Failed> {
    let strong = tables::Consistency::Strong {
        witness_region: Some("us-west-2".into()),
    };
    for (consistency, backend, valid) in [
        (tables::Consistency::Eventual, "dynamodb", Some(1)),
        (strong, "dynamodb-mrsc", Some(0)),
    ] {
        let servers = embedded()?;
        let regions: Vec<_> = servers
            .endpoints()
            .iter()
            .map(|e| (e.region.clone(), dynamodb(&e.url, &e.region)))
            .collect();
        let clients: Vec<_> = regions.iter().map(|(_, client)| client.clone()).collect();
        let plan = tables::Plan {
            name: "ours".into(),
            prefix: "witness_".into(),
            regions: regions.iter().map(|(region, _)| region.clone()).collect(),
            consistency,
            tables: vec![LEDGER, SEATS],
        };
        let theirs = tables::Plan {
            name: "theirs".into(),
            ..plan.clone()
        };
        RUNTIME.block_on(async {
            let made = tables::provision(&clients, &plan, PATIENT, &mut |_| {}).await?;
            assert_eq!(made.len(), 4, "two tables in two regions: {made:?}");
            let again = tables::provision(&clients, &plan, PATIENT, &mut |_| {}).await?;
            assert_eq!(made, again);
            for one in &regions {
                let there = tables::mine(std::slice::from_ref(one), "witness_", "ours").await?;
                assert_eq!(
                    there.tables.len(),
                    2,
                    "each replica carries the tag: {}",
                    one.0
                );
            }
            let refused = tables::provision(&clients, &theirs, PATIENT, &mut |_| {}).await;
            assert!(refused.is_err(), "they are not theirs");
            Ok::<_, Failed>(())
        })?;

        let store = tempfile::tempdir()?;
        let mut witness = Command::new(env!("CARGO_BIN_EXE_witness"));
        witness.args(["run", "seats", "--bursts", "12", "--backend", backend]);
        witness.args([
            "--app",
            if valid == Some(0) {
                "conditional"
            } else {
                "naive"
            },
        ]);
        for endpoint in servers.endpoints() {
            witness.args([
                "--endpoint",
                &format!("{}={}", endpoint.region, endpoint.url),
            ]);
        }
        let said = witness.current_dir(store.path()).output()?;
        let text = String::from_utf8_lossy(&said.stdout);
        assert_eq!(
            said.status.code(),
            valid,
            "{text}{}",
            String::from_utf8_lossy(&said.stderr)
        );

        RUNTIME.block_on(async {
            let mine = tables::mine(&regions, "witness_", "ours").await?;
            assert_eq!(mine.tables.len(), 2, "each once, not once a region");
            tables::destroy(&regions, mine.tables, "ours", false, PATIENT, &mut |_| {}).await?;
            for one in &regions {
                let left = tables::mine(std::slice::from_ref(one), "witness_", "ours").await?;
                assert_eq!(left, tables::Mine::default(), "{}", one.0);
            }
            Ok::<_, Failed>(())
        })?;
    }
    Ok(())
}

/// The embedded regions, open to the keys of this test.
fn embedded() -> Result<GlobalTables, Failed> {
    let options = Options {
        credentials: Keys {
            access_key_id: KEYS[0].1.into(),
            secret_access_key: KEYS[1].1.into(),
        },
        ..Options::default()
    };
    Ok(RUNTIME.block_on(GlobalTables::start(options))?)
}

/// A client that others wrote, on both embedded regions.
pub fn boto3() -> Result<(), Failed> {
    let servers = embedded()?;
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients/dynamodb.py");
    let mut python = Command::new(python().ok_or("no Python with boto3")?);
    python.arg(script);
    for endpoint in servers.endpoints() {
        python.args([&endpoint.region, &endpoint.url]);
    }
    let said = python.output()?;
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    let (stdout, stderr) = (text(&said.stdout), text(&said.stderr));
    assert!(said.status.success(), "{stdout}{stderr}");
    assert_eq!(stdout.trim(), "7 passed", "{stdout}{stderr}");
    Ok(())
}
