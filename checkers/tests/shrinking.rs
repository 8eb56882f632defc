//! How small a violation becomes: what no operation can have noticed is left out, and what
//! was read is not.

#![allow(clippy::unwrap_used, reason = "tests")]

use serde_json::json;
use witness_checkers::{Digest, Options, Valid, find, shrink};
use witness_histories::history;

/// Operations one after the other: a process, a name, an argument and a result.
fn lines(operations: impl IntoIterator<Item = (u32, &'static str, String, String)>) -> String {
    let line = |(process, f, argument, result)| {
        format!("{process} invoke {f} k {argument}\n{process} ok {f} k {result}\n")
    };
    operations.into_iter().map(line).collect()
}

fn asked(process: u32, f: &'static str) -> (u32, &'static str, String, String) {
    (process, f, "null".into(), "null".into())
}

/// The events that are left, and those of the verdict.
fn shrunk(model: &str, lines: &str) -> Vec<u64> {
    let checker = find("linearizable").unwrap();
    let digest = Digest::of(&history(lines).unwrap(), [checker]).unwrap();
    let mut options = Options::default();
    options.object.model = Some(model.to_owned());
    if model == "cas-register" {
        options.object.initial = Some(json!(0).into());
    }
    let verdict = checker.check(&digest, &options);
    assert_eq!(verdict.valid, Valid::False, "{verdict:?}");
    let events = shrink(&digest, &options).unwrap();
    // Alone what was shown with the verdict is as small.
    let shown = verdict.anomalies[0].operations.len();
    assert_eq!(shown * 2, events.len(), "{model}: {verdict:?}");
    events
}

#[test]
fn what_is_overwritten_and_never_read_goes_and_what_is_read_stays() {
    let puts = (0..100).map(|n| (0, "put", format!("\"{n}\""), "null".into()));
    let get = (1, "get", "null".into(), "\"50\"".into());
    let events = shrunk("kv", &lines(puts.chain([get])));
    assert_eq!(events, [100, 101, 198, 199, 200, 201]);
}

#[test]
fn puts_of_which_nobody_knows_and_that_nobody_read_go() {
    let unresolved = |n| format!("{n} invoke put k \"{n}\"\n{n} info put k\n");
    let mut lines: String = (10..20).map(unresolved).collect();
    lines += "0 invoke put k \"1\"\n0 ok put k\n0 invoke put k \"2\"\n0 ok put k\n";
    lines += "1 invoke get k\n1 ok get k \"1\"";
    assert_eq!(shrunk("kv", &lines), [20, 21, 22, 23, 24, 25]);
}

#[test]
fn what_is_given_back_goes() {
    let pairs = |first, second| (0..50).flat_map(move |_| [asked(0, first), asked(0, second)]);
    for model in ["mutex", "owner-mutex", "semaphore"] {
        let twice = pairs("acquire", "release").chain([asked(1, "acquire"), asked(2, "acquire")]);
        assert_eq!(
            shrunk(model, &lines(twice)),
            [200, 201, 202, 203],
            "{model}"
        );
    }
    let twice = pairs("acquire", "reset").chain([asked(1, "acquire"), asked(2, "acquire")]);
    assert_eq!(shrunk("seat", &lines(twice)), [200, 201, 202, 203]);
    let read = (1, "read", "null".into(), "7".into());
    let counted = pairs("increment", "decrement").chain([read]);
    assert_eq!(shrunk("counter", &lines(counted)), [200, 201]);
}

#[test]
fn a_fence_that_is_too_small_is_shown_with_one_that_is_not() {
    let fenced = |n: u32| {
        let acquire = (0, "acquire", "null".to_owned(), n.to_string());
        [acquire, asked(0, "release")]
    };
    let late = (1, "acquire", "null".to_owned(), "5".to_owned());
    let events = shrunk(
        "fenced-lock",
        &lines((0..50).flat_map(fenced).chain([late])),
    );
    assert_eq!(events.len(), 6, "{events:?}");
}

#[test]
fn of_a_chain_the_link_that_is_expected_stays() {
    let cas =
        |process, old: u32, new: u32| (process, "cas", format!("[{old},{new}]"), "null".to_owned());
    let chain = (0..50).flat_map(|_| [cas(0, 0, 1), cas(0, 1, 0)]);
    let events = shrunk("cas-register", &lines(chain.chain([cas(1, 1, 0)])));
    assert_eq!(events.len(), 6, "{events:?}");
}

/// Clients that always wait for the lock, so that there is no moment without an open one.
#[test]
fn waiting_for_a_lock_hides_nothing() {
    let mut lines = String::from("0 invoke acquire\n0 ok acquire\n");
    for n in 0..60 {
        let (holder, next) = (n % 3, (n + 1) % 3);
        lines += &format!("{next} invoke acquire\n{holder} invoke release\n");
        lines += &format!("{next} ok acquire\n{holder} ok release\n");
    }
    lines += "7 invoke acquire\n7 ok acquire";
    for model in ["mutex", "owner-mutex"] {
        let events = shrunk(model, &lines);
        assert_eq!(events.len(), 4, "{model}: {events:?}");
    }
}

/// A search on the way to a small witness forgets states; the others must not miss them.
#[test]
fn states_that_were_forgotten_are_not_asked_for() {
    let mut lines = String::new();
    let mut text = String::new();
    for n in 0..700 {
        let piece = format!("piece-{n:06}");
        lines += &format!("0 invoke append k \"{piece}\"\n0 ok append k \"{piece}\"\n");
        if n < 699 {
            text += &piece;
        }
    }
    lines += &format!("0 invoke get k\n0 ok get k \"{text}\"\n");
    lines += "0 invoke append k \"late\"\n0 ok append k \"late\"";
    let checker = witness_checkers::find("linearizable").unwrap();
    let history = witness_histories::history(&lines).unwrap();
    let digest = witness_checkers::Digest::of(&history, [checker]).unwrap();
    let mut options = witness_checkers::Options::default();
    options.object.model = Some("kv".to_owned());
    let verdict = checker.check(&digest, &options);
    assert_eq!(verdict.valid, witness_checkers::Valid::False);
}
