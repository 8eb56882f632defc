//! Reports: verdicts in, a document out. A format is a file here.
//!
//! Architecture invariant: a report decides nothing and counts nothing; whatever
//! it says stands in the verdicts.

pub mod html;
pub mod json;
pub mod text;
