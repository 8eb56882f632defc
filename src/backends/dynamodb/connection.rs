//! The port in DynamoDB's operations. Every write is visible at once, unless writes go in
//! transactions: then they wait for the commit (see [`super::pending`]).

use std::collections::{BTreeMap, HashMap};

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::AttributeValue;
use witness_workloads::{Connection, DbError, Expectation, Fault, Page, Row, ServerTime, Table};

use super::super::{DynamoOptions, Reads, Writes};
use super::condition::Condition;
use super::error::classify;
use super::pending::{Pending, commit};
use super::ping::ping;

/// One client in one region.
pub(super) struct DynamoConnection {
    client: Client,
    prefix: String,
    options: DynamoOptions,
    /// Something of the request under way has been written already.
    dirty: bool,
    /// What the request under way has read, as it was at first.
    read: BTreeMap<Item, Condition>,
    /// What it will write at its end.
    pending: BTreeMap<Item, Pending>,
}

/// An item: its table, the name of the table's key, and the key.
pub(super) type Item = (&'static str, &'static str, String);

fn item(table: &Table, key: &str) -> Item {
    (table.name, table.key, key.to_owned())
}

impl DynamoConnection {
    pub(super) fn new(client: Client, prefix: String, options: DynamoOptions) -> DynamoConnection {
        DynamoConnection {
            client,
            prefix,
            options,
            dirty: false,
            read: BTreeMap::new(),
            pending: BTreeMap::new(),
        }
    }

    fn forget(&mut self) {
        self.dirty = false;
        self.read.clear();
        self.pending.clear();
    }

    fn conditional(&self) -> bool {
        self.options.writes == Writes::Conditional
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

    /// Puts a row under a condition; false: it was not met.
    async fn put(
        &mut self,
        table: &Table,
        row: &Row,
        condition: &Condition,
    ) -> Result<bool, DbError> {
        let put = self
            .client
            .put_item()
            .table_name(format!("{}{}", self.prefix, table.name))
            .set_item(Some(attributes(row)))
            .set_condition_expression(condition.expression.clone())
            .set_expression_attribute_names(condition.names())
            .set_expression_attribute_values(condition.values());
        match put.send().await {
            Ok(_) => {
                self.dirty = true;
                Ok(true)
            }
            Err(SdkError::ServiceError(refused))
                if matches!(
                    refused.err(),
                    PutItemError::ConditionalCheckFailedException(_)
                ) =>
            {
                Ok(false)
            }
            Err(error) => Err(self.after_writes(classify(&error))),
        }
    }

    /// Writes a row now or at the end of the request.
    async fn store(
        &mut self,
        table: &Table,
        row: &Row,
        condition: Condition,
        unmet: Fault,
    ) -> Result<(), DbError> {
        let key = row.get(table.key).map_or("", String::as_str);
        if self.options.transactions {
            // Of several writes of an item the first knows what was there before.
            let row = row.clone();
            self.pending
                .entry(item(table, key))
                .and_modify(|pending| pending.row = row.clone())
                .or_insert(Pending {
                    row,
                    condition,
                    unmet,
                });
            return Ok(());
        }
        if !self.put(table, row, &condition).await? {
            let message = format!("{} {key:?} is not as the request expects it", table.name);
            let error = DbError::new(unmet, "ConditionalCheckFailedException", message);
            return Err(self.after_writes(error));
        }
        self.know(table, key, row);
        Ok(())
    }

    /// Remembers what the request itself has written.
    fn know(&mut self, table: &Table, key: &str, row: &Row) {
        if self.conditional() {
            let still = Condition::still(table, Some(row));
            self.read.insert(item(table, key), still);
        }
    }

    async fn get(&mut self, table: &Table, key: &str) -> Result<Option<Row>, DbError> {
        let item = item(table, key);
        if let Some(pending) = self.pending.get(&item) {
            return Ok(Some(pending.row.clone()));
        }
        let get = self
            .client
            .get_item()
            .table_name(format!("{}{}", self.prefix, table.name))
            .consistent_read(self.options.reads == Reads::Consistent);
        let got = get
            .key(table.key, AttributeValue::S(key.to_owned()))
            .send()
            .await;
        let got = got.map_err(|e| self.after_writes(classify(&e)))?;
        let found = got.item.map(row);
        if self.conditional() {
            let still = || Condition::still(table, found.as_ref());
            self.read.entry(item).or_insert_with(still);
        }
        Ok(found)
    }
}

#[async_trait]
impl Connection for DynamoConnection {
    async fn ping(&mut self) -> Result<Option<ServerTime>, DbError> {
        ping(&self.client).await.map_err(|e| classify(&e))
    }

    async fn begin(&mut self) -> Result<(), DbError> {
        self.forget();
        Ok(())
    }

    async fn read(&mut self, table: &Table, key: &str) -> Result<Option<Row>, DbError> {
        self.get(table, key).await
    }

    /// Nothing holds an item between two requests: a read, no more. With conditional
    /// writes in transactions every read is checked in the end.
    async fn read_for_update(&mut self, table: &Table, key: &str) -> Result<Option<Row>, DbError> {
        self.get(table, key).await
    }

    async fn write(&mut self, table: &Table, row: &Row) -> Result<(), DbError> {
        let key = row.get(table.key).map_or("", String::as_str);
        let still = self.read.get(&item(table, key));
        let condition = still.cloned().unwrap_or_default();
        self.store(table, row, condition, Fault::Conflict).await
    }

    async fn write_if(
        &mut self,
        table: &Table,
        row: &Row,
        expected: Expectation<'_>,
    ) -> Result<bool, DbError> {
        if !self.options.transactions {
            let condition = Condition::equals(expected.column, expected.value);
            let done = self.put(table, row, &condition).await?;
            if done {
                let key = row.get(table.key).map_or("", String::as_str);
                self.know(table, key, row);
            }
            return Ok(done);
        }
        // Whether it will be met at the end is not known now: whether it is met now is.
        let key = row.get(table.key).map_or("", String::as_str);
        let there = self.get(table, key).await?;
        let is = there.as_ref().and_then(|row| row.get(expected.column));
        if is.map(String::as_str) != Some(expected.value) {
            return Ok(false);
        }
        let still = self.read.get(&item(table, key)).cloned();
        let equals = || Condition::equals(expected.column, expected.value);
        let condition = still.unwrap_or_else(equals);
        self.store(table, row, condition, Fault::Conflict).await?;
        Ok(true)
    }

    async fn append(&mut self, table: &Table, row: &Row) -> Result<(), DbError> {
        let condition = match self.conditional() {
            true => Condition::still(table, None),
            false => Condition::default(),
        };
        self.store(table, row, condition, Fault::Definite).await
    }

    async fn commit(&mut self) -> Result<(), DbError> {
        let pending = std::mem::take(&mut self.pending);
        let mut read = std::mem::take(&mut self.read);
        read.retain(|item, _| !pending.contains_key(item));
        self.dirty = false;
        if !self.options.transactions {
            return Ok(());
        }
        // A single item that was read is of one moment anyway.
        if pending.is_empty() && read.len() < 2 {
            return Ok(());
        }
        let tokens = self.options.client_tokens;
        commit(&self.client, &self.prefix, &pending, &read, tokens).await
    }

    async fn rollback(&mut self) {
        self.forget();
    }

    /// Evidence: read as strongly as the region offers.
    async fn scan(&mut self, table: &Table, from: Option<&str>) -> Result<Page, DbError> {
        let mut scan = self
            .client
            .scan()
            .table_name(format!("{}{}", self.prefix, table.name))
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

/// A row as an item.
pub(super) fn attributes(row: &Row) -> HashMap<String, AttributeValue> {
    row.iter()
        .map(|(k, v)| (k.clone(), AttributeValue::S(v.clone())))
        .collect()
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
