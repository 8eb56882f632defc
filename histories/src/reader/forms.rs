//! Where events stand that may take many lines or share one: the part of
//! [`Cutter`] for EDN and JSON.

use std::io::Read;

use super::cut::{Cutter, Next, Place};
use super::frame::{Ended, Found, Frames};
use super::parse::utf8;
use super::{ReadError, Warning};
use crate::edn;
use crate::format::Format;
use crate::jsonl::ParseError;

impl<R: Read> Cutter<R> {
    /// The next form that is more than a discarded one.
    pub(super) fn next_form(&mut self, format: Format, may_fill: bool) -> Result<Next, ReadError> {
        if self.to_discard == 0
            && let Some(place) = self.plain_form()
        {
            return Ok(Next::Event(place));
        }
        loop {
            let next = self.any_form(may_fill)?;
            let Next::Event(place) = &next else {
                if matches!(next, Next::End) && std::mem::take(&mut self.to_discard) > 0 {
                    // What was to be discarded never came.
                    let (name, line) = (self.name.clone(), self.lines_passed + 1);
                    let bytes = 0;
                    self.warnings
                        .push(Warning::EventCutShort { name, line, bytes });
                }
                return Ok(next);
            };
            let discards = match self.buffer[place.range.start] {
                b'#' if format == Format::Edn => {
                    edn::discards(utf8(&self.name, &self.buffer, place)?)
                }
                _ => None,
            };
            match discards {
                Some(more) => self.to_discard += more,
                None if self.to_discard > 0 => self.to_discard -= 1,
                None => return Ok(next),
            }
        }
    }

    /// The form that comes, if it is a map that has no map, text, character or comment in it, as
    /// most events are: it need not be gone through bracket by bracket. Else it takes nothing.
    fn plain_form(&mut self) -> Option<Place> {
        if !self.frames.is_between() {
            return None;
        }
        let unread = &self.buffer[self.unread.clone()];
        let trivia = unread
            .iter()
            .position(|byte| !matches!(byte, b'\n' | b' ' | b','))?;
        let inside = unread[trivia..].strip_prefix(b"{")?;
        let end = memchr::memchr2(b'{', b'}', inside)?;
        let is_plain =
            inside[end] == b'}' && memchr::memchr3(b'"', b'\\', b';', &inside[..end]).is_none();
        let bytes = end + 2;
        if !is_plain || bytes > self.line_bytes_max {
            return None;
        }
        for &byte in &unread[..trivia] {
            self.column += 1;
            if byte == b'\n' {
                self.lines_passed += 1;
                self.column = 0;
            }
        }
        self.unread.start += trivia;
        let place = Place {
            range: self.unread.start..self.unread.start + bytes,
            line: self.lines_passed + 1,
            column: self.column,
        };
        self.line = place.line;
        self.pass(bytes);
        Some(place)
    }

    fn any_form(&mut self, may_fill: bool) -> Result<Next, ReadError> {
        loop {
            match self.frames.next(&self.buffer[self.unread.clone()]) {
                Found::Form(start, end) => return self.take(start, end),
                Found::Behind(at) => {
                    self.pass(at);
                    self.line = self.lines_passed + 1;
                    return Err(ReadError::Malformed {
                        name: self.name.clone(),
                        line: self.line,
                        error: ParseError {
                            field: None,
                            column: Some(self.column + 1),
                            message: "something behind the end of the list".to_owned(),
                        },
                    });
                }
                Found::More => {}
            }
            let trivia = self.frames.take_trivia();
            self.pass(trivia);
            if self.frames.pending() > self.line_bytes_max {
                self.line = self.lines_passed + 1;
                return Err(self.too_long(self.line));
            }
            if !may_fill {
                return Ok(Next::More);
            }
            if self.fill()? == 0 {
                return self.last_form();
            }
        }
    }

    /// What is left at the end of the source.
    fn last_form(&mut self) -> Result<Next, ReadError> {
        let name = self.name.clone();
        match self.frames.end() {
            Ended::Whole => {}
            Ended::InList => self.warnings.push(Warning::NotClosed { name }),
            Ended::Word(start) if !self.source.is_cut_short() => {
                let end = self.unread.len();
                self.frames = Frames::default();
                return self.take(start, end);
            }
            Ended::InForm(start) | Ended::Word(start) => {
                let bytes = self.unread.len() - start;
                let line = self.lines_passed + 1;
                self.unread.start = self.unread.end;
                self.frames = Frames::default();
                self.warnings
                    .push(Warning::EventCutShort { name, line, bytes });
            }
        }
        Ok(Next::End)
    }

    /// Takes a form out of what is unread, and says where it is.
    fn take(&mut self, start: usize, end: usize) -> Result<Next, ReadError> {
        self.pass(start);
        let range = self.unread.start..self.unread.start + (end - start);
        let (line, column) = (self.lines_passed + 1, self.column);
        self.line = line;
        if range.len() > self.line_bytes_max {
            return Err(self.too_long(line));
        }
        self.pass(end - start);
        Ok(Next::Event(Place {
            range,
            line,
            column,
        }))
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

#[cfg(test)]
mod tests;
