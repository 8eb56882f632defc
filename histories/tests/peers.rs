//! Histories that porcupine, Knossos, Elle and Jepsen recorded, read where they
//! lie: `WITNESS_PEERS`, or else `../shared/peers` beside the project. One trial a
//! file; where they are absent, one trial that shows itself as ignored.

use std::fs;
use std::path::{Path, PathBuf};

use libtest_mimic::{Arguments, Failed, Trial};
use witness_histories::{Format, Reader, Warning, Writer, convert};

fn main() {
    let arguments = Arguments::from_args();
    let found = peers().map(|root| trials(&root));
    let trials = found.unwrap_or_else(|| {
        let absent = Trial::test("peers_are_absent_set_WITNESS_PEERS", || Ok(()));
        vec![absent.with_ignored_flag(true)]
    });
    libtest_mimic::run(&arguments, trials).exit();
}

fn peers() -> Option<PathBuf> {
    let root = match std::env::var_os("WITNESS_PEERS") {
        Some(named) => PathBuf::from(named),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/peers"),
    };
    root.join("expected.tsv").is_file().then_some(root)
}

/// One trial for each line of the table.
fn trials(root: &Path) -> Vec<Trial> {
    let table = fs::read_to_string(root.join("expected.tsv")).expect("a table");
    table
        .lines()
        .skip(1)
        .map(|line| {
            let mut columns = line.split('\t').map(str::to_owned);
            let mut column = || columns.next().expect("a column");
            let (file, format) = (column(), column());
            let path = root.join(&file);
            Trial::test(file, move || read(&path, &format))
        })
        .collect()
}

fn read(path: &Path, format: &str) -> Result<(), Failed> {
    let bytes = fs::read(path)?;
    let (events, lines) = lines(Reader::new("peer", &*bytes), format)?;
    assert_eq!(events, count(&bytes, format), "events");
    assert!(events > 0);
    // The same from any other format, and nothing left to supply.
    for to in [Format::JsonLines, Format::Json, Format::Edn] {
        let mut other = Vec::new();
        let mut reader = Reader::new("peer", &*bytes);
        assert_eq!(
            convert(&mut reader, Writer::new("other", &mut other, to)?)?,
            events
        );
        let reader = Reader::new("other", &*other);
        let mut again = Vec::new();
        let mut reader = reader;
        convert(
            &mut reader,
            Writer::new("again", &mut again, Format::JsonLines)?,
        )?;
        assert_eq!(reader.format(), Some(to));
        assert_eq!(reader.warnings(), []);
        assert_eq!(String::from_utf8(again)?, compact(&lines), "by {to}");
    }
    Ok(())
}

/// The events as JSON Lines.
fn lines(mut reader: Reader<&[u8]>, format: &str) -> Result<(u64, String), Failed> {
    let mut lines = Vec::new();
    let events = convert(
        &mut reader,
        Writer::new("-", &mut lines, Format::JsonLines)?,
    )?;
    let expected = match format {
        "jepsen-log" => Format::JepsenLog,
        "json" => Format::Json,
        "edn" | "porcupine-kv" => Format::Edn,
        other => return Err(format!("a format that is not known here: {other}").into()),
    };
    assert_eq!(reader.format(), Some(expected));
    for warning in reader.warnings() {
        assert!(matches!(warning, Warning::Supplied { .. }), "{warning}");
        assert!(!warning.is_unseen());
    }
    Ok((events, String::from_utf8(lines)?))
}

/// White space between tokens is all that a format may change.
fn compact(lines: &str) -> String {
    let compact = |line: &str| {
        let value: serde_json::Value = serde_json::from_str(line).expect("JSON");
        value.to_string() + "\n"
    };
    lines.lines().map(compact).collect()
}

/// How many events there are, counted in another way: by their types.
fn count(bytes: &[u8], format: &str) -> u64 {
    let text = String::from_utf8_lossy(bytes);
    let without_comments: String = text
        .lines()
        .map(|line| match format {
            "edn" => line.split(" ;").next().unwrap_or(""),
            _ => line,
        })
        .filter(|line| !line.starts_with(';'))
        .collect::<Vec<_>>()
        .join("\n");
    let types = match format {
        "json" => ["invoke", "ok", "fail", "info"].map(|kind| format!("\"type\":\"{kind}\"")),
        "jepsen-log" => ["invoke", "ok", "fail", "info"].map(|kind| format!("\t:{kind}\t")),
        _ => ["invoke", "ok", "fail", "info"].map(|kind| format!(":type :{kind}")),
    };
    types
        .iter()
        .map(|kind| without_comments.matches(kind.as_str()).count() as u64)
        .sum()
}
