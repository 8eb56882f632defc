//! What can be chosen of a backend besides where it is. Data only: every choice is printed
//! in reports.

use std::time::Duration;

use serde::Serialize;

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
