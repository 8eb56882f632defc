//! A client's connection over tokio-postgres: the port in SQL, and what each
//! SQLSTATE says about whether it happened. One attempt is one attempt.
//!
//! Two traps of the driver cannot bite here. A COMMIT whose answer was lost is
//! "connection closed" without a SQLSTATE although the row may be there: every
//! failure of the way is indeterminate. And a COMMIT of a transaction that has
//! already failed is answered with ROLLBACK, which the driver takes for success:
//! a statement's error is remembered, and the COMMIT never sent.

use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use tokio_postgres::Client;
use tokio_postgres::error::Severity;
use tokio_postgres::types::{ToSql, Type};
use witness_workloads::{Connection, DbError, Expectation, Page, Row, ServerTime, Table};

use super::physical;

/// Rows that a page of evidence has.
const PAGE_ROWS: usize = 1000;

/// One client's connection, whatever PostgreSQL-speaking server is behind it.
pub(super) struct SqlConnection {
    client: Client,
    timeout: Duration,
    /// What starts a transaction.
    begin: String,
    /// A statement of the open transaction failed: it can only be rolled back.
    failed: Option<DbError>,
}

/// What an error without a certain answer means depends on what was asked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Statement,
    Commit,
}

impl SqlConnection {
    /// Takes the client over. Past the time-out a request's outcome is not known.
    pub(super) fn new(client: Client, timeout: Duration) -> SqlConnection {
        SqlConnection {
            client,
            timeout,
            begin: "BEGIN".into(),
            failed: None,
        }
    }

    /// The same, with transactions at the isolation level that SQL knows by this name.
    pub(super) fn at(self, isolation: &str) -> SqlConnection {
        SqlConnection {
            begin: format!("BEGIN ISOLATION LEVEL {isolation}"),
            ..self
        }
    }

    /// Whether another client may take the connection over: nothing went wrong on it.
    #[cfg(feature = "aws")]
    pub(super) fn is_sound(&self) -> bool {
        self.failed.is_none() && !self.client.is_closed()
    }

    /// Waits for the driver, but not for ever: past the time-out nobody knows.
    async fn within<T>(
        &mut self,
        stage: Stage,
        work: impl AsyncFnOnce(&Client) -> Result<T, tokio_postgres::Error>,
    ) -> Result<T, DbError> {
        if let Some(failed) = &self.failed {
            return Err(failed.clone());
        }
        let result = match tokio::time::timeout(self.timeout, work(&self.client)).await {
            Ok(result) => result.map_err(|e| classify(&e, stage)),
            Err(_) => Err(DbError::indeterminate(
                "timeout",
                format!("no answer within {:?}", self.timeout),
            )),
        };
        if let Err(error) = &result {
            self.failed = Some(error.clone());
        }
        result
    }

    /// One statement that changes the schema, outside a transaction block, so that what
    /// went wrong leaves nothing to roll back: it may be tried again.
    #[cfg(feature = "aws")]
    pub(super) async fn define(&mut self, ddl: &str) -> Result<(), DbError> {
        let done = self
            .within(Stage::Statement, async |c| c.batch_execute(ddl).await)
            .await;
        self.failed
            .take_if(|failed| failed.fault != witness_workloads::Fault::Indeterminate);
        done
    }

    /// Rows of a statement without parameters.
    pub(super) async fn ask(&mut self, asked: &str) -> Result<Vec<tokio_postgres::Row>, DbError> {
        self.within(Stage::Statement, async |c| c.query_typed(asked, &[]).await)
            .await
    }

    async fn execute(&mut self, sql: &str, parameters: &[&str]) -> Result<u64, DbError> {
        let typed = typed(parameters);
        self.within(Stage::Statement, async |c| {
            c.execute_typed(sql, &typed).await
        })
        .await
    }

    async fn query(
        &mut self,
        table: &Table,
        condition: &str,
        parameters: &[&str],
    ) -> Result<Vec<Row>, DbError> {
        let sql = format!(
            "SELECT {}, {} FROM {} {condition}",
            table.key,
            table.columns.join(", "),
            physical(table)
        );
        let typed = typed(parameters);
        let found = self
            .within(Stage::Statement, async |c| {
                c.query_typed(&sql, &typed).await
            })
            .await?;
        found
            .iter()
            .map(|row| {
                let mut columns = Row::new();
                for (n, column) in row.columns().iter().enumerate() {
                    let value: Option<String> = row
                        .try_get(n)
                        .map_err(|e| DbError::definite("driver", message(&e)))?;
                    columns.extend(value.map(|value| (column.name().to_owned(), value)));
                }
                Ok(columns)
            })
            .collect()
    }
}

#[async_trait]
impl Connection for SqlConnection {
    async fn ping(&mut self) -> Result<Option<ServerTime>, DbError> {
        let rows = self.ask("SELECT clock_timestamp()").await?;
        let said = |row: &tokio_postgres::Row| row.try_get::<_, SystemTime>(0).ok();
        Ok(rows.first().and_then(said).map(|at| ServerTime {
            at,
            resolution: Duration::from_micros(1),
        }))
    }

    async fn begin(&mut self) -> Result<(), DbError> {
        let begin = self.begin.clone();
        self.within(Stage::Statement, async |c| c.batch_execute(&begin).await)
            .await
    }

    async fn read(&mut self, table: &Table, key: &str) -> Result<Option<Row>, DbError> {
        let condition = format!("WHERE {} = $1", table.key);
        Ok(self.query(table, &condition, &[key]).await?.pop())
    }

    /// DSQL takes FOR UPDATE with the whole primary key only, as here; it makes nobody
    /// wait and counts as a write when the transaction commits.
    async fn read_for_update(&mut self, table: &Table, key: &str) -> Result<Option<Row>, DbError> {
        let condition = format!("WHERE {} = $1 FOR UPDATE", table.key);
        Ok(self.query(table, &condition, &[key]).await?.pop())
    }

    async fn write(&mut self, table: &Table, row: &Row) -> Result<(), DbError> {
        let (columns, places, values) = spread(row);
        let changes: Vec<_> = table
            .columns
            .iter()
            .map(|c| format!("{c} = EXCLUDED.{c}"))
            .collect();
        let sql = format!(
            "INSERT INTO {} ({columns}) VALUES ({places}) ON CONFLICT ({}) DO UPDATE SET {}",
            physical(table),
            table.key,
            changes.join(", ")
        );
        self.execute(&sql, &values).await.map(drop)
    }

    async fn write_if(
        &mut self,
        table: &Table,
        row: &Row,
        expected: Expectation<'_>,
    ) -> Result<bool, DbError> {
        let key = row.get(table.key).map_or("", String::as_str);
        let mut parameters = vec![key, expected.value];
        let mut changes = Vec::new();
        for column in table.columns {
            changes.push(match row.get(*column) {
                Some(value) => {
                    parameters.push(value);
                    format!("{column} = ${}", parameters.len())
                }
                None => format!("{column} = NULL"),
            });
        }
        let sql = format!(
            "UPDATE {} SET {} WHERE {} = $1 AND {} = $2",
            physical(table),
            changes.join(", "),
            table.key,
            expected.column
        );
        Ok(self.execute(&sql, &parameters).await? == 1)
    }

    async fn append(&mut self, table: &Table, row: &Row) -> Result<(), DbError> {
        let (columns, places, values) = spread(row);
        let sql = format!(
            "INSERT INTO {} ({columns}) VALUES ({places})",
            physical(table)
        );
        self.execute(&sql, &values).await.map(drop)
    }

    async fn commit(&mut self) -> Result<(), DbError> {
        self.within(Stage::Commit, async |c| c.batch_execute("COMMIT").await)
            .await
    }

    async fn rollback(&mut self) {
        // Whatever comes of it, nothing was committed; what the connection is
        // still good for shows at the next BEGIN.
        self.failed = None;
        let rollback = async |c: &Client| c.batch_execute("ROLLBACK").await;
        let _ = self.within(Stage::Statement, rollback).await;
    }

    async fn scan(&mut self, table: &Table, from: Option<&str>) -> Result<Page, DbError> {
        let order = format!("ORDER BY {} LIMIT {PAGE_ROWS}", table.key);
        let rows = match from {
            None => self.query(table, &order, &[]).await?,
            Some(from) => {
                let condition = format!("WHERE {} > $1 {order}", table.key);
                self.query(table, &condition, &[from]).await?
            }
        };
        let full = rows.len() == PAGE_ROWS;
        let next = rows
            .last()
            .filter(|_| full)
            .and_then(|row| row.get(table.key).cloned());
        Ok(Page { rows, next })
    }
}

/// Replaces the table by an empty one: one statement after the other.
pub(super) fn ddl(table: &Table) -> [String; 2] {
    let columns = table.columns.iter().map(|c| format!(", {c} TEXT"));
    let (name, columns) = (physical(table), columns.collect::<String>());
    [
        format!("DROP TABLE IF EXISTS {name}"),
        format!(
            "CREATE TABLE {name} ({} TEXT PRIMARY KEY{columns})",
            table.key
        ),
    ]
}

fn typed<'a>(parameters: &'a [&'a str]) -> Vec<(&'a (dyn ToSql + Sync), Type)> {
    parameters
        .iter()
        .map(|p| (p as &(dyn ToSql + Sync), Type::TEXT))
        .collect()
}

/// The columns, the places of their parameters, and the values.
fn spread(row: &Row) -> (String, String, Vec<&str>) {
    let columns: Vec<_> = row.keys().map(String::as_str).collect();
    let places: Vec<_> = (1..=row.len()).map(|n| format!("${n}")).collect();
    (
        columns.join(", "),
        places.join(", "),
        row.values().map(String::as_str).collect(),
    )
}

/// Exactly what is known after an error, by its SQLSTATE.
pub(super) fn classify(error: &tokio_postgres::Error, stage: Stage) -> DbError {
    let Some(database) = error.as_db_error() else {
        // No answer from the server: the way broke after the request left.
        return DbError::indeterminate("connection", message(error));
    };
    let code = database.code().code();
    let message = database.message();
    // The server hangs up after it: of a COMMIT, whatever the code, that says nothing.
    let hangs_up = matches!(
        database.parsed_severity(),
        Some(Severity::Fatal | Severity::Panic)
    );
    match code {
        _ if hangs_up && stage == Stage::Commit => DbError::indeterminate(code, message),
        "40001" | "40P01" | "OC000" | "OC001" => DbError::conflict(code, message),
        // Nobody has said whether it completed.
        "40003" => DbError::indeterminate(code, message),
        // The server goes away, the connection is broken, the system is in error:
        // of a COMMIT that says nothing.
        "57P01" | "57P02" | "57P03" => DbError::indeterminate(code, message),
        _ if code.starts_with("08") => DbError::indeterminate(code, message),
        _ if stage == Stage::Commit
            && ["57", "58", "XX"]
                .iter()
                .any(|class| code.starts_with(class)) =>
        {
            DbError::indeterminate(code, message)
        }
        _ => DbError::definite(code, message),
    }
}

/// The whole of it: the driver prints only its outermost layer.
pub(super) fn message(error: &tokio_postgres::Error) -> String {
    if let Some(database) = error.as_db_error() {
        return format!("{} ({})", database.message(), database.code().code());
    }
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        text = format!("{text}: {inner}");
        source = inner.source();
    }
    text
}
