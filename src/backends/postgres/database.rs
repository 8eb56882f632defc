//! The backend `postgres`, and the `Database` port over it.

use std::time::{Duration, Instant};

use async_trait::async_trait;
use tokio_postgres::Client;
use witness_workloads::{Connection, Database, DbError, Table};

use super::super::sql::{SqlConnection, Stage, classify, ddl};
use super::super::{
    About, Backend, Endpoint, Isolation, OpenError, Opened, Options, ServerOptions, Url, physical,
    servers,
};
use super::examine;
use super::split::SplitConnection;
use super::target::Target;
use crate::doctor::Checks;
use crate::local::postgres::{Cluster, Installed, Settings};

/// The environment variable that names servers, separated by white space.
const URLS: &str = "WITNESS_POSTGRES_URLS";
/// The server gives a statement up first, and says so: then it did certainly not happen.
const GRACE: Duration = Duration::from_secs(1);

/// The backend `postgres`.
pub struct Postgres;

#[async_trait]
impl Backend for Postgres {
    fn name(&self) -> &'static str {
        "postgres"
    }

    fn about(&self) -> &'static str {
        "PostgreSQL: servers named with --url, or a cluster that is started for the run"
    }

    fn by_default(&self) -> bool {
        false
    }

    fn heeds(&self) -> &'static [&'static str] {
        &["--url", "--isolation", "--standby", "--standby-lag"]
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
        match &servers::named(options, URLS, Target::new)?[..] {
            [] => examine::programs(checks),
            targets => examine::servers(targets, options.timeout, checks).await,
        }
        Ok(())
    }

    async fn open(&self, options: &Options) -> Result<Opened, OpenError> {
        let wanted = &options.servers;
        let mut urls = servers::urls(options, URLS).map_err(OpenError::Options)?;
        let cluster = match urls.is_empty() {
            true => Some(start(wanted).await?),
            false => None,
        };
        if let Some(cluster) = &cluster {
            let second = cluster.standby_url().unwrap_or(cluster.primary_url());
            urls = vec![
                Url::new(servers::REGIONS[0], cluster.primary_url()),
                Url::new(servers::REGIONS[1], second),
            ];
        }
        let (database, version) =
            PostgresDatabase::open(&urls, wanted.isolation, options.timeout).await?;
        Ok(Opened {
            about: database.about(&version),
            database: std::sync::Arc::new(database),
            embedded: cluster.map(|cluster| Box::new(cluster) as _),
        })
    }
}

/// A cluster of our own.
async fn start(wanted: &ServerOptions) -> Result<Cluster, OpenError> {
    let installed = Installed::find().map_err(|e| OpenError::Unavailable(e.to_string()))?;
    let settings = Settings {
        standby: wanted.standby,
        standby_lag: wanted.standby_lag,
    };
    let failed = |reason| OpenError::Unavailable(format!("PostgreSQL did not start: {reason}"));
    let starting = tokio::task::spawn_blocking(move || Cluster::start(&installed, settings));
    let started = starting.await.map_err(|e| failed(e.to_string()))?;
    started.map_err(|e| failed(e.to_string()))
}

/// What a server says of itself.
pub(super) struct Greeting {
    pub(super) version: String,
    pub(super) standby: bool,
    /// What a primary and its standbys have in common; none where it may not be asked.
    pub(super) system: Option<String>,
}

impl Greeting {
    pub(super) async fn of(client: &Client) -> Result<Greeting, DbError> {
        let asked = "SELECT current_setting('server_version'), pg_is_in_recovery()";
        let row = client.query_one(asked, &[]).await;
        let row = row.map_err(|e| classify(&e, Stage::Statement))?;
        let system = "SELECT system_identifier::text FROM pg_control_system()";
        let system = client.query_one(system, &[]).await.ok();
        Ok(Greeting {
            version: row.get(0),
            standby: row.get(1),
            system: system.map(|row| row.get(0)),
        })
    }
}

/// A server, as seen from a region.
struct Place {
    target: Target,
    standby: bool,
}

struct PostgresDatabase {
    regions: Vec<String>,
    places: Vec<Place>,
    isolation: Isolation,
    timeout: Duration,
}

impl PostgresDatabase {
    /// Connects to every server once: it says whether it is a primary or a standby. The
    /// version is that of the primary.
    async fn open(
        urls: &[Url],
        isolation: Isolation,
        timeout: Duration,
    ) -> Result<(PostgresDatabase, String), OpenError> {
        let mut places = Vec::new();
        let mut version = None;
        let mut system: Option<String> = None;
        for url in urls {
            let target = Target::new(url).map_err(OpenError::Options)?;
            let client = target.connect(timeout).await?;
            let greeting = Greeting::of(&client).await?;
            if !greeting.standby {
                version.get_or_insert(greeting.version);
            }
            if let (Some(known), Some(other)) = (&system, &greeting.system)
                && known != other
            {
                return Err(OpenError::Options(format!(
                    "{} is another database than {}: neither a standby of it, nor the same server",
                    target.printed,
                    places.first().map_or("", |p: &Place| &p.target.printed)
                )));
            }
            system = system.or(greeting.system);
            places.push(Place {
                target,
                standby: greeting.standby,
            });
        }
        let Some(version) = version else {
            let message = "every --url is of a standby; the primary's is needed too".into();
            return Err(OpenError::Options(message));
        };
        let database = PostgresDatabase {
            regions: urls.iter().map(|url| url.region.clone()).collect(),
            places,
            isolation,
            timeout,
        };
        Ok((database, version))
    }

    fn about(&self, version: &str) -> About {
        let standby = self.places.iter().any(|place| place.standby);
        // As PostgreSQL's documentation has it: repeatable read is snapshot isolation, a
        // standby has no more than that, and is behind. Read committed lets another come
        // between the read and the write that an append to a list is here: what then
        // contradicts itself is no broken promise.
        let (claim, isolation) = match (self.isolation, standby) {
            (Isolation::ReadCommitted, false) => ("read committed", None),
            (Isolation::ReadCommitted, true) => {
                ("read committed, with a standby that is behind", None)
            }
            (Isolation::RepeatableRead, false) => (
                "repeatable read: snapshot isolation",
                Some("strong-snapshot-isolation"),
            ),
            (Isolation::RepeatableRead, true) => (
                "snapshot isolation, with a standby that is behind",
                Some("snapshot-isolation"),
            ),
            (Isolation::Serializable, false) => ("serializable", Some("serializable")),
            (Isolation::Serializable, true) => (
                "serializable, with a standby that has snapshot isolation and is behind",
                Some("snapshot-isolation"),
            ),
        };
        let number = version.split_whitespace().next().unwrap_or(version);
        let with = if standby { ", with a hot standby" } else { "" };
        let endpoints = self.places.iter().map(|place| {
            let role = if place.standby { " (standby)" } else { "" };
            Endpoint {
                region: place.target.region.clone(),
                host: format!("{}{role}", place.target.printed),
            }
        });
        About {
            title: format!("PostgreSQL {number}, {}{with}", self.isolation),
            provenance: "real",
            claim,
            isolation,
            endpoints: endpoints.collect(),
        }
    }

    fn primary(&self) -> Result<&Place, DbError> {
        let found = self.places.iter().find(|place| !place.standby);
        found.ok_or_else(|| DbError::definite("region", "no primary"))
    }

    async fn client(&self, place: &Place) -> Result<SqlConnection, DbError> {
        let isolation = match self.isolation {
            Isolation::ReadCommitted => "READ COMMITTED",
            Isolation::Serializable if !place.standby => "SERIALIZABLE",
            // A standby has nothing stronger.
            Isolation::Serializable | Isolation::RepeatableRead => "REPEATABLE READ",
        };
        let client = place.target.connect(self.timeout).await?;
        Ok(SqlConnection::new(client, self.timeout + GRACE).at(isolation))
    }

    /// Waits until the place has the primary's table, which replaced one of the same name.
    async fn shown(&self, place: &Place, table: &Table, number: &str) -> Result<(), DbError> {
        let client = place.target.connect(self.timeout).await?;
        let began = Instant::now();
        while identity(&client, table).await?.as_deref() != Some(number) {
            if began.elapsed() > self.timeout {
                let printed = &place.target.printed;
                let message = format!("{printed} does not show {} of the primary", table.name);
                return Err(DbError::definite("not-replicated", message));
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(())
    }
}

/// The number under which the server knows the table; a copy of the server has the same.
async fn identity(client: &Client, table: &Table) -> Result<Option<String>, DbError> {
    let asked = format!("SELECT to_regclass('{}')::oid::text", physical(table));
    let row = client.query_one(&asked, &[]).await;
    Ok(row.map_err(|e| classify(&e, Stage::Statement))?.get(0))
}

#[async_trait]
impl Database for PostgresDatabase {
    fn regions(&self) -> &[String] {
        &self.regions
    }

    async fn create(&self, tables: &[Table]) -> Result<(), DbError> {
        let primary = self.primary()?.target.connect(self.timeout).await?;
        for table in tables {
            let made = primary.batch_execute(&ddl(table).join("; ")).await;
            made.map_err(|e| classify(&e, Stage::Statement))?;
        }
        for table in tables {
            let number = identity(&primary, table).await?.unwrap_or_default();
            for standby in self.places.iter().filter(|place| place.standby) {
                self.shown(standby, table, &number).await?;
            }
        }
        Ok(())
    }

    async fn connect(&self, region: &str) -> Result<Box<dyn Connection>, DbError> {
        let unknown = || DbError::definite("region", format!("no server in {region}"));
        let mut places = self.places.iter();
        let place = places.find(|p| p.target.region == region);
        let place = place.ok_or_else(unknown)?;
        let here = self.client(place).await?;
        if !place.standby {
            return Ok(Box::new(here));
        }
        let primary = self.client(self.primary()?).await?;
        Ok(Box::new(SplitConnection::new(primary, here)))
    }
}
