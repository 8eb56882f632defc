//! The offline half stays light: it pulls in no async runtime and no AWS.

use std::process::Command;

#[test]
fn histories_and_checkers_have_no_tokio_and_no_aws() {
    for package in ["witness-histories", "witness-checkers"] {
        let tree = Command::new(env!("CARGO"))
            .args([
                "tree",
                "--offline",
                "--package",
                package,
                "--edges",
                "normal,build",
            ])
            .args(["--prefix", "none", "--manifest-path"])
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))
            .output()
            .expect("cargo runs");
        let tree = String::from_utf8(tree.stdout).expect("UTF-8");
        assert!(tree.starts_with(package), "{tree}");
        for heavy in ["tokio", "aws-", "hyper", "rustls"] {
            let found = tree.lines().find(|line| line.starts_with(heavy));
            assert_eq!(found, None, "{package} pulls in {heavy}");
        }
    }
}
