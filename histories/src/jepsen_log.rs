//! Operations in the log of a Jepsen run, as porcupine's etcd tests have them:
//! `INFO  jepsen.util - 0 :invoke :write 4`, between tabs. Other lines of a log are not for us.

use crate::draft::Draft;
use crate::edn::{self, Fault};
use crate::event::{Kind, Process};

/// Where on the line its operation begins, if it has one.
pub(crate) fn operation(line: &[u8]) -> Option<usize> {
    let mark = b"jepsen.util";
    let start = match memchr::memmem::find(line, mark) {
        None => 0,
        Some(at) => {
            let rest = &line[at + mark.len()..];
            let skipped = rest.iter().take_while(|byte| b" -:\t".contains(byte));
            at + mark.len() + skipped.count()
        }
    };
    // ":nemesis" may have lost its colon with the ones skipped.
    let mut words = line[start..]
        .split(u8::is_ascii_whitespace)
        .filter(|word| !word.is_empty());
    let process = words.next()?;
    let known =
        process.iter().all(u8::is_ascii_digit) || matches!(process, b":nemesis" | b"nemesis");
    let kind = words.next()?.strip_prefix(b":")?;
    (known && Kind::named(std::str::from_utf8(kind).ok()?).is_some()).then_some(start)
}

/// Reads the operation: process, type, function and value, and perhaps an error.
/// Where an operation did not succeed, a lone keyword is its error.
pub(crate) fn parse<'a>(text: &'a str, scratch: &'a mut String) -> Result<Draft<'a>, Box<Fault>> {
    scratch.clear();
    let mut rest = text;
    let mut word = || {
        let trimmed = rest.trim_start();
        let end = trimmed.find(char::is_whitespace).unwrap_or(trimmed.len());
        let (word, behind) = trimmed.split_at(end);
        rest = behind;
        word
    };
    let (process, kind, f) = (word(), word(), word());
    let fault = |field: &str, message: &str| {
        Box::new(Fault {
            at: 0,
            field: Some(field.to_owned()),
            message: message.to_owned(),
        })
    };
    let mut draft = Draft {
        kind: kind.strip_prefix(':').and_then(Kind::named),
        process: Some(match process.trim_start_matches(':') {
            "nemesis" => Process::Nemesis,
            id => Process::Client(
                id.parse()
                    .map_err(|_| fault("process", "expected a client's number or :nemesis"))?,
            ),
        }),
        f: Some(match f.strip_prefix(':') {
            Some(name) if !name.is_empty() => name.into(),
            _ => return Err(fault("f", "expected a keyword")),
        }),
        ..Draft::default()
    };
    let failed = matches!(draft.kind, Some(Kind::Fail | Kind::Info));
    let behind = text.len() - rest.len();
    let value = rest.trim();
    let named = |name: &'static str, at: usize| {
        move |mut fault: Box<Fault>| {
            fault.at += at;
            fault.field = Some(name.to_owned());
            fault
        }
    };
    let process_is_client = matches!(draft.process, Some(Process::Client(_)));
    if failed && process_is_client && value.starts_with(':') && !value.contains(char::is_whitespace)
    {
        draft.error = edn::error_at(value).map_err(named("error", behind))?;
    } else if !value.is_empty() {
        let length = edn::value_span(rest, scratch).map_err(named("value", behind))?;
        let error = &rest[length..];
        if !error.trim().is_empty() {
            draft.error = edn::error_at(error).map_err(named("error", behind + length))?;
        }
        let scratch: &'a str = scratch;
        draft.value = Some(edn::raw(scratch)?);
    }
    Ok(draft)
}
