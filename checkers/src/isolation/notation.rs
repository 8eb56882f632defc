//! Micro-operations as Jepsen spells them: `[["r",1,null],["append",1,5],["w",2,7]]`.
//! It borrows from the JSON, which is known to be valid, and interprets no value.

/// A micro-operation, with values as they are spelt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Micro<'a> {
    Append(&'a str),
    Write(&'a str),
    Read(&'a str),
}

/// Where in the value something is wrong, and what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    /// A path such as `[3][0]`.
    pub(super) field: String,
    pub(super) problem: String,
}

/// The micro-operations of a transaction, one after the other: a key each, and what
/// was done to it.
#[derive(Debug)]
pub(super) struct MicroOperations<'a> {
    json: Items<'a>,
    position: usize,
}

impl<'a> MicroOperations<'a> {
    pub(super) fn new(json: &'a str) -> Result<Self, Fault> {
        match Items::of(json) {
            Some(json) => Ok(MicroOperations { json, position: 0 }),
            None => Err(Fault {
                field: String::new(),
                problem: "is not a list of micro-operations".to_owned(),
            }),
        }
    }

    pub(super) fn next(&mut self) -> Result<Option<(&'a str, Micro<'a>)>, Fault> {
        let Some(byte) = self.json.peek() else {
            return Ok(None);
        };
        let position = self.position;
        self.position += 1;
        let fault = |part: &str, problem: String| {
            Err(Fault {
                field: format!("[{position}]{part}"),
                problem,
            })
        };
        let parts = match byte {
            b'[' => self.json.parts(),
            _ => None,
        };
        let Some((name, key, value)) = parts else {
            return fault("", "is not a micro-operation [f, key, value]".to_owned());
        };
        if key.starts_with(['[', '{']) || key == "null" {
            return fault("[1]", "a key is a number, a text or a boolean".to_owned());
        }
        let micro = match name {
            "\"r\"" => Micro::Read(value),
            "\"append\"" => Micro::Append(value),
            "\"w\"" => Micro::Write(value),
            other => {
                let problem = format!("{other} is not a micro-operation: r, w or append");
                return fault("[0]", problem);
            }
        };
        if value == "null" && !matches!(micro, Micro::Read(_)) {
            return fault("[2]", "null is what was never written".to_owned());
        }
        Ok(Some((key, micro)))
    }
}

/// The elements of a list that was read, as they are spelt. Null is one like any other,
/// though nobody can append it.
#[derive(Debug, Clone)]
pub(super) struct Elements<'a>(Option<Items<'a>>);

impl<'a> Elements<'a> {
    pub(super) fn of(list: &'a str) -> Self {
        Elements(Items::of(list))
    }

    /// Leaves out the first elements, which end at that byte.
    pub(super) fn skip_to(&mut self, end: usize) {
        if let Some(items) = &mut self.0 {
            items.at = end;
        }
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        self.0.as_mut().and_then(Items::next)
    }
}

/// The items of a JSON list, as they are spelt.
#[derive(Debug, Clone)]
struct Items<'a> {
    json: &'a str,
    at: usize,
}

impl<'a> Items<'a> {
    /// None if it is no list.
    fn of(json: &'a str) -> Option<Self> {
        let json = json.trim_ascii();
        json.starts_with('[').then_some(Items { json, at: 1 })
    }

    #[inline]
    fn space(&mut self) {
        let bytes = self.json.as_bytes();
        while let Some(b' ' | b'\t' | b'\n' | b'\r' | b',') = bytes.get(self.at) {
            self.at += 1;
        }
    }

    /// How the next item begins; none at the end of the list.
    #[inline]
    fn peek(&mut self) -> Option<u8> {
        self.space();
        let byte = *self.json.as_bytes().get(self.at)?;
        (byte != b']').then_some(byte)
    }

    /// The items of the list that comes, if they are two or three.
    #[inline]
    fn parts(&mut self) -> Option<(&'a str, &'a str, &'a str)> {
        self.at += 1;
        let (first, second) = (self.next()?, self.next()?);
        let third = self.next().unwrap_or("null");
        let is_end = self.peek().is_none();
        self.at += 1;
        is_end.then_some((first, second, third))
    }

    #[inline]
    fn next(&mut self) -> Option<&'a str> {
        let byte = self.peek()?;
        let start = self.at;
        match byte {
            b'[' | b'{' => self.bracketed(),
            b'"' => self.text(),
            _ => self.word(),
        }
        Some(&self.json[start..self.at])
    }

    fn word(&mut self) {
        let bytes = &self.json.as_bytes()[self.at..];
        let ends = |byte: &u8| {
            matches!(
                byte,
                b',' | b']' | b'}' | b':' | b' ' | b'\t' | b'\n' | b'\r'
            )
        };
        self.at += bytes.iter().position(ends).unwrap_or(bytes.len());
    }

    fn text(&mut self) {
        self.at += 1;
        let bytes = self.json.as_bytes();
        while let Some(&byte) = bytes.get(self.at) {
            self.at += 1;
            match byte {
                b'"' => break,
                b'\\' => self.at += 1,
                _ => {}
            }
        }
    }

    fn bracketed(&mut self) {
        let bytes = self.json.as_bytes();
        // Most have nothing in them that has an end of its own.
        let inside = &bytes[self.at + 1..];
        if bytes[self.at] == b'['
            && let Some(end) = memchr::memchr3(b'[', b']', b'"', inside)
            && inside[end] == b']'
        {
            self.at += end + 2;
            return;
        }
        let mut depth = 0_usize;
        while let Some(&byte) = bytes.get(self.at) {
            match byte {
                b'"' => {
                    self.text();
                    continue;
                }
                b'[' | b'{' => depth += 1,
                b']' | b'}' => depth -= 1,
                _ => {}
            }
            self.at += 1;
            if depth == 0 {
                break;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(json: &str) -> Result<Vec<(&str, Micro<'_>)>, Fault> {
        let mut micro_operations = MicroOperations::new(json)?;
        let mut found = Vec::new();
        while let Some(micro) = micro_operations.next()? {
            found.push(micro);
        }
        Ok(found)
    }

    #[test]
    fn micro_operations_are_read_as_they_are_spelt() {
        assert_eq!(
            all(r#" [ ["r", "a]\"", [1, "b,"]] ,["append",1,5], ["w",true,{"x":[1]}],["r",1]]"#),
            Ok(vec![
                (r#""a]\"""#, Micro::Read(r#"[1, "b,"]"#)),
                ("1", Micro::Append("5")),
                ("true", Micro::Write(r#"{"x":[1]}"#)),
                ("1", Micro::Read("null")),
            ])
        );
        assert_eq!(all("[]"), Ok(vec![]));
    }

    #[test]
    fn what_is_wrong_is_named_by_its_path() {
        for (json, field) in [
            ("7", ""),
            (r#"[7]"#, "[0]"),
            (r#"[["r"]]"#, "[0]"),
            (r#"[["r",1,2,3]]"#, "[0]"),
            (r#"[["r",1,null],["cas",1,[1,2]]]"#, "[1][0]"),
            (r#"[["r",[1],null]]"#, "[0][1]"),
            (r#"[["append",1,null]]"#, "[0][2]"),
        ] {
            assert_eq!(all(json).unwrap_err().field, field, "{json}");
        }
    }
}
