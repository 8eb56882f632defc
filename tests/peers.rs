//! Histories that others recorded against real databases, with the verdicts that
//! they published. They are read where they lie: `../shared/peers` from here, or
//! where `WITNESS_PEERS` says; where they are absent one trial says so by name.

use std::path::{Path, PathBuf};

use libtest_mimic::{Arguments, Failed, Trial};
use witness::input::Input;
use witness_checkers::{NilReads, Options, Valid, find};

/// Their models that the checker `linearizable` decides, and what it calls them.
const MODELS: [(&str, &str); 2] = [("cas-register", "cas-register"), ("kv-append", "kv")];

/// Their models that the checker `isolation` decides, as strict serializability.
const ISOLATION: [&str; 2] = ["list-append, strict-serializable", "long-fork"];

fn agree_on_isolation(path: &Path, expected: bool) -> Result<(), Failed> {
    let isolation = find("isolation")?;
    let digest = witness::check::digest(&Input::new(path), &[isolation], true)?;
    let verdict = isolation.check(&digest, &Options::default());
    let shown = verdict.anomalies.iter().all(|a| !a.operations.is_empty());
    let valid = if expected { Valid::True } else { Valid::False };
    if verdict.valid == valid && shown {
        return Ok(());
    }
    Err(format!("{} {} {:?}", verdict.title, verdict.summary, verdict.notes).into())
}

fn main() {
    let peers = std::env::var_os("WITNESS_PEERS").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/peers"),
        PathBuf::from,
    );
    let trials = match std::fs::read_to_string(peers.join("expected.tsv")) {
        Ok(expected) => expected
            .lines()
            .skip(1)
            .filter_map(|line| trial(&peers, line))
            .collect(),
        Err(_) => vec![
            Trial::test("peers", || Ok(()))
                .with_kind("no peers' histories here")
                .with_ignored_flag(true),
        ],
    };
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}

/// A line: file, format, model, whether it is valid, options.
fn trial(peers: &Path, line: &str) -> Option<Trial> {
    let columns: Vec<&str> = line.split('\t').collect();
    let &[file, _, model, valid, arguments] = &columns[..] else {
        panic!("expected.tsv: {line:?}");
    };
    if ISOLATION.contains(&model) {
        let (path, expected) = (peers.join(file), valid == "true");
        return Some(Trial::test(file, move || {
            agree_on_isolation(&path, expected)
        }));
    }
    let (_, model) = MODELS.iter().find(|(theirs, _)| *theirs == model)?;
    let path = peers.join(file);
    let expected = valid == "true";
    let knossos = arguments.contains("--initial 0 --nil-reads unknown");
    assert!(knossos || arguments == "-", "expected.tsv: {arguments:?}");
    let run = move || agree(&path, model, expected, knossos);
    Some(Trial::test(file, run))
}

fn agree(path: &Path, model: &str, expected: bool, knossos: bool) -> Result<(), Failed> {
    let linearizable = find("linearizable")?;
    let mut options = Options::default();
    options.object.model = Some(model.to_owned());
    if knossos {
        options.object.initial = Some("0".parse()?);
        options.object.nil_reads = NilReads::Unknown;
    }
    let digest = witness::check::digest(&Input::new(path), &[linearizable], true)?;
    let (verdict, proof) = witness_checkers::linearize(&digest, &options);
    let expected = if expected { Valid::True } else { Valid::False };
    if verdict.valid != expected {
        return Err(format!("{} {} {:?}", verdict.title, verdict.summary, verdict.notes).into());
    }
    match proof {
        Some(proof) => Ok(witness_checkers::verify_proof(&digest, &options, &proof)?),
        None => {
            let shown = verdict.anomalies.iter().all(|a| !a.operations.is_empty());
            let small = witness_checkers::shrink(&digest, &options).is_some();
            (shown && small)
                .then_some(())
                .ok_or("nothing shows it".into())
        }
    }
}
