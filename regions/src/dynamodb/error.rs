//! DynamoDB's errors as they go over the wire: a status, a type and a message.
//! It may not decide when an error is due; it only knows how each one looks.

use dynoxide::DynoxideError;
use serde_json::{Value, json};

const SERVICE: &str = "com.amazonaws.dynamodb.v20120810#";
const CORAL: &str = "com.amazon.coral.service#";
const CORAL_VALIDATE: &str = "com.amazon.coral.validate#";
const CORAL_AVAILABILITY: &str = "com.amazon.coral.availability#";

/// The errors that the stand-in raises itself, or that a [`super::Fault`] can raise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The request breaks a rule of the API.
    Validation,
    /// The body is not JSON, or holds a wrong JSON type.
    Serialization,
    /// No such operation.
    UnknownOperation,
    /// The body is larger than the service reads.
    RequestTooLarge,
    /// No `Authorization` header.
    MissingAuthenticationToken,
    /// An `Authorization` header that cannot be read.
    IncompleteSignature,
    /// An access key that nobody knows.
    UnrecognizedClient,
    /// A signature that is wrong, expired, or scoped to another region or service.
    InvalidSignature,
    /// No such table here.
    ResourceNotFound,
    /// The table is being created, updated or deleted.
    ResourceInUse,
    /// A condition expression was false.
    ConditionalCheckFailed,
    /// Throughput of a table exceeded.
    ProvisionedThroughputExceeded,
    /// Throughput of the account exceeded.
    RequestLimitExceeded,
    /// Too many requests.
    Throttling,
    /// A plain write met a transaction that was under way on its item.
    TransactionConflict,
    /// A transaction met another one on its items (reason `TransactionConflict`).
    TransactionCanceled,
    /// A transaction with this client token is still under way.
    TransactionInProgress,
    /// A client token was used again for a different transaction.
    IdempotentParameterMismatch,
    /// Another region is writing the item (strong consistency only).
    ReplicatedWriteConflict,
    /// The server failed; the write may or may not have happened.
    InternalServerError,
    /// The server is not available; the write may or may not have happened.
    ServiceUnavailable,
}

impl ErrorKind {
    /// Namespace, name, HTTP status and the message a fault carries.
    fn wire(self) -> (&'static str, &'static str, u16, &'static str) {
        use ErrorKind as K;
        match self {
            K::Validation => (CORAL_VALIDATE, "ValidationException", 400, ""),
            K::Serialization => (CORAL, "SerializationException", 400, ""),
            K::UnknownOperation => (CORAL, "UnknownOperationException", 400, ""),
            K::RequestTooLarge => (CORAL, "RequestEntityTooLargeException", 413, ""),
            K::MissingAuthenticationToken => (
                CORAL,
                "MissingAuthenticationTokenException",
                400,
                "Request is missing Authentication Token",
            ),
            K::IncompleteSignature => (CORAL, "IncompleteSignatureException", 400, ""),
            K::UnrecognizedClient => (
                CORAL,
                "UnrecognizedClientException",
                400,
                "The security token included in the request is invalid.",
            ),
            K::InvalidSignature => (
                CORAL,
                "InvalidSignatureException",
                400,
                "The request signature we calculated does not match the signature you provided. \
                 Check your AWS Secret Access Key and signing method. \
                 Consult the service documentation for details.",
            ),
            K::ResourceNotFound => (
                SERVICE,
                "ResourceNotFoundException",
                400,
                "Requested resource not found",
            ),
            K::ResourceInUse => (
                SERVICE,
                "ResourceInUseException",
                400,
                "Attempt to change a resource which is still in use",
            ),
            K::ConditionalCheckFailed => (
                SERVICE,
                "ConditionalCheckFailedException",
                400,
                "The conditional request failed",
            ),
            K::ProvisionedThroughputExceeded => (
                SERVICE,
                "ProvisionedThroughputExceededException",
                400,
                "The level of configured provisioned throughput for the table was exceeded. \
                 Consider increasing your provisioning level with the UpdateTable API.",
            ),
            K::RequestLimitExceeded => (
                SERVICE,
                "RequestLimitExceeded",
                400,
                "Throughput exceeds the current throughput limit for your account.",
            ),
            K::Throttling => (
                CORAL_AVAILABILITY,
                "ThrottlingException",
                400,
                "Rate exceeded",
            ),
            K::TransactionConflict => (
                SERVICE,
                "TransactionConflictException",
                400,
                "Transaction is ongoing for the item",
            ),
            K::TransactionCanceled => (
                SERVICE,
                "TransactionCanceledException",
                400,
                "Transaction cancelled, please refer cancellation reasons for specific reasons \
                 [TransactionConflict]",
            ),
            K::TransactionInProgress => (
                SERVICE,
                "TransactionInProgressException",
                400,
                "The transaction with the given request token is already in progress.",
            ),
            K::IdempotentParameterMismatch => (
                SERVICE,
                "IdempotentParameterMismatchException",
                400,
                "The provided client token was already used with a different request.",
            ),
            K::ReplicatedWriteConflict => (
                SERVICE,
                "ReplicatedWriteConflictException",
                400,
                "One or more items in this request are being modified by a request in another \
                 Region.",
            ),
            K::InternalServerError => (
                SERVICE,
                "InternalServerError",
                500,
                "The request processing has failed because of an unknown error, exception or \
                 failure.",
            ),
            K::ServiceUnavailable => (
                CORAL_AVAILABILITY,
                "ServiceUnavailableException",
                503,
                "The service is currently unavailable or busy.",
            ),
        }
    }
}

/// An answer that is not 200: the status and the JSON body.
#[derive(Debug, Clone)]
pub(super) struct ApiError {
    /// HTTP status.
    pub(super) status: u16,
    /// JSON, `__type` first.
    pub(super) body: String,
}

pub(super) type ApiResult<T> = Result<T, ApiError>;

impl ApiError {
    /// The error with its usual message.
    pub(super) fn of(kind: ErrorKind) -> Self {
        Self::new(kind, kind.wire().3)
    }

    /// The error with a message of its own.
    pub(super) fn new(kind: ErrorKind, message: impl AsRef<str>) -> Self {
        let (namespace, name, status, _) = kind.wire();
        let mut body = serde_json::Map::new();
        body.insert("__type".to_owned(), json!(format!("{namespace}{name}")));
        let message = message.as_ref();
        // The service itself is not of one mind about the capital.
        let capital = matches!(
            kind,
            ErrorKind::Serialization | ErrorKind::TransactionCanceled
        );
        if !message.is_empty() {
            let member = if capital { "Message" } else { "message" };
            body.insert(member.to_owned(), json!(message));
        }
        if kind == ErrorKind::TransactionCanceled {
            body.insert(
                "CancellationReasons".to_owned(),
                json!([{
                    "Code": "TransactionConflict",
                    "Message": "Transaction is ongoing for the item",
                }]),
            );
        }
        Self {
            status,
            body: Value::Object(body).to_string(),
        }
    }

    /// A transaction that was canceled for these reasons, one an action.
    pub(super) fn canceled(codes: &[&str]) -> Self {
        let (namespace, name, status, _) = ErrorKind::TransactionCanceled.wire();
        let reasons = codes.iter().map(|code| match *code {
            "None" => json!({"Code": "None"}),
            "ConditionalCheckFailed" => {
                json!({"Code": code, "Message": "The conditional request failed"})
            }
            "TransactionConflict" => {
                json!({"Code": code, "Message": "Transaction is ongoing for the item"})
            }
            code => json!({"Code": code, "Message": "as asked for"}),
        });
        let body = json!({
            "__type": format!("{namespace}{name}"),
            "Message": format!(
                "Transaction cancelled, please refer cancellation reasons for specific reasons [{}]",
                codes.join(", ")
            ),
            "CancellationReasons": reasons.collect::<Vec<_>>(),
        });
        Self {
            status,
            body: body.to_string(),
        }
    }

    pub(super) fn validation(message: impl AsRef<str>) -> Self {
        Self::new(ErrorKind::Validation, message)
    }

    pub(super) fn internal(message: impl AsRef<str>) -> Self {
        Self::new(ErrorKind::InternalServerError, message)
    }

    /// Whether this is the named error, whatever its namespace.
    pub(super) fn is(&self, kind: ErrorKind) -> bool {
        let (namespace, name, ..) = kind.wire();
        self.body.contains(&format!("\"{namespace}{name}\""))
    }
}

impl From<DynoxideError> for ApiError {
    fn from(error: DynoxideError) -> Self {
        Self {
            status: error.status_code(),
            body: error.to_json(),
        }
    }
}

impl std::fmt::Display for ApiError {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{} {}", self.status, self.body)
    }
}
