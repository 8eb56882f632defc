//! `witness completions`: a script that teaches a shell these commands.

use clap::CommandFactory;
use clap_complete::Shell;

use super::{Cli, Failure, Outcome, stdout};

/// Prints a completion script for a shell
#[derive(clap::Args)]
#[command(
    after_help = "Example:\n  witness completions bash > ~/.local/share/bash-completion/completions/witness"
)]
pub(super) struct Args {
    /// The shell
    shell: Shell,
}

pub(super) fn main(args: &Args) -> Result<Outcome, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "witness", &mut script);
    std::io::Write::write_all(&mut stdout(), &script)?;
    Ok(Outcome::Done)
}
