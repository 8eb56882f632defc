//! Who wrote and who read which version of a register, as numbers. It holds facts only:
//! what follows from them is inferred elsewhere.

use super::lists::Lists;
use crate::intern::NONE;
use crate::isolation::phenomena::Order;
use crate::isolation::transactions::{Action, Operation, Status, Transactions};
use crate::isolation::words;
use crate::isolation::writes::Writes;

/// What reads tell of writes.
///
/// A **version** is the number of a write, or one behind them all: the initial version of a
/// key is the number of writes and the key's number.
#[derive(Debug)]
pub(super) struct Facts<'a> {
    pub(super) transactions: &'a Transactions,
    pub(super) counts: Vec<bool>,
    writes: Writes,
    keys: Vec<u32>,
    reads: Lists,
    installs: Lists,
    readers: Lists,
    /// The transaction before it in its process; [`NONE`] if there is none.
    previous: Vec<u32>,
}

impl<'a> Facts<'a> {
    /// From what was read: a transaction and a version, transactions ascending, each one's
    /// in the order of its program. `counts` says which transactions do.
    pub(super) fn new(
        transactions: &'a Transactions,
        writes: Writes,
        counts: Vec<bool>,
        read: &[(u32, u32)],
    ) -> Self {
        let mut keys = vec![0; writes.len() as usize];
        for key in 0..writes.keys() {
            let of_key = writes.of_key(key);
            keys[of_key.start as usize..of_key.end as usize].fill(key);
        }
        let number = transactions.len() as u32;
        let last = last_writes(transactions, &writes);
        let installed = (0..writes.len()).filter_map(|write| {
            let writer = writes.writer(write);
            (counts[writer as usize] && last[write as usize]).then_some((writer, write))
        });
        let is_version = |version: u32| {
            version >= writes.len() || {
                let writer = writes.writer(version);
                counts[writer as usize] && last[version as usize]
            }
        };
        let read = read.iter().copied().filter(|&(_, v)| is_version(v));
        let readers = read.clone().map(|(reader, version)| (version, reader));
        Facts {
            previous: previous(transactions, &counts),
            reads: Lists::new(number, read),
            readers: Lists::new(writes.len() + writes.keys(), readers),
            installs: Lists::new(number, installed),
            transactions,
            counts,
            keys,
            writes,
        }
    }

    /// The same, but for what these transactions read: by transaction.
    pub(super) fn without_reads_of(&self, excused: &[bool]) -> Facts<'a> {
        let readers = self.counting().filter(|&at| !excused[at as usize]);
        let read = readers.flat_map(|at| self.reads(at).iter().map(move |&version| (at, version)));
        Facts {
            reads: Lists::new(self.len(), read.clone()),
            readers: Lists::new(self.versions(), read.map(|(at, version)| (version, at))),
            transactions: self.transactions,
            counts: self.counts.clone(),
            writes: self.writes.clone(),
            keys: self.keys.clone(),
            installs: self.installs.clone(),
            previous: self.previous.clone(),
        }
    }

    /// How many transactions there are, those that do not count included.
    pub(super) fn len(&self) -> u32 {
        self.transactions.len() as u32
    }

    /// How many versions there are, numbers of writes that installed none included.
    pub(super) fn versions(&self) -> u32 {
        self.writes.len() + self.writes.keys()
    }

    pub(super) fn key_count(&self) -> u32 {
        self.writes.keys()
    }

    /// The transactions that count, in the order of their invocations.
    pub(super) fn counting(&self) -> impl DoubleEndedIterator<Item = u32> + Clone {
        (0..self.len()).filter(|&at| self.counts[at as usize])
    }

    /// The versions that it read of others, whatever it had written itself, and of itself
    /// before it wrote them: in the order of its program, again if it read others in between.
    #[inline]
    pub(super) fn reads(&self, transaction: u32) -> &[u32] {
        self.reads.of(transaction)
    }

    /// Whether it wrote something after it had read the version.
    pub(super) fn writes_after(&self, transaction: u32, version: u32) -> bool {
        let mut operations = self.transactions.operations(transaction);
        let is_write = |operation: Operation| matches!(operation.action, Action::Write(_));
        operations.any(|operation| self.is_read_of(operation, version)) && operations.any(is_write)
    }

    /// Whether it read the version before it wrote the key itself, if it did.
    pub(super) fn reads_before_writing(&self, transaction: u32, version: u32) -> bool {
        let key = self.key(version);
        let is_write = |operation: &Operation| {
            operation.key == key && matches!(operation.action, Action::Write(_))
        };
        let operations = self.transactions.operations(transaction);
        let mut before = operations.take_while(|operation| !is_write(operation));
        before.any(|operation| self.is_read_of(operation, version))
    }

    fn is_read_of(&self, operation: Operation, version: u32) -> bool {
        let key = self.key(version);
        operation.key == key
            && match operation.action {
                Action::ReadNil => self.is_initial(version),
                Action::ReadValue(value) => self.writes.find(key, value) == Some(version),
                _ => false,
            }
    }

    /// The versions that it installed, one a key, ascending by key.
    #[inline]
    pub(super) fn installs(&self, transaction: u32) -> &[u32] {
        self.installs.of(transaction)
    }

    /// Who read the version, ascending; one that read it again is there again.
    #[inline]
    pub(super) fn readers(&self, version: u32) -> &[u32] {
        self.readers.of(version)
    }

    /// The version that it installed of the key.
    pub(super) fn installed(&self, transaction: u32, key: u32) -> Option<u32> {
        let all = self.installs(transaction);
        let at = all.binary_search_by_key(&key, |&version| self.key(version));
        at.ok().map(|at| all[at])
    }

    pub(super) fn initial(&self, key: u32) -> u32 {
        self.writes.len() + key
    }

    pub(super) fn is_initial(&self, version: u32) -> bool {
        version >= self.writes.len()
    }

    /// Who wrote it; [`NONE`] if it is an initial version.
    #[inline]
    pub(super) fn writer(&self, version: u32) -> u32 {
        match self.is_initial(version) {
            true => NONE,
            false => self.writes.writer(version),
        }
    }

    #[inline]
    pub(super) fn key(&self, version: u32) -> u32 {
        match self.keys.get(version as usize) {
            Some(&key) => key,
            None => version - self.writes.len(),
        }
    }

    /// All installed versions of a key but the initial one, ascending by value.
    pub(super) fn of_key(&self, key: u32) -> impl DoubleEndedIterator<Item = u32> + Clone + '_ {
        let all = self.writes.of_key(key);
        all.filter(move |&version| self.installed(self.writer(version), key) == Some(version))
    }

    /// The transaction that its process executed before it, if it did.
    pub(super) fn previous(&self, transaction: u32) -> Option<u32> {
        Some(self.previous[transaction as usize]).filter(|&before| before != NONE)
    }

    /// The transactions of each process, in its order. One of which nobody knows whether it
    /// committed is the last.
    pub(super) fn sessions(&self) -> Vec<Vec<u32>> {
        let mut session_of = vec![NONE; self.transactions.len()];
        let mut sessions: Vec<Vec<u32>> = Vec::new();
        for at in self.counting() {
            let session = match self.previous(at) {
                Some(before) => session_of[before as usize],
                None => {
                    sessions.push(Vec::new());
                    sessions.len() as u32 - 1
                }
            };
            session_of[at as usize] = session;
            sessions[session as usize].push(at);
        }
        sessions
    }

    /// `T17`.
    pub(super) fn name(&self, transaction: u32) -> String {
        words::transaction(self.transactions, transaction)
    }

    /// What it reads as: `7`, or `null`.
    pub(super) fn value(&self, version: u32) -> String {
        match self.writes.value(version) {
            Some(value) => self.transactions.value(value).to_string(),
            None => "null".to_owned(),
        }
    }

    /// `key 3`.
    pub(super) fn key_name(&self, version: u32) -> String {
        format!("key {}", self.transactions.key(self.key(version)))
    }

    /// `7 of key 3`.
    pub(super) fn version_name(&self, version: u32) -> String {
        format!("{} of {}", self.value(version), self.key_name(version))
    }

    /// Edges of the order between all that count.
    pub(super) fn order_edges(
        &self,
        order: Order,
        graph: &mut crate::isolation::graph::GraphBuilder,
    ) {
        crate::isolation::order::edges(self.transactions, &self.counts, order, graph);
    }
}

/// Of every write, whether it is its transaction's last to its key.
fn last_writes(transactions: &Transactions, writes: &Writes) -> Vec<bool> {
    let mut last = vec![false; writes.len() as usize];
    let mut written_by = vec![NONE; transactions.keys() as usize];
    for at in 0..transactions.len() as u32 {
        for operation in transactions.operations(at).rev() {
            let Action::Write(value) = operation.action else {
                continue;
            };
            let by = &mut written_by[operation.key as usize];
            if *by != at {
                *by = at;
                let write = writes.find(operation.key, value);
                // One that failed may have been tried again by another.
                if let Some(write) = write.filter(|&write| writes.writer(write) == at) {
                    last[write as usize] = true;
                }
            }
        }
    }
    last
}

/// One of which nobody knows whether it committed may still run when its process's next
/// begins: it comes before none.
fn previous(transactions: &Transactions, counts: &[bool]) -> Vec<u32> {
    let mut last: hashbrown::HashMap<u32, u32, foldhash::fast::FixedState> =
        hashbrown::HashMap::default();
    let mut previous = vec![NONE; transactions.len()];
    for (at, transaction) in transactions.all().iter().enumerate() {
        if !counts[at] {
            continue;
        }
        let before = match transaction.status {
            Status::Committed => last.insert(transaction.process, at as u32),
            _ => last.get(&transaction.process).copied(),
        };
        previous[at] = before.unwrap_or(NONE);
    }
    previous
}
