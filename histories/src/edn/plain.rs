//! Fields of an event in their plainest spelling, which nearly all have: told by their
//! first letters, each read in one pass. What is spelt otherwise is left where it stands, to
//! [`super::event`], which alone says what is wrong.

use std::ops::Range;

use super::lexer::Lexer;
use super::{Place, is_plain_in_name, to_json};
use crate::draft::Draft;
use crate::event::{Kind, Process};
use crate::field::Field;

/// Takes as many such fields as come, and what separates them. The value goes to `scratch`
/// as JSON, and where it is there to `value`.
pub(super) fn fields<'a>(
    edn: &mut Lexer<'a>,
    scratch: &mut String,
    draft: &mut Draft<'a>,
    value: &mut Option<Range<usize>>,
) {
    let mut rest = edn.rest();
    loop {
        let length = scratch.len();
        match field(rest, scratch, draft, value) {
            Some(next) => rest = next,
            None => {
                scratch.truncate(length);
                return edn.go_on(rest);
            }
        }
    }
}

/// Takes one from the start of the text, and says what is behind it; none if it is not plain,
/// or was there before.
#[inline(always)]
fn field<'a>(
    text: &'a str,
    scratch: &mut String,
    draft: &mut Draft<'a>,
    value: &mut Option<Range<usize>>,
) -> Option<&'a str> {
    let (field, rest) = match text.as_bytes().get(1)? {
        b't' => match text.strip_prefix(":time ") {
            Some(form) => {
                let (time, rest) = natural(form)?;
                draft.time = Some(time.try_into().ok()?);
                (Field::Time, rest)
            }
            None => {
                let (kind, rest) = kind(text.strip_prefix(":type :")?)?;
                draft.kind = Some(kind);
                (Field::Type, rest)
            }
        },
        b'f' => {
            let form = text.strip_prefix(":f :")?;
            let length = form.bytes().position(|byte| !is_plain_in_name(byte))?;
            let (name, rest) = form.split_at_checked(length)?;
            let begins = !name.as_bytes().first()?.is_ascii_digit();
            draft.f = Some(begins.then_some(name)?.into());
            (Field::F, rest)
        }
        b'v' => {
            let mut edn = Lexer::new(text.strip_prefix(":value ")?);
            let start = scratch.len();
            to_json::value(&mut edn, Place::Top, 1, scratch).ok()?;
            *value = Some(start..scratch.len());
            (Field::Value, edn.rest())
        }
        b'p' => {
            let (process, rest) = natural(text.strip_prefix(":process ")?)?;
            draft.process = Some(Process::Client(process));
            (Field::Process, rest)
        }
        b'i' => {
            let (index, rest) = natural(text.strip_prefix(":index ")?)?;
            draft.index = Some(index);
            (Field::Index, rest)
        }
        _ => return None,
    };
    let rest = separator(rest)?;
    // Of one that was there before, the other way says so, and there is no event.
    draft.first(field).then_some(rest)
}

#[inline(always)]
fn kind(text: &str) -> Option<(Kind, &str)> {
    Some(match text.as_bytes().first()? {
        b'o' => (Kind::Ok, text.strip_prefix("ok")?),
        b'f' => (Kind::Fail, text.strip_prefix("fail")?),
        _ => match text.strip_prefix("invoke") {
            Some(rest) => (Kind::Invoke, rest),
            None => (Kind::Info, text.strip_prefix("info")?),
        },
    })
}

/// Takes what separates a field from the next. The word or form before it ends here.
#[inline(always)]
fn separator(text: &str) -> Option<&str> {
    if let Some(rest) = text.strip_prefix(", ") {
        return Some(rest);
    }
    match text.as_bytes().first()? {
        b',' | b' ' => text.get(1..),
        b'}' => Some(text),
        _ => None,
    }
}

/// Takes a natural number in its one spelling, of no more digits than fit.
#[inline(always)]
fn natural(text: &str) -> Option<(u64, &str)> {
    let bytes = text.as_bytes();
    let (mut number, mut length) = (0_u64, 0);
    while let Some(&digit @ b'0'..=b'9') = bytes.get(length) {
        number = number
            .wrapping_mul(10)
            .wrapping_add(u64::from(digit - b'0'));
        length += 1;
    }
    let is_plain = matches!(length, 1..=18) && (length == 1 || bytes[0] != b'0');
    is_plain.then_some((number, text.get(length..)?))
}
