//! How a cluster of our own ends, the command line around it, and that no password of it
//! is left anywhere.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use libtest_mimic::{Failed, Trial};
use tempfile::TempDir;
use witness::local::postgres::{Cluster, Installed, Settings};

/// What takes longer than this is not going to happen.
const PATIENCE: Duration = Duration::from_secs(300);

pub fn trials() -> Vec<Trial> {
    vec![
        Trial::test("life::dropped-it-leaves-nothing", dropped),
        Trial::test("life::out-of-reach-it-says-where", unreachable),
        Trial::test("life::interrupted-it-leaves-nothing", || {
            ends("-INT", Some(2))
        }),
        Trial::test("life::terminated-it-leaves-nothing", || {
            ends("-TERM", Some(2))
        }),
        Trial::test("life::killed-it-leaves-nothing", || ends("-KILL", None)),
        Trial::test("life::a-password-is-left-nowhere", secrets),
        Trial::test("life::the-doctor-finds-what-is-missing", doctor),
        Trial::test("life::what-does-not-go-together-is-refused", refused),
    ]
}

fn start(standby: bool) -> Result<Cluster, Failed> {
    let settings = Settings {
        standby,
        ..Settings::default()
    };
    Ok(Cluster::start(&Installed::find()?, settings)?)
}

fn port(url: &str) -> Result<u16, Failed> {
    let port = url
        .rsplit_once(':')
        .and_then(|(_, rest)| rest.split_once('/'));
    Ok(port.ok_or("no port")?.0.parse()?)
}

fn listens(port: u16) -> bool {
    std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
}

fn dropped() -> Result<(), Failed> {
    let cluster = start(true)?;
    let ports = [
        port(&cluster.primary_url())?,
        port(&cluster.standby_url().ok_or("no standby")?)?,
    ];
    assert!(ports.into_iter().all(listens));
    drop(cluster);
    assert!(!ports.into_iter().any(listens));
    Ok(())
}

/// A folder for temporary folders that only its owner may look into, and whom the servers
/// run as where the owner is root.
fn unreachable() -> Result<(), Failed> {
    let closed = tempfile::tempdir()?;
    fs::set_permissions(closed.path(), fs::Permissions::from_mode(0o700))?;
    let mut run = witness();
    run.args([
        "run",
        "register",
        "--backend",
        "postgres",
        "--bursts",
        "1",
        "--store",
    ]);
    run.arg(closed.path().join("store"));
    let output = run.env("TMPDIR", closed.path()).output()?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if fs::metadata(closed.path())?.uid() == 0 {
        assert_eq!(output.status.code(), Some(255), "{said}");
        assert!(said.contains("initdb in "), "{said}");
        assert!(said.contains("Permission denied"), "{said}");
        assert_eq!(fs::read_dir(closed.path())?.count(), 0, "{said}");
    } else {
        assert_eq!(output.status.code(), Some(0), "{said}");
    }
    Ok(())
}

/// A folder for temporary folders, in which the servers' user may look around.
fn temporary() -> Result<TempDir, Failed> {
    let folder = tempfile::tempdir()?;
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o1777))?;
    Ok(folder)
}

fn witness() -> Command {
    let mut witness = Command::new(env!("CARGO_BIN_EXE_witness"));
    for variable in ["WITNESS_STORE", "WITNESS_POSTGRES_URLS", "PGPASSWORD"] {
        witness.env_remove(variable);
    }
    witness
}

/// A run that would take long is sent the signal once both servers are up.
fn ends(signal: &str, code: Option<i32>) -> Result<(), Failed> {
    let (temporary, store) = (temporary()?, tempfile::tempdir()?);
    let run = witness()
        .args(["run", "register", "--backend", "postgres", "--standby"])
        .args(["--bursts", "4", "--requests", "200000", "--store"])
        .arg(store.path())
        .env("TMPDIR", temporary.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let mut run = Running(run);
    let histories = || {
        files(store.path())
            .iter()
            .any(|f| f.ends_with("history.jsonl"))
    };
    wait(&mut || histories(), "a history")?;
    let ports: Vec<_> = files(temporary.path())
        .into_iter()
        .filter(|file| file.ends_with("postmaster.pid"))
        .filter_map(|file| fs::read_to_string(file).ok()?.lines().nth(3)?.parse().ok())
        .collect();
    assert_eq!(ports.len(), 2);
    assert!(ports.iter().copied().all(listens));
    let sent = Command::new("kill")
        .args([signal, &run.0.id().to_string()])
        .status()?;
    assert!(sent.success());
    let ended = run.0.wait()?;
    assert_eq!(ended.code(), code);
    if code.is_some() {
        // It ends in order: nothing is left by then.
        assert_eq!(files(temporary.path()), Vec::<PathBuf>::new());
    }
    let gone = || fs::read_dir(temporary.path()).is_ok_and(|mut entries| entries.next().is_none());
    wait(&mut || gone(), "an empty folder")?;
    assert!(!ports.into_iter().any(listens));
    Ok(())
}

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn wait(condition: &mut dyn FnMut() -> bool, what: &str) -> Result<(), Failed> {
    let began = Instant::now();
    while !condition() {
        if began.elapsed() > PATIENCE {
            return Err(format!("no {what} within {PATIENCE:?}").into());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// Every file below the folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() && !path.is_symlink() {
            found.extend(files(&path));
        } else if path.is_file() {
            found.push(path);
        }
    }
    found
}

fn secrets() -> Result<(), Failed> {
    let cluster = start(false)?;
    let url = cluster.primary_url();
    let password = url
        .split(':')
        .nth(2)
        .and_then(|rest| rest.split('@').next());
    let password = password.ok_or("no password")?;
    let store = tempfile::tempdir()?;
    let run = |url: &str, more: &[&str]| {
        let mut run = witness();
        run.args([
            "run",
            "list-append",
            "--backend",
            "postgres",
            "--bursts",
            "4",
        ]);
        run.arg("--store").arg(store.path()).args(more);
        run.args(["--url", &format!("us-east-1={url}")]);
        run.args(["--url", &format!("us-east-2={url}")]);
        run.output()
    };
    let wrong = format!("{password}-not");
    let closed = url.replace(&port(&url)?.to_string(), "1");
    for (url, more, code) in [
        (url.clone(), &["--level", "strict-serializable"][..], 0),
        (url.clone(), &["--format", "json"], 0),
        (url.replace(password, &wrong), &[], 255),
        (closed, &[], 255),
        (url.replace("postgres://", "mysql://"), &[], 254),
        (format!("{url}?sslmode={password}"), &[], 254),
        (url.replace('@', ""), &[], 254),
        (url.replace('@', "@x@"), &[], 254),
    ] {
        let output = run(&url, more)?;
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said).into_owned();
        assert_eq!(output.status.code(), Some(code), "{said}");
        assert!(!said.contains(password), "{code}");
        assert!(!said.is_empty());
    }
    let saved = files(store.path());
    assert!(saved.iter().any(|file| file.ends_with("run.json")));
    for file in saved {
        let text = fs::read_to_string(&file)?;
        assert!(!text.contains(password), "{}", file.display());
    }
    // Nor is it needed in the URL. Of another seed all requests may be reads, of which nobody
    // can say what was read from.
    let without = url.replace(&format!(":{password}"), "");
    let mut run = witness();
    run.args([
        "run",
        "register",
        "--backend",
        "postgres",
        "--bursts",
        "2",
        "--requests",
        "3",
        "--seed",
        "1",
    ]);
    run.arg("--store").arg(store.path());
    run.args(["--url", &format!("us-east-1={without}")]);
    let output = run.env("PGPASSWORD", password).output()?;
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    // Nor on the command line at all.
    let mut run = witness();
    run.args(["run", "register", "--backend", "postgres"]);
    run.args(["--bursts", "2", "--requests", "3", "--seed", "1", "--store"]);
    run.arg(store.path());
    let both = format!("us-east-1={url} us-east-2={url}");
    let output = run.env("WITNESS_POSTGRES_URLS", both).output()?;
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    // How far away the regions are is saved, and said.
    let saved = fs::read_to_string(store.path().join("latest/run.json"))?;
    let saved: serde_json::Value = serde_json::from_str(&saved)?;
    let trips = saved["round_trips"].as_array().ok_or("not measured")?;
    let regions: Vec<_> = trips.iter().map(|trip| &trip["region"]).collect();
    assert_eq!(regions, ["us-east-1", "us-east-2"]);
    for trip in trips {
        let [min, median] = ["min_ns", "median_ns"].map(|name| trip[name].as_u64().unwrap_or(0));
        assert!(0 < min && min <= median, "{trip}");
    }
    let said = String::from_utf8(output.stdout)?;
    assert!(said.contains("\n  round trips: us-east-1 "), "{said}");
    Ok(())
}

fn refused() -> Result<(), Failed> {
    for (arguments, code, message) in [
        (&["--standby-lag", "1s"][..], 254, "--standby"),
        (
            &["--isolation", "snapshot"],
            254,
            "there are: read-committed",
        ),
        (&["--endpoint", "us-east-1=h"], 254, "--url"),
        (&["--inter-region-rtt", "1s"], 254, "--standby-lag"),
        (&["--defect", "lost-commit"], 254, "no --defect"),
        (
            &["--standby", "--url", "a=postgres://h"],
            254,
            "--standby is of the cluster",
        ),
        (
            &["--url", "a=postgres://h", "--url", "a=postgres://i"],
            254,
            "one --url",
        ),
        (
            &["--url", "a=postgres://h?sslmode=prefer"],
            254,
            "sslmode=verify-full",
        ),
    ] {
        let mut run = witness();
        run.args(["run", "seats", "--backend", "postgres"])
            .args(arguments);
        let output = run.output()?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
        assert!(said.contains(message), "{arguments:?}: {said}");
    }
    Ok(())
}

/// What `witness doctor` finds missing of these regions, and all that it said.
fn missing(regions: &[(&str, &str)]) -> Result<(Vec<String>, String), Failed> {
    let mut doctor = witness();
    doctor.args(["doctor", "--backend", "postgres", "--format", "json"]);
    for (region, url) in regions {
        doctor.args(["--url", &format!("{region}={url}")]);
    }
    let output = doctor.output()?;
    let said = String::from_utf8(output.stdout)?;
    let read: serde_json::Value = serde_json::from_str(&said)
        .map_err(|e| format!("{e}: {said}{}", String::from_utf8_lossy(&output.stderr)))?;
    let all = read["checks"].as_array().ok_or("no checks")?;
    // Of the servers: this host may be as it is.
    let missing = all
        .iter()
        .filter(|check| check["state"] == "missing" && check["place"] != "this host");
    let names = missing.map(|check| format!("{} {}", check["place"], check["name"]));
    Ok((names.map(|name| name.replace('"', "")).collect(), said))
}

fn doctor() -> Result<(), Failed> {
    let cluster = start(true)?;
    let primary = cluster.primary_url();
    let standby = cluster.standby_url().ok_or("no standby")?;
    let both = [("one", primary.as_str()), ("two", standby.as_str())];
    let (names, said) = missing(&both)?;
    assert_eq!(names, [""; 0], "{said}");
    for name in [
        "let in",
        "room",
        "round trip",
        "clock",
        "may make tables",
        "primary",
        "same database",
    ] {
        assert!(said.contains(&format!("\"name\": \"{name}\"")), "{said}");
    }
    let (names, said) = missing(&[("two", &standby)])?;
    assert_eq!(names, ["two primary"], "{said}");

    let (user, at) = primary.split_once('@').ok_or("no user")?;
    let password = user.rsplit_once(':').ok_or("no password")?.1;
    assert!(!said.contains(password), "{said}");
    let wrong = format!("postgres://witness:hunter2@{at}");
    let (names, said) = missing(&[("one", &wrong)])?;
    assert_eq!(names, ["one let in"], "{said}");
    assert!(!said.contains("hunter2"), "{said}");

    // Since version 15 nobody but the owner makes tables in the schema public.
    let psql = |sql: &str| {
        let done = Command::new("psql").args([&primary, "-qc", sql]).status()?;
        assert!(done.success(), "{sql}");
        Ok::<_, Failed>(())
    };
    psql("CREATE ROLE reader LOGIN PASSWORD 'hunter2'")?;
    psql("REVOKE CREATE ON SCHEMA public FROM PUBLIC")?;
    let reader = format!("postgres://reader:hunter2@{at}");
    let refused = |found: &str| {
        let (names, said) = missing(&[("one", &reader)])?;
        assert_eq!(names, ["one may make tables"], "{said}");
        assert!(said.contains(found), "{said}");
        Ok::<_, Failed>(())
    };
    let nothing_missing = || {
        let (names, said) = missing(&[("one", &reader)])?;
        assert_eq!(names, [""; 0], "{said}");
        Ok::<_, Failed>(())
    };
    let store = tempfile::tempdir()?;
    let run = || {
        let mut run = witness();
        run.args(["run", "seats", "--backend", "postgres", "--bursts", "2"]);
        run.args(["--timeout", "60s", "--url", &format!("one={reader}")]);
        let output = run.arg("--store").arg(store.path()).output()?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        Ok::<_, Failed>((output.status.code(), said))
    };
    refused("reader may not, in the schema public")?;
    psql("GRANT CREATE ON SCHEMA public TO reader")?;
    nothing_missing()?;

    // A table of another role: whatever else may be done with it, a run drops it.
    psql("CREATE TABLE witness_seats (key TEXT PRIMARY KEY, status TEXT, owner TEXT)")?;
    psql("GRANT ALL ON witness_seats TO reader")?;
    refused("public.witness_seats of witness")?;
    refused("ALTER TABLE public.witness_seats OWNER TO reader")?;
    let (code, said) = run()?;
    assert_eq!(code, Some(255), "{said}");
    assert!(
        said.contains("must be owner of table witness_seats"),
        "{said}"
    );
    psql("CREATE ROLE owners; ALTER TABLE public.witness_seats OWNER TO owners")?;
    refused("public.witness_seats of owners")?;
    psql("GRANT owners TO reader")?;
    nothing_missing()?;
    psql("ALTER TABLE public.witness_seats OWNER TO reader")?;
    nothing_missing()?;
    let (code, said) = run()?;
    assert_eq!(code, Some(0), "{said}");

    // What depends on a table keeps it from being dropped, and with it every run.
    for (makes, drops, holds) in [
        (
            "CREATE VIEW sold AS SELECT key FROM witness_seats",
            "DROP VIEW sold",
            "view sold",
        ),
        (
            "CREATE TABLE tickets (seat TEXT REFERENCES witness_seats)",
            "DROP TABLE tickets",
            "constraint tickets_seat_fkey on table tickets",
        ),
        (
            "CREATE FUNCTION free(witness_seats) RETURNS TEXT LANGUAGE SQL AS 'SELECT $1.key'",
            "DROP FUNCTION free",
            "function free(witness_seats)",
        ),
        (
            "CREATE TABLE tours (first witness_seats)",
            "DROP TABLE tours",
            "column first of table tours",
        ),
        (
            "CREATE TABLE tours (seats witness_seats[])",
            "DROP TABLE tours",
            "column seats of table tours",
        ),
        (
            "CREATE FUNCTION free(witness_seats[]) RETURNS BIGINT LANGUAGE SQL AS 'SELECT 1'",
            "DROP FUNCTION free",
            "function free(witness_seats[])",
        ),
    ] {
        psql(makes)?;
        let (names, said) = missing(&[("one", &reader)])?;
        assert_eq!(names, ["one may drop tables"], "{makes}: {said}");
        assert!(said.contains(holds), "{makes}: {said}");
        let (code, said) = run()?;
        assert_eq!(code, Some(255), "{makes}: {said}");
        assert!(said.contains("depend"), "{makes}: {said}");
        psql(drops)?;
        nothing_missing()?;
    }
    // What is part of the table goes with it.
    psql("ALTER TABLE witness_seats ADD FOREIGN KEY (owner) REFERENCES witness_seats NOT VALID")?;
    psql("CREATE INDEX ON witness_seats (owner)")?;
    nothing_missing()?;
    let (code, said) = run()?;
    assert_eq!(code, Some(0), "{said}");

    psql("CREATE VIEW witness_registers AS SELECT 1")?;
    refused("public.witness_registers is no table")?;
    psql("ALTER ROLE reader SET search_path = nowhere")?;
    refused("no schema of the search path is open to reader")?;
    Ok(())
}
