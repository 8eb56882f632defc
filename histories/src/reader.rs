//! Reading a history as a stream: one event at a time, borrowed from one buffer,
//! in memory that does not grow with the history. It sees form only.

use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;
use std::path::Path;

use crate::draft::Completion;
use crate::event::Event;
use crate::format::Format;
use crate::independent::Tuples;
use crate::jsonl;
use crate::source::Source;
use crate::validate::Validator;

mod error;
mod foreign;
mod frame;

pub use error::{ReadError, Warning};
use frame::Frames;

/// What the buffer holds at first. Larger ones leave the processor's cache.
const BUFFER_BYTES: usize = 256 * 1024;

/// What a format is told by. Less than the buffer holds at first.
const DETECT_BYTES: usize = 16 * 1024;

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
    name: String,
    source: Source<R>,
    format: Option<Format>,
    frames: Frames,
    /// Values of other formats, as JSON.
    scratch: String,
    completion: Completion,
    tuples: Option<Tuples>,
    buffer: Vec<u8>,
    /// What was read of the source and not yet of the buffer.
    unread: Range<usize>,
    line: u64,
    /// Of other formats: line ends before what is unread, and bytes since the last.
    lines_passed: u64,
    column: usize,
    line_bytes_max: usize,
    validator: Option<Validator>,
    events: u64,
    warnings: Vec<Warning>,
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
            name: name.into(),
            source: Source::new(source),
            format: None,
            frames: Frames::default(),
            scratch: String::new(),
            completion: Completion::default(),
            tuples: None,
            buffer: vec![0; BUFFER_BYTES],
            unread: 0..0,
            line: 0,
            lines_passed: 0,
            column: 0,
            line_bytes_max: LINE_BYTES_MAX,
            validator: Some(Validator::new()),
            events: 0,
            warnings: Vec::new(),
            done: false,
        }
    }

    /// Reads lines of events without asking whether they make a history.
    #[must_use]
    pub fn without_validation(mut self) -> Self {
        self.validator = None;
        self
    }

    /// Reads that format, whatever it looks like.
    #[must_use]
    pub fn with_format(mut self, format: Format) -> Self {
        self.format = Some(format);
        self
    }

    /// Splits values that are Jepsen's independent tuples, `[key value]`, where an
    /// event has no key of its own.
    #[must_use]
    pub fn independent(mut self) -> Self {
        self.tuples = Some(Tuples::default());
        self
    }

    /// The format, once something was read or it was given.
    pub fn format(&self) -> Option<Format> {
        self.format
    }

    /// Refuses lines, and events of other formats, longer than that, the newline
    /// not counted.
    #[must_use]
    pub fn line_bytes_max(mut self, bytes: usize) -> Self {
        self.line_bytes_max = bytes;
        self
    }

    /// The source's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The line, from 1, of the event read last.
    pub fn line(&self) -> u64 {
        self.line
    }

    /// How many events were read.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// What was let pass; complete when [`Reader::next`] has returned `None`.
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
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
    pub fn next(&mut self) -> Result<Option<Event<'_>>, ReadError> {
        if self.done {
            return Ok(None);
        }
        // Until proven otherwise: every early return below is the end.
        self.done = true;
        let format = match self.format {
            Some(format) => format,
            None => self.detect()?,
        };
        match format {
            Format::JsonLines => self.next_of_lines(),
            Format::Json | Format::Edn | Format::JepsenLog => self.next_of_foreign(format),
        }
    }

    #[inline]
    fn next_of_lines(&mut self) -> Result<Option<Event<'_>>, ReadError> {
        let Some((range, ended)) = self.next_line()? else {
            return self.end().map(|()| None);
        };
        let bytes = &self.buffer[range];
        if !ended && (self.source.is_cut_short() || is_cut_short(bytes)) {
            let (name, line, bytes) = (self.name.clone(), self.line, bytes.len());
            self.warnings.push(Warning::CutShort { name, line, bytes });
            self.warnings.extend(packed(&self.source, &self.name));
            return Ok(None);
        }
        let text = std::str::from_utf8(bytes).map_err(|error| ReadError::NotUtf8 {
            name: self.name.clone(),
            line: self.line,
            column: error.valid_up_to() + 1,
        })?;
        let mut event = jsonl::parse(text).map_err(|error| ReadError::Malformed {
            name: self.name.clone(),
            line: self.line,
            error,
        })?;
        if let Some(tuples) = &mut self.tuples {
            tuples.split(&mut event);
        }
        if let Some(validator) = &mut self.validator {
            validator
                .event(&event)
                .map_err(|invalid| ReadError::Invalid {
                    name: self.name.clone(),
                    line: self.line,
                    problem: invalid.problem,
                })?;
        }
        self.events += 1;
        self.done = false;
        Ok(Some(event))
    }

    /// The end of the source: a history without an event is none.
    fn end(&mut self) -> Result<(), ReadError> {
        self.warnings.extend(packed(&self.source, &self.name));
        if self.events == 0 && self.warnings.is_empty() {
            return Err(ReadError::Empty {
                name: self.name.clone(),
            });
        }
        Ok(())
    }

    /// Looks at the beginning: a buffer full of it if need be.
    fn detect(&mut self) -> Result<Format, ReadError> {
        while self.unread.len() < DETECT_BYTES && self.fill()? > 0 {}
        let format = Format::of(&self.buffer[self.unread.clone()]);
        self.format = Some(format);
        Ok(format)
    }

    /// Where in the buffer the next line that is not blank stands, and whether a
    /// newline ended it.
    fn next_line(&mut self) -> Result<Option<(Range<usize>, bool)>, ReadError> {
        loop {
            let Some((range, ended)) = self.any_line()? else {
                return Ok(None);
            };
            self.line += 1;
            // Nearly always the first byte decides.
            if !self.buffer[range.clone()]
                .iter()
                .all(u8::is_ascii_whitespace)
            {
                return Ok(Some((range, ended)));
            }
        }
    }

    fn any_line(&mut self) -> Result<Option<(Range<usize>, bool)>, ReadError> {
        let mut searched = 0;
        loop {
            let unread = self.unread.clone();
            let end = memchr::memchr(b'\n', &self.buffer[unread.start + searched..unread.end])
                .map(|at| unread.start + searched + at);
            let line = unread.start..end.unwrap_or(unread.end);
            if line.len() > self.line_bytes_max {
                return Err(ReadError::LineTooLong {
                    name: self.name.clone(),
                    line: self.line + 1,
                    bytes_max: self.line_bytes_max,
                });
            }
            if let Some(end) = end {
                self.unread.start = end + 1;
                return Ok(Some((line, true)));
            }
            searched = line.len();
            if self.fill()? == 0 {
                self.unread.start = self.unread.end;
                return Ok((searched > 0).then_some((line, false)));
            }
        }
    }

    /// Reads more behind what is unread, making room first; 0 at the end.
    fn fill(&mut self) -> Result<usize, ReadError> {
        if self.unread.end == self.buffer.len() {
            if self.unread.start > 0 {
                self.buffer.copy_within(self.unread.clone(), 0);
                self.unread = 0..self.unread.len();
            } else {
                self.buffer.resize(self.buffer.len() * 2, 0);
            }
        }
        loop {
            match self.source.read(&mut self.buffer[self.unread.end..]) {
                Ok(bytes) => {
                    self.unread.end += bytes;
                    return Ok(bytes);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    return Err(ReadError::Io {
                        name: self.name.clone(),
                        error,
                    });
                }
            }
        }
    }
}

/// The warning for compressed bytes without an end.
fn packed<R>(source: &Source<R>, name: &str) -> Option<Warning> {
    source.is_cut_short().then(|| Warning::PackedCutShort {
        name: name.to_owned(),
    })
}

/// Whether a line without an end is the beginning of an event rather than
/// something else: an object was opened and it is not yet JSON. No beginning of
/// a line that a recorder writes is JSON itself.
fn is_cut_short(bytes: &[u8]) -> bool {
    bytes.trim_ascii_start().starts_with(b"{")
        && serde_json::from_slice::<&serde_json::value::RawValue>(bytes).is_err()
}

#[cfg(test)]
mod tests;
