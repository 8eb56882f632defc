//! The next step, state by state.

use super::*;

fn plan(consistency: Consistency, regions: &[&str]) -> Plan {
    Plan {
        name: "ours".into(),
        prefix: "witness_".into(),
        regions: regions.iter().map(|r| (*r).to_owned()).collect(),
        consistency,
        tables: Vec::new(),
    }
}

fn strong(witness: Option<&str>) -> Consistency {
    Consistency::Strong {
        witness_region: witness.map(str::to_owned),
    }
}

fn seen(replicas: &[(&str, ReplicaStatus)]) -> Seen {
    Seen {
        region: "us-east-1".into(),
        table: "witness_seats".into(),
        arn: "arn:aws:dynamodb:us-east-1:111122223333:table/witness_seats".into(),
        status: TableStatus::Active,
        replicas: replicas
            .iter()
            .map(|(r, s)| ((*r).to_owned(), s.clone()))
            .collect(),
        witness: None,
        strong: false,
        protected: false,
        name: Some("ours".into()),
    }
}

#[test]
fn each_state_has_its_step() {
    use ReplicaStatus::{Active, Creating};
    let three = plan(
        Consistency::Eventual,
        &["us-east-1", "us-east-2", "eu-west-1"],
    );
    let add = |regions: &[&str]| Step::Replicate(regions.iter().map(|r| (*r).to_owned()).collect());
    for (there, expected) in [
        (None, Step::Create),
        (
            Some(Seen {
                status: TableStatus::Creating,
                ..seen(&[])
            }),
            Step::Wait,
        ),
        (Some(seen(&[])), add(&["us-east-2"])),
        (Some(seen(&[("us-east-2", Creating)])), Step::Wait),
        (Some(seen(&[("us-east-2", Active)])), add(&["eu-west-1"])),
        (
            Some(seen(&[("us-east-2", Active), ("eu-west-1", Active)])),
            Step::Replicated,
        ),
    ] {
        assert_eq!(next(&three, there.as_ref()), Ok(expected), "{there:?}");
    }
    let pair = plan(strong(Some("us-west-2")), &["us-east-1", "us-east-2"]);
    let with_witness = |status| Seen {
        strong: true,
        witness: Some(("us-west-2".into(), status)),
        ..seen(&[("us-east-2", Active)])
    };
    for (there, expected) in [
        (seen(&[]), add(&["us-east-2"])),
        (with_witness(WitnessStatus::Creating), Step::Wait),
        (with_witness(WitnessStatus::Active), Step::Replicated),
    ] {
        assert_eq!(next(&pair, Some(&there)), Ok(expected), "{there:?}");
    }
    let all = plan(strong(None), &["us-east-1", "us-east-2", "us-west-2"]);
    assert_eq!(
        next(&all, Some(&seen(&[]))),
        Ok(add(&["us-east-2", "us-west-2"]))
    );
}

#[test]
fn what_is_not_ours_or_otherwise_is_in_the_way() {
    let pair = plan(Consistency::Eventual, &["us-east-1", "us-east-2"]);
    let replica = [("us-east-2", ReplicaStatus::Active)];
    for (plan, there, why) in [
        (
            &pair,
            Seen {
                name: None,
                ..seen(&[])
            },
            "does not carry the tag",
        ),
        (
            &pair,
            Seen {
                name: Some("theirs".into()),
                ..seen(&[])
            },
            "does not carry the tag",
        ),
        (
            &pair,
            Seen {
                strong: true,
                ..seen(&replica)
            },
            "strong consistency, not eventual",
        ),
        (
            &plan(strong(Some("us-west-2")), &["us-east-1", "us-east-2"]),
            seen(&replica),
            "eventual consistency, not strong",
        ),
        (
            &plan(strong(Some("us-west-2")), &["us-east-1", "us-east-2"]),
            Seen {
                strong: true,
                ..seen(&replica)
            },
            "witness in none, not in us-west-2",
        ),
        (
            &plan(strong(Some("us-west-2")), &["us-east-1", "us-east-2"]),
            Seen {
                strong: true,
                witness: Some(("eu-west-1".into(), WitnessStatus::Active)),
                ..seen(&replica)
            },
            "witness in eu-west-1, not in us-west-2",
        ),
    ] {
        let error = next(plan, Some(&there)).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
}

#[test]
fn strong_consistency_has_three_members_of_one_set() {
    for (consistency, regions, ok) in [
        (Consistency::Eventual, vec!["us-east-1", "eu-west-1"], true),
        (Consistency::Eventual, vec!["us-east-1", "us-east-1"], false),
        (Consistency::Eventual, vec![], false),
        (
            strong(Some("us-west-2")),
            vec!["us-east-1", "us-east-2"],
            true,
        ),
        (
            strong(None),
            vec!["us-east-1", "us-east-2", "us-west-2"],
            true,
        ),
        (strong(None), vec!["us-east-1", "us-east-2"], false),
        (
            strong(Some("us-east-2")),
            vec!["us-east-1", "us-east-2"],
            false,
        ),
        (
            strong(Some("us-west-2")),
            vec!["us-east-1", "eu-west-1"],
            false,
        ),
        (strong(Some("us-east-2")), vec!["us-east-1"], false),
    ] {
        let plan = plan(consistency, &regions);
        assert_eq!(plan.check().is_ok(), ok, "{plan:?}");
    }
}
