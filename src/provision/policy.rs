//! The IAM policy that provisioning and running need, with the ARNs of this account.

use serde_json::{Value, json};

/// What an account that is not known is in an ARN.
pub const ANY_ACCOUNT: &str = "*";

fn policy(statements: Vec<Value>) -> Value {
    json!({"Version": "2012-10-17", "Statement": statements})
}

fn allow(sid: &str, actions: &[&str], resources: &[String]) -> Value {
    json!({"Sid": sid, "Effect": "Allow", "Action": actions, "Resource": resources})
}

fn when(mut statement: Value, key: &str, value: Value) -> Value {
    statement["Condition"] = json!({"StringEquals": {key: value}});
    statement
}

/// The role by which a service works in an account; it is made once, with the first thing
/// that needs it.
fn linked_role(service: &str, role: &str, account: &str) -> Value {
    let arn = format!("arn:aws:iam::{account}:role/aws-service-role/{service}/{role}*");
    let allowed = allow("FirstUse", &["iam:CreateServiceLinkedRole"], &[arn]);
    when(allowed, "iam:AWSServiceName", json!(service))
}

/// The account that an ARN is of.
pub fn account(arn: &str) -> Option<&str> {
    arn.split(':').nth(4).filter(|account| !account.is_empty())
}

/// For Aurora DSQL. `clusters` are the ARNs, where they are known already: then nothing
/// but these two may be changed, deleted or connected to.
pub fn dsql(account: &str, regions: &[String], witness_region: &str, clusters: &[String]) -> Value {
    let any = |region: &str| format!("arn:aws:dsql:{region}:{account}:cluster/*");
    let anywhere: Vec<_> = regions.iter().map(|region| any(region)).collect();
    let clusters = if clusters.is_empty() {
        &anywhere
    } else {
        clusters
    };
    // The witness region is asked too.
    let mut with_witness = anywhere.clone();
    with_witness.push(any(witness_region));
    policy(vec![
        allow(
            "Create",
            &[
                "dsql:CreateCluster",
                "dsql:TagResource",
                "dsql:PutMultiRegionProperties",
            ],
            &anywhere,
        ),
        // A cluster that is being made is not known by its ARN yet, its peer is.
        allow("Peer", &["dsql:AddPeerCluster"], &anywhere),
        when(
            allow("Witness", &["dsql:PutWitnessRegion"], &with_witness),
            "dsql:WitnessRegion",
            json!([witness_region]),
        ),
        allow("Find", &["dsql:ListClusters"], &["*".to_owned()]),
        allow("Look", &["dsql:GetCluster"], &anywhere),
        allow(
            "Change",
            &["dsql:UpdateCluster", "dsql:DeleteCluster"],
            clusters,
        ),
        allow(
            "Connect",
            &["dsql:DbConnect", "dsql:DbConnectAdmin"],
            clusters,
        ),
        linked_role("dsql.amazonaws.com", "AWSServiceRoleForAuroraDsql", account),
    ])
}

/// For DynamoDB. `prefix` is what the tables' names begin with.
pub fn dynamodb(
    account: &str,
    regions: &[String],
    witness_region: Option<&str>,
    prefix: &str,
) -> Value {
    let tables = |region: &str| format!("arn:aws:dynamodb:{region}:{account}:table/{prefix}*");
    let here: Vec<_> = regions.iter().map(|region| tables(region)).collect();
    let mut statements = vec![
        allow(
            "Provision",
            &[
                "dynamodb:CreateTable",
                "dynamodb:CreateTableReplica",
                "dynamodb:DeleteTable",
                "dynamodb:DeleteTableReplica",
                "dynamodb:DescribeTable",
                "dynamodb:ListTagsOfResource",
                "dynamodb:TagResource",
                "dynamodb:UpdateTable",
            ],
            &here,
        ),
        // Replication of a new replica is done in the name of who asks for it.
        allow(
            "Run",
            &[
                "dynamodb:BatchWriteItem",
                "dynamodb:ConditionCheckItem",
                "dynamodb:DeleteItem",
                "dynamodb:GetItem",
                "dynamodb:PutItem",
                "dynamodb:Query",
                "dynamodb:Scan",
                "dynamodb:UpdateItem",
            ],
            &here,
        ),
        allow("Find", &["dynamodb:ListTables"], &["*".to_owned()]),
        linked_role(
            "replication.dynamodb.amazonaws.com",
            "AWSServiceRoleForDynamoDBReplication",
            account,
        ),
    ];
    if let Some(witness) = witness_region {
        let mut everywhere = here;
        everywhere.push(tables(witness));
        statements.push(allow(
            "Witness",
            &[
                "dynamodb:CreateGlobalTableWitness",
                "dynamodb:DeleteGlobalTableWitness",
            ],
            &everywhere,
        ));
    }
    policy(statements)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn regions() -> Vec<String> {
        vec!["us-east-1".into(), "us-east-2".into()]
    }

    fn resources<'a>(policy: &'a Value, action: &str) -> &'a Value {
        let statements = policy["Statement"].as_array().unwrap();
        let of = |s: &&Value| s["Action"].as_array().unwrap().contains(&json!(action));
        &statements
            .iter()
            .find(of)
            .unwrap_or_else(|| panic!("{action}"))["Resource"]
    }

    #[test]
    fn dsql_needs_each_right_on_its_own_arns() {
        let arns =
            ["us-east-1", "us-east-2"].map(|r| format!("arn:aws:dsql:{r}:111122223333:cluster/x"));
        let any = |r: &str| format!("arn:aws:dsql:{r}:111122223333:cluster/*");
        let policy = dsql("111122223333", &regions(), "us-west-2", &arns);
        let both = json!([any("us-east-1"), any("us-east-2")]);
        for action in [
            "CreateCluster",
            "TagResource",
            "PutMultiRegionProperties",
            "AddPeerCluster",
            "GetCluster",
        ] {
            assert_eq!(
                *resources(&policy, &format!("dsql:{action}")),
                both,
                "{action}"
            );
        }
        for action in [
            "UpdateCluster",
            "DeleteCluster",
            "DbConnect",
            "DbConnectAdmin",
        ] {
            assert_eq!(
                *resources(&policy, &format!("dsql:{action}")),
                json!(arns),
                "{action}"
            );
        }
        let three = json!([any("us-east-1"), any("us-east-2"), any("us-west-2")]);
        assert_eq!(*resources(&policy, "dsql:PutWitnessRegion"), three);
        assert_eq!(*resources(&policy, "dsql:ListClusters"), json!(["*"]));
        let before = dsql(ANY_ACCOUNT, &regions(), "us-west-2", &[]);
        let unknown = json!([
            "arn:aws:dsql:us-east-1:*:cluster/*",
            "arn:aws:dsql:us-east-2:*:cluster/*"
        ]);
        assert_eq!(*resources(&before, "dsql:DbConnect"), unknown);
        assert_eq!(account(&arns[0]), Some("111122223333"));
    }

    #[test]
    fn only_a_witness_needs_rights_about_witnesses() {
        let tables = |r: &str| format!("arn:aws:dynamodb:{r}:1:table/witness_*");
        let without = dynamodb("1", &regions(), None, "witness_");
        assert_eq!(
            *resources(&without, "dynamodb:PutItem"),
            json!([tables("us-east-1"), tables("us-east-2")])
        );
        assert!(!without.to_string().contains("GlobalTableWitness"));
        let with = dynamodb("1", &regions(), Some("us-west-2"), "witness_");
        assert_eq!(
            *resources(&with, "dynamodb:CreateGlobalTableWitness"),
            json!([
                tables("us-east-1"),
                tables("us-east-2"),
                tables("us-west-2")
            ])
        );
    }
}
