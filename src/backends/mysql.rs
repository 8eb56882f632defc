//! MySQL and MariaDB: servers that URLs name, or two nodes of MariaDB with Galera of this
//! process's own. One attempt is one attempt, and a statement's error is remembered: what
//! is left of its transaction is never committed.

mod examine;
mod grants;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Opts, OptsBuilder, SslOpts, Value};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use witness_workloads::{Connection, Database, DbError, Expectation, Page, Row, ServerTime, Table};

use super::tls::TlsParameters;
use super::{
    About, Backend, Endpoint, Isolation, OpenError, Opened, Options, Url, physical, servers,
};
use crate::doctor::Checks;
use crate::doctor::reach::{Opening, Server};
use crate::local::galera::{Cluster, Installed};

/// The environment variable that names servers, separated by white space.
const URLS: &str = "WITNESS_MYSQL_URLS";
/// Holds the password where the URL does not.
const PASSWORD: &str = "MYSQL_PWD";
/// Rows that a page of evidence has.
const PAGE_ROWS: usize = 1000;
/// The server gives a statement up first, and says so: then it did certainly not happen.
const GRACE: Duration = Duration::from_secs(1);

/// The backend `mysql`.
pub struct Mysql;

#[async_trait]
impl Backend for Mysql {
    fn name(&self) -> &'static str {
        "mysql"
    }

    fn about(&self) -> &'static str {
        "MySQL or MariaDB: servers named with --url, or MariaDB with Galera, started for the run"
    }

    fn by_default(&self) -> bool {
        false
    }

    fn heeds(&self) -> &'static [&'static str] {
        &["--url", "--isolation"]
    }

    fn defects(&self) -> Vec<&'static str> {
        Vec::new()
    }

    fn is_elsewhere(&self, options: &Options) -> Result<bool, OpenError> {
        let urls = servers::urls(options, URLS).map_err(OpenError::Options)?;
        Ok(!urls.is_empty())
    }

    async fn examine_host(&self, checks: &mut Checks) {
        examine::programs(checks);
    }

    async fn examine(&self, options: &Options, checks: &mut Checks) -> Result<(), OpenError> {
        match &servers::named(options, URLS, Place::new)?[..] {
            [] => examine::programs(checks),
            places => {
                for place in places {
                    examine::server(place, options.timeout, checks).await;
                }
            }
        }
        Ok(())
    }

    async fn open(&self, options: &Options) -> Result<Opened, OpenError> {
        let urls = servers::urls(options, URLS).map_err(OpenError::Options)?;
        if options.servers.standby {
            let message = "--standby is of PostgreSQL; the nodes of Galera are all alike";
            return Err(OpenError::Options(message.into()));
        }
        let cluster = match urls.is_empty() {
            true => Some(start().await?),
            false => None,
        };
        let urls = match &cluster {
            Some(cluster) => {
                let regions = servers::REGIONS.into_iter();
                regions
                    .zip(cluster.urls())
                    .map(|(r, url)| Url::new(r, url))
                    .collect()
            }
            None => urls,
        };
        let places: Result<Vec<_>, _> = urls.iter().map(Place::new).collect();
        let database = MysqlDatabase {
            regions: urls.iter().map(|url| url.region.clone()).collect(),
            places: places.map_err(OpenError::Options)?,
            isolation: options.servers.isolation,
            timeout: options.timeout,
        };
        Ok(Opened {
            about: database.about().await?,
            database: Arc::new(database),
            embedded: cluster.map(|cluster| Box::new(cluster) as _),
        })
    }
}

async fn start() -> Result<Cluster, OpenError> {
    let installed = Installed::find().map_err(|e| OpenError::Unavailable(e.to_string()))?;
    let failed = |reason| OpenError::Unavailable(format!("MariaDB did not start: {reason}"));
    let starting = tokio::task::spawn_blocking(move || Cluster::start(&installed));
    let started = starting.await.map_err(|e| failed(e.to_string()))?;
    started.map_err(|e| failed(e.to_string()))
}

/// A server, as seen from a region.
struct Place {
    region: String,
    /// Where it is, without any secret.
    printed: String,
    opts: Opts,
    /// Who may have signed; none: there is no TLS.
    roots: Option<Arc<RootCertStore>>,
}

impl Place {
    fn new(url: &Url) -> Result<Place, String> {
        let region = url.region.clone();
        let refused = |why: String| format!("the URL of {region}: {why}");
        let (plain, tls) = TlsParameters::take(url.expose()).map_err(refused)?;
        // What is wrong with it the driver would say with what was written.
        let bad = |_| refused("it is none of MySQL: mysql://USER@HOST:PORT/DATABASE".into());
        let opts = Opts::from_url(&plain).map_err(bad)?;
        let (host, port) = (opts.ip_or_hostname().to_owned(), opts.tcp_port());
        let ip = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
        let on_loopback = host == "localhost" || ip.is_ok_and(|ip| ip.is_loopback());
        let certificates = match tls.verified(on_loopback).map_err(refused)? {
            true => Some(tls.certificates().map_err(refused)?),
            false => None,
        };
        let database = opts.db_name().map(|name| format!("/{name}"));
        let mut builder = OptsBuilder::from_opts(opts.clone())
            .client_found_rows(true)
            .prefer_socket(false)
            .ssl_opts(certificates.as_deref().map(tls_options));
        if opts.pass().is_none() {
            builder = builder.pass(std::env::var(PASSWORD).ok());
        }
        Ok(Place {
            printed: format!("{host}:{port}{}", database.unwrap_or_default()),
            opts: builder.into(),
            roots: certificates.map(|certificates| {
                let mut roots = RootCertStore::empty();
                roots.add_parsable_certificates(certificates);
                Arc::new(roots)
            }),
            region,
        })
    }

    /// Where TLS is spoken; none: it is not.
    fn server(&self) -> Option<Server> {
        let name = self.opts.ip_or_hostname();
        Some(Server {
            name: name.trim_matches(['[', ']']).to_owned(),
            address: None,
            port: self.opts.tcp_port(),
            roots: Arc::clone(self.roots.as_ref()?),
            opening: Opening::Mysql,
        })
    }

    async fn connect(&self, setup: &[String], timeout: Duration) -> Result<Conn, DbError> {
        let refused = |why: &dyn std::fmt::Display| {
            let place = format!("{} ({})", self.region, self.printed);
            DbError::definite("connect", format!("{place}: {why}"))
        };
        let connecting = async {
            let mut conn = Conn::new(self.opts.clone()).await?;
            for setting in setup {
                conn.query_drop(setting).await?;
            }
            Ok::<_, mysql_async::Error>(conn)
        };
        let connected = tokio::time::timeout(timeout, connecting).await;
        connected
            .map_err(|_| refused(&format!("no answer within {timeout:?}")))?
            .map_err(|e| refused(&e))
    }
}

fn tls_options(roots: &[CertificateDer<'_>]) -> SslOpts {
    let roots = roots.iter().map(|der| der.to_vec().into());
    SslOpts::default()
        .with_root_certs(roots.collect())
        .with_disable_built_in_roots(true)
}

/// Whether the server is a node of a group; MySQL does not know of any.
async fn galera(conn: &mut Conn) -> bool {
    let asked = "SELECT @@wsrep_on AND @@wsrep_cluster_address <> ''";
    let said: Option<bool> = conn.query_first(asked).await.unwrap_or_default();
    said.unwrap_or(false)
}

struct MysqlDatabase {
    regions: Vec<String>,
    places: Vec<Place>,
    isolation: Isolation,
    timeout: Duration,
}

impl MysqlDatabase {
    async fn about(&self) -> Result<About, DbError> {
        let mut conn = self.places[0].connect(&[], self.timeout).await?;
        let version: Option<String> = conn
            .query_first("SELECT VERSION()")
            .await
            .map_err(|e| classify(&e, Stage::Statement))?;
        let version = version.unwrap_or_default();
        let galera = galera(&mut conn).await;
        let product = if version.contains("MariaDB") {
            "MariaDB"
        } else {
            "MySQL"
        };
        let number = version.split('-').next().unwrap_or_default();
        let with = if galera { " with Galera" } else { "" };
        let (claim, isolation) = match (self.isolation, galera) {
            (Isolation::ReadCommitted, _) => ("read committed", None),
            // Updates may be lost: it is not what the name says, nor snapshot isolation.
            (Isolation::RepeatableRead, _) => ("InnoDB's repeatable read", None),
            (Isolation::Serializable, false) => ("serializable", Some("serializable")),
            (Isolation::Serializable, true) => ("serializable on each node alone", None),
        };
        let endpoints = self.places.iter().map(|place| Endpoint {
            region: place.region.clone(),
            host: place.printed.clone(),
        });
        Ok(About {
            title: format!("{product} {number}{with}, {}", self.isolation),
            provenance: "real",
            claim,
            isolation,
            endpoints: endpoints.collect(),
        })
    }

    /// What a client tells the server once.
    fn setup(&self) -> [String; 2] {
        let level = self.isolation.name().replace('-', " ");
        let (wait, statement) = (self.timeout.as_secs().max(1), self.timeout.as_secs_f64());
        [
            format!("SET SESSION TRANSACTION ISOLATION LEVEL {level}"),
            // MariaDB alone reads what is marked so.
            format!(
                "SET SESSION innodb_lock_wait_timeout = {wait} \
                 /*M! , max_statement_time = {statement} */"
            ),
        ]
    }

    fn place(&self, region: &str) -> Result<&Place, DbError> {
        let found = self.places.iter().find(|place| place.region == region);
        found.ok_or_else(|| DbError::definite("region", format!("no server in {region}")))
    }
}

#[async_trait]
impl Database for MysqlDatabase {
    fn regions(&self) -> &[String] {
        &self.regions
    }

    async fn create(&self, tables: &[Table]) -> Result<(), DbError> {
        let mut conn = self.places[0].connect(&self.setup(), self.timeout).await?;
        for table in tables {
            let columns = table.columns.iter().map(|c| format!(", `{c}` LONGTEXT"));
            let (name, columns) = (physical(table), columns.collect::<String>());
            for ddl in [
                format!("DROP TABLE IF EXISTS {name}"),
                format!(
                    "CREATE TABLE {name} (`{}` VARCHAR(255) PRIMARY KEY{columns}) \
                     ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
                    table.key
                ),
            ] {
                let made = conn.query_drop(&ddl).await;
                made.map_err(|e| classify(&e, Stage::Statement))?;
            }
        }
        // A node that is behind has the tables of another run, or none.
        for place in &self.places {
            let mut conn = place.connect(&self.setup(), self.timeout).await?;
            let _ = conn.query_drop("SET SESSION wsrep_sync_wait = 15").await;
            for table in tables {
                let empty = format!("SELECT COUNT(*) FROM {}", physical(table));
                let found: Result<Option<u64>, _> = conn.query_first(&empty).await;
                if found.map_err(|e| classify(&e, Stage::Statement))? != Some(0) {
                    let message = format!("{} does not show the new tables", place.printed);
                    return Err(DbError::definite("not-replicated", message));
                }
            }
        }
        Ok(())
    }

    async fn connect(&self, region: &str) -> Result<Box<dyn Connection>, DbError> {
        let conn = self
            .place(region)?
            .connect(&self.setup(), self.timeout)
            .await?;
        Ok(Box::new(MysqlConnection {
            conn,
            timeout: self.timeout + GRACE,
            failed: None,
        }))
    }
}

/// One client's connection.
struct MysqlConnection {
    conn: Conn,
    timeout: Duration,
    /// A statement of the open transaction failed: it can only be rolled back.
    failed: Option<DbError>,
}

impl MysqlConnection {
    /// Waits for the driver, but not for ever: past the time-out nobody knows.
    async fn within<T>(
        &mut self,
        stage: Stage,
        work: impl AsyncFnOnce(&mut Conn) -> Result<T, mysql_async::Error>,
    ) -> Result<T, DbError> {
        if let Some(failed) = &self.failed {
            return Err(failed.clone());
        }
        let result = match tokio::time::timeout(self.timeout, work(&mut self.conn)).await {
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

    async fn run(&mut self, stage: Stage, sql: &str) -> Result<(), DbError> {
        self.within(stage, async |c| c.query_drop(sql).await).await
    }

    /// How many rows it met.
    async fn execute(&mut self, sql: &str, parameters: Vec<Value>) -> Result<u64, DbError> {
        self.within(Stage::Statement, async |c| {
            c.exec_drop(sql, parameters).await?;
            Ok(c.affected_rows())
        })
        .await
    }

    async fn query(
        &mut self,
        table: &Table,
        condition: &str,
        parameters: Vec<Value>,
    ) -> Result<Vec<Row>, DbError> {
        let names = || std::iter::once(&table.key).chain(table.columns);
        let columns: Vec<_> = names().map(|name| format!("`{name}`")).collect();
        let (columns, name) = (columns.join(", "), physical(table));
        let sql = format!("SELECT {columns} FROM {name} {condition}");
        let found: Vec<mysql_async::Row> = self
            .within(Stage::Statement, async |c| c.exec(&sql, parameters).await)
            .await?;
        let row = |found: mysql_async::Row| {
            let values = names().zip(found.unwrap());
            values.filter_map(|(name, value)| match value {
                Value::Bytes(text) => String::from_utf8(text).ok().map(|t| ((*name).into(), t)),
                _ => None,
            })
        };
        Ok(found
            .into_iter()
            .map(|found| row(found).collect())
            .collect())
    }

    async fn insert(&mut self, table: &Table, row: &Row, clash: &str) -> Result<(), DbError> {
        let columns: Vec<_> = row.keys().map(|name| format!("`{name}`")).collect();
        let sql = format!(
            "INSERT INTO {} ({}) VALUES ({}) {clash}",
            physical(table),
            columns.join(", "),
            vec!["?"; row.len()].join(", ")
        );
        let values = row.values().map(Value::from).collect();
        self.execute(&sql, values).await.map(drop)
    }
}

#[async_trait]
impl Connection for MysqlConnection {
    /// The clock is that of the statement's begin.
    async fn ping(&mut self) -> Result<Option<ServerTime>, DbError> {
        let asked = "SELECT TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6))";
        let said: Option<u64> = self
            .within(Stage::Statement, async |c| c.query_first(asked).await)
            .await?;
        Ok(said.map(|us| ServerTime {
            at: SystemTime::UNIX_EPOCH + Duration::from_micros(us),
            resolution: Duration::from_micros(1),
        }))
    }

    async fn begin(&mut self) -> Result<(), DbError> {
        self.run(Stage::Statement, "START TRANSACTION").await
    }

    async fn begin_read_only(&mut self) -> Result<(), DbError> {
        self.run(Stage::Statement, "START TRANSACTION READ ONLY")
            .await
    }

    async fn read(&mut self, table: &Table, key: &str) -> Result<Option<Row>, DbError> {
        let condition = format!("WHERE `{}` = ?", table.key);
        Ok(self.query(table, &condition, vec![key.into()]).await?.pop())
    }

    async fn read_for_update(&mut self, table: &Table, key: &str) -> Result<Option<Row>, DbError> {
        let condition = format!("WHERE `{}` = ? FOR UPDATE", table.key);
        Ok(self.query(table, &condition, vec![key.into()]).await?.pop())
    }

    async fn write(&mut self, table: &Table, row: &Row) -> Result<(), DbError> {
        let changes = table
            .columns
            .iter()
            .map(|c| format!("`{c}` = VALUES(`{c}`)"));
        let changes = changes.collect::<Vec<_>>().join(", ");
        self.insert(table, row, &format!("ON DUPLICATE KEY UPDATE {changes}"))
            .await
    }

    async fn write_if(
        &mut self,
        table: &Table,
        row: &Row,
        expected: Expectation<'_>,
    ) -> Result<bool, DbError> {
        let changes: Vec<_> = table.columns.iter().map(|c| format!("`{c}` = ?")).collect();
        let sql = format!(
            "UPDATE {} SET {} WHERE `{}` = ? AND `{}` = ?",
            physical(table),
            changes.join(", "),
            table.key,
            expected.column
        );
        let value = |column: &&str| row.get(*column).map_or(Value::NULL, Value::from);
        let mut parameters: Vec<_> = table.columns.iter().map(value).collect();
        parameters.push(value(&table.key));
        parameters.push(expected.value.into());
        Ok(self.execute(&sql, parameters).await? == 1)
    }

    async fn append(&mut self, table: &Table, row: &Row) -> Result<(), DbError> {
        self.insert(table, row, "").await
    }

    async fn commit(&mut self) -> Result<(), DbError> {
        self.run(Stage::Commit, "COMMIT").await
    }

    async fn rollback(&mut self) {
        // Whatever comes of it, nothing was committed; what the connection is
        // still good for shows at the next START TRANSACTION.
        self.failed = None;
        let _ = self.run(Stage::Statement, "ROLLBACK").await;
    }

    async fn scan(&mut self, table: &Table, from: Option<&str>) -> Result<Page, DbError> {
        let order = format!("ORDER BY `{}` LIMIT {PAGE_ROWS}", table.key);
        let rows = match from {
            None => self.query(table, &order, Vec::new()).await?,
            Some(from) => {
                let condition = format!("WHERE `{}` > ? {order}", table.key);
                self.query(table, &condition, vec![from.into()]).await?
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

/// What an error means depends on what was asked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Statement,
    Commit,
}

/// Exactly what is known after an error, by its number.
fn classify(error: &mysql_async::Error, stage: Stage) -> DbError {
    let mysql_async::Error::Server(server) = error else {
        // No answer from the server: the way broke after the request left.
        return DbError::indeterminate("connection", error);
    };
    let (code, message) = (server.code.to_string(), &server.message);
    match server.code {
        // A deadlock, which is also how Galera refuses a commit; a row that changed since it
        // was read; a lock that was not to be had in time.
        1213 | 1020 | 1205 => DbError::conflict(code, message),
        // The server or the session is being ended.
        1053 | 1927 => DbError::indeterminate(code, message),
        _ if server.state.starts_with("08") => DbError::indeterminate(code, message),
        // Of a COMMIT, nothing but a broken constraint is certain.
        _ if stage == Stage::Commit && !server.state.starts_with("23") => {
            DbError::indeterminate(code, message)
        }
        _ => DbError::definite(code, message),
    }
}

#[cfg(test)]
mod tests {
    use mysql_async::{DriverError, Error, ServerError};
    use witness_workloads::Fault::{self, Conflict, Definite, Indeterminate};

    use super::*;

    #[test]
    fn every_number_has_its_class() {
        for (code, state, at_statement, at_commit) in [
            (1213, "40001", Conflict, Conflict),
            (1205, "HY000", Conflict, Conflict),
            (1020, "HY000", Conflict, Conflict),
            (1062, "23000", Definite, Definite),
            (1452, "23000", Definite, Definite),
            (1146, "42S02", Definite, Indeterminate),
            (1969, "70100", Definite, Indeterminate),
            (1180, "HY000", Definite, Indeterminate),
            (1047, "08S01", Indeterminate, Indeterminate),
            (1053, "08S01", Indeterminate, Indeterminate),
            (1927, "70100", Indeterminate, Indeterminate),
        ] {
            let error = Error::Server(ServerError {
                code,
                state: state.into(),
                message: "as asked for".into(),
            });
            let class = |stage| {
                let known = classify(&error, stage);
                assert_eq!(known.class, code.to_string());
                known.fault
            };
            let known: [Fault; 2] = [class(Stage::Statement), class(Stage::Commit)];
            assert_eq!(known, [at_statement, at_commit], "{code}");
        }
        let closed = classify(
            &Error::Driver(DriverError::ConnectionClosed),
            Stage::Statement,
        );
        assert_eq!(closed.fault, Indeterminate);
    }

    #[test]
    fn tls_is_verified_beyond_loopback_and_no_secret_is_shown() {
        for (url, printed, tls) in [
            ("mysql://u:hunter2@127.0.0.1/d", "127.0.0.1:3306/d", false),
            ("mysql://u:hunter2@localhost:7", "localhost:7", false),
            (
                "mysql://u:hunter2@db.example.com/d",
                "db.example.com:3306/d",
                true,
            ),
            (
                "mysql://u@10.0.0.1/d?sslmode=disable",
                "10.0.0.1:3306/d",
                false,
            ),
            (
                "mysql://u@localhost/d?sslmode=require",
                "localhost:3306/d",
                true,
            ),
        ] {
            let place = Place::new(&Url::new("here", url)).unwrap();
            assert_eq!(place.printed, printed);
            let options = place.opts.ssl_opts();
            assert_eq!(options.is_some(), tls, "{url}");
            let lax = |o: &SslOpts| o.accept_invalid_certs() || o.skip_domain_validation();
            assert!(!options.is_some_and(lax), "{url}");
        }
        for url in [
            "postgres://u:hunter2@h/d",
            "mysql://u:hunter2@h/d?hunter2=1",
            "mysql://u:hunter2@h:hunter2/d",
            "mysql://u:hunter2@h/d?sslmode=prefer",
            "mysql://u:hunter2@h/d?verify_ca=hunter2",
        ] {
            let refused = Place::new(&Url::new("here", url)).err().unwrap();
            assert!(!refused.contains("hunter2"), "{refused}");
        }
    }
}
