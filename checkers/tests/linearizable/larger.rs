//! On histories too large for brute force the engines check each other, and every
//! verdict of valid is proven.

use proptest::prelude::*;
use serde_json::json;
use witness_checkers::{KeyBy, Options, Stop, Valid, find, linearize, shrink, verify_proof};
use witness_histories::history;

use crate::{MONITORED, digest, part, random};

/// A run of a register by always busy clients whose writes all differ. `stale` makes
/// one read return what was there that many writes before.
fn register(choices: &[(u8, u8)], clients: usize, stale: Option<(usize, usize)>) -> String {
    let mut lines = Vec::new();
    let mut values = vec!["null".to_owned()];
    let mut open: Vec<Option<(usize, bool, Option<String>)>> = vec![None; clients];
    let mut names: Vec<usize> = (0..clients).collect();
    let mut reads = 0;
    for (at, &(who, what)) in choices.iter().enumerate() {
        let client = usize::from(who) % clients;
        let name = names[client];
        match open[client].take() {
            None => {
                let is_read = what % 2 == 0;
                let argument = if is_read {
                    "null".into()
                } else {
                    (at + 1).to_string()
                };
                let f = if is_read { "read" } else { "write" };
                lines.push(format!("{name} invoke {f} _ {argument}"));
                open[client] = Some((at + 1, is_read, None));
            }
            Some((value, is_read, None)) => {
                reads += usize::from(is_read);
                let back = match stale {
                    Some((nth, back)) if is_read && nth == reads => back,
                    _ => 0,
                };
                let seen = values[values.len().saturating_sub(1 + back)].clone();
                if !is_read {
                    values.push(value.to_string());
                }
                open[client] = Some((value, is_read, Some(seen)));
            }
            Some((value, is_read, Some(seen))) => {
                let f = if is_read { "read" } else { "write" };
                if what % 16 == 1 {
                    lines.push(format!("{name} info {f} _ _ timeout: no answer"));
                    names[client] += clients;
                } else {
                    let result = if is_read { seen } else { value.to_string() };
                    lines.push(format!("{name} ok {f} _ {result}"));
                }
            }
        }
    }
    lines.join("\n")
}

fn named(model: &str) -> Options {
    let mut options = Options::default();
    options.object.model = Some(model.to_owned());
    options
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// Zones against the search. One cas of a key of its own makes zones refuse it.
    #[test]
    fn zones_and_the_search_agree(
        choices in prop::collection::vec(any::<(u8, u8)>(), 1..400),
        clients in 1..7usize,
        stale in prop::option::weighted(0.7, (1..20usize, 1..6usize)),
    ) {
        let lines = register(&choices, clients, stale);
        prop_assume!(!lines.is_empty());
        let simple = digest(&history(&lines).unwrap());
        let (by_zones, proof) = linearize(&simple, &named("register"));
        let forced = format!("{lines}\n1000000 invoke cas _ [-1,-2]\n1000000 fail cas _ [-1,-2]");
        let forced = digest(&history(&forced).unwrap());
        let (by_search, searched) = linearize(&forced, &named("cas-register"));
        prop_assert_eq!(by_zones.valid, by_search.valid, "{}", lines);
        if by_zones.valid == Valid::True {
            prop_assert_eq!(verify_proof(&simple, &named("register"), &proof.unwrap()), Ok(()));
            prop_assert_eq!(verify_proof(&forced, &named("cas-register"), &searched.unwrap()), Ok(()));
        } else {
            for digest_of in [&simple, &forced] {
                let options = named("cas-register");
                let events = shrink(digest_of, &options).unwrap();
                let whole = if std::ptr::eq(digest_of, &simple) {
                    history(&lines).unwrap()
                } else {
                    history(&format!("{lines}\n1000000 invoke cas _ [-1,-2]\n1000000 fail cas _ [-1,-2]")).unwrap()
                };
                let small = digest(&part(&whole, &events));
                prop_assert_eq!(linearize(&small, &options).0.valid, Valid::False);
            }
        }
    }

    /// Uncertain clocks accuse no more, what was right stays so, and an hour accuses none; but
    /// what no order of each process explains is never right.
    #[test]
    fn uncertain_clocks_forgive(
        choices in prop::collection::vec(any::<(u8, u8)>(), 1..200),
        stale in prop::option::weighted(0.7, (1..20usize, 1..6usize)),
    ) {
        let lines = register(&choices, 4, stale);
        prop_assume!(!lines.is_empty());
        let digest_of = digest(&history(&lines).unwrap());
        let mut options = named("register");
        let exact = linearize(&digest_of, &options).0.valid;
        let sequential = find("sequential").unwrap().check(&digest_of, &options).valid;
        let mut before = exact;
        for uncertainty_ns in [1, 2_000, 20_000, 3_600_000_000_000] {
            options.object.clock_uncertainty_ns = uncertainty_ns;
            let (verdict, proof) = linearize(&digest_of, &options);
            let accused_before = before == Valid::False;
            prop_assert!(accused_before || verdict.valid != Valid::False, "{:?}", verdict);
            prop_assert!(exact != Valid::True || verdict.valid == Valid::True, "{:?}", verdict);
            let is_right = verdict.valid == Valid::True;
            prop_assert!(!is_right || sequential != Valid::False, "{:?}", verdict);
            if let Some(proof) = proof {
                prop_assert_eq!(verify_proof(&digest_of, &options, &proof), Ok(()));
            }
            before = verdict.valid;
        }
        prop_assert_ne!(before, Valid::False);
    }
}

/// Nobody's clock makes a process forget what it wrote; that another's did not see it yet may be a
/// clock's fault.
#[test]
fn a_process_knows_its_own_order() {
    let own = "0 invoke write _ 1\n0 ok write _ 1\n0 invoke write _ 2\n0 ok write _ 2\n";
    let valid = |lines: &str, uncertainty_ns: u64| {
        let mut options = named("register");
        options.object.clock_uncertainty_ns = uncertainty_ns;
        let digest_of = digest(&history(lines).unwrap());
        ["linearizable", "staleness", "regular"]
            .map(|checker| find(checker).unwrap().check(&digest_of, &options).valid)
    };
    let own_read = format!("{own}0 invoke read\n0 ok read _ 1");
    assert_eq!(valid(&own_read, 0), [Valid::False; 3]);
    assert_eq!(valid(&own_read, 60_000_000_000), [Valid::False; 3]);
    let beside = format!("{own_read}\n1 invoke read\n1 ok read _ 1");
    assert_eq!(valid(&beside, 60_000_000_000), [Valid::Unknown; 3]);
    let others_read = format!("{own}1 invoke read\n1 ok read _ 1");
    assert_eq!(valid(&others_read, 0), [Valid::False; 3]);
    assert_eq!(valid(&others_read, 2_000), [Valid::True; 3]);
}

/// What changes nothing, but what no monitor decides: a value that is put in twice, or
/// an addition that does not tell whether it changed the set.
fn distraction(model: &str) -> String {
    let twice = |put: &str, take: &str| {
        let once = format!(
            "999 invoke {put} _ -1\n999 ok {put} _ -1\n999 invoke {take}\n999 ok {take} _ -1\n"
        );
        once.repeat(2)
    };
    match model {
        "stack" => twice("push", "pop"),
        "priority-queue" => twice("insert", "delete-min"),
        "set" => {
            "999 invoke add _ -1\n999 ok add\n999 invoke remove _ -1\n999 ok remove\n".to_owned()
        }
        _ => twice("enqueue", "dequeue"),
    }
}

/// Monitors against the search, on histories beyond the oracle: with unresolved
/// operations, both verdicts.
#[test]
fn monitors_and_the_search_agree() {
    use proptest::test_runner::{Config, RngSeed, TestRunner};
    let cases = crate::cases() / 4;
    for model in MONITORED {
        let config = Config {
            cases,
            rng_seed: RngSeed::Fixed(2027),
            failure_persistence: None,
            ..Config::default()
        };
        let choices = prop::collection::vec(any::<u8>(), 40..160);
        let [valid, violated] = [0, 0].map(std::cell::Cell::new);
        let mut options = named(model);
        options.object.steps_max = 10_000;
        let result = TestRunner::new(config).run(&choices, |mut choices| {
            // Values differ.
            choices[0] = 0;
            let lines = random::case(model, &choices, 14).shorthand();
            let plain = digest(&history(&lines).unwrap());
            let monitored = find("linearizable").unwrap().check(&plain, &named(model));
            prop_assume!(!lines.is_empty());
            let distracted = format!("{}{lines}", distraction(model));
            let distracted = digest(&history(&distracted).unwrap());
            let searched = find("linearizable").unwrap().check(&distracted, &options);
            if searched.valid == Valid::Unknown {
                return Ok(());
            }
            prop_assert_eq!(monitored.valid, searched.valid, "{}", lines);
            let count = if searched.valid == Valid::False {
                &violated
            } else {
                &valid
            };
            count.set(count.get() + 1);
            Ok(())
        });
        if let Err(error) = result {
            panic!("{model}: {error}");
        }
        for (count, what) in [(valid, "valid"), (violated, "violated")] {
            let count = count.get();
            assert!(
                count * 6 > cases,
                "{model}: only {count} of {cases} are {what}"
            );
        }
    }
}

#[test]
fn more_than_128_operations_may_be_open_at_once() {
    // All but one write 1; somebody reads each value, in an order that fits, or not.
    for (last, valid) in [("1", Valid::True), ("3", Valid::False)] {
        let mut lines: Vec<String> = (0..300).map(|n| format!("{n} invoke write _ 1")).collect();
        lines.push("300 invoke write _ 2\n301 invoke read\n301 ok read _ 2".into());
        lines.extend((0..300).map(|n| format!("{n} ok write _ 1")));
        lines.push(format!("302 invoke read\n302 ok read _ {last}"));
        let digest_of = digest(&history(&lines.join("\n")).unwrap());
        let (verdict, proof) = linearize(&digest_of, &named("register"));
        assert_eq!(verdict.valid, valid, "{verdict:?}");
        if let Some(proof) = proof {
            assert_eq!(verify_proof(&digest_of, &named("register"), &proof), Ok(()));
        }
    }
}

/// Values put in by many clients at once, one of them twice if `repeated`, and another
/// value taken out.
fn hard(repeated: bool) -> String {
    let value = |n: u32| if repeated { n.max(1) } else { n };
    let mut lines = Vec::new();
    for n in 0..24 {
        lines.push(format!("{n} invoke enqueue _ {}", value(n)));
    }
    lines.extend((0..24).map(|n| format!("{n} ok enqueue _ {}", value(n))));
    lines.push("0 invoke dequeue\n0 ok dequeue _ 77".into());
    lines.join("\n")
}

#[test]
fn a_budget_ends_in_unknown_and_says_how_far_it_came() {
    let digest_of = digest(&history(&hard(true)).unwrap());
    let mut options = named("fifo-queue");
    options.object.steps_max = 5_000;
    let verdict = linearize(&digest_of, &options).0;
    assert_eq!(verdict.valid, Valid::Unknown);
    assert_eq!(
        verdict.notes[0],
        "the search gave up after 5000 search steps: it had explained the first 24 of 25 completed operations"
    );
    options.object.steps_max = u64::MAX;
    options.object.memory_bytes_max = 16 << 20;
    let verdict = linearize(&digest_of, &options).0;
    assert_eq!(verdict.valid, Valid::Unknown);
    assert!(
        verdict.notes[0].contains("after 16 MiB of memory"),
        "{verdict:?}"
    );
    options.object.stop = Stop::when(|| true);
    let verdict = linearize(&digest_of, &options).0;
    assert!(verdict.notes[0].contains("when time was up"), "{verdict:?}");
}

#[test]
fn a_monitor_needs_no_search_where_values_differ() {
    let digest_of = digest(&history(&hard(false)).unwrap());
    let mut options = named("fifo-queue");
    options.object.steps_max = 5_000;
    let verdict = linearize(&digest_of, &options).0;
    assert_eq!(verdict.valid, Valid::False);
    assert_eq!(
        verdict.anomalies[0].explanation,
        "Process 0's dequeue of 77 (events 48 to 49) fits nowhere: by the time that it returned, in every order of what came before among these operations, there is nothing in it, and dequeue of 77 cannot happen then. This operation alone is enough to show it, of 25."
    );
    // Thousands of values pushed at once, and popped in any order.
    let mut lines: Vec<String> = (0..3_000)
        .map(|n| format!("{n} invoke push _ {n}"))
        .collect();
    lines.extend((0..3_000).map(|n| format!("{n} ok push _ {n}")));
    lines.extend((0..3_000).map(|n| format!("{n} invoke pop")));
    lines.extend((0..3_000).map(|n| format!("{n} ok pop _ {}", n * 7 % 3_000)));
    let digest_of = digest(&history(&lines.join("\n")).unwrap());
    options.object.model = Some("stack".into());
    options.object.steps_max = 1;
    let verdict = find("linearizable").unwrap().check(&digest_of, &options);
    assert_eq!(verdict.valid, Valid::True, "{verdict:?}");
}

#[test]
fn a_proof_with_a_flaw_is_refused() {
    let digest_of = digest(
        &history("0 invoke write x 1\n0 ok write x 1\n1 invoke write x 2\n2 invoke read x\n1 ok write x 2\n2 ok read x 2\n3 invoke write x 9")
            .unwrap(),
    );
    let options = named("register");
    let proof = linearize(&digest_of, &options).1.unwrap();
    assert_eq!(proof.orders[0].operations, [0, 2, 3]);
    for (order, flaw) in [
        (
            vec![0, 2],
            "the operation of event 3 happened, and is not there",
        ),
        (vec![0, 2, 3, 3], "the operation of event 3 is there twice"),
        (
            vec![0, 3, 2],
            "the operation of event 3 cannot happen where it stands",
        ),
        (
            vec![2, 0, 3],
            "the operation of event 0 had returned before one that stands before it was called",
        ),
        (
            vec![0, 2, 3, 4],
            "event 4 invoked no operation of this object that can have happened",
        ),
    ] {
        let mut flawed = proof.clone();
        flawed.orders[0].operations = order;
        let found = verify_proof(&digest_of, &options, &flawed).unwrap_err();
        assert_eq!(found.to_string(), flaw);
    }
    let mut whole = options.clone();
    whole.object.key_by = KeyBy::Whole;
    assert!(
        verify_proof(&digest_of, &whole, &proof).is_err(),
        "another object"
    );
    let mut other = options;
    other.object.initial = Some(json!(2).into());
    assert_eq!(verify_proof(&digest_of, &other, &proof), Ok(()));
}

/// Nobody can tell by which of two writes a value came to be there, nor whether it was there from
/// the beginning; where nobody saw it that is all one.
#[test]
fn values_that_nobody_read_hide_no_zones() {
    let writes = |value: fn(usize) -> usize| {
        let mut lines: Vec<String> = (0..300)
            .map(|n| format!("{n} invoke write _ {}", value(n)))
            .collect();
        lines.extend((0..150).map(|n| format!("{n} ok write _ {}", value(n))));
        for read in [7, 299, 7] {
            lines.push(format!("1000 invoke read\n1000 ok read _ {read}"));
        }
        lines.join("\n")
    };
    let mut options = named("cas-register");
    options.object.initial = Some(json!(0).into());
    options.object.steps_max = 0;
    // 0 is the initial one, and every third value is 1000.
    let values: [fn(usize) -> usize; 2] = [|n| n, |n| if n % 3 == 0 { 1000 } else { n }];
    for value in values {
        let digest_of = digest(&history(&writes(value)).unwrap());
        let verdict = linearize(&digest_of, &options).0;
        assert_eq!(verdict.valid, Valid::False, "{verdict:?}");
        let text = &verdict.anomalies[0].explanation;
        assert!(text.contains("No moment is left"), "{text}");
    }
    // One that was read may be of either write.
    let twice = "0 invoke write _ 1\n0 ok write\n0 invoke write _ 2\n0 ok write\n0 invoke write _ 1\n0 ok write\n0 invoke read\n0 ok read _ 1";
    let verdict = linearize(&digest(&history(twice).unwrap()), &named("register")).0;
    assert_eq!(verdict.valid, Valid::True);
}
