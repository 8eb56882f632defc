//! What can be chosen of a backend besides where it is: every choice is printed in reports,
//! and one that no backend of a run has is refused.

use std::time::Duration;

use serde::Serialize;

use super::{Backend, OpenError};
use crate::foreign::{self, Choice};

/// Refuses an option that none of the backends has: ignored, it would be believed to have
/// been heeded. `given` are options as they stand on the command line, such as `--reads`;
/// `all` are the backends that there are.
///
/// # Errors
/// [`OpenError::Options`], which says whose it is.
pub fn refuse_foreign(
    given: impl IntoIterator<Item = &'static str>,
    backends: &[&dyn Backend],
    all: &[&dyn Backend],
) -> Result<(), OpenError> {
    let choices = |of: &[&dyn Backend]| -> Vec<_> {
        let choice = |backend: &&dyn Backend| Choice {
            name: backend.name(),
            heeds: backend.heeds(),
        };
        of.iter().map(choice).collect()
    };
    let (chosen, all) = (choices(backends), choices(all));
    let complaint = foreign::complaint(given, &chosen, &all, "backend", "--backend");
    complaint.map_or(Ok(()), |message| Err(OpenError::Options(message)))
}

/// How Aurora DSQL is connected to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DsqlOptions {
    /// The database role: `admin`, or one that was granted to an IAM identity. It decides
    /// which right a token is minted for, `DbConnectAdmin` or `DbConnect`.
    pub user: String,
    /// How long a token is good for. One is minted for each connection, which outlives it.
    pub token_expiry: Duration,
}

impl DsqlOptions {
    /// The longest that a token may be good for: a week.
    pub const TOKEN_EXPIRY_MAX: Duration = Duration::from_secs(7 * 24 * 60 * 60);
}

impl Default for DsqlOptions {
    fn default() -> DsqlOptions {
        DsqlOptions {
            user: "admin".into(),
            token_expiry: Duration::from_secs(900),
        }
    }
}

/// How an application reads from DynamoDB. Evidence is always read consistently.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reads {
    /// `ConsistentRead`: all that its own region has written, with strong consistency all
    /// that any has.
    #[default]
    Consistent,
    /// Whatever a replica of the region has.
    Eventual,
}

/// How an application writes to DynamoDB.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Writes {
    /// Whatever was there.
    #[default]
    Plain,
    /// Only if the item is still as the same request read it, and an appended one is new.
    Conditional,
}

/// How DynamoDB is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct DynamoOptions {
    /// How it is read.
    pub reads: Reads,
    /// How it is written.
    pub writes: Writes,
    /// Whether all writes of a request go in one `TransactWriteItems`, at its end: atomic
    /// in their region. With conditional writes what was only read is checked, too.
    pub transactions: bool,
    /// Whether a transaction whose answer was lost is sent again, under the same client
    /// request token, so that it happens once and its outcome becomes known.
    pub client_tokens: bool,
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;

    use super::super::{Opened, Options};
    use super::*;

    struct Has(&'static str, &'static [&'static str]);

    #[async_trait]
    impl Backend for Has {
        fn name(&self) -> &'static str {
            self.0
        }

        fn about(&self) -> &'static str {
            ""
        }

        fn by_default(&self) -> bool {
            false
        }

        fn defects(&self) -> Vec<&'static str> {
            Vec::new()
        }

        fn heeds(&self) -> &'static [&'static str] {
            self.1
        }

        async fn open(&self, _: &Options) -> Result<Opened, OpenError> {
            Err(OpenError::Options("it is there for its options".into()))
        }
    }

    #[test]
    fn an_option_that_no_backend_of_the_run_has_is_refused() {
        let (a, b, c) = (
            &Has("a", &["--of-a", "--of-both"]) as &dyn Backend,
            &Has("b", &["--of-b", "--of-both"]) as &dyn Backend,
            &Has("c", &[]) as &dyn Backend,
        );
        let refused = |option: &'static str, backends: &[&dyn Backend]| {
            let refused = refuse_foreign([option], backends, &[a, b, c]);
            refused.err().map(|e| e.to_string()).unwrap_or_default()
        };
        assert_eq!(refused("--of-a", &[a]), "");
        assert_eq!(refused("--of-a", &[b, a]), "", "one of them heeds it");
        assert_eq!(
            refused("--of-a", &[b]),
            "--of-a goes with --backend a; b has no such option"
        );
        assert_eq!(
            refused("--of-both", &[c]),
            "--of-both goes with --backend a or b; c has no such option"
        );
        assert_eq!(
            refused("--of-b", &[a, c]),
            "--of-b goes with --backend b; a and c have no such option"
        );
        assert_eq!(
            refused("--of-none", &[a]),
            "--of-none is of no backend of this build; a has no such option"
        );
    }
}
