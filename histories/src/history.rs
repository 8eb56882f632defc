//! A whole history in memory, for checkers that must look at it more than once,
//! and for tests. What can be checked in one pass should use the
//! [`Reader`](crate::Reader) instead.

use std::borrow::{Borrow, Cow};
use std::collections::HashMap;
use std::hash::Hash;
use std::io::Read;
use std::path::Path;

use serde_json::value::RawValue;

use crate::clock::Stamp;
use crate::event::{Error, Event, Key, Kind, Process};
use crate::operation::Operation;
use crate::reader::{ReadError, Reader, Warning};
use crate::validate::{Invalid, Validator};

/// A valid history: every completion has its invocation.
///
/// Texts and keys are stored once each; an event takes about 110 bytes and its
/// value.
#[derive(Debug, Clone, Default)]
pub struct History {
    events: Vec<Stored>,
    /// Regions, functions, and errors, whose messages repeat.
    texts: Vec<String>,
    keys: Vec<Key<'static>>,
    /// Positions of invocation and completion, by invocation.
    operations: Vec<(usize, Option<usize>)>,
    warnings: Vec<Warning>,
}

/// An event without its index, which is its position.
#[derive(Debug, Clone)]
struct Stored {
    time: i64,
    process: Process,
    value: Option<Box<RawValue>>,
    extra: Vec<(String, Box<RawValue>)>,
    f: u32,
    region: Option<u32>,
    key: Option<u32>,
    error: Option<(u32, u32)>,
    attempts: Option<u32>,
    stamp: Option<Box<Stamp<'static>>>,
    kind: Kind,
}

impl History {
    /// A history of those events.
    ///
    /// # Errors
    /// The first event that does not fit the ones before it.
    pub fn from_events<'a>(
        events: impl IntoIterator<Item = Event<'a>>,
    ) -> Result<History, Invalid> {
        let mut history = Builder::default();
        let mut validator = Validator::new();
        for event in events {
            validator.event(&event)?;
            history.push(event);
        }
        Ok(history.finish(Vec::new()))
    }

    /// Reads the file.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub fn read(path: impl AsRef<Path>) -> Result<History, ReadError> {
        History::read_from(Reader::open(path)?)
    }

    /// Reads all that a reader has.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub fn read_from<R: Read>(mut reader: Reader<R>) -> Result<History, ReadError> {
        let mut history = Builder::default();
        while let Some(event) = reader.next()? {
            history.push(event);
        }
        Ok(history.finish(reader.warnings().to_vec()))
    }

    /// How many events there are.
    pub fn len(&self) -> usize {
        self.events.len()
    }

    /// Whether there is no event.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// The event with that index; O(1).
    pub fn event(&self, index: u64) -> Option<Event<'_>> {
        let at = usize::try_from(index).ok()?;
        self.events.get(at).map(|_| self.at(at))
    }

    /// All events, in real-time order.
    pub fn events(&self) -> impl ExactSizeIterator<Item = Event<'_>> + Clone {
        (0..self.events.len()).map(|at| self.at(at))
    }

    /// All operations of clients, by their invocation.
    pub fn operations(&self) -> impl ExactSizeIterator<Item = Operation<'_>> + Clone {
        self.operations.iter().map(|&(invoked, completed)| {
            Operation::new(self.at(invoked), completed.map(|at| self.at(at)))
        })
    }

    /// What the reader let pass, and a verdict must mention.
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// The event at a position that is known to be there.
    fn at(&self, at: usize) -> Event<'_> {
        let stored = &self.events[at];
        let text = |id: u32| Cow::Borrowed(self.texts[id as usize].as_str());
        Event {
            index: at as u64,
            time: stored.time,
            kind: stored.kind,
            process: stored.process,
            region: stored.region.map(text),
            f: text(stored.f),
            key: stored.key.map(|id| self.keys[id as usize].borrowed()),
            value: stored.value.as_deref().map(Cow::Borrowed),
            error: stored
                .error
                .map(|(class, message)| Error::new(text(class), text(message))),
            attempts: stored.attempts,
            stamp: stored.stamp.clone(),
            extra: stored
                .extra
                .iter()
                .map(|(name, value)| (name.into(), Cow::Borrowed(&**value)))
                .collect(),
        }
    }
}

/// A history that grows.
#[derive(Default)]
struct Builder {
    history: History,
    text_ids: HashMap<String, u32>,
    key_ids: HashMap<Key<'static>, u32>,
    /// Position in `operations` of each client's open operation.
    open: HashMap<Process, usize>,
}

impl Builder {
    fn push(&mut self, event: Event<'_>) {
        let History {
            events,
            texts,
            keys,
            operations,
            ..
        } = &mut self.history;
        let mut text = |text: &str| id(text, &mut self.text_ids, texts);
        let at = events.len();
        if let Process::Client(_) = event.process {
            if event.kind == Kind::Invoke {
                self.open.insert(event.process, operations.len());
                operations.push((at, None));
            } else if let Some(operation) = self.open.remove(&event.process) {
                operations[operation].1 = Some(at);
            }
        }
        events.push(Stored {
            time: event.time,
            process: event.process,
            kind: event.kind,
            region: event.region.map(|region| text(&region)),
            f: text(&event.f),
            key: event
                .key
                .map(|key| id(&key.into_owned(), &mut self.key_ids, keys)),
            value: event.value.map(Cow::into_owned),
            attempts: event.attempts,
            stamp: event.stamp.map(|stamp| Box::new(stamp.into_owned())),
            error: event
                .error
                .map(|error| (text(&error.class), text(&error.message))),
            extra: event
                .extra
                .into_iter()
                .map(|(name, value)| (name.into_owned(), value.into_owned()))
                .collect(),
        });
    }

    fn finish(mut self, warnings: Vec<Warning>) -> History {
        self.history.events.shrink_to_fit();
        self.history.warnings = warnings;
        self.history
    }
}

/// The position of an item among all different ones, where it is put if new.
/// Memory ends long before four billion of them.
fn id<Q, T>(item: &Q, ids: &mut HashMap<T, u32>, all: &mut Vec<T>) -> u32
where
    Q: ToOwned<Owned = T> + Hash + Eq + ?Sized,
    T: Borrow<Q> + Clone + Hash + Eq,
{
    if let Some(&id) = ids.get(item) {
        return id;
    }
    let id = all.len() as u32;
    all.push(item.to_owned());
    ids.insert(item.to_owned(), id);
    id
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::History;
    use crate::reader::{Reader, Warning};
    use crate::strategies::{line, lines};
    use crate::{Completion, Process, history};

    const SALE: &str = r#"
        0@us-east-1 invoke acquire A1 {"buyer":"b0"}
        1@us-east-2 invoke acquire A1 {"buyer":"b1"}
        2           invoke acquire A2 {"buyer":"b2"}
        1@us-east-2 fail   acquire A1 {"buyer":"b1"} x2 rejected: sold
        1@us-east-2 invoke acquire A2 {"buyer":"b1"}
        0@us-east-1 ok     acquire A1 {"buyer":"b0"} x1
        1@us-east-2 info   acquire A2 {"buyer":"b1"} timeout: no answer
        nemesis     info   partition
    "#;

    #[test]
    fn operations_are_paired_by_process_and_come_in_order_of_invocation() {
        let sale = history(SALE).unwrap();
        let paired: Vec<_> = sale
            .operations()
            .map(|op| {
                (
                    op.index(),
                    op.process(),
                    op.completed().map(|event| event.index),
                )
            })
            .collect();
        let client = Process::Client;
        assert_eq!(
            paired,
            [
                (0, client(0), Some(5)),
                (1, client(1), Some(3)),
                (2, client(2), None),
                (4, client(1), Some(6))
            ]
        );
        let completions: Vec<_> = sale.operations().map(|op| op.completion()).collect();
        use Completion::{Fail, Info, Ok};
        assert_eq!(completions, [Ok, Fail, Info, Info]);
    }

    #[test]
    fn an_operation_precedes_what_was_invoked_after_it_ended() {
        let sale = history(SALE).unwrap();
        let ops: Vec<_> = sale.operations().collect();
        let precedes = |a: usize, b: usize| ops[a].precedes(&ops[b]);
        assert!(precedes(1, 3));
        assert!(!precedes(0, 3) && !precedes(3, 0) && !precedes(0, 1));
        // Open, or nobody knows: it may happen at any time later.
        assert!(!precedes(2, 3));
        let later = history("0 invoke w\n0 info w _ _ t: t\n1 invoke r").unwrap();
        let ops: Vec<_> = later.operations().collect();
        assert!(!ops[0].precedes(&ops[1]));
    }

    #[test]
    fn events_are_found_by_their_index() {
        let sale = history(SALE).unwrap();
        assert_eq!((sale.len(), sale.is_empty()), (8, false));
        assert_eq!(sale.event(7).unwrap().process, Process::Nemesis);
        assert_eq!(sale.event(3).unwrap().region.as_deref(), Some("us-east-2"));
        assert!(sale.event(8).is_none());
        assert!(sale.event(u64::MAX).is_none());
    }

    #[test]
    fn what_the_reader_let_pass_is_kept() {
        let cut = r#"{"index":0,"time":0,"type":"ok","process":"witness","f":"phase"}
{"index":1,"#;
        let cut = History::read_from(Reader::new("-", cut.as_bytes())).unwrap();
        assert_eq!(cut.len(), 1);
        assert_eq!(
            cut.warnings(),
            [Warning::CutShort {
                name: "-".into(),
                line: 2,
                bytes: 11
            }]
        );
    }

    proptest! {
        #[test]
        fn a_history_holds_what_its_file_holds(lines in lines()) {
            let file = lines.concat();
            let history = History::read_from(Reader::new("-", file.as_bytes())).unwrap();
            let again: String = history.events().map(|event| line(&event)).collect();
            prop_assert_eq!(again, file);
            let copy = History::from_events(history.events()).unwrap();
            prop_assert_eq!(copy.len(), history.len());
        }
    }
}
