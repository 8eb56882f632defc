//! `witness merge` as a user meets it, and that a history which was taken apart and merged
//! is judged as it was.

mod command;

use std::fs;
use std::path::Path;
#[cfg(feature = "aws")]
use std::time::SystemTime;

use command::witness;
use serde_json::Value;
use tempfile::TempDir;

/// A write that the east saw from 100 to 200 µs, and a read of nothing that the west saw
/// from `read` on.
fn write_and_read(read: i64) -> TempDir {
    let dir = tempfile::tempdir().expect("a directory");
    let event = |index, micros: i64, kind, f, value| {
        let time = micros * 1_000;
        format!(
            "{{\"index\":{index},\"time\":{time},\"type\":\"{kind}\",\"process\":3,\"f\":\"{f}\",\"key\":\"x\",\"value\":{value}}}\n"
        )
    };
    let east = event(0, 100, "invoke", "write", "1") + &event(1, 200, "ok", "write", "1");
    let west =
        event(0, read, "invoke", "read", "null") + &event(1, read + 50, "ok", "read", "null");
    fs::write(dir.path().join("east.jsonl"), east).expect("written");
    fs::write(dir.path().join("west.jsonl"), west).expect("written");
    dir
}

/// Both began in the same moment, by their clocks.
const STARTS: [&str; 4] = [
    "--start",
    "east=2026-11-27T10:00:00Z",
    "--start",
    "west=2026-11-27T10:00:00.000000000Z",
];

fn merge(dir: &TempDir, more: &[&str]) -> (i32, String, String) {
    let mut arguments = vec!["merge", "east.jsonl", "west.jsonl"];
    arguments.extend(more);
    witness(dir.path(), &arguments)
}

#[test]
fn two_histories_become_one() {
    let dir = write_and_read(150);
    let mut more = vec!["-o", "both.jsonl", "--clock-uncertainty", "10us"];
    more.extend(STARTS);
    let (code, out, error) = merge(&dir, &more);
    assert_eq!((code, error.as_str()), (0, ""), "{out}");
    assert_eq!(
        out,
        "4 events in both.jsonl\n  \
         east.jsonl: recorder east, process p became 2p\n  \
         west.jsonl: recorder west, process p became 2p + 1\n"
    );
    let merged = fs::read_to_string(dir.path().join("both.jsonl")).expect("merged");
    let events: Vec<Value> = merged
        .lines()
        .map(|line| serde_json::from_str(line).expect("an event"))
        .collect();
    let look = |field: &str| events.iter().map(|e| e[field].clone()).collect::<Vec<_>>();
    assert_eq!(look("index"), [0, 1, 2, 3]);
    assert_eq!(look("time"), [0, 50_000, 100_000, 100_000]);
    assert_eq!(look("process"), [6, 7, 6, 7]);
    assert_eq!(look("recorder"), ["east", "west", "east", "west"]);
    let start = 1_795_773_600_000_000_000i64;
    assert_eq!(
        events[0]["clock"],
        serde_json::json!([start + 90_000, start + 110_000])
    );
    let (code, ..) = witness(dir.path(), &["check", "both.jsonl"]);
    assert_eq!(code, 0);
}

#[test]
fn clocks_that_are_further_off_than_said_accuse_and_others_do_not() {
    // The read began before the write had returned, but the clock of the west is 80 µs fast.
    let dir = write_and_read(180 + 80);
    for (uncertainty, code) in [("10us", 1), ("29us", 1), ("30us", 0), ("100us", 0)] {
        let name = format!("{uncertainty}.jsonl");
        let mut more = vec!["-o", &name, "--clock-uncertainty", uncertainty];
        more.extend(STARTS);
        assert_eq!(merge(&dir, &more).0, 0);
        let checked = witness(dir.path(), &["check", &name]);
        assert_eq!(checked.0, code, "{uncertainty}: {}", checked.1);
    }
    let wider = ["check", "10us.jsonl", "--clock-uncertainty", "20us"];
    assert_eq!(
        witness(dir.path(), &wider).0,
        0,
        "widened when it is checked"
    );
}

#[test]
fn what_was_merged_can_be_converted_and_merged_again() {
    let dir = write_and_read(150);
    let mut more = vec!["-o", "both.edn", "--clock-uncertainty", "10us"];
    more.extend(STARTS);
    assert_eq!(merge(&dir, &more).0, 0);
    let (code, ..) = witness(dir.path(), &["convert", "both.edn", "both.jsonl"]);
    assert_eq!(code, 0);
    fs::write(
        dir.path().join("third.jsonl"),
        "{\"index\":0,\"time\":0,\"type\":\"invoke\",\"process\":0,\"f\":\"read\",\"key\":\"x\",\"clock\":[1,2],\"recorder\":\"third\"}\n",
    )
    .expect("written");
    let again = ["merge", "both.jsonl", "third.jsonl", "-o", "all.json"];
    let (code, out, error) = witness(dir.path(), &again);
    assert_eq!(code, 0, "{error}");
    assert!(
        out.contains("both.jsonl: recorder east, west, process p"),
        "{out}"
    );
    let twice = [
        "merge",
        "both.jsonl",
        "both.edn",
        "-o",
        "twice.jsonl",
        "--name",
    ];
    let (code, _, error) = witness(dir.path(), &twice[..5]);
    assert_eq!(code, 254);
    assert!(error.contains("would be called \"both\""), "{error}");
    let (code, _, error) = witness(
        dir.path(),
        &["merge", "both.edn", "./both.edn", "-o", "twice.jsonl"],
    );
    assert_eq!(code, 254);
    assert!(
        error.contains("both.edn and ./both.edn are one history: give it once"),
        "{error}"
    );
}

#[test]
fn wrong_input_is_refused_with_what_to_give() {
    let refused = |dir: &TempDir, more: &[&str], with: &str| {
        let (code, out, error) = merge(dir, more);
        assert_eq!((code, out.as_str()), (254, ""), "{more:?}: {error}");
        assert!(error.contains(with), "{more:?}: {error}");
        let left = fs::read_dir(dir.path()).expect("a directory");
        let left: Vec<_> = left.map(|it| it.expect("an entry").file_name()).collect();
        assert!(
            left.iter()
                .all(|name| !name.to_string_lossy().contains("partial")),
            "{left:?}"
        );
    };
    let dir = write_and_read(150);
    let out = ["-o", "both.jsonl"];
    refused(&dir, &out, "give --start east=");
    let starts = [&out[..], &STARTS].concat();
    refused(&dir, &starts, "give --clock-uncertainty, such as 5ms");
    let all = [&starts[..], &["--clock-uncertainty", "1ms"]].concat();
    refused(&dir, &["-o", "both"], "the name does not tell the format");
    refused(
        &dir,
        &["-o", "east.jsonl"],
        "is there already, and is not replaced",
    );
    refused(
        &dir,
        &[&out[..], &["--name", "a"]].concat(),
        "2 histories, but 1 times --name",
    );
    refused(
        &dir,
        &[&out[..], &["--name", "a", "--name", "a"]].concat(),
        "two recorders would be called \"a\"",
    );
    refused(
        &dir,
        &[&out[..], &["--start", "north=2026-11-27T10:00:00Z"]].concat(),
        "--start north: no recorder is called so; there are: east, west",
    );
    refused(
        &dir,
        &[&out[..], &["--start", "east=noon"]].concat(),
        "expected NAME=TIME",
    );
    refused(
        &dir,
        &[&out[..], &["--start", "east=3000-01-01T10:00:00Z"]].concat(),
        "a year from 1970 to 2262",
    );
    let late = [
        "--start",
        "east=2262-04-11T23:47:16.854775806Z",
        "--start",
        "west=2262-04-11T23:47:16.854775806Z",
        "--clock-uncertainty",
        "1ms",
    ];
    refused(&dir, &[&out[..], &late].concat(), "after the year 2262");
    // No history, and one whose clock goes back.
    fs::write(dir.path().join("west.jsonl"), "no history\n").expect("written");
    refused(&dir, &all, "west.jsonl:1:");
    let event = |index: u32, clock: [u32; 2]| {
        format!(
            "{{\"index\":{index},\"time\":{index},\"type\":\"ok\",\"process\":\"witness\",\"f\":\"phase\",\"clock\":{clock:?},\"recorder\":\"w\"}}\n"
        )
    };
    let back = event(0, [50, 60]) + &event(1, [40, 49]);
    fs::write(dir.path().join("west.jsonl"), back).expect("written");
    let east = "east=2026-11-27T10:00:00Z";
    let narrow = [&out[..], &["--start", east, "--clock-uncertainty", "0s"]].concat();
    refused(
        &dir,
        &narrow,
        "west.jsonl:2: field \"clock\": it is over 1 ns before that of the event on line 1 begins",
    );
    fs::write(dir.path().join("west.jsonl"), event(0, [60, 50])).expect("written");
    refused(
        &dir,
        &narrow,
        "field \"clock\": the earliest, 60, is after the latest, 50",
    );
    let (code, ..) = witness(dir.path(), &["merge", "east.jsonl", "-o", "one.jsonl"]);
    assert_eq!(code, 254, "one history is none to merge");
}

/// Takes a history of a sale apart by region; what Witness says goes with the first. The
/// clock of the second is off by that much.
fn apart(history: &str) -> TempDir {
    let dir = tempfile::tempdir().expect("a directory");
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("histories/corpus");
    let text = fs::read_to_string(corpus.join(history)).expect("in the corpus");
    let mut parts = [Vec::new(), Vec::new()];
    for line in text.lines() {
        let mut event: Value = serde_json::from_str(line).expect("an event");
        let west = event["process"].is_u64() && event["region"] == "us-east-2";
        let part = &mut parts[usize::from(west)];
        event["index"] = part.len().into();
        part.push(event.to_string() + "\n");
    }
    for (part, name) in parts.iter().zip(["east.jsonl", "west.jsonl"]) {
        assert!(!part.is_empty());
        fs::write(dir.path().join(name), part.concat()).expect("written");
    }
    dir
}

#[test]
fn a_sale_that_was_taken_apart_by_region_is_judged_as_it_was() {
    for (history, valid) in [
        ("run-dsql-naive.jsonl", true),
        ("run-dynamodb-naive.jsonl", false),
        ("run-dynamodb-idempotent.jsonl", false),
    ] {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("histories/corpus");
        let whole = corpus.join(history);
        let dir = apart(history);
        // The west is 20 µs fast, or the east.
        for (number, starts) in [
            [
                "east=2026-11-27T10:00:00Z",
                "west=2026-11-27T10:00:00.00002Z",
            ],
            [
                "east=2026-11-27T10:00:00.00002Z",
                "west=2026-11-27T10:00:00Z",
            ],
        ]
        .into_iter()
        .enumerate()
        {
            let out = format!("{number}.jsonl");
            let more = [
                "-o",
                &out,
                "--clock-uncertainty",
                "20us",
                "--start",
                starts[0],
                "--start",
                starts[1],
            ];
            let (code, _, error) = merge(&dir, &more);
            assert_eq!(code, 0, "{error}");
            for checker in ["at-most-one-acquisition", "ledger-union"] {
                let check = ["check", "--checker", checker];
                let whole = whole.to_str().expect("UTF-8");
                let one = witness(dir.path(), &[&check[..], &[whole]].concat());
                let two = witness(dir.path(), &[&check[..], &[&out]].concat());
                assert_eq!(one.0, two.0, "{history}, {checker}: {}\n{}", one.1, two.1);
            }
            let (code, out, _) = witness(dir.path(), &["check", &out]);
            assert_eq!(code, i32::from(!valid), "{history}: {out}");
        }
    }
}

/// What a part says of itself, as events from that index on.
fn part_of_two(index: u32, part: u32, run: &str) -> String {
    let said = |index: u32, phase: &str| {
        format!(
            "{{\"index\":{index},\"time\":9000000,\"type\":\"ok\",\"process\":\"witness\",\"f\":\"phase\",\"value\":{{\"phase\":\"{phase}\",\"part\":{part},\"parts\":2,\"run\":\"{run}\"}}}}\n"
        )
    };
    said(index, "part") + &said(index + 1, "undisturbed")
}

#[test]
fn of_parts_only_the_whole_is_judged() {
    // The west reads what the east wrote, long after: 1, which nobody in the west wrote, or
    // nothing, as if nobody had.
    for (read, valid) in [("1", true), ("null", false)] {
        let dir = write_and_read(5_000);
        let path = |name: &str| dir.path().join(name);
        for (name, part) in [("east.jsonl", 1), ("west.jsonl", 2)] {
            let text = fs::read_to_string(path(name)).expect("written");
            let answer = "\"type\":\"ok\",\"process\":3,\"f\":\"read\",\"key\":\"x\",\"value\":";
            let text = text.replace(&format!("{answer}null"), &format!("{answer}{read}"));
            let text = text + &part_of_two(2, part, "a");
            fs::write(path(name), text).expect("written");
            let (code, out, _) = witness(dir.path(), &["check", name]);
            assert_eq!(code, 2, "{out}");
            let said = format!("this is part {part} of 2 of a run");
            assert!(out.contains(&said) && !out.contains("iolated"), "{out}");
            // Whoever asks by name, or for a proof, or for less of it, hears the same.
            for more in [
                &["check", name, "--checker", "linearizable"][..],
                &["check", name, "--proof", "proof.json"],
                &["shrink", name],
            ] {
                let (code, out, error) = witness(dir.path(), more);
                assert_eq!(code, 2, "{more:?}: {out}{error}");
                assert!(out.contains("nothing is decided"), "{more:?}: {out}");
            }
            assert!(!path("proof.json").exists());
        }
        let mut more = vec!["-o", "whole.jsonl", "--clock-uncertainty", "10us"];
        more.extend(STARTS);
        let (code, out, error) = merge(&dir, &more);
        assert_eq!(code, 0, "{out}{error}");
        let check = ["check", "--format", "json", "whole.jsonl"];
        let (code, out, _) = witness(dir.path(), &check);
        assert_eq!(code, i32::from(!valid), "{out}");
        if !valid {
            let verdicts: Value = serde_json::from_str(&out).expect("JSON");
            let shown = &verdicts["verdicts"][0]["anomalies"][0]["operations"];
            let whole = fs::read_to_string(path("whole.jsonl")).expect("merged");
            let recorder = |index: &Value| {
                let line = whole
                    .lines()
                    .nth(index.as_u64().expect("an index") as usize);
                let event: Value = serde_json::from_str(line.expect("a line")).expect("an event");
                event["recorder"].as_str().expect("a name").to_owned()
            };
            let mut by: Vec<_> = shown
                .as_array()
                .expect("operations")
                .iter()
                .map(recorder)
                .collect();
            by.sort();
            assert_eq!(by, ["east", "west"], "{out}");
        }
        // Parts of two runs are none of one.
        let west = fs::read_to_string(path("west.jsonl")).expect("written");
        fs::write(
            path("west.jsonl"),
            west.replace("\"run\":\"a\"", "\"run\":\"b\""),
        )
        .expect("written");
        let mut more = vec!["-o", "mixed.jsonl", "--clock-uncertainty", "10us"];
        more.extend(STARTS);
        assert_eq!(merge(&dir, &more).0, 0);
        let (code, out, _) = witness(dir.path(), &["check", "mixed.jsonl"]);
        assert_eq!(code, 2, "{out}");
        assert!(out.contains("parts of 2 different runs"), "{out}");
        // One was cut off before it saw whether another run had been at the tables.
        let cut = west.trim_end().rsplit_once('\n').expect("lines").0;
        fs::write(path("west.jsonl"), format!("{cut}\n")).expect("written");
        let mut more = vec!["-o", "cut.jsonl", "--clock-uncertainty", "10us"];
        more.extend(STARTS);
        assert_eq!(merge(&dir, &more).0, 0);
        let (code, out, _) = witness(dir.path(), &["check", "cut.jsonl"]);
        assert_eq!(code, 2, "{out}");
        assert!(out.contains("part 2 of 2 ended before it"), "{out}");
    }
}

#[test]
fn what_a_run_json_says_is_noticed_and_one_that_is_none_is_named() {
    let dir = write_and_read(5_000);
    for (name, options) in [("east", "{\"keys\":5}"), ("west", "{\"keys\":8}")] {
        let run = dir.path().join(name);
        fs::create_dir(&run).expect("made");
        fs::rename(
            dir.path().join(format!("{name}.jsonl")),
            run.join("history.jsonl"),
        )
        .expect("moved");
        let workload = if name == "east" {
            "register"
        } else {
            "list-append"
        };
        let json = format!(
            "{{\"version\":\"0\",\"began\":\"\",\"workload\":\"{workload}\",\"backend\":\"b\",\"title\":\"\",\"provenance\":\"real\",\"claim\":\"\",\"endpoints\":[],\"seed\":1,\"options\":{options}}}"
        );
        fs::write(run.join("run.json"), json).expect("written");
    }
    let again = |out: &str, more: &[&str]| {
        let merge = [
            "merge",
            "east",
            "west",
            "-o",
            out,
            "--clock-uncertainty",
            "10us",
        ];
        witness(dir.path(), &[&merge[..], &STARTS, more].concat())
    };
    let (code, _, error) = again("one.jsonl", &[]);
    assert_eq!(code, 0, "{error}");
    assert!(
        error.contains("note: east and west are runs of their own"),
        "{error}"
    );
    assert!(
        error.contains("do not agree: workload \"register\" and \"list-append\""),
        "{error}"
    );
    assert_eq!(error.lines().count(), 2, "{error}");

    // Another name makes no other part of it.
    let saved = fs::read_to_string(dir.path().join("east/run.json")).expect("it is there");
    for (east, west, said) in [
        (
            "1/2",
            "1/2",
            "east and west are both part 1/2: give each part of one run once",
        ),
        (
            "1/2",
            "2/2",
            "two recorders would be called \"a\": give each a --name of its own",
        ),
    ] {
        for (name, part) in [("east", east), ("west", west)] {
            let options = format!("\"options\":{{\"part\":\"{part}\",");
            let run = saved.replace("\"options\":{", &options);
            fs::write(dir.path().join(name).join("run.json"), run).expect("written");
        }
        let (code, _, error) = again("parts.jsonl", &["--name", "a", "--name", "a"]);
        assert_eq!(code, 254, "{error}");
        assert!(error.contains(said), "{error}");
    }
    fs::write(dir.path().join("east/run.json"), saved).expect("written");
    fs::write(dir.path().join("west/run.json"), "{").expect("written");
    let (code, _, error) = again("two.jsonl", &[]);
    assert_eq!(code, 0, "{error}");
    assert!(
        error.contains("west/run.json: EOF while parsing"),
        "{error}"
    );
    assert_eq!(error.lines().count(), 1, "{error}");

    for name in ["", " "] {
        let (code, out, error) = again("three.jsonl", &["--name", "a", "--name", name]);
        assert_eq!((code, out.as_str()), (254, ""), "{error}");
        assert!(
            error.contains("a recorder would be called nothing"),
            "{error}"
        );
    }
}

/// The events of a history.
#[cfg(feature = "aws")]
fn events(dir: &Path, file: &str) -> Vec<Value> {
    let text = fs::read_to_string(dir.join(file)).expect("a history");
    let events = text.lines().map(serde_json::from_str);
    events.map(|event| event.expect("an event")).collect()
}

#[cfg(feature = "aws")]
#[test]
fn a_run_records_what_a_merge_needs() {
    let nanos = |time: SystemTime| -> i64 {
        let since = time
            .duration_since(SystemTime::UNIX_EPOCH)
            .expect("after 1970");
        i64::try_from(since.as_nanos()).expect("before 2262")
    };
    let dir = tempfile::tempdir().expect("a directory");
    // The east says when each event was; the west only, in its run.json, when it began.
    let began = nanos(SystemTime::now());
    for (recorder, stamping) in [
        (
            "east",
            &["--clock-uncertainty", "1ms", "--recorder", "usa"][..],
        ),
        ("west", &[]),
    ] {
        let run = [
            "run",
            "register",
            "--backend",
            "dynamodb",
            "--bursts",
            "4",
            "--requests",
            "5",
            "--seed",
            "1",
            "--store",
            recorder,
        ];
        let (code, out, error) = witness(dir.path(), &[&run[..], stamping].concat());
        assert!(code <= 2, "{out}{error}");
    }
    let over = nanos(SystemTime::now());
    let from: Vec<i64> = ["east", "west"]
        .map(|run| {
            let run = fs::read_to_string(dir.path().join(run).join("latest/run.json"));
            let run: Value = serde_json::from_str(&run.expect("saved")).expect("JSON");
            let from = run["recorded_from"].as_str().expect("a time").to_owned();
            nanos(humantime::parse_rfc3339(&from).expect("a time"))
        })
        .into();
    assert!(
        began <= from[0] && from[0] <= from[1] && from[1] <= over,
        "{from:?}"
    );

    let [east, west] =
        ["east", "west"].map(|run| events(dir.path(), &format!("{run}/latest/history.jsonl")));
    for event in &east {
        assert_eq!(event["recorder"], "usa");
        let [earliest, latest] = [0, 1].map(|at| event["clock"][at].as_i64().expect("a clock"));
        assert_eq!(latest - earliest, 2_000_000, "1 ms either way");
        let shown = earliest + 1_000_000;
        assert!(
            from[0] <= shown && shown <= from[1],
            "within its run: {event}"
        );
    }
    assert!(west.iter().all(|event| event["clock"].is_null()));

    let merge = [
        "merge",
        "east/latest",
        "west/latest",
        "-o",
        "both.jsonl",
        "--clock-uncertainty",
        "3ms",
    ];
    let (code, out, error) = witness(dir.path(), &merge);
    assert_eq!(code, 0, "{error}");
    assert!(out.contains("recorder usa, process p became 2p\n"), "{out}");
    let both = events(dir.path(), "both.jsonl");
    assert_eq!(both.len(), east.len() + west.len());
    for (at, alone) in [(0, &east), (1, &west)] {
        let merged = both
            .iter()
            .filter(|event| (event["recorder"] == "usa") == (at == 0));
        let merged: Vec<_> = merged.collect();
        assert_eq!(merged.len(), alone.len());
        for (merged, alone) in merged.into_iter().zip(alone) {
            for field in ["type", "f", "key", "value", "region", "error"] {
                assert_eq!(merged[field], alone[field], "{alone}");
            }
            let process = alone["process"].as_u64().map(|p| 2 * p + at);
            assert_eq!(merged["process"].as_u64(), process);
            let clock = match at {
                0 => [0, 1].map(|end| alone["clock"][end].as_i64().expect("a clock")),
                _ => [from[1] + alone["time"].as_i64().expect("a time"); 2],
            };
            assert_eq!(
                merged["clock"],
                serde_json::json!([clock[0] - 3_000_000, clock[1] + 3_000_000])
            );
        }
    }
}
