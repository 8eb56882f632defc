//! Requests that are almost right: whatever is wrong with one, the client is told
//! so, and the server is none the worse for it.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::dynamodb::options::{Consistency, Lag};

fn definition(table: &str) -> Value {
    json!({
        "TableName": table,
        "KeySchema": [
            {"AttributeName": "id", "KeyType": "HASH"},
            {"AttributeName": "at", "KeyType": "RANGE"},
        ],
        "AttributeDefinitions": [
            {"AttributeName": "id", "AttributeType": "S"},
            {"AttributeName": "at", "AttributeType": "N"},
        ],
        "BillingMode": "PAY_PER_REQUEST",
    })
}

/// A valid request of every operation.
fn valid() -> Vec<(Operation, Value)> {
    let key = json!({"id": {"S": "A1"}, "at": {"N": "1"}});
    let item =
        json!({"id": {"S": "A1"}, "at": {"N": "1"}, "l": {"L": [{"SS": ["a"]}, {"BOOL": true}]}});
    let put = json!({
        "TableName": "eventual",
        "Item": item,
        "ConditionExpression": "attribute_not_exists(id) OR #n < :n",
        "ExpressionAttributeNames": {"#n": "n"},
        "ExpressionAttributeValues": {":n": {"N": "9"}},
        "ReturnValues": "ALL_OLD",
    });
    let update = json!({
        "TableName": "strong",
        "Key": key,
        "UpdateExpression": "SET n = if_not_exists(n, :n) + :n, #l[0] = :n REMOVE x ADD s :s",
        "ExpressionAttributeNames": {"#l": "l"},
        "ExpressionAttributeValues": {":n": {"N": "1"}, ":s": {"NS": ["1", "2"]}},
        "ReturnValues": "UPDATED_NEW",
    });
    let query = json!({
        "TableName": "eventual",
        "KeyConditionExpression": "id = :id AND #at BETWEEN :low AND :high",
        "FilterExpression": "size(l) > :low",
        "ProjectionExpression": "id, l[0]",
        "ExpressionAttributeNames": {"#at": "at"},
        "ExpressionAttributeValues": {":id": {"S": "A1"}, ":low": {"N": "0"}, ":high": {"N": "9"}},
        "Limit": 3,
        "ScanIndexForward": false,
        "ExclusiveStartKey": key,
    });
    let witness = json!([{"Create": {"RegionName": "us-west-2"}}]);
    vec![
        (Operation::CreateTable, definition("eventual")),
        (
            Operation::UpdateTable,
            json!({
                "TableName": "eventual",
                "ReplicaUpdates": [{"Create": {"RegionName": "us-east-2"}}],
                "MultiRegionConsistency": "STRONG",
                "GlobalTableWitnessUpdates": witness,
                "BillingMode": "PAY_PER_REQUEST",
            }),
        ),
        (Operation::DescribeTable, json!({"TableName": "eventual"})),
        (
            Operation::ListTables,
            json!({"Limit": 1, "ExclusiveStartTableName": "aaa"}),
        ),
        (Operation::PutItem, put.clone()),
        (
            Operation::GetItem,
            json!({"TableName": "strong", "Key": key, "ConsistentRead": true}),
        ),
        (Operation::UpdateItem, update.clone()),
        (
            Operation::DeleteItem,
            json!({"TableName": "strong", "Key": key, "ReturnValues": "ALL_OLD"}),
        ),
        (Operation::Query, query),
        (
            Operation::Scan,
            json!({"TableName": "strong", "Limit": 2, "Segment": 0, "TotalSegments": 2}),
        ),
        (
            Operation::BatchGetItem,
            json!({"RequestItems": {
                "strong": {"Keys": [key], "ConsistentRead": true},
                "eventual": {"Keys": [key], "ProjectionExpression": "id"},
            }}),
        ),
        (
            Operation::BatchWriteItem,
            json!({"RequestItems": {
                "strong": [{"PutRequest": {"Item": item}}],
                "eventual": [{"DeleteRequest": {"Key": key}}],
            }}),
        ),
        (
            Operation::TransactGetItems,
            json!({"TransactItems": [{"Get": {"TableName": "eventual", "Key": key}}]}),
        ),
        (
            Operation::TransactWriteItems,
            json!({
                "ClientRequestToken": "token",
                "TransactItems": [
                    {"Put": {"TableName": "eventual", "Item": item}},
                    {"Delete": {"TableName": "eventual", "Key": {"id": {"S": "B"}, "at": {"N": "2"}}}},
                ],
            }),
        ),
    ]
}

fn nodes(value: &mut Value) -> usize {
    1 + match value {
        Value::Array(list) => list.iter_mut().map(nodes).sum(),
        Value::Object(object) => object.values_mut().map(nodes).sum(),
        _ => 0,
    }
}

/// Replaces the node that a walk in order reaches as number `at`.
fn replace(value: &mut Value, at: usize, with: &Value) -> usize {
    if at == 0 {
        *value = with.clone();
        return 1;
    }
    let mut passed = 1;
    let children: Vec<&mut Value> = match value {
        Value::Array(list) => list.iter_mut().collect(),
        Value::Object(object) => object.values_mut().collect(),
        _ => Vec::new(),
    };
    for child in children {
        if passed <= at {
            passed += replace(child, at - passed, with);
        }
    }
    passed
}

fn wrong() -> impl Strategy<Value = Value> {
    let text = prop_oneof![
        Just(String::new()),
        Just("x".repeat(3_000)),
        Just("(".repeat(400)),
        Just("id = :id AND ".repeat(50)),
        Just("arn:aws:dynamodb:us-east-1:0:table/strong".to_owned()),
        Just("1e999".to_owned()),
        "[a-z#:(),=<>.\\[\\]0-9 ]{0,30}",
        any::<String>(),
    ];
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(|value| json!(value)),
        any::<i64>().prop_map(|value| json!(value)),
        any::<f64>().prop_map(|value| json!(value)),
        Just(json!([])),
        Just(json!({})),
        Just(json!({"S": "x", "N": "1"})),
        Just(json!({"N": "one"})),
        Just(json!({"B": "not base64!"})),
        Just(json!({"SS": []})),
        Just((0..100).fold(json!({"S": "deep"}), |inner, _| json!({"L": [inner]}))),
        text.prop_map(Value::String),
    ]
}

async fn cluster() -> Arc<Cluster> {
    let options = Options {
        consistency: Consistency::Mrsc,
        inter_region_rtt: Duration::ZERO,
        lag: Lag::fixed(Duration::ZERO),
        ..Options::default()
    };
    let cluster = Arc::new(Cluster::new(options).unwrap());
    let add = json!([{"Create": {"RegionName": "us-east-2"}}]);
    for (operation, body) in [
        (Operation::CreateTable, definition("eventual")),
        (Operation::CreateTable, definition("strong")),
        (
            Operation::UpdateTable,
            json!({"TableName": "strong", "ReplicaUpdates": add}),
        ),
    ] {
        let request = Request { operation, body };
        cluster.clone().execute(0, request).await.unwrap();
    }
    cluster
}

#[test]
fn what_is_valid_succeeds() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let cluster = cluster().await;
        // The two that would change the tables are valid but not here.
        for (operation, body) in valid().into_iter().skip(2) {
            let request = Request { operation, body };
            let answer = cluster.clone().execute(0, request).await;
            // A list index on an item without a list is the item's fault.
            let right = answer.is_ok() || operation == Operation::UpdateItem;
            assert!(right, "{}: {answer:?}", operation.name());
        }
    });
}

#[test]
fn the_deepest_expressions_are_answered() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let cluster = cluster().await;
        let deep = [
            "(".repeat(4_096),
            format!("{}id{}", "(".repeat(2_000), ")".repeat(2_000)),
            format!("{}id = :v", "NOT ".repeat(1_020)),
            format!("id = :v{}", " OR id=:v".repeat(450)),
            format!("SET n = {}:v{}", "(".repeat(2_000), ")".repeat(2_000)),
            "(".repeat(1_000_000),
        ];
        let operations = [
            (Operation::PutItem, "ConditionExpression"),
            (Operation::UpdateItem, "UpdateExpression"),
            (Operation::Query, "KeyConditionExpression"),
            (Operation::Scan, "FilterExpression"),
            (Operation::Scan, "ProjectionExpression"),
        ];
        for (operation, member) in operations {
            for expression in &deep {
                let item = json!({"id": {"S": "A1"}, "at": {"N": "1"}});
                let body = json!({
                    "TableName": "eventual",
                    if operation == Operation::PutItem { "Item" } else { "Key" }: item,
                    member: expression,
                    "ExpressionAttributeValues": {":v": {"S": "x"}},
                });
                let request = Request { operation, body };
                let answer = cluster.clone().execute(0, request).await;
                let fault = answer.err().filter(|error| error.status != 400);
                assert!(fault.is_none(), "{fault:?}");
            }
        }
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn no_request_is_the_servers_fault(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), wrong()), 40),
    ) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let cluster = cluster().await;
            let valid = valid();
            for (which, node, wrong) in changes {
                let (operation, mut body) = valid[which.index(valid.len())].clone();
                let at = node.index(nodes(&mut body));
                replace(&mut body, at, &wrong);
                let bytes = body.to_string();
                let answer = match Request::parse(operation, bytes.as_bytes()) {
                    Ok(request) => cluster.clone().execute(0, request).await,
                    Err(error) => Err(error),
                };
                if let Err(error) = answer {
                    prop_assert!(error.status == 400, "{} {}: {}", operation.name(), bytes, error);
                }
            }
            let list = Request { operation: Operation::ListTables, body: json!({}) };
            prop_assert!(cluster.execute(0, list).await.is_ok());
            Ok(())
        })?;
    }
}
