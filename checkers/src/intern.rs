//! Text kept once, and named by a dense number. It knows nothing of what the
//! text means, except that identifiers of 128 bits fit in 16 bytes.

use std::hash::BuildHasher;
use std::io::Write;

use foldhash::fast::FixedState;
use hashbrown::HashTable;
use serde_json::Value;
use witness_histories::Key;

use crate::operations::canonical;

/// Stands where there is no number.
pub(crate) const NONE: u32 = u32::MAX;

/// Byte strings, each once, numbered from 0 in order of appearance.
///
/// Memory a string: its bytes, 4 for where it ends, and 6 to 12 for looking it up.
#[derive(Debug, Default, Clone)]
pub(crate) struct Interner {
    arena: Vec<u8>,
    ends: Vec<u32>,
    numbers: HashTable<u32>,
}

/// Too much text for numbers of 32 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Full;

fn hash(bytes: &[u8]) -> u64 {
    // Seeded once and for all: the same history is digested in the same way.
    FixedState::with_seed(0).hash_one(bytes)
}

fn bytes_of<'a>(arena: &'a [u8], ends: &[u32], number: u32) -> &'a [u8] {
    let number = number as usize;
    let start = if number == 0 { 0 } else { ends[number - 1] };
    &arena[start as usize..ends[number] as usize]
}

impl Interner {
    /// The number of the bytes, found at once if it is the one that they are likely
    /// to have: looking up costs two cache misses, and histories repeat themselves.
    pub(crate) fn intern(&mut self, bytes: &[u8], likely: u32) -> Result<u32, Full> {
        if (likely as usize) < self.ends.len() && self.get(likely) == bytes {
            return Ok(likely);
        }
        let Interner {
            arena,
            ends,
            numbers,
        } = self;
        let hash_of = hash(bytes);
        if let Some(number) = numbers.find(hash_of, |&n| bytes_of(arena, ends, n) == bytes) {
            return Ok(*number);
        }
        let end = u32::try_from(arena.len() + bytes.len()).map_err(|_| Full)?;
        let number = u32::try_from(ends.len()).map_err(|_| Full)?;
        if number == NONE {
            return Err(Full);
        }
        arena.extend_from_slice(bytes);
        ends.push(end);
        numbers.insert_unique(hash_of, number, |&n| hash(bytes_of(arena, ends, n)));
        Ok(number)
    }

    pub(crate) fn find(&self, bytes: &[u8]) -> Option<u32> {
        let same = |&n: &u32| self.get(n) == bytes;
        self.numbers.find(hash(bytes), same).copied()
    }

    pub(crate) fn get(&self, number: u32) -> &[u8] {
        bytes_of(&self.arena, &self.ends, number)
    }

    fn len(&self) -> usize {
        self.ends.len()
    }
}

/// Interned text. ULIDs and UUIDs, as they are usually spelt, take 17 bytes.
#[derive(Debug, Default)]
pub(crate) struct Words(Interner);

const TEXT: u8 = 0;
const ULID: u8 = 1;
const UUID: u8 = 2;
const CROCKFORD: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

impl Words {
    /// The number of the text; quicker if it is the one it is likely to have.
    pub(crate) fn intern(&mut self, text: &str, likely: u32) -> Result<u32, Full> {
        let packed = match text.len() {
            26 => ulid(text).map(|bits| (ULID, bits)),
            36 => uuid(text).map(|bits| (UUID, bits)),
            _ => None,
        };
        if let Some((tag, bits)) = packed {
            let mut bytes = [tag; 17];
            bytes[1..].copy_from_slice(&bits.to_be_bytes());
            return self.0.intern(&bytes, likely);
        }
        let mut short = [TEXT; 64];
        match short.get_mut(1..=text.len()) {
            Some(room) => {
                room.copy_from_slice(text.as_bytes());
                self.0.intern(&short[..=text.len()], likely)
            }
            None => self.0.intern(&[&[TEXT], text.as_bytes()].concat(), likely),
        }
    }

    /// The text of a number; of [`NONE`], the empty text.
    pub(crate) fn get(&self, number: u32) -> String {
        if number == NONE {
            return String::new();
        }
        let bytes = self.0.get(number);
        let bits = || bytes[1..].try_into().map_or(0, u128::from_be_bytes);
        match bytes[0] {
            ULID => spell_ulid(bits()),
            UUID => spell_uuid(bits()),
            _ => String::from_utf8_lossy(&bytes[1..]).into_owned(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

/// The bits of a canonical ULID (26 of Crockford's digits, upper case).
fn ulid(text: &str) -> Option<u128> {
    const DIGITS: [u8; 256] = {
        let mut digits = [u8::MAX; 256];
        let mut at = 0;
        while at < 32 {
            digits[CROCKFORD[at] as usize] = at as u8;
            at += 1;
        }
        digits
    };
    let bytes = text.as_bytes();
    // 26 digits hold 130 bits: a ULID's first digit is at most 7.
    if bytes[0] > b'7' {
        return None;
    }
    bytes.iter().try_fold(0u128, |bits, &byte| {
        let digit = DIGITS[byte as usize];
        (digit < 32).then(|| bits << 5 | u128::from(digit))
    })
}

fn spell_ulid(bits: u128) -> String {
    (0..26)
        .rev()
        .map(|at| CROCKFORD[(bits >> (at * 5) & 31) as usize] as char)
        .collect()
}

/// The bits of a canonical UUID (lower case, hyphens after 8, 12, 16 and 20 digits).
fn uuid(text: &str) -> Option<u128> {
    text.bytes()
        .enumerate()
        .try_fold(0u128, |bits, (at, byte)| {
            let digit = match (at, byte) {
                (8 | 13 | 18 | 23, b'-') => return Some(bits),
                (8 | 13 | 18 | 23, _) => return None,
                (_, b'0'..=b'9') => byte - b'0',
                (_, b'a'..=b'f') => byte - b'a' + 10,
                _ => return None,
            };
            Some(bits << 4 | u128::from(digit))
        })
}

fn spell_uuid(bits: u128) -> String {
    let hex = format!("{bits:032x}");
    [
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..],
    ]
    .join("-")
}

/// The numbers of small integers, by an array.
#[derive(Debug, Default)]
pub(crate) struct Small(Vec<u32>);

impl Small {
    /// Integers below this are small.
    const END: u32 = 1 << 22;

    pub(crate) fn is_small(integer: u32) -> bool {
        integer < Self::END
    }

    #[inline]
    pub(crate) fn get(&self, integer: u32) -> Option<u32> {
        let number = self.0.get(integer as usize).copied();
        number.filter(|&number| number != NONE)
    }

    pub(crate) fn insert(&mut self, integer: u32, number: u32) {
        let at = integer as usize;
        if at >= self.0.len() {
            self.0.resize((at + 1).next_power_of_two(), NONE);
        }
        self.0[at] = number;
    }
}

/// The integer that the key is, if it is a small one.
fn small(key: &Key<'_>) -> Option<u32> {
    match *key {
        Key::Int(int) => u32::try_from(int).ok().filter(|&int| Small::is_small(int)),
        _ => None,
    }
}

/// Interned keys: `1` and `"1"` are two.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    interner: Interner,
    scratch: Vec<u8>,
    /// Of integers, which most keys are.
    small: Small,
}

impl Keys {
    /// The number of the key; quicker if it is the one it is likely to have.
    #[inline]
    pub(crate) fn intern(&mut self, key: &Key<'_>, likely: u32) -> Result<u32, Full> {
        let Some(small) = small(key) else {
            return self.spelt(key, likely);
        };
        if let Some(number) = self.small.get(small) {
            return Ok(number);
        }
        let number = self.spelt(key, likely)?;
        self.small.insert(small, number);
        Ok(number)
    }

    fn spelt(&mut self, key: &Key<'_>, likely: u32) -> Result<u32, Full> {
        self.scratch.clear();
        match key {
            Key::Text(text) => {
                self.scratch.push(b't');
                self.scratch.extend_from_slice(text.as_bytes());
            }
            // Equal numbers are one key.
            Key::Number(number) => {
                let number = canonical(number);
                if let Ok(integer) = number.parse() {
                    return self.intern(&Key::Int(integer), likely);
                }
                self.scratch.push(b'n');
                self.scratch.extend_from_slice(number.as_bytes());
            }
            Key::Bool(_) | Key::Int(_) => {
                let is_bool = matches!(key, Key::Bool(_));
                self.scratch.push(if is_bool { b'b' } else { b'i' });
                // Into memory: it cannot fail.
                let _ = write!(self.scratch, "{key}");
            }
        }
        self.interner.intern(&self.scratch, likely)
    }

    /// The key that is printed like this; text before anything else.
    pub(crate) fn find(&self, printed: &str) -> Option<u32> {
        [b't', b'i', b'b', b'n']
            .iter()
            .find_map(|&tag| self.interner.find(&[&[tag], printed.as_bytes()].concat()))
    }

    /// The key as it is printed.
    pub(crate) fn print(&self, number: u32) -> String {
        String::from_utf8_lossy(&self.interner.get(number)[1..]).into_owned()
    }

    /// The key as JSON.
    pub(crate) fn json(&self, number: u32) -> Value {
        let printed = self.print(number);
        match self.interner.get(number)[0] {
            b't' => Value::String(printed),
            _ => serde_json::from_str(&printed).unwrap_or(Value::String(printed)),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.interner.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn identifiers_take_17_bytes() {
        let mut words = Words::default();
        words.intern("01ARZ3NDEKTSV4RRFFQ69G5FAV", NONE).unwrap();
        words.intern("7ZZZZZZZZZZZZZZZZZZZZZZZZZ", NONE).unwrap();
        words
            .intern("f81d4fae-7dec-11d0-a765-00a0c91e6bf6", NONE)
            .unwrap();
        assert_eq!(words.0.arena.len(), 3 * 17);
    }

    #[test]
    fn keys_keep_their_type() {
        let mut keys = Keys::default();
        let int = keys.intern(&Key::Int(1), NONE).unwrap();
        let text = keys.intern(&"1".into(), int).unwrap();
        let number = keys.intern(&Key::Number("1.50".into()), text).unwrap();
        assert_eq!((keys.json(int), keys.json(text)), (1.into(), "1".into()));
        assert_eq!(keys.print(number), "1.5");
        let mut same = |spelt: &'static str| keys.intern(&Key::Number(spelt.into()), NONE);
        assert_eq!(same("15e-1"), Ok(number));
        assert_eq!(same("1.0"), Ok(int));
        assert_eq!(keys.find("1"), Some(text));
        assert_eq!(keys.find("A1"), None);
    }

    proptest! {
        /// Whatever looks like an identifier or does not comes back as it was spelt.
        #[test]
        fn text_comes_back(texts in prop::collection::vec(prop_oneof![
            "[0-9A-HJKMNP-TV-Za-z]{26}", "[0-7][0-9A-HJKMNP-TV-Z]{25}",
            "[0-9a-fA-F]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
            "[0-9a-f-]{36}", "\\PC{0,80}", "b[0-9]{1,2}",
        ], 0..40), likely in 0..40u32) {
            let mut words = Words::default();
            let numbers: Vec<u32> = texts.iter().map(|text| words.intern(text, likely).unwrap()).collect();
            for (text, number) in texts.iter().zip(&numbers) {
                prop_assert_eq!(&words.get(*number), text);
                prop_assert_eq!(words.intern(text, likely), Ok(*number));
            }
            let different: std::collections::BTreeSet<_> = texts.iter().collect();
            prop_assert_eq!(words.len(), different.len());
        }
    }
}
