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
