//! Why one transaction on lists comes before another, in a sentence that can be checked
//! against the history.

use super::Lists;
use crate::intern::NONE;
use crate::isolation::data::Reason;
use crate::isolation::graph::{Kind, Step};
use crate::isolation::transactions::{Action, Operation};
use crate::isolation::words::{self, listed};

impl Lists<'_> {
    /// Finds the key by which the step is one.
    pub(super) fn reason_of(&self, step: Step) -> Option<Reason> {
        match step.kind {
            Kind::Ww => self.ww_reason(step),
            Kind::Wr => self.wr_reason(step),
            Kind::Rw => self.rw_reason(step),
            Kind::Process | Kind::Realtime | Kind::Through => None,
        }
    }

    /// The transaction's appends, with their positions.
    pub(super) fn appends_of(&self, at: u32) -> impl Iterator<Item = (u32, u32, u32)> + '_ {
        self.transactions
            .operations(at)
            .filter_map(move |Operation { key, action }| match action {
                Action::Append(value) => Some((key, value, self.position(key, value))),
                _ => None,
            })
    }

    /// What the transaction read there, with what it ends with of its own.
    pub(super) fn list_at(&self, transaction: u32, at: usize) -> &[u32] {
        let operation = self.transactions.operations(transaction).nth(at);
        let list = operation.and_then(|operation| self.transactions.list(operation));
        list.unwrap_or_default()
    }

    fn value(&self, value: u32) -> serde_json::Value {
        self.transactions.value(value)
    }

    fn ww_reason(&self, Step { from, to, .. }: Step) -> Option<Reason> {
        let transactions = self.transactions;
        let name = |at| words::transaction(transactions, at);
        let mut behind = None;
        let mut unseen = None;
        let sentence = |key, value, later| Reason {
            key,
            sentence: format!(
                "{} appended {} to key {}, and {} appended {} behind it",
                name(from),
                self.value(value),
                transactions.key(key),
                name(to),
                self.value(later)
            ),
        };
        for (key, value, position) in self.appends_of(from) {
            for (other, later, later_position) in self.appends_of(to) {
                if other != key || position == NONE {
                    continue;
                }
                if later_position == NONE {
                    unseen = unseen.or(Some((key, value, later)));
                    continue;
                }
                if later_position < position {
                    continue;
                }
                // Best next to each other but for what does not count.
                let writers = &self.chains[key as usize].writers;
                let between = &writers[position as usize + 1..later_position as usize];
                if between.iter().all(|&writer| writer == NONE) {
                    return Some(sentence(key, value, later));
                }
                behind = behind.or(Some((key, value, later)));
            }
        }
        if let Some((key, value, later)) = behind {
            return Some(sentence(key, value, later));
        }
        unseen.map(|(key, value, later)| Reason {
            key,
            sentence: format!(
                "{} appended {} to key {}, and {} appended {}, which no read shows: it came after all that they show",
                name(from),
                self.value(value),
                transactions.key(key),
                name(to),
                self.value(later)
            ),
        })
    }

    fn wr_reason(&self, Step { from, to, .. }: Step) -> Option<Reason> {
        let transactions = self.transactions;
        // One behind an own append, if no other shows it.
        let reads = self.external(to).chain(self.seen(to));
        reads.into_iter().find_map(|(at, key, length)| {
            let chain = &self.chains[key as usize];
            (chain.last_before(length, to) == Some(from)).then(|| {
                let list = self.list_at(to, at);
                let writers = &chain.writers[..length as usize];
                let place = writers.iter().rposition(|&w| w == from).unwrap_or(0);
                Reason {
                    key,
                    sentence: format!(
                        "{} read {} of key {}, with {}'s append of {}",
                        words::transaction(transactions, to),
                        listed(transactions, list, list[place]),
                        transactions.key(key),
                        words::transaction(transactions, from),
                        self.value(list[place])
                    ),
                }
            })
        })
    }

    fn rw_reason(&self, Step { from, to, .. }: Step) -> Option<Reason> {
        let transactions = self.transactions;
        // Best what comes next to what was read.
        let missed = |only_next: bool| {
            self.external(from).find_map(|(at, key, length)| {
                let next = self.chains[key as usize].first_from(length);
                let missed = self.appends_of(to).find(|&(other, _, position)| {
                    other == key
                        && match next {
                            Some(writer) if only_next => {
                                writer == to && position >= length && position != NONE
                            }
                            Some(_) => position >= length,
                            None => position == NONE,
                        }
                });
                missed.map(|(_, value, _)| (at, key, value))
            })
        };
        let (at, key, value) = missed(true).or_else(|| missed(false))?;
        Some(Reason {
            key,
            sentence: format!(
                "{} read {} of key {}, and did not see {}'s append of {}",
                words::transaction(transactions, from),
                listed(transactions, self.list_at(from, at), NONE),
                transactions.key(key),
                words::transaction(transactions, to),
                self.value(value)
            ),
        })
    }
}
