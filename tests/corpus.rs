//! Every checker that applies runs every history of the corpus, and says what is
//! expected of it; see the README there.

#![allow(clippy::unwrap_used, reason = "a test may")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use witness::input::Input;
use witness_checkers::{Options, Valid, Verdict, Verdicts};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    about: String,
    focus: Option<String>,
    expect: BTreeMap<String, Expectation>,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expectation {
    valid: Valid,
    #[serde(default)]
    anomalies: BTreeMap<String, Vec<Vec<u64>>>,
}

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("histories/corpus")
}

/// The verdicts of all checkers that apply, in no time.
fn judge(history: &Path, focus: Option<String>) -> Verdicts {
    let mut options = Options::default();
    options.focus = focus;
    let mut verdicts = witness::check::history(&Input::new(history), &[], &options).unwrap();
    for verdict in &mut verdicts.verdicts {
        verdict.elapsed_ns = 0;
    }
    verdicts
}

fn said(verdict: &Verdict) -> Expectation {
    let mut anomalies: BTreeMap<String, Vec<Vec<u64>>> = BTreeMap::new();
    for anomaly in &verdict.anomalies {
        let of_name = anomalies.entry(anomaly.name.clone()).or_default();
        of_name.push(anomaly.operations.clone());
    }
    Expectation {
        valid: verdict.valid,
        anomalies,
    }
}

/// What is wrong with one history; empty if nothing is.
fn replay(history: &Path) -> Vec<String> {
    let read = |extension| fs::read_to_string(history.with_extension(extension));
    let expected = read("expected.json").expect("an expected.json beside the history");
    let expected: Expected = serde_json::from_str(&expected).unwrap();
    assert!(!expected.about.is_empty(), "{}", history.display());
    let verdicts = judge(history, expected.focus);
    let said: BTreeMap<String, Expectation> = verdicts
        .verdicts
        .iter()
        .map(|verdict| (verdict.checker.clone(), said(verdict)))
        .collect();
    let json = serde_json::to_string_pretty(&verdicts).unwrap() + "\n";
    if said != expected.expect {
        return vec![format!("expected {:?}\nbut {json}", expected.expect)];
    }
    if std::env::var_os("WITNESS_BLESS").is_some() {
        fs::write(history.with_extension("verdict.json"), &json).unwrap();
    }
    match read("verdict.json") {
        Ok(saved) if saved == json => Vec::new(),
        _ => vec![format!(
            "verdict.json does not repeat word for word; now\n{json}"
        )],
    }
}

#[test]
fn every_history_gets_the_expected_verdicts() {
    let files = fs::read_dir(corpus()).unwrap();
    let mut histories: Vec<PathBuf> = files
        .map(|file| file.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "jsonl")
        })
        .collect();
    histories.sort();
    assert!(histories.len() >= 12, "{histories:?}");
    let wrong: Vec<String> = histories
        .iter()
        .flat_map(|path| {
            replay(path)
                .into_iter()
                .map(move |wrong| format!("{}: {wrong}", path.display()))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn every_expectation_has_its_history() {
    for file in fs::read_dir(corpus()).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let stem = name.split('.').next().unwrap();
        let history = corpus().join(format!("{stem}.jsonl"));
        assert!(
            name == "README.md" || history.exists(),
            "{name} has no history"
        );
    }
}
