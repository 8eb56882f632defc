//! Says nothing of a password: what is wrong with an argument is said with the argument, and
//! that may have been a URL that was meant for another option.
//!
//! Where a password ends within a message is not to be seen, since it may hold blanks, quotes
//! and whatever else. So each is compared with what this process was given: no more than that
//! is kept, and no longer than [`STEPS`] is compared, however large the environment.

use std::ffi::OsString;

/// The text with `…` for what comes before the last `@` of each address in it, and for each
/// value of a `password`.
pub(super) fn hidden(text: &str, given: impl IntoIterator<Item = OsString>) -> String {
    if marks(text).next().is_none() {
        return text.to_owned();
    }
    // As it is, or as a literal.
    let given = given.into_iter().flat_map(|it| {
        let it = it.to_string_lossy().into_owned();
        let literal = format!("{it:?}");
        let literal = literal[1..literal.len() - 1].to_owned();
        [Some(literal).filter(|literal| *literal != it), Some(it)]
    });
    let given: Vec<_> = given.flatten().collect();
    let secrets: Vec<_> = given.iter().flat_map(|it| secrets(it)).collect();
    let mut steps = STEPS;
    let mut said = String::new();
    // The text before this is said, or hidden.
    let mut done = 0_usize;
    let mut word = 0;
    for (start, mark) in marks(text) {
        let rest = &text[start..];
        if word < start {
            word = start + rest.find(ends).unwrap_or(rest.len());
        }
        // One secret may begin within another, and end behind it.
        let least = unknown(&text[start..word], mark).max(done.saturating_sub(start));
        let most = secrets.iter().try_fold(least, |most, (of, secret)| {
            steps = steps.checked_sub(1)?;
            if *of != mark || secret.len() <= most {
                return Some(most);
            }
            Some(most.max(known(rest, secret, mark, &mut steps)?))
        });
        // What there are no steps left to compare may be a secret to its end.
        let end = start + most.unwrap_or(rest.len());
        if end > start.max(done) {
            if start > done {
                said.push_str(&text[done..start]);
                said.push('…');
            }
            done = end;
        }
    }
    said + &text[done..]
}

/// How many secrets and characters of them are compared: some milliseconds' worth.
const STEPS: usize = 1 << 23;

/// Comes before the address.
const SCHEME: &str = "://";

/// Comes before its value in the query of an address, as does `sslpassword=`.
const PASSWORD: &str = "password=";

/// Where a secret may begin, and what comes before it.
fn marks(text: &str) -> impl Iterator<Item = (usize, &'static str)> {
    let ends = text.match_indices(['/', '=']).map(|(last, _)| last + 1);
    ends.filter_map(|end| {
        let mut marks = [SCHEME, PASSWORD].into_iter();
        Some((end, marks.find(|mark| text[..end].ends_with(mark))?))
    })
}

/// The secrets in an argument: an address before the last `@`, a value to the end, since either
/// may hold anything.
fn secrets(given: &str) -> impl Iterator<Item = (&'static str, &str)> {
    let at = given.rfind('@').unwrap_or(0);
    marks(given).filter_map(move |(start, mark)| {
        let end = if mark == SCHEME { at } else { given.len() };
        Some((mark, given.get(start..end)?))
    })
}

/// How much of this secret the text begins with: all of it, or what is left where the argument
/// was taken for a list. None if there are no steps left.
fn known(text: &str, secret: &str, mark: &str, steps: &mut usize) -> Option<usize> {
    let mut piece = 0;
    // Before its first colon is a name at most, if not an innocent address in a list that has
    // an @ later on.
    let mut name = mark == SCHEME;
    let mut said = text.chars();
    for (at, c) in secret.char_indices() {
        *steps = steps.checked_sub(1)?;
        // In a literal, blanks are written with a backslash.
        if !name && (c == ',' || c == '\\' || c.is_whitespace()) {
            piece = at;
        }
        if said.next() != Some(c) {
            return Some(piece);
        }
        name &= c != ':';
    }
    Some(secret.len())
}

/// How much is secret of a word that nobody gave.
fn unknown(word: &str, mark: &str) -> usize {
    if mark == SCHEME {
        word.rfind('@').unwrap_or(0)
    } else {
        word.find('&').unwrap_or(word.len())
    }
}

/// Where a word that nobody gave may end.
fn ends(c: char) -> bool {
    c.is_whitespace() || ['\'', '"', '`'].contains(&c)
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn no_address_is_said_with_its_password() {
        for (text, expected) in [
            ("no url", "no url"),
            ("at http://h:1/x, and", "at http://h:1/x, and"),
            ("'a=postgres://u:p@h/d' is", "'a=postgres://…@h/d' is"),
            (
                "mysql://u:p@q@h and https://k@i",
                "mysql://…@h and https://…@i",
            ),
            ("mail a@b, http://h", "mail a@b, http://h"),
            ("http://", "http://"),
            ("no password=", "no password="),
            (
                "'x://h/d?password=p&sslmode=q' or x://h?sslpassword=p",
                "'x://h/d?password=…&sslmode=q' or x://h?sslpassword=…",
            ),
            ("x://u:p@h?password=p@q is", "x://… is"),
        ] {
            assert_eq!(hidden(text, []), expected);
            // Whatever else was given.
            let others = ["", "://", "://@", "a@b", "http://h:1/x", "postgres://u@h"];
            assert_eq!(hidden(text, others.map(OsString::from)), expected);
        }
    }

    /// Addresses of no secret, and then one that has an @: all of them come before it.
    fn many(n: usize, last: &str) -> String {
        let all = (0..n).map(|n| format!("https://s{n}.example.com/a,"));
        all.collect::<String>() + last
    }

    #[test]
    fn a_large_environment_is_compared_as_any_other() {
        let given = [many(20_000, "mail=a@b"), many(20_000, "u:Q X@b")].map(OsString::from);
        let text = "'http://x', 'https://s9.example.com/a', 'https://s19999.example.com/a,u:Q'";
        let expected = "'http://x', 'https://s9.example.com/a', 'https://…'";
        assert_eq!(hidden(text, given), expected);
        let list = many(800, "u:Q X@b");
        let text = format!("'{list}' is none");
        assert_eq!(hidden(&text, [list.into()]), "'https://…@b' is none");
    }

    #[test]
    fn what_takes_too_long_to_compare_is_hidden() {
        let given = |last| [SCHEME.repeat(10_000) + last].map(OsString::from);
        let text = format!("'x{}'u:Q X' is none", SCHEME.repeat(5_000));
        assert_eq!(hidden(&text, given("'u:Q X@b")), "'x://…");
        let text = "'http://x' is none";
        assert_eq!(hidden(text, given("'u:Q X@b")), text);
    }

    /// A password of any characters; these are nowhere else in what is said.
    const ITS_OWN: [char; 5] = ['Q', 'X', 'Z', '7', '☃'];

    fn password() -> impl Strategy<Value = String> {
        let odd = [
            ' ', '\t', '\n', '\'', '"', '`', '\\', ',', '@', ':', '/', '?', '#', '=', '%', 'u',
            '\u{301}',
        ];
        let any = [&ITS_OWN[..], &odd].concat();
        prop::collection::vec(prop::sample::select(any), 0..12)
            .prop_map(|all| all.into_iter().collect())
    }

    proptest! {
        #[test]
        fn nothing_of_a_password_is_said(password in password(), other in password()) {
            let url = format!("us-east-1=postgres://u:{password}@h/d");
            let other = format!("mysql://v:{other}@i");
            let given = [&url, &other].map(OsString::from);
            let first = url.split(',').next().unwrap_or_default();
            for (text, kept) in [
                (format!("'{url}' is none"), "'us-east-1=postgres://…@h/d' is none"),
                (format!("{url:?} is none"), "\"us-east-1=postgres://…@h/d\" is none"),
                (format!("{url} and {other:?}"), "us-east-1=postgres://…@h/d and \"mysql://…@i\""),
                (format!("{url}: {url:?}: {url}"),
                    "us-east-1=postgres://…@h/d: \"us-east-1=postgres://…@h/d\": us-east-1=postgres://…@h/d"),
            ] {
                prop_assert_eq!(hidden(&text, given.clone()), kept);
            }
            for text in [format!("'{first}' is none"), format!("{first:?} is none")] {
                let piece = hidden(&text, given.clone());
                prop_assert!(!piece.contains(ITS_OWN), "{piece}");
            }
        }

        #[test]
        fn nor_of_one_in_a_query(
            password in password(),
            other in password(),
            user in prop::sample::select(&["", "u@", "u:p@"]),
            key in prop::sample::select(&["?password=", "?user=u&password=", "?sslpassword="]),
        ) {
            let before = format!("us-east-1=postgres://{user}db/d{key}");
            let url = format!("{before}{password}");
            let given = [&url, &format!("postgres://db/d?password=v{other}")].map(OsString::from);
            let first = url.split(',').next().unwrap_or_default();
            for (text, end) in [
                (format!("'{url}' is none"), "' is none"),
                (format!("{url:?} is none"), "\" is none"),
                (format!("'{first}' is none"), "' is none"),
                (format!("{first:?} is none"), "\" is none"),
            ] {
                let said = hidden(&text, given.clone());
                let quote = &text[..1];
                prop_assert!(!said.contains(ITS_OWN), "{said}");
                if url.contains('@') {
                    // What comes before that is of an address, too.
                    let begins = said.starts_with(&format!("{quote}us-east-1=postgres://"));
                    prop_assert!(begins && said.ends_with(end), "{said}");
                } else {
                    let none = text.len() == quote.len() + before.len() + end.len();
                    let value = if none { "" } else { "…" };
                    prop_assert_eq!(said, format!("{quote}{before}{value}{end}"));
                }
            }
        }

        #[test]
        fn what_is_no_password_is_said(later in password(), cut in "[ ,]") {
            let given = [format!("http://x{cut}{later}@b")].map(OsString::from);
            for text in ["'http://x' is none", "\"http://x\" is none"] {
                prop_assert_eq!(hidden(text, given.clone()), text);
            }
        }

        #[test]
        fn nor_where_an_argument_is_refused(password in password(), queried in any::<bool>()) {
            let url = if queried {
                format!("us-east-1=postgres://db/d?user=u&password={password}")
            } else {
                format!("us-east-1=postgres://u:{password}@h/d")
            };
            for before in [
                &["run", "seats"][..], &["run", "--uri"],  &["run", "--level"],
                &["run", "--bursts"], &["run", "--seed"], &["run", "--on-sale"], &["doctor"],
                &["run", "--part"], &["check", "--timeout"], &["check", "--model"], &["regions"], &[],
            ] {
                let arguments = [&["witness"], before, &[url.as_str()]].concat();
                let Err(refused) = crate::cli::Cli::try_parse_from(&arguments) else {
                    prop_assert!(false, "{arguments:?} is taken");
                    continue;
                };
                let refused = refused.render().ansi().to_string();
                let said = hidden(&refused, arguments.iter().map(OsString::from));
                prop_assert!(!said.contains(ITS_OWN), "{arguments:?}: {said}");
            }
        }
    }
}
