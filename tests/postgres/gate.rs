//! A database, with one thing made certain that a busy machine makes only
//! likely: clients overlap. The first of a client's writes that follows a read of the same
//! transaction waits until every client has come as far. All have then read before any
//! has written.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Barrier;
use witness_workloads::{Connection, Database, DbError, Expectation, Page, Row, Table};

/// A client that waits longer than this for the others goes on: the test then fails.
const PATIENCE: Duration = Duration::from_secs(60);

/// The database, for so many clients of one burst.
pub fn gated(database: Arc<dyn Database>, clients: usize) -> Arc<dyn Database> {
    let gate = Arc::new(Barrier::new(clients));
    Arc::new(GatedDatabase { database, gate })
}

struct GatedDatabase {
    database: Arc<dyn Database>,
    gate: Arc<Barrier>,
}

#[async_trait]
impl Database for GatedDatabase {
    fn regions(&self) -> &[String] {
        self.database.regions()
    }

    async fn create(&self, tables: &[Table]) -> Result<(), DbError> {
        self.database.create(tables).await
    }

    async fn connect(&self, region: &str) -> Result<Box<dyn Connection>, DbError> {
        Ok(Box::new(GatedConnection {
            connection: self.database.connect(region).await?,
            gate: Some(Arc::clone(&self.gate)),
            has_read: false,
        }))
    }
}

struct GatedConnection {
    connection: Box<dyn Connection>,
    /// None: passed.
    gate: Option<Arc<Barrier>>,
    has_read: bool,
}

impl GatedConnection {
    async fn pass(&mut self) {
        if self.has_read
            && let Some(gate) = self.gate.take()
        {
            let _ = tokio::time::timeout(PATIENCE, gate.wait()).await;
        }
    }
}

#[async_trait]
impl Connection for GatedConnection {
    async fn begin(&mut self) -> Result<(), DbError> {
        self.has_read = false;
        self.connection.begin().await
    }

    async fn begin_read_only(&mut self) -> Result<(), DbError> {
        self.has_read = false;
        self.connection.begin_read_only().await
    }

    async fn read(&mut self, table: &Table, key: &str) -> Result<Option<Row>, DbError> {
        self.has_read = true;
        self.connection.read(table, key).await
    }

    async fn read_for_update(&mut self, table: &Table, key: &str) -> Result<Option<Row>, DbError> {
        self.has_read = true;
        self.connection.read_for_update(table, key).await
    }

    async fn write(&mut self, table: &Table, row: &Row) -> Result<(), DbError> {
        self.pass().await;
        self.connection.write(table, row).await
    }

    async fn write_if(
        &mut self,
        table: &Table,
        row: &Row,
        expected: Expectation<'_>,
    ) -> Result<bool, DbError> {
        self.pass().await;
        self.connection.write_if(table, row, expected).await
    }

    async fn append(&mut self, table: &Table, row: &Row) -> Result<(), DbError> {
        self.pass().await;
        self.connection.append(table, row).await
    }

    async fn commit(&mut self) -> Result<(), DbError> {
        self.connection.commit().await
    }

    async fn rollback(&mut self) {
        self.connection.rollback().await;
    }

    async fn scan(&mut self, table: &Table, from: Option<&str>) -> Result<Page, DbError> {
        self.connection.scan(table, from).await
    }
}
