//! The DynamoDB backend and the provisioning against servers that others wrote, moto and
//! dynalite, next to the embedded one; and the embedded one against boto3. What is not
//! installed is ignored, by name; so is what such a server is known to do otherwise, with
//! how.

mod conformance;
mod control;
mod peer;

use std::process::Command;
use std::sync::Arc;

use libtest_mimic::{Arguments, Trial};

use peer::{Kind, Shared};

/// The keys that everything here is signed with.
pub const KEYS: [(&str, &str); 2] = [
    ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"),
    ("AWS_SECRET_ACCESS_KEY", "a-key-that-opens-nothing-at-all"),
];

fn main() {
    // The backend takes its keys from where everybody has them.
    if std::env::var_os(KEYS[0].0).is_none_or(|key| key != KEYS[0].1) {
        let itself = std::env::current_exe().expect("a test has a path");
        let mut again = Command::new(itself);
        again.args(std::env::args_os().skip(1)).envs(KEYS);
        again.env("AWS_EC2_METADATA_DISABLED", "true");
        let status = again.status().expect("a test can be run again");
        std::process::exit(status.code().unwrap_or(1));
    }
    let arguments = Arguments::from_args();
    let mut trials = Vec::new();
    let mut servers = Vec::new();
    for kind in [Kind::Embedded, Kind::Moto, Kind::Dynalite] {
        let shared = Arc::new(Shared::new(kind));
        for (name, check, differs) in conformance::ALL {
            let otherwise = differs
                .iter()
                .find(|(who, _)| *who == kind)
                .map(|(_, how)| *how);
            trials.push(trial(&shared, name, *check, otherwise));
        }
        if kind == Kind::Moto {
            for (name, check) in control::ALL {
                trials.push(trial(&shared, name, *check, None));
            }
        }
        servers.push(shared);
    }
    let absent = peer::python().is_none();
    let boto3 = Trial::test("boto3::both_regions_serve_it", control::boto3).with_kind(if absent {
        "boto3 is not installed"
    } else {
        ""
    });
    trials.push(boto3.with_ignored_flag(absent));
    let conclusion = libtest_mimic::run(&arguments, trials);
    for server in servers {
        server.stop();
    }
    conclusion.exit();
}

fn trial(shared: &Arc<Shared>, name: &str, check: peer::Check, otherwise: Option<&str>) -> Trial {
    let kind = shared.kind();
    let reason = match kind.is_installed() {
        false => Some(format!("{} is not installed", kind.name())),
        true => otherwise.map(|how| format!("{}: {how}", kind.name())),
    };
    let shared = Arc::clone(shared);
    Trial::test(format!("{}::{name}", kind.name()), move || {
        shared.run(check)
    })
    .with_kind(reason.as_deref().unwrap_or_default())
    .with_ignored_flag(reason.is_some())
}
