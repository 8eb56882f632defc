//! `witness convert` as a user meets it.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

const OURS: &str = concat!(
    r#"{"index":0,"time":1,"type":"invoke","process":0,"region":"us-east-1","f":"cas","key":"A1","value":[0,":x"]}"#,
    "\n",
    r#"{"index":1,"time":2,"type":"fail","process":0,"region":"us-east-1","f":"cas","key":"A1","value":[0,":x"],"error":{"class":"rejected","message":"sold"},"attempts":2}"#,
    "\n",
    r#"{"index":2,"time":3,"type":"info","process":"nemesis","f":"heal","note":{"a b":null}}"#,
    "\n",
);

const EDN: &str = concat!(
    r#"{:index 0, :time 1, :type :invoke, :process 0, :region "us-east-1", :f :cas, :key "A1", :value [0 :x]}"#,
    "\n",
    r#"{:index 1, :time 2, :type :fail, :process 0, :region "us-east-1", :f :cas, :key "A1", :value [0 :x], :error [:rejected "sold"], :attempts 2}"#,
    "\n",
    r#"{:index 2, :time 3, :type :info, :process :nemesis, :f :heal, :note {"a b" nil}}"#,
    "\n",
);

fn dir_with(name: &str, contents: impl AsRef<[u8]>) -> TempDir {
    let dir = tempfile::tempdir().expect("a directory");
    fs::write(dir.path().join(name), contents).expect("written");
    dir
}

fn command(dir: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_witness"));
    command.arg("convert").args(arguments).current_dir(dir);
    command
}

/// Exit code, standard output, standard error.
fn said(output: Output) -> (i32, String, String) {
    (
        output.status.code().expect("an exit code"),
        String::from_utf8(output.stdout).expect("UTF-8"),
        String::from_utf8(output.stderr).expect("UTF-8"),
    )
}

fn convert(dir: &TempDir, arguments: &[&str]) -> (i32, String, String) {
    said(
        command(dir.path(), arguments)
            .output()
            .expect("witness runs"),
    )
}

fn done(out: &str) -> (i32, String, String) {
    (0, out.to_owned(), String::new())
}

#[test]
fn a_history_comes_back_from_every_format() {
    let dir = dir_with("ours.jsonl", OURS);
    assert_eq!(convert(&dir, &["ours.jsonl", "out.edn"]), done(""));
    assert_eq!(fs::read_to_string(dir.path().join("out.edn")).unwrap(), EDN);
    assert_eq!(
        convert(&dir, &["out.edn", "-", "--to", "jsonl"]),
        done(OURS)
    );
    assert_eq!(convert(&dir, &["out.edn", "out.json"]), done(""));
    let json = fs::read_to_string(dir.path().join("out.json")).unwrap();
    assert!(
        json.starts_with("[{\"index\":0,") && json.ends_with("}]\n"),
        "{json}"
    );
    assert_eq!(
        serde_json::from_str::<Vec<serde_json::Value>>(&json)
            .unwrap()
            .len(),
        3
    );
    assert_eq!(
        convert(&dir, &["out.json", "-", "--to", "jsonl"]),
        done(OURS)
    );
    let names: Vec<_> = fs::read_dir(dir.path())
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    assert_eq!(names.len(), 3, "something was left behind: {names:?}");
}

#[test]
fn a_run_directory_and_standard_input_are_read() {
    let dir = dir_with("history.jsonl", OURS);
    assert_eq!(convert(&dir, &[".", "-", "--to", "edn"]), done(EDN));
    let mut child = command(dir.path(), &["-", "-", "--to", "jsonl"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("witness runs");
    let mut stdin = child.stdin.take().expect("piped");
    stdin.write_all(EDN.as_bytes()).expect("written");
    drop(stdin);
    assert_eq!(said(child.wait_with_output().expect("ends")), done(OURS));
}

#[test]
fn tuples_are_split_when_asked_and_what_is_supplied_is_said() {
    let edn = "{:type :invoke, :process 0, :f :write, :value [\"x\" 1]}\n\
               {:type :info, :process 0, :f :write, :error :timeout}\n";
    let dir = dir_with("history.edn", edn);
    let (code, out, err) = convert(
        &dir,
        &["--independent", "history.edn", "-", "--to", "jsonl"],
    );
    assert_eq!(
        (code, out.as_str()),
        (
            0,
            "{\"index\":0,\"time\":0,\"type\":\"invoke\",\"process\":0,\"f\":\"write\",\"key\":\"x\",\"value\":1}\n\
             {\"index\":1,\"time\":1,\"type\":\"info\",\"process\":0,\"f\":\"write\",\"key\":\"x\",\
             \"error\":{\"class\":\"timeout\",\"message\":\"\"}}\n"
        )
    );
    assert_eq!(
        err,
        "witness: note: history.edn:1: indices were given out in order, from this line on, for 2 events\n\
         witness: note: history.edn:1: times were given out in order, from this line on, for 2 events\n"
    );
    let (_, out, _) = convert(&dir, &["history.edn", "-", "--to", "edn"]);
    assert!(out.contains(":value [\"x\" 1]"), "{out}");
}

#[test]
fn a_history_that_is_cut_short_stays_cut_short() {
    let cut = &OURS[..OURS.len() - 10];
    for to in ["jsonl", "json", "edn"] {
        let dir = dir_with("cut.jsonl", cut);
        let out = format!("out.{to}");
        let (code, _, err) = convert(&dir, &["cut.jsonl", &out]);
        assert_eq!(code, 0);
        assert!(
            err.contains("cut.jsonl:3: the last line is cut short"),
            "{err}"
        );
        let (code, lines, err) = convert(&dir, &[&out, "-", "--to", "jsonl"]);
        assert_eq!((code, lines.lines().count()), (0, 3), "{lines}");
        assert!(err.contains("is cut short after"), "{err}");
    }
}

#[test]
fn what_cannot_be_done_is_said_and_leaves_nothing_behind() {
    let dir = dir_with(
        "history.edn",
        "{:type :invoke, :process 0, :f :read}\n{:type :okay}\n",
    );
    for (arguments, message) in [
        (
            &["history.edn", "out.edn"][..],
            "history.edn:2:8: field \"type\": expected :invoke, :ok, :fail or :info",
        ),
        (
            &["history.edn", "out.log"],
            "out.log: the name does not tell the format: .jsonl, .json or .edn at its end does",
        ),
        (
            &["history.edn", "out", "--to", "jepsen-log"],
            "histories are not written as jepsen-log: that would lose some of them",
        ),
        (
            &["history.edn", "history.edn"],
            "history.edn: is there already, and is not replaced",
        ),
        (
            &["nothing", "out.edn"],
            "nothing: No such file or directory (os error 2)",
        ),
        (
            &["history.edn", "out.edn", "--from", "jsonl"],
            "history.edn:1:2: key must be a string",
        ),
    ] {
        let (code, out, err) = convert(&dir, arguments);
        assert_eq!((code, out.as_str()), (254, ""), "{err}");
        assert_eq!(err, format!("witness: {message}\n"));
    }
    let (code, _, err) = convert(&dir, &["history.edn", "out", "--to", "csv"]);
    assert_eq!(code, 254);
    assert!(
        err.contains("\"csv\" is no format: jsonl, json, edn, jepsen-log"),
        "{err}"
    );
    let entries = fs::read_dir(dir.path()).unwrap().count();
    assert_eq!(entries, 1);
}
