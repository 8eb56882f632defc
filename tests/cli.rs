//! The command line as a user meets it: exit codes and messages.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// A sale of one seat to one buyer, whole, with evidence from both regions.
const SALE: &str = concat!(
    r#"{"index":0,"time":1,"type":"ok","process":"witness","f":"phase","value":{"phase":"setup","regions":["us-east-1","us-east-2"]}}"#,
    "\n",
    r#"{"index":1,"time":2,"type":"invoke","process":0,"region":"us-east-1","f":"acquire","key":"A1","value":{"buyer":"b1"}}"#,
    "\n",
    r#"{"index":2,"time":3,"type":"ok","process":0,"region":"us-east-1","f":"acquire","key":"A1","value":{"buyer":"b1","sale_id":"s1"},"attempts":1}"#,
    "\n",
    r#"{"index":3,"time":4,"type":"ok","process":"witness","f":"scoreboard","key":"A1","value":{"confirmed":1,"oversold":0}}"#,
    "\n",
    r#"{"index":4,"time":5,"type":"ok","process":"witness","region":"us-east-1","f":"evidence","value":{"table":"ledger","rows":[{"sale_id":"s1","key":"A1","buyer":"b1"}],"last":true}}"#,
    "\n",
    r#"{"index":5,"time":6,"type":"ok","process":"witness","region":"us-east-1","f":"evidence","value":{"table":"seats","rows":[{"key":"A1","status":"sold","owner":"b1","sale_id":"s1"}],"last":true}}"#,
    "\n",
    r#"{"index":6,"time":7,"type":"ok","process":"witness","region":"us-east-2","f":"evidence","value":{"table":"ledger","rows":[{"sale_id":"s1","key":"A1","buyer":"b1"}],"last":true}}"#,
    "\n",
    r#"{"index":7,"time":8,"type":"ok","process":"witness","region":"us-east-2","f":"evidence","value":{"table":"seats","rows":[{"key":"A1","status":"sold","owner":"b1","sale_id":"s1"}],"last":true}}"#,
    "\n",
    r#"{"index":8,"time":9,"type":"ok","process":"witness","f":"phase","value":{"phase":"end"}}"#,
    "\n",
);

/// The same, and the seat was sold to a second buyer.
fn oversold() -> String {
    let invoke = r#"{"index":3,"time":4,"type":"invoke","process":1,"region":"us-east-2","f":"acquire","key":"A1","value":{"buyer":"b2"}}"#;
    let ok = r#"{"index":4,"time":4,"type":"ok","process":1,"region":"us-east-2","f":"acquire","key":"A1","value":{"buyer":"b2","sale_id":"s2"},"attempts":1}"#;
    let mut text = String::new();
    for (n, line) in SALE.lines().enumerate() {
        if n == 3 {
            text.push_str(&format!("{invoke}\n{ok}\n"));
        }
        let index = if n < 3 { n } else { n + 2 };
        let line = line.replacen(
            &format!("\"index\":{n},"),
            &format!("\"index\":{index},"),
            1,
        );
        let both =
            r#"{"sale_id":"s1","key":"A1","buyer":"b1"},{"sale_id":"s2","key":"A1","buyer":"b2"}"#;
        let line = line.replace(r#"{"sale_id":"s1","key":"A1","buyer":"b1"}"#, both);
        text.push_str(&line.replace(
            r#""confirmed":1,"oversold":0"#,
            r#""confirmed":2,"oversold":1"#,
        ));
        text.push('\n');
    }
    text
}

struct Said {
    code: i32,
    stdout: String,
    stderr: String,
}

fn witness(arguments: &[&str], dir: &Path) -> Said {
    said(command(arguments, dir).output())
}

fn command(arguments: &[&str], dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_witness"));
    command
        .args(arguments)
        .current_dir(dir)
        .env_remove("WITNESS_SEED")
        .env_remove("WITNESS_STORE");
    command
}

fn said(output: std::io::Result<Output>) -> Said {
    let output = output.expect("witness runs");
    Said {
        code: output.status.code().expect("not killed"),
        stdout: String::from_utf8(output.stdout).expect("UTF-8"),
        stderr: String::from_utf8(output.stderr).expect("UTF-8"),
    }
}

fn dir_with(files: &[(&str, &str)]) -> TempDir {
    let dir = tempfile::tempdir().expect("a temporary folder");
    for (name, text) in files {
        std::fs::write(dir.path().join(name), text).expect("written");
    }
    dir
}

#[test]
fn valid_is_0_violated_is_1_unknown_is_2() {
    let cut = SALE.trim_end().rsplit_once('\n').expect("several lines").0;
    let oversold = oversold();
    let dir = dir_with(&[("valid", SALE), ("violated", &oversold), ("cut", cut)]);
    for (files, code) in [
        (&["valid"][..], 0),
        (&["violated"], 1),
        (&["cut"], 2),
        (&["valid", "cut"], 2),
        (&["valid", "violated", "cut"], 1),
    ] {
        let arguments: Vec<_> = ["check"].iter().chain(files).copied().collect();
        let said = witness(&arguments, dir.path());
        assert_eq!(said.code, code, "{files:?}\n{}{}", said.stdout, said.stderr);
    }
}

#[test]
fn a_verdict_goes_to_standard_output_without_colour_when_piped() {
    let dir = dir_with(&[("valid", SALE)]);
    let said = witness(&["check", "valid"], dir.path());
    assert!(said.stdout.contains("Linearizable ✓"), "{}", said.stdout);
    assert!(!said.stdout.contains('\x1b'), "{:?}", said.stdout);
    assert_eq!(said.stderr, "");
}

#[test]
fn json_is_the_verdicts_and_nothing_else() {
    let dir = dir_with(&[("valid", SALE), ("violated", &oversold())]);
    let one = witness(&["check", "--format", "json", "valid"], dir.path());
    let one: serde_json::Value = serde_json::from_str(&one.stdout).expect("JSON");
    assert_eq!(one["valid"], true);
    let both = witness(
        &["check", "--format", "json", "valid", "violated"],
        dir.path(),
    );
    let both: serde_json::Value = serde_json::from_str(&both.stdout).expect("JSON");
    assert_eq!(both["valid"], false);
    assert_eq!(both["histories"][1]["path"], "violated");
}

/// `witness check … | head -1`: the end of what reads decides nothing.
#[test]
fn who_stops_reading_changes_no_exit_code() {
    let oversold = oversold();
    let dir = dir_with(&[("valid", SALE), ("violated", &oversold)]);
    for (arguments, code) in [
        (&["check", "valid"][..], 0),
        (&["check", "violated"], 1),
        (&["check", "--format", "json", "valid", "violated"], 1),
        (&["convert", "violated", "-", "--to", "edn"], 0),
        (&["list"], 0),
        (&["--help"], 0),
        (&["completions", "bash"], 0),
    ] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let said = said(command(arguments, dir.path()).stdout(writer).output());
        assert_eq!(said.code, code, "{arguments:?}: {}", said.stderr);
        assert_eq!(said.stderr, "", "{arguments:?}");
    }
}

/// What is said there is no part of what comes of it.
#[test]
fn nobody_has_to_hear_what_goes_wrong() {
    let dir = dir_with(&[("empty", "")]);
    let mut cases = vec![(vec!["check", "empty"], 254)];
    let endpoints = ["us-east-1=a.invalid", "us-east-2=b.invalid"];
    if cfg!(feature = "aws") {
        // The cost is said before the question.
        let mut run = vec!["run", "seats", "--backend", "dynamodb"];
        run.extend(endpoints.iter().flat_map(|e| ["--endpoint", e]));
        cases.push((run, 254));
    }
    for (arguments, code) in cases {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let mut command = command(&arguments, dir.path());
        let status = command.stdin(Stdio::null()).stderr(writer).status();
        assert_eq!(status.expect("it runs").code(), Some(code), "{arguments:?}");
    }
}

/// Linearizability and its kin are properties of objects: which checker decides them is said.
#[test]
fn a_level_that_is_not_about_transactions_names_its_checker() {
    let dir = dir_with(&[("valid", SALE)]);
    for (level, checker) in [
        ("linearizable", "linearizable"),
        ("Sequential", "sequential"),
    ] {
        let said = witness(&["check", "valid", "--level", level], dir.path());
        assert_eq!(said.code, 254, "{}", said.stderr);
        let instead = format!("--checker {checker} decides it");
        assert!(said.stderr.contains(&instead), "{}", said.stderr);
    }
    let said = witness(&["check", "valid", "--level", "perfect"], dir.path());
    assert_eq!(said.code, 254, "{}", said.stderr);
    assert!(!said.stderr.contains("--checker"), "{}", said.stderr);
}

/// A proof is of one checker: what is of others is not ignored.
#[test]
fn options_that_a_proof_does_not_heed_are_refused() {
    let dir = dir_with(&[("valid", SALE), ("p.json", "{}")]);
    for other in [
        &["--checker", "isolation"][..],
        &["--seat", "A1"],
        &["--draw", "cycles"],
        &["--level", "serializable"],
        &["--data", "list-append"],
        &["--sequential-keys"],
        &["--linearizable-keys"],
    ] {
        for proof in ["--proof", "--verify-proof"] {
            let file = if proof == "--proof" {
                "new.json"
            } else {
                "p.json"
            };
            let mut arguments = vec!["check", "valid", proof, file];
            arguments.extend(other);
            let said = witness(&arguments, dir.path());
            assert_eq!(said.code, 254, "{arguments:?}: {}", said.stdout);
            assert!(
                said.stderr.contains("cannot be used with"),
                "{}",
                said.stderr
            );
        }
    }
    // Nothing is searched for, and there is nothing to print but that it is one.
    for (option, value) in [
        ("--format", "json"),
        ("--timeout", "60s"),
        ("--memory", "4096"),
    ] {
        let verified = ["check", "valid", "--verify-proof", "p.json", option, value];
        let said = witness(&verified, dir.path());
        assert_eq!(said.code, 254, "{option}: {}", said.stderr);
        assert!(
            said.stderr.contains("cannot be used with") && said.stderr.contains(option),
            "{}",
            said.stderr
        );
    }
    assert!(!dir.path().join("new.json").exists());
}

#[test]
fn standard_input_is_a_history_too() {
    let dir = dir_with(&[]);
    let mut child = command(&["check", "-"], dir.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("witness runs");
    child
        .stdin
        .take()
        .expect("piped")
        .write_all(SALE.as_bytes())
        .expect("read");
    assert_eq!(said(child.wait_with_output()).code, 0);
}

#[test]
fn what_is_no_history_gets_one_message_and_254() {
    let third = SALE
        .lines()
        .nth(1)
        .expect("a line")
        .replace("\"index\":1", "\"index\":2");
    let two_open = SALE
        .lines()
        .take(2)
        .chain([third.as_str()])
        .collect::<Vec<_>>()
        .join("\n");
    let dir = dir_with(&[
        ("malformed", &SALE.replacen("\"time\":3", "\"time\":x", 1)),
        ("empty", ""),
        ("two-open", &format!("{two_open}\n")),
        (
            "no-buyer",
            &SALE.replacen(r#""value":{"buyer":"b1"}"#, r#""value":{}"#, 1),
        ),
    ]);
    std::fs::create_dir(dir.path().join("folder")).expect("made");
    for (path, message) in [
        ("malformed", "witness: malformed:3:"),
        ("empty", "witness: empty:"),
        ("two-open", "witness: two-open:3: field \"process\":"),
        ("no-buyer", "witness: no-buyer:2:"),
        (
            "folder",
            "witness: folder: no history.jsonl in this folder\n",
        ),
        ("absent", "witness: absent: "),
    ] {
        let said = witness(&["check", path], dir.path());
        assert_eq!(said.code, 254, "{path}: {}", said.stderr);
        assert!(said.stderr.starts_with(message), "{path}: {}", said.stderr);
        assert_eq!(said.stderr.lines().count(), 1, "{path}: {}", said.stderr);
        assert_eq!(said.stdout, "", "{path}");
    }
}

#[test]
fn one_unreadable_history_does_not_hide_the_others() {
    let dir = dir_with(&[("valid", SALE), ("empty", "")]);
    let said = witness(&["check", "empty", "valid"], dir.path());
    assert_eq!(said.code, 254);
    assert!(said.stdout.contains("Linearizable ✓"), "{}", said.stdout);
    assert!(
        said.stderr.starts_with("witness: empty:"),
        "{}",
        said.stderr
    );
}

#[test]
fn a_name_that_is_nearly_right_is_suggested() {
    let dir = dir_with(&[("valid", SALE)]);
    let said = witness(&["check", "--checker", "ledger-onion", "valid"], dir.path());
    assert_eq!(said.code, 254);
    assert!(
        said.stderr.contains("did you mean \"ledger-union\"?"),
        "{}",
        said.stderr
    );
}

#[test]
fn a_history_has_the_same_verdict_in_every_format() {
    let dir = dir_with(&[("valid.jsonl", SALE), ("oversold.jsonl", &oversold())]);
    for (name, code) in [("valid", 0), ("oversold", 1)] {
        let ours = witness(&["check", &format!("{name}.jsonl")], dir.path());
        assert_eq!(ours.code, code, "{}", ours.stdout);
        for format in ["edn", "json"] {
            let other = format!("{name}.{format}");
            let converted = witness(&["convert", &format!("{name}.jsonl"), &other], dir.path());
            assert_eq!((converted.code, converted.stderr.as_str()), (0, ""));
            let theirs = witness(&["check", &other], dir.path());
            assert_eq!(theirs.code, code, "{}", theirs.stdout);
        }
    }
}

#[test]
fn what_a_reader_supplied_is_a_note_and_no_doubt() {
    let lines = SALE.lines().map(|line| {
        let (_, rest) = line.split_once(",\"time\"").expect("a time");
        format!("{{\"time\"{rest}")
    });
    let loose = format!("[{}]", lines.collect::<Vec<_>>().join(",\n"));
    let dir = dir_with(&[("loose.json", &loose)]);
    let said = witness(&["check", "loose.json"], dir.path());
    assert_eq!(said.code, 0, "{}", said.stdout);
    assert!(
        said.stdout
            .contains("indices were given out in order, from line 1 on, for 9 events"),
        "{}",
        said.stdout
    );
}

#[test]
fn wrong_usage_is_254_and_help_is_0() {
    let dir = dir_with(&[]);
    for arguments in [&["check"][..], &["walk"], &["run", "--bursts", "many"], &[]] {
        assert_eq!(witness(arguments, dir.path()).code, 254, "{arguments:?}");
    }
    for arguments in [
        &["--help"][..],
        &["run", "--help"],
        &["check", "-h"],
        &["--version"],
        &["list"],
    ] {
        let said = witness(arguments, dir.path());
        assert_eq!(said.code, 0, "{arguments:?}: {}", said.stderr);
        assert!(!said.stdout.is_empty());
    }
}

#[test]
fn every_subcommand_shows_examples() {
    let dir = dir_with(&[]);
    for command in [
        &["run"][..],
        &["check"],
        &["convert"],
        &["list"],
        &["regions", "up"],
        &["completions"],
    ] {
        let arguments: Vec<_> = command.iter().copied().chain(["--help"]).collect();
        let said = witness(&arguments, dir.path());
        assert!(
            said.stdout.contains("Example"),
            "{command:?}: {}",
            said.stdout
        );
    }
}

/// A read that does not see the write before it, among others.
const STALE: &str = concat!(
    r#"{"index":0,"time":1,"type":"invoke","process":0,"f":"write","key":"x","value":1}"#,
    "\n",
    r#"{"index":1,"time":2,"type":"ok","process":0,"f":"write","key":"x","value":1}"#,
    "\n",
    r#"{"index":2,"time":3,"type":"invoke","process":1,"f":"read","key":"y","value":null}"#,
    "\n",
    r#"{"index":3,"time":4,"type":"ok","process":1,"f":"read","key":"y","value":null}"#,
    "\n",
    r#"{"index":4,"time":5,"type":"invoke","process":1,"f":"read","key":"x","value":null}"#,
    "\n",
    r#"{"index":5,"time":6,"type":"ok","process":1,"f":"read","key":"x","value":null}"#,
    "\n",
);

#[test]
fn a_violation_is_shrunk_to_a_history_that_is_still_one() {
    let dir = dir_with(&[("h.jsonl", STALE), ("sale", SALE)]);
    let shrunk = witness(&["shrink", "h.jsonl"], dir.path());
    assert_eq!(shrunk.code, 1, "{}", shrunk.stderr);
    assert_eq!(
        shrunk.stdout,
        "4 of 6 events are enough: h.shrunk.jsonl\n\
         they are shown by: witness check h.shrunk.jsonl --checker linearizable --model register\n"
    );
    assert_eq!(witness(&["check", "h.shrunk.jsonl"], dir.path()).code, 1);
    let again = witness(&["shrink", "h.jsonl"], dir.path());
    assert_eq!(
        again.code, 254,
        "a file is never replaced: {}",
        again.stdout
    );
    let sale = witness(&["shrink", "sale"], dir.path());
    assert_eq!(sale.code, 2, "{}", sale.stdout);
    assert!(
        sale.stdout.contains("does not tell the model"),
        "{}",
        sale.stdout
    );
}

#[test]
fn a_proof_is_written_and_verified() {
    let valid: String = STALE
        .lines()
        .take(4)
        .map(|line| format!("{line}\n"))
        .collect();
    let dir = dir_with(&[("valid", &valid), ("stale", STALE)]);
    let proved = witness(&["check", "valid", "--proof", "p.json"], dir.path());
    assert_eq!(proved.code, 0, "{}", proved.stderr);
    let verify =
        |history: &str| witness(&["check", history, "--verify-proof", "p.json"], dir.path());
    assert_eq!(verify("valid").code, 0);
    let flawed = verify("stale");
    assert_eq!(flawed.code, 254, "{}", flawed.stdout);
    assert!(
        flawed.stderr.starts_with("witness: p.json: "),
        "{}",
        flawed.stderr
    );
    let none = witness(&["check", "stale", "--proof", "q.json"], dir.path());
    assert_eq!(none.code, 1);
    assert!(
        !dir.path().join("q.json").exists(),
        "there is nothing to prove"
    );
}

#[test]
fn options_say_how_operations_are_understood() {
    let dir = dir_with(&[("stale", STALE)]);
    for (arguments, code) in [
        (&[][..], 1),
        (&["--nil-reads", "unknown"], 0),
        (&["--clock-uncertainty", "1ms"], 0),
        (&["--model", "cas-register"], 1),
        (&["--model", "mutex"], 2),
        (&["--model", "regsiter"], 254),
    ] {
        let mut all = vec!["check", "stale", "--checker", "linearizable"];
        all.extend(arguments);
        let said = witness(&all, dir.path());
        assert_eq!(
            said.code, code,
            "{arguments:?}: {}{}",
            said.stdout, said.stderr
        );
    }
}

/// A number of any length, nil as Clojure has it, and no text that only looks like one.
#[test]
fn an_initial_value_is_what_it_is_spelt_as() {
    let read = |value: &str| {
        format!(
            "{{\"index\":0,\"time\":0,\"type\":\"invoke\",\"process\":0,\"f\":\"read\"}}\n\
             {{\"index\":1,\"time\":1,\"type\":\"ok\",\"process\":0,\"f\":\"read\",\"value\":{value}}}\n"
        )
    };
    let long = "123456789012345678901234567890";
    for (value, initial, code) in [
        (long, long, 0),
        (long, "123456789012345678901234567891", 1),
        ("null", "nil", 0),
        ("null", "null", 0),
        ("\"nil\"", "nil", 1),
        ("\"nil\"", "\"nil\"", 0),
        ("-1", "-1", 0),
        ("1", "{bad", 254),
        ("\"free\"", "free", 254),
    ] {
        let dir = dir_with(&[("history", &read(value))]);
        let all = [
            "check",
            "history",
            "--checker",
            "linearizable",
            "--model",
            "register",
            "--initial",
            initial,
        ];
        let said = witness(&all, dir.path());
        assert_eq!(
            said.code, code,
            "{value} {initial}: {}{}",
            said.stdout, said.stderr
        );
    }
}

/// What the reader gave out as times are nobody's clocks.
#[test]
fn where_no_times_were_recorded_uncertain_clocks_are_no_excuse() {
    let stale = r#"[
        {"type":"invoke","process":0,"f":"write","value":1},
        {"type":"ok","process":0,"f":"write","value":1},
        {"type":"invoke","process":1,"f":"read","value":null},
        {"type":"ok","process":1,"f":"read","value":null}]"#;
    let lists = r#"[
        {"type":"invoke","process":0,"f":"txn","value":[["append",1,1]]},
        {"type":"ok","process":0,"f":"txn","value":[["append",1,1]]},
        {"type":"invoke","process":1,"f":"txn","value":[["r",1,null]]},
        {"type":"ok","process":1,"f":"txn","value":[["r",1,[]]]}]"#;
    let dir = dir_with(&[("stale.json", stale), ("lists.json", lists)]);
    for (file, checker) in [
        ("stale.json", "linearizable"),
        ("stale.json", "staleness"),
        ("stale.json", "regular"),
        ("lists.json", "isolation"),
    ] {
        let said = witness(&["check", file, "--checker", checker], dir.path());
        assert_eq!(said.code, 1, "{checker}: {}", said.stdout);
        assert!(!said.stdout.contains(" ns"), "{}", said.stdout);
        let uncertain = [
            "check",
            file,
            "--checker",
            checker,
            "--clock-uncertainty",
            "1ms",
        ];
        let said = witness(&uncertain, dir.path());
        assert_eq!(said.code, 2, "{checker}: {}", said.stdout);
        assert!(said.stdout.contains("does not say when"), "{}", said.stdout);
    }
}

#[cfg(feature = "aws")]
mod run {
    use super::*;

    #[test]
    fn options_that_do_not_go_together_are_refused_before_anything_runs() {
        let dir = dir_with(&[]);
        for (arguments, message) in [
            (
                &["seets"][..],
                "there is no workload \"seets\"; there are: seats, register, list-append, rw-register, write-skew, long-fork",
            ),
            (
                &["write-skew", "--app", "conditional"],
                "there is no --app \"conditional\" of write-skew; there are: naive, for-update",
            ),
            (
                &["list-append", "--ops", "5..1"],
                "a transaction has 1 to 100 operations, not 5 to 1",
            ),
            (
                &["list-append", "--ops", "few"],
                "expected MIN..MAX, both included, such as 1..5",
            ),
            (
                &["list-append", "--writes-per-key", "0"],
                "a key takes one write at least",
            ),
            (
                &["long-fork", "--keys", "10001"],
                "transactions share at most 10000 keys, not 10001",
            ),
            (&["--backend", "oracle"], "there is no backend \"oracle\""),
            (
                &["--app", "clever"],
                "there is no --app \"clever\" of seats; there are: naive,",
            ),
            (
                &["--defect", "rust"],
                "there is no --defect \"rust\" of dsql, dynamodb; there are:",
            ),
            (&["--bursts", "0"], "a burst has 1 to 240 buyers, not 0"),
            (&["--on-sale", "12"], "expected SEATSxBUYERS, such as 12x60"),
            (
                &["--on-sale", "12x60", "--bursts", "8"],
                "'--on-sale <SEATSxBUYERS>' cannot be used with '--bursts <CLIENTS,…>'",
            ),
            (
                &["--endpoint", "us-east-1=h", "--endpoint", "us-east-2=h"],
                "--endpoint goes with one",
            ),
        ] {
            let arguments: Vec<_> = ["run"].iter().chain(arguments).copied().collect();
            let said = witness(&arguments, dir.path());
            assert_eq!(said.code, 254, "{arguments:?}: {}", said.stderr);
            assert!(
                said.stderr.contains(message),
                "{arguments:?}: {}",
                said.stderr
            );
            assert!(!dir.path().join("store").exists());
        }
    }

    #[test]
    fn an_endpoint_where_nobody_listens_is_named() {
        let dir = dir_with(&[]);
        for (backend, endpoint) in [("dynamodb", "http://127.0.0.1:1"), ("dsql", "localhost:1")] {
            let endpoints = ["us-east-1", "us-east-2"].map(|r| format!("{r}={endpoint}"));
            let said = said(
                command(
                    &["run", "--backend", backend, "--endpoint", &endpoints[0]],
                    dir.path(),
                )
                .args(["--endpoint", &endpoints[1]])
                .env("AWS_ACCESS_KEY_ID", "none")
                .env("AWS_SECRET_ACCESS_KEY", "none")
                .env("AWS_EC2_METADATA_DISABLED", "true")
                .output(),
            );
            assert_eq!(said.code, 255, "{backend}: {}", said.stderr);
            assert!(said.stderr.contains("making the tables"), "{}", said.stderr);
            assert!(said.stderr.contains("refused"), "{}", said.stderr);
            assert_eq!(said.stderr.lines().count(), 1, "{}", said.stderr);
        }
    }

    #[test]
    fn a_run_is_saved_and_its_check_repeats_the_verdict() {
        let dir = dir_with(&[]);
        let run = witness(
            &["run", "--backend", "dynamodb", "--bursts", "8"],
            dir.path(),
        );
        assert_eq!(run.code, 1, "{}{}", run.stdout, run.stderr);
        assert!(
            run.stdout
                .starts_with("DynamoDB Global Tables · embedded · us-east-1, us-east-2\n")
        );
        let latest = dir.path().join("store/latest");
        for file in ["history.jsonl", "run.json", "verdict.json", "report.html"] {
            assert!(latest.join(file).is_file(), "{file}");
        }
        let again = witness(&["check", "--format", "json", "store/latest"], dir.path());
        let saved = std::fs::read_to_string(latest.join("verdict.json")).expect("saved");
        assert_eq!(timeless(&again.stdout), timeless(&saved));
    }

    /// Without the one thing that differs from check to check.
    fn timeless(verdicts: &str) -> String {
        verdicts
            .lines()
            .filter(|line| !line.contains("\"elapsed_ns\""))
            .collect()
    }

    #[test]
    fn a_store_that_cannot_be_made_is_named() {
        let dir = dir_with(&[("store", "a file where a folder should be")]);
        let said = witness(&["run", "--backend", "dynamodb"], dir.path());
        assert_eq!(said.code, 255, "{}", said.stderr);
        assert!(
            said.stderr.starts_with("witness: dynamodb: store/seats: "),
            "{}",
            said.stderr
        );
    }

    /// A limit on a file's size stands in for a disk that is full.
    #[cfg(unix)]
    #[test]
    fn a_full_disk_is_named_and_nothing_recorded_is_lost() {
        let dir = dir_with(&[]);
        let limited = format!(
            "trap '' XFSZ; ulimit -f 16; exec {:?} run --backend dynamodb",
            env!("CARGO_BIN_EXE_witness")
        );
        let said = said(
            Command::new("sh")
                .args(["-c", &limited])
                .current_dir(&dir)
                .output(),
        );
        assert_eq!(said.code, 255, "{}{}", said.stdout, said.stderr);
        assert!(said.stderr.contains("history.jsonl: "), "{}", said.stderr);
        let saved = std::fs::read(dir.path().join("store/latest/history.jsonl")).expect("saved");
        assert!(saved.len() > 4000, "{} bytes", saved.len());
        let again = witness(&["check", "store/latest"], dir.path());
        assert!(
            [1, 2].contains(&again.code),
            "{}{}",
            again.stdout,
            again.stderr
        );
    }

    #[cfg(unix)]
    #[test]
    fn an_interrupted_run_leaves_a_history_and_says_what_was_not_done() {
        use std::io::{BufRead, BufReader};
        let dir = dir_with(&[]);
        let mut child = command(
            &[
                "run",
                "--backend",
                "dynamodb",
                "--bursts",
                "8,8,8,8,8,8,8,8",
            ],
            dir.path(),
        )
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("witness runs");
        // The first burst is over when its line is there.
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        while !lines
            .next()
            .expect("a line")
            .expect("UTF-8")
            .contains("c= 8")
        {}
        let interrupt = Command::new("kill")
            .args(["-INT", &child.id().to_string()])
            .status();
        assert!(interrupt.expect("kill runs").success());
        let rest: String = lines.map(|line| line.expect("UTF-8") + "\n").collect();
        let said = said(child.wait_with_output());
        assert!(
            said.stderr.contains("bursts were not run"),
            "{}",
            said.stderr
        );
        assert!(
            said.stderr.contains("the evidence was not read"),
            "{}",
            said.stderr
        );
        assert!(rest.contains("replay: witness check"), "{rest}");
        let again = witness(&["check", "store/latest"], dir.path());
        assert_eq!(again.code, said.code, "{}", again.stderr);
        assert_ne!(said.code, 0, "what was not seen is not valid");
    }

    /// The first ends a run that waits; the second ends one that the first cannot.
    #[cfg(unix)]
    #[test]
    fn interrupted_twice_it_ends_at_once_and_is_unknown() {
        use std::io::{BufRead, BufReader};
        let dir = dir_with(&[]);
        // More output than a pipe holds, and nobody reads it.
        let seat = "A".repeat(100_000);
        let arguments = ["run", "--backend", "dsql", "--bursts", "1", "--seat", &seat];
        let mut child = command(&arguments, dir.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("witness runs");
        while !dir.path().join("store/latest/report.html").exists() {
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        let id = child.id().to_string();
        let interrupt = || {
            let kill = Command::new("kill").args(["-INT", &id]).status();
            assert!(kill.expect("kill runs").success());
        };
        interrupt();
        let mut stderr = BufReader::new(child.stderr.take().expect("piped")).lines();
        while !stderr
            .next()
            .expect("a line")
            .expect("UTF-8")
            .contains("stopping")
        {}
        interrupt();
        let rest: String = stderr.map(|line| line.expect("UTF-8")).collect();
        assert!(rest.contains("stopped at once"), "{rest}");
        assert_eq!(child.wait().expect("ended").code(), Some(2));
        let again = witness(&["check", "store/latest"], dir.path());
        assert_eq!(again.code, 0, "{}", again.stderr);
    }

    #[cfg(unix)]
    #[test]
    fn interrupted_while_a_commit_hangs_it_ends_and_is_unknown() {
        use std::io::{BufRead, BufReader};
        let dir = dir_with(&[]);
        let arguments = [
            "run",
            "--backend",
            "dsql",
            "--inter-region-rtt",
            "600s",
            "--timeout",
            "1h",
        ];
        let mut child = command(&arguments, dir.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("witness runs");
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        lines.next().expect("a header").expect("UTF-8");
        let kill = Command::new("kill")
            .args(["-INT", &child.id().to_string()])
            .status();
        assert!(kill.expect("kill runs").success());
        let said = said(child.wait_with_output());
        assert_eq!(said.code, 2, "{}", said.stderr);
        assert!(
            said.stderr.contains("the evidence was not read"),
            "{}",
            said.stderr
        );
        assert_eq!(witness(&["check", "store/latest"], dir.path()).code, 2);
    }

    #[test]
    fn a_run_that_fails_does_not_hide_the_one_before() {
        let dir = dir_with(&[]);
        let arguments = [
            "run",
            "--backend",
            "dsql,dynamodb",
            "--bursts",
            "2",
            "--format",
            "json",
        ];
        let said = said(
            command(&arguments, dir.path())
                .env(
                    "WITNESS_DYNAMODB_ENDPOINTS",
                    "a=http://127.0.0.1:1,b=http://127.0.0.1:1",
                )
                .env("AWS_ACCESS_KEY_ID", "none")
                .env("AWS_SECRET_ACCESS_KEY", "none")
                .output(),
        );
        assert_eq!(said.code, 255, "{}", said.stderr);
        let json: serde_json::Value = serde_json::from_str(&said.stdout).expect("JSON");
        assert_eq!(json["valid"], "unknown");
        assert_eq!(json["histories"][0]["valid"], true);
    }

    #[test]
    fn endpoints_are_one_a_region() {
        let dir = dir_with(&[]);
        for (endpoints, message) in [
            (
                &["us-east-1=h"][..],
                "dsql needs an endpoint in two regions, not only us-east-1=h",
            ),
            (
                &["us-east-1=h", "us-east-1=i"],
                "us-east-1 has two endpoints of dsql",
            ),
        ] {
            let mut arguments = vec!["run", "--backend", "dsql"];
            arguments.extend(endpoints.iter().flat_map(|e| ["--endpoint", e]));
            let said = witness(&arguments, dir.path());
            assert_eq!(said.code, 254, "{}", said.stderr);
            assert!(said.stderr.contains(message), "{}", said.stderr);
        }
    }

    /// What a run on DynamoDB is made of is chosen, saved and printed.
    #[test]
    fn choices_are_printed_and_saved() {
        let dir = dir_with(&[]);
        let arguments = ["run", "--backend", "dynamodb", "--bursts", "2"];
        let plain = witness(&arguments, dir.path());
        let line = "\n  reads consistent, writes plain\n";
        assert!(plain.stdout.contains(line), "{}", plain.stdout);
        let mut chosen = arguments.to_vec();
        chosen.extend(["--reads", "eventual", "--writes", "conditional"]);
        chosen.extend(["--transactions", "--client-tokens"]);
        let said = witness(&chosen, dir.path());
        let line = "\n  reads eventual, writes conditional, transactions, client tokens\n";
        assert!(said.stdout.contains(line), "{}{}", said.stdout, said.stderr);
        let run = std::fs::read_to_string(dir.path().join("store/latest/run.json"));
        let run: serde_json::Value = serde_json::from_str(&run.expect("saved")).expect("JSON");
        let expected = serde_json::json!({
            "reads": "eventual", "writes": "conditional", "transactions": true, "client_tokens": true,
        });
        assert_eq!(run["options"]["database"], expected);
        assert_eq!(
            run.get("round_trips"),
            None,
            "embedded regions are not far away"
        );
        let dsql = [
            "run",
            "--backend",
            "dsql",
            "--bursts",
            "2",
            "--dsql-user",
            "buyer",
        ];
        let said = witness(&dsql, dir.path());
        // The role may not make tables on a real cluster; the embedded one lets it.
        assert!(
            said.stdout.contains("\n  role buyer\n"),
            "{}{}",
            said.stdout,
            said.stderr
        );
    }

    #[test]
    fn choices_that_do_not_go_together_are_wrong_arguments() {
        let dir = dir_with(&[]);
        for (arguments, message) in [
            (&["dynamodb", "--client-tokens"][..], "--transactions"),
            (&["dynamodb-mrsc", "--transactions"], "strong consistency"),
            (&["dsql", "--token-expiry", "8d"], "a week at most"),
            (&["dynamodb", "--reads", "sometimes"], "eventual"),
        ] {
            let mut command = vec!["run", "--bursts", "2", "--backend"];
            command.extend(arguments);
            let said = witness(&command, dir.path());
            assert_eq!(said.code, 254, "{arguments:?}: {}", said.stderr);
            assert!(said.stderr.contains(message), "{}", said.stderr);
        }
    }

    /// Nothing is sent before somebody has agreed to what it costs.
    #[test]
    fn a_run_that_costs_money_says_so_first() {
        let dir = dir_with(&[]);
        let mut run = command(&["run", "seats", "--backend", "dynamodb"], dir.path());
        for region in ["us-east-1", "us-east-2"] {
            run.args(["--endpoint", &format!("{region}=dynamodb.{region}.invalid")]);
        }
        let said = said(run.stdin(Stdio::null()).output());
        assert_eq!(said.code, 254, "{}", said.stderr);
        for part in ["write and", "read request units, $0.", "say --yes"] {
            assert!(said.stderr.contains(part), "{}", said.stderr);
        }
        // A part says what it takes itself, too: less than all.
        run.args(["--part", "2/2", "--seed", "7"]);
        let part = self::said(run.stdin(Stdio::null()).output());
        assert_eq!(part.code, 254, "{}", part.stderr);
        let takes = |text: &str, what: &str| {
            let (_, rest) = text.split_once(what).unwrap_or_else(|| panic!("{text}"));
            let number = rest.split_once(' ').expect("a number").0;
            number.parse::<u64>().expect("a number")
        };
        let all = takes(&said.stderr, "this run takes about ");
        let share = takes(&part.stderr, "this part of the run takes about ");
        assert!(share <= all / 2, "{}", part.stderr);
        let whole = takes(&part.stderr, "all of it would take one host about ");
        assert_eq!(whole, all, "{}", part.stderr);
        assert!(!dir.path().join("store").exists(), "it did not begin");
    }
}

#[cfg(all(unix, feature = "postgres"))]
#[test]
fn without_postgresql_the_message_says_how_to_get_it() {
    let run = Command::new(env!("CARGO_BIN_EXE_witness"))
        .args(["run", "seats", "--backend", "postgres"])
        .env("WITNESS_POSTGRES_BIN", "/nowhere")
        .env_remove("WITNESS_POSTGRES_URLS")
        .output()
        .expect("it runs");
    let said = String::from_utf8_lossy(&run.stderr);
    assert_eq!(run.status.code(), Some(255), "{said}");
    assert!(said.contains("apt-get install postgresql"), "{said}");
    assert!(said.contains("/nowhere"), "{said}");
}

#[cfg(feature = "aws")]
#[test]
fn an_option_of_another_workload_is_refused() {
    let dir = dir_with(&[]);
    let transactions = "list-append or rw-register";
    let others = "register or list-append or rw-register or write-skew or long-fork";
    for (workload, option, theirs) in [
        ("register", &["--seat", "A1"][..], "seats"),
        ("list-append", &["--on-sale", "12x60"], "seats"),
        ("write-skew", &["--send-twice"], "seats"),
        ("seats", &["--keys", "5"], others),
        ("seats", &["--requests", "50"], others),
        ("seats", &["--ops", "1..5"], transactions),
        ("register", &["--ops", "1..5"], transactions),
        ("write-skew", &["--writes-per-key", "32"], transactions),
        ("long-fork", &["--ops", "1..5"], transactions),
    ] {
        let mut arguments = vec!["run", workload, "--backend", "dynamodb"];
        arguments.extend(option);
        let said = witness(&arguments, dir.path());
        assert_eq!(said.code, 254, "{arguments:?}: {}", said.stderr);
        let expected = format!(
            "witness: {} goes with the workload {theirs}; {workload} has no such option\n",
            option[0]
        );
        assert_eq!(said.stderr, expected);
    }
    assert!(!dir.path().join("store").exists(), "nothing began");
}

/// Each with the value that it has by default, too: who gives it counts on it.
#[cfg(all(unix, feature = "aws", feature = "mysql"))]
#[test]
fn an_option_of_another_backend_is_refused() {
    let dir = dir_with(&[]);
    let dynamo = "--backend dynamodb or dynamodb-mrsc;";
    let servers = "--backend postgres or mysql;";
    for (backend, option, theirs) in [
        ("dsql", &["--reads", "consistent"][..], dynamo),
        ("dsql", &["--writes", "plain"], dynamo),
        ("dsql", &["--transactions"], dynamo),
        ("postgres", &["--transactions", "--client-tokens"], dynamo),
        ("mysql", &["--reads", "eventual"], dynamo),
        ("dynamodb", &["--dsql-user", "admin"], "--backend dsql;"),
        (
            "dynamodb-mrsc",
            &["--token-expiry", "15m"],
            "--backend dsql;",
        ),
        ("dsql", &["--isolation", "serializable"], servers),
        (
            "dsql",
            &["--url", "us-east-1=postgres://u:hunter2@h/d"],
            servers,
        ),
        ("dynamodb", &["--standby"], "--backend postgres;"),
        ("mysql", &["--standby"], "--backend postgres;"),
        (
            "mysql",
            &["--standby", "--standby-lag", "0s"],
            "--backend postgres;",
        ),
        ("dsql,dynamodb", &["--isolation", "serializable"], servers),
    ] {
        let mut arguments = vec!["run", "seats", "--backend", backend];
        arguments.extend(option);
        let said = witness(&arguments, dir.path());
        assert_eq!(said.code, 254, "{arguments:?}: {}", said.stderr);
        let expected = format!("{} goes with {theirs}", option[0]);
        assert!(said.stderr.contains(&expected), "{}", said.stderr);
        assert!(!said.stderr.contains("hunter2"), "{}", said.stderr);
        assert_eq!(said.stderr.lines().count(), 1, "{}", said.stderr);
    }
    assert!(!dir.path().join("store").exists(), "nothing began");
}

/// The command that is printed, split by the shell.
#[cfg(unix)]
#[test]
fn what_is_shrunk_comes_with_the_command_that_shows_it() {
    // A register that began at 3, of which one read is left.
    let lines = concat!(
        r#"{"index":0,"time":1,"type":"invoke","process":0,"f":"cas","value":{"id":"it's","v":[1,2]}}"#,
        "\n",
        r#"{"index":1,"time":2,"type":"fail","process":0,"f":"cas","error":{"class":"conflict","message":"lost"}}"#,
        "\n",
        r#"{"index":2,"time":3,"type":"invoke","process":0,"f":"read","key":"k"}"#,
        "\n",
        r#"{"index":3,"time":4,"type":"ok","process":0,"f":"read","key":"k","value":"it's 3"}"#,
        "\n",
    );
    let dir = dir_with(&[("h.jsonl", lines)]);
    let shrunk = witness(
        &[
            "shrink",
            "h.jsonl",
            "--output=-a b's.jsonl",
            "--initial",
            "\"it's\"",
            "--nil-reads",
            "unknown",
            "--failed-cas",
            "ignore",
            "--key-by",
            "whole",
            "--clock-uncertainty",
            "1s 5ms",
        ],
        dir.path(),
    );
    assert_eq!(shrunk.code, 1, "{}{}", shrunk.stdout, shrunk.stderr);
    let (_, command) = shrunk.stdout.split_once("they are shown by: ").unwrap();
    assert_eq!(
        command.trim_end(),
        r#"witness check './-a b'\''s.jsonl' --checker linearizable --model cas-register --initial '"it'\''s"' --nil-reads unknown --failed-cas ignore --key-by whole --clock-uncertainty '1s 5ms'"#
    );
    let program = env!("CARGO_BIN_EXE_witness");
    let command = command.replacen("witness", program, 1);
    let shown = std::process::Command::new("sh")
        .args(["-c", &command])
        .current_dir(dir.path())
        .output()
        .unwrap();
    assert_eq!(shown.status.code(), Some(1), "{shown:?}");
}

#[test]
fn a_model_that_cannot_start_so_is_a_wrong_argument() {
    let dir = dir_with(&[("h.jsonl", STALE)]);
    for (model, initial, why) in [
        (
            "mutex",
            "3",
            "a mutex cannot start with 3: expected nothing",
        ),
        (
            "semaphore",
            "1.5",
            "a semaphore cannot start with 1.5: expected a whole number, 0 at least",
        ),
        (
            "semaphore",
            "-1",
            "a semaphore cannot start with -1: expected a whole number, 0 at least",
        ),
        (
            "counter",
            "\"a\"",
            "a counter cannot start with \"a\": expected a whole number",
        ),
    ] {
        for command in [
            &["check"][..],
            &["check", "--proof", "p.json"],
            &["check", "--verify-proof", "p.json"],
            &["check", "--format", "json"],
            &["shrink"],
        ] {
            let more = ["h.jsonl", "--model", model, "--initial", initial];
            let refused = witness(&[command, &more].concat(), dir.path());
            assert_eq!(refused.code, 254, "{command:?} {}", refused.stdout);
            assert_eq!(refused.stdout, "");
            assert_eq!(refused.stderr, format!("witness: {why}\n"));
        }
    }
}

/// The clock said that the read began before the write had returned.
#[test]
fn a_clock_that_went_back_accuses_nobody() {
    let history = "{:type :invoke :process 0 :f :write :value 1 :time 1000}
{:type :ok :process 0 :f :write :value 1 :time 2000}
{:type :invoke :process 1 :f :read :time 3000}
{:type :ok :process 1 :f :read :value 1 :time 3000}
{:type :invoke :process 2 :f :read :time 1500}
{:type :ok :process 2 :f :read :time 1600}
";
    let dir = dir_with(&[("h.edn", history)]);
    let check = |more: &[&str]| {
        let all = [&["check", "h.edn", "--checker", "linearizable"], more].concat();
        witness(&all, dir.path())
    };
    let by_order = check(&[]);
    assert_eq!(by_order.code, 1, "{}", by_order.stdout);
    assert!(
        by_order.stdout.contains("were taken for the one before"),
        "{}",
        by_order.stdout
    );
    let by_clock = check(&["--clock-uncertainty", "100ns"]);
    assert_eq!(by_clock.code, 2, "{}", by_clock.stdout);
    assert!(
        by_clock.stdout.contains("does not say when all of its"),
        "{}",
        by_clock.stdout
    );
}
