//! The table in which the parts of a run meet: rows are appended and read, and never changed.
//! What a row means it does not know.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use witness_workloads::{Connection, Database, DbError, Fault, PARTS, Row};

use super::super::evidence;
use super::{POLL, PartError};

/// The table, and a connection while it is good.
pub(super) struct PartsTable {
    database: Arc<dyn Database>,
    db: Option<Box<dyn Connection>>,
}

impl PartsTable {
    pub(super) fn new(database: &Arc<dyn Database>) -> PartsTable {
        PartsTable {
            database: Arc::clone(database),
            db: None,
        }
    }

    pub(super) async fn rows(&mut self) -> Result<Vec<Row>, DbError> {
        let mut db = self.connection().await?;
        let done = read_all(db.as_mut()).await;
        self.keep(db, done).await
    }

    pub(super) async fn row(&mut self, id: &str) -> Result<Option<Row>, DbError> {
        let mut db = self.connection().await?;
        let done = read(db.as_mut(), id).await;
        self.keep(db, done).await
    }

    /// How many take themselves for that part, at that step. Their keys nobody knows.
    pub(super) async fn there(
        &mut self,
        run: &str,
        step: u64,
        part: usize,
    ) -> Result<usize, DbError> {
        let rows = self.rows().await?;
        let here =
            |row: &&Row| is(row, "run", run) && is(row, "step", step) && is(row, "part", part);
        Ok(rows.iter().filter(here).count())
    }

    /// Appends the row, or finds it there: it may be, although nobody said so.
    pub(super) async fn append(&mut self, row: &Row, wait_max: Duration) -> Result<(), PartError> {
        let began = Instant::now();
        let id = row.get(PARTS.key).map_or("", String::as_str);
        loop {
            let Err(error) = self.append_once(row).await else {
                return Ok(());
            };
            match self.row(id).await {
                Ok(Some(there)) if there == *row => return Ok(()),
                // Only the opening of another run can be there under the same key.
                Ok(Some(_)) => return Err(PartError::Displaced),
                _ if began.elapsed() > wait_max => return Err(PartError::Untold(error)),
                _ => tokio::time::sleep(POLL).await,
            }
        }
    }

    async fn append_once(&mut self, row: &Row) -> Result<(), DbError> {
        let mut db = self.connection().await?;
        let done = append(db.as_mut(), row).await;
        self.keep(db, done).await
    }

    async fn connection(&mut self) -> Result<Box<dyn Connection>, DbError> {
        match self.db.take() {
            Some(db) => Ok(db),
            None => self.database.connect(&self.database.regions()[0]).await,
        }
    }

    /// Keeps the connection, unless nobody knows what became of its transaction.
    async fn keep<T>(
        &mut self,
        mut db: Box<dyn Connection>,
        done: Result<T, DbError>,
    ) -> Result<T, DbError> {
        match done.as_ref().err().map(|error| error.fault) {
            Some(Fault::Indeterminate) => return done,
            Some(_) => db.rollback().await,
            None => {}
        }
        self.db = Some(db);
        done
    }
}

/// The whole table, as strongly as the region reads. The transaction is none that only reads,
/// so that no replica serves it.
async fn read_all(db: &mut dyn Connection) -> Result<Vec<Row>, DbError> {
    db.begin().await?;
    let rows = evidence::scan(db, &PARTS).await?;
    db.commit().await.map(|()| rows)
}

/// One row. Where the application reads what may be old, it may not be there yet.
async fn read(db: &mut dyn Connection, id: &str) -> Result<Option<Row>, DbError> {
    db.begin().await?;
    let row = db.read(&PARTS, id).await?;
    db.commit().await.map(|()| row)
}

async fn append(db: &mut dyn Connection, row: &Row) -> Result<(), DbError> {
    db.begin().await?;
    db.append(&PARTS, row).await?;
    db.commit().await
}

/// Whether the row has this value in that column.
pub(super) fn is(row: &Row, column: &str, value: impl ToString) -> bool {
    row.get(column).is_some_and(|it| *it == value.to_string())
}
