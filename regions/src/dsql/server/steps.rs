//! The running of statements and commits, with the waiting and the faults around
//! them.

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};

use super::connection::{Connection, Stop};
use crate::dsql::engine::error::{SqlError, state};
use crate::dsql::engine::plan::{Plan, Prepared};
use crate::dsql::engine::session::{Answer, PendingCommit, Step};
use crate::dsql::engine::value::Value;
use crate::dsql::fault::{FaultAction, FaultPoint};

/// While a statement hangs, at most so many bytes are read ahead, to notice that the
/// client has gone.
const AHEAD_BYTES_MAX: usize = 1 << 20;

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<'_, S> {
    /// Runs one statement, with the faults that were asked for. A `COMMIT` is carried
    /// through to its end.
    pub(super) async fn step(
        &mut self,
        prepared: &Prepared,
        params: &[Value],
        text: &str,
    ) -> std::result::Result<Answer, Stop> {
        let is_end = matches!(prepared.plan, Plan::Commit | Plan::Rollback);
        let fault = if is_end {
            None
        } else {
            self.shared
                .faults
                .strike(FaultPoint::Statement, &self.site.region, text)
        };
        self.before(fault.as_ref()).await?;
        let step = self.session.run(prepared, params)?;
        if matches!(fault, Some(FaultAction::DropAfter | FaultAction::HangAfter)) {
            // Outside a block the statement is done only once it is committed, and
            // nobody will come to ask for that any more.
            self.end_implicit().await?;
        }
        self.after(fault.as_ref()).await?;
        match step {
            Step::Answer(answer) => Ok(answer),
            Step::Commit(pending) => {
                self.commit(pending, true).await?;
                Ok(Answer {
                    tag: "COMMIT".to_owned(),
                    ..Answer::default()
                })
            }
        }
    }

    pub(super) async fn end_implicit(&mut self) -> std::result::Result<(), Stop> {
        match self.session.end_implicit() {
            Some(pending) => self.commit(pending, false).await,
            None => Ok(()),
        }
    }

    /// Commits: half the round trip, the atomic commit point, the other half, and only
    /// then the acknowledgement. The commit point lies between the client's request and
    /// its answer, so whoever begins after the answer sees it, in either region; whoever
    /// reads between may see it before it was acknowledged, as in any real system.
    pub(super) async fn commit(
        &mut self,
        pending: PendingCommit,
        is_explicit: bool,
    ) -> std::result::Result<(), Stop> {
        let has_changes = pending.has_changes();
        let fault = if is_explicit || has_changes {
            self.shared
                .faults
                .strike(FaultPoint::Commit, &self.site.region, "")
        } else {
            None
        };
        self.before(fault.as_ref()).await?;
        pending.check()?;
        let half = self.shared.inter_region_rtt / 2;
        let waits = has_changes && !half.is_zero();
        if waits {
            tokio::select! {
                () = tokio::time::sleep(half) => {}
                () = self.bell.notified() => return Err(cancelled()),
            }
        }
        pending.apply()?;
        if waits {
            tokio::time::sleep(half).await;
        }
        self.after(fault.as_ref()).await
    }

    pub(super) async fn before(
        &mut self,
        fault: Option<&FaultAction>,
    ) -> std::result::Result<(), Stop> {
        match fault {
            Some(FaultAction::DropBefore) => Err(Stop::Over),
            Some(FaultAction::HangBefore) => Err(self.hang().await),
            Some(FaultAction::Error { code, message }) => {
                let error = SqlError::new(code.clone(), message.clone());
                Err(if code.starts_with("57P") {
                    Stop::Fatal(error)
                } else {
                    Stop::Error(error)
                })
            }
            _ => Ok(()),
        }
    }

    pub(super) async fn after(
        &mut self,
        fault: Option<&FaultAction>,
    ) -> std::result::Result<(), Stop> {
        match fault {
            Some(FaultAction::DropAfter) => Err(Stop::Over),
            Some(FaultAction::HangAfter) => Err(self.hang().await),
            _ => Ok(()),
        }
    }

    /// Says nothing until the client goes or cancels.
    pub(super) async fn hang(&mut self) -> Stop {
        loop {
            let listens = self.ahead.len() < AHEAD_BYTES_MAX;
            tokio::select! {
                read = self.stream.read_buf(&mut self.ahead), if listens => {
                    if matches!(read, Ok(0) | Err(_)) {
                        return Stop::Over;
                    }
                }
                () = self.bell.notified() => return cancelled(),
            }
        }
    }
}

pub(super) fn cancelled() -> Stop {
    Stop::Error(SqlError::new(
        state::QUERY_CANCELED,
        "canceling statement due to user request",
    ))
}
