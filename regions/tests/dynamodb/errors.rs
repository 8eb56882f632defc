//! Planned faults, and who may call: what a client sees of each.

use std::time::Duration;

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::types::{Put, TransactWriteItem};
use witness_regions::credentials::Credentials;
use witness_regions::dynamodb::{Endpoint, ErrorKind, Fault, FaultAction};

use crate::support::*;

#[tokio::test]
async fn every_planned_error_arrives_with_its_name_and_status_and_nothing_is_written() {
    let f = start(quick()).await;
    create(&f.east, "seats", &["id"]).await;
    let cases = [
        (ErrorKind::Validation, 400, "ValidationException"),
        (
            ErrorKind::ConditionalCheckFailed,
            400,
            "ConditionalCheckFailedException",
        ),
        (
            ErrorKind::ResourceNotFound,
            400,
            "ResourceNotFoundException",
        ),
        (ErrorKind::ResourceInUse, 400, "ResourceInUseException"),
        (
            ErrorKind::ProvisionedThroughputExceeded,
            400,
            "ProvisionedThroughputExceededException",
        ),
        (ErrorKind::RequestLimitExceeded, 400, "RequestLimitExceeded"),
        (ErrorKind::Throttling, 400, "ThrottlingException"),
        (
            ErrorKind::TransactionConflict,
            400,
            "TransactionConflictException",
        ),
        (
            ErrorKind::ReplicatedWriteConflict,
            400,
            "ReplicatedWriteConflictException",
        ),
        (ErrorKind::InternalServerError, 500, "InternalServerError"),
        (
            ErrorKind::ServiceUnavailable,
            503,
            "ServiceUnavailableException",
        ),
    ];
    for (kind, status, name) in cases {
        f.tables
            .inject(Fault::once("PutItem", FaultAction::Fail(kind)));
        let put = f.east.put_item().table_name("seats").item("id", s("A1"));
        let refused = refusal(put.send().await.unwrap_err());
        assert_eq!((refused.0, refused.1.as_str()), (status, name));
    }
    assert!(scan(&f.east, "seats").await.is_empty());
    f.put(&f.east, "seats", item([("id", s("A1"))])).await;
}

#[tokio::test]
async fn transactions_can_be_in_conflict_or_in_progress() {
    let f = start(quick()).await;
    create(&f.east, "seats", &["id"]).await;
    let put = Put::builder()
        .table_name("seats")
        .item("id", s("A1"))
        .build()
        .unwrap();
    let send = || {
        let item = TransactWriteItem::builder().put(put.clone()).build();
        f.east.transact_write_items().transact_items(item).send()
    };
    let plan = |kind| {
        let fault = Fault::once("TransactWriteItems", FaultAction::Fail(kind));
        f.tables.inject(fault);
    };
    plan(ErrorKind::TransactionCanceled);
    let cancelled = send().await.unwrap_err().into_service_error();
    let reasons = match &cancelled {
        aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError::TransactionCanceledException(error) => error.cancellation_reasons(),
        other => panic!("{other}"),
    };
    assert_eq!(reasons[0].code.as_deref(), Some("TransactionConflict"));
    plan(ErrorKind::TransactionInProgress);
    let busy = send().await.unwrap_err().into_service_error();
    assert!(busy.is_transaction_in_progress_exception());
    send().await.unwrap();
}

#[tokio::test]
async fn a_lost_answer_was_written_and_a_dropped_request_was_not() {
    let f = start(quick()).await;
    f.global("seats", &["id"]).await;
    for (action, id, written) in [
        (FaultAction::LoseAnswer, "lost", true),
        (FaultAction::DropRequest, "dropped", false),
    ] {
        f.tables.inject(Fault::once("PutItem", action));
        let put = f.east.put_item().table_name("seats").item("id", s(id));
        let error = put.send().await.unwrap_err();
        assert!(matches!(error, SdkError::DispatchFailure(_)), "{error:?}");
        assert_eq!(get(&f.east, "seats", id).await.is_some(), written);
    }
    // A lost answer does not keep the write from the other region.
    f.tables.quiesced().await;
    assert!(get(&f.west, "seats", "lost").await.is_some());
}

#[tokio::test]
async fn a_request_that_hangs_hangs_in_its_region_only() {
    let f = start(quick()).await;
    f.global("seats", &["id"]).await;
    f.tables.inject(Fault {
        operation: None,
        region: Some("us-east-2".to_owned()),
        action: FaultAction::Hang,
        times: 1,
    });
    f.put(&f.east, "seats", item([("id", s("A1"))])).await;
    let put = f.west.put_item().table_name("seats").item("id", s("B1"));
    let mut put = tokio::spawn(put.send());
    while f.tables.faults_left() > 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let waited = tokio::time::timeout(Duration::from_millis(100), &mut put).await;
    assert!(waited.is_err(), "{waited:?}");
    put.abort();
    assert_eq!(get(&f.west, "seats", "B1").await, None);
}

#[tokio::test]
async fn only_the_right_signature_gets_in() {
    let f = start(quick()).await;
    let here = f.tables.endpoints()[0].clone();
    let known = f.tables.credentials().clone();
    let list = async |endpoint: &Endpoint, credentials: &Credentials| {
        client(endpoint, credentials).list_tables().send().await
    };
    list(&here, &known).await.unwrap();
    let wrong_secret = Credentials {
        secret_access_key: "wrong".to_owned(),
        ..known.clone()
    };
    let wrong_id = Credentials {
        access_key_id: "AKIDOTHER".to_owned(),
        ..known.clone()
    };
    let elsewhere = Endpoint {
        region: "us-east-2".to_owned(),
        ..here.clone()
    };
    for (endpoint, credentials, expected) in [
        (&here, &wrong_secret, "InvalidSignatureException"),
        (&here, &wrong_id, "UnrecognizedClientException"),
        (&elsewhere, &known, "InvalidSignatureException"),
    ] {
        let error = list(endpoint, credentials).await.unwrap_err();
        let (status, code, _) = refusal(error);
        assert_eq!((status, code.as_str()), (400, expected));
    }
}
