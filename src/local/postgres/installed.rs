//! Where PostgreSQL's programs are.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Names the folder of the programs, where they are to be those and no others.
const VARIABLE: &str = "WITNESS_POSTGRES_BIN";
/// Where Debian and Ubuntu have them, a folder a version.
const DEBIAN: &str = "/usr/lib/postgresql";
/// What a cluster needs.
const PROGRAMS: [&str; 3] = ["postgres", "initdb", "pg_basebackup"];

/// An installed PostgreSQL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installed {
    bin: PathBuf,
}

/// There is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "PostgreSQL is not installed here: there is no {} in {searched}. On Debian and Ubuntu: \
     apt-get install postgresql. Or name a server: --url us-east-1=postgres://USER@HOST/DATABASE",
    PROGRAMS.join(", ")
)]
pub struct NotInstalled {
    searched: String,
}

impl Installed {
    /// Finds the programs: where `WITNESS_POSTGRES_BIN` says; else what `pg_config` says, the
    /// newest in Debian's folder, and what is on the PATH, in this order.
    ///
    /// # Errors
    /// [`NotInstalled`].
    pub fn find() -> Result<Installed, NotInstalled> {
        if let Some(bin) = std::env::var_os(VARIABLE) {
            let searched = format!("{} ({VARIABLE})", Path::new(&bin).display());
            return Installed::among([bin.into()]).ok_or(NotInstalled { searched });
        }
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders = config_says().into_iter().chain(versions(Path::new(DEBIAN)));
        let folders = folders.chain(std::env::split_paths(&path));
        Installed::among(folders).ok_or(NotInstalled {
            searched: format!("what pg_config says, {DEBIAN}/*/bin, or the PATH"),
        })
    }

    /// The first folder that has everything.
    fn among(folders: impl IntoIterator<Item = PathBuf>) -> Option<Installed> {
        let whole = |bin: &PathBuf| PROGRAMS.iter().all(|name| bin.join(name).is_file());
        folders.into_iter().find(whole).map(|bin| Installed { bin })
    }

    /// The folder that has them.
    pub fn folder(&self) -> &Path {
        &self.bin
    }

    pub(super) fn program(&self, name: &str) -> PathBuf {
        self.bin.join(name)
    }
}

fn config_says() -> Option<PathBuf> {
    let output = Command::new("pg_config").arg("--bindir").output().ok()?;
    let said = String::from_utf8(output.stdout).ok()?;
    let bin = said.trim();
    (output.status.success() && !bin.is_empty()).then(|| bin.into())
}

/// The folders of all versions, the newest first.
fn versions(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let number = |name: OsString| name.to_str()?.parse::<u32>().ok();
    let mut found: Vec<_> = entries.filter_map(|e| number(e.file_name())).collect();
    found.sort_unstable_by(|a, b| b.cmp(a));
    found
        .into_iter()
        .map(|version| folder.join(version.to_string()).join("bin"))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_newest_version_that_is_whole_is_taken() {
        let home = tempfile::tempdir().unwrap();
        for (version, programs) in [
            ("9", &PROGRAMS[..]),
            ("15", &PROGRAMS),
            ("17", &PROGRAMS[1..]),
            ("common", &PROGRAMS),
        ] {
            let bin = home.path().join(version).join("bin");
            fs::create_dir_all(&bin).unwrap();
            for name in programs {
                fs::write(bin.join(name), "").unwrap();
            }
        }
        let found = Installed::among(versions(home.path())).unwrap();
        assert_eq!(found.bin, home.path().join("15/bin"));
        assert_eq!(Installed::among(versions(&home.path().join("none"))), None);
    }

    #[test]
    fn who_has_none_is_told_how_to_get_one() {
        let searched = "/nowhere".into();
        let message = NotInstalled { searched }.to_string();
        assert!(message.contains("apt-get install postgresql"), "{message}");
        assert!(message.contains("initdb"), "{message}");
    }
}
