//! Writing an event as a line of JSON. It cannot fail: it writes to memory, and
//! whatever the event holds, exactly one whole line comes out.

use serde::Serialize;
use serde_json::value::RawValue;

use crate::clock::Clock;
use crate::event::{Event, Key, Process};

/// How a line ends.
const END: &[u8] = b"}\n";

/// Appends the event to `line` as one line, with its newline.
pub fn write(event: &Event<'_>, line: &mut Vec<u8>) {
    write_head(event.index, event.time, line);
    write_rest(event, line);
}

/// The part of a line that is known only when its turn has come.
pub(crate) fn write_head(index: u64, time: i64, line: &mut Vec<u8>) {
    line.extend_from_slice(b"{\"index\":");
    json(line, &index);
    line.extend_from_slice(b",\"time\":");
    json(line, &time);
}

/// The part of a line after [`write_head`]: all but `index` and `time`.
pub(crate) fn write_rest(event: &Event<'_>, line: &mut Vec<u8>) {
    line.extend_from_slice(b",\"type\":\"");
    line.extend_from_slice(event.kind.name().as_bytes());
    line.extend_from_slice(b"\",\"process\":");
    match event.process {
        Process::Client(id) => json(line, &id),
        Process::Nemesis => line.extend_from_slice(b"\"nemesis\""),
        Process::Witness => line.extend_from_slice(b"\"witness\""),
    }
    if let Some(region) = &event.region {
        line.extend_from_slice(b",\"region\":");
        json(line, region);
    }
    line.extend_from_slice(b",\"f\":");
    json(line, &event.f);
    if let Some(key) = &event.key {
        line.extend_from_slice(b",\"key\":");
        write_key(key, line);
    }
    if let Some(value) = &event.value {
        line.extend_from_slice(b",\"value\":");
        raw(line, value);
    }
    if let Some(error) = &event.error {
        line.extend_from_slice(b",\"error\":{\"class\":");
        json(line, &error.class);
        line.extend_from_slice(b",\"message\":");
        json(line, &error.message);
        line.push(b'}');
    }
    if let Some(attempts) = event.attempts {
        line.extend_from_slice(b",\"attempts\":");
        json(line, &attempts);
    }
    stamp(event.clock(), event.recorder(), line);
    for (name, value) in &event.extra {
        line.push(b',');
        json(line, name);
        line.push(b':');
        raw(line, value);
    }
    line.extend_from_slice(END);
}

/// Adds to a line that [`write_rest`] ended what was not known then.
pub(crate) fn write_stamp(clock: Option<Clock>, recorder: Option<&str>, line: &mut Vec<u8>) {
    line.truncate(line.len().saturating_sub(END.len()));
    stamp(clock, recorder, line);
    line.extend_from_slice(END);
}

fn stamp(clock: Option<Clock>, recorder: Option<&str>, line: &mut Vec<u8>) {
    if let Some(clock) = clock {
        line.extend_from_slice(b",\"clock\":[");
        json(line, &clock.earliest());
        line.push(b',');
        json(line, &clock.latest());
        line.push(b']');
    }
    if let Some(recorder) = recorder {
        line.extend_from_slice(b",\"recorder\":");
        json(line, recorder);
    }
}

/// Appends the key as JSON.
pub(crate) fn write_key(key: &Key<'_>, line: &mut Vec<u8>) {
    match key {
        Key::Bool(bool) => json(line, bool),
        Key::Int(int) => json(line, int),
        Key::Number(number) if is_number(number) => line.extend_from_slice(number.as_bytes()),
        Key::Number(text) | Key::Text(text) => json(line, text),
    }
}

/// Whether the text is a JSON number and nothing else. A [`Key::Number`] made by
/// hand may hold anything, and a line must stay JSON.
fn is_number(text: &str) -> bool {
    text.starts_with(|c: char| c == '-' || c.is_ascii_digit())
        && serde_json::from_str::<&RawValue>(text).is_ok_and(|raw| raw.get() == text)
}

/// Integers, booleans and strings: serialising those into memory cannot fail.
fn json<T: Serialize + ?Sized>(line: &mut Vec<u8>, scalar: &T) {
    let written = serde_json::to_writer(line, scalar);
    debug_assert!(written.is_ok());
}

/// JSON as it was spelt. Line breaks can only stand between tokens there, where
/// a space means the same and does not end the line.
fn raw(line: &mut Vec<u8>, json: &RawValue) {
    let start = line.len();
    line.extend_from_slice(json.get().as_bytes());
    if memchr::memchr2(b'\n', b'\r', &line[start..]).is_some() {
        for byte in &mut line[start..] {
            if matches!(byte, b'\n' | b'\r') {
                *byte = b' ';
            }
        }
    }
}
