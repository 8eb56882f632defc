//! A client's connection, renewed between transactions before the service ends it, and
//! given back for the next client when nothing went wrong on it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use tokio_postgres::Client;
use witness_workloads::{Connection, DbError, Expectation, Page, Row, ServerTime, Table};

use super::super::sql::SqlConnection;
use super::super::sql_tables::Tables;
use super::connector::Connector;
use super::node::Node;

/// The service ends a connection after an hour, and a transaction after five minutes: one
/// that begins before this is over is not cut off.
const AGE_MAX: Duration = Duration::from_secs(54 * 60);

/// All connections to a cluster: those that nobody uses at the moment, and how to make
/// more. There are never more than clients at once.
pub(super) struct Pool {
    connector: Connector,
    /// By region.
    idle: Mutex<HashMap<String, Vec<Session>>>,
    age_max: Duration,
}

/// A connection and when it was made.
struct Session {
    sql: SqlConnection,
    since: Instant,
}

impl Pool {
    pub(super) fn new(connector: Connector) -> Pool {
        Pool {
            connector,
            idle: Mutex::default(),
            age_max: AGE_MAX,
        }
    }

    /// The same, but connections are renewed after this.
    #[cfg(test)]
    pub(super) fn renewed_after(self, age_max: Duration) -> Pool {
        Pool { age_max, ..self }
    }

    pub(super) fn connector(&self) -> &Connector {
        &self.connector
    }

    /// As if nobody had given a connection back.
    #[cfg(test)]
    pub(super) fn forget_idle(&self) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.clear();
    }

    /// A connection for one client.
    pub(super) async fn take(self: Arc<Pool>, node: &Node) -> Result<PooledConnection, DbError> {
        let session = self.session(node).await?;
        Ok(PooledConnection {
            pool: self,
            node: node.clone(),
            session: Some(session),
            busy: false,
        })
    }

    async fn session(&self, node: &Node) -> Result<Session, DbError> {
        let new = |client: Client| Session {
            sql: SqlConnection::new(client, self.connector.timeout()),
            since: Instant::now(),
        };
        self.connector.connect(node, || self.idle(node), new).await
    }

    fn idle(&self, node: &Node) -> Option<Session> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let sessions = idle.get_mut(&node.region)?;
        while let Some(session) = sessions.pop() {
            if self.is_good(&session) {
                return Some(session);
            }
        }
        None
    }

    fn give_back(&self, node: &Node, session: Session) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.entry(node.region.clone()).or_default().push(session);
    }

    fn is_good(&self, session: &Session) -> bool {
        session.sql.is_sound() && session.since.elapsed() < self.age_max
    }
}

/// One client's connection.
pub(super) struct PooledConnection {
    pool: Arc<Pool>,
    node: Node,
    /// None only while it is being dropped.
    session: Option<Session>,
    /// A transaction is open, or a request under way: what was asked and not waited for
    /// must not meet the next client.
    busy: bool,
}

impl Drop for PooledConnection {
    fn drop(&mut self) {
        if let Some(session) = self.session.take()
            && !self.busy
            && self.pool.is_good(&session)
        {
            self.pool.give_back(&self.node, session);
        }
    }
}

impl PooledConnection {
    fn sql(&mut self) -> Result<&mut SqlConnection, DbError> {
        let gone = || DbError::definite("connect", "the connection was given back");
        self.session.as_mut().map(|s| &mut s.sql).ok_or_else(gone)
    }

    /// One change of the schema, in a transaction of its own.
    pub(super) async fn define(&mut self, ddl: &str) -> Result<(), DbError> {
        self.request(async |sql| sql.define(ddl).await).await
    }

    /// Whether a run's tables can be made.
    pub(super) async fn tables(&mut self) -> Result<Tables, DbError> {
        self.request(async |sql| sql.tables().await).await
    }

    /// A request that leaves no transaction behind, unless one is open already.
    async fn request<T>(
        &mut self,
        work: impl AsyncFnOnce(&mut SqlConnection) -> Result<T, DbError>,
    ) -> Result<T, DbError> {
        let open = std::mem::replace(&mut self.busy, true);
        let done = work(self.sql()?).await;
        self.busy = open;
        done
    }
}

#[async_trait]
impl Connection for PooledConnection {
    async fn ping(&mut self) -> Result<Option<ServerTime>, DbError> {
        self.request(async |sql| sql.ping().await).await
    }

    /// The only place where a connection is replaced: nothing has been sent yet.
    async fn begin(&mut self) -> Result<(), DbError> {
        let good = self.session.as_ref().is_some_and(|s| self.pool.is_good(s));
        if !good && !self.busy {
            self.session = Some(self.pool.session(&self.node).await?);
        }
        self.busy = true;
        self.sql()?.begin().await
    }

    async fn read(&mut self, table: &Table, key: &str) -> Result<Option<Row>, DbError> {
        self.request(async |sql| sql.read(table, key).await).await
    }

    async fn read_for_update(&mut self, table: &Table, key: &str) -> Result<Option<Row>, DbError> {
        self.request(async |sql| sql.read_for_update(table, key).await)
            .await
    }

    async fn write(&mut self, table: &Table, row: &Row) -> Result<(), DbError> {
        self.request(async |sql| sql.write(table, row).await).await
    }

    async fn write_if(
        &mut self,
        table: &Table,
        row: &Row,
        expected: Expectation<'_>,
    ) -> Result<bool, DbError> {
        self.request(async |sql| sql.write_if(table, row, expected).await)
            .await
    }

    async fn append(&mut self, table: &Table, row: &Row) -> Result<(), DbError> {
        self.request(async |sql| sql.append(table, row).await).await
    }

    /// A commit that failed leaves the connection to a rollback.
    async fn commit(&mut self) -> Result<(), DbError> {
        self.busy = true;
        let done = self.sql()?.commit().await;
        self.busy = done.is_err();
        done
    }

    async fn rollback(&mut self) {
        self.busy = true;
        if let Ok(sql) = self.sql() {
            sql.rollback().await;
        }
        self.busy = false;
    }

    async fn scan(&mut self, table: &Table, from: Option<&str>) -> Result<Page, DbError> {
        self.request(async |sql| sql.scan(table, from).await).await
    }
}

#[cfg(test)]
mod tests {
    use witness_regions::credentials::Credentials;

    use super::*;
    use crate::backends::{DsqlOptions, aws};

    /// The service ends a connection after an hour, and a transaction after five minutes.
    #[tokio::test]
    async fn no_transaction_begins_on_a_connection_that_may_end_before_it() {
        let aws = aws::embedded("us-east-1", &Credentials::default()).await;
        let roots = rustls::RootCertStore::empty();
        let timeout = Duration::from_secs(10);
        let pool = Pool::new(Connector::new(aws, roots, DsqlOptions::default(), timeout));
        let [hour, transaction] = [60, 5].map(|minutes| Duration::from_secs(60 * minutes));
        assert!(pool.age_max + transaction < hour, "{:?}", pool.age_max);
    }
}
