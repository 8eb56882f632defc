//! Finds in a source where events stand, in a buffer that holds at least one of them.
//! It knows lines and brackets, and which format they are in; no event is read here.

use std::io::{self, Read};
use std::ops::Range;

use super::frame::Frames;
use super::{BUFFER_BYTES, DETECT_BYTES, LINE_BYTES_MAX, ReadError, Warning};
use crate::format::{BYTE_ORDER_MARK, Format};
use crate::jepsen_log;
use crate::source::Source;

/// Where it stands in one source.
#[derive(Debug)]
pub(super) struct Cutter<R> {
    pub(super) name: String,
    pub(super) source: Source<R>,
    pub(super) format: Option<Format>,
    pub(super) frames: Frames,
    pub(super) buffer: Vec<u8>,
    /// What was read of the source and not yet of the buffer.
    pub(super) unread: Range<usize>,
    /// An error of the source that comes after what is unread.
    failed: Option<io::Error>,
    pub(super) line: u64,
    /// Of forms: line ends before what is unread, and bytes since the last.
    pub(super) lines_passed: u64,
    pub(super) column: usize,
    /// Of forms: how many that come are to be discarded (`#_`).
    pub(super) to_discard: usize,
    pub(super) line_bytes_max: usize,
    /// Complete at the end of the source.
    pub(super) warnings: Vec<Warning>,
}

/// Where an event stands: in the buffer, and in the source.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) range: Range<usize>,
    /// From 1.
    pub(super) line: u64,
    /// From 0; of a line that is an event, 0.
    pub(super) column: usize,
}

/// What comes next.
#[derive(Debug)]
pub(super) enum Next {
    Event(Place),
    /// Nothing before more was read of the source.
    More,
    End,
}

/// Events that were cut off a source together.
#[derive(Debug, Default)]
pub(super) struct Chunk {
    pub(super) buffer: Vec<u8>,
    pub(super) places: Vec<Place>,
    /// What comes behind them, if that is no event.
    pub(super) end: Option<Result<(), ReadError>>,
}

impl<R> Cutter<R> {
    pub(super) fn new(name: String, source: R) -> Self {
        Cutter {
            name,
            source: Source::new(source),
            format: None,
            frames: Frames::default(),
            buffer: vec![0; BUFFER_BYTES],
            unread: 0..0,
            failed: None,
            line: 0,
            lines_passed: 0,
            column: 0,
            to_discard: 0,
            line_bytes_max: LINE_BYTES_MAX,
            warnings: Vec::new(),
        }
    }
}

impl<R: Read> Cutter<R> {
    /// The place of the next event, which stays where it is until the next call.
    pub(super) fn next(&mut self) -> Result<Option<Place>, ReadError> {
        match self.next_within(true)? {
            Next::Event(place) => Ok(Some(place)),
            Next::More | Next::End => Ok(None),
        }
    }

    /// Cuts off what events there are in about `bytes` of the source, one of them at
    /// least unless it has none.
    pub(super) fn cut(&mut self, bytes: usize, chunk: &mut Chunk) {
        chunk.places.clear();
        chunk.end = None;
        if self.unread.start > 0 || self.buffer.len() < bytes {
            self.hand_over(bytes, chunk);
        }
        while self.unread.end < self.buffer.len() {
            match self.read_more() {
                Ok(0) => break,
                Ok(_) => {}
                Err(error) => {
                    self.failed = Some(error);
                    break;
                }
            }
        }
        chunk.end = loop {
            // What was found must not move until it is handed over.
            match self.next_within(chunk.places.is_empty()) {
                Ok(Next::Event(place)) => {
                    let is_enough = place.range.end >= bytes;
                    chunk.places.push(place);
                    if is_enough {
                        break None;
                    }
                }
                Ok(Next::More) => break None,
                Ok(Next::End) => break Some(Ok(())),
                Err(error) => break Some(Err(error)),
            }
        };
        self.hand_over(bytes, chunk);
    }

    /// Hands the buffer over, and goes on in the chunk's old one with what is unread, and
    /// with room for `bytes` more.
    fn hand_over(&mut self, bytes: usize, chunk: &mut Chunk) {
        std::mem::swap(&mut self.buffer, &mut chunk.buffer);
        let unread = &chunk.buffer[self.unread.clone()];
        let room = unread.len() + bytes;
        if self.buffer.len() > 2 * room {
            // One event may be very long; the next ones need not hold on to its memory.
            self.buffer = Vec::new();
        }
        if self.buffer.len() < room {
            self.buffer.resize(room, 0);
        }
        self.buffer[..unread.len()].copy_from_slice(unread);
        self.unread = 0..unread.len();
    }

    fn next_within(&mut self, may_fill: bool) -> Result<Next, ReadError> {
        let format = match self.format {
            Some(format) => format,
            None => self.detect()?,
        };
        match format {
            Format::JsonLines => self.next_event_line(may_fill),
            Format::JepsenLog => self.next_operation(may_fill),
            Format::Json | Format::Edn => self.next_form(format, may_fill),
        }
    }

    /// Looks at the beginning: a buffer full of it if need be.
    pub(super) fn detect(&mut self) -> Result<Format, ReadError> {
        while self.unread.len() < DETECT_BYTES && self.fill()? > 0 {}
        let beginning = &self.buffer[self.unread.clone()];
        let format = Format::of(&beginning[..beginning.len().min(DETECT_BYTES)]);
        self.format = Some(format);
        Ok(format)
    }

    #[inline]
    fn next_event_line(&mut self, may_fill: bool) -> Result<Next, ReadError> {
        let (mut range, ended) = match self.next_line(may_fill)? {
            Line::Found(range, ended) => (range, ended),
            Line::More => return Ok(Next::More),
            Line::End => return Ok(Next::End),
        };
        if self.line == 1 && self.buffer[range.clone()].starts_with(BYTE_ORDER_MARK) {
            range.start += BYTE_ORDER_MARK.len();
        }
        if !ended && (self.source.is_cut_short() || is_cut_short(&self.buffer[range.clone()])) {
            return Ok(self.cut_short(range));
        }
        Ok(Next::Event(Place {
            range,
            line: self.line,
            column: 0,
        }))
    }

    /// The next line of a log that has an operation.
    fn next_operation(&mut self, may_fill: bool) -> Result<Next, ReadError> {
        loop {
            let (range, ended) = match self.next_line(may_fill)? {
                Line::Found(range, ended) => (range, ended),
                Line::More => return Ok(Next::More),
                Line::End => return Ok(Next::End),
            };
            if !ended && self.source.is_cut_short() {
                return Ok(self.cut_short(range));
            }
            if let Some(at) = jepsen_log::operation(&self.buffer[range.clone()]) {
                return Ok(Next::Event(Place {
                    range: range.start + at..range.end,
                    line: self.line,
                    column: at,
                }));
            }
        }
    }

    fn cut_short(&mut self, last_line: Range<usize>) -> Next {
        let (name, line, bytes) = (self.name.clone(), self.line, last_line.len());
        self.warnings.push(Warning::CutShort { name, line, bytes });
        Next::End
    }

    /// Where in the buffer the next line that is not blank stands.
    fn next_line(&mut self, may_fill: bool) -> Result<Line, ReadError> {
        loop {
            let (range, ended) = match self.any_line(may_fill)? {
                Line::Found(range, ended) => (range, ended),
                line => return Ok(line),
            };
            self.line += 1;
            // Nearly always the first byte decides.
            if !self.buffer[range.clone()]
                .iter()
                .all(u8::is_ascii_whitespace)
            {
                return Ok(Line::Found(range, ended));
            }
        }
    }

    fn any_line(&mut self, may_fill: bool) -> Result<Line, ReadError> {
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
                return Ok(Line::Found(line, true));
            }
            if !may_fill {
                return Ok(Line::More);
            }
            searched = line.len();
            if self.fill()? == 0 {
                let rest = self.unread.clone();
                self.unread.start = rest.end;
                return Ok(match searched {
                    0 => Line::End,
                    _ => Line::Found(rest, false),
                });
            }
        }
    }

    /// Reads more behind what is unread, making room first; 0 at the end.
    pub(super) fn fill(&mut self) -> Result<usize, ReadError> {
        if self.unread.end == self.buffer.len() {
            if self.unread.start > 0 {
                self.buffer.copy_within(self.unread.clone(), 0);
                self.unread = 0..self.unread.len();
            } else {
                self.buffer.resize(self.buffer.len() * 2, 0);
            }
        }
        self.read_more().map_err(|error| ReadError::Io {
            name: self.name.clone(),
            error,
        })
    }

    /// Reads into the room behind what is unread; 0 at the end.
    fn read_more(&mut self) -> io::Result<usize> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        loop {
            match self.source.read(&mut self.buffer[self.unread.end..]) {
                Ok(bytes) => {
                    self.unread.end += bytes;
                    return Ok(bytes);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// A line in the buffer, and whether a newline ended it.
enum Line {
    Found(Range<usize>, bool),
    More,
    End,
}

/// Whether a line without an end is the beginning of an event rather than
/// something else: an object was opened and not closed. No beginning of a line that a
/// recorder writes is JSON itself.
fn is_cut_short(bytes: &[u8]) -> bool {
    let in_number = matches!(bytes.last(), Some(b'-' | b'+' | b'.' | b'e' | b'E'));
    bytes.trim_ascii_start().starts_with(b"{")
        && serde_json::from_slice::<&serde_json::value::RawValue>(bytes)
            .is_err_and(|error| error.is_eof() || in_number)
}
