//! What a standby does to isolation, step by step, so that it comes out each time: each
//! transaction is the workload's own application code over the backend, recorded as a run
//! records it, and decided by the checker.
//!
//! What Jepsen reported of Amazon RDS for PostgreSQL 17.4 in 2025 is true of PostgreSQL with
//! any standby: on a primary a transaction becomes visible when its session says so, some
//! time after its commit record was written; on a standby in the order of the records. Two
//! transactions may become visible here in one order and there in the other: a long fork.
//! Left to chance it is a matter of microseconds. But a session that waits for synchronous
//! replication is past its commit record and not visible yet for as long as it waits.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use libtest_mimic::{Failed, Trial};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_postgres::{Client, NoTls};
use witness::backends::{self, Isolation, Options, ServerOptions, Url};
use witness::input::Input;
use witness::local::postgres::{Cluster, Installed, Settings};
use witness_checkers::Verdict;
use witness_histories::Recorder;
use witness_workloads::{Database, Outcome, Request, Row, Workload, register::REGISTERS};

use crate::runs::Theory;
use crate::trial;

/// What takes longer than this is not going to happen.
const PATIENCE: Duration = Duration::from_secs(300);

pub fn trials() -> Vec<Trial> {
    let mut trials = vec![trial("scene::paused-standby::stale-read", || async {
        let mut stage = Stage::set(Isolation::Serializable).await?;
        stage.pause_replay().await?;
        stage.transact("primary", json!([["w", 0, 1]])).await?;
        let seen = stage.transact("standby", json!([["r", 0, null]])).await?;
        assert_eq!(seen, json!([["r", 0, null]]), "replay is paused");
        stage.resume_replay().await?;
        let theory = Theory {
            hold: &["strong-session-serializable", "serializable"],
            fail: &["strict-serializable", "strong-snapshot-isolation"],
            by: &["G-single-realtime"],
        };
        Ok(theory.check_verdict(&stage.verdict("strict-serializable")?)?)
    })];
    trials.push(trial("scene::paused-standby::not-my-own-write", || async {
        let mut stage = Stage::set(Isolation::Serializable).await?;
        stage.pause_replay().await?;
        // The same client: what writes goes to the primary, what reads to the standby.
        let ops = [json!([["w", 0, 1]]), json!([["r", 0, null]])];
        let seen = stage.transact_in_turn("standby", &ops).await?;
        assert_eq!(seen, json!([["r", 0, null]]), "replay is paused");
        stage.resume_replay().await?;
        let theory = Theory {
            hold: &["serializable"],
            fail: &["read-your-writes", "strong-session-snapshot-isolation"],
            by: &["missing-your-writes"],
        };
        Ok(theory.check_verdict(&stage.verdict("strict-serializable")?)?)
    }));
    for isolation in Isolation::ALL {
        let name = format!("scene::synchronous-standby::long-fork::{isolation}");
        trials.push(trial(&name, move || long_fork(isolation)));
    }
    trials
}

/// Transaction X writes key 0 and waits for a synchronous standby that is not there; the
/// standby that is there replays X, and is paused. Transaction Y writes key 1 and waits for
/// nobody. Now the primary shows Y without X, and the standby X without Y.
async fn long_fork(isolation: Isolation) -> Result<(), Failed> {
    let mut stage = Stage::set(isolation).await?;
    stage
        .primary
        .batch_execute("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
        .await?;
    stage
        .primary
        .batch_execute("SELECT pg_reload_conf()")
        .await?;
    stage
        .until("SELECT current_setting('synchronous_standby_names') = 'nobody'")
        .await?;
    // The setting is one thing, its being heeded by those who commit another: only once the
    // checkpointer has read it, too, does anybody wait.
    stage.until_commits_wait().await?;
    let x = stage.begin("primary", json!([["w", 0, 1]])).await?;
    stage
        .until("SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event = 'SyncRep'")
        .await?;
    stage
        .until_on_standby("SELECT value = '1' FROM witness_registers WHERE key = '0'")
        .await?;
    stage.pause_replay().await?;
    stage.transact("hurried", json!([["w", 1, 2]])).await?;

    let both = json!([["r", 0, null], ["r", 1, null]]);
    let primary = stage.transact("primary", both.clone()).await?;
    let standby = stage.transact("standby", both).await?;
    assert_eq!(primary, json!([["r", 0, null], ["r", 1, 2]]));
    assert_eq!(standby, json!([["r", 0, 1], ["r", 1, null]]));

    stage.resume_replay().await?;
    stage
        .primary
        .batch_execute("ALTER SYSTEM RESET synchronous_standby_names")
        .await?;
    stage
        .primary
        .batch_execute("SELECT pg_reload_conf()")
        .await?;
    tokio::time::timeout(PATIENCE, x).await???;
    // Whatever the readers saw, in the end there is one state, the same everywhere.
    for region in ["primary", "standby"] {
        stage
            .until_on_standby("SELECT value = '2' FROM witness_registers WHERE key = '1'")
            .await?;
        let end = stage
            .transact(region, json!([["r", 0, null], ["r", 1, null]]))
            .await?;
        assert_eq!(end, json!([["r", 0, 1], ["r", 1, 2]]), "{region}");
    }
    let theory = Theory {
        hold: &["parallel-snapshot-isolation", "read-atomic"],
        fail: &["snapshot-isolation", "serializable", "repeatable-read"],
        by: &["long-fork"],
    };
    Ok(theory.check_verdict(&stage.verdict("snapshot-isolation")?)?)
}

/// A primary and its standby, the workload's table on both with two registers, and a
/// recorder. The regions are `primary`, `standby`, and `hurried`: the primary again, for
/// clients that wait for no standby.
struct Stage {
    database: Arc<dyn Database>,
    workload: &'static dyn Workload,
    recorder: Arc<Recorder>,
    history: PathBuf,
    primary: Client,
    standby: Client,
    // Last: what is above is on it.
    cluster: Cluster,
    _folder: TempDir,
}

impl Stage {
    async fn set(isolation: Isolation) -> Result<Stage, Failed> {
        let settings = Settings {
            standby: true,
            ..Settings::default()
        };
        let installed = Installed::find()?;
        let cluster =
            tokio::task::spawn_blocking(move || Cluster::start(&installed, settings)).await??;
        let (primary, standby) = (cluster.primary_url(), cluster.standby_url().ok_or("none")?);
        let hurried = format!("{primary}?options=-c%20synchronous_commit%3Dlocal");
        let options = Options {
            timeout: PATIENCE,
            servers: ServerOptions {
                urls: vec![
                    Url::new("primary", &primary),
                    Url::new("standby", &standby),
                    Url::new("hurried", hurried),
                ],
                isolation,
                ..ServerOptions::default()
            },
            ..Options::default()
        };
        let opened = backends::find("postgres")?.open(&options).await?;
        let database = opened.database;
        database.create(&[REGISTERS]).await?;
        let mut db = database.connect("primary").await?;
        for key in ["0", "1"] {
            db.begin().await?;
            db.write(&REGISTERS, &Row::from([("key".into(), key.into())]))
                .await?;
            db.commit().await?;
        }
        let folder = tempfile::tempdir()?;
        let history = folder.path().join("history.jsonl");
        let mut stage = Stage {
            database,
            workload: witness_workloads::find("long-fork")?,
            recorder: Arc::new(Recorder::create(&history)?),
            history,
            primary: connect(&primary).await?,
            standby: connect(&standby).await?,
            cluster,
            _folder: folder,
        };
        stage
            .until_on_standby("SELECT count(*) = 2 FROM witness_registers")
            .await?;
        Ok(stage)
    }

    /// One transaction of a client of its own: what it came to.
    async fn transact(&mut self, region: &str, ops: Value) -> Result<Value, Failed> {
        self.transact_in_turn(region, &[ops]).await
    }

    /// Several of one client: what the last came to.
    async fn transact_in_turn(&mut self, region: &str, all: &[Value]) -> Result<Value, Failed> {
        client(self, region, all.to_vec()).await
    }

    /// One that is not waited for.
    async fn begin(
        &mut self,
        region: &str,
        ops: Value,
    ) -> Result<tokio::task::JoinHandle<Result<Value, Failed>>, Failed> {
        Ok(tokio::spawn(client(self, region, vec![ops])))
    }

    /// Commits again and again until a commit waits for the standby that is not there, and
    /// lets that one go.
    async fn until_commits_wait(&mut self) -> Result<(), Failed> {
        let probe = connect(&self.cluster.primary_url()).await?;
        let enough = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&enough);
        let probing = tokio::spawn(async move {
            while !told.load(Ordering::Relaxed) {
                let commit = "SELECT pg_logical_emit_message(true, 'probe', '')";
                probe.query_one(commit, &[]).await?;
            }
            Ok::<_, tokio_postgres::Error>(())
        });
        self.until("SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event = 'SyncRep'")
            .await?;
        enough.store(true, Ordering::Relaxed);
        let free =
            "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
        self.primary.query(free, &[]).await?;
        Ok(tokio::time::timeout(PATIENCE, probing).await???)
    }

    async fn pause_replay(&mut self) -> Result<(), Failed> {
        self.standby
            .batch_execute("SELECT pg_wal_replay_pause()")
            .await?;
        self.until_on_standby("SELECT pg_get_wal_replay_pause_state() = 'paused'")
            .await
    }

    async fn resume_replay(&mut self) -> Result<(), Failed> {
        Ok(self
            .standby
            .batch_execute("SELECT pg_wal_replay_resume()")
            .await?)
    }

    async fn until(&mut self, question: &str) -> Result<(), Failed> {
        until(&self.primary, question).await
    }

    async fn until_on_standby(&mut self, question: &str) -> Result<(), Failed> {
        until(&self.standby, question).await
    }

    /// What the checker says of all that was recorded.
    fn verdict(&self, level: &str) -> Result<Verdict, Failed> {
        self.recorder.finish()?;
        let isolation = witness_checkers::find("isolation")?;
        let mut options = witness_checkers::Options::default();
        options.isolation.level = Some(level.into());
        let digest = witness::check::digest(&Input::new(&self.history), &[isolation], true)?;
        Ok(isolation.check(&digest, &options))
    }
}

/// A client's transactions, one after the other, each as a run performs and records it.
fn client(
    stage: &Stage,
    region: &str,
    all: Vec<Value>,
) -> impl Future<Output = Result<Value, Failed>> + Send + 'static {
    let (database, workload) = (Arc::clone(&stage.database), stage.workload);
    let mut client = stage.recorder.client(Some(region));
    let region = region.to_owned();
    async move {
        let mut db = database.connect(&region).await?;
        let mut last = Value::Null;
        for value in all {
            let request = Request {
                f: "txn",
                key: None,
                value,
            };
            let open = client.invoke(request.f, None, &request.value)?;
            let attempted = workload.perform("naive", db.as_mut(), &request).await;
            let Outcome::Ok(value) = attempted.outcome else {
                return Err(format!("{region}: {:?}", attempted.outcome).into());
            };
            open.ok(&value, Some(attempted.attempts))?;
            last = value;
        }
        Ok(last)
    }
}

pub async fn connect(url: &str) -> Result<Client, Failed> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

/// Asks until the answer is yes.
pub async fn until(client: &Client, question: &str) -> Result<(), Failed> {
    let began = Instant::now();
    while began.elapsed() < PATIENCE {
        let row = client.query_opt(question, &[]).await?;
        if row.and_then(|row| row.get(0)).unwrap_or(false) {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Err(format!("not within {PATIENCE:?}: {question}").into())
}
