//! The JSON Lines codec: one event, one line. It knows lines, not files; the
//! [`Reader`](crate::Reader) and the [`Recorder`](crate::Recorder) do the I/O.
//!
//! A line holds the known fields in one order, optional ones left out when
//! absent, and then the unknown ones as they were read, byte for byte. Reading
//! accepts any order. A known optional field that is `null` counts as absent,
//! except `value`, where `null` is a value.

mod canonical;
mod parse;
#[cfg(test)]
mod tests;
mod write;

pub use parse::{ParseError, key, parse};
pub use write::write;
pub(crate) use write::{write_head, write_key, write_rest, write_stamp};
