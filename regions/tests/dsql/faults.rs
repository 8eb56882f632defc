//! Faults that a test asks for, as a driver sees them.

use std::time::Duration;

use witness_regions::dsql::{Fault, FaultAction, FaultPoint};

use super::support::{PATIENCE, code, connect, message, near, seats, tls};

#[tokio::test]
async fn a_lost_commit_answer_leaves_the_outcome_unknown_to_the_client_only() {
    for (action, is_committed) in [
        (FaultAction::DropAfter, true),
        (FaultAction::DropBefore, false),
    ] {
        let cluster = near().await;
        let mut client = connect(&cluster, 0).await;
        seats(&client).await;
        cluster.inject(Fault::once(FaultPoint::Commit, action.clone()).in_region("us-east-1"));
        let transaction = client.transaction().await.unwrap();
        transaction
            .execute("UPDATE seats SET status = 'sold'", &[])
            .await
            .unwrap();
        let error = transaction.commit().await.unwrap_err();
        assert!(error.code().is_none(), "{error}");
        assert!(client.is_closed());
        let row = connect(&cluster, 1)
            .await
            .query_one("SELECT status FROM seats", &[])
            .await
            .unwrap();
        let expected = if is_committed { "sold" } else { "available" };
        assert_eq!(row.get::<_, &str>(0), expected, "{action:?}");
    }
}

#[tokio::test]
async fn a_statement_whose_answer_is_lost_is_done_or_not_as_the_fault_says() {
    for (action, is_block, is_done) in [
        (FaultAction::DropAfter, false, true),
        (FaultAction::DropBefore, false, false),
        (FaultAction::DropAfter, true, false),
    ] {
        for is_simple in [true, false] {
            let cluster = near().await;
            let client = connect(&cluster, 0).await;
            seats(&client).await;
            if is_block {
                client.batch_execute("BEGIN").await.unwrap();
            }
            let update = "UPDATE seats SET status = 'sold'";
            let statement = client.prepare(update).await.unwrap();
            cluster.inject(Fault::once(FaultPoint::Statement, action.clone()).containing("UPDATE"));
            let outcome = match is_simple {
                true => client.batch_execute(update).await,
                false => client.execute(&statement, &[]).await.map(drop),
            };
            let error = outcome.unwrap_err();
            assert!(error.code().is_none(), "{error}");
            let other = connect(&cluster, 1).await;
            let row = other.query_one("SELECT status FROM seats", &[]).await;
            let expected = if is_done { "sold" } else { "available" };
            let case = format!("{action:?}, block {is_block}, simple {is_simple}");
            assert_eq!(row.unwrap().get::<_, &str>(0), expected, "{case}");
        }
    }
}

#[tokio::test]
async fn injected_errors_arrive_as_asked() {
    let cluster = near().await;
    let mut client = connect(&cluster, 0).await;
    seats(&client).await;
    for wanted in ["40P01", "OC000", "40001", "08006"] {
        cluster.inject(Fault::once(
            FaultPoint::Commit,
            FaultAction::Error {
                code: wanted.to_owned(),
                message: "as asked".to_owned(),
            },
        ));
        let transaction = client.transaction().await.unwrap();
        transaction
            .execute("UPDATE seats SET status = 'sold'", &[])
            .await
            .unwrap();
        let error = transaction.commit().await.unwrap_err();
        assert_eq!(
            (code(&error).as_str(), message(&error).as_str()),
            (wanted, "as asked")
        );
        let row = client
            .query_one("SELECT status FROM seats", &[])
            .await
            .unwrap();
        assert_eq!(row.get::<_, &str>(0), "available");
    }
    let fatal = FaultAction::Error {
        code: "57P01".to_owned(),
        message: "terminating connection due to administrator command".to_owned(),
    };
    cluster.inject(Fault::once(FaultPoint::Statement, fatal).containing("WHERE key = 'A1'"));
    client.query("SELECT * FROM seats", &[]).await.unwrap();
    let error = client
        .query("SELECT * FROM seats WHERE key = 'A1'", &[])
        .await
        .unwrap_err();
    assert_eq!(code(&error), "57P01");
    let error = client.query("SELECT 1", &[]).await.unwrap_err();
    assert!(error.is_closed(), "{error}");
}

#[tokio::test]
async fn a_hanging_statement_can_be_cancelled_or_given_up() {
    let cluster = near().await;
    let client = connect(&cluster, 0).await;
    seats(&client).await;
    cluster.inject(Fault::once(FaultPoint::Statement, FaultAction::HangBefore));
    let query = client.query("SELECT key FROM seats", &[]);
    tokio::pin!(query);
    let brief = Duration::from_millis(50);
    assert!(tokio::time::timeout(brief, &mut query).await.is_err());
    // A cancel request that comes before the statement does has no effect.
    let cancelled = async {
        loop {
            let cancel = client.cancel_token();
            cancel.cancel_query(tls(&cluster)).await.unwrap();
            if let Ok(outcome) = tokio::time::timeout(brief, &mut query).await {
                return outcome;
            }
        }
    };
    let outcome = tokio::time::timeout(PATIENCE, cancelled).await.unwrap();
    assert_eq!(code(&outcome.unwrap_err()), "57014");
    let rows = client.query("SELECT key FROM seats", &[]).await.unwrap();
    assert_eq!(rows.len(), 1);

    cluster.inject(Fault::once(FaultPoint::Commit, FaultAction::HangAfter));
    let update = client.execute("UPDATE seats SET status = 'sold'", &[]);
    tokio::pin!(update);
    let other = connect(&cluster, 1).await;
    let sold = async {
        loop {
            assert!(tokio::time::timeout(brief, &mut update).await.is_err());
            let row = other
                .query_one("SELECT status FROM seats", &[])
                .await
                .unwrap();
            if row.get::<_, &str>(0) == "sold" {
                return;
            }
        }
    };
    tokio::time::timeout(PATIENCE, sold).await.unwrap();
}
