//! What is recorded, in what order, and what happens when it cannot be.

use std::fs;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::json;
use serde_json::value::RawValue;

use super::{Author, Client, Note, OpenOperation, RecordError, Recorder, Stamping};
use crate::{Clock, Completion, Error, History, Key, Kind};

/// A recorder into a new directory, which lives as long as the first part.
fn recorder() -> (tempfile::TempDir, Recorder) {
    let directory = tempfile::tempdir().unwrap();
    let recorder = Recorder::create(directory.path().join("history.jsonl")).unwrap();
    (directory, recorder)
}

/// The lines without their times, which no test knows.
fn lines(recorder: &Recorder) -> Vec<String> {
    let untimed = |line: &str| {
        let (index, rest) = line.split_once(",\"time\":").unwrap();
        format!(
            "{index}{}",
            rest.trim_start_matches(|c: char| c.is_ascii_digit())
        )
    };
    fs::read_to_string(recorder.path())
        .unwrap()
        .lines()
        .map(untimed)
        .collect()
}

#[test]
fn operations_are_recorded_as_they_are_saved() {
    let (_directory, recorder) = recorder();
    let mut here = recorder.client(Some("us-east-1"));
    let mut there = recorder.client(None);
    let sold = here
        .invoke("acquire", Some(Key::from("A1")), &json!({"buyer": "b0"}))
        .unwrap();
    assert_eq!((sold.index(), sold.process()), (0, 0));
    let refused = there
        .invoke("acquire", Some(Key::from("A1")), &json!({"buyer": "b1"}))
        .unwrap();
    sold.ok(&json!({"buyer": "b0", "sale_id": "01JD"}), Some(2))
        .unwrap();
    assert_eq!(
        refused.fail(Error::new("rejected", "sold"), None).unwrap(),
        3
    );
    here.invoke("read", None, &())
        .unwrap()
        .info(Error::new("timeout", "5 s"), Some(1))
        .unwrap();
    assert_eq!(
        lines(&recorder),
        [
            r#"{"index":0,"type":"invoke","process":0,"region":"us-east-1","f":"acquire","key":"A1","value":{"buyer":"b0"}}"#,
            r#"{"index":1,"type":"invoke","process":1,"f":"acquire","key":"A1","value":{"buyer":"b1"}}"#,
            r#"{"index":2,"type":"ok","process":0,"region":"us-east-1","f":"acquire","key":"A1","value":{"buyer":"b0","sale_id":"01JD"},"attempts":2}"#,
            r#"{"index":3,"type":"fail","process":1,"f":"acquire","key":"A1","value":{"buyer":"b1"},"error":{"class":"rejected","message":"sold"}}"#,
            r#"{"index":4,"type":"invoke","process":0,"region":"us-east-1","f":"read","value":null}"#,
            r#"{"index":5,"type":"info","process":0,"region":"us-east-1","f":"read","value":null,"error":{"class":"timeout","message":"5 s"},"attempts":1}"#,
        ]
    );
    assert_eq!(recorder.finish().unwrap(), 6);
}

#[test]
fn notes_are_recorded_as_they_are_saved() {
    let (_directory, recorder) = recorder();
    let evidence = Note {
        author: Author::Witness,
        kind: Kind::Info,
        region: Some("us-east-1"),
        f: "evidence",
        key: None,
        value: &json!({"table": "ledger"}),
        error: Some(Error::new("unreachable", "refused")),
    };
    assert_eq!(recorder.note(evidence).unwrap(), 0);
    // Indented by hand; it must stay one line.
    let indented = RawValue::from_string("{\n  \"cut\": true\n}".to_owned()).unwrap();
    let partition = Note {
        author: Author::Nemesis,
        kind: Kind::Ok,
        region: None,
        f: "partition",
        key: Some(Key::Int(7)),
        value: &indented,
        error: None,
    };
    assert_eq!(recorder.note(partition).unwrap(), 1);
    assert_eq!(
        lines(&recorder),
        [
            r#"{"index":0,"type":"info","process":"witness","region":"us-east-1","f":"evidence","value":{"table":"ledger"},"error":{"class":"unreachable","message":"refused"}}"#,
            r#"{"index":1,"type":"ok","process":"nemesis","f":"partition","key":7,"value":{   "cut": true }}"#,
        ]
    );
}

#[test]
fn after_not_knowing_a_client_goes_on_under_a_new_process() {
    let (_directory, recorder) = recorder();
    let mut client = recorder.client(None);
    client
        .invoke("write", None, &1)
        .unwrap()
        .fail(Error::new("conflict", ""), None)
        .unwrap();
    client
        .invoke("write", None, &2)
        .unwrap()
        .ok(&2, None)
        .unwrap();
    assert_eq!(client.process(), 0);
    client
        .invoke("write", None, &3)
        .unwrap()
        .info(Error::new("timeout", ""), None)
        .unwrap();
    assert_eq!(client.process(), 1);
    drop(client.invoke("write", None, &4).unwrap());
    assert_eq!(client.process(), 2);
    assert_eq!(recorder.client(None).process(), 3);
    client
        .invoke("write", None, &5)
        .unwrap()
        .ok(&5, None)
        .unwrap();
    assert_eq!(recorder.finish().unwrap(), 9);

    let history = History::read(recorder.path()).unwrap();
    let completions: Vec<_> = history.operations().map(|op| op.completion()).collect();
    use Completion::{Fail, Info, Ok};
    assert_eq!(completions, [Fail, Ok, Info, Info, Ok]);
    let open: Vec<_> = history
        .operations()
        .map(|op| op.completed().is_none())
        .collect();
    assert_eq!(open, [false, false, false, true, false]);
}

#[test]
fn a_history_is_never_overwritten() {
    let (_directory, recorder) = recorder();
    let error = Recorder::create(recorder.path()).unwrap_err();
    let name = recorder.path().display();
    let message = format!("{name}: already exists; a history is never overwritten");
    assert_eq!(error.to_string(), message);
    let error = Recorder::create("no/such/history.jsonl").unwrap_err();
    let message = "no/such/history.jsonl: No such file or directory (os error 2)";
    assert_eq!(error.to_string(), message);
}

#[test]
fn nothing_is_recorded_after_the_end() {
    let (_directory, recorder) = recorder();
    let mut client = recorder.clone().client(None);
    let open = client.invoke("read", None, &()).unwrap();
    assert_eq!(recorder.finish().unwrap(), 1);
    let error = open.ok(&(), None).unwrap_err();
    let message = format!("{}: the recording is finished", recorder.path().display());
    assert_eq!(error.to_string(), message);
    assert_eq!(recorder.finish().unwrap(), 1);
    assert_eq!(lines(&recorder).len(), 1);
}

#[test]
fn a_value_that_is_no_json_is_refused_and_the_recording_goes_on() {
    let (_directory, recorder) = recorder();
    let mut client = recorder.client(None);
    let no_json = std::collections::HashMap::from([(vec![1], 2)]);
    let error = client.invoke("write", None, &no_json).unwrap_err();
    let name = recorder.path().display();
    assert_eq!(
        error.to_string(),
        format!("{name}: value of \"write\": key must be a string")
    );
    assert!(matches!(error, RecordError::Value { .. }));
    let open = client.invoke("write", None, &1).unwrap();
    assert!(open.ok(&no_json, None).is_err());
    assert_eq!((client.process(), recorder.finish().unwrap()), (1, 1));
}

#[test]
fn clients_and_their_operations_go_where_tasks_go() {
    fn sent<T: Send>() {}
    fn shared<T: Send + Sync + Clone>() {}
    sent::<Client>();
    sent::<OpenOperation<'static>>();
    shared::<Recorder>();
}

/// The file's order is real time's: what was completed before another was
/// invoked comes first. Each thread asks what is completed before it invokes.
#[test]
fn sixteen_threads_record_one_history_in_real_time_order() {
    const THREADS: u64 = 16;
    const OPERATIONS: u64 = 200;
    let (_directory, recorder) = recorder();
    let completed = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (recorder, completed) = (recorder.clone(), &completed);
            scope.spawn(move || {
                let mut client = recorder.client(None);
                for number in 0..OPERATIONS {
                    let before = completed.load(Ordering::SeqCst);
                    let op = client
                        .invoke("write", Some(Key::Int(7)), &[thread, number])
                        .unwrap();
                    assert!(before == 0 || op.index() > before);
                    let index = match number % 3 {
                        0 => op.ok(&before, None),
                        1 => op.fail(Error::new("conflict", "c"), None),
                        _ => op.info(Error::new("timeout", "t"), None),
                    };
                    completed.fetch_max(index.unwrap(), Ordering::SeqCst);
                }
            });
        }
    });
    assert_eq!(recorder.finish().unwrap(), THREADS * OPERATIONS * 2);

    // Reading validates: indices, times, one open operation a process.
    let history = History::read(recorder.path()).unwrap();
    assert_eq!(history.len() as u64, THREADS * OPERATIONS * 2);
    assert!(history.warnings().is_empty());
    for thread in 0..THREADS {
        let mine = format!("[{thread},");
        let ops: Vec<_> = history
            .operations()
            .filter(|op| {
                let value = op.invocation().value.as_ref();
                value.is_some_and(|value| value.get().starts_with(&mine))
            })
            .collect();
        assert_eq!(ops.len() as u64, OPERATIONS);
        // A thread's own order is kept, whatever its process was called.
        for (number, op) in ops.iter().enumerate() {
            let value = op.invocation().value.as_ref().unwrap();
            assert_eq!(value.get(), format!("[{thread},{number}]"));
        }
        // What was known to be completed comes before.
        for op in ops.iter().filter(|op| op.completion() == Completion::Ok) {
            let before: u64 = op
                .completed()
                .unwrap()
                .value
                .as_ref()
                .unwrap()
                .get()
                .parse()
                .unwrap();
            assert!(before == 0 || before < op.index());
        }
    }
}

/// Whatever was recorded is in the file already: nothing waits in memory.
#[test]
fn an_event_is_in_the_file_when_the_call_returns() {
    let (_directory, recorder) = recorder();
    let mut client = recorder.client(None);
    for number in 0..5 {
        let op = client.invoke("write", None, &number).unwrap();
        assert_eq!(lines(&recorder).len(), 2 * number + 1);
        op.ok(&number, None).unwrap();
        assert_eq!(lines(&recorder).len(), 2 * number + 2);
    }
}

/// A clock that does not know says nothing, and the next event has its own again.
#[test]
fn every_event_carries_what_the_clock_says_in_its_turn() {
    const EVENTS: u64 = 400;
    let directory = tempfile::tempdir().unwrap();
    let asked = AtomicU64::new(0);
    let stamping = Stamping::by(move || {
        let turn = asked.fetch_add(1, Ordering::Relaxed);
        (turn % 3 != 1).then(|| Clock::about(turn as i64 * 10, 2))
    });
    let path = directory.path().join("history.jsonl");
    let recorder = Recorder::create_stamping(path, Some(stamping.named("east"))).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut client = recorder.client(None);
                for number in 0..EVENTS / 8 {
                    let op = client.invoke("write", None, &number).unwrap();
                    op.ok(&number, None).unwrap();
                }
            });
        }
    });
    let history = History::read(recorder.path()).unwrap();
    assert_eq!(history.len() as u64, EVENTS);
    for (event, turn) in history.events().zip(0..) {
        let clock = (turn % 3 != 1).then(|| Clock::about(turn * 10, 2));
        assert_eq!((event.clock(), event.recorder()), (clock, Some("east")));
    }
}
