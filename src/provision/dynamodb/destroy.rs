//! Deleting global tables: first the replicas, the witness among them, then the table.

use std::ops::ControlFlow;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{ReplicaStatus, TableStatus};

use super::{Seen, calls, state};
use crate::provision::{Patience, ProvisionError, TAG, Tell, until};

/// What is there under our prefix.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mine {
    /// Tables that carry the tag, each in the first of the regions that has it.
    pub tables: Vec<Seen>,
    /// ARNs of tables that do not, and stay.
    pub others: Vec<String>,
}

/// The tables whose names begin like this. `regions` are with their clients.
///
/// # Errors
/// See [`ProvisionError`].
pub async fn mine(
    regions: &[(String, Client)],
    prefix: &str,
    name: &str,
) -> Result<Mine, ProvisionError> {
    let mut mine = Mine::default();
    for (region, client) in regions {
        for table in calls::names(client, region, prefix).await? {
            // A replica of one that was found in an earlier region.
            let replica =
                |seen: &Seen| seen.table == table && seen.replicas.iter().any(|(r, _)| r == region);
            if mine.tables.iter().any(replica) {
                continue;
            }
            match calls::look(client, region, &table).await? {
                Some(seen) if seen.name.as_deref() == Some(name) => mine.tables.push(seen),
                Some(seen) => mine.others.push(seen.arn),
                None => {}
            }
        }
    }
    Ok(mine)
}

/// What is to be done about a table that is to go.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    Unprotect,
    /// Take away the replicas in these regions, and the witness.
    Unreplicate(Vec<String>),
    Delete,
    Wait,
}

fn next(seen: &Seen, name: &str, unprotect: bool) -> Result<Step, ProvisionError> {
    if seen.status == TableStatus::Deleting {
        return Ok(Step::Wait);
    }
    if seen.name.as_deref() != Some(name) {
        let message = format!(
            "{} does not carry the tag {TAG}={name} any more: it stays",
            seen.arn
        );
        return Err(ProvisionError::InTheWay(message));
    }
    let busy = seen.replicas.iter().any(|(_, status)| {
        matches!(
            status,
            ReplicaStatus::Creating | ReplicaStatus::Deleting | ReplicaStatus::Updating
        )
    });
    if busy || seen.status != TableStatus::Active {
        return Ok(Step::Wait);
    }
    if seen.protected {
        return match unprotect {
            true => Ok(Step::Unprotect),
            false => Err(ProvisionError::Protected(seen.arn.clone())),
        };
    }
    let mut replicas: Vec<_> = seen
        .replicas
        .iter()
        .map(|(region, _)| region.clone())
        .collect();
    if !seen.strong {
        // The service takes one replica away at a time.
        replicas.truncate(1);
    }
    Ok(match replicas.is_empty() {
        true => Step::Delete,
        false => Step::Unreplicate(replicas),
    })
}

/// Deletes these tables, in every region, and waits until none is there any more. Each is
/// looked at again before it is touched: it must carry the tag then, too.
///
/// # Errors
/// See [`ProvisionError`]; another try goes on.
pub async fn destroy(
    regions: &[(String, Client)],
    tables: Vec<Seen>,
    name: &str,
    unprotect: bool,
    patience: Patience,
    tell: &mut Tell<'_>,
) -> Result<(), ProvisionError> {
    for table in tables {
        let Some((region, client)) = regions.iter().find(|(r, _)| *r == table.region) else {
            continue;
        };
        until(patience, tell, async || {
            let Some(seen) = calls::look(client, region, &table.table).await? else {
                return Ok(ControlFlow::Break(()));
            };
            match next(&seen, name, unprotect)? {
                Step::Unprotect => calls::unprotect(client, &seen).await?,
                Step::Unreplicate(replicas) => calls::unreplicate(client, &seen, &replicas).await?,
                Step::Delete => calls::delete(client, &seen).await?,
                Step::Wait => {}
            }
            Ok(ControlFlow::Continue(state(
                &table.table,
                region,
                Some(&seen),
            )))
        })
        .await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_dynamodb::types::WitnessStatus;

    fn seen(replicas: &[(&str, ReplicaStatus)], strong: bool) -> Seen {
        Seen {
            region: "us-east-1".into(),
            table: "witness_seats".into(),
            arn: "arn:aws:dynamodb:us-east-1:111122223333:table/witness_seats".into(),
            status: TableStatus::Active,
            replicas: replicas
                .iter()
                .map(|(r, s)| ((*r).to_owned(), s.clone()))
                .collect(),
            witness: strong.then(|| ("us-west-2".to_owned(), WitnessStatus::Active)),
            strong,
            protected: false,
            name: Some("ours".into()),
        }
    }

    #[test]
    fn replicas_go_before_the_table() {
        use ReplicaStatus::{Active, Creating, Deleting};
        let go =
            |regions: &[&str]| Step::Unreplicate(regions.iter().map(|r| (*r).to_owned()).collect());
        for (seen, expected) in [
            (seen(&[], false), Step::Delete),
            (seen(&[("us-east-2", Active)], false), go(&["us-east-2"])),
            (
                seen(&[("us-east-2", Active), ("eu-west-1", Active)], false),
                go(&["us-east-2"]),
            ),
            (
                seen(&[("us-east-2", Active), ("us-west-2", Active)], true),
                go(&["us-east-2", "us-west-2"]),
            ),
            (seen(&[("us-east-2", Creating)], false), Step::Wait),
            (seen(&[("us-east-2", Deleting)], false), Step::Wait),
            (
                Seen {
                    status: TableStatus::Updating,
                    ..seen(&[], false)
                },
                Step::Wait,
            ),
            (
                Seen {
                    status: TableStatus::Deleting,
                    name: None,
                    ..seen(&[], false)
                },
                Step::Wait,
            ),
        ] {
            assert_eq!(next(&seen, "ours", false), Ok(expected), "{seen:?}");
        }
        let protected = Seen {
            protected: true,
            ..seen(&[], false)
        };
        assert!(matches!(
            next(&protected, "ours", false),
            Err(ProvisionError::Protected(_))
        ));
        assert_eq!(next(&protected, "ours", true), Ok(Step::Unprotect));
        let others = next(&seen(&[], false), "theirs", true);
        assert!(matches!(others, Err(ProvisionError::InTheWay(_))));
    }
}
