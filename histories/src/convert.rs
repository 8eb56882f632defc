//! Writing whole histories in any format that holds all of them, and from one
//! format into another.

use std::io::{self, Read, Write};

use crate::event::Event;
use crate::format::Format;
use crate::reader::{ReadError, Reader, Warning};
use crate::{edn, jsonl};

/// When that much is there it is written.
const BUFFER_BYTES: usize = 64 * 1024;

/// Writes events, one after the other.
#[derive(Debug)]
pub struct Writer<W> {
    name: String,
    to: W,
    format: Format,
    events: u64,
    buffer: Vec<u8>,
}

/// Why a history was not converted. Every message is one line.
#[derive(Debug, thiserror::Error)]
pub enum ConvertError {
    /// It could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// It could not be written.
    #[error("{name}: {error}")]
    Write {
        /// Where it was to go.
        name: String,
        /// What the system said.
        error: io::Error,
    },
    /// Not all of an event has a place in the format.
    #[error("histories are not written as {0}: that would lose some of them")]
    Lossy(Format),
}

impl<W: Write> Writer<W> {
    /// Writes to `to`, which errors will call `name`. The writer does its own
    /// buffering.
    ///
    /// # Errors
    /// [`ConvertError::Lossy`] for [`Format::JepsenLog`], which is read only.
    pub fn new(name: impl Into<String>, to: W, format: Format) -> Result<Self, ConvertError> {
        if format == Format::JepsenLog {
            return Err(ConvertError::Lossy(format));
        }
        Ok(Writer {
            name: name.into(),
            to,
            format,
            events: 0,
            buffer: Vec::with_capacity(2 * BUFFER_BYTES),
        })
    }

    /// Appends the event.
    ///
    /// # Errors
    /// [`ConvertError::Write`].
    pub fn event(&mut self, event: &Event<'_>) -> Result<(), ConvertError> {
        match self.format {
            Format::Edn => edn::write(event, &mut self.buffer),
            Format::Json => {
                let before: &[u8] = if self.events == 0 { b"[" } else { b",\n" };
                self.buffer.extend_from_slice(before);
                jsonl::write(event, &mut self.buffer);
                self.buffer.pop();
            }
            Format::JsonLines | Format::JepsenLog => jsonl::write(event, &mut self.buffer),
        }
        self.events += 1;
        if self.buffer.len() >= BUFFER_BYTES {
            self.write_out()?;
        }
        Ok(())
    }

    /// Writes what is left, and says how many events there were.
    ///
    /// # Errors
    /// [`ConvertError::Write`].
    pub fn finish(mut self) -> Result<u64, ConvertError> {
        if self.format == Format::Json {
            let end: &[u8] = if self.events == 0 { b"[]\n" } else { b"]\n" };
            self.buffer.extend_from_slice(end);
        }
        self.end()
    }

    /// As [`Writer::finish`], for a history of which a part went unseen: what is
    /// written is cut short too, in an event that was begun, so that no reader
    /// takes it for the whole.
    ///
    /// # Errors
    /// [`ConvertError::Write`].
    pub fn finish_cut_short(mut self) -> Result<u64, ConvertError> {
        let begun: &[u8] = match self.format {
            Format::Json if self.events == 0 => b"[{\"index\":",
            Format::Json => b",\n{\"index\":",
            Format::Edn => b"{:index ",
            Format::JsonLines | Format::JepsenLog => b"{\"index\":",
        };
        self.buffer.extend_from_slice(begun);
        self.end()
    }

    fn end(mut self) -> Result<u64, ConvertError> {
        self.write_out()?;
        let flushed = self.to.flush();
        self.named(flushed)?;
        Ok(self.events)
    }

    fn write_out(&mut self) -> Result<(), ConvertError> {
        let written = self.to.write_all(&self.buffer);
        self.buffer.clear();
        self.named(written)
    }

    fn named(&self, result: io::Result<()>) -> Result<(), ConvertError> {
        result.map_err(|error| ConvertError::Write {
            name: self.name.clone(),
            error,
        })
    }
}

/// Writes all that the reader has, and says how many events that was; what the
/// reader let pass is in [`Reader::warnings`]. A history that is cut short stays
/// so. Memory does not grow with the history.
///
/// ```
/// use witness_histories::{Format, Reader, Writer, convert};
///
/// let log = "INFO  jepsen.util - 0\t:invoke\t:write\t4\n";
/// let mut reader = Reader::new("etcd.log", log.as_bytes());
/// let mut edn = Vec::new();
/// convert(&mut reader, Writer::new("-", &mut edn, Format::Edn)?)?;
/// assert_eq!(
///     String::from_utf8(edn)?,
///     "{:index 0, :time 0, :type :invoke, :process 0, :f :write, :value 4}\n"
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// See [`ConvertError`].
pub fn convert<R: Read, W: Write>(
    reader: &mut Reader<R>,
    mut writer: Writer<W>,
) -> Result<u64, ConvertError> {
    while let Some(event) = reader.next()? {
        writer.event(&event)?;
    }
    if reader.warnings().iter().any(Warning::is_unseen) {
        return writer.finish_cut_short();
    }
    writer.finish()
}
