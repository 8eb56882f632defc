//! What the DynamoDB backend says of each way in which a request can go wrong:
//! the embedded server is made to do exactly that.
#![cfg(feature = "aws")]
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::time::Duration;

use witness::backends::{self, Opened};
use witness_regions::dynamodb::{ErrorKind, Fault as Injected, FaultAction, GlobalTables};
use witness_workloads::seats::{LEDGER, SEATS};
use witness_workloads::{Connection, Database, Expectation, Fault, Row};

/// Servers and their database, with empty tables.
async fn open(backend: &str, timeout: Duration) -> (Arc<dyn Database>, GlobalTables) {
    let options = backends::Options {
        timeout,
        ..backends::Options::default()
    };
    let backend = backends::find(backend).unwrap();
    let Opened {
        database, embedded, ..
    } = backend.open(&options).await.unwrap();
    let Ok(servers) = embedded.unwrap().downcast::<GlobalTables>() else {
        panic!("not embedded")
    };
    database.create(&[LEDGER, SEATS]).await.unwrap();
    (database, *servers)
}

async fn connect(database: &Arc<dyn Database>) -> Box<dyn Connection> {
    let mut connection = database.connect(&database.regions()[0]).await.unwrap();
    connection.begin().await.unwrap();
    connection
}

fn seat(status: &str) -> Row {
    Row::from([
        ("key".into(), "A1".into()),
        ("status".into(), status.into()),
    ])
}

fn sale(id: &str) -> Row {
    Row::from([("sale_id".into(), id.into()), ("key".into(), "A1".into())])
}

#[tokio::test(flavor = "multi_thread")]
async fn every_error_has_its_class() {
    use ErrorKind as E;
    use FaultAction::{DropRequest, Fail, GarbleAnswer, LoseAnswer};
    let (database, servers) = open("dynamodb", Duration::from_secs(300)).await;
    for (action, fault, class) in [
        (
            Fail(E::TransactionConflict),
            Fault::Conflict,
            "TransactionConflictException",
        ),
        (
            Fail(E::ReplicatedWriteConflict),
            Fault::Conflict,
            "ReplicatedWriteConflictException",
        ),
        (Fail(E::Validation), Fault::Definite, "ValidationException"),
        (
            Fail(E::ResourceNotFound),
            Fault::Definite,
            "ResourceNotFoundException",
        ),
        (
            Fail(E::ProvisionedThroughputExceeded),
            Fault::Definite,
            "ProvisionedThroughputExceededException",
        ),
        (Fail(E::Throttling), Fault::Definite, "ThrottlingException"),
        (
            Fail(E::RequestLimitExceeded),
            Fault::Definite,
            "RequestLimitExceeded",
        ),
        (
            Fail(E::InternalServerError),
            Fault::Indeterminate,
            "InternalServerError",
        ),
        (
            Fail(E::ServiceUnavailable),
            Fault::Indeterminate,
            "ServiceUnavailableException",
        ),
        (
            Fail(E::TransactionInProgress),
            Fault::Indeterminate,
            "TransactionInProgressException",
        ),
        (LoseAnswer, Fault::Indeterminate, "dispatch"),
        (DropRequest, Fault::Indeterminate, "dispatch"),
        (GarbleAnswer, Fault::Indeterminate, "response"),
    ] {
        let mut db = connect(&database).await;
        servers.inject(Injected::once("PutItem", action));
        let error = db.write(&SEATS, &seat("sold")).await.unwrap_err();
        assert_eq!(
            (error.fault, error.class.as_str()),
            (fault, class),
            "{action:?}: {error}"
        );
        assert!(!error.message.is_empty(), "{action:?}");
    }
}

/// With the SDK's retries on, the second attempt finds the row that the first
/// one wrote, and reports a failed condition for a write that happened.
#[tokio::test(flavor = "multi_thread")]
async fn a_conditional_put_whose_answer_is_lost_is_not_a_failed_condition() {
    let (database, servers) = open("dynamodb", Duration::from_secs(300)).await;
    let mut db = connect(&database).await;
    db.write(&SEATS, &seat("available")).await.unwrap();
    db.commit().await.unwrap();

    servers.inject(Injected::once("PutItem", FaultAction::LoseAnswer));
    db.begin().await.unwrap();
    let expected = Expectation {
        column: "status",
        value: "available",
    };
    let error = db
        .write_if(&SEATS, &seat("sold"), expected)
        .await
        .unwrap_err();
    assert_eq!(error.fault, Fault::Indeterminate, "{error}");

    let mut other = connect(&database).await;
    let there = other.read(&SEATS, "A1").await.unwrap().unwrap();
    assert_eq!(there["status"], "sold", "it was written");
    let again = other.write_if(&SEATS, &seat("sold"), expected).await;
    assert_eq!(
        again,
        Ok(false),
        "a condition that fails is an answer, not an error"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_does_not_come_is_a_timeout() {
    let (database, servers) = open("dynamodb", Duration::from_secs(300)).await;
    drop(database);
    servers.shutdown().await;
    // The time that a hanging request is given is the only one that passes here.
    let (database, servers) = open("dynamodb", Duration::from_secs(10)).await;
    let mut db = connect(&database).await;
    servers.inject(Injected::once("PutItem", FaultAction::Hang));
    let error = db.write(&SEATS, &seat("sold")).await.unwrap_err();
    assert_eq!(
        (error.fault, error.class.as_str()),
        (Fault::Indeterminate, "timeout"),
        "{error}"
    );
}

/// The seat is sold, the sale is not in the ledger: neither "happened" nor "did not".
#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_half_done_is_indeterminate() {
    let (database, servers) = open("dynamodb", Duration::from_secs(300)).await;
    let mut db = connect(&database).await;
    db.write(&SEATS, &seat("sold")).await.unwrap();
    servers.inject(Injected::once(
        "PutItem",
        FaultAction::Fail(ErrorKind::Throttling),
    ));
    let error = db.append(&LEDGER, &sale("s1")).await.unwrap_err();
    assert_eq!(error.fault, Fault::Indeterminate, "{error}");
    assert!(error.message.starts_with("half done"), "{error}");

    db.begin().await.unwrap();
    servers.inject(Injected::once(
        "GetItem",
        FaultAction::Fail(ErrorKind::Throttling),
    ));
    let error = db.read(&SEATS, "A1").await.unwrap_err();
    assert_eq!(
        error.fault,
        Fault::Definite,
        "a new request starts clean: {error}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_left_by_an_earlier_run_are_emptied_everywhere() {
    for backend in ["dynamodb", "dynamodb-mrsc"] {
        let (database, servers) = open(backend, Duration::from_secs(300)).await;
        let mut db = connect(&database).await;
        for n in 0..40 {
            db.append(&LEDGER, &sale(&format!("s{n}"))).await.unwrap();
        }
        servers.quiesced().await;
        database.create(&[LEDGER, SEATS]).await.unwrap();
        for region in database.regions() {
            let mut db = database.connect(region).await.unwrap();
            assert!(
                db.scan(&LEDGER, None).await.unwrap().rows.is_empty(),
                "{backend} {region}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_left_half_made_is_completed() {
    let options = backends::Options::default();
    let opened = backends::find("dynamodb")
        .unwrap()
        .open(&options)
        .await
        .unwrap();
    let servers = opened
        .embedded
        .unwrap()
        .downcast::<GlobalTables>()
        .unwrap_or_else(|_| panic!());
    let fail = FaultAction::Fail(ErrorKind::InternalServerError);
    servers.inject(Injected::once("UpdateTable", fail));
    let interrupted = opened.database.create(&[LEDGER]).await.unwrap_err();
    assert_eq!(interrupted.fault, Fault::Indeterminate, "{interrupted}");

    opened.database.create(&[LEDGER]).await.unwrap();
    let mut here = connect(&opened.database).await;
    here.append(&LEDGER, &sale("s1")).await.unwrap();
    servers.quiesced().await;
    let mut there = opened
        .database
        .connect(&opened.database.regions()[1])
        .await
        .unwrap();
    assert!(
        there.read(&LEDGER, "s1").await.unwrap().is_some(),
        "it is replicated"
    );
}
