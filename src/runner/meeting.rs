//! How the parts of a run meet: by rows that each appends to one table and reads of the
//! others, always in the first region.
//!
//! ```text
//! first part   makes the table, "here is the run", makes the others ── all are there? ── "go" …
//! other part   finds the run, "part 2 is here" ──────────────────────────── waits ──► goes
//! ```
//!
//! A part goes into a burst only when the first says so, which has put the burst's rows down
//! before: nobody puts a row down that another may have written to. The first says "go" only
//! to those who came. So a run that was given up joins nobody, and of two that take
//! themselves for one part the later does not go, since each reads after it wrote.
//!
//! A first part touches the workload's tables only after its own row has taken the place of
//! any other run's. So whoever still finds the row of its run, once it has read the evidence,
//! knows that nobody emptied the tables meanwhile; and who finds another's leaves a row there,
//! by which that run knows who was at its tables.
//!
//! Architecture invariant: no verdict rests on what is read here, except that there is none
//! on a run whose tables another run may have been at. That parts overlap makes races
//! likelier, and nothing else.

mod error;
mod join;
mod table;

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;
use tokio::time::Instant;
use witness_workloads::{Database, DbError, PARTS, Part, Row, new_run};

use self::table::{PartsTable, is};
use super::Stop;

pub use self::error::PartError;

/// Before the table is read again.
const POLL: Duration = Duration::from_millis(20);
/// From "go" to the moment in which all go, by their own clocks: others hear of it meanwhile.
const LEAD: Duration = Duration::from_millis(100);
/// A moment that is further away is a clock's mistake.
const LEAD_MAX: Duration = Duration::from_secs(10);
/// How long the last look at the table may take, and how long it is tried again: nobody is
/// waited for any more.
const LOOK_MAX: Duration = Duration::from_secs(5);
/// The key of the row that opens a run: the table has one of them, the latest.
const OPENING: &str = "run";
/// The step of the first meeting. Who has come no further has written nothing.
const FIRST: u64 = 1;

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

/// What came of one look at the table.
enum Seen<T> {
    /// What was waited for.
    There(T),
    /// That part is missing.
    Missing(usize),
}

/// Why a look came to nothing.
enum Trouble {
    /// What cannot be read now may be read later.
    Database(DbError),
    /// It will not get better.
    Part(PartError),
}

impl From<DbError> for Trouble {
    fn from(error: DbError) -> Trouble {
        Trouble::Database(error)
    }
}

impl From<PartError> for Trouble {
    fn from(error: PartError) -> Trouble {
        Trouble::Part(error)
    }
}

/// A part, and where it meets the others, again and again.
pub struct Meeting {
    table: PartsTable,
    parted: Parted,
    run: String,
    /// Of the last meeting; before the first it is the one before that.
    step: u64,
    /// Whether its clients may have written since it last saw that the tables are its run's.
    may_have_written: bool,
}

impl Meeting {
    /// A part that has met nobody yet.
    pub fn new(database: &Arc<dyn Database>, parted: Parted) -> Meeting {
        Meeting {
            table: PartsTable::new(database),
            parted,
            run: new_run(),
            step: FIRST - 1,
            may_have_written: false,
        }
    }

    /// Which part this is.
    pub fn part(&self) -> Part {
        self.parted.part
    }

    /// The name of the run, which no other has.
    pub(super) fn run(&self) -> &str {
        &self.run
    }

    /// The first part opens the run: the table is there, and empty.
    pub(super) async fn open(&mut self) -> Result<(), PartError> {
        let mut opening = self.row("");
        opening.insert(PARTS.key.into(), OPENING.into());
        opening.insert("plan".into(), self.parted.plan.to_string());
        self.say(opening).await
    }

    /// Waits for the others. All go at the same moment, as far as their clocks agree.
    pub(super) async fn again(&mut self) -> Result<(), PartError> {
        self.step += 1;
        let (part, waited) = (self.part(), self.parted.wait_max);
        if !part.is_first() {
            // Who was displaced is not there any more.
            self.still_ours().await?;
            let here = self.row("");
            self.say(here).await?;
        }
        let late = |missing, because| PartError::Alone {
            missing,
            of: part.of(),
            waited,
            because,
        };
        let look = async |meeting: &mut Meeting| meeting.may_go().await;
        let seen = self.poll(waited, look, late).await;
        let mut moment = self.confess(seen).await?;
        if part.is_first() {
            moment = now().saturating_add(self.lead());
            let mut go = self.row("");
            go.insert("at".into(), moment.as_nanos().to_string());
            self.say(go).await?;
        }
        until(moment).await;
        Ok(())
    }

    /// Whether all are there, or the first has said so: the moment in which all go.
    async fn may_go(&mut self) -> Result<Seen<Duration>, Trouble> {
        self.ours().await?;
        let part = self.part();
        if !part.is_first() {
            let go = self.table.row(&self.id(self.step, 1, "")).await?;
            return Ok(go.map_or(Seen::Missing(1), |go| Seen::There(moment(&go))));
        }
        for number in 2..=part.of() {
            let there = match self.step {
                FIRST => self.table.there(&self.run, FIRST, number).await?,
                step => {
                    let row = self.table.row(&self.id(step, number, "")).await?;
                    usize::from(row.is_some())
                }
            };
            match there {
                0 => return Ok(Seen::Missing(number)),
                1 => {}
                _ => {
                    let (part, of) = (number, part.of());
                    return Err(PartError::Twice { part, of }.into());
                }
            }
        }
        Ok(Seen::There(Duration::ZERO))
    }

    /// The first part is about to put rows down, if the tables are still its run's.
    pub(super) async fn about_to_write(&mut self) -> Result<(), PartError> {
        self.still_ours().await?;
        self.writes();
        Ok(())
    }

    /// Clients are let go.
    pub(super) fn writes(&mut self) {
        self.may_have_written = true;
    }

    async fn still_ours(&mut self) -> Result<(), PartError> {
        let ours = async |meeting: &mut Meeting| meeting.ours().await.map(Seen::There);
        let wait_max = self.parted.wait_max;
        let seen = self
            .poll(wait_max, ours, |_, why| PartError::Unseen(why))
            .await;
        self.confess(seen).await
    }

    /// Whoever may have written to tables of another run leaves a row, so that it can know.
    async fn confess<T>(&mut self, seen: Result<T, PartError>) -> Result<T, PartError> {
        if matches!(seen, Err(PartError::Displaced)) && self.may_have_written {
            self.step += 1;
            let intruder = self.row("intruder");
            // If it cannot be told, this run is undecided all the same.
            let _ = self.say(intruder).await;
            self.may_have_written = false;
        }
        seen
    }

    /// Sees that the tables are this run's.
    async fn ours(&mut self) -> Result<(), Trouble> {
        // What a key reads may be old, which a whole table is not: it does for who waits.
        let opening = match self.may_have_written {
            true => None,
            false => self.table.row(OPENING).await?,
        };
        if !opening.is_some_and(|opening| self.is_mine(&opening)) {
            self.rows_of_ours().await?;
        }
        self.may_have_written = false;
        Ok(())
    }

    /// The whole table, whose opening is that of this run.
    async fn rows_of_ours(&mut self) -> Result<Vec<Row>, Trouble> {
        let rows = self.table.rows().await?;
        let opening = rows.iter().find(|row| is(row, PARTS.key, OPENING));
        match opening.is_some_and(|opening| self.is_mine(opening)) {
            true => Ok(rows),
            false => Err(PartError::Displaced.into()),
        }
    }

    fn is_mine(&self, row: &Row) -> bool {
        is(row, "run", &self.run)
    }

    /// Whether the tables were this run's alone until now: asked when the evidence is read. A
    /// wish to stop ends it; of one from before it is the second, which ends everything.
    pub(super) async fn undisturbed(&mut self, stop: &Stop) -> Result<(), PartError> {
        let look = async |meeting: &mut Meeting| {
            let rows = tokio::time::timeout(LOOK_MAX, meeting.rows_of_ours()).await;
            let rows = rows.unwrap_or_else(|_| {
                let silent = format!("no answer within {LOOK_MAX:?}");
                Err(DbError::indeterminate("timeout", silent).into())
            })?;
            // Who joined another run and came no further has written nothing.
            let wrote = |row: &Row| !is(row, "step", FIRST);
            match rows.iter().any(|row| !meeting.is_mine(row) && wrote(row)) {
                true => Err(PartError::Intruded.into()),
                false => Ok(Seen::There(())),
            }
        };
        let stopped = stop.requested();
        let wait_max = self.parted.wait_max.min(LOOK_MAX);
        let looking = self.poll(wait_max, look, |_, why| PartError::Unseen(why));
        let seen = match stopped {
            true => looking.await,
            false => stop
                .or(looking)
                .await
                .unwrap_or_else(|| Err(PartError::Unseen("; it was stopped before it was".into()))),
        };
        self.confess(seen).await
    }

    /// Looks until there is what is waited for; what the database said last is told.
    async fn poll<T>(
        &mut self,
        wait_max: Duration,
        mut look: impl AsyncFnMut(&mut Meeting) -> Result<Seen<T>, Trouble>,
        late: impl FnOnce(usize, String) -> PartError,
    ) -> Result<T, PartError> {
        let began = Instant::now();
        let mut missing = if self.part().is_first() { 2 } else { 1 };
        loop {
            let because = match look(self).await {
                Ok(Seen::There(what)) => return Ok(what),
                Ok(Seen::Missing(part)) => {
                    missing = part;
                    String::new()
                }
                Err(Trouble::Part(error)) => return Err(error),
                Err(Trouble::Database(error)) => format!("; the database says: {error}"),
            };
            if began.elapsed() > wait_max {
                return Err(late(missing, because));
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// That this part is at this step; `who` tells it from another that takes itself for it.
    fn row(&self, who: &str) -> Row {
        let (run, part, step) = (&self.run, self.part().number(), self.step);
        Row::from([
            (PARTS.key.into(), self.id(step, part, who)),
            ("run".into(), run.clone()),
            ("part".into(), part.to_string()),
            ("step".into(), step.to_string()),
        ])
    }

    fn id(&self, step: u64, part: usize, who: &str) -> String {
        format!("{}/{step}/{part}/{who}", self.run)
    }

    async fn say(&mut self, row: Row) -> Result<(), PartError> {
        self.table.append(&row, self.parted.wait_max).await
    }

    /// Twice what two clocks may differ by, and what the word takes to get about.
    fn lead(&self) -> Duration {
        let apart = self.parted.uncertainty.saturating_mul(4);
        LEAD.saturating_add(apart).min(LEAD_MAX)
    }
}

/// When all go, since the Unix epoch; at once if that is not said.
fn moment(go: &Row) -> Duration {
    let at = go.get("at").and_then(|at| at.parse().ok());
    at.map_or(Duration::ZERO, Duration::from_nanos)
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

#[cfg(test)]
mod tests;
