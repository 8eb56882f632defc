//! A running cluster with one SDK client a region.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Config, Credentials, Region};
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, CreateReplicationGroupMemberAction,
    KeySchemaElement, KeyType, ReplicationGroupUpdate, ScalarAttributeType,
};
use witness_regions::dynamodb::{Consistency, Endpoint, GlobalTables, Lag, Options};

pub type Item = HashMap<String, AttributeValue>;

pub struct Fixture {
    pub tables: GlobalTables,
    pub east: Client,
    pub west: Client,
}

/// Options with a lag that tests need not wait for.
pub fn quick() -> Options {
    Options {
        lag: Lag::fixed(Duration::from_millis(5)),
        inter_region_rtt: Duration::from_millis(4),
        ..Options::default()
    }
}

pub fn strong() -> Options {
    Options {
        consistency: Consistency::Mrsc,
        ..quick()
    }
}

pub async fn start(options: Options) -> Fixture {
    let tables = GlobalTables::start(options).await.unwrap();
    let clients = |at: usize| client(&tables.endpoints()[at], &tables.credentials().clone());
    let (east, west) = (clients(0), clients(1));
    Fixture { tables, east, west }
}

pub fn client(
    endpoint: &Endpoint,
    credentials: &witness_regions::credentials::Credentials,
) -> Client {
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(endpoint.region.clone()))
        .endpoint_url(&endpoint.url)
        .credentials_provider(Credentials::new(
            &credentials.access_key_id,
            &credentials.secret_access_key,
            None,
            None,
            "test",
        ))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .retry_config(RetryConfig::disabled());
    Client::from_conf(config.build())
}

pub fn s(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

pub fn n(number: impl ToString) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

pub fn item(members: impl IntoIterator<Item = (&'static str, AttributeValue)>) -> Item {
    let members = members.into_iter();
    members
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

/// A table with the text keys named, in the client's region only.
pub async fn create(client: &Client, table: &str, keys: &[&str]) {
    let mut create = client
        .create_table()
        .table_name(table)
        .billing_mode(BillingMode::PayPerRequest);
    for (key, kind) in keys.iter().zip([KeyType::Hash, KeyType::Range]) {
        create = create
            .key_schema(
                KeySchemaElement::builder()
                    .attribute_name(*key)
                    .key_type(kind)
                    .build()
                    .unwrap(),
            )
            .attribute_definitions(
                AttributeDefinition::builder()
                    .attribute_name(*key)
                    .attribute_type(ScalarAttributeType::S)
                    .build()
                    .unwrap(),
            );
    }
    create.send().await.unwrap();
}

/// Asks for a replica in a region.
pub fn replica(region: &str) -> ReplicationGroupUpdate {
    let create = CreateReplicationGroupMemberAction::builder()
        .region_name(region)
        .build()
        .unwrap();
    ReplicationGroupUpdate::builder().create(create).build()
}

impl Fixture {
    /// A table with a replica in both regions.
    pub async fn global(&self, table: &str, keys: &[&str]) {
        create(&self.east, table, keys).await;
        let update = self.east.update_table().table_name(table);
        let update = update.replica_updates(replica("us-east-2"));
        update.send().await.unwrap();
    }

    pub async fn put(&self, client: &Client, table: &str, item: Item) {
        let put = client.put_item().table_name(table).set_item(Some(item));
        put.send().await.unwrap();
    }
}

/// Every item of a table by consistent, paged scan.
pub async fn scan(client: &Client, table: &str) -> Vec<Item> {
    client
        .scan()
        .table_name(table)
        .consistent_read(true)
        .into_paginator()
        .items()
        .send()
        .collect::<Result<_, _>>()
        .await
        .unwrap()
}

/// The item with this `id`, by consistent read.
pub async fn get(client: &Client, table: &str, id: &str) -> Option<Item> {
    client
        .get_item()
        .table_name(table)
        .key("id", s(id))
        .consistent_read(true)
        .send()
        .await
        .unwrap()
        .item
}

/// The error's name and message, and the HTTP status.
pub fn refusal<E: ProvideErrorMetadata>(
    error: SdkError<E, aws_sdk_dynamodb::config::http::HttpResponse>,
) -> (u16, String, String) {
    let status = error.raw_response().unwrap().status().as_u16();
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    (status, text(error.code()), text(error.message()))
}

/// The name of the error only.
pub fn code<E: ProvideErrorMetadata>(
    error: SdkError<E, aws_sdk_dynamodb::config::http::HttpResponse>,
) -> String {
    refusal(error).1
}
