//! Multi-region eventual consistency: what each region sees, and what stays.

use std::time::Duration;

use aws_sdk_dynamodb::types::{Put, TransactWriteItem};
use witness_regions::dynamodb::{Lag, Options};

use crate::support::*;

#[tokio::test]
async fn a_write_is_local_at_once_and_elsewhere_after_the_lag() {
    let f = start(quick()).await;
    f.global("seats", &["id"]).await;
    assert!(f.tables.set_partitioned("us-east-2", true));
    assert!(!f.tables.set_partitioned("mars-1", true));
    f.put(&f.east, "seats", item([("id", s("A1"))])).await;
    assert!(get(&f.east, "seats", "A1").await.is_some());
    // A consistent read is consistent within its region.
    assert!(get(&f.west, "seats", "A1").await.is_none());
    f.tables.set_partitioned("us-east-2", false);
    f.tables.quiesced().await;
    assert!(get(&f.west, "seats", "A1").await.is_some());
}

#[tokio::test]
async fn both_regions_sell_the_seat_and_the_last_writer_hides_the_other() {
    let f = start(quick()).await;
    f.global("seats", &["id"]).await;
    f.tables.set_partitioned("us-east-1", true);
    for (client, buyer) in [(&f.east, "b1"), (&f.west, "b2")] {
        client
            .put_item()
            .table_name("seats")
            .item("id", s("A1"))
            .item("buyer", s(buyer))
            .condition_expression("attribute_not_exists(id)")
            .send()
            .await
            .unwrap();
    }
    f.tables.set_partitioned("us-east-1", false);
    f.tables.quiesced().await;
    for client in [&f.east, &f.west] {
        assert_eq!(get(client, "seats", "A1").await.unwrap()["buyer"], s("b2"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn within_a_region_one_conditional_write_wins() {
    let f = start(quick()).await;
    f.global("seats", &["id"]).await;
    let buyers: Vec<_> = (0..24)
        .map(|buyer| {
            let put = f
                .east
                .put_item()
                .table_name("seats")
                .item("id", s("A1"))
                .item("buyer", n(buyer))
                .condition_expression("attribute_not_exists(id)");
            tokio::spawn(put.send())
        })
        .collect();
    let mut sold = 0;
    for buyer in buyers {
        match buyer.await.unwrap() {
            Ok(_) => sold += 1,
            Err(error) => assert_eq!(code(error), "ConditionalCheckFailedException"),
        }
    }
    assert_eq!(sold, 1);
}

#[tokio::test]
async fn a_deletion_wins_over_an_earlier_write_elsewhere() {
    let f = start(quick()).await;
    f.global("seats", &["id"]).await;
    f.put(&f.east, "seats", item([("id", s("A1"))])).await;
    f.tables.quiesced().await;
    f.tables.set_partitioned("us-east-1", true);
    f.put(&f.east, "seats", item([("id", s("A1")), ("n", n(2))]))
        .await;
    let delete = f.west.delete_item().table_name("seats").key("id", s("A1"));
    delete.send().await.unwrap();
    f.tables.set_partitioned("us-east-1", false);
    f.tables.quiesced().await;
    for client in [&f.east, &f.west] {
        assert_eq!(get(client, "seats", "A1").await, None);
    }
}

#[tokio::test]
async fn concurrent_writers_everywhere_leave_equal_replicas() {
    let options = Options {
        lag: Lag {
            min: Duration::ZERO,
            median: Duration::from_millis(3),
            max: Duration::from_millis(30),
        },
        seed: 11,
        ..quick()
    };
    let f = start(options).await;
    f.global("seats", &["id"]).await;
    let writers: Vec<_> = (0..8)
        .map(|writer| {
            let client = [&f.east, &f.west][writer % 2].clone();
            tokio::spawn(async move {
                for turn in 0..25 {
                    let id = s(format!("{}", turn % 5));
                    if turn % 7 == 3 {
                        let delete = client.delete_item().table_name("seats").key("id", id);
                        delete.send().await.unwrap();
                    } else {
                        let update = client.update_item().table_name("seats").key("id", id);
                        let update = update.update_expression("SET w = :w ADD n :n");
                        let update = update
                            .expression_attribute_values(":w", n(writer))
                            .expression_attribute_values(":n", n(1));
                        update.send().await.unwrap();
                    }
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    f.tables.quiesced().await;
    let sorted = async |client| {
        let mut items = scan(client, "seats").await;
        items.sort_by_key(|item| item["id"].as_s().unwrap().clone());
        items
    };
    assert_eq!(sorted(&f.east).await, sorted(&f.west).await);
}

#[tokio::test]
async fn transactions_and_batches_replicate_item_by_item() {
    let f = start(quick()).await;
    f.global("seats", &["id"]).await;
    let put = |id: &str| {
        let put = Put::builder()
            .table_name("seats")
            .item("id", s(id))
            .build()
            .unwrap();
        TransactWriteItem::builder().put(put).build()
    };
    let transaction = f.east.transact_write_items();
    let transaction = transaction
        .transact_items(put("A1"))
        .transact_items(put("A2"));
    transaction.send().await.unwrap();
    f.tables.quiesced().await;
    assert_eq!(scan(&f.west, "seats").await.len(), 2);
}

#[tokio::test]
async fn a_table_in_one_region_stays_there() {
    let f = start(quick()).await;
    create(&f.east, "seats", &["id"]).await;
    create(&f.west, "seats", &["id"]).await;
    f.put(&f.east, "seats", item([("id", s("A1"))])).await;
    f.tables.quiesced().await;
    assert!(scan(&f.west, "seats").await.is_empty());
}

#[tokio::test]
async fn a_replica_added_while_changes_are_on_their_way_misses_none() {
    let regions = ["us-east-1", "us-east-2", "us-west-2"].map(str::to_owned);
    let options = Options {
        regions: regions.to_vec(),
        ..quick()
    };
    let f = start(options).await;
    let third = client(&f.tables.endpoints()[2], f.tables.credentials());
    f.global("seats", &["id"]).await;
    for id in ["changed", "deleted", "kept"] {
        let row = item([("id", s(id)), ("v", s("east"))]);
        f.put(&f.east, "seats", row).await;
    }
    f.tables.quiesced().await;
    // What the west writes now waits on its way to the east.
    f.tables.set_partitioned("us-east-2", true);
    for id in ["added", "changed"] {
        let row = item([("id", s(id)), ("v", s("west"))]);
        f.put(&f.west, "seats", row).await;
    }
    let delete = f.west.delete_item().table_name("seats");
    delete.key("id", s("deleted")).send().await.unwrap();
    let update = f.east.update_table().table_name("seats");
    let update = update.replica_updates(replica("us-west-2"));
    update.send().await.unwrap();
    f.tables.set_partitioned("us-east-2", false);
    f.tables.quiesced().await;
    let mut copies = Vec::new();
    for client in [&f.east, &f.west, &third] {
        let mut rows = scan(client, "seats").await;
        rows.sort_by_key(|row| row["id"].as_s().unwrap().clone());
        copies.push(rows);
    }
    let expected = [("added", "west"), ("changed", "west"), ("kept", "east")];
    let expected = expected.map(|(id, v)| item([("id", s(id)), ("v", s(v))]));
    for rows in copies {
        assert_eq!(rows, expected);
    }
}
