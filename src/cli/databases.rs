//! What can be chosen of one database and not of the others.

use std::time::Duration;

use clap::ValueEnum;

use super::shared::duration;
use crate::backends::{DsqlOptions, DynamoOptions, Isolation, Reads, ServerOptions, Writes};

/// How Aurora DSQL is connected to, and how DynamoDB is used.
#[derive(clap::Args)]
pub(super) struct DatabaseArgs {
    /// The role that connects, admin if not given; another needs the right DbConnect
    #[arg(long, value_name = "ROLE", help_heading = "Aurora DSQL")]
    dsql_user: Option<String>,
    /// How long the token of each new connection is good for; 15m if not given
    #[arg(long, value_name = "TIME", help_heading = "Aurora DSQL",
          value_parser = duration)]
    token_expiry: Option<Duration>,
    /// How the application reads, consistent if not given; evidence is always read consistently
    #[arg(long, value_enum, help_heading = "DynamoDB")]
    reads: Option<Read>,
    /// How the application writes, plain if not given; conditional: only over what the same
    /// request read
    #[arg(long, value_enum, help_heading = "DynamoDB")]
    writes: Option<Write>,
    /// Write all of a request in one TransactWriteItems, at its end
    #[arg(long, help_heading = "DynamoDB")]
    transactions: bool,
    /// Send a transaction again whose answer was lost, under the same client request token
    #[arg(long, requires = "transactions", help_heading = "DynamoDB")]
    client_tokens: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Read {
    Consistent,
    Eventual,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Write {
    Plain,
    Conditional,
}

impl DatabaseArgs {
    pub(super) fn dsql(&self) -> DsqlOptions {
        let default = DsqlOptions::default();
        DsqlOptions {
            user: self.dsql_user.clone().unwrap_or(default.user),
            token_expiry: self.token_expiry.unwrap_or(default.token_expiry),
        }
    }

    pub(super) fn dynamodb(&self) -> DynamoOptions {
        DynamoOptions {
            reads: match self.reads {
                None | Some(Read::Consistent) => Reads::Consistent,
                Some(Read::Eventual) => Reads::Eventual,
            },
            writes: match self.writes {
                None | Some(Write::Plain) => Writes::Plain,
                Some(Write::Conditional) => Writes::Conditional,
            },
            transactions: self.transactions,
            client_tokens: self.client_tokens,
        }
    }

    /// The options that were given, whatever their values.
    pub(super) fn given(&self) -> impl Iterator<Item = &'static str> {
        only([
            ("--dsql-user", self.dsql_user.is_some()),
            ("--token-expiry", self.token_expiry.is_some()),
            ("--reads", self.reads.is_some()),
            ("--writes", self.writes.is_some()),
            ("--transactions", self.transactions),
            ("--client-tokens", self.client_tokens),
        ])
    }
}

/// Those of the options that were given.
pub(super) fn only<const N: usize>(
    options: [(&'static str, bool); N],
) -> impl Iterator<Item = &'static str> {
    let given = options.into_iter().filter(|(_, given)| *given);
    given.map(|(option, _)| option)
}

/// How servers that are not AWS's are reached.
#[derive(clap::Args)]
#[command(next_help_heading = "PostgreSQL, MariaDB and MySQL")]
pub(super) struct ServerArgs {
    /// A server, as postgres://… or mysql://…; once a region. If not given, servers are started for the run
    // As text: what the parser says of a wrong value shows it, and this has a password.
    #[arg(long = "url", value_name = "REGION=URL")]
    urls: Vec<String>,
    /// read-committed, repeatable-read or serializable, which it is if not given
    #[arg(long, value_name = "LEVEL")]
    isolation: Option<Isolation>,
    /// PostgreSQL that is started has a hot standby, which serves the reads of us-east-2
    #[arg(long)]
    standby: bool,
    /// How long the standby holds each commit back, such as 500ms
    #[arg(long, value_name = "TIME", requires = "standby", value_parser = duration)]
    standby_lag: Option<Duration>,
}

impl ServerArgs {
    pub(super) fn options(&self) -> Result<ServerOptions, String> {
        let urls = self.urls.iter().map(|url| url.parse());
        Ok(ServerOptions {
            urls: urls.collect::<Result<_, _>>()?,
            isolation: self.isolation.unwrap_or_default(),
            standby: self.standby,
            standby_lag: self.standby_lag.unwrap_or_default(),
        })
    }

    /// The options that were given, whatever their values.
    pub(super) fn given(&self) -> impl Iterator<Item = &'static str> {
        only([
            ("--url", !self.urls.is_empty()),
            ("--isolation", self.isolation.is_some()),
            ("--standby", self.standby),
            ("--standby-lag", self.standby_lag.is_some()),
        ])
    }
}
