//! The port in DynamoDB's operations: every write is visible at once.

use std::collections::HashMap;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::put_item::builders::PutItemFluentBuilder;
use aws_sdk_dynamodb::types::AttributeValue;
use witness_workloads::{Connection, DbError, Expectation, Fault, Page, Row, Table};

use super::error::classify;

/// One client in one region.
pub(super) struct DynamoConnection {
    client: Client,
    prefix: String,
    /// Something of the request under way has been written already.
    dirty: bool,
}

impl DynamoConnection {
    pub(super) fn new(client: Client, prefix: String) -> DynamoConnection {
        DynamoConnection {
            client,
            prefix,
            dirty: false,
        }
    }

    fn put(&self, table: &Table, row: &Row) -> PutItemFluentBuilder {
        let item: HashMap<_, _> = row
            .iter()
            .map(|(k, v)| (k.clone(), AttributeValue::S(v.clone())))
            .collect();
        self.client
            .put_item()
            .table_name(self.physical(table))
            .set_item(Some(item))
    }

    fn physical(&self, table: &Table) -> String {
        format!("{}{}", self.prefix, table.name)
    }

    /// What an error of a request means when something was written before it.
    fn after_writes(&self, error: DbError) -> DbError {
        if !self.dirty {
            return error;
        }
        let message = format!("half done, earlier writes are visible: {}", error.message);
        DbError {
            fault: Fault::Indeterminate,
            class: error.class,
            message,
        }
    }

    fn written<T, E: ProvideErrorMetadata>(
        &mut self,
        result: Result<T, SdkError<E>>,
    ) -> Result<T, DbError> {
        match result {
            Ok(done) => {
                self.dirty = true;
                Ok(done)
            }
            Err(error) => Err(self.after_writes(classify(&error))),
        }
    }
}

#[async_trait]
impl Connection for DynamoConnection {
    async fn begin(&mut self) -> Result<(), DbError> {
        self.dirty = false;
        Ok(())
    }

    async fn read(&mut self, table: &Table, key: &str) -> Result<Option<Row>, DbError> {
        let get = self
            .client
            .get_item()
            .table_name(self.physical(table))
            .consistent_read(true);
        let got = get
            .key(table.key, AttributeValue::S(key.to_owned()))
            .send()
            .await;
        let got = got.map_err(|e| self.after_writes(classify(&e)))?;
        Ok(got.item.map(row))
    }

    /// Nothing holds an item between two requests: a consistent read, no more.
    async fn read_for_update(&mut self, table: &Table, key: &str) -> Result<Option<Row>, DbError> {
        self.read(table, key).await
    }

    async fn write(&mut self, table: &Table, row: &Row) -> Result<(), DbError> {
        let result = self.put(table, row).send().await;
        self.written(result).map(drop)
    }

    async fn write_if(
        &mut self,
        table: &Table,
        row: &Row,
        expected: Expectation<'_>,
    ) -> Result<bool, DbError> {
        let put = self
            .put(table, row)
            .condition_expression("#column = :value")
            .expression_attribute_names("#column", expected.column)
            .expression_attribute_values(":value", AttributeValue::S(expected.value.to_owned()));
        match put.send().await {
            Err(e) if e.code() == Some("ConditionalCheckFailedException") => Ok(false),
            result => self.written(result).map(|_| true),
        }
    }

    async fn append(&mut self, table: &Table, row: &Row) -> Result<(), DbError> {
        self.write(table, row).await
    }

    async fn commit(&mut self) -> Result<(), DbError> {
        self.dirty = false;
        Ok(())
    }

    async fn rollback(&mut self) {
        self.dirty = false;
    }

    async fn scan(&mut self, table: &Table, from: Option<&str>) -> Result<Page, DbError> {
        let mut scan = self
            .client
            .scan()
            .table_name(self.physical(table))
            .consistent_read(true);
        if let Some(from) = from {
            scan = scan.exclusive_start_key(table.key, AttributeValue::S(from.to_owned()));
        }
        let page = scan.send().await.map_err(|e| classify(&e))?;
        let next = page
            .last_evaluated_key
            .as_ref()
            .and_then(|key| key.get(table.key));
        Ok(Page {
            next: next.and_then(|key| key.as_s().ok()).cloned(),
            rows: page
                .items
                .unwrap_or_default()
                .into_iter()
                .map(row)
                .collect(),
        })
    }
}

/// Attributes that are not text are printed: a row that someone else wrote is still evidence.
fn row(item: HashMap<String, AttributeValue>) -> Row {
    let text = |value| match value {
        AttributeValue::S(text) | AttributeValue::N(text) => text,
        other => format!("{other:?}"),
    };
    item.into_iter()
        .map(|(name, value)| (name, text(value)))
        .collect()
}
