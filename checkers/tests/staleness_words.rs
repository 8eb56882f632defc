//! What shows that a read was stale, alone, is stale.

#![allow(clippy::unwrap_used, reason = "tests")]

use witness_checkers::{Digest, Options, Valid, find};
use witness_histories::{Event, History, history};

#[test]
fn the_read_that_shows_the_write_is_shown() {
    let history = history(
        "0 invoke write _ 1\n1 invoke read\n1 ok read _ 1\n2 invoke read\n2 ok read _ null\n0 ok write _ 1",
    )
    .unwrap();
    let checker = find("staleness").unwrap();
    let check = |history: &History| {
        let digest = Digest::of(history, [checker]).unwrap();
        checker.check(&digest, &Options::default())
    };
    let verdict = check(&history);
    let anomaly = &verdict.anomalies[0];
    assert_eq!(anomaly.operations, [0, 1, 3]);
    assert!(
        anomaly
            .explanation
            .contains(", as process 1's read 1 (events 1 to 2) shows"),
        "{}",
        anomaly.explanation
    );
    // All of it is there, so that alone it is violated too.
    let shown = [0, 1, 2, 3, 4, 5].iter().zip(0..);
    let shown = shown.map(|(&at, index)| Event {
        index,
        ..history.event(at).unwrap()
    });
    assert_eq!(
        check(&History::from_events(shown).unwrap()).valid,
        Valid::False
    );
}
