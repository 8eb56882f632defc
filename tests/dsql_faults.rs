//! What the DSQL backend says of each way in which a request can go wrong: the
//! embedded server is made to do exactly that.
#![cfg(feature = "aws")]
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::time::Duration;

use witness::backends::{self, Opened};
use witness_regions::dsql::{Cluster, Fault as Injected, FaultAction, FaultPoint};
use witness_workloads::seats::{LEDGER, SEATS};
use witness_workloads::{Connection, Database, DbError, Fault, Row};

/// A cluster and its database, with empty tables.
async fn open(timeout: Duration) -> (Arc<dyn Database>, Cluster) {
    let options = backends::Options {
        timeout,
        ..backends::Options::default()
    };
    let backend = backends::find("dsql").unwrap();
    let Opened {
        database, embedded, ..
    } = backend.open(&options).await.unwrap();
    let Ok(cluster) = embedded.unwrap().downcast::<Cluster>() else {
        panic!("not embedded")
    };
    database.create(&[LEDGER, SEATS]).await.unwrap();
    (database, *cluster)
}

async fn connect(database: &Arc<dyn Database>, region: usize) -> Box<dyn Connection> {
    database.connect(&database.regions()[region]).await.unwrap()
}

fn sale(id: &str) -> Row {
    Row::from([("sale_id".into(), id.into()), ("key".into(), "A1".into())])
}

/// One sale in one transaction.
async fn sell(db: &mut dyn Connection, id: &str) -> Result<(), DbError> {
    db.begin().await?;
    db.append(&LEDGER, &sale(id)).await?;
    db.commit().await
}

async fn sold(database: &Arc<dyn Database>, id: &str) -> bool {
    let mut db = connect(database, 1).await;
    db.begin().await.unwrap();
    let found = db.read(&LEDGER, id).await.unwrap().is_some();
    db.commit().await.unwrap();
    found
}

fn answer(code: &str, message: &str) -> FaultAction {
    FaultAction::Error {
        code: code.into(),
        message: message.into(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_sqlstate_has_its_class() {
    let (database, cluster) = open(Duration::from_secs(300)).await;
    for (at, code, fault) in [
        (FaultPoint::Commit, "40001", Fault::Conflict),
        (FaultPoint::Commit, "40P01", Fault::Conflict),
        (FaultPoint::Commit, "OC000", Fault::Conflict),
        (FaultPoint::Commit, "OC001", Fault::Conflict),
        (FaultPoint::Statement, "40001", Fault::Conflict),
        (FaultPoint::Statement, "OC001", Fault::Conflict),
        (FaultPoint::Commit, "54000", Fault::Definite),
        (FaultPoint::Statement, "54000", Fault::Definite),
        (FaultPoint::Statement, "23505", Fault::Definite),
        (FaultPoint::Commit, "40003", Fault::Indeterminate),
        (FaultPoint::Commit, "57P01", Fault::Indeterminate),
        (FaultPoint::Commit, "08006", Fault::Indeterminate),
        (FaultPoint::Commit, "XX000", Fault::Indeterminate),
        (FaultPoint::Statement, "XX000", Fault::Definite),
    ] {
        let mut db = connect(&database, 0).await;
        cluster.inject(Injected::once(at, answer(code, "as asked for")));
        let error = sell(db.as_mut(), code).await.unwrap_err();
        assert_eq!(
            (error.fault, error.class.as_str()),
            (fault, code),
            "{at:?}: {error}"
        );
        assert!(error.message.contains("as asked for"), "{error}");
    }
}

/// Two transactions read the same two rows and write one each.
#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_is_read_for_update_counts_as_written() {
    let (database, _cluster) = open(Duration::from_secs(300)).await;
    let row = |key: &str| Row::from([("key".into(), key.into())]);
    for (for_update, rows_exist, second_commits) in [
        (false, true, true),
        (true, true, false),
        // A row that is not there cannot be held.
        (true, false, true),
    ] {
        let keys = ["x", "y"].map(|key| format!("{key}-{for_update}-{rows_exist}"));
        let mut clients = [connect(&database, 0).await, connect(&database, 1).await];
        if rows_exist {
            for key in &keys {
                clients[0].write(&SEATS, &row(key)).await.unwrap();
            }
        }
        for (db, mine) in clients.iter_mut().zip(&keys) {
            db.begin().await.unwrap();
            for key in &keys {
                let found = if for_update {
                    db.read_for_update(&SEATS, key).await.unwrap()
                } else {
                    db.read(&SEATS, key).await.unwrap()
                };
                assert_eq!(found, rows_exist.then(|| row(key)));
            }
            let mut sold = row(mine);
            sold.insert("status".into(), "sold".into());
            db.write(&SEATS, &sold).await.unwrap();
        }
        clients[0].commit().await.unwrap();
        let second = clients[1].commit().await.map_err(|error| error.fault);
        let expected = if second_commits {
            Ok(())
        } else {
            Err(Fault::Conflict)
        };
        assert_eq!(second, expected, "{keys:?}");
    }
}

/// The driver says "connection closed" and has no SQLSTATE for it.
#[tokio::test(flavor = "multi_thread")]
async fn a_commit_whose_answer_is_lost_may_have_happened() {
    let (database, cluster) = open(Duration::from_secs(300)).await;
    for (action, happened) in [
        (FaultAction::DropAfter, true),
        (FaultAction::DropBefore, false),
    ] {
        let mut db = connect(&database, 0).await;
        let id = format!("{action:?}");
        cluster.inject(Injected::once(FaultPoint::Commit, action));
        let error = sell(db.as_mut(), &id).await.unwrap_err();
        assert_eq!(error.fault, Fault::Indeterminate, "{id}: {error}");
        assert_eq!(sold(&database, &id).await, happened, "{id}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_does_not_come_is_a_timeout() {
    let (database, cluster) = open(Duration::from_secs(10)).await;
    let mut db = connect(&database, 0).await;
    cluster.inject(Injected::once(FaultPoint::Commit, FaultAction::HangAfter));
    let error = sell(db.as_mut(), "s1").await.unwrap_err();
    assert_eq!(
        (error.fault, error.class.as_str()),
        (Fault::Indeterminate, "timeout"),
        "{error}"
    );
    assert!(sold(&database, "s1").await, "and it did happen");
}

/// The server answers a COMMIT of a failed transaction with ROLLBACK, which the
/// driver takes for success.
#[tokio::test(flavor = "multi_thread")]
async fn a_commit_after_a_failed_statement_is_never_ok() {
    let (database, _cluster) = open(Duration::from_secs(300)).await;
    let mut db = connect(&database, 0).await;
    sell(db.as_mut(), "s1").await.unwrap();

    db.begin().await.unwrap();
    db.append(&LEDGER, &sale("s2")).await.unwrap();
    let error = db.append(&LEDGER, &sale("s1")).await.unwrap_err();
    assert_eq!(
        (error.fault, error.class.as_str()),
        (Fault::Definite, "23505"),
        "{error}"
    );
    assert!(db.commit().await.is_err(), "nothing was committed");
    assert!(!sold(&database, "s2").await);

    db.rollback().await;
    sell(db.as_mut(), "s3").await.unwrap();
    assert!(sold(&database, "s3").await, "the connection is good again");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_buyers_of_one_seat_conflict_at_commit() {
    let (database, _cluster) = open(Duration::from_secs(300)).await;
    let seat = |owner: &str| {
        let status = ("status".to_owned(), "sold".to_owned());
        Row::from([
            ("key".into(), "A1".into()),
            ("owner".into(), owner.into()),
            status,
        ])
    };
    let (mut a, mut b) = (connect(&database, 0).await, connect(&database, 1).await);
    for db in [&mut a, &mut b] {
        db.begin().await.unwrap();
        assert_eq!(db.read(&SEATS, "A1").await, Ok(None));
    }
    a.write(&SEATS, &seat("a")).await.unwrap();
    b.write(&SEATS, &seat("b")).await.unwrap();
    a.commit().await.unwrap();
    let error = b.commit().await.unwrap_err();
    assert_eq!(
        (error.fault, error.class.as_str()),
        (Fault::Conflict, "40001")
    );
    assert_eq!(
        error.message,
        "change conflicts with another transaction (OC000)"
    );
}

/// Any change of the schema makes others that are under way fail, and need not be at the
/// same time.
#[tokio::test(flavor = "multi_thread")]
async fn a_schema_change_that_was_overtaken_is_tried_again() {
    let (database, cluster) = open(Duration::from_secs(300)).await;
    for code in ["OC001", "40001"] {
        let message = "schema has been updated by another transaction (OC001)";
        for statement in ["DROP TABLE", "CREATE TABLE"] {
            let fault = Injected::once(FaultPoint::Statement, answer(code, message));
            cluster.inject(fault.containing(statement));
        }
        database.create(&[LEDGER]).await.unwrap();
        assert_eq!(cluster.faults_left(), 0, "{code}");
    }
    // Not for ever, and not whatever goes wrong.
    let message = "permission denied for schema public";
    cluster.inject(Injected::once(
        FaultPoint::Statement,
        answer("42501", message),
    ));
    let error = database.create(&[LEDGER]).await.unwrap_err();
    assert_eq!(
        (error.fault, error.class.as_str()),
        (Fault::Definite, "42501")
    );
    let mut always = Injected::once(FaultPoint::Statement, answer("OC001", "again"));
    always.times = 100;
    cluster.inject(always.containing("CREATE TABLE"));
    let error = database.create(&[LEDGER]).await.unwrap_err();
    assert_eq!(error.fault, Fault::Conflict);
    assert!(cluster.faults_left() > 50, "{}", cluster.faults_left());
}
