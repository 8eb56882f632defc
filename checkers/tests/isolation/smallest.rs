//! What is shown of each kind is as small as can be.

use witness_checkers::IsolationOptions;
use witness_histories::history;

use crate::checker::verdict;

/// The names of the transactions of the cycle shown by that name, sorted, at strict-serializable.
fn shown(shorthand: &str, name: &str) -> Vec<String> {
    let verdict = verdict(&history(shorthand).unwrap(), IsolationOptions::default());
    let anomaly = verdict.anomalies.iter().find(|it| it.name == name);
    let cycle = anomaly.and_then(|anomaly| anomaly.cycle.as_ref());
    let Some(cycle) = cycle else {
        panic!("no cycle {name}: {verdict:#?}");
    };
    let all = cycle.transactions.iter();
    let mut names: Vec<String> = all.map(|transaction| transaction.name.clone()).collect();
    names.sort();
    names
}

/// T0 missed what T2 appended behind T1's element, and T2 what T0 appended.
#[test]
fn what_comes_behind_the_next_element_was_missed_too() {
    let skew = r#"
        0 invoke txn _ [["r","x",null],["append","y",1]]
        1 invoke txn _ [["append","x",2]]
        2 invoke txn _ [["r","y",null],["append","x",3],["r","x",null]]
        0 ok     txn _ [["r","x",[]],["append","y",1]]
        1 ok     txn _ [["append","x",2]]
        2 ok     txn _ [["r","y",[]],["append","x",3],["r","x",[2,3]]]
        3 invoke txn _ [["r","y",null]]
        3 ok     txn _ [["r","y",[1]]]"#;
    assert_eq!(shown(skew, "G2-item"), ["T0", "T2"]);
}

/// Real time leads by helpers from T0 to T4, which a read leads to more slowly.
#[test]
fn real_time_is_one_step() {
    let stale = r#"
        0 invoke txn _ [["append","x",1],["r","y",null]]
        0 ok     txn _ [["append","x",1],["r","y",[]]]
        1 invoke txn _ [["r","x",null]]
        1 ok     txn _ [["r","x",[1]]]
        3 invoke txn _ [["r","x",null],["r","y",null]]
        3 ok     txn _ [["r","x",[]],["r","y",[]]]"#;
    assert_eq!(shown(stale, "G-single-realtime"), ["T0", "T4"]);
}

/// T2 comes behind T0 by way of T3, and had read before it: the two show it.
#[test]
fn what_stands_behind_another_follows_it_directly() {
    let lost = r#"
        0 invoke txn _ [["append","x",1]]
        0 ok     txn _ [["append","x",1]]
        1 invoke txn _ [["r","x",null],["append","x",3]]
        2 invoke txn _ [["append","x",2]]
        2 ok     txn _ [["append","x",2]]
        1 ok     txn _ [["r","x",[]],["append","x",3]]
        4 invoke txn _ [["r","x",null]]
        4 ok     txn _ [["r","x",[1,2,3]]]"#;
    assert_eq!(shown(lost, "G-single"), ["T0", "T2"]);
}
