//! Why something was not made or not deleted.

use std::time::Duration;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};

use crate::backends::sdk_message;
use crate::doctor::Fix;

/// Why something was not made or not deleted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProvisionError {
    /// The caller may not do it.
    #[error(
        "{call} in {region} was refused: the policy lacks {action} on {resource}; \
         --policy prints all that is needed"
    )]
    Refused {
        /// What was called.
        call: &'static str,
        /// Where.
        region: String,
        /// What the policy lacks, such as `dsql:AddPeerCluster`.
        action: String,
        /// The ARN that it lacks it on.
        resource: String,
    },
    /// The service, or the way to it.
    #[error("{call} in {region}: {message}")]
    Service {
        /// What was called.
        call: &'static str,
        /// Where.
        region: String,
        /// What it said.
        message: String,
    },
    /// What was asked for cannot be.
    #[error("{0}")]
    Plan(String),
    /// What is there is not what was asked for, or not ours.
    #[error("{0}")]
    InTheWay(String),
    /// It may not be deleted as it is.
    #[error("deletion protection is on for {0}; --disable-deletion-protection switches it off")]
    Protected(String),
    /// It took longer than was to be waited for.
    #[error("after {} s still: {state}; run it again to go on from there", waited.as_secs())]
    Late {
        /// How long was waited.
        waited: Duration,
        /// What was waited for.
        state: String,
    },
}

impl ProvisionError {
    /// What mends it: the right that is missing; else who the service takes the caller for
    /// is the first thing to know.
    pub(crate) fn fix(&self) -> Fix {
        match self {
            ProvisionError::Refused {
                action, resource, ..
            } => Fix::allow(action, resource),
            _ => Fix::run("aws sts get-caller-identity"),
        }
    }

    /// What an error of a call means. `action` and `resource` are what the call needs
    /// most, for a refusal that names neither.
    pub(crate) fn of<E: ProvideErrorMetadata>(
        error: &SdkError<E>,
        call: &'static str,
        region: &str,
        (action, resource): (&str, &str),
    ) -> ProvisionError {
        let region = region.to_owned();
        let message = sdk_message(error);
        if error.code() != Some("AccessDeniedException") {
            return ProvisionError::Service {
                call,
                region,
                message,
            };
        }
        let named = |before: &str| {
            let after = message.split_once(before)?.1;
            let word = after.split_whitespace().next()?;
            Some(word.trim_end_matches(['.', ',']).to_owned())
        };
        ProvisionError::Refused {
            call,
            region,
            action: named("not authorized to perform: ").unwrap_or_else(|| action.into()),
            resource: named("on resource: ").unwrap_or_else(|| resource.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_right_that_is_missing_is_mended_by_that_right() {
        let arn = "arn:aws:dsql:us-east-1:111122223333:cluster/x";
        let refused = ProvisionError::Refused {
            call: "GetCluster",
            region: "us-east-1".into(),
            action: "dsql:GetCluster".into(),
            resource: arn.into(),
        };
        assert_eq!(refused.fix(), Fix::allow("dsql:GetCluster", arn));
        let service = ProvisionError::Service {
            call: "GetCluster",
            region: "us-east-1".into(),
            message: "The security token included in the request is invalid.".into(),
        };
        assert_eq!(service.fix(), Fix::run("aws sts get-caller-identity"));
    }
}
