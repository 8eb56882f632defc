//! `witness regions up`: the embedded regions for any client, until Ctrl-C.

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use clap::Subcommand;
use witness_regions::{dsql, dynamodb};

use super::shared::duration;
use super::{Failure, Outcome, interrupted, runtime, stdout};

/// How long the printed tokens are good for.
const TOKEN_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);

/// Starts the embedded regions for other programs
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Regions,
}

#[derive(Subcommand)]
enum Regions {
    Up(Up),
}

/// Starts both databases, two regions each, and prints how to reach them, until Ctrl-C
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  witness regions up
  witness regions up --dsql-ports 5433,5434 --dynamodb-ports 8001,8002
  witness regions up --defect skip-conflict-check --inter-region-rtt 60ms

What it prints can be pasted into a shell, where psql, the AWS CLI and any SDK then
reach the regions. It listens on loopback only and keeps everything in memory.")]
struct Up {
    /// Ports of Aurora DSQL, one a region; the system picks them if not given
    #[arg(long, value_name = "PORT,PORT", value_parser = ports)]
    dsql_ports: Option<[u16; 2]>,
    /// Ports of DynamoDB, one a region; the system picks them if not given
    #[arg(long, value_name = "PORT,PORT", value_parser = ports)]
    dynamodb_ports: Option<[u16; 2]>,
    /// Switch a seeded defect on; `witness list` shows all
    #[arg(long = "defect", value_name = "NAME")]
    defects: Vec<String>,
    /// The round trip between the regions, such as 60ms
    #[arg(long, value_name = "TIME", value_parser = duration)]
    inter_region_rtt: Option<Duration>,
    /// Seed of what is random
    #[arg(long, env = "WITNESS_SEED", default_value_t = 0)]
    seed: u64,
}

fn ports(text: &str) -> Result<[u16; 2], String> {
    let ports = text.split_once(',');
    let ports = ports.and_then(|(a, b)| Some([a.trim().parse().ok()?, b.trim().parse().ok()?]));
    ports.ok_or_else(|| "expected a port for each of the two regions, such as 8001,8002".to_owned())
}

pub(super) fn main(args: Args) -> Result<Outcome, Failure> {
    let Regions::Up(up) = args.command;
    let (dsql, dynamodb) = up.options()?;
    runtime()?.block_on(serve(dsql, dynamodb))
}

impl Up {
    /// A defect that both databases have by that name is switched on in both.
    fn options(self) -> Result<(dsql::Options, dynamodb::Options), Failure> {
        let mut dsql = dsql::Options {
            ports: self.dsql_ports.map(Vec::from).unwrap_or_default(),
            seed: self.seed,
            ..Default::default()
        };
        let mut dynamodb = dynamodb::Options {
            ports: self.dynamodb_ports.map(Vec::from).unwrap_or_default(),
            seed: self.seed,
            ..Default::default()
        };
        let mut of_dynamodb = Vec::new();
        for name in &self.defects {
            let known = dsql.defects.enable(name).is_ok();
            match name.parse::<dynamodb::Defect>() {
                Ok(defect) => of_dynamodb.push(defect),
                Err(_) if known => {}
                Err(_) => {
                    let message =
                        format!("there is no --defect {name:?}; `witness list` shows all");
                    return Err(Failure::bad_input(message));
                }
            }
        }
        dynamodb.defects = of_dynamodb.into_iter().collect();
        if let Some(rtt) = self.inter_region_rtt {
            (dsql.inter_region_rtt, dynamodb.inter_region_rtt) = (rtt, rtt);
        }
        Ok((dsql, dynamodb))
    }
}

/// The certificate that clients have to trust, as a file while the regions are up.
struct CaFile(PathBuf);

impl CaFile {
    fn write(pem: &str) -> Result<CaFile, Failure> {
        let name = format!("witness-ca-{}.pem", std::process::id());
        let path = std::env::temp_dir().join(name);
        let written = std::fs::write(&path, pem);
        written.map_err(|e| Failure::failed(format!("{}: {e}", path.display())))?;
        Ok(CaFile(path))
    }
}

impl Drop for CaFile {
    fn drop(&mut self) {
        // A certificate left behind does no harm.
        let _ = std::fs::remove_file(&self.0);
    }
}

async fn serve(dsql: dsql::Options, dynamodb: dynamodb::Options) -> Result<Outcome, Failure> {
    let failed = |name, e: &dyn std::fmt::Display| Failure::failed(format!("{name}: {e}"));
    let cluster = dsql::Cluster::start(dsql)
        .await
        .map_err(|e| failed("dsql", &e))?;
    let tables = dynamodb::GlobalTables::start(dynamodb)
        .await
        .map_err(|e| failed("dynamodb", &e))?;
    let ca = CaFile::write(cluster.ca_pem())?;
    let mut out = stdout();
    print_dsql(&mut out, &cluster, &ca)?;
    print_dynamodb(&mut out, &tables)?;
    writeln!(out, "\n# Both are up until Ctrl-C.")?;
    out.flush()?;
    drop(out);
    interrupted().await;
    cluster.shutdown().await;
    tables.shutdown().await;
    Ok(Outcome::Done)
}

/// One block a region, each a set of variables for a shell of its own.
fn print_dsql(out: &mut dyn Write, cluster: &dsql::Cluster, ca: &CaFile) -> std::io::Result<()> {
    writeln!(
        out,
        "# Aurora DSQL · embedded. In a shell, paste a region's block; then: psql"
    )?;
    for endpoint in cluster.endpoints() {
        let (ip, port) = (endpoint.address.ip(), endpoint.address.port());
        writeln!(out, "\n# {}", endpoint.region)?;
        writeln!(
            out,
            "export PGHOST={} PGHOSTADDR={ip} PGPORT={port}",
            endpoint.host
        )?;
        writeln!(out, "export PGUSER=admin PGDATABASE=postgres")?;
        writeln!(
            out,
            "export PGSSLMODE=verify-full PGSSLROOTCERT={}",
            ca.0.display()
        )?;
        let token = cluster.token(endpoint, "admin", TOKEN_LIFETIME);
        writeln!(out, "export PGPASSWORD='{token}'")?;
    }
    Ok(())
}

fn print_dynamodb(out: &mut dyn Write, tables: &dynamodb::GlobalTables) -> std::io::Result<()> {
    let keys = tables.credentials();
    writeln!(
        out,
        "\n# DynamoDB Global Tables · embedded. In a shell, paste this and a region's block;\n\
         # then: aws dynamodb list-tables. Replicas are added as on AWS, with update-table.\n\
         export AWS_ACCESS_KEY_ID={} AWS_SECRET_ACCESS_KEY={}",
        keys.access_key_id, keys.secret_access_key
    )?;
    for endpoint in tables.endpoints() {
        writeln!(out, "\n# {}", endpoint.region)?;
        writeln!(
            out,
            "export AWS_DEFAULT_REGION={0} AWS_REGION={0}",
            endpoint.region
        )?;
        writeln!(out, "export AWS_ENDPOINT_URL_DYNAMODB={}", endpoint.url)?;
    }
    Ok(())
}
