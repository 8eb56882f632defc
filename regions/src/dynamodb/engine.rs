//! One in-memory DynamoDB: tables, items, indexes and expressions, without a
//! notion of regions. A thin layer over `dynoxide`, the only file that calls it.

use dynoxide::actions::delete_item::DeleteItemRequest;
use dynoxide::actions::get_item::GetItemRequest;
use dynoxide::actions::put_item::PutItemRequest;
use dynoxide::actions::scan::ScanRequest;
use dynoxide::{Database, DynoxideError, Item};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::error::{ApiError, ApiResult, ErrorKind};
use super::operation::Operation;

/// A handle; clones share the same tables. Every call is atomic.
#[derive(Clone)]
pub(super) struct Engine {
    db: Database,
}

impl Engine {
    pub(super) fn new() -> ApiResult<Self> {
        Ok(Self {
            db: Database::memory()?,
        })
    }

    /// Runs a request as it came over the wire; returns the body of the answer.
    pub(super) fn call(&self, operation: Operation, body: &Value) -> ApiResult<String> {
        use Operation as O;
        let db = &self.db;
        match operation {
            O::CreateTable => run(operation, body, |request| db.create_table(request)),
            O::DescribeTable => run(operation, body, |request| db.describe_table(request)),
            O::UpdateTable => run(operation, body, |request| db.update_table(request)),
            O::DeleteTable => run(operation, body, |request| db.delete_table(request)),
            O::ListTables => run(operation, body, |request| db.list_tables(request)),
            O::PutItem => run(operation, body, |request| db.put_item(request)),
            O::GetItem => run(operation, body, |request| db.get_item(request)),
            O::UpdateItem => run(operation, body, |request| db.update_item(request)),
            O::DeleteItem => run(operation, body, |request| db.delete_item(request)),
            O::Query => run(operation, body, |request| db.query(request)),
            O::Scan => run(operation, body, |request| db.scan(request)),
            O::BatchGetItem => run(operation, body, |request| db.batch_get_item(request)),
            O::BatchWriteItem => run(operation, body, |request| db.batch_write_item(request)),
            O::TransactGetItems => run(operation, body, |request| db.transact_get_items(request)),
            O::TransactWriteItems => {
                run(operation, body, |request| db.transact_write_items(request))
            }
            O::ListTagsOfResource => {
                run(operation, body, |request| db.list_tags_of_resource(request))
            }
            // These two answer with nothing at all.
            O::TagResource => {
                run(operation, body, |request| db.tag_resource(request)).map(|_| String::new())
            }
            O::UntagResource => {
                run(operation, body, |request| db.untag_resource(request)).map(|_| String::new())
            }
        }
    }

    /// The item with this key, as stored.
    pub(super) fn get(&self, table: &str, key: &Item) -> ApiResult<Option<Item>> {
        let answer = self.db.get_item(GetItemRequest {
            table_name: table.to_owned(),
            key: key.clone(),
            ..GetItemRequest::default()
        })?;
        Ok(answer.item)
    }

    /// Replaces the item with this key by `image`, or removes it.
    pub(super) fn set(&self, table: &str, key: &Item, image: Option<Item>) -> ApiResult<()> {
        match image {
            Some(item) => {
                self.db.put_item(PutItemRequest {
                    table_name: table.to_owned(),
                    item,
                    ..PutItemRequest::default()
                })?;
            }
            None => {
                self.db.delete_item(DeleteItemRequest {
                    table_name: table.to_owned(),
                    key: key.clone(),
                    ..DeleteItemRequest::default()
                })?;
            }
        }
        Ok(())
    }

    /// Every item of a table, page by page.
    pub(super) fn items(&self, table: &str) -> ApiResult<Vec<Item>> {
        let mut items = Vec::new();
        let mut start = None;
        loop {
            let page = self.db.scan(ScanRequest {
                table_name: table.to_owned(),
                exclusive_start_key: start,
                ..ScanRequest::default()
            })?;
            items.extend(page.items.unwrap_or_default());
            start = page.last_evaluated_key;
            if start.is_none() {
                return Ok(items);
            }
        }
    }

    pub(super) fn is_empty(&self, table: &str) -> ApiResult<bool> {
        let page = self.db.scan(ScanRequest {
            table_name: table.to_owned(),
            limit: Some(1),
            ..ScanRequest::default()
        })?;
        Ok(page.count == 0)
    }
}

fn run<Q: DeserializeOwned, A: Serialize>(
    operation: Operation,
    body: &Value,
    execute: impl FnOnce(Q) -> Result<A, DynoxideError>,
) -> ApiResult<String> {
    let request = Q::deserialize(body).map_err(|error| unreadable(operation, &error))?;
    let answer = execute(request)?;
    serde_json::to_string(&answer).map_err(|error| ApiError::internal(error.to_string()))
}

/// What a request that does not deserialize is told. The engine's readers mark
/// the class of the error by a prefix on the message; an unmarked one is a wrong
/// JSON type, or a required member that is missing.
fn unreadable(operation: Operation, error: &serde_json::Error) -> ApiError {
    let message = error.to_string();
    for marker in ["SERIALIZATION_AS_READ:", "SERIALIZATION:"] {
        if let Some(message) = message.strip_prefix(marker) {
            return ApiError::new(ErrorKind::Serialization, message);
        }
    }
    for marker in ["VALIDATION_AS_READ:", "VALIDATION:"] {
        if let Some(message) = message.strip_prefix(marker) {
            return ApiError::validation(message);
        }
    }
    if let Some(message) = message.strip_prefix("VALIDATION_REQUEST:") {
        // These operations list the broken constraints of a request together.
        let listed = matches!(
            operation,
            Operation::PutItem | Operation::UpdateItem | Operation::DeleteItem
        );
        return ApiError::validation(if listed {
            format!("1 validation error detected: {message}")
        } else {
            message.to_owned()
        });
    }
    if message.contains("empty AttributeValue") {
        return ApiError::validation(
            "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes",
        );
    }
    let invalid = [
        "missing field",
        "unknown variant",
        "invalid type: null",
        "Supplied AttributeValue",
    ];
    if invalid.iter().any(|part| message.contains(part)) {
        return ApiError::validation(message);
    }
    ApiError::new(ErrorKind::Serialization, message)
}
