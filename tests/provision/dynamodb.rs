//! Global tables, state by state, and their deletion.

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{BehaviorVersion, Builder, Credentials, Region, retry::RetryConfig};
use serde_json::{Value, json};
use witness::provision::dynamodb::{Consistency, Plan, destroy, mine, provision};
use witness::provision::{Patience, ProvisionError};
use witness_workloads::seats::SEATS;

use super::script::{Exchange, Script, asked, refused};

const TABLE: &str = "witness_seats";

fn arn(region: &str) -> String {
    format!("arn:aws:dynamodb:{region}:111122223333:table/{TABLE}")
}

/// A table as DescribeTable has it, and then its tags.
fn look(region: &str, status: &str, more: Value, tag: Option<&str>) -> Vec<Exchange> {
    let mut table = json!({
        "TableName": TABLE,
        "TableArn": arn(region),
        "TableStatus": status,
        "KeySchema": [{"AttributeName": "key", "KeyType": "HASH"}],
        "BillingModeSummary": {"BillingMode": "PAY_PER_REQUEST"},
        "DeletionProtectionEnabled": false,
    });
    for (name, value) in more.as_object().into_iter().flatten() {
        table[name] = value.clone();
    }
    let tags: Vec<_> = tag
        .iter()
        .map(|name| json!({"Key": "consistency-witness", "Value": name}))
        .collect();
    let described = asked(format!("{region} DescribeTable"), json!({"Table": table}));
    let tagged = asked(
        format!("{region} ListTagsOfResource"),
        json!({"Tags": tags}),
    );
    vec![
        described.holding(json!({"TableName": TABLE})),
        tagged.holding(json!({"ResourceArn": arn(region)})),
    ]
}

fn gone(region: &str) -> Vec<Exchange> {
    let request = format!("{region} DescribeTable");
    let message = format!("Requested resource not found: Table: {TABLE} not found");
    vec![refused(request, 400, "ResourceNotFoundException", &message)]
}

/// With these replicas, each with its status.
fn with(replicas: &[(&str, &str)]) -> Value {
    let replicas: Vec<_> = replicas
        .iter()
        .map(|(region, status)| json!({"RegionName": region, "ReplicaStatus": status}))
        .collect();
    json!({"Replicas": replicas})
}

fn strong(replicas: &[(&str, &str)], witness: &str) -> Value {
    let mut more = with(replicas);
    more["MultiRegionConsistency"] = json!("STRONG");
    more["GlobalTableWitnesses"] = json!([{"RegionName": "us-west-2", "WitnessStatus": witness}]);
    more
}

fn answered(request: &str, holds: Value) -> Vec<Exchange> {
    let answer = json!({"TableDescription": {"TableName": TABLE, "TableStatus": "UPDATING"}});
    vec![asked(request, answer).holding(holds)]
}

fn create() -> Vec<Exchange> {
    answered(
        "us-east-1 CreateTable",
        json!({
            "TableName": TABLE,
            "BillingMode": "PAY_PER_REQUEST",
            "KeySchema": [{"AttributeName": "key", "KeyType": "HASH"}],
            "Tags": [{"Key": "consistency-witness", "Value": "ours"}],
        }),
    )
}

fn client(script: &Script, region: &str) -> Client {
    let config = Builder::new()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(region.to_owned()))
        .credentials_provider(Credentials::new("AKIATEST", "secret", None, None, "test"))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .endpoint_url(&script.url)
        .retry_config(RetryConfig::disabled());
    Client::from_conf(config.build())
}

const REGIONS: [&str; 2] = ["us-east-1", "us-east-2"];

const PATIENT: Patience = Patience {
    limit: Duration::from_secs(300),
    pause: Duration::ZERO,
};

async fn made(
    consistency: Consistency,
    exchanges: Vec<Vec<Exchange>>,
    patience: Patience,
) -> (Result<Vec<String>, ProvisionError>, Vec<String>) {
    let script = Script::of(exchanges.into_iter().flatten()).await;
    let clients = REGIONS.map(|region| client(&script, region));
    let plan = Plan {
        name: "ours".into(),
        prefix: "witness_".into(),
        regions: REGIONS.map(str::to_owned).to_vec(),
        consistency,
        tables: vec![SEATS],
    };
    let mut told = Vec::new();
    let mut tell = |state: &str| told.push(state.to_owned());
    let made = provision(&clients, &plan, patience, &mut tell).await;
    script.done();
    (made, told)
}

fn mrsc() -> Consistency {
    Consistency::Strong {
        witness_region: Some("us-west-2".into()),
    }
}

#[tokio::test]
async fn from_nothing_to_a_global_table() {
    let ours = Some("ours");
    let replica = |status| with(&[("us-east-2", status)]);
    let tagged = asked("us-east-2 TagResource", json!({})).holding(json!({
        "ResourceArn": arn("us-east-2"),
        "Tags": [{"Key": "consistency-witness", "Value": "ours"}],
    }));
    let (made, told) = made(
        Consistency::Eventual,
        vec![
            gone("us-east-1"),
            create(),
            look("us-east-1", "CREATING", json!({}), ours),
            look("us-east-1", "ACTIVE", json!({}), ours),
            answered(
                "us-east-1 UpdateTable",
                json!({
                    "ReplicaUpdates": [{"Create": {"RegionName": "us-east-2"}}],
                    "MultiRegionConsistency": null,
                }),
            ),
            look("us-east-1", "UPDATING", replica("CREATING"), ours),
            look("us-east-1", "ACTIVE", replica("CREATING"), ours),
            // The first region says that it is done before the other one shows it.
            look("us-east-1", "ACTIVE", replica("ACTIVE"), ours),
            look("us-east-1", "ACTIVE", replica("ACTIVE"), ours),
            gone("us-east-2"),
            look("us-east-1", "ACTIVE", replica("ACTIVE"), ours),
            look("us-east-1", "ACTIVE", replica("ACTIVE"), ours),
            look(
                "us-east-2",
                "ACTIVE",
                with(&[("us-east-1", "ACTIVE")]),
                None,
            ),
            vec![tagged],
        ],
        PATIENT,
    )
    .await;
    assert_eq!(made, Ok(vec![arn("us-east-1"), arn("us-east-2")]));
    assert_eq!(told[0], "witness_seats: us-east-1 not there");
    assert!(told.contains(&"witness_seats: us-east-1 ACTIVE · us-east-2 CREATING".to_owned()));
}

/// Replicas and witness come in one request, with the consistency.
#[tokio::test]
async fn strong_consistency_and_its_witness_come_at_once() {
    let ours = Some("ours");
    let up = |witness| strong(&[("us-east-2", "ACTIVE")], witness);
    let (made, told) = made(
        mrsc(),
        vec![
            look("us-east-1", "ACTIVE", json!({}), ours),
            answered(
                "us-east-1 UpdateTable",
                json!({
                    "ReplicaUpdates": [{"Create": {"RegionName": "us-east-2"}}],
                    "MultiRegionConsistency": "STRONG",
                    "GlobalTableWitnessUpdates": [{"Create": {"RegionName": "us-west-2"}}],
                }),
            ),
            look("us-east-1", "ACTIVE", up("CREATING"), ours),
            look("us-east-1", "ACTIVE", up("ACTIVE"), ours),
            look("us-east-1", "ACTIVE", up("ACTIVE"), ours),
            look("us-east-2", "ACTIVE", up("ACTIVE"), ours),
        ],
        PATIENT,
    )
    .await;
    assert_eq!(made, Ok(vec![arn("us-east-1"), arn("us-east-2")]));
    assert_eq!(
        told[1],
        "witness_seats: us-east-1 ACTIVE · us-east-2 ACTIVE · witness us-west-2 CREATING"
    );
}

#[tokio::test]
async fn a_table_of_somebody_else_is_in_the_way() {
    let script = vec![look("us-east-1", "ACTIVE", json!({}), None)];
    let (made, _) = made(Consistency::Eventual, script, PATIENT).await;
    let error = made.unwrap_err().to_string();
    assert!(
        error.contains("does not carry the tag consistency-witness=ours"),
        "{error}"
    );
}

#[tokio::test]
async fn waiting_has_a_limit_and_refusals_name_the_right() {
    let hurried = Patience {
        limit: Duration::ZERO,
        ..PATIENT
    };
    let creating = vec![look("us-east-1", "CREATING", json!({}), Some("ours"))];
    let (late, _) = made(Consistency::Eventual, creating, hurried).await;
    let error = late.unwrap_err().to_string();
    assert!(
        error.contains("still: witness_seats: us-east-1 CREATING"),
        "{error}"
    );

    let user = "User: arn:aws:iam::111122223333:user/w is not authorized to perform:";
    let message = format!(
        "{user} dynamodb:CreateTableReplica on resource: {} because …",
        arn("us-east-2")
    );
    let script = vec![
        look("us-east-1", "ACTIVE", json!({}), Some("ours")),
        vec![refused(
            "us-east-1 UpdateTable",
            400,
            "AccessDeniedException",
            &message,
        )],
    ];
    let (made, _) = made(Consistency::Eventual, script, PATIENT).await;
    let error = made.unwrap_err().to_string();
    let lacks = format!(
        "the policy lacks dynamodb:CreateTableReplica on {}",
        arn("us-east-2")
    );
    assert!(error.contains(&lacks), "{error}");
}

async fn destroyed(exchanges: Vec<Vec<Exchange>>) -> (Result<(), ProvisionError>, Vec<String>) {
    let script = Script::of(exchanges.into_iter().flatten()).await;
    let regions = REGIONS.map(|region| (region.to_owned(), client(&script, region)));
    let mut others = Vec::new();
    let result = async {
        let mine = mine(&regions, "witness_", "ours").await?;
        others = mine.others;
        destroy(&regions, mine.tables, "ours", false, PATIENT, &mut |_| {}).await
    };
    let result = result.await;
    script.done();
    (result, others)
}

fn names(region: &str, names: &[&str]) -> Vec<Exchange> {
    vec![asked(
        format!("{region} ListTables"),
        json!({"TableNames": names}),
    )]
}

#[tokio::test]
async fn replicas_and_witness_go_before_the_table() {
    let ours = Some("ours");
    let up = || strong(&[("us-east-2", "ACTIVE")], "ACTIVE");
    let (result, others) = destroyed(vec![
        names("us-east-1", &[TABLE, "orders"]),
        look("us-east-1", "ACTIVE", up(), ours),
        // The same table: it is not looked at twice.
        names("us-east-2", &[TABLE]),
        look("us-east-1", "ACTIVE", up(), ours),
        answered(
            "us-east-1 UpdateTable",
            json!({
                "ReplicaUpdates": [{"Delete": {"RegionName": "us-east-2"}}],
                "GlobalTableWitnessUpdates": [{"Delete": {"RegionName": "us-west-2"}}],
            }),
        ),
        look(
            "us-east-1",
            "ACTIVE",
            strong(&[("us-east-2", "DELETING")], "DELETING"),
            ours,
        ),
        look("us-east-1", "ACTIVE", json!({}), ours),
        answered("us-east-1 DeleteTable", json!({"TableName": TABLE})),
        look("us-east-1", "DELETING", json!({}), ours),
        gone("us-east-1"),
    ])
    .await;
    assert_eq!(result, Ok(()));
    assert!(others.is_empty());
}

#[tokio::test]
async fn a_table_without_the_tag_stays_and_is_named() {
    let (result, others) = destroyed(vec![
        names("us-east-1", &[TABLE]),
        look("us-east-1", "ACTIVE", json!({}), None),
        names("us-east-2", &[]),
    ])
    .await;
    assert_eq!(result, Ok(()));
    assert_eq!(others, [arn("us-east-1")]);
}

#[tokio::test]
async fn a_protected_table_stays() {
    let ours = Some("ours");
    let protected = || json!({"DeletionProtectionEnabled": true});
    let (result, _) = destroyed(vec![
        names("us-east-1", &[TABLE]),
        look("us-east-1", "ACTIVE", protected(), ours),
        names("us-east-2", &[]),
        look("us-east-1", "ACTIVE", protected(), ours),
    ])
    .await;
    assert_eq!(result, Err(ProvisionError::Protected(arn("us-east-1"))));
}
