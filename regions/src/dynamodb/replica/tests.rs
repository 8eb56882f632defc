//! Replicas under any schedule: they converge to the last writer, and conditions
//! are decided by what the region itself has.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::dynamodb::error::ErrorKind;
use crate::dynamodb::operation::Operation;

const TABLE: &str = "seats";
const GENERATION: u64 = 1;

fn definition() -> Value {
    json!({
        "TableName": TABLE,
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
        "BillingMode": "PAY_PER_REQUEST",
    })
}

fn replica(region: usize) -> Replica {
    let engine = Engine::new().unwrap();
    engine.call(Operation::CreateTable, &definition()).unwrap();
    let mut replica = Replica::new(region, engine);
    replica.add_table(TABLE, GENERATION, KeySchema::of(&definition()).unwrap());
    replica
}

fn request(operation: Operation, body: Value) -> Request {
    Request::parse(operation, body.to_string().as_bytes()).unwrap()
}

fn put(id: u8, value: u32) -> Request {
    let item = json!({"id": {"S": id.to_string()}, "v": {"N": value.to_string()}});
    request(
        Operation::PutItem,
        json!({"TableName": TABLE, "Item": item}),
    )
}

fn put_new(id: u8, value: u32) -> Request {
    let mut request = put(id, value);
    request.body["ConditionExpression"] = json!("attribute_not_exists(id)");
    request
}

fn delete(id: u8) -> Request {
    let key = json!({"id": {"S": id.to_string()}});
    request(
        Operation::DeleteItem,
        json!({"TableName": TABLE, "Key": key}),
    )
}

fn items(replica: &Replica) -> Vec<(String, String)> {
    let text = |item: &Item, name: &str| item.get(name).map_or(String::new(), |v| v.to_string());
    let items = replica.engine().items(TABLE).unwrap();
    let mut items: Vec<_> = items
        .iter()
        .map(|item| (text(item, "id"), text(item, "v")))
        .collect();
    items.sort();
    items
}

#[derive(Debug, Clone)]
enum Step {
    Put {
        region: usize,
        id: u8,
        wall_us: u64,
    },
    PutNew {
        region: usize,
        id: u8,
        wall_us: u64,
    },
    Delete {
        region: usize,
        id: u8,
        wall_us: u64,
    },
    /// Delivers one of the changes under way.
    Deliver {
        pick: prop::sample::Index,
    },
}

fn step() -> impl Strategy<Value = Step> {
    // Wall clocks that stand still, leap and disagree.
    let at = (0..3_usize, 0..3_u8, 0..20_u64);
    prop_oneof![
        3 => at.clone().prop_map(|(region, id, wall_us)| Step::Put { region, id, wall_us }),
        2 => at.clone().prop_map(|(region, id, wall_us)| Step::PutNew { region, id, wall_us }),
        2 => at.prop_map(|(region, id, wall_us)| Step::Delete { region, id, wall_us }),
        4 => any::<prop::sample::Index>().prop_map(|pick| Step::Deliver { pick }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn replicas_converge_to_the_last_writer(
        steps in prop::collection::vec(step(), 1..40),
        rest in prop::collection::vec(any::<prop::sample::Index>(), 120),
    ) {
        let mut replicas: Vec<_> = (0..3).map(replica).collect();
        let mut under_way: Vec<(usize, Change)> = Vec::new();
        let mut written: Vec<Change> = Vec::new();
        for (value, step) in (0..).zip(steps) {
            let (region, request, wall_us) = match step {
                Step::Put { region, id, wall_us } => (region, put(id, value), wall_us),
                Step::PutNew { region, id, wall_us } => (region, put_new(id, value), wall_us),
                Step::Delete { region, id, wall_us } => (region, delete(id), wall_us),
                Step::Deliver { pick } => {
                    if !under_way.is_empty() {
                        let (to, change) = under_way.swap_remove(pick.index(under_way.len()));
                        replicas[to].apply(&change).unwrap();
                    }
                    continue;
                }
            };
            let target = request.targets(|_| Some(&replicas[region].tables[TABLE].schema)).remove(0);
            let before = replicas[region].engine().get(TABLE, &target.key).unwrap();
            match replicas[region].write(&request, wall_us) {
                Ok((_, changes)) => {
                    prop_assert_eq!(changes.len(), 1);
                    let conditional = request.body.get("ConditionExpression").is_some();
                    prop_assert!(!conditional || before.is_none());
                    let change = changes[0].clone();
                    // Later than all that this region knew of the item.
                    let known = written.iter().filter(|other| other.target.id == target.id
                        && (other.stamp.region == region
                            || !under_way.contains(&(region, (*other).clone()))));
                    prop_assert!(known.into_iter().all(|other| other.stamp < change.stamp));
                    let others = (0..3).filter(|to| *to != region);
                    under_way.extend(others.map(|to| (to, change.clone())));
                    written.push(change);
                }
                Err(error) => {
                    prop_assert!(error.is(ErrorKind::ConditionalCheckFailed), "{}", error);
                    prop_assert!(before.is_some());
                }
            }
        }
        for pick in rest {
            if !under_way.is_empty() {
                let (to, change) = under_way.swap_remove(pick.index(under_way.len()));
                replicas[to].apply(&change).unwrap();
                // Arriving twice changes nothing.
                prop_assert!(!replicas[to].apply(&change).unwrap());
            }
        }
        prop_assert!(under_way.is_empty());
        for region in 0..3 {
            prop_assert_eq!(items(&replicas[region]), items(&replicas[0]));
        }
        for last in &written {
            let same = || written.iter().filter(|other| other.target.id == last.target.id);
            if same().all(|other| other.stamp <= last.stamp) {
                let stored = replicas[0].engine().get(TABLE, &last.target.key).unwrap();
                prop_assert_eq!(&stored, &last.image);
            }
        }
    }
}

#[test]
fn a_deletion_is_not_undone_by_an_older_write_that_arrives_later() {
    let (mut east, mut west) = (replica(0), replica(1));
    let (_, old) = east.write(&put(1, 1), 10).unwrap();
    let (_, deletion) = west.write(&delete(1), 20).unwrap();
    assert!(!west.apply(&old[0]).unwrap());
    assert!(east.apply(&deletion[0]).unwrap());
    assert_eq!((items(&east), items(&west)), (vec![], vec![]));
}

#[test]
fn changes_of_a_table_that_was_made_anew_are_forgotten() {
    let (mut east, mut west) = (replica(0), replica(1));
    let (_, changes) = east.write(&put(1, 1), 10).unwrap();
    west.drop_table(TABLE);
    assert!(!west.apply(&changes[0]).unwrap());
    west.add_table(TABLE, GENERATION + 1, KeySchema::of(&definition()).unwrap());
    assert!(!west.apply(&changes[0]).unwrap());
    assert_eq!(items(&west), vec![]);
}

#[test]
fn a_replica_added_later_has_the_items_and_the_tombstones() {
    let (mut east, mut west) = (replica(0), replica(1));
    let (_, old) = east.write(&put(1, 1), 10).unwrap();
    east.write(&delete(1), 20).unwrap();
    east.write(&put(2, 2), 30).unwrap();
    west.copy_table(TABLE, &east).unwrap();
    assert!(!west.apply(&old[0]).unwrap());
    assert_eq!(items(&west), items(&east));
    // Its clock went along: what it writes now is the later one.
    let (_, newer) = west.write(&put(2, 3), 0).unwrap();
    assert!(east.apply(&newer[0]).unwrap());
}

#[test]
fn merging_takes_what_is_later_and_keeps_what_is_not() {
    let (mut east, mut west, mut third) = (replica(0), replica(1), replica(2));
    for id in 1..=3 {
        let (_, changes) = east.write(&put(id, 1), 10).unwrap();
        west.apply(&changes[0]).unwrap();
    }
    west.write(&delete(1), 20).unwrap();
    west.write(&put(2, 2), 20).unwrap();
    let (_, later) = east.write(&put(3, 3), 20).unwrap();
    west.write(&put(4, 4), 20).unwrap();
    for order in [[&east, &west], [&west, &east]] {
        third.copy_table(TABLE, order[0]).unwrap();
        third.merge_table(TABLE, order[1]).unwrap();
        let known: Vec<_> = items(&third);
        assert_eq!(known.len(), 3, "{known:?}");
        assert!(!third.apply(&later[0]).unwrap(), "it has that one already");
    }
    // With all that is still on its way they agree.
    west.merge_table(TABLE, &east).unwrap();
    east.merge_table(TABLE, &west).unwrap();
    assert_eq!(items(&east), items(&third));
    assert_eq!(items(&west), items(&third));
}

#[test]
fn a_transaction_is_stamped_by_item_and_a_replayed_one_not_at_all() {
    let mut east = replica(0);
    let transaction = |token: &str, value: u32| {
        request(
            Operation::TransactWriteItems,
            json!({
                "ClientRequestToken": token,
                "TransactItems": [
                    {"Put": {"TableName": TABLE, "Item": put(1, value).body["Item"]}},
                    {"Delete": {"TableName": TABLE, "Key": {"id": {"S": "2"}}}},
                ],
            }),
        )
    };
    let (answer, changes) = east.write(&transaction("one", 1), 10).unwrap();
    assert_eq!(changes.len(), 2);
    let (replayed, none) = east.write(&transaction("one", 1), 20).unwrap();
    assert_eq!((replayed, none), (answer, vec![]));
    let mismatch = east.write(&transaction("one", 2), 30).unwrap_err();
    assert!(mismatch.is(ErrorKind::IdempotentParameterMismatch));
    assert_eq!(east.write(&transaction("two", 2), 40).unwrap().1.len(), 2);
    let long = east
        .write(&transaction(&"x".repeat(37), 2), 50)
        .unwrap_err();
    assert!(long.is(ErrorKind::Validation));
}

#[test]
fn a_failed_transaction_frees_its_token() {
    let mut east = replica(0);
    let mut transaction = request(
        Operation::TransactWriteItems,
        json!({
            "ClientRequestToken": "one",
            "TransactItems": [{"Put": {
                "TableName": TABLE,
                "Item": put(1, 1).body["Item"],
                "ConditionExpression": "attribute_exists(id)",
            }}],
        }),
    );
    let cancelled = east.write(&transaction, 10).unwrap_err();
    assert!(cancelled.is(ErrorKind::TransactionCanceled));
    transaction.body["TransactItems"][0]["Put"]["ConditionExpression"] =
        json!("attribute_not_exists(id)");
    assert_eq!(east.write(&transaction, 20).unwrap().1.len(), 1);
}
