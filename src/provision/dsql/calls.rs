//! Single calls of the control plane. None decides what is to be done.

use aws_sdk_dsql::Client;
use aws_sdk_dsql::error::ProvideErrorMetadata;
use aws_sdk_dsql::operation::get_cluster::GetClusterOutput;
use aws_sdk_dsql::types::MultiRegionProperties;

use super::{Cluster, Plan};
use crate::provision::{ProvisionError, TAG};

/// The cluster of this region that carries the tag. One that is being deleted is taken
/// only where there is no other.
pub(super) async fn find(
    client: &Client,
    region: &str,
    name: &str,
) -> Result<Option<Cluster>, ProvisionError> {
    let tagged = all(client, region).await?;
    let mine = tagged
        .into_iter()
        .filter(|c| c.name.as_deref() == Some(name));
    let (mut going, mut staying): (Vec<_>, Vec<_>) = mine.partition(Cluster::going);
    if staying.len() > 1 {
        let arns: Vec<_> = staying.iter().map(|c| c.arn.as_str()).collect();
        return Err(ProvisionError::InTheWay(format!(
            "{region} has more than one cluster with the tag {TAG}={name}: {}",
            arns.join(", ")
        )));
    }
    Ok(staying.pop().or_else(|| going.pop()))
}

/// Every cluster of this region.
pub(super) async fn all(client: &Client, region: &str) -> Result<Vec<Cluster>, ProvisionError> {
    let mut pages = client.list_clusters().into_paginator().items().send();
    let mut clusters = Vec::new();
    while let Some(summary) = pages.next().await {
        let summary = summary.map_err(|e| {
            ProvisionError::of(&e, "ListClusters", region, ("dsql:ListClusters", "*"))
        })?;
        clusters.extend(look(client, region, &summary.identifier).await?);
    }
    Ok(clusters)
}

/// A cluster; none: it is not there.
///
/// # Errors
/// See [`ProvisionError`], here and below.
pub async fn look(
    client: &Client,
    region: &str,
    id: &str,
) -> Result<Option<Cluster>, ProvisionError> {
    match client.get_cluster().identifier(id).send().await {
        Ok(found) => Ok(Some(cluster(region, found))),
        Err(e) if e.code() == Some("ResourceNotFoundException") => Ok(None),
        Err(e) => {
            let resource = format!("cluster {id}");
            let needs = ("dsql:GetCluster", resource.as_str());
            Err(ProvisionError::of(&e, "GetCluster", region, needs))
        }
    }
}

fn cluster(region: &str, found: GetClusterOutput) -> Cluster {
    let properties = found.multi_region_properties;
    let (witness_region, peers) = match properties {
        Some(p) => (p.witness_region, p.clusters.unwrap_or_default()),
        None => (None, Vec::new()),
    };
    Cluster {
        region: region.to_owned(),
        id: found.identifier,
        arn: found.arn,
        status: found.status,
        endpoint: found.endpoint,
        peers,
        witness_region,
        protected: found.deletion_protection_enabled,
        name: found.tags.and_then(|mut tags| tags.remove(TAG)),
    }
}

/// Makes the cluster of this number. The SDK sends a client token of its own and repeats
/// it, so that a lost answer makes no second cluster.
///
/// # Errors
/// See [`ProvisionError`].
pub async fn create(
    client: &Client,
    plan: &Plan,
    at: usize,
    peer: Option<&str>,
) -> Result<Cluster, ProvisionError> {
    let region = &plan.regions[at];
    let properties = MultiRegionProperties::builder()
        .witness_region(&plan.witness_region)
        .set_clusters(peer.map(|arn| vec![arn.to_owned()]))
        .build();
    let created = client
        .create_cluster()
        .deletion_protection_enabled(plan.deletion_protection)
        .multi_region_properties(properties)
        .tags(TAG, &plan.name)
        .tags("Name", format!("witness {}", plan.name))
        .send()
        .await;
    let created = created.map_err(|e| {
        let anywhere = format!("arn:aws:dsql:{region}:*:cluster/*");
        let needs = match peer {
            Some(peer) => ("dsql:AddPeerCluster", peer),
            None => ("dsql:CreateCluster", anywhere.as_str()),
        };
        ProvisionError::of(&e, "CreateCluster", region, needs)
    })?;
    Ok(Cluster {
        region: region.clone(),
        id: created.identifier,
        arn: created.arn,
        status: created.status,
        endpoint: created.endpoint,
        peers: peer.into_iter().map(str::to_owned).collect(),
        witness_region: Some(plan.witness_region.clone()),
        protected: created.deletion_protection_enabled,
        name: Some(plan.name.clone()),
    })
}

/// Tells a cluster of the other one. A conflict means that it is busy: whoever looks again
/// sees what came of it.
pub(super) async fn introduce(
    client: &Client,
    cluster: &Cluster,
    other: &Cluster,
    witness_region: &str,
) -> Result<(), ProvisionError> {
    let properties = MultiRegionProperties::builder()
        .witness_region(witness_region)
        .clusters(&other.arn)
        .build();
    let update = client
        .update_cluster()
        .identifier(&cluster.id)
        .multi_region_properties(properties);
    match update.send().await {
        Ok(_) => Ok(()),
        Err(e) if e.code() == Some("ConflictException") => Ok(()),
        Err(e) => {
            let needs = ("dsql:AddPeerCluster", other.arn.as_str());
            let region = &cluster.region;
            Err(ProvisionError::of(&e, "UpdateCluster", region, needs))
        }
    }
}

/// Lets a cluster be deleted.
pub(super) async fn unprotect(client: &Client, cluster: &Cluster) -> Result<(), ProvisionError> {
    let update = client
        .update_cluster()
        .identifier(&cluster.id)
        .deletion_protection_enabled(false);
    update.send().await.map(drop).map_err(|e| {
        let needs = ("dsql:UpdateCluster", cluster.arn.as_str());
        ProvisionError::of(&e, "UpdateCluster", &cluster.region, needs)
    })
}

/// Deletes a cluster; one that is gone is no error.
///
/// # Errors
/// See [`ProvisionError`].
pub async fn delete(client: &Client, cluster: &Cluster) -> Result<(), ProvisionError> {
    match client.delete_cluster().identifier(&cluster.id).send().await {
        Ok(_) => Ok(()),
        Err(e) if e.code() == Some("ResourceNotFoundException") => Ok(()),
        Err(e) => {
            let needs = ("dsql:DeleteCluster", cluster.arn.as_str());
            let region = &cluster.region;
            Err(ProvisionError::of(&e, "DeleteCluster", region, needs))
        }
    }
}
