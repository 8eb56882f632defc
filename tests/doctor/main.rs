//! `witness doctor` as a person uses it: each check once all right, and once not.
#![allow(clippy::unwrap_used)]
#![cfg(unix)]

#[path = "../control/mod.rs"]
mod control;
mod dynamodb;
mod server;

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

const SECRET: &str = "c2VjcmV0IG9mIGEgdGVzdA";
const KEY: &str = "AKIADOCTORTEST";

/// A folder of programs, none but these: whether the clock is synchronised, and a shell.
fn programs(synchronised: &str, shell: &str) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let program = |name: &str, text: &str| {
        let path = dir.path().join(name);
        std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    };
    program(
        "timedatectl",
        &format!("echo NTPSynchronized={synchronised}"),
    );
    match shell {
        "" => symlink("/bin/sh", dir.path().join("sh")).unwrap(),
        text => program("sh", text),
    }
    dir
}

/// A host on which nothing is missing.
fn host(path: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_witness"));
    command.env_clear().env("PATH", path).env("HOME", path);
    command
        .arg("doctor")
        .env("AWS_ACCESS_KEY_ID", KEY)
        .env("AWS_SECRET_ACCESS_KEY", SECRET)
        .env("AWS_EC2_METADATA_DISABLED", "true");
    command
}

/// The exit code and the checks.
fn checks(command: &mut Command) -> (Option<i32>, Vec<Value>) {
    let output = command.args(["--format", "json"]).output().unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    for said in [&stdout, &stderr] {
        for secret in [SECRET, KEY, "X-Amz", "hunter2"] {
            assert!(!said.contains(secret), "{said}");
        }
    }
    let read: Value = serde_json::from_str(&stdout).unwrap_or_else(|_| panic!("{stdout}{stderr}"));
    let all = read["checks"].as_array().unwrap().clone();
    let missing = of_state(&all, "missing");
    assert_eq!(read["ok"], missing.is_empty(), "{stdout}");
    for check in &all {
        assert_eq!(
            check.get("fix").is_some(),
            check["state"] == "missing",
            "{check}"
        );
    }
    (output.status.code(), all)
}

/// Region and name of the checks of this state.
fn of_state(all: &[Value], state: &str) -> Vec<String> {
    let of = all.iter().filter(|check| check["state"] == state);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    of.map(|c| format!("{} {}", text(&c["place"]), text(&c["name"])))
        .collect()
}

#[test]
fn the_embedded_regions_have_all_that_a_run_needs() {
    let path = programs("yes", "");
    let mut doctor = host(path.path());
    doctor.args(["--backend", "dsql,dynamodb,dynamodb-mrsc"]);
    let (code, all) = checks(&mut doctor);
    assert_eq!(of_state(&all, "missing"), [""; 0], "{all:?}");
    assert_eq!(code, Some(0));
    let ok = of_state(&all, "ok");
    for check in [
        "this host clock",
        "this host open files",
        "us-east-2 round trip",
    ] {
        assert!(ok.contains(&check.to_owned()), "{ok:?}");
    }
    let trip = all
        .iter()
        .find(|check| check["name"] == "round trip")
        .unwrap();
    let min = trip["measured"]["min_ns"].as_i64().unwrap();
    assert!(
        min > 0 && min <= trip["measured"]["median_ns"].as_i64().unwrap(),
        "{trip}"
    );
}

#[test]
fn a_host_is_looked_at_for_all_backends() {
    let path = programs("no", "printf '256\\n4096\\n'");
    let mut doctor = host(path.path());
    doctor
        .env_remove("AWS_ACCESS_KEY_ID")
        .env("WITNESS_POSTGRES_BIN", "/nowhere")
        .env("WITNESS_MARIADB_BASE", "/nowhere");
    let (code, all) = checks(&mut doctor);
    assert_eq!(code, Some(1));
    let missing = of_state(&all, "missing");
    let mut expected = vec!["clock", "open files", "AWS credentials"];
    if cfg!(feature = "postgres") {
        expected.push("PostgreSQL");
    }
    if cfg!(feature = "mysql") {
        expected.push("MariaDB");
    }
    let expected: Vec<_> = expected
        .iter()
        .map(|name| format!("this host {name}"))
        .collect();
    assert_eq!(missing, expected, "{all:?}");

    let path = programs("yes", "");
    let (_, all) = checks(&mut host(path.path()));
    let ok = of_state(&all, "ok");
    for name in ["clock", "open files", "AWS credentials"] {
        assert!(ok.contains(&format!("this host {name}")), "{all:?}");
    }
    let keys = all
        .iter()
        .find(|check| check["name"] == "AWS credentials")
        .unwrap();
    assert_eq!(
        keys["found"],
        "from EnvironmentVariable; they do not expire"
    );
}

#[test]
fn what_a_person_reads_has_a_fix_under_what_is_missing() {
    let path = programs("no", "");
    let mut doctor = host(path.path());
    doctor.args(["--backend", "dsql"]);
    let output = doctor.output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stdout).unwrap();
    let expected = "  missing     clock           not synchronised, says timedatectl\n    \
                    fix: sudo timedatectl set-ntp true\n";
    assert!(text.contains(expected), "{text}");
    assert!(!text.contains('\x1b'), "{text}");
    assert!(
        text.lines().all(|line| line.chars().count() <= 80),
        "{text}"
    );
    for region in ["us-east-1", "us-east-2"] {
        let place = format!("{region} · dsql\n");
        assert_eq!(text.matches(&place).count(), 1, "{text}");
    }
}

#[test]
fn wrong_arguments_are_254() {
    let path = programs("yes", "");
    for (arguments, message) in [
        (&["--backend", "oracle"][..], "there is no backend"),
        (&["--endpoint", "us-east-1=h"], "--backend"),
        (
            &["--backend", "dsql", "--endpoint", "us-east-1=h"],
            "two regions",
        ),
        (
            &["--backend", "dsql", "--reads", "eventual"],
            "--backend dynamodb",
        ),
        (&["--reads", "eventual"], "--backend"),
        (
            &[
                "--backend",
                "dynamodb",
                "--endpoint",
                "us-east-1=https://u:hunter2@h:1",
            ],
            "--endpoint of us-east-1: a name or a password",
        ),
        (&["--timeout", "0s"], "in no time"),
        (
            &["--timeout", "18446744073709551615s"],
            "longer than ten years",
        ),
        (
            &["--url", "us-east-1=postgres://u:hunter2@h/d"],
            "--backend",
        ),
    ] {
        let output = host(path.path()).args(arguments).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(254), "{arguments:?}: {said}");
        assert!(said.contains(message), "{arguments:?}: {said}");
        assert!(!said.contains("hunter2"), "{said}");
    }
}

/// What a run would refuse before it begins, the doctor refuses in the same words.
#[test]
fn what_a_run_refuses_the_doctor_refuses() {
    let path = programs("yes", "");
    for arguments in [
        &["--backend", "dynamodb-mrsc", "--transactions"][..],
        &["--backend", "dynamodb,dynamodb-mrsc", "--transactions"],
        &["--backend", "dsql", "--token-expiry", "8days"],
        &["--backend", "dsql", "--dsql-user", ""],
    ] {
        let said = |subcommand: &[&str]| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_witness"));
            command.env_clear().env("PATH", path.path());
            let command = command.args(subcommand).args(arguments);
            let output = command.current_dir(path.path()).output().unwrap();
            let said = String::from_utf8(output.stderr).unwrap();
            (output.status.code(), said)
        };
        // One burst, for what is run before it comes to what is refused.
        let run = said(&["run", "register", "--bursts", "1", "--requests", "1"]);
        let doctor = said(&["doctor"]);
        assert_eq!(doctor.0, Some(254), "{doctor:?}");
        assert_eq!(doctor, run, "{arguments:?}");
    }
}

/// A port that nobody listens on.
fn closed() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

#[test]
fn servers_that_are_not_there_are_missing_and_their_passwords_are_not_shown() {
    let path = programs("yes", "");
    let (postgres, mysql) = (closed(), closed());
    for (backend, url) in [
        (
            "postgres",
            format!("us-east-1=postgres://u:hunter2@{postgres}/d"),
        ),
        ("mysql", format!("us-east-1=mysql://u:hunter2@{mysql}/d")),
    ] {
        if cfg!(not(feature = "mysql")) && backend == "mysql" {
            continue;
        }
        let mut doctor = host(path.path());
        doctor.args(["--backend", backend, "--url", &url]);
        let (code, all) = checks(&mut doctor);
        assert_eq!(code, Some(1));
        assert_eq!(of_state(&all, "missing"), ["us-east-1 let in"], "{all:?}");
    }
    let mut doctor = host(path.path());
    let dsql = [closed(), closed()];
    for (n, address) in dsql.iter().enumerate() {
        doctor.args(["--endpoint", &format!("us-east-{}={address}", n + 1)]);
    }
    let (code, all) = checks(doctor.args(["--backend", "dsql"]));
    assert_eq!(code, Some(1));
    assert_eq!(
        of_state(&all, "missing"),
        ["us-east-1 reached", "us-east-2 reached"],
        "{all:?}"
    );
}
