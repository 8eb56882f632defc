//! `witness list`: what there is, one line each.

use std::io::Write;

use super::{Failure, Outcome, stdout};
use crate::backends;

/// Lists workloads, checkers, models and backends
#[derive(clap::Args)]
#[command(after_help = "Example:\n  witness list")]
pub(super) struct Args {}

pub(super) fn main(_: &Args) -> Result<Outcome, Failure> {
    let mut out = stdout();
    let line = |out: &mut dyn Write, name: &str, about: &str| writeln!(out, "  {name:<25}{about}");
    writeln!(out, "Workloads")?;
    for workload in witness_workloads::registry() {
        line(&mut out, workload.name(), workload.about())?;
        for (app, about) in workload.apps() {
            line(&mut out, &format!("  --app {app}"), about)?;
        }
    }
    writeln!(out, "Checkers")?;
    for checker in witness_checkers::all() {
        line(&mut out, checker.name(), checker.about())?;
    }
    writeln!(out, "Models of the checker linearizable")?;
    for model in witness_checkers::models() {
        line(&mut out, model.name, model.about)?;
    }
    writeln!(out, "Backends")?;
    if backends::registry().is_empty() {
        line(
            &mut out,
            "none",
            "this was built without drivers: features aws, mysql, postgres",
        )?;
    }
    for backend in backends::registry() {
        line(&mut out, backend.name(), backend.about())?;
        for defect in backend.defects() {
            line(&mut out, "", &format!("--defect {defect}"))?;
        }
    }
    Ok(Outcome::Done)
}
