//! Deleting clusters: a peered one waits in PENDING_DELETE until its peer goes too.

use std::ops::ControlFlow;

use aws_sdk_dsql::Client;
use aws_sdk_dsql::types::ClusterStatus;

use super::{Cluster, calls};
use crate::provision::{Patience, ProvisionError, TAG, Tell, until};

/// The clusters that carry the tag, by region. `regions` are with their clients.
///
/// # Errors
/// [`ProvisionError::InTheWay`]: one of them is peered with a cluster that does not carry
/// the tag, or that is in none of these regions: neither would go without the other.
pub async fn mine(
    regions: &[(String, Client)],
    name: &str,
) -> Result<Vec<Cluster>, ProvisionError> {
    let mut found = Vec::new();
    for (region, client) in regions {
        let all = calls::all(client, region).await?;
        let mine = all.into_iter().filter(|c| c.name.as_deref() == Some(name));
        found.extend(mine.filter(|c| c.status != ClusterStatus::Deleted));
    }
    for cluster in &found {
        let stranger = |peer: &&String| !found.iter().any(|other| other.arn == **peer);
        // Of one that waits for its peer the peer may be gone already.
        if let Some(peer) = cluster
            .peers
            .iter()
            .find(stranger)
            .filter(|_| !cluster.going())
        {
            return Err(ProvisionError::InTheWay(format!(
                "{} is peered with {peer}, which does not carry the tag {TAG}={name} in any of \
                 these regions: neither is deleted",
                cluster.arn
            )));
        }
    }
    Ok(found)
}

/// What is to be done about a cluster that is to go.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    Unprotect,
    Delete,
    Wait,
}

fn next(cluster: &Cluster, name: &str, unprotect: bool) -> Result<Step, ProvisionError> {
    use ClusterStatus::{Creating, Updating};
    if cluster.name.as_deref() != Some(name) {
        let message = format!(
            "{} does not carry the tag {TAG}={name} any more: it stays",
            cluster.arn
        );
        return Err(ProvisionError::InTheWay(message));
    }
    Ok(match &cluster.status {
        // It takes no other request before it is done.
        Creating | Updating => Step::Wait,
        _ if cluster.going() => Step::Wait,
        _ if cluster.protected && unprotect => Step::Unprotect,
        _ if cluster.protected => return Err(ProvisionError::Protected(cluster.arn.clone())),
        _ => Step::Delete,
    })
}

/// Deletes these clusters and waits until none is there any more. Each is looked at
/// again before it is touched: it must carry the tag then, too.
///
/// # Errors
/// See [`ProvisionError`]; another try goes on.
pub async fn destroy(
    regions: &[(String, Client)],
    clusters: Vec<Cluster>,
    name: &str,
    unprotect: bool,
    patience: Patience,
    tell: &mut Tell<'_>,
) -> Result<(), ProvisionError> {
    let mut left = clusters;
    until(patience, tell, async || {
        // All are looked at before one is touched: half of a pair is worse than both.
        let mut steps = Vec::new();
        for cluster in &left {
            let Some((_, client)) = regions.iter().find(|(r, _)| *r == cluster.region) else {
                continue;
            };
            match calls::look(client, &cluster.region, &cluster.id).await? {
                None => {}
                Some(now) if now.status == ClusterStatus::Deleted => {}
                Some(now) => steps.push((client, next(&now, name, unprotect)?, now)),
            }
        }
        let mut still = Vec::new();
        for (client, step, cluster) in steps {
            match step {
                Step::Unprotect => calls::unprotect(client, &cluster).await?,
                Step::Delete => calls::delete(client, &cluster).await?,
                Step::Wait => {}
            }
            still.push(cluster);
        }
        left = still;
        if left.is_empty() {
            return Ok(ControlFlow::Break(()));
        }
        let state = left
            .iter()
            .map(|c| format!("{} {}", c.region, c.status.as_str()));
        Ok(ControlFlow::Continue(state.collect::<Vec<_>>().join(" · ")))
    })
    .await
}
