//! The limits on a transaction.

use super::{Client, database, tight};
use crate::dsql::Defects;
use crate::dsql::engine::store::Database;

fn insert(from: usize, count: usize) -> String {
    let rows: Vec<_> = (from..from + count).map(|key| format!("({key})")).collect();
    format!("INSERT INTO t VALUES {}", rows.join(","))
}

#[test]
fn the_3001st_row_fails_at_its_statement() {
    let database = database();
    let mut client = Client::of(&database);
    client.sql("CREATE TABLE t (k INT PRIMARY KEY)");
    let exceeded = "54000: transaction row limit exceeded";
    assert_eq!(client.sql(&insert(0, 3001)), exceeded);
    assert_eq!(client.sql("BEGIN"), "BEGIN");
    assert_eq!(client.sql(&insert(0, 3000)), "INSERT 0 3000");
    // A second write of the same row is no further row.
    assert_eq!(client.sql("UPDATE t SET k = k WHERE k < 10"), "UPDATE 10");
    assert_eq!(client.sql(&insert(3000, 1)), exceeded);
    assert_eq!(client.sql("COMMIT"), "ROLLBACK");
    assert_eq!(client.sql(&insert(0, 3000)), "INSERT 0 3000");
    assert_eq!(client.sql("DELETE FROM t"), "DELETE 3000");
}

#[test]
fn ten_megabytes_fail_at_commit() {
    let mut client = Client::of(&database());
    client.sql("CREATE TABLE t (k INT PRIMARY KEY, v TEXT)");
    client.sql("BEGIN");
    let megabyte = "x".repeat(1 << 20);
    for key in 0..10 {
        let inserted = client.sql(&format!("INSERT INTO t VALUES ({key}, '{megabyte}')"));
        assert_eq!(inserted, "INSERT 0 1");
    }
    assert_eq!(
        client.sql("COMMIT"),
        "54000: transaction size limit 10mb exceeded"
    );
    assert_eq!(client.sql("SELECT count(*) FROM t"), "0 SELECT 1");
}

#[test]
fn an_old_transaction_fails() {
    let old = Database::new(Defects::default(), 0, tight());
    let mut client = Client::of(&old);
    assert_eq!(
        client.sql("SELECT 1"),
        "54000: transaction age limit of 0s exceeded"
    );
    assert_eq!(
        super::Limits::default().transaction_age_max.as_secs(),
        300,
        "the message of the service says 300s"
    );
}

#[test]
fn columns_are_limited() {
    let mut client = Client::of(&database());
    let list = |count: usize, suffix: &str| {
        let items: Vec<_> = (0..count).map(|at| format!("c{at} {suffix}")).collect();
        items.join(", ")
    };
    let create = |count| format!("CREATE TABLE t{count} ({})", list(count, "INT"));
    assert_eq!(client.sql(&create(255)), "CREATE TABLE");
    assert_eq!(
        client.sql(&create(256)),
        "54011: tables can have at most 255 columns"
    );
    let select = |count| format!("SELECT {}", vec!["1"; count].join(","));
    assert!(client.sql(&select(1664)).ends_with(" SELECT 1"));
    assert_eq!(
        client.sql(&select(1665)),
        "54011: target lists can have at most 1664 entries"
    );
}

/// The deepest statements that are let through bind, run and are freed on a thread with
/// the stack of a server's worker; deeper ones are refused. An overflow would end the
/// process, so that this test comes out at all is what it shows.
#[test]
fn deep_statements_fit_the_stack() {
    let deep = [
        format!("SELECT 1{}", "+1".repeat(198)),
        format!("SELECT {}true", "NOT ".repeat(45)),
        format!("SELECT {}1{}", "(".repeat(40), ")".repeat(40)),
        format!("SELECT {}1{}", "abs(".repeat(40), ")".repeat(40)),
        format!("SELECT 1 WHERE true{}", " OR true".repeat(195)),
        format!(
            "SELECT {}1{}",
            "CASE WHEN true THEN ".repeat(20),
            " END".repeat(20)
        ),
        format!("SELECT 1{}", "::int".repeat(190)),
        format!("EXPLAIN SELECT 1{}", "+1".repeat(198)),
        format!("SELECT INTERVAL '1' + (1{})", "+1".repeat(190)),
        format!("SELECT sum(1{}) + 1", "+1".repeat(190)),
    ];
    let worker = std::thread::Builder::new()
        .stack_size(2 << 20)
        .spawn(move || {
            let mut client = Client::of(&database());
            for text in deep {
                let outcome = client.sql(&text);
                let is_fine = outcome.ends_with("SELECT 1")
                    || outcome.starts_with("54001: ")
                    || outcome.starts_with("0A000: ");
                assert!(is_fine, "{outcome}: {text}");
            }
        });
    worker.unwrap().join().unwrap();
}
