//! `witness provision`: makes what a run on AWS needs, and deletes it again.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use clap::{Subcommand, ValueEnum};

use super::shared::duration;
use super::{Failure, Outcome, ask, runtime, stdout, tell};
use crate::backends::AwsClients;
use crate::provision::{Patience, ProvisionError, TAG, dsql, dynamodb, policy};

/// Makes clusters and tables in your AWS account, and deletes them again
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Provision,
}

#[derive(Subcommand)]
enum Provision {
    Dsql(Dsql),
    Dynamodb(Dynamodb),
    Destroy(Destroy),
}

/// What all three share.
#[derive(clap::Args)]
struct Common {
    /// A region; once for each
    #[arg(long = "region", value_name = "REGION", required = true)]
    regions: Vec<String>,
    /// What is made together, and deleted together: the value of the tag consistency-witness
    #[arg(long, default_value = "witness")]
    name: String,
    /// How long to wait; another try goes on from there
    #[arg(long, value_name = "TIME", default_value = "15m", value_parser = duration)]
    time_limit: Duration,
    /// How long to wait between two looks
    #[arg(long, value_name = "TIME", default_value = "3s", value_parser = duration)]
    pause: Duration,
}

impl Common {
    fn patience(&self) -> Patience {
        Patience {
            limit: self.time_limit,
            pause: self.pause,
        }
    }
}

/// Printing the IAM policy instead of making anything.
#[derive(clap::Args)]
struct PolicyArgs {
    /// Only print the IAM policy that this needs
    #[arg(long)]
    policy: bool,
    /// The account in the ARNs of the policy
    #[arg(long, value_name = "NUMBER", default_value = policy::ANY_ACCOUNT)]
    account: String,
}

/// Makes a multi-region Aurora DSQL cluster: two clusters and a witness region
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  witness provision dsql --region us-east-1 --region us-east-2 --witness-region us-west-2
  witness provision dsql --region us-east-1 --region us-east-2 --witness-region us-west-2 \\
    --policy --account 111122223333

Run it again after whatever went wrong: it goes on where it stopped. An idle cluster costs
nothing but its storage.")]
struct Dsql {
    #[command(flatten)]
    common: Common,
    /// Where the witness of both clusters is to be
    #[arg(long, value_name = "REGION")]
    witness_region: String,
    /// Let nobody delete the clusters before that is switched off
    #[arg(long)]
    deletion_protection: bool,
    #[command(flatten)]
    policy: PolicyArgs,
}

/// Makes the DynamoDB global tables of every workload, billed by request
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  witness provision dynamodb --region us-east-1 --region us-east-2
  witness provision dynamodb --region us-east-1 --region us-east-2 --mrsc \\
    --witness-region us-west-2 --prefix witness_strong_

Run it again after whatever went wrong: it goes on where it stopped. Idle tables cost nothing
but their storage.")]
struct Dynamodb {
    #[command(flatten)]
    common: Common,
    /// Multi-region strong consistency: three regions, or two and a witness region
    #[arg(long)]
    mrsc: bool,
    /// Where the witness of two strongly consistent replicas is to be
    #[arg(long, value_name = "REGION", requires = "mrsc")]
    witness_region: Option<String>,
    /// What the names of the tables begin with
    #[arg(long, default_value = "witness_")]
    prefix: String,
    #[command(flatten)]
    policy: PolicyArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    Dsql,
    Dynamodb,
}

/// Deletes what carries the tag, and nothing else
#[derive(clap::Args)]
#[command(after_help = "\
Example:
  witness provision destroy --region us-east-1 --region us-east-2")]
struct Destroy {
    #[command(flatten)]
    common: Common,
    /// Only of this database
    #[arg(long, value_enum)]
    database: Option<Kind>,
    /// What the names of the tables begin with
    #[arg(long, default_value = "witness_")]
    prefix: String,
    /// Switch deletion protection off where it is on
    #[arg(long)]
    disable_deletion_protection: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

impl From<ProvisionError> for Failure {
    fn from(error: ProvisionError) -> Failure {
        match error {
            ProvisionError::Plan(_) => Failure::bad_input(error),
            _ => Failure::failed(error),
        }
    }
}

pub(super) fn main(args: Args) -> Result<Outcome, Failure> {
    match args.command {
        Provision::Dsql(args) => make_dsql(args),
        Provision::Dynamodb(args) => make_dynamodb(args),
        Provision::Destroy(args) => runtime()?.block_on(delete(&args)),
    }
}

fn make_dsql(args: Dsql) -> Result<Outcome, Failure> {
    let Common { regions, name, .. } = &args.common;
    let two: Result<[String; 2], _> = regions.clone().try_into();
    let two = two.map_err(|_| Failure::bad_input("give --region twice, once for each cluster"))?;
    let plan = dsql::Plan {
        name: name.clone(),
        regions: two,
        witness_region: args.witness_region,
        deletion_protection: args.deletion_protection,
    };
    plan.check()?;
    let witness = &plan.witness_region;
    if args.policy.policy {
        let needed = policy::dsql(&args.policy.account, regions, witness, &[]);
        return print(&needed);
    }
    let clusters = runtime()?.block_on(async {
        let aws = AwsClients::new(regions).await;
        let clients = [aws.dsql(&plan.regions[0]), aws.dsql(&plan.regions[1])];
        let mut line = Line::new();
        dsql::provision(&clients, &plan, args.common.patience(), &mut |s| {
            line.show(s)
        })
        .await
    })?;
    let mut out = stdout();
    for cluster in &clusters {
        writeln!(
            out,
            "{}  {}  {}",
            cluster.region,
            cluster.host(),
            cluster.arn
        )?;
    }
    let endpoints = clusters
        .each_ref()
        .map(|c| format!("{}={}", c.region, c.host()));
    writeln!(
        out,
        "\n# In a shell; then: witness run seats --backend dsql\n\
         export WITNESS_DSQL_ENDPOINTS={}\n\n# The IAM policy that this and a run need:",
        endpoints.join(",")
    )?;
    let arns = clusters.each_ref().map(|c| c.arn.clone());
    let account = policy::account(&arns[0]).unwrap_or(policy::ANY_ACCOUNT);
    print(&policy::dsql(account, regions, witness, &arns))
}

fn make_dynamodb(args: Dynamodb) -> Result<Outcome, Failure> {
    let Common { regions, name, .. } = &args.common;
    let witness_region = args.witness_region;
    let plan = dynamodb::Plan {
        name: name.clone(),
        prefix: args.prefix,
        regions: regions.clone(),
        consistency: match args.mrsc {
            true => dynamodb::Consistency::Strong {
                witness_region: witness_region.clone(),
            },
            false => dynamodb::Consistency::Eventual,
        },
        tables: witness_workloads::tables(),
    };
    plan.check()?;
    let needed =
        |account: &str| policy::dynamodb(account, regions, witness_region.as_deref(), &plan.prefix);
    if args.policy.policy {
        return print(&needed(&args.policy.account));
    }
    let arns = runtime()?.block_on(async {
        let aws = AwsClients::new(regions).await;
        let clients: Vec<_> = regions.iter().map(|region| aws.dynamodb(region)).collect();
        let mut line = Line::new();
        dynamodb::provision(&clients, &plan, args.common.patience(), &mut |s| {
            line.show(s)
        })
        .await
    })?;
    let mut out = stdout();
    for arn in &arns {
        writeln!(out, "{arn}")?;
    }
    // One table's ARN in each region tells a run what all names begin with.
    let endpoints: Vec<_> = arns
        .iter()
        .take(regions.len())
        .map(String::as_str)
        .collect();
    let backend = if args.mrsc {
        "dynamodb-mrsc"
    } else {
        "dynamodb"
    };
    writeln!(
        out,
        "\n# In a shell; then: witness run seats --backend {backend}\n\
         export WITNESS_DYNAMODB_ENDPOINTS={}\n\n# The IAM policy that this and a run need:",
        endpoints.join(",")
    )?;
    let account = arns.first().and_then(|arn| policy::account(arn));
    print(&needed(account.unwrap_or(policy::ANY_ACCOUNT)))
}

async fn delete(args: &Destroy) -> Result<Outcome, Failure> {
    let Common { regions, name, .. } = &args.common;
    let wanted = |kind| args.database.is_none_or(|only| only == kind);
    let aws = AwsClients::new(regions).await;
    let of = |region: &String| (region.clone(), aws.dsql(region));
    let dsql: Vec<_> = regions.iter().map(of).collect();
    let of = |region: &String| (region.clone(), aws.dynamodb(region));
    let dynamodb: Vec<_> = regions.iter().map(of).collect();

    let clusters = match wanted(Kind::Dsql) {
        true => dsql::mine(&dsql, name).await?,
        false => Vec::new(),
    };
    let tables = match wanted(Kind::Dynamodb) {
        true => dynamodb::mine(&dynamodb, &args.prefix, name).await?,
        false => dynamodb::Mine::default(),
    };
    let mut out = stdout();
    for arn in &tables.others {
        writeln!(out, "{arn} does not carry the tag {TAG}={name} and stays")?;
    }
    let mut arns: Vec<_> = clusters.iter().map(|c| c.arn.as_str()).collect();
    arns.extend(tables.tables.iter().map(|t| t.arn.as_str()));
    if arns.is_empty() {
        let places = regions.join(", ");
        writeln!(out, "Nothing in {places} carries the tag {TAG}={name}.")?;
        return Ok(Outcome::Done);
    }
    for arn in &arns {
        writeln!(out, "{arn}")?;
    }
    out.flush()?;
    let question = format!(
        "Delete these {}, everywhere, with all that is in them?",
        arns.len()
    );
    ask::confirm(&question, args.yes)?;

    let (patience, unprotect) = (args.common.patience(), args.disable_deletion_protection);
    let mut line = Line::new();
    let mut tell = |state: &str| line.show(state);
    dsql::destroy(&dsql, clusters, name, unprotect, patience, &mut tell).await?;
    dynamodb::destroy(
        &dynamodb,
        tables.tables,
        name,
        unprotect,
        patience,
        &mut tell,
    )
    .await?;
    drop(line);
    writeln!(out, "All of it is gone.")?;
    Ok(Outcome::Done)
}

fn print(policy: &serde_json::Value) -> Result<Outcome, Failure> {
    writeln!(stdout(), "{policy:#}")?;
    Ok(Outcome::Done)
}

/// What is being waited for: on a terminal one line that changes, elsewhere a line each
/// time that it does.
struct Line {
    terminal: bool,
    began: Instant,
    shown: String,
}

impl Line {
    fn new() -> Line {
        Line {
            terminal: std::io::stderr().is_terminal(),
            began: Instant::now(),
            shown: String::new(),
        }
    }

    fn show(&mut self, state: &str) {
        if self.terminal {
            tell(format_args!(
                "\r\x1b[K  {state} · {} s …",
                self.began.elapsed().as_secs()
            ));
        } else if state != self.shown {
            tell(format_args!("{state}\n"));
        }
        state.clone_into(&mut self.shown);
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if self.terminal {
            tell("\r\x1b[K");
        }
    }
}
