//! How long it takes to decide linearizability, from a history in memory or a file.
//!
//! `cargo bench -p witness-checkers --bench linearizable`; `--ignored` adds ten million
//! operations. Histories that others recorded of etcd are read where `WITNESS_PEERS` says,
//! or at `../shared/peers` from the project's root; where they are absent, so are their rows.

mod histories;

use std::collections::BTreeMap;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use divan::Bencher;
use histories::Run;
use serde_json::{Value, json};
use witness_checkers::{
    Call, Checker, Digest, DigestBuilder, KeyBy, LinearizableBy, Model, Options, Valid, find,
};
use witness_histories::Reader;

fn main() {
    divan::main();
}

fn options(run: &Run) -> Options {
    let mut options = Options::default();
    let model = if run.cas { "cas-register" } else { "register" };
    options.object.model = Some(model.to_owned());
    options.object.initial = Some(json!(0).into());
    options
}

fn digest<R: std::io::Read>(mut reader: Reader<R>) -> Digest {
    let mut builder = DigestBuilder::new(find("linearizable"));
    while let Ok(Some(event)) = reader.next() {
        builder.event(&event).expect("an operation");
    }
    builder.finish().expect("a history")
}

fn decide(digest: &Digest, options: &Options) -> Valid {
    let checker = find("linearizable").expect("it is registered");
    checker.check(digest, options).valid
}

/// Decides a history that is in memory.
fn in_memory(bencher: Bencher<'_, '_>, run: Run) {
    let mut lines = Vec::new();
    histories::write(&run, &mut lines).expect("memory");
    let (digest, options) = (digest(Reader::new("bench", &*lines)), options(&run));
    let expected = match run.stale {
        true => Valid::False,
        false => Valid::True,
    };
    bencher.bench(|| assert_eq!(decide(&digest, &options), expected));
}

/// Reads a file and decides.
fn from_file(bencher: Bencher<'_, '_>, run: Run) {
    let path: PathBuf = std::env::temp_dir().join(format!("witness-bench-{}", std::process::id()));
    let mut file = BufWriter::new(std::fs::File::create(&path).expect("a temporary file"));
    histories::write(&run, &mut file).expect("room");
    drop(file);
    let options = options(&run);
    bencher.bench(|| {
        let digest = digest(Reader::open(&path).expect("the file"));
        assert_eq!(decide(&digest, &options), Valid::True);
    });
    let _ = std::fs::remove_file(path);
}

#[divan::bench(args = [10, 30, 100])]
fn register_10_000_valid(bencher: Bencher<'_, '_>, clients: usize) {
    in_memory(bencher, Run::distinct(10_000, clients));
}

#[divan::bench(args = [10, 30, 100])]
fn register_10_000_stale(bencher: Bencher<'_, '_>, clients: usize) {
    let stale = true;
    in_memory(
        bencher,
        Run {
            stale,
            ..Run::distinct(10_000, clients)
        },
    );
}

#[divan::bench(sample_count = 5)]
fn register_1_000_000_from_file(bencher: Bencher<'_, '_>) {
    from_file(bencher, Run::distinct(1_000_000, 30));
}

#[divan::bench(sample_count = 1, ignore)]
fn register_10_000_000_over_1_000_keys_from_file(bencher: Bencher<'_, '_>) {
    let keys = 1_000;
    from_file(
        bencher,
        Run {
            keys,
            ..Run::distinct(10_000_000, 30)
        },
    );
}

#[divan::bench]
fn cas_10_000_by_10(bencher: Bencher<'_, '_>) {
    in_memory(bencher, Run::cas(10_000, 10));
}

#[divan::bench(sample_count = 10)]
fn cas_10_000_by_10_stale(bencher: Bencher<'_, '_>) {
    let stale = true;
    in_memory(
        bencher,
        Run {
            stale,
            ..Run::cas(10_000, 10)
        },
    );
}

#[divan::bench]
fn cas_1_000_by_30(bencher: Bencher<'_, '_>) {
    in_memory(bencher, Run::cas(1_000, 30));
}

#[divan::bench(sample_count = 1)]
fn cas_1_000_by_30_stale(bencher: Bencher<'_, '_>) {
    let (stale, seed) = (true, 1);
    in_memory(
        bencher,
        Run {
            stale,
            seed,
            ..Run::cas(1_000, 30)
        },
    );
}

#[divan::bench(args = [10, 30], sample_count = 10)]
fn cas_10_000_with_5_percent_info(bencher: Bencher<'_, '_>, clients: usize) {
    let info_percent = 5;
    in_memory(
        bencher,
        Run {
            info_percent,
            ..Run::cas(10_000, clients)
        },
    );
}

/// The histories of etcd that there are, by name.
fn etcd() -> Vec<String> {
    let entries = std::fs::read_dir(peers()).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let mut names: Vec<String> = names.filter(|name| name.starts_with("etcd_")).collect();
    names.sort_unstable();
    names
}

fn peers() -> PathBuf {
    let peers = std::env::var_os("WITNESS_PEERS").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/peers"),
        PathBuf::from,
    );
    peers.join("porcupine")
}

fn recorded(name: &str) -> (Digest, Options) {
    let mut options = Options::default();
    options.object.model = Some("cas-register".to_owned());
    let reader = Reader::open(peers().join(name)).expect("the file");
    (digest(reader), options)
}

/// All of them, one after the other, read beforehand: the verdict with what shows a
/// violation, as `witness check` gives it.
#[divan::bench(args = Some(etcd().len()).filter(|&files| files > 0))]
fn etcd_files(bencher: Bencher<'_, '_>, files: usize) {
    all_of_etcd(bencher, files, true);
}

/// The same, where a violation is not made small: what other checkers do.
#[divan::bench(args = Some(etcd().len()).filter(|&files| files > 0))]
fn etcd_files_decided(bencher: Bencher<'_, '_>, files: usize) {
    all_of_etcd(bencher, files, false);
}

fn all_of_etcd(bencher: Bencher<'_, '_>, files: usize, small_witness: bool) {
    let mut files: Vec<_> = etcd()
        .iter()
        .take(files)
        .map(|name| recorded(name))
        .collect();
    for (_, options) in &mut files {
        options.object.small_witness = small_witness;
    }
    bencher.bench(|| {
        let decided = files
            .iter()
            .map(|(digest, options)| decide(digest, options));
        assert_eq!(decided.filter(|&valid| valid == Valid::Unknown).count(), 0);
    });
}

#[divan::bench(args = etcd(), sample_count = 20)]
fn etcd_file(bencher: Bencher<'_, '_>, name: &str) {
    let (digest, options) = recorded(name);
    bencher.bench(|| decide(&digest, &options));
}

const KV: [&str; 2] = ["c10-ok.txt", "c10-bad.txt"];

fn kv(name: &str) -> (Digest, Options, Valid) {
    let mut options = Options::default();
    options.object.model = Some("kv".to_owned());
    options.object.key_by = KeyBy::Whole;
    let reader = Reader::open(peers().join(name)).expect("the file");
    let expected = match name == KV[0] {
        true => Valid::True,
        false => Valid::False,
    };
    (digest(reader), options, expected)
}

/// Keys and values as one object, whose parts the model knows.
#[divan::bench(args = KV.iter().filter(|name| peers().join(name).exists()))]
fn kv_file(bencher: Bencher<'_, '_>, name: &str) {
    let (digest, options, expected) = kv(name);
    bencher.bench(|| assert_eq!(decide(&digest, &options), expected));
}

/// The same by a model that knows of no parts: all keys are searched together.
#[divan::bench(args = KV.iter().filter(|name| peers().join(name).exists()), sample_count = 20)]
fn kv_file_unsplit(bencher: Bencher<'_, '_>, name: &str) {
    let (digest, mut options, expected) = kv(name);
    options.object.small_witness = false;
    let checker = LinearizableBy(Store);
    bencher.bench(|| assert_eq!(checker.check(&digest, &options).valid, expected));
}

struct Store;

#[derive(Clone, PartialEq, Eq, Hash)]
enum What {
    Get(String),
    Put(String),
    Append(String),
}

impl Model for Store {
    type State = BTreeMap<String, String>;
    type Op = (String, What);
    type Next = Option<BTreeMap<String, String>>;

    fn name(&self) -> &str {
        "store"
    }

    fn initial(&self) -> Self::State {
        BTreeMap::new()
    }

    fn operation(&self, call: &Call<'_>) -> Result<Option<Self::Op>, String> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let what = match call.f {
            "get" if !call.happened() => return Ok(None),
            "get" => What::Get(text(call.result)),
            "put" => What::Put(text(call.argument)),
            "append" => What::Append(text(call.argument)),
            _ => return Err(call.unexpected("get, put or append")),
        };
        Ok(Some((
            call.key.map(Value::to_string).unwrap_or_default(),
            what,
        )))
    }

    fn step(&self, store: &Self::State, (key, what): &Self::Op) -> Self::Next {
        let stored = store.get(key).map_or("", String::as_str);
        let with = |text: String| {
            let mut store = store.clone();
            store.insert(key.clone(), text);
            store
        };
        match what {
            What::Get(text) => (stored == text).then(|| store.clone()),
            What::Put(text) => Some(with(text.clone())),
            What::Append(text) => Some(with([stored, text].concat())),
        }
    }

    fn read_only(&self, (_, what): &Self::Op) -> bool {
        matches!(what, What::Get(_))
    }

    fn describe_state(&self, store: &Self::State) -> String {
        format!("{store:?}")
    }

    fn describe(&self, (key, _): &Self::Op) -> String {
        key.clone()
    }
}
