//! Reports: verdicts in, a document out. A format is a file here.
//!
//! Architecture invariant: a report decides nothing and counts nothing; whatever
//! it says stands in the verdicts.

pub mod checks;
pub mod cycle;
pub mod html;
pub mod json;
pub mod levels;
pub mod text;

use witness_checkers::Verdicts;

/// The notes of each verdict that are not told yet: by its summary, or beside one before it.
fn untold(verdicts: &Verdicts) -> Vec<Vec<&str>> {
    let mut told: Vec<&str> = Vec::new();
    let each = verdicts.verdicts.iter().map(|verdict| {
        told.push(&verdict.summary);
        let mut untold = Vec::new();
        for note in &verdict.notes {
            if !told.contains(&&**note) {
                told.push(note);
                untold.push(&**note);
            }
        }
        untold
    });
    each.collect()
}
