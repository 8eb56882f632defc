//! Reading a history as a stream: one event at a time, borrowed from one buffer,
//! in memory that does not grow with the history. It sees form only.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::event::Event;
use crate::format::Format;
use crate::independent::Tuples;

mod cut;
mod error;
mod forms;
mod frame;
mod parallel;
mod parse;
mod settle;

use cut::Cutter;
pub use error::{ReadError, Warning};
use parse::Parsed;
use settle::Settler;

/// What the buffer holds at first. Larger ones leave the processor's cache.
const BUFFER_BYTES: usize = 256 * 1024;

/// What a format is told by, however it comes in. The buffer holds it at first.
const DETECT_BYTES: usize = BUFFER_BYTES;

/// The longest line that is read unless told otherwise: 256 MiB.
pub const LINE_BYTES_MAX: usize = 256 * 1024 * 1024;

/// Reads events, and validates them: from JSON Lines or from another [`Format`],
/// packed by gzip or zstd or not, which it tells by what it reads.
///
/// ```
/// use witness_histories::Reader;
///
/// let saved = r#"{"index":0,"time":7,"type":"invoke","process":0,"f":"read","key":"x"}
/// {"index":1,"time":9,"type":"ok","process":0,"f":"read","key":"x","value":3}
/// "#;
/// let mut reader = Reader::new("history.jsonl", saved.as_bytes());
/// while let Some(event) = reader.next()? {
///     println!("{} {} {}", event.index, event.kind, event.f);
/// }
/// assert_eq!(reader.line(), 2);
/// # Ok::<(), witness_histories::ReadError>(())
/// ```
#[derive(Debug)]
pub struct Reader<R> {
    cutter: Cutter<R>,
    /// Values of other formats, as JSON.
    scratch: String,
    settler: Settler,
    done: bool,
}

impl Reader<File> {
    /// Opens a file.
    ///
    /// # Errors
    /// [`ReadError::Io`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, ReadError> {
        let name = path.as_ref().display().to_string();
        match File::open(path) {
            Ok(file) => Ok(Reader::new(name, file)),
            Err(error) => Err(ReadError::Io { name, error }),
        }
    }
}

impl<R: Read> Reader<R> {
    /// Reads from `source`, which errors will call `name` (`-` for standard
    /// input). The reader does its own buffering.
    pub fn new(name: impl Into<String>, source: R) -> Self {
        Reader {
            cutter: Cutter::new(name.into(), source),
            scratch: String::new(),
            settler: Settler::new(),
            done: false,
        }
    }

    /// Reads lines of events without asking whether they make a history.
    #[must_use]
    pub fn without_validation(mut self) -> Self {
        self.settler.validator = None;
        self
    }

    /// Reads that format, whatever it looks like.
    #[must_use]
    pub fn with_format(mut self, format: Format) -> Self {
        self.cutter.format = Some(format);
        self
    }

    /// Splits values that are Jepsen's independent tuples, `[key value]`, where an
    /// event has no key of its own.
    #[must_use]
    pub fn independent(mut self) -> Self {
        self.settler.tuples = Some(Tuples::default());
        self
    }

    /// The format, once something was read or it was given.
    pub fn format(&self) -> Option<Format> {
        self.cutter.format
    }

    /// Refuses lines, and events of other formats, longer than that, the newline
    /// not counted.
    #[must_use]
    pub fn line_bytes_max(mut self, bytes: usize) -> Self {
        self.cutter.line_bytes_max = bytes;
        self
    }

    /// The source's name.
    pub fn name(&self) -> &str {
        &self.cutter.name
    }

    /// The line, from 1, of the event read last.
    pub fn line(&self) -> u64 {
        self.cutter.line
    }

    /// How many events were read.
    pub fn events(&self) -> u64 {
        self.settler.events
    }

    /// What was let pass; complete when [`Reader::next`] has returned `None`.
    pub fn warnings(&self) -> &[Warning] {
        &self.cutter.warnings
    }

    /// The next event, or `None` at the end. Blank lines are skipped. After an
    /// error there is nothing more to read.
    ///
    /// # Errors
    /// See [`ReadError`].
    #[expect(
        clippy::should_implement_trait,
        reason = "an event borrows from the reader"
    )]
    #[inline]
    pub fn next(&mut self) -> Result<Option<Event<'_>>, ReadError> {
        Ok(self.next_with_line()?.map(|(event, _)| event))
    }

    fn next_with_line(&mut self) -> Result<Option<(Event<'_>, u64)>, ReadError> {
        if self.done {
            return Ok(None);
        }
        // Until proven otherwise: every early return below is the end.
        self.done = true;
        let Some(place) = self.cutter.next()? else {
            return self.end().map(|()| None);
        };
        let Cutter {
            name,
            format,
            buffer,
            ..
        } = &self.cutter;
        let format = format.unwrap_or(Format::JsonLines);
        let line = place.line;
        let text = parse::utf8(name, buffer, &place)?;
        let mut event = match parse::parse(name, format, text, &place, &mut self.scratch)? {
            Parsed::Event(event) => event,
            Parsed::Draft(draft) => self.settler.complete(name, line, draft)?,
        };
        self.settler.settle(name, line, &mut event)?;
        self.done = false;
        Ok(Some((event, line)))
    }

    /// The end of the source: a history without an event is none.
    fn end(&mut self) -> Result<(), ReadError> {
        let Cutter {
            name,
            source,
            warnings,
            ..
        } = &mut self.cutter;
        warnings.extend(self.settler.supplied(name));
        if source.is_cut_short() {
            let name = name.clone();
            warnings.push(Warning::PackedCutShort { name });
        }
        if self.settler.events == 0 && warnings.is_empty() {
            return Err(ReadError::Empty { name: name.clone() });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
