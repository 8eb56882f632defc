//! A connection that got through: its messages one after the other, and what becomes
//! of errors. One task a connection, nothing shared but the database.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::{Buf, BytesMut};
use pgwire::messages::PgWireFrontendMessage as Message;
use pgwire::messages::response::EmptyQueryResponse;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::sync::Notify;

use super::binary::Format;
use super::extended::{Portal, Stored};
use super::frame::{ReadError, read_message};
use super::wire::Output;
use crate::dsql::cluster::{Shared, Site};
use crate::dsql::engine::error::{SqlError, state};
use crate::dsql::engine::session::{Answer, Block, Session};
use crate::dsql::engine::sql;

/// Serves messages until the client goes, breaks the protocol, or is cut off.
pub async fn run<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    session: Session,
    site: &Site,
    shared: &Shared,
    bell: &Notify,
) {
    let mut connection = Connection {
        stream,
        session,
        site,
        shared,
        bell,
        ahead: BytesMut::new(),
        output: Output::default(),
        statements: HashMap::new(),
        portals: HashMap::new(),
        skips_to_sync: false,
    };
    // Whatever ends it, dropping the session rolls its transaction back.
    let _ = connection.serve().await;
}

/// The connection is over; there is nothing more to say.
struct Over;

impl From<std::io::Error> for Over {
    fn from(_: std::io::Error) -> Self {
        Self
    }
}

/// Why a message was not carried out.
pub(super) enum Stop {
    /// The client is told, and goes on.
    Error(SqlError),
    /// The client is told, and is cut off.
    Fatal(SqlError),
    /// The client is cut off.
    Over,
}

impl From<SqlError> for Stop {
    fn from(error: SqlError) -> Self {
        Self::Error(error)
    }
}

impl From<std::io::Error> for Stop {
    fn from(_: std::io::Error) -> Self {
        Self::Over
    }
}

pub(super) struct Connection<'a, S> {
    pub(super) stream: &'a mut S,
    pub(super) session: Session,
    pub(super) site: &'a Site,
    pub(super) shared: &'a Shared,
    pub(super) bell: &'a Notify,
    /// Bytes that were read while a statement hung, before what is still in the stream.
    pub(super) ahead: BytesMut,
    pub(super) output: Output,
    pub(super) statements: HashMap<String, Arc<Stored>>,
    pub(super) portals: HashMap<String, Portal>,
    /// After an error in the extended protocol, everything up to a Sync is skipped.
    pub(super) skips_to_sync: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<'_, S> {
    async fn serve(&mut self) -> std::result::Result<(), Over> {
        loop {
            let (stop, is_simple) = match self.read().await {
                Ok(Message::Terminate(_)) | Err(ReadError::Closed) => return Ok(()),
                Ok(Message::Query(query)) => {
                    self.skips_to_sync = false;
                    (self.simple(&query.query).await.err(), true)
                }
                Ok(Message::Sync(_)) => {
                    self.skips_to_sync = false;
                    (self.end_implicit().await.err(), true)
                }
                Ok(_) | Err(ReadError::Bad(_)) if self.skips_to_sync => continue,
                Ok(message) => (self.extended(message).await.err(), false),
                Err(ReadError::Bad(error)) => (Some(Stop::Error(error)), false),
                Err(ReadError::Fatal(error)) => (Some(Stop::Fatal(error)), false),
            };
            match stop {
                None => {}
                Some(Stop::Over) => return Err(Over),
                Some(Stop::Fatal(error)) => {
                    self.output.error("FATAL", &error);
                    self.output.send(self.stream).await?;
                    return Err(Over);
                }
                Some(Stop::Error(error)) => {
                    self.session.fail();
                    self.output.error("ERROR", &error);
                    self.skips_to_sync = !is_simple;
                    self.output.send(self.stream).await?;
                }
            }
            if is_simple {
                if self.session.block() == Block::Idle {
                    self.portals.clear();
                }
                self.output.ready(self.session.block());
                self.output.send(self.stream).await?;
            }
        }
    }

    async fn read(&mut self) -> std::result::Result<Message, ReadError> {
        let mut ahead: &[u8] = &self.ahead;
        let message = read_message(&mut AsyncReadExt::chain(&mut ahead, &mut *self.stream)).await;
        let used = self.ahead.len() - ahead.len();
        self.ahead.advance(used);
        message
    }

    /// A query string: all of it is parsed first, and outside a block all of it is one
    /// transaction, committed before the last statement is answered.
    async fn simple(&mut self, text: &str) -> std::result::Result<(), Stop> {
        let statements = sql::parse(text)?;
        if statements.is_empty() {
            self.output.put(&EmptyQueryResponse::new());
        }
        let last = statements.len().saturating_sub(1);
        for (at, statement) in statements.iter().enumerate() {
            let prepared = self
                .session
                .prepare(statement, Vec::new())
                .map_err(|error| error.locate(text))?;
            if !prepared.params.is_empty() {
                return Err(Stop::Error(SqlError::new(
                    state::UNDEFINED_PARAMETER,
                    "there is no parameter $1",
                )));
            }
            let answer = self.step(&prepared, &[], text).await?;
            if at == last {
                self.end_implicit().await?;
            }
            self.notice(&answer);
            if !prepared.columns.is_empty() {
                let formats = vec![Format::Text; prepared.columns.len()];
                self.output.columns(&prepared.columns, &formats);
                for row in &answer.rows {
                    self.output.row(row, &formats);
                    self.send_if_full().await?;
                }
            }
            self.output.complete(&answer.tag);
        }
        Ok(())
    }

    pub(super) fn notice(&mut self, answer: &Answer) {
        if let Some((severity, notice)) = &answer.notice {
            self.output.notice(severity, notice);
        }
    }

    pub(super) async fn send_if_full(&mut self) -> std::io::Result<()> {
        if self.output.is_full() {
            self.output.send(self.stream).await?;
        }
        Ok(())
    }
}
