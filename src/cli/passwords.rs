//! Says nothing of a password: what is wrong with an argument is said with the argument, and
//! that may have been a URL that was meant for another option.
//!
//! Where an address ends within a message is not to be seen, since a password may hold blanks,
//! quotes and whatever else. So each is compared with what this process was given.

use std::ffi::OsString;

/// The text with `…` for what comes before the last `@` of each address in it.
pub(super) fn hidden(text: &str, given: impl IntoIterator<Item = OsString>) -> String {
    if !text.contains(SCHEME) {
        return text.to_owned();
    }
    let mut secrets = Vec::new();
    for it in given {
        known(&it.to_string_lossy(), &mut secrets);
    }
    let mut said = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(SCHEME) {
        said.push_str(before);
        said.push_str(SCHEME);
        let known = secrets.iter().filter(|it| after.starts_with(it.as_str()));
        let known = known.map(String::len).max().unwrap_or(0);
        let hidden = known.max(unknown(after));
        if hidden > 0 {
            said.push('…');
        }
        rest = &after[hidden..];
    }
    said + rest
}

/// Comes before the address.
const SCHEME: &str = "://";

/// What a message may hold of the addresses in an argument before their last `@`: all of it, or
/// what is left of it where the argument was taken for a list; as it is, or as a literal.
fn known(given: &str, secrets: &mut Vec<String>) {
    for (at, _) in given.match_indices(SCHEME) {
        let address = &given[at + SCHEME.len()..];
        let Some(end) = address.rfind('@') else {
            continue;
        };
        let secret = &address[..end];
        let cuts = secret.match_indices(|c: char| c == ',' || c.is_whitespace());
        for end in cuts.map(|(cut, _)| cut).chain([end]) {
            let literal = format!("{:?}", &secret[..end]);
            secrets.push(literal[1..literal.len() - 1].to_owned());
            secrets.push(secret[..end].to_owned());
        }
    }
}

/// How much comes before the `@` of an address that nobody gave, and that may end at any blank
/// or quote.
fn unknown(address: &str) -> usize {
    let ends = |c: char| c.is_whitespace() || ['\'', '"', '`'].contains(&c);
    let address = &address[..address.find(ends).unwrap_or(address.len())];
    address.rfind('@').unwrap_or(0)
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
        ] {
            assert_eq!(hidden(text, []), expected);
            // Whatever else was given.
            let others = ["", "://", "://@", "a@b", "http://h:1/x", "postgres://u@h"];
            assert_eq!(hidden(text, others.map(OsString::from)), expected);
        }
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
            let piece = hidden(&format!("'{first}' is none"), given);
            prop_assert!(!piece.contains(ITS_OWN), "{piece}");
        }

        #[test]
        fn nor_where_an_argument_is_refused(password in password()) {
            let url = format!("us-east-1=postgres://u:{password}@h/d");
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
