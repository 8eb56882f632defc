//! A PostgreSQL cluster: a primary and, if wanted, a streaming hot standby. PostgreSQL
//! refuses to run as root.

mod installed;

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::home::{Home, random};
use super::{StartError, failed};

pub use installed::{Installed, NotInstalled};

/// The one user.
const USER: &str = "witness";

/// What both servers are told beyond the defaults. Clients may be many, there is one
/// machine, and a reader on the standby is never cancelled to let replay go on.
const CONFIGURATION: &str = "
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
max_connections = 600
shared_buffers = 64MB
fsync = off
full_page_writes = off
deadlock_timeout = 100ms
wal_keep_size = 256MB
hot_standby_feedback = on
max_standby_streaming_delay = -1
";

/// What the cluster shall have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Settings {
    /// A hot standby.
    pub standby: bool,
    /// How long the standby holds each commit back.
    pub standby_lag: Duration,
}

/// A cluster that is up. Dropped, it is gone, and its folder too.
pub struct Cluster {
    home: Home,
    installed: Installed,
    password: String,
    primary: u16,
    standby: Option<u16>,
}

impl Cluster {
    /// Makes a cluster and waits until clients can connect.
    ///
    /// # Errors
    /// See [`StartError`]. Nothing of it is left behind.
    pub fn start(installed: &Installed, settings: Settings) -> Result<Cluster, StartError> {
        let mut cluster = Cluster {
            home: Home::make("witness-postgres-")?,
            installed: installed.clone(),
            password: random()?,
            primary: 0,
            standby: None,
        };
        let primary = cluster.initialize()?;
        cluster.primary = cluster.serve(&primary)?;
        if settings.standby {
            let standby = cluster.copy()?;
            let lag = settings.standby_lag.as_millis();
            configure(&standby, &format!("recovery_min_apply_delay = '{lag}ms'\n"))?;
            cluster.standby = Some(cluster.serve(&standby)?);
        }
        Ok(cluster)
    }

    /// How to reach the primary. Holds the password.
    pub fn primary_url(&self) -> String {
        self.url(self.primary)
    }

    /// How to reach the standby, if there is one. Holds the password.
    pub fn standby_url(&self) -> Option<String> {
        self.standby.map(|port| self.url(port))
    }

    fn url(&self, port: u16) -> String {
        let password = &self.password;
        format!("postgres://{USER}:{password}@127.0.0.1:{port}/postgres")
    }

    fn program(&self, name: &str) -> Command {
        self.home.program(&self.installed.program(name))
    }

    /// The data of a new primary.
    fn initialize(&self) -> Result<PathBuf, StartError> {
        let data = self.home.folder().join("primary");
        let secret = self.home.write("password", &self.password)?;
        let mut initdb = self.program("initdb");
        // In the clear, on loopback, from one process of ours to another: SCRAM is made to
        // be slow, and there are hundreds of clients.
        initdb.args(["--auth=password", "--encoding=UTF8", "--locale=C"]);
        initdb.args(["--no-sync", "--username", USER]);
        initdb.arg("--pwfile").arg(&secret);
        initdb.arg("--pgdata").arg(&data);
        self.home.finish("initdb", initdb)?;
        configure(&data, CONFIGURATION)?;
        Ok(data)
    }

    /// The data of a new standby of the primary.
    fn copy(&self) -> Result<PathBuf, StartError> {
        let data = self.home.folder().join("standby");
        let port = self.primary.to_string();
        let mut copy = self.program("pg_basebackup");
        copy.args(["--host", "127.0.0.1", "--port", &port, "--username", USER]);
        copy.args(["--write-recovery-conf", "--checkpoint=fast", "--no-sync"]);
        copy.arg("--pgdata").arg(&data);
        copy.env("PGPASSWORD", &self.password);
        self.home.finish("pg_basebackup", copy)?;
        Ok(data)
    }

    /// Starts a server on the data and waits until it takes connections: it says so in the
    /// eighth line of its pid file.
    fn serve(&mut self, data: &Path) -> Result<u16, StartError> {
        let program = self.installed.program("postgres");
        let command = |home: &Home, [port]: [u16; 1]| {
            let mut postgres = home.program(&program);
            postgres.arg("-D").arg(data).args(["-p", &port.to_string()]);
            postgres
        };
        let ready = || {
            let file = fs::read_to_string(data.join("postmaster.pid")).unwrap_or_default();
            file.lines().nth(7).map(str::trim) == Some("ready")
        };
        let log = data.with_extension("log");
        let [port] = self.home.serve("postgres", &log, command, ready)?;
        Ok(port)
    }
}

fn configure(data: &Path, more: &str) -> Result<(), StartError> {
    let file = data.join("postgresql.conf");
    let opened = OpenOptions::new().append(true).open(file);
    let written = opened.and_then(|mut file| file.write_all(more.as_bytes()));
    written.map_err(failed("postgresql.conf"))
}
