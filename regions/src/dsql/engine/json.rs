//! Whether a text is JSON. Values are kept as the text that came in, so nothing
//! is built; the check is a scan with a limit on nesting.

use super::error::{Result, SqlError, state};

const DEPTH_MAX: usize = 128;

/// Refuses text that is not one JSON value (RFC 8259), as PostgreSQL's `json` does.
pub fn check(text: &str) -> Result<()> {
    let mut scan = Scan {
        bytes: text.as_bytes(),
        at: 0,
    };
    let valid = scan.value(0) && {
        scan.space();
        scan.at == scan.bytes.len()
    };
    if valid {
        Ok(())
    } else {
        Err(SqlError::new(
            state::INVALID_TEXT_REPRESENTATION,
            "invalid input syntax for type json",
        ))
    }
}

struct Scan<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Scan<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn take(&mut self, wanted: u8) -> bool {
        let found = self.peek() == Some(wanted);
        self.at += usize::from(found);
        found
    }

    fn word(&mut self, word: &[u8]) -> bool {
        let found = self.bytes[self.at..].starts_with(word);
        self.at += if found { word.len() } else { 0 };
        found
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn value(&mut self, depth: usize) -> bool {
        self.space();
        match self.peek() {
            _ if depth > DEPTH_MAX => false,
            Some(b'{') => self.list(b'}', |scan| {
                scan.space();
                scan.string() && {
                    scan.space();
                    scan.take(b':') && scan.value(depth + 1)
                }
            }),
            Some(b'[') => self.list(b']', |scan| scan.value(depth + 1)),
            Some(b'"') => self.string(),
            Some(b't') => self.word(b"true"),
            Some(b'f') => self.word(b"false"),
            Some(b'n') => self.word(b"null"),
            _ => self.number(),
        }
    }

    fn list(&mut self, close: u8, mut item: impl FnMut(&mut Self) -> bool) -> bool {
        self.at += 1;
        self.space();
        if self.take(close) {
            return true;
        }
        loop {
            if !item(self) {
                return false;
            }
            self.space();
            if self.take(close) {
                return true;
            }
            if !self.take(b',') {
                return false;
            }
        }
    }

    fn string(&mut self) -> bool {
        if !self.take(b'"') {
            return false;
        }
        while let Some(byte) = self.peek() {
            self.at += 1;
            match byte {
                b'"' => return true,
                b'\\' => match self.peek() {
                    Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 1,
                    Some(b'u') => {
                        let digits = self.bytes.get(self.at + 1..self.at + 5);
                        if !digits.is_some_and(|d| d.iter().all(u8::is_ascii_hexdigit)) {
                            return false;
                        }
                        self.at += 5;
                    }
                    _ => return false,
                },
                0..0x20 => return false,
                _ => {}
            }
        }
        false
    }

    fn digits(&mut self) -> bool {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        self.at > start
    }

    fn number(&mut self) -> bool {
        self.take(b'-');
        let whole = self.take(b'0') || self.digits();
        let fraction = !self.take(b'.') || self.digits();
        let exponent = if self.take(b'e') || self.take(b'E') {
            let _ = self.take(b'+') || self.take(b'-');
            self.digits()
        } else {
            true
        };
        whole && fraction && exponent
    }
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn json_is_told_from_what_is_not() {
        for good in [
            "null",
            " [1, -0.5e+3, \"a\\u00e9\\n\"] ",
            "{}",
            "{\"a\":{\"b\":[true,false]}}",
            "0",
        ] {
            assert!(check(good).is_ok(), "{good}");
        }
        for bad in [
            "", "nul", "{", "[1,]", "{\"a\"}", "01", "1.", "\"", "\"\\x\"", "1 2", "{a:1}", "-",
        ] {
            assert!(check(bad).is_err(), "{bad}");
        }
        assert!(check(&"[".repeat(100_000)).is_err());
    }
}
