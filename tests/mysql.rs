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
    skew.parameters.bursts = vec![2];
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

/// Both nodes have all that a run needs; who comes with another password is not let in.
fn doctor(urls: &[String]) -> Result<(), Failed> {
    let (_, at) = urls[0].split_once('@').ok_or("no user")?;
    let wrong = format!("mysql://witness:hunter2@{at}");
    for (urls, expected) in [
        (&[urls[0].as_str(), urls[1].as_str()][..], &[][..]),
        (&[&wrong], &["let in"]),
    ] {
        let mut doctor = std::process::Command::new(env!("CARGO_BIN_EXE_witness"));
        doctor.args(["doctor", "--backend", "mysql", "--format", "json"]);
        for (n, url) in urls.iter().enumerate() {
            doctor.args(["--url", &format!("region-{n}={url}")]);
        }
        let said = String::from_utf8(doctor.output()?.stdout)?;
        let read: serde_json::Value = serde_json::from_str(&said)?;
        let all = read["checks"].as_array().ok_or("no checks")?;
        // Of the servers: this host may be as it is.
        let state = |state: &'static str| {
            let mut names: Vec<_> = all
                .iter()
                .filter(|c| c["state"] == state && c["place"] != "this host")
                .filter_map(|c| c["name"].as_str())
                .collect();
            names.sort_unstable();
            names.dedup();
            names
        };
        assert_eq!(state("missing"), expected, "{said}");
        assert!(!said.contains("hunter2"), "{said}");
        if expected.is_empty() {
            let ok = [
                "Galera",
                "clock",
                "let in",
                "may make tables",
                "room",
                "round trip",
            ];
            assert_eq!(state("ok"), ok, "{said}");
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
