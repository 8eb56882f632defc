//! Bytes as they are, or unpacked if they are gzip's or zstd's: told by how they
//! begin, in memory that does not grow with them.

use std::fmt;
use std::io::{self, BufRead, BufReader, Chain, Cursor, Read};

use flate2::bufread::MultiGzDecoder;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

/// A source with the bytes that were looked at put back.
type Rewound<R> = Chain<Cursor<Vec<u8>>, R>;

/// Unpacked block by block: how much comes before an error must not hang on how much
/// is asked for at a time.
type Gzip<R> = BufReader<MultiGzDecoder<BufReader<Rewound<R>>>>;

/// Reads from `R`, unpacking what is packed.
pub(crate) struct Source<R> {
    state: State<R>,
    cut_short: bool,
}

enum State<R> {
    /// Nothing was read.
    New(R),
    Plain(Rewound<R>),
    Gzip(Box<Gzip<R>>),
    Zstd(Box<Zstd<BufReader<Rewound<R>>>>),
    /// Only while it changes, or after an error.
    Nothing,
}

impl<R> fmt::Debug for Source<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source")
            .field("cut_short", &self.cut_short)
            .finish_non_exhaustive()
    }
}

impl<R> Source<R> {
    pub(crate) fn new(source: R) -> Self {
        Source {
            state: State::New(source),
            cut_short: false,
        }
    }

    /// Whether packed bytes ended before their end.
    pub(crate) fn is_cut_short(&self) -> bool {
        self.cut_short
    }
}

impl<R: Read> Read for Source<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let State::New(_) = self.state {
            self.begin()?;
        }
        let read = match &mut self.state {
            State::Plain(source) => return source.read(buffer),
            State::Gzip(source) => read_buffered(source, buffer),
            State::Zstd(source) => source.read(buffer),
            State::New(_) | State::Nothing => Ok(0),
        };
        match read {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                self.cut_short = true;
                self.state = State::Nothing;
                Ok(0)
            }
            read => read,
        }
    }
}

impl<R: Read> Source<R> {
    fn begin(&mut self) -> io::Result<()> {
        let State::New(mut source) = std::mem::replace(&mut self.state, State::Nothing) else {
            return Ok(());
        };
        let mut magic = Vec::with_capacity(4);
        (&mut source).take(4).read_to_end(&mut magic)?;
        let (gzip, zstd) = (magic.starts_with(&[0x1f, 0x8b]), is_zstd(&magic));
        let source = Cursor::new(magic).chain(source);
        self.state = if gzip {
            let unpacked = MultiGzDecoder::new(BufReader::new(source));
            State::Gzip(Box::new(BufReader::new(unpacked)))
        } else if zstd {
            State::Zstd(Box::new(Zstd::new(BufReader::new(source))))
        } else {
            State::Plain(source)
        };
        Ok(())
    }
}

/// As `read`, but always by way of the source's own buffer.
fn read_buffered(source: &mut impl BufRead, buffer: &mut [u8]) -> io::Result<usize> {
    let read = source.fill_buf()?.read(buffer)?;
    source.consume(read);
    Ok(read)
}

/// Whether a frame begins so: one with data, or one to be skipped.
fn is_zstd(magic: &[u8]) -> bool {
    matches!(
        magic,
        [0x28, 0xb5, 0x2f, 0xfd] | [0x50..=0x5f, 0x2a, 0x4d, 0x18]
    )
}

/// Unpacks frame after frame. A window larger than 128 MiB is refused.
struct Zstd<R> {
    source: Watched<R>,
    decoder: FrameDecoder,
    in_frame: bool,
}

impl<R: Read> Zstd<R> {
    fn new(source: R) -> Self {
        Zstd {
            source: Watched {
                source,
                put_back: None,
                ended: false,
            },
            decoder: FrameDecoder::new(),
            in_frame: false,
        }
    }

    /// Goes to the next frame with data; false if there is none.
    fn next_frame(&mut self) -> io::Result<bool> {
        loop {
            let mut first = [0];
            if self.source.read(&mut first)? == 0 {
                return Ok(false);
            }
            self.source.put_back = Some(first[0]);
            match self.decoder.reset(&mut self.source) {
                Ok(()) => {
                    self.in_frame = true;
                    return Ok(true);
                }
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    let length = u64::from(length);
                    let skipped = io::copy(&mut (&mut self.source).take(length), &mut io::sink())?;
                    if skipped < length {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                }
                Err(error) => return Err(self.failed(error)),
            }
        }
    }

    /// The error, told apart from an early end.
    fn failed(&self, error: FrameDecoderError) -> io::Error {
        if self.source.ended {
            io::ErrorKind::UnexpectedEof.into()
        } else {
            io::Error::new(io::ErrorKind::InvalidData, format!("zstd: {error}"))
        }
    }
}

impl<R: Read> Read for Zstd<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if !self.in_frame && !self.next_frame()? {
                return Ok(0);
            }
            while self.decoder.can_collect() == 0 && !self.decoder.is_finished() {
                self.decoder
                    .decode_blocks(&mut self.source, BlockDecodingStrategy::UptoBlocks(1))
                    .map_err(|error| self.failed(error))?;
            }
            let bytes = self.decoder.read(buffer)?;
            if bytes > 0 {
                return Ok(bytes);
            }
            let expected = self.decoder.get_checksum_from_data();
            if expected.is_some() && expected != self.decoder.get_calculated_checksum() {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    "zstd: the checksum does not match",
                ));
            }
            self.in_frame = false;
        }
    }
}

/// Remembers whether more was asked of a source than it has.
struct Watched<R> {
    source: R,
    put_back: Option<u8>,
    ended: bool,
}

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        if let Some(byte) = self.put_back.take() {
            buffer[0] = byte;
            return Ok(1);
        }
        loop {
            match self.source.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => {
                    self.ended |= matches!(read, Ok(0));
                    return read;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
