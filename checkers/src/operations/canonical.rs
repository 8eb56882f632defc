//! One spelling for equal JSON values. Numbers are equal if they are the same number:
//! `1`, `1.0` and `10e-1` are, and two of thirty digits that differ in the last are not,
//! although no machine number tells them apart. Objects are equal whatever order their
//! fields are in, EDN sets whatever order their members are in, and text however it is escaped.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::value::RawValue;

/// Powers of ten that are spelt out as zeros. A number with a higher one keeps its
/// exponent, so it equals only those that are spelt with one.
const ZEROS_MAX: i64 = 1_000;
const ZEROS_MIN: i64 = -ZEROS_MAX;
/// Lists and objects in each other, at most; deeper ones are equal if spelt alike.
const DEPTH_MAX: usize = 128;

/// The spelling of the value: most have it already. O(n) for n bytes that are nested to a
/// bounded depth. What is no JSON stands for itself.
pub(crate) fn canonical(json: &str) -> Cow<'_, str> {
    if is_canonical(json) {
        return Cow::Borrowed(json);
    }
    let mut spelt = String::with_capacity(json.len());
    match spell(json.trim_ascii(), DEPTH_MAX, &mut spelt) {
        Some(()) => Cow::Owned(spelt),
        None => Cow::Borrowed(json),
    }
}

/// Whether it certainly is spelt so: no escapes, no spaces, no fields, and only plain
/// integers.
fn is_canonical(json: &str) -> bool {
    let bytes = json.as_bytes();
    let mut at = 0;
    let mut before = 0;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'"' => {
                let inside = &bytes[at + 1..];
                match memchr::memchr2(b'"', b'\\', inside) {
                    Some(end) if inside[end] == b'"' => at += end + 1,
                    _ => return false,
                }
            }
            b' ' | b'\t' | b'\n' | b'\r' | b'{' | b'.' | b'E' => return false,
            // Neither `true` nor `false` has it behind a digit.
            b'e' if before <= b'9' => return false,
            b'0' if before == b'-' => return false,
            _ => {}
        }
        before = byte;
        at += 1;
    }
    true
}

fn spell(json: &str, depth: usize, spelt: &mut String) -> Option<()> {
    match json.as_bytes().first()? {
        b'[' => {
            let items: Vec<&RawValue> = serde_json::from_str(json).ok()?;
            spelt.push('[');
            for (at, item) in items.into_iter().enumerate() {
                if at > 0 {
                    spelt.push(',');
                }
                spell(item.get(), depth.checked_sub(1)?, spelt)?;
            }
            spelt.push(']');
        }
        b'{' => {
            let fields: BTreeMap<String, &RawValue> = serde_json::from_str(json).ok()?;
            if let Some(members) = set(&fields) {
                return spell_set(members, depth, spelt);
            }
            spelt.push('{');
            for (at, (name, value)) in fields.into_iter().enumerate() {
                if at > 0 {
                    spelt.push(',');
                }
                spelt.push_str(&serde_json::to_string(&name).ok()?);
                spelt.push(':');
                spell(value.get(), depth.checked_sub(1)?, spelt)?;
            }
            spelt.push('}');
        }
        b'"' => {
            let text: String = serde_json::from_str(json).ok()?;
            spelt.push_str(&serde_json::to_string(&text).ok()?);
        }
        b'-' | b'0'..=b'9' => number(json, spelt)?,
        _ => spelt.push_str(json),
    }
    Some(())
}

/// The members of what is an EDN set, as it is spelt in JSON.
fn set<'a>(fields: &BTreeMap<String, &'a RawValue>) -> Option<Vec<&'a RawValue>> {
    match fields.first_key_value()? {
        (name, members) if name == "#{}" && fields.len() == 1 => {
            serde_json::from_str(members.get()).ok()
        }
        _ => None,
    }
}

/// Spells a set, each member once and in the order of how they are spelt.
fn spell_set(members: Vec<&RawValue>, depth: usize, spelt: &mut String) -> Option<()> {
    let depth = depth.checked_sub(2)?;
    let spell_one = |member: &RawValue| {
        let mut one = String::new();
        spell(member.get(), depth, &mut one).map(|()| one)
    };
    let members: Option<BTreeSet<String>> = members.into_iter().map(spell_one).collect();
    let members: Vec<String> = members?.into_iter().collect();
    spelt.push_str(&format!(r##"{{"#{{}}":[{}]}}"##, members.join(",")));
    Some(())
}

/// Spells a number: by its digits without zeros at either end, and the power of ten that
/// they are multiplied with.
fn number(json: &str, spelt: &mut String) -> Option<()> {
    if json != "-0" && !json.contains(['.', 'e', 'E']) {
        spelt.push_str(json);
        return Some(());
    }
    let (sign, positive) = match json.strip_prefix('-') {
        Some(positive) => ("-", positive),
        None => ("", json),
    };
    let (mantissa, exponent) = match positive.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().ok()?),
        None => (positive, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = [whole, fraction].concat();
    let significant = digits.trim_end_matches('0');
    let zeros = (digits.len() - significant.len()) as i64;
    let power = exponent
        .checked_sub(fraction.len() as i64)?
        .checked_add(zeros)?;
    let significant = significant.trim_start_matches('0');
    if significant.is_empty() {
        spelt.push('0');
        return Some(());
    }
    spelt.push_str(sign);
    match power {
        0..=ZEROS_MAX => {
            spelt.push_str(significant);
            spelt.extend(std::iter::repeat_n('0', power as usize));
        }
        ZEROS_MIN..0 => {
            let behind = power.unsigned_abs() as usize;
            match significant.len().checked_sub(behind) {
                Some(before @ 1..) => {
                    spelt.push_str(&significant[..before]);
                    spelt.push('.');
                    spelt.push_str(&significant[before..]);
                }
                _ => {
                    spelt.push_str("0.");
                    spelt.extend(std::iter::repeat_n('0', behind - significant.len()));
                    spelt.push_str(significant);
                }
            }
        }
        _ => spelt.push_str(&format!("{significant}e{power}")),
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn equal_values_are_spelt_alike() {
        for (json, expected) in [
            ("1.0", "1"),
            ("-0", "0"),
            ("-0.0e7", "0"),
            ("0e0", "0"),
            ("1.50", "1.5"),
            ("15E-1", "1.5"),
            ("1e+3", "1000"),
            ("-1200e-2", "-12"),
            ("0.001", "0.001"),
            ("1e-3", "0.001"),
            ("100.0e-5", "0.001"),
            ("9007199254740993.0", "9007199254740993"),
            ("1e1001", "1e1001"),
            ("10e1000", "1e1001"),
            ("-1.5e-2000", "-15e-2001"),
            ("1e99999999999999999999", "1e99999999999999999999"),
            ("18446744073709551617", "18446744073709551617"),
            ("true", "true"),
            ("[1, 2.0,false , null]", "[1,2,false,null]"),
            (r#"{"b":[ 1e0 ],"a":{}}"#, r#"{"a":{},"b":[1]}"#),
            (r#"{"a":1,"a":2}"#, r#"{"a":2}"#),
            (
                r##"[{"#{}":[2, 1.0, {"#{}":["b","a"]}, 1]}]"##,
                r##"[{"#{}":[1,2,{"#{}":["a","b"]}]}]"##,
            ),
            (
                r##"{"#{}":[2,1],"a":{"#{}":7}}"##,
                r##"{"#{}":[2,1],"a":{"#{}":7}}"##,
            ),
            (r#""\u0041\/ é""#, r#""A/ é""#),
            (r#"["1.0","e"]"#, r#"["1.0","e"]"#),
            (
                r#"[{"n":123456789012345678901234567890}]"#,
                r#"[{"n":123456789012345678901234567890}]"#,
            ),
            // No text at all: it stands for itself.
            (r#"["\ud800", 1]"#, r#"["\ud800", 1]"#),
        ] {
            assert_eq!(canonical(json), expected, "{json}");
            assert_eq!(canonical(&canonical(json)), expected, "{json}, again");
        }
    }

    #[test]
    fn what_is_too_deep_stands_for_itself() {
        let deep = format!("{} 1{}", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(canonical(&deep), deep);
    }

    /// A number as a person writes it, and as an integer and a power of ten.
    fn spelt_number() -> impl Strategy<Value = (String, i128, u32)> {
        let parts = (any::<i32>(), 0..8_usize, 0..12_u32, any::<bool>());
        parts.prop_map(|(integer, point, exponent, upper)| {
            let digits = format!("{:09}", integer.unsigned_abs());
            let (whole, fraction) = digits.split_at(digits.len() - point);
            let whole = whole.trim_start_matches('0');
            let whole = if whole.is_empty() { "0" } else { whole };
            let sign = if integer < 0 { "-" } else { "" };
            let fraction = match fraction {
                "" => String::new(),
                fraction => format!(".{fraction}"),
            };
            let e = if upper { 'E' } else { 'e' };
            let spelt = format!("{sign}{whole}{fraction}{e}{exponent}");
            (spelt, integer.into(), exponent + 8 - point as u32)
        })
    }

    proptest! {
        /// Two numbers are spelt alike exactly if they are the same.
        #[test]
        fn numbers_are_equal_as_numbers_are(
            (a, integer, power) in spelt_number(),
            (b, other, other_power) in spelt_number(),
            shift in 0..4_u32,
        ) {
            let value = |integer: i128, power: u32| integer * 10_i128.pow(power);
            let same = value(integer, power) == value(other, other_power);
            prop_assert_eq!(canonical(&a) == canonical(&b), same, "{} {}", a, b);
            let zeros = "0".repeat(shift as usize);
            let scaled = format!("{}{zeros}e{}", integer, i64::from(power) - 8 - i64::from(shift));
            prop_assert_eq!(canonical(&a), canonical(&scaled), "{}", scaled);
        }
    }
}
