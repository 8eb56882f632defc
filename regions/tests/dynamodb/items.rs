//! Every operation on items, in one region.

use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{
    AttributeValue, ConditionCheck, Delete, DeleteRequest, Get, KeysAndAttributes, Put, PutRequest,
    ReturnValue, ReturnValuesOnConditionCheckFailure, TransactGetItem, TransactWriteItem, Update,
    WriteRequest,
};

use crate::support::*;

#[tokio::test]
async fn every_type_of_value_comes_back_as_it_went() {
    let f = start(quick()).await;
    create(&f.east, "things", &["id"]).await;
    let thing = item([
        ("id", s("ключ \" \\ \u{1F3AB}")),
        ("n", n("-123456789012345678901234567890.12345678")),
        ("b", AttributeValue::B(Blob::new([0, 255, 10]))),
        ("bool", AttributeValue::Bool(false)),
        ("null", AttributeValue::Null(true)),
        (
            "ss",
            AttributeValue::Ss(vec!["a".to_owned(), "b".to_owned()]),
        ),
        (
            "ns",
            AttributeValue::Ns(vec!["1".to_owned(), "2.5".to_owned()]),
        ),
        (
            "bs",
            AttributeValue::Bs(vec![Blob::new([1]), Blob::new([2])]),
        ),
        (
            "m",
            AttributeValue::M(item([("l", AttributeValue::L(vec![s(""), n(0)]))])),
        ),
    ]);
    f.put(&f.east, "things", thing.clone()).await;
    let id = thing["id"].as_s().unwrap();
    assert_eq!(get(&f.east, "things", id).await, Some(thing.clone()));
}

#[tokio::test]
async fn conditions_updates_and_deletions() {
    let f = start(quick()).await;
    create(&f.east, "seats", &["id"]).await;
    let put = |buyer: &str| {
        f.east
            .put_item()
            .table_name("seats")
            .item("id", s("A1"))
            .item("buyer", s(buyer))
            .condition_expression("attribute_not_exists(id) OR buyer = :nobody")
            .expression_attribute_values(":nobody", s("nobody"))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
    };
    put("b1").send().await.unwrap();
    let refused = put("b2").send().await.unwrap_err();
    assert_eq!(refused.raw_response().unwrap().status().as_u16(), 400);
    let PutItemError::ConditionalCheckFailedException(refused) = refused.into_service_error()
    else {
        panic!("not a failed condition");
    };
    assert_eq!(refused.item.unwrap()["buyer"], s("b1"));
    assert_eq!(refused.message.unwrap(), "The conditional request failed");

    let updated = f
        .east
        .update_item()
        .table_name("seats")
        .key("id", s("A1"))
        .update_expression("SET #b = :b, visits = if_not_exists(visits, :zero) + :one ADD tags :t")
        .expression_attribute_names("#b", "buyer")
        .expression_attribute_values(":b", s("b3"))
        .expression_attribute_values(":zero", n(0))
        .expression_attribute_values(":one", n(1))
        .expression_attribute_values(":t", AttributeValue::Ss(vec!["vip".to_owned()]))
        .condition_expression("attribute_exists(id)")
        .return_values(ReturnValue::AllNew)
        .send()
        .await
        .unwrap();
    let updated = updated.attributes.unwrap();
    assert_eq!((&updated["buyer"], &updated["visits"]), (&s("b3"), &n(1)));
    let removed = f
        .east
        .update_item()
        .table_name("seats")
        .key("id", s("A1"))
        .update_expression("REMOVE visits")
        .return_values(ReturnValue::UpdatedOld)
        .send()
        .await
        .unwrap();
    assert_eq!(removed.attributes.unwrap(), item([("visits", n(1))]));

    let delete = |buyer: &str| {
        f.east
            .delete_item()
            .table_name("seats")
            .key("id", s("A1"))
            .condition_expression("buyer = :b")
            .expression_attribute_values(":b", s(buyer))
            .return_values(ReturnValue::AllOld)
    };
    let kept = delete("b1").send().await.unwrap_err();
    assert_eq!(code(kept), "ConditionalCheckFailedException");
    let old = delete("b3").send().await.unwrap().attributes.unwrap();
    assert_eq!(old["buyer"], s("b3"));
    assert_eq!(get(&f.east, "seats", "A1").await, None);
}

#[tokio::test]
async fn queries_and_scans_by_page_with_filter_and_projection() {
    let f = start(quick()).await;
    create(&f.east, "sales", &["seat", "at"]).await;
    for at in 0..25 {
        let sale = item([
            ("seat", s("A1")),
            ("at", s(format!("{at:02}"))),
            ("n", n(at)),
        ]);
        f.put(&f.east, "sales", sale).await;
    }
    f.put(&f.east, "sales", item([("seat", s("B1")), ("at", s("00"))]))
        .await;
    let query = || {
        f.east
            .query()
            .table_name("sales")
            .key_condition_expression("seat = :seat AND #at BETWEEN :low AND :high")
            .expression_attribute_names("#at", "at")
            .expression_attribute_values(":seat", s("A1"))
            .expression_attribute_values(":low", s("05"))
            .expression_attribute_values(":high", s("20"))
    };
    let page = query()
        .limit(10)
        .scan_index_forward(false)
        .send()
        .await
        .unwrap();
    assert_eq!((page.count, page.items()[0]["at"].clone()), (10, s("20")));
    let rest = query()
        .scan_index_forward(false)
        .set_exclusive_start_key(page.last_evaluated_key)
        .send()
        .await
        .unwrap();
    assert_eq!((rest.count, rest.last_evaluated_key), (6, None));
    let filtered = query()
        .filter_expression("n < :ten")
        .expression_attribute_values(":ten", n(10))
        .projection_expression("n")
        .send()
        .await
        .unwrap();
    assert_eq!((filtered.count, filtered.scanned_count), (5, 16));
    assert_eq!(filtered.items()[0], item([("n", n(5))]));

    let mut pages = f
        .east
        .scan()
        .table_name("sales")
        .limit(7)
        .into_paginator()
        .send();
    let mut sizes = Vec::new();
    while let Some(page) = pages.next().await {
        sizes.push(page.unwrap().count);
    }
    assert_eq!(sizes.iter().sum::<i32>(), 26);
    assert!(sizes.iter().all(|size| *size <= 7));
}

#[tokio::test]
async fn batches_write_and_read_many_items() {
    let f = start(quick()).await;
    create(&f.east, "seats", &["id"]).await;
    let put = |id: usize| {
        let put = PutRequest::builder().item("id", s(format!("{id}")));
        WriteRequest::builder()
            .put_request(put.build().unwrap())
            .build()
    };
    let batch = |writes| f.east.batch_write_item().request_items("seats", writes);
    let written = batch((0..25).map(put).collect()).send().await.unwrap();
    assert!(written.unprocessed_items.unwrap_or_default().is_empty());
    let many = batch((0..26).map(put).collect()).send().await.unwrap_err();
    assert_eq!(code(many), "ValidationException");
    let delete = DeleteRequest::builder().key("id", s("7")).build().unwrap();
    let delete = WriteRequest::builder().delete_request(delete).build();
    batch(vec![delete]).send().await.unwrap();

    let mut keys = KeysAndAttributes::builder();
    for id in 0..25 {
        keys = keys.keys(item([("id", s(format!("{id}")))]));
    }
    let read = f
        .east
        .batch_get_item()
        .request_items("seats", keys.build().unwrap());
    let read = read.send().await.unwrap().responses.unwrap();
    assert_eq!(read["seats"].len(), 24);
}

fn put(id: &str) -> TransactWriteItem {
    let put = Put::builder().table_name("seats").item("id", s(id));
    TransactWriteItem::builder()
        .put(put.build().unwrap())
        .build()
}

#[tokio::test]
async fn transactions_are_all_or_nothing() {
    let f = start(quick()).await;
    create(&f.east, "seats", &["id"]).await;
    f.put(&f.east, "seats", item([("id", s("old"))])).await;
    let update = Update::builder()
        .table_name("seats")
        .key("id", s("new"))
        .update_expression("SET n = :n")
        .expression_attribute_values(":n", n(1))
        .build()
        .unwrap();
    let delete = Delete::builder()
        .table_name("seats")
        .key("id", s("old"))
        .build()
        .unwrap();
    let check = |condition: &str| {
        let check = ConditionCheck::builder()
            .table_name("seats")
            .key("id", s("other"))
            .condition_expression(condition)
            .build()
            .unwrap();
        TransactWriteItem::builder().condition_check(check).build()
    };
    let transaction = |condition: &str| {
        f.east
            .transact_write_items()
            .transact_items(put("put"))
            .transact_items(TransactWriteItem::builder().update(update.clone()).build())
            .transact_items(TransactWriteItem::builder().delete(delete.clone()).build())
            .transact_items(check(condition))
    };
    let cancelled = transaction("attribute_exists(id)")
        .send()
        .await
        .unwrap_err();
    let TransactWriteItemsError::TransactionCanceledException(cancelled) =
        cancelled.into_service_error()
    else {
        panic!("not cancelled");
    };
    let codes: Vec<_> = cancelled
        .cancellation_reasons()
        .iter()
        .map(|reason| reason.code.clone().unwrap())
        .collect();
    assert_eq!(codes, ["None", "None", "None", "ConditionalCheckFailed"]);
    assert_eq!(scan(&f.east, "seats").await.len(), 1);

    transaction("attribute_not_exists(id)")
        .send()
        .await
        .unwrap();
    let get = |id: &str| {
        let get = Get::builder()
            .table_name("seats")
            .key("id", s(id))
            .build()
            .unwrap();
        TransactGetItem::builder().get(get).build()
    };
    let read = f
        .east
        .transact_get_items()
        .transact_items(get("put"))
        .transact_items(get("new"))
        .transact_items(get("old"))
        .send()
        .await
        .unwrap();
    let found: Vec<_> = read
        .responses()
        .iter()
        .map(|one| one.item.is_some())
        .collect();
    assert_eq!(found, [true, true, false]);
}

#[tokio::test]
async fn a_client_token_makes_a_transaction_idempotent() {
    let f = start(quick()).await;
    create(&f.east, "seats", &["id"]).await;
    let transaction = |id: &str| {
        let transaction = f.east.transact_write_items().client_request_token("token");
        transaction.transact_items(put(id))
    };
    transaction("A1").send().await.unwrap();
    let delete = f.east.delete_item().table_name("seats").key("id", s("A1"));
    delete.send().await.unwrap();
    transaction("A1").send().await.unwrap();
    assert_eq!(get(&f.east, "seats", "A1").await, None);
    let mismatch = transaction("A2").send().await.unwrap_err();
    assert!(
        mismatch
            .into_service_error()
            .is_idempotent_parameter_mismatch_exception()
    );
}

#[tokio::test]
async fn invalid_requests_are_told_what_is_wrong() {
    let f = start(quick()).await;
    create(&f.east, "seats", &["id"]).await;
    let cases = [
        ("nowhere", "id", None, "ResourceNotFoundException"),
        ("seats", "key", None, "ValidationException"),
        ("seats", "id", Some("id = "), "ValidationException"),
        ("seats", "id", Some("id = :unbound"), "ValidationException"),
        ("seats", "id", Some("size(id"), "ValidationException"),
    ];
    for (table, key, condition, expected) in cases {
        let put = f.east.put_item().table_name(table).item(key, s("A1"));
        let put = put.set_condition_expression(condition.map(str::to_owned));
        let (status, code, message) = refusal(put.send().await.unwrap_err());
        assert_eq!((status, code.as_str()), (400, expected), "{message}");
        assert!(!message.is_empty());
    }
    let large = f.east.put_item().table_name("seats").item("id", s("A1"));
    let large = large.item("x", s("x".repeat(400 * 1024))).send().await;
    assert_eq!(
        refusal(large.unwrap_err()).2,
        "Item size has exceeded the maximum allowed size"
    );
}
