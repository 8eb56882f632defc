//! What is a history, and all that is said of what is not.

use proptest::prelude::*;

use super::{Problem, Validator};
use crate::{Event, Field, Key, Kind, NotationError, Process, history};

/// The events that are no history, and all that is said about the last.
#[track_caller]
fn refused(events: &str, field: Field, message: &str) {
    let Err(NotationError::Invalid(invalid)) = history(events) else {
        panic!("not refused");
    };
    assert_eq!(invalid.index as usize, events.trim().lines().count() - 1);
    assert_eq!(invalid.problem.field(), field);
    assert_eq!(
        invalid.to_string(),
        format!("event {}: {}", invalid.index, invalid.problem)
    );
    assert_eq!(invalid.problem.to_string(), message);
}

#[test]
fn clients_do_one_operation_after_the_other() {
    let history = history(
        "0 invoke read x
         1 invoke write x 3
         1 ok write x 3
         1 invoke write x 4
         0 ok read x 3
         1 fail write x 4 conflict: gave up
         1 invoke write y 5
         1 info write y 5 timeout: no answer
         2 invoke write y 6",
    );
    assert!(history.is_ok());
}

#[test]
fn witness_and_the_nemesis_say_what_they_like() {
    let history = history(
        "witness ok evidence
         nemesis info partition
         nemesis invoke partition
         nemesis invoke heal
         witness ok scoreboard A1
         nemesis info heal",
    );
    assert!(history.is_ok());
}

#[test]
fn two_operations_are_not_open_at_once() {
    refused(
        "0 invoke read x
         1 invoke read x
         0 invoke read y",
        Field::Process,
        "field \"process\": process 0 invokes while its operation of event 0 is still open",
    );
}

#[test]
fn nothing_completes_that_was_not_invoked() {
    refused(
        "7 ok read x",
        Field::Process,
        "field \"process\": process 7 has no open operation that this ok could complete",
    );
    refused(
        "0 invoke read x
         0 ok read x
         0 fail read x",
        Field::Process,
        "field \"process\": process 0 has no open operation that this fail could complete",
    );
}

#[test]
fn no_process_comes_back_after_an_info() {
    for again in ["invoke", "ok"] {
        refused(
            &format!("64 invoke read x\n64 info read x\n65 invoke read x\n64 {again} read x"),
            Field::Process,
            "field \"process\": process 64 is used again after an info; a client must go on under a new process",
        );
    }
}

#[test]
fn a_completion_is_of_what_was_invoked() {
    refused(
        "0 invoke read x
         0 ok write x",
        Field::F,
        "field \"f\": \"write\" completes event 0, which invoked \"read\"",
    );
    for (invoked, completed, message) in [
        (
            "x",
            "y",
            "field \"key\": key \"y\" completes event 0, which invoked key \"x\"",
        ),
        (
            "1",
            "_",
            "field \"key\": no key completes event 0, which invoked key 1",
        ),
        (
            "_",
            "true",
            "field \"key\": key true completes event 0, which invoked no key",
        ),
    ] {
        let events = format!("0 invoke read {invoked}\n0 ok read {completed}");
        refused(&events, Field::Key, message);
    }
}

#[test]
fn the_key_of_an_earlier_operation_is_forgotten() {
    let history = history(
        "0 invoke read longer
         0 ok read longer
         0 invoke read x
         0 ok read x
         0 invoke read
         0 ok read",
    );
    assert!(history.is_ok());
}

#[test]
fn indices_count_up_and_time_does_not_go_back() {
    let history = history("witness ok phase\nwitness ok phase\nwitness ok phase").unwrap();
    let mut events: Vec<_> = history.events().collect();
    events[1].time = events[0].time;
    let check = |events: &[_]| {
        let mut validator = Validator::new();
        events
            .iter()
            .try_for_each(|event| validator.event(event))
            .map_err(|e| e.problem)
    };
    assert_eq!(check(&events), Ok(()));

    events[2].time = -1;
    let backwards = check(&events).unwrap_err();
    assert_eq!(
        backwards,
        Problem::Time {
            before: 0,
            found: -1
        }
    );
    assert_eq!(backwards.field(), Field::Time);
    let message = "field \"time\": -1 ns is before 0 ns of the event before";
    assert_eq!(backwards.to_string(), message);

    events.remove(1);
    let gap = check(&events).unwrap_err();
    assert_eq!(
        gap,
        Problem::Index {
            expected: 1,
            found: 2
        }
    );
    assert_eq!(gap.field(), Field::Index);
    assert_eq!(gap.to_string(), "field \"index\": expected 1, found 2");
}

/// Whether the last event may follow the others, as the rules say it: by looking
/// at all that its process ever did.
fn may_follow(events: &[Event<'_>]) -> bool {
    let Some((last, before)) = events.split_last() else {
        return true;
    };
    if last.index != before.len() as u64 || before.iter().any(|event| event.time > last.time) {
        return false;
    }
    let mut mine = before.iter().filter(|event| event.process == last.process);
    let latest = mine.clone().next_back();
    match (last.process, last.kind) {
        (Process::Nemesis | Process::Witness, _) => true,
        _ if mine.any(|event| event.kind == Kind::Info) => false,
        (_, Kind::Invoke) => latest.is_none_or(|event| event.kind != Kind::Invoke),
        _ => latest.is_some_and(|event| {
            event.kind == Kind::Invoke && event.f == last.f && event.key == last.key
        }),
    }
}

/// An event of few processes, functions and keys, so that they meet often.
fn narrow_event() -> impl Strategy<Value = (i64, Kind, Process, Option<Key<'static>>, &'static str)>
{
    let kind = prop::sample::select(vec![
        Kind::Invoke,
        Kind::Invoke,
        Kind::Invoke,
        Kind::Ok,
        Kind::Ok,
        Kind::Fail,
        Kind::Info,
    ]);
    let process = prop_oneof![
        8 => prop::sample::select(vec![0, 1, super::LOW]).prop_map(Process::Client),
        1 => Just(Process::Nemesis),
    ];
    let key =
        prop_oneof![9 => Just(Some(Key::from("x"))), 1 => Just(None), 1 => Just(Some(Key::Int(1)))];
    let f = prop_oneof![9 => Just("read"), 1 => Just("write")];
    (
        prop_oneof![9 => Just(1), 1 => -1..3_i64],
        kind,
        process,
        key,
        f,
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Events that do not fit are left out, so that the rest goes deep.
    #[test]
    fn the_validator_says_what_the_rules_say(drawn in prop::collection::vec(narrow_event(), 0..60)) {
        let mut validator = Validator::new();
        let mut taken: Vec<Event<'_>> = Vec::new();
        for (step, kind, process, key, f) in drawn {
            let time = taken.last().map_or(0, |event: &Event<'_>| event.time) + step;
            taken.push(Event {
                index: taken.len() as u64,
                time,
                kind,
                process,
                region: None,
                f: f.into(),
                key,
                value: None,
                error: None,
                attempts: None,
                stamp: None,
                extra: Vec::new(),
            });
            let expected = may_follow(&taken);
            let mut tried = Validator::new();
            let said = taken.iter().try_for_each(|event| tried.event(event));
            prop_assert_eq!(said.is_ok(), expected, "{:?}: {:?}", taken.last(), said);
            if expected {
                validator.event(&taken[taken.len() - 1]).unwrap();
            } else {
                taken.pop();
            }
        }
        prop_assert_eq!(validator.events(), taken.len() as u64);
    }
}
