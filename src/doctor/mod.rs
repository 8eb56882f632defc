//! Whether what a run needs is there: on this host, on the way, and where the database is.
//!
//! A check has a name, what was found, and, where something is missing, how to mend it. What
//! cannot be asked is *not checked*, with why: never taken for all right.
//!
//! | file | what it looks at |
//! |---|---|
//! | `host.rs` | the clock and the limits of this host |
//! | `reach.rs` | the way to a server: its name, its port, TLS and how long its certificate is good |
//! | `connection.rs` | round trips, and the server's clock |
//!
//! What only one database has, its backend looks at: see
//! [`Backend::examine`].
//!
//! Architecture invariant: nothing here creates, changes or writes anything, and no check
//! holds a secret.

#[cfg(feature = "postgres")]
pub(crate) mod connection;
mod host;
#[cfg(feature = "postgres")]
pub(crate) mod reach;

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};

use crate::backends::{Backend, OpenError, Options};

/// What checks of this host are under.
pub(crate) const HOST: &str = "this host";

/// What a check came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// It is as a run needs it.
    Ok,
    /// It is not.
    Missing,
    /// It could not be asked.
    NotChecked,
}

/// How to mend it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fix {
    /// For a shell. What is in capitals is to be filled in.
    Command(String),
    /// A statement of an IAM policy.
    Allow(Value),
}

impl Fix {
    /// A command.
    pub fn run(command: impl Into<String>) -> Fix {
        Fix::Command(command.into())
    }

    /// A right.
    pub fn allow(action: &str, resource: &str) -> Fix {
        Fix::Allow(json!({"Effect": "Allow", "Action": action, "Resource": resource}))
    }
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// Of which database; none: of this host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backend: Option<&'static str>,
    /// This host, or a region.
    pub place: String,
    /// What was looked at.
    pub name: &'static str,
    /// What it came to.
    pub state: State,
    /// What was found, or why nothing was. Never holds a secret.
    pub found: String,
    /// What is missing has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fix: Option<Fix>,
    /// Figures, each with its unit last in its name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub measured: BTreeMap<&'static str, i64>,
}

/// All that was looked at, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Checks {
    checks: Vec<Check>,
    /// Which database is being looked at.
    #[serde(skip)]
    backend: Option<&'static str>,
}

impl Checks {
    /// Every one.
    pub fn all(&self) -> &[Check] {
        &self.checks
    }

    /// How many came to this.
    pub fn count(&self, state: State) -> usize {
        self.checks.iter().filter(|c| c.state == state).count()
    }

    /// Brings the checks of each place together, in the order in which the places came.
    fn by_place(&mut self) {
        let mut places: Vec<_> = Vec::new();
        for check in &self.checks {
            let place = (check.backend, check.place.clone());
            if !places.contains(&place) {
                places.push(place);
            }
        }
        let nth = |check: &Check| {
            let here =
                |(backend, place): &(_, String)| *backend == check.backend && *place == check.place;
            places.iter().position(here)
        };
        self.checks.sort_by_key(nth);
    }

    /// Whether this was looked at already.
    #[cfg(feature = "aws")]
    pub(crate) fn has(&self, place: &str, name: &str) -> bool {
        let mut checks = self.checks.iter();
        checks.any(|c| c.place == place && c.name == name)
    }

    fn push(
        &mut self,
        (place, name): (&str, &'static str),
        state: State,
        found: String,
        fix: Option<Fix>,
    ) -> &mut Check {
        self.checks.push(Check {
            backend: self.backend.filter(|_| place != HOST),
            place: place.to_owned(),
            name,
            state,
            found,
            fix,
            measured: BTreeMap::new(),
        });
        self.checks.last_mut().expect("just pushed")
    }

    /// It is as it must be.
    pub fn ok(&mut self, at: (&str, &'static str), found: impl Into<String>) -> &mut Check {
        self.push(at, State::Ok, found.into(), None)
    }

    /// It is not, and this mends it.
    pub fn missing(
        &mut self,
        at: (&str, &'static str),
        found: impl Into<String>,
        fix: Fix,
    ) -> &mut Check {
        self.push(at, State::Missing, found.into(), Some(fix))
    }

    /// What starts a server on this host is installed, or these packages are to be.
    #[cfg(feature = "postgres")]
    pub(crate) fn installed(
        &mut self,
        name: &'static str,
        found: Result<String, impl std::fmt::Display>,
        packages: &str,
    ) {
        let fix = || Fix::run(format!("sudo apt-get install {packages}"));
        match found {
            Ok(found) => self.ok((HOST, name), found),
            Err(error) => self.missing((HOST, name), error.to_string(), fix()),
        };
    }

    /// It could not be asked.
    pub fn unchecked(&mut self, at: (&str, &'static str), why: impl Into<String>) -> &mut Check {
        self.push(at, State::NotChecked, why.into(), None)
    }
}

impl Check {
    /// Adds a figure.
    pub fn with(&mut self, name: &'static str, value: i64) -> &mut Check {
        self.measured.insert(name, value);
        self
    }
}

/// Looks at this host, and at the databases that the options name; with no backend at what
/// this host has for each.
///
/// # Errors
/// [`OpenError::Options`]: the options do not go together.
pub async fn examine(
    backends: &[&'static dyn Backend],
    options: &Options,
) -> Result<Checks, OpenError> {
    let mut checks = Checks::default();
    host::examine(&mut checks);
    for backend in backends {
        checks.backend = Some(backend.name());
        backend.examine(options, &mut checks).await?;
    }
    if backends.is_empty() {
        for backend in crate::backends::registry() {
            backend.examine_host(&mut checks).await;
        }
    }
    checks.by_place();
    Ok(checks)
}
