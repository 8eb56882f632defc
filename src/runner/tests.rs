//! What is known of a run that could not go on.

use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use witness_workloads::{Connection, Expectation, Page, Row, Table};

use super::*;

/// A database that is gone as soon as the first request is made.
#[derive(Clone, Default)]
struct Breaks(Arc<AtomicBool>, Vec<String>);

#[async_trait]
impl Database for Breaks {
    fn regions(&self) -> &[String] {
        &self.1
    }

    async fn create(&self, _: &[Table]) -> Result<(), DbError> {
        Ok(())
    }

    async fn connect(&self, _: &str) -> Result<Box<dyn Connection>, DbError> {
        match self.0.load(Ordering::Relaxed) {
            true => Err(DbError::definite("connect", "nobody is there")),
            false => Ok(Box::new(self.clone())),
        }
    }
}

#[async_trait]
impl Connection for Breaks {
    async fn begin(&mut self) -> Result<(), DbError> {
        self.0.store(true, Ordering::Relaxed);
        Err(DbError::indeterminate("connection", "closed"))
    }

    async fn read(&mut self, _: &Table, _: &str) -> Result<Option<Row>, DbError> {
        unreachable!("nothing ever begins")
    }

    async fn read_for_update(&mut self, _: &Table, _: &str) -> Result<Option<Row>, DbError> {
        unreachable!("nothing ever begins")
    }

    async fn write(&mut self, _: &Table, _: &Row) -> Result<(), DbError> {
        unreachable!("nothing ever begins")
    }

    async fn write_if(&mut self, _: &Table, _: &Row, _: Expectation<'_>) -> Result<bool, DbError> {
        unreachable!("nothing ever begins")
    }

    async fn append(&mut self, _: &Table, _: &Row) -> Result<(), DbError> {
        unreachable!("nothing ever begins")
    }

    async fn commit(&mut self) -> Result<(), DbError> {
        unreachable!("nothing ever begins")
    }

    async fn rollback(&mut self) {}

    async fn scan(&mut self, _: &Table, _: Option<&str>) -> Result<Page, DbError> {
        unreachable!("nothing ever begins")
    }
}

#[tokio::test]
async fn how_far_it_came_is_known_of_a_run_that_could_not_go_on() {
    let workload = witness_workloads::find("register").unwrap();
    let parameters = Parameters {
        bursts: vec![2, 2],
        requests: 5,
        regions: 1,
        ..workload.defaults()
    };
    let plan = Plan {
        workload,
        settle_max: Duration::ZERO,
        meeting: None,
    };
    let database: Arc<dyn Database> = Arc::new(Breaks(Arc::default(), vec!["r".into()]));
    let dir = tempfile::tempdir().unwrap();
    let recorder = Recorder::create(dir.path().join("history.jsonl")).unwrap();
    let mut phases = Vec::new();
    let (ended, ran) = run(
        plan,
        &parameters,
        &database,
        &recorder,
        &Stop::default(),
        &mut |progress| phases.push(progress),
    )
    .await;
    let why = ran.unwrap_err().to_string();
    assert_eq!(why, "preparing a burst: connect: nobody is there");
    // Each client asked once, and found nobody when it went on.
    assert_eq!(ended.not_done, ["8 requests were not made"]);
    assert_eq!(phases.last(), Some(&Progress::Burst { clients: 2 }));
}
