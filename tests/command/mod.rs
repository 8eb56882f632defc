//! The program as a user runs it.

use std::path::Path;
use std::process::Command;

/// Exit code, standard output, standard error.
pub fn witness(dir: &Path, arguments: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_witness"))
        .args(arguments)
        .current_dir(dir)
        .output()
        .expect("witness runs");
    (
        output.status.code().expect("an exit code"),
        String::from_utf8(output.stdout).expect("UTF-8"),
        String::from_utf8(output.stderr).expect("UTF-8"),
    )
}
