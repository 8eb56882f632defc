//! Ends the servers and removes their folder when this process ends, however it ends: in
//! order, by a panic, or killed where it stands.
//!
//! A shell beside it reads the servers' process ids from a pipe. When the pipe's other end
//! is gone, which the operating system sees to, it stops them all. It has a process group
//! of its own: whatever ends the group of this process, such as Ctrl-C, leaves it to its work.

use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

use super::owner::Owner;

/// SIGQUIT is PostgreSQL's immediate shutdown, and MariaDB's orderly one. A server that is
/// still there after ten seconds is killed.
const SCRIPT: &str = r#"
trap '' HUP INT TERM
pids=
while read -r pid; do pids="$pids $pid"; done
for pid in $pids; do kill -QUIT "$pid"; done
for pid in $pids; do
    tries=0
    while [ $tries -lt 200 ] && kill -0 "$pid"; do sleep 0.05; tries=$((tries + 1)); done
    kill -KILL "$pid"
done
rm -rf "$1"
"#;

/// The shell.
pub(super) struct Keeper {
    shell: Child,
    pipe: Option<ChildStdin>,
}

impl Keeper {
    /// Keeps the folder.
    pub(super) fn start(folder: &Path, owner: Owner) -> io::Result<Keeper> {
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", SCRIPT, "witness-keeper"]).arg(folder);
        shell.current_dir("/").stdin(Stdio::piped());
        shell.stdout(Stdio::null()).stderr(Stdio::null());
        owner.run(&mut shell);
        let mut shell = shell.process_group(0).spawn()?;
        let pipe = shell.stdin.take();
        Ok(Keeper { shell, pipe })
    }

    /// Keeps the server, too.
    pub(super) fn keep(&mut self, pid: u32) -> io::Result<()> {
        match &mut self.pipe {
            Some(pipe) => writeln!(pipe, "{pid}"),
            None => Ok(()),
        }
    }

    /// Has it end what it keeps.
    pub(super) fn release(&mut self) {
        self.pipe = None;
    }

    /// Waits until nothing of it is left.
    pub(super) fn wait(&mut self) {
        // Killed by somebody, it has left what it kept: nothing to be done about it here.
        let _ = self.shell.wait();
    }
}
