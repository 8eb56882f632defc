//! Runs as tests: each case is one named trial, for `cargo test` and for `cargo
//! nextest`, listed without running anything.
//!
//! ```no_run
//! use witness::suite::{Case, trials};
//!
//! let spec = witness::run::Spec::new("seats", "dsql").expect("both are registered");
//! let case = Case::new("seats::dsql", spec, |done| match done.verdicts.valid {
//!     witness_checkers::Valid::True => Ok(()),
//!     other => Err(format!("{other:?}")),
//! });
//! libtest_mimic::run(&libtest_mimic::Arguments::from_args(), trials(vec![case])).exit();
//! ```
//!
//! The seed comes from `WITNESS_SEED`, since a test runner may not pass arguments.

use std::sync::OnceLock;

use libtest_mimic::{Failed, Trial};
use tokio::runtime::Runtime;

use crate::run::{Finished, Spec, run};
use crate::runner::Stop;

/// What a run must come to; what is wrong with it otherwise.
type Expectation = Box<dyn FnOnce(&Finished) -> Result<(), String> + Send>;

/// One run and what theory says of it.
pub struct Case {
    name: String,
    spec: Spec,
    expectation: Expectation,
    absent: Option<String>,
}

impl Case {
    /// A case of this name.
    pub fn new(
        name: impl Into<String>,
        spec: Spec,
        expectation: impl FnOnce(&Finished) -> Result<(), String> + Send + 'static,
    ) -> Case {
        let expectation = Box::new(expectation);
        Case {
            name: name.into(),
            spec,
            expectation,
            absent: None,
        }
    }

    /// Lists the case as ignored: what it needs is not here, and why.
    #[must_use]
    pub fn absent(mut self, reason: impl Into<String>) -> Case {
        self.absent = Some(reason.into());
        self
    }
}

/// The cases as trials. A run that came out as expected leaves nothing behind;
/// any other leaves its directory, and says where it is and under which seed.
pub fn trials(cases: Vec<Case>) -> Vec<Trial> {
    cases.into_iter().map(trial).collect()
}

fn trial(
    Case {
        name,
        mut spec,
        expectation,
        absent,
    }: Case,
) -> Trial {
    let kind = absent.clone().unwrap_or_default();
    let trial = Trial::test(name, move || {
        if let Ok(seed) = std::env::var("WITNESS_SEED") {
            let parsed = seed.parse();
            spec.options.seed = parsed.map_err(|e| format!("WITNESS_SEED={seed}: {e}"))?;
        }
        let seed = spec.options.seed;
        let runtime = runtime()
            .as_ref()
            .map_err(|e| Failed::from(e.to_string()))?;
        let done = runtime.block_on(run(&spec, &Stop::default(), &mut |_| {}));
        let done = done.map_err(|e| Failed::from(format!("WITNESS_SEED={seed}: {e}")))?;
        let dir = done.dir.path();
        expectation(&done).map_err(|wrong| {
            Failed::from(format!(
                "{wrong}\n  WITNESS_SEED={seed}, saved in {}",
                dir.display()
            ))
        })?;
        // Left behind it would do no harm.
        let _ = std::fs::remove_dir_all(dir);
        Ok(())
    });
    trial.with_kind(kind).with_ignored_flag(absent.is_some())
}

/// One for all trials: each blocks its own thread on it.
fn runtime() -> &'static std::io::Result<Runtime> {
    static RUNTIME: OnceLock<std::io::Result<Runtime>> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
    })
}
