//! A multi-region Aurora DSQL cluster: two clusters and a witness region, introduced to
//! each other.
//!
//! The first is made with the witness region and waits in PENDING_SETUP; the second is
//! made with the same witness and the first one's ARN; then the first is told the second
//! one's ARN, and both come up.

pub mod calls;
mod destroy;

use std::ops::ControlFlow;

use aws_sdk_dsql::Client;
use aws_sdk_dsql::types::ClusterStatus;

use super::{Patience, ProvisionError, Tell, until};

pub use destroy::{destroy, mine};

/// What is to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The value of the tag.
    pub name: String,
    /// Where the two clusters are to be.
    pub regions: [String; 2],
    /// Where the witness is to be.
    pub witness_region: String,
    /// Whether the clusters may be deleted only after that was switched off.
    pub deletion_protection: bool,
}

impl Plan {
    /// Whether this can be made at all.
    ///
    /// # Errors
    /// [`ProvisionError::Plan`]
    pub fn check(&self) -> Result<(), ProvisionError> {
        let [first, second] = &self.regions;
        let witness = &self.witness_region;
        if first == second || first == witness || second == witness {
            return Err(ProvisionError::Plan(format!(
                "two clusters and their witness are in three regions, not in {first}, {second} and {witness}"
            )));
        }
        Ok(())
    }
}

/// A cluster as the service describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cluster {
    /// Where it is.
    pub region: String,
    /// Its identifier.
    pub id: String,
    /// Its ARN.
    pub arn: String,
    /// What it is doing.
    pub status: ClusterStatus,
    /// Where clients connect to, once it is known.
    pub endpoint: Option<String>,
    /// The ARNs that it has been told of; its own may be among them.
    pub peers: Vec<String>,
    /// Where its witness is.
    pub witness_region: Option<String>,
    /// Whether it can be deleted only after that was switched off.
    pub protected: bool,
    /// The value of the tag, if it carries it.
    pub name: Option<String>,
}

impl Cluster {
    fn knows(&self, other: &Cluster) -> bool {
        self.peers.contains(&other.arn)
    }

    /// Idle clusters wake up when somebody connects.
    fn ready(&self) -> bool {
        use ClusterStatus::{Active, Idle, Inactive};
        matches!(self.status, Active | Idle | Inactive)
    }

    fn going(&self) -> bool {
        use ClusterStatus::{Deleted, Deleting, PendingDelete};
        matches!(self.status, Deleted | Deleting | PendingDelete)
    }

    /// Where clients connect to.
    pub fn host(&self) -> String {
        let by_rule = || format!("{}.dsql.{}.on.aws", self.id, self.region);
        self.endpoint.clone().unwrap_or_else(by_rule)
    }
}

/// What is to be done next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// Make the cluster of this number; the other one, if it is there, is its peer.
    Create(usize),
    /// Tell the cluster of this number of the other one.
    Introduce(usize),
    /// The service is at work.
    Wait,
    /// Both are up.
    Done,
}

/// The next step, from what is there alone.
fn next(plan: &Plan, seen: &[Option<Cluster>; 2]) -> Result<Step, ProvisionError> {
    let in_the_way = |message| Err(ProvisionError::InTheWay(message));
    for cluster in seen.iter().flatten() {
        if cluster.status == ClusterStatus::Failed {
            return in_the_way(format!(
                "{} has failed; `witness provision destroy` deletes it",
                cluster.arn
            ));
        }
        match &cluster.witness_region {
            Some(witness) if *witness != plan.witness_region => {
                return in_the_way(format!(
                    "{} has its witness in {witness}, not in {}; destroy it, or give another --name",
                    cluster.arn, plan.witness_region
                ));
            }
            _ => {}
        }
    }
    Ok(match seen {
        [Some(a), _] if a.going() => Step::Wait,
        [_, Some(b)] if b.going() => Step::Wait,
        [None, _] => Step::Create(0),
        [_, None] => Step::Create(1),
        [Some(a), Some(b)] if !a.knows(b) && a.status != ClusterStatus::Updating => {
            Step::Introduce(0)
        }
        [Some(a), Some(b)] if !b.knows(a) && b.status != ClusterStatus::Updating => {
            Step::Introduce(1)
        }
        [Some(a), Some(b)] if a.ready() && b.ready() && a.knows(b) && b.knows(a) => Step::Done,
        _ => Step::Wait,
    })
}

/// Makes both clusters, or goes on with what an earlier try left. `clients` are those of
/// the plan's regions, in order.
///
/// # Errors
/// See [`ProvisionError`]; what was made stays, and is gone on with by another try.
pub async fn provision(
    clients: &[Client; 2],
    plan: &Plan,
    patience: Patience,
    tell: &mut Tell<'_>,
) -> Result<[Cluster; 2], ProvisionError> {
    plan.check()?;
    let find = |at: usize| calls::find(&clients[at], &plan.regions[at], &plan.name);
    let mut seen = [find(0).await?, find(1).await?];
    let mut fresh = true;
    until(patience, tell, async || {
        for (cluster, client) in seen.iter_mut().zip(clients).filter(|_| !fresh) {
            look_again(cluster, client).await?;
        }
        fresh = false;
        match next(plan, &seen)? {
            Step::Create(at) => {
                let peer = seen[1 - at].as_ref().map(|c| c.arn.as_str());
                seen[at] = Some(calls::create(&clients[at], plan, at, peer).await?);
            }
            Step::Introduce(at) => {
                if let [Some(a), Some(b)] = &seen {
                    let (cluster, other) = if at == 0 { (a, b) } else { (b, a) };
                    calls::introduce(&clients[at], cluster, other, &plan.witness_region).await?;
                }
            }
            Step::Wait => {}
            Step::Done => {
                if let [Some(a), Some(b)] = &seen {
                    return Ok(ControlFlow::Break([a.clone(), b.clone()]));
                }
            }
        }
        Ok(ControlFlow::Continue(state(&plan.regions, &seen)))
    })
    .await
}

/// A cluster that was made a moment ago may not be seen yet: were it taken for gone, it
/// would be made again.
async fn look_again(cluster: &mut Option<Cluster>, client: &Client) -> Result<(), ProvisionError> {
    if let Some(known) = cluster {
        match calls::look(client, &known.region, &known.id).await? {
            Some(now) => *known = now,
            None if known.status == ClusterStatus::Creating => {}
            None => *cluster = None,
        }
    }
    Ok(())
}

/// What both are doing, in a line.
fn state(regions: &[String; 2], seen: &[Option<Cluster>; 2]) -> String {
    let one = |(region, cluster): (&String, &Option<Cluster>)| match cluster {
        Some(cluster) => format!("{region} {}", cluster.status.as_str()),
        None => format!("{region} not there"),
    };
    let both: Vec<_> = regions.iter().zip(seen).map(one).collect();
    both.join(" · ")
}

#[cfg(test)]
mod tests;
