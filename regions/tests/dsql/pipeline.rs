//! The extended protocol message by message, where a driver would not go: several
//! statements before one `Sync` are one transaction.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::ServerName;
use witness_regions::dsql::Cluster;

use super::support::{PATIENCE, client_config, connect, near, seats};

struct Raw(TlsStream<TcpStream>);

impl Raw {
    async fn connect(cluster: &Cluster) -> Self {
        let endpoint = &cluster.endpoints()[0];
        let socket = TcpStream::connect(endpoint.address).await.unwrap();
        let name = ServerName::try_from(endpoint.host.clone()).unwrap();
        let connector = TlsConnector::from(Arc::new(client_config(cluster)));
        let mut raw = Self(connector.connect(name, socket).await.unwrap());
        let start_up = b"\0\x03\0\0user\0admin\0database\0postgres\0\0";
        let length = u32::try_from(start_up.len() + 4).unwrap();
        raw.0.write_all(&length.to_be_bytes()).await.unwrap();
        raw.0.write_all(start_up).await.unwrap();
        assert_eq!(raw.read().await.0, b'R');
        let token = cluster.token(endpoint, "admin", Duration::from_secs(60));
        raw.send(&[message(b'p', &[token.as_bytes(), b"\0"])]).await;
        raw.answer().await;
        raw
    }

    async fn send(&mut self, messages: &[Vec<u8>]) {
        self.0.write_all(&messages.concat()).await.unwrap();
    }

    async fn read(&mut self) -> (u8, Vec<u8>) {
        let read = async {
            let kind = self.0.read_u8().await.unwrap();
            let length = self.0.read_u32().await.unwrap() - 4;
            let mut body = vec![0; usize::try_from(length).unwrap()];
            self.0.read_exact(&mut body).await.unwrap();
            (kind, body)
        };
        tokio::time::timeout(PATIENCE, read).await.unwrap()
    }

    /// What comes up to "ready": kinds of messages, tags and SQLSTATEs spelt out.
    async fn answer(&mut self) -> String {
        let mut shown = String::new();
        loop {
            let (kind, body) = self.read().await;
            match kind {
                b'C' => shown += &format!("[{}]", String::from_utf8_lossy(&body[..body.len() - 1])),
                b'E' => {
                    let code = body
                        .split(|byte| *byte == 0)
                        .find(|field| field.first() == Some(&b'C'));
                    shown += &format!("[{}]", String::from_utf8_lossy(&code.unwrap()[1..]));
                }
                b'Z' => {
                    shown.push('Z');
                    shown.push(char::from(body[0]));
                    return shown;
                }
                kind => shown.push(char::from(kind)),
            }
        }
    }
}

fn message(kind: u8, parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    let length = u32::try_from(body.len() + 4).unwrap();
    [&[kind], length.to_be_bytes().as_slice(), &body].concat()
}

/// Parse, Bind and Execute of the unnamed statement.
fn run(sql: &str) -> Vec<u8> {
    [
        message(b'P', &[b"\0", sql.as_bytes(), b"\0\0\0"]),
        message(b'B', &[b"\0\0\0\0\0\0\0\0"]),
        message(b'E', &[b"\0\0\0\0\0"]),
    ]
    .concat()
}

fn sync() -> Vec<u8> {
    message(b'S', &[])
}

#[tokio::test]
async fn statements_before_one_sync_are_one_transaction() {
    let cluster = near().await;
    let other = connect(&cluster, 1).await;
    seats(&other).await;
    let mut raw = Raw::connect(&cluster).await;

    let insert = "INSERT INTO seats VALUES ('B1', 'free')";
    raw.send(&[run(insert), run("SELECT key FROM seats"), sync()])
        .await;
    assert_eq!(raw.answer().await, "12[INSERT 0 1]12DD[SELECT 2]ZI");

    // The error undoes the statement before it and skips the one after it.
    let delete = "DELETE FROM seats";
    raw.send(&[run(delete), run("SELECT 1 / 0"), run(delete), sync()])
        .await;
    assert_eq!(raw.answer().await, "12[DELETE 2]12[22012]ZI");
    assert_eq!(
        other.query("SELECT 1 FROM seats", &[]).await.unwrap().len(),
        2
    );

    // A write outside a block is committed at the Sync, and so it conflicts there.
    raw.send(&[run("UPDATE seats SET owner = 'raw'"), message(b'H', &[])])
        .await;
    for kind in *b"12C" {
        assert_eq!(raw.read().await.0, kind);
    }
    other
        .execute("UPDATE seats SET owner = 'other'", &[])
        .await
        .unwrap();
    raw.send(&[sync()]).await;
    assert_eq!(raw.answer().await, "[40001]ZI");

    raw.send(&[run("BEGIN"), run(delete), sync()]).await;
    assert_eq!(raw.answer().await, "12[BEGIN]12[DELETE 2]ZT");
    raw.send(&[run("SELEC"), sync()]).await;
    assert_eq!(raw.answer().await, "[42601]ZE");
    raw.send(&[run("SELECT 1"), sync(), run("COMMIT"), sync()])
        .await;
    assert_eq!(raw.answer().await, "[25P02]ZE");
    assert_eq!(raw.answer().await, "12[ROLLBACK]ZI");
}

#[tokio::test]
async fn statements_and_portals_are_named_checked_and_closed() {
    let cluster = near().await;
    let mut raw = Raw::connect(&cluster).await;
    let parse = || message(b'P', &[b"s\0SELECT $1::int\0\0\0"]);
    let bind = |count: &[u8]| message(b'B', &[b"p\0s\0\0\0", count, b"\0\0"]);
    let one = b"\0\x01\0\0\0\x017";
    raw.send(&[
        parse(),
        message(b'D', &[b"Ss\0"]),
        bind(one),
        message(b'D', &[b"Pp\0"]),
        sync(),
    ])
    .await;
    assert_eq!(raw.answer().await, "1tT2TZI");
    for (messages, expected) in [
        (vec![parse()], "[42P05]ZI"),
        (vec![bind(b"\0\0")], "[08P01]ZI"),
        (vec![bind(b"\0\x01\0\0\0\x01x")], "[22P02]ZI"),
        (vec![bind(b"\0\x01\0\0\xff\xff")], "[08P01]ZI"),
        (vec![bind(one), bind(one)], "2[34000]ZI"),
        (vec![message(b'E', &[b"p\0\0\0\0\0"])], "[34000]ZI"),
        (vec![message(b'C', &[b"Ss\0"]), bind(one)], "3[26000]ZI"),
        (vec![run("")], "12IZI"),
        (vec![run("SELECT 1; SELECT 2")], "[42601]ZI"),
        (
            vec![message(b'P', &[b"\0SELECT $1\0\0\x01\0\0\x04\x01"])],
            "[0A000]ZI",
        ),
        (vec![message(b'F', &[b"\0\0\0\0"])], "[0A000]ZI"),
    ] {
        raw.send(&messages).await;
        raw.send(&[sync()]).await;
        assert_eq!(raw.answer().await, expected);
    }
}
