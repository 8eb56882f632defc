//! What each error says about whether the request was served, by the SDK's types.

use aws_sdk_dynamodb::error::{ConnectorError, ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::CancellationReason;
use witness_workloads::{DbError, Fault};

use crate::backends::aws::message;

/// A request that could not be built.
pub(super) fn construction(error: impl std::fmt::Display) -> DbError {
    DbError::definite("construction", error)
}

/// Exactly what is known after an error. The service's own errors have the same names in
/// every operation, which is why their codes tell them apart here.
pub(super) fn classify<E: ProvideErrorMetadata>(error: &SdkError<E>) -> DbError {
    let (fault, class) = match error {
        SdkError::ConstructionFailure(_) => (Fault::Definite, "construction"),
        // After the request was sent: connecting has a shorter limit of its own.
        SdkError::TimeoutError(_) => (Fault::Indeterminate, "timeout"),
        SdkError::DispatchFailure(failure) => match failure.as_connector_error() {
            // There was never a connection that the request could have left by.
            Some(error) if is_connecting(error) && error.is_timeout() => {
                (Fault::Definite, "connect-timeout")
            }
            Some(error) if is_connecting(error) => (Fault::Definite, "connect"),
            // The request may have left before the connection broke.
            _ => (Fault::Indeterminate, "dispatch"),
        },
        SdkError::ResponseError(_) => (Fault::Indeterminate, "response"),
        SdkError::ServiceError(refused) => {
            // What cannot be read is no refusal: it may be the answer to a success.
            let code = error.code().unwrap_or("response");
            let fault = match code {
                "response" => Fault::Indeterminate,
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

/// Whether it went wrong before there was a connection: its name, the way, TLS.
fn is_connecting(error: &ConnectorError) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(inner) = cause {
        if let Some(client) = inner.downcast_ref::<hyper_util::client::legacy::Error>() {
            return client.is_connect();
        }
        cause = inner.source();
    }
    false
}

/// What is known after a transaction went wrong: where the service says why it was
/// canceled, action by action, `reason` decides what each of the reasons means.
pub(super) fn classify_transaction(
    error: &SdkError<TransactWriteItemsError>,
    reason: impl Fn(usize, &CancellationReason) -> Fault,
) -> DbError {
    let canceled = match error.as_service_error() {
        Some(TransactWriteItemsError::TransactionCanceledException(canceled)) => canceled,
        _ => return classify(error),
    };
    let given = canceled.cancellation_reasons().iter().enumerate();
    let given = given.filter(|(_, r)| r.code().is_some_and(|code| code != "None"));
    let faults: Vec<_> = given.clone().map(|(n, r)| reason(n, r)).collect();
    // What would go wrong again outweighs what might not.
    let fault = match faults.contains(&Fault::Definite) || faults.is_empty() {
        true => Fault::Definite,
        false => Fault::Conflict,
    };
    let why = given.map(|(n, r)| {
        let code = r.code().unwrap_or("?");
        format!("{code} of action {}", n + 1)
    });
    let why = why.collect::<Vec<_>>().join(", ");
    DbError::new(
        fault,
        "TransactionCanceledException",
        format!("canceled: {why}"),
    )
}

#[cfg(test)]
mod tests {
    use aws_sdk_dynamodb::config::http::HttpResponse;
    use aws_sdk_dynamodb::operation::put_item::PutItemError;

    use super::*;

    /// An answer that ends too early may be the answer to a success; what never was a request
    /// is none.
    #[test]
    fn what_was_answered_and_cannot_be_read_may_have_happened() {
        let raw = HttpResponse::new(200_u16.try_into().unwrap(), "{".into());
        let unread = SdkError::<PutItemError>::response_error("cut off", raw);
        let known = classify(&unread);
        assert_eq!(known.fault, Fault::Indeterminate);
        assert_eq!(known.class, "response");
        let unbuilt = SdkError::<PutItemError>::construction_failure("no table");
        let known = classify(&unbuilt);
        assert_eq!(known.fault, Fault::Definite);
        assert_eq!(known.class, "construction");
    }
}
