//! No secret is left anywhere: whatever this program prints or writes, with keys, tokens and
//! passwords in its environment and arguments, and whoever answers it.

#![allow(clippy::unwrap_used)]

#[allow(dead_code, reason = "whatever is asked, the answer is the same")]
mod control;

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use http_body_util::Full;
use hyper::Response;
use hyper::body::Bytes;
use serde_json::json;
use tokio::net::{TcpListener, TcpSocket};

const PASSWORD: &str = "hunter2-in-a-url";
const VARIABLE: &str = "hunter2-in-a-variable";
const SECRET_KEY: &str = "hunter2secretaccesskey";
const KEY_ID: &str = "AKIAHUNTER2KEYID0000";
const SESSION: &str = "hunter2sessiontoken";

/// What is nowhere to be found: those, what tokens and signatures are made of, and the keys of
/// the embedded regions.
const SECRETS: [&str; 10] = [
    PASSWORD,
    VARIABLE,
    SECRET_KEY,
    KEY_ID,
    SESSION,
    "X-Amz-Signature",
    "X-Amz-Credential",
    "Signature=",
    "embedded/witness/regions/only",
    "AKIAWITNESSEMBEDDED0",
];

/// The program in that folder, with a secret wherever one can be.
async fn runs(dir: &Path, arguments: &[&str], more: &[(&str, &str)]) -> Output {
    let mut run = Command::new(env!("CARGO_BIN_EXE_witness"));
    run.args(arguments).current_dir(dir).stdin(Stdio::null());
    for variable in [
        "AWS_PROFILE",
        "AWS_REGION",
        "AWS_ENDPOINT_URL",
        "WITNESS_SEED",
        "WITNESS_STORE",
    ] {
        run.env_remove(variable);
    }
    run.envs([
        ("AWS_ACCESS_KEY_ID", KEY_ID),
        ("AWS_SECRET_ACCESS_KEY", SECRET_KEY),
        ("AWS_SESSION_TOKEN", SESSION),
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("PGPASSWORD", VARIABLE),
        ("MYSQL_PWD", VARIABLE),
        ("RUST_LOG", "trace"),
        ("RUST_BACKTRACE", "1"),
    ]);
    run.envs(more.iter().copied());
    let ran = tokio::task::spawn_blocking(move || run.output());
    ran.await.expect("no panic").expect("it runs")
}

fn files(dir: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() && !path.is_symlink() {
            found.extend(files(&path));
        } else if path.is_file() {
            found.push(path);
        }
    }
    found
}

/// What was printed and what was written, all of it: no secret in any.
fn holds_none(dir: &Path, output: &Output, what: &str) -> String {
    let said = [&output.stdout[..], b"\n", &output.stderr[..]].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    let mut all = vec![("what was printed".to_owned(), said.clone())];
    for file in files(dir) {
        let text = fs::read(&file).expect("a file");
        let text = String::from_utf8_lossy(&text).into_owned();
        all.push((file.display().to_string(), text));
    }
    for (place, text) in all {
        for secret in SECRETS {
            assert!(
                !text.contains(secret),
                "{what}: {secret} in {place}:\n{text}"
            );
        }
    }
    said
}

/// A port that refuses everybody, while it is held.
fn refusing() -> (TcpSocket, u16) {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind(([127, 0, 0, 1], 0).into()).expect("a port");
    let port = socket.local_addr().expect("bound").port();
    (socket, port)
}

/// A port that hangs up on everybody.
async fn hanging_up() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("bound").port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            drop(stream);
        }
    });
    port
}

/// AWS where a signature does not match: it shows what it was to be made of.
async fn unmatched() -> String {
    let (url, _) = control::serve(|_| {
        let message = format!(
            "The request signature we calculated does not match the signature you provided. \
             Check your AWS Secret Access Key and signing method.\n\nThe Canonical String for \
             this request should have been\n'POST\n/\n\nhost:h\nx-amz-security-token:{SESSION}\n'"
        );
        let kind = "com.amazon.coral.service#InvalidSignatureException";
        let body = json!({"__type": kind, "message": message}).to_string();
        Response::builder()
            .status(403)
            .header("content-type", "application/x-amz-json-1.0")
            .header("x-amzn-errortype", "InvalidSignatureException")
            .body(Full::new(Bytes::from(body)))
            .expect("an answer")
    })
    .await;
    url
}

#[tokio::test]
async fn servers_that_let_nobody_in_are_told_of_without_a_password() {
    let (_held, refusing) = refusing();
    let hanging_up = hanging_up().await;
    for port in [refusing, hanging_up] {
        for (backend, scheme) in [("postgres", "postgres"), ("mysql", "mysql")] {
            for query in ["", "?sslmode=require", "?sslmode=hunter2-in-a-url"] {
                let dir = tempfile::tempdir().expect("a folder");
                let one = format!("one={scheme}://u:{PASSWORD}@127.0.0.1:{port}/d{query}");
                let without = format!("one={scheme}://u@127.0.0.1:{port}/d{query}");
                let variable = format!("WITNESS_{}_URLS", backend.to_uppercase());
                let url = [
                    "--backend",
                    backend,
                    "--timeout",
                    "5s",
                    "--url",
                    one.as_str(),
                ];
                let run = [&["run", "register"][..], &url].concat();
                let part = [&run[..], &["--seed", "7", "--part", "2/2", "--wait", "0s"]].concat();
                let json = [&["doctor", "--format", "json"][..], &url].concat();
                let short = ["run", "--backend", backend, "--timeout", "5s"];
                for (arguments, more) in [
                    (&run[..], &[][..]),
                    (&part, &[]),
                    (&[&["doctor"][..], &url].concat(), &[]),
                    (&json, &[]),
                    (&short, &[(variable.as_str(), one.as_str())]),
                    (&short, &[(&variable, &without)]),
                ] {
                    let output = runs(dir.path(), arguments, more).await;
                    let what = format!("{arguments:?} {more:?}");
                    let said = holds_none(dir.path(), &output, &what);
                    assert!(!output.status.success(), "{what}: {said}");
                    assert!(said.len() > 20, "{what}: {said}");
                }
            }
        }
    }
}

#[tokio::test]
async fn aws_that_lets_nobody_in_is_told_of_without_keys() {
    let (_held, refusing) = refusing();
    let (refusing, hanging_up) = (
        format!("http://127.0.0.1:{refusing}"),
        format!("http://127.0.0.1:{}", hanging_up().await),
    );
    let unmatched = unmatched().await;
    for url in [&refusing, &hanging_up, &unmatched] {
        let dir = tempfile::tempdir().expect("a folder");
        let place = url.trim_start_matches("http://");
        let endpoints = |of: &str| ["us-east-1", "us-east-2"].map(|r| format!("{r}={of}"));
        let (http, bare) = (endpoints(url), endpoints(place));
        let two = |[one, two]: &[String; 2]| {
            let all = ["--endpoint", one, "--endpoint", two, "--timeout", "5s"];
            all.map(str::to_owned).to_vec()
        };
        let regions = ["--region", "us-east-1", "--region", "us-east-2"];
        let regions = regions.map(str::to_owned).to_vec();
        let limit = ["--witness-region", "us-west-2", "--time-limit", "0s"];
        let (limit, yes) = (limit.map(str::to_owned).to_vec(), vec!["--yes".to_owned()]);
        for (first, more) in [
            ("run --backend dynamodb", [two(&http), yes.clone()].concat()),
            (
                "run --backend dynamodb-mrsc",
                [two(&http), yes.clone()].concat(),
            ),
            ("run --backend dsql", two(&bare)),
            ("doctor --backend dynamodb", two(&http)),
            ("doctor --format json --backend dynamodb", two(&http)),
            ("doctor --backend dsql", two(&bare)),
            ("doctor --format json --backend dsql", two(&bare)),
            ("doctor", Vec::new()),
            ("provision dsql", [regions.clone(), limit.clone()].concat()),
            (
                "provision dynamodb --mrsc",
                [regions.clone(), limit.clone()].concat(),
            ),
            ("provision destroy", [regions.clone(), yes.clone()].concat()),
        ] {
            let arguments: Vec<_> = first
                .split(' ')
                .chain(more.iter().map(String::as_str))
                .collect();
            let more = [
                ("AWS_ENDPOINT_URL_DSQL", url.as_str()),
                ("AWS_ENDPOINT_URL_DYNAMODB", url.as_str()),
            ];
            let output = runs(dir.path(), &arguments, &more).await;
            let said = holds_none(dir.path(), &output, &format!("{arguments:?}"));
            assert!(said.len() > 20, "{arguments:?}: {said}");
            if first != "doctor" {
                assert!(!output.status.success(), "{arguments:?}: {said}");
            }
            if url == &unmatched && first.contains("dynamodb") {
                let words = said.split_whitespace().collect::<Vec<_>>().join(" ");
                let read = words.contains("The request signature we calculated");
                assert!(read, "{arguments:?}: {said}");
            }
        }
    }
}

#[tokio::test]
async fn what_was_meant_for_another_option_is_not_repeated() {
    let dir = tempfile::tempdir().expect("a folder");
    for password in [
        PASSWORD.to_owned(),
        format!("{PASSWORD} '\"{PASSWORD}"),
        format!("p,{PASSWORD}`\n\\{PASSWORD}"),
    ] {
        for url in [
            &format!("us-east-1=postgres://u:{password}@h/d"),
            &format!("us-east-1=postgres://db/d?user=u&password={password}"),
            &format!("us-east-1=postgres://u@db/d?sslpassword={password}"),
        ] {
            for arguments in [
                &["run", "seats", url][..],
                &["run", "--uri", url],
                &["run", "--backend", "postgres", "--endpoint", url],
                &["run", "--backend", "dynamodb", "--endpoint", url],
                &["run", "--backend", url],
                &["run", url],
                &["run", "--level", url],
                &["run", "--part", url, "--seed", "7"],
                &["doctor", url],
                &["check", url],
                &["merge", url, "-o", url],
                &["provision", "dsql", "--region", url],
            ] {
                let output = runs(dir.path(), arguments, &[]).await;
                let said = holds_none(dir.path(), &output, &format!("{arguments:?}"));
                assert!(!output.status.success(), "{arguments:?}: {said}");
            }
        }
        for endpoints in [
            format!("us-east-1=https://u:{password}@h,us-east-2=https://h"),
            format!("us-east-1=https://h/?password={password},us-east-2=https://h"),
        ] {
            let run = ["run", "--backend", "dynamodb", "--yes"];
            let variable = [("WITNESS_DYNAMODB_ENDPOINTS", endpoints.as_str())];
            let output = runs(dir.path(), &run, &variable).await;
            let said = holds_none(dir.path(), &output, "endpoints");
            assert_eq!(output.status.code(), Some(254), "{said}");
            assert!(said.contains("a name or a password before an @"), "{said}");
        }
    }
}

/// Every address in it comes before an @, as a name and a password do.
#[tokio::test]
async fn what_is_wrong_is_said_whatever_the_environment() {
    let dir = tempfile::tempdir().expect("a folder");
    let services = (0..800).map(|n| format!("https://s{n}.example.com/a,"));
    let services = services.collect::<String>() + "mail=a@b";
    let run = ["run", "--seed", "http://x"];
    let output = runs(dir.path(), &run, &[("SERVICES", &services)]).await;
    let said = holds_none(dir.path(), &output, "services");
    assert_eq!(output.status.code(), Some(254), "{said}");
    assert!(said.contains("invalid value 'http://x'"), "{said}");
}

#[tokio::test]
async fn help_shows_no_variable_that_may_hold_a_secret() {
    let dir = tempfile::tempdir().expect("a folder");
    let urls = format!("a=postgres://u:{PASSWORD}@h/d");
    let more = [
        ("WITNESS_POSTGRES_URLS", urls.as_str()),
        ("WITNESS_MYSQL_URLS", urls.as_str()),
    ];
    for help in [
        &["--help"][..],
        &["run", "--help"],
        &["doctor", "--help"],
        &["regions", "up", "--help"],
        &["provision", "dsql", "--help"],
        &["provision", "destroy", "--help"],
        &["list"],
    ] {
        let output = runs(dir.path(), help, &more).await;
        let said = holds_none(dir.path(), &output, &format!("{help:?}"));
        assert!(output.status.success(), "{help:?}: {said}");
    }
    let policy = [
        "provision",
        "dsql",
        "--region",
        "us-east-1",
        "--region",
        "us-east-2",
        "--witness-region",
        "us-west-2",
        "--policy",
        "--account",
        "111122223333",
    ];
    let output = runs(dir.path(), &policy, &more).await;
    let said = holds_none(dir.path(), &output, "policy");
    assert!(output.status.success() && said.contains("dsql:"), "{said}");
}

/// Runs that come to a verdict, and those whose requests go wrong meanwhile.
#[tokio::test]
async fn runs_leave_no_key_behind() {
    for run in [
        &[
            "run",
            "list-append",
            "--backend",
            "dsql",
            "--bursts",
            "3",
            "--requests",
            "3",
        ][..],
        &[
            "run",
            "register",
            "--backend",
            "dynamodb",
            "--bursts",
            "3",
            "--requests",
            "3",
        ],
        &[
            "run",
            "seats",
            "--backend",
            "dynamodb-mrsc",
            "--bursts",
            "3",
        ],
    ] {
        let dir = tempfile::tempdir().expect("a folder");
        let output = runs(dir.path(), run, &[]).await;
        let said = holds_none(dir.path(), &output, &format!("{run:?}"));
        assert!(
            matches!(output.status.code(), Some(0..=2)),
            "{run:?}: {said}"
        );
        let saved = files(dir.path());
        for name in ["history.jsonl", "run.json", "verdict.json", "report.html"] {
            assert!(
                saved.iter().any(|file| file.ends_with(name)),
                "{run:?}: {name}"
            );
        }
    }
}
