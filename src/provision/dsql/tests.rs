//! The next step, state by state.

use super::*;

fn plan() -> Plan {
    Plan {
        name: "ours".into(),
        regions: ["us-east-1".into(), "us-east-2".into()],
        witness_region: "us-west-2".into(),
        deletion_protection: false,
    }
}

fn arn(at: usize) -> String {
    let region = &plan().regions[at];
    format!("arn:aws:dsql:{region}:111122223333:cluster/c{at}")
}

fn cluster(at: usize, status: ClusterStatus, peered: bool) -> Option<Cluster> {
    Some(Cluster {
        region: plan().regions[at].clone(),
        id: format!("c{at}"),
        arn: arn(at),
        status,
        endpoint: None,
        peers: if peered { vec![arn(0), arn(1)] } else { vec![] },
        witness_region: Some("us-west-2".into()),
        protected: false,
        name: Some("ours".into()),
    })
}

#[test]
fn each_state_has_its_step() {
    use ClusterStatus::*;
    let (a, b) = (
        |status, peered| cluster(0, status, peered),
        |status, peered| cluster(1, status, peered),
    );
    for (seen, expected) in [
        ([None, None], Step::Create(0)),
        ([a(Creating, false), None], Step::Create(1)),
        ([a(PendingSetup, false), None], Step::Create(1)),
        ([None, b(PendingSetup, true)], Step::Create(0)),
        (
            [a(PendingSetup, false), b(Creating, true)],
            Step::Introduce(0),
        ),
        ([a(Active, false), b(Active, true)], Step::Introduce(0)),
        ([a(Updating, false), b(Creating, true)], Step::Wait),
        (
            [a(Creating, true), b(PendingSetup, false)],
            Step::Introduce(1),
        ),
        ([a(Creating, true), b(Creating, true)], Step::Wait),
        ([a(Active, true), b(Creating, true)], Step::Wait),
        ([a(Active, true), b(Updating, true)], Step::Wait),
        ([a(Active, true), b(Active, true)], Step::Done),
        ([a(Idle, true), b(Inactive, true)], Step::Done),
        ([a(Deleting, true), None], Step::Wait),
        ([a(Active, true), b(PendingDelete, true)], Step::Wait),
        // Nobody is introduced to one that goes.
        ([a(Active, false), b(Deleting, true)], Step::Wait),
        ([a(Deleting, false), b(Active, true)], Step::Wait),
    ] {
        assert_eq!(next(&plan(), &seen), Ok(expected), "{seen:?}");
    }
}

#[test]
fn what_failed_or_has_another_witness_is_in_the_way() {
    let failed = [cluster(0, ClusterStatus::Failed, false), None];
    let error = next(&plan(), &failed).unwrap_err().to_string();
    assert!(
        error.contains(&arn(0)) && error.contains("failed"),
        "{error}"
    );
    let elsewhere = Plan {
        witness_region: "eu-west-1".into(),
        ..plan()
    };
    let seen = [None, cluster(1, ClusterStatus::Active, true)];
    let error = next(&elsewhere, &seen).unwrap_err().to_string();
    assert!(error.contains("us-west-2, not in eu-west-1"), "{error}");
}

#[test]
fn a_plan_has_three_regions() {
    assert_eq!(plan().check(), Ok(()));
    for witness in ["us-east-1", "us-east-2"] {
        let plan = Plan {
            witness_region: witness.into(),
            ..plan()
        };
        assert!(matches!(plan.check(), Err(ProvisionError::Plan(_))));
    }
}
