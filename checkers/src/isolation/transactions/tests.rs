//! What transactions are, as they are read from events.

use super::*;
use crate::checker::CheckError;

fn transactions(shorthand: &str) -> Result<Transactions, CheckError> {
    let mut builder = TransactionsBuilder::default();
    for event in witness_histories::history(shorthand).unwrap().events() {
        builder.event(&event)?;
    }
    Ok(builder.finish())
}

#[test]
fn lists_are_beginnings_of_the_longest() {
    let found = transactions(
        r#"0 invoke txn _ [["r","x",null],["append","x",3]]
           0 ok     txn _ [["r","x",[1,2]],["append","x",3]]
           1 invoke txn _ [["r","x",null],["r","y",null]]
           1 ok     txn _ [["r","x",[1]],["r","y",[]]]
           2 invoke txn _ [["r","x",null]]
           2 ok     txn _ [["r","x",[2,1,3]]]"#,
    )
    .unwrap();
    let lists: Vec<Vec<&[u32]>> = (0..3)
        .map(|at| {
            found
                .operations(at)
                .filter_map(|op| found.list(op))
                .collect()
        })
        .collect();
    let numbers = |json: &str| -> Vec<Value> { serde_json::from_str(json).unwrap() };
    let shown = |list: &[u32]| -> Vec<Value> { list.iter().map(|&v| found.value(v)).collect() };
    assert_eq!(shown(lists[0][0]), numbers("[1,2]"));
    assert_eq!(shown(lists[1][0]), numbers("[1]"));
    assert_eq!(shown(lists[1][1]), numbers("[]"));
    assert_eq!(shown(lists[2][0]), numbers("[2,1,3]"));
    assert_eq!(
        shown(found.longest(0)),
        numbers("[2,1,3]"),
        "the longest, though it came last"
    );
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(2_000))]

    /// However lists are spelt and in whatever order they come, they come back.
    #[test]
    fn lists_come_back(
        lists in proptest::collection::vec(
            (proptest::collection::vec(0..3_usize, 0..4), proptest::bool::ANY), 1..8),
    ) {
        let elements = ["1", "12", r#""a,b""#];
        let mut history = String::new();
        let mut expected = Vec::new();
        for (at, (list, spaced)) in lists.iter().enumerate() {
            let list: Vec<&str> = list.iter().map(|&element| elements[element]).collect();
            let spelt = list.join(if *spaced { " , " } else { "," });
            history.push_str(&format!("{at} invoke txn _ [[\"r\",\"x\",null]]\n"));
            history.push_str(&format!("{at} ok txn _ [[\"r\",\"x\",[{spelt}]]]\n"));
            expected.push(serde_json::from_str::<Vec<Value>>(&format!("[{spelt}]")).unwrap());
        }
        let found = transactions(&history).unwrap();
        for (at, expected) in (0..).zip(&expected) {
            let read = found.operations(at).next().unwrap();
            let list = found.list(read).unwrap().iter().map(|&value| found.value(value));
            proptest::prop_assert_eq!(&list.collect::<Vec<_>>(), expected);
        }
    }
}

#[test]
fn what_did_not_answer_keeps_what_it_asked() {
    let found = transactions(
        r#"0 invoke txn _ [["w",1,5],["r",2,null]]
           1 invoke txn _ [["w",1,6]]
           1 fail   txn _ _ conflict: no
           2 invoke txn _ [["w",1,7]]
           2 ok     txn _ [["w",1,7]]
           3 invoke read x
           3 ok     read x 3"#,
    )
    .unwrap();
    let statuses: Vec<Status> = found.all().iter().map(|t| t.status).collect();
    use Status::{Aborted, Committed, Unknown};
    assert_eq!(statuses, [Unknown, Aborted, Committed]);
    let first: Vec<_> = found.operations(0).map(|op| op.action).collect();
    assert!(matches!(first[..], [Action::Write(_), Action::ReadUnknown]));
    assert!(matches!(
        found.operations(1).next().unwrap().action,
        Action::Write(_)
    ));
    assert_eq!(found.others, 1);
}

#[test]
fn a_fault_is_named() {
    let error = transactions(r#"0 invoke txn _ [["r",1,null],["fly",1,2]]"#).unwrap_err();
    assert_eq!(
        error.to_string(),
        "event 0: field \"value[1][0]\": \"fly\" is not a micro-operation: r, w or append"
    );
}
