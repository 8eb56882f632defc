//! `LIKE` patterns. No regular expressions, no recursion: time is at most the
//! product of the two lengths, whatever the pattern.

use super::error::{Result, SqlError, state};

enum Part {
    One(char),
    AnyOne,
    AnyMany,
}

/// Whether `text` matches `pattern`, where `%` stands for any text, `_` for any one
/// character, and the escape character takes the next one literally.
pub fn matches(text: &str, pattern: &str, escape: Option<char>, ignore_case: bool) -> Result<bool> {
    let fold = |text: &str| -> Vec<char> {
        if ignore_case {
            text.to_lowercase().chars().collect()
        } else {
            text.chars().collect()
        }
    };
    let text = fold(text);
    let mut parts = Vec::new();
    let mut chars = fold(pattern).into_iter();
    while let Some(c) = chars.next() {
        parts.push(match c {
            c if Some(c) == escape => Part::One(chars.next().ok_or_else(|| {
                SqlError::new(
                    state::INVALID_ESCAPE_SEQUENCE,
                    "LIKE pattern must not end with escape character",
                )
            })?),
            '%' => Part::AnyMany,
            '_' => Part::AnyOne,
            c => Part::One(c),
        });
    }

    // Greedy with one point of return: only the last `%` can ever need another try.
    let (mut at, mut part) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while at < text.len() {
        match parts.get(part) {
            Some(Part::AnyMany) => {
                retry = Some((at, part));
                part += 1;
            }
            Some(Part::AnyOne) => {
                at += 1;
                part += 1;
            }
            Some(Part::One(c)) if *c == text[at] => {
                at += 1;
                part += 1;
            }
            _ => match retry {
                Some((from, percent)) => {
                    retry = Some((from + 1, percent));
                    at = from + 1;
                    part = percent + 1;
                }
                None => return Ok(false),
            },
        }
    }
    Ok(parts[part..]
        .iter()
        .all(|part| matches!(part, Part::AnyMany)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_in_postgresql() {
        let cases = [
            ("A1", "A_", true),
            ("A1", "a_", false),
            ("A12", "A_", false),
            ("seat-A1", "%A1", true),
            ("abcabd", "%ab_%d", true),
            ("", "%", true),
            ("", "", true),
            ("50%", "50\\%", true),
            ("500", "50\\%", false),
            ("aaaaaaaaaaaaaaaaaaaaaaaaaaab", "%a%a%a%a%a%a%c", false),
        ];
        for (text, pattern, expected) in cases {
            assert_eq!(
                matches(text, pattern, Some('\\'), false).unwrap(),
                expected,
                "{text} LIKE {pattern}"
            );
        }
        assert!(matches("ÄB", "äb", Some('\\'), true).unwrap());
        assert!(matches("a", "a\\", Some('\\'), false).is_err());
        assert!(matches("a\\", "a\\", None, false).unwrap());
    }
}
