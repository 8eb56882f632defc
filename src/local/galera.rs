//! Two nodes of MariaDB with Galera, which replicate each other's commits.
//!
//! A node that joins is given the state of another by a script that MariaDB runs on both
//! sides. Here both begin with the same files, so that the script has nothing to do but to
//! tell the one where the other stands: neither rsync nor a backup program is needed.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::home::{Home, free_ports, random};
use super::{StartError, failed};

/// Names the folder that has `sbin`, `lib` and `share`, where it is not `/usr`.
const VARIABLE: &str = "WITNESS_MARIADB_BASE";
/// The one user, and the one database.
const NAME: &str = "witness";
/// What makes the system tables, in order.
const SYSTEM_TABLES: [&str; 3] = [
    "mysql_system_tables.sql",
    "mysql_performance_tables.sql",
    "mysql_system_tables_data.sql",
];

/// What the one that gives and the one that is given say, each on its standard output.
const TRANSFER: &str = r#"#!/bin/sh
while [ $# -gt 0 ]; do
    case "$1" in
        --role) role=$2 ;;
        --gtid) gtid=$2 ;;
        --address) address=$2 ;;
    esac
    shift
done
position=$(dirname "$0")/position
if [ "$role" = donor ]; then
    echo "$gtid" > "$position.new"
    mv "$position.new" "$position"
    echo "done $gtid"
else
    echo "ready $address"
    while [ ! -s "$position" ]; do sleep 0.05; done
    cat "$position"
fi
"#;

/// An installed MariaDB with Galera.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installed {
    base: PathBuf,
    provider: PathBuf,
}

/// There is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "MariaDB with Galera is not installed here: there is no sbin/mariadbd or no \
     lib/galera/libgalera_smm.so in {}. On Debian and Ubuntu: apt-get install \
     mariadb-server-core galera-4. Or name servers: --url us-east-1=mysql://USER@HOST/DATABASE",
    base.display()
)]
pub struct NotInstalled {
    base: PathBuf,
}

impl Installed {
    /// Finds the programs: in `/usr`, or where `WITNESS_MARIADB_BASE` says.
    ///
    /// # Errors
    /// [`NotInstalled`].
    pub fn find() -> Result<Installed, NotInstalled> {
        let base = std::env::var_os(VARIABLE).unwrap_or_else(|| "/usr".into());
        let base = PathBuf::from(base);
        let provider = base.join("lib/galera/libgalera_smm.so");
        if base.join("sbin/mariadbd").is_file() && provider.is_file() {
            Ok(Installed { base, provider })
        } else {
            Err(NotInstalled { base })
        }
    }
}

impl Installed {
    /// The folder that has `sbin` and `lib`.
    pub fn folder(&self) -> &Path {
        &self.base
    }
}

/// A cluster that is up. Dropped, it is gone, and its folder too.
pub struct Cluster {
    home: Home,
    installed: Installed,
    password: String,
    nodes: Vec<Node>,
}

#[derive(Clone, Copy)]
struct Node {
    client: u16,
    group: u16,
}

impl Cluster {
    /// Makes a cluster of two nodes and waits until clients can connect to both.
    ///
    /// # Errors
    /// See [`StartError`]. Nothing of it is left behind.
    pub fn start(installed: &Installed) -> Result<Cluster, StartError> {
        let mut cluster = Cluster {
            home: Home::make("witness-galera-")?,
            installed: installed.clone(),
            password: random()?,
            nodes: Vec::new(),
        };
        let first = cluster.initialize()?;
        let second = cluster.copy(&first)?;
        for data in [first, second] {
            let node = cluster.serve(&data)?;
            cluster.nodes.push(node);
        }
        Ok(cluster)
    }

    /// How to reach each node. Holds the password.
    pub fn urls(&self) -> Vec<String> {
        let password = &self.password;
        let ports = self.nodes.iter().map(|node| node.client);
        ports
            .map(|port| format!("mysql://{NAME}:{password}@127.0.0.1:{port}/{NAME}"))
            .collect()
    }

    /// The data of a first node, at a position of the group that it remembers.
    fn initialize(&self) -> Result<PathBuf, StartError> {
        let data = self.home.folder().join("node1");
        let made = fs::create_dir(&data).and_then(|()| self.home.give(&data));
        made.map_err(failed(data.display().to_string()))?;
        let mut sql =
            "CREATE DATABASE mysql;\nUSE mysql;\nSET @auth_root_socket=NULL;\n".to_owned();
        for name in SYSTEM_TABLES {
            let path = self.installed.base.join("share/mysql").join(name);
            sql += &fs::read_to_string(&path).map_err(failed(path.display().to_string()))?;
        }
        let tables = self.home.write("system.sql", &sql)?;
        let mut bootstrap = mariadbd(&self.installed, &self.home, &data);
        bootstrap.arg("--bootstrap");
        bootstrap.stdin(File::open(&tables).map_err(failed("system.sql"))?);
        self.home.finish("mariadbd", bootstrap)?;

        let script = self.home.write("wsrep_sst_same", TRANSFER)?;
        let executable = fs::set_permissions(&script, fs::Permissions::from_mode(0o700));
        executable.map_err(failed("wsrep_sst_same"))?;
        let password = &self.password;
        let users = format!(
            "CREATE USER {NAME}@'127.0.0.1' IDENTIFIED BY '{password}';\n\
             GRANT ALL ON *.* TO {NAME}@'127.0.0.1';\n\
             DROP USER IF EXISTS root@localhost;\n\
             CREATE DATABASE {NAME};\n\
             SHUTDOWN;\n"
        );
        let users = self.home.write("users.sql", &users)?;
        let ports = free_ports().map_err(failed("free ports"))?;
        let mut once = node(&self.installed, &self.home, &data, ports, None);
        once.arg("--skip-networking");
        once.arg(format!("--init-file={}", users.display()));
        self.home.finish("mariadbd", once)?;
        Ok(data)
    }

    /// The data of a second node: the same.
    fn copy(&self, first: &Path) -> Result<PathBuf, StartError> {
        let data = self.home.folder().join("node2");
        let mut copy = self.home.program(Path::new("cp"));
        copy.arg("-R").arg(first).arg(&data);
        self.home.finish("cp", copy)?;
        Ok(data)
    }

    /// Starts a node and waits until it says that it is in step with the group.
    fn serve(&mut self, data: &Path) -> Result<Node, StartError> {
        let log = data.with_extension("log");
        let first = self.nodes.first().map(|node| node.group);
        let ready = || {
            let said = fs::read_to_string(&log).unwrap_or_default();
            said.contains("ready for connections.\nVersion")
                && said.contains("Server status change joined -> synced")
        };
        let command = |home: &Home, ports| node(&self.installed, home, data, ports, first);
        let served = self.home.serve("mariadbd", &log, command, ready)?;
        let [client, group, _] = served;
        Ok(Node { client, group })
    }
}

/// What every start of a server has in common. What clients' transactions are promised is
/// left as it is by default.
fn mariadbd(installed: &Installed, home: &Home, data: &Path) -> Command {
    let share = installed.base.join("share/mysql");
    let mut server = home.program(&installed.base.join("sbin/mariadbd"));
    server.arg("--no-defaults");
    for (option, path) in [
        ("basedir", installed.base.as_path()),
        ("datadir", data),
        ("tmpdir", home.folder()),
        ("lc-messages-dir", &share),
        ("character-sets-dir", &share.join("charsets")),
        ("socket", &data.with_extension("sock")),
        ("pid-file", &data.with_extension("pid")),
    ] {
        server.arg(format!("--{option}={}", path.display()));
    }
    server.args([
        "--innodb-flush-log-at-trx-commit=0",
        "--innodb-log-file-size=10M",
        "--innodb-buffer-pool-size=64M",
        "--log-warnings=1",
    ]);
    server
}

/// A node that listens to clients, to the group, and to who sends it what it missed. None to
/// join: it is the first.
fn node(
    installed: &Installed,
    home: &Home,
    data: &Path,
    [client, group, missed]: [u16; 3],
    first: Option<u16>,
) -> Command {
    let here = |port: u16| format!("127.0.0.1:{port}");
    let mut server = mariadbd(installed, home, data);
    let path = std::env::var("PATH").unwrap_or_default();
    server.env("PATH", format!("{}:{path}", home.folder().display()));
    server.args([
        "--bind-address=127.0.0.1",
        "--skip-name-resolve",
        "--max-connections=600",
        "--binlog-format=ROW",
        "--innodb-autoinc-lock-mode=2",
        "--wsrep-on=ON",
        "--wsrep-cluster-name=witness",
        "--wsrep-sst-method=same",
    ]);
    server.arg(format!("--port={client}"));
    server.arg(format!("--wsrep-provider={}", installed.provider.display()));
    let join = first.map(here).unwrap_or_default();
    server.arg(format!("--wsrep-cluster-address=gcomm://{join}"));
    server.arg(format!("--wsrep-node-address={}", here(group)));
    server.arg(format!(
        "--wsrep-provider-options=gmcast.listen_addr=tcp://{};ist.recv_addr={};gcache.size=16M",
        here(group),
        here(missed)
    ));
    server
}
