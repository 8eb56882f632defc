//! The checkers `staleness`, `regular` and `sequential`: verdicts and words.

#![allow(clippy::unwrap_used, reason = "tests")]

use serde_json::json;
use witness_checkers::{Digest, FailedCas, NilReads, Options, Stop, Valid, Verdict, all, find};
use witness_histories::{History, history};

const STALE: &str = "0 invoke write x 1\n0 ok write x 1\n0 invoke write x 2\n0 ok write x 2\n1 invoke read x\n1 ok read x 1";

/// Neither read alone is stale, but they saw two concurrent writes in turn.
const IN_TURN: &str = "0 invoke write x 1\n1 invoke write x 2\n2 invoke read x\n2 ok read x 1\n2 invoke read x\n2 ok read x 2\n2 invoke read x\n2 ok read x 1\n0 ok write x 1\n1 ok write x 2";

fn decide(checker: &str, history: &History, options: &Options) -> Verdict {
    let checker = find(checker).unwrap();
    checker.check(&Digest::of(history, [checker]).unwrap(), options)
}

fn check(checker: &str, shorthand: &str) -> Verdict {
    decide(checker, &history(shorthand).unwrap(), &Options::default())
}

/// The same history with an event every so many nanoseconds.
fn every(ns: i64, shorthand: &str) -> History {
    let history = history(shorthand).unwrap();
    let events = history.events().map(|mut event| {
        event.time = ns * event.index as i64;
        event.into_owned()
    });
    History::from_events(events.collect::<Vec<_>>()).unwrap()
}

fn applying(shorthand: &str) -> Vec<&'static str> {
    let digest = Digest::of(&history(shorthand).unwrap(), all().iter().copied()).unwrap();
    let applying = all().iter().filter(|checker| checker.applies(&digest));
    applying.map(|checker| checker.name()).collect()
}

#[test]
fn a_stale_read_is_measured_in_versions_and_in_milliseconds() {
    let verdict = decide("staleness", &every(412_000_000, STALE), &Options::default());
    assert_eq!(verdict.valid, Valid::False);
    assert_eq!(
        verdict.summary,
        "1 of 1 read stale: the stalest by 1 version and 412 ms"
    );
    assert_eq!(verdict.anomalies[0].name, "stale-read");
    assert_eq!(verdict.anomalies[0].key, Some(json!("x")));
    assert_eq!(verdict.anomalies[0].operations, [0, 2, 4]);
    assert_eq!(
        verdict.anomalies[0].explanation,
        "Process 1's read 1 (events 4 to 5) saw process 0's write 1 (events 0 to 1), although process 0's write 2 (events 2 to 3) had taken effect 412 ms before."
    );
    assert_eq!(verdict.counts["k_at_least"], 2);
    assert_eq!(verdict.counts["k_at_most"], 2);
    assert_eq!(verdict.counts["behind_ns_max"], 412_000_000);
}

#[test]
fn the_stalest_read_is_named_first() {
    let more = format!(
        "{STALE}\n0 invoke write x 3\n0 ok write x 3\n1 invoke read x\n1 ok read x 1\n2 invoke read x\n2 ok read x 3"
    );
    let verdict = decide("staleness", &every(1_000_000, &more), &Options::default());
    assert_eq!(
        verdict.summary,
        "2 of 3 reads stale: the stalest by 2 versions and 5 ms"
    );
    assert!(
        verdict.anomalies[0]
            .explanation
            .ends_with(", the first of 2 newer values that it missed."),
        "{verdict:?}"
    );
    assert_eq!(verdict.counts["k_at_least"], 3);
}

#[test]
fn clocks_that_may_be_off_excuse_a_read() {
    let mut options = Options::default();
    options.object.clock_uncertainty_ns = 1_000_000;
    let history = every(4_000_000, STALE);
    let verdict = decide("staleness", &history, &options);
    assert_eq!(verdict.counts["behind_ns_max"], 2_000_000);
    options.object.clock_uncertainty_ns = 3_000_000;
    for checker in ["staleness", "regular", "linearizable"] {
        let verdict = decide(checker, &history, &options);
        assert_eq!(verdict.valid, Valid::True, "{checker}: {verdict:?}");
    }
}

#[test]
fn reads_that_are_wrong_only_together_are_shown_together() {
    let verdict = check("staleness", IN_TURN);
    assert_eq!(verdict.valid, Valid::False, "{verdict:?}");
    assert_eq!(check("linearizable", IN_TURN).valid, Valid::False);
    assert_eq!(check("sequential", IN_TURN).valid, Valid::False);
    assert_eq!(check("regular", IN_TURN).valid, Valid::True);
}

#[test]
fn each_property_is_weaker_than_the_next() {
    let verdict = check("regular", STALE);
    assert_eq!(
        (verdict.valid, &*verdict.property),
        (Valid::False, "MWRegWeak")
    );
    assert_eq!(
        verdict.anomalies[0].explanation,
        "Process 1's read 1 (events 4 to 5) saw process 0's write 1 (events 0 to 1), but process 0's write 2 (events 2 to 3) was invoked when that write was over, and had returned when the read was invoked."
    );
    let verdict = check("sequential", STALE);
    assert_eq!(
        (verdict.valid, &*verdict.summary),
        (Valid::True, "3 operations on 1 register object")
    );
}

#[test]
fn a_process_that_reads_backwards_has_no_order() {
    let backwards = "0 invoke write x 1\n0 ok write x 1\n0 invoke write x 2\n0 ok write x 2\n1 invoke read x\n1 ok read x 2\n1 invoke read x\n1 ok read x 1";
    let verdict = check("sequential", backwards);
    assert_eq!(verdict.valid, Valid::False);
    let text = &verdict.anomalies[0].explanation;
    assert!(text.contains("comes before"), "{text}");
    assert!(
        text.ends_with("So each would come before itself."),
        "{text}"
    );
}

#[test]
fn a_process_ends_with_an_operation_that_was_never_resolved() {
    // Were it the same process, it would have to see what it wrote.
    let gone = "0 invoke write x 1\n0 ok write x 1\n1 invoke write x 2\n1 info write x 2\n2 invoke read x\n2 ok read x 1\n2 invoke read x\n2 ok read x 2";
    assert_eq!(check("sequential", gone).valid, Valid::True);
}

#[test]
fn what_nobody_wrote_is_no_staleness() {
    let phantom = "0 invoke write x 1\n0 ok write x 1\n1 invoke read x\n1 ok read x 7";
    for checker in ["staleness", "regular", "sequential"] {
        let verdict = check(checker, phantom);
        assert_eq!(verdict.valid, Valid::False, "{checker}");
        assert_eq!(
            verdict.anomalies[0].explanation,
            "Process 1's read 7 (events 2 to 3) is of a value that was never there: nobody wrote it."
        );
    }
}

#[test]
fn nil_and_the_initial_value_mean_what_was_asked() {
    let nil = "0 invoke write x 1\n0 ok write x 1\n1 invoke read x\n1 ok read x";
    let zero = "0 invoke write x 1\n0 ok write x 1\n1 invoke read x\n1 ok read x 0";
    let mut unknown = Options::default();
    unknown.object.nil_reads = NilReads::Unknown;
    let mut initially = Options::default();
    initially.object.initial = Some(json!(0).into());
    for checker in ["staleness", "regular"] {
        assert_eq!(check(checker, nil).valid, Valid::False);
        assert_eq!(
            decide(checker, &history(nil).unwrap(), &unknown).valid,
            Valid::True
        );
        let verdict = decide(checker, &history(zero).unwrap(), &initially);
        assert!(
            verdict.anomalies[0]
                .explanation
                .contains("saw the initial value")
        );
    }
}

#[test]
fn an_initial_value_is_as_exact_as_a_read() {
    let read = "0 invoke read x\n0 ok read x 123456789012345678901234567890";
    let read = history(read).unwrap();
    for (initial, valid) in [
        ("123456789012345678901234567890", Valid::True),
        ("123456789012345678901234567890.0", Valid::True),
        ("123456789012345678901234567891", Valid::False),
        ("1.2345678901234568e29", Valid::False),
    ] {
        for model in ["register", "cas-register"] {
            for nil_reads in [NilReads::Absent, NilReads::Unknown] {
                let mut options = Options::default();
                options.object.model = Some(model.to_owned());
                options.object.initial = Some(initial.parse().unwrap());
                options.object.nil_reads = nil_reads;
                let verdict = decide("linearizable", &read, &options);
                assert_eq!(verdict.valid, valid, "{model} {initial}");
            }
        }
    }
}

/// The first value is written again.
const AGAIN: &str = "0 invoke write x 1\n0 ok write x 1\n0 invoke write x 2\n0 ok write x 2\n0 invoke write x 1\n0 ok write x 1";

#[test]
fn a_read_of_what_was_written_again_is_as_fresh_as_its_newest_write() {
    let fresh = format!("{AGAIN}\n1 invoke read x\n1 ok read x 1");
    assert_eq!(check("staleness", &fresh).valid, Valid::True);
    let overwritten =
        format!("{AGAIN}\n0 invoke write x 3\n0 ok write x 3\n1 invoke read x\n1 ok read x 1");
    let history = every(1_000_000, &overwritten);
    let verdict = decide("staleness", &history, &Options::default());
    assert_eq!(verdict.valid, Valid::False);
    assert_eq!(
        verdict.summary,
        "1 of 1 read stale: the stalest by at least 1 version and 1 ms"
    );
    let anomaly = &verdict.anomalies[0];
    assert_eq!(anomaly.operations, [4, 6, 8]);
    assert_eq!(
        anomaly.explanation,
        "Process 1's read 1 (events 8 to 9) saw process 0's write 1 (events 4 to 5) or an older write of that value, although process 0's write 3 (events 6 to 7) had taken effect 1 ms before."
    );
    assert_eq!(verdict.counts["k_at_least"], 2);
    assert_eq!(verdict.counts["delta_ns_at_least"], 1_000_000);
}

#[test]
fn the_initial_value_can_be_written_again() {
    let zero = "1 invoke write x 1\n1 ok write x 1\n1 invoke write x 0\n1 ok write x 0\n1 invoke read x\n1 ok read x 0";
    let mut initially = Options::default();
    initially.object.initial = Some(json!(0).into());
    let nil = zero.replace(" x 0", " x");
    for checker in ["linearizable", "staleness", "regular", "sequential"] {
        let verdict = decide(checker, &history(zero).unwrap(), &initially);
        assert_eq!(verdict.valid, Valid::True, "{checker}: {verdict:?}");
        let verdict = check(checker, &nil);
        assert_eq!(verdict.valid, Valid::True, "{checker}: {verdict:?}");
    }
    assert_eq!(applying(&nil), ["linearizable", "staleness"]);
}

/// No read alone is stale, and values are written again: the search decides.
#[test]
fn reads_of_what_was_written_again_are_judged_together_too() {
    let again = IN_TURN.replace("write x 2", "write x 1").replace(
        "0 invoke write x 1",
        "3 invoke write x 2\n0 invoke write x 1",
    ) + "\n3 ok write x 2\n4 invoke read x\n4 ok read x 1\n4 invoke read x\n4 ok read x 2";
    let mut options = Options::default();
    let verdict = decide("staleness", &history(&again).unwrap(), &options);
    assert_eq!(verdict.valid, Valid::False, "{verdict:?}");
    assert_eq!(verdict.anomalies[0].name, "incompatible-reads");
    assert_eq!(
        verdict.summary,
        "no read alone is stale, but those of 1 of 1 register cannot all be right"
    );
    assert_eq!(verdict.counts["k_at_least"], 2);
    options.object.steps_max = 0;
    let verdict = decide("staleness", &history(&again).unwrap(), &options);
    assert_eq!(verdict.valid, Valid::Unknown, "{verdict:?}");
    assert_eq!(
        verdict.summary,
        "key \"x\": the search gave up after 0 search steps: it had explained the first 0 of 8 completed operations"
    );
    assert_eq!(verdict.counts["k_at_least"], 1);
}

#[test]
fn what_cannot_be_told_is_unknown_and_says_why() {
    let cas = "0 invoke cas x [1,2]\n0 ok cas x [1,2]";
    for checker in ["staleness", "regular"] {
        let verdict = check(checker, cas);
        assert_eq!(
            verdict.summary,
            "event 0: expected read or write, found cas"
        );
        assert_eq!(check(checker, "").valid, Valid::Unknown);
        let mut options = Options::default();
        options.object.model = Some("kv".to_owned());
        let verdict = decide(checker, &history(STALE).unwrap(), &options);
        assert_eq!(
            (verdict.valid, &*verdict.summary),
            (Valid::Unknown, "only registers are judged so, and no kv")
        );
    }
}

#[test]
fn a_failed_compare_and_set_says_as_much_as_was_asked() {
    let failed = |why: &str| {
        let failed = format!("{STALE}\n2 invoke cas x [7,8]\n2 fail cas x [7,8]{why}");
        history(&failed.replace("1 ok read x 1", "1 ok read x 2")).unwrap()
    };
    let (refused, conflict) = (failed(""), failed(" conflict: lost"));
    let mut ignored = Options::default();
    ignored.object.failed_cas = Some(FailedCas::Ignore);
    let mut nil = Options::default();
    nil.object.nil_reads = NilReads::Unknown;
    for checker in ["staleness", "regular"] {
        let verdict = decide(checker, &refused, &Options::default());
        assert_eq!(
            (verdict.valid, &*verdict.summary),
            (
                Valid::Unknown,
                "event 6: expected read or write, found a refused cas, which says what the value was not"
            )
        );
        for (history, options) in [
            (&refused, &ignored),
            (&refused, &nil),
            (&conflict, &Options::default()),
        ] {
            let verdict = decide(checker, history, options);
            assert_eq!(verdict.valid, Valid::True, "{checker}: {verdict:?}");
        }
    }
}

#[test]
fn only_staleness_applies_unasked_and_only_where_it_can_tell() {
    assert_eq!(applying(STALE), ["linearizable", "staleness"]);
    let repeated = "0 invoke write x 1\n0 ok write x 1\n0 invoke write x 1\n0 ok write x 1";
    assert_eq!(applying(repeated), ["linearizable"]);
    let elsewhere = "0 invoke write x 1\n0 ok write x 1\n0 invoke write y 1\n0 ok write y 1";
    assert_eq!(applying(elsewhere), ["linearizable", "staleness"]);
    assert_eq!(
        applying("0 invoke cas x [1,2]\n0 ok cas x [1,2]"),
        ["linearizable"]
    );
}

#[test]
fn sequential_gives_up_when_its_budget_is_used_up_and_says_how_far_it_came() {
    // Either write may be first, but both are read after both are over.
    let history = history(
        "0 invoke write _ 1\n1 invoke write _ 2\n0 ok write _ 1\n1 ok write _ 2\n2 invoke read\n2 ok read _ 1\n3 invoke read\n3 ok read _ 2",
    )
    .unwrap();
    let summary = |options: &Options| {
        let verdict = decide("sequential", &history, options);
        assert_eq!(verdict.valid, Valid::Unknown, "{verdict:?}");
        verdict.summary
    };
    let mut options = Options::default();
    options.object.steps_max = 0;
    assert_eq!(
        summary(&options),
        "the search gave up after 0 search steps: it had put 0 of 4 operations in order"
    );
    options.object.memory_bytes_max = 300;
    assert_eq!(
        summary(&options),
        "the search gave up after 0 MiB of memory: in round 1 of what must come before what"
    );
    let mut options = Options::default();
    options.object.stop = Stop::when(|| true);
    assert_eq!(
        summary(&options),
        "the search gave up when time was up: in round 1 of what must come before what"
    );
}
