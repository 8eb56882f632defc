//! What is wrong with single reads, whatever the order of versions: garbage-read, G1a,
//! G1b, future-read, internal, and lost-update where two replaced the same version. One
//! pass over all micro-operations; it knows nothing of cycles.

use super::facts::Facts;
use super::misfit::Misfit;
use crate::intern::NONE;
use crate::isolation::findings::{Finding, Findings};
use crate::isolation::phenomena::Phenomenon;
use crate::isolation::transactions::{Action, Operation, Status, Transactions};
use crate::isolation::words;
use crate::isolation::writes::Writes;

/// What a transaction last saw of a key.
#[derive(Debug, Clone, Copy)]
struct Seen {
    by: u32,
    /// [`NONE`] for null.
    value: u32,
    is_own: bool,
}

/// Reads of versions, transactions ascending: a transaction, and the version.
type Reads = Vec<(u32, u32)>;

/// Reads every transaction; O(micro-operations), times the search for a value's write.
///
/// # Errors
/// The transactions are none on registers, or a value was written twice to a key.
pub(super) fn read(transactions: &Transactions) -> Result<(Facts<'_>, Findings), Misfit> {
    if let Some(misfit) = Misfit::of_kind(transactions) {
        return Err(misfit);
    }
    let mut pass = Pass {
        transactions,
        writes: Writes::new(transactions)
            .map_err(|twice| Misfit::WrittenTwice(twice.told(transactions)))?,
        counts: Vec::new(),
        reads: Reads::new(),
        findings: Findings::default(),
    };
    let all = transactions.all();
    pass.counts = all.iter().map(|t| t.status == Status::Committed).collect();
    let nobody = Seen {
        by: NONE,
        value: NONE,
        is_own: false,
    };
    let mut seen = vec![nobody; transactions.keys() as usize];
    for (at, transaction) in (0..).zip(all) {
        if transaction.status != Status::Committed {
            continue;
        }
        for (position, operation) in transactions.operations(at).enumerate() {
            let seen = &mut seen[operation.key as usize];
            let before = Some(*seen).filter(|seen| seen.by == at);
            let (value, is_own) = match operation.action {
                Action::Write(value) => (value, true),
                Action::ReadNil => (NONE, false),
                Action::ReadValue(value) => (value, false),
                _ => continue,
            };
            if !is_own {
                pass.read(at, position, operation, value, before);
            }
            // What it wrote itself it must see until it writes again.
            if is_own || !before.is_some_and(|before| before.is_own) {
                *seen = Seen {
                    by: at,
                    value,
                    is_own,
                };
            }
        }
    }
    let facts = Facts::new(transactions, pass.writes, pass.counts, &pass.reads);
    lost_updates(&facts, &mut pass.findings);
    Ok((facts, pass.findings))
}

struct Pass<'a> {
    transactions: &'a Transactions,
    writes: Writes,
    counts: Vec<bool>,
    reads: Reads,
    findings: Findings,
}

impl Pass<'_> {
    fn read(&mut self, at: u32, position: usize, of: Operation, value: u32, before: Option<Seen>) {
        let write = match value {
            NONE => None,
            value => self.writes.find(of.key, value),
        };
        let writer = write.map(|write| self.writes.writer(write));
        let transactions = self.transactions;
        let status = writer.map(|writer| transactions.all()[writer as usize].status);
        let read = Read {
            at,
            key: of.key,
            value,
            writer,
        };
        if value != NONE && write.is_none() {
            self.found(Phenomenon::GarbageRead, read, |name, version| {
                format!("{name} read {version}, which nobody wrote")
            });
        }
        if let (Some(writer), Some(Status::Unknown)) = (writer, status) {
            self.counts[writer as usize] = true;
        }
        if let (Some(writer), Some(Status::Aborted)) = (writer, status) {
            let by = words::transaction(transactions, writer);
            self.found(Phenomenon::G1a, read, |name, version| {
                format!("{name} read {version}, which {by} wrote, and {by} did not commit")
            });
        }
        let is_future = writer == Some(at) && !self.wrote_before(at, position, of.key, value);
        if is_future {
            self.found(Phenomenon::FutureRead, read, |name, version| {
                format!("{name} read {version}, and wrote it itself only later")
            });
        }
        if let Some(before) = before.filter(|before| before.value != value && !is_future) {
            let expected = spelt(transactions, before.value);
            let did = match before.is_own {
                true => "had written",
                false => "had read",
            };
            self.found(Phenomenon::Internal, read, |name, version| {
                format!("{name} {did} {expected}, and then read {version}")
            });
        }
        let is_own = before.is_some_and(|before| before.is_own);
        match (write, writer) {
            // What it wrote before: it saw nobody by that. Another's version it depends on
            // all the same (Adya 1999), though it should have seen its own.
            (_, Some(writer)) if is_own && writer == at => {}
            (None, _) if value == NONE => self.record(at, self.writes.len() + of.key),
            (Some(write), Some(writer)) if status != Some(Status::Aborted) => {
                if self.last_write(writer, of.key) == Some(value) {
                    self.record(at, write);
                    return;
                }
                // Its own is a future-read, and again the same says no more.
                if writer == at || before.is_some_and(|before| before.value == value) {
                    return;
                }
                let by = words::transaction(transactions, writer);
                self.found(Phenomenon::G1b, read, |name, version| {
                    format!("{name} read {version}, which {by} wrote, and then overwrote itself")
                });
            }
            _ => {}
        }
    }

    /// Again, if it read something else in between: what it saw by then is more.
    fn record(&mut self, at: u32, version: u32) {
        if self.reads.last() != Some(&(at, version)) {
            self.reads.push((at, version));
        }
    }

    fn wrote_before(&self, at: u32, position: usize, key: u32, value: u32) -> bool {
        let action = Action::Write(value);
        let mut before = self.transactions.operations(at).take(position);
        before.any(|operation| operation == Operation { key, action })
    }

    fn last_write(&self, at: u32, key: u32) -> Option<u32> {
        let mut all = self.transactions.operations(at).rev();
        all.find_map(|operation| match operation.action {
            Action::Write(value) if operation.key == key => Some(value),
            _ => None,
        })
    }

    fn found(
        &mut self,
        phenomenon: Phenomenon,
        read: Read,
        say: impl FnOnce(String, String) -> String,
    ) {
        let transactions = self.transactions;
        self.findings.add(phenomenon, || {
            let key = transactions.key(read.key);
            let version = format!("{} of key {key}", spelt(transactions, read.value));
            let writer = read.writer.filter(|&writer| writer != read.at);
            Finding {
                key: Some(read.key),
                explanation: say(words::transaction(transactions, read.at), version),
                transactions: std::iter::once(read.at).chain(writer).collect(),
                steps: Vec::new(),
            }
        });
    }
}

/// A read that something is wrong with.
#[derive(Debug, Clone, Copy)]
struct Read {
    at: u32,
    key: u32,
    value: u32,
    writer: Option<u32>,
}

fn spelt(transactions: &Transactions, value: u32) -> String {
    match value {
        NONE => "null".to_owned(),
        value => transactions.value(value).to_string(),
    }
}

/// Two that read the same version and replaced it: one of them installed its own between
/// the version that the other read and what that one installed, whichever came first.
fn lost_updates(facts: &Facts<'_>, findings: &mut Findings) {
    let mut replaced: Vec<u32> = Vec::new();
    for version in 0..facts.versions() {
        let readers = facts.readers(version);
        if readers.len() < 2 {
            continue;
        }
        let key = facts.key(version);
        replaced.clear();
        replaced.extend(readers.iter().copied().filter(|&reader| {
            // One that read its own before it wrote it replaced nothing.
            facts
                .installed(reader, key)
                .is_some_and(|own| own != version)
        }));
        replaced.dedup();
        if replaced.len() < 2 {
            continue;
        }
        findings.add(Phenomenon::LostUpdate, || {
            let wrote = |&reader: &u32| {
                let own = facts.installed(reader, key);
                let own = own.map(|own| facts.value(own)).unwrap_or_default();
                format!("{} wrote {own}", facts.name(reader))
            };
            let names: Vec<String> = replaced.iter().map(|&at| facts.name(at)).collect();
            let wrote: Vec<String> = replaced.iter().map(wrote).collect();
            Finding {
                key: Some(key),
                explanation: format!(
                    "{} read {}, and none saw what another made of it: {}",
                    words::list(&names),
                    facts.version_name(version),
                    words::list(&wrote)
                ),
                transactions: replaced.clone(),
                steps: Vec::new(),
            }
        });
    }
}
