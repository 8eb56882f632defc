//! What a role may do with a run's tables, from the lines of `SHOW GRANTS`, as the server
//! itself reads them. Asks nobody.
//!
//! Rights on everything, on the database and on the table add up. Of several grants whose
//! names match the database the server takes one alone: that whose name is plain, or else
//! that with the most before its first wildcard. `_` and `%` are wildcards there, unless a
//! `\` is before them or the server takes rights back in part (`partial_revokes`): of a
//! database, and of what is granted on everything alone.
//!
//! A line that is of a form that is not known here is kept apart: what it grants nobody knows.

use std::collections::BTreeSet;

/// What a run does to each of its tables: it is dropped, made anew, filled, read and changed.
pub(super) const NEEDED: [&str; 5] = ["CREATE", "DROP", "INSERT", "SELECT", "UPDATE"];

/// Letters that are shown of what could not be read.
const SHOWN_MAX: usize = 60;

/// The lines of `SHOW GRANTS`.
pub(super) struct Grants {
    grants: Vec<Grant>,
    /// What could not be read, each as far as it names no account.
    pub(super) unread: Vec<String>,
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
        let mut grants = Grants {
            grants: Vec::new(),
            unread: Vec::new(),
            roles: false,
            patterns,
        };
        for line in lines {
            match said(line) {
                Said::Grant(grant) => grants.grants.push(grant),
                Said::Role => grants.roles = true,
                Said::Other => {}
                Said::Unread => {
                    let [told, _] = split(line, " TO ").unwrap_or([line.as_str(), ""]);
                    // Of a form that is not known, what is in it is not known either.
                    grants.unread.push(told.chars().take(SHOWN_MAX).collect());
                }
            }
        }
        grants
    }

    /// What is needed and not granted on a table of this database.
    pub(super) fn lacking(&self, database: &str, table: &str) -> Vec<&'static str> {
        let mut granted = BTreeSet::new();
        let given = || self.grants.iter().filter(|grant| !grant.revoked);
        let nearest = given().filter_map(|grant| match &grant.of {
            Of::Database(name) if self.is(name, database) => Some((self.plain(name), grant)),
            _ => None,
        });
        // Of two that are as near the server takes the one that it knew first.
        let nearest = nearest.rev().max_by_key(|(plain, _)| *plain);
        granted.extend(nearest.iter().flat_map(|(_, grant)| &grant.rights));
        let mut everywhere = BTreeSet::new();
        for grant in given() {
            match &grant.of {
                Of::All => everywhere.extend(&grant.rights),
                Of::Table(d, t) if d == database && t == table => granted.extend(&grant.rights),
                _ => {}
            }
        }
        let taken = self.grants.iter().filter(|grant| grant.revoked);
        let taken = taken.filter(|grant| grant.of == Of::Database(database.into()));
        let taken: BTreeSet<_> = taken.flat_map(|grant| &grant.rights).collect();
        let may =
            |right: &str| has(&granted, right) || has(&everywhere, right) && !has(&taken, right);
        NEEDED.into_iter().filter(|right| !may(right)).collect()
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

fn has(rights: &BTreeSet<&String>, right: &str) -> bool {
    let mut rights = rights.iter();
    rights.any(|it| ["ALL PRIVILEGES", "ALL", right].contains(&it.as_str()))
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

/// What a line says.
enum Said {
    Grant(Grant),
    /// That there is a role.
    Role,
    /// Nothing of tables.
    Other,
    Unread,
}

fn said(line: &str) -> Said {
    let (revoked, rest) = match (line.strip_prefix("REVOKE "), line.strip_prefix("GRANT ")) {
        (Some(rest), _) => (true, rest),
        (None, Some(rest)) => (false, rest),
        // Which of the roles are active is another matter.
        _ if line.starts_with("SET DEFAULT ROLE ") => return Said::Other,
        _ => return Said::Unread,
    };
    let Some([rights, of]) = split(rest, " ON ") else {
        return match split(rest, " TO ") {
            Some(_) => Said::Role,
            None => Said::Unread,
        };
    };
    let other = ["PROCEDURE ", "FUNCTION ", "PACKAGE "];
    if rights == "PROXY" || other.iter().any(|kind| of.starts_with(kind)) {
        return Said::Other;
    }
    let of = of.strip_prefix("TABLE ").unwrap_or(of);
    let Some((of, rest)) = object(of) else {
        return Said::Unread;
    };
    if !rest.starts_with(if revoked { " FROM " } else { " TO " }) {
        return Said::Unread;
    }
    let mut names = BTreeSet::new();
    let mut left = rights;
    while let Some([right, more]) = split(left, ",").or((!left.is_empty()).then_some([left, ""])) {
        // A right to some columns only, `SELECT (a, b)`, is none that is needed.
        names.insert(right.trim().to_owned());
        left = more;
    }
    Said::Grant(Grant {
        revoked,
        rights: names,
        of,
    })
}

/// What is before and after the first of these that is in no quotes and no parentheses.
fn split<'a>(text: &'a str, at: &str) -> Option<[&'a str; 2]> {
    let (mut quote, mut depth) = (None, 0_usize);
    for (n, c) in text.char_indices() {
        match (quote, c) {
            (Some(open), _) => quote = quote.filter(|_| c != open),
            (None, '`' | '"' | '\'') => quote = Some(c),
            (None, '(') => depth += 1,
            (None, ')') => depth = depth.saturating_sub(1),
            _ => {}
        }
        if quote.is_none() && depth == 0 && text[n..].starts_with(at) {
            return Some([&text[..n], &text[n + at.len()..]]);
        }
    }
    None
}

/// What a grant is of, and what follows it.
fn object(text: &str) -> Option<(Of, &str)> {
    let (database, rest) = name(text)?;
    let (table, rest) = name(rest.strip_prefix('.')?)?;
    let of = match (database, table) {
        (None, None) => Of::All,
        (Some(database), None) => Of::Database(database),
        (Some(database), Some(table)) => Of::Table(database, table),
        (None, Some(_)) => return None,
    };
    Some((of, rest))
}

/// A name, in quotes unless the server was told to leave them out (`sql_quote_show_create`), or
/// `*`, which is none; and what follows it.
fn name(text: &str) -> Option<(Option<String>, &str)> {
    if let Some(rest) = text.strip_prefix('*') {
        return Some((None, rest));
    }
    let Some(quote) = text.chars().next().filter(|c| ['`', '"'].contains(c)) else {
        let plain = |c: char| c.is_alphanumeric() || ['_', '$', '%', '\\'].contains(&c);
        let end = text.find(|c| !plain(c)).unwrap_or(text.len());
        return (end > 0).then(|| (Some(text[..end].to_owned()), &text[end..]));
    };
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
            // As MySQL 8 has them.
            (
                "GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, RELOAD ON *.* TO `root`@`localhost` WITH GRANT OPTION",
                "",
            ),
            (
                "GRANT APPLICATION_PASSWORD_ADMIN,AUDIT_ADMIN,SELECT,DROP ON *.* TO `a`@`%`",
                "CREATE, INSERT, UPDATE",
            ),
            ("GRANT `r`@`%`,`x ON y`@`%` TO `a`@`%`", NONE),
            ("GRANT ALL PRIVILEGES ON `x ON y`.* TO `a`@`%`", NONE),
            // Without quotes, if the server is told so.
            ("GRANT ALL PRIVILEGES ON app.* TO a@%", ""),
            ("GRANT ALL PRIVILEGES ON app.witness_seats TO a@%", ""),
            (
                "GRANT SELECT (`x)`, `b`), CREATE, INSERT (`a`) ON `app`.`witness_seats` TO `a`@`%`",
                "DROP, INSERT, SELECT, UPDATE",
            ),
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
        // From what is granted on everything alone.
        for nearer in ["`app`.*", "`app`.`witness_seats`"] {
            let nearer = format!("GRANT INSERT ON {nearer} TO `a`@`%`");
            let lines = [lines[0], lines[1], &nearer];
            assert_eq!(lacking(&lines, "app"), "", "{nearer}");
        }
    }

    #[test]
    fn what_could_not_be_read_is_told_and_nothing_else_of_it() {
        for (line, unread, role) in [
            ("GRANT `r` TO `a`@`%`", None, true),
            ("GRANT `r`@`%`,`x ON y`@`%` TO `a`@`%`", None, true),
            ("SET DEFAULT ROLE `r` FOR `a`@`%`", None, false),
            (
                "GRANT PROXY ON ''@'%' TO 'a'@'%' WITH GRANT OPTION",
                None,
                false,
            ),
            (
                "GRANT EXECUTE ON PACKAGE BODY `d`.`p` TO `a`@`%`",
                None,
                false,
            ),
            ("GRANT USAGE ON *.* TO `a`@`%`", None, false),
            (
                "GRANT SELECT ON SCHEMA `app` TO `a`@`%` IDENTIFIED BY PASSWORD '*hunter2'",
                Some("GRANT SELECT ON SCHEMA `app`"),
                false,
            ),
            ("DENY ALL", Some("DENY ALL"), false),
            ("GRANT", Some("GRANT"), false),
            ("", Some(""), false),
        ] {
            let grants = Grants::of(&[line.to_owned()], true);
            let expected: Vec<_> = unread.into_iter().map(str::to_owned).collect();
            assert_eq!((grants.unread, grants.roles), (expected, role), "{line}");
        }
    }
}
