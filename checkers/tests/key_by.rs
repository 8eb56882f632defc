//! Which operations are of one object: by key, by a field of the value, or all of them.

#![allow(clippy::unwrap_used, reason = "tests")]

use proptest::prelude::*;
use serde_json::json;
use witness_checkers::{
    Digest, KeyBy, Options, Valid, Verdict, find, linearize, shrink, verify_proof,
};
use witness_histories::history;

fn options(model: &str, key_by: KeyBy) -> Options {
    let mut options = Options::default();
    options.object.model = Some(model.to_owned());
    options.object.key_by = key_by;
    options
}

fn field(name: &str) -> KeyBy {
    KeyBy::Field(name.to_owned())
}

fn check(checker: &str, shorthand: &str, options: &Options) -> Verdict {
    let checker = find(checker).unwrap();
    let digest = Digest::of(&history(shorthand).unwrap(), [checker]).unwrap();
    checker.check(&digest, options)
}

/// Two seats are sold, and one of them again.
const TWICE: &str = r#"0 invoke acquire _ {"seat":"A1","buyer":"b0"}
0 ok acquire _ {"seat":"A1","buyer":"b0","sale":1}
1 invoke acquire _ {"seat":"A2","buyer":"b1"}
1 ok acquire _ {"seat":"A2","buyer":"b1","sale":2}
2 invoke acquire _ {"buyer":"b2","seat":"A2"}
2 ok acquire _ {"seat":"A2","buyer":"b2","sale":3}"#;

#[test]
fn operations_with_one_value_in_a_field_are_of_one_object() {
    let verdict = check("linearizable", TWICE, &options("seat", field("seat")));
    assert_eq!(verdict.valid, Valid::False, "{verdict:?}");
    assert_eq!(verdict.scope["objects"], 2);
    assert_eq!(verdict.anomalies.len(), 1);
    assert_eq!(verdict.anomalies[0].key, Some(json!("A2")));
    assert_eq!(verdict.anomalies[0].operations, [2, 4]);
    let verdict = check("linearizable", TWICE, &options("seat", field("buyer")));
    assert_eq!(verdict.valid, Valid::True, "{verdict:?}");
    assert_eq!(verdict.scope["objects"], 3);
    let verdict = check("linearizable", TWICE, &options("seat", KeyBy::Whole));
    assert_eq!(verdict.anomalies[0].key, None);
}

#[test]
fn the_completions_field_counts_where_the_invocation_has_none() {
    let lines = r#"0 invoke write _ {"id":[1, {"b":2,"a":1}],"v":7}
0 ok write
1 invoke read
1 ok read _ {"id":[1,{"a":1,"b":2}],"v":7}
2 invoke read _ {"id":null}
2 ok read _ {"id":2,"v":7}"#;
    let verdict = check("linearizable", lines, &options("register", field("id")));
    assert_eq!(verdict.scope["objects"], 2);
    assert_eq!(verdict.anomalies.len(), 1, "{verdict:?}");
    assert_eq!(verdict.anomalies[0].key, Some(json!(2)));
    assert_eq!(verdict.anomalies[0].operations, [4]);
}

#[test]
fn an_operation_without_the_field_leaves_all_undecided() {
    let lines = format!(
        "{TWICE}\n3 invoke acquire _ {{\"buyer\":\"b3\"}}\n3 info acquire _ _ timeout: no answer"
    );
    let options_of = |name| options(name, field("seat"));
    let why = "event 6: its value has no field \"seat\", and neither has its completion's: nobody can tell of which object it is";
    let verdict = check("linearizable", &lines, &options_of("seat"));
    assert_eq!(
        (verdict.valid, &*verdict.summary),
        (Valid::Unknown, why),
        "although the others are not linearizable: it might explain them"
    );
    let digest = Digest::of(&history(&lines).unwrap(), [find("linearizable").unwrap()]).unwrap();
    let (_, proof) = linearize(&digest, &options_of("seat"));
    assert_eq!(proof, None);
    assert_eq!(shrink(&digest, &options_of("seat")), None);

    let lines = "0 invoke write x {\"seat\":1}\n0 ok write x\n0 invoke write x 5\n0 ok write x";
    for checker in ["sequential", "regular", "staleness"] {
        let verdict = check(checker, lines, &options_of("register"));
        assert_eq!(verdict.valid, Valid::Unknown, "{checker}");
        assert!(verdict.summary.starts_with("event 2: "), "{verdict:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// A key in the value is as good as one beside it.
    #[test]
    fn a_field_is_as_good_as_a_key(
        steps in prop::collection::vec((0..4u8, 0..3u8, 0..3u8), 1..60),
    ) {
        let mut open = [None; 4];
        let mut keyed = Vec::new();
        let mut inside = Vec::new();
        for (process, what, key) in steps {
            let (kind, f, key) = match open[usize::from(process)].take() {
                Some((f, key)) => (["ok", "fail", "ok"][usize::from(what)], f, key),
                None => {
                    let f = ["acquire", "reset", "acquire"][usize::from(what)];
                    open[usize::from(process)] = Some((f, key));
                    ("invoke", f, key)
                }
            };
            keyed.push(format!("{process} {kind} {f} {key}"));
            inside.push(format!("{process} {kind} {f} _ {{\"seat\":{key},\"by\":{process}}}"));
        }
        let checker = find("linearizable").unwrap();
        let digest = |lines: &[String]| Digest::of(&history(&lines.join("\n")).unwrap(), [checker]).unwrap();
        let (keyed, inside) = (digest(&keyed), digest(&inside));
        let (expected, _) = linearize(&keyed, &options("seat", KeyBy::Key));
        let by_seat = options("seat", field("seat"));
        let (verdict, proof) = linearize(&inside, &by_seat);
        prop_assert_eq!(verdict.valid, expected.valid);
        prop_assert_eq!(verdict.anomalies.len(), expected.anomalies.len());
        for anomaly in &expected.anomalies {
            prop_assert!(verdict.anomalies.contains(anomaly), "{:?}", verdict);
        }
        if let Some(proof) = proof {
            prop_assert_eq!(verify_proof(&inside, &by_seat, &proof), Ok(()));
        }
    }
}
