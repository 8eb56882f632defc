//! Getting in: a token for every new connection, TLS verified, no faster than the service
//! lets clients in, and again where it has no room at the moment.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use aws_config::SdkConfig;
use aws_sdk_dsql::auth_token::{AuthTokenGenerator, Config as TokenConfig};
use aws_sdk_dsql::config::Region;
use rustls::RootCertStore;
use tokio_postgres::config::{SslMode, SslNegotiation};
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config};
use tokio_postgres_rustls::MakeRustlsConnect;
use witness_workloads::DbError;

use super::super::DsqlOptions;
use super::super::sql::message;
use super::node::Node;
use super::rate::Rate;

/// The protocol's name, without which a TLS handshake that comes first is refused.
pub(super) const ALPN: &[u8] = b"postgresql";
/// How long to go on where the service has no room for another connection.
const ROOM_WAIT_MAX: Duration = Duration::from_secs(60);
/// The first pause before another try, and the longest.
const ROOM_PAUSE: [Duration; 2] = [Duration::from_millis(50), Duration::from_secs(2)];

/// How connections are made.
pub(super) struct Connector {
    aws: SdkConfig,
    tls: MakeRustlsConnect,
    roots: Arc<RootCertStore>,
    options: DsqlOptions,
    timeout: Duration,
    rate: Mutex<Rate>,
    room_wait_max: Duration,
    /// Whether TLS comes first, which spares a round trip; not where a server did not take
    /// it.
    direct: AtomicBool,
}

/// Why a client was not let in. It never sent a statement, so nothing has happened.
struct Refused {
    code: Option<String>,
    message: String,
}

impl Refused {
    /// Too many connections, or too many at once: a later try may be let in. Not a token
    /// that was rejected, which is "unable to accept connection" too.
    fn is_for_now(&self) -> bool {
        match self.code.as_deref() {
            Some("53300" | "53400") => true,
            Some("28000" | "28P01") | None => false,
            Some(_) => self.message.contains("unable to accept connection"),
        }
    }
}

impl Connector {
    pub(super) fn new(
        aws: SdkConfig,
        roots: RootCertStore,
        options: DsqlOptions,
        timeout: Duration,
    ) -> Connector {
        let roots = Arc::new(roots);
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("ring offers the default protocol versions")
            .with_root_certificates(Arc::clone(&roots))
            .with_no_client_auth();
        tls.alpn_protocols = vec![ALPN.to_vec()];
        Connector {
            aws,
            tls: MakeRustlsConnect::new(tls),
            roots,
            options,
            timeout,
            rate: Mutex::new(Rate::new(Instant::now())),
            room_wait_max: ROOM_WAIT_MAX,
            direct: AtomicBool::new(true),
        }
    }

    /// As if a burst of connections had just been made.
    #[cfg(test)]
    pub(super) fn after_a_burst(&self) {
        let mut rate = self.rate.lock().unwrap_or_else(PoisonError::into_inner);
        *rate = Rate::used_up(Instant::now());
    }

    /// The same, but room is waited for no longer than this.
    #[cfg(test)]
    pub(super) fn waiting(self, room_wait_max: Duration) -> Connector {
        Connector {
            room_wait_max,
            ..self
        }
    }

    /// Where keys are from.
    pub(super) fn aws(&self) -> &SdkConfig {
        &self.aws
    }

    /// Who may have signed a server's certificate.
    pub(super) fn roots(&self) -> &Arc<RootCertStore> {
        &self.roots
    }

    /// The role that connects.
    pub(super) fn user(&self) -> &str {
        &self.options.user
    }

    /// The time after which an answer is not waited for any longer.
    pub(super) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// A new connection. `idle` is asked before every try: one that somebody gave back
    /// meanwhile is as good.
    pub(super) async fn connect<T>(
        &self,
        node: &Node,
        mut idle: impl FnMut() -> Option<T>,
        new: impl Fn(Client) -> T,
    ) -> Result<T, DbError> {
        let began = Instant::now();
        let mut pause = ROOM_PAUSE[0];
        loop {
            if let Some(idle) = idle() {
                return Ok(idle);
            }
            let rate = self.rate.lock();
            let wait = rate
                .unwrap_or_else(PoisonError::into_inner)
                .take(Instant::now());
            if !wait.is_zero() {
                tokio::time::sleep(wait).await;
            }
            match self.attempt(node).await? {
                Ok(client) => return Ok(new(client)),
                Err(refused) if refused.is_for_now() && began.elapsed() < self.room_wait_max => {
                    tokio::time::sleep(pause).await;
                    pause = longer(pause);
                }
                Err(refused) => {
                    let place = format!("{} ({})", node.region, node.printed());
                    let message = format!("{place}: {}", refused.message);
                    return Err(DbError::definite("connect", message));
                }
            }
        }
    }

    /// One try, with TLS first; and where that comes to nothing, with TLS asked for first.
    async fn attempt(&self, node: &Node) -> Result<Result<Client, Refused>, DbError> {
        if self.direct.load(Ordering::Relaxed) {
            match self.negotiate(node, SslNegotiation::Direct).await? {
                Err(refused) if refused.code.is_none() => {}
                done => return Ok(done),
            }
            let done = self.negotiate(node, SslNegotiation::Postgres).await?;
            if done.is_ok() {
                self.direct.store(false, Ordering::Relaxed);
            }
            return Ok(done);
        }
        self.negotiate(node, SslNegotiation::Postgres).await
    }

    async fn negotiate(
        &self,
        node: &Node,
        how: SslNegotiation,
    ) -> Result<Result<Client, Refused>, DbError> {
        let mut config = Config::new();
        config
            .host(&node.host)
            .port(node.port)
            .user(&self.options.user)
            .dbname("postgres")
            .password(self.token(node).await?)
            .ssl_mode(SslMode::Require)
            .ssl_negotiation(how)
            .application_name("witness")
            .connect_timeout(self.timeout);
        if let Some(address) = node.address {
            config.hostaddr(address);
        }
        let connecting = config.connect(self.tls.clone());
        Ok(match tokio::time::timeout(self.timeout, connecting).await {
            Ok(Ok((client, connection))) => {
                tokio::spawn(connection);
                Ok(client)
            }
            Ok(Err(error)) => Err(Refused {
                code: error.code().map(|code| code.code().to_owned()),
                message: format!("{}{}", message(&error), hint(&error)),
            }),
            Err(_) => Err(Refused {
                code: None,
                message: format!("no answer within {:?}", self.timeout),
            }),
        })
    }

    /// For the administrator another right is asked for than for any other role.
    async fn token(&self, node: &Node) -> Result<String, DbError> {
        let failed = |e| DbError::definite("token", format!("no token for {}: {e}", node.host));
        let config = TokenConfig::builder()
            .hostname(&node.host)
            .region(Region::new(node.region.clone()))
            .expires_in(self.options.token_expiry.as_secs())
            .build()
            .map_err(failed)?;
        let generator = AuthTokenGenerator::new(config);
        let minted = match self.options.user.as_str() {
            "admin" => generator.db_connect_admin_auth_token(&self.aws).await,
            _ => generator.db_connect_auth_token(&self.aws).await,
        };
        Ok(minted.map_err(failed)?.to_string())
    }
}

/// The pause after this one.
fn longer(pause: Duration) -> Duration {
    (pause * 2).min(ROOM_PAUSE[1])
}

/// A token is the password here.
fn hint(error: &tokio_postgres::Error) -> &'static str {
    let refused = [
        &SqlState::INVALID_AUTHORIZATION_SPECIFICATION,
        &SqlState::INVALID_PASSWORD,
    ];
    match error.code() {
        Some(code) if refused.contains(&code) => ": the token was rejected",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backends::aws;

    async fn connector(user: &str, token_expiry: Duration) -> Connector {
        let keys = witness_regions::credentials::Credentials::default();
        let aws = aws::embedded("us-east-1", &keys).await;
        let options = DsqlOptions {
            user: user.into(),
            token_expiry,
        };
        let roots = RootCertStore::empty();
        Connector::new(aws, roots, options, Duration::from_secs(10))
    }

    #[tokio::test]
    async fn a_token_is_for_that_host_and_role_and_as_long_as_was_asked() {
        let node = Node {
            region: "us-east-2".into(),
            host: "h.dsql.us-east-2.on.aws".into(),
            given: true,
            port: 5432,
            address: None,
        };
        for (user, action) in [("admin", "DbConnectAdmin"), ("buyer", "DbConnect")] {
            let connector = connector(user, Duration::from_secs(77)).await;
            let token = connector.token(&node).await.unwrap();
            assert!(token.starts_with("h.dsql.us-east-2.on.aws/?"), "{token}");
            for part in [
                &format!("Action={action}&"),
                "X-Amz-Expires=77&",
                "%2Fus-east-2%2Fdsql%2Faws4_request",
            ] {
                assert!(token.contains(part), "{part}: {token}");
            }
        }
    }

    #[test]
    fn only_who_found_no_room_is_tried_again() {
        const NO: &str = "unable to accept connection, as asked for";
        for (code, message, again) in [
            (Some("53300"), "too many connections", true),
            (Some("53400"), "rate exceeded", true),
            (Some("08006"), NO, true),
            (Some("XX000"), "something else", false),
            (Some("28000"), NO, false),
            (Some("28P01"), NO, false),
            (Some("3D000"), "no such database", false),
            (None, NO, false),
        ] {
            let refused = Refused {
                code: code.map(str::to_owned),
                message: message.into(),
            };
            assert_eq!(refused.is_for_now(), again, "{code:?} {message}");
        }
    }

    #[test]
    fn pauses_grow_to_their_limit() {
        let pauses = std::iter::successors(Some(ROOM_PAUSE[0]), |pause| Some(longer(*pause)));
        let ms: Vec<_> = pauses.take(8).map(|pause| pause.as_millis()).collect();
        assert_eq!(ms, [50, 100, 200, 400, 800, 1600, 2000, 2000]);
    }
}
