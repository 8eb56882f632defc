//! Histories of several recorders: clocks that are off within what they say never accuse,
//! and what is called valid has an order that no recorder and no clock contradicts.

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};
use witness_checkers::{Digest, Options, Valid, find, linearize, verify_proof};
use witness_histories::{Format, History, Reader, Source, Writer, merge};

/// An operation of a register, and when it happened: ranks of true time.
#[derive(Debug, Clone)]
struct Op {
    client: usize,
    key: usize,
    call: i64,
    ret: i64,
    /// What a write writes; none: a read.
    written: Option<u64>,
    read: Option<u64>,
}

/// What a client does: thinks, takes effect after a while, answers after a while.
type Step = (usize, i64, i64, i64, bool, usize);

fn steps(most: usize) -> impl Strategy<Value = Vec<Step>> {
    let step = (
        0..4usize,
        1..40i64,
        1..40i64,
        1..40i64,
        any::<bool>(),
        0..2usize,
    );
    vec(step, 2..most)
}

/// Operations that are linearizable, with a moment of its own for each event.
fn happened(steps: &[Step]) -> Vec<Op> {
    let mut now = [0; 4];
    let (mut ops, mut points) = (Vec::new(), Vec::new());
    for (number, &(client, think, before, after, writes, key)) in steps.iter().enumerate() {
        let call = now[client] + think;
        let point = call + before;
        now[client] = point + after;
        points.push((point, number));
        ops.push(Op {
            client,
            key,
            call,
            ret: now[client],
            written: writes.then_some(number as u64 + 1),
            read: None,
        });
    }
    points.sort_unstable();
    let mut registers = [None; 2];
    for (_, number) in points {
        let op = &mut ops[number];
        match op.written {
            Some(value) => registers[op.key] = Some(value),
            None => op.read = registers[op.key],
        }
    }
    // An end before a call at the same moment would order what need not be.
    let mut events: Vec<(i64, bool, usize)> = Vec::new();
    for (number, op) in ops.iter().enumerate() {
        events.push((op.call, false, number));
        events.push((op.ret, true, number));
    }
    events.sort_unstable();
    for (rank, (_, returns, number)) in events.into_iter().enumerate() {
        let rank = 10 * (rank as i64 + 1);
        match returns {
            true => ops[number].ret = rank,
            false => ops[number].call = rank,
        }
    }
    ops
}

/// The events of those clients as their recorder saves them.
fn recorded(ops: &[Op], by: impl Fn(usize) -> bool) -> String {
    let mut events: Vec<(i64, Value)> = Vec::new();
    for op in ops.iter().filter(|op| by(op.client)) {
        let f = if op.written.is_some() {
            "write"
        } else {
            "read"
        };
        for (time, kind) in [(op.call, "invoke"), (op.ret, "ok")] {
            let value = match (op.written, kind) {
                (None, "ok") => json!(op.read),
                (written, _) => json!(written),
            };
            let event = json!({"index": 0, "time": time, "type": kind, "process": op.client,
                "f": f, "key": op.key, "value": value});
            events.push((time, event));
        }
    }
    events.sort_by_key(|(time, _)| *time);
    let lines = events
        .into_iter()
        .enumerate()
        .map(|(index, (_, mut event))| {
            event["index"] = index.into();
            format!("{event}\n")
        });
    lines.collect()
}

const START: i64 = 1_795_816_556_000_000_000;

/// What two recorders save, the clock of each off by its shift, as one history.
fn merged(ops: &[Op], shifts: [i64; 2], uncertainty: u64) -> Option<History> {
    let saved = [0, 1].map(|recorder| recorded(ops, |client| client % 2 == recorder));
    if saved.iter().any(String::is_empty) {
        return None;
    }
    let mut sources: Vec<_> = saved
        .iter()
        .zip(shifts)
        .zip(["east", "west"])
        .map(|((saved, shift), name)| {
            Source::new(Reader::new(name, saved.as_bytes()), name).started(START + shift)
        })
        .collect();
    let mut out = Vec::new();
    let writer = Writer::new("-", &mut out, Format::JsonLines).expect("a format");
    merge(&mut sources, Some(uncertainty), writer).expect("merged");
    Some(History::read_from(Reader::new("-", &*out)).expect("a history"))
}

fn verdict(history: &History, checker: &str, options: &Options) -> Valid {
    let checker = find(checker).expect("a checker");
    let digest = Digest::of(history, [checker]).expect("a digest");
    checker.check(&digest, options).valid
}

/// Whether some order of all operations agrees with the registers, with each recorder and
/// with what clocks tell: by trying them.
fn explained(ops: &[Op], shifts: [i64; 2], uncertainty: u64) -> bool {
    let number = ops.len();
    let shown = |event: usize| {
        let op = &ops[event / 2];
        [op.call, op.ret][event % 2] + shifts[op.client % 2]
    };
    let recorder = |event: usize| ops[event / 2].client % 2;
    let by = uncertainty as i64;
    let is_first = |a: usize, b: usize| match recorder(a) == recorder(b) {
        true => shown(a) < shown(b),
        false => shown(a) + by < shown(b) - by,
    };
    let events = 0..2 * number;
    let mut first: Vec<Vec<bool>> = events
        .clone()
        .map(|a| events.clone().map(|b| is_first(a, b)).collect())
        .collect();
    for middle in events {
        let behind = first[middle].clone();
        for row in first.iter_mut().filter(|row| row[middle]) {
            for (reached, &further) in row.iter_mut().zip(&behind) {
                *reached |= further;
            }
        }
    }
    let precedes = |a: usize, b: usize| first[2 * a + 1][2 * b];
    fn go(
        ops: &[Op],
        done: &mut Vec<usize>,
        registers: [Option<u64>; 2],
        precedes: &dyn Fn(usize, usize) -> bool,
    ) -> bool {
        if done.len() == ops.len() {
            return true;
        }
        (0..ops.len()).any(|next| {
            let open = |other: usize| other != next && !done.contains(&other);
            if done.contains(&next)
                || (0..ops.len()).any(|other| open(other) && precedes(other, next))
            {
                return false;
            }
            let mut registers = registers;
            match ops[next].written {
                Some(value) => registers[ops[next].key] = Some(value),
                None if registers[ops[next].key] != ops[next].read => return false,
                None => {}
            }
            done.push(next);
            let found = go(ops, done, registers, precedes);
            done.pop();
            found
        })
    }
    go(ops, &mut Vec::new(), [None; 2], &precedes)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn clocks_within_their_bounds_accuse_nobody(
        steps in steps(40),
        uncertainty in 0..400u64,
        shares in prop::array::uniform2(-100..=100i64),
    ) {
        let ops = happened(&steps);
        let shifts = shares.map(|share| uncertainty as i64 * share / 100);
        let Some(history) = merged(&ops, shifts, uncertainty) else {
            return Ok(());
        };
        for checker in ["linearizable", "staleness", "regular", "sequential"] {
            let valid = verdict(&history, checker, &Options::default());
            prop_assert_ne!(valid, Valid::False, "{}", checker);
        }
    }

    #[test]
    fn clocks_that_are_right_change_no_verdict(
        steps in steps(40),
        wrong in prop::option::of((any::<prop::sample::Index>(), 0..8u64)),
    ) {
        let mut ops = happened(&steps);
        if let Some((at, value)) = wrong {
            let at = at.index(ops.len());
            if ops[at].written.is_none() {
                ops[at].read = (value > 0).then_some(value);
            }
        }
        let Some(history) = merged(&ops, [0, 0], 0) else {
            return Ok(());
        };
        let whole = recorded(&ops, |_| true);
        let whole = History::read_from(Reader::new("-", whole.as_bytes())).unwrap();
        for checker in ["linearizable", "staleness", "regular", "sequential"] {
            let options = Options::default();
            let (one, two) = (verdict(&whole, checker, &options), verdict(&history, checker, &options));
            prop_assert_eq!(one, two, "{}", checker);
        }
    }

    #[test]
    fn a_verdict_is_what_trying_every_order_finds(
        steps in steps(8),
        wrong in prop::option::of((any::<prop::sample::Index>(), 0..8u64)),
        uncertainty in 0..120u64,
        shifts in prop::array::uniform2(-60..60i64),
    ) {
        let mut ops = happened(&steps);
        if let Some((at, value)) = wrong {
            let at = at.index(ops.len());
            if ops[at].written.is_none() {
                ops[at].read = (value > 0).then_some(value);
            }
        }
        let Some(history) = merged(&ops, shifts, uncertainty) else {
            return Ok(());
        };
        let found = explained(&ops, shifts, uncertainty);
        let options = Options::default();
        for checker in ["linearizable", "staleness"] {
            match verdict(&history, checker, &options) {
                Valid::True => prop_assert!(found, "{checker}: a valid verdict that no order explains"),
                Valid::False => prop_assert!(!found, "{checker}: an order explains what was accused"),
                Valid::Unknown => {}
            }
        }
        let linearizable = find("linearizable").unwrap();
        let digest = Digest::of(&history, [linearizable]).unwrap();
        if let (_, Some(proof)) = linearize(&digest, &options) {
            prop_assert!(verify_proof(&digest, &options, &proof).is_ok());
        }
    }
}

/// Kind, process, function, value, and clock.
type Line<'a> = (&'a str, u64, &'a str, &'a str, Option<[i64; 2]>);

/// A history of those events; even processes are the east's, odd ones the west's.
fn stamped(lines: &[Line<'_>]) -> History {
    let mut text = String::new();
    for (index, (kind, process, f, value, clock)) in lines.iter().enumerate() {
        let recorder = ["east", "west"][*process as usize % 2];
        let clock = clock.map_or_else(String::new, |clock| format!(",\"clock\":{clock:?}"));
        text.push_str(&format!(
            "{{\"index\":{index},\"time\":{index},\"type\":\"{kind}\",\"process\":{process},\"f\":\"{f}\",\"value\":{value}{clock},\"recorder\":\"{recorder}\"}}\n"
        ));
    }
    History::read_from(Reader::new("-", text.as_bytes())).expect("a history")
}

/// A write in the east, and a read in the west whose clock shows that it came later.
fn write_then_stale_read(by: i64) -> History {
    let about = |time: i64| Some([time - by, time + by]);
    stamped(&[
        ("invoke", 0, "write", "1", about(100)),
        ("ok", 0, "write", "1", about(200)),
        ("invoke", 1, "read", "null", about(300)),
        ("ok", 1, "read", "null", about(400)),
    ])
}

#[test]
fn a_read_is_stale_only_if_the_clocks_are_sure_of_it() {
    let options = Options::default();
    for checker in ["linearizable", "staleness", "regular"] {
        assert_eq!(
            verdict(&write_then_stale_read(49), checker, &options),
            Valid::False
        );
        // Bounds that touch are no order.
        assert_eq!(
            verdict(&write_then_stale_read(50), checker, &options),
            Valid::True
        );
    }
    let mut options = Options::default();
    options.object.clock_uncertainty_ns = 10;
    for checker in ["linearizable", "staleness", "regular"] {
        assert_eq!(
            verdict(&write_then_stale_read(39), checker, &options),
            Valid::False
        );
        assert_eq!(
            verdict(&write_then_stale_read(40), checker, &options),
            Valid::True
        );
    }
}

#[test]
fn what_a_recorder_saw_in_order_is_not_called_valid_for_wide_clocks() {
    // All in the east: it saw the write return before the read began.
    let about = |time: i64| Some([time - 1_000, time + 1_000]);
    let history = stamped(&[
        ("invoke", 0, "write", "1", about(100)),
        ("ok", 0, "write", "1", about(200)),
        ("invoke", 2, "read", "null", about(300)),
        ("ok", 2, "read", "null", about(400)),
        ("invoke", 1, "read", "1", about(500)),
        ("ok", 1, "read", "1", about(600)),
    ]);
    for checker in ["linearizable", "staleness", "regular"] {
        let valid = verdict(&history, checker, &Options::default());
        assert_eq!(valid, Valid::Unknown, "{checker}");
    }
}

#[test]
fn events_without_a_clock_are_never_believed() {
    let about = |time: i64| Some([time, time]);
    let lines = |clock| {
        stamped(&[
            ("invoke", 0, "write", "1", about(100)),
            ("ok", 0, "write", "1", clock),
            ("invoke", 1, "read", "null", about(300)),
            ("ok", 1, "read", "1", about(400)),
        ])
    };
    assert_eq!(
        verdict(&lines(about(200)), "linearizable", &Options::default()),
        Valid::True
    );
    assert_eq!(
        verdict(&lines(None), "linearizable", &Options::default()),
        Valid::Unknown
    );
    // A clock that went back by more than it may be off.
    assert_eq!(
        verdict(&lines(about(90)), "linearizable", &Options::default()),
        Valid::Unknown
    );
    let mut options = Options::default();
    options.object.clock_uncertainty_ns = 5;
    assert_eq!(
        verdict(&lines(about(90)), "linearizable", &options),
        Valid::True
    );
}

#[test]
fn clocks_that_contradict_their_recorder_accuse_nobody() {
    let clock =
        |clock: &str, recorder: &str| format!("\"clock\":{clock},\"recorder\":\"{recorder}\"}}\n");
    let lines = [
        r#"{"index":0,"time":1,"type":"invoke","process":1,"region":"e","f":"acquire","key":"A1","value":{"buyer":"b1"},"#.to_owned()
            + &clock("[900,900]", "a"),
        r#"{"index":1,"time":2,"type":"ok","process":1,"region":"e","f":"acquire","key":"A1","value":{"buyer":"b1","sale_id":"S1"},"#.to_owned()
            + &clock("[10,10]", "a"),
        r#"{"index":2,"time":3,"type":"ok","process":"witness","region":"e","f":"evidence","value":{"table":"ledger","rows":[],"last":true},"#.to_owned()
            + &clock("[50,50]", "b"),
        r#"{"index":3,"time":4,"type":"invoke","process":2,"region":"e","f":"acquire","key":"A2","value":{"buyer":"b2"},"#.to_owned()
            + &clock("[60,60]", "b"),
    ];
    let history = History::read_from(Reader::new("sale", lines.concat().as_bytes())).unwrap();
    let checker = find("ledger-union").unwrap();
    let digest = Digest::of(&history, [checker]).unwrap();
    let verdict = checker.check(&digest, &Options::default());
    assert_eq!(verdict.valid, Valid::Unknown, "{verdict:#?}");
    let contradicts = "contradicts the order of its events";
    assert!(
        verdict.notes.iter().any(|note| note.contains(contradicts)),
        "{verdict:#?}"
    );
}
