//! What every application here does about a conflict: it tries again, with a
//! growing pause, a few times. A retry loop is the application's own code, and
//! counted.

use std::time::Duration;

use crate::{Attempted, Connection, DbError, Fault, Outcome};

/// Database transactions that one request may take.
pub(crate) const ATTEMPTS_MAX: u32 = 8;
/// Before the next try: this, times the tries so far.
const BACK_OFF: Duration = Duration::from_millis(8);

/// The transactions that one request has taken, the one under way included.
pub(crate) struct Tries(u32);

impl Tries {
    pub(crate) fn first() -> Tries {
        Tries(1)
    }

    /// The request is served, or refused for good.
    pub(crate) fn done(self, outcome: Outcome) -> Attempted {
        Attempted {
            outcome,
            attempts: self.0,
        }
    }

    /// After a transaction that went wrong: pauses and goes on to the next, or ends
    /// the request. What nobody knows is neither tried again nor rolled back.
    pub(crate) async fn again(
        self,
        db: &mut dyn Connection,
        error: DbError,
    ) -> Result<Tries, Attempted> {
        if error.fault != Fault::Indeterminate {
            db.rollback().await;
        }
        if error.fault != Fault::Conflict || self.0 == ATTEMPTS_MAX {
            return Err(self.done(error.into()));
        }
        tokio::time::sleep(BACK_OFF * self.0).await;
        Ok(Tries(self.0 + 1))
    }
}
