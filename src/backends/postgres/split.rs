//! A client that stands where a standby is: what only reads goes there, everything else
//! to the primary.

use async_trait::async_trait;
use witness_workloads::{Connection, DbError, Expectation, Page, Row, ServerTime, Table};

use super::super::sql::SqlConnection;

/// Two connections, used as one.
pub(super) struct SplitConnection {
    primary: SqlConnection,
    standby: SqlConnection,
    /// The transaction only reads.
    read_only: bool,
}

impl SplitConnection {
    pub(super) fn new(primary: SqlConnection, standby: SqlConnection) -> SplitConnection {
        SplitConnection {
            primary,
            standby,
            read_only: false,
        }
    }

    /// Where the transaction runs.
    fn here(&mut self) -> &mut SqlConnection {
        match self.read_only {
            true => &mut self.standby,
            false => &mut self.primary,
        }
    }
}

#[async_trait]
impl Connection for SplitConnection {
    /// To the server of this region.
    async fn ping(&mut self) -> Result<Option<ServerTime>, DbError> {
        self.standby.ping().await
    }

    async fn begin(&mut self) -> Result<(), DbError> {
        self.read_only = false;
        self.here().begin().await
    }

    async fn begin_read_only(&mut self) -> Result<(), DbError> {
        self.read_only = true;
        self.here().begin().await
    }

    async fn read(&mut self, table: &Table, key: &str) -> Result<Option<Row>, DbError> {
        self.here().read(table, key).await
    }

    async fn read_for_update(&mut self, table: &Table, key: &str) -> Result<Option<Row>, DbError> {
        self.here().read_for_update(table, key).await
    }

    async fn write(&mut self, table: &Table, row: &Row) -> Result<(), DbError> {
        self.here().write(table, row).await
    }

    async fn write_if(
        &mut self,
        table: &Table,
        row: &Row,
        expected: Expectation<'_>,
    ) -> Result<bool, DbError> {
        self.here().write_if(table, row, expected).await
    }

    async fn append(&mut self, table: &Table, row: &Row) -> Result<(), DbError> {
        self.here().append(table, row).await
    }

    async fn commit(&mut self) -> Result<(), DbError> {
        self.here().commit().await
    }

    async fn rollback(&mut self) {
        self.here().rollback().await;
    }

    async fn scan(&mut self, table: &Table, from: Option<&str>) -> Result<Page, DbError> {
        self.here().scan(table, from).await
    }
}
