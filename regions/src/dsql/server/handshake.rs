//! The start of a connection: TLS, either asked for in PostgreSQL's way or begun
//! directly, then the start-up message and the token. A client that does not get
//! through is told why, as the service tells it, and has not touched the database.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use bytes::{Buf, BytesMut};
use pgwire::messages::PgWireFrontendMessage;
use pgwire::messages::startup::{
    Authentication, BackendKeyData, NegotiateProtocolVersion, ParameterStatus, SecretKey,
};
use ring::rand::{SecureRandom, SystemRandom};
use time::OffsetDateTime;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::timeout;
use tokio_rustls::server::TlsStream;

use super::frame::{ReadError, read_message, read_startup};
use super::wire::Output;
use super::{Counted, connection};
use crate::dsql::cluster::{Shared, Site};
use crate::dsql::engine::error::{SqlError, state};
use crate::dsql::engine::session::{Block, Session};
use crate::dsql::engine::settings;
use crate::dsql::fault::{FaultAction, FaultPoint};
use crate::dsql::tls::ALPN;
use crate::dsql::token::{Action, verify};

/// How long a client may take to get through.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(60);

const SSL_REQUEST: i32 = 80_877_103;
const GSS_REQUEST: i32 = 80_877_104;
const CANCEL_REQUEST: i32 = 80_877_102;

/// Serves one connection from its first byte to its end.
pub async fn serve(socket: TcpStream, site: Arc<Site>, counted: Counted) {
    let shared = Arc::clone(&counted.shared);
    let _ = socket.set_nodelay(true);
    let age_max = shared.database.limits().connection_age_max;
    let life = async {
        let greeted = timeout(HANDSHAKE_TIMEOUT, greet(socket, &site, &counted)).await;
        if let Ok(Some((mut stream, session, cancel))) = greeted {
            connection::run(&mut stream, session, &site, &shared, &cancel.bell).await;
        }
    };
    // A connection that has reached its age is closed without a word, as the service does.
    let _ = timeout(age_max, life).await;
}

/// A connection's entry among those that can be cancelled.
pub struct CancelEntry {
    shared: Arc<Shared>,
    pid: i32,
    bell: Arc<Notify>,
}

impl Drop for CancelEntry {
    fn drop(&mut self) {
        let mut cancels = self
            .shared
            .cancels
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        cancels.remove(&self.pid);
    }
}

/// `None` for a client that is gone or was turned away.
async fn greet(
    mut socket: TcpStream,
    site: &Site,
    counted: &Counted,
) -> Option<(TlsStream<TcpStream>, Session, CancelEntry)> {
    let mut first = [0];
    socket.peek(&mut first).await.ok()?;
    let is_direct = first[0] == 0x16;
    if !is_direct && !ask_for_tls(&mut socket, &counted.shared).await? {
        return None;
    }
    let mut stream = site.tls.accept(socket).await.ok()?;
    let (_, tls) = stream.get_ref();
    // Without the protocol's name a direct handshake may be meant for another protocol.
    if is_direct && tls.alpn_protocol() != Some(ALPN) {
        return None;
    }
    let has_sni = tls.server_name().is_some();
    let how = if is_direct { "direct" } else { "negotiated" };
    match start_up(&mut stream, site, counted, has_sni, how).await {
        Ok((session, cancel)) => Some((stream, session, cancel)),
        Err(ReadError::Closed) => None,
        Err(ReadError::Fatal(error) | ReadError::Bad(error)) => {
            turn_away(&mut stream, &error).await;
            None
        }
    }
}

/// Takes requests on a bare socket until TLS is asked for.
async fn ask_for_tls(socket: &mut TcpStream, shared: &Shared) -> Option<bool> {
    loop {
        let mut body = match read_startup(socket).await {
            Ok(body) => body,
            Err(ReadError::Closed) => return None,
            Err(ReadError::Fatal(error) | ReadError::Bad(error)) => {
                turn_away(socket, &error).await;
                return None;
            }
        };
        let mut output = Output::default();
        match body.get_i32() {
            SSL_REQUEST => {
                output.byte(b'S');
                output.send(socket).await.ok()?;
                return Some(true);
            }
            GSS_REQUEST => {
                output.byte(b'N');
                output.send(socket).await.ok()?;
            }
            CANCEL_REQUEST => {
                cancel(&mut body, shared);
                return Some(false);
            }
            _ => {
                let error = SqlError::new(
                    state::INVALID_AUTHORIZATION,
                    "unable to accept connection, TLS is required",
                )
                .hint("Connect with sslmode=verify-full.");
                turn_away(socket, &error).await;
                return Some(false);
            }
        }
    }
}

fn cancel(body: &mut BytesMut, shared: &Shared) {
    if body.len() < 8 {
        return;
    }
    let (pid, secret) = (body.get_i32(), body.get_i32());
    let cancels = shared
        .cancels
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    if let Some((known, bell)) = cancels.get(&pid)
        && *known == secret
    {
        bell.notify_waiters();
    }
}

async fn turn_away<S: AsyncWrite + Unpin>(stream: &mut S, error: &SqlError) {
    let mut output = Output::default();
    output.error("FATAL", error);
    // The client may be gone already; there is nobody else to tell.
    let _ = output.send(stream).await;
}

async fn start_up<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    site: &Site,
    counted: &Counted,
    has_sni: bool,
    how: &str,
) -> Result<(Session, CancelEntry), ReadError> {
    let shared = &counted.shared;
    let mut output = Output::default();
    let mut body = read_startup(stream).await?;
    let version = body.get_i32();
    if version == CANCEL_REQUEST {
        cancel(&mut body, shared);
        return Err(ReadError::Closed);
    }
    let (major, minor) = (version >> 16, version & 0xffff);
    if major != 3 {
        return Err(ReadError::Fatal(SqlError::new(
            state::FEATURE_NOT_SUPPORTED,
            format!("unsupported frontend protocol {major}.{minor}: server supports 3.0 to 3.0"),
        )));
    }
    let parameters = parse_parameters(&body).ok_or_else(|| {
        ReadError::Fatal(SqlError::new(
            state::PROTOCOL_VIOLATION,
            "invalid startup packet layout: expected terminator as last byte",
        ))
    })?;
    let unknown: Vec<String> = parameters
        .keys()
        .filter(|name| name.starts_with("_pq_."))
        .cloned()
        .collect();
    if minor > 0 || !unknown.is_empty() {
        output.put(&NegotiateProtocolVersion::new(0, unknown));
    }
    let refused = |what: &str| {
        SqlError::new(
            state::INVALID_AUTHORIZATION,
            format!("unable to accept connection, {what}"),
        )
    };
    if !has_sni {
        return Err(ReadError::Fatal(refused("sni was not received").hint(
            "Give the endpoint's name as the host and its address as hostaddr.",
        )));
    }
    match shared.faults.strike(FaultPoint::Connect, &site.region, how) {
        None => {}
        Some(FaultAction::Error { code, message }) => {
            return Err(ReadError::Fatal(SqlError::new(code, message)));
        }
        Some(FaultAction::DropBefore | FaultAction::DropAfter) => return Err(ReadError::Closed),
        Some(FaultAction::HangBefore | FaultAction::HangAfter) => std::future::pending().await,
    }
    if counted.is_over_limit {
        return Err(ReadError::Fatal(SqlError::new(
            state::TOO_MANY_CONNECTIONS,
            "unable to accept connection, too many connections",
        )));
    }
    let role = parameters.get("user").cloned().unwrap_or_default();
    if role.is_empty() {
        return Err(ReadError::Fatal(SqlError::new(
            state::INVALID_AUTHORIZATION,
            "no PostgreSQL user name specified in startup packet",
        )));
    }

    output.put(&Authentication::CleartextPassword);
    output.send(stream).await.map_err(|_| ReadError::Closed)?;
    let PgWireFrontendMessage::PasswordMessageFamily(password) = read_message(stream).await? else {
        return Err(ReadError::Fatal(SqlError::new(
            state::PROTOCOL_VIOLATION,
            "expected password response",
        )));
    };
    let token = password
        .into_password()
        .map(|password| password.password)
        .unwrap_or_default();
    verify(
        &shared.credentials,
        &token,
        &site.host,
        &site.region,
        Action::for_role(&role),
        OffsetDateTime::now_utc(),
    )
    .map_err(|reason| ReadError::Fatal(refused("access denied").detail(reason.to_string())))?;

    let database = parameters.get("database").unwrap_or(&role);
    if database != "postgres" {
        return Err(ReadError::Fatal(SqlError::new(
            state::INVALID_CATALOG_NAME,
            format!("database \"{database}\" does not exist"),
        )));
    }
    let mut session = Session::new(Arc::clone(&shared.database), role);
    for (name, value) in &parameters {
        session
            .start_up_setting(name, value)
            .map_err(ReadError::Fatal)?;
    }
    let (entry, secret) = register(shared)?;
    output.put(&Authentication::Ok);
    for name in settings::REPORTED {
        output.put(&ParameterStatus::new(
            settings::display_name(name).to_owned(),
            session.setting(name).unwrap_or_default(),
        ));
    }
    output.put(&BackendKeyData::new(entry.pid, SecretKey::I32(secret)));
    output.ready(Block::Idle);
    output.send(stream).await.map_err(|_| ReadError::Closed)?;
    Ok((session, entry))
}

fn register(shared: &Arc<Shared>) -> Result<(CancelEntry, i32), ReadError> {
    let mut secret = [0; 4];
    SystemRandom::new().fill(&mut secret).map_err(|_| {
        ReadError::Fatal(SqlError::new(
            state::INTERNAL_ERROR,
            "could not generate random cancel key",
        ))
    })?;
    let secret = i32::from_be_bytes(secret);
    let entry = CancelEntry {
        shared: Arc::clone(shared),
        pid: shared.next_pid.fetch_add(1, Ordering::Relaxed),
        bell: Arc::default(),
    };
    let mut cancels = shared
        .cancels
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    cancels.insert(entry.pid, (secret, Arc::clone(&entry.bell)));
    Ok((entry, secret))
}

/// Names and values, each ended by a zero byte, then one more.
fn parse_parameters(body: &[u8]) -> Option<BTreeMap<String, String>> {
    let body = body.strip_suffix(b"\0")?;
    let mut parts = body.split(|byte| *byte == 0).map(std::str::from_utf8);
    let mut parameters = BTreeMap::new();
    loop {
        match parts.next() {
            None | Some(Ok("")) => return Some(parameters),
            Some(Ok(name)) => {
                let value = parts.next()?.ok()?;
                parameters.insert(name.to_owned(), value.to_owned());
            }
            Some(Err(_)) => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::parse_parameters;

    #[test]
    fn parameters_are_read_or_refused() {
        let parsed = parse_parameters(b"user\0admin\0database\0postgres\0\0").unwrap();
        assert_eq!(parsed["user"], "admin");
        assert_eq!(parsed["database"], "postgres");
        assert!(parse_parameters(b"\0").unwrap().is_empty());
        for bad in [&b""[..], b"user", b"user\0", b"user\0\xff\0\0"] {
            let parsed = parse_parameters(bad);
            assert!(parsed.is_none_or(|parsed| parsed.is_empty()), "{bad:?}");
        }
    }
}
