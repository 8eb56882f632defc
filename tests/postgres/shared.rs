//! One cluster for all trials that need nothing but a primary: each has a database of its
//! own on it. It ends with this process.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use witness::backends::{self, Backend, OpenError, Opened, Options, Url};
use witness::local::postgres::{Cluster, Installed, Settings};

use crate::gate::gated;

/// A new, empty database: its URL.
pub async fn database() -> Result<String, String> {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let started = tokio::task::spawn_blocking(cluster).await;
    let cluster = started.map_err(|e| e.to_string())?.as_ref()?;
    let url = cluster.primary_url();
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let made = async {
        let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await?;
        tokio::spawn(connection);
        let make = format!("CREATE DATABASE trial_{number}");
        client.batch_execute(&make).await
    };
    made.await.map_err(|e| e.to_string())?;
    let (server, _) = url.rsplit_once('/').ok_or("no database")?;
    Ok(format!("{server}/trial_{number}"))
}

fn cluster() -> &'static Result<Cluster, String> {
    static CLUSTER: OnceLock<Result<Cluster, String>> = OnceLock::new();
    CLUSTER.get_or_init(|| {
        let installed = Installed::find().map_err(|e| e.to_string())?;
        Cluster::start(&installed, Settings::default()).map_err(|e| e.to_string())
    })
}

/// The backend `postgres` on such a database, which both regions share.
pub struct OnShared {
    /// That all clients of one burst, so many, shall have read before any of them writes.
    pub gate: Option<usize>,
}

#[async_trait]
impl Backend for OnShared {
    fn name(&self) -> &'static str {
        "postgres"
    }

    fn about(&self) -> &'static str {
        "PostgreSQL, for a trial"
    }

    fn by_default(&self) -> bool {
        false
    }

    fn defects(&self) -> Vec<&'static str> {
        Vec::new()
    }

    async fn open(&self, options: &Options) -> Result<Opened, OpenError> {
        let url = database().await.map_err(OpenError::Unavailable)?;
        let mut options = options.clone();
        let regions = ["us-east-1", "us-east-2"];
        options.servers.urls = regions.map(|region| Url::new(region, &url)).into();
        let opened = backends::find("postgres")?.open(&options).await?;
        let database = match self.gate {
            Some(clients) => gated(opened.database, clients),
            None => opened.database,
        };
        Ok(Opened { database, ..opened })
    }
}
