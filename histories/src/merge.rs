//! Several recorders' histories as one, in memory that does not grow with them. It gives
//! every event a clock and a recorder, by which checkers judge what is certain of the
//! order; the order in the file is only the likeliest.

use std::io::{Read, Write};

use crate::clock::{Clock, Stamp};
use crate::convert::{ConvertError, Writer};
use crate::draft::Supplied;
use crate::event::{Event, Process};
use crate::reader::{Reader, Warning};

/// A history that is to be merged with others.
#[derive(Debug)]
pub struct Source<R> {
    reader: Reader<R>,
    name: String,
    renamed: bool,
    start_ns: Option<i64>,
    /// The recorder of its events so far; none of each that has none of its own.
    recorders: Vec<(String, Order)>,
    /// The middle of the clock of its last event, or of one before if that is later.
    middle: i64,
    timed: bool,
}

/// What a recorder's events so far say of the next one.
#[derive(Debug, Clone, Copy)]
struct Order {
    /// The latest of the earliest times, and the line of that event.
    earliest: i64,
    line: u64,
}

/// Why histories were not merged. Every message is one line.
#[derive(Debug, thiserror::Error)]
pub enum MergeError {
    /// One could not be read, or the merged one not written.
    #[error(transparent)]
    Convert(#[from] ConvertError),
    /// An event has no clock, and nobody said when the recording began.
    #[error(
        "{name}:{line}: the event has no clock, and it is not known when the recording began: give --start {recorder}=2026-11-27T10:00:00.000000000Z, the moment of time 0"
    )]
    NoStart {
        /// The source's name.
        name: String,
        /// The line, from 1.
        line: u64,
        /// The recorder's name.
        recorder: String,
    },
    /// An event has no clock, and nobody said by how much its recorder's may be off.
    #[error(
        "{name}:{line}: the event has no clock, and it is not known by how much its recorder's may be off: give --clock-uncertainty, such as 5ms"
    )]
    NoUncertainty {
        /// The source's name.
        name: String,
        /// The line, from 1.
        line: u64,
    },
    /// It happened later than a clock can say.
    #[error("{name}:{line}: the start and the event's time make a moment after the year 2262")]
    BeyondTime {
        /// The source's name.
        name: String,
        /// The line, from 1.
        line: u64,
    },
    /// Events without a clock have no times either: a reader gave them out.
    #[error("{name}: events have neither a clock nor a time: nobody can tell when they happened")]
    NoTimes {
        /// The source's name.
        name: String,
    },
    /// Two sources have events of one recorder.
    #[error(
        "{name} and {other} are both by the recorder {recorder:?}: give each a --name of its own"
    )]
    SameRecorder {
        /// A source's name.
        name: String,
        /// The other's.
        other: String,
        /// The recorder.
        recorder: String,
    },
    /// A source that was to be renamed has several recorders.
    #[error(
        "{name}:{line}: the history is of several recorders already, and keeps their names: leave out its --name"
    )]
    SeveralRecorders {
        /// The source's name.
        name: String,
        /// The line, from 1.
        line: u64,
    },
    /// A clock went back by more than it may be off.
    #[error(
        "{name}:{line}: field \"clock\": it is over {by_ns} ns before that of the event on line {before} begins, which came earlier: the clock may be off by more than it says"
    )]
    WentBack {
        /// The source's name.
        name: String,
        /// The line, from 1.
        line: u64,
        /// The line of the earlier event.
        before: u64,
        /// By how much, in nanoseconds.
        by_ns: i128,
    },
    /// A process cannot be renumbered.
    #[error("{name}:{line}: field \"process\": {process} is too large to be renumbered")]
    Process {
        /// The source's name.
        name: String,
        /// The line, from 1.
        line: u64,
        /// The process.
        process: u64,
    },
}

impl<R: Read> Source<R> {
    /// A history, whose events are by the recorder of that name unless they say another.
    pub fn new(reader: Reader<R>, recorder: impl Into<String>) -> Self {
        Source {
            reader,
            name: recorder.into(),
            renamed: false,
            start_ns: None,
            recorders: Vec::new(),
            middle: i64::MIN,
            timed: false,
        }
    }

    /// All its events are by the recorder of that name, whatever they say.
    #[must_use]
    pub fn renamed(mut self, recorder: impl Into<String>) -> Self {
        self.name = recorder.into();
        self.renamed = true;
        self
    }

    /// The moment of time 0, in nanoseconds since the Unix epoch.
    #[must_use]
    pub fn started(mut self, start_ns: i64) -> Self {
        self.start_ns = Some(start_ns);
        self
    }

    /// The recorders of its events, once it was merged.
    pub fn recorders(&self) -> impl Iterator<Item = &str> {
        self.recorders.iter().map(|(name, _)| name.as_str())
    }

    /// What the reader let pass, once it was merged.
    pub fn warnings(&self) -> &[Warning] {
        self.reader.warnings()
    }

    /// The next event, with a clock and a recorder.
    fn next(&mut self, uncertainty_ns: Option<u64>) -> Result<Option<Event<'static>>, MergeError> {
        let event = self.reader.next().map_err(ConvertError::from)?;
        let Some(event) = event.map(Event::into_owned) else {
            return self.end().map(|()| None);
        };
        let (name, line) = (self.reader.name().to_owned(), self.reader.line());
        let clock = match (event.clock(), self.start_ns, uncertainty_ns) {
            (Some(clock), _, more) => clock.widened(more.unwrap_or(0)),
            (None, Some(start), Some(uncertainty)) => {
                self.timed = true;
                let Some(shown) = start.checked_add(event.time) else {
                    return Err(MergeError::BeyondTime { name, line });
                };
                Clock::about(shown, uncertainty)
            }
            (None, None, _) => {
                let recorder = self.name.clone();
                return Err(MergeError::NoStart {
                    name,
                    line,
                    recorder,
                });
            }
            (None, Some(_), None) => return Err(MergeError::NoUncertainty { name, line }),
        };
        let said = event.recorder().unwrap_or(&self.name);
        let known = self.recorders.iter().position(|(known, _)| known == said);
        let at = known.unwrap_or_else(|| {
            let order = Order {
                earliest: i64::MIN,
                line,
            };
            self.recorders.push((said.to_owned(), order));
            self.recorders.len() - 1
        });
        if self.renamed && at > 0 {
            return Err(MergeError::SeveralRecorders { name, line });
        }
        let (recorder, order) = &mut self.recorders[at];
        if clock.latest() < order.earliest {
            return Err(MergeError::WentBack {
                name,
                line,
                before: order.line,
                by_ns: i128::from(order.earliest) - i128::from(clock.latest()),
            });
        }
        if clock.earliest() > order.earliest {
            *order = Order {
                earliest: clock.earliest(),
                line,
            };
        }
        let recorder = if self.renamed { &self.name } else { recorder };
        let stamp = Stamp {
            clock: Some(clock),
            recorder: Some(recorder.clone().into()),
        };
        self.middle = self.middle.max(clock.middle());
        Ok(Some(Event {
            stamp: Some(Box::new(stamp)),
            ..event
        }))
    }

    /// Times that a reader gave out are nobody's.
    fn end(&mut self) -> Result<(), MergeError> {
        if self.renamed {
            for (recorder, _) in &mut self.recorders {
                recorder.clone_from(&self.name);
            }
        }
        let invented = |warning: &Warning| {
            matches!(
                warning,
                Warning::Supplied {
                    what: Supplied::Time | Supplied::EarlyTime,
                    ..
                }
            )
        };
        if self.timed && self.reader.warnings().iter().any(invented) {
            let name = self.reader.name().to_owned();
            return Err(MergeError::NoTimes { name });
        }
        Ok(())
    }
}

/// Writes all events of all sources as one history, and says how many they are. Each
/// source keeps its order; beside each other events stand by the middle of their clocks.
/// `time` is counted from the first. With n sources, process p of the source at position
/// k is n · p + k, so that no two are the same.
///
/// `uncertainty_ns` widens every clock, and is that of events that have none. A history
/// that is cut short makes the merged one cut short.
///
/// ```
/// use witness_histories::{Format, Reader, Source, Writer, merge};
///
/// let east = r#"{"index":0,"time":5,"type":"invoke","process":0,"f":"read","key":"x"}"#;
/// let west = r#"{"index":0,"time":9,"type":"invoke","process":0,"f":"read","key":"x","clock":[1002,1004],"recorder":"west"}"#;
/// let mut sources = [
///     Source::new(Reader::new("a", east.as_bytes()), "east").started(1000),
///     Source::new(Reader::new("b", west.as_bytes()), "b"),
/// ];
/// let mut merged = Vec::new();
/// merge(&mut sources, Some(2), Writer::new("-", &mut merged, Format::JsonLines)?)?;
/// assert_eq!(String::from_utf8(merged)?, r#"
/// {"index":0,"time":0,"type":"invoke","process":1,"f":"read","key":"x","clock":[1000,1006],"recorder":"west"}
/// {"index":1,"time":2,"type":"invoke","process":0,"f":"read","key":"x","clock":[1003,1007],"recorder":"east"}
/// "#.trim_start());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// See [`MergeError`]; what was written is of no use then.
pub fn merge<R: Read, W: Write>(
    sources: &mut [Source<R>],
    uncertainty_ns: Option<u64>,
    mut writer: Writer<W>,
) -> Result<u64, MergeError> {
    let number = sources.len() as u64;
    let mut heads = Vec::with_capacity(sources.len());
    for source in sources.iter_mut() {
        heads.push(source.next(uncertainty_ns)?);
    }
    let (mut index, mut first) = (0, None);
    loop {
        let there = (0..sources.len()).filter(|&at| heads[at].is_some());
        let Some(at) = there.min_by_key(|&at| sources[at].middle) else {
            break;
        };
        let middle = sources[at].middle;
        let line = sources[at].reader.line();
        let next = sources[at].next(uncertainty_ns)?;
        let Some(mut event) = std::mem::replace(&mut heads[at], next) else {
            continue;
        };
        if let Process::Client(process) = event.process {
            let renumbered = process.checked_mul(number);
            let renumbered = renumbered.and_then(|p| p.checked_add(at as u64));
            let name = || sources[at].reader.name().to_owned();
            event.process = Process::Client(renumbered.ok_or_else(|| MergeError::Process {
                name: name(),
                line,
                process,
            })?);
        }
        event.index = index;
        event.time = middle.saturating_sub(*first.get_or_insert(middle));
        writer.event(&event)?;
        index += 1;
    }
    distinct(sources)?;
    let mut warnings = sources.iter().flat_map(Source::warnings);
    if warnings.any(Warning::is_unseen) {
        return Ok(writer.finish_cut_short()?);
    }
    Ok(writer.finish()?)
}

/// Two sources of one recorder would look like one order of events.
fn distinct<R: Read>(sources: &[Source<R>]) -> Result<(), MergeError> {
    for (at, source) in sources.iter().enumerate() {
        for other in &sources[..at] {
            let shared = source
                .recorders()
                .find(|&it| other.recorders().any(|o| o == it));
            if let Some(recorder) = shared {
                return Err(MergeError::SameRecorder {
                    name: other.reader.name().to_owned(),
                    other: source.reader.name().to_owned(),
                    recorder: recorder.to_owned(),
                });
            }
        }
    }
    Ok(())
}
