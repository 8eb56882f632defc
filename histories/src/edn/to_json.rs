//! One EDN form as JSON, by the table in [`super`].

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::lexer::{Lexer, Scalar};
use super::{DEPTH_MAX, Fault, JSON_TAG, Place, SET_KEY, is_integer, is_name, micro};

/// Takes the form that comes and appends it to `json`.
pub(super) fn value(
    edn: &mut Lexer<'_>,
    place: Place,
    depth: usize,
    json: &mut String,
) -> Result<(), Box<Fault>> {
    let start = edn.at();
    edn.limit(depth)?;
    match edn.peek() {
        Some(b'[' | b'(') => items(edn, place, depth, json),
        Some(b'{') => map(edn, depth, json),
        Some(b'"') => {
            let text = edn.string()?;
            let keyword = text.strip_prefix(':').is_some_and(is_name);
            if keyword || text.starts_with('\\') || place.is_word(&text) {
                spelt(edn.since(start), json);
            } else {
                quoted(&text, json);
            }
            Ok(())
        }
        Some(b'\\') => {
            edn.character()?;
            spelt(edn.since(start), json);
            Ok(())
        }
        Some(b'#') => tagged(edn, depth, json),
        _ => {
            if plain(edn, place, json) {
                return Ok(());
            }
            let word = edn.word()?;
            match edn.scalar(word)? {
                Scalar::Nil => json.push_str("null"),
                Scalar::Bool(true) => json.push_str("true"),
                Scalar::Bool(false) => json.push_str("false"),
                Scalar::Number(number) => json.push_str(number),
                Scalar::Keyword(name) if is_name(name) => quoted(word, json),
                Scalar::Keyword(_) | Scalar::Other => spelt(word, json),
            }
            Ok(())
        }
    }
}

/// Takes an integer, nil or a keyword in its plainest spelling and appends it, if that is
/// what comes: what histories are full of.
#[inline(always)]
fn plain(edn: &mut Lexer<'_>, place: Place, json: &mut String) -> bool {
    if let Some(integer) = edn.plain_integer() {
        json.push_str(integer);
        return true;
    }
    if edn.plain_nil() {
        json.push_str("null");
        return true;
    }
    let Some(word) = edn.plain_keyword() else {
        return false;
    };
    // Nothing in a name is escaped.
    let name = &word[1..];
    json.push('"');
    json.push_str(if place.is_word(name) { name } else { word });
    json.push('"');
    true
}

fn items(
    edn: &mut Lexer<'_>,
    place: Place,
    depth: usize,
    json: &mut String,
) -> Result<(), Box<Fault>> {
    if place == Place::Top
        && let Some(rest) = micro::list(edn.rest(), json)
    {
        edn.go_on(rest);
        return Ok(());
    }
    let close = edn.open();
    json.push('[');
    let mut position = 0;
    while !edn.close(close, depth)? {
        if position > 0 {
            json.push(',');
        }
        let place = place.item(position);
        match edn.peek() {
            Some(b'[') if depth < DEPTH_MAX => items(edn, place, depth + 1, json)?,
            _ if depth < DEPTH_MAX && plain(edn, place, json) => {}
            _ => value(edn, place, depth + 1, json)?,
        }
        position += 1;
    }
    json.push(']');
    Ok(())
}

fn map(edn: &mut Lexer<'_>, depth: usize, json: &mut String) -> Result<(), Box<Fault>> {
    let close = edn.open();
    json.push('{');
    let mut first = true;
    while !edn.close(close, depth)? {
        if !first {
            json.push(',');
        }
        first = false;
        key(edn, depth + 1, json)?;
        json.push(':');
        edn.trivia(depth)?;
        value(edn, Place::Plain, depth + 1, json)?;
    }
    json.push('}');
    Ok(())
}

fn tagged(edn: &mut Lexer<'_>, depth: usize, json: &mut String) -> Result<(), Box<Fault>> {
    let start = edn.at();
    if edn.take_text("##") {
        edn.word()?;
        spelt(edn.since(start), json);
        return Ok(());
    }
    if edn.take_text("#{") {
        json.push_str("{\"");
        json.push_str(SET_KEY);
        json.push_str("\":[");
        let mut first = true;
        while !edn.close(b'}', depth)? {
            if !first {
                json.push(',');
            }
            first = false;
            value(edn, Place::Plain, depth + 1, json)?;
        }
        json.push_str("]}");
        return Ok(());
    }
    let tag = edn.tag()?;
    edn.trivia(depth)?;
    if tag == JSON_TAG {
        json.push_str(&embedded(edn)?);
        return Ok(());
    }
    json.push('{');
    quoted(&format!("#{tag}"), json);
    json.push(':');
    value(edn, Place::Plain, depth + 1, json)?;
    json.push('}');
    Ok(())
}

/// Takes the text behind [`JSON_TAG`]: JSON, whole.
fn embedded<'a>(edn: &mut Lexer<'a>) -> Result<Cow<'a, str>, Box<Fault>> {
    let start = edn.at();
    if edn.peek() != Some(b'"') {
        return edn.fault(start, format!("#{JSON_TAG} holds a text"));
    }
    let text = edn.string()?;
    match serde_json::from_str::<&RawValue>(&text) {
        Ok(raw) if raw.get() == text => Ok(text),
        _ => edn.fault(start, format!("#{JSON_TAG} holds JSON")),
    }
}

/// Takes the form that comes and appends the name that it is, quoted: the key of
/// an object, the name of a field or of a function.
pub(super) fn key(edn: &mut Lexer<'_>, depth: usize, json: &mut String) -> Result<(), Box<Fault>> {
    let start = edn.at();
    match edn.peek() {
        Some(b'"') => {
            let text = edn.string()?;
            let odd = text.starts_with(['\\', '#']) || is_name(&text) || is_integer(&text);
            if odd {
                spelt(edn.since(start), json);
            } else {
                quoted(&text, json);
            }
        }
        Some(b'#' | b'[' | b'(' | b'{' | b'\\') => {
            let mut ahead = edn.clone();
            if ahead.peek() == Some(b'#') && ahead.tag().is_ok_and(|tag| tag == JSON_TAG) {
                ahead.trivia(depth)?;
                let text = embedded(&mut ahead)?;
                if text.starts_with('"') {
                    json.push_str(&text);
                    *edn = ahead;
                    return Ok(());
                }
            }
            edn.skip(depth)?;
            spelt(edn.since(start), json);
        }
        _ => {
            let word = edn.word()?;
            match edn.scalar(word)? {
                Scalar::Keyword(name) if is_name(name) => quoted(name, json),
                Scalar::Number(number) if is_integer(number) => quoted(number, json),
                _ => spelt(word, json),
            }
        }
    }
    Ok(())
}

/// Appends what has no JSON of its own, as EDN spells it behind a backslash.
fn spelt(edn: &str, json: &mut String) {
    quoted(&format!("\\{edn}"), json);
}

/// Appends a JSON string.
pub(crate) fn quoted(text: &str, json: &mut String) {
    let plain = |byte: u8| byte >= 0x20 && byte != b'"' && byte != b'\\';
    if text.bytes().all(plain) {
        json.push('"');
        json.push_str(text);
        json.push('"');
    } else {
        // A string goes into memory: it cannot fail.
        json.push_str(&serde_json::to_string(text).unwrap_or_default());
    }
}

/// Whether the text is one form, and as `key` or else in this place it is that JSON.
pub(super) fn is_spelling_of(edn: &str, place: Option<Place>, json: &str) -> bool {
    let mut lexer = Lexer::new(edn);
    let mut found = String::new();
    let taken = match place {
        Some(place) => value(&mut lexer, place, 0, &mut found),
        None => key(&mut lexer, 0, &mut found),
    };
    taken.is_ok() && lexer.is_at_end() && found == json
}
