//! The run directory on disk:
//!
//! ```text
//! store/<workload>/<UTC time>-<backend>/   history.jsonl  run.json  verdict.json  report.html
//! store/latest -> the newest
//! ```
//!
//! A history is written by its recorder; this module gives it a place, and
//! finds it again.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::OffsetDateTime;
use time::macros::format_description;

use crate::round_trip::RoundTrip;

/// The file that holds the events.
pub const HISTORY: &str = "history.jsonl";
/// The file that says what ran.
pub const RUN: &str = "run.json";
/// The file that holds the verdicts, as a report for people and programs: a
/// check never reads it.
pub const VERDICT: &str = "verdict.json";
/// The same for a browser.
pub const REPORT: &str = "report.html";

/// Something of the store could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The operating system refused.
    #[error("{}: {error}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What it said.
        error: io::Error,
    },
    /// A folder that is not a run directory.
    #[error("{}: no {HISTORY} in this folder", path.display())]
    NoHistory {
        /// The folder.
        path: PathBuf,
    },
    /// A `run.json` that is none.
    #[error("{}: {error}", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, with line and column.
        error: serde_json::Error,
    },
}

/// What ran: enough to run it again, nothing secret.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Of this program.
    pub version: String,
    /// When it began, in UTC.
    pub began: String,
    /// When the recorder's clock, by which events have their time, was at 0: as `began`,
    /// to the nanosecond. None in files of runs from before this was saved.
    #[serde(default)]
    pub recorded_from: Option<String>,
    /// The workload's name.
    pub workload: String,
    /// The backend's name.
    pub backend: String,
    /// The database as people call it.
    pub title: String,
    /// `embedded`, `loopback` or `real`.
    pub provenance: String,
    /// The consistency that the database claims.
    pub claim: String,
    /// The isolation of transactions that it claims, by name; none where it claims none,
    /// and in files of runs from before this was saved.
    #[serde(default)]
    pub isolation: Option<String>,
    /// Region by region, where it was reached.
    pub endpoints: Vec<Value>,
    /// How far away each region was; none of embedded regions, and in files of runs from
    /// before this was measured.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub round_trips: Vec<RoundTrip>,
    /// The seed of whatever was random in the embedded regions.
    pub seed: u64,
    /// Every other option that had a say, by its name on the command line.
    pub options: Value,
}

/// The isolation level that a verdict on the run is about: the one asked for, else the
/// one that the database claims.
pub fn level(run: &Run) -> Option<String> {
    let asked = run.options.get("level").and_then(Value::as_str);
    asked.or(run.isolation.as_deref()).map(str::to_owned)
}

/// The directory of one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunDir(PathBuf);

impl RunDir {
    /// Makes a new directory below the root and points `latest` at it.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn create(root: &Path, workload: &str, backend: &str) -> Result<RunDir, StoreError> {
        let parent = root.join(workload);
        at(&parent, fs::create_dir_all(&parent))?;
        let stamp =
            format_description!("[year][month][day]T[hour][minute][second].[subsecond digits:3]Z");
        let now = OffsetDateTime::now_utc()
            .format(&stamp)
            .unwrap_or_else(|_| "run".into());
        // Two runs in one millisecond get a directory each.
        let mut name = format!("{now}-{backend}");
        let mut number = 1;
        let path = loop {
            let path = parent.join(&name);
            match fs::create_dir(&path) {
                Ok(()) => break path,
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
                    number += 1;
                    name = format!("{now}-{backend}-{number}");
                }
                Err(error) => return Err(StoreError::Io { path, error }),
            }
        };
        point_latest(root, &Path::new(workload).join(&name));
        Ok(RunDir(path))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Its history.
    pub fn history(&self) -> PathBuf {
        self.0.join(HISTORY)
    }

    /// Writes one of its JSON files, whole or not at all.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn write_json(&self, name: &str, value: &impl Serialize) -> Result<(), StoreError> {
        let mut text = serde_json::to_vec_pretty(value).map_err(|error| StoreError::Json {
            path: self.0.join(name),
            error,
        })?;
        text.push(b'\n');
        self.write(name, &text)
    }

    /// Writes one of its files, whole or not at all.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn write(&self, name: &str, text: &[u8]) -> Result<(), StoreError> {
        let path = self.0.join(name);
        let partial = self.0.join(format!(".{name}.partial"));
        at(&partial, fs::write(&partial, text))?;
        at(&path, fs::rename(&partial, &path))
    }
}

/// Now, as `run.json` says it.
pub fn now() -> String {
    let stamp = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");
    OffsetDateTime::now_utc().format(&stamp).unwrap_or_default()
}

/// A saved history: the file that holds it, and what is known of its run.
#[derive(Debug, Clone, PartialEq)]
pub struct Saved {
    /// The file, or `-` for standard input.
    pub history: PathBuf,
    /// What ran, where the history lies in a run directory.
    pub run: Option<Run>,
    /// Why it is not known what ran, although there is a `run.json`.
    pub warning: Option<String>,
}

/// Finds the history that a path means: a run directory, a file, or `-`.
///
/// # Errors
/// See [`StoreError`].
pub fn find(path: &Path) -> Result<Saved, StoreError> {
    if path == Path::new("-") {
        return Ok(Saved {
            history: path.into(),
            run: None,
            warning: None,
        });
    }
    if !at(path, fs::metadata(path))?.is_dir() {
        return Ok(Saved {
            history: path.into(),
            run: None,
            warning: None,
        });
    }
    let history = path.join(HISTORY);
    match fs::metadata(&history) {
        Ok(_) => {
            let (run, warning) = match read_run(&path.join(RUN)) {
                Ok(run) => (run, None),
                Err(error) => (None, Some(error.to_string())),
            };
            Ok(Saved {
                history,
                run,
                warning,
            })
        }
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            Err(StoreError::NoHistory { path: path.into() })
        }
        Err(error) => Err(StoreError::Io {
            path: history,
            error,
        }),
    }
}

/// A history whose run left no `run.json` is still a history.
fn read_run(path: &Path) -> Result<Option<Run>, StoreError> {
    let text = match fs::read(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        read => at(path, read)?,
    };
    serde_json::from_slice(&text)
        .map(Some)
        .map_err(|error| StoreError::Json {
            path: path.into(),
            error,
        })
}

/// Replaces the link in one step, so that there is always one. Where a link
/// cannot be made there is none, and nothing is lost.
fn point_latest(root: &Path, target: &Path) {
    #[cfg(unix)]
    {
        // The run's own name: nobody else makes a link of this name.
        let name = target.file_name().unwrap_or_default().to_string_lossy();
        let partial = root.join(format!(".latest-{name}"));
        let made = std::os::unix::fs::symlink(target, &partial);
        if made
            .and_then(|()| fs::rename(&partial, root.join("latest")))
            .is_err()
        {
            let _ = fs::remove_file(&partial);
        }
    }
    #[cfg(not(unix))]
    let _ = (root, target);
}

fn at<T>(path: &Path, result: io::Result<T>) -> Result<T, StoreError> {
    result.map_err(|error| StoreError::Io {
        path: path.to_owned(),
        error,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latest_is_the_newest_run() {
        let root = tempfile::tempdir().unwrap();
        for backend in ["dsql", "dynamodb"] {
            let dir = RunDir::create(root.path(), "seats", backend).unwrap();
            fs::write(dir.history(), "").unwrap();
            let latest = root.path().join("latest");
            assert!(
                fs::read_link(&latest)
                    .unwrap()
                    .to_str()
                    .unwrap()
                    .ends_with(backend)
            );
            assert_eq!(find(&latest).unwrap().history, latest.join(HISTORY));
        }
    }

    #[test]
    fn a_folder_without_a_history_is_refused_by_name() {
        let root = tempfile::tempdir().unwrap();
        let refused = find(root.path()).unwrap_err().to_string();
        assert_eq!(
            refused,
            format!("{}: no history.jsonl in this folder", root.path().display())
        );
    }

    #[test]
    fn a_run_from_before_isolation_was_saved_claims_none() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join(HISTORY), "").unwrap();
        let mut run = serde_json::json!({
            "version": "0.1.0", "began": "2026-11-23T16:18:24Z", "workload": "seats",
            "backend": "dsql", "title": "Aurora DSQL", "provenance": "embedded",
            "claim": "strong snapshot isolation", "endpoints": [], "seed": 1, "options": {},
        });
        let isolation = |run: &Value| {
            fs::write(root.path().join(RUN), run.to_string()).unwrap();
            find(root.path()).unwrap().run.unwrap().isolation
        };
        assert_eq!(isolation(&run), None);
        run["isolation"] = "strong-snapshot-isolation".into();
        assert_eq!(isolation(&run).as_deref(), run["isolation"].as_str());
    }

    #[test]
    fn a_run_json_that_is_none_is_named() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join(HISTORY), "").unwrap();
        fs::write(root.path().join(RUN), "{").unwrap();
        let found = find(root.path()).unwrap();
        assert_eq!(found.run, None, "the history can be decided all the same");
        let warning = found.warning.unwrap();
        assert!(warning.contains("run.json: EOF while parsing"), "{warning}");
    }
}
