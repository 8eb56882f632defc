//! Faults that a test can plan for coming requests: errors, lost answers, hangs.

use super::error::ErrorKind;
use super::operation::Operation;

/// What the next matching requests meet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Wire name of the operation (`PutItem`); none matches every operation.
    pub operation: Option<String>,
    /// Region of the endpoint; none matches every region.
    pub region: Option<String>,
    /// What happens.
    pub action: FaultAction,
    /// To how many requests it happens.
    pub times: usize,
}

impl Fault {
    /// `action`, once, to the next `operation` anywhere.
    pub fn once(operation: &str, action: FaultAction) -> Self {
        Self {
            operation: Some(operation.to_owned()),
            region: None,
            action,
            times: 1,
        }
    }
}

/// What a fault does to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FaultAction {
    /// Answers with this error; nothing is executed.
    Fail(ErrorKind),
    /// Cancels a transaction for these reasons, action by action (`None` for one that was
    /// not at fault); nothing is executed.
    Cancel(&'static [&'static str]),
    /// Executes the request, then closes the connection without an answer.
    LoseAnswer,
    /// Closes the connection; nothing is executed.
    DropRequest,
    /// Executes nothing and never answers.
    Hang,
}

/// The faults still to come; the oldest that matches a request is spent on it.
#[derive(Debug, Default)]
pub(super) struct Faults(Vec<Fault>);

impl Faults {
    pub(super) fn plan(&mut self, fault: Fault) {
        if fault.times > 0 {
            self.0.push(fault);
        }
    }

    pub(super) fn left(&self) -> usize {
        self.0.iter().map(|fault| fault.times).sum()
    }

    pub(super) fn take(&mut self, operation: Operation, region: &str) -> Option<FaultAction> {
        let matches = |wanted: &Option<String>, is: &str| wanted.as_deref().is_none_or(|w| w == is);
        let at = self.0.iter().position(|fault| {
            matches(&fault.operation, operation.name()) && matches(&fault.region, region)
        })?;
        let action = self.0[at].action;
        self.0[at].times -= 1;
        if self.0[at].times == 0 {
            self.0.remove(at);
        }
        Some(action)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_hits_what_it_names_as_often_as_it_says() {
        let mut faults = Faults::default();
        faults.plan(Fault {
            operation: Some("PutItem".to_owned()),
            region: Some("us-east-2".to_owned()),
            action: FaultAction::Hang,
            times: 2,
        });
        assert_eq!(faults.take(Operation::PutItem, "us-east-1"), None);
        assert_eq!(faults.take(Operation::GetItem, "us-east-2"), None);
        for _ in 0..2 {
            let hit = faults.take(Operation::PutItem, "us-east-2");
            assert_eq!(hit, Some(FaultAction::Hang));
        }
        assert_eq!(faults.take(Operation::PutItem, "us-east-2"), None);
    }
}
