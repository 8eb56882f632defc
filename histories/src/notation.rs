//! Histories in shorthand, one event a line, so that tests and examples read
//! like the papers. Not a format to save histories in.

use std::borrow::Cow;

use serde_json::Deserializer;
use serde_json::value::RawValue;

use crate::event::{Error, Event, Key, Kind, Process};
use crate::history::History;
use crate::validate::Invalid;

/// Why shorthand is not a history.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotationError {
    /// A line is not an event.
    #[error("line {line}: {message}: {text:?}")]
    Line {
        /// The line, from 1.
        line: usize,
        /// What it says.
        text: String,
        /// What is wrong with it.
        message: &'static str,
    },
    /// The events are not a history.
    #[error(transparent)]
    Invalid(#[from] Invalid),
}

/// Reads a history in shorthand:
///
/// ```
/// let history = witness_histories::history(r#"
///     ## process@region type    f        key  value         attempts, error
///     0@us-east-1       invoke  acquire  A1   {"buyer":"b0"}
///     1@us-east-2       invoke  acquire  A1   {"buyer":"b1"}
///     0@us-east-1       ok      acquire  A1   {"sale_id":"s0"}  x2
///     1@us-east-2       fail    acquire  A1   {"buyer":"b1"}    x8 rejected: sold
///     2                 invoke  txn      _    [["r",1,null]]
///     2                 info    txn      _    _                 timeout: no answer
///     witness@us-east-1 ok      evidence _    {"table":"ledger","rows":[],"last":true}
/// "#)?;
/// assert_eq!(history.operations().count(), 3);
/// # Ok::<(), witness_histories::NotationError>(())
/// ```
///
/// `_` stands for nothing, and nothing need not be said at the end of a line. A
/// key is a number, `true`, `false` or else a text without spaces; the value is
/// JSON on that line. Indices count up; event n happens n microseconds after the
/// start. Blank lines and lines that begin with `#` are left out.
///
/// # Errors
/// The first line that is not an event, or event that is not valid.
pub fn history(text: &str) -> Result<History, NotationError> {
    let lines = text.lines().map(str::trim).zip(1..);
    let events: Vec<Event<'_>> = lines
        .filter(|(text, _)| !text.is_empty() && !text.starts_with('#'))
        .zip(0..)
        .map(|((text, line), index)| {
            let wrong = |message| NotationError::Line {
                line,
                text: text.to_owned(),
                message,
            };
            event(index, text).map_err(wrong)
        })
        .collect::<Result<_, _>>()?;
    Ok(History::from_events(events)?)
}

fn event(index: u64, line: &str) -> Result<Event<'_>, &'static str> {
    let (who, rest) = word(line);
    let (kind, rest) = word(rest);
    let (f, rest) = word(rest);
    let (key, rest) = word(rest);
    let (value, rest) = value(rest)?;
    let (attempts, rest) = attempts(rest);
    let (process, region) = match who.split_once('@') {
        Some((process, region)) => (process, Some(Cow::Borrowed(region))),
        None => (who, None),
    };
    Ok(Event {
        index,
        time: i64::try_from(index)
            .unwrap_or(i64::MAX)
            .saturating_mul(1_000),
        kind: Kind::named(kind).ok_or("the type is invoke, ok, fail or info")?,
        process: match process {
            "nemesis" => Process::Nemesis,
            "witness" => Process::Witness,
            id => Process::Client(
                id.parse()
                    .map_err(|_| "a process is a number, nemesis or witness")?,
            ),
        },
        region,
        f: if f.is_empty() {
            return Err("f is missing");
        } else {
            f.into()
        },
        key: match key {
            "" | "_" => None,
            "true" => Some(Key::Bool(true)),
            "false" => Some(Key::Bool(false)),
            key => Some(key.parse().map_or(key.into(), Key::Int)),
        },
        value,
        error: match rest.split_once(':') {
            _ if rest.is_empty() => None,
            Some((class, message)) => Some(Error::new(class, message.trim_start())),
            None => return Err("an error is a class, a colon and a message"),
        },
        attempts,
        stamp: None,
        extra: Vec::new(),
    })
}

/// The first word, and what follows it.
fn word(text: &str) -> (&str, &str) {
    let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    (word, rest.trim_start())
}

/// JSON or `_`, and what follows it.
fn value(text: &str) -> Result<(Option<Cow<'_, RawValue>>, &str), &'static str> {
    if text.is_empty() || word(text).0 == "_" {
        return Ok((None, word(text).1));
    }
    let mut values = Deserializer::from_str(text).into_iter::<&RawValue>();
    match values.next() {
        Some(Ok(value)) => Ok((
            Some(Cow::Borrowed(value)),
            text[values.byte_offset()..].trim_start(),
        )),
        _ => Err("the value is not JSON"),
    }
}

/// `x2`, if it is there, and what follows it.
fn attempts(text: &str) -> (Option<u32>, &str) {
    let (first, rest) = word(text);
    match first.strip_prefix('x').and_then(|count| count.parse().ok()) {
        Some(count) => (Some(count), rest),
        None => (None, text),
    }
}

#[cfg(test)]
mod tests {
    use super::history;
    use crate::strategies::line;

    #[test]
    fn shorthand_says_what_a_line_says() {
        let shorthand = r#"
            # Comments and blank lines are nothing.

            3@us-east-1 invoke acquire A1   { "buyer" : "b 3" }
            4           invoke cas     -7   [1, 2] x1
            5           invoke read    true
            3@us-east-1 fail   acquire A1   _  x8  conflict:  OC000: gave up
            witness     ok     end
        "#;
        let written: Vec<String> = history(shorthand)
            .unwrap()
            .events()
            .map(|event| line(&event))
            .collect();
        assert_eq!(
            written.concat(),
            r#"{"index":0,"time":0,"type":"invoke","process":3,"region":"us-east-1","f":"acquire","key":"A1","value":{ "buyer" : "b 3" }}
{"index":1,"time":1000,"type":"invoke","process":4,"f":"cas","key":-7,"value":[1, 2],"attempts":1}
{"index":2,"time":2000,"type":"invoke","process":5,"f":"read","key":true}
{"index":3,"time":3000,"type":"fail","process":3,"region":"us-east-1","f":"acquire","key":"A1","error":{"class":"conflict","message":"OC000: gave up"},"attempts":8}
{"index":4,"time":4000,"type":"ok","process":"witness","f":"end"}
"#
        );
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        for (shorthand, message) in [
            (
                "a invoke r",
                r#"line 2: a process is a number, nemesis or witness: "a invoke r""#,
            ),
            (
                "0 begin r",
                r#"line 2: the type is invoke, ok, fail or info: "0 begin r""#,
            ),
            ("0 invoke", r#"line 2: f is missing: "0 invoke""#),
            (
                "0 invoke r x {",
                r#"line 2: the value is not JSON: "0 invoke r x {""#,
            ),
            (
                "0 invoke r x _ sold",
                r#"line 2: an error is a class, a colon and a message: "0 invoke r x _ sold""#,
            ),
            (
                "0 ok r",
                "event 0: field \"process\": process 0 has no open operation that this ok could complete",
            ),
        ] {
            let error = history(&format!("\n  {shorthand}\n")).unwrap_err();
            assert_eq!(error.to_string(), message);
        }
    }
}
