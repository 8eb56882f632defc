//! What the checker `linearizable` says, in words that can be checked by hand.

#![allow(clippy::unwrap_used, reason = "tests")]

use serde_json::json;
use witness_checkers::{Digest, Options, Valid, Verdict, find, linearize};
use witness_histories::history;

fn check(model: Option<&str>, shorthand: &str) -> Verdict {
    let checker = find("linearizable").unwrap();
    let digest = Digest::of(&history(shorthand).unwrap(), [checker]).unwrap();
    let mut options = Options::default();
    options.object.model = model.map(str::to_owned);
    checker.check(&digest, &options)
}

fn explanation(model: &str, shorthand: &str) -> String {
    let verdict = check(Some(model), shorthand);
    assert_eq!(verdict.valid, Valid::False, "{verdict:?}");
    verdict.anomalies[0].explanation.clone()
}

#[test]
fn a_stale_read_is_explained_by_the_two_values() {
    let stale = "0 invoke write x 1\n0 ok write x 1\n0 invoke write x 2\n0 ok write x 2\n1 invoke read x\n1 ok read x 1";
    let verdict = check(None, stale);
    assert_eq!(
        verdict.anomalies[0].explanation,
        "The value was 1 from the return of process 0's write 1 (events 0 to 1) until the invocation of process 1's read 1 (events 4 to 5). In that time the value was also 2, during process 0's write 2 (events 2 to 3). No moment is left for the second value."
    );
    assert_eq!(verdict.anomalies[0].operations, [0, 2, 4]);
    assert_eq!(verdict.anomalies[0].key, Some(json!("x")));
    assert_eq!(
        verdict.summary,
        "1 of 1 register object not linearizable: 3 operations"
    );
}

#[test]
fn a_violation_is_made_small_unless_that_is_too_slow() {
    let shorthand = "0 invoke write x 1\n0 ok write x 1\n0 invoke write x 1\n0 ok write x 1\n0 invoke read x\n0 ok read x 1\n1 invoke read x\n1 ok read x 2";
    let checker = find("linearizable").unwrap();
    let digest = Digest::of(&history(shorthand).unwrap(), [checker]).unwrap();
    let mut options = Options::default();
    for (small, operations) in [(true, vec![6]), (false, vec![0, 2, 4, 6])] {
        options.object.small_witness = small;
        let verdict = checker.check(&digest, &options);
        assert_eq!(verdict.valid, Valid::False);
        assert_eq!(verdict.anomalies[0].operations, operations);
    }
}

#[test]
fn a_read_of_what_failed_to_be_written_says_so() {
    assert_eq!(
        explanation(
            "register",
            "0 invoke write _ 7\n0 fail write _ 7\n1 invoke read\n1 ok read _ 7"
        ),
        "Process 1's read 7 (events 2 to 3) is of a value that was never there: the write of it, event 0, failed: it did not happen."
    );
    assert_eq!(
        explanation(
            "register",
            "0 invoke read\n0 ok read _ 7\n1 invoke write _ 7\n1 ok write _ 7"
        ),
        "Process 0's read 7 (events 0 to 1) returned before process 1's write 7 (events 2 to 3) was invoked."
    );
}

#[test]
fn two_values_at_once_are_named() {
    let text = explanation(
        "register",
        "0 invoke write _ 1\n1 invoke write _ 2\n2 invoke read\n2 ok read _ 1\n2 invoke read\n2 ok read _ 2\n2 invoke read\n2 ok read _ 1\n2 invoke read\n2 ok read _ 2",
    );
    assert!(text.contains("both would have had to be at once"), "{text}");
}

#[test]
fn an_operation_that_fits_nowhere_is_named_with_the_states() {
    assert_eq!(
        explanation(
            "cas-register",
            "0 invoke write _ 1\n0 ok write _ 1\n2 invoke read\n2 ok read _ 1\n0 invoke cas _ [1,2]\n0 ok cas _ [1,2]\n1 invoke read\n1 ok read _ 3"
        ),
        "Process 1's read 3 (events 6 to 7) fits nowhere: by the time that it returned, in every order of what came before, the value is 2, and read 3 cannot happen then. The longest order that is right so far: write 1 (events 0 to 1), read 1 (events 2 to 3), cas 1 to 2 (events 4 to 5). This operation alone is enough to show it, of 4."
    );
    assert_eq!(
        explanation(
            "mutex",
            "0 invoke acquire\n0 ok acquire\n1 invoke acquire\n1 ok acquire"
        ),
        "Process 1's acquire (events 2 to 3) fits nowhere: by the time that it returned, in every order of what came before, the lock is held, and acquire cannot happen then. The longest order that is right so far: acquire (events 0 to 1)."
    );
}

#[test]
fn a_priority_queue_gives_the_smallest_first() {
    let inserted = "0 invoke insert _ 3\n0 ok insert _ 3\n0 invoke insert _ [1,\"a\"]\n0 ok insert _ [1,\"a\"]\n0 invoke insert _ [1,\"b\"]\n0 ok insert _ [1,\"b\"]\n";
    for (taken, valid) in [
        ("[1,\"a\"]", Valid::True),
        ("[1,\"b\"]", Valid::True),
        ("1", Valid::False),
        ("3", Valid::False),
        ("null", Valid::False),
    ] {
        let lines = format!("{inserted}1 invoke delete-min\n1 ok delete-min _ {taken}");
        assert_eq!(check(None, &lines).valid, valid, "{taken}");
    }
    assert_eq!(
        explanation(
            "priority-queue",
            "0 invoke enqueue _ 3\n0 ok enqueue _ 3\n0 invoke enqueue _ 2\n0 ok enqueue _ 2\n1 invoke dequeue\n1 ok dequeue _ 3"
        ),
        "Process 1's delete-min of 3 (events 4 to 5) fits nowhere: by the time that it returned, in every order of what came before, it holds, smallest first, 2 and 3, and delete-min of 3 cannot happen then. The longest order that is right so far: insert 3 (events 0 to 1), insert 2 (events 2 to 3)."
    );
    let verdict = check(
        None,
        "0 invoke insert _ \"high\"\n0 ok insert\n0 invoke delete-min\n0 info delete-min _ _ timeout: x",
    );
    assert_eq!(
        verdict.summary,
        "event 0: expected a whole number or [whole number, value], found \"high\""
    );
}

#[test]
fn a_model_that_is_not_told_must_be_named() {
    let locks = "0 invoke acquire\n0 ok acquire\n0 invoke release\n0 ok release";
    let verdict = check(None, locks);
    assert_eq!(verdict.valid, Valid::Unknown);
    assert_eq!(
        verdict.summary,
        "acquire and release do not tell the model: name it with --model, one of register, cas-register, kv, mutex, owner-mutex, fenced-lock, semaphore, fifo-queue, unordered-queue, priority-queue, stack, set, counter, seat"
    );
    let nothing = check(None, "").summary;
    assert_eq!(nothing, "there are no operations: nothing tells the model");
    assert_eq!(check(Some("mutex"), locks).valid, Valid::True);
    let verdict = check(Some("mutx"), locks);
    assert!(
        verdict
            .summary
            .starts_with("no model is named \"mutx\"; there are register, ")
    );
    let verdict = check(Some("register"), locks);
    assert_eq!(
        verdict.summary,
        "event 0: expected read or write, found acquire of null"
    );
}

#[test]
fn a_conflict_proves_nothing_and_a_refusal_does() {
    let cas = |class: &str| {
        format!(
            "0 invoke write _ 1\n0 ok write _ 1\n0 invoke cas _ [1,2]\n0 fail cas _ _ {class}: why"
        )
    };
    assert_eq!(check(None, &cas("rejected")).valid, Valid::False);
    assert_eq!(check(None, &cas("conflict")).valid, Valid::True);
}

#[test]
fn numbers_of_more_than_64_bits_are_told_apart() {
    let [one, other] = ["18446744073709551617", "18446744073709551618"];
    let verdict = |last: &str| {
        let shorthand = format!(
            "0 invoke write x [{one}]
             0 ok     write x [{one}]
             0 invoke write x [{one}]
             0 ok     write x [{one}]
             {last}"
        );
        let checker = find("linearizable").unwrap();
        let digest = Digest::of(&history(&shorthand).unwrap(), [checker]).unwrap();
        let mut options = Options::default();
        options.object.model = Some("cas-register".to_owned());
        checker.check(&digest, &options).valid
    };
    let read = |value: &str| format!("0 invoke read x _\n0 ok read x {value}");
    assert_eq!(verdict(&read(&format!("[{one}]"))), Valid::True);
    assert_eq!(verdict(&read(&format!("[{other}]"))), Valid::False);
    assert_eq!(verdict(&read(&format!("[\"{one}\"]"))), Valid::False);
    let cas = format!("[[{one}],2]");
    let cas = format!("0 invoke cas x {cas}\n0 ok cas x {cas}");
    assert_eq!(verdict(&cas), Valid::True);
}

/// The operation that fits nowhere is listed however many others there are.
#[test]
fn what_fits_nowhere_is_never_cut_off() {
    let mut lines = String::new();
    for n in 0..150 {
        lines += &format!("0 invoke put k \"{n}\"\n0 ok put k \"{n}\"\n");
    }
    lines += "1 invoke get k\n1 ok get k \"50\"";
    let checker = find("linearizable").unwrap();
    let digest = Digest::of(&history(&lines).unwrap(), [checker]).unwrap();
    let mut options = Options::default();
    options.object.small_witness = false;
    let verdict = checker.check(&digest, &options);
    let anomaly = &verdict.anomalies[0];
    assert_eq!(anomaly.operations.len(), 100);
    assert_eq!(anomaly.operations.last(), Some(&300));
    assert!(
        (anomaly.explanation).ends_with(" Of 151 operations, the 100 nearest to it are listed."),
        "{}",
        anomaly.explanation
    );
}

#[test]
fn a_proof_that_was_not_found_changes_no_verdict() {
    let lines = "0 invoke enqueue q 1\n0 ok enqueue q\n0 invoke dequeue q\n0 ok dequeue q 1";
    let checker = find("linearizable").unwrap();
    let digest = Digest::of(&history(lines).unwrap(), [checker]).unwrap();
    let mut options = Options::default();
    options.object.model = Some("fifo-queue".to_owned());
    // Enough for the monitor, which searches nothing.
    options.object.memory_bytes_max = 0;
    let expected = checker.check(&digest, &options);
    assert_eq!(expected.valid, Valid::True, "{expected:?}");
    let (verdict, proof) = linearize(&digest, &options);
    assert_eq!((verdict.valid, proof), (Valid::True, None));
    assert_eq!(
        verdict.notes,
        [
            "no order of key \"q\" was found to prove it with: the search gave up after 0 MiB of memory: it had explained the first 0 of 2 completed operations"
        ]
    );
}

/// Operations of which nobody knows may have happened by then, whether another needs them or not.
#[test]
fn the_states_that_are_named_are_all_that_there_can_be() {
    let lines = "3 invoke write _ 1\n3 info write\n6 invoke write _ 1\n6 info write
        1 invoke read\n1 ok read _ 1\n5 invoke write _ 3\n5 ok write _ 3
        4 invoke write _ 9\n4 info write\n2 invoke cas _ [1,4]\n2 info cas
        0 invoke read\n0 ok read _ 7\n0 invoke write _ 8\n0 info write";
    let checker = find("linearizable").unwrap();
    let digest = Digest::of(&history(lines).unwrap(), [checker]).unwrap();
    let mut options = Options::default();
    options.object.model = Some("cas-register".to_owned());
    options.object.small_witness = false;
    let verdict = checker.check(&digest, &options);
    assert_eq!(
        verdict.anomalies[0].explanation,
        "Process 0's read 7 (events 12 to 13) fits nowhere: by the time that it returned, in every order of what came before, the value is 1 or the value is 3, and read 7 cannot happen then. The longest order that is right so far: write 1 (event 0, never resolved), read 1 (events 4 to 5), write 3 (events 6 to 7). Left aside, as they may not have happened and no other needs that: write 9 (event 8, never resolved) and cas 1 to 4 (event 10, never resolved). 5 operations are enough to show it, of 8."
    );
}

/// A monitor names few, of which alone the sentence is true.
#[test]
fn what_is_said_of_a_few_operations_is_said_of_them_only() {
    let text = explanation(
        "fifo-queue",
        "0 invoke enqueue _ 1\n0 ok enqueue\n0 invoke enqueue _ 2\n0 ok enqueue\n0 invoke enqueue _ 3\n0 ok enqueue\n1 invoke dequeue\n1 ok dequeue _ 3\n1 invoke dequeue\n1 ok dequeue _ 1",
    );
    assert!(
        text.contains("in every order of what came before among these operations, it holds"),
        "{text}"
    );
    assert!(text.ends_with("enough to show it, of 5."), "{text}");
}

#[test]
fn errors_that_prove_nothing_although_they_are_to_are_named() {
    let lines = "0 invoke write _ 1\n0 ok write _ 1\n0 invoke cas _ [1,2]\n0 fail cas _ _ did-not-succeed: x\n0 invoke cas _ [1,3]\n0 fail cas _ _ conflict: x\n0 invoke write _ 2\n0 fail write _ _ conflict: x";
    let checker = find("linearizable").unwrap();
    let digest = Digest::of(&history(lines).unwrap(), [checker]).unwrap();
    let mut options = Options::default();
    options.object.model = Some("cas-register".to_owned());
    assert!(checker.check(&digest, &options).notes.is_empty());
    options.object.failed_cas = Some(witness_checkers::FailedCas::Proves);
    let verdict = checker.check(&digest, &options);
    assert_eq!(verdict.valid, Valid::True);
    assert_eq!(
        verdict.notes,
        [
            "nothing is proved by 2 failed compare-and-sets, the first that of event 2: an error proves that the value was another if its class is rejected, cas-failed, did-not-match, mismatch or precondition-failed"
        ]
    );
}

/// As Jepsen's clients return a set.
#[test]
fn a_set_may_be_read_as_one() {
    let lines = |read: &str, more: &str| {
        format!(
            "0 invoke add _ 1\n0 ok add\n0 invoke add _ 2\n0 ok add\n{more}0 invoke read\n0 ok read _ {read}"
        )
    };
    for (read, expected) in [
        (r##"{"#{}":[2,1]}"##, Valid::True),
        (r##"{"#{}":[2]}"##, Valid::False),
        (r##"{"#{}":[1,2,3]}"##, Valid::False),
        (r##"{"#{}":7}"##, Valid::Unknown),
        (r##"{"#{}":[1,2],"at":3}"##, Valid::Unknown),
    ] {
        // The monitor, and the search.
        for more in ["", "1 invoke remove _ 4\n1 ok remove\n"] {
            let verdict = check(Some("set"), &lines(read, more));
            assert_eq!(verdict.valid, expected, "{read} {more} {verdict:?}");
        }
    }
    // A set is the same in whatever order it is.
    let register = r##"0 invoke write _ {"#{}":[1,2]}
        0 ok write
        0 invoke read
        0 ok read _ {"#{}":[2,1]}"##;
    assert_eq!(check(Some("register"), register).valid, Valid::True);
}
