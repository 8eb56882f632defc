//! What statements of the subset answer. Expected values are PostgreSQL's.

use super::{Client, database, script};
use crate::dsql::engine::value::Value;

#[test]
fn expressions() {
    let mut client = Client::of(&database());
    for (expression, expected) in [
        ("1 + 2 * 3", "7"),
        ("7 / 2", "3"),
        ("-7 / 2", "-3"),
        ("-7 % 3", "-1"),
        ("7 / 2.0", "3.5"),
        ("- (2)", "-2"),
        ("-2147483648", "-2147483648"),
        ("2147483648", "2147483648"),
        ("-9223372036854775808", "-9223372036854775808"),
        ("1e3", "1000"),
        ("'a' || 'b' || 1", "ab1"),
        ("'a' || NULL", "~"),
        ("concat('a', NULL, 1, true)", "a1t"),
        ("NULL AND false", "f"),
        ("NULL AND true", "~"),
        ("NULL OR true", "t"),
        ("NULL OR false", "~"),
        ("NOT NULL", "~"),
        ("NULL = NULL", "~"),
        ("NULL IS NOT DISTINCT FROM NULL", "t"),
        ("1 IS DISTINCT FROM NULL", "t"),
        ("1 IN (2, NULL)", "~"),
        ("1 IN (1, NULL)", "t"),
        ("1 NOT IN (2, NULL)", "~"),
        ("1 NOT IN (2, 3)", "t"),
        ("2 BETWEEN 1 AND 3", "t"),
        ("2 NOT BETWEEN 1 AND 3", "f"),
        ("NULL IS NULL", "t"),
        ("1 IS NOT NULL", "t"),
        ("(NULL::boolean) IS TRUE", "f"),
        ("(NULL::boolean) IS NOT TRUE", "t"),
        ("(1 = 1) IS FALSE", "f"),
        ("(NULL::boolean) IS UNKNOWN", "t"),
        ("'A1' LIKE 'A_'", "t"),
        ("'A1' NOT ILIKE 'a%'", "f"),
        ("'10%' LIKE '10!%' ESCAPE '!'", "t"),
        ("CASE WHEN 1 > 2 THEN 'a' WHEN NULL THEN 'b' END", "~"),
        ("CASE 2 WHEN 1 THEN 'a' WHEN 2 THEN 'b' ELSE 'c' END", "b"),
        ("coalesce(NULL, 2, 1 / 0)", "2"),
        ("nullif(1, 1)", "~"),
        ("greatest(1, NULL, 3)", "3"),
        ("least(NULL, NULL)", "~"),
        ("abs(-3)", "3"),
        ("length('ünïcode')", "7"),
        ("upper('a') || lower('B')", "Ab"),
        ("'12'::int + 1", "13"),
        ("CAST('12' AS BIGINT)", "12"),
        ("2.5::int", "2"),
        ("3.5::int", "4"),
        ("true::text", "true"),
        ("1::boolean", "t"),
        ("'abcdef'::varchar(3)", "abc"),
        ("'{\"a\": 1}'::json", "{\"a\": 1}"),
        (
            "TIMESTAMPTZ '2026-11-23 14:00+01' < '2026-11-23 14:00+00'",
            "t",
        ),
        ("now() = current_timestamp", "t"),
        ("length(gen_random_uuid()::text)", "36"),
        (
            "current_user || '@' || current_database()",
            "admin@postgres",
        ),
        ("current_setting('server_version_num')", "160015"),
        ("9223372036854775807 + 0", "9223372036854775807"),
        ("'x' > 'X'", "t"),
    ] {
        let expected = format!("{expected} SELECT 1");
        assert_eq!(
            client.sql(&format!("SELECT {expression}")),
            expected,
            "{expression}"
        );
    }
}

#[test]
fn expressions_that_fail() {
    let mut client = Client::of(&database());
    for (expression, expected) in [
        ("1 / 0", "22012: division by zero"),
        ("1.0 / 0", "22012: division by zero"),
        ("1 % 0", "22012: division by zero"),
        ("2147483647 + 1", "22003: integer out of range"),
        ("9223372036854775807 + 1", "22003: bigint out of range"),
        ("-(-2147483648)", "22003: integer out of range"),
        ("1e308 * 10.0", "22003: value out of range: overflow"),
        ("3000000000::int", "22003: integer out of range"),
        (
            "'x'::int",
            "22P02: invalid input syntax for type integer: \"x\"",
        ),
        (
            "1 = 'x'",
            "22P02: invalid input syntax for type integer: \"x\"",
        ),
        (
            "1 = true",
            "42883: operator does not exist: integer = boolean",
        ),
        (
            "true + true",
            "42883: operator does not exist: boolean + boolean",
        ),
        (
            "NOT 1",
            "42804: argument of NOT must be type boolean, not type integer",
        ),
        (
            "1 LIKE '1'",
            "42883: operator does not exist: integer ~~ text",
        ),
        (
            "true::timestamptz",
            "42846: cannot cast type boolean to timestamp with time zone",
        ),
        (
            "CASE WHEN true THEN 1 ELSE true END",
            "42804: CASE types integer and boolean cannot be matched",
        ),
        (
            "nope(1)",
            "42883: function nope does not exist with these arguments",
        ),
        (
            "lower(1)",
            "42883: function lower does not exist with these arguments",
        ),
        ("nope", "42703: column \"nope\" does not exist"),
        ("t.nope", "42P01: missing FROM-clause entry for table \"t\""),
        ("$0", "42P02: there is no parameter $0"),
        (
            "'{'::json = '{'::json",
            "22P02: invalid input syntax for type json",
        ),
        (
            "'1'::json = '1'::json",
            "42883: operator does not exist: json = json",
        ),
    ] {
        assert_eq!(
            client.sql(&format!("SELECT {expression}")),
            expected,
            "{expression}"
        );
    }
}

#[test]
fn rows_in_and_out() {
    let mut client = Client::of(&database());
    script(
        &mut client,
        &[
            (
                "CREATE TABLE seats (key TEXT PRIMARY KEY, status VARCHAR(9) NOT NULL DEFAULT 'available', \
             price INT, sold_at TIMESTAMPTZ)",
                "CREATE TABLE",
            ),
            ("INSERT INTO seats VALUES ('A1')", "INSERT 0 1"),
            (
                "INSERT INTO seats (price, key) VALUES (10, 'A2'), (20 + 10, 'A3') RETURNING key, price",
                "A2,10;A3,30 INSERT 0 2",
            ),
            (
                "INSERT INTO seats (key, status) VALUES ('B1', DEFAULT)",
                "INSERT 0 1",
            ),
            (
                "SELECT key, status, price FROM seats",
                "A1,available,~;A2,available,10;A3,available,30;B1,available,~ SELECT 4",
            ),
            (
                "SELECT key FROM seats WHERE price > 10 OR key = 'A1'",
                "A1;A3 SELECT 2",
            ),
            (
                "SELECT s.key FROM seats AS s WHERE s.price IS NULL ORDER BY s.key DESC",
                "B1;A1 SELECT 2",
            ),
            (
                "SELECT key k, price FROM seats ORDER BY price DESC, k",
                "A1,~;B1,~;A3,30;A2,10 SELECT 4",
            ),
            (
                "SELECT key FROM seats ORDER BY price NULLS FIRST, 1 DESC LIMIT 2 OFFSET 1",
                "A1;A2 SELECT 2",
            ),
            (
                "SELECT key FROM seats WHERE key IN ('B1', 'A1', 'Z9') ORDER BY 1",
                "A1;B1 SELECT 2",
            ),
            ("SELECT key FROM seats WHERE key = NULL", "SELECT 0"),
            (
                "SELECT count(*), count(price), sum(price), min(price), max(key) FROM seats",
                "4,2,40,10,B1 SELECT 1",
            ),
            (
                "SELECT count(*), sum(price) FROM seats WHERE false",
                "0,~ SELECT 1",
            ),
            (
                "SELECT status, count(*) AS n FROM seats GROUP BY status",
                "available,4 SELECT 1",
            ),
            (
                "SELECT price IS NULL AS free, count(*) FROM seats GROUP BY free ORDER BY count(*) DESC, free",
                "f,2;t,2 SELECT 2",
            ),
            (
                "SELECT count(DISTINCT status), count(*) FILTER (WHERE price > 10) FROM seats",
                "1,1 SELECT 1",
            ),
            (
                "SELECT price FROM seats GROUP BY price HAVING count(*) > 1",
                "~ SELECT 1",
            ),
            ("SELECT DISTINCT status FROM seats", "available SELECT 1"),
            (
                "SELECT key FROM seats GROUP BY status",
                "42803: column \"seats.key\" must appear in the GROUP BY clause or be used in an aggregate function",
            ),
            (
                "SELECT key FROM seats WHERE count(*) > 1",
                "42803: aggregate functions are not allowed here",
            ),
            (
                "SELECT key FROM seats ORDER BY 2",
                "42P10: ORDER BY position 2 is not in select list",
            ),
            ("SELECT 1 LIMIT -1", "2201W: LIMIT must not be negative"),
            (
                "UPDATE seats SET price = price + 1, status = 'sold' WHERE key < 'A3' RETURNING *",
                "A1,sold,~,~;A2,sold,11,~ UPDATE 2",
            ),
            ("UPDATE seats SET key = 'A9' WHERE key = 'A1'", "UPDATE 1"),
            ("SELECT key FROM seats", "A2;A3;A9;B1 SELECT 4"),
            (
                "UPDATE seats SET key = 'A2' WHERE key = 'A9'",
                "23505: duplicate key value violates unique constraint \"seats_pkey\"",
            ),
            (
                "UPDATE seats SET status = DEFAULT WHERE key = 'A9' RETURNING status",
                "available UPDATE 1",
            ),
            (
                "DELETE FROM seats WHERE price IS NULL RETURNING key",
                "A9;B1 DELETE 2",
            ),
            ("DELETE FROM seats", "DELETE 2"),
            ("SELECT count(*) FROM seats", "0 SELECT 1"),
            ("DROP TABLE seats", "DROP TABLE"),
            ("DROP TABLE IF EXISTS seats", "DROP TABLE"),
        ],
    );
}

#[test]
fn constraints() {
    let mut client = Client::of(&database());
    script(
        &mut client,
        &[
            (
                "CREATE TABLE t (a INT, b TEXT, c TEXT UNIQUE, d VARCHAR(2), PRIMARY KEY (a, b), \
             CONSTRAINT d_once UNIQUE (d, a))",
                "CREATE TABLE",
            ),
            ("INSERT INTO t VALUES (1, 'x', 'c1', 'd1')", "INSERT 0 1"),
            (
                "INSERT INTO t VALUES (1, 'x')",
                "23505: duplicate key value violates unique constraint \"t_pkey\"",
            ),
            (
                "INSERT INTO t VALUES (1, 'y', 'c1')",
                "23505: duplicate key value violates unique constraint \"t_c_key\"",
            ),
            (
                "INSERT INTO t VALUES (1, 'y', 'c2', 'd1')",
                "23505: duplicate key value violates unique constraint \"d_once\"",
            ),
            (
                "INSERT INTO t VALUES (1, 'y', NULL, NULL), (1, 'z', NULL, NULL)",
                "INSERT 0 2",
            ),
            (
                "INSERT INTO t VALUES (2, 'a'), (2, 'a')",
                "23505: duplicate key value violates unique constraint \"t_pkey\"",
            ),
            (
                "INSERT INTO t (a) VALUES (3)",
                "23502: null value in column \"b\" of relation \"t\" violates not-null constraint",
            ),
            (
                "INSERT INTO t VALUES (3, 'x', 'c3', 'long')",
                "22001: value too long for type character varying(2)",
            ),
            ("SELECT b FROM t WHERE a = 1 ORDER BY b", "x;y;z SELECT 3"),
            ("SELECT c FROM t WHERE b = 'x' AND 1 = a", "c1 SELECT 1"),
            // A freed unique value can be taken again, in one transaction too.
            (
                "BEGIN; UPDATE t SET c = 'c9' WHERE b = 'x'; INSERT INTO t VALUES (5, 'v', 'c1'); COMMIT",
                "BEGIN / UPDATE 1 / INSERT 0 1 / COMMIT",
            ),
            ("DELETE FROM t WHERE c = 'c9'", "DELETE 1"),
            ("INSERT INTO t VALUES (6, 'w', 'c9')", "INSERT 0 1"),
            (
                "INSERT INTO t VALUES (6, 'w') ON CONFLICT DO NOTHING",
                "INSERT 0 0",
            ),
            (
                "INSERT INTO t VALUES (7, 'w', 'c9') ON CONFLICT (c) DO NOTHING",
                "INSERT 0 0",
            ),
            (
                "INSERT INTO t VALUES (6, 'w') ON CONFLICT (c) DO NOTHING",
                "23505: duplicate key value violates unique constraint \"t_pkey\"",
            ),
            (
                "INSERT INTO t VALUES (6, 'w', 'new') ON CONFLICT (b, a) DO UPDATE SET c = t.c || excluded.c RETURNING c",
                "c9new INSERT 0 1",
            ),
            (
                "INSERT INTO t VALUES (6, 'w', 'no') ON CONFLICT ON CONSTRAINT t_pkey DO UPDATE SET c = 'no' WHERE t.c = 'other'",
                "INSERT 0 0",
            ),
            (
                "INSERT INTO t VALUES (8, 'w'), (8, 'w') ON CONFLICT (a, b) DO UPDATE SET d = 'x'",
                "21000: ON CONFLICT DO UPDATE command cannot affect row a second time",
            ),
            (
                "INSERT INTO t VALUES (8, 'w') ON CONFLICT (a) DO NOTHING",
                "42P10: there is no unique or exclusion constraint matching the ON CONFLICT specification",
            ),
            (
                "INSERT INTO t VALUES (8, 'w') ON CONFLICT DO UPDATE SET d = 'x'",
                "42601: ON CONFLICT DO UPDATE requires inference specification or constraint name",
            ),
            (
                "INSERT INTO t (a, a) VALUES (1, 2)",
                "42701: column \"a\" specified more than once",
            ),
            (
                "INSERT INTO t (zz) VALUES (1)",
                "42703: column \"zz\" of relation \"t\" does not exist",
            ),
            (
                "INSERT INTO t (a) VALUES (1, 2)",
                "42601: INSERT has more expressions than target columns",
            ),
            (
                "INSERT INTO t (a, b) VALUES (1)",
                "42601: INSERT has more target columns than expressions",
            ),
            (
                "INSERT INTO t VALUES (true, 'x')",
                "42804: column \"a\" is of type integer but expression is of type boolean",
            ),
            (
                "UPDATE t SET a = 1, a = 2",
                "42601: multiple assignments to same column \"a\"",
            ),
            ("CREATE TABLE no_key (v INT); ", "CREATE TABLE"),
            ("INSERT INTO no_key VALUES (1), (1)", "INSERT 0 2"),
            (
                "INSERT INTO no_key SELECT a FROM t WHERE a > 4",
                "INSERT 0 2",
            ),
            ("SELECT count(*), sum(v) FROM no_key", "4,13 SELECT 1"),
        ],
    );
}

#[test]
fn parameters_take_their_types_from_where_they_stand() {
    let database = database();
    let mut client = Client::of(&database);
    client.sql("CREATE TABLE t (k TEXT PRIMARY KEY, n BIGINT, f DOUBLE PRECISION, at TIMESTAMPTZ)");
    for (text, types) in [
        ("SELECT * FROM t WHERE k = $1 AND n > $2", "[Text, Int8]"),
        (
            "INSERT INTO t VALUES ($1, $2, $3, $4)",
            "[Text, Int8, Float8, Timestamptz]",
        ),
        (
            "UPDATE t SET n = n + $1 WHERE k IN ($2, $3)",
            "[Int8, Text, Text]",
        ),
        ("SELECT $1::int + $2", "[Int4, Int4]"),
        ("SELECT $1", "[Text]"),
        ("SELECT coalesce($1, n) FROM t LIMIT $2", "[Int8, Int8]"),
        ("SELECT 1 FROM t WHERE $1 BETWEEN f AND 2", "[Float8]"),
        ("SELECT 1 WHERE $1 AND $1", "[Bool]"),
        (
            "INSERT INTO t (k, n) VALUES ($1, 1) ON CONFLICT (k) DO UPDATE SET n = $2",
            "[Text, Int8]",
        ),
    ] {
        let statement = &crate::dsql::engine::sql::parse(text).unwrap()[0];
        let prepared = client.session.prepare(statement, Vec::new()).unwrap();
        assert_eq!(format!("{:?}", prepared.params), types, "{text}");
    }
    assert_eq!(
        client.sql("SELECT $2::int"),
        "42P18: could not determine data type of parameter $1"
    );
    let inserted = client.try_sql(
        "INSERT INTO t (k, n) VALUES ($1, $2) RETURNING n * 2",
        &[Value::text("a"), Value::Int8(21)],
    );
    assert_eq!(inserted.unwrap()[0].rows, [[Value::Int8(42)]]);
}

#[test]
fn transaction_blocks() {
    let mut client = Client::of(&database());
    client.sql("CREATE TABLE t (k INT PRIMARY KEY)");
    script(
        &mut client,
        &[
            ("BEGIN", "BEGIN"),
            ("INSERT INTO t VALUES (1)", "INSERT 0 1"),
            (
                "INSERT INTO t VALUES (1)",
                "23505: duplicate key value violates unique constraint \"t_pkey\"",
            ),
            (
                "SELECT 1",
                "25P02: current transaction is aborted, commands ignored until end of transaction block",
            ),
            (
                "TRUNCATE t",
                "25P02: current transaction is aborted, commands ignored until end of transaction block",
            ),
            ("COMMIT", "ROLLBACK"),
            ("SELECT count(*) FROM t", "0 SELECT 1"),
            ("START TRANSACTION READ ONLY", "START TRANSACTION"),
            (
                "INSERT INTO t VALUES (1)",
                "25006: cannot execute INSERT in a read-only transaction",
            ),
            ("END", "ROLLBACK"),
            (
                "BEGIN ISOLATION LEVEL REPEATABLE READ; INSERT INTO t VALUES (1); ABORT",
                "BEGIN / INSERT 0 1 / ROLLBACK",
            ),
            (
                "BEGIN; INSERT INTO t VALUES (2); END",
                "BEGIN / INSERT 0 1 / COMMIT",
            ),
            ("COMMIT", "COMMIT"),
            ("ROLLBACK", "ROLLBACK"),
            // A query string is one transaction: its last error undoes its first statement.
            (
                "INSERT INTO t VALUES (3); SELECT 1/0",
                "22012: division by zero",
            ),
            (
                "INSERT INTO t VALUES (4); INSERT INTO t VALUES (5)",
                "INSERT 0 1 / INSERT 0 1",
            ),
            ("SELECT k FROM t", "2;4;5 SELECT 3"),
            (
                "INSERT INTO t VALUES (6); SELEC",
                "42601: syntax error at or near \"SELEC\"",
            ),
            ("SELECT max(k) FROM t", "5 SELECT 1"),
        ],
    );
}

#[test]
fn settings() {
    let mut client = Client::of(&database());
    script(
        &mut client,
        &[
            ("SHOW transaction_isolation", "repeatable read SHOW"),
            ("SHOW TRANSACTION ISOLATION LEVEL", "repeatable read SHOW"),
            ("SHOW server_version", "16.15 SHOW"),
            ("SHOW TIME ZONE", "UTC SHOW"),
            (
                "SHOW lc_collate",
                "42704: unrecognized configuration parameter \"lc_collate\"",
            ),
            ("SET application_name = 'seats'", "SET"),
            ("SHOW application_name", "seats SHOW"),
            ("RESET application_name", "RESET"),
            ("SET extra_float_digits TO 3", "SET"),
            ("SET TIME ZONE 'UTC'", "SET"),
            (
                "SET TIME ZONE 'Europe/Vienna'",
                "0A000: setting \"timezone\" to \"Europe/Vienna\" not supported",
            ),
            (
                "SET client_encoding = 'LATIN1'",
                "0A000: setting \"client_encoding\" to \"LATIN1\" not supported",
            ),
            (
                "SET nope = 1",
                "42704: unrecognized configuration parameter \"nope\"",
            ),
            ("DISCARD ALL", "DISCARD ALL"),
        ],
    );
}
