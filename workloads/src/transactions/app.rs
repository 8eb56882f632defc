//! The application under test: does what a transaction's micro-operations ask for, in
//! order, between BEGIN and COMMIT. Naive on purpose: whether transactions that run at
//! the same time see each other is for the database to say.
//!
//! A key is a row, and its value, a number or a list, is JSON in one column. A list is
//! appended to as whoever keeps one in a column does it: read, add, write back. So both
//! databases are asked the same, the order of a list is that of its writes, and an
//! append that was made blind to another's shows. (With a row an element, who comes
//! after whom would be for another column to say, and no two appends would ever touch
//! the same row.)

use serde_json::{Value, json};

use crate::tries::Tries;
use crate::{Attempted, Connection, DbError, Outcome, Request, Row, Table};

/// The variants.
pub(crate) static APPS: &[(&str, &str)] = &[
    ("naive", "rows are read as they are"),
    ("for-update", "every row that is read is read FOR UPDATE"),
];

/// Tries the transaction, again on a conflict. What is told is what the attempt saw
/// that committed.
pub(crate) async fn perform(
    app: &str,
    table: &Table,
    db: &mut dyn Connection,
    request: &Request,
) -> Attempted {
    let mut tries = Tries::first();
    loop {
        match transact(app, table, db, &request.value).await {
            Ok(outcome) => return tries.done(outcome),
            Err(error) => match tries.again(db, error).await {
                Ok(next) => tries = next,
                Err(ended) => return ended,
            },
        }
    }
}

/// One transaction.
async fn transact(
    app: &str,
    table: &Table,
    db: &mut dyn Connection,
    ops: &Value,
) -> Result<Outcome, DbError> {
    let mut done = Vec::new();
    let ops = || ops.as_array().into_iter().flatten();
    if ops().all(|op| op[0] == "r") && app != "for-update" {
        db.begin_read_only().await?;
    } else {
        db.begin().await?;
    }
    for op in ops() {
        let (f, key, argument) = (&op[0], op[1].to_string(), &op[2]);
        let result = match f.as_str() {
            Some("r") => read(app, table, db, &key).await?,
            Some("append") => {
                let list = read(app, table, db, &key).await?;
                let list = appended(list, argument).ok_or_else(|| {
                    DbError::definite("row", format!("the value of key {key} is no list"))
                })?;
                db.write(table, &row(key, &list)).await?;
                argument.clone()
            }
            _ => {
                db.write(table, &row(key, argument)).await?;
                argument.clone()
            }
        };
        done.push(json!([f, op[1], result]));
    }
    db.commit().await?;
    Ok(Outcome::Ok(done.into()))
}

/// The value of a key; null where nothing was written yet.
async fn read(
    app: &str,
    table: &Table,
    db: &mut dyn Connection,
    key: &str,
) -> Result<Value, DbError> {
    let found = if app == "for-update" {
        db.read_for_update(table, key).await?
    } else {
        db.read(table, key).await?
    };
    let text = found.and_then(|mut row| row.remove("value"));
    // What is no JSON we did not write; it is told as it stands there.
    Ok(text.map_or(Value::Null, |text| {
        serde_json::from_str(&text).unwrap_or(Value::String(text))
    }))
}

/// The list with one more element, if it is a list.
fn appended(list: Value, element: &Value) -> Option<Value> {
    match list {
        Value::Null => Some(json!([element])),
        Value::Array(mut list) => {
            list.push(element.clone());
            Some(list.into())
        }
        _ => None,
    }
}

fn row(key: String, value: &Value) -> Row {
    Row::from([("key".into(), key), ("value".into(), value.to_string())])
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, VecDeque};

    use async_trait::async_trait;

    use super::*;
    use crate::{Expectation, Page};

    const TABLE: Table = Table {
        name: "rows",
        key: "key",
        columns: &["value"],
    };

    /// Rows without a database. Each commit takes the next of the script; after one that
    /// fails, another client's rows are there.
    #[derive(Default)]
    struct Scripted {
        rows: BTreeMap<String, Row>,
        before: BTreeMap<String, Row>,
        commits: VecDeque<Result<(), DbError>>,
        others: BTreeMap<String, Row>,
        held: Vec<String>,
    }

    #[async_trait]
    impl Connection for Scripted {
        async fn begin(&mut self) -> Result<(), DbError> {
            self.before = self.rows.clone();
            self.held.clear();
            Ok(())
        }

        async fn read(&mut self, _: &Table, key: &str) -> Result<Option<Row>, DbError> {
            Ok(self.rows.get(key).cloned())
        }

        async fn read_for_update(
            &mut self,
            table: &Table,
            key: &str,
        ) -> Result<Option<Row>, DbError> {
            self.held.push(key.into());
            self.read(table, key).await
        }

        async fn write(&mut self, _: &Table, row: &Row) -> Result<(), DbError> {
            self.rows.insert(row["key"].clone(), row.clone());
            Ok(())
        }

        async fn write_if(
            &mut self,
            _: &Table,
            _: &Row,
            _: Expectation<'_>,
        ) -> Result<bool, DbError> {
            unreachable!("nothing here is conditional")
        }

        async fn append(&mut self, _: &Table, _: &Row) -> Result<(), DbError> {
            unreachable!("a list is one row")
        }

        async fn commit(&mut self) -> Result<(), DbError> {
            self.commits.pop_front().unwrap_or(Ok(()))
        }

        async fn rollback(&mut self) {
            self.rows = self.before.clone();
            self.rows.append(&mut self.others);
        }

        async fn scan(&mut self, _: &Table, _: Option<&str>) -> Result<Page, DbError> {
            unreachable!("the application scans nothing")
        }
    }

    async fn told(app: &str, db: &mut Scripted, ops: Value) -> Attempted {
        let request = Request {
            f: "txn",
            key: None,
            value: ops,
        };
        perform(app, &TABLE, db, &request).await
    }

    #[tokio::test]
    async fn a_transaction_sees_what_it_wrote_itself() {
        for (app, held) in [("naive", &[][..]), ("for-update", &["1", "1", "2", "1"])] {
            let mut db = Scripted::default();
            let ops = json!([
                ["r", 1, null],
                ["append", 1, 5],
                ["append", 2, 6],
                ["w", 3, 7],
                ["r", 1, null]
            ]);
            let done = told(app, &mut db, ops).await;
            let expected = json!([
                ["r", 1, null],
                ["append", 1, 5],
                ["append", 2, 6],
                ["w", 3, 7],
                ["r", 1, [5]]
            ]);
            assert_eq!(done.outcome, Outcome::Ok(expected));
            assert_eq!(db.held, held, "{app}");
            assert_eq!(db.rows["3"]["value"], "7");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_told_is_what_the_attempt_that_committed_saw() {
        let conflict = || Err(DbError::conflict("40001", "conflict"));
        let mut db = Scripted {
            rows: [("1".into(), row("1".into(), &json!([1])))].into(),
            commits: [conflict()].into(),
            others: [("1".into(), row("1".into(), &json!([1, 2])))].into(),
            ..Scripted::default()
        };
        let done = told("naive", &mut db, json!([["r", 1, null], ["append", 1, 3]])).await;
        let expected = json!([["r", 1, [1, 2]], ["append", 1, 3]]);
        assert_eq!(done.outcome, Outcome::Ok(expected));
        assert_eq!(done.attempts, 2);
        assert_eq!(db.rows["1"]["value"], "[1,2,3]");
    }

    #[tokio::test]
    async fn what_nobody_knows_stays_unknown_and_what_is_no_list_is_left_alone() {
        let lost = || Err(DbError::indeterminate("connection", "closed"));
        let mut db = Scripted {
            commits: [lost()].into(),
            ..Scripted::default()
        };
        let done = told("naive", &mut db, json!([["w", 1, 3]])).await;
        assert!(matches!(done.outcome, Outcome::Info { .. }), "{done:?}");

        let garbage = Row::from([("key".into(), "1".into()), ("value".into(), "{".into())]);
        let mut db = Scripted {
            rows: [("1".into(), garbage.clone())].into(),
            ..Scripted::default()
        };
        let done = told("naive", &mut db, json!([["append", 1, 3]])).await;
        assert!(matches!(done.outcome, Outcome::Fail { .. }), "{done:?}");
        assert_eq!(db.rows["1"], garbage);
        let done = told("naive", &mut db, json!([["r", 1, null]])).await;
        assert_eq!(done.outcome, Outcome::Ok(json!([["r", 1, "{"]])));
    }
}
