//! Messages off the wire. `pgwire` decodes them, but trusts every count and length
//! inside a message; so each one is cut out whole and its shape checked first, and
//! bad bytes become an error and never a panic.

use bytes::BytesMut;
use pgwire::messages::{DecodeContext, PgWireFrontendMessage, ProtocolVersion};
use tokio::io::{AsyncRead, AsyncReadExt};

use crate::dsql::engine::error::{SqlError, state};

/// The longest message taken, in bytes.
const MESSAGE_BYTES_MAX: usize = 32 << 20;
/// The longest start-up message taken, in bytes; PostgreSQL's limit.
const STARTUP_BYTES_MAX: usize = 10_000;

/// Why there is no message.
#[derive(Debug)]
pub enum ReadError {
    /// The connection is gone.
    Closed,
    /// What came is not the protocol; the connection cannot go on.
    Fatal(SqlError),
    /// One message makes no sense, but its end is known.
    Bad(SqlError),
}

/// Reads the body of a start-up packet: everything after its length.
pub async fn read_startup<S: AsyncRead + Unpin>(stream: &mut S) -> Result<BytesMut, ReadError> {
    let length = stream.read_i32().await.map_err(|_| ReadError::Closed)?;
    let length = usize::try_from(length)
        .ok()
        .filter(|length| (8..=STARTUP_BYTES_MAX).contains(length))
        .ok_or_else(|| ReadError::Fatal(protocol("invalid length of startup packet")))?;
    read_exactly(stream, length - 4).await
}

/// Reads one message.
pub async fn read_message<S: AsyncRead + Unpin>(
    stream: &mut S,
) -> Result<PgWireFrontendMessage, ReadError> {
    let kind = stream.read_u8().await.map_err(|_| ReadError::Closed)?;
    if !b"QPBDECHSXpdcfF".contains(&kind) {
        return Err(ReadError::Fatal(protocol(&format!(
            "invalid frontend message type {kind}"
        ))));
    }
    let length = stream.read_i32().await.map_err(|_| ReadError::Closed)?;
    let length = usize::try_from(length)
        .ok()
        .filter(|length| (4..=MESSAGE_BYTES_MAX).contains(length))
        .ok_or_else(|| ReadError::Fatal(protocol("invalid message length")))?;
    let body = read_exactly(stream, length - 4).await?;
    check_shape(kind, &body).map_err(ReadError::Bad)?;
    decode(kind, length, &body).ok_or_else(|| ReadError::Bad(protocol("invalid message format")))
}

async fn read_exactly<S: AsyncRead + Unpin>(
    stream: &mut S,
    length: usize,
) -> Result<BytesMut, ReadError> {
    // Grows as bytes arrive: a length alone claims no memory.
    let mut body = BytesMut::with_capacity(length.min(64 << 10));
    let mut rest = stream.take(length as u64);
    while body.len() < length {
        let read = rest
            .read_buf(&mut body)
            .await
            .map_err(|_| ReadError::Closed)?;
        if read == 0 {
            return Err(ReadError::Closed);
        }
    }
    Ok(body)
}

fn decode(kind: u8, length: usize, body: &[u8]) -> Option<PgWireFrontendMessage> {
    let mut frame = BytesMut::with_capacity(body.len() + 5);
    frame.extend_from_slice(&[kind]);
    frame.extend_from_slice(&u32::try_from(length).ok()?.to_be_bytes());
    frame.extend_from_slice(body);
    let mut context = DecodeContext::new(ProtocolVersion::PROTOCOL3_0);
    context.awaiting_frontend_ssl = false;
    context.awaiting_frontend_startup = false;
    PgWireFrontendMessage::decode(&mut frame, &context).ok()?
}

fn protocol(message: &str) -> SqlError {
    SqlError::new(state::PROTOCOL_VIOLATION, message)
}

/// Walks a message's parts and finds its exact end, or says what is wrong.
fn check_shape(kind: u8, body: &[u8]) -> Result<(), SqlError> {
    let mut cursor = Cursor(body);
    match kind {
        b'Q' | b'p' => cursor.string()?,
        b'P' => {
            cursor.string()?;
            cursor.string()?;
            let types = cursor.count()?;
            cursor.skip(types * 4)?;
        }
        b'B' => {
            cursor.string()?;
            cursor.string()?;
            let formats = cursor.count()?;
            cursor.skip(formats * 2)?;
            for _ in 0..cursor.count()? {
                let length = i32::from_be_bytes(cursor.array()?);
                // Negative means null; PostgreSQL takes -1 only.
                match usize::try_from(length) {
                    Ok(length) => cursor.skip(length)?,
                    Err(_) if length == -1 => {}
                    Err(_) => return Err(protocol("invalid parameter length")),
                }
            }
            let formats = cursor.count()?;
            cursor.skip(formats * 2)?;
        }
        b'D' | b'C' => {
            let [target] = cursor.array()?;
            if !matches!(target, b'S' | b'P') {
                return Err(protocol("invalid target of a DESCRIBE or CLOSE message"));
            }
            cursor.string()?;
        }
        b'E' => {
            cursor.string()?;
            cursor.skip(4)?;
        }
        // Left over from a COPY that was refused: to be ignored, says the protocol.
        b'd' | b'c' | b'f' => return Ok(()),
        b'F' => return Err(SqlError::unsupported("function call message")),
        _ => {}
    }
    if cursor.0.is_empty() {
        Ok(())
    } else {
        Err(protocol("invalid message format"))
    }
}

struct Cursor<'a>(&'a [u8]);

impl Cursor<'_> {
    fn skip(&mut self, count: usize) -> Result<(), SqlError> {
        let rest = self.0.get(count..);
        self.0 = rest.ok_or_else(|| protocol("insufficient data left in message"))?;
        Ok(())
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], SqlError> {
        let found = self.0.first_chunk().copied();
        self.skip(N)?;
        found.ok_or_else(|| protocol("insufficient data left in message"))
    }

    fn count(&mut self) -> Result<usize, SqlError> {
        Ok(usize::from(u16::from_be_bytes(self.array()?)))
    }

    fn string(&mut self) -> Result<(), SqlError> {
        let end = self
            .0
            .iter()
            .position(|byte| *byte == 0)
            .ok_or_else(|| protocol("invalid string in message"))?;
        if std::str::from_utf8(&self.0[..end]).is_err() {
            return Err(SqlError::new(
                state::CHARACTER_NOT_IN_REPERTOIRE,
                "invalid byte sequence for encoding \"UTF8\"",
            ));
        }
        self.skip(end + 1)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn message(kind: u8, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(body.len() + 4).unwrap();
        [&[kind], length.to_be_bytes().as_slice(), body].concat()
    }

    async fn read(bytes: &[u8]) -> Result<PgWireFrontendMessage, ReadError> {
        read_message(&mut std::io::Cursor::new(bytes)).await
    }

    #[tokio::test]
    async fn whole_messages_are_read() {
        let cases: [(u8, &[u8]); 7] = [
            (b'Q', b"SELECT 1\0"),
            (b'P', b"s\0SELECT 1\0\0\x01\0\0\0\x17"),
            (
                b'B',
                b"\0s\0\0\x01\0\x01\0\x02\0\0\0\x02hi\xff\xff\xff\xff\0\0",
            ),
            (b'D', b"Ss\0"),
            (b'E', b"\0\0\0\0\0"),
            (b'S', b""),
            (b'p', b"token\0"),
        ];
        for (kind, body) in cases {
            assert!(
                read(&message(kind, body)).await.is_ok(),
                "{}",
                char::from(kind)
            );
        }
    }

    #[tokio::test]
    async fn lies_about_lengths_are_noticed() {
        let cases: [(u8, &[u8]); 8] = [
            (b'Q', b"SELECT 1"),
            (b'Q', b"\xff\xfe\0"),
            (b'P', b"s\0SELECT 1\0\xff\xff"),
            (b'P', b"s\0SELECT 1\0"),
            (b'B', b"\0s\0\0\0\0\x01\x7f\xff\xff\xff"),
            (b'B', b"\0s\0\0\0\0\x01\xff\xff\xff\xfe\0\0"),
            (b'D', b""),
            (b'E', b"\0\0\0"),
        ];
        for (kind, body) in cases {
            let outcome = read(&message(kind, body)).await;
            assert!(
                matches!(outcome, Err(ReadError::Bad(_))),
                "{}",
                char::from(kind)
            );
        }
        for fatal in [
            &b"Z\0\0\0\x04"[..],
            b"Q\0\0\0\x03",
            b"Q\xff\xff\xff\xff",
            b"Q\x7f\0\0\0",
        ] {
            assert!(matches!(read(fatal).await, Err(ReadError::Fatal(_))));
        }
        assert!(matches!(
            read(b"Q\0\0\0\x0aSE").await,
            Err(ReadError::Closed)
        ));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(kind: u8, body: Vec<u8>, tail: Vec<u8>) {
            let mut bytes = message(kind, &body);
            bytes.extend(tail);
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let _ = runtime.block_on(read(&bytes));
        }

        #[test]
        fn no_body_of_a_known_message_makes_it_panic(
            kind in proptest::sample::select(b"QPBDECp".to_vec()),
            body in proptest::collection::vec(0u8..4, 0..24),
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let _ = runtime.block_on(read(&message(kind, &body)));
        }
    }
}
