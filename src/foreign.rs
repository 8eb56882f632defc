//! Options that are of something else than what was chosen. Ignored, one would be believed
//! to have been heeded.

/// What can be chosen, and what is heeded where it is.
pub(crate) struct Choice {
    pub(crate) name: &'static str,
    /// Options as they stand on the command line, such as `--reads`.
    pub(crate) heeds: &'static [&'static str],
}

/// What is wrong with the first option that none of those chosen heeds: whose it is. A
/// choice is one `kind` of `all`, and `with` comes before its name.
pub(crate) fn complaint(
    given: impl IntoIterator<Item = &'static str>,
    chosen: &[Choice],
    all: &[Choice],
    kind: &str,
    with: &str,
) -> Option<String> {
    let heeds = |choice: &Choice, option: &'static str| choice.heeds.contains(&option);
    let mut given = given.into_iter();
    let option = given.find(|&option| !chosen.iter().any(|choice| heeds(choice, option)))?;
    let theirs = all.iter().filter(|choice| heeds(choice, option));
    let theirs: Vec<_> = theirs.map(|choice| choice.name).collect();
    let theirs = match theirs.is_empty() {
        true => format!("is of no {kind} of this build"),
        false => format!("goes with {with} {}", theirs.join(" or ")),
    };
    let names: Vec<_> = chosen.iter().map(|choice| choice.name).collect();
    let have = if chosen.len() == 1 { "has" } else { "have" };
    let names = names.join(" and ");
    Some(format!("{option} {theirs}; {names} {have} no such option"))
}
