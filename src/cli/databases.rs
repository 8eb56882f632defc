//! What can be chosen of one database and not of the others.

use std::time::Duration;

use clap::ValueEnum;

use crate::backends::{DsqlOptions, DynamoOptions, Isolation, Reads, ServerOptions, Writes};

/// How Aurora DSQL is connected to, and how DynamoDB is used.
#[derive(clap::Args)]
pub(super) struct DatabaseArgs {
    /// The role that connects; another than admin needs the right DbConnect
    #[arg(
        long,
        value_name = "ROLE",
        default_value = "admin",
        help_heading = "Aurora DSQL"
    )]
    dsql_user: String,
    /// How long the token of each new connection is good for
    #[arg(long, value_name = "TIME", default_value = "15m", help_heading = "Aurora DSQL",
          value_parser = humantime::parse_duration)]
    token_expiry: Duration,
    /// How the application reads; evidence is always read consistently
    #[arg(long, value_enum, default_value_t = Read::Consistent, help_heading = "DynamoDB")]
    reads: Read,
    /// How the application writes; conditional: only over what the same request read
    #[arg(long, value_enum, default_value_t = Write::Plain, help_heading = "DynamoDB")]
    writes: Write,
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
        DsqlOptions {
            user: self.dsql_user.clone(),
            token_expiry: self.token_expiry,
        }
    }

    pub(super) fn dynamodb(&self) -> DynamoOptions {
        DynamoOptions {
            reads: match self.reads {
                Read::Consistent => Reads::Consistent,
                Read::Eventual => Reads::Eventual,
            },
            writes: match self.writes {
                Write::Plain => Writes::Plain,
                Write::Conditional => Writes::Conditional,
            },
            transactions: self.transactions,
            client_tokens: self.client_tokens,
        }
    }
}

/// How servers that are not AWS's are reached.
#[derive(clap::Args)]
#[command(next_help_heading = "PostgreSQL, MariaDB and MySQL")]
pub(super) struct ServerArgs {
    /// A server, as postgres://… or mysql://…; once a region. If not given, servers are started for the run
    // As text: what the parser says of a wrong value shows it, and this has a password.
    #[arg(long = "url", value_name = "REGION=URL")]
    urls: Vec<String>,
    /// read-committed, repeatable-read or serializable
    #[arg(long, value_name = "LEVEL", default_value_t)]
    isolation: Isolation,
    /// PostgreSQL that is started has a hot standby, which serves the reads of us-east-2
    #[arg(long)]
    standby: bool,
    /// How long the standby holds each commit back, such as 500ms
    #[arg(long, value_name = "TIME", default_value = "0s", requires = "standby", value_parser = humantime::parse_duration)]
    standby_lag: Duration,
}

impl ServerArgs {
    pub(super) fn options(&self) -> Result<ServerOptions, String> {
        let urls = self.urls.iter().map(|url| url.parse());
        Ok(ServerOptions {
            urls: urls.collect::<Result<_, _>>()?,
            isolation: self.isolation,
            standby: self.standby,
            standby_lag: self.standby_lag,
        })
    }
}
