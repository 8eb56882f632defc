//! What can be chosen of DynamoDB does what it says: how is read, how is written, whether
//! in transactions, and whether one whose answer was lost is sent again.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::time::Duration;

use witness::backends::{self, DynamoOptions, Opened, Options, Reads, Writes};
use witness_regions::dynamodb::{ErrorKind, Fault as Injected, FaultAction, GlobalTables};
use witness_workloads::seats::{LEDGER, SEATS};
use witness_workloads::{Connection, Database, DbError, Expectation, Fault, Row};

async fn open(dynamodb: DynamoOptions) -> (Arc<dyn Database>, GlobalTables) {
    let options = Options {
        timeout: Duration::from_secs(300),
        dynamodb,
        ..Options::default()
    };
    let backend = backends::find("dynamodb").unwrap();
    let Opened {
        database, embedded, ..
    } = backend.open(&options).await.unwrap();
    let servers = embedded.unwrap().downcast::<GlobalTables>();
    database.create(&[LEDGER, SEATS]).await.unwrap();
    (
        database,
        *servers.unwrap_or_else(|_| panic!("not embedded")),
    )
}

/// A client in the first region, with a request under way.
async fn client(database: &Arc<dyn Database>) -> Box<dyn Connection> {
    let mut db = database.connect(&database.regions()[0]).await.unwrap();
    db.begin().await.unwrap();
    db
}

fn seat(key: &str, owner: &str) -> Row {
    Row::from([
        ("key".into(), key.into()),
        ("status".into(), "sold".into()),
        ("owner".into(), owner.into()),
    ])
}

fn sale(id: &str) -> Row {
    Row::from([("sale_id".into(), id.into()), ("key".into(), "A1".into())])
}

/// What another client sees of a seat's owner.
async fn owner(database: &Arc<dyn Database>, key: &str) -> Option<String> {
    let mut db = client(database).await;
    let found = db.read(&SEATS, key).await.unwrap();
    found.and_then(|row| row.get("owner").cloned())
}

async fn put(database: &Arc<dyn Database>, row: &Row) {
    let mut db = client(database).await;
    db.write(&SEATS, row).await.unwrap();
    db.commit().await.unwrap();
}

fn faulty(error: &DbError) -> (Fault, &str) {
    (error.fault, error.class.as_str())
}

const CONDITIONAL: DynamoOptions = DynamoOptions {
    reads: Reads::Consistent,
    writes: Writes::Conditional,
    transactions: false,
    client_tokens: false,
};

const TRANSACTIONS: DynamoOptions = DynamoOptions {
    reads: Reads::Consistent,
    writes: Writes::Plain,
    transactions: true,
    client_tokens: false,
};

const SERIALIZABLE: DynamoOptions = DynamoOptions {
    writes: Writes::Conditional,
    ..TRANSACTIONS
};

const WITH_TOKENS: DynamoOptions = DynamoOptions {
    client_tokens: true,
    ..TRANSACTIONS
};

/// With a region cut off a consistent read of a strongly consistent table fails, and one
/// that does not ask for consistency does not.
#[tokio::test(flavor = "multi_thread")]
async fn eventual_reads_ask_for_no_consistency() {
    for (reads, served) in [(Reads::Consistent, false), (Reads::Eventual, true)] {
        let options = Options {
            timeout: Duration::from_secs(300),
            dynamodb: DynamoOptions {
                reads,
                ..DynamoOptions::default()
            },
            ..Options::default()
        };
        let backend = backends::find("dynamodb-mrsc").unwrap();
        let opened = backend.open(&options).await.unwrap();
        let servers = opened.embedded.unwrap().downcast::<GlobalTables>();
        let servers = servers.unwrap_or_else(|_| panic!("not embedded"));
        opened.database.create(&[SEATS]).await.unwrap();
        let mut db = client(&opened.database).await;
        assert!(servers.set_partitioned(&opened.database.regions()[0], true));
        let read = db.read(&SEATS, "A1").await;
        assert_eq!(read.is_ok(), served, "{reads:?}: {read:?}");
        assert!(
            db.scan(&SEATS, None).await.is_err(),
            "evidence is read consistently"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conditional_write_is_over_what_the_request_read() {
    for (options, expected) in [(DynamoOptions::default(), Ok(())), (CONDITIONAL, Err(()))] {
        let (database, _servers) = open(options).await;
        // There and changed, there and gone to somebody else, not there and made.
        for (key, before) in [("A1", Some("a")), ("A2", None)] {
            if let Some(owner) = before {
                put(&database, &seat(key, owner)).await;
            }
            let mut db = client(&database).await;
            db.read(&SEATS, key).await.unwrap();
            put(&database, &seat(key, "somebody else")).await;
            let written = db.write(&SEATS, &seat(key, "me")).await;
            match (&written, &expected) {
                (Ok(()), Ok(())) => {}
                (Err(error), Err(())) => assert_eq!(
                    faulty(error),
                    (Fault::Conflict, "ConditionalCheckFailedException"),
                    "{error}"
                ),
                _ => panic!("{options:?} {key}: {written:?}"),
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_knows_its_own_writes() {
    for options in [CONDITIONAL, SERIALIZABLE] {
        let (database, _servers) = open(options).await;
        let mut db = client(&database).await;
        assert_eq!(db.read(&SEATS, "A1").await, Ok(None));
        for owner in ["a", "b"] {
            db.write(&SEATS, &seat("A1", owner)).await.unwrap();
            assert_eq!(db.read(&SEATS, "A1").await, Ok(Some(seat("A1", owner))));
        }
        let expected = Expectation {
            column: "owner",
            value: "b",
        };
        assert_eq!(
            db.write_if(&SEATS, &seat("A1", "c"), expected).await,
            Ok(true)
        );
        db.commit().await.unwrap();
        assert_eq!(
            owner(&database, "A1").await.as_deref(),
            Some("c"),
            "{options:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_appended_row_is_new_where_that_is_checked() {
    for (options, class) in [
        (DynamoOptions::default(), None),
        (CONDITIONAL, Some("ConditionalCheckFailedException")),
        (SERIALIZABLE, Some("TransactionCanceledException")),
    ] {
        let (database, _servers) = open(options).await;
        let mut db = client(&database).await;
        db.append(&LEDGER, &sale("s1")).await.unwrap();
        db.commit().await.unwrap();
        db.begin().await.unwrap();
        let appended = db.append(&LEDGER, &sale("s1")).await;
        let again = match appended {
            Ok(()) => db.commit().await,
            error => error,
        };
        match class {
            None => again.unwrap(),
            Some(class) => {
                let error = again.unwrap_err();
                assert_eq!(faulty(&error), (Fault::Definite, class), "{error}");
            }
        }
    }
}

/// All or nothing, and nothing before the end.
#[tokio::test(flavor = "multi_thread")]
async fn writes_in_a_transaction_come_together() {
    let (database, servers) = open(TRANSACTIONS).await;
    let mut db = client(&database).await;
    db.write(&SEATS, &seat("A1", "me")).await.unwrap();
    db.append(&LEDGER, &sale("s1")).await.unwrap();
    assert_eq!(owner(&database, "A1").await, None, "not yet");
    servers.inject(Injected::once(
        "TransactWriteItems",
        FaultAction::Fail(ErrorKind::Throttling),
    ));
    let error = db.commit().await.unwrap_err();
    assert_eq!(
        faulty(&error),
        (Fault::Definite, "ThrottlingException"),
        "not half done"
    );
    assert_eq!(owner(&database, "A1").await, None);

    db.begin().await.unwrap();
    db.write(&SEATS, &seat("A1", "me")).await.unwrap();
    db.rollback().await;
    db.commit().await.unwrap();
    assert_eq!(owner(&database, "A1").await, None, "given up");

    db.begin().await.unwrap();
    db.write(&SEATS, &seat("A1", "me")).await.unwrap();
    db.append(&LEDGER, &sale("s1")).await.unwrap();
    db.commit().await.unwrap();
    assert_eq!(owner(&database, "A1").await.as_deref(), Some("me"));
    let mut other = client(&database).await;
    assert!(other.read(&LEDGER, "s1").await.unwrap().is_some());
}

/// Two requests read both seats and write one each: plain, both go through, which is write
/// skew; conditional, one of them has read what is no longer so.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_only_read_is_checked_with_conditional_writes() {
    for (options, second) in [(TRANSACTIONS, true), (SERIALIZABLE, false)] {
        let (database, _servers) = open(options).await;
        put(&database, &seat("A1", "nobody")).await;
        put(&database, &seat("A2", "nobody")).await;
        let mut clients = [client(&database).await, client(&database).await];
        for (db, mine) in clients.iter_mut().zip(["A1", "A2"]) {
            for key in ["A1", "A2"] {
                db.read(&SEATS, key).await.unwrap();
            }
            db.write(&SEATS, &seat(mine, "me")).await.unwrap();
        }
        clients[0].commit().await.unwrap();
        let skewed = clients[1].commit().await;
        assert_eq!(skewed.is_ok(), second, "{skewed:?}");
        if let Err(error) = skewed {
            assert_eq!(
                faulty(&error),
                (Fault::Conflict, "TransactionCanceledException")
            );
            assert!(
                error.message.contains("ConditionalCheckFailed of action 2"),
                "{error}"
            );
        }
    }
    // A request that only reads is of one moment, too.
    let (database, _servers) = open(SERIALIZABLE).await;
    let mut reader = client(&database).await;
    reader.read(&SEATS, "A1").await.unwrap();
    put(&database, &seat("A1", "me")).await;
    reader.read(&SEATS, "A2").await.unwrap();
    assert_eq!(reader.commit().await.unwrap_err().fault, Fault::Conflict);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_condition_that_fails_at_the_end_is_a_conflict() {
    let (database, _servers) = open(TRANSACTIONS).await;
    put(&database, &seat("A1", "a")).await;
    let expected = |value| Expectation {
        column: "owner",
        value,
    };
    let mut db = client(&database).await;
    let refused = db.write_if(&SEATS, &seat("A1", "me"), expected("b")).await;
    assert_eq!(refused, Ok(false), "known at once");
    let taken = db.write_if(&SEATS, &seat("A1", "me"), expected("a")).await;
    assert_eq!(taken, Ok(true));
    put(&database, &seat("A1", "somebody else")).await;
    let error = db.commit().await.unwrap_err();
    assert_eq!(
        faulty(&error),
        (Fault::Conflict, "TransactionCanceledException"),
        "{error}"
    );
    assert_eq!(
        owner(&database, "A1").await.as_deref(),
        Some("somebody else")
    );
}

/// Each reason for a cancellation has its meaning.
#[tokio::test(flavor = "multi_thread")]
async fn a_canceled_transaction_says_why() {
    let (database, servers) = open(SERIALIZABLE).await;
    let cases: [(&'static [&'static str], Fault, &str); 7] = [
        (
            &["TransactionConflict", "None"],
            Fault::Conflict,
            "TransactionConflict of action 1",
        ),
        (
            &["None", "ConditionalCheckFailed"],
            Fault::Conflict,
            "ConditionalCheckFailed of action 2",
        ),
        // The sale is there already: it will be so next time, too.
        (
            &["ConditionalCheckFailed", "None"],
            Fault::Definite,
            "ConditionalCheckFailed of action 1",
        ),
        (
            &["None", "ThrottlingError"],
            Fault::Definite,
            "ThrottlingError of action 2",
        ),
        (
            &["ProvisionedThroughputExceeded", "None"],
            Fault::Definite,
            "ProvisionedThroughputExceeded of action 1",
        ),
        (
            &["TransactionConflict", "ValidationError"],
            Fault::Definite,
            "TransactionConflict of action 1, ValidationError of action 2",
        ),
        (
            &["ItemCollectionSizeLimitExceeded", "None"],
            Fault::Definite,
            "ItemCollectionSizeLimitExceeded of action 1",
        ),
    ];
    for (reasons, fault, why) in cases {
        let mut db = client(&database).await;
        // In the order of the tables' names: ledger, seats.
        db.read(&SEATS, "A1").await.unwrap();
        db.write(&SEATS, &seat("A1", "me")).await.unwrap();
        db.append(&LEDGER, &sale("s1")).await.unwrap();
        servers.inject(Injected::once(
            "TransactWriteItems",
            FaultAction::Cancel(reasons),
        ));
        let error = db.commit().await.unwrap_err();
        assert_eq!(
            faulty(&error),
            (fault, "TransactionCanceledException"),
            "{reasons:?}"
        );
        assert_eq!(error.message, format!("canceled: {why}"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_error_of_a_transaction_has_its_class() {
    use ErrorKind as E;
    use FaultAction::{DropRequest, Fail, LoseAnswer};
    let (database, servers) = open(TRANSACTIONS).await;
    for (action, fault, class) in [
        (
            Fail(E::TransactionInProgress),
            Fault::Indeterminate,
            "TransactionInProgressException",
        ),
        (
            Fail(E::IdempotentParameterMismatch),
            Fault::Definite,
            "IdempotentParameterMismatchException",
        ),
        (
            Fail(E::ProvisionedThroughputExceeded),
            Fault::Definite,
            "ProvisionedThroughputExceededException",
        ),
        (Fail(E::Validation), Fault::Definite, "ValidationException"),
        (
            Fail(E::InternalServerError),
            Fault::Indeterminate,
            "InternalServerError",
        ),
        (LoseAnswer, Fault::Indeterminate, "dispatch"),
        (DropRequest, Fault::Indeterminate, "dispatch"),
    ] {
        let mut db = client(&database).await;
        db.write(&SEATS, &seat("A1", "me")).await.unwrap();
        servers.inject(Injected::once("TransactWriteItems", action));
        let error = db.commit().await.unwrap_err();
        assert_eq!(faulty(&error), (fault, class), "{action:?}: {error}");
        assert_eq!(servers.faults_left(), 0, "one attempt is one attempt");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_tells_how_a_lost_transaction_ended() {
    for lost in [FaultAction::LoseAnswer, FaultAction::DropRequest] {
        let (database, servers) = open(WITH_TOKENS).await;
        let mut db = client(&database).await;
        db.write(&SEATS, &seat("A1", "me")).await.unwrap();
        servers.inject(Injected::once("TransactWriteItems", lost));
        db.commit()
            .await
            .unwrap_or_else(|e| panic!("{lost:?}: {e}"));
        assert_eq!(owner(&database, "A1").await.as_deref(), Some("me"));
    }
    // It happened once: carried out again, it would find that the sale is not new.
    let conditional = DynamoOptions {
        writes: Writes::Conditional,
        ..WITH_TOKENS
    };
    let (database, servers) = open(conditional).await;
    let mut db = client(&database).await;
    db.append(&LEDGER, &sale("s1")).await.unwrap();
    servers.inject(Injected::once(
        "TransactWriteItems",
        FaultAction::LoseAnswer,
    ));
    db.commit().await.unwrap();

    // What another attempt is refused with proves nothing of the first.
    let (database, servers) = open(WITH_TOKENS).await;
    let mut db = client(&database).await;
    db.write(&SEATS, &seat("A1", "me")).await.unwrap();
    servers.inject(Injected::once(
        "TransactWriteItems",
        FaultAction::LoseAnswer,
    ));
    let canceled = FaultAction::Cancel(&["TransactionConflict"]);
    servers.inject(Injected::once("TransactWriteItems", canceled));
    servers.inject(Injected::once("TransactWriteItems", canceled));
    let error = db.commit().await.unwrap_err();
    assert_eq!(
        faulty(&error),
        (Fault::Indeterminate, "dispatch"),
        "{error}"
    );
    assert!(error.message.contains("sent again: canceled"), "{error}");
    assert_eq!(
        owner(&database, "A1").await.as_deref(),
        Some("me"),
        "and it did happen"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn strong_consistency_takes_no_transactions() {
    let options = Options {
        dynamodb: TRANSACTIONS,
        ..Options::default()
    };
    let backend = backends::find("dynamodb-mrsc").unwrap();
    let error = backend.open(&options).await.err().unwrap().to_string();
    assert!(
        error.contains("takes none with multi-region strong consistency"),
        "{error}"
    );
}
