//! Statements over both query protocols.

use std::time::Duration;

use tokio_postgres::SimpleQueryMessage;

use super::support::{code, connect, near, seats};

#[tokio::test]
async fn a_seat_is_sold_over_both_protocols() {
    let cluster = near().await;
    let mut client = connect(&cluster, 0).await;
    seats(&client).await;
    let transaction = client.transaction().await.unwrap();
    let row = transaction
        .query_one("SELECT status, owner FROM seats WHERE key = $1", &[&"A1"])
        .await
        .unwrap();
    assert_eq!(row.get::<_, &str>(0), "available");
    assert_eq!(row.get::<_, Option<&str>>(1), None);
    let updated = transaction
        .execute(
            "UPDATE seats SET status = $1, owner = $2 WHERE key = $3",
            &[&"sold", &"b1", &"A1"],
        )
        .await
        .unwrap();
    assert_eq!(updated, 1);
    transaction.commit().await.unwrap();

    let elsewhere = connect(&cluster, 1).await;
    let messages = elsewhere
        .simple_query("SELECT key, owner FROM seats")
        .await
        .unwrap();
    let rows: Vec<_> = messages
        .iter()
        .filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some((row.get(0), row.get(1))),
            _ => None,
        })
        .collect();
    assert_eq!(rows, [(Some("A1"), Some("b1"))]);
    cluster.shutdown().await;
}

#[tokio::test]
async fn every_type_travels_in_binary() {
    let cluster = near().await;
    let client = connect(&cluster, 0).await;
    client
        .batch_execute(
            "CREATE TABLE all_types (i INT PRIMARY KEY, l BIGINT, f DOUBLE PRECISION, t TEXT, \
             v VARCHAR(5), b BOOLEAN, at TIMESTAMPTZ, j JSON, u UUID)",
        )
        .await
        .unwrap();
    let at = std::time::UNIX_EPOCH + Duration::from_micros(1_800_000_000_123_456);
    let inserted = client
        .execute(
            "INSERT INTO all_types VALUES ($1, $2, $3, $4, $5, $6, $7, $8::text::json, $9::text::uuid)",
            &[
                &-7_i32,
                &i64::MIN,
                &0.1_f64,
                &"ünïcode",
                &"abcde",
                &true,
                &at,
                &"{\"a\": [1]}",
                &"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
            ],
        )
        .await
        .unwrap();
    assert_eq!(inserted, 1);
    let none: Option<&str> = None;
    client
        .execute(
            "INSERT INTO all_types (i, t) VALUES ($1, $2)",
            &[&8_i32, &none],
        )
        .await
        .unwrap();
    let row = client
        .query_one(
            "SELECT i, l, f, t, v, b, at, j::text, u::text FROM all_types WHERE l = $1 AND at <= $2",
            &[&i64::MIN, &at],
        )
        .await
        .unwrap();
    assert_eq!(row.get::<_, i32>(0), -7);
    assert_eq!(row.get::<_, i64>(1), i64::MIN);
    assert_eq!(row.get::<_, f64>(2), 0.1);
    assert_eq!(row.get::<_, &str>(3), "ünïcode");
    assert_eq!(row.get::<_, &str>(4), "abcde");
    assert!(row.get::<_, bool>(5));
    assert_eq!(row.get::<_, std::time::SystemTime>(6), at);
    assert_eq!(row.get::<_, &str>(7), "{\"a\": [1]}");
    assert_eq!(
        row.get::<_, &str>(8),
        "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"
    );
    let nulls = client
        .query_one("SELECT t, l FROM all_types WHERE i = 8", &[])
        .await
        .unwrap();
    assert_eq!(nulls.get::<_, Option<&str>>(0), None);
    assert_eq!(nulls.get::<_, Option<i64>>(1), None);
    let sums = client
        .query_one(
            "SELECT count(*), sum(i), sum(l)::bigint, max(t) FROM all_types",
            &[],
        )
        .await
        .unwrap();
    assert_eq!(sums.get::<_, i64>(0), 2);
    assert_eq!(sums.get::<_, i64>(1), 1);
    assert_eq!(sums.get::<_, i64>(2), i64::MIN);
}

#[tokio::test]
async fn errors_carry_their_codes_and_leave_the_session_usable() {
    let cluster = near().await;
    let client = connect(&cluster, 0).await;
    seats(&client).await;
    for (text, expected) in [
        ("SELECT * FROM nope", "42P01"),
        ("SELECT nope FROM seats", "42703"),
        ("SELEC 1", "42601"),
        ("INSERT INTO seats VALUES ('A1', 'available')", "23505"),
        ("INSERT INTO seats (key) VALUES ('A2')", "23502"),
        ("SELECT 1 / 0", "22012"),
        ("TRUNCATE seats", "0A000"),
        ("BEGIN ISOLATION LEVEL SERIALIZABLE", "0A000"),
    ] {
        let simple = client.batch_execute(text).await.unwrap_err();
        assert_eq!(code(&simple), expected, "{text}");
        let extended = client.execute(text, &[]).await.unwrap_err();
        assert_eq!(code(&extended), expected, "{text}");
    }
    let rows = client.query("SELECT key FROM seats", &[]).await.unwrap();
    assert_eq!(rows.len(), 1);
}

#[tokio::test]
async fn a_failed_transaction_commits_as_a_rollback() {
    let cluster = near().await;
    let mut client = connect(&cluster, 0).await;
    seats(&client).await;
    let transaction = client.transaction().await.unwrap();
    transaction
        .execute("UPDATE seats SET status = 'sold'", &[])
        .await
        .unwrap();
    let error = transaction.execute("SELECT 1 / 0", &[]).await.unwrap_err();
    assert_eq!(code(&error), "22012");
    let error = transaction.query("SELECT 1", &[]).await.unwrap_err();
    assert_eq!(code(&error), "25P02");
    // The driver reports the commit as done: a trap that the server cannot remove.
    transaction.commit().await.unwrap();
    let row = client
        .query_one("SELECT status FROM seats", &[])
        .await
        .unwrap();
    assert_eq!(row.get::<_, &str>(0), "available");
}

#[tokio::test]
async fn queries_may_be_pipelined() {
    let cluster = near().await;
    let mut client = connect(&cluster, 0).await;
    seats(&client).await;
    let prepared = client.prepare("SELECT $1::int + 1").await.unwrap();
    let ask = async |number: i32| client.query_one(&prepared, &[&number]).await;
    let (a, failed, b, c) = tokio::join!(
        ask(1),
        client.query_one("SELECT 1 / 0", &[]),
        ask(2),
        ask(3)
    );
    let values: Vec<i32> = [a, b, c]
        .into_iter()
        .map(|row| row.unwrap().get(0))
        .collect();
    assert_eq!(values, [2, 3, 4]);
    assert_eq!(code(&failed.unwrap_err()), "22012");

    let transaction = client.transaction().await.unwrap();
    let hold = transaction
        .prepare("UPDATE seats SET status = 'held'")
        .await
        .unwrap();
    let read = transaction
        .prepare("SELECT status FROM seats")
        .await
        .unwrap();
    let (updated, row) = tokio::join!(
        biased;
        transaction.execute(&hold, &[]),
        transaction.query_one(&read, &[]),
    );
    assert_eq!(updated.unwrap(), 1);
    assert_eq!(row.unwrap().get::<_, &str>(0), "held");
    transaction.rollback().await.unwrap();
}

#[tokio::test]
async fn results_can_be_fetched_in_parts() {
    let cluster = near().await;
    let mut client = connect(&cluster, 0).await;
    client
        .batch_execute("CREATE TABLE n (k INT PRIMARY KEY)")
        .await
        .unwrap();
    client
        .batch_execute("INSERT INTO n VALUES (1),(2),(3),(4),(5)")
        .await
        .unwrap();
    let transaction = client.transaction().await.unwrap();
    let portal = transaction
        .bind("SELECT k FROM n WHERE k > $1", &[&1_i32])
        .await
        .unwrap();
    let mut parts = Vec::new();
    for _ in 0..3 {
        let rows = transaction.query_portal(&portal, 3).await.unwrap();
        parts.push(rows.iter().map(|row| row.get(0)).collect::<Vec<i32>>());
    }
    assert_eq!(parts, [vec![2, 3, 4], vec![5], vec![]]);
}
