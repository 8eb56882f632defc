//! DynamoDB global tables: a table in one region, replicated to the others, and with
//! strong consistency a third replica or a witness.

mod calls;
mod destroy;

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{ReplicaStatus, TableStatus, WitnessStatus};
use witness_workloads::Table;

use super::{Patience, ProvisionError, TAG, Tell, until};

pub use destroy::{Mine, destroy, mine};

/// The regions that a table with strong consistency may span: all of one row.
const STRONG_SETS: [&[&str]; 3] = [
    &["us-east-1", "us-east-2", "us-west-2"],
    &["eu-west-1", "eu-west-2", "eu-west-3", "eu-central-1"],
    &["ap-northeast-1", "ap-northeast-2", "ap-northeast-3"],
];

/// What replicas of a table promise each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Consistency {
    /// Multi-region eventual consistency.
    Eventual,
    /// Multi-region strong consistency, of three replicas or of two and a witness.
    Strong {
        /// Where the witness is to be, with two replicas.
        witness_region: Option<String>,
    },
}

/// What is to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The value of the tag.
    pub name: String,
    /// What the names of the tables begin with.
    pub prefix: String,
    /// Where replicas are to be; the tables are made in the first.
    pub regions: Vec<String>,
    /// What they promise each other.
    pub consistency: Consistency,
    /// The tables.
    pub tables: Vec<Table>,
}

impl Plan {
    /// Whether this can be made at all.
    ///
    /// # Errors
    /// [`ProvisionError::Plan`]
    pub fn check(&self) -> Result<(), ProvisionError> {
        let refused = |message: String| Err(ProvisionError::Plan(message));
        let mut members: Vec<&str> = self.regions.iter().map(String::as_str).collect();
        if let Consistency::Strong { witness_region } = &self.consistency {
            members.extend(witness_region.as_deref());
        }
        let distinct: BTreeSet<_> = members.iter().collect();
        if distinct.len() != members.len() || self.regions.is_empty() {
            return refused(format!(
                "these are not distinct regions: {}",
                members.join(", ")
            ));
        }
        if self.consistency == Consistency::Eventual {
            return Ok(());
        }
        if members.len() != 3 || self.regions.len() < 2 {
            return refused(
                "strong consistency needs three regions: three of --region, or two and a \
                 --witness-region"
                    .into(),
            );
        }
        let together = |set: &&&[&str]| members.iter().all(|region| set.contains(region));
        if STRONG_SETS.iter().find(together).is_none() {
            let sets: Vec<_> = STRONG_SETS.iter().map(|set| set.join(", ")).collect();
            return refused(format!(
                "strong consistency spans regions of one of these sets: {}",
                sets.join("; ")
            ));
        }
        Ok(())
    }

    fn strong(&self) -> bool {
        self.consistency != Consistency::Eventual
    }

    fn physical(&self, table: &Table) -> String {
        format!("{}{}", self.prefix, table.name)
    }
}

/// A table as a region describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Where it was looked at.
    pub region: String,
    /// Its name.
    pub table: String,
    /// Its ARN there.
    pub arn: String,
    /// What it is doing there.
    pub status: TableStatus,
    /// Its replicas elsewhere.
    pub replicas: Vec<(String, ReplicaStatus)>,
    /// Its witness.
    pub witness: Option<(String, WitnessStatus)>,
    /// Whether it has multi-region strong consistency.
    pub strong: bool,
    /// Whether it can be deleted only after that was switched off.
    pub protected: bool,
    /// The value of the tag, if it carries it there.
    pub name: Option<String>,
}

/// What is to be done next about a table.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Create,
    /// Add replicas in these regions, and the witness if one is planned.
    Replicate(Vec<String>),
    Wait,
    Replicated,
}

/// The next step, from what the first region shows.
fn next(plan: &Plan, seen: Option<&Seen>) -> Result<Step, ProvisionError> {
    let Some(seen) = seen else {
        return Ok(Step::Create);
    };
    let in_the_way = |message| Err(ProvisionError::InTheWay(message));
    if seen.name.as_ref() != Some(&plan.name) {
        return in_the_way(format!(
            "{} is there and does not carry the tag {TAG}={}: it is left as it is; give another --prefix",
            seen.arn, plan.name
        ));
    }
    if seen.status != TableStatus::Active {
        return Ok(Step::Wait);
    }
    if seen.strong != plan.strong() && !seen.replicas.is_empty() {
        let (is, wanted) = match seen.strong {
            true => ("strong", "eventual"),
            false => ("eventual", "strong"),
        };
        return in_the_way(format!(
            "{} has multi-region {is} consistency, not {wanted}, and cannot be changed; destroy \
             it, or give another --prefix",
            seen.arn
        ));
    }
    if seen
        .replicas
        .iter()
        .any(|(_, status)| *status != ReplicaStatus::Active)
    {
        return Ok(Step::Wait);
    }
    let there = |region: &&String| seen.replicas.iter().any(|(r, _)| r == *region);
    let mut missing: Vec<_> = plan.regions[1..]
        .iter()
        .filter(|r| !there(r))
        .cloned()
        .collect();
    if !plan.strong() {
        // The service adds one replica at a time.
        missing.truncate(1);
    }
    if !missing.is_empty() {
        return Ok(Step::Replicate(missing));
    }
    Ok(match (&plan.consistency, &seen.witness) {
        (
            Consistency::Strong {
                witness_region: Some(region),
            },
            Some((is, status)),
        ) if is == region => match status {
            WitnessStatus::Active => Step::Replicated,
            _ => Step::Wait,
        },
        (
            Consistency::Strong {
                witness_region: Some(region),
            },
            there,
        ) => {
            let there = there.as_ref().map_or("none", |(region, _)| region);
            return in_the_way(format!(
                "{} has its witness in {there}, not in {region}, and cannot be changed; destroy it, \
                 or give another --prefix",
                seen.arn
            ));
        }
        _ => Step::Replicated,
    })
}

/// Makes every table, or goes on with what an earlier try left; every replica carries the
/// tag then. `clients` are those of the plan's regions, in order. The ARNs of all replicas
/// come back.
///
/// # Errors
/// See [`ProvisionError`]; what was made stays, and is gone on with by another try.
pub async fn provision(
    clients: &[Client],
    plan: &Plan,
    patience: Patience,
    tell: &mut Tell<'_>,
) -> Result<Vec<String>, ProvisionError> {
    plan.check()?;
    let mut arns = Vec::new();
    for table in &plan.tables {
        arns.extend(one(clients, plan, table, patience, tell).await?);
    }
    Ok(arns)
}

async fn one(
    clients: &[Client],
    plan: &Plan,
    table: &Table,
    patience: Patience,
    tell: &mut Tell<'_>,
) -> Result<Vec<String>, ProvisionError> {
    let name = plan.physical(table);
    let home = &plan.regions[0];
    until(patience, tell, async || {
        let seen = calls::look(&clients[0], home, &name).await?;
        match next(plan, seen.as_ref())? {
            Step::Create => calls::create(&clients[0], home, &name, table.key, &plan.name).await?,
            Step::Replicate(regions) => {
                calls::replicate(&clients[0], home, &name, &regions, &plan.consistency).await?;
            }
            Step::Wait => {}
            Step::Replicated => {
                let mut arns = Vec::new();
                for (client, region) in clients.iter().zip(&plan.regions) {
                    match ready(client, region, &name, &plan.name).await? {
                        Ok(arn) => arns.push(arn),
                        Err(state) => return Ok(ControlFlow::Continue(state)),
                    }
                }
                return Ok(ControlFlow::Break(arns));
            }
        }
        Ok(ControlFlow::Continue(state(&name, home, seen.as_ref())))
    })
    .await
}

/// Whether a region serves the table with its tag: tags do not travel to replicas. Its
/// ARN, or what is waited for.
async fn ready(
    client: &Client,
    region: &str,
    table: &str,
    name: &str,
) -> Result<Result<String, String>, ProvisionError> {
    let Some(seen) = calls::look(client, region, table).await? else {
        return Ok(Err(format!("{table}: {region} not there")));
    };
    if seen.status != TableStatus::Active {
        return Ok(Err(state(table, region, Some(&seen))));
    }
    if seen.name.as_deref() != Some(name) {
        calls::tag(client, region, &seen.arn, name).await?;
    }
    Ok(Ok(seen.arn))
}

/// What a table is doing, in a line.
fn state(table: &str, region: &str, seen: Option<&Seen>) -> String {
    let Some(seen) = seen else {
        return format!("{table}: {region} not there");
    };
    let mut parts = vec![format!("{region} {}", seen.status.as_str())];
    let replicas = seen.replicas.iter();
    parts.extend(replicas.map(|(region, status)| format!("{region} {}", status.as_str())));
    if let Some((region, status)) = &seen.witness {
        parts.push(format!("witness {region} {}", status.as_str()));
    }
    format!("{table}: {}", parts.join(" · "))
}

#[cfg(test)]
mod tests;
