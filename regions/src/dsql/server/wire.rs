//! Messages onto the wire: one buffer a connection, filled message by message and
//! sent when the client waits for it.

use bytes::{BufMut, BytesMut};
use pgwire::error::PgWireResult;
use pgwire::messages::Message;
use pgwire::messages::data::{DataRow, FieldDescription, RowDescription};
use pgwire::messages::response::{
    CommandComplete, ErrorResponse, NoticeResponse, ReadyForQuery, TransactionStatus,
};
use tokio::io::{AsyncWrite, AsyncWriteExt};

use super::binary::{Format, encode};
use crate::dsql::engine::error::SqlError;
use crate::dsql::engine::plan::OutputColumn;
use crate::dsql::engine::session::Block;
use crate::dsql::engine::value::Value;

/// Above so many bytes a result is sent on before it is complete.
const BUFFER_BYTES_MAX: usize = 256 << 10;
/// The longest text in an error, in characters: clients limit an error's length.
const ERROR_TEXT_MAX: usize = 2000;

/// The connection's output.
#[derive(Debug, Default)]
pub struct Output {
    buffer: BytesMut,
}

impl Output {
    /// Appends a message.
    pub fn put(&mut self, message: &impl Message) {
        let before = self.buffer.len();
        // The lengths of all messages made here are limited, so this does not fail; if
        // it ever did, half a message must not stay.
        let encoded: PgWireResult<()> = message.encode(&mut self.buffer);
        if encoded.is_err() {
            self.buffer.truncate(before);
        }
    }

    /// Appends an error.
    pub fn error(&mut self, severity: &str, error: &SqlError) {
        self.put(&ErrorResponse::new(fields(severity, error)));
    }

    /// Appends a notice.
    pub fn notice(&mut self, severity: &str, notice: &SqlError) {
        self.put(&NoticeResponse::new(fields(severity, notice)));
    }

    /// Appends the end of a statement.
    pub fn complete(&mut self, tag: &str) {
        self.put(&CommandComplete::new(tag.to_owned()));
    }

    /// Appends "ready for query".
    pub fn ready(&mut self, block: Block) {
        self.put(&ReadyForQuery::new(match block {
            Block::Idle => TransactionStatus::Idle,
            Block::Open => TransactionStatus::Transaction,
            Block::Failed => TransactionStatus::Error,
        }));
    }

    /// Appends a description of result columns.
    pub fn columns(&mut self, columns: &[OutputColumn], formats: &[Format]) {
        let fields = columns.iter().enumerate().map(|(at, column)| {
            let modifier = column
                .length_max
                .and_then(|limit| i32::try_from(limit + 4).ok());
            FieldDescription::new(
                column.name.clone(),
                column.origin.0.cast_signed(),
                column.origin.1,
                column.ty.oid(),
                column.ty.size(),
                modifier.unwrap_or(-1),
                formats.get(at).map_or(0, |format| format.code()),
            )
        });
        self.put(&RowDescription::new(fields.collect()));
    }

    /// Appends a row.
    pub fn row(&mut self, values: &[Value], formats: &[Format]) {
        let mut data = BytesMut::with_capacity(values.len() * 16);
        for (at, value) in values.iter().enumerate() {
            let format = formats.get(at).copied().unwrap_or(Format::Text);
            encode(value, format, &mut data);
        }
        let count = i16::try_from(values.len()).unwrap_or(i16::MAX);
        self.put(&DataRow::new(data, count));
    }

    /// Appends one bare byte: the answer to a request for encryption.
    pub fn byte(&mut self, byte: u8) {
        self.buffer.put_u8(byte);
    }

    /// Whether the buffer is large enough to be sent on.
    pub fn is_full(&self) -> bool {
        self.buffer.len() > BUFFER_BYTES_MAX
    }

    /// Sends what there is.
    pub async fn send<S: AsyncWrite + Unpin>(&mut self, stream: &mut S) -> std::io::Result<()> {
        stream.write_all(&self.buffer).await?;
        self.buffer.clear();
        stream.flush().await
    }
}

fn fields(severity: &str, error: &SqlError) -> Vec<(u8, String)> {
    let cut = |text: &str| text.chars().take(ERROR_TEXT_MAX).collect::<String>();
    let mut fields = vec![
        (b'S', severity.to_owned()),
        (b'V', severity.to_owned()),
        (b'C', cut(&error.code)),
        (b'M', cut(&error.message)),
    ];
    let more = error.more();
    let optional = [
        (b'D', more.detail),
        (b'H', more.hint),
        (b'P', more.position.map(|position| position.to_string())),
        (b'n', more.constraint),
    ];
    fields.extend(
        optional
            .into_iter()
            .filter_map(|(kind, text)| Some((kind, cut(&text?)))),
    );
    fields
}
