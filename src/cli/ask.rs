//! Asking a person before something is deleted or paid for.

use std::io::{IsTerminal, Write};

use super::Failure;

/// Goes on only with a yes: given by `--yes`, or by somebody at a terminal.
pub(super) fn confirm(question: &str, yes: bool) -> Result<(), Failure> {
    if yes {
        return Ok(());
    }
    if !std::io::stdin().is_terminal() {
        let message = format!("{question} Nobody is here to be asked: say --yes");
        return Err(Failure::bad_input(message));
    }
    let mut err = anstream::stderr();
    write!(err, "{question} [y/N] ")?;
    err.flush()?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    if agrees(&answer) {
        return Ok(());
    }
    Err(Failure::failed("nothing was done"))
}

fn agrees(answer: &str) -> bool {
    matches!(answer.trim().to_lowercase().as_str(), "y" | "yes")
}

#[cfg(test)]
mod tests {
    #[test]
    fn only_a_yes_is_a_yes() {
        for (answer, yes) in [
            ("y\n", true),
            ("YES\n", true),
            ("\n", false),
            ("", false),
            ("n", false),
            ("yep", false),
        ] {
            assert_eq!(super::agrees(answer), yes, "{answer:?}");
        }
    }
}
