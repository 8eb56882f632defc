//! A PostgreSQL cluster of this process's own: a primary and, if wanted, a streaming hot
//! standby, made from the installed programs in a temporary folder, on free loopback
//! ports. It ends with this process, however that ends (`keeper.rs`).
//!
//! PostgreSQL refuses to run as root. Where this process does, the servers run as
//! `postgres`, or else as `nobody`. Nobody else on the machine gets in: the only user's
//! password is random, and there is no socket but the loopback ports.
//!
//! What is lost when the machine loses power is lost: nothing is synced to disk.

mod installed;
mod keeper;
mod owner;

use std::fs::{self, OpenOptions};
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

pub use installed::{Installed, NotInstalled};
use keeper::Keeper;
use owner::Owner;

/// The one user.
const USER: &str = "witness";
/// A server that takes longer to start is not going to.
const START_MAX: Duration = Duration::from_secs(60);
/// A server that the keeper has not stopped by then is killed.
const STOP_MAX: Duration = Duration::from_secs(15);
/// Somebody else may take a port before a server does.
const PORTS_MAX: u32 = 5;

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

/// Why there is no cluster.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The operating system refused.
    #[error("{what}: {error}")]
    Io {
        /// What was being done.
        what: String,
        /// What it said.
        error: io::Error,
    },
    /// A program of PostgreSQL's failed.
    #[error("{program}: {said}")]
    Program {
        /// Its name.
        program: &'static str,
        /// The end of what it said.
        said: String,
    },
}

fn failed(what: impl Into<String>) -> impl FnOnce(io::Error) -> StartError {
    let what = what.into();
    |error| StartError::Io { what, error }
}

/// A cluster that is up. Dropped, it is gone, and its folder too.
pub struct Cluster {
    home: PathBuf,
    servers: Vec<Server>,
    password: String,
    keeper: Keeper,
}

struct Server {
    process: Child,
    port: u16,
}

impl Cluster {
    /// Makes a cluster and waits until clients can connect.
    ///
    /// # Errors
    /// See [`StartError`]. Nothing of it is left behind.
    pub fn start(installed: &Installed, settings: Settings) -> Result<Cluster, StartError> {
        let home = tempfile::Builder::new()
            .prefix("witness-postgres-")
            .permissions(fs::Permissions::from_mode(0o700))
            .tempdir()
            .map_err(failed("a temporary folder"))?;
        let owner = Owner::of(home.path()).map_err(failed("whom to run PostgreSQL as"))?;
        owner
            .give(home.path())
            .map_err(failed("a temporary folder"))?;
        let keeper = Keeper::start(home.path(), owner).map_err(failed("sh"))?;
        // From here on it is the keeper's to remove.
        let home = home.keep();
        let mut cluster = Cluster {
            home: home.clone(),
            servers: Vec::new(),
            password: random().map_err(failed("/dev/urandom"))?,
            keeper,
        };
        let maker = Maker {
            installed,
            owner,
            home: &home,
        };
        let primary = maker.initialize(&cluster.password)?;
        cluster.serve(&maker, &primary)?;
        if settings.standby {
            let standby = maker.copy(&cluster)?;
            let lag = settings.standby_lag.as_millis();
            configure(&standby, &format!("recovery_min_apply_delay = '{lag}ms'\n"))?;
            cluster.serve(&maker, &standby)?;
        }
        Ok(cluster)
    }

    /// How to reach the primary. Holds the password.
    pub fn primary_url(&self) -> String {
        self.url(&self.servers[0])
    }

    /// How to reach the standby, if there is one. Holds the password.
    pub fn standby_url(&self) -> Option<String> {
        self.servers.get(1).map(|server| self.url(server))
    }

    fn url(&self, server: &Server) -> String {
        let (password, port) = (&self.password, server.port);
        format!("postgres://{USER}:{password}@127.0.0.1:{port}/postgres")
    }

    /// Starts a server on the data and waits until it takes connections.
    fn serve(&mut self, maker: &Maker<'_>, data: &Path) -> Result<(), StartError> {
        let mut tries = 1;
        loop {
            let port = free_port().map_err(failed("a free port"))?;
            let log = data.with_extension("log");
            let process = maker.spawn(data, port, &log)?;
            let mut server = Server { process, port };
            let kept = self.keeper.keep(server.process.id());
            let started = kept
                .map_err(failed("the keeper of the servers"))
                .and_then(|()| ready(&mut server.process, data, &log));
            match started {
                Err(StartError::Program { said, .. })
                    if tries < PORTS_MAX && said.contains("Address already in use") =>
                {
                    tries += 1;
                }
                started => {
                    self.servers.push(server);
                    return started;
                }
            }
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.keeper.release();
        let began = Instant::now();
        for Server { process, .. } in &mut self.servers {
            while let Ok(None) = process.try_wait() {
                if began.elapsed() > STOP_MAX {
                    // The keeper is gone. Errors here have nowhere to go.
                    let _ = process.kill();
                    let _ = process.wait();
                }
                std::thread::sleep(Duration::from_millis(5));
            }
        }
        self.keeper.wait();
        // The servers' user may have had no way to it. Mostly there is nothing left.
        let _ = fs::remove_dir_all(&self.home);
    }
}

/// What the data of a server is made with.
struct Maker<'a> {
    installed: &'a Installed,
    owner: Owner,
    home: &'a Path,
}

impl Maker<'_> {
    /// The data of a new primary.
    fn initialize(&self, password: &str) -> Result<PathBuf, StartError> {
        let data = self.home.join("primary");
        let secret = self.home.join("password");
        let hand_over = || {
            fs::write(&secret, password)?;
            self.owner.give(&secret)
        };
        hand_over().map_err(failed("a temporary file"))?;
        let mut initdb = self.program("initdb");
        // In the clear, on loopback, from one process of ours to another: SCRAM is made to
        // be slow, and there are hundreds of clients.
        initdb.args(["--auth=password", "--encoding=UTF8", "--locale=C"]);
        initdb.args(["--no-sync", "--username", USER]);
        initdb.arg("--pwfile").arg(&secret);
        initdb.arg("--pgdata").arg(&data);
        finish("initdb", initdb)?;
        configure(&data, CONFIGURATION)?;
        Ok(data)
    }

    /// The data of a new standby of the cluster's primary.
    fn copy(&self, cluster: &Cluster) -> Result<PathBuf, StartError> {
        let data = self.home.join("standby");
        let port = cluster.servers[0].port.to_string();
        let mut copy = self.program("pg_basebackup");
        copy.args(["--host", "127.0.0.1", "--port", &port, "--username", USER]);
        copy.args(["--write-recovery-conf", "--checkpoint=fast", "--no-sync"]);
        copy.arg("--pgdata").arg(&data);
        copy.env("PGPASSWORD", &cluster.password);
        finish("pg_basebackup", copy)?;
        Ok(data)
    }

    fn spawn(&self, data: &Path, port: u16, log: &Path) -> Result<Child, StartError> {
        let said = fs::File::create(log).map_err(failed(log.display().to_string()))?;
        let told = said.try_clone().map_err(failed("the server's log"))?;
        let mut postgres = self.program("postgres");
        postgres.arg("-D").arg(data).args(["-p", &port.to_string()]);
        postgres.stdout(said).stderr(told);
        postgres.spawn().map_err(failed("postgres"))
    }

    /// One of PostgreSQL's programs, out of reach of the terminal's Ctrl-C and of what the
    /// environment says about other servers.
    fn program(&self, name: &str) -> Command {
        let mut program = Command::new(self.installed.program(name));
        program.env_clear().env("LC_ALL", "C");
        program.envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        program.current_dir(self.home).stdin(Stdio::null());
        self.owner.run(&mut program);
        program.process_group(0);
        program
    }
}

/// Runs a program to its end.
fn finish(program: &'static str, mut command: Command) -> Result<(), StartError> {
    let place = command.get_current_dir().unwrap_or(Path::new("/"));
    let what = format!("{program} in {}", place.display());
    let output = command.output().map_err(failed(what))?;
    if output.status.success() {
        return Ok(());
    }
    let said = end(&String::from_utf8_lossy(&output.stderr));
    Err(StartError::Program { program, said })
}

fn configure(data: &Path, more: &str) -> Result<(), StartError> {
    let append = || {
        let mut file = OpenOptions::new()
            .append(true)
            .open(data.join("postgresql.conf"))?;
        file.write_all(more.as_bytes())
    };
    append().map_err(failed("postgresql.conf"))
}

/// Waits until the server says that it takes connections: the eighth line of its pid file.
fn ready(server: &mut Child, data: &Path, log: &Path) -> Result<(), StartError> {
    let began = Instant::now();
    loop {
        let ended = server.try_wait().map_err(failed("postgres"))?;
        let file = fs::read_to_string(data.join("postmaster.pid")).unwrap_or_default();
        if ended.is_none() && file.lines().nth(7).map(str::trim) == Some("ready") {
            return Ok(());
        }
        if ended.is_some() || began.elapsed() > START_MAX {
            let said = end(&fs::read_to_string(log).unwrap_or_default());
            let program = "postgres";
            return Err(StartError::Program { program, said });
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The last lines: those that say why.
fn end(text: &str) -> String {
    let lines: Vec<_> = text.lines().filter(|line| !line.is_empty()).collect();
    lines[lines.len().saturating_sub(5)..].join("; ")
}

fn free_port() -> io::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(listener.local_addr()?.port())
}

/// What nobody guesses.
fn random() -> io::Result<String> {
    let mut bytes = [0; 16];
    fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
