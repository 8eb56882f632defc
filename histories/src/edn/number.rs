//! How numbers are spelt in EDN, and which of them are numbers of JSON too.

use super::is_integer;
use super::lexer::Scalar;

/// What a word means that begins as a number does, if it is one.
pub(super) fn number(word: &str) -> Option<Scalar<'_>> {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_integer(word) {
        return Some(Scalar::Number(word));
    }
    let unsigned = word.strip_prefix('+').unwrap_or(word);
    if is_json_number(unsigned) {
        return Some(Scalar::Number(unsigned));
    }
    if let Some(big) = unsigned.strip_suffix('N') {
        return (is_json_number(big) && !big.contains(['.', 'e', 'E']))
            .then_some(Scalar::Number(big));
    }
    if let Some(decimal) = unsigned.strip_suffix('M') {
        return is_json_number(decimal).then_some(Scalar::Other);
    }
    let (over, under) = unsigned.split_once('/')?;
    let over = over.strip_prefix('-').unwrap_or(over);
    (digits(over) && digits(under)).then_some(Scalar::Other)
}

fn is_json_number(text: &str) -> bool {
    let digits = |bytes: &[u8]| {
        bytes
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count()
    };
    let mut rest = text.strip_prefix('-').unwrap_or(text).as_bytes();
    let whole = digits(rest);
    if whole == 0 || (whole > 1 && rest[0] == b'0') {
        return false;
    }
    rest = &rest[whole..];
    if let [b'.', fraction @ ..] = rest {
        let count = digits(fraction);
        if count == 0 {
            return false;
        }
        rest = &fraction[count..];
    }
    if let [b'e' | b'E', exponent @ ..] = rest {
        let exponent = match exponent {
            [b'+' | b'-', exponent @ ..] => exponent,
            exponent => exponent,
        };
        let count = digits(exponent);
        return count > 0 && count == exponent.len();
    }
    rest.is_empty()
}
