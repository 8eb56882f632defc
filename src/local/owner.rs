//! Whom the servers run as: this process's user or, since PostgreSQL refuses root, one
//! with fewer rights.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

/// Who is taken, the first that there is.
const UNPRIVILEGED: [&str; 2] = ["postgres", "nobody"];

/// A user and their group; none: as this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Owner(Option<(u32, u32)>);

impl Owner {
    /// Whom to run servers as, for who has just made this folder.
    pub(super) fn of(folder: &Path) -> io::Result<Owner> {
        if fs::metadata(folder)?.uid() != 0 {
            return Ok(Owner(None));
        }
        let users = fs::read_to_string("/etc/passwd")?;
        let found = UNPRIVILEGED.iter().find_map(|name| ids(&users, name));
        let none = || io::Error::other("there is no user postgres or nobody, and root is refused");
        found.map(|ids| Owner(Some(ids))).ok_or_else(none)
    }

    /// Gives the file or folder to them.
    pub(super) fn give(self, path: &Path) -> io::Result<()> {
        match self.0 {
            Some((user, group)) => chown(path, Some(user), Some(group)),
            None => Ok(()),
        }
    }

    /// Makes the program run as them, in no other group.
    pub(super) fn run(self, program: &mut Command) {
        if let Some((user, group)) = self.0 {
            program.uid(user).gid(group);
        }
    }
}

/// A user's number and group, by a line of `/etc/passwd`. Root by another name is no help.
fn ids(users: &str, name: &str) -> Option<(u32, u32)> {
    let mut lines = users.lines().map(|line| line.split(':'));
    let mut fields =
        lines.find_map(|mut fields| (fields.next() == Some(name)).then_some(fields))?;
    let (user, group) = (fields.nth(1)?.parse().ok()?, fields.next()?.parse().ok()?);
    (user != 0).then_some((user, group))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_found_by_the_whole_name() {
        let users =
            "root:x:0:0::/:/bin/sh\npostgres2:x:7:8::/:\npostgres:x:101:104:P,,:/:/bin/sh\n";
        assert_eq!(ids(users, "postgres"), Some((101, 104)));
        assert_eq!(ids(users, "nobody"), None);
        assert_eq!(ids(users, "root"), None);
        assert_eq!(ids("nobody:x:what", "nobody"), None);
    }
}
