//! The embedded regions of a `witness regions up` of its own, for other programs to reach.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

/// The regions, up until dropped, and the variables that they printed for each block.
pub struct Regions {
    child: Child,
    /// Of DSQL's regions, then of DynamoDB as a whole and of its regions.
    pub blocks: Vec<BTreeMap<String, String>>,
}

impl Regions {
    pub fn up(arguments: &[&str]) -> Regions {
        let mut child = witness(&["regions", "up"])
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .expect("witness runs");
        let mut blocks: Vec<BTreeMap<String, String>> = vec![BTreeMap::new()];
        let stdout = BufReader::new(child.stdout.take().expect("piped"));
        for line in stdout.lines() {
            let line = line.expect("UTF-8");
            if line.contains("until Ctrl-C.") {
                break;
            }
            if let Some(set) = line.strip_prefix("export ") {
                let pairs = set
                    .split_whitespace()
                    .filter_map(|pair| pair.split_once('='));
                let pairs = pairs.map(|(k, v)| (k.to_owned(), v.trim_matches('\'').to_owned()));
                blocks.last_mut().expect("one").extend(pairs);
            } else if !blocks.last().expect("one").is_empty() {
                blocks.push(BTreeMap::new());
            }
        }
        blocks.retain(|block| !block.is_empty());
        Regions { child, blocks }
    }
}

impl Drop for Regions {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The program, with nothing of this process's choices of runs.
pub fn witness(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_witness"));
    command
        .args(arguments)
        .env_remove("WITNESS_SEED")
        .env_remove("WITNESS_STORE");
    command
}
