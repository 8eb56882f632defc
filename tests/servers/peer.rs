//! Servers that speak DynamoDB's protocol: where they are, how they start, and that they
//! stop. Each listens on loopback, on a port that the system picks.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{LazyLock, Mutex, PoisonError};

use libtest_mimic::Failed;
use tokio::runtime::Runtime;
use witness_regions::credentials::Credentials;
use witness_regions::dynamodb::{GlobalTables, Options};

use super::KEYS;

/// What a trial does with a server.
pub type Check = fn(&str) -> Result<(), Failed>;

pub static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.enable_all().build().expect("a runtime")
});

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Embedded,
    Moto,
    Dynalite,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Kind::Embedded => "embedded",
            Kind::Moto => "moto",
            Kind::Dynalite => "dynalite",
        }
    }

    pub fn is_installed(self) -> bool {
        match self {
            Kind::Embedded => true,
            Kind::Moto => moto().is_some(),
            Kind::Dynalite => dynalite().is_some(),
        }
    }
}

/// Where `.ci/run` installs what is not on the system.
fn clients() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("target/clients")
}

fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mine = clients().join("python/bin");
    let dirs = std::iter::once(mine).chain(std::env::split_paths(&path));
    dirs.map(|dir| dir.join(name)).find(|path| path.is_file())
}

/// A Python that has moto's server.
fn moto() -> Option<PathBuf> {
    static FOUND: LazyLock<Option<PathBuf>> = LazyLock::new(|| python_with("moto.server"));
    FOUND.clone()
}

fn dynalite() -> Option<PathBuf> {
    let module = clients().join("node_modules/dynalite");
    (module.is_dir() && program("node").is_some()).then_some(module)
}

/// A Python that has boto3.
pub fn python() -> Option<PathBuf> {
    static FOUND: LazyLock<Option<PathBuf>> = LazyLock::new(|| python_with("boto3"));
    FOUND.clone()
}

fn python_with(module: &str) -> Option<PathBuf> {
    let python = program("python3")?;
    let mut import = Command::new(&python);
    let import = import.arg("-c").arg(format!("import {module}"));
    let status = import.stderr(Stdio::null()).status();
    status.ok()?.success().then_some(python)
}

/// A server that is running, until it is dropped.
struct Server {
    program: Option<Child>,
    _embedded: Option<Box<GlobalTables>>,
}

impl Server {
    fn start(kind: Kind) -> Result<(Server, String), Failed> {
        let mut command = match kind {
            Kind::Embedded => return embedded(),
            Kind::Moto => {
                let mut moto = Command::new(moto().ok_or("no moto")?);
                moto.args(["-m", "moto.server", "-H", "127.0.0.1", "-p", "0"]);
                moto
            }
            Kind::Dynalite => {
                let module = dynalite().ok_or("no dynalite")?;
                let start = "require(process.argv[1])({createTableMs: 0, deleteTableMs: 0})\
                     .listen(0, '127.0.0.1', function () {\
                       console.log('http://127.0.0.1:' + this.address().port)\
                     })";
                let mut node = Command::new(program("node").ok_or("no node")?);
                node.args(["-e", start]).arg(module);
                node
            }
        };
        // Each prints its address on one of the two.
        let (reader, writer) = std::io::pipe()?;
        let child = command
            .stdin(Stdio::null())
            .stdout(writer.try_clone()?)
            .stderr(writer)
            .spawn()?;
        drop(command);
        let server = Server {
            program: Some(child),
            _embedded: None,
        };
        let mut lines = BufReader::new(reader).lines();
        for line in &mut lines {
            let line = line?;
            if let Some(at) = line.find("http://127.0.0.1:") {
                let url = line[at..].split_whitespace().next().unwrap_or_default();
                let url = url.to_owned();
                // Nobody is to wait for a pipe that is full.
                std::thread::spawn(move || lines.for_each(drop));
                return Ok((server, url));
            }
        }
        Err(format!("{} ended before it listened", kind.name()).into())
    }
}

fn embedded() -> Result<(Server, String), Failed> {
    let options = Options {
        credentials: Credentials {
            access_key_id: KEYS[0].1.into(),
            secret_access_key: KEYS[1].1.into(),
        },
        ..Options::default()
    };
    let servers = RUNTIME.block_on(GlobalTables::start(options))?;
    let url = servers.endpoints()[0].url.clone();
    let server = Server {
        program: None,
        _embedded: Some(Box::new(servers)),
    };
    Ok((server, url))
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(program) = &mut self.program {
            let _ = program.kill();
            let _ = program.wait();
        }
    }
}

/// A server that trials use one after the other; the first of them starts it.
pub struct Shared {
    kind: Kind,
    running: Mutex<Option<(Server, String)>>,
}

impl Shared {
    pub fn new(kind: Kind) -> Shared {
        Shared {
            kind,
            running: Mutex::new(None),
        }
    }

    pub fn kind(&self) -> Kind {
        self.kind
    }

    pub fn run(&self, check: Check) -> Result<(), Failed> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if running.is_none() {
            *running = Some(Server::start(self.kind)?);
        }
        match &*running {
            Some((_, url)) => check(url),
            None => Err("not started".into()),
        }
    }

    pub fn stop(&self) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        *running = None;
    }
}
