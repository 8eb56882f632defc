//! From a URL to a connection.
//!
//! Architecture invariant: no message and no `Debug` holds any part of a password.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::RootCertStore;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::{Client, Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;
use witness_workloads::DbError;

use super::super::Url;
use super::super::sql::message;
use super::super::tls::TlsParameters;
use crate::doctor::reach::{Opening, Server};

/// Holds the password where the URL does not.
const PASSWORD: &str = "PGPASSWORD";
/// Where the URL names no port.
const PORT: u16 = 5432;

/// A server that can be connected to.
#[derive(Clone)]
pub(super) struct Target {
    pub(super) region: String,
    /// Where it is, without any secret.
    pub(super) printed: String,
    config: Config,
    /// None: without TLS.
    tls: Option<Tls>,
}

#[derive(Clone)]
struct Tls {
    connect: MakeRustlsConnect,
    /// Who may have signed.
    roots: Arc<RootCertStore>,
}

impl Target {
    /// What the URL says.
    ///
    /// # Errors
    /// A message for the user.
    pub(super) fn new(url: &Url) -> Result<Target, String> {
        let region = &url.region;
        let refused = |why: String| format!("the URL of {region}: {why}");
        // The driver takes anything else for parameters in another form, and shows them.
        if !["postgres://", "postgresql://"]
            .iter()
            .any(|scheme| url.expose().starts_with(scheme))
        {
            return Err(refused(
                "it is none of PostgreSQL: postgres://USER@HOST/DATABASE".into(),
            ));
        }
        let (plain, tls) = TlsParameters::take(url.expose()).map_err(refused)?;
        let mut config: Config = plain.parse().map_err(|e| refused(message(&e)))?;
        if config.get_password().is_none()
            && let Some(password) = std::env::var_os(PASSWORD)
        {
            config.password(password.as_encoded_bytes());
        }
        if config.get_application_name().is_none() {
            config.application_name("witness");
        }
        let printed = printed(&config).map_err(refused)?;
        let verified = tls.verified(on_loopback(&config)).map_err(refused)?;
        config.ssl_mode(match verified {
            true => SslMode::Require,
            false => SslMode::Disable,
        });
        let tls = verified.then(|| connector(&tls)).transpose();
        Ok(Target {
            region: region.clone(),
            printed,
            config,
            tls: tls.map_err(refused)?,
        })
    }

    /// The first of its hosts, where TLS is spoken; none: it is not.
    pub(super) fn server(&self) -> Option<Server> {
        let tls = self.tls.as_ref()?;
        let name = match self.config.get_hosts().first()? {
            Host::Tcp(name) => name.clone(),
            #[cfg(unix)]
            Host::Unix(_) => return None,
        };
        Some(Server {
            name,
            address: self.config.get_hostaddrs().first().copied(),
            port: self.config.get_ports().first().copied().unwrap_or(PORT),
            roots: Arc::clone(&tls.roots),
            opening: Opening::Postgres,
        })
    }

    /// A new connection, on which no statement takes longer than the time-out.
    pub(super) async fn connect(&self, timeout: Duration) -> Result<Client, DbError> {
        let refused = |why: &dyn std::fmt::Display| {
            let place = format!("{} ({})", self.region, self.printed);
            DbError::definite("connect", format!("{place}: {why}"))
        };
        let mut config = self.config.clone();
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(timeout);
        }
        let connecting = async {
            let client = match &self.tls {
                Some(tls) => {
                    let (client, connection) = config.connect(tls.connect.clone()).await?;
                    tokio::spawn(connection);
                    client
                }
                None => {
                    let (client, connection) = config.connect(NoTls).await?;
                    tokio::spawn(connection);
                    client
                }
            };
            // A client that is gone shall not hold its locks for ever.
            let ms = timeout.as_millis().clamp(1, i32::MAX as u128);
            let settings = format!(
                "SET statement_timeout = {ms}; SET idle_in_transaction_session_timeout = {ms}"
            );
            client.batch_execute(&settings).await?;
            Ok::<_, tokio_postgres::Error>(client)
        };
        let connected = tokio::time::timeout(timeout, connecting).await;
        connected
            .map_err(|_| refused(&format!("no answer within {timeout:?}")))?
            .map_err(|e| refused(&message(&e)))
    }
}

fn connector(tls: &TlsParameters) -> Result<Tls, String> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(tls.certificates()?);
    let roots = Arc::new(roots);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| e.to_string())?
        .with_root_certificates(Arc::clone(&roots))
        .with_no_client_auth();
    Ok(Tls {
        connect: MakeRustlsConnect::new(tls),
        roots,
    })
}

/// Where the server is, as a report prints it.
fn printed(config: &Config) -> Result<String, String> {
    let ports = config.get_ports();
    let port = |n: usize| ports.get(n).or(ports.first()).copied().unwrap_or(PORT);
    let mut hosts = Vec::new();
    for (n, host) in config.get_hosts().iter().enumerate() {
        hosts.push(match host {
            // The driver ends a password at the first @.
            Host::Tcp(host) if host.contains('@') => {
                return Err("an @ within a user's name or password is written %40".into());
            }
            Host::Tcp(host) if host.contains(':') => format!("[{host}]:{}", port(n)),
            Host::Tcp(host) => format!("{host}:{}", port(n)),
            #[cfg(unix)]
            Host::Unix(path) => format!("{}/.s.PGSQL.{}", path.display(), port(n)),
        });
    }
    if hosts.is_empty() {
        return Err("it names no host".into());
    }
    let database = config.get_dbname().map(|name| format!("/{name}"));
    Ok(hosts.join(",") + &database.unwrap_or_default())
}

/// Whether nothing leaves this machine.
fn on_loopback(config: &Config) -> bool {
    let addresses = config.get_hostaddrs();
    if !addresses.is_empty() {
        return addresses.iter().all(IpAddr::is_loopback);
    }
    config.get_hosts().iter().all(|host| match host {
        Host::Tcp(name) if name == "localhost" => true,
        Host::Tcp(name) => name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback()),
        #[cfg(unix)]
        Host::Unix(_) => true,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(url: &str) -> Result<Target, String> {
        Target::new(&Url::new("here", url))
    }

    #[test]
    fn tls_is_verified_wherever_the_url_does_not_say_otherwise() {
        for (url, tls) in [
            ("postgres://u@127.0.0.1/d", false),
            ("postgres://u@[::1]/d", false),
            ("postgres://u@localhost:5433", false),
            ("postgres://u@/d?host=/var/run/postgresql", false),
            ("postgres://u@localhost?sslmode=verify-full", true),
            ("postgres://u@localhost?sslrootcert=system", true),
            ("postgresql://u@db.example.com/d", true),
            ("postgres://u@10.0.0.1/d?connect_timeout=3", true),
            ("postgres://u@localhost?hostaddr=10.0.0.1", true),
            ("postgres://u@localhost,db.example.com/d", true),
            ("postgres://u@db.example.com/d?sslmode=require", true),
            ("postgres://u:p?sslmode=disable&x@db.example.com/d", true),
            ("postgres://u@db.example.com/d?sslmode=disable", false),
        ] {
            let target = target(url).unwrap();
            assert_eq!(target.tls.is_some(), tls, "{url}");
            let mode = match tls {
                true => SslMode::Require,
                false => SslMode::Disable,
            };
            assert_eq!(target.config.get_ssl_mode(), mode, "{url}");
        }
    }

    #[test]
    fn what_would_not_be_verified_is_refused() {
        for mode in ["allow", "prefer", "verify-ca", "no"] {
            let refused = target(&format!("postgres://u@h/d?sslmode={mode}")).err();
            assert!(refused.unwrap().contains("sslmode"), "{mode}");
        }
        let refused = target("postgres://u@h?sslrootcert=%2Fno%2Fsuch.pem").err();
        assert!(refused.unwrap().contains("sslrootcert /no/such.pem"));
    }

    #[test]
    fn what_is_printed_has_no_secret() {
        for (url, printed) in [
            ("postgres://u:hunter2@h/d", "h:5432/d"),
            ("postgres://u:hunter2@h:5433", "h:5433"),
            ("postgres://u@h/d?password=hunter2", "h:5432/d"),
            ("postgres://u:hunter2@a,b:7/d", "a:5432,b:7/d"),
            ("postgres://u:hunter2@[::1]/d", "[::1]:5432/d"),
        ] {
            let target = target(url).unwrap();
            assert_eq!(target.printed, printed);
            assert!(!format!("{:?}", target.config).contains("hunter2"));
        }
        for url in [
            "postgres://u:hun@ter2hunter2@h/d",
            "postgres://u:hunter2/d",
            "postgres://u:hunter2@h:x/d",
            "postgres://u:hunter2@h/d?sslmode=hunter2",
            "postgres://u:hunter2@h/d?connect_timeout=hunter2",
            "postgres://u:hunter2@/d",
            "mysql://u:hunter2@h/d",
        ] {
            let refused = target(url).err().unwrap();
            assert!(!refused.contains("hunter2"), "{refused}");
        }
    }

    /// A server that takes TLS only, whose certificate an authority of its own has signed.
    #[tokio::test]
    async fn who_is_not_verified_is_not_talked_to() {
        use witness_regions::dsql::{Cluster, Options};

        let cluster = Cluster::start(Options::default()).await.unwrap();
        let endpoint = &cluster.endpoints()[0];
        let token = cluster.token(endpoint, "admin", Duration::from_secs(900));
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("root.pem");
        std::fs::write(&root, cluster.ca_pem()).unwrap();
        let trusted = format!("&sslmode=verify-full&sslrootcert={}", root.display());
        for (host, more, outcome) in [
            (endpoint.host.as_str(), trusted.as_str(), "let in"),
            // Nobody that the system knows has signed it.
            (&endpoint.host, "&sslmode=verify-full", "UnknownIssuer"),
            (&endpoint.host, "&sslmode=require", "UnknownIssuer"),
            // It is not the one that was asked for.
            ("db.example.com", &trusted, "not valid for name"),
            (&endpoint.host, "&sslmode=disable", "TLS"),
        ] {
            let address = endpoint.address;
            let url = format!(
                "postgres://admin:{token}@{host}:{}/postgres?hostaddr={}{more}",
                address.port(),
                address.ip(),
            );
            let target = target(&url).unwrap();
            let connected = target.connect(Duration::from_secs(60)).await;
            let said = connected.map_or_else(|e| e.to_string(), |_| "let in".into());
            assert!(said.contains(outcome), "{more}: {said}");
            assert!(!said.contains("X-Amz"), "{said}");
        }
    }
}
