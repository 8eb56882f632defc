//! Small histories on the boundary of a definition: where it would be easy to say valid
//! too soon, or to accuse.

use witness_checkers::Valid;
use witness_histories::history;

use crate::checker::levels;

fn held(shorthand: &str, level: &str) -> Valid {
    levels(&history(shorthand).unwrap())[level]
}

/// A list that was read behind an own append shows what was there before.
#[test]
fn a_list_behind_an_own_append_shows_what_was_seen() {
    let forgetful = r#"
        0 invoke txn _ [["append",1,1]]
        0 ok     txn _ [["append",1,1]]
        0 invoke txn _ [["append",1,2],["r",1,null]]
        0 ok     txn _ [["append",1,2],["r",1,[2]]]
    "#;
    assert_eq!(held(forgetful, "read-your-writes"), Valid::False);
    let backwards = r#"
        0 invoke txn _ [["append",1,1]]
        0 ok     txn _ [["append",1,1]]
        1 invoke txn _ [["append",1,2],["r",1,null]]
        1 ok     txn _ [["append",1,2],["r",1,[1,2]]]
        1 invoke txn _ [["r",1,null]]
        1 ok     txn _ [["r",1,[]]]
    "#;
    assert_eq!(held(backwards, "monotonic-reads"), Valid::False);
    let fractured = r#"
        0 invoke txn _ [["append",1,1],["append",2,2]]
        1 invoke txn _ [["append",1,3],["r",1,null],["r",2,null]]
        0 ok     txn _ [["append",1,1],["append",2,2]]
        1 ok     txn _ [["append",1,3],["r",1,[1,3]],["r",2,[]]]
    "#;
    assert_eq!(held(fractured, "read-committed"), Valid::True);
    assert_eq!(held(fractured, "read-atomic"), Valid::False);
    assert_eq!(held(fractured, "causal-cerone"), Valid::False);
}

/// No execution has a transaction's appends in another order than it made them.
#[test]
fn own_appends_stand_in_their_order() {
    let swapped = r#"
        0 invoke txn _ [["append",1,1],["append",1,2]]
        0 ok     txn _ [["append",1,1],["append",1,2]]
        1 invoke txn _ [["append",1,3]]
        1 ok     txn _ [["append",1,3]]
        1 invoke txn _ [["r",1,null]]
        1 ok     txn _ [["r",1,[2,1,3]]]
    "#;
    let first_missing = r#"
        0 invoke txn _ [["append",1,1],["append",1,2]]
        1 invoke txn _ [["r",1,null]]
        1 ok     txn _ [["r",1,[2]]]
        0 ok     txn _ [["append",1,1],["append",1,2]]
    "#;
    for history in [swapped, first_missing] {
        for level in ["read-committed", "read-atomic", "serializable"] {
            assert_eq!(held(history, level), Valid::False, "{level}");
        }
    }
}

/// Nor has it those of others in between.
#[test]
fn nothing_stands_between_own_appends() {
    let interleaved = r#"
        0 invoke txn _ [["append",1,1],["append",1,2]]
        1 invoke txn _ [["append",1,3]]
        0 ok     txn _ [["append",1,1],["append",1,2]]
        1 ok     txn _ [["append",1,3]]
        2 invoke txn _ [["r",1,null]]
        2 ok     txn _ [["r",1,[1,3,2]]]
    "#;
    assert_eq!(held(interleaved, "read-uncommitted"), Valid::False);
    assert_eq!(held(interleaved, "serializable"), Valid::False);
}

/// What a transaction wrote before it read does not follow the read.
#[test]
fn a_write_before_a_read_follows_no_read() {
    let lists = r#"
        0 invoke txn _ [["append",1,1],["r",2,null]]
        1 invoke txn _ [["append",2,2],["r",1,null]]
        0 ok     txn _ [["append",1,1],["r",2,[2]]]
        1 ok     txn _ [["append",2,2],["r",1,[1]]]
    "#;
    let registers = r#"
        0 invoke txn _ [["w",1,1],["r",2,null]]
        1 invoke txn _ [["w",2,2],["r",1,null]]
        0 ok     txn _ [["w",1,1],["r",2,2]]
        1 ok     txn _ [["w",2,2],["r",1,1]]
    "#;
    for history in [lists, registers] {
        assert_eq!(held(history, "writes-follow-reads"), Valid::True);
        assert_eq!(held(history, "read-committed"), Valid::False);
    }
}

/// No write is installed after itself.
#[test]
fn what_its_process_writes_only_later_nobody_has_read() {
    let lists = r#"
        0 invoke txn _ [["r",1,null]]
        0 ok     txn _ [["r",1,[1]]]
        0 invoke txn _ [["append",1,1]]
        0 ok     txn _ [["append",1,1]]
    "#;
    let registers = r#"
        0 invoke txn _ [["r",1,null]]
        0 ok     txn _ [["r",1,1]]
        0 invoke txn _ [["w",1,1]]
        0 ok     txn _ [["w",1,1]]
    "#;
    for history in [lists, registers] {
        assert_eq!(held(history, "writes-follow-reads"), Valid::False);
        assert_eq!(held(history, "monotonic-writes"), Valid::True);
        assert_eq!(held(history, "serializable"), Valid::True);
    }
}

/// A version in the middle of another transaction is one wherever it is read.
#[test]
fn intermediate_versions_are_read_after_own_writes_too() {
    let lists = r#"
        0 invoke txn _ [["append",1,1],["r",1,null]]
        1 invoke txn _ [["append",1,2],["append",1,3]]
        0 ok     txn _ [["append",1,1],["r",1,[1,2]]]
        1 ok     txn _ [["append",1,2],["append",1,3]]
    "#;
    let registers = r#"
        0 invoke txn _ [["w",1,1],["r",1,null]]
        1 invoke txn _ [["w",1,2],["w",1,3]]
        0 ok     txn _ [["w",1,1],["r",1,2]]
        1 ok     txn _ [["w",1,2],["w",1,3]]
    "#;
    for history in [lists, registers] {
        assert_eq!(held(history, "read-committed"), Valid::False);
    }
}

/// An element that only an odd list shows was seen: it need not come last.
#[test]
fn what_an_odd_list_shows_was_seen() {
    let odd = r#"
        0 invoke txn _ [["append",1,1]]
        0 ok     txn _ [["append",1,1]]
        0 invoke txn _ [["append",1,2]]
        0 ok     txn _ [["append",1,2]]
        1 invoke txn _ [["r",1,null]]
        2 invoke txn _ [["r",1,null]]
        1 ok     txn _ [["r",1,[2]]]
        2 ok     txn _ [["r",1,[1]]]
    "#;
    assert_eq!(held(odd, "read-committed"), Valid::False);
    for level in ["monotonic-writes", "strong-read-uncommitted"] {
        assert_ne!(held(odd, level), Valid::False, "{level}");
    }
}
