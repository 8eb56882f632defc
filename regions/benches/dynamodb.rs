//! How many requests a second one region of the embedded global tables answers to
//! the real SDK: client and server share the machine, so this is a lower bound.

use std::error::Error;
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Config, Credentials, Region};
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, CreateReplicationGroupMemberAction,
    KeySchemaElement, KeyType, ReplicationGroupUpdate, ScalarAttributeType,
};
use witness_regions::dynamodb::{GlobalTables, Options};

const REQUESTS: usize = 20_000;
const TASKS: usize = 64;

type Outcome = Result<(), Box<dyn Error + Send + Sync>>;

#[tokio::main]
async fn main() -> Outcome {
    let options = Options {
        inter_region_rtt: Duration::ZERO,
        ..Options::default()
    };
    let tables = GlobalTables::start(options).await?;
    let client = connect(&tables);
    create(&client).await?;
    measure("conditional put", &client, |client, id| async move {
        let put = client.put_item().table_name("seats").item("id", id);
        let put = put.item("buyer", AttributeValue::S("b1".to_owned()));
        put.condition_expression("attribute_not_exists(id)")
            .send()
            .await?;
        Ok(())
    })
    .await?;
    let start = Instant::now();
    tables.quiesced().await;
    println!(
        "replicated    {:>8.0?} after the last answer",
        start.elapsed()
    );
    measure("consistent get", &client, |client, id| async move {
        let get = client.get_item().table_name("seats").key("id", id);
        get.consistent_read(true).send().await?;
        Ok(())
    })
    .await?;
    Ok(())
}

async fn measure<F>(
    name: &str,
    client: &Client,
    request: impl Fn(Client, AttributeValue) -> F + Clone + Send + 'static,
) -> Outcome
where
    F: Future<Output = Outcome> + Send,
{
    let start = Instant::now();
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| {
            let (client, request) = (client.clone(), request.clone());
            tokio::spawn(async move {
                for at in (task..REQUESTS).step_by(TASKS) {
                    request(client.clone(), AttributeValue::S(format!("A{at}"))).await?;
                }
                Outcome::Ok(())
            })
        })
        .collect();
    for task in tasks {
        task.await??;
    }
    let rate = REQUESTS as f64 / start.elapsed().as_secs_f64();
    println!("{name} {rate:>8.0} a second");
    Ok(())
}

fn connect(tables: &GlobalTables) -> Client {
    let known = tables.credentials();
    let endpoint = &tables.endpoints()[0];
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(endpoint.region.clone()))
        .endpoint_url(&endpoint.url)
        .credentials_provider(Credentials::new(
            &known.access_key_id,
            &known.secret_access_key,
            None,
            None,
            "bench",
        ))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .retry_config(RetryConfig::disabled());
    Client::from_conf(config.build())
}

async fn create(client: &Client) -> Outcome {
    let id = "id";
    client
        .create_table()
        .table_name("seats")
        .billing_mode(BillingMode::PayPerRequest)
        .key_schema(
            KeySchemaElement::builder()
                .attribute_name(id)
                .key_type(KeyType::Hash)
                .build()?,
        )
        .attribute_definitions(
            AttributeDefinition::builder()
                .attribute_name(id)
                .attribute_type(ScalarAttributeType::S)
                .build()?,
        )
        .send()
        .await?;
    let replica = CreateReplicationGroupMemberAction::builder()
        .region_name("us-east-2")
        .build()?;
    client
        .update_table()
        .table_name("seats")
        .replica_updates(ReplicationGroupUpdate::builder().create(replica).build())
        .send()
        .await?;
    Ok(())
}
