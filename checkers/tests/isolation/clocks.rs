//! Clocks that may be off: real time is what shows all the same, and the order of each
//! process is certain.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use witness_checkers::{Digest, Options, Valid, Verdict, find};
use witness_histories::{Event, History, Reader, history};

use crate::checker::{anomalies_of, levels_of};
use crate::model::{Case, Data};
use crate::random;

fn verdict(history: &History, uncertainty_ns: u64) -> Verdict {
    let checker = find("isolation").unwrap();
    let digest = Digest::of(history, [checker]).unwrap();
    let mut options = Options::default();
    options.object.clock_uncertainty_ns = uncertainty_ns;
    checker.check(&digest, &options)
}

/// The history with those times, by event.
fn at_times(history: &History, times: &[i64]) -> History {
    let events: Vec<Event<'static>> = history
        .events()
        .zip(times)
        .map(|(event, &time)| {
            let mut event = event.into_owned();
            event.time = time;
            event
        })
        .collect();
    History::from_events(events).unwrap()
}

/// What was written at 10 is read so much later, and not seen; at 100 it is.
fn stale_read(process: u32, later: i64, data: Data) -> History {
    let [write, nothing, one] = match data {
        Data::Lists => [r#"["append","x",1]"#, "[]", "[1]"],
        Data::Registers => [r#"["w","x",1]"#, "null", "1"],
    };
    let shorthand = format!(
        r#"0 invoke txn _ [{write}]
           0 ok     txn _ [{write}]
           {process} invoke txn _ [["r","x",null]]
           {process} ok     txn _ [["r","x",{nothing}]]
           2 invoke txn _ [["r","x",null]]
           2 ok     txn _ [["r","x",{one}]]"#
    );
    let times = [0, 10, 10 + later, 20 + later, 100, 110];
    at_times(&history(&shorthand).unwrap(), &times)
}

#[test]
fn a_stale_read_within_the_uncertainty_is_none() {
    for data in [Data::Lists, Data::Registers] {
        let history = stale_read(1, 10, data);
        for (uncertainty_ns, valid) in [
            (0, Valid::False),
            (4, Valid::False),
            // Both ends are widened, and intervals are closed.
            (5, Valid::True),
            (u64::MAX, Valid::True),
        ] {
            let verdict = verdict(&history, uncertainty_ns);
            assert_eq!(
                verdict.valid, valid,
                "{data:?} {uncertainty_ns}: {verdict:#?}"
            );
        }
        let named = anomalies_of(&verdict(&history, 4));
        assert!(named.contains("G-single-realtime"), "{named:?}");
    }
}

#[test]
fn a_process_knows_what_it_did_first() {
    for data in [Data::Lists, Data::Registers] {
        let verdict = verdict(&stale_read(0, 0, data), 1_000);
        assert_eq!(verdict.valid, Valid::False, "{verdict:#?}");
        let levels = levels_of(&verdict);
        assert_eq!(levels["read-your-writes"], Valid::False);
        assert_eq!(levels["serializable"], Valid::True);
    }
}

/// What is named is the event that is in the file.
#[test]
fn events_keep_their_numbers() {
    let history = stale_read(1, 10, Data::Lists);
    let [certain, uncertain] = [0, 4].map(|uncertainty_ns| verdict(&history, uncertainty_ns));
    assert_eq!(certain.anomalies, uncertain.anomalies);
}

/// A write that one recorder saw at 0 to 10, and a read that missed it, which another saw at 20
/// to 30, by clocks that are off by no more than that.
fn of_recorders(bound: Option<i64>) -> History {
    let events = [
        (0, "invoke", 0, "east", r#"[["append","x",1]]"#),
        (10, "ok", 0, "east", r#"[["append","x",1]]"#),
        (20, "invoke", 1, "west", r#"[["r","x",null]]"#),
        (30, "ok", 1, "west", r#"[["r","x",[]]]"#),
        (1_000, "invoke", 2, "east", r#"[["r","x",null]]"#),
        (1_010, "ok", 2, "east", r#"[["r","x",[1]]]"#),
    ];
    let lines = events.iter().enumerate().map(|(index, (time, kind, process, recorder, value))| {
        let clock = bound.map_or(String::new(), |bound| {
            format!(r#","clock":[{},{}]"#, time - bound, time + bound)
        });
        format!(
            r#"{{"index":{index},"time":{time},"type":"{kind}","process":{process},"f":"txn","value":{value},"recorder":"{recorder}"{clock}}}"#
        ) + "\n"
    });
    let lines: String = lines.collect();
    History::read_from(Reader::new("recorders", lines.as_bytes())).unwrap()
}

#[test]
fn of_several_recorders_the_clocks_tell_who_was_first() {
    for (bound, valid) in [
        (Some(4), Valid::False),
        // The read may have happened before the write.
        (Some(5), Valid::True),
        (Some(100), Valid::True),
        // Without a clock nobody can tell.
        (None, Valid::Unknown),
    ] {
        let verdict = verdict(&of_recorders(bound), 0);
        assert_eq!(verdict.valid, valid, "{bound:?}: {verdict:#?}");
        assert_eq!(levels_of(&verdict)["serializable"], Valid::True);
    }
    assert_eq!(verdict(&of_recorders(Some(1)), 4).valid, Valid::True);
}

/// What nobody placed in time keeps its place in its process.
#[test]
fn an_event_without_a_recorder_accuses_nobody() {
    let lines = r#"{"index":0,"time":0,"type":"invoke","process":1,"f":"txn","value":[["append","x",1]],"recorder":"a","clock":[10,11]}
{"index":1,"time":1,"type":"ok","process":1,"f":"txn","value":[["append","x",1]],"recorder":"a","clock":[12,13]}
{"index":2,"time":2,"type":"invoke","process":1,"f":"txn","value":[["r","x",null]]}
{"index":3,"time":3,"type":"ok","process":1,"f":"txn","value":[["r","x",[1]]]}
{"index":4,"time":4,"type":"invoke","process":2,"f":"txn","value":[["r","x",null]],"recorder":"b","clock":[20,21]}
{"index":5,"time":5,"type":"ok","process":2,"f":"txn","value":[["r","x",[1]]],"recorder":"b","clock":[22,23]}
"#;
    let history = History::read_from(Reader::new("recorders", lines.as_bytes())).unwrap();
    let verdict = verdict(&history, 0);
    assert_eq!(verdict.valid, Valid::Unknown, "{verdict:#?}");
    assert_eq!(anomalies_of(&verdict), [].into());
}

/// The same transactions, with intervals that are widened by hand.
fn widened(case: &Case, times: &[i64], by: i64) -> Case {
    let events = case.events();
    let mut ends: Vec<(i64, bool, usize)> = events
        .iter()
        .zip(times)
        .map(|(&(txn, returned), &time)| {
            let time = if returned { time + by } else { time - by };
            (time, returned, txn)
        })
        .collect();
    // Calls first, and those of one time as they were.
    ends.sort_by_key(|&(time, returned, _)| (time, returned));
    let mut widened = case.clone();
    for (position, &(_, returned, txn)) in ends.iter().enumerate() {
        match returned {
            true => widened.txns[txn].returned = position,
            false => widened.txns[txn].invoked = position,
        }
    }
    widened
}

fn on_random(data: Data) {
    let choices = (
        vec(any::<u8>(), 40..150),
        vec(0..4_i64, 2 * random::TXNS_MAX),
        1..5_i64,
    );
    let result = TestRunner::new(crate::config()).run(&choices, |(choices, gaps, by)| {
        let mut case = random::case(data, &choices, random::TXNS_MAX);
        prop_assume!(case.has_commits());
        // A process does not overlap with itself.
        for (process, txn) in (0..).zip(&mut case.txns) {
            txn.process = process;
        }
        let times = gaps.iter().scan(0, |now, gap| {
            *now += gap;
            Some(*now)
        });
        let times: Vec<i64> = times.collect();
        let recorded = at_times(&case.history(), &times);
        let uncertain = verdict(&recorded, by.unsigned_abs());
        let by_hand = verdict(&widened(&case, &times, by).history(), 0);
        prop_assert_eq!(levels_of(&uncertain), levels_of(&by_hand), "{:?}", case);
        // Of registers not every anomaly is found besides what breaks a level.
        if data == Data::Lists {
            prop_assert_eq!(
                anomalies_of(&uncertain),
                anomalies_of(&by_hand),
                "{:?}",
                case
            );
        }
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}

#[test]
fn lists_are_judged_as_if_widened_by_hand() {
    on_random(Data::Lists);
}

#[test]
fn registers_are_judged_as_if_widened_by_hand() {
    on_random(Data::Registers);
}
