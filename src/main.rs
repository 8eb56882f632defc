//! The `witness` binary: arguments in, an exit code out.

use std::process::ExitCode;

fn main() -> ExitCode {
    witness::cli::main()
}
