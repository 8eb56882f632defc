//! The folder that servers of our own live in, and the servers.

use std::fs;
use std::io::{self, Read};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::keeper::Keeper;
use super::owner::Owner;
use super::{StartError, failed};

/// A server that takes longer to start is not going to.
const START_MAX: Duration = Duration::from_secs(60);
/// A server that the keeper has not stopped by then is killed.
const STOP_MAX: Duration = Duration::from_secs(15);
/// Somebody else may take a port before a server does.
const PORTS_MAX: u32 = 5;

/// Dropped, it is gone, and all that is in it.
pub(super) struct Home {
    folder: PathBuf,
    owner: Owner,
    keeper: Keeper,
    servers: Vec<Child>,
}

impl Home {
    /// An empty one, whose name begins so.
    pub(super) fn make(prefix: &str) -> Result<Home, StartError> {
        let folder = tempfile::Builder::new()
            .prefix(prefix)
            .permissions(fs::Permissions::from_mode(0o700))
            .tempdir()
            .map_err(failed("a temporary folder"))?;
        let owner = Owner::of(folder.path()).map_err(failed("whom to run servers as"))?;
        let given = owner.give(folder.path());
        given.map_err(failed("a temporary folder"))?;
        let keeper = Keeper::start(folder.path(), owner).map_err(failed("sh"))?;
        Ok(Home {
            // From here on it is the keeper's to remove.
            folder: folder.keep(),
            owner,
            keeper,
            servers: Vec::new(),
        })
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// A file in it, for whom the servers run as.
    pub(super) fn write(&self, name: &str, text: &str) -> Result<PathBuf, StartError> {
        let path = self.folder.join(name);
        let written = fs::write(&path, text).and_then(|()| self.owner.give(&path));
        written.map_err(failed(path.display().to_string()))?;
        Ok(path)
    }

    /// Gives a file or folder in it to whom the servers run as.
    pub(super) fn give(&self, path: &Path) -> io::Result<()> {
        self.owner.give(path)
    }

    /// A program to be run here, out of reach of the terminal's Ctrl-C and of what the
    /// environment says about other servers.
    pub(super) fn program(&self, path: &Path) -> Command {
        let mut program = Command::new(path);
        program.env_clear().env("LC_ALL", "C");
        program.envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        program.current_dir(&self.folder).stdin(Stdio::null());
        self.owner.run(&mut program);
        program.process_group(0);
        program
    }

    /// Runs a program to its end.
    pub(super) fn finish(
        &self,
        program: &'static str,
        mut command: Command,
    ) -> Result<(), StartError> {
        let what = format!("{program} in {}", self.folder.display());
        let output = command.output().map_err(failed(what))?;
        if output.status.success() {
            return Ok(());
        }
        let said = end(&String::from_utf8_lossy(&output.stderr));
        Err(StartError::Program { program, said })
    }

    /// Starts a server on ports that are free, and waits until it is ready, by its log or
    /// otherwise.
    pub(super) fn serve<const N: usize>(
        &mut self,
        program: &'static str,
        log: &Path,
        command: impl Fn(&Home, [u16; N]) -> Command,
        ready: impl Fn() -> bool,
    ) -> Result<[u16; N], StartError> {
        let mut tries = 1;
        loop {
            let ports = free_ports().map_err(failed("a free port"))?;
            let said = fs::File::create(log).map_err(failed(log.display().to_string()))?;
            let told = said.try_clone().map_err(failed("the server's log"))?;
            let mut command = command(self, ports);
            command.stdout(said).stderr(told);
            let mut server = command.spawn().map_err(failed(program))?;
            let kept = self.keeper.keep(server.id());
            let started = kept
                .map_err(failed("the keeper of the servers"))
                .and_then(|()| wait(program, &mut server, log, &ready));
            match started {
                Err(StartError::Program { said, .. })
                    if tries < PORTS_MAX && said.contains("Address already in use") =>
                {
                    tries += 1;
                }
                started => {
                    self.servers.push(server);
                    return started.map(|()| ports);
                }
            }
        }
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        self.keeper.release();
        let began = Instant::now();
        for server in &mut self.servers {
            while let Ok(None) = server.try_wait() {
                if began.elapsed() > STOP_MAX {
                    // The keeper is gone. Errors here have nowhere to go.
                    let _ = server.kill();
                    let _ = server.wait();
                }
                std::thread::sleep(Duration::from_millis(5));
            }
        }
        self.keeper.wait();
        // The servers' user may have had no way to it. Mostly there is nothing left.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn wait(
    program: &'static str,
    server: &mut Child,
    log: &Path,
    ready: &impl Fn() -> bool,
) -> Result<(), StartError> {
    let began = Instant::now();
    loop {
        let ended = server.try_wait().map_err(failed(program))?;
        if ended.is_none() && ready() {
            return Ok(());
        }
        if ended.is_some() || began.elapsed() > START_MAX {
            let said = end(&fs::read_to_string(log).unwrap_or_default());
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

/// Ports that were free just now, no two the same.
pub(super) fn free_ports<const N: usize>() -> io::Result<[u16; N]> {
    let mut listeners = Vec::new();
    let mut ports = [0; N];
    for port in &mut ports {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        *port = listener.local_addr()?.port();
        listeners.push(listener);
    }
    Ok(ports)
}

/// What nobody guesses.
pub(super) fn random() -> Result<String, StartError> {
    let mut bytes = [0; 16];
    let read = fs::File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut bytes));
    read.map_err(failed("/dev/urandom"))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
