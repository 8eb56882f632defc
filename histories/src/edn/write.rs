//! An event as one EDN map on a line, as Jepsen saves operations. It cannot fail.

use super::{Place, error, from_json};
use crate::event::{Event, Key, Process};
use crate::jsonl;

/// Appends the event to `line` as an EDN map, with a newline. The map is on one
/// line unless a text of the event holds EDN, which is written as it is spelt.
pub fn write(event: &Event<'_>, line: &mut Vec<u8>) {
    let mut edn = format!(
        "{{:index {}, :time {}, :type :{}, :process ",
        event.index, event.time, event.kind
    );
    match event.process {
        Process::Client(id) => edn.push_str(&id.to_string()),
        Process::Nemesis => edn.push_str(":nemesis"),
        Process::Witness => edn.push_str(":witness"),
    }
    if let Some(region) = &event.region {
        edn.push_str(", :region ");
        from_json::text(region, Place::Plain, &mut edn);
    }
    edn.push_str(", :f ");
    match &*event.f {
        // As a name this would be `nil`, which is none.
        "\\nil" => from_json::embedded("\"\\\\nil\"", &mut edn),
        f => from_json::key(f, &mut edn),
    }
    if let Some(key) = &event.key {
        edn.push_str(", :key ");
        write_key(key, &mut edn);
    }
    if let Some(value) = &event.value {
        edn.push_str(", :value ");
        from_json::value(value.get(), Place::Top, &mut edn);
    }
    if let Some(error) = &event.error {
        edn.push_str(", :error ");
        error::write(error, &mut edn);
    }
    if let Some(attempts) = event.attempts {
        edn.push_str(&format!(", :attempts {attempts}"));
    }
    if let Some(clock) = event.clock() {
        edn.push_str(&format!(
            ", :clock [{} {}]",
            clock.earliest(),
            clock.latest()
        ));
    }
    if let Some(recorder) = event.recorder() {
        edn.push_str(", :recorder ");
        from_json::text(recorder, Place::Plain, &mut edn);
    }
    for (name, value) in &event.extra {
        edn.push_str(", ");
        from_json::key(name, &mut edn);
        edn.push(' ');
        from_json::value(value.get(), Place::Plain, &mut edn);
    }
    edn.push_str("}\n");
    line.extend_from_slice(edn.as_bytes());
}

fn write_key(key: &Key<'_>, edn: &mut String) {
    match key {
        Key::Text(text) => match text.strip_prefix('\\') {
            // A list or a map as a key.
            Some(spelt) if super::event::is_compound(spelt) => edn.push_str(spelt),
            _ => from_json::text(text, Place::Plain, edn),
        },
        key => {
            let mut json = Vec::new();
            jsonl::write_key(key, &mut json);
            from_json::value(&String::from_utf8_lossy(&json), Place::Plain, edn);
        }
    }
}
