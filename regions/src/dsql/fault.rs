//! Faults that a test asks for: the next matching commit or statement goes wrong in a
//! named way, so that a client's reading of each error can be tested against a server
//! that does exactly that.

use std::sync::{Mutex, PoisonError};

/// Where a fault strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultPoint {
    /// A `COMMIT`, or the commit of a statement outside a transaction block that wrote.
    Commit,
    /// A statement other than the end of a transaction; `BEGIN` is one too.
    Statement,
    /// A client that connects, once TLS stands; its text is `direct` where TLS came first,
    /// else `negotiated`. Whatever is not an error drops it or lets it hang.
    Connect,
}

/// What goes wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FaultAction {
    /// The connection is dropped before anything is done.
    DropBefore,
    /// It is done, and the connection is dropped instead of answering. A statement
    /// outside a transaction block is committed, with those before it in the same query
    /// string or pipeline; one inside a block goes with its block.
    DropAfter,
    /// Nothing is done and nothing is answered, until the client goes or cancels.
    HangBefore,
    /// It is done, committed as for `DropAfter`, and nothing is answered until the
    /// client goes or cancels.
    HangAfter,
    /// Nothing is done and this error is answered. An error of class `57P` is fatal:
    /// the connection is closed after it.
    Error {
        /// The SQLSTATE, such as `40P01` or `OC000`.
        code: String,
        /// The message.
        message: String,
    },
}

/// A fault to come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where it strikes.
    pub at: FaultPoint,
    /// What goes wrong.
    pub action: FaultAction,
    /// How often, before it is spent.
    pub times: u32,
    /// In one region only.
    pub region: Option<String>,
    /// Only for statements whose text contains this; says nothing about commits.
    pub containing: Option<String>,
}

impl Fault {
    /// A fault that strikes once, in any region.
    pub fn once(at: FaultPoint, action: FaultAction) -> Self {
        Self {
            at,
            action,
            times: 1,
            region: None,
            containing: None,
        }
    }

    /// In one region only.
    pub fn in_region(mut self, region: impl Into<String>) -> Self {
        self.region = Some(region.into());
        self
    }

    /// Only for statements whose text contains this.
    pub fn containing(mut self, text: impl Into<String>) -> Self {
        self.containing = Some(text.into());
        self
    }
}

/// The faults that have not struck yet.
#[derive(Debug, Default)]
pub(crate) struct Faults(Mutex<Vec<Fault>>);

impl Faults {
    pub(crate) fn add(&self, fault: Fault) {
        let mut faults = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        faults.push(fault);
    }

    pub(crate) fn left(&self) -> u32 {
        let faults = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        faults.iter().map(|fault| fault.times).sum()
    }

    /// Takes one strike of the first fault that matches.
    pub(crate) fn strike(&self, at: FaultPoint, region: &str, text: &str) -> Option<FaultAction> {
        let mut faults = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = faults.iter().position(|fault| {
            fault.at == at
                && fault.times > 0
                && fault.region.as_ref().is_none_or(|wanted| wanted == region)
                && (at == FaultPoint::Commit
                    || fault
                        .containing
                        .as_ref()
                        .is_none_or(|part| text.contains(part)))
        })?;
        let fault = &mut faults[found];
        fault.times -= 1;
        let action = fault.action.clone();
        faults.retain(|fault| fault.times > 0);
        Some(action)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_strikes_where_and_as_often_as_asked() {
        let faults = Faults::default();
        let mut fault = Fault::once(FaultPoint::Statement, FaultAction::DropAfter)
            .in_region("us-east-2")
            .containing("seats");
        fault.times = 2;
        faults.add(fault);
        let strike = |at, region, text| faults.strike(at, region, text).is_some();
        assert!(!strike(FaultPoint::Commit, "us-east-2", "seats"));
        assert!(!strike(FaultPoint::Statement, "us-east-1", "seats"));
        assert!(!strike(FaultPoint::Statement, "us-east-2", "ledger"));
        assert!(strike(FaultPoint::Statement, "us-east-2", "SELECT seats"));
        assert!(strike(FaultPoint::Statement, "us-east-2", "SELECT seats"));
        assert!(!strike(FaultPoint::Statement, "us-east-2", "SELECT seats"));
    }
}
