//! What a role may do with a run's tables, from the lines of `SHOW GRANTS`, as the server
//! itself reads them. Asks nobody.
//!
//! Rights on everything, on the database and on the table add up. Of several grants whose
//! names match the database the server takes one alone: that whose name is plain, or else
//! that with the most before its first wildcard. `_` and `%` are wildcards there, unless a
//! `\` is before them or the server takes rights back in part (`partial_revokes`).

use std::collections::BTreeSet;

/// What a run does to each of its tables: it is dropped, made anew, filled, read and changed.
pub(super) const NEEDED: [&str; 5] = ["CREATE", "DROP", "INSERT", "SELECT", "UPDATE"];

/// The lines of `SHOW GRANTS`.
pub(super) struct Grants {
    grants: Vec<Grant>,
    /// Rights come with roles, too, and these are not shown.
    pub(super) roles: bool,
    /// Whether a database's name is a pattern.
    patterns: bool,
}

#[derive(Debug, PartialEq)]
struct Grant {
    /// Takes back from what all others give.
    revoked: bool,
    rights: BTreeSet<String>,
    of: Of,
}

#[derive(Debug, PartialEq)]
enum Of {
    All,
    Database(String),
    Table(String, String),
}

impl Grants {
    /// Reads the lines. What else they have, a hash of the password among it, is not kept.
    pub(super) fn of(lines: &[String], patterns: bool) -> Grants {
        Grants {
            grants: lines.iter().filter_map(|line| grant(line)).collect(),
            roles: lines.iter().any(|line| !line.contains(" ON ")),
            patterns,
        }
    }

    /// What is needed and not granted on a table of this database.
    pub(super) fn lacking(&self, database: &str, table: &str) -> Vec<&'static str> {
        let mut granted = BTreeSet::new();
        let nearest = self.grants.iter().filter(|grant| !grant.revoked);
        let nearest = nearest.filter_map(|grant| match &grant.of {
            Of::Database(name) if self.is(name, database) => Some((self.plain(name), grant)),
            _ => None,
        });
        // Of two that are as near the server takes the one that it knew first.
        let nearest = nearest.rev().max_by_key(|(plain, _)| *plain);
        granted.extend(nearest.iter().flat_map(|(_, grant)| &grant.rights));
        for grant in self.grants.iter().filter(|grant| !grant.revoked) {
            match &grant.of {
                Of::All => granted.extend(&grant.rights),
                Of::Table(d, t) if d == database && t == table => granted.extend(&grant.rights),
                _ => {}
            }
        }
        let revoked = |right: &str| {
            let mut all = self.grants.iter().filter(|grant| grant.revoked);
            all.any(|grant| grant.of == Of::Database(database.into()) && has(&grant.rights, right))
        };
        let granted: BTreeSet<String> = granted.into_iter().cloned().collect();
        let lacks = |right: &&str| !has(&granted, right) || revoked(right);
        NEEDED.into_iter().filter(lacks).collect()
    }

    /// The database's name as a grant has it.
    pub(super) fn written(&self, database: &str) -> String {
        match self.patterns {
            true => database.replace('_', "\\_").replace('%', "\\%"),
            false => database.to_owned(),
        }
    }

    fn is(&self, name: &str, database: &str) -> bool {
        match self.patterns {
            true => matches(name.as_bytes(), database.as_bytes()),
            false => name == database,
        }
    }

    /// How much of a name is before its first wildcard; of a plain one, more than of any other.
    fn plain(&self, name: &str) -> usize {
        let mut bytes = name.bytes().enumerate();
        while let Some((at, byte)) = bytes.next() {
            match byte {
                b'\\' => {
                    bytes.next();
                }
                b'_' | b'%' if self.patterns => return at,
                _ => {}
            }
        }
        usize::MAX
    }
}

fn has(rights: &BTreeSet<String>, right: &str) -> bool {
    rights.contains("ALL PRIVILEGES") || rights.contains(right)
}

/// `_` is one letter, `%` any number of them, and after `\` each is itself.
fn matches(pattern: &[u8], text: &[u8]) -> bool {
    match (pattern, text) {
        ([b'%', rest @ ..], _) => (0..=text.len()).any(|at| matches(rest, &text[at..])),
        ([b'\\', exact, rest @ ..], [first, text @ ..]) => exact == first && matches(rest, text),
        ([b'_', rest @ ..], [_, text @ ..]) => matches(rest, text),
        ([exact, rest @ ..], [first, text @ ..]) => exact == first && matches(rest, text),
        ([], []) => true,
        _ => false,
    }
}

fn grant(line: &str) -> Option<Grant> {
    let (revoked, rest) = match line.strip_prefix("REVOKE ") {
        Some(rest) => (true, rest),
        None => (false, line.strip_prefix("GRANT ")?),
    };
    let (rights, of) = rest.split_once(" ON ")?;
    let (database, rest) = name(of)?;
    let (table, _) = name(rest.strip_prefix('.')?)?;
    // A right to some columns only, `SELECT (a, b)`, is none that is needed.
    let rights = rights.split(", ").map(str::to_owned).collect();
    let of = match (database, table) {
        (None, None) => Of::All,
        (Some(database), None) => Of::Database(database),
        (Some(database), Some(table)) => Of::Table(database, table),
        (None, Some(_)) => return None,
    };
    Some(Grant {
        revoked,
        rights,
        of,
    })
}

/// A name in the quotes of the server, or `*`, which is none; and what follows it.
fn name(text: &str) -> Option<(Option<String>, &str)> {
    if let Some(rest) = text.strip_prefix('*') {
        return Some((None, rest));
    }
    let quote = text.chars().next().filter(|c| ['`', '"'].contains(c))?;
    let mut name = String::new();
    let mut rest = &text[1..];
    loop {
        let (part, after) = rest.split_once(quote)?;
        name.push_str(part);
        // Twice, it is itself.
        match after.strip_prefix(quote) {
            Some(more) => {
                name.push(quote);
                rest = more;
            }
            None => return Some((Some(name), after)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lacking(lines: &[&str], database: &str) -> String {
        let lines: Vec<_> = lines.iter().map(|&line| line.to_owned()).collect();
        let lacking = Grants::of(&lines, true).lacking(database, "witness_seats");
        lacking.join(", ")
    }

    const NONE: &str = "CREATE, DROP, INSERT, SELECT, UPDATE";

    #[test]
    fn every_right_that_a_run_uses_is_needed() {
        for (line, expected) in [
            (
                "GRANT ALL PRIVILEGES ON *.* TO `a`@`%` IDENTIFIED BY PASSWORD '*X'",
                "",
            ),
            ("GRANT ALL PRIVILEGES ON `app`.* TO `a`@`%`", ""),
            (
                "GRANT SELECT, INSERT, UPDATE, CREATE, DROP ON `app`.* TO `a`@`%` WITH GRANT OPTION",
                "",
            ),
            (
                "GRANT SELECT, INSERT, CREATE ON `app`.* TO `a`@`%`",
                "DROP, UPDATE",
            ),
            (
                "GRANT CREATE ON `app`.* TO `a`@`%`",
                "DROP, INSERT, SELECT, UPDATE",
            ),
            (
                "GRANT SELECT, CREATE VIEW, CREATE ROUTINE ON `app`.* TO `a`@`%`",
                "CREATE, DROP, INSERT, UPDATE",
            ),
            (
                "GRANT SELECT (`a`, `b`), INSERT (`a`) ON `app`.`witness_seats` TO `a`@`%`",
                NONE,
            ),
            (
                "GRANT ALL PRIVILEGES ON `app`.`witness_seats` TO `a`@`%`",
                "",
            ),
            ("GRANT ALL PRIVILEGES ON `app`.`other` TO `a`@`%`", NONE),
            ("GRANT ALL PRIVILEGES ON `other`.* TO `a`@`%`", NONE),
            ("GRANT ALL PRIVILEGES ON \"app\".* TO \"a\"@\"%\"", ""),
            ("GRANT EXECUTE ON PROCEDURE `app`.`p` TO `a`@`%`", NONE),
            ("GRANT USAGE ON *.* TO `a`@`%`", NONE),
            ("GRANT `role` TO `a`@`%`", NONE),
        ] {
            assert_eq!(lacking(&[line], "app"), expected, "{line}");
        }
        let parts = [
            "GRANT SELECT, INSERT ON *.* TO `a`@`%`",
            "GRANT CREATE, DROP ON `app`.* TO `a`@`%`",
            "GRANT UPDATE ON `app`.`witness_seats` TO `a`@`%`",
        ];
        assert_eq!(lacking(&parts, "app"), "");
        assert_eq!(lacking(&parts[..2], "app"), "UPDATE");
    }

    #[test]
    fn a_name_is_a_pattern() {
        for (name, database, is) in [
            ("app_1", "app_1", true),
            ("app_1", "appx1", true),
            ("app\\_1", "app_1", true),
            ("app\\_1", "appx1", false),
            ("app\\_1", "app\\_1", false),
            ("app%", "app", true),
            ("app%", "app_1", true),
            ("%1", "app_1", true),
            ("a%p%1", "app_1", true),
            ("app\\%", "app%", true),
            ("app\\%", "app_1", false),
            ("app_", "app", false),
            ("app", "app_1", false),
            ("a``p", "a`p", true),
        ] {
            let line = format!("GRANT ALL PRIVILEGES ON `{name}`.* TO `a`@`%`");
            let expected = if is { "" } else { NONE };
            assert_eq!(lacking(&[&line], database), expected, "{name} {database}");
        }
        let lines = ["GRANT ALL PRIVILEGES ON `app%`.* TO `a`@`%`".to_owned()];
        let literal = Grants::of(&lines, false);
        assert_eq!(literal.lacking("app_1", "t"), NEEDED);
        assert_eq!(literal.lacking("app%", "t"), [""; 0]);
    }

    #[test]
    fn the_nearest_name_alone_counts() {
        let select = "GRANT SELECT ON `app\\_1`.* TO `a`@`%`";
        let all = "GRANT ALL PRIVILEGES ON `app%`.* TO `a`@`%`";
        for lines in [[select, all], [all, select]] {
            assert_eq!(lacking(&lines, "app_1"), "CREATE, DROP, INSERT, UPDATE");
            assert_eq!(lacking(&lines, "app_2"), "");
        }
        let far = "GRANT SELECT ON `a%`.* TO `a`@`%`";
        for lines in [[far, all], [all, far]] {
            assert_eq!(lacking(&lines, "app_1"), "");
        }
    }

    #[test]
    fn what_was_taken_back_is_lacking() {
        let lines = [
            "GRANT SELECT, INSERT, UPDATE, CREATE, DROP ON *.* TO `a`@`%`",
            "REVOKE INSERT ON `app`.* FROM `a`@`%`",
        ];
        assert_eq!(lacking(&lines, "app"), "INSERT");
        assert_eq!(lacking(&lines, "other"), "");
    }
}
