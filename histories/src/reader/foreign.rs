//! Events of other formats: found in the buffer first, read after that.

use std::io::Read;
use std::ops::Range;

use super::frame::{Ended, Found};
use super::{ReadError, Reader, Warning};
use crate::edn::{self, Fault};
use crate::event::Event;
use crate::format::Format;
use crate::jsonl::ParseError;
use crate::{jepsen_log, json};

impl<R: Read> Reader<R> {
    /// The next event of a format that is not ours.
    #[inline(never)]
    pub(super) fn next_of_foreign(
        &mut self,
        format: Format,
    ) -> Result<Option<Event<'_>>, ReadError> {
        let found = match format {
            Format::JepsenLog => self.next_operation()?,
            _ => self.next_form(format)?,
        };
        let Some(Place {
            range,
            line,
            column,
        }) = found
        else {
            let supplied = self.completion.supplied();
            self.warnings
                .extend(supplied.map(|(what, events, line)| Warning::Supplied {
                    name: self.name.clone(),
                    line,
                    events,
                    what,
                }));
            return self.end().map(|()| None);
        };
        let text = utf8(&self.name, &self.buffer[range], line, column)?;
        let read = match format {
            Format::JepsenLog => jepsen_log::parse(text, &mut self.scratch),
            Format::Json => json::parse(text),
            _ => edn::parse(text, &mut self.scratch),
        };
        let draft = read.map_err(|fault| malformed(&self.name, text, line, column, fault))?;
        let mut event =
            self.completion
                .event(draft, line)
                .map_err(|field| ReadError::Malformed {
                    name: self.name.clone(),
                    line,
                    error: ParseError {
                        field: Some(field.name().to_owned()),
                        column: None,
                        message: "missing".to_owned(),
                    },
                })?;
        if let Some(tuples) = &mut self.tuples {
            tuples.split(&mut event);
        }
        if let Some(validator) = &mut self.validator {
            validator
                .event(&event)
                .map_err(|invalid| ReadError::Invalid {
                    name: self.name.clone(),
                    line,
                    problem: invalid.problem,
                })?;
        }
        self.events += 1;
        self.done = false;
        Ok(Some(event))
    }

    /// The next line of a log that has an operation.
    fn next_operation(&mut self) -> Result<Option<Place>, ReadError> {
        while let Some((range, ended)) = self.next_line()? {
            if !ended && self.source.is_cut_short() {
                let (name, line, bytes) = (self.name.clone(), self.line, range.len());
                self.warnings.push(Warning::CutShort { name, line, bytes });
                return Ok(None);
            }
            if let Some(at) = jepsen_log::operation(&self.buffer[range.clone()]) {
                return Ok(Some(Place {
                    range: range.start + at..range.end,
                    line: self.line,
                    column: at,
                }));
            }
        }
        Ok(None)
    }

    /// The next form that is more than a discarded one.
    fn next_form(&mut self, format: Format) -> Result<Option<Place>, ReadError> {
        while let Some(place) = self.any_form()? {
            let discarded = format == Format::Edn
                && self.buffer[place.range.start] == b'#'
                && edn::is_only_trivia(utf8(
                    &self.name,
                    &self.buffer[place.range.clone()],
                    place.line,
                    place.column,
                )?);
            if !discarded {
                return Ok(Some(place));
            }
        }
        Ok(None)
    }

    fn any_form(&mut self) -> Result<Option<Place>, ReadError> {
        loop {
            match self.frames.next(&self.buffer[self.unread.clone()]) {
                Found::Form(start, end) => return self.take(start, end).map(Some),
                Found::Behind(at) => {
                    let place = self.take(at, at + 1)?;
                    return Err(ReadError::Malformed {
                        name: self.name.clone(),
                        line: place.line,
                        error: ParseError {
                            field: None,
                            column: Some(place.column + 1),
                            message: "something behind the end of the list".to_owned(),
                        },
                    });
                }
                Found::More => {}
            }
            let trivia = self.frames.take_trivia();
            self.pass(trivia);
            if self.frames.pending() > self.line_bytes_max {
                return Err(self.too_long(self.lines_passed + 1));
            }
            if self.fill()? == 0 {
                return self.last_form();
            }
        }
    }

    /// What is left at the end of the source.
    fn last_form(&mut self) -> Result<Option<Place>, ReadError> {
        let name = self.name.clone();
        match self.frames.end() {
            Ended::Whole => {}
            Ended::InList => self.warnings.push(Warning::NotClosed { name }),
            Ended::Word(start) if !self.source.is_cut_short() => {
                let end = self.unread.len();
                self.frames = super::Frames::default();
                return self.take(start, end).map(Some);
            }
            Ended::InForm(start) | Ended::Word(start) => {
                let bytes = self.unread.len() - start;
                let line = self.lines_passed + 1;
                self.unread.start = self.unread.end;
                self.frames = super::Frames::default();
                self.warnings
                    .push(Warning::EventCutShort { name, line, bytes });
            }
        }
        Ok(None)
    }

    /// Takes a form out of what is unread, and says where it is.
    fn take(&mut self, start: usize, end: usize) -> Result<Place, ReadError> {
        self.pass(start);
        let range = self.unread.start..self.unread.start + (end - start);
        let (line, column) = (self.lines_passed + 1, self.column);
        self.line = line;
        if range.len() > self.line_bytes_max {
            return Err(self.too_long(line));
        }
        self.pass(end - start);
        Ok(Place {
            range,
            line,
            column,
        })
    }

    /// Counts lines in the bytes that come, and leaves them behind.
    fn pass(&mut self, bytes: usize) {
        let passed = &self.buffer[self.unread.start..self.unread.start + bytes];
        match memchr::memrchr(b'\n', passed) {
            None => self.column += bytes,
            Some(last) => {
                self.lines_passed += memchr::memchr_iter(b'\n', passed).count() as u64;
                self.column = bytes - last - 1;
            }
        }
        self.unread.start += bytes;
    }

    fn too_long(&self, line: u64) -> ReadError {
        ReadError::EventTooLong {
            name: self.name.clone(),
            line,
            bytes_max: self.line_bytes_max,
        }
    }
}

/// Where an event stands: in the buffer, and in the source.
struct Place {
    range: Range<usize>,
    /// From 1.
    line: u64,
    /// From 0.
    column: usize,
}

fn utf8<'a>(name: &str, bytes: &'a [u8], line: u64, column: usize) -> Result<&'a str, ReadError> {
    std::str::from_utf8(bytes).map_err(|error| {
        let (line, column) = position(bytes, error.valid_up_to(), line, column);
        ReadError::NotUtf8 {
            name: name.to_owned(),
            line,
            column,
        }
    })
}

/// The line and the column, both from 1, of a byte of an event.
fn position(event: &[u8], at: usize, line: u64, column: usize) -> (u64, usize) {
    let before = &event[..at.min(event.len())];
    match memchr::memrchr(b'\n', before) {
        None => (line, column + before.len() + 1),
        Some(last) => (
            line + memchr::memchr_iter(b'\n', before).count() as u64,
            before.len() - last,
        ),
    }
}

fn malformed(name: &str, text: &str, line: u64, column: usize, fault: Fault) -> ReadError {
    let (line, column) = position(text.as_bytes(), fault.at, line, column);
    ReadError::Malformed {
        name: name.to_owned(),
        line,
        error: ParseError {
            field: fault.field,
            column: Some(column),
            message: fault.message.replace(char::is_control, "\u{fffd}"),
        },
    }
}

#[cfg(test)]
mod tests;
