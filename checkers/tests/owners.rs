//! What the arguments of locks, semaphores and counters mean: whose a lock is, and how much.

#![allow(clippy::unwrap_used, reason = "tests")]

use witness_checkers::{Digest, KeyBy, Options, Valid, Verdict, find};
use witness_histories::history;

fn check(model: &str, key_by: &str, shorthand: &str) -> Verdict {
    let checker = find("linearizable").unwrap();
    let digest = Digest::of(&history(shorthand).unwrap(), [checker]).unwrap();
    let mut options = Options::default();
    options.object.model = Some(model.to_owned());
    options.object.key_by = match key_by {
        "" => KeyBy::Key,
        field => KeyBy::Field(field.to_owned()),
    };
    checker.check(&digest, &options)
}

/// A process takes the lock and a process gives it back, with these values.
fn taken_and_given_back(processes: [u8; 2], values: [&str; 2], result: &str) -> String {
    let ([first, second], [taken, given]) = (processes, values);
    format!(
        "{first} invoke acquire _ {taken}\n{first} ok acquire _ {result}\n\
         {second} invoke release _ {given}\n{second} ok release"
    )
}

#[test]
fn a_value_that_names_the_lock_names_no_owner() {
    let lock = r#"{"name":"L1"}"#;
    for model in ["owner-mutex", "fenced-lock"] {
        let of = |processes| taken_and_given_back(processes, [lock; 2], "1");
        let verdict = check(model, "name", &of([0, 1]));
        assert_eq!(verdict.valid, Valid::False, "{model}: {verdict:?}");
        let why = &verdict.anomalies[0].explanation;
        assert!(why.contains("process 0 holds the lock"), "{why}");
        assert!(why.contains("release by process 1"), "{why}");
        let verdict = check(model, "name", &of([0, 0]));
        assert_eq!(verdict.valid, Valid::True, "{model}: {verdict:?}");
    }
}

#[test]
fn an_owner_is_the_one_that_both_name_or_else_the_process() {
    let of = |processes, values| {
        let lines = taken_and_given_back(processes, values, r#"{"fence":1}"#);
        check("fenced-lock", "", &lines).valid
    };
    let (ann, bob) = (r#"{"owner":"ann"}"#, r#"{"owner":"bob","client":"ann"}"#);
    assert_eq!(
        of([0, 1], [ann, ann]),
        Valid::True,
        "she used two processes"
    );
    assert_eq!(of([0, 1], [ann, r#"{"client":"ann"}"#]), Valid::True);
    assert_eq!(of([0, 0], [ann, bob]), Valid::False);
    assert_eq!(of([0, 0], [ann, "_"]), Valid::True);
    assert_eq!(of([0, 1], [ann, "_"]), Valid::False);
    assert_eq!(of([0, 0], ["_", bob]), Valid::True);
    assert_eq!(
        of([1, 0], ["_", r#"{"owner":1}"#]),
        Valid::False,
        "1 is a name"
    );
    assert_eq!(of([0, 1], ["_", "{\"owner\":null}"]), Valid::False);
}

#[test]
fn what_may_be_the_owner_or_the_lock_is_not_guessed() {
    for value in ["\"L1\"", "7", "true", "[\"L1\",\"ann\"]"] {
        for model in ["owner-mutex", "fenced-lock"] {
            let lines = taken_and_given_back([0, 1], [value; 2], "1");
            let verdict = check(model, "", &lines);
            let why = format!(
                "event 0: expected an owner as {{\"owner\": ...}}, or no value, found acquire of {value}: nobody can tell whether that is the owner or the lock"
            );
            assert_eq!((verdict.valid, verdict.summary), (Valid::Unknown, why));
        }
    }
    // Nor is an owner whom only completions name: of the others nobody would know.
    let lines = taken_and_given_back([0, 0], ["_"; 2], r#"{"fence":1,"owner":"ann"}"#);
    let verdict = check("fenced-lock", "", &lines);
    assert_eq!(verdict.valid, Valid::Unknown, "{verdict:?}");
    assert_eq!(
        verdict.summary,
        r#"event 0: its completion names another owner than its invocation, {"fence":1,"owner":"ann"}"#
    );
}

#[test]
fn a_number_may_stand_in_a_field_of_its_own() {
    let of = |model, value: &str| {
        let lines = format!(
            "0 invoke acquire _ {value}\n0 ok acquire\n1 invoke acquire _ {value}\n1 ok acquire"
        );
        check(model, "name", &lines)
    };
    // There is one permit of each name.
    let verdict = of("semaphore", r#"{"name":"S"}"#);
    assert_eq!(verdict.valid, Valid::False, "{verdict:?}");
    assert_eq!(
        of("semaphore", r#"{"name":"S","permits":0}"#).valid,
        Valid::True
    );
    assert_eq!(
        of("semaphore", r#"{"name":"S","permits":2}"#).valid,
        Valid::False
    );
    for value in [r#"{"name":"S","count":0}"#, r#"{"name":"S","permits":"0"}"#] {
        let verdict = of("semaphore", value);
        assert_eq!(verdict.valid, Valid::Unknown, "{verdict:?}");
    }
    let counted = r#"0 invoke add _ {"name":"C","amount":5}
0 ok add
0 invoke read _ {"name":"C"}
0 ok read _ 5"#;
    assert_eq!(check("counter", "name", counted).valid, Valid::True);
    let miscounted = counted.replace("read _ 5", "read _ 6");
    assert_eq!(check("counter", "name", &miscounted).valid, Valid::False);
}

#[test]
fn an_owner_under_another_name_is_not_taken_for_the_process() {
    // The client went on as another process, since nobody knows what became of an operation.
    let ann = r#"{"holder":"ann"}"#;
    for model in ["owner-mutex", "fenced-lock"] {
        let lines = taken_and_given_back([0, 1], [ann; 2], "1");
        let verdict = check(model, "", &lines);
        let why = "event 0: expected an owner as {\"owner\": ...}, found acquire of {\"holder\":\"ann\"}: nobody can tell whether the field \"holder\" names the owner; if it names the lock, take it for the key, else leave it out";
        assert_eq!(
            (verdict.valid, &*verdict.summary),
            (Valid::Unknown, why),
            "{model}"
        );
        // One that names the lock, or nobody.
        for (key_by, value) in [
            ("holder", ann),
            ("", r#"{"fence":7}"#),
            ("", r#"{"owner":null,"holder":null}"#),
            ("", "{}"),
        ] {
            let verdict = |processes| {
                let lines = taken_and_given_back(processes, [value; 2], "1");
                check(model, key_by, &lines).valid
            };
            assert_eq!(verdict([0, 0]), Valid::True, "{model} {value}");
            assert_eq!(verdict([0, 1]), Valid::False, "{model} {value}");
        }
        let lock = r#"{"name":"L1","holder":"ann"}"#;
        let lines = taken_and_given_back([0, 1], [lock; 2], "1");
        assert_eq!(check(model, "name", &lines).valid, Valid::Unknown);
        let owner = r#"{"holder":"ann","owner":"bob"}"#;
        let lines = taken_and_given_back([0, 1], [owner; 2], "1");
        assert_eq!(check(model, "", &lines).valid, Valid::True);
    }
}

#[test]
fn a_number_that_may_be_how_many_is_not_taken_for_one() {
    let of = |key_by: &str, value: &str| {
        let lines = format!("0 invoke acquire _ {value}\n0 ok acquire");
        check("semaphore", key_by, &lines).valid
    };
    for value in [
        r#"{"count":"2"}"#,
        r#"{"count":"1e3"}"#,
        r#"{"count":[2]}"#,
        r#"{"count":2}"#,
        r#"{"client":"a","count":{"n":2}}"#,
    ] {
        assert_eq!(of("", value), Valid::Unknown, "{value}");
    }
    for value in [r#"{"client":"a","uid":null}"#, "{}"] {
        assert_eq!(of("", value), Valid::True, "{value}");
    }
    // The name of the semaphore may be a number.
    for value in [r#"{"id":2}"#, r#"{"id":"2"}"#] {
        assert_eq!(of("id", value), Valid::True, "{value}");
    }
}

#[test]
fn what_a_counter_returned_is_understood_or_refused() {
    let of = |f: &str, argument: &str, result: &str| {
        let lines =
            format!("0 invoke add _ 3\n0 ok add\n0 invoke {f} _ {argument}\n0 ok {f} _ {result}");
        check("counter", "", &lines).valid
    };
    use Valid::{False, True, Unknown};
    for (f, argument, result, expected) in [
        ("increment", "null", "4", True),
        ("increment", "null", "1", False),
        ("increment", "2", "5", True),
        ("increment", "2", "6", False),
        // The number after it, or the argument again?
        ("increment", "2", "2", Unknown),
        ("decrement", "2", "2", Unknown),
        ("increment", r#"{"amount":2}"#, "5", True),
        ("increment", r#"{"amount":2}"#, "2", False),
        ("increment", r#"{"amount":2}"#, r#"{"amount":2}"#, True),
        ("increment", r#"{"amount":2,"id":7}"#, r#"{"id":7}"#, True),
        ("increment", "null", r#"{"value":4}"#, Unknown),
        ("increment", "null", "4.5", Unknown),
        ("increment", "null", "\"4\"", Unknown),
        ("increment", "null", "false", Unknown),
        ("increment", "null", "\"OK\"", True),
        ("increment", "null", "true", True),
        ("decrement", "null", "[2]", Unknown),
        ("add", "2", "2", True),
        ("add", "2", "null", True),
        ("add", "2", "5", Unknown),
        ("inc", "null", "4", Unknown),
        ("dec", "2", r#"{"value":1}"#, Unknown),
        ("read", "null", r#"{"value":3}"#, Unknown),
        ("read", "null", "3", True),
    ] {
        assert_eq!(of(f, argument, result), expected, "{f} {argument} {result}");
    }
}
