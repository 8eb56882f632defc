//! What the checker `sequential` takes, and what it says.

use serde_json::json;
use witness_checkers::{Caveat, Digest, DigestBuilder, KeyBy, Options, Valid, Verdict, find};

fn decide(shorthand: &str, options: &Options) -> Verdict {
    let checker = find("sequential").unwrap();
    let history = witness_histories::history(shorthand).unwrap();
    checker.check(&Digest::of(&history, [checker]).unwrap(), options)
}

fn check(model: &str, shorthand: &str) -> Verdict {
    let mut options = Options::default();
    options.object.model = Some(model.to_owned());
    decide(shorthand, &options)
}

/// Each process put something and did not find what the other had put.
const BOTH_FIRST: &str = "0 invoke put x \"1\"\n0 ok put x\n0 invoke get y\n0 ok get y\n1 invoke put y \"1\"\n1 ok put y\n1 invoke get x\n1 ok get x";

#[test]
fn objects_have_an_order_in_common_or_none() {
    let verdict = check("kv", BOTH_FIRST);
    assert_eq!(verdict.valid, Valid::False, "{verdict:?}");
    assert_eq!(
        verdict.summary,
        "no order of 4 operations on 2 kv objects keeps each process's own"
    );
    let anomaly = &verdict.anomalies[0];
    assert_eq!(
        (anomaly.key.clone(), &anomaly.operations[..]),
        (None, &[0, 2, 4, 6][..])
    );
    assert_eq!(
        anomaly.explanation,
        "Every order that keeps the order of each process was tried, and none is right. \
         The longest that is right so far: process 0's put \"1\" (events 0 to 1) on key \"x\", \
         process 0's get null (events 2 to 3) on key \"y\", \
         process 1's put \"1\" (events 4 to 5) on key \"y\". \
         Then process 1's get null (events 6 to 7) on key \"x\" cannot happen, since \"x\" is \"1\"."
    );
    // Each alone has one.
    for key in ["x", "y"] {
        let lines = BOTH_FIRST
            .lines()
            .filter(|line| line.split(' ').nth(3) == Some(key));
        let one = lines.collect::<Vec<_>>().join("\n");
        assert_eq!(check("kv", &one).valid, Valid::True, "{key}");
    }
}

#[test]
fn an_object_that_has_no_order_alone_is_named_and_shown_small() {
    let wrong = "0 invoke cas x [0,1]\n0 ok cas x\n1 invoke cas y [0,1]\n1 ok cas y\n2 invoke cas y [0,2]\n2 ok cas y\n3 invoke write y 5\n3 ok write y\n3 invoke read y\n3 ok read y 5";
    let mut options = Options::default();
    options.object.initial = Some(json!(0).into());
    let verdict = decide(wrong, &options);
    assert_eq!(verdict.valid, Valid::False, "{verdict:?}");
    assert_eq!(verdict.scope["model"], "cas-register");
    let anomaly = &verdict.anomalies[0];
    assert_eq!(anomaly.key, Some(json!("y")));
    assert_eq!(anomaly.operations, [2, 4]);
    assert_eq!(
        anomaly.explanation,
        "Every order that keeps the order of each process was tried, and none is right. \
         The longest that is right so far: process 1's cas 0 to 1 (events 2 to 3) on key \"y\". \
         Then process 2's cas 0 to 2 (events 4 to 5) on key \"y\" cannot happen, since the value is 1. \
         2 operations are enough to show it, of 4."
    );
}

/// Each of so many wrote a register of its own and did not see what the next had written.
fn ring(processes: usize) -> String {
    let written =
        (0..processes).map(|at| format!("{at} invoke write r{at} 1\n{at} ok write r{at} 1"));
    let read = (0..processes).map(|at| {
        let next = (at + 1) % processes;
        format!("{at} invoke read r{next}\n{at} ok read r{next}")
    });
    written.chain(read).collect::<Vec<_>>().join("\n")
}

#[test]
fn what_must_come_before_what_is_said_with_its_key() {
    let verdict = decide(&ring(2), &Options::default());
    let anomaly = &verdict.anomalies[0];
    assert_eq!(
        (anomaly.key.clone(), &anomaly.operations[..]),
        (None, &[0, 2, 4, 6][..])
    );
    let text = &anomaly.explanation;
    for step in [
        "rocess 0's write 1 (events 0 to 1) on key \"r0\" comes before process 0's read null (events 4 to 5) on key \"r1\": their process did them in this order.",
        "rocess 0's read null (events 4 to 5) on key \"r1\" comes before process 1's write 1 (events 2 to 3) on key \"r1\", which overwrote what it read.",
    ] {
        assert!(text.contains(step), "{text}");
    }
    // Of one register alone, it is named, and of the only one there is no need to say its key.
    let backwards = "0 invoke write x 1\n0 ok write x 1\n1 invoke read x\n1 ok read x 1\n1 invoke read x\n1 ok read x";
    let anomaly = decide(backwards, &Options::default()).anomalies.remove(0);
    assert_eq!(anomaly.key, Some(json!("x")));
    assert!(!anomaly.explanation.contains("on key"), "{anomaly:?}");
}

#[test]
fn of_a_long_circle_the_first_steps_are_told_and_shown() {
    let verdict = decide(&ring(80), &Options::default());
    let anomaly = &verdict.anomalies[0];
    let text = &anomaly.explanation;
    assert_eq!(text.matches(" comes before ").count(), 8);
    let end = "So it goes on for 152 more steps, back to the first operation. So each would come before itself. Of 160 operations, 100 are listed, those of the first steps.";
    assert!(text.ends_with(end), "{text}");
    assert_eq!(anomaly.operations.len(), 100);
    let told = text.split("(events ").skip(1).map(|rest| {
        let end = rest.find(' ').unwrap();
        rest[..end].parse::<u64>().unwrap()
    });
    for told in told {
        assert!(anomaly.operations.contains(&told), "{told} is not listed");
    }
}

/// Nothing follows about the order of the writes, and each of the four possibilities fails.
#[test]
fn where_nothing_must_come_before_itself_a_few_operations_show_it() {
    let mut lines = Vec::new();
    let mut process = 0;
    let mut does = |members: &[(&str, &str, u32)]| {
        for (f, key, value) in members {
            lines.push(format!(
                "{process} invoke {f} {key} {value}\n{process} ok {f} {key} {value}"
            ));
        }
        process += 1;
    };
    for value in [1, 2] {
        does(&[("write", "x", value)]);
        does(&[("write", "y", value)]);
    }
    for x in [1, 2] {
        for y in [1, 2] {
            does(&[("read", "x", x), ("read", "y", y)]);
            does(&[("read", "y", y), ("read", "x", x)]);
        }
    }
    let verdict = decide(&lines.join("\n"), &Options::default());
    assert_eq!(verdict.valid, Valid::False, "{verdict:?}");
    let text = &verdict.anomalies[0].explanation;
    assert!(text.contains("The longest that is right so far"), "{text}");
    assert!(text.contains("on key \"y\""), "{text}");
    // Every operation is needed, and they are the ones that show it.
    assert_eq!(verdict.anomalies[0].operations.len(), 20);
}

#[test]
fn clocks_that_may_be_off_are_nothing_to_the_order_of_processes() {
    let checker = find("sequential").unwrap();
    let history = witness_histories::history(BOTH_FIRST).unwrap();
    let mut builder = DigestBuilder::new([checker]);
    for event in history.events() {
        builder.event(&event).unwrap();
    }
    builder.caveat(Caveat {
        message: "times are those of lines".to_owned(),
        unseen: false,
        unknown_processes: false,
        unknown_times: true,
    });
    let digest = builder.finish().unwrap();
    let mut options = Options::default();
    options.object.model = Some("kv".to_owned());
    options.object.clock_uncertainty_ns = 1_000;
    assert_eq!(checker.check(&digest, &options).valid, Valid::False);
    let registers = ring(2);
    let history = witness_histories::history(&registers).unwrap();
    let digest = Digest::of(&history, [checker]).unwrap();
    options.object.model = None;
    let certain = checker.check(&digest, &Options::default());
    assert_eq!(checker.check(&digest, &options), certain);
}

#[test]
fn real_time_plays_no_part() {
    let late = "0 invoke enqueue _ 1\n0 ok enqueue\n1 invoke dequeue\n1 ok dequeue\n1 invoke dequeue\n1 ok dequeue _ 1";
    assert_eq!(check("fifo-queue", late).valid, Valid::True);
    let same = late.replace("\n1 ", "\n0 ");
    assert_eq!(check("fifo-queue", &same).valid, Valid::False);
}

#[test]
fn the_model_is_the_one_that_was_asked_for() {
    let twice = "0 invoke acquire a\n0 ok acquire a\n1 invoke acquire a\n1 ok acquire a";
    let verdict = decide(twice, &Options::default());
    assert_eq!(verdict.valid, Valid::Unknown);
    let start = "acquire does not tell the model: name it with --model, one of register, ";
    assert!(verdict.summary.starts_with(start), "{}", verdict.summary);
    assert_eq!(check("mutex", twice).valid, Valid::False);
    let mut options = Options::default();
    options.object.model = Some("semaphore".to_owned());
    options.object.initial = Some(json!(2).into());
    assert_eq!(decide(twice, &options).valid, Valid::True);
    options.object.initial = None;
    assert_eq!(decide(twice, &options).valid, Valid::False);
    assert_eq!(check("register", twice).valid, Valid::Unknown);
}

#[test]
fn objects_are_told_apart_as_asked() {
    let locks = "0 invoke acquire _ {\"seat\":1}\n0 ok acquire\n1 invoke acquire _ {\"seat\":2}\n1 ok acquire";
    let mut options = Options::default();
    options.object.model = Some("mutex".to_owned());
    assert_eq!(decide(locks, &options).valid, Valid::False);
    options.object.key_by = KeyBy::Field("seat".to_owned());
    assert_eq!(decide(locks, &options).valid, Valid::True);
}

#[test]
fn a_budget_that_is_spent_is_no_verdict() {
    let mut options = Options::default();
    options.object.model = Some("kv".to_owned());
    options.object.steps_max = 0;
    let verdict = decide(BOTH_FIRST, &options);
    assert_eq!(verdict.valid, Valid::Unknown);
    assert_eq!(
        verdict.summary,
        "the search gave up after 0 search steps: it had put 2 of 4 completed operations in order"
    );
    options.object.steps_max = 1_000;
    options.object.memory_bytes_max = 64;
    let verdict = decide(BOTH_FIRST, &options);
    assert_eq!(
        verdict.summary,
        "the search gave up after 0 MiB of memory: it had put 0 of 4 completed operations in order"
    );
    let mut options = Options::default();
    options.object.model = Some("kv".to_owned());
    options.object.stop = witness_checkers::Stop::when(|| true);
    let verdict = decide(BOTH_FIRST, &options);
    assert_eq!(
        verdict.summary,
        "the search gave up when time was up: it had put 0 of 4 completed operations in order"
    );
}

#[test]
fn nobody_is_accused_of_the_order_of_processes_that_nobody_recorded() {
    let checker = find("sequential").unwrap();
    let decide = |shorthand: &str| {
        let history = witness_histories::history(shorthand).unwrap();
        let mut builder = DigestBuilder::new([checker]);
        for event in history.events() {
            builder.event(&event).unwrap();
        }
        builder.caveat(Caveat {
            message: "a missing process was taken for client 0".to_owned(),
            unseen: false,
            unknown_processes: true,
            unknown_times: false,
        });
        let mut options = Options::default();
        options.object.model = Some("fifo-queue".to_owned());
        checker.check(&builder.finish().unwrap(), &options).valid
    };
    let late = "0 invoke dequeue\n0 ok dequeue _ 1\n0 invoke enqueue _ 1\n0 ok enqueue";
    assert_eq!(check("fifo-queue", late).valid, Valid::False);
    assert_eq!(decide(late), Valid::Unknown);
    let right = "0 invoke enqueue _ 1\n0 ok enqueue\n0 invoke dequeue\n0 ok dequeue _ 1";
    assert_eq!(decide(right), Valid::True);
    assert_eq!(
        decide(
            &right
                .replace("0 invoke deq", "1 invoke deq")
                .replace("0 ok deq", "1 ok deq")
        ),
        Valid::Unknown
    );
}

/// Each of many added to a counter of its own, and then did not see what the next had added. All
/// orders of that are far too many, and few are enough to decide it.
#[test]
fn what_is_decided_by_few_orders_is_told_by_one_of_them() {
    let processes = 18;
    let mut ring = String::new();
    for process in 0..processes {
        let next = (process + 1) % processes;
        ring.push_str(&format!(
            "{process} invoke add {process} 1\n{process} ok add {process} 1\n\
             {process} invoke read {next}\n{process} ok read {next} 0\n"
        ));
    }
    let verdict = check("counter", &ring);
    assert_eq!(verdict.valid, Valid::False, "{verdict:?}");
    let explanation = &verdict.anomalies[0].explanation;
    assert!(
        explanation.contains(" One that is right so far: ")
            && explanation.contains("cannot happen"),
        "{explanation}"
    );
}
