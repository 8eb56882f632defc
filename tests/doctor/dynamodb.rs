//! DynamoDB: all right once, and then each thing wrong that a table or a right can be.

use std::time::Duration;

use serde_json::{Value, json};

use super::server::{Answers, Server};
use super::{checks, closed, host, of_state, programs};

const REGIONS: [&str; 2] = ["us-east-1", "us-east-2"];

fn arn(region: &str, table: &str) -> String {
    format!("arn:aws:dynamodb:{region}:111122223333:table/{table}")
}

fn names() -> Vec<String> {
    let tables = witness_workloads::tables();
    tables
        .iter()
        .map(|t| format!("witness_{}", t.name))
        .collect()
}

/// Every table, on demand and replicated, in both regions.
fn good(strong: bool) -> Answers {
    let mut answers = Answers::default();
    for (region, other) in [(REGIONS[0], REGIONS[1]), (REGIONS[1], REGIONS[0])] {
        let names = names();
        let listed = json!({"TableNames": [names[0]]});
        answers
            .of
            .insert(format!("{region} ListTables"), (200, listed));
        for name in names {
            let mut table = json!({
                "TableName": name,
                "TableArn": arn(region, &name),
                "TableStatus": "ACTIVE",
                "BillingModeSummary": {"BillingMode": "PAY_PER_REQUEST"},
                "Replicas": [{"RegionName": other, "ReplicaStatus": "ACTIVE"}],
            });
            if strong {
                table["MultiRegionConsistency"] = json!("STRONG");
                table["GlobalTableWitnesses"] =
                    json!([{"RegionName": "us-west-2", "WitnessStatus": "ACTIVE"}]);
            } else {
                table["StreamSpecification"] =
                    json!({"StreamEnabled": true, "StreamViewType": "NEW_AND_OLD_IMAGES"});
            }
            let described = json!({"Table": table});
            answers
                .of
                .insert(format!("{region} DescribeTable {name}"), (200, described));
            answers
                .of
                .insert(format!("{region} GetItem {name}"), (200, json!({})));
        }
    }
    answers
}

/// The exit code, and all checks.
async fn look(backend: &'static str, answers: Answers) -> (Option<i32>, Vec<Value>) {
    let server = Server::of(answers).await;
    let url = server.url.clone();
    let looked = tokio::task::spawn_blocking(move || {
        let path = programs("yes", "");
        let mut doctor = host(path.path());
        doctor.args(["--backend", backend]);
        for region in REGIONS {
            doctor.args(["--endpoint", &format!("{region}={url}")]);
        }
        checks(&mut doctor)
    });
    let looked = looked.await.unwrap();
    server.done();
    looked
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_as_they_should_be_are_all_right() {
    for (backend, strong) in [("dynamodb", false), ("dynamodb-mrsc", true)] {
        let (code, all) = look(backend, good(strong)).await;
        assert_eq!(of_state(&all, "missing"), [""; 0], "{all:?}");
        assert_eq!(code, Some(0));
        let ok = of_state(&all, "ok");
        let mut names = vec![
            "let in",
            "round trip",
            "clock",
            "tables",
            "replicas",
            "consistency",
            "streams",
            "billing",
            "may read",
        ];
        if strong {
            names.push("witness");
        }
        for region in REGIONS {
            for name in &names {
                assert!(ok.contains(&format!("{region} {name}")), "{name}: {ok:?}");
            }
        }
        let unchecked = of_state(&all, "not-checked");
        assert_eq!(unchecked, ["us-east-1 may write", "us-east-2 may write"]);
    }
}

/// One table of us-east-2 is changed; the checks named are missing there, and no other.
#[tokio::test(flavor = "multi_thread")]
async fn each_thing_wrong_with_a_table_is_found() {
    let eventual =
        |field: &'static str, value: Value, name, fix| ("dynamodb", field, value, name, fix);
    let strong =
        |field: &'static str, value: Value, name, fix| ("dynamodb-mrsc", field, value, name, fix);
    for (backend, field, value, name, fix) in [
        eventual("TableStatus", json!("CREATING"), "tables", "describe-table"),
        eventual(
            "Replicas",
            json!([{"RegionName": "us-east-1", "ReplicaStatus": "CREATING"}]),
            "replicas",
            "describe-table",
        ),
        eventual(
            "Replicas",
            json!([]),
            "replicas",
            "witness provision dynamodb --region us-east-1 --region us-east-2",
        ),
        eventual(
            "MultiRegionConsistency",
            json!("STRONG"),
            "consistency",
            "--prefix eventual_",
        ),
        eventual(
            "StreamSpecification",
            json!({"StreamEnabled": true, "StreamViewType": "KEYS_ONLY"}),
            "streams",
            "StreamViewType=NEW_AND_OLD_IMAGES",
        ),
        eventual(
            "BillingModeSummary",
            json!({"BillingMode": "PROVISIONED"}),
            "billing",
            "PAY_PER_REQUEST",
        ),
        strong(
            "MultiRegionConsistency",
            json!("EVENTUAL"),
            "consistency",
            "--prefix strong_",
        ),
        strong(
            "GlobalTableWitnesses",
            json!([{"RegionName": "us-west-2", "WitnessStatus": "CREATING"}]),
            "witness",
            "describe-table",
        ),
        strong(
            "GlobalTableWitnesses",
            json!([]),
            "witness",
            "describe-table",
        ),
    ] {
        let mut answers = good(backend == "dynamodb-mrsc");
        let asked = "us-east-2 DescribeTable witness_seats";
        answers.of.get_mut(asked).unwrap().1["Table"][field] = value.clone();
        let (code, all) = look(backend, answers).await;
        let missing = of_state(&all, "missing");
        assert_eq!(missing, [format!("us-east-2 {name}")], "{field}: {value}");
        assert_eq!(code, Some(1));
        let check = all
            .iter()
            .find(|check| check["state"] == "missing")
            .unwrap();
        assert!(
            check["fix"]["command"].as_str().unwrap().contains(fix),
            "{check}"
        );
        assert!(
            check["found"].as_str().unwrap().contains("witness_seats"),
            "{check}"
        );
    }
}

/// A run makes them; whether it may is not tried. What is there is looked at.
#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_is_not_there_is_not_missing() {
    let gone = |answers: &mut Answers, region: &str, table: &str| {
        let asked = format!("{region} DescribeTable {table}");
        let message = format!("Requested resource not found: Table: {table} not found");
        answers.refuse(&asked, "ResourceNotFoundException", &message);
    };
    let provision = "witness provision dynamodb --region us-east-1 --region us-east-2 --mrsc \
                     --witness-region us-west-2";
    let mut answers = good(true);
    gone(&mut answers, "us-east-1", "witness_seats");
    gone(&mut answers, "us-east-1", "witness_lists");
    let other = "us-east-1 DescribeTable witness_registers";
    answers.of.get_mut(other).unwrap().1["Table"]["BillingModeSummary"]["BillingMode"] =
        json!("PROVISIONED");
    let (code, all) = look("dynamodb-mrsc", answers).await;
    assert_eq!(of_state(&all, "missing"), ["us-east-1 billing"], "{all:?}");
    assert_eq!(code, Some(1));
    let mut checks = all.iter();
    let check = checks.find(|check| check["name"] == "tables").unwrap();
    assert_eq!(check["state"], "not-checked");
    let found = check["found"].as_str().unwrap();
    for said in [
        "witness_seats",
        "witness_lists",
        "a run makes them where",
        provision,
    ] {
        assert!(found.contains(said), "{found}");
    }
    let ok = of_state(&all, "ok");
    assert!(ok.contains(&"us-east-1 may read".to_owned()), "{ok:?}");

    let mut answers = good(true);
    for region in REGIONS {
        for name in names() {
            gone(&mut answers, region, &name);
        }
    }
    let (code, all) = look("dynamodb-mrsc", answers).await;
    assert_eq!(of_state(&all, "missing"), [""; 0], "{all:?}");
    assert_eq!(code, Some(0));
    let unchecked = of_state(&all, "not-checked");
    for region in REGIONS {
        for name in ["tables", "may read"] {
            let expected = format!("{region} {name}");
            assert!(unchecked.contains(&expected), "{unchecked:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_right_that_is_missing_is_named_with_its_arn() {
    let denied = |action: &str, arn: &str| {
        format!(
            "User: arn:aws:iam::111122223333:user/u is not authorized to perform: \
             {action} on resource: {arn} because no identity-based policy allows it"
        )
    };
    let seats = arn("us-east-1", "witness_seats");
    let first = names()[0].clone();
    let read = arn("us-east-1", &first);
    for (asked, action, resource, name) in [
        ("us-east-1 ListTables", "dynamodb:ListTables", "*", "let in"),
        (
            "us-east-1 DescribeTable witness_seats",
            "dynamodb:DescribeTable",
            &seats,
            "tables",
        ),
        (
            &format!("us-east-1 GetItem {first}"),
            "dynamodb:GetItem",
            &read,
            "may read",
        ),
    ] {
        let mut answers = good(false);
        answers.refuse(asked, "AccessDeniedException", &denied(action, resource));
        let (code, all) = look("dynamodb", answers).await;
        assert_eq!(
            of_state(&all, "missing"),
            [format!("us-east-1 {name}")],
            "{all:?}"
        );
        assert_eq!(code, Some(1));
        let check = all
            .iter()
            .find(|check| check["state"] == "missing")
            .unwrap();
        let statement = json!({"Effect": "Allow", "Action": action, "Resource": resource});
        assert_eq!(check["fix"]["allow"], statement);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_nobody_knows_are_missing() {
    let mut answers = good(false);
    for region in REGIONS {
        let message = "The security token included in the request is invalid.";
        let asked = format!("{region} ListTables");
        answers.refuse(&asked, "UnrecognizedClientException", message);
    }
    let (code, all) = look("dynamodb", answers).await;
    assert_eq!(
        of_state(&all, "missing"),
        ["us-east-1 let in", "us-east-2 let in"]
    );
    assert_eq!(code, Some(1));
    let check = all
        .iter()
        .find(|check| check["state"] == "missing")
        .unwrap();
    assert_eq!(check["fix"]["command"], "aws sts get-caller-identity");
}

/// Its `Date` is an hour behind: nobody knows whose clock is wrong, but one is.
#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_an_hour_off_is_missing() {
    let mut answers = good(false);
    answers.behind = Duration::from_secs(3600);
    let (code, all) = look("dynamodb", answers).await;
    assert_eq!(
        of_state(&all, "missing"),
        ["us-east-1 clock", "us-east-2 clock"]
    );
    assert_eq!(code, Some(1));
    let check = all
        .iter()
        .find(|check| check["state"] == "missing")
        .unwrap();
    let ahead = check["measured"]["ahead_ns"].as_i64().unwrap();
    let error = check["measured"]["error_ns"].as_i64().unwrap();
    let off = ahead + 3_600_000_000_000;
    assert!(off.abs() <= error, "{check}");
    assert!(error >= 500_000_000, "a Date has whole seconds: {check}");
}

#[test]
fn an_endpoint_that_nobody_answers_for_is_missing() {
    let path = programs("yes", "");
    let mut doctor = host(path.path());
    let endpoint = format!("us-east-1=http://{}", closed());
    doctor.args(["--backend", "dynamodb", "--endpoint", &endpoint]);
    let (code, all) = checks(&mut doctor);
    assert_eq!(code, Some(1));
    assert_eq!(of_state(&all, "missing"), ["us-east-1 let in"]);
    let check = all.iter().find(|check| check["state"] == "missing");
    let fix = check.unwrap()["fix"]["command"].as_str().unwrap();
    assert!(fix.starts_with("curl -sS http://127.0.0.1:"), "{fix}");
}
