//! Multi-region strong consistency on small random histories, against an oracle
//! that tries every order.

use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::dynamodb::cluster::Cluster;
use crate::dynamodb::operation::Operation;
use crate::dynamodb::options::{Consistency, Options};
use crate::dynamodb::request::Request;

const TABLE: &str = "register";

/// What a client did to the register, and when it began and ended.
#[derive(Debug, Clone)]
struct Done {
    began: u64,
    ended: u64,
    effect: Seen,
}

#[derive(Debug, Clone, PartialEq)]
enum Seen {
    Read(Option<u32>),
    Wrote(u32),
    /// From a value to another, if it held it.
    Swapped(u32, u32, bool),
}

/// Whether some order of the operations explains them all and respects time.
fn linearizable(history: &[Done]) -> bool {
    fn explain(history: &[Done], taken: u32, state: Option<u32>) -> bool {
        if taken.count_ones() as usize == history.len() {
            return true;
        }
        let open = |at: usize| taken & (1 << at) == 0;
        (0..history.len()).filter(|at| open(*at)).any(|at| {
            let first = (0..history.len())
                .filter(|other| open(*other) && *other != at)
                .all(|other| history[other].ended > history[at].began);
            let next = match history[at].effect {
                Seen::Read(value) => (value == state).then_some(state),
                Seen::Wrote(value) => Some(Some(value)),
                Seen::Swapped(from, to, true) => (state == Some(from)).then_some(Some(to)),
                Seen::Swapped(from, _, false) => (state != Some(from)).then_some(state),
            };
            first && next.is_some_and(|state| explain(history, taken | 1 << at, state))
        })
    }
    explain(history, 0, None)
}

#[test]
fn the_oracle_knows_a_stale_read() {
    let done = |began, ended, effect| Done {
        began,
        ended,
        effect,
    };
    let write = done(0, 1, Seen::Wrote(1));
    assert!(linearizable(&[
        write.clone(),
        done(2, 3, Seen::Read(Some(1)))
    ]));
    assert!(!linearizable(&[
        write.clone(),
        done(2, 3, Seen::Read(None))
    ]));
    assert!(linearizable(&[
        done(0, 3, Seen::Wrote(1)),
        done(1, 2, Seen::Read(None))
    ]));
    let swapped = |began, ended| done(began, ended, Seen::Swapped(1, 2, true));
    assert!(!linearizable(&[write, swapped(2, 5), swapped(3, 4)]));
}

fn request(operation: Operation, body: Value) -> Request {
    Request::parse(operation, body.to_string().as_bytes()).unwrap()
}

async fn cluster() -> Arc<Cluster> {
    let options = Options {
        consistency: Consistency::Mrsc,
        inter_region_rtt: Duration::from_millis(2),
        ..Options::default()
    };
    let cluster = Arc::new(Cluster::new(options).unwrap());
    let create = json!({
        "TableName": TABLE,
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
        "BillingMode": "PAY_PER_REQUEST",
    });
    let update = json!({
        "TableName": TABLE,
        "ReplicaUpdates": [{"Create": {"RegionName": "us-east-2"}}],
    });
    for (operation, body) in [
        (Operation::CreateTable, create),
        (Operation::UpdateTable, update),
    ] {
        let request = request(operation, body);
        cluster.clone().execute(0, request).await.unwrap();
    }
    cluster
}

#[derive(Debug, Clone)]
enum Step {
    Read,
    Write,
    Swap(u32),
}

/// One operation; none if another region's write was in its way.
async fn perform(
    cluster: Arc<Cluster>,
    clock: Arc<AtomicU64>,
    region: usize,
    step: Step,
    value: u32,
) -> Option<Done> {
    let key = json!({"id": {"S": "x"}});
    let item = json!({"id": {"S": "x"}, "v": {"N": value.to_string()}});
    let put = json!({"TableName": TABLE, "Item": item});
    let request = match step {
        Step::Read => request(
            Operation::GetItem,
            json!({"TableName": TABLE, "Key": key, "ConsistentRead": true}),
        ),
        Step::Write => request(Operation::PutItem, put),
        Step::Swap(from) => {
            let mut put = put;
            put["ConditionExpression"] = json!("v = :from");
            put["ExpressionAttributeValues"] = json!({":from": {"N": from.to_string()}});
            request(Operation::PutItem, put)
        }
    };
    let began = clock.fetch_add(1, Ordering::SeqCst);
    let answer = cluster.execute(region, request).await;
    let ended = clock.fetch_add(1, Ordering::SeqCst);
    let effect = match (step, answer) {
        (Step::Read, Ok(answer)) => {
            let answer: Value = serde_json::from_str(&answer).unwrap();
            let value = answer.pointer("/Item/v/N").and_then(Value::as_str);
            Seen::Read(value.map(|value| value.parse().unwrap()))
        }
        (Step::Write, Ok(_)) => Seen::Wrote(value),
        (Step::Swap(from), Ok(_)) => Seen::Swapped(from, value, true),
        (Step::Swap(from), Err(error)) if error.is(ErrorKind::ConditionalCheckFailed) => {
            Seen::Swapped(from, value, false)
        }
        (_, Err(error)) if error.is(ErrorKind::ReplicatedWriteConflict) => return None,
        (step, answer) => panic!("{step:?}: {answer:?}"),
    };
    Some(Done {
        began,
        ended,
        effect,
    })
}

fn steps() -> impl Strategy<Value = Vec<(usize, Step, u64)>> {
    let step = prop_oneof![
        2 => Just(Step::Read),
        1 => Just(Step::Write),
        // Values are positions in the schedule, so a swap can hit.
        2 => (0..4_u32).prop_map(Step::Swap),
    ];
    prop::collection::vec((0..2_usize, step, 0..6_000_u64), 3..10)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn strong_tables_are_linearizable(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let history = runtime.block_on(async {
            let cluster = cluster().await;
            let clock = Arc::new(AtomicU64::new(0));
            let clients: Vec<_> = (0..)
                .zip(steps)
                .map(|(value, (region, step, delay_us))| {
                    let (cluster, clock) = (cluster.clone(), clock.clone());
                    tokio::spawn(async move {
                        tokio::time::sleep(Duration::from_micros(delay_us)).await;
                        perform(cluster, clock, region, step, value).await
                    })
                })
                .collect();
            let mut history = Vec::new();
            for client in clients {
                history.extend(client.await.unwrap());
            }
            history
        });
        prop_assert!(linearizable(&history), "{:?}", history);
    }
}

#[test]
fn only_another_region_is_in_the_way_and_only_on_the_same_item() {
    let engine = Engine::new().unwrap();
    let strong = Arc::new(Strong::new(engine.clone(), Replica::new(0, engine)));
    let schema = crate::dynamodb::request::KeySchema::of(
        &json!({"KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}]}),
    )
    .unwrap();
    let target = |id: &str| {
        let put = json!({"TableName": TABLE, "Item": {"id": {"S": id}}});
        request(Operation::PutItem, put).targets(|_| Some(&schema))
    };
    let first = strong.begin(0, &target("x")).unwrap();
    let second = strong.begin(0, &target("x")).unwrap();
    let refused = |id| strong.begin(1, &target(id)).err();
    assert!(refused("x").unwrap().is(ErrorKind::ReplicatedWriteConflict));
    assert!(refused("y").is_none());
    drop(first);
    assert!(refused("x").is_some());
    drop(second);
    assert!(refused("x").is_none());
}

/// Lets a request get as far as it does without waiting.
async fn poll_once(request: Pin<&mut impl Future<Output = ApiResult<String>>>) {
    tokio::select! {
        biased;
        answer = request => panic!("answered already: {answer:?}"),
        () = std::future::ready(()) => {}
    }
}

#[tokio::test]
async fn a_write_under_way_when_the_table_leaves_strong_mode_fails() {
    let cluster = cluster().await;
    let put = |id: &str| {
        let item = json!({"id": {"S": id}});
        request(
            Operation::PutItem,
            json!({"TableName": TABLE, "Item": item}),
        )
    };
    cluster.clone().execute(0, put("before")).await.unwrap();
    let mut held = std::pin::pin!(cluster.clone().execute(0, put("held")));
    // Polled once, it is half a round trip away, and stays there until it is polled again.
    poll_once(held.as_mut()).await;
    let witness = json!([{"Delete": {"RegionName": "us-west-2"}}]);
    let leave = json!({
        "TableName": TABLE,
        "ReplicaUpdates": [{"Delete": {"RegionName": "us-east-2"}}],
        "GlobalTableWitnessUpdates": witness,
    });
    let leave = request(Operation::UpdateTable, leave);
    cluster.clone().execute(0, leave).await.unwrap();
    let error = held.await.unwrap_err();
    assert!(error.is(ErrorKind::ResourceNotFound), "{error}");
    // The table is one of its region alone, with what was acknowledged.
    cluster.clone().execute(0, put("after")).await.unwrap();
    let mut ids: Vec<_> = cluster.engine(0).items(TABLE).unwrap();
    ids.sort_by_key(|item| item["id"].to_string());
    let ids: Vec<_> = ids.iter().map(|item| item["id"].to_string()).collect();
    assert_eq!(ids.len(), 2, "{ids:?}");
    assert!(
        ids[0].contains("after") && ids[1].contains("before"),
        "{ids:?}"
    );
}

/// A table of one region beside the strong one, with the same key.
async fn local_table(cluster: &Arc<Cluster>) {
    let create = json!({
        "TableName": "zzz",
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
        "BillingMode": "PAY_PER_REQUEST",
    });
    let create = request(Operation::CreateTable, create);
    cluster.clone().execute(0, create).await.unwrap();
}

fn batch(strong: Value, local: Value) -> Request {
    let put = |item: Value| json!([{"PutRequest": {"Item": item}}]);
    let items = json!({TABLE: put(strong), "zzz": put(local)});
    request(Operation::BatchWriteItem, json!({"RequestItems": items}))
}

fn strong_of(cluster: &Cluster) -> Arc<Strong> {
    let table = cluster.catalogue().get(0, TABLE).unwrap();
    table.strong.clone().unwrap()
}

#[tokio::test]
async fn a_batch_that_is_refused_has_written_nothing() {
    let cluster = cluster().await;
    local_table(&cluster).await;
    let (good, bad) = (json!({"id": {"S": "x"}}), json!({"id": {"N": "1"}}));
    let empty = |table: &str| cluster.engine(0).is_empty(table).unwrap();
    let mut refused = vec![batch(good.clone(), bad.clone()), batch(bad, good.clone())];
    let mut many = batch(good.clone(), good.clone());
    let put = |at: usize| json!({"PutRequest": {"Item": {"id": {"S": at.to_string()}}}});
    many.body["RequestItems"][TABLE] = (0..25).map(put).collect();
    refused.push(many);
    let mut missing = batch(good.clone(), good.clone());
    missing.body["RequestItems"]["nowhere"] = missing.body["RequestItems"]["zzz"].clone();
    refused.push(missing);
    for request in refused {
        let error = cluster.clone().execute(0, request).await.unwrap_err();
        assert_eq!(error.status, 400, "{error}");
        assert!(
            strong_of(&cluster).engine().is_empty(TABLE).unwrap(),
            "{error}"
        );
        assert!(empty("zzz"), "{error}");
    }
    let right = batch(good.clone(), good);
    cluster.clone().execute(0, right).await.unwrap();
    assert!(!strong_of(&cluster).engine().is_empty(TABLE).unwrap() && !empty("zzz"));
}

#[tokio::test]
async fn a_batch_that_fails_half_done_leaves_open_whether_it_was_done() {
    let cluster = cluster().await;
    local_table(&cluster).await;
    let strong = strong_of(&cluster);
    let item = json!({"id": {"S": "x"}});
    let mut held = std::pin::pin!(cluster.clone().execute(0, batch(item.clone(), item)));
    // Polled until the strong part is under way, and not again until all is ready.
    while strong.writers().is_empty() {
        tokio::time::sleep(Duration::from_millis(1)).await;
        poll_once(held.as_mut()).await;
    }
    let delete = request(Operation::DeleteTable, json!({"TableName": "zzz"}));
    cluster.clone().execute(0, delete).await.unwrap();
    let error = held.await.unwrap_err();
    assert_eq!(error.status, 500, "{error}");
    assert!(!strong.engine().is_empty(TABLE).unwrap());
}
