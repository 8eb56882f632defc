//! The course of one run: its phases, each recorded as it begins.
//!
//! Of a part there is one way out once it has met the others, however it went with them: it
//! looks whether the tables were its run's alone.

use std::sync::Arc;

use serde_json::{Value, json};
use witness_histories::{Author, Key, Kind, Note, RecordError, Recorder};
use witness_workloads::{Burst, Database, PARTS, Parameters, Table};

use super::burst::{self, Over, Prepared};
use super::{
    Ended, Meeting, PartError, Plan, Progress, RunError, Scoreboard, Stop, Tally, evidence,
};

/// A run that goes on.
pub(super) struct Course<'a> {
    pub plan: Plan,
    pub parameters: &'a Parameters,
    pub database: &'a Arc<dyn Database>,
    pub tables: Vec<Table>,
    pub recorder: &'a Recorder,
    pub stop: &'a Stop,
    pub progress: &'a mut dyn FnMut(Progress),
    /// Whoever lost the others looks at what there is, and writes no more.
    pub alone: bool,
    pub ended: Ended,
}

impl Course<'_> {
    pub(super) async fn run(&mut self) -> Result<(), RunError> {
        let Plan {
            workload, meeting, ..
        } = &self.plan;
        let bursts = match meeting {
            Some(meeting) => meeting.part().bursts(*workload, self.parameters)?,
            None => workload.bursts(self.parameters)?,
        };
        self.setup().await?;
        let whole = self.bursts_and_evidence(bursts).await;
        let looked = self.undisturbed().await;
        let whole = whole?;
        looked?;
        if whole {
            self.phase(json!({"phase": "end"}))?;
        }
        Ok(())
    }

    /// The tables are there, and so are the other parts.
    async fn setup(&mut self) -> Result<(), RunError> {
        let regions = self.database.regions();
        self.phase(json!({"phase": "setup", "regions": regions}))?;
        (self.progress)(Progress::Setup);
        let (database, stop, tables) = (self.database, self.stop, &self.tables);
        let making = async |tables: &[Table]| {
            let created = stop.or(database.create(tables)).await;
            created
                .unwrap_or(Ok(()))
                .map_err(|error| RunError::Database {
                    phase: "making the tables",
                    error,
                })
        };
        match &mut self.plan.meeting {
            None => making(tables).await?,
            Some(first) if first.part().is_first() => {
                // No table is emptied before those who were at them can know of it.
                making(&[PARTS]).await?;
                stop.or(first.open()).await.transpose()?;
                making(tables).await?;
                (self.progress)(Progress::Meeting);
                stop.or(first.again()).await.transpose()?;
            }
            Some(_) => {}
        }
        if stop.requested() {
            self.plan.meeting = None;
        }
        if let Some(met) = &self.plan.meeting {
            // Without the others nobody can judge what is recorded from here on.
            self.phase(said_of_part("part", met))?;
        }
        Ok(())
    }

    /// Says whether it came to its end.
    async fn bursts_and_evidence(&mut self, bursts: Vec<Burst>) -> Result<bool, RunError> {
        let (total, mut done) = (bursts.len(), 0);
        // Whether the regions agreed, where nobody has written since.
        let mut agreed = None;
        for burst in bursts {
            if self.stop.requested() {
                break;
            }
            if self.alone && !burst.reads_only {
                continue;
            }
            if !burst.reads_only {
                agreed = None;
            } else if agreed.is_none() {
                self.meet().await;
                agreed = self.settle().await?;
            }
            let Some(prepared) = self.prepare(&burst).await? else {
                continue;
            };
            self.burst(burst, prepared).await?;
            done += 1;
        }
        if self.stop.requested() {
            if done < total {
                self.not_done(format!("{} of {total} bursts were not run", total - done));
            }
            self.not_done("the evidence was not read");
            return Ok(false);
        }
        if self.alone {
            self.not_done(format!("{} of {total} bursts were not run", total - done));
        }
        if agreed.is_none() {
            self.meet().await;
            self.settle().await?;
        }
        Ok(self.evidence().await?)
    }

    /// Rows are put down, clients connect, and other parts are there; none where there will be
    /// no burst, for want of them or of time.
    async fn prepare(&mut self, burst: &Burst) -> Result<Option<Prepared>, RunError> {
        let clients = burst.clients.len();
        (self.progress)(Progress::Burst { clients });
        if !burst.rows.is_empty() && !self.about_to_write().await {
            return Ok(None);
        }
        let prepared = burst::prepare(self.database, burst);
        let Some(prepared) = self.stop.or(prepared).await else {
            return Ok(None);
        };
        let prepared = prepared.map_err(|error| RunError::Database {
            phase: "preparing a burst",
            error,
        })?;
        if !burst.reads_only {
            self.meet().await;
            if self.alone || self.stop.requested() {
                return Ok(None);
            }
            if let Some(meeting) = &mut self.plan.meeting {
                meeting.writes();
            }
        }
        Ok(Some(prepared))
    }

    async fn burst(&mut self, burst: Burst, prepared: Prepared) -> Result<(), RunError> {
        for note in &burst.notes {
            self.witness(note.f, note.key.as_deref(), &note.value)?;
        }
        let clients = burst.clients.len();
        let put_again = (prepared.put_again > 0).then_some(prepared.put_again);
        self.phase(json!({"phase": "burst", "clients": clients, "put_again": put_again}))?;
        let over = burst::release(
            self.plan.workload,
            self.parameters.app.clone(),
            burst,
            prepared.connections,
            self.database,
            self.recorder,
            self.stop,
        );
        let over = over.await?;
        let tally = Tally {
            scoreboard: self.scoreboard(&over)?,
            ..over.tally
        };
        (self.progress)(Progress::Tally(tally));
        for (number, what) in [
            (over.open, "were left open"),
            (over.not_asked, "were not made"),
        ] {
            if number > 0 {
                self.not_done(format!("{number} requests {what}"));
            }
        }
        Ok(())
    }

    /// What the application told its users of the burst, recorded; all of it together.
    fn scoreboard(&self, over: &Over) -> Result<Option<Scoreboard>, RecordError> {
        let mut shown = None;
        let mut notes = self.plan.workload.scoreboard(&over.requests);
        // The focused object's scoreboard is the one that is looked at: it comes last.
        notes.sort_by_key(|note| note.key.is_some() && note.key == self.parameters.seat);
        for note in notes {
            let shown: &mut Scoreboard = shown.get_or_insert_default();
            shown.confirmed += note.value["confirmed"].as_u64().unwrap_or(0);
            shown.oversold += note.value["oversold"].as_u64().unwrap_or(0);
            self.witness(note.f, note.key.as_deref(), &note.value)?;
        }
        Ok(shown)
    }

    /// What every region has committed; says whether all of it was read.
    async fn evidence(&mut self) -> Result<bool, RecordError> {
        for region in self.database.regions() {
            (self.progress)(Progress::Evidence {
                region: region.clone(),
            });
            let read = evidence::record(self.database, region, &self.tables, self.recorder);
            match self.stop.or(read).await {
                Some(read) => read?,
                None => {
                    self.not_done("the evidence was not read whole");
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// Says of a part that the tables were its run's to the end, if they were.
    async fn undisturbed(&mut self) -> Result<(), RecordError> {
        let Some(meeting) = &mut self.plan.meeting else {
            return Ok(());
        };
        let mut said = said_of_part("undisturbed", meeting);
        if let Err(why) = meeting.undisturbed(self.stop).await {
            said["phase"] = "disturbed".into();
            let why = why.to_string();
            said["why"] = why.as_str().into();
            // Who was displaced in a meeting has heard of it before.
            self.ended.not_done.retain(|what| *what != why);
            self.ended.undecided = Some(why);
        }
        self.phase(said)
    }

    /// Before rows are put down that another run's clients could see: whether they may be.
    async fn about_to_write(&mut self) -> bool {
        let Some(meeting) = &mut self.plan.meeting else {
            return true;
        };
        match self.stop.or(meeting.about_to_write()).await {
            Some(Err(why)) => {
                self.lost(&why);
                false
            }
            _ => true,
        }
    }

    /// Waits for the other parts, where there are some. Who did not come is not waited for
    /// again.
    async fn meet(&mut self) {
        let Some(meeting) = self.plan.meeting.as_mut().filter(|_| !self.alone) else {
            return;
        };
        (self.progress)(Progress::Meeting);
        if let Some(Err(why)) = self.stop.or(meeting.again()).await {
            self.lost(&why);
        }
    }

    fn lost(&mut self, why: &PartError) {
        self.alone = true;
        self.not_done(why.to_string());
    }

    /// Gives the regions time to agree; none if it was cut short.
    async fn settle(&mut self) -> Result<Option<bool>, RecordError> {
        (self.progress)(Progress::Settle);
        self.phase(json!({"phase": "settle"}))?;
        let settled = evidence::settle(self.database, &self.tables, self.plan.settle_max);
        let agreed = self.stop.or(settled).await;
        self.phase(json!({"phase": "settled", "agreed": agreed.unwrap_or(false)}))?;
        Ok(agreed)
    }

    fn not_done(&mut self, what: impl Into<String>) {
        self.ended.not_done.push(what.into());
    }

    fn phase(&self, value: Value) -> Result<(), RecordError> {
        self.witness("phase", None, &value)
    }

    /// Records what Witness itself has to say.
    fn witness(&self, f: &str, key: Option<&str>, value: &Value) -> Result<(), RecordError> {
        let note = Note {
            author: Author::Witness,
            kind: Kind::Ok,
            region: None,
            f,
            key: key.map(Key::from),
            value,
            error: None,
        };
        self.recorder.note(note).map(drop)
    }
}

/// What is said of a part: without it nothing is decided.
fn said_of_part(phase: &str, meeting: &Meeting) -> Value {
    let (part, run) = (meeting.part(), meeting.run());
    json!({"phase": phase, "part": part.number(), "parts": part.of(), "run": run})
}
