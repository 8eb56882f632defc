//! The checkers that there are. A new one is a file of its own and a line here.

use crate::checker::Checker;

/// Every checker, in the order they run.
static CHECKERS: &[&dyn Checker] = &[
    &crate::at_most_one_acquisition::AtMostOneAcquisition,
    &crate::ledger_union::LedgerUnion,
    &crate::reconciled_scope::ReconciledScope,
    &crate::linearizable::Linearizable,
    &crate::isolation::Isolation,
    &crate::staleness::Staleness,
    &crate::regular::Regular,
    &crate::sequential::Sequential,
];

/// No checker has that name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no checker is named \"{name}\"{}", suggest(.nearest))]
pub struct UnknownChecker {
    /// The name that was asked for.
    pub name: String,
    /// The name that was probably meant.
    pub nearest: Option<&'static str>,
}

fn suggest(nearest: &Option<&str>) -> String {
    nearest.map_or_else(String::new, |name| format!("; did you mean \"{name}\"?"))
}

/// Every checker, in the order they run.
pub fn all() -> &'static [&'static dyn Checker] {
    CHECKERS
}

/// The checker of that name.
///
/// # Errors
/// [`UnknownChecker`], with the nearest name if one is near.
pub fn find(name: &str) -> Result<&'static dyn Checker, UnknownChecker> {
    if let Some(checker) = all().iter().find(|checker| checker.name() == name) {
        return Ok(*checker);
    }
    let nearness = |candidate: &str| strsim::jaro_winkler(name, candidate);
    let nearest = all()
        .iter()
        .map(|checker| checker.name())
        .max_by(|a, b| nearness(a).total_cmp(&nearness(b)))
        .filter(|candidate| nearness(candidate) > 0.7);
    Err(UnknownChecker {
        name: name.to_owned(),
        nearest,
    })
}
