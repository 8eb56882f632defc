//! The subcommand as a person uses it.

use std::process::{Command, Output};

use serde_json::{Value, json};

use super::dsql::{arn, create, id, introduce, list, look};
use super::script::{Exchange, Script, asked};

const SECRET: &str = "c2VjcmV0IG9mIGEgdGVzdA";

/// What comes of it: exit code, standard output, standard error.
async fn witness(exchanges: Vec<Exchange>, arguments: &[&str]) -> (Option<i32>, String, String) {
    let script = Script::of(exchanges).await;
    let mut command = Command::new(env!("CARGO_BIN_EXE_witness"));
    command
        .arg("provision")
        .args(arguments)
        .args(["--pause", "0s"])
        .env("AWS_ENDPOINT_URL_DSQL", &script.url)
        .env("AWS_ENDPOINT_URL_DYNAMODB", &script.url)
        .env("AWS_ACCESS_KEY_ID", "AKIATEST")
        .env("AWS_SECRET_ACCESS_KEY", SECRET)
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .stdin(std::process::Stdio::null());
    let output = tokio::task::spawn_blocking(move || command.output());
    let Output {
        status,
        stdout,
        stderr,
    } = output.await.unwrap().unwrap();
    script.done();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let (stdout, stderr) = (text(stdout), text(stderr));
    for said in [&stdout, &stderr] {
        assert!(!said.contains(SECRET) && !said.contains("X-Amz"), "{said}");
    }
    (status.code(), stdout, stderr)
}

const DSQL: [&str; 9] = [
    "dsql",
    "--name",
    "ours",
    "--region",
    "us-east-1",
    "--region",
    "us-east-2",
    "--witness-region",
    "us-west-2",
];

#[tokio::test(flavor = "multi_thread")]
async fn clusters_are_made_and_what_they_need_is_printed() {
    let script = vec![
        list(0, false),
        list(1, false),
        create(0, json!(null)),
        look(0, "PENDING_SETUP", false),
        create(1, json!([arn(0)])),
        look(0, "PENDING_SETUP", false),
        look(1, "CREATING", true),
        introduce(0),
        look(0, "ACTIVE", true),
        look(1, "ACTIVE", true),
    ];
    let (code, stdout, stderr) = witness(script, &DSQL).await;
    assert_eq!(code, Some(0), "{stderr}");
    assert!(
        stderr.contains("us-east-1 PENDING_SETUP · us-east-2 CREATING"),
        "{stderr}"
    );
    let export = format!(
        "export WITNESS_DSQL_ENDPOINTS=us-east-1={}.dsql.us-east-1.on.aws,us-east-2={}.dsql.us-east-2.on.aws",
        id(0),
        id(1)
    );
    assert!(stdout.contains(&export), "{stdout}");
    let policy = &stdout[stdout.find('{').unwrap()..];
    let policy: Value = serde_json::from_str(policy).unwrap();
    let statements = policy["Statement"].as_array().unwrap();
    let connect = statements.iter().find(|s| s["Sid"] == "Connect").unwrap();
    assert_eq!(connect["Resource"], json!([arn(0), arn(1)]));
    let peer = statements.iter().find(|s| s["Sid"] == "Peer").unwrap();
    assert_eq!(
        peer["Resource"][1],
        "arn:aws:dsql:us-east-2:111122223333:cluster/*"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_alone_asks_for_nothing() {
    let mut arguments = DSQL.to_vec();
    arguments.extend(["--policy", "--account", "111122223333"]);
    let (code, stdout, stderr) = witness(vec![], &arguments).await;
    assert_eq!(code, Some(0), "{stderr}");
    let policy: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(policy["Version"], "2012-10-17");
    assert!(
        stdout.contains("arn:aws:dsql:us-west-2:111122223333:cluster/*"),
        "{stdout}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn plans_that_cannot_be_are_wrong_arguments() {
    for arguments in [
        &[
            "dsql",
            "--region",
            "us-east-1",
            "--witness-region",
            "us-west-2",
        ][..],
        &[
            "dsql",
            "--region",
            "us-east-1",
            "--region",
            "us-east-2",
            "--witness-region",
            "us-east-1",
        ],
        &[
            "dynamodb",
            "--region",
            "us-east-1",
            "--region",
            "us-east-2",
            "--mrsc",
        ],
        &[
            "dynamodb",
            "--region",
            "us-east-1",
            "--witness-region",
            "us-west-2",
        ],
    ] {
        let (code, _, stderr) = witness(vec![], arguments).await;
        assert_eq!(code, Some(254), "{arguments:?}: {stderr}");
    }
}

const DESTROY: [&str; 7] = [
    "destroy",
    "--name",
    "ours",
    "--region",
    "us-east-1",
    "--region",
    "us-east-2",
];

/// Where nobody can be asked and nobody said yes, nothing is deleted.
#[tokio::test(flavor = "multi_thread")]
async fn destroying_asks_first() {
    let found = || {
        let tables =
            |region: &str| asked(format!("{region} ListTables"), json!({"TableNames": []}));
        vec![
            list(0, true),
            look(0, "ACTIVE", true),
            list(1, true),
            look(1, "ACTIVE", true),
            tables("us-east-1"),
            tables("us-east-2"),
        ]
    };
    let (code, stdout, stderr) = witness(found(), &DESTROY).await;
    assert_eq!(code, Some(254), "{stderr}");
    assert!(
        stdout.contains(&arn(0)) && stdout.contains(&arn(1)),
        "{stdout}"
    );
    assert!(stderr.contains("say --yes"), "{stderr}");

    let mut script = found();
    for at in 0..2 {
        script.push(look(at, "DELETED", true));
    }
    let mut arguments = DESTROY.to_vec();
    arguments.push("--yes");
    let (code, stdout, stderr) = witness(script, &arguments).await;
    assert_eq!(code, Some(0), "{stderr}");
    assert!(stdout.ends_with("All of it is gone.\n"), "{stdout}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_to_destroy_is_said() {
    let mut arguments = DESTROY.to_vec();
    arguments.extend(["--database", "dsql"]);
    let (code, stdout, _) = witness(vec![list(0, false), list(1, false)], &arguments).await;
    assert_eq!(code, Some(0));
    assert_eq!(
        stdout,
        "Nothing in us-east-1, us-east-2 carries the tag consistency-witness=ours.\n"
    );
}
