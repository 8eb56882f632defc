//! The pieces of EDN, borrowed from the text. It never allocates, except for a
//! fault and for texts with escapes.

use std::borrow::Cow;

use super::number::number;
use super::{DEPTH_MAX, Fault, is_plain_in_name};

/// A place in a text.
#[derive(Debug, Clone)]
pub(super) struct Lexer<'a> {
    text: &'a str,
    at: usize,
}

/// What a word means.
pub(super) enum Scalar<'a> {
    Nil,
    Bool(bool),
    /// Its name, without the colon.
    Keyword(&'a str),
    /// A number as JSON spells it.
    Number(&'a str),
    /// What JSON has no word for: ratios, decimals, symbols.
    Other,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Lexer { text, at: 0 }
    }

    /// Where it stands, in bytes.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// Goes back to there.
    pub(super) fn rewind(&mut self, at: usize) {
        self.at = at;
    }

    /// The text from there to where it stands.
    pub(super) fn since(&self, start: usize) -> &'a str {
        &self.text[start..self.at]
    }

    /// The text from where it stands.
    pub(super) fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// Goes on with the rest, which is the end of the text.
    #[inline]
    pub(super) fn go_on(&mut self, rest: &'a str) {
        self.at = self.text.len() - rest.len();
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.at == self.text.len()
    }

    pub(super) fn fault<T>(&self, at: usize, message: impl Into<String>) -> Result<T, Box<Fault>> {
        Err(Box::new(Fault {
            at,
            field: None,
            message: message.into(),
        }))
    }

    /// The byte that comes.
    pub(super) fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Takes the byte if it comes.
    pub(super) fn take(&mut self, byte: u8) -> bool {
        let comes = self.peek() == Some(byte);
        self.at += usize::from(comes);
        comes
    }

    /// Takes the text, which is ASCII, if it comes.
    pub(super) fn take_text(&mut self, text: &str) -> bool {
        let comes = self.text.as_bytes()[self.at..].starts_with(text.as_bytes());
        if comes {
            self.at += text.len();
        }
        comes
    }

    /// Takes what means nothing: white space, commas, comments, discarded forms.
    #[inline]
    pub(super) fn trivia(&mut self, depth: usize) -> Result<(), Box<Fault>> {
        // A single space is what stands there most often.
        self.at += usize::from(self.peek() == Some(b' '));
        match self.peek() {
            Some(byte) if byte > b' ' && !matches!(byte, b',' | b';' | b'#') => Ok(()),
            _ => self.long_trivia(depth).map(drop),
        }
    }

    /// As [`Lexer::trivia`]; says how many forms to discard did not come.
    pub(super) fn long_trivia(&mut self, depth: usize) -> Result<usize, Box<Fault>> {
        let mut discards = 0_usize;
        loop {
            match self.peek() {
                Some(b' ' | b',' | b'\n' | b'\t' | b'\r' | 0x0b | 0x0c) => self.at += 1,
                Some(b';') => {
                    let rest = &self.text.as_bytes()[self.at..];
                    self.at += memchr::memchr(b'\n', rest).unwrap_or(rest.len());
                }
                Some(b'#') if self.take_text("#_") => discards += 1,
                Some(_) if discards > 0 => {
                    self.skip(depth + 1)?;
                    discards -= 1;
                }
                _ => return Ok(discards),
            }
        }
    }

    /// Takes one form, whatever it is.
    pub(super) fn skip(&mut self, depth: usize) -> Result<(), Box<Fault>> {
        let start = self.at;
        self.limit(depth)?;
        match self.peek() {
            Some(b'[' | b'(' | b'{') => self.skip_items(depth),
            Some(b'"') => self.string().map(drop),
            Some(b'\\') => self.character(),
            Some(b'#') => {
                if self.take_text("##") {
                    return self.word().map(drop);
                }
                self.at += 1;
                if self.peek() == Some(b'{') {
                    return self.skip_items(depth);
                }
                self.at = start;
                self.tag()?;
                self.trivia(depth)?;
                self.skip(depth + 1)
            }
            _ => self.word().map(drop),
        }
    }

    fn skip_items(&mut self, depth: usize) -> Result<(), Box<Fault>> {
        let close = self.open();
        while !self.close(close, depth)? {
            self.skip(depth + 1)?;
        }
        Ok(())
    }

    /// Refuses to go deeper than that.
    pub(super) fn limit(&self, depth: usize) -> Result<(), Box<Fault>> {
        if depth > DEPTH_MAX {
            return self.fault(self.at, format!("nested deeper than {DEPTH_MAX} levels"));
        }
        Ok(())
    }

    /// Takes the bracket that comes, and says which one closes it.
    pub(super) fn open(&mut self) -> u8 {
        let close = match self.peek() {
            Some(b'[') => b']',
            Some(b'(') => b')',
            _ => b'}',
        };
        self.at += 1;
        close
    }

    /// Whether the bracket comes next, which it takes; else a form comes.
    #[inline]
    pub(super) fn close(&mut self, bracket: u8, depth: usize) -> Result<bool, Box<Fault>> {
        self.trivia(depth)?;
        match self.peek() {
            Some(byte) if byte == bracket => {
                self.at += 1;
                Ok(true)
            }
            None | Some(b']' | b')' | b'}') => self.not_closed(bracket),
            Some(_) => Ok(false),
        }
    }

    #[cold]
    fn not_closed(&self, bracket: u8) -> Result<bool, Box<Fault>> {
        let missing = format!("where {:?} or a form is missing", char::from(bracket));
        match self.peek() {
            None => self.fault(self.at, format!("ends {missing}")),
            Some(byte) => self.fault(self.at, format!("{:?} {missing}", char::from(byte))),
        }
    }

    /// Takes a tag, and says it without its `#`.
    pub(super) fn tag(&mut self) -> Result<&'a str, Box<Fault>> {
        let start = self.at;
        self.at += 1;
        let tag = self.bare_word();
        match tag.as_bytes().first() {
            None | Some(b'#' | b'<' | b'_' | b'\'' | b'\\') => {
                self.fault(start, "not a form that can be read back")
            }
            Some(_) => Ok(tag),
        }
    }

    /// Takes `nil`, if that is the word that comes.
    #[inline(always)]
    pub(super) fn plain_nil(&mut self) -> bool {
        let rest = &self.text.as_bytes()[self.at..];
        let comes = rest.starts_with(b"nil") && rest.get(3).is_none_or(|&byte| is_delimiter(byte));
        if comes {
            self.at += 3;
        }
        comes
    }

    /// Takes an integer in its one spelling, if that is the word that comes: what most
    /// words of a history are.
    #[inline(always)]
    pub(super) fn plain_integer(&mut self) -> Option<&'a str> {
        let bytes = self.text.as_bytes();
        let start = self.at;
        let first = start + usize::from(self.peek() == Some(b'-'));
        let mut end = first;
        while let Some(b'0'..=b'9') = bytes.get(end) {
            end += 1;
        }
        let zero = bytes.get(first) == Some(&b'0') && end - start > 1;
        if end == first || zero || bytes.get(end).is_some_and(|&byte| !is_delimiter(byte)) {
            return None;
        }
        self.at = end;
        Some(&self.text[start..end])
    }

    /// Takes a keyword, and says it with its colon, if that is the word that comes and no
    /// byte of it is odd in a name.
    #[inline]
    pub(super) fn plain_keyword(&mut self) -> Option<&'a str> {
        let start = self.at;
        let bytes = &self.text.as_bytes()[start..];
        let [b':', name @ ..] = bytes else {
            return None;
        };
        let length = name
            .iter()
            .position(|&byte| !is_plain_in_name(byte))
            .unwrap_or(name.len());
        let begins = name.first().is_some_and(|byte| !byte.is_ascii_digit());
        if length == 0 || !begins || name.get(length).is_some_and(|&byte| !is_delimiter(byte)) {
            return None;
        }
        self.at += 1 + length;
        Some(&self.text[start..self.at])
    }

    /// Takes a keyword, symbol or number.
    #[inline]
    pub(super) fn word(&mut self) -> Result<&'a str, Box<Fault>> {
        let start = self.at;
        let word = self.bare_word();
        match word.as_bytes().first() {
            None | Some(b'\'' | b'`' | b'~' | b'@' | b'^') => self.no_word(start),
            Some(_) => Ok(word),
        }
    }

    #[cold]
    fn no_word(&self, start: usize) -> Result<&'a str, Box<Fault>> {
        match self.text[start..].chars().next() {
            None => self.fault(start, "ends where a form is missing"),
            Some('\'' | '`' | '~' | '@' | '^') => {
                self.fault(start, "not a form that can be read back")
            }
            Some(found) => self.fault(start, format!("{found:?} where a form is missing")),
        }
    }

    #[inline]
    fn bare_word(&mut self) -> &'a str {
        let rest = &self.text[self.at..];
        let end = rest.bytes().position(is_delimiter).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    /// Takes a character: a backslash, and one character or its name.
    pub(super) fn character(&mut self) -> Result<(), Box<Fault>> {
        let start = self.at;
        let Some(first) = self.text[start..].chars().nth(1) else {
            return self.fault(start, "ends where a character is missing");
        };
        self.at += 1 + first.len_utf8();
        if !first.is_ascii() || !is_delimiter(first as u8) {
            self.bare_word();
        }
        Ok(())
    }

    /// Takes a text.
    pub(super) fn string(&mut self) -> Result<Cow<'a, str>, Box<Fault>> {
        let start = self.at;
        let inside = &self.text[start + 1..];
        let end = memchr::memchr2(b'"', b'\\', inside.as_bytes());
        if let Some(end) = end.filter(|&end| inside.as_bytes()[end] == b'"') {
            self.at = start + end + 2;
            return Ok(Cow::Borrowed(&inside[..end]));
        }
        let mut text = String::new();
        self.at += 1;
        loop {
            let rest = &self.text[self.at..];
            let Some(end) = memchr::memchr2(b'"', b'\\', rest.as_bytes()) else {
                return self.fault(start, "a text without an end");
            };
            text.push_str(&rest[..end]);
            self.at += end + 1;
            if rest.as_bytes()[end] == b'"' {
                return Ok(Cow::Owned(text));
            }
            text.push(self.escape()?);
        }
    }

    /// Takes what stands behind a backslash in a text.
    fn escape(&mut self) -> Result<char, Box<Fault>> {
        let at = self.at - 1;
        let escape = self.peek();
        self.at += usize::from(escape.is_some_and(|byte| byte.is_ascii()));
        Ok(match escape {
            Some(byte @ (b'"' | b'\\')) => char::from(byte),
            Some(b'n') => '\n',
            Some(b't') => '\t',
            Some(b'r') => '\r',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'u') => {
                let mut unit = self.hex(at)?;
                if (0xd800..0xdc00).contains(&unit) && self.take_text("\\u") {
                    let low = self.hex(at)?;
                    if !(0xdc00..0xe000).contains(&low) {
                        return self.fault(at, "half a surrogate pair");
                    }
                    unit = 0x1_0000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
                }
                match char::from_u32(unit) {
                    Some(char) => char,
                    None => return self.fault(at, "half a surrogate pair"),
                }
            }
            _ => return self.fault(at, "not an escape"),
        })
    }

    fn hex(&mut self, at: usize) -> Result<u32, Box<Fault>> {
        let digits = self.text.as_bytes().get(self.at..self.at + 4);
        let digits = digits
            .filter(|digits| digits.iter().all(u8::is_ascii_hexdigit))
            .and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.map(|digits| u32::from_str_radix(digits, 16)) {
            Some(Ok(unit)) => {
                self.at += 4;
                Ok(unit)
            }
            _ => self.fault(at, "not an escape"),
        }
    }

    /// What a word that ends here means.
    #[inline]
    pub(super) fn scalar(&self, word: &'a str) -> Result<Scalar<'a>, Box<Fault>> {
        let at = self.at - word.len();
        let bytes = word.as_bytes();
        Ok(match bytes {
            b"nil" => Scalar::Nil,
            b"true" => Scalar::Bool(true),
            b"false" => Scalar::Bool(false),
            [b':'] => return self.fault(at, "a keyword without a name"),
            [b':', ..] => Scalar::Keyword(&word[1..]),
            [b'0'..=b'9', ..] | [b'+' | b'-', b'0'..=b'9', ..] => match number(word) {
                Some(number) => number,
                None => return self.fault(at, format!("{word:?} is not a number")),
            },
            _ => Scalar::Other,
        })
    }
}

/// Whether a word ends before the byte.
fn is_delimiter(byte: u8) -> bool {
    const DELIMITER: [bool; 256] = {
        let mut delimiter = [false; 256];
        let bytes = b" ,\n\t\r\x0b\x0c()[]{}\";\\";
        let mut at = 0;
        while at < bytes.len() {
            delimiter[bytes[at] as usize] = true;
            at += 1;
        }
        delimiter
    };
    DELIMITER[usize::from(byte)]
}
