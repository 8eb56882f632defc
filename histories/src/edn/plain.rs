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
    loop {
        let (start, length) = (edn.at(), scratch.len());
        if field(edn, scratch, draft, value).is_none() {
            edn.rewind(start);
            scratch.truncate(length);
            return;
        }
        edn.take(b',');
        edn.take(b' ');
    }
}

/// Takes one; none if it is not plain, or was there before.
#[inline(always)]
fn field<'a>(
    edn: &mut Lexer<'a>,
    scratch: &mut String,
    draft: &mut Draft<'a>,
    value: &mut Option<Range<usize>>,
) -> Option<()> {
    let rest = edn.rest().as_bytes();
    let (name, field): (&[u8], Field) = match rest.get(1)? {
        b't' if rest.get(2) == Some(&b'i') => (b":time ", Field::Time),
        b't' => (b":type :", Field::Type),
        b'f' => (b":f :", Field::F),
        b'v' => (b":value ", Field::Value),
        b'p' => (b":process ", Field::Process),
        b'i' => (b":index ", Field::Index),
        _ => return None,
    };
    let behind = rest.strip_prefix(name)?;
    if draft.has(field) {
        return None;
    }
    edn.pass(name.len());
    match field {
        Field::Time => draft.time = Some(natural(edn)?.try_into().ok()?),
        Field::Index => draft.index = Some(natural(edn)?),
        Field::Process => draft.process = Some(Process::Client(natural(edn)?)),
        Field::Type => {
            let (name, kind): (&[u8], Kind) = match behind.first()? {
                b'o' => (b"ok", Kind::Ok),
                b'f' => (b"fail", Kind::Fail),
                b'i' if behind.get(2) == Some(&b'v') => (b"invoke", Kind::Invoke),
                _ => (b"info", Kind::Info),
            };
            behind.strip_prefix(name)?;
            edn.pass(name.len());
            ends(edn)?;
            draft.kind = Some(kind);
        }
        Field::F => {
            let length = behind.iter().position(|&byte| !is_plain_in_name(byte))?;
            let name = &edn.rest()[..length];
            edn.pass(length);
            ends(edn)?;
            let begins = name
                .as_bytes()
                .first()
                .is_some_and(|byte| !byte.is_ascii_digit());
            draft.f = Some(begins.then_some(name)?.into());
        }
        _ => {
            let start = scratch.len();
            to_json::value(edn, Place::Top, 1, scratch).ok()?;
            ends(edn)?;
            *value = Some(start..scratch.len());
        }
    }
    draft.first(field);
    Some(())
}

/// That the word or form ends here.
#[inline(always)]
fn ends(edn: &Lexer<'_>) -> Option<()> {
    matches!(edn.peek()?, b',' | b' ' | b'}').then_some(())
}

/// Takes a natural number in its one spelling.
#[inline(always)]
fn natural(edn: &mut Lexer<'_>) -> Option<u64> {
    let bytes = edn.rest().as_bytes();
    let (mut number, mut length) = (0_u64, 0);
    while let Some(&digit @ b'0'..=b'9') = bytes.get(length) {
        number = number
            .wrapping_mul(10)
            .wrapping_add(u64::from(digit - b'0'));
        length += 1;
    }
    // No more digits than fit.
    let is_plain = matches!(length, 1..=18) && (length == 1 || bytes[0] != b'0');
    edn.pass(length);
    ends(edn)?;
    is_plain.then_some(number)
}
