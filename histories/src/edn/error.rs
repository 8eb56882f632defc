//! `:error`, which may be any form, as the class and message of an event.

use super::from_json::string;
use super::lexer::{Lexer, Scalar};
use super::{Fault, is_name};
use crate::event::Error;

/// Takes the form that comes; `nil` is no error.
pub(super) fn read<'a>(edn: &mut Lexer<'a>) -> Result<Option<Error<'a>>, Box<Fault>> {
    let start = edn.at();
    let mut ahead = edn.clone();
    let known = match edn.peek() {
        Some(b'"') => {
            let text = edn.string()?;
            (!text.starts_with('\\')).then(|| Error::new("", text))
        }
        Some(b'[') => pair(&mut ahead).inspect(|_| *edn = ahead),
        Some(b'{') => map(&mut ahead).inspect(|_| *edn = ahead),
        Some(byte) if !matches!(byte, b'(' | b'#' | b'\\') => {
            let word = edn.word()?;
            match edn.scalar(word)? {
                Scalar::Nil => return Ok(None),
                Scalar::Keyword(name) if is_name(name) => Some(Error::new(name, "")),
                _ => None,
            }
        }
        _ => None,
    };
    if known.is_none() && edn.at() == start {
        edn.skip(1)?;
    }
    Ok(Some(known.unwrap_or_else(|| {
        Error::new("", format!("\\{}", edn.since(start)))
    })))
}

/// `[:class "message"]`
fn pair<'a>(edn: &mut Lexer<'a>) -> Option<Error<'a>> {
    edn.take(b'[');
    edn.trivia(1).ok()?;
    let class = edn
        .word()
        .ok()?
        .strip_prefix(':')
        .filter(|name| is_name(name))?;
    edn.trivia(1).ok()?;
    let message = (edn.peek() == Some(b'"')).then(|| edn.string().ok())??;
    (edn.close(b']', 1).ok()? && !message.is_empty()).then(|| Error::new(class, message))
}

/// `{:class "class", :message "message"}`, where no shorter form would do.
fn map<'a>(edn: &mut Lexer<'a>) -> Option<Error<'a>> {
    let mut text = |opening: &str| {
        edn.trivia(1).ok()?;
        edn.take_text(opening).then_some(())?;
        edn.trivia(1).ok()?;
        (edn.peek() == Some(b'"')).then(|| edn.string().ok())?
    };
    // The bracket and the keyword stand together as we write them.
    let error = Error::new(text("{:class")?, text(":message")?);
    (edn.close(b'}', 1).ok()? && short(&error).is_none()).then_some(error)
}

/// Appends the error.
pub(super) fn write(error: &Error<'_>, edn: &mut String) {
    if let Some(short) = short(error) {
        edn.push_str(&short);
        return;
    }
    edn.push_str("{:class ");
    string(&error.class, edn);
    edn.push_str(", :message ");
    string(&error.message, edn);
    edn.push('}');
}

/// The error as Jepsen would have it, if that is read back as the same.
fn short(error: &Error<'_>) -> Option<String> {
    let mut edn = String::new();
    match (&*error.class, &*error.message) {
        ("", message) => match message.strip_prefix('\\') {
            None => string(message, &mut edn),
            // A map is read by asking for this, and would ask again.
            Some(spelt) if spelt.starts_with("{:class") => {
                let mut lexer = Lexer::new(spelt);
                lexer.skip(1).ok()?;
                let spelt_short = map(&mut Lexer::new(spelt)).is_none();
                (lexer.is_at_end() && spelt_short).then_some(())?;
                edn.push_str(spelt);
            }
            Some(spelt) => {
                let mut lexer = Lexer::new(spelt);
                let again = read(&mut lexer).ok()??;
                (lexer.is_at_end() && again == *error).then_some(())?;
                edn.push_str(spelt);
            }
        },
        (class, message) if is_name(class) => {
            if message.is_empty() {
                edn.push(':');
                edn.push_str(class);
            } else {
                edn.push_str("[:");
                edn.push_str(class);
                edn.push(' ');
                string(message, &mut edn);
                edn.push(']');
            }
        }
        _ => return None,
    }
    Some(edn)
}
