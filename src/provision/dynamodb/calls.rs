//! Single calls about tables. None decides what is to be done.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{BuildError, ProvideErrorMetadata};
use aws_sdk_dynamodb::operation::update_table::builders::UpdateTableFluentBuilder;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, CreateGlobalTableWitnessGroupMemberAction,
    CreateReplicationGroupMemberAction, DeleteGlobalTableWitnessGroupMemberAction,
    DeleteReplicationGroupMemberAction, GlobalTableWitnessGroupUpdate, KeySchemaElement, KeyType,
    MultiRegionConsistency, ReplicationGroupUpdate, ScalarAttributeType, TableDescription, Tag,
};

use super::{Consistency, Seen};
use crate::provision::{ProvisionError, TAG};

/// What a table needs that could not be put into a request.
fn unbuilt(error: BuildError) -> ProvisionError {
    ProvisionError::Plan(error.to_string())
}

fn anywhere(region: &str, table: &str) -> String {
    format!("arn:aws:dynamodb:{region}:*:table/{table}")
}

/// A table as this region has it; none: it is not there.
pub(super) async fn look(
    client: &Client,
    region: &str,
    table: &str,
) -> Result<Option<Seen>, ProvisionError> {
    let described = match client.describe_table().table_name(table).send().await {
        Ok(described) => described.table,
        Err(e) if e.code() == Some("ResourceNotFoundException") => return Ok(None),
        Err(e) => {
            let resource = anywhere(region, table);
            let needs = ("dynamodb:DescribeTable", resource.as_str());
            return Err(ProvisionError::of(&e, "DescribeTable", region, needs));
        }
    };
    match described {
        Some(described) => seen(client, region, table, described).await.map(Some),
        None => Ok(None),
    }
}

async fn seen(
    client: &Client,
    region: &str,
    table: &str,
    described: TableDescription,
) -> Result<Seen, ProvisionError> {
    let arn = described.table_arn().unwrap_or_default().to_owned();
    let tags = client.list_tags_of_resource().resource_arn(&arn);
    let name = match tags.send().await {
        Ok(tags) => {
            let mine = tags.tags().iter().find(|tag| tag.key == TAG);
            mine.map(|tag| tag.value.clone())
        }
        // Gone in between, or not there yet: then it carries no tag either.
        Err(e) if e.code() == Some("ResourceNotFoundException") => None,
        Err(e) => {
            let needs = ("dynamodb:ListTagsOfResource", arn.as_str());
            return Err(ProvisionError::of(&e, "ListTagsOfResource", region, needs));
        }
    };
    let replicas = described.replicas().iter();
    let replicas = replicas.filter_map(|r| {
        let there = r.region_name().filter(|there| *there != region)?;
        Some((there.to_owned(), r.replica_status()?.clone()))
    });
    let witness = described.global_table_witnesses().first();
    let witness =
        witness.and_then(|w| Some((w.region_name()?.to_owned(), w.witness_status()?.clone())));
    Ok(Seen {
        region: region.to_owned(),
        table: table.to_owned(),
        status: described
            .table_status()
            .cloned()
            .unwrap_or_else(|| "UNKNOWN".into()),
        replicas: replicas.collect(),
        witness,
        strong: described.multi_region_consistency() == Some(&MultiRegionConsistency::Strong),
        protected: described.deletion_protection_enabled() == Some(true),
        arn,
        name,
    })
}

/// The names of the region's tables that begin like this.
pub(super) async fn names(
    client: &Client,
    region: &str,
    prefix: &str,
) -> Result<Vec<String>, ProvisionError> {
    let mut pages = client.list_tables().into_paginator().items().send();
    let mut names = Vec::new();
    while let Some(name) = pages.next().await {
        let name = name.map_err(|e| {
            ProvisionError::of(&e, "ListTables", region, ("dynamodb:ListTables", "*"))
        })?;
        names.extend(name.starts_with(prefix).then_some(name));
    }
    Ok(names)
}

fn tag_of(name: &str) -> Result<Tag, ProvisionError> {
    Tag::builder().key(TAG).value(name).build().map_err(unbuilt)
}

/// Makes a table in one region, billed by request.
pub(super) async fn create(
    client: &Client,
    region: &str,
    table: &str,
    key: &str,
    name: &str,
) -> Result<(), ProvisionError> {
    let attribute = AttributeDefinition::builder()
        .attribute_name(key)
        .attribute_type(ScalarAttributeType::S)
        .build();
    let element = KeySchemaElement::builder()
        .attribute_name(key)
        .key_type(KeyType::Hash)
        .build();
    let created = client
        .create_table()
        .table_name(table)
        .attribute_definitions(attribute.map_err(unbuilt)?)
        .key_schema(element.map_err(unbuilt)?)
        .billing_mode(BillingMode::PayPerRequest)
        .tags(tag_of(name)?)
        .send()
        .await;
    match created {
        Ok(_) => Ok(()),
        // Made a moment ago, and not described yet.
        Err(e) if e.code() == Some("ResourceInUseException") => Ok(()),
        Err(e) => {
            let resource = anywhere(region, table);
            let needs = ("dynamodb:CreateTable", resource.as_str());
            Err(ProvisionError::of(&e, "CreateTable", region, needs))
        }
    }
}

/// Puts the tag on a replica.
pub(super) async fn tag(
    client: &Client,
    region: &str,
    arn: &str,
    name: &str,
) -> Result<(), ProvisionError> {
    let tag = client.tag_resource().resource_arn(arn).tags(tag_of(name)?);
    tag.send().await.map(drop).map_err(|e| {
        let needs = ("dynamodb:TagResource", arn);
        ProvisionError::of(&e, "TagResource", region, needs)
    })
}

/// Adds replicas in these regions and, with strong consistency, the witness: all members
/// of such a table come in one request.
pub(super) async fn replicate(
    client: &Client,
    region: &str,
    table: &str,
    regions: &[String],
    consistency: &Consistency,
) -> Result<(), ProvisionError> {
    let mut update = client.update_table().table_name(table);
    for region in regions {
        let create = CreateReplicationGroupMemberAction::builder().region_name(region);
        let create = create.build().map_err(unbuilt)?;
        update = update.replica_updates(ReplicationGroupUpdate::builder().create(create).build());
    }
    if let Consistency::Strong { witness_region } = consistency {
        update = update.multi_region_consistency(MultiRegionConsistency::Strong);
        if let Some(witness) = witness_region {
            let create = CreateGlobalTableWitnessGroupMemberAction::builder().region_name(witness);
            let create = create.build().map_err(unbuilt)?;
            let witness = GlobalTableWitnessGroupUpdate::builder()
                .create(create)
                .build();
            update = update.global_table_witness_updates(witness);
        }
    }
    let there = regions.first().map_or(region, String::as_str);
    let resource = anywhere(there, table);
    let needs = ("dynamodb:CreateTableReplica", resource.as_str());
    send(update, region, needs).await
}

/// Asks for a change of replicas. Busy: whoever looks again sees what came of it.
async fn send(
    update: UpdateTableFluentBuilder,
    region: &str,
    needs: (&str, &str),
) -> Result<(), ProvisionError> {
    match update.send().await {
        Ok(_) => Ok(()),
        Err(e) if busy(e.code()) => Ok(()),
        Err(e) => Err(ProvisionError::of(&e, "UpdateTable", region, needs)),
    }
}

fn busy(code: Option<&str>) -> bool {
    matches!(
        code,
        Some("ResourceInUseException" | "LimitExceededException")
    )
}

/// Takes replicas away and, with strong consistency, the witness along with them.
pub(super) async fn unreplicate(
    client: &Client,
    seen: &Seen,
    regions: &[String],
) -> Result<(), ProvisionError> {
    let mut update = client.update_table().table_name(&seen.table);
    for region in regions {
        let delete = DeleteReplicationGroupMemberAction::builder().region_name(region);
        let delete = delete.build().map_err(unbuilt)?;
        update = update.replica_updates(ReplicationGroupUpdate::builder().delete(delete).build());
    }
    if let Some((region, _)) = &seen.witness {
        let delete = DeleteGlobalTableWitnessGroupMemberAction::builder().region_name(region);
        let delete = delete.build().map_err(unbuilt)?;
        let witness = GlobalTableWitnessGroupUpdate::builder()
            .delete(delete)
            .build();
        update = update.global_table_witness_updates(witness);
    }
    let needs = ("dynamodb:DeleteTableReplica", seen.arn.as_str());
    send(update, &seen.region, needs).await
}

/// Lets a table be deleted.
pub(super) async fn unprotect(client: &Client, seen: &Seen) -> Result<(), ProvisionError> {
    let update = client
        .update_table()
        .table_name(&seen.table)
        .deletion_protection_enabled(false);
    update.send().await.map(drop).map_err(|e| {
        let needs = ("dynamodb:UpdateTable", seen.arn.as_str());
        ProvisionError::of(&e, "UpdateTable", &seen.region, needs)
    })
}

/// Deletes a table that has no replicas; one that is gone is no error.
pub(super) async fn delete(client: &Client, seen: &Seen) -> Result<(), ProvisionError> {
    match client.delete_table().table_name(&seen.table).send().await {
        Ok(_) => Ok(()),
        Err(e) if e.code() == Some("ResourceNotFoundException") || busy(e.code()) => Ok(()),
        Err(e) => {
            let needs = ("dynamodb:DeleteTable", seen.arn.as_str());
            Err(ProvisionError::of(&e, "DeleteTable", &seen.region, needs))
        }
    }
}
