//! The way to a server: its name, its port, TLS, and how long its certificate is good.
//!
//! No certificate is parsed here. Whether a chain will be good in so many days is asked of
//! the verifier itself, whose clock is an argument.

use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, RootCertStore};

use super::{Checks, Fix};

/// Days beyond which nobody asks.
const DAYS_MAX: u64 = 3650;
/// A certificate that ends sooner is to be renewed now.
const DAYS_MIN: u64 = 7;
/// What a client of PostgreSQL asks before TLS: its length, and its number.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];
/// What a client of MySQL asks before TLS, after a header of its length, 32, and its number,
/// 1: the 4.1 protocol, TLS and authentication by plug-ins; packets of 16 MiB; utf8mb4.
const MYSQL_SSL_REQUEST: [u8; 13] = [32, 0, 0, 1, 0, 0x8a, 8, 0, 0, 0, 0, 1, 45];
/// No server of MySQL greets with more than that.
const MYSQL_GREETING_MAX: u32 = 0xffff;
/// The server can do TLS, in the lower half of what MySQL says that it can.
const MYSQL_CAN_TLS: u8 = 0x08;

/// A server that speaks TLS.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    /// The name that its certificate has to be for.
    pub(crate) name: String,
    /// Where it is, when not where its name says.
    pub(crate) address: Option<IpAddr>,
    pub(crate) port: u16,
    /// Who may have signed.
    pub(crate) roots: Arc<RootCertStore>,
    /// How TLS begins.
    pub(crate) opening: Opening,
}

/// How TLS begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Opening {
    /// At once, and this protocol is asked for.
    Direct(&'static [u8]),
    /// When PostgreSQL has agreed.
    Postgres,
    /// When MySQL has greeted, and said that it can.
    #[cfg_attr(not(feature = "mysql"), allow(dead_code, reason = "of MySQL alone"))]
    Mysql,
    /// At once, and where that comes to nothing when PostgreSQL has agreed: as DSQL's
    /// clients do.
    #[cfg_attr(not(feature = "aws"), allow(dead_code, reason = "of DSQL alone"))]
    Either(&'static [u8]),
}

/// Why there was no TLS.
#[derive(Debug, thiserror::Error)]
enum Unreached {
    #[error("the name {0} is not known: {1}")]
    Name(String, io::Error),
    #[error("{0}: {1}")]
    Connect(SocketAddr, io::Error),
    #[error("{0}")]
    Tls(String),
}

/// Looks at a server that may have no TLS, which is said; whether it makes sense to go on.
pub(crate) async fn examine_any(
    region: &str,
    server: Option<Server>,
    timeout: Duration,
    checks: &mut Checks,
) -> bool {
    match server {
        Some(server) => examine(region, server, timeout, checks).await,
        None => {
            checks.unchecked((region, "TLS"), "there is none to this server");
            true
        }
    }
}

/// Looks; whether it makes sense to go on.
pub(crate) async fn examine(
    region: &str,
    server: Server,
    timeout: Duration,
    checks: &mut Checks,
) -> bool {
    let (name, port) = (server.name.clone(), server.port);
    let show = show(&server);
    let shaken = tokio::task::spawn_blocking(move || handshake(&server, timeout));
    // Looking a name up has no time-out of its own.
    let shaken = match tokio::time::timeout(timeout * 3, shaken).await {
        Ok(Ok(shaken)) => shaken,
        Ok(Err(error)) => Err(Unreached::Tls(error.to_string())),
        Err(_) => Err(Unreached::Tls(format!(
            "no answer within {:?}",
            timeout * 3
        ))),
    };
    let (reached, tls) = ((region, "reached"), (region, "TLS"));
    match shaken {
        Ok(days) => {
            checks.ok(reached, format!("{name}, port {port}"));
            let more = if days == DAYS_MAX { " or more" } else { "" };
            let found = format!("verified; its certificate is good for {days} days{more}");
            let check = match days < DAYS_MIN {
                true => checks.missing(tls, found, show),
                false => checks.ok(tls, found),
            };
            check.with("certificate_days", i64::try_from(days).unwrap_or(i64::MAX));
            true
        }
        Err(error @ Unreached::Name(..)) => {
            checks.missing(
                reached,
                error.to_string(),
                Fix::run(format!("getent hosts {name}")),
            );
            false
        }
        Err(error @ Unreached::Connect(..)) => {
            let fix = Fix::run(format!("nc -vz {name} {port}"));
            checks.missing(reached, error.to_string(), fix);
            false
        }
        Err(Unreached::Tls(why)) => {
            checks.ok(reached, format!("{name}, port {port}"));
            checks.missing(tls, why, show);
            false
        }
    }
}

/// Shows whose certificate it is, and until when.
fn show(
    Server {
        name,
        port,
        opening,
        ..
    }: &Server,
) -> Fix {
    let first = match opening {
        Opening::Direct(_) | Opening::Either(_) => "",
        Opening::Postgres => "-starttls postgres ",
        Opening::Mysql => "-starttls mysql ",
    };
    Fix::run(format!(
        "openssl s_client {first}-connect {name}:{port} -servername {name} </dev/null"
    ))
}

/// Verifies the server, and says for how many days it could be.
fn handshake(server: &Server, timeout: Duration) -> Result<u64, Unreached> {
    let Opening::Either(protocol) = server.opening else {
        return attempt(server, timeout);
    };
    let with = |opening| Server {
        opening,
        ..server.clone()
    };
    match attempt(&with(Opening::Direct(protocol)), timeout) {
        Err(Unreached::Tls(why)) => {
            let second = attempt(&with(Opening::Postgres), timeout);
            // Why the first came to nothing says more.
            second.map_err(|_| Unreached::Tls(why))
        }
        done => done,
    }
}

fn attempt(server: &Server, timeout: Duration) -> Result<u64, Unreached> {
    let tls = |e: &dyn std::fmt::Display| Unreached::Tls(e.to_string());
    let broken = |e: io::Error| Unreached::Tls(said(&e, timeout));
    let unknown = |e| Unreached::Name(server.name.clone(), e);
    let addresses: Vec<SocketAddr> = match server.address {
        Some(address) => vec![(address, server.port).into()],
        None => {
            let found = (server.name.as_str(), server.port).to_socket_addrs();
            found.map_err(unknown)?.collect()
        }
    };
    let mut connected = Err(unknown(io::ErrorKind::NotFound.into()));
    for address in addresses {
        connected = TcpStream::connect_timeout(&address, timeout)
            .map_err(|e| Unreached::Connect(address, e));
        if connected.is_ok() {
            break;
        }
    }
    let mut stream = connected?;
    for set in [TcpStream::set_read_timeout, TcpStream::set_write_timeout] {
        set(&stream, Some(timeout)).map_err(|e| tls(&e))?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|e| tls(&e))?
        .with_root_certificates(Arc::clone(&server.roots))
        .with_no_client_auth();
    match server.opening {
        Opening::Direct(protocol) | Opening::Either(protocol) => {
            config.alpn_protocols = vec![protocol.to_vec()]
        }
        Opening::Postgres => {
            let mut agreed = [0];
            let asked = stream.write_all(&SSL_REQUEST);
            let asked = asked.and_then(|()| stream.read_exact(&mut agreed));
            asked.map_err(broken)?;
            if agreed != *b"S" {
                return Err(Unreached::Tls("the server has no TLS".into()));
            }
        }
        Opening::Mysql => {
            can_tls(&greeting(&mut stream).map_err(broken)?).map_err(Unreached::Tls)?;
            let mut request = [0; 36];
            request[..MYSQL_SSL_REQUEST.len()].copy_from_slice(&MYSQL_SSL_REQUEST);
            stream.write_all(&request).map_err(broken)?;
        }
    }
    let name = ServerName::try_from(server.name.clone()).map_err(|e| tls(&e))?;
    let mut client = ClientConnection::new(Arc::new(config), name.clone()).map_err(|e| tls(&e))?;
    client.complete_io(&mut stream).map_err(broken)?;
    let chain = client.peer_certificates().unwrap_or_default();
    days(chain, &name, &server.roots, &provider).map_err(|e| tls(&e))
}

/// What went wrong on a connection that was accepted; the system has numbers for it.
fn said(error: &io::Error, timeout: Duration) -> String {
    use io::ErrorKind::{
        BrokenPipe, ConnectionAborted, ConnectionReset, TimedOut, UnexpectedEof, WouldBlock,
    };
    match error.kind() {
        WouldBlock | TimedOut => {
            format!("the server accepts connections, but there was no answer within {timeout:?}")
        }
        UnexpectedEof | ConnectionReset | ConnectionAborted | BrokenPipe => {
            "the server accepts connections, and hangs up before TLS is agreed on".into()
        }
        _ => error.to_string(),
    }
}

/// The first packet of a server of MySQL, without its header; empty where it is none, so that
/// nobody waits for the rest of what another server says first.
fn greeting(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut header = [0; 4];
    stream.read_exact(&mut header)?;
    let [a, b, c, number] = header;
    let length = u32::from_le_bytes([a, b, c, 0]);
    if number != 0 || length > MYSQL_GREETING_MAX {
        return Ok(Vec::new());
    }
    let mut packet = Vec::new();
    stream.take(length.into()).read_to_end(&mut packet)?;
    Ok(packet)
}

/// Whether a server of MySQL that greets so has TLS; why not.
fn can_tls(packet: &[u8]) -> Result<(), String> {
    const NOT: &str = "what answers there is no MySQL";
    match packet {
        // Its number, and why it greets nobody.
        [0xff, _, _, why @ ..] => Err(format!(
            "the server refuses clients: {}",
            String::from_utf8_lossy(why)
        )),
        // After its version: the connection's number, half of a challenge, and a zero.
        [10, rest @ ..] => {
            let version = rest.iter().position(|&byte| byte == 0).ok_or(NOT)?;
            match rest.get(version + 1 + 4 + 8 + 1..) {
                Some([_, can, ..]) if can & MYSQL_CAN_TLS != 0 => Ok(()),
                Some([_, _, ..]) => Err("the server has no TLS".into()),
                _ => Err(NOT.into()),
            }
        }
        _ => Err(NOT.into()),
    }
}

/// For how many days from now the chain would be verified.
fn days(
    chain: &[CertificateDer<'_>],
    name: &ServerName<'_>,
    roots: &Arc<RootCertStore>,
    provider: &Arc<CryptoProvider>,
) -> Result<u64, String> {
    let roots = Arc::clone(roots);
    let verifier = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(provider));
    let verifier = verifier.build().map_err(|e| e.to_string())?;
    let (end, between) = chain.split_first().ok_or("it shows no certificate")?;
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    let good = |days: u64| {
        let then = UnixTime::since_unix_epoch(now + Duration::from_secs(days * 24 * 60 * 60));
        verifier
            .verify_server_cert(end, between, name, &[], then)
            .is_ok()
    };
    // Good after so many days, and not after one more: what has ended does not begin again.
    let (mut low, mut high) = (0, DAYS_MAX + 1);
    while high - low > 1 {
        let middle = low.midpoint(high);
        match good(middle) {
            true => low = middle,
            false => high = middle,
        }
    }
    Ok(low)
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair};
    use rustls::ServerConfig;
    use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

    use super::super::State;
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(60);
    const DIRECT: Opening = Opening::Direct(b"http/1.1");

    /// A server of one connection, whose certificate, for `localhost`, is good for so many
    /// days from now.
    fn serve(days: i64, opening: Opening) -> Server {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        // An hour more: a whole number of days is left while the test runs.
        let hours = 24 * days + 1;
        params.not_after = time::OffsetDateTime::now_utc() + time::Duration::hours(hours);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(certificate.der().clone()).unwrap();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            match opening {
                Opening::Postgres => {
                    let mut asked = [0; 8];
                    stream.read_exact(&mut asked).unwrap();
                    assert_eq!(asked, SSL_REQUEST);
                    stream.write_all(b"S").unwrap();
                }
                Opening::Mysql => {
                    stream.write_all(&packet(&hello(0x8a00))).unwrap();
                    let mut asked = [0; 36];
                    stream.read_exact(&mut asked).unwrap();
                    assert_eq!(asked[..4], [32, 0, 0, 1]);
                }
                Opening::Direct(_) | Opening::Either(_) => {}
            }
            let mut server = rustls::ServerConnection::new(Arc::new(config)).unwrap();
            // A client that does not trust it goes away.
            let _ = server.complete_io(&mut stream);
        });
        Server {
            name: "localhost".into(),
            address: Some([127, 0, 0, 1].into()),
            port,
            roots: Arc::new(roots),
            opening,
        }
    }

    /// With the header of the first packet of MySQL.
    fn packet(body: &[u8]) -> Vec<u8> {
        let length = u8::try_from(body.len()).unwrap();
        [&[length, 0, 0, 0], body].concat()
    }

    /// How a server of MySQL that can do this greets.
    fn hello(can: u16) -> Vec<u8> {
        let mut hello = b"\x0a8.0.36\0\x07\0\0\0challeng\0".to_vec();
        hello.extend(can.to_le_bytes());
        hello.extend(*b"\x2d\x02\0\x08\0\x15\0\0\0\0\0\0\0\0\0\0and-the-rest\0");
        hello
    }

    /// Every state, what was found last, and whether it makes sense to go on.
    async fn look(server: Server) -> (Vec<State>, String, bool) {
        let mut checks = Checks::default();
        let goes_on = examine("r", server, PATIENCE, &mut checks).await;
        let states = checks.all().iter().map(|check| check.state).collect();
        let last = checks.all().last().unwrap();
        assert_eq!(last.fix.is_some(), last.state == State::Missing);
        (states, last.found.clone(), goes_on)
    }

    #[tokio::test]
    async fn days_are_counted_until_the_certificate_ends() {
        use State::{Missing, Ok};
        for opening in [DIRECT, Opening::Postgres, Opening::Mysql] {
            for (days, state) in [(90, Ok), (7, Ok), (6, Missing), (0, Missing)] {
                let (states, found, goes_on) = look(serve(days, opening)).await;
                assert_eq!(states, [Ok, state], "{days}: {found}");
                let said = format!("verified; its certificate is good for {days} days");
                assert_eq!(found, said);
                assert!(goes_on);
            }
        }
    }

    #[tokio::test]
    async fn what_is_not_verified_is_missing() {
        let unknown = Server {
            roots: serve(90, Opening::Postgres).roots,
            ..serve(90, DIRECT)
        };
        let ended = serve(-2, DIRECT);
        let other_name = Server {
            name: "db.example.com".into(),
            ..serve(90, DIRECT)
        };
        for (server, said) in [
            (unknown, "invalid peer certificate"),
            (ended, "expired"),
            (other_name, "not valid for name"),
        ] {
            let (states, found, goes_on) = look(server).await;
            assert_eq!(states, [State::Ok, State::Missing], "{found}");
            assert!(found.contains(said), "{found}");
            assert!(!goes_on);
        }
    }

    /// A server that accepts one client, and does this.
    fn accepting(does: impl FnOnce(TcpStream) + Send + 'static) -> u16 {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || does(listener.accept().unwrap().0));
        port
    }

    #[tokio::test]
    async fn who_accepts_and_says_nothing_is_told_from_who_hangs_up() {
        let server = |opening, port| Server {
            port,
            opening,
            ..serve(90, Opening::Postgres)
        };
        for opening in [DIRECT, Opening::Postgres, Opening::Mysql] {
            let (keep, _kept) = std::sync::mpsc::channel();
            let port = accepting(move |stream| keep.send(stream).unwrap());
            // It ends for certain, since there is no answer, however long that takes.
            let silent = server(opening, port);
            let shaken = tokio::task::spawn_blocking(move || {
                handshake(&silent, Duration::from_millis(200)).unwrap_err()
            });
            let error = shaken.await.unwrap();
            assert!(matches!(error, Unreached::Tls(_)), "{error}");
            assert_eq!(
                error.to_string(),
                "the server accepts connections, but there was no answer within 200ms"
            );
        }
        for opening in [DIRECT, Opening::Postgres, Opening::Mysql] {
            let (states, found, _) = look(server(opening, accepting(drop))).await;
            assert_eq!(states, [State::Ok, State::Missing]);
            assert_eq!(
                found,
                "the server accepts connections, and hangs up before TLS is agreed on"
            );
        }
    }

    #[tokio::test]
    async fn what_mysql_says_first_is_read() {
        for (first, expected) in [
            (packet(&hello(0x8200)), "the server has no TLS"),
            (
                packet(b"\xff\x10\x04Too many connections"),
                "the server refuses clients: Too many connections",
            ),
            (packet(b"\x0a8.0"), "what answers there is no MySQL"),
            (packet(b"\x0a8.0\0\x07"), "what answers there is no MySQL"),
            (packet(b""), "what answers there is no MySQL"),
            (b"220 mail\r\n".to_vec(), "what answers there is no MySQL"),
            (b"SSH-2.0-x\r\n".to_vec(), "what answers there is no MySQL"),
        ] {
            let (keep, _kept) = std::sync::mpsc::channel();
            let port = accepting(move |mut stream| {
                stream.write_all(&first).unwrap();
                // Who talks first waits for an answer then.
                keep.send(stream).unwrap();
            });
            let server = Server {
                port,
                opening: Opening::Mysql,
                ..serve(90, Opening::Postgres)
            };
            let (states, found, _) = look(server).await;
            assert_eq!(states, [State::Ok, State::Missing]);
            assert_eq!(found, expected);
        }
    }

    #[tokio::test]
    async fn a_server_without_tls_is_told_from_one_that_is_not_there() {
        let mut server = serve(90, Opening::Postgres);
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        server.port = listener.local_addr().unwrap().port();
        let refusing = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            stream.read_exact(&mut [0; 8]).unwrap();
            stream.write_all(b"N").unwrap();
        });
        let (states, found, _) = look(server.clone()).await;
        assert_eq!(states, [State::Ok, State::Missing]);
        assert_eq!(found, "the server has no TLS");
        refusing.join().unwrap();
        // Nobody listens on a port that is held so, and nobody else is given it.
        let closed = tokio::net::TcpSocket::new_v4().unwrap();
        closed.bind(([127, 0, 0, 1], 0).into()).unwrap();
        server.port = closed.local_addr().unwrap().port();
        let (states, found, goes_on) = look(server).await;
        assert_eq!(states, [State::Missing], "{found}");
        assert!(!goes_on);
    }

    #[tokio::test]
    async fn who_takes_no_tls_at_once_is_asked_as_postgresql_is() {
        let server = serve(90, Opening::Postgres);
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let inner = server.port;
        std::thread::spawn(move || {
            // The first is hung up on, the second led on.
            drop(listener.accept().unwrap());
            let (outer, _) = listener.accept().unwrap();
            let inner = TcpStream::connect(("127.0.0.1", inner)).unwrap();
            let (mut from, mut to) = (outer.try_clone().unwrap(), inner.try_clone().unwrap());
            std::thread::spawn(move || io::copy(&mut from, &mut to));
            let (mut from, mut to) = (inner, outer);
            let _ = io::copy(&mut from, &mut to);
        });
        let server = Server {
            port,
            opening: Opening::Either(b"postgresql"),
            ..server
        };
        let (states, found, _) = look(server).await;
        assert_eq!(states, [State::Ok, State::Ok], "{found}");
    }

    #[tokio::test]
    async fn a_name_that_is_none_is_missing() {
        let server = Server {
            // Nobody is asked for it.
            name: "no name".into(),
            address: None,
            ..serve(90, Opening::Postgres)
        };
        let (states, found, _) = look(server).await;
        assert_eq!(states, [State::Missing], "{found}");
        assert!(found.contains("is not known"), "{found}");
    }
}
