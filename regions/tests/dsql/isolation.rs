//! Two regions, one database: who sees what, and who wins.

use std::time::Duration;

use tokio_postgres::{Client, Error};
use witness_regions::dsql::{Defects, Options};

use super::support::{code, connect, message, near, seats, start};

#[tokio::test]
async fn of_two_regions_racing_for_a_row_exactly_one_wins() {
    let cluster = start(Options {
        inter_region_rtt: Duration::from_millis(2),
        ..Options::default()
    })
    .await;
    let (mut east, mut west) = (connect(&cluster, 0).await, connect(&cluster, 1).await);
    east.batch_execute("CREATE TABLE seats (key INT PRIMARY KEY, owner TEXT)")
        .await
        .unwrap();
    for key in 0..20_i32 {
        east.execute("INSERT INTO seats (key) VALUES ($1)", &[&key])
            .await
            .unwrap();
        let buy = async |client: &mut Client, owner: &str| {
            let transaction = client.transaction().await?;
            let row = transaction
                .query_one("SELECT owner FROM seats WHERE key = $1", &[&key])
                .await?;
            if row.get::<_, Option<&str>>(0).is_some() {
                return Ok(false);
            }
            transaction
                .execute(
                    "UPDATE seats SET owner = $1 WHERE key = $2",
                    &[&owner, &key],
                )
                .await?;
            transaction.commit().await.map(|()| true)
        };
        let outcomes: [Result<bool, Error>; 2] =
            tokio::join!(buy(&mut east, "east"), buy(&mut west, "west")).into();
        let won = outcomes
            .iter()
            .filter(|outcome| matches!(outcome, Ok(true)))
            .count();
        assert_eq!(won, 1, "{outcomes:?}");
        for error in outcomes.iter().filter_map(|outcome| outcome.as_ref().err()) {
            assert_eq!(code(error), "40001");
            assert_eq!(
                message(error),
                "change conflicts with another transaction (OC000)"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn counters_lose_no_update_unless_the_check_is_skipped() {
    for (defects, is_sound) in [("", true), ("skip-conflict-check", false)] {
        let cluster = start(Options {
            inter_region_rtt: Duration::from_millis(1),
            defects: defects.parse::<Defects>().unwrap(),
            ..Options::default()
        })
        .await;
        let client = connect(&cluster, 0).await;
        client
            .batch_execute("CREATE TABLE c (k INT PRIMARY KEY, n INT)")
            .await
            .unwrap();
        client
            .batch_execute("INSERT INTO c VALUES (1, 0)")
            .await
            .unwrap();
        let mut tasks = Vec::new();
        for at in 0..8 {
            let client = connect(&cluster, at % 2).await;
            tasks.push(tokio::spawn(async move {
                let mut confirmed = 0;
                for _ in 0..20 {
                    match client
                        .execute("UPDATE c SET n = n + 1 WHERE k = 1", &[])
                        .await
                    {
                        Ok(_) => confirmed += 1,
                        Err(error) => assert_eq!(code(&error), "40001"),
                    }
                }
                confirmed
            }));
        }
        let mut confirmed = 0;
        for task in tasks {
            confirmed += task.await.unwrap();
        }
        let row = client.query_one("SELECT n FROM c", &[]).await.unwrap();
        let counted: i32 = row.get(0);
        assert!(confirmed > 0);
        assert_eq!(
            counted == confirmed,
            is_sound,
            "{counted} of {confirmed}, {defects:?}"
        );
    }
}

#[tokio::test]
async fn an_acknowledged_commit_is_seen_everywhere_at_once() {
    for (defects, is_sound) in [
        ("", true),
        ("stale-snapshot", false),
        ("lost-commit", false),
    ] {
        let cluster = start(Options {
            inter_region_rtt: Duration::from_millis(1),
            defects: defects.parse::<Defects>().unwrap(),
            ..Options::default()
        })
        .await;
        let (east, west) = (connect(&cluster, 0).await, connect(&cluster, 1).await);
        east.batch_execute("CREATE TABLE r (k INT PRIMARY KEY)")
            .await
            .unwrap();
        let mut missed = 0;
        for key in 0..40_i32 {
            let (writer, reader) = if key % 2 == 0 {
                (&east, &west)
            } else {
                (&west, &east)
            };
            writer
                .execute("INSERT INTO r VALUES ($1)", &[&key])
                .await
                .unwrap();
            let rows = reader
                .query("SELECT k FROM r WHERE k = $1", &[&key])
                .await
                .unwrap();
            missed += usize::from(rows.is_empty());
        }
        assert_eq!(missed == 0, is_sound, "{missed} missed, {defects:?}");
    }
}

#[tokio::test]
async fn a_commit_waits_for_the_other_region() {
    let rtt = Duration::from_millis(40);
    let cluster = start(Options {
        inter_region_rtt: rtt,
        ..Options::default()
    })
    .await;
    let client = connect(&cluster, 0).await;
    let start = std::time::Instant::now();
    client
        .batch_execute("CREATE TABLE t (k INT PRIMARY KEY)")
        .await
        .unwrap();
    client
        .batch_execute("BEGIN; INSERT INTO t VALUES (1); COMMIT")
        .await
        .unwrap();
    assert!(start.elapsed() >= rtt * 2);
}

#[tokio::test]
async fn a_client_that_goes_leaves_nothing_behind() {
    let cluster = near().await;
    let client = connect(&cluster, 0).await;
    seats(&client).await;
    client
        .batch_execute("BEGIN; UPDATE seats SET status = 'sold'")
        .await
        .unwrap();
    drop(client);
    let other = connect(&cluster, 1).await;
    let row = other
        .query_one("UPDATE seats SET status = 'free' RETURNING status", &[])
        .await
        .unwrap();
    assert_eq!(row.get::<_, &str>(0), "free");
}

#[tokio::test]
async fn a_schema_change_reaches_open_transactions_and_prepared_statements() {
    let cluster = near().await;
    let (mut east, west) = (connect(&cluster, 0).await, connect(&cluster, 1).await);
    seats(&east).await;
    let select = east.prepare("SELECT * FROM seats").await.unwrap();
    assert_eq!(east.query(&select, &[]).await.unwrap().len(), 1);

    let transaction = east.transaction().await.unwrap();
    transaction.query(&select, &[]).await.unwrap();
    west.batch_execute("CREATE TABLE other (k INT)")
        .await
        .unwrap();
    let error = transaction.query(&select, &[]).await.unwrap_err();
    assert_eq!(code(&error), "40001");
    assert_eq!(
        message(&error),
        "schema has been updated by another transaction (OC001)"
    );
    transaction.rollback().await.unwrap();
    assert_eq!(east.query(&select, &[]).await.unwrap().len(), 1);

    west.batch_execute("DROP TABLE seats").await.unwrap();
    assert_eq!(code(&east.query(&select, &[]).await.unwrap_err()), "42P01");
    west.batch_execute("CREATE TABLE seats (key TEXT PRIMARY KEY)")
        .await
        .unwrap();
    let error = east.query(&select, &[]).await.unwrap_err();
    assert_eq!(message(&error), "cached plan must not change result type");
}
