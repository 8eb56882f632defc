//! How a part that is not the first finds the run that it is of. What another run left may be
//! there; it writes nothing before it has found one that waits for it.

use std::time::Duration;

use serde_json::Value;
use witness_workloads::{Row, new_run};

use super::{FIRST, Meeting, OPENING, PartError, Seen, Trouble, moment, until};
use crate::parts::difference;

/// What a part knows that looks for its run, from one look to the next.
pub(super) struct Search {
    /// Tells its row from that of another that takes itself for the same part.
    pub(super) me: String,
    /// The run that it last joined.
    pub(super) joined: Option<String>,
    /// What the run that is there was asked otherwise. It may be over, and its part 1 about to
    /// begin another: nothing in the table tells that from one that waits.
    pub(super) differs: Option<Difference>,
}

/// A name, and what part 1 and this part have of it.
type Difference = (String, Value, Value);

impl Meeting {
    /// Another part finds the run that waits for it, and goes when the first says so. Where
    /// that opens a new run meanwhile, it is that one.
    ///
    /// # Errors
    /// See [`PartError`]; nothing was written that matters to anybody.
    pub async fn join(&mut self) -> Result<(), PartError> {
        let (part, waited) = (self.part(), self.parted.wait_max);
        self.step = FIRST;
        let mut search = Search {
            me: new_run(),
            joined: None,
            differs: None,
        };
        let look = async |meeting: &mut Meeting| meeting.may_join(&mut search).await;
        let late = |_, because| PartError::NoRun {
            part,
            waited,
            because,
        };
        let seen = self.poll(waited, look, late).await;
        let moment = match (seen, search.differs) {
            (Err(PartError::NoRun { .. }), Some((name, theirs, ours))) => {
                return Err(PartError::Differs {
                    name,
                    theirs: theirs.to_string(),
                    ours: ours.to_string(),
                    waited,
                });
            }
            (seen, _) => seen?,
        };
        until(moment).await;
        Ok(())
    }

    /// Joins the run that is there, if it waits for this part: the moment in which all go.
    pub(super) async fn may_join(
        &mut self,
        search: &mut Search,
    ) -> Result<Seen<Duration>, Trouble> {
        let waits = Ok(Seen::Missing(1));
        search.differs = None;
        let Some(opening) = self.table.row(OPENING).await? else {
            return waits;
        };
        self.run = opening.get("run").cloned().unwrap_or_default();
        let go = self.table.row(&self.id(FIRST, 1, "")).await?;
        match (search.joined.as_ref() == Some(&self.run), go) {
            (true, Some(go)) => return Ok(Seen::There(moment(&go))),
            // Somebody else's run, which began without this part.
            (false, Some(_)) | (true, None) => return waits,
            (false, None) => {}
        }
        let part = self.part();
        if self.table.there(&self.run, FIRST, part.number()).await? > 0 {
            return waits;
        }
        search.differs = differs(&opening, &self.parted.plan);
        if search.differs.is_some() {
            return waits;
        }
        let here = self.row(&search.me);
        self.say(here).await?;
        search.joined = Some(self.run.clone());
        // Only what is read after that tells whether there is another.
        if self.table.there(&self.run, FIRST, part.number()).await? > 1 {
            let (part, of) = (part.number(), part.of());
            return Err(PartError::Twice { part, of }.into());
        }
        waits
    }
}

/// What the run was asked otherwise than this part, if anything.
fn differs(opening: &Row, ours: &Value) -> Option<Difference> {
    let plan = opening.get("plan").map_or("", String::as_str);
    let theirs: Value = serde_json::from_str(plan).unwrap_or_default();
    let (name, theirs, ours) = difference(&theirs, ours)?;
    Some((name.to_owned(), theirs.clone(), ours.clone()))
}
