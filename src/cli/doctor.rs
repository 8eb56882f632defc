//! `witness doctor`: is what a run needs there?

use std::time::Duration;

use super::databases::{DatabaseArgs, ServerArgs};
use super::shared::{backends_named, check_endpoints, time_out};
use super::{Failure, Format, Outcome, runtime, stdout};
use crate::backends::{self, Endpoint, OpenError};
use crate::{doctor, report};

/// Looks whether what a run needs is there, and says how to mend what is missing
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  witness doctor                                         what this host has
  witness doctor --backend dsql,dynamodb                 the embedded regions
  witness doctor --backend dsql \\
    --endpoint us-east-1=ID.dsql.us-east-1.on.aws \\
    --endpoint us-east-2=ID.dsql.us-east-2.on.aws
  witness doctor --backend postgres --url us-east-1=postgres://app@db.example.com/app
  witness doctor --format json | jq '.checks[] | select(.state == \"missing\")'

It takes the arguments of `witness run` that say where the database is, and the same
variables of the environment. It only looks: nothing is created, changed or written, and no
key, token or password is printed. Of DynamoDB it reads one item that is not there, which is
paid for. What cannot be asked is not checked, and is never taken for all right.

Exit codes: 0 nothing is missing, 1 something is, 254 wrong arguments, 255 whatever else went
wrong.")]
pub(super) struct Args {
    /// The databases; if not given, only what this host has for all of them
    #[arg(long, value_delimiter = ',')]
    backend: Vec<String>,
    /// A real database instead of the embedded one; once a region, with one backend
    #[arg(long = "endpoint", value_name = "REGION=HOST", requires = "backend")]
    endpoints: Vec<Endpoint>,
    /// Past this, an answer is not waited for
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = time_out)]
    timeout: Duration,
    /// How checks are printed
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    #[command(flatten)]
    servers: ServerArgs,
    #[command(flatten)]
    databases: DatabaseArgs,
}

pub(super) fn main(args: &Args) -> Result<Outcome, Failure> {
    let chosen = backends_named(&args.backend)?;
    let given = args.servers.given().chain(args.databases.given());
    match &chosen[..] {
        [] => {
            if let Some(option) = given.into_iter().next() {
                let message = format!("{option} says of which database it is with --backend");
                return Err(Failure::bad_input(message));
            }
        }
        chosen => backends::refuse_foreign(given, chosen, backends::registry())
            .map_err(Failure::bad_input)?,
    }
    check_endpoints(&args.endpoints, chosen.len())?;
    let options = backends::Options {
        endpoints: args.endpoints.clone(),
        timeout: args.timeout,
        dsql: args.databases.dsql(),
        dynamodb: args.databases.dynamodb(),
        servers: args.servers.options().map_err(Failure::bad_input)?,
        ..backends::Options::default()
    };
    let checks = runtime()?.block_on(doctor::examine(&chosen, &options));
    let checks = checks.map_err(|error| match error {
        OpenError::Options(_) => Failure::bad_input(error),
        _ => Failure::failed(error),
    })?;
    match args.format {
        Format::Text => report::checks::text(&mut stdout(), &checks)?,
        Format::Json => report::checks::json(&mut stdout(), &checks)?,
    }
    Ok(match checks.count(doctor::State::Missing) {
        0 => Outcome::Done,
        _ => Outcome::Missing,
    })
}
