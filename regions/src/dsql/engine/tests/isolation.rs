//! Snapshots and conflicts between sessions.

use std::sync::Arc;

use super::{Client, database, script};
use crate::dsql::engine::transaction::Transaction;

const CONFLICT: &str = "40001: change conflicts with another transaction (OC000)";
const SCHEMA: &str = "40001: schema has been updated by another transaction (OC001)";

fn two() -> (Client, Client) {
    let database = database();
    let mut first = Client::of(&database);
    script(
        &mut first,
        &[
            ("CREATE TABLE t (k TEXT PRIMARY KEY, v INT)", "CREATE TABLE"),
            ("INSERT INTO t VALUES ('a', 1), ('b', 1)", "INSERT 0 2"),
        ],
    );
    (first, Client::of(&database))
}

/// Runs the same start in both, commits the first, then the second.
fn race(first: &[&str], second: &[&str]) -> (String, String) {
    let (mut one, mut two) = two();
    for client in [&mut one, &mut two] {
        client.sql("BEGIN");
        client.sql("SELECT * FROM t");
    }
    for text in first {
        let outcome = one.sql(text);
        assert!(!outcome.contains(": "), "{text}: {outcome}");
    }
    for text in second {
        let outcome = two.sql(text);
        assert!(!outcome.contains(": "), "{text}: {outcome}");
    }
    (one.sql("COMMIT"), two.sql("COMMIT"))
}

#[test]
fn the_first_to_commit_wins() {
    let update = ["UPDATE t SET v = v + 1 WHERE k = 'a'"];
    let delete = ["DELETE FROM t WHERE k = 'a'"];
    let insert = ["INSERT INTO t VALUES ('c', 1)"];
    let lock = ["SELECT * FROM t WHERE k = 'a' FOR UPDATE"];
    let key_share = ["SELECT * FROM t WHERE k = 'a' FOR KEY SHARE"];
    let other = ["UPDATE t SET v = 9 WHERE k = 'b'"];
    let read = ["SELECT * FROM t"];
    for (first, second, expected) in [
        (update, update, CONFLICT),
        (update, delete, CONFLICT),
        (delete, update, CONFLICT),
        (delete, delete, CONFLICT),
        (insert, insert, CONFLICT),
        (update, lock, CONFLICT),
        (lock, update, CONFLICT),
        (lock, lock, CONFLICT),
        (key_share, delete, CONFLICT),
        (delete, key_share, CONFLICT),
        (key_share, update, "COMMIT"),
        (update, key_share, "COMMIT"),
        (key_share, key_share, "COMMIT"),
        (update, other, "COMMIT"),
        (update, read, "COMMIT"),
    ] {
        let outcome = race(&first, &second);
        assert_eq!(
            outcome,
            ("COMMIT".to_owned(), expected.to_owned()),
            "{first:?} then {second:?}"
        );
    }
}

#[test]
fn a_key_that_is_shared_must_not_have_gone_even_if_it_came_back() {
    let (mut one, mut two) = two();
    script(
        &mut one,
        &[
            ("BEGIN", "BEGIN"),
            ("SELECT v FROM t WHERE k = 'a' FOR KEY SHARE", "1 SELECT 1"),
        ],
    );
    script(
        &mut two,
        &[
            ("DELETE FROM t WHERE k = 'a'", "DELETE 1"),
            ("INSERT INTO t VALUES ('a', 2)", "INSERT 0 1"),
        ],
    );
    script(&mut one, &[("COMMIT", CONFLICT)]);
}

#[test]
fn write_skew_is_possible_and_locks_prevent_it() {
    let skew = |lock: &str| {
        let read = format!("SELECT v FROM t WHERE k IN ('a', 'b'){lock}");
        let first = [read.as_str(), "UPDATE t SET v = 0 WHERE k = 'a'"];
        let second = [read.as_str(), "UPDATE t SET v = 0 WHERE k = 'b'"];
        race(&first, &second).1
    };
    assert_eq!(skew(""), "COMMIT");
    assert_eq!(skew(" FOR UPDATE"), CONFLICT);
}

#[test]
fn a_snapshot_is_taken_by_the_first_statement_and_kept() {
    let (mut writer, mut reader) = two();
    script(&mut reader, &[("BEGIN", "BEGIN")]);
    script(
        &mut writer,
        &[("UPDATE t SET v = 2 WHERE k = 'a'", "UPDATE 1")],
    );
    // BEGIN alone takes no snapshot.
    script(
        &mut reader,
        &[("SELECT v FROM t WHERE k = 'a'", "2 SELECT 1")],
    );
    script(
        &mut writer,
        &[
            ("UPDATE t SET v = 3 WHERE k = 'a'", "UPDATE 1"),
            ("DELETE FROM t WHERE k = 'b'", "DELETE 1"),
            ("INSERT INTO t VALUES ('c', 1)", "INSERT 0 1"),
        ],
    );
    script(
        &mut reader,
        &[
            ("SELECT k, v FROM t", "a,2;b,1 SELECT 2"),
            ("COMMIT", "COMMIT"),
            ("SELECT k, v FROM t", "a,3;c,1 SELECT 2"),
        ],
    );
}

#[test]
fn own_writes_are_seen_and_others_are_not_until_committed() {
    let (mut one, mut two) = two();
    script(
        &mut one,
        &[
            ("BEGIN", "BEGIN"),
            ("INSERT INTO t VALUES ('aa', 5)", "INSERT 0 1"),
            ("DELETE FROM t WHERE k = 'a'", "DELETE 1"),
            ("UPDATE t SET v = 7 WHERE k = 'b'", "UPDATE 1"),
            ("SELECT k, v FROM t", "aa,5;b,7 SELECT 2"),
            ("INSERT INTO t VALUES ('a', 8)", "INSERT 0 1"),
            ("SELECT k FROM t WHERE k = 'a'", "a SELECT 1"),
        ],
    );
    script(&mut two, &[("SELECT k, v FROM t", "a,1;b,1 SELECT 2")]);
    script(&mut one, &[("ROLLBACK", "ROLLBACK")]);
    script(&mut two, &[("SELECT k, v FROM t", "a,1;b,1 SELECT 2")]);
}

#[test]
fn a_schema_change_fails_transactions_that_began_before_it() {
    for statement in [
        "SELECT * FROM t",
        "SELECT 1",
        "INSERT INTO t VALUES ('z', 1)",
    ] {
        let (mut one, mut two) = two();
        script(
            &mut one,
            &[
                ("BEGIN", "BEGIN"),
                ("SELECT v FROM t WHERE k = 'a'", "1 SELECT 1"),
            ],
        );
        script(&mut two, &[("CREATE TABLE u (k INT)", "CREATE TABLE")]);
        script(
            &mut one,
            &[
                (statement, SCHEMA),
                ("ROLLBACK", "ROLLBACK"),
                ("SELECT v FROM t WHERE k = 'a'", "1 SELECT 1"),
            ],
        );
    }
    let (mut one, mut two) = two();
    script(
        &mut one,
        &[("BEGIN", "BEGIN"), ("UPDATE t SET v = 2", "UPDATE 2")],
    );
    script(&mut two, &[("DROP TABLE t", "DROP TABLE")]);
    script(&mut one, &[("COMMIT", SCHEMA)]);
}

#[test]
fn a_statement_never_finds_a_dropped_table_empty() {
    let database = database();
    let mut client = Client::of(&database);
    client.sql("CREATE TABLE t (k INT PRIMARY KEY)");
    client.sql("INSERT INTO t VALUES (1)");
    let table = database.table("t").unwrap();
    let mut transaction = Transaction::new(Arc::clone(&database));
    transaction.begin_statement().unwrap();
    assert_eq!(transaction.scan(table.relation, &[]).len(), 1);
    transaction.end_statement().unwrap();
    transaction.begin_statement().unwrap();
    client.sql("DROP TABLE t");
    assert_eq!(transaction.scan(table.relation, &[]).len(), 0);
    let error = transaction.end_statement().unwrap_err();
    assert_eq!(error.to_string(), SCHEMA);
}

#[test]
fn concurrent_unique_values_conflict() {
    let database = database();
    let (mut one, mut two) = (Client::of(&database), Client::of(&database));
    one.sql("CREATE TABLE u (k INT PRIMARY KEY, email TEXT UNIQUE)");
    for (client, key) in [(&mut one, 1), (&mut two, 2)] {
        client.sql("BEGIN");
        let inserted = client.sql(&format!("INSERT INTO u VALUES ({key}, 'x@example.com')"));
        assert_eq!(inserted, "INSERT 0 1");
    }
    script(&mut one, &[("COMMIT", "COMMIT")]);
    script(&mut two, &[("COMMIT", CONFLICT)]);
}

#[test]
fn old_versions_are_collected() {
    let database = database();
    let (mut writer, mut reader) = (Client::of(&database), Client::of(&database));
    writer.sql("CREATE TABLE t (k INT PRIMARY KEY, v INT)");
    writer.sql("INSERT INTO t VALUES (1, 0)");
    reader.sql("BEGIN");
    assert_eq!(reader.sql("SELECT v FROM t"), "0 SELECT 1");
    for _ in 0..100 {
        assert_eq!(writer.sql("UPDATE t SET v = v + 1"), "UPDATE 1");
    }
    assert!(
        database.version_count() >= 100,
        "an open snapshot keeps its versions"
    );
    assert_eq!(reader.sql("SELECT v FROM t"), "0 SELECT 1");
    reader.sql("COMMIT");
    writer.sql("UPDATE t SET v = v + 1");
    assert!(
        database.version_count() <= 2,
        "{}",
        database.version_count()
    );
    for key in 2..50 {
        writer.sql(&format!("INSERT INTO t VALUES ({key}, 0)"));
        writer.sql(&format!("DELETE FROM t WHERE k = {key}"));
    }
    assert!(
        database.version_count() <= 6,
        "{}",
        database.version_count()
    );
}
