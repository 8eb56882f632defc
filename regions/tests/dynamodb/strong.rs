//! Multi-region strong consistency: reads, conditions, conflicts and refusals.

use std::time::Duration;

use aws_sdk_dynamodb::types::{
    KeysAndAttributes, Put, PutRequest, TransactWriteItem, WriteRequest,
};
use witness_regions::dynamodb::Options;

use crate::support::*;

/// A round trip long enough to catch a write in the middle of it.
fn slow() -> Options {
    Options {
        inter_region_rtt: Duration::from_millis(100),
        ..strong()
    }
}

#[tokio::test]
async fn a_consistent_read_anywhere_sees_an_acknowledged_write() {
    let f = start(strong()).await;
    f.global("seats", &["id"]).await;
    for turn in 0..20 {
        let (writer, reader) = match turn % 2 {
            0 => (&f.east, &f.west),
            _ => (&f.west, &f.east),
        };
        f.put(writer, "seats", item([("id", s("A1")), ("n", n(turn))]))
            .await;
        assert_eq!(get(reader, "seats", "A1").await.unwrap()["n"], n(turn));
        let seen = scan(reader, "seats").await;
        assert_eq!(seen[0]["n"], n(turn));
    }
    // The regions' own copies follow.
    f.tables.quiesced().await;
    let eventual = f.west.get_item().table_name("seats").key("id", s("A1"));
    let eventual = eventual.send().await.unwrap().item.unwrap();
    assert_eq!(eventual["n"], n(19));
}

#[tokio::test]
async fn one_conditional_write_wins_in_all_regions() {
    let f = start(strong()).await;
    f.global("seats", &["id"]).await;
    let buyers: Vec<_> = (0..12)
        .map(|buyer| {
            let client = [&f.east, &f.west][buyer % 2].clone();
            tokio::spawn(async move {
                loop {
                    let put = client
                        .put_item()
                        .table_name("seats")
                        .item("id", s("A1"))
                        .item("buyer", n(buyer))
                        .condition_expression("attribute_not_exists(id)");
                    match put.send().await {
                        Ok(_) => return true,
                        Err(error) => match code(error).as_str() {
                            "ConditionalCheckFailedException" => return false,
                            "ReplicatedWriteConflictException" => {
                                tokio::time::sleep(Duration::from_millis(buyer as u64)).await;
                            }
                            other => panic!("{other}"),
                        },
                    }
                }
            })
        })
        .collect();
    let mut sold = 0;
    for buyer in buyers {
        sold += usize::from(buyer.await.unwrap());
    }
    assert_eq!(sold, 1);
}

#[tokio::test]
async fn a_write_that_meets_another_regions_write_of_the_item_is_refused() {
    let f = start(slow()).await;
    f.global("seats", &["id"]).await;
    let put = |client: &aws_sdk_dynamodb::Client| {
        let put = client.put_item().table_name("seats");
        put.item("id", s("A1")).send()
    };
    // Sent together, the two meet sooner or later: each is in flight for a while.
    let met = loop {
        match tokio::join!(put(&f.east), put(&f.west)) {
            (Ok(_), Err(error)) | (Err(error), Ok(_)) => break error.into_service_error(),
            (Err(one), Err(_)) => panic!("both were refused: {one:?}"),
            (Ok(_), Ok(_)) => {}
        }
    };
    assert!(met.is_replicated_write_conflict_exception(), "{met}");
    // Retried when the other is done, it goes through.
    f.put(&f.west, "seats", item([("id", s("A1")), ("n", n(2))]))
        .await;
    assert_eq!(get(&f.east, "seats", "A1").await.unwrap()["n"], n(2));
}

#[tokio::test]
async fn transactions_are_refused() {
    let f = start(strong()).await;
    f.global("seats", &["id"]).await;
    let put = Put::builder()
        .table_name("seats")
        .item("id", s("A1"))
        .build()
        .unwrap();
    let item = TransactWriteItem::builder().put(put).build();
    let transaction = f.east.transact_write_items().transact_items(item);
    assert_eq!(
        code(transaction.send().await.unwrap_err()),
        "ValidationException"
    );
    assert!(scan(&f.east, "seats").await.is_empty());
}

#[tokio::test]
async fn batches_reach_strong_tables_and_others_together() {
    let f = start(strong()).await;
    f.global("seats", &["id"]).await;
    create(&f.east, "local", &["id"]).await;
    let put = || {
        let put = PutRequest::builder().item("id", s("A1")).build().unwrap();
        vec![WriteRequest::builder().put_request(put).build()]
    };
    let written = f
        .east
        .batch_write_item()
        .request_items("seats", put())
        .request_items("local", put())
        .send()
        .await
        .unwrap();
    assert!(written.unprocessed_items.unwrap_or_default().is_empty());
    assert!(get(&f.west, "seats", "A1").await.is_some());
    let keys = || {
        let keys = KeysAndAttributes::builder().keys(item([("id", s("A1"))]));
        keys.consistent_read(true).build().unwrap()
    };
    let read = f
        .east
        .batch_get_item()
        .request_items("seats", keys())
        .request_items("local", keys())
        .send()
        .await
        .unwrap()
        .responses
        .unwrap();
    assert_eq!((read["seats"].len(), read["local"].len()), (1, 1));
}

#[tokio::test]
async fn a_region_that_is_cut_off_cannot_decide() {
    let f = start(strong()).await;
    f.global("seats", &["id"]).await;
    f.tables.set_partitioned("us-east-2", true);
    let put = f.west.put_item().table_name("seats").item("id", s("A1"));
    assert_eq!(refusal(put.send().await.unwrap_err()).0, 500);
    // The other two still can; the region's own copy is what it was.
    f.put(&f.east, "seats", item([("id", s("A1"))])).await;
    let stale = f.west.get_item().table_name("seats").key("id", s("A1"));
    assert_eq!(stale.send().await.unwrap().item, None);
    f.tables.set_partitioned("us-east-2", false);
    assert!(get(&f.west, "seats", "A1").await.is_some());
}
