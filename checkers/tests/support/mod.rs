//! Running one checker on a history in shorthand.

use witness_checkers::{Digest, Options, Verdict, find};
use witness_histories::history;

/// The verdict of the checker on the history.
pub fn check(checker: &str, shorthand: &str) -> Verdict {
    check_focused(checker, shorthand, None)
}

/// The same, looking closely at a key.
pub fn check_focused(checker: &str, shorthand: &str, focus: Option<&str>) -> Verdict {
    let checker = find(checker).unwrap();
    let digest = Digest::of(&history(shorthand).unwrap(), [checker]).unwrap();
    let mut options = Options::default();
    options.focus = focus.map(str::to_owned);
    checker.check(&digest, &options)
}
