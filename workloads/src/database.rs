//! The port that application code is written against. A backend implements it
//! over a real driver; it never hides a retry and never guesses an outcome.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;

/// A row: columns by name, every one of them text. An absent column is null.
pub type Row = BTreeMap<String, String>;

/// A table that a workload needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Table {
    /// The name that evidence carries.
    pub name: &'static str,
    /// The primary key's column.
    pub key: &'static str,
    /// The other columns.
    pub columns: &'static [&'static str],
}

/// What is known of an attempt that went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It did not happen, because of a concurrent transaction: worth another try.
    Conflict,
    /// It certainly did not happen.
    Definite,
    /// Nobody knows whether it happened. The connection is not to be used again.
    Indeterminate,
}

/// An error of the database or on the way to it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{class}: {message}")]
pub struct DbError {
    /// Whether it may have happened, and whether to try again.
    pub fault: Fault,
    /// The database's own code or the driver's class: `40001`, `ThrottlingException`, `timeout`.
    pub class: String,
    /// For a person. Never holds credentials.
    pub message: String,
}

impl DbError {
    /// An error of the given fault.
    pub fn new(fault: Fault, class: impl Into<String>, message: impl fmt::Display) -> DbError {
        DbError {
            fault,
            class: class.into(),
            message: message.to_string(),
        }
    }

    /// [`Fault::Conflict`].
    pub fn conflict(class: impl Into<String>, message: impl fmt::Display) -> DbError {
        DbError::new(Fault::Conflict, class, message)
    }

    /// [`Fault::Definite`].
    pub fn definite(class: impl Into<String>, message: impl fmt::Display) -> DbError {
        DbError::new(Fault::Definite, class, message)
    }

    /// [`Fault::Indeterminate`].
    pub fn indeterminate(class: impl Into<String>, message: impl fmt::Display) -> DbError {
        DbError::new(Fault::Indeterminate, class, message)
    }
}

/// What a conditional write expects of the row that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expectation<'a> {
    /// The column.
    pub column: &'a str,
    /// The value that it must have.
    pub value: &'a str,
}

/// Some rows of a table, and where to go on.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// The rows, in no particular order.
    pub rows: Vec<Row>,
    /// Opaque: hand it to the next call. `None`: that was the last page.
    pub next: Option<String>,
}

/// What a server's clock said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerTime {
    /// The earliest that it may have been.
    pub at: SystemTime,
    /// By how much it may have been later: the clock's fractions were cut off.
    pub resolution: Duration,
}

/// A database with an endpoint in each of several regions.
#[async_trait]
pub trait Database: Send + Sync {
    /// The regions, in the order in which clients are spread over them.
    fn regions(&self) -> &[String];

    /// Creates the tables, empty, in every region. Tables left by an earlier run are replaced.
    async fn create(&self, tables: &[Table]) -> Result<(), DbError>;

    /// A connection of one client, ready to be used: nothing is left to do at its first request.
    async fn connect(&self, region: &str) -> Result<Box<dyn Connection>, DbError>;
}

/// One client's connection to one region. Used by one task at a time.
///
/// Where the database has no interactive transactions, `begin`, `commit` and
/// `rollback` do nothing and every write is visible at once: that difference
/// between databases is what a workload is there to show.
#[async_trait]
pub trait Connection: Send {
    /// One round trip, as short as the server makes it, outside of any transaction. What its
    /// clock said, where it says.
    ///
    /// # Errors
    /// Those of the way; and always, unless the database measures it.
    async fn ping(&mut self) -> Result<Option<ServerTime>, DbError> {
        Err(DbError::definite("ping", "no round trip is measured here"))
    }

    /// Starts a transaction.
    async fn begin(&mut self) -> Result<(), DbError>;

    /// Starts a transaction that will only read. A region that has a replica of its own
    /// may serve it from there; to any other it is [`Connection::begin`].
    async fn begin_read_only(&mut self) -> Result<(), DbError> {
        self.begin().await
    }

    /// The row of this key, read as strongly as this region offers.
    async fn read(&mut self, table: &Table, key: &str) -> Result<Option<Row>, DbError>;

    /// The same, and the row counts as written: of two transactions at the same time that
    /// hold or write a row, one commits (`SELECT … FOR UPDATE`). A row that is not there
    /// cannot be held. Where the database has no such thing, this is [`Connection::read`].
    async fn read_for_update(&mut self, table: &Table, key: &str) -> Result<Option<Row>, DbError>;

    /// Writes the row, whatever was there.
    async fn write(&mut self, table: &Table, row: &Row) -> Result<(), DbError>;

    /// Writes the row if the row that is there meets the expectation; says whether it did.
    async fn write_if(
        &mut self,
        table: &Table,
        row: &Row,
        expected: Expectation<'_>,
    ) -> Result<bool, DbError>;

    /// Adds a row under a key that is new.
    async fn append(&mut self, table: &Table, row: &Row) -> Result<(), DbError>;

    /// Makes the transaction's writes visible. An `Ok` means that they are committed.
    async fn commit(&mut self) -> Result<(), DbError>;

    /// Gives the transaction up. Never fails: what cannot be rolled back was not committed.
    async fn rollback(&mut self);

    /// A page of the committed table, from the beginning or from where the last page ended.
    async fn scan(&mut self, table: &Table, from: Option<&str>) -> Result<Page, DbError>;
}
