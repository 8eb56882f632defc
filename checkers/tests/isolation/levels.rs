//! What each level forbids, written down a second time: a table and nothing else.

use std::collections::BTreeSet;

/// A level, the levels that it includes, and what it forbids besides.
type Row = (
    &'static str,
    &'static [&'static str],
    &'static [&'static str],
);

/// Every level. Those that one includes stand above it.
const TABLE: &[Row] = &[
    (
        "read-uncommitted",
        &[],
        &[
            "G0",
            "duplicate-elements",
            "garbage-read",
            "cyclic-versions",
        ],
    ),
    (
        "read-committed",
        &["read-uncommitted"],
        &[
            "G1a",
            "G1b",
            "G1c",
            "incompatible-order",
            "dirty-update",
            "future-read",
        ],
    ),
    (
        "monotonic-atomic-view",
        &["read-committed"],
        &["observed-transaction-vanishes"],
    ),
    (
        "read-atomic",
        &["monotonic-atomic-view"],
        &["fractured-read", "internal"],
    ),
    ("cursor-stability", &["read-committed"], &["lost-update"]),
    (
        "repeatable-read",
        &["monotonic-atomic-view", "cursor-stability"],
        // The first two have a G-single, always.
        &[
            "fractured-read",
            "causality-violation",
            "G-single",
            "G-nonadjacent",
            "long-fork",
            "G2-item",
        ],
    ),
    ("causal-cerone", &["read-atomic"], &["causality-violation"]),
    (
        "parallel-snapshot-isolation",
        &["causal-cerone", "cursor-stability"],
        &["G-single"],
    ),
    (
        "snapshot-isolation",
        &["parallel-snapshot-isolation"],
        &["G-nonadjacent", "long-fork"],
    ),
    (
        "serializable",
        &["snapshot-isolation", "repeatable-read"],
        &["G2-item"],
    ),
    (
        "read-your-writes",
        &[],
        &["garbage-read", "missing-your-writes"],
    ),
    (
        "monotonic-reads",
        &[],
        &["garbage-read", "non-monotonic-reads"],
    ),
    (
        "monotonic-writes",
        &[],
        &["garbage-read", "non-monotonic-writes"],
    ),
    (
        "writes-follow-reads",
        &[],
        &["garbage-read", "missing-read-write-dependency"],
    ),
    (
        "causal",
        &[
            "causal-cerone",
            "read-your-writes",
            "monotonic-reads",
            "monotonic-writes",
            "writes-follow-reads",
        ],
        &["causality-violation-process", "G0-process", "G1c-process"],
    ),
    (
        "strong-session-read-uncommitted",
        &["read-uncommitted", "monotonic-writes"],
        &["G0-process"],
    ),
    (
        "strong-session-read-committed",
        &[
            "read-committed",
            "strong-session-read-uncommitted",
            "writes-follow-reads",
        ],
        &["G1c-process"],
    ),
    (
        "strong-session-snapshot-isolation",
        &[
            "snapshot-isolation",
            "causal",
            "strong-session-read-committed",
        ],
        &["G-single-process", "G-nonadjacent-process"],
    ),
    (
        "strong-session-serializable",
        &["serializable", "strong-session-snapshot-isolation"],
        &["G2-item-process"],
    ),
    (
        "strong-read-uncommitted",
        &["strong-session-read-uncommitted"],
        &["G0-realtime"],
    ),
    (
        "strong-read-committed",
        &["strong-read-uncommitted", "strong-session-read-committed"],
        &["G1c-realtime"],
    ),
    (
        "strong-snapshot-isolation",
        &["strong-read-committed", "strong-session-snapshot-isolation"],
        &["G-single-realtime", "G-nonadjacent-realtime"],
    ),
    (
        "strict-serializable",
        &["strong-snapshot-isolation", "strong-session-serializable"],
        &["G2-item-realtime"],
    ),
];

/// The name of every level.
pub fn all() -> impl Iterator<Item = &'static str> {
    TABLE.iter().map(|row| row.0)
}

/// All that the level forbids, what it includes included.
pub fn forbidden(level: &str) -> BTreeSet<&'static str> {
    let row = TABLE.iter().find(|row| row.0 == level).unwrap();
    let inherited = row.1.iter().flat_map(|included| forbidden(included));
    inherited.chain(row.2.iter().copied()).collect()
}

/// The level and all that it includes.
pub fn included(level: &'static str) -> BTreeSet<&'static str> {
    let row = TABLE.iter().find(|row| row.0 == level).unwrap();
    let inherited = row.1.iter().flat_map(|below| included(below));
    inherited.chain([level]).collect()
}

#[test]
fn every_level_is_named_once_and_below_what_it_includes() {
    let names: Vec<_> = all().collect();
    for (at, row) in TABLE.iter().enumerate() {
        assert!(!names[..at].contains(&row.0), "{} is there twice", row.0);
        assert!(row.1.iter().all(|below| names[..at].contains(below)));
    }
    assert_eq!(included("serializable").len(), 10);
    assert!(forbidden("strict-serializable").contains("missing-your-writes"));
}
