//! The checker `isolation` on examples as the papers give them: which anomaly each is,
//! which levels it breaks, and the strongest that still hold.

use std::collections::BTreeSet;

use serde_json::Value;
use witness_checkers::{Digest, DigestBuilder, Options, Valid, Verdict, find, isolation_levels};
use witness_histories::{Reader, history};

fn told(shorthand: &str) -> Digest {
    let history = history(shorthand).expect("a history");
    Digest::of(&history, find("isolation")).expect("transactions")
}

fn check(shorthand: &str, level: Option<&str>) -> Verdict {
    let checker = find("isolation").expect("registered");
    let mut options = Options::default();
    options.isolation.level = level.map(str::to_owned);
    checker.check(&told(shorthand), &options)
}

/// The verdict on that level, with nothing else decided.
fn check_alone(digest: &Digest, level: &str) -> Verdict {
    let checker = find("isolation").expect("registered");
    let mut options = Options::default();
    options.isolation.level = Some(level.to_owned());
    options.isolation.only_level = true;
    checker.check(digest, &options)
}

/// Which anomalies are found at the strictest level, and whether each of these levels
/// holds.
#[track_caller]
fn assert_found(shorthand: &str, anomalies: &[&str], hold: &[&str], fail: &[&str]) {
    let verdict = check(shorthand, None);
    let found: BTreeSet<&str> = verdict.anomalies.iter().map(|a| a.name.as_str()).collect();
    assert_eq!(found, anomalies.iter().copied().collect(), "{verdict:#?}");
    let levels = &verdict.scope["levels"];
    for level in hold {
        assert_eq!(levels[level], Value::Bool(true), "{level}: {levels:#}");
    }
    for level in fail {
        assert_eq!(levels[level], Value::Bool(false), "{level}: {levels:#}");
    }
}

#[test]
fn a_serial_history_holds_at_every_level() {
    let serial = r#"
        0 invoke txn _ [["append","x",1],["append","y",1]]
        0 ok     txn _ [["append","x",1],["append","y",1]]
        1 invoke txn _ [["r","x",null],["append","x",2]]
        1 ok     txn _ [["r","x",[1]],["append","x",2]]
        0 invoke txn _ [["r","x",null],["r","y",null]]
        0 ok     txn _ [["r","x",[1,2]],["r","y",[1]]]"#;
    let verdict = check(serial, None);
    assert_eq!(verdict.valid, Valid::True, "{verdict:#?}");
    assert!(
        verdict.scope["levels"]
            .as_object()
            .unwrap()
            .values()
            .all(|v| *v == Value::Bool(true))
    );
    assert_eq!(verdict.property, "strict-serializable");
}

/// Of levels that it does not imply one hears what it tells: what a lost update breaks, and nothing
/// of write skew, which nobody looked for.
#[test]
fn one_level_is_decided_alone() {
    let shorthand = r#"0 invoke txn _ [["r","x",null],["r","y",null],["append","x",1]]
           1 invoke txn _ [["r","x",null],["r","y",null],["append","y",1]]
           0 ok     txn _ [["r","x",[]],["r","y",[]],["append","x",1]]
           1 ok     txn _ [["r","x",[]],["r","y",[]],["append","y",1]]
           2 invoke txn _ [["r","x",null],["r","y",null]]
           2 ok     txn _ [["r","x",[1]],["r","y",[1]]]"#;
    let digest = told(shorthand);
    let alone = check_alone(&digest, "snapshot-isolation");
    assert_eq!(alone.valid, Valid::True, "{alone:#?}");
    assert!(alone.anomalies.is_empty() && alone.notes.is_empty());
    let levels = alone.scope["levels"].as_object().expect("levels");
    assert_eq!(levels["causal-cerone"], Value::Bool(true));
    assert!(!levels.contains_key("serializable") && !levels.contains_key("causal"));

    let alone = check_alone(&digest, "serializable");
    assert_eq!(alone.valid, Valid::False, "{alone:#?}");
    let levels = alone.scope["levels"].as_object().expect("levels");
    assert_eq!(levels["snapshot-isolation"], Value::Bool(true));
    assert_eq!(levels["strict-serializable"], Value::Bool(false));
    assert!(!levels.contains_key("causal"));
}

/// The digest of a history as anyone may have written it.
fn digest(text: &str) -> Digest {
    let mut reader = Reader::new("-", text.as_bytes());
    let mut digest = DigestBuilder::new([find("isolation").expect("registered")]);
    while let Some(event) = reader.next().expect("an event") {
        digest.event(&event).expect("a transaction");
    }
    for warning in reader.warnings() {
        digest.caveat(warning);
    }
    digest.finish().expect("a history")
}

/// Each level is told alone as it is among all.
fn assert_told_alone(digest: &Digest) {
    let checker = find("isolation").expect("registered");
    let whole = checker.check(digest, &Options::default()).scope["levels"].clone();
    for level in isolation_levels() {
        let alone = check_alone(digest, level.name);
        let told = &alone.scope["levels"];
        assert_eq!(
            told[level.name], whole[level.name],
            "{}: {alone:#?}",
            level.name
        );
        // What is told by the way is true.
        for (other, told) in told.as_object().expect("levels") {
            assert_eq!(*told, whole[other], "{other} with {}", level.name);
        }
    }
}

/// A serial execution is found in the order of real time, and none that keeps to less of it.
#[test]
fn a_level_alone_goes_by_what_a_stronger_one_allows() {
    let digest = told(
        r#"
            2 invoke txn _ [["w","k1",1],["r","k1",null],["w","k1",2],["w","k2",1],["w","k1",3],["r","k0",null],["w","k0",1]]
            1 invoke txn _ [["r","k0",null],["w","k0",2],["w","k1",4],["r","k2",null],["w","k2",2]]
            0 invoke txn _ [["w","k2",3],["r","k0",null],["w","k1",5]]
            0 ok     txn _ [["w","k2",3],["r","k0",1],["w","k1",5]]
            1 ok     txn _ [["r","k0",null],["w","k0",2],["w","k1",4],["r","k2",null],["w","k2",2]]
            2 ok     txn _ [["w","k1",1],["r","k1",1],["w","k1",2],["w","k2",1],["w","k1",3],["r","k0",2],["w","k0",1]]
            2 invoke txn _ [["r","k2",null],["r","k1",null],["r","k0",null],["w","k1",7],["r","k1",null]]
            2 ok     txn _ [["r","k2",1],["r","k1",3],["r","k0",1],["w","k1",7],["r","k1",7]]
            1 invoke txn _ [["w","k0",3],["r","k2",null],["w","k2",4]]
            1 ok     txn _ [["w","k0",3],["r","k2",3],["w","k2",4]]
            2 invoke txn _ [["w","k0",4],["w","k0",5],["r","k1",null],["w","k1",8]]
            1 invoke txn _ [["w","k2",5],["r","k1",null],["w","k1",9]]
            1 ok     txn _ [["w","k2",5],["r","k1",5],["w","k1",9]]
            1 invoke txn _ [["w","k2",6]]
            1 ok     txn _ [["w","k2",6]]
            2 ok     txn _ [["w","k0",4],["w","k0",5],["r","k1",9],["w","k1",8]]
            1 invoke txn _ [["w","k2",7],["r","k2",null],["w","k2",8]]
            2 invoke txn _ [["w","k0",6],["w","k1",10],["w","k2",9]]
            1 ok     txn _ [["w","k2",7],["r","k2",7],["w","k2",8]]
            2 ok     txn _ [["w","k0",6],["w","k1",10],["w","k2",9]]
            1 invoke txn _ [["r","k0",null],["r","k0",null]]
            1 ok     txn _ [["r","k0",5],["r","k0",5]]"#,
    );
    assert_told_alone(&digest);
    assert_eq!(check_alone(&digest, "cursor-stability").valid, Valid::True);
}

/// Real time tells of sessions that nobody recorded.
#[test]
fn a_level_alone_goes_by_real_time() {
    let digest = digest(
        r#"
        {:type :invoke :value [[:r :z nil] [:r :z nil] [:r :x nil]]}
        {:type :ok :value [[:r :z []] [:r :z []] [:r :x []]]}
        {:type :invoke :value [[:r :x nil] [:r :z nil]]}
        {:type :ok :value [[:r :x [1]] [:r :z []]]}
        {:type :invoke :value [[:r :z nil] [:r :x nil]]}
        {:type :ok :value [[:r :z []] [:r :x [1]]]}
        {:type :invoke :value [[:r :y nil] [:r :x nil] [:append :x 1] [:r :z nil]]}
        {:type :ok :value [[:r :y []] [:r :x []] [:append :x 1] [:r :z []]]}
        {:type :invoke :value [[:r :y nil] [:r :y nil]]}
        {:type :ok :value [[:r :y []] [:r :y []]]}"#,
    );
    assert_told_alone(&digest);
}

/// Of those that were not asked for nothing is said of which failed first.
#[test]
fn the_first_to_fail_is_one_that_was_asked_for() {
    let shorthand = r#"
            0 invoke txn _ [["w","x",1]]
            0 ok     txn _ [["w","x",1]]
            0 invoke txn _ [["r","x",null]]
            0 ok     txn _ [["r","x",null]]
            1 invoke txn _ [["r","x",null],["w","x",2]]
            2 invoke txn _ [["r","x",null],["w","x",3]]
            1 ok     txn _ [["r","x",1],["w","x",2]]
            2 ok     txn _ [["r","x",1],["w","x",3]]"#;
    let digest = told(shorthand);
    assert_told_alone(&digest);
    let alone = check_alone(&digest, "read-your-writes");
    assert_eq!(alone.valid, Valid::False);
    assert!(!alone.summary.contains("first"), "{}", alone.summary);
}

#[test]
fn write_skew_is_g2_item_and_snapshot_isolation_allows_it() {
    assert_found(
        r#"0 invoke txn _ [["r","x",null],["r","y",null],["append","x",1]]
           1 invoke txn _ [["r","x",null],["r","y",null],["append","y",1]]
           0 ok     txn _ [["r","x",[]],["r","y",[]],["append","x",1]]
           1 ok     txn _ [["r","x",[]],["r","y",[]],["append","y",1]]
           2 invoke txn _ [["r","x",null],["r","y",null]]
           2 ok     txn _ [["r","x",[1]],["r","y",[1]]]"#,
        &["G2-item"],
        &[
            "strong-snapshot-isolation",
            "causal",
            "parallel-snapshot-isolation",
        ],
        &["serializable", "repeatable-read", "strict-serializable"],
    );
}

#[test]
fn a_stale_read_breaks_real_time_only() {
    assert_found(
        r#"0 invoke txn _ [["append","x",1]]
           0 ok     txn _ [["append","x",1]]
           1 invoke txn _ [["r","x",null]]
           1 ok     txn _ [["r","x",[]]]
           1 invoke txn _ [["r","x",null]]
           1 ok     txn _ [["r","x",[1]]]"#,
        &["G-single-realtime"],
        &[
            "strong-session-serializable",
            "serializable",
            "strong-read-committed",
        ],
        &["strong-snapshot-isolation", "strict-serializable"],
    );
}

#[test]
fn a_process_that_misses_its_own_write_breaks_its_session() {
    assert_found(
        r#"0 invoke txn _ [["append","x",1]]
           0 ok     txn _ [["append","x",1]]
           0 invoke txn _ [["r","x",null]]
           0 ok     txn _ [["r","x",[]]]
           1 invoke txn _ [["r","x",null]]
           1 ok     txn _ [["r","x",[1]]]"#,
        &["G-single-process", "missing-your-writes"],
        &[
            "serializable",
            "monotonic-reads",
            "monotonic-writes",
            "writes-follow-reads",
        ],
        &[
            "read-your-writes",
            "causal",
            "strong-session-snapshot-isolation",
        ],
    );
}

#[test]
fn two_readers_who_saw_opposite_orders_are_a_long_fork() {
    assert_found(
        r#"0 invoke txn _ [["append","x",1]]
           1 invoke txn _ [["append","y",1]]
           2 invoke txn _ [["r","x",null],["r","y",null]]
           3 invoke txn _ [["r","x",null],["r","y",null]]
           0 ok     txn _ [["append","x",1]]
           1 ok     txn _ [["append","y",1]]
           2 ok     txn _ [["r","x",[1]],["r","y",[]]]
           3 ok     txn _ [["r","x",[]],["r","y",[1]]]"#,
        &["long-fork"],
        &["parallel-snapshot-isolation", "causal"],
        &["snapshot-isolation", "serializable"],
    );
}

#[test]
fn two_updates_of_one_version_lose_one() {
    assert_found(
        r#"0 invoke txn _ [["r","x",null],["append","x",1]]
           1 invoke txn _ [["r","x",null],["append","x",2]]
           0 ok     txn _ [["r","x",[]],["append","x",1]]
           1 ok     txn _ [["r","x",[]],["append","x",2]]
           2 invoke txn _ [["r","x",null]]
           2 ok     txn _ [["r","x",[1,2]]]"#,
        &["lost-update", "G-single"],
        &["read-atomic", "causal"],
        &["cursor-stability", "parallel-snapshot-isolation"],
    );
}

#[test]
fn half_of_a_transaction_is_a_fractured_read() {
    assert_found(
        r#"0 invoke txn _ [["append","x",1],["append","y",1]]
           1 invoke txn _ [["r","y",null],["r","x",null]]
           0 ok     txn _ [["append","x",1],["append","y",1]]
           1 ok     txn _ [["r","y",[]],["r","x",[1]]]
           2 invoke txn _ [["r","y",null]]
           2 ok     txn _ [["r","y",[1]]]"#,
        &["G-single", "fractured-read"],
        &["monotonic-atomic-view", "read-committed"],
        &["read-atomic", "causal-cerone", "snapshot-isolation"],
    );
}

#[test]
fn what_was_observed_and_then_not_has_vanished() {
    assert_found(
        r#"0 invoke txn _ [["append","x",1],["append","y",1]]
           1 invoke txn _ [["r","x",null],["r","y",null]]
           0 ok     txn _ [["append","x",1],["append","y",1]]
           1 ok     txn _ [["r","x",[1]],["r","y",[]]]
           2 invoke txn _ [["r","y",null]]
           2 ok     txn _ [["r","y",[1]]]"#,
        &["G-single", "observed-transaction-vanishes"],
        &["read-committed"],
        &["monotonic-atomic-view", "read-atomic"],
    );
}

#[test]
fn dirty_reads_have_their_names() {
    assert_found(
        r#"0 invoke txn _ [["append","x",1]]
           0 fail   txn _ [["append","x",1]] conflict: no
           1 invoke txn _ [["r","x",null],["append","x",2]]
           1 ok     txn _ [["r","x",[1]],["append","x",2]]
           2 invoke txn _ [["r","x",null]]
           2 ok     txn _ [["r","x",[1,2]]]"#,
        &["G1a", "dirty-update"],
        &["read-uncommitted"],
        &["read-committed"],
    );
    assert_found(
        r#"0 invoke txn _ [["append","x",1],["append","x",2]]
           1 invoke txn _ [["r","x",null]]
           0 ok     txn _ [["append","x",1],["append","x",2]]
           1 ok     txn _ [["r","x",[1]]]
           2 invoke txn _ [["r","x",null]]
           2 ok     txn _ [["r","x",[1,2]]]"#,
        &["G1b", "G-single"],
        &["read-uncommitted"],
        &["read-committed"],
    );
}

#[test]
fn writes_in_a_circle_are_g0_and_what_was_seen_in_a_circle_g1c() {
    assert_found(
        r#"0 invoke txn _ [["append","x",1],["append","y",1]]
           1 invoke txn _ [["append","x",2],["append","y",2]]
           0 ok     txn _ [["append","x",1],["append","y",1]]
           1 ok     txn _ [["append","x",2],["append","y",2]]
           2 invoke txn _ [["r","x",null],["r","y",null]]
           2 ok     txn _ [["r","x",[1,2]],["r","y",[2,1]]]"#,
        &["G0", "non-monotonic-writes"],
        &[],
        &["read-uncommitted", "read-committed", "monotonic-writes"],
    );
    assert_found(
        r#"0 invoke txn _ [["append","x",1],["r","y",null]]
           1 invoke txn _ [["append","y",1],["r","x",null]]
           0 ok     txn _ [["append","x",1],["r","y",[1]]]
           1 ok     txn _ [["append","y",1],["r","x",[1]]]"#,
        &["G1c"],
        &["read-uncommitted"],
        &["read-committed"],
    );
}

#[test]
fn what_no_order_of_versions_explains_is_named() {
    assert_found(
        r#"0 invoke txn _ [["append","x",1]]
           0 ok     txn _ [["append","x",1]]
           1 invoke txn _ [["append","x",2]]
           1 ok     txn _ [["append","x",2]]
           2 invoke txn _ [["r","x",null]]
           2 ok     txn _ [["r","x",[1,2]]]
           2 invoke txn _ [["r","x",null]]
           2 ok     txn _ [["r","x",[2,1]]]"#,
        &["incompatible-order"],
        // Lists that contradict each other leave what is weaker open.
        &[],
        &["read-committed"],
    );
    assert_found(
        r#"2 invoke txn _ [["r","x",null]]
           2 ok     txn _ [["r","x",[9]]]"#,
        &["garbage-read"],
        &[],
        &["read-uncommitted", "read-your-writes"],
    );
}

#[test]
fn a_transaction_must_agree_with_itself() {
    assert_found(
        r#"0 invoke txn _ [["append","x",1],["r","x",null]]
           0 ok     txn _ [["append","x",1],["r","x",[]]]
           1 invoke txn _ [["r","x",null]]
           1 ok     txn _ [["r","x",[1]]]"#,
        &["internal"],
        &["repeatable-read"],
        &["read-atomic", "serializable"],
    );
}

#[test]
fn one_of_which_nobody_knows_counts_if_it_was_seen() {
    let seen = r#"
        0 invoke txn _ [["append","x",1]]
        0 info   txn _ _ timeout: no answer
        1 invoke txn _ [["r","x",null]]
        1 ok     txn _ [["r","x",[1]]]"#;
    assert_eq!(check(seen, None).valid, Valid::True);
    let unseen = r#"
        0 invoke txn _ [["append","x",1]]
        0 info   txn _ _ timeout: no answer
        1 invoke txn _ [["r","x",null]]
        1 ok     txn _ [["r","x",[]]]"#;
    assert_eq!(check(unseen, None).valid, Valid::True);
}

#[test]
fn appends_that_nobody_saw_are_put_in_some_order() {
    let unseen = r#"
        0 invoke txn _ [["r","x",null],["append","x",1]]
        0 ok     txn _ [["r","x",[]],["append","x",1]]
        1 invoke txn _ [["append","x",2]]
        1 ok     txn _ [["append","x",2]]
        2 invoke txn _ [["append","x",3]]
        2 ok     txn _ [["append","x",3]]"#;
    assert_eq!(check(unseen, None).valid, Valid::True);
}

/// What was read and overwritten behind its back does not matter to levels that allow it.
#[test]
fn appends_that_nobody_saw_leave_no_weak_level_open() {
    assert_found(
        r#"0 invoke txn _ [["r","x",null],["r","y",null]]
           1 invoke txn _ [["append","x",1],["append","y",1]]
           1 ok     txn _ [["append","x",1],["append","y",1]]
           0 ok     txn _ [["r","x",[]],["r","y",[1]]]
           2 invoke txn _ [["r","x",null],["r","y",null]]
           2 ok     txn _ [["r","x",[1]],["r","y",[1]]]
           3 invoke txn _ [["append","z",1]]
           3 ok     txn _ [["append","z",1]]
           4 invoke txn _ [["append","z",2]]
           4 ok     txn _ [["append","z",2]]"#,
        &["G-single", "fractured-read"],
        &[
            "monotonic-atomic-view",
            "cursor-stability",
            "strong-read-committed",
        ],
        &[
            "read-atomic",
            "causal",
            "repeatable-read",
            "parallel-snapshot-isolation",
            "serializable",
        ],
    );
}

/// Each had to come first of those who appended to what it read.
#[test]
fn of_two_updates_that_nobody_saw_one_is_lost() {
    let history = r#"
        0 invoke txn _ [["r","x",null],["append","x",1],["append","z",1]]
        1 invoke txn _ [["r","z",null],["append","z",2],["append","x",2]]
        0 ok     txn _ [["r","x",[]],["append","x",1],["append","z",1]]
        1 ok     txn _ [["r","z",[]],["append","z",2],["append","x",2]]"#;
    assert_found(
        history,
        &["lost-update", "G2-item"],
        &["strong-read-committed", "causal"],
        &["cursor-stability", "repeatable-read", "snapshot-isolation"],
    );
    let verdict = check(history, Some("cursor-stability"));
    let lost: Vec<_> = verdict.anomalies.iter().map(|a| &a.explanation).collect();
    assert_eq!(
        lost,
        [
            "T0 read [] of key \"x\" and appended to it, and so did T1, which it did not see: T0 came \
             before T1, or its update was lost. T1 read [] of key \"z\" and appended to it, and so did \
             T0, which it did not see: T1 came before T0, or its update was lost. They cannot all have \
             come before the next."
        ]
    );
}

#[test]
fn nothing_is_said_of_processes_that_nobody_recorded() {
    let edn = r#"
        {:type :invoke :value [[:append :x 1]]}
        {:type :ok     :value [[:append :x 1]]}
        {:type :invoke :value [[:r :x nil]]}
        {:type :ok     :value [[:r :x []]]}
        {:type :invoke :value [[:r :x nil]]}
        {:type :ok     :value [[:r :x [1]]]}"#;
    let checker = find("isolation").unwrap();
    let verdict = checker.check(&digest(edn), &Options::default());
    let levels = &verdict.scope["levels"];
    assert_eq!(levels["strict-serializable"], Value::Bool(false));
    assert_eq!(levels["serializable"], Value::Bool(true));
    assert_eq!(
        levels["read-your-writes"],
        Value::from("unknown"),
        "{levels:#}"
    );
    assert_eq!(
        levels["strong-session-serializable"],
        Value::from("unknown")
    );
}

#[test]
fn an_unknown_level_is_no_verdict() {
    let verdict = check("0 invoke txn _ []\n0 ok txn _ []", Some("linearizable"));
    assert_eq!(verdict.valid, Valid::Unknown);
    assert!(
        verdict.notes[0].contains("linearizable"),
        "{:?}",
        verdict.notes
    );
}

#[test]
fn a_level_that_holds_says_what_it_does_not_forbid() {
    let skew = r#"
        0 invoke txn _ [["r","x",null],["r","y",null],["append","x",1]]
        1 invoke txn _ [["r","x",null],["r","y",null],["append","y",1]]
        0 ok     txn _ [["r","x",[]],["r","y",[]],["append","x",1]]
        1 ok     txn _ [["r","x",[]],["r","y",[]],["append","y",1]]"#;
    let verdict = check(skew, Some("strong-snapshot-isolation"));
    assert_eq!(verdict.valid, Valid::True);
    assert_eq!(
        verdict.notes,
        [
            "strong-snapshot-isolation does not forbid G2-item, which is here once: T0 came before T1: \
             T0 read [] of key \"y\", and did not see T1's append of 1. T1 came before T0: T1 read [] of \
             key \"x\", and did not see T0's append of 1. So T0, by way of T1, came before itself: a contradiction"
        ]
    );
}

/// T6 saw a part of what T4 appended, in a component whose other cycles go through one
/// of T6's or T4's two points alone.
#[test]
fn a_fractured_read_is_found_among_other_cycles() {
    assert_found(
        r#"0 invoke txn _ [["r","a",null],["append","b",1],["append","c",1],["r","d",null]]
           1 invoke txn _ [["r","b",null],["append","a",1]]
           2 invoke txn _ [["append","d",1],["append","e",1]]
           3 invoke txn _ [["append","f",1]]
           4 invoke txn _ [["r","e",null],["r","f",null],["append","g",1],["append","h",1]]
           5 invoke txn _ [["r","f",null],["r","e",null]]
           6 invoke txn _ [["r","g",null],["r","h",null],["r","c",null]]
           0 ok txn _ [["r","a",[]],["append","b",1],["append","c",1],["r","d",[]]]
           1 ok txn _ [["r","b",[]],["append","a",1]]
           2 ok txn _ [["append","d",1],["append","e",1]]
           3 ok txn _ [["append","f",1]]
           4 ok txn _ [["r","e",[1]],["r","f",[]],["append","g",1],["append","h",1]]
           5 ok txn _ [["r","f",[1]],["r","e",[]]]
           6 ok txn _ [["r","g",[1]],["r","h",[]],["r","c",[]]]"#,
        &[
            "observed-transaction-vanishes",
            "G-single",
            "long-fork",
            "G2-item",
        ],
        &["read-committed"],
        &[
            "monotonic-atomic-view",
            "read-atomic",
            "causal-cerone",
            "parallel-snapshot-isolation",
            "snapshot-isolation",
            "repeatable-read",
            "serializable",
        ],
    );
}

/// Who read it before it was tried again read it of the one that failed.
#[test]
fn a_value_that_was_read_before_it_was_tried_again_decides_nothing() {
    for (write, read) in [("append", "[1]"), ("w", "1")] {
        let history = format!(
            r#"0 invoke txn _ [["{write}","x",1]]
               0 fail   txn _ [["{write}","x",1]] conflict: no
               1 invoke txn _ [["r","x",null]]
               1 ok     txn _ [["r","x",{read}]]
               2 invoke txn _ [["{write}","x",1]]
               2 ok     txn _ [["{write}","x",1]]"#
        );
        let verdict = check(&history, Some("read-committed"));
        assert_eq!(verdict.valid, Valid::Unknown, "{verdict:#?}");
    }
}

#[test]
fn what_failed_may_be_tried_again() {
    for (write, read) in [("append", "[1]"), ("w", "1")] {
        let history = format!(
            r#"0 invoke txn _ [["{write}","x",1]]
               0 fail   txn _ [["{write}","x",1]] conflict: no
               0 invoke txn _ [["{write}","x",1]]
               0 ok     txn _ [["{write}","x",1]]
               1 invoke txn _ [["r","x",null]]
               1 ok     txn _ [["r","x",{read}]]"#
        );
        assert_eq!(check(&history, None).valid, Valid::True, "{history}");
    }
}

/// Adya 1999: one depends on whose elements it read, whatever it had appended itself.
#[test]
fn what_another_appended_is_read_behind_an_own_append() {
    assert_found(
        r#"0 invoke txn _ [["append","y",1],["r","y",null]]
           1 invoke txn _ [["append","y",2]]
           0 ok     txn _ [["append","y",1],["r","y",[1,2]]]
           1 ok     txn _ [["append","y",2]]"#,
        &["G1c", "internal"],
        &["read-uncommitted"],
        &["read-committed", "strong-read-committed", "serializable"],
    );
    // A transaction of very many micro-operations is looked at in another way.
    let many = |seen: &str| vec![format!(r#"["r","z",{seen}]"#); 100].join(",");
    assert_found(
        &format!(
            r#"0 invoke txn _ [["append","y",1],{},["r","y",null]]
               1 invoke txn _ [["append","y",2]]
               0 ok     txn _ [["append","y",1],{},["r","y",[1,2]]]
               1 ok     txn _ [["append","y",2]]"#,
            many("null"),
            many("[]")
        ),
        &["G1c", "internal"],
        &["read-uncommitted"],
        &["read-committed"],
    );
}

/// Nor may others come between it and what its reader appended.
#[test]
fn what_is_read_behind_an_own_append_is_replaced() {
    assert_found(
        r#"0 invoke txn _ [["append","x",2]]
           1 invoke txn _ [["append","x",1],["r","x",null]]
           2 invoke txn _ [["append","x",3]]
           0 ok     txn _ [["append","x",2]]
           1 ok     txn _ [["append","x",1],["r","x",[2]]]
           2 ok     txn _ [["append","x",3]]
           2 invoke txn _ [["r","x",null]]
           2 ok     txn _ [["r","x",[2,3,1]]]"#,
        &["lost-update", "G-single", "internal"],
        &["read-committed", "monotonic-atomic-view"],
        &["cursor-stability", "repeatable-read"],
    );
    // The empty list, which all came behind: nor does it have what another appended, whose
    // other part was seen.
    assert_found(
        r#"0 invoke txn _ [["append","x",1],["r","x",null],["r","y",null]]
           1 invoke txn _ [["append","x",2],["append","y",2]]
           0 ok     txn _ [["append","x",1],["r","x",[]],["r","y",[2]]]
           1 ok     txn _ [["append","x",2],["append","y",2]]
           2 invoke txn _ [["r","x",null]]
           2 ok     txn _ [["r","x",[2,1]]]"#,
        &["lost-update", "G-single", "internal", "fractured-read"],
        &["read-committed", "monotonic-atomic-view"],
        &["cursor-stability", "repeatable-read"],
    );
    // Each had to come first of those who appended what no list shows.
    assert_found(
        r#"0 invoke txn _ [["append","x",1],["r","x",null]]
           1 invoke txn _ [["append","x",2],["r","x",null]]
           0 ok     txn _ [["append","x",1],["r","x",[]]]
           1 ok     txn _ [["append","x",2],["r","x",[]]]"#,
        &["lost-update", "G2-item", "internal"],
        &["read-committed", "monotonic-atomic-view"],
        &["cursor-stability", "repeatable-read"],
    );
}

/// What it read is told as it was, with what it had appended itself.
#[test]
fn what_is_read_behind_an_own_append_is_told() {
    let verdict = check(
        r#"0 invoke txn _ [["append","x",5]]
           1 invoke txn _ [["append","x",1],["append","x",2],["r","x",null],["r","y",null]]
           2 invoke txn _ [["append","x",6],["append","y",1]]
           0 ok     txn _ [["append","x",5]]
           1 ok     txn _ [["append","x",1],["append","x",2],["r","x",[5,1]],["r","y",[1]]]
           2 ok     txn _ [["append","x",6],["append","y",1]]
           2 invoke txn _ [["r","x",null]]
           2 ok     txn _ [["r","x",[5,1,6,2]]]"#,
        None,
    );
    let mut lost = verdict.anomalies.iter().filter(|a| a.name == "lost-update");
    assert_eq!(
        lost.next().expect("one").explanation,
        "T1 read [5 1] of key \"x\" and appended to it, and T2 had appended in between, or did \
         the same: one of the two did not see the other."
    );
}

/// What was seen so must not vanish.
#[test]
fn what_is_read_behind_an_own_append_vanishes() {
    let history = |x: &str| {
        format!(
            r#"0 invoke txn _ [["append","x",1],["append","y",1]]
               1 invoke txn _ [["append","x",2],["r","x",null],["r","y",null]]
               0 ok     txn _ [["append","x",1],["append","y",1]]
               1 ok     txn _ [["append","x",2],["r","x",{x}],["r","y",[]]]"#
        )
    };
    assert_found(
        &history("[1]"),
        &["G-single", "observed-transaction-vanishes", "internal"],
        &["read-committed", "cursor-stability"],
        &["monotonic-atomic-view", "repeatable-read"],
    );
    // There it is a circle besides.
    assert_found(
        &history("[2,1]"),
        &["G-single", "G1c", "internal"],
        &["read-uncommitted"],
        &["read-committed", "monotonic-atomic-view", "repeatable-read"],
    );
}

/// It is what a process has seen.
#[test]
fn sessions_remember_what_was_read_behind_an_own_append() {
    let history = |then: &str| {
        format!(
            r#"0 invoke txn _ [["append","x",1]]
               0 ok     txn _ [["append","x",1]]
               1 invoke txn _ [["append","x",2],["r","x",null]]
               1 ok     txn _ [["append","x",2],["r","x",[1]]]
               1 invoke txn _ [["r","x",null]]
               1 ok     txn _ [["r","x",{then}]]"#
        )
    };
    let verdict = check(&history("[]"), None);
    let levels = &verdict.scope["levels"];
    for level in ["monotonic-reads", "read-your-writes", "causal"] {
        assert_eq!(levels[level], Value::Bool(false), "{level}: {levels:#}");
    }
    let found: BTreeSet<&str> = verdict.anomalies.iter().map(|a| a.name.as_str()).collect();
    assert!(found.contains("non-monotonic-reads"), "{verdict:#?}");
    let verdict = check(&history("[1]"), None);
    let levels = &verdict.scope["levels"];
    assert_eq!(levels["monotonic-reads"], Value::Bool(true), "{levels:#}");
    assert_eq!(levels["read-your-writes"], Value::Bool(false), "{levels:#}");
}

/// It says nothing that its append did not say.
#[test]
fn a_list_that_ends_with_an_own_append_is_no_defect() {
    assert_found(
        r#"0 invoke txn _ [["append","x",1]]
           0 ok     txn _ [["append","x",1]]
           1 invoke txn _ [["append","x",2],["r","x",null],["append","x",3],["r","x",null]]
           1 ok     txn _ [["append","x",2],["r","x",[1,2]],["append","x",3],["r","x",[1,2,3]]]
           2 invoke txn _ [["append","x",4]]
           2 ok     txn _ [["append","x",4]]
           2 invoke txn _ [["r","x",null]]
           2 ok     txn _ [["r","x",[1,2,3,4]]]"#,
        &[],
        &["strict-serializable", "cursor-stability", "monotonic-reads"],
        &[],
    );
}
