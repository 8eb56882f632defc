//! What is refused, in the service's own words. Those marked as recorded were seen
//! on a real cluster.

use super::{Client, database, script};

const LOCK: &str = "0A000: locking clauses other than FOR UPDATE/FOR KEY SHARE are not supported";

#[test]
fn unsupported_statements_are_named() {
    let mut client = Client::of(&database());
    client.sql("CREATE TABLE t (k INT PRIMARY KEY, v TEXT)");
    // Recorded.
    script(
        &mut client,
        &[
            ("TRUNCATE TABLE t", "0A000: unsupported statement: Truncate"),
            (
                "CREATE EXTENSION IF NOT EXISTS pgcrypto",
                "0A000: unsupported statement: CreateExtension",
            ),
            (
                "CREATE TRIGGER g AFTER INSERT ON t EXECUTE FUNCTION f()",
                "0A000: CREATE TRIGGER not supported",
            ),
            (
                "CREATE DATABASE other",
                "0A000: unsupported statement: Createdb",
            ),
            (
                "CREATE TEMPORARY TABLE x (id int)",
                "0A000: TEMPORARY or TEMP table not supported for CREATE TABLE",
            ),
            (
                "CREATE TEMP TABLE x (id int)",
                "0A000: TEMPORARY or TEMP table not supported for CREATE TABLE",
            ),
            (
                "CREATE UNLOGGED TABLE x (id int)",
                "0A000: UNLOGGED table not supported for CREATE TABLE",
            ),
            (
                "CREATE TABLE x (id serial PRIMARY KEY)",
                "42704: type \"serial\" does not exist",
            ),
            (
                "CREATE TABLE x (id bigserial)",
                "42704: type \"bigserial\" does not exist",
            ),
            (
                "CREATE TABLE x AS SELECT 1 AS x",
                "0A000: unsupported statement: CreateTableAs",
            ),
            (
                "CREATE TYPE mood AS ENUM ('sad', 'ok')",
                "0A000: CREATE TYPE not supported",
            ),
            ("LISTEN c", "0A000: unsupported statement: Listen"),
            ("NOTIFY c", "0A000: unsupported statement: Notify"),
            ("UNLISTEN c", "0A000: unsupported statement: Unlisten"),
            ("VACUUM t", "0A000: unsupported VACUUM statement"),
            (
                "SAVEPOINT s",
                "0A000: unsupported transaction statement: SAVEPOINT",
            ),
            (
                "ROLLBACK TO SAVEPOINT s",
                "0A000: unsupported transaction statement: ROLLBACK TO",
            ),
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
                "SET TRANSACTION READ ONLY",
                "0A000: setting configuration parameter \"TRANSACTION\" not supported",
            ),
            (
                "SET default_transaction_isolation = 'repeatable read'",
                "0A000: setting configuration parameter \"default_transaction_isolation\" not supported",
            ),
            (
                "CREATE INDEX i ON t (v)",
                "0A000: unsupported mode. please use CREATE INDEX ASYNC.",
            ),
        ],
    );
    script(
        &mut client,
        &[
            (
                "RELEASE SAVEPOINT s",
                "0A000: unsupported transaction statement: RELEASE",
            ),
            (
                "BEGIN ISOLATION LEVEL READ COMMITTED",
                "0A000: Unsupported isolation level: READ COMMITTED",
            ),
            (
                "MERGE INTO t USING s ON t.k = s.k WHEN MATCHED THEN DELETE",
                "0A000: unsupported statement: Merge",
            ),
            ("SELECT * FROM t FOR SHARE", LOCK),
            ("SELECT * FROM t FOR NO KEY UPDATE", LOCK),
            (
                "SELECT * FROM t FOR UPDATE SKIP LOCKED",
                "0A000: NOWAIT or SKIP LOCKED not supported",
            ),
            (
                "SELECT count(*) FROM t FOR UPDATE",
                "0A000: FOR UPDATE is not allowed with aggregate functions",
            ),
            (
                "SELECT * FROM t a JOIN t b ON a.k = b.k",
                "0A000: JOIN not supported",
            ),
            (
                "SELECT * FROM t, t u",
                "0A000: more than one table in FROM not supported",
            ),
            ("SELECT (SELECT 1)", "0A000: subquery not supported"),
            (
                "SELECT 1 WHERE EXISTS (SELECT 1)",
                "0A000: subquery not supported",
            ),
            (
                "WITH x AS (SELECT 1) SELECT * FROM x",
                "0A000: WITH not supported",
            ),
            ("SELECT 1 UNION SELECT 2", "0A000: UNION not supported"),
            (
                "SELECT row_number() OVER () FROM t",
                "0A000: window function not supported",
            ),
            (
                "SELECT * FROM pg_catalog.pg_class c LEFT JOIN pg_catalog.pg_namespace n ON true",
                "0A000: system catalog pg_catalog.pg_class not supported",
            ),
            (
                "SELECT * FROM pg_catalog.pg_class",
                "0A000: system catalog pg_catalog.pg_class not supported",
            ),
            (
                "CREATE TABLE x (a INT[])",
                "0A000: datatype integer[] not supported",
            ),
            (
                "CREATE TABLE x (a NUMERIC(3,2))",
                "0A000: datatype numeric(3,2) not supported",
            ),
            (
                "CREATE TABLE x (a INT CHECK (a > 0))",
                "0A000: CHECK not supported",
            ),
            (
                "CREATE TABLE x (a INT REFERENCES t (k))",
                "0A000: FOREIGN KEY not supported",
            ),
            (
                "CREATE UNIQUE INDEX ASYNC i ON t (v)",
                "0A000: CREATE UNIQUE INDEX ASYNC not supported",
            ),
            ("DROP INDEX i", "0A000: DROP INDEX not supported"),
            (
                "ALTER TABLE t ADD COLUMN x INT",
                "0A000: unsupported statement: AlterTable",
            ),
            ("COPY t FROM STDIN", "0A000: unsupported statement: Copy"),
            ("EXPLAIN SELECT 1", "0A000: unsupported statement: Explain"),
            (
                "SET LOCAL application_name = 'x'",
                "0A000: SET LOCAL not supported",
            ),
            ("BEGIN; COMMIT AND CHAIN", "0A000: AND CHAIN not supported"),
        ],
    );
}

#[test]
fn objects_that_are_not_there_or_there_already() {
    let mut client = Client::of(&database());
    script(
        &mut client,
        &[
            ("CREATE TABLE t (k INT PRIMARY KEY)", "CREATE TABLE"),
            (
                "CREATE TABLE T (k INT)",
                "42P07: relation \"t\" already exists",
            ),
            (
                "CREATE TABLE IF NOT EXISTS public.t (k INT)",
                "CREATE TABLE",
            ),
            ("CREATE TABLE \"T\" (\"K\" INT)", "CREATE TABLE"),
            ("SELECT \"K\" FROM \"T\"", "SELECT 0"),
            ("SELECT K FROM \"T\"", "42703: column \"k\" does not exist"),
            (
                "SELECT t.k FROM t u",
                "42P01: missing FROM-clause entry for table \"t\"",
            ),
            (
                "SELECT * FROM nope",
                "42P01: relation \"nope\" does not exist",
            ),
            (
                "INSERT INTO nope VALUES (1)",
                "42P01: relation \"nope\" does not exist",
            ),
            (
                "SELECT * FROM other.t",
                "42P01: relation \"other.t\" does not exist",
            ),
            ("DROP TABLE nope", "42P01: table \"nope\" does not exist"),
            (
                "CREATE TABLE x (a INT, a INT)",
                "42701: column \"a\" specified more than once",
            ),
            (
                "CREATE TABLE x (a INT PRIMARY KEY, b INT PRIMARY KEY)",
                "42P16: multiple primary keys for table \"x\" are not allowed",
            ),
            (
                "CREATE TABLE x (a INT, PRIMARY KEY (b))",
                "42703: column \"b\" named in key does not exist",
            ),
            (
                "CREATE TABLE x (a JSON PRIMARY KEY)",
                "42704: data type json has no default operator class for access method \"btree\"",
            ),
            (
                "CREATE TABLE x (a INT DEFAULT 'one')",
                "22P02: invalid input syntax for type integer: \"one\"",
            ),
            (
                "CREATE INDEX ASYNC i ON t (nope)",
                "42703: column \"nope\" does not exist",
            ),
        ],
    );
}

#[test]
fn schema_changes_stand_alone() {
    let mut client = Client::of(&database());
    let multiple = "0A000: multiple ddl statements not supported in a transaction";
    let mixed = "0A000: ddl and dml are not supported in the same transaction";
    client.sql("CREATE TABLE t (k INT PRIMARY KEY)");
    script(
        &mut client,
        &[
            ("CREATE TABLE a (id int); CREATE TABLE b (id int)", multiple),
            (
                "CREATE TABLE a (id int); CREATE INDEX ASYNC i ON a (id)",
                multiple,
            ),
            ("CREATE TABLE a (id int); INSERT INTO a VALUES (1)", mixed),
            ("INSERT INTO t VALUES (1); CREATE TABLE a (id int)", mixed),
            (
                "BEGIN; DROP TABLE t; ROLLBACK",
                "BEGIN / DROP TABLE / ROLLBACK",
            ),
            ("SELECT count(*) FROM t", "0 SELECT 1"),
            (
                "BEGIN; CREATE TABLE a (id int); SELECT count(*) FROM a; COMMIT",
                "BEGIN / CREATE TABLE / 0 SELECT 1 / COMMIT",
            ),
            ("SELECT count(*) FROM a", "0 SELECT 1"),
        ],
    );
    let index = client.sql("CREATE INDEX ASYNC i ON t (k)");
    assert!(index.ends_with(" CREATE INDEX"), "{index}");
}
