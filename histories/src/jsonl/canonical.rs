//! The short way to read a line: lines spelt exactly as [`write`](super::write)
//! spells them, which nearly all are. Anything else, well-formed or not, is left
//! to the long way, so no rule of the format is decided here; a property test
//! holds the two to the same answers.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::Deserializer;
use serde_json::value::RawValue;

use crate::clock::{Clock, Stamp};
use crate::event::{Error, Event, Key, Kind, Process};
use crate::raw;

/// The event of the line, if it is spelt canonically and has neither escapes nor
/// unknown fields.
#[inline]
pub(super) fn parse(line: &str) -> Option<Event<'_>> {
    let mut rest = Rest(line);
    rest.expect("{\"index\":")?;
    let index = rest.digits()?;
    rest.expect(",\"time\":")?;
    let time = rest.digits()?.try_into().ok()?;
    rest.expect(",\"type\":\"")?;
    let kind = Kind::named(rest.text()?)?;
    rest.expect(",\"process\":")?;
    let process = match rest.quoted("")? {
        None => Process::Client(rest.digits()?),
        Some("nemesis") => Process::Nemesis,
        Some("witness") => Process::Witness,
        Some(_) => return None,
    };
    let region = rest.quoted(",\"region\":")?;
    let f = rest.quoted(",\"f\":")??;
    let key = rest.key()?;
    let value = rest.value()?;
    let error = match rest.quoted(",\"error\":{\"class\":")? {
        None => None,
        Some(class) => {
            let message = rest.quoted(",\"message\":")??;
            rest.expect("}")?;
            Some(Error::new(class, message))
        }
    };
    let attempts = match rest.expect(",\"attempts\":") {
        None => None,
        Some(()) => Some(rest.digits()?.try_into().ok()?),
    };
    let stamp = if rest.0 == "}" {
        None
    } else {
        Some(rest.stamp()?)
    };
    Some(Event {
        index,
        time,
        kind,
        process,
        region: region.map(Cow::Borrowed),
        f: Cow::Borrowed(f),
        key,
        value: value.map(Cow::Borrowed),
        error,
        attempts,
        stamp,
        extra: Vec::new(),
    })
}

/// What is left of a line. Every method takes what it names off the front, or
/// says `None` to end the short way.
struct Rest<'a>(&'a str);

impl<'a> Rest<'a> {
    #[inline(always)]
    fn expect(&mut self, text: &str) -> Option<()> {
        self.0 = self.0.strip_prefix(text)?;
        Some(())
    }

    /// A number of at most 19 digits, none of them a leading zero: it fits.
    #[inline]
    fn digits(&mut self) -> Option<u64> {
        let digits = self.0.bytes().take_while(u8::is_ascii_digit).count();
        let (number, rest) = self.0.split_at_checked(digits)?;
        if digits == 0 || digits > 19 || (digits > 1 && number.starts_with('0')) {
            return None;
        }
        self.0 = rest;
        Some(
            number
                .bytes()
                .fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0')),
        )
    }

    /// The rest of a string and its end, if it stands there as it is meant.
    #[inline]
    fn text(&mut self) -> Option<&'a str> {
        let end = self
            .0
            .bytes()
            .position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20))?;
        let (text, rest) = self.0.split_at_checked(end)?;
        self.0 = rest.strip_prefix('"')?;
        Some(text)
    }

    /// A string behind `prefix`, if that is what comes.
    #[inline(always)]
    fn quoted(&mut self, prefix: &str) -> Option<Option<&'a str>> {
        match self
            .0
            .strip_prefix(prefix)
            .and_then(|rest| rest.strip_prefix('"'))
        {
            None => Some(None),
            Some(rest) => {
                self.0 = rest;
                self.text().map(Some)
            }
        }
    }

    /// A text or a natural number, if there is a key.
    #[inline]
    fn key(&mut self) -> Option<Option<Key<'a>>> {
        if let Some(text) = self.quoted(",\"key\":")? {
            return Some(Some(Key::from(text)));
        }
        if self.expect(",\"key\":").is_none() {
            return Some(None);
        }
        // Of a fraction this takes the whole part, and what is left is no field.
        Some(Some(Key::Int(self.digits()?.try_into().ok()?)))
    }

    /// When and by whom it was recorded, and the end of the line. Apart, so that lines
    /// without it are not slower to read.
    #[inline(never)]
    fn stamp(&mut self) -> Option<Box<Stamp<'a>>> {
        let clock = match self.expect(",\"clock\":[") {
            None => None,
            Some(()) => {
                let earliest = self.digits()?.try_into().ok()?;
                self.expect(",")?;
                let latest = self.digits()?.try_into().ok()?;
                self.expect("]")?;
                Some(Clock::new(earliest, latest)?)
            }
        };
        let recorder = self.quoted(",\"recorder\":")?.map(Cow::Borrowed);
        (self.0 == "}").then(|| Box::new(Stamp { clock, recorder }))
    }

    /// Any JSON, which serde_json validates unless it is a small natural number or spelt as
    /// micro-operations are, if there is a value.
    #[inline]
    fn value(&mut self) -> Option<Option<&'a RawValue>> {
        if self.expect(",\"value\":").is_none() {
            return Some(None);
        }
        let before = self.0;
        if self.digits().is_some() && self.0.starts_with(['}', ',']) {
            let number = &before[..before.len() - self.0.len()];
            return raw::known(number).ok().map(Some);
        }
        self.0 = before;
        if let Some(length) = plain_list(before.as_bytes())
            && let Some((list, rest)) = before.split_at_checked(length)
        {
            self.0 = rest;
            return raw::known(list).ok().map(Some);
        }
        let value = <&RawValue>::deserialize(&mut Deserializer::from_str(self.0)).ok()?;
        // Fails if there is white space before it.
        self.expect(value.get())?;
        Some(Some(value))
    }
}

/// How long the list is that comes, if nothing but lists, natural numbers, nulls and texts
/// without escapes is in it, and no white space: micro-operations and what they read.
#[inline]
fn plain_list(bytes: &[u8]) -> Option<usize> {
    const DEPTH_MAX: usize = 16;
    if bytes.first() != Some(&b'[') {
        return None;
    }
    let (mut rest, mut depth) = (bytes, 0);
    loop {
        rest = match rest {
            [b'[', b']', ..] if depth < DEPTH_MAX => {
                depth += 1;
                &rest[1..]
            }
            [b'[', item @ ..] if depth < DEPTH_MAX => {
                depth += 1;
                rest = item;
                continue;
            }
            [b'0', b'0'..=b'9', ..] => return None,
            [b'0'..=b'9', ..] => {
                let digits = rest.iter().take_while(|byte| byte.is_ascii_digit());
                &rest[digits.count()..]
            }
            [b'"', behind @ ..] => {
                let end = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20);
                let text = behind.iter().position(end)?;
                behind[text..].strip_prefix(b"\"")?
            }
            _ => rest.strip_prefix(b"null")?,
        };
        // What ends lists comes, and what separates items.
        while let [b']', behind @ ..] = rest {
            depth -= 1;
            rest = behind;
            if depth == 0 {
                return Some(bytes.len() - rest.len());
            }
        }
        rest = rest.strip_prefix(b",")?;
    }
}
