//! Events made up by proptest, odd ones preferred: what the tests of this crate
//! generate.

use std::borrow::Cow;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use serde_json::value::RawValue;

use crate::clock::{Clock, Stamp};
use crate::event::{Error, Event, Key, Kind, Process};
use crate::field::Field;
use crate::jsonl;

/// Texts with what JSON must escape, what it need not, and what looks like it.
pub(crate) fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z0-9_-]{0,8}",
        any::<String>(),
        vec(
            prop::sample::select(vec![
                "\"", "\\", "\n", "\r", "\t", "\0", "\u{1f}", "\u{7f}", "\u{2028}", "é", "座", "🎟",
                "\\u0041", "{", "}", ",", ":", "/",
            ]),
            0..6
        )
        .prop_map(|parts| parts.concat()),
    ]
}

/// JSON as people spell it: spaces, needless escapes, huge numbers.
pub(crate) fn json() -> impl Strategy<Value = String> {
    let scalar = prop_oneof![
        prop::sample::select(vec![
            "null",
            "true",
            "false",
            "0",
            "-0",
            "-1",
            "1.50",
            "1E+400",
            "-2e-7",
            "123456789012345678901234567890",
            r#""\u0041\/\ud83c\udf9f""#,
            r#""""#,
            "[]",
            "{ }",
        ])
        .prop_map(str::to_owned),
        any::<i64>().prop_map(|int| int.to_string()),
        text().prop_map(|text| quoted(&text)),
    ];
    scalar.prop_recursive(4, 24, 4, |inner| {
        let space = prop::sample::select(vec!["", "", "", " ", "\t "]);
        let list = (vec(inner.clone(), 0..4), space.clone()).prop_map(|(items, space)| {
            format!("[{space}{}{space}]", items.join(&format!(",{space}")))
        });
        let object = (vec((text(), inner), 0..4), space).prop_map(|(fields, space)| {
            let fields: Vec<_> = fields
                .iter()
                .map(|(name, value)| format!("{}{space}:{value}", quoted(name)))
                .collect();
            format!("{{{}{space}}}", fields.join(&format!("{space},")))
        });
        prop_oneof![list, object]
    })
}

pub(crate) fn key() -> impl Strategy<Value = Key<'static>> {
    prop_oneof![
        any::<bool>().prop_map(Key::Bool),
        any::<i64>().prop_map(Key::Int),
        prop::sample::select(vec!["-0", "1.5", "1e400", "-2E-3", "18446744073709551615"])
            .prop_map(|number| Key::Number(number.into())),
        text().prop_map(Key::from),
    ]
}

/// A clock, a recorder, or both.
fn stamp() -> impl Strategy<Value = Box<Stamp<'static>>> {
    let stamp = |(clock, recorder): (Option<(i64, i64)>, String)| {
        let clock = clock.map(|(a, b)| Clock::new(a.min(b), a.max(b)).unwrap());
        let recorder =
            (clock.is_none() || recorder.len().is_multiple_of(2)).then_some(recorder.into());
        Box::new(Stamp { clock, recorder })
    };
    (any::<Option<(i64, i64)>>(), text()).prop_map(stamp)
}

/// Any event, its index and time included.
pub(crate) fn event() -> impl Strategy<Value = Event<'static>> {
    let kind = prop::sample::select(vec![Kind::Invoke, Kind::Ok, Kind::Fail, Kind::Info]);
    let process = prop_oneof![
        any::<u64>().prop_map(Process::Client),
        Just(Process::Nemesis),
        Just(Process::Witness),
    ];
    let error = (text(), text()).prop_map(|(class, message)| Error::new(class, message));
    let extra = vec(
        (
            text().prop_filter("unknown", |name| Field::named(name).is_none()),
            json(),
        ),
        0..3,
    );
    (
        (
            any::<u64>(),
            any::<i64>(),
            kind,
            process,
            option::of(text()),
            text(),
        ),
        (
            option::of(key()),
            option::of(json()),
            option::of(error),
            option::of(any::<u32>()),
            option::of(stamp()),
            extra,
        ),
    )
        .prop_map(
            |(
                (index, time, kind, process, region, f),
                (key, value, error, attempts, stamp, extra),
            )| {
                Event {
                    index,
                    time,
                    kind,
                    process,
                    region: region.map(Cow::Owned),
                    f: f.into(),
                    key,
                    value: value.map(raw),
                    error,
                    attempts,
                    stamp,
                    extra: extra
                        .into_iter()
                        .map(|(name, value)| (name.into(), raw(value)))
                        .collect(),
                }
            },
        )
}

/// Clients that are busy at the same time, at most.
const CLIENTS: usize = 3;

/// Lines that are a valid history: clients invoke and complete, one operation at a
/// time, and go on under a new number after an `info`; in between, Witness and the
/// nemesis say anything.
pub(crate) fn lines() -> impl Strategy<Value = Vec<String>> {
    vec((event(), 0..CLIENTS + 2), 1..12).prop_map(|events| {
        let mut clients: [(u64, Option<Event<'static>>); CLIENTS] =
            std::array::from_fn(|client| (client as u64, None));
        let mut unused = CLIENTS as u64;
        let mut lines = Vec::new();
        for (index, (mut event, who)) in (0..).zip(events) {
            (event.index, event.time) = (index, index as i64);
            match clients.get_mut(who) {
                None if who == CLIENTS => event.process = Process::Witness,
                None => event.process = Process::Nemesis,
                Some((process, open)) => {
                    event.process = Process::Client(*process);
                    match open.take() {
                        None => {
                            event.kind = Kind::Invoke;
                            *open = Some(event.clone());
                        }
                        Some(invoked) => {
                            (event.f, event.key) = (invoked.f, invoked.key);
                            if event.kind == Kind::Invoke {
                                event.kind = Kind::Ok;
                            }
                            if event.kind == Kind::Info {
                                *process = unused;
                                unused += 1;
                            }
                        }
                    }
                }
            }
            lines.push(line(&event));
        }
        lines
    })
}

/// The event as a line, with its newline.
pub(crate) fn line(event: &Event<'_>) -> String {
    let mut line = Vec::new();
    jsonl::write(event, &mut line);
    String::from_utf8(line).unwrap()
}

fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap()
}

fn raw(json: String) -> Cow<'static, RawValue> {
    Cow::Owned(RawValue::from_string(json).unwrap())
}

#[test]
fn the_lines_have_operations_of_every_outcome() {
    use crate::{Completion, History};
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;

    let mut runner = TestRunner::deterministic();
    let mut seen = std::collections::HashMap::new();
    for _ in 0..200 {
        let lines = lines().new_tree(&mut runner).unwrap().current();
        let history = History::from_events(lines.iter().map(|line| jsonl::parse(line).unwrap()));
        for operation in history.unwrap().operations() {
            let completion = operation.completed().map(|_| operation.completion());
            *seen.entry(completion).or_insert(0) += 1;
        }
    }
    for completion in [Completion::Ok, Completion::Fail, Completion::Info] {
        assert!(seen[&Some(completion)] > 50, "{seen:?}");
    }
    assert!(seen[&None] > 50, "{seen:?}");
}
