//! What each error says about whether the request was served.

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use witness_workloads::{DbError, Fault};

use crate::backends::aws::message;

/// A request that could not be built.
pub(super) fn construction(error: impl std::fmt::Display) -> DbError {
    DbError::definite("construction", error)
}

/// Exactly what is known after an error, by the SDK's types and the service's codes.
pub(super) fn classify<E: ProvideErrorMetadata>(error: &SdkError<E>) -> DbError {
    let (fault, class) = match error {
        SdkError::ConstructionFailure(_) => (Fault::Definite, "construction"),
        SdkError::TimeoutError(_) => (Fault::Indeterminate, "timeout"),
        // The request may have left before the connection broke.
        SdkError::DispatchFailure(_) => (Fault::Indeterminate, "dispatch"),
        SdkError::ResponseError(_) => (Fault::Indeterminate, "response"),
        SdkError::ServiceError(refused) => {
            let code = error.code().unwrap_or("unknown");
            let fault = match code {
                "TransactionConflictException" | "ReplicatedWriteConflictException" => {
                    Fault::Conflict
                }
                "TransactionInProgressException" => Fault::Indeterminate,
                _ if refused.raw().status().as_u16() >= 500 => Fault::Indeterminate,
                _ => Fault::Definite,
            };
            (fault, code)
        }
        _ => (Fault::Indeterminate, "unknown"),
    };
    DbError::new(fault, class, message(error))
}
