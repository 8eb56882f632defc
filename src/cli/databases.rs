//! What can be chosen of one database and not of the others.

use std::time::Duration;

use clap::ValueEnum;

use crate::backends::{DsqlOptions, DynamoOptions, Reads, Writes};

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
