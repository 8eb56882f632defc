//! Lists of micro-operations and of natural numbers in their plainest spelling, as JSON: most
//! of what is read in histories of transactions. What is spelt otherwise, wrong or not, is
//! left to [`super::to_json`], which says the same of what is taken here.

use std::mem;

/// Takes a list such as `[[:r 4 [1 2]] [:append 2 1]]` or `[5 17]`, which is the value of an
/// event, from the start of the text, appends it, and says what is behind it, if that is what
/// comes. Else it appends nothing.
pub(super) fn list<'a>(text: &'a str, json: &mut String) -> Option<&'a str> {
    let is_likely = matches!(text.as_bytes(), [b'[', b'[' | b'0'..=b'9', ..]);
    if !is_likely {
        return None;
    }
    let mut bytes = mem::take(json).into_bytes();
    let start = bytes.len();
    // Of five bytes it makes six at most, and looks at eight.
    bytes.resize(start + text.len() / 5 * 6 + 2 * EIGHT, 0);
    let mut list = List {
        edn: text.as_bytes(),
        json: &mut bytes[start..],
    };
    let taken = list.whole();
    let (behind, room) = (list.edn.len(), list.json.len());
    bytes.truncate(match taken {
        Some(()) => bytes.len() - room,
        None => start,
    });
    // Only ASCII was appended to it: it cannot fail.
    *json = String::from_utf8(bytes).unwrap_or_default();
    taken?;
    text.get(text.len() - behind..)
}

/// What is left of the text, and the room for what is made of it. Every method takes what it
/// names off the one and writes it to the other, or says `None` to end this way of reading.
struct List<'a, 'j> {
    edn: &'a [u8],
    json: &'j mut [u8],
}

impl List<'_, '_> {
    #[inline(always)]
    fn whole(&mut self) -> Option<()> {
        self.one(b"[", b"[")?;
        if self.edn.first() != Some(&b'[') {
            return self.numbers();
        }
        loop {
            self.one(b"[:r ", b"[\"r\",")
                .or_else(|| self.one(b"[:w ", b"[\"w\","))
                .or_else(|| self.one(b"[:append ", b"[\"append\","))?;
            self.natural()?;
            if self.one(b" nil]", b",null]").is_none() && self.one(b" []]", b",[]]").is_none() {
                match self.one(b" [", b",[") {
                    Some(()) => self.numbers()?,
                    None => {
                        self.one(b" ", b",")?;
                        self.natural()?;
                    }
                }
                self.one(b"]", b"]")?;
            }
            if self.one(b" ", b",").is_none() {
                return self.one(b"]", b"]");
            }
        }
    }

    /// The numbers of a list, and its end.
    #[inline(always)]
    fn numbers(&mut self) -> Option<()> {
        loop {
            self.natural()?;
            if self.one(b" ", b",").is_none() {
                return self.one(b"]", b"]");
            }
        }
    }

    /// The one, written as the other.
    #[inline(always)]
    fn one<const E: usize, const J: usize>(&mut self, edn: &[u8; E], json: &[u8; J]) -> Option<()> {
        let (comes, rest) = self.edn.split_first_chunk()?;
        if comes != edn {
            return None;
        }
        *self.json.first_chunk_mut()? = *json;
        self.written(J)?;
        // Only now: without room nothing else may be tried behind it.
        self.edn = rest;
        Some(())
    }

    /// A natural number in its one spelling: eight bytes are written whatever they are, and
    /// those that are digits are kept.
    #[inline(always)]
    fn natural(&mut self) -> Option<()> {
        if let [b'0', b'0'..=b'9', ..] | [] = self.edn {
            return None;
        }
        let mut is_first = true;
        loop {
            let bytes = match self.edn.first_chunk() {
                Some(bytes) => *bytes,
                None => padded(self.edn),
            };
            let digits = leading_digits(bytes);
            if is_first && digits == 0 {
                return None;
            }
            is_first = false;
            self.edn = self.edn.get(digits..)?;
            *self.json.first_chunk_mut()? = bytes;
            self.written(digits)?;
            if digits < EIGHT {
                return Some(());
            }
        }
    }

    #[inline(always)]
    fn written(&mut self, bytes: usize) -> Option<()> {
        self.json = mem::take(&mut self.json).get_mut(bytes..)?;
        Some(())
    }
}

/// The last bytes of a text, and zeros.
#[cold]
fn padded(last: &[u8]) -> [u8; EIGHT] {
    let mut bytes = [0; EIGHT];
    for (byte, last) in bytes.iter_mut().zip(last) {
        *byte = *last;
    }
    bytes
}

/// How many bytes are looked at together.
const EIGHT: usize = 8;

/// How many digits the bytes begin with, without a branch for each.
#[inline(always)]
fn leading_digits(bytes: [u8; EIGHT]) -> usize {
    let each = |byte: u8| u64::from_ne_bytes([byte; EIGHT]);
    // 0 to 9 where a digit is, and more elsewhere.
    let bytes = u64::from_le_bytes(bytes) ^ each(b'0');
    // The highest bit of each byte that is more.
    let others = (((bytes & each(0x7f)) + each(0x7f - 9)) | bytes) & each(0x80);
    others.trailing_zeros() as usize / EIGHT
}
