//! The names of an event's fields as saved: one list for the codec and for
//! every error that names a field.

use std::fmt;

/// A field of an event that this version knows, in the order it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Field {
    /// `index`
    Index,
    /// `time`
    Time,
    /// `type`
    Type,
    /// `process`
    Process,
    /// `region`
    Region,
    /// `f`
    F,
    /// `key`
    Key,
    /// `value`
    Value,
    /// `error`
    Error,
    /// `attempts`
    Attempts,
    /// `clock`
    Clock,
    /// `recorder`
    Recorder,
}

impl Field {
    /// The name as saved.
    pub fn name(self) -> &'static str {
        match self {
            Field::Index => "index",
            Field::Time => "time",
            Field::Type => "type",
            Field::Process => "process",
            Field::Region => "region",
            Field::F => "f",
            Field::Key => "key",
            Field::Value => "value",
            Field::Error => "error",
            Field::Attempts => "attempts",
            Field::Clock => "clock",
            Field::Recorder => "recorder",
        }
    }

    /// The field with that name, if this version knows it.
    pub fn named(name: &str) -> Option<Field> {
        Some(match name {
            "index" => Field::Index,
            "time" => Field::Time,
            "type" => Field::Type,
            "process" => Field::Process,
            "region" => Field::Region,
            "f" => Field::F,
            "key" => Field::Key,
            "value" => Field::Value,
            "error" => Field::Error,
            "attempts" => Field::Attempts,
            "clock" => Field::Clock,
            "recorder" => Field::Recorder,
            _ => return None,
        })
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
