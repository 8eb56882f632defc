//! The peering of two DSQL clusters, state by state, and their deletion.

use std::time::Duration;

use aws_sdk_dsql::Client;
use aws_sdk_dsql::config::{BehaviorVersion, Builder, Credentials, Region, retry::RetryConfig};
use serde_json::{Value, json};
use witness::provision::dsql::{Cluster, Plan, destroy, mine, provision};
use witness::provision::{Patience, ProvisionError};

use super::script::{Exchange, Script, asked, refused};

pub const REGIONS: [&str; 2] = ["us-east-1", "us-east-2"];

pub fn arn(at: usize) -> String {
    format!(
        "arn:aws:dsql:{}:111122223333:cluster/{}",
        REGIONS[at],
        id(at)
    )
}

pub fn id(at: usize) -> String {
    ["a", "b"][at].repeat(26)
}

/// A cluster as GetCluster describes it.
pub fn cluster(at: usize, status: &str, peered: bool) -> Value {
    let clusters = if peered {
        json!([arn(0), arn(1)])
    } else {
        json!([])
    };
    json!({
        "identifier": id(at),
        "arn": arn(at),
        "status": status,
        "creationTime": 1_764_000_000.5,
        "deletionProtectionEnabled": false,
        "multiRegionProperties": {"witnessRegion": "us-west-2", "clusters": clusters},
        "tags": {"consistency-witness": "ours", "Name": "witness ours"},
        "endpoint": format!("{}.dsql.{}.on.aws", id(at), REGIONS[at]),
        "encryptionDetails": {"encryptionType": "AWS_OWNED_KMS_KEY", "encryptionStatus": "ENABLED"},
    })
}

/// What ListClusters answers where there are these.
pub fn list(at: usize, there: bool) -> Exchange {
    let clusters = match there {
        true => json!([{"identifier": id(at), "arn": arn(at)}]),
        false => json!([]),
    };
    asked(
        format!("{} GET /cluster", REGIONS[at]),
        json!({"clusters": clusters}),
    )
}

pub fn look(at: usize, status: &str, peered: bool) -> Exchange {
    shown(at, cluster(at, status, peered))
}

fn shown(at: usize, cluster: Value) -> Exchange {
    asked(format!("{} GET /cluster/{}", REGIONS[at], id(at)), cluster)
}

fn gone(at: usize) -> Exchange {
    let request = format!("{} GET /cluster/{}", REGIONS[at], id(at));
    refused(request, 404, "ResourceNotFoundException", "not found")
}

pub fn create(at: usize, peers: Value) -> Exchange {
    let mut created = cluster(at, "CREATING", false);
    created.as_object_mut().unwrap().remove("tags");
    asked(format!("{} POST /cluster", REGIONS[at]), created).holding(json!({
        "deletionProtectionEnabled": false,
        "tags": {"consistency-witness": "ours"},
        "multiRegionProperties": {"witnessRegion": "us-west-2", "clusters": peers},
    }))
}

/// The one is told of the other.
pub fn introduce(at: usize) -> Exchange {
    let answer = json!({
        "identifier": id(at), "arn": arn(at), "status": "UPDATING", "creationTime": 1_764_000_000.5,
    });
    asked(format!("{} POST /cluster/{}", REGIONS[at], id(at)), answer).holding(json!({
        "multiRegionProperties": {"witnessRegion": "us-west-2", "clusters": [arn(1 - at)]},
    }))
}

fn delete(at: usize, status: &str) -> Exchange {
    let answer = json!({
        "identifier": id(at), "arn": arn(at), "status": status, "creationTime": 1_764_000_000.5,
    });
    asked(
        format!("{} DELETE /cluster/{}", REGIONS[at], id(at)),
        answer,
    )
}

fn client(script: &Script, region: &'static str) -> Client {
    let config = Builder::new()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(region))
        .credentials_provider(Credentials::new("AKIATEST", "secret", None, None, "test"))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .endpoint_url(&script.url)
        .retry_config(RetryConfig::disabled());
    Client::from_conf(config.build())
}

fn plan() -> Plan {
    Plan {
        name: "ours".into(),
        regions: REGIONS.map(str::to_owned),
        witness_region: "us-west-2".into(),
        deletion_protection: false,
    }
}

const PATIENT: Patience = Patience {
    limit: Duration::from_secs(300),
    pause: Duration::ZERO,
};

/// What comes of making the clusters by this script, and all that was told meanwhile.
async fn made(
    exchanges: Vec<Exchange>,
    patience: Patience,
) -> (Result<[Cluster; 2], ProvisionError>, Vec<String>) {
    let script = Script::of(exchanges).await;
    let clients = REGIONS.map(|region| client(&script, region));
    let mut told = Vec::new();
    let mut tell = |state: &str| told.push(state.to_owned());
    let made = provision(&clients, &plan(), patience, &mut tell).await;
    script.done();
    (made, told)
}

#[tokio::test]
async fn from_nothing_to_two_peers() {
    let (made, told) = made(
        vec![
            list(0, false),
            list(1, false),
            create(0, json!(null)),
            look(0, "PENDING_SETUP", false),
            create(1, json!([arn(0)])),
            look(0, "PENDING_SETUP", false),
            look(1, "CREATING", true),
            introduce(0),
            look(0, "UPDATING", false),
            look(1, "CREATING", true),
            look(0, "CREATING", true),
            look(1, "ACTIVE", true),
            look(0, "ACTIVE", true),
            look(1, "ACTIVE", true),
        ],
        PATIENT,
    )
    .await;
    let made = made.unwrap();
    assert_eq!(made.each_ref().map(|c| c.arn.clone()), [arn(0), arn(1)]);
    assert_eq!(made[1].host(), format!("{}.dsql.us-east-2.on.aws", id(1)));
    assert_eq!(told[0], "us-east-1 CREATING · us-east-2 not there");
    assert_eq!(told[2], "us-east-1 PENDING_SETUP · us-east-2 CREATING");
    assert_eq!(
        told.last().unwrap(),
        "us-east-1 CREATING · us-east-2 ACTIVE"
    );
}

#[tokio::test]
async fn what_is_done_is_not_done_again() {
    let active = |at| [list(at, true), look(at, "ACTIVE", true)];
    let both = active(0).into_iter().chain(active(1)).collect();
    let (made, told) = made(both, PATIENT).await;
    assert!(made.is_ok(), "{made:?}");
    assert!(told.is_empty(), "{told:?}");
}

/// Interrupted at any point, the next try goes on from there.
#[tokio::test]
async fn another_try_goes_on() {
    let up = || [look(0, "ACTIVE", true), look(1, "ACTIVE", true)];
    let first_only = vec![
        list(0, true),
        look(0, "PENDING_SETUP", false),
        list(1, false),
        create(1, json!([arn(0)])),
        look(0, "PENDING_SETUP", false),
        look(1, "CREATING", true),
        introduce(0),
    ];
    let not_introduced = vec![
        list(0, true),
        look(0, "PENDING_SETUP", false),
        list(1, true),
        look(1, "PENDING_SETUP", true),
        introduce(0),
    ];
    let second_only = vec![
        list(0, false),
        list(1, true),
        look(1, "PENDING_SETUP", false),
        create(0, json!([arn(1)])),
        look(0, "CREATING", true),
        look(1, "PENDING_SETUP", false),
        introduce(1),
    ];
    for mut left in [first_only, not_introduced, second_only] {
        left.extend(up());
        let (made, _) = made(left, PATIENT).await;
        assert!(made.is_ok(), "{made:?}");
    }
}

/// A cluster that carries no tag, or another name, is not ours to go on with.
#[tokio::test]
async fn clusters_of_others_are_not_touched() {
    let mut other = cluster(0, "ACTIVE", false);
    other["tags"] = json!({"consistency-witness": "theirs"});
    let mut untagged = cluster(1, "ACTIVE", false);
    untagged["tags"] = json!(null);
    let late = Patience {
        limit: Duration::ZERO,
        ..PATIENT
    };
    let script = vec![
        list(0, true),
        shown(0, other),
        list(1, true),
        shown(1, untagged),
        create(0, json!(null)),
    ];
    let (made, _) = made(script, late).await;
    assert!(matches!(made, Err(ProvisionError::Late { .. })), "{made:?}");
}

/// Of two clusters of one tag none is taken for the one that was meant, unless the other goes.
#[tokio::test]
async fn of_two_clusters_of_one_tag_the_one_that_stays_is_ours() {
    for (first, second, taken) in [
        ("ACTIVE", "ACTIVE", false),
        ("ACTIVE", "DELETING", true),
        ("DELETING", "ACTIVE", true),
    ] {
        let twin = |status: &str| {
            let mut twin = cluster(0, status, true);
            twin["identifier"] = json!("twin");
            twin["arn"] = json!("arn:aws:dsql:us-east-1:111122223333:cluster/twin");
            let request = format!("{} GET /cluster/twin", REGIONS[0]);
            asked(request, twin)
        };
        let both = json!([
            {"identifier": id(0), "arn": arn(0)},
            {"identifier": "twin", "arn": "arn:aws:dsql:us-east-1:111122223333:cluster/twin"},
        ]);
        let listed = asked(
            format!("{} GET /cluster", REGIONS[0]),
            json!({"clusters": both}),
        );
        let mut script = vec![listed, look(0, first, true), twin(second)];
        // The twin, where it is the one that stays, is made a peer of the other.
        if taken && first == "ACTIVE" {
            script.extend([list(1, true), look(1, "ACTIVE", true)]);
        } else if taken {
            script.extend([list(1, true), look(1, "ACTIVE", true)]);
            script.push(asked(
                format!("{} POST /cluster/{}", REGIONS[1], id(1)),
                json!({
                    "identifier": id(1), "arn": arn(1), "status": "UPDATING",
                    "creationTime": 1_764_000_000.5,
                }),
            ));
        }
        let late = Patience {
            limit: Duration::ZERO,
            ..PATIENT
        };
        let (made, _) = made(script, late).await;
        match (taken, first, &made) {
            (false, _, Err(ProvisionError::InTheWay(why))) => {
                assert!(why.contains("more than one cluster"), "{why}");
            }
            (true, "ACTIVE", Ok(both)) => assert_eq!(both[0].arn, arn(0)),
            (true, _, Err(ProvisionError::Late { .. })) => {}
            _ => panic!("{first} {second}: {made:?}"),
        }
    }
}

#[tokio::test]
async fn a_cluster_that_is_not_seen_yet_is_not_made_twice() {
    let (made, _) = made(
        vec![
            list(0, false),
            list(1, true),
            look(1, "PENDING_SETUP", false),
            create(0, json!([arn(1)])),
            gone(0),
            look(1, "PENDING_SETUP", false),
            introduce(1),
            look(0, "ACTIVE", true),
            look(1, "ACTIVE", true),
        ],
        PATIENT,
    )
    .await;
    assert!(made.is_ok(), "{made:?}");
}

/// The message says which ARN the policy lacks: the service's own words where it names
/// one, the peer's ARN where it does not.
#[tokio::test]
async fn a_refused_peer_is_named() {
    let there = || {
        vec![
            list(0, true),
            look(0, "PENDING_SETUP", false),
            list(1, true),
            look(1, "PENDING_SETUP", true),
        ]
    };
    let user = "User: arn:aws:iam::111122223333:user/w is not authorized to perform:";
    let why = "because no identity-based policy allows the dsql:AddPeerCluster action";
    let own = format!("{user} dsql:AddPeerCluster on resource: {} {why}", arn(0));
    let witness = "arn:aws:dsql:us-west-2:111122223333:cluster/*";
    let put = format!("{user} dsql:PutWitnessRegion on resource: {witness} {why}");
    for (message, action, resource) in [
        (own.as_str(), "dsql:AddPeerCluster", arn(0)),
        (put.as_str(), "dsql:PutWitnessRegion", witness.to_owned()),
        ("Access denied", "dsql:AddPeerCluster", arn(1)),
    ] {
        let request = format!("us-east-1 POST /cluster/{}", id(0));
        let mut script = there();
        script.push(refused(request, 403, "AccessDeniedException", message));
        let (made, _) = made(script, PATIENT).await;
        let error = made.unwrap_err().to_string();
        let lacks = format!("the policy lacks {action} on {resource};");
        assert!(error.contains(&lacks), "{error}");
        assert!(
            error.starts_with("UpdateCluster in us-east-1 was refused"),
            "{error}"
        );
    }
    // The second cluster is made with its peer: it can be refused there, too.
    let script = vec![
        list(0, true),
        look(0, "PENDING_SETUP", false),
        list(1, false),
        refused(
            "us-east-2 POST /cluster",
            403,
            "AccessDeniedException",
            "Access denied",
        ),
    ];
    let (made, _) = made(script, PATIENT).await;
    let error = made.unwrap_err().to_string();
    let lacks = format!(
        "CreateCluster in us-east-2 was refused: the policy lacks dsql:AddPeerCluster on {}",
        arn(0)
    );
    assert!(error.contains(&lacks), "{error}");
}

/// Whoever else is introducing them, or a service that is still busy: it is looked again.
#[tokio::test]
async fn a_conflict_is_looked_at_again() {
    let (made, _) = made(
        vec![
            list(0, true),
            look(0, "CREATING", false),
            list(1, true),
            look(1, "PENDING_SETUP", true),
            refused(
                format!("us-east-1 POST /cluster/{}", id(0)),
                409,
                "ConflictException",
                "cluster is CREATING",
            ),
            look(0, "PENDING_SETUP", false),
            look(1, "PENDING_SETUP", true),
            introduce(0),
            look(0, "ACTIVE", true),
            look(1, "ACTIVE", true),
        ],
        PATIENT,
    )
    .await;
    assert!(made.is_ok(), "{made:?}");
}

#[tokio::test]
async fn waiting_has_a_limit_and_says_for_what() {
    let hurried = Patience {
        limit: Duration::ZERO,
        ..PATIENT
    };
    let script = vec![
        list(0, true),
        look(0, "CREATING", true),
        list(1, true),
        look(1, "ACTIVE", true),
    ];
    let (made, told) = made(script, hurried).await;
    let error = made.unwrap_err().to_string();
    let state = "us-east-1 CREATING · us-east-2 ACTIVE";
    assert_eq!(
        error,
        format!("after 0 s still: {state}; run it again to go on from there")
    );
    assert_eq!(told, [state]);
}

#[tokio::test]
async fn what_went_wrong_is_said_with_the_call() {
    let script = vec![
        list(0, false),
        list(1, false),
        refused(
            "us-east-1 POST /cluster",
            402,
            "ServiceQuotaExceededException",
            "You have exceeded the cluster limit quota.",
        ),
    ];
    let (made, _) = made(script, PATIENT).await;
    let error = made.unwrap_err().to_string();
    assert_eq!(
        error,
        "CreateCluster in us-east-1: You have exceeded the cluster limit quota."
    );
}

/// What comes of deleting what carries the tag, by this script.
async fn destroyed(
    exchanges: Vec<Exchange>,
    unprotect: bool,
    patience: Patience,
) -> (Result<(), ProvisionError>, Vec<String>) {
    let script = Script::of(exchanges).await;
    let regions = REGIONS.map(|region| (region.to_owned(), client(&script, region)));
    let mut told = Vec::new();
    let mut tell = |state: &str| told.push(state.to_owned());
    let result = async {
        let clusters = mine(&regions, "ours").await?;
        destroy(&regions, clusters, "ours", unprotect, patience, &mut tell).await
    };
    let result = result.await;
    script.done();
    (result, told)
}

fn both(status: &str) -> Vec<Exchange> {
    (0..2)
        .flat_map(|at| [list(at, true), look(at, status, true)])
        .collect()
}

#[tokio::test]
async fn both_go_and_the_first_waits_for_the_second() {
    let mut script = both("ACTIVE");
    script.extend([
        look(0, "ACTIVE", true),
        look(1, "ACTIVE", true),
        delete(0, "PENDING_DELETE"),
        delete(1, "PENDING_DELETE"),
        look(0, "PENDING_DELETE", true),
        look(1, "DELETING", true),
        look(0, "DELETING", true),
        gone(1),
        gone(0),
    ]);
    let (result, told) = destroyed(script, false, PATIENT).await;
    assert_eq!(result, Ok(()));
    assert_eq!(told[1], "us-east-1 PENDING_DELETE · us-east-2 DELETING");
    assert_eq!(told[2], "us-east-1 DELETING");
}

/// Interrupted after the first: what waits for its peer goes when the peer does.
#[tokio::test]
async fn a_deletion_that_was_interrupted_goes_on() {
    let mut script = vec![
        list(0, true),
        look(0, "PENDING_DELETE", true),
        list(1, true),
        look(1, "ACTIVE", true),
    ];
    script.extend([
        look(0, "PENDING_DELETE", true),
        look(1, "ACTIVE", true),
        delete(1, "DELETING"),
        gone(0),
        gone(1),
    ]);
    let (result, _) = destroyed(script, false, PATIENT).await;
    assert_eq!(result, Ok(()));
}

#[tokio::test]
async fn deletion_protection_stops_before_anything_is_deleted() {
    let protected = |at| {
        let mut cluster = cluster(at, "ACTIVE", true);
        cluster["deletionProtectionEnabled"] = json!(true);
        shown(at, cluster)
    };
    // Only the second is protected: the first stays, too.
    let mut script = both("ACTIVE");
    script.extend([look(0, "ACTIVE", true), protected(1)]);
    let (result, _) = destroyed(script, false, PATIENT).await;
    assert_eq!(result, Err(ProvisionError::Protected(arn(1))));

    let unprotect = asked(
        format!("us-east-2 POST /cluster/{}", id(1)),
        json!({"identifier": id(1), "arn": arn(1), "status": "UPDATING", "creationTime": 1.0}),
    );
    let mut script = both("ACTIVE");
    script.extend([
        look(0, "ACTIVE", true),
        protected(1),
        delete(0, "PENDING_DELETE"),
        unprotect.holding(json!({"deletionProtectionEnabled": false})),
        look(0, "PENDING_DELETE", true),
        look(1, "UPDATING", true),
        look(0, "PENDING_DELETE", true),
        look(1, "ACTIVE", true),
        delete(1, "DELETING"),
        gone(0),
        gone(1),
    ]);
    let (result, _) = destroyed(script, true, PATIENT).await;
    assert_eq!(result, Ok(()));
}

#[tokio::test]
async fn what_lacks_the_tag_stays() {
    let untagged = |at| {
        let mut cluster = cluster(at, "ACTIVE", true);
        cluster["tags"] = json!({"Name": "somebody else's"});
        shown(at, cluster)
    };
    // Neither is ours.
    let script = vec![list(0, true), untagged(0), list(1, true), untagged(1)];
    let (result, _) = destroyed(script, true, PATIENT).await;
    assert_eq!(result, Ok(()), "there is nothing to delete");

    // Only one of two peers is: it would wait for the other for ever.
    let script = vec![
        list(0, true),
        look(0, "ACTIVE", true),
        list(1, true),
        untagged(1),
    ];
    let (result, _) = destroyed(script, true, PATIENT).await;
    let error = result.unwrap_err().to_string();
    assert!(
        error.contains(&format!("{} is peered with {}", arn(0), arn(1))),
        "{error}"
    );

    // Somebody took the tag off meanwhile.
    let mut script = both("ACTIVE");
    script.extend([look(0, "ACTIVE", true), untagged(1)]);
    let (result, _) = destroyed(script, true, PATIENT).await;
    assert!(
        matches!(result, Err(ProvisionError::InTheWay(_))),
        "{result:?}"
    );
}

#[tokio::test]
async fn deletion_has_a_limit_too() {
    let hurried = Patience {
        limit: Duration::ZERO,
        ..PATIENT
    };
    let mut script = both("DELETING");
    script.extend([look(0, "DELETING", true), look(1, "PENDING_DELETE", true)]);
    let (result, _) = destroyed(script, false, hurried).await;
    let error = result.unwrap_err().to_string();
    assert!(
        error.contains("us-east-1 DELETING · us-east-2 PENDING_DELETE"),
        "{error}"
    );
}
