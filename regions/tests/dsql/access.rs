//! Getting in: TLS, tokens, limits on connections, and bytes that are no protocol.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_postgres::NoTls;
use tokio_postgres::config::{SslMode, SslNegotiation};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use witness_regions::dsql::{Cluster, Limits, Options};

use super::support::{PATIENCE, client_config, code, config, connect, near, open, start, tls};

#[tokio::test]
async fn tls_may_be_begun_directly() {
    let cluster = near().await;
    let mut config = config(&cluster, &cluster.endpoints()[1]);
    config.ssl_negotiation(SslNegotiation::Direct);
    let client = open(&cluster, &config).await.unwrap();
    let row = client.query_one("SELECT current_user", &[]).await.unwrap();
    assert_eq!(row.get::<_, &str>(0), "admin");
}

#[tokio::test]
async fn a_connection_without_tls_is_refused() {
    let cluster = near().await;
    let mut config = config(&cluster, &cluster.endpoints()[0]);
    let error = config
        .ssl_mode(SslMode::Disable)
        .connect(NoTls)
        .await
        .err()
        .unwrap();
    assert_eq!(code(&error), "28000");
}

#[tokio::test]
async fn a_certificate_of_another_cluster_is_not_trusted() {
    let (cluster, stranger) = (near().await, near().await);
    let config = config(&cluster, &cluster.endpoints()[0]);
    let error = config.connect(tls(&stranger)).await.err().unwrap();
    assert!(error.to_string().contains("TLS"), "{error}");
}

#[tokio::test]
async fn a_token_opens_only_its_own_door() {
    let cluster = near().await;
    let [first, second] = cluster.endpoints() else {
        panic!("two regions");
    };
    let lifetime = Duration::from_secs(900);
    let good = cluster.token(first, "admin", lifetime);
    let last = if good.ends_with('0') { "1" } else { "0" };
    let tampered = format!("{}{last}", &good[..good.len() - 1]);
    let elsewhere = cluster.token(second, "admin", lifetime);
    for (user, token, expected) in [
        ("admin", good.clone(), None),
        ("buyer", cluster.token(first, "buyer", lifetime), None),
        ("admin", elsewhere, Some("host")),
        (
            "admin",
            cluster.token(first, "admin", Duration::ZERO),
            Some("expired"),
        ),
        ("admin", tampered, Some("signature")),
        (
            "admin",
            cluster.token(first, "buyer", lifetime),
            Some("DbConnectAdmin"),
        ),
        ("buyer", good, Some("DbConnect")),
        ("admin", "secret".to_owned(), Some("presigned")),
        ("admin", String::new(), Some("presigned")),
    ] {
        let mut config = config(&cluster, first);
        config.user(user).password(&token);
        match (open(&cluster, &config).await, expected) {
            (Ok(client), None) => {
                let row = client.query_one("SELECT current_user", &[]).await.unwrap();
                assert_eq!(row.get::<_, &str>(0), user);
            }
            (Err(error), Some(expected)) => {
                let error = error.as_db_error().unwrap();
                assert_eq!(error.severity(), "FATAL");
                assert_eq!(error.code().code(), "28000");
                assert_eq!(
                    error.message(),
                    "unable to accept connection, access denied"
                );
                assert!(error.detail().unwrap().contains(expected), "{error:?}");
            }
            (outcome, expected) => panic!("{token}: {:?}, expected {expected:?}", outcome.err()),
        }
    }
    let mut config = config(&cluster, first);
    config.dbname("seats");
    assert_eq!(code(&open(&cluster, &config).await.err().unwrap()), "3D000");
}

#[tokio::test]
async fn connections_are_limited() {
    let cluster = start(Options {
        limits: Limits {
            connections_max: 1,
            ..Limits::default()
        },
        ..Options::default()
    })
    .await;
    let client = connect(&cluster, 0).await;
    let refused = open(&cluster, &config(&cluster, &cluster.endpoints()[1])).await;
    assert_eq!(code(&refused.err().unwrap()), "53300");
    drop(client);
    // The server notices the closed connection in its own time.
    let again = async {
        while open(&cluster, &config(&cluster, &cluster.endpoints()[1]))
            .await
            .is_err()
        {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, again).await.unwrap();
}

#[tokio::test]
async fn bytes_that_are_no_protocol_end_their_own_connection_only() {
    let cluster = near().await;
    let address = cluster.endpoints()[0].address;
    let tls_client = TlsConnector::from(Arc::new(client_config(&cluster)));
    let name = ServerName::try_from(cluster.endpoints()[0].host.clone()).unwrap();
    let junk: [&[u8]; 6] = [
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x00\x05hello",
        b"\x00\x00\x00\x08\x04\xd2\x16\x2fgarbage after the request",
        b"\x00\x00\x00\x09\x00\x03\x00\x00\x00",
        b"\x7f\xff\xff\xff\x00\x03\x00\x00",
        b"\x00\x00\x00\x10\x04\xd2\x16\x2e\x00\x00\x00\x01\x00\x00\x00\x01",
    ];
    for bytes in junk {
        let mut socket = tokio::net::TcpStream::connect(address).await.unwrap();
        socket.write_all(bytes).await.unwrap();
        socket.shutdown().await.unwrap();
        let mut answer = Vec::new();
        // A reset is as good an end as any.
        let _ = tokio::time::timeout(PATIENCE, socket.read_to_end(&mut answer))
            .await
            .unwrap();

        let socket = tokio::net::TcpStream::connect(address).await.unwrap();
        let mut socket = tls_client.connect(name.clone(), socket).await.unwrap();
        socket.write_all(bytes).await.unwrap();
        socket.shutdown().await.unwrap();
        let _ = tokio::time::timeout(PATIENCE, socket.read_to_end(&mut answer))
            .await
            .unwrap();
    }
    let client = connect(&cluster, 0).await;
    assert_eq!(client.query("SELECT 1", &[]).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_taken_port_is_named_and_shutting_down_closes_connections() {
    let cluster = near().await;
    let client = connect(&cluster, 0).await;
    let ports = cluster
        .endpoints()
        .iter()
        .map(|endpoint| endpoint.address.port())
        .collect();
    let taken = Cluster::start(Options {
        ports,
        ..Options::default()
    })
    .await;
    let message = taken.err().unwrap().to_string();
    assert!(
        message.starts_with("could not listen on 127.0.0.1:"),
        "{message}"
    );
    cluster.shutdown().await;
    assert!(client.query("SELECT 1", &[]).await.is_err());
}
