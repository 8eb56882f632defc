//! How many events a second are recorded, invocation and completion of small
//! operations, by many threads at once into a file in the temporary directory
//! (`TMPDIR` chooses the disk).

use divan::Bencher;
use divan::counter::ItemsCount;
use serde::Serialize;
use witness_histories::{Error, Key, Recorder};

/// Operations of each thread in one sample; each is two events.
const OPERATIONS: usize = 2_000;

fn main() {
    divan::main();
}

#[derive(Serialize)]
struct Purchase<'a> {
    buyer: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    sale_id: Option<&'a str>,
}

#[divan::bench(sample_count = 20, sample_size = 1, args = [1, 8, 64])]
fn record(bencher: Bencher<'_, '_>, threads: usize) {
    bencher
        .counter(ItemsCount::new(threads * OPERATIONS * 2))
        .with_inputs(|| {
            let dir = tempfile::tempdir().expect("a directory");
            let recorder = Recorder::create(dir.path().join("history.jsonl")).expect("a file");
            (dir, recorder)
        })
        .bench_refs(|(_, recorder)| {
            std::thread::scope(|scope| {
                for _ in 0..threads {
                    scope.spawn(|| client(recorder));
                }
            });
        });
}

fn client(recorder: &Recorder) {
    let mut client = recorder.client(Some("us-east-1"));
    for number in 0..OPERATIONS {
        let asked = Purchase {
            buyer: "b1234",
            sale_id: None,
        };
        let op = client
            .invoke("acquire", Some(Key::from("A1")), &asked)
            .expect("recorded");
        if number % 60 == 0 {
            let sold = Purchase {
                sale_id: Some("01JD8XQ3T5V7W9Y0Z1A2B3C4D5"),
                ..asked
            };
            op.ok(&sold, Some(1)).expect("recorded");
        } else {
            op.fail(Error::new("rejected", "sold"), Some(1))
                .expect("recorded");
        }
    }
}
