//! Runs a workload on a database and records what happened:
//!
//! ```text
//! setup ─► burst, scoreboard ─► … ─► settle ─► last look, if there is one ─► evidence ─► end
//! ```
//!
//! One of several parts meets the others before each burst and when all are over; the tables
//! are then made, and the rows put down, by the first. Each reads the evidence for itself.
//!
//! Everything that a verdict needs goes into the history; what is returned is
//! for showing progress only.
//!
//! Architecture invariant: the runner judges nothing and believes nobody. It
//! does not look at evidence except to record it, and to see whether the regions
//! have come to agree.

mod burst;
mod evidence;
mod meeting;
mod stop;

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use witness_histories::{Author, Key, Kind, RecordError, Recorder};
use witness_workloads::{BadParameters, Database, DbError, PARTS, Parameters, Table, Workload};

pub use meeting::{Meeting, PartError, Parted};
pub use stop::Stop;

/// What to run.
pub struct Plan {
    /// The workload.
    pub workload: &'static dyn Workload,
    /// How long the regions may take to agree before their evidence is read.
    pub settle_max: Duration,
    /// Where the part that is done here meets the others, which it has joined unless it is the
    /// first; none: all is done here.
    pub meeting: Option<Meeting>,
}

/// What a run tells while it goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// Tables are being made.
    Setup,
    /// Waiting for the other parts.
    Meeting,
    /// Clients are connecting, to be released together.
    Burst {
        /// How many clients.
        clients: usize,
    },
    /// A burst is over.
    Tally(Tally),
    /// Waiting for the regions to agree.
    Settle,
    /// Reading what a region has committed.
    Evidence {
        /// Which region.
        region: String,
    },
}

/// A burst as the application tells of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Concurrent clients.
    pub clients: usize,
    /// Requests that were served.
    pub ok: u64,
    /// Requests of which nobody knows whether they were served.
    pub unknown: u64,
    /// The most often that one request was tried again.
    pub retries_max: u32,
    /// What the scoreboards show, where the workload has some.
    pub scoreboard: Option<Scoreboard>,
}

/// All scoreboards of a burst together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Scoreboard {
    /// Acquisitions that were confirmed to clients.
    pub confirmed: u64,
    /// Of these, those that were too many.
    pub oversold: u64,
}

/// How a run ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ended {
    /// What was planned and not done, and why; empty after a whole run.
    pub not_done: Vec<String>,
    /// Why nothing can be decided of a part, not even together with the others.
    pub undecided: Option<String>,
}

/// Why a run could not go on. What was recorded before is in the file.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The workload has no such generator.
    #[error(transparent)]
    Parameters(#[from] BadParameters),
    /// The other parts of the run were not met.
    #[error(transparent)]
    Part(#[from] PartError),
    /// The database could not be made ready.
    #[error("{phase}: {error}")]
    Database {
        /// What was being done.
        phase: &'static str,
        /// What the database said.
        error: DbError,
    },
    /// The history could not be written.
    #[error(transparent)]
    Record(#[from] RecordError),
}

/// Runs the workload to its end, or until it is stopped.
///
/// # Errors
/// See [`RunError`]; a request that goes wrong is not an error but an event.
pub async fn run(
    mut plan: Plan,
    parameters: &Parameters,
    database: &Arc<dyn Database>,
    recorder: &Recorder,
    stop: &Stop,
    progress: &mut dyn FnMut(Progress),
) -> Result<Ended, RunError> {
    let mut meeting = plan.meeting.take();
    let part = meeting.as_ref().map(Meeting::part);
    let bursts = match part {
        Some(part) => part.bursts(plan.workload, parameters)?,
        None => plan.workload.bursts(parameters)?,
    };
    let (total, mut done) = (bursts.len(), 0);
    let mut ended = Ended::default();

    phase(
        recorder,
        json!({"phase": "setup", "regions": database.regions()}),
    )?;
    progress(Progress::Setup);
    let tables: Vec<_> = plan.workload.tables().iter().map(|t| **t).collect();
    let failed = |phase| move |error| RunError::Database { phase, error };
    let making = |tables: Vec<Table>| async move {
        let created = stop.or(database.create(&tables)).await;
        created
            .unwrap_or(Ok(()))
            .map_err(failed("making the tables"))
    };
    match &mut meeting {
        None => making(tables.clone()).await?,
        Some(first) if first.part().is_first() => {
            // No table is emptied before those who were at them can know of it.
            making(vec![PARTS]).await?;
            stop.or(first.open()).await.transpose()?;
            making(tables.clone()).await?;
            progress(Progress::Meeting);
            stop.or(first.again()).await.transpose()?;
        }
        Some(_) => {}
    }
    if stop.requested() {
        meeting = None;
    }
    if let Some(met) = &meeting {
        // Without the others nobody can judge what is recorded from here on.
        phase(recorder, said_of_part("part", met))?;
    }

    // Whether the regions agreed, where nobody has written since.
    let mut agreed = None;
    // Whoever lost the others looks at what there is, and writes no more.
    let mut alone = false;
    for burst in bursts {
        if stop.requested() {
            break;
        }
        if alone && !burst.reads_only {
            continue;
        }
        if !burst.reads_only {
            agreed = None;
        } else if agreed.is_none() {
            alone |= !meet(&mut meeting, alone, stop, progress, &mut ended).await;
            agreed = settle(&plan, database, &tables, recorder, stop, progress).await?;
        }
        let clients = burst.clients.len();
        progress(Progress::Burst { clients });
        if !burst.rows.is_empty()
            && let Some(Err(why)) = about_to_write(&mut meeting, stop).await
        {
            ended.not_done.push(why.to_string());
            alone = true;
            continue;
        }
        let prepared = burst::prepare(database, &burst);
        let Some(prepared) = stop.or(prepared).await else {
            break;
        };
        let prepared = match prepared {
            Ok(prepared) => prepared,
            Err(error) => {
                undisturbed(&mut meeting, recorder, &mut ended).await?;
                return Err(failed("preparing a burst")(error));
            }
        };
        if !burst.reads_only {
            alone = !meet(&mut meeting, alone, stop, progress, &mut ended).await;
            if alone {
                continue;
            }
            if stop.requested() {
                break;
            }
            if let Some(meeting) = &mut meeting {
                meeting.writes();
            }
        }
        for note in &burst.notes {
            witness(recorder, note.f, note.key.as_deref(), &note.value)?;
        }
        let put_again = (prepared.put_again > 0).then_some(prepared.put_again);
        phase(
            recorder,
            json!({"phase": "burst", "clients": clients, "put_again": put_again}),
        )?;
        let app = parameters.app.clone();
        let over = burst::release(
            plan.workload,
            app,
            burst,
            prepared.connections,
            database,
            recorder,
            stop,
        );
        let over = over.await?;
        let mut tally = over.tally;
        let mut scoreboard = plan.workload.scoreboard(&over.requests);
        // The focused object's scoreboard is the one that is looked at: it comes last.
        scoreboard.sort_by_key(|note| note.key.is_some() && note.key == parameters.seat);
        for note in scoreboard {
            let shown = tally.scoreboard.get_or_insert_default();
            shown.confirmed += note.value["confirmed"].as_u64().unwrap_or(0);
            shown.oversold += note.value["oversold"].as_u64().unwrap_or(0);
            witness(recorder, note.f, note.key.as_deref(), &note.value)?;
        }
        progress(Progress::Tally(tally));
        for (number, what) in [
            (over.open, "were left open"),
            (over.not_asked, "were not made"),
        ] {
            if number > 0 {
                ended.not_done.push(format!("{number} requests {what}"));
            }
        }
        done += 1;
    }
    if stop.requested() {
        if done < total {
            ended
                .not_done
                .push(format!("{} of {total} bursts were not run", total - done));
        }
        ended.not_done.push("the evidence was not read".into());
        undisturbed(&mut meeting, recorder, &mut ended).await?;
        return Ok(ended);
    }

    if alone {
        ended
            .not_done
            .push(format!("{} of {total} bursts were not run", total - done));
    }
    if agreed.is_none() {
        meet(&mut meeting, alone, stop, progress, &mut ended).await;
        settle(&plan, database, &tables, recorder, stop, progress).await?;
    }
    for region in database.regions() {
        progress(Progress::Evidence {
            region: region.clone(),
        });
        let read = stop
            .or(evidence::record(database, region, &tables, recorder))
            .await;
        match read {
            Some(read) => read?,
            None => {
                ended
                    .not_done
                    .push("the evidence was not read whole".into());
                undisturbed(&mut meeting, recorder, &mut ended).await?;
                return Ok(ended);
            }
        }
    }
    undisturbed(&mut meeting, recorder, &mut ended).await?;
    phase(recorder, json!({"phase": "end"}))?;
    Ok(ended)
}

/// What is said of a part: without it nothing is decided.
fn said_of_part(phase: &str, meeting: &Meeting) -> Value {
    let (part, run) = (meeting.part(), meeting.run());
    json!({"phase": phase, "part": part.number(), "parts": part.of(), "run": run})
}

/// Says of a part that the tables were its run's to the end, if they were.
async fn undisturbed(
    meeting: &mut Option<Meeting>,
    recorder: &Recorder,
    ended: &mut Ended,
) -> Result<(), RecordError> {
    let Some(meeting) = meeting else {
        return Ok(());
    };
    let mut said = said_of_part("undisturbed", meeting);
    if let Err(why) = meeting.undisturbed().await {
        said["phase"] = "disturbed".into();
        said["why"] = why.to_string().into();
        ended.undecided = Some(why.to_string());
    }
    phase(recorder, said)
}

/// Before rows are put down that another run's clients could see.
async fn about_to_write(
    meeting: &mut Option<Meeting>,
    stop: &Stop,
) -> Option<Result<(), PartError>> {
    match meeting {
        Some(meeting) => stop.or(meeting.about_to_write()).await,
        None => None,
    }
}

/// Waits for the other parts, where there are some; says whether they came. Who did not is
/// not waited for again.
async fn meet(
    meeting: &mut Option<Meeting>,
    alone: bool,
    stop: &Stop,
    progress: &mut dyn FnMut(Progress),
    ended: &mut Ended,
) -> bool {
    let Some(there) = meeting.as_mut().filter(|_| !alone) else {
        return !alone;
    };
    progress(Progress::Meeting);
    let Some(Err(why)) = stop.or(there.again()).await else {
        return true;
    };
    ended.not_done.push(why.to_string());
    false
}

/// Gives the regions time to agree; none if it was cut short.
async fn settle(
    plan: &Plan,
    database: &Arc<dyn Database>,
    tables: &[Table],
    recorder: &Recorder,
    stop: &Stop,
    progress: &mut dyn FnMut(Progress),
) -> Result<Option<bool>, RecordError> {
    progress(Progress::Settle);
    phase(recorder, json!({"phase": "settle"}))?;
    let agreed = stop
        .or(evidence::settle(database, tables, plan.settle_max))
        .await;
    phase(
        recorder,
        json!({"phase": "settled", "agreed": agreed.unwrap_or(false)}),
    )?;
    Ok(agreed)
}

fn phase(recorder: &Recorder, value: Value) -> Result<(), RecordError> {
    witness(recorder, "phase", None, &value)
}

/// Records what Witness itself has to say.
fn witness(
    recorder: &Recorder,
    f: &str,
    key: Option<&str>,
    value: &Value,
) -> Result<(), RecordError> {
    let note = witness_histories::Note {
        author: Author::Witness,
        kind: Kind::Ok,
        region: None,
        f,
        key: key.map(Key::from),
        value,
        error: None,
    };
    recorder.note(note).map(drop)
}
