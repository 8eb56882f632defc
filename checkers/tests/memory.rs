//! That a search takes the memory that it may, as the system counts it, and no more.

#![allow(clippy::unwrap_used, reason = "tests")]
#![cfg(target_os = "linux")]

use witness_checkers::{Digest, Options, Valid, find, linearize, verify_proof};
use witness_histories::history;

const MIB: u64 = 1 << 20;
const BUDGET: u64 = 48 * MIB;

/// The most memory that this process had so far, in bytes.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let kib = line.unwrap().split_whitespace().nth(1).unwrap();
    kib.parse::<u64>().unwrap() << 10
}

fn options(model: &str) -> Options {
    let mut options = Options::default();
    options.object.model = Some(model.to_owned());
    options.object.memory_bytes_max = BUDGET;
    options
}

/// So many appends of which nobody knows, and then a text that has all of theirs in it and that none
/// of their orders gives.
fn appends(count: usize) -> String {
    let mut lines: Vec<String> = (0..count)
        .map(|p| format!("{p} invoke append k \"{p}\""))
        .collect();
    let all: String = (0..count).map(|p| p.to_string()).collect();
    lines.push(format!("{count} invoke get k\n{count} ok get k \"{all}-\""));
    lines.join("\n")
}

/// Puts of large values, all at once, and a take of one that is not there.
fn large_values(count: usize) -> String {
    let value = |id: usize| {
        format!(
            r#"{{"id":{},"text":"{}"}}"#,
            id % (count - 1),
            "x".repeat(500)
        )
    };
    let mut lines: Vec<String> = (0..count)
        .map(|p| format!("{p} invoke enqueue _ {}", value(p)))
        .collect();
    lines.extend((0..count).map(|p| format!("{p} ok enqueue")));
    lines.push(
        "99 invoke dequeue\n99 ok dequeue _ 1\n99 invoke enqueue _ 1\n99 info enqueue".to_owned(),
    );
    lines.join("\n")
}

/// One client: everything is put in, and then taken out of both ends of a set at once.
fn one_client(count: usize) -> String {
    let add = |n: usize| format!("0 invoke add _ \"{n}\"\n0 ok add");
    let remove = |n: usize| format!("0 invoke remove _ \"{n}\"\n0 ok remove");
    let mut lines: Vec<String> = (0..count).map(add).collect();
    lines.extend((0..count).map(remove));
    lines.push("0 invoke read\n0 ok read _ []".to_owned());
    lines.join("\n")
}

/// One test: the peak is of the whole process.
#[test]
fn a_search_stays_within_its_memory() {
    let checker = find("linearizable").unwrap();
    let digest = |lines: String| Digest::of(&history(&lines).unwrap(), [checker]).unwrap();

    // Who works for itself forgets what it will not come back to.
    let (one, options_of_set) = (digest(one_client(3_000)), options("set"));
    let before = peak();
    let (verdict, proof) = linearize(&one, &options_of_set);
    assert_eq!(verdict.valid, Valid::True, "{verdict:?}");
    assert_eq!(verify_proof(&one, &options_of_set, &proof.unwrap()), Ok(()));
    let taken = peak() - before;
    assert!(taken < 24 * MIB, "{} MiB for one client", taken / MIB);

    for (model, lines) in [("kv", appends(40)), ("fifo-queue", large_values(12))] {
        let digest = digest(lines);
        let before = peak();
        let verdict = checker.check(&digest, &options(model));
        assert_eq!(verdict.valid, Valid::Unknown, "{model}: {verdict:?}");
        assert!(verdict.summary.contains("MiB of memory"), "{verdict:?}");
        let taken = peak() - before;
        assert!(taken < BUDGET * 13 / 10, "{model}: {} MiB", taken / MIB);
    }
}
