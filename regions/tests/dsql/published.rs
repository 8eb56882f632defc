//! What a real cluster answered to each class of statements, as others recorded and
//! published it in September 2026 and as AWS documents it, against the stand-in. The facts
//! are theirs, the statements ours.
//!
//! Where the stand-in does less than the service, it must say so: never may it take a
//! statement for done that it has not carried out ([`NARROWER`]).

use tokio_postgres::{Client, SimpleQueryMessage};

use super::support::{code, connect, message, near};

/// A class of statements, and in turn what is sent and what comes: rows as `a,b;c,d`, `ok`
/// for none, or the SQLSTATE and the message.
type Case = (&'static str, &'static [(&'static str, &'static str)]);

const ABORTED: &str =
    "25P02: current transaction is aborted, commands ignored until end of transaction block";
const TWO_DDL: &str = "0A000: multiple ddl statements not supported in a transaction";
const MIXED: &str = "0A000: ddl and dml are not supported in the same transaction";
const LOCKS: &str = "0A000: locking clauses other than FOR UPDATE/FOR KEY SHARE are not supported";

const PUBLISHED: &[Case] = &[
    (
        "truncate",
        &[(
            "TRUNCATE TABLE seats",
            "0A000: unsupported statement: Truncate",
        )],
    ),
    (
        "create extension",
        &[(
            "CREATE EXTENSION pgcrypto",
            "0A000: unsupported statement: CreateExtension",
        )],
    ),
    (
        "create trigger",
        &[(
            "CREATE TRIGGER t AFTER INSERT ON seats EXECUTE FUNCTION f()",
            "0A000: CREATE TRIGGER not supported",
        )],
    ),
    (
        "create database",
        &[(
            "CREATE DATABASE d",
            "0A000: unsupported statement: Createdb",
        )],
    ),
    (
        "temporary tables",
        &[
            (
                "CREATE TEMPORARY TABLE x (id INT)",
                "0A000: TEMPORARY or TEMP table not supported for CREATE TABLE",
            ),
            (
                "CREATE UNLOGGED TABLE x (id INT)",
                "0A000: UNLOGGED table not supported for CREATE TABLE",
            ),
        ],
    ),
    (
        "serial",
        &[(
            "CREATE TABLE x (id serial PRIMARY KEY)",
            "42704: type \"serial\" does not exist",
        )],
    ),
    (
        "tables and views of a query",
        &[
            (
                "CREATE TABLE x AS SELECT 1 AS n",
                "0A000: unsupported statement: CreateTableAs",
            ),
            (
                "CREATE MATERIALIZED VIEW x AS SELECT 1 AS n",
                "0A000: unsupported statement: CreateTableAs",
            ),
        ],
    ),
    (
        "types of one's own",
        &[
            (
                "CREATE TYPE x AS ENUM ('a', 'b')",
                "0A000: CREATE TYPE not supported",
            ),
            (
                "CREATE TYPE x AS (a INT, b INT)",
                "0A000: unsupported statement: CompositeType",
            ),
        ],
    ),
    (
        "functions",
        &[(
            "CREATE FUNCTION f() RETURNS INT LANGUAGE plpgsql AS $$ BEGIN RETURN 1; END $$",
            "0A000: CREATE FUNCTION with language plpgsql not supported",
        )],
    ),
    (
        "column types",
        &[
            (
                "CREATE TABLE x (v MONEY)",
                "0A000: datatype money not supported",
            ),
            (
                "CREATE TABLE x (v XML)",
                "0A000: datatype xml not supported",
            ),
            (
                "CREATE TABLE x (v INET)",
                "0A000: datatype inet not supported",
            ),
            (
                "CREATE TABLE x (v POINT)",
                "0A000: datatype point not supported",
            ),
            (
                "CREATE TABLE x (v TSVECTOR)",
                "0A000: datatype tsvector not supported",
            ),
            (
                "CREATE TABLE x (v INT4RANGE)",
                "0A000: datatype int4range not supported",
            ),
            (
                "CREATE TABLE x (v BIT(8))",
                "0A000: datatype bit not supported",
            ),
            (
                "CREATE TABLE x (v VARBIT(8))",
                "0A000: datatype bit varying not supported",
            ),
            (
                "CREATE TABLE x (v INT[])",
                "0A000: datatype integer[] not supported",
            ),
            (
                "CREATE TABLE x (v TEXT[])",
                "0A000: datatype text[] not supported",
            ),
        ],
    ),
    (
        "vacuum and channels",
        &[
            ("VACUUM seats", "0A000: unsupported VACUUM statement"),
            ("LISTEN c", "0A000: unsupported statement: Listen"),
            ("NOTIFY c", "0A000: unsupported statement: Notify"),
            ("UNLISTEN c", "0A000: unsupported statement: Unlisten"),
        ],
    ),
    (
        "merge",
        &[(
            "MERGE INTO seats USING other ON true WHEN MATCHED THEN DELETE",
            "0A000: unsupported statement: Merge",
        )],
    ),
    (
        "savepoints",
        &[
            (
                "SAVEPOINT s",
                "0A000: unsupported transaction statement: SAVEPOINT",
            ),
            (
                "ROLLBACK TO SAVEPOINT s",
                "0A000: unsupported transaction statement: ROLLBACK TO",
            ),
        ],
    ),
    (
        "isolation levels",
        &[
            (
                "BEGIN ISOLATION LEVEL SERIALIZABLE",
                "0A000: Unsupported isolation level: SERIALIZABLE",
            ),
            (
                "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE",
                "0A000: Unsupported isolation level: SERIALIZABLE",
            ),
            (
                "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ",
                "0A000: setting configuration parameter \"TRANSACTION\" not supported",
            ),
            (
                "SET default_transaction_isolation = 'repeatable read'",
                "0A000: setting configuration parameter \"default_transaction_isolation\" not \
                 supported",
            ),
            ("BEGIN ISOLATION LEVEL REPEATABLE READ", "ok"),
            ("SELECT 1", "1"),
            ("COMMIT", "ok"),
            ("SHOW transaction_isolation", "repeatable read"),
        ],
    ),
    (
        "a refusal fails its transaction, and that comes first",
        &[
            ("BEGIN", "ok"),
            (
                "SET TRANSACTION READ ONLY",
                "0A000: setting configuration parameter \"TRANSACTION\" not supported",
            ),
            ("SELECT 1", ABORTED),
            ("TRUNCATE seats", ABORTED),
            ("COMMIT", "ok"),
            ("SELECT 1", "1"),
            ("TRUNCATE seats", "0A000: unsupported statement: Truncate"),
            ("SELECT 1", "1"),
        ],
    ),
    (
        "two changes of the schema in a transaction",
        &[
            ("BEGIN", "ok"),
            ("CREATE TABLE x (id INT)", "ok"),
            ("CREATE TABLE y (id INT)", TWO_DDL),
            ("ROLLBACK", "ok"),
            ("CREATE TABLE x (id INT); CREATE TABLE y (id INT)", TWO_DDL),
            (
                "CREATE TABLE x (id INT); CREATE INDEX ASYNC i ON x (id)",
                TWO_DDL,
            ),
            (
                "SELECT count(*) FROM x",
                "42P01: relation \"x\" does not exist",
            ),
        ],
    ),
    (
        "a change of the schema with one of rows",
        &[
            ("BEGIN", "ok"),
            ("CREATE TABLE x (id INT)", "ok"),
            ("INSERT INTO x VALUES (1)", MIXED),
            ("ROLLBACK", "ok"),
            ("CREATE TABLE x (id INT); INSERT INTO x VALUES (1)", MIXED),
        ],
    ),
    (
        "indexes",
        &[
            (
                "CREATE INDEX i ON seats (owner)",
                "0A000: unsupported mode. please use CREATE INDEX ASYNC.",
            ),
            (
                "CREATE INDEX ASYNC public.i ON seats (owner)",
                "42601: syntax error at or near \".\"",
            ),
        ],
    ),
    (
        "locking clauses",
        &[
            (
                "SELECT owner FROM seats WHERE key = 'A1' FOR UPDATE",
                "nobody",
            ),
            (
                "SELECT owner FROM seats WHERE key = 'A1' FOR KEY SHARE",
                "nobody",
            ),
            ("SELECT owner FROM seats WHERE key = 'A1' FOR SHARE", LOCKS),
            (
                "SELECT owner FROM seats WHERE key = 'A1' FOR NO KEY UPDATE",
                LOCKS,
            ),
        ],
    ),
    (
        "several statements in a query",
        &[
            ("SELECT 1 AS a; SELECT 2 AS b", "1;2"),
            ("BEGIN; INSERT INTO seats (key) VALUES ('B1'); COMMIT", "ok"),
            ("SELECT count(*) FROM seats WHERE key = 'B1'", "1"),
        ],
    ),
    (
        "writing rows",
        &[
            (
                "INSERT INTO seats VALUES ('C1', 'x') ON CONFLICT (key) DO NOTHING RETURNING owner",
                "x",
            ),
            (
                "INSERT INTO seats VALUES ('C1', 'y') ON CONFLICT (key) DO NOTHING RETURNING owner",
                "ok",
            ),
            ("UPDATE seats SET owner = 'z' WHERE key = 'C1'", "ok"),
            ("DELETE FROM seats WHERE key = 'C1' RETURNING owner", "z"),
            ("DROP TABLE IF EXISTS nothing_of_that_name", "ok"),
        ],
    ),
    (
        "what the server is",
        &[
            ("SHOW server_version", "16.15"),
            ("SHOW server_version_num", "160015"),
            ("SELECT current_setting('server_version')", "16.15"),
            ("SELECT current_database()", "postgres"),
            ("SELECT current_schema()", "public"),
            ("SHOW timezone", "UTC"),
            ("SHOW client_encoding", "UTF8"),
            (
                "SHOW lc_collate",
                "42704: unrecognized configuration parameter \"lc_collate\"",
            ),
            ("SELECT version()", "PostgreSQL 16"),
        ],
    ),
];

/// What the service carries out and the stand-in does not: refused, each with 0A000.
const NARROWER: &[&str] = &[
    "CREATE VIEW v AS SELECT 1 AS n",
    "CREATE SEQUENCE s CACHE 65536",
    "CREATE SCHEMA s",
    "CREATE DOMAIN d AS INT",
    "CREATE FUNCTION f() RETURNS INT LANGUAGE sql AS $$ SELECT 1 $$",
    "CREATE TABLE x (id BIGINT GENERATED BY DEFAULT AS IDENTITY (CACHE 1) PRIMARY KEY)",
    "CREATE TABLE x (id INT REFERENCES seats (key))",
    "CREATE TABLE x (v JSONB)",
    "CREATE TABLE x (v NUMERIC(18,6))",
    "CREATE UNIQUE INDEX ASYNC i ON seats (owner)",
    "ALTER TABLE seats ADD COLUMN c TEXT",
    "ALTER TABLE seats DROP COLUMN owner",
    "WITH x AS (SELECT 1 AS n) SELECT n FROM x",
    "SELECT a.key FROM seats a JOIN seats b ON a.key = b.key",
    "SELECT key FROM seats UNION SELECT key FROM seats",
    "SELECT (SELECT count(*) FROM seats)",
    "SELECT key FROM seats WHERE EXISTS (SELECT 1)",
    "SELECT rank() OVER (ORDER BY key) FROM seats",
];

/// What a simple query comes to, in a line.
async fn said(client: &Client, sql: &str) -> String {
    let messages = match client.simple_query(sql).await {
        Ok(messages) => messages,
        Err(error) => return format!("{}: {}", code(&error), message(&error)),
    };
    let rows: Vec<String> = messages
        .iter()
        .filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(row),
            _ => None,
        })
        .map(|row| {
            let values = (0..row.len()).map(|at| row.get(at).unwrap_or("~"));
            values.collect::<Vec<_>>().join(",")
        })
        .collect();
    match rows.is_empty() {
        true => "ok".to_owned(),
        false => rows.join(";"),
    }
}

/// A cluster of its own with one seat in it.
async fn seats() -> (witness_regions::dsql::Cluster, Client) {
    let cluster = near().await;
    let client = connect(&cluster, 0).await;
    for sql in [
        "CREATE TABLE seats (key TEXT PRIMARY KEY, owner TEXT)",
        "INSERT INTO seats VALUES ('A1', 'nobody')",
    ] {
        assert_eq!(said(&client, sql).await, "ok");
    }
    (cluster, client)
}

#[tokio::test]
async fn each_class_of_statements_is_answered_as_published() {
    let (_cluster, client) = seats().await;
    let mut differences = Vec::new();
    for (class, session) in PUBLISHED {
        for (sql, expected) in *session {
            let answer = said(&client, sql).await;
            if answer != *expected {
                differences.push(format!(
                    "{class}: {sql}\n  expected {expected}\n  got      {answer}"
                ));
            }
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[tokio::test]
async fn what_the_stand_in_does_not_do_it_refuses() {
    let (_cluster, client) = seats().await;
    for sql in NARROWER {
        let answer = said(&client, sql).await;
        assert!(answer.starts_with("0A000: "), "{sql}: {answer}");
    }
    assert_eq!(
        said(&client, "SELECT * FROM seats").await,
        "A1,nobody",
        "nothing was changed"
    );
}

/// Races of two sessions, one in each region: what each sends in its transaction, and how
/// the commits of the first and then of the second end.
#[tokio::test]
async fn races_end_as_published() {
    const CONFLICT: &str = "40001: change conflicts with another transaction (OC000)";
    for (first, second, ends) in [
        (
            "UPDATE seats SET owner = 'a' WHERE key = 'A1'",
            "UPDATE seats SET owner = 'b' WHERE key = 'A1'",
            ["ok", CONFLICT],
        ),
        // A row that is held counts as written.
        (
            "UPDATE seats SET owner = 'a' WHERE key = 'A1'",
            "SELECT owner FROM seats WHERE key = 'A1' FOR UPDATE",
            ["ok", CONFLICT],
        ),
        // A key that is shared is not to be deleted.
        (
            "SELECT owner FROM seats WHERE key = 'A1' FOR KEY SHARE",
            "DELETE FROM seats WHERE key = 'A1'",
            ["ok", CONFLICT],
        ),
        (
            "UPDATE seats SET owner = 'a' WHERE key = 'A1'",
            "UPDATE seats SET owner = 'b' WHERE key = 'A2'",
            ["ok", "ok"],
        ),
        // What was only read may change: write skew.
        (
            "SELECT owner FROM seats WHERE key = 'A1'",
            "UPDATE seats SET owner = 'b' WHERE key = 'A1'",
            ["ok", "ok"],
        ),
    ] {
        let (cluster, client) = seats().await;
        assert_eq!(
            said(&client, "INSERT INTO seats VALUES ('A2', 'nobody')").await,
            "ok"
        );
        let sessions = [connect(&cluster, 0).await, connect(&cluster, 1).await];
        for (session, sql) in sessions.iter().zip([first, second]) {
            assert_eq!(said(session, "BEGIN").await, "ok");
            let answer = said(session, sql).await;
            assert!(
                ["ok", "nobody"].contains(&answer.as_str()),
                "nobody waits: {answer}"
            );
        }
        for (session, end) in sessions.iter().zip(ends) {
            assert_eq!(said(session, "COMMIT").await, end, "{first} / {second}");
        }
    }
}

/// The limits on what a transaction writes: the row too many fails at its statement, the
/// bytes too many at the commit; nothing of either stays.
#[tokio::test]
async fn limits_are_as_published() {
    let (_cluster, client) = seats().await;
    let insert = |rows: usize| {
        let values: Vec<_> = (0..rows).map(|n| format!("('r{n}', 'x')")).collect();
        format!("INSERT INTO seats VALUES {}", values.join(","))
    };
    const ROWS: &str = "54000: transaction row limit exceeded";
    assert_eq!(said(&client, &insert(3001)).await, ROWS);
    assert_eq!(said(&client, "BEGIN").await, "ok");
    assert_eq!(said(&client, &insert(3001)).await, ROWS);
    assert_eq!(said(&client, "SELECT 1").await, ABORTED);
    assert_eq!(said(&client, "ROLLBACK").await, "ok");
    assert_eq!(said(&client, "SELECT count(*) FROM seats").await, "1");
    assert_eq!(said(&client, &insert(3000)).await, "ok");

    assert_eq!(said(&client, "BEGIN").await, "ok");
    let megabyte = "x".repeat(1 << 20);
    for n in 0..10 {
        let sql = format!("INSERT INTO seats VALUES ('m{n}', '{megabyte}')");
        assert_eq!(said(&client, &sql).await, "ok");
    }
    let commit = said(&client, "COMMIT").await;
    assert_eq!(commit, "54000: transaction size limit 10mb exceeded");
    let left = said(&client, "SELECT count(*) FROM seats WHERE key = 'm0'").await;
    assert_eq!(left, "0");
}

/// A schema that has changed fails a transaction that began before, a reading one too, and
/// one that begins later sees the new one.
#[tokio::test]
async fn a_changed_schema_fails_who_began_before() {
    let (cluster, client) = seats().await;
    let other = connect(&cluster, 1).await;
    assert_eq!(said(&other, "BEGIN").await, "ok");
    assert_eq!(said(&other, "SELECT owner FROM seats").await, "nobody");
    assert_eq!(said(&client, "DROP TABLE seats").await, "ok");
    assert_eq!(
        said(
            &client,
            "CREATE TABLE seats (key TEXT PRIMARY KEY, owner TEXT)"
        )
        .await,
        "ok"
    );
    const CHANGED: &str = "40001: schema has been updated by another transaction (OC001)";
    let read = said(&other, "SELECT owner FROM seats").await;
    let commit = said(&other, "COMMIT").await;
    assert!(read == CHANGED || commit == CHANGED, "{read} / {commit}");
    assert_eq!(said(&other, "SELECT count(*) FROM seats").await, "0");
}
