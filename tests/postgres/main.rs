//! PostgreSQL for real: clusters that are started for a test and gone after it. Where it is
//! not installed, every trial is listed as ignored, with the reason.

mod faults;
#[path = "../finished/mod.rs"]
mod finished;
mod gate;
mod life;
mod parts;
mod runs;
mod scenes;
mod shared;

use std::future::Future;

use libtest_mimic::{Arguments, Failed, Trial};
use witness::local::postgres::Installed;
use witness::suite::trials;

fn main() {
    let absent = Installed::find().is_err();
    let reason = "PostgreSQL is not installed";
    let mut cases = runs::cases();
    if absent {
        cases = cases.into_iter().map(|case| case.absent(reason)).collect();
    }
    let mut all = trials(cases);
    let others = [
        scenes::trials(),
        faults::trials(),
        life::trials(),
        parts::trials(),
    ];
    all.extend(others.into_iter().flatten().map(|trial| match absent {
        true => trial.with_kind(reason).with_ignored_flag(true),
        false => trial,
    }));
    libtest_mimic::run(&Arguments::from_args(), all).exit();
}

/// A trial that needs a runtime.
fn trial<F>(name: &str, test: impl FnOnce() -> F + Send + 'static) -> Trial
where
    F: Future<Output = Result<(), Failed>>,
{
    Trial::test(name, || {
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        runtime.enable_all().build()?.block_on(test())
    })
}
