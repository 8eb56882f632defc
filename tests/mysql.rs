//! MariaDB with Galera for real: two nodes that are started for a trial and gone after it.
//! Where it is not installed, every trial is listed as ignored, with the reason.

mod finished;
#[path = "postgres/gate.rs"]
mod gate;

use std::time::Duration;

use async_trait::async_trait;
use finished::{told, verdict};
use libtest_mimic::{Arguments, Failed, Trial};
use mysql_async::Conn;
use mysql_async::prelude::Queryable;
use serde_json::Value;
use witness::backends::{self, Backend, Isolation, OpenError, Opened, Options, ServerOptions, Url};
use witness::local::galera::{Cluster, Installed};
use witness::run::Spec;
use witness::suite::{Case, trials};
use witness_checkers::Valid;
use witness_workloads::register::REGISTERS;
use witness_workloads::{Connection, DbError, Row};

fn main() {
    let absent = Installed::find().is_err();
    let reason = "MariaDB with Galera is not installed";
    let cases = cases().into_iter().map(|case| match absent {
        true => case.absent(reason),
        false => case,
    });
    let mut all = trials(cases.collect());
    let scene = Trial::test("scene::a-node-that-is-behind::stale-read", || {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build();
        runtime?.block_on(stale())
    });
    let scene = scene.with_ignored_flag(absent);
    all.push(if absent {
        scene.with_kind(reason)
    } else {
        scene
    });
    libtest_mimic::run(&Arguments::from_args(), all).exit();
}

fn cases() -> Vec<Case> {
    // All have read that the seat is free. On one node the one who waits for a row's lock then
    // writes over what the other has sold; between nodes one is refused.
    let mut naive = spec("seats", Isolation::RepeatableRead);
    naive.backend = &Gated(8);
    naive.parameters.bursts = vec![8];
    let mut conditional = spec("seats", Isolation::RepeatableRead);
    conditional.parameters.app = "conditional".into();
    conditional.parameters.bursts = vec![8, 24];
    // Each on a node of its own: nobody's reads are locked on the other's.
    let mut skew = spec("write-skew", Isolation::Serializable);
    skew.backend = &Gated(2);
    // The gate holds first tries alone, so several pairs: one may conflict and try again.
    skew.parameters.bursts = vec![2; 6];
    skew.parameters.keys = 1;
    skew.parameters.requests = 1;
    vec![
        Case::new("seats::naive::repeatable-read", naive, |done| {
            let sold = verdict(done, "at-most-one-acquisition")?;
            (sold.valid == Valid::False && sold.counts["oversold"] > 0)
                .then_some(())
                .ok_or_else(|| told(done))
        }),
        Case::new("seats::conditional::repeatable-read", conditional, |done| {
            let sold = verdict(done, "at-most-one-acquisition")?;
            (done.verdicts.valid == Valid::True && sold.counts["confirmed"] == 2)
                .then_some(())
                .ok_or_else(|| told(done))
        }),
        Case::new("write-skew::serializable::overlapping", skew, |done| {
            let isolation = verdict(done, "isolation")?;
            (isolation.scope["levels"]["serializable"] == false
                && isolation.counts.contains_key("G2-item"))
            .then_some(())
            .ok_or_else(|| told(done))
        }),
    ]
}

/// The backend `mysql`, whose clients of one burst, so many, all read before any writes.
struct Gated(usize);

#[async_trait]
impl Backend for Gated {
    fn name(&self) -> &'static str {
        "mysql"
    }

    fn about(&self) -> &'static str {
        "MariaDB, for a trial"
    }

    fn by_default(&self) -> bool {
        false
    }

    fn defects(&self) -> Vec<&'static str> {
        Vec::new()
    }

    async fn open(&self, options: &Options) -> Result<Opened, OpenError> {
        let opened = backends::find("mysql")?.open(options).await?;
        let database = gate::gated(opened.database, self.0);
        Ok(Opened { database, ..opened })
    }
}

/// A node that is held applies nothing; its clients read what it has.
async fn stale() -> Result<(), Failed> {
    let installed = Installed::find()?;
    let cluster = tokio::task::spawn_blocking(move || Cluster::start(&installed)).await??;
    let urls = cluster.urls();
    let options = Options {
        timeout: Duration::from_secs(300),
        servers: ServerOptions {
            urls: vec![Url::new("one", &urls[0]), Url::new("two", &urls[1])],
            isolation: Isolation::Serializable,
            ..ServerOptions::default()
        },
        ..Options::default()
    };
    let database = backends::find("mysql")?.open(&options).await?.database;
    database.create(&[REGISTERS]).await?;
    let (mut one, mut two) = (
        database.connect("one").await?,
        database.connect("two").await?,
    );
    doctor(&urls)?;
    held(&urls[0]).await?;
    granted(&urls[0]).await?;
    let mut holder = Conn::from_url(&urls[1]).await?;
    holder.query_drop("FLUSH TABLES WITH READ LOCK").await?;
    let row = Row::from([("key".into(), "r1".into()), ("value".into(), "7".into())]);
    one.begin().await?;
    one.write(&REGISTERS, &row).await?;
    one.commit().await?;
    assert_eq!(read(one.as_mut()).await?, Some(row.clone()));
    assert_eq!(
        read(two.as_mut()).await?,
        None,
        "acknowledged, and not seen"
    );
    holder.query_drop("UNLOCK TABLES").await?;
    while read(two.as_mut()).await? != Some(row.clone()) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Ok(())
}

/// What `witness doctor` says of these servers, and its checks of them: this host may be as
/// it is.
fn examined(urls: &[&str]) -> Result<(String, Vec<Value>), Failed> {
    let mut doctor = std::process::Command::new(env!("CARGO_BIN_EXE_witness"));
    doctor.args(["doctor", "--backend", "mysql", "--format", "json"]);
    for (n, url) in urls.iter().enumerate() {
        doctor.args(["--url", &format!("region-{n}={url}")]);
    }
    let said = String::from_utf8(doctor.output()?.stdout)?;
    let read: Value = serde_json::from_str(&said)?;
    let all = read["checks"].as_array().ok_or("no checks")?;
    let servers = all.iter().filter(|c| c["place"] != "this host").cloned();
    assert!(!said.contains("hunter2"), "{said}");
    Ok((said, servers.collect()))
}

/// Both nodes have all that a run needs; who comes with another password is not let in.
fn doctor(urls: &[String]) -> Result<(), Failed> {
    let (_, at) = urls[0].split_once('@').ok_or("no user")?;
    let wrong = format!("mysql://witness:hunter2@{at}");
    for (urls, expected) in [
        (&[urls[0].as_str(), urls[1].as_str()][..], &[][..]),
        (&[&wrong], &["let in"]),
    ] {
        let (said, all) = examined(urls)?;
        let state = |state: &'static str| {
            let of = all.iter().filter(|c| c["state"] == state);
            let mut names: Vec<_> = of.filter_map(|c| c["name"].as_str()).collect();
            names.sort_unstable();
            names.dedup();
            names
        };
        assert_eq!(state("missing"), expected, "{said}");
        if expected.is_empty() {
            let ok = [
                "Galera",
                "clock",
                "let in",
                "may drop tables",
                "may make tables",
                "room",
                "round trip",
            ];
            assert_eq!(state("ok"), ok, "{said}");
        }
    }
    Ok(())
}

/// A table that another refers to stays, and the doctor knows it before a run does.
async fn held(url: &str) -> Result<(), Failed> {
    let mut admin = Conn::from_url(url).await?;
    admin
        .query_drop(
            "CREATE TABLE holder (k VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin, \
             CONSTRAINT holds FOREIGN KEY (k) REFERENCES witness_registers (`key`)) ENGINE = InnoDB",
        )
        .await?;
    let (said, all) = examined(&[url])?;
    let missing = all.iter().filter(|c| c["state"] == "missing");
    let missing: Vec<_> = missing.filter_map(|c| c["name"].as_str()).collect();
    assert_eq!(missing, ["may drop tables"], "{said}");
    assert!(said.contains("witness_registers by "), "{said}");
    assert!(said.contains("(holds)"), "{said}");
    let refused = admin.query_drop("DROP TABLE witness_registers").await;
    assert!(refused.is_err(), "the server keeps it");
    admin.query_drop("DROP TABLE holder").await?;
    let (said, all) = examined(&[url])?;
    assert!(all.iter().all(|c| c["state"] != "missing"), "{said}");
    Ok(())
}

/// Whatever is granted: the doctor finds lacking what the server refuses, and nothing else.
async fn granted(url: &str) -> Result<(), Failed> {
    let mut admin = Conn::from_url(url).await?;
    // It has every right but that to give them.
    admin
        .query_drop(
            "UPDATE mysql.global_priv \
             SET Priv = JSON_SET(Priv, '$.access', JSON_VALUE(Priv, '$.access') | 1024) \
             WHERE User = 'witness'",
        )
        .await?;
    admin.query_drop("FLUSH PRIVILEGES").await?;
    admin.disconnect().await?;
    let mut admin = Conn::from_url(url).await?;
    admin.query_drop("CREATE DATABASE app_1").await?;
    let (_, at) = url.split_once('@').ok_or("no user")?;
    let (at, _) = at.rsplit_once('/').ok_or("no database")?;
    let url = format!("mysql://narrow:hunter2@{at}");

    const RIGHTS: &str = "CREATE, DROP, INSERT, SELECT, UPDATE";
    for (grants, lacking) in [
        (&[("ALL", "*.*")][..], ""),
        (&[("ALL", "`app\\_1`.*")], ""),
        (&[("ALL", "`app_1`.*")], ""),
        (&[("ALL", "`a%1`.*")], ""),
        (&[("ALL", "`app%\\_1`.*")], ""),
        (&[(RIGHTS, "`app\\_1`.*")], ""),
        (&[("CREATE", "`app\\_1`.*")], "DROP, INSERT, SELECT, UPDATE"),
        (&[("CREATE, SELECT, INSERT", "`app_1`.*")], "DROP, UPDATE"),
        (
            &[("SELECT", "`app\\_1`.*"), ("ALL", "`app%`.*")],
            "CREATE, DROP, INSERT, UPDATE",
        ),
        (&[("ALL", "`app%`.*"), ("SELECT", "`a%`.*")], ""),
        (
            &[("SELECT", "`app%`.*"), ("ALL", "`a%`.*")],
            "CREATE, DROP, INSERT, UPDATE",
        ),
        (
            &[("SELECT", "*.*"), ("CREATE, INSERT, UPDATE", "`app%`.*")],
            "DROP",
        ),
        (
            &[
                ("CREATE", "`app_1`.*"),
                ("SELECT, DROP", "`app_1`.witness_op_log"),
            ],
            "INSERT, UPDATE",
        ),
        // Not let in: the database is not this one.
        (&[("ALL", "`app\\%`.*")], RIGHTS),
        (&[("ALL", "`app__1`.*")], RIGHTS),
    ] {
        admin
            .query_drop("DROP USER IF EXISTS narrow@'127.0.0.1'")
            .await?;
        admin
            .query_drop("CREATE USER narrow@'127.0.0.1' IDENTIFIED BY 'hunter2'")
            .await?;
        admin
            .query_drop("CREATE TABLE IF NOT EXISTS app_1.witness_op_log (a TEXT)")
            .await?;
        for (rights, of) in grants {
            let grant = format!("GRANT {rights} ON {of} TO narrow@'127.0.0.1'");
            admin.query_drop(grant).await?;
        }
        let mut narrow = Conn::from_url(&url).await?;
        let mut refused = Vec::new();
        for (right, sql) in [
            (
                "CREATE",
                "CREATE TABLE IF NOT EXISTS app_1.witness_op_log (a TEXT)",
            ),
            ("DROP", "DROP TABLE IF EXISTS app_1.witness_op_log"),
            ("INSERT", "INSERT INTO app_1.witness_op_log VALUES ('a')"),
            ("SELECT", "SELECT * FROM app_1.witness_op_log"),
            ("UPDATE", "UPDATE app_1.witness_op_log SET a = 'b'"),
        ] {
            if narrow.query_drop(sql).await.is_err() {
                refused.push(right);
            }
            admin
                .query_drop("CREATE TABLE IF NOT EXISTS app_1.witness_op_log (a TEXT)")
                .await?;
        }
        narrow.disconnect().await?;
        assert_eq!(refused.join(", "), lacking, "{grants:?}");

        let (said, all) = examined(&[&format!("{url}/app_1")])?;
        let of = |name| all.iter().find(|check| check["name"] == name);
        match (lacking, of("may make tables")) {
            (RIGHTS, None) => assert_eq!(of("let in").ok_or("none")?["state"], "missing"),
            ("", Some(check)) => assert_eq!(check["state"], "ok", "{grants:?}: {said}"),
            (_, Some(check)) => {
                assert_eq!(check["state"], "missing", "{grants:?}: {said}");
                let found = check["found"].as_str().unwrap_or_default();
                let expected = format!("not {lacking} of app_1.witness_");
                assert!(found.starts_with(&expected), "{grants:?}: {said}");
            }
            (_, None) => return Err(format!("{grants:?}: {said}").into()),
        }
    }
    Ok(())
}

async fn read(db: &mut dyn Connection) -> Result<Option<Row>, DbError> {
    db.begin_read_only().await?;
    let found = db.read(&REGISTERS, "r1").await?;
    db.commit().await.map(|()| found)
}

fn spec(workload: &str, isolation: Isolation) -> Spec {
    let mut spec = Spec::new(workload, "mysql").expect("both are registered");
    spec.options.servers.isolation = isolation;
    spec.options.timeout = Duration::from_secs(300);
    spec.settle_max = Duration::from_secs(300);
    spec.store = concat!(env!("CARGO_TARGET_TMPDIR"), "/mysql-store").into();
    spec
}
