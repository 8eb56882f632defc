//! JSON, which is known to be valid, as EDN, by the table in [`super`].

use super::to_json::{is_spelling_of, quoted};
use super::{DEPTH_MAX, JSON_TAG, Place, SET_KEY, is_integer, is_name};

/// Appends the JSON to `edn`.
pub(crate) fn value(json: &str, place: Place, edn: &mut String) {
    Json { text: json, at: 0 }.value(place, 1, edn);
}

/// Appends the name, an object's key, to `edn`.
pub(super) fn key(name: &str, edn: &mut String) {
    if is_integer(name) {
        edn.push_str(name);
    } else if is_name(name) {
        edn.push(':');
        edn.push_str(name);
    } else if !name.starts_with(['\\', '#']) {
        string(name, edn);
    } else {
        let mut json = String::new();
        quoted(name, &mut json);
        match name.strip_prefix('\\') {
            Some(spelt) if is_spelling_of(spelt, None, &json) => edn.push_str(spelt),
            _ => embedded(&json, edn),
        }
    }
}

/// Appends the text, a value, to `edn`.
pub(super) fn text(text: &str, place: Place, edn: &mut String) {
    let keyword = text.strip_prefix(':').filter(|name| is_name(name));
    match (keyword, text.strip_prefix('\\')) {
        (Some(name), _) if !place.is_word(name) => edn.push_str(text),
        (None, None) if place.is_word(text) => {
            edn.push(':');
            edn.push_str(text);
        }
        (None, None) => string(text, edn),
        (_, spelt) => {
            let mut json = String::new();
            quoted(text, &mut json);
            match spelt {
                Some(spelt) if is_spelling_of(spelt, Some(place), &json) => edn.push_str(spelt),
                _ => embedded(&json, edn),
            }
        }
    }
}

/// Appends an EDN string.
pub(super) fn string(text: &str, edn: &mut String) {
    edn.push('"');
    let mut rest = text;
    while let Some(at) = rest.find(|c: char| matches!(c, '"' | '\\' | '\0'..'\x20')) {
        edn.push_str(&rest[..at]);
        match rest.as_bytes()[at] {
            b'"' => edn.push_str("\\\""),
            b'\\' => edn.push_str("\\\\"),
            b'\n' => edn.push_str("\\n"),
            b'\t' => edn.push_str("\\t"),
            b'\r' => edn.push_str("\\r"),
            byte => edn.push_str(&format!("\\u{byte:04x}")),
        }
        rest = &rest[at + 1..];
    }
    edn.push_str(rest);
    edn.push('"');
}

/// Appends JSON for which EDN has no room.
pub(super) fn embedded(json: &str, edn: &mut String) {
    edn.push('#');
    edn.push_str(JSON_TAG);
    edn.push(' ');
    string(json, edn);
}

/// A place in valid JSON.
struct Json<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Json<'a> {
    fn space(&mut self) {
        while matches!(self.peek(), b' ' | b'\n' | b'\t' | b'\r') {
            self.at += 1;
        }
    }

    /// The byte that comes; 0 at the end, which valid JSON does not hold.
    fn peek(&self) -> u8 {
        self.text.as_bytes().get(self.at).copied().unwrap_or(0)
    }

    /// Takes a punctuation mark and the space around it, if it comes.
    fn take(&mut self, mark: u8) -> bool {
        self.space();
        let comes = self.peek() == mark;
        self.at += usize::from(comes);
        self.space();
        comes
    }

    /// Takes a scalar or a bracket as it is spelt.
    fn token(&mut self) -> &'a str {
        let start = self.at;
        let bytes = self.text.as_bytes();
        if self.peek() == b'"' {
            self.at += 1;
            while let Some(end) = memchr::memchr2(b'"', b'\\', &bytes[self.at..]) {
                self.at += end + 1;
                if bytes[self.at - 1] == b'"' {
                    break;
                }
                self.at += 1;
            }
        } else {
            let ends = |byte: &u8| {
                matches!(
                    byte,
                    b',' | b']' | b'}' | b':' | b' ' | b'\n' | b'\t' | b'\r'
                )
            };
            self.at = bytes[start..]
                .iter()
                .position(ends)
                .map_or(bytes.len(), |end| start + end);
        }
        &self.text[start..self.at]
    }

    /// Takes a value, however deep, as it is spelt.
    fn skip(&mut self) -> &'a str {
        let start = self.at;
        let mut depth = 0_usize;
        loop {
            match self.peek() {
                0 => break,
                b'[' | b'{' => {
                    depth += 1;
                    self.at += 1;
                }
                b']' | b'}' => {
                    depth -= 1;
                    self.at += 1;
                }
                b',' | b':' | b' ' | b'\n' | b'\t' | b'\r' => self.at += 1,
                _ => {
                    self.token();
                }
            }
            if depth == 0 {
                break;
            }
        }
        &self.text[start..self.at]
    }

    fn value(&mut self, place: Place, depth: usize, edn: &mut String) {
        self.space();
        if depth >= DEPTH_MAX {
            return embedded(self.skip(), edn);
        }
        match self.peek() {
            b'{' => self.object(depth, edn),
            b'[' => {
                edn.push('[');
                self.items(place, depth, edn);
                edn.push(']');
            }
            b'"' => {
                let token = self.token();
                match serde_json::from_str::<String>(token) {
                    Ok(decoded) => text(&decoded, place, edn),
                    // Half a surrogate pair.
                    Err(_) => embedded(token, edn),
                }
            }
            b'n' => {
                self.token();
                edn.push_str("nil");
            }
            _ => edn.push_str(self.token()),
        }
        self.space();
    }

    fn items(&mut self, place: Place, depth: usize, edn: &mut String) {
        self.take(b'[');
        let mut position = 0;
        while !self.take(b']') {
            if position > 0 {
                self.take(b',');
                edn.push(' ');
            }
            self.value(place.item(position), depth + 1, edn);
            position += 1;
        }
    }

    fn object(&mut self, depth: usize, edn: &mut String) {
        let start = self.at;
        if let Some((tag, at)) = self.tag() {
            self.at = at;
            if tag == SET_KEY {
                edn.push_str("#{");
                self.items(Place::Plain, depth, edn);
                edn.push('}');
            } else {
                edn.push_str(&tag);
                edn.push(' ');
                self.value(Place::Plain, depth + 1, edn);
            }
            self.take(b'}');
            return;
        }
        self.at = start;
        edn.push('{');
        self.take(b'{');
        let mut first = true;
        while !self.take(b'}') {
            if !first {
                self.take(b',');
                edn.push_str(", ");
            }
            first = false;
            let token = self.token();
            match serde_json::from_str::<String>(token) {
                Ok(name) => key(&name, edn),
                Err(_) => embedded(token, edn),
            }
            self.take(b':');
            edn.push(' ');
            self.value(Place::Plain, depth + 1, edn);
        }
        edn.push('}');
    }

    /// The tag that the object stands for, if it does, and where its form is.
    fn tag(&mut self) -> Option<(String, usize)> {
        self.take(b'{');
        if self.peek() != b'"' || self.text.as_bytes().get(self.at + 1) != Some(&b'#') {
            return None;
        }
        let name: String = serde_json::from_str(self.token()).ok()?;
        let tag = name.strip_prefix('#')?;
        self.take(b':');
        let at = self.at;
        let is_list = self.peek() == b'[';
        self.skip();
        if !self.take(b'}') {
            return None;
        }
        let can_be = match name.as_str() {
            SET_KEY => is_list,
            _ => {
                is_name(tag.strip_prefix(':').unwrap_or(tag))
                    && tag != JSON_TAG
                    && !tag.starts_with('_')
                    && !tag.starts_with('<')
            }
        };
        can_be.then_some((name, at))
    }
}
