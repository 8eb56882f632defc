//! Global tables: made, replicated to every region, and emptied again.

use std::time::{Duration, Instant};

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, CreateGlobalTableWitnessGroupMemberAction,
    CreateReplicationGroupMemberAction, GlobalTableWitnessGroupUpdate, KeySchemaElement, KeyType,
    MultiRegionConsistency, ReplicaDescription, ReplicaStatus, ReplicationGroupUpdate,
    ScalarAttributeType, TableDescription, TableStatus,
};
use witness_workloads::{Connection, Database, DbError, Table};

use super::super::DynamoOptions;
use super::Node;
use super::connection::DynamoConnection;
use super::error::{classify, construction};
use super::ping::ping;

/// How long a table may take to come up, or to be seen empty, in every region.
const TABLE_READY_MAX: Duration = Duration::from_secs(600);
/// Where a global table with strong consistency and two replicas keeps its witness.
pub(super) const WITNESS_REGION: &str = "us-west-2";

/// The global tables, through one endpoint a region.
pub(super) struct DynamoDatabase {
    pub regions: Vec<String>,
    pub nodes: Vec<Node>,
    pub prefix: String,
    pub strong: bool,
    pub options: DynamoOptions,
}

impl DynamoDatabase {
    async fn create_table(&self, client: &Client, table: &Table) -> Result<(), DbError> {
        let name = self.physical(table);
        let attribute = AttributeDefinition::builder()
            .attribute_name(table.key)
            .attribute_type(ScalarAttributeType::S)
            .build();
        let key = KeySchemaElement::builder()
            .attribute_name(table.key)
            .key_type(KeyType::Hash)
            .build();
        client
            .create_table()
            .table_name(&name)
            .attribute_definitions(attribute.map_err(construction)?)
            .key_schema(key.map_err(construction)?)
            .billing_mode(BillingMode::PayPerRequest)
            .send()
            .await
            .map_err(|e| classify(&e))?;
        self.active(client, &name, 0).await
    }

    /// Replicates a table that has no replicas yet, or not all. One that is
    /// replicated with the other consistency is not ours to change: what it does
    /// would be reported under the wrong name.
    async fn replicate(&self, client: &Client, name: &str) -> Result<(), DbError> {
        let described = client.describe_table().table_name(name).send().await;
        let described = described.map_err(|e| classify(&e))?;
        let there = described
            .table()
            .map(TableDescription::replicas)
            .unwrap_or_default();
        let strong = described.table().and_then(|t| t.multi_region_consistency())
            == Some(&MultiRegionConsistency::Strong);
        let elsewhere =
            |replica: &&ReplicaDescription| replica.region_name() != Some(self.regions[0].as_str());
        if strong != self.strong && there.iter().any(|replica| elsewhere(&replica)) {
            let (is, wanted) = if strong {
                ("strong", "eventual")
            } else {
                ("eventual", "strong")
            };
            let message = format!(
                "table {name} is there with multi-region {is} consistency, not {wanted}: delete it, or name another"
            );
            return Err(DbError::definite("consistency", message));
        }
        let has = |region: &String| there.iter().any(|r| r.region_name() == Some(region));
        let missing: Vec<_> = self.regions[1..]
            .iter()
            .filter(|region| !has(region))
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        let mut update = client.update_table().table_name(name);
        for region in missing {
            let create = CreateReplicationGroupMemberAction::builder()
                .region_name(region)
                .build()
                .map_err(construction)?;
            update =
                update.replica_updates(ReplicationGroupUpdate::builder().create(create).build());
        }
        if self.strong {
            update = update.multi_region_consistency(MultiRegionConsistency::Strong);
            if self.regions.len() == 2 {
                let create = CreateGlobalTableWitnessGroupMemberAction::builder()
                    .region_name(WITNESS_REGION)
                    .build()
                    .map_err(construction)?;
                update = update.global_table_witness_updates(
                    GlobalTableWitnessGroupUpdate::builder()
                        .create(create)
                        .build(),
                );
            }
        }
        update.send().await.map_err(|e| classify(&e))?;
        Ok(())
    }

    /// Waits until the table is there with so many other replicas, all of them active.
    async fn active(&self, client: &Client, name: &str, replicas: usize) -> Result<(), DbError> {
        let ready = |table: &TableDescription| is_ready(table, replicas);
        let mut wait = Wait::new();
        loop {
            match client.describe_table().table_name(name).send().await {
                Ok(described) if described.table().is_some_and(ready) => return Ok(()),
                Ok(_) => {}
                Err(e) if e.code() == Some("ResourceNotFoundException") => {}
                Err(e) => return Err(classify(&e)),
            }
            wait.again(|| format!("table {name} to be active")).await?;
        }
    }

    /// Deletes what an earlier run left, and waits until no region shows it any more.
    async fn empty(&self, table: &Table) -> Result<(), DbError> {
        let writer = self.nodes[0].client();
        let name = self.physical(table);
        for node in &self.nodes {
            let mut connection =
                DynamoConnection::new(node.client(), self.prefix.clone(), DynamoOptions::default());
            let mut wait = Wait::new();
            loop {
                let page = connection.scan(table, None).await?;
                if page.rows.is_empty() {
                    break;
                }
                for row in &page.rows {
                    let key = AttributeValue::S(row.get(table.key).cloned().unwrap_or_default());
                    let delete = writer.delete_item().table_name(&name).key(table.key, key);
                    delete.send().await.map_err(|e| classify(&e))?;
                }
                wait.again(|| format!("table {name} to be empty in {}", node.region))
                    .await?;
            }
        }
        Ok(())
    }

    pub(super) fn physical(&self, table: &Table) -> String {
        format!("{}{}", self.prefix, table.name)
    }
}

/// Whether the table is there with so many other replicas, all of them active.
fn is_ready(table: &TableDescription, replicas: usize) -> bool {
    let active = |r: &ReplicaDescription| r.replica_status() == Some(&ReplicaStatus::Active);
    table.table_status() == Some(&TableStatus::Active)
        && table.replicas().len() >= replicas
        && table.replicas().iter().all(active)
}

/// Asking again, with growing pauses, until the time is up.
struct Wait {
    began: Instant,
    pause: Duration,
}

impl Wait {
    fn new() -> Wait {
        Wait {
            began: Instant::now(),
            pause: Duration::from_millis(10),
        }
    }

    async fn again(&mut self, what: impl FnOnce() -> String) -> Result<(), DbError> {
        if self.began.elapsed() > TABLE_READY_MAX {
            let message = format!("waited {} s for {}", TABLE_READY_MAX.as_secs(), what());
            return Err(DbError::definite("timeout", message));
        }
        tokio::time::sleep(self.pause).await;
        self.pause = (self.pause * 2).min(Duration::from_secs(2));
        Ok(())
    }
}

#[async_trait]
impl Database for DynamoDatabase {
    fn regions(&self) -> &[String] {
        &self.regions
    }

    /// What an earlier run left, whole or half made, is completed and emptied.
    async fn create(&self, tables: &[Table]) -> Result<(), DbError> {
        let client = self.nodes[0].client();
        for table in tables {
            let name = self.physical(table);
            match client.describe_table().table_name(&name).send().await {
                Ok(_) => {}
                Err(e) if e.code() == Some("ResourceNotFoundException") => {
                    self.create_table(&client, table).await?;
                }
                Err(e) => return Err(classify(&e)),
            }
            self.replicate(&client, &name).await?;
            for node in &self.nodes {
                self.active(&node.client(), &name, self.regions.len() - 1)
                    .await?;
            }
            self.empty(table).await?;
        }
        Ok(())
    }

    async fn connect(&self, region: &str) -> Result<Box<dyn Connection>, DbError> {
        let node = self
            .nodes
            .iter()
            .find(|n| n.region == region)
            .ok_or_else(|| DbError::definite("region", format!("no endpoint in {region}")))?;
        let client = node.client();
        // The first request would otherwise pay for the connection.
        ping(&client).await.map_err(|e| {
            let error = classify(&e);
            let message = format!("{region} ({}): {}", node.printed(), error.message);
            DbError::definite("connect", message)
        })?;
        Ok(Box::new(DynamoConnection::new(
            client,
            self.prefix.clone(),
            self.options,
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_ready_when_it_and_every_replica_is() {
        use ReplicaStatus::{Active, Creating};
        for (status, replicas, ready) in [
            (TableStatus::Active, &[Active][..], true),
            (TableStatus::Active, &[Active, Active], true),
            (TableStatus::Active, &[Active, Creating], false),
            (TableStatus::Active, &[Creating], false),
            (TableStatus::Active, &[], false),
            (TableStatus::Updating, &[Active], false),
        ] {
            let mut table = TableDescription::builder().table_status(status.clone());
            for replica in replicas {
                let replica = ReplicaDescription::builder().replica_status(replica.clone());
                table = table.replicas(replica.build());
            }
            let is = is_ready(&table.build(), 1);
            assert_eq!(is, ready, "{status:?} {replicas:?}");
        }
    }
}
