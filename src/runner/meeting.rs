//! How the parts of a run meet: by rows that each appends to one table and reads of the
//! others, always in the first region and as strongly as it reads.
//!
//! ```text
//! first part   makes the tables, "here is the run" ── all are there? ── "go" ── … "go" …
//! other part   finds the run, "part 2 is here" ────────────────────── waits ──► goes
//! ```
//!
//! A part goes into a burst only when the first says so, which has put the burst's rows down
//! before: nobody puts a row down that another may have written to. The first says "go" only
//! to those who came. So a run that was given up joins nobody, and of two that take
//! themselves for one part neither goes, since each reads after it wrote.
//!
//! Architecture invariant: a history's verdict rests on nothing that is read here. That parts
//! overlap makes races likelier, and nothing else.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;
use tokio::time::Instant;
use witness_workloads::{Connection, Database, DbError, Fault, PARTS, Part, Row, new_run};

use super::evidence;
use crate::parts::difference;

/// Before the table is read again.
const POLL: Duration = Duration::from_millis(20);
/// From "go" to the moment in which all go, by their own clocks: others hear of it meanwhile.
const LEAD: Duration = Duration::from_millis(100);
/// A moment that is further away is a clock's mistake.
const LEAD_MAX: Duration = Duration::from_secs(10);
/// The step of the row that opens a run; the first meeting is the next.
const OPENED: u64 = 0;

/// What a part is to meet.
#[derive(Debug, Clone, PartialEq)]
pub struct Parted {
    /// Which part this is.
    pub part: Part,
    /// How long it waits for the others, each time.
    pub wait_max: Duration,
    /// What all parts must have been asked alike.
    pub plan: Value,
    /// By how much clocks may be off: what comes after a meeting is certainly after what came
    /// before it.
    pub uncertainty: Duration,
}

/// Why parts did not meet.
#[derive(Debug, thiserror::Error)]
pub enum PartError {
    /// Nobody opened a run.
    #[error(
        "no run on this database waits for part {part}, {waited:?} after it was looked for: begin part 1/{of} with the same options{because}", of = part.of()
    )]
    NoRun {
        /// The part that looked for it.
        part: Part,
        /// How long.
        waited: Duration,
        /// What the database said, if it did.
        because: String,
    },
    /// The others did not come.
    #[error("part {missing}/{of} was waited for, and did not come within {waited:?}")]
    Alone {
        /// One that is missing.
        missing: usize,
        /// How many parts there are.
        of: usize,
        /// How long it was waited for.
        waited: Duration,
    },
    /// The first part was asked otherwise.
    #[error("part 1 has {name} {theirs}, and this part {ours}: give all parts the same")]
    Differs {
        /// What of it.
        name: String,
        /// What part 1 has, as JSON.
        theirs: String,
        /// What this part has, as JSON.
        ours: String,
    },
    /// Another is the same part.
    #[error("two are part {part}/{of} of this run: stop one, and begin with part 1 again")]
    Twice {
        /// The part.
        part: usize,
        /// How many parts there are.
        of: usize,
    },
    /// The database could not be told that this part is there.
    #[error("the other parts could not be told of this one: {0}")]
    Untold(DbError),
}

/// A part that has met the others, and meets them again.
pub(super) struct Meeting {
    table: PartsTable,
    parted: Parted,
    run: String,
    /// Of the last meeting.
    step: u64,
}

impl Meeting {
    /// Meets all parts for the first time. The first opens the run: the tables are there, and
    /// empty.
    pub(super) async fn begin(
        database: &Arc<dyn Database>,
        parted: &Parted,
    ) -> Result<Meeting, PartError> {
        let mut meeting = Meeting {
            table: PartsTable::new(database),
            parted: parted.clone(),
            run: new_run(),
            step: OPENED,
        };
        if meeting.parted.part.is_first() {
            let mut opening = meeting.row("");
            opening.insert("plan".into(), meeting.parted.plan.to_string());
            meeting.say(opening).await?;
            meeting.again().await?;
        } else {
            meeting.join().await?;
        }
        Ok(meeting)
    }

    /// The name of the run, which no other has.
    pub(super) fn run(&self) -> &str {
        &self.run
    }

    /// Waits for the others. All go at the same moment, as far as their clocks agree.
    pub(super) async fn again(&mut self) -> Result<(), PartError> {
        self.step += 1;
        let part = self.parted.part;
        if !part.is_first() {
            let here = self.row("");
            self.say(here).await?;
        }
        let began = Instant::now();
        loop {
            // What cannot be read now may be read later.
            let rows = self.table.rows().await.unwrap_or_default();
            let there = Attendance::of(&rows, &self.run, self.step);
            let absent = match part.is_first() {
                true => (2..=part.of()).find(|&other| there.of_part(other) == 0),
                false => (there.of_part(1) == 0).then_some(1),
            };
            match absent {
                None if part.is_first() => {
                    if let Some(twice) = (2..=part.of()).find(|&other| there.of_part(other) > 1) {
                        let of = part.of();
                        return Err(PartError::Twice { part: twice, of });
                    }
                    let moment = now().saturating_add(self.lead());
                    let mut go = self.row("");
                    go.insert("at".into(), moment.as_nanos().to_string());
                    self.say(go).await?;
                    until(moment).await;
                    return Ok(());
                }
                None => {
                    until(there.moment()).await;
                    return Ok(());
                }
                Some(missing) if began.elapsed() > self.parted.wait_max => {
                    return Err(PartError::Alone {
                        missing,
                        of: part.of(),
                        waited: self.parted.wait_max,
                    });
                }
                Some(_) => tokio::time::sleep(POLL).await,
            }
        }
    }

    /// Finds the run that waits for this part, and goes when the first part says so. Where
    /// that opens a new run meanwhile, it is that one.
    async fn join(&mut self) -> Result<(), PartError> {
        let (me, part) = (new_run(), self.parted.part);
        self.step = OPENED + 1;
        let began = Instant::now();
        let (mut joined, mut because) = (false, String::new());
        loop {
            let rows = match self.table.rows().await {
                Ok(rows) => rows,
                Err(error) => {
                    because = format!("; the database says: {error}");
                    Vec::new()
                }
            };
            let opened = rows.iter().filter(|row| is(row, "step", OPENED));
            let newest = opened.max_by_key(|row| row.get("run"));
            if let Some(opening) = newest {
                let run = opening.get("run").cloned().unwrap_or_default();
                joined &= run == self.run;
                self.run = run;
                let there = Attendance::of(&rows, &self.run, self.step);
                let mine = there.of_part(part.number());
                match (joined, there.of_part(1) > 0) {
                    (true, _) if mine > 1 => {
                        return Err(PartError::Twice {
                            part: part.number(),
                            of: part.of(),
                        });
                    }
                    (true, true) => {
                        until(there.moment()).await;
                        return Ok(());
                    }
                    // Somebody else's run: it began without this part, or has one.
                    (false, true) => {}
                    (false, false) if mine > 0 => {}
                    (false, false) => {
                        agree(opening, &self.parted.plan)?;
                        let here = self.row(&me);
                        self.say(here).await?;
                        joined = true;
                        // Only what is read after that tells whether there is another.
                        continue;
                    }
                    (true, false) => {}
                }
            }
            if began.elapsed() > self.parted.wait_max {
                return Err(PartError::NoRun {
                    part,
                    waited: self.parted.wait_max,
                    because,
                });
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// That this part is at this step; `who` tells it from another that takes itself for it.
    fn row(&self, who: &str) -> Row {
        let (run, part, step) = (&self.run, self.parted.part.number(), self.step);
        Row::from([
            ("id".into(), format!("{run}/{step}/{part}/{who}")),
            ("run".into(), run.clone()),
            ("part".into(), part.to_string()),
            ("step".into(), step.to_string()),
        ])
    }

    async fn say(&mut self, row: Row) -> Result<(), PartError> {
        let told = self.table.append(&row, self.parted.wait_max).await;
        told.map_err(PartError::Untold)
    }

    /// Twice what two clocks may differ by, and what the word takes to get about.
    fn lead(&self) -> Duration {
        let apart = self.parted.uncertainty.saturating_mul(4);
        LEAD.saturating_add(apart).min(LEAD_MAX)
    }
}

/// The rows of one step of a run.
struct Attendance<'a>(Vec<&'a Row>);

impl<'a> Attendance<'a> {
    fn of(rows: &'a [Row], run: &str, step: u64) -> Attendance<'a> {
        let here = |row: &&Row| is(row, "run", run) && is(row, "step", step);
        Attendance(rows.iter().filter(here).collect())
    }

    /// How many take themselves for that part.
    fn of_part(&self, number: usize) -> usize {
        let rows = self.0.iter();
        rows.filter(|row| is(row, "part", number)).count()
    }

    /// When all go, since the Unix epoch; at once if nobody says.
    fn moment(&self) -> Duration {
        let first = self.0.iter().find(|row| is(row, "part", 1));
        let at = first.and_then(|row| row.get("at")?.parse().ok());
        at.map_or(Duration::ZERO, Duration::from_nanos)
    }
}

fn is(row: &Row, column: &str, value: impl ToString) -> bool {
    row.get(column).is_some_and(|it| *it == value.to_string())
}

/// Whether the run was asked as this part is.
fn agree(opening: &Row, ours: &Value) -> Result<(), PartError> {
    let plan = opening.get("plan").map_or("", String::as_str);
    let theirs: Value = serde_json::from_str(plan).unwrap_or_default();
    match difference(&theirs, ours) {
        None => Ok(()),
        Some((name, theirs, ours)) => Err(PartError::Differs {
            name: name.to_owned(),
            theirs: theirs.to_string(),
            ours: ours.to_string(),
        }),
    }
}

/// Since the Unix epoch.
fn now() -> Duration {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or_default()
}

async fn until(moment: Duration) {
    let left = moment.saturating_sub(now());
    tokio::time::sleep(left.min(LEAD_MAX)).await;
}

/// The table, and a connection while it is good.
struct PartsTable {
    database: Arc<dyn Database>,
    db: Option<Box<dyn Connection>>,
}

impl PartsTable {
    fn new(database: &Arc<dyn Database>) -> PartsTable {
        PartsTable {
            database: Arc::clone(database),
            db: None,
        }
    }

    async fn rows(&mut self) -> Result<Vec<Row>, DbError> {
        let mut db = self.connection().await?;
        let done = read(db.as_mut()).await;
        self.keep(db, done).await
    }

    /// Appends the row, or finds it there: it may be, although nobody said so.
    async fn append(&mut self, row: &Row, wait_max: Duration) -> Result<(), DbError> {
        let began = Instant::now();
        loop {
            let Err(error) = self.append_once(row).await else {
                return Ok(());
            };
            let id = row.get(PARTS.key);
            let rows = self.rows().await.unwrap_or_default();
            if rows.iter().any(|there| there.get(PARTS.key) == id) {
                return Ok(());
            }
            if began.elapsed() > wait_max {
                return Err(error);
            }
            tokio::time::sleep(POLL).await;
        }
    }

    async fn append_once(&mut self, row: &Row) -> Result<(), DbError> {
        let mut db = self.connection().await?;
        let done = append(db.as_mut(), row).await;
        self.keep(db, done).await
    }

    async fn connection(&mut self) -> Result<Box<dyn Connection>, DbError> {
        match self.db.take() {
            Some(db) => Ok(db),
            None => self.database.connect(&self.database.regions()[0]).await,
        }
    }

    /// Keeps the connection, unless nobody knows what became of its transaction.
    async fn keep<T>(
        &mut self,
        mut db: Box<dyn Connection>,
        done: Result<T, DbError>,
    ) -> Result<T, DbError> {
        match done.as_ref().err().map(|error| error.fault) {
            Some(Fault::Indeterminate) => return done,
            Some(_) => db.rollback().await,
            None => {}
        }
        self.db = Some(db);
        done
    }
}

/// The whole table. The transaction is none that only reads, so that no replica serves it.
async fn read(db: &mut dyn Connection) -> Result<Vec<Row>, DbError> {
    db.begin().await?;
    let rows = evidence::scan(db, &PARTS).await?;
    db.commit().await.map(|()| rows)
}

async fn append(db: &mut dyn Connection, row: &Row) -> Result<(), DbError> {
    db.begin().await?;
    db.append(&PARTS, row).await?;
    db.commit().await
}

#[cfg(test)]
mod tests;
