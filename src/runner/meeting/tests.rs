//! Parts that meet on a table in memory, and those that must not.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use serde_json::json;
use witness_workloads::{Connection, Expectation, Page, Table};

use super::join::Search;
use super::*;

/// What takes longer than this is not going to happen.
const PATIENCE: Duration = Duration::from_secs(60);

/// The rows of the table; none while it is not there.
#[derive(Clone, Default)]
struct Memory {
    rows: Arc<Mutex<Option<Vec<Row>>>>,
    /// The next append is done, and its answer lost.
    loses_an_answer: Arc<Mutex<bool>>,
    /// Comes with the next append, as if another had made it at the same time.
    comes_along: Arc<Mutex<Option<Row>>>,
    /// How often a row was looked for.
    reads: Arc<AtomicUsize>,
    /// How often the whole table was read.
    scans: Arc<AtomicUsize>,
    /// Whoever reads the whole table never hears of it.
    silent: Arc<AtomicBool>,
}

impl Memory {
    fn made() -> Memory {
        let memory = Memory::default();
        memory.set(Vec::new());
        memory
    }

    fn set(&self, rows: Vec<Row>) {
        *self.rows.lock().unwrap() = Some(rows);
    }

    fn rows(&self) -> Vec<Row> {
        let rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        rows.clone().unwrap_or_default()
    }

    fn database(&self) -> Arc<dyn Database> {
        Arc::new(One(vec!["r".into()], self.clone()))
    }

    /// Waits until a row of that part is there, of that step, and returns it.
    async fn shows(&self, number: usize, step: u64) -> Row {
        let began = Instant::now();
        loop {
            let here = |row: &Row| is(row, "part", number) && is(row, "step", step);
            let found = self.rows().into_iter().find(here);
            match found {
                Some(row) => return row,
                None => assert!(began.elapsed() < PATIENCE, "part {number} is not there"),
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

struct One(Vec<String>, Memory);

#[async_trait]
impl Database for One {
    fn regions(&self) -> &[String] {
        &self.0
    }

    async fn create(&self, _: &[Table]) -> Result<(), DbError> {
        unreachable!("whoever meets makes no tables")
    }

    async fn connect(&self, _: &str) -> Result<Box<dyn Connection>, DbError> {
        Ok(Box::new(self.1.clone()))
    }
}

#[async_trait]
impl Connection for Memory {
    async fn begin(&mut self) -> Result<(), DbError> {
        Ok(())
    }

    async fn read(&mut self, table: &Table, key: &str) -> Result<Option<Row>, DbError> {
        assert_eq!(*table, PARTS);
        self.reads.fetch_add(1, Ordering::Relaxed);
        let rows = self.rows.lock().unwrap().clone();
        let rows = rows.ok_or_else(|| DbError::definite("42P01", "no such table"))?;
        Ok(rows.into_iter().find(|row| row["id"] == key))
    }

    async fn read_for_update(&mut self, _: &Table, _: &str) -> Result<Option<Row>, DbError> {
        unreachable!("rows are never changed")
    }

    async fn write(&mut self, _: &Table, _: &Row) -> Result<(), DbError> {
        unreachable!("rows are never changed")
    }

    async fn write_if(&mut self, _: &Table, _: &Row, _: Expectation<'_>) -> Result<bool, DbError> {
        unreachable!("rows are never changed")
    }

    async fn append(&mut self, table: &Table, row: &Row) -> Result<(), DbError> {
        assert_eq!(*table, PARTS);
        let mut rows = self.rows.lock().unwrap();
        let rows = rows
            .as_mut()
            .ok_or_else(|| DbError::definite("42P01", "no such table"))?;
        if rows.iter().any(|there| there["id"] == row["id"]) {
            return Err(DbError::definite("23505", "duplicate key"));
        }
        rows.push(row.clone());
        rows.extend(self.comes_along.lock().unwrap().take());
        if std::mem::take(&mut *self.loses_an_answer.lock().unwrap()) {
            return Err(DbError::indeterminate("connection", "closed"));
        }
        Ok(())
    }

    async fn commit(&mut self) -> Result<(), DbError> {
        Ok(())
    }

    async fn rollback(&mut self) {}

    async fn scan(&mut self, _: &Table, _: Option<&str>) -> Result<Page, DbError> {
        self.scans.fetch_add(1, Ordering::Relaxed);
        if self.silent.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
        let rows = self.rows.lock().unwrap().clone();
        let rows = rows.ok_or_else(|| DbError::definite("42P01", "no such table"))?;
        Ok(Page { rows, next: None })
    }
}

fn parted(part: &str, wait_max: Duration) -> Parted {
    Parted {
        part: part.parse().unwrap(),
        wait_max,
        plan: json!({"seed": 7, "keys": 5}),
        uncertainty: Duration::ZERO,
    }
}

/// A part that meets the others for the first time.
async fn begin(memory: &Memory, parted: Parted) -> Result<Meeting, PartError> {
    let mut meeting = Meeting::new(&memory.database(), parted);
    if meeting.part().is_first() {
        meeting.open().await?;
        meeting.again().await?;
    } else {
        meeting.join().await?;
    }
    Ok(meeting)
}

/// The same, in a task of its own.
fn begins(memory: &Memory, part: &str) -> tokio::task::JoinHandle<Result<Meeting, PartError>> {
    let (memory, parted) = (memory.clone(), parted(part, PATIENCE));
    tokio::task::spawn_local(async move { begin(&memory, parted).await })
}

/// Two parts that have met.
async fn pair(memory: &Memory) -> [Meeting; 2] {
    let parts = ["1/2", "2/2"].map(|part| begins(memory, part));
    let [first, second] = parts;
    [
        first.await.unwrap().unwrap(),
        second.await.unwrap().unwrap(),
    ]
}

/// What a first part leaves that begins anew.
fn opening_of(run: &str) -> Row {
    let mut opening = row_of(run, 1, 0);
    opening.insert("id".into(), OPENING.into());
    opening
}

/// Runs the test, and what it starts beside itself.
fn on_one_thread(test: impl Future<Output = ()>) {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_time().build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, test);
}

fn row_of(run: &str, part: usize, step: u64) -> Row {
    Row::from([
        ("id".into(), format!("{run}/{step}/{part}/")),
        ("run".into(), run.into()),
        ("part".into(), part.to_string()),
        ("step".into(), step.to_string()),
        ("plan".into(), r#"{"keys":5,"seed":7}"#.into()),
    ])
}

#[test]
fn all_parts_go_when_all_are_there_again_and_again() {
    on_one_thread(async {
        let memory = Memory::made();
        let parts = ["3/3", "2/3", "1/3"].map(|part| begins(&memory, part));
        let mut met = Vec::new();
        for part in parts {
            met.push(part.await.unwrap().unwrap());
        }
        let runs: Vec<_> = met.iter().map(|meeting| meeting.run().to_owned()).collect();
        assert!(runs.iter().all(|run| *run == runs[0]), "{runs:?}");
        for step in 2..5_u64 {
            let mut last = met.pop().unwrap();
            let waiting = met.into_iter().map(|mut part| {
                tokio::task::spawn_local(async move { part.again().await.map(|()| part) })
            });
            let waiting: Vec<_> = waiting.collect();
            // However often those who are there look, nobody goes.
            let others = (1..=3).filter(|&number| number != last.part().number());
            for number in others.filter(|&number| number > 1) {
                memory.shows(number, step).await;
            }
            let looked = memory.reads.load(Ordering::Relaxed);
            while memory.reads.load(Ordering::Relaxed) < looked + 20 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            assert!(waiting.iter().all(|part| !part.is_finished()));
            let went = |row: &Row| is(row, "part", 1) && is(row, "step", step);
            assert!(!memory.rows().iter().any(went), "nobody said so");
            last.again().await.unwrap();
            met = Vec::new();
            for part in waiting {
                met.push(part.await.unwrap().unwrap());
            }
            // Each is the last in its turn.
            met.insert(0, last);
            let here = memory.rows();
            let mine = |row: &&Row| is(row, "run", &runs[0]) && is(row, "step", step);
            assert_eq!(here.iter().filter(mine).count(), 3);
        }
    });
}

#[test]
fn without_tables_or_a_run_that_waits_nobody_joins() {
    on_one_thread(async {
        let memory = Memory::default();
        let join = async || {
            let joined = begin(&memory, parted("2/2", Duration::ZERO)).await;
            joined.map(drop).unwrap_err().to_string()
        };
        let refused = join().await;
        assert!(refused.contains("begin part 1/2"), "{refused}");
        assert!(
            refused.ends_with("the database says: 42P01: no such table"),
            "{refused}"
        );
        // Of runs that were: one has its part 2, another began without.
        for others in [
            vec![],
            vec![opening_of("old"), row_of("old", 2, 1)],
            vec![opening_of("old"), row_of("old", 1, 1)],
        ] {
            memory.set(others.clone());
            let refused = join().await;
            assert!(
                refused.contains("no run on this database waits"),
                "{refused}"
            );
            assert_eq!(memory.rows(), others, "nothing was written");
        }
    });
}

#[test]
fn who_joined_a_run_that_was_given_up_joins_the_next() {
    on_one_thread(async {
        let memory = Memory::made();
        memory.set(vec![opening_of("dead")]);
        let second = begins(&memory, "2/2");
        assert_eq!(memory.shows(2, 1).await["run"], "dead");
        // Part 1 makes the tables anew.
        memory.set(Vec::new());
        let first = begins(&memory, "1/2").await.unwrap().unwrap();
        let second = second.await.unwrap().unwrap();
        assert_ne!(first.run(), "dead");
        assert_eq!(first.run(), second.run());
    });
}

#[test]
fn two_that_take_themselves_for_one_part_do_not_go() {
    on_one_thread(async {
        // The later of both sees the other when it has written.
        let memory = Memory::made();
        memory.set(vec![opening_of("x")]);
        let mut twin = row_of("x", 2, 1);
        twin.insert("id".into(), "twin".into());
        *memory.comes_along.lock().unwrap() = Some(twin);
        let second = begins(&memory, "2/2");
        let refused = second.await.unwrap().map(drop).unwrap_err();
        assert!(
            matches!(refused, PartError::Twice { part: 2, of: 2 }),
            "{refused}"
        );

        let memory = Memory::made();
        let first = begins(&memory, "1/2");
        let opened = memory.shows(1, 0).await;
        let run = opened["run"].clone();
        let mut twin = row_of(&run, 2, 1);
        twin.insert("id".into(), "twin".into());
        memory.set(vec![opened, row_of(&run, 2, 1), twin]);
        let refused = first.await.unwrap().map(drop).unwrap_err();
        assert!(
            matches!(refused, PartError::Twice { part: 2, of: 2 }),
            "{refused}"
        );
    });
}

#[test]
fn who_was_asked_otherwise_is_told_what_differs() {
    on_one_thread(async {
        let memory = Memory::made();
        memory.set(vec![opening_of("x")]);
        let mut parted = parted("2/2", Duration::ZERO);
        parted.plan["keys"] = 8.into();
        let joined = begin(&memory, parted).await;
        let refused = joined.map(drop).unwrap_err().to_string();
        let message = "part 1 has keys 5, and this part 8; no other began within 0ns: give all \
                       parts the same, and begin with part 1 if it is over";
        assert_eq!(refused, message);
        assert_eq!(memory.rows(), [opening_of("x")], "nothing was written");
    });
}

/// What is left of a run that is over looks like one that waits.
#[test]
fn who_was_asked_otherwise_than_a_dead_run_joins_the_next() {
    on_one_thread(async {
        let memory = Memory::made();
        memory.set(vec![opening_of("dead")]);
        let asked = |part| {
            let (memory, mut parted) = (memory.clone(), parted(part, PATIENCE));
            parted.plan["keys"] = 8.into();
            tokio::task::spawn_local(async move { begin(&memory, parted).await })
        };
        let second = asked("2/2");
        while memory.reads.load(Ordering::Relaxed) < 10 && !second.is_finished() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        assert!(!second.is_finished(), "a run may begin yet");
        assert_eq!(memory.rows(), [opening_of("dead")], "it joined nobody");
        // Part 1 makes the tables anew.
        memory.set(Vec::new());
        let first = asked("1/2").await.unwrap().unwrap();
        let second = second.await.unwrap().unwrap();
        assert_ne!(first.run(), "dead");
        assert_eq!(first.run(), second.run());
    });
}

/// Which is told only of what is there in the end.
#[test]
fn what_differed_and_is_gone_is_not_told() {
    on_one_thread(async {
        let memory = Memory::made();
        memory.set(vec![opening_of("x")]);
        let mut meeting = Meeting::new(&memory.database(), parted("2/2", Duration::ZERO));
        meeting.parted.plan["keys"] = 8.into();
        let mut search = Search {
            me: "me".into(),
            joined: None,
            differs: None,
        };
        let looked = meeting.may_join(&mut search).await;
        assert!(matches!(looked, Ok(Seen::Missing(1))));
        assert!(search.differs.is_some());
        for gone in [Vec::new(), vec![opening_of("x"), row_of("x", 1, 1)]] {
            memory.set(gone);
            search.differs = Some(("keys".into(), 5.into(), 8.into()));
            let looked = meeting.may_join(&mut search).await;
            assert!(matches!(looked, Ok(Seen::Missing(1))));
            assert_eq!(search.differs, None);
        }
    });
}

#[test]
fn whoever_does_not_come_is_named() {
    on_one_thread(async {
        let memory = Memory::made();
        let alone = begin(&memory, parted("1/3", Duration::ZERO)).await;
        let alone = alone.map(drop).unwrap_err().to_string();
        assert_eq!(
            alone,
            "part 2/3 was waited for, and did not come within 0ns"
        );

        let memory = Memory::made();
        let [mut first, mut second] = pair(&memory).await;
        second.parted.wait_max = Duration::ZERO;
        let alone = second.again().await.unwrap_err();
        assert!(
            matches!(alone, PartError::Alone { missing: 1, .. }),
            "{alone}"
        );
        first.again().await.unwrap();
        first.parted.wait_max = Duration::ZERO;
        let alone = first.again().await.unwrap_err();
        assert!(
            matches!(alone, PartError::Alone { missing: 2, .. }),
            "{alone}"
        );
    });
}

#[test]
fn a_row_whose_answer_was_lost_is_there_once() {
    on_one_thread(async {
        let memory = Memory::made();
        *memory.loses_an_answer.lock().unwrap() = true;
        let first = begins(&memory, "1/2");
        memory.shows(1, 0).await;
        *memory.loses_an_answer.lock().unwrap() = true;
        begins(&memory, "2/2").await.unwrap().unwrap();
        first.await.unwrap().unwrap();
        assert_eq!(memory.rows().len(), 3);
    });
}

#[test]
fn who_waits_in_vain_says_what_the_database_said() {
    on_one_thread(async {
        let memory = Memory::made();
        let [mut first, mut second] = pair(&memory).await;
        *memory.rows.lock().unwrap() = None;
        for part in [&mut first, &mut second] {
            part.parted.wait_max = Duration::ZERO;
            let alone = part.again().await.unwrap_err().to_string();
            let said = "; the database says: 42P01: no such table";
            assert!(alone.ends_with(said), "{alone}");
        }
    });
}

#[test]
fn who_has_met_reads_no_more_than_the_rows_it_waits_for() {
    on_one_thread(async {
        let memory = Memory::made();
        let [mut first, mut second] = pair(&memory).await;
        let scans = memory.scans.load(Ordering::Relaxed);
        let other = tokio::task::spawn_local(async move { second.again().await.map(|()| second) });
        first.again().await.unwrap();
        let mut second = other.await.unwrap().unwrap();
        assert_eq!(memory.scans.load(Ordering::Relaxed), scans);
        for part in [&mut first, &mut second] {
            part.undisturbed(&Stop::default()).await.unwrap();
        }
        assert_eq!(memory.scans.load(Ordering::Relaxed), scans + 2);
    });
}

/// The first part starts again, below a pair that is in a burst.
#[test]
fn who_is_displaced_while_it_writes_knows_it_and_lets_the_other_run_know() {
    on_one_thread(async {
        for ask in ["again", "undisturbed", "about to write"] {
            let memory = Memory::made();
            let parts = pair(&memory).await;
            for mut displaced in parts {
                displaced.writes();
                memory.set(Vec::new());
                let mut other = Meeting::new(&memory.database(), parted("1/2", PATIENCE));
                other.open().await.unwrap();
                let known = match ask {
                    "again" => displaced.again().await,
                    "undisturbed" => displaced.undisturbed(&Stop::default()).await,
                    _ => displaced.about_to_write().await,
                };
                assert!(matches!(known, Err(PartError::Displaced)), "{known:?}");
                let known = displaced.undisturbed(&Stop::default()).await;
                assert!(matches!(known, Err(PartError::Displaced)), "{known:?}");
                let known = other.undisturbed(&Stop::default()).await;
                assert!(matches!(known, Err(PartError::Intruded)), "{known:?}");
            }
        }
    });
}

#[test]
fn who_is_displaced_while_it_waits_harms_nobody() {
    on_one_thread(async {
        let memory = Memory::made();
        let [_, mut second] = pair(&memory).await;
        let waiting = tokio::task::spawn_local(async move { second.again().await });
        memory.shows(2, 2).await;
        // Others who joined a run have written nothing yet.
        memory.set(vec![row_of("dead", 2, 1)]);
        let mut other = Meeting::new(&memory.database(), parted("1/2", PATIENCE));
        other.open().await.unwrap();
        let known = waiting.await.unwrap();
        assert!(matches!(known, Err(PartError::Displaced)), "{known:?}");
        other.undisturbed(&Stop::default()).await.unwrap();
    });
}

#[test]
fn of_two_first_parts_at_once_one_opens_no_run() {
    on_one_thread(async {
        let memory = Memory::made();
        memory.set(vec![opening_of("x")]);
        let first = begin(&memory, parted("1/2", PATIENCE)).await;
        let refused = first.map(drop).unwrap_err();
        assert!(matches!(refused, PartError::Displaced), "{refused}");
        assert_eq!(memory.rows(), [opening_of("x")], "nothing was written");
    });
}

#[test]
fn tables_that_cannot_be_looked_at_are_not_taken_for_undisturbed() {
    on_one_thread(async {
        let memory = Memory::made();
        let [mut first, _] = pair(&memory).await;
        *memory.rows.lock().unwrap() = None;
        first.parted.wait_max = Duration::ZERO;
        let unseen = first.undisturbed(&Stop::default()).await.unwrap_err();
        assert!(matches!(unseen, PartError::Unseen(_)), "{unseen}");
        assert!(unseen.to_string().ends_with("no such table"), "{unseen}");
    });
}

/// Whether it answers nothing or only refuses: it is gone, and the others have nothing to do
/// with it any more.
#[test]
fn who_looks_in_the_end_waits_for_nobody() {
    on_one_thread(async {
        for silent in [false, true] {
            let memory = Memory::made();
            let [mut first, _] = pair(&memory).await;
            first.parted.wait_max = 10 * PATIENCE;
            match silent {
                true => memory.silent.store(true, Ordering::Relaxed),
                false => *memory.rows.lock().unwrap() = None,
            }
            let stop = Stop::default();
            let looked = tokio::time::timeout(PATIENCE, first.undisturbed(&stop)).await;
            let unseen = looked.expect("it waits no longer").unwrap_err();
            assert!(matches!(unseen, PartError::Unseen(_)), "{unseen}");
            let said = match silent {
                true => "the database says: timeout: no answer within 5s",
                false => "the database says: 42P01: no such table",
            };
            assert!(unseen.to_string().ends_with(said), "{unseen}");
        }
    });
}

#[test]
fn who_looks_in_the_end_ends_where_somebody_asks_for_it() {
    on_one_thread(async {
        let memory = Memory::made();
        let [mut first, _] = pair(&memory).await;
        memory.silent.store(true, Ordering::Relaxed);
        let (stop, looked) = (Stop::default(), memory.scans.load(Ordering::Relaxed));
        let asked = stop.clone();
        let looking = tokio::task::spawn_local(async move { first.undisturbed(&asked).await });
        while memory.scans.load(Ordering::Relaxed) == looked {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        stop.request();
        let looked = tokio::time::timeout(PATIENCE, looking).await;
        let unseen = looked.expect("it ends").unwrap().unwrap_err().to_string();
        assert!(
            unseen.ends_with("; it was stopped before it was"),
            "{unseen}"
        );

        // Who was to stop before looks all the same.
        let memory = Memory::made();
        let [mut first, _] = pair(&memory).await;
        first.undisturbed(&stop).await.unwrap();
    });
}
