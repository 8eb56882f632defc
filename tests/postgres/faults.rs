//! What the backend says of each way in which a request to a real server can go wrong.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use libtest_mimic::{Failed, Trial};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use witness::backends::{self, Isolation, Options, ServerOptions, Url};
use witness_workloads::seats::{LEDGER, SEATS};
use witness_workloads::{Connection, Database, DbError, Fault, Row};

use crate::scenes::{connect, until};
use crate::trial;

pub fn trials() -> Vec<Trial> {
    vec![
        trial("fault::who-comes-second-conflicts", conflicts),
        trial("fault::who-is-in-a-deadlock-conflicts", deadlocks),
        trial("fault::a-key-that-is-taken-is-definite", taken),
        trial(
            "fault::a-statement-that-takes-too-long-did-not-happen",
            slow,
        ),
        trial("fault::a-server-process-that-is-ended", ended),
        trial("fault::a-commit-whose-answer-is-lost", lost),
    ]
}

/// A database, and the backend on it.
struct Server {
    database: Arc<dyn Database>,
    url: String,
}

impl Server {
    async fn start(isolation: Isolation, timeout: Duration) -> Result<Server, Failed> {
        let url = crate::shared::database().await?;
        let options = Options {
            timeout,
            servers: ServerOptions {
                urls: vec![Url::new("us-east-1", &url)],
                isolation,
                ..ServerOptions::default()
            },
            ..Options::default()
        };
        let opened = backends::find("postgres")?.open(&options).await?;
        let database = opened.database;
        database.create(&[LEDGER, SEATS]).await?;
        Ok(Server { database, url })
    }

    async fn client(&self) -> Result<Box<dyn Connection>, Failed> {
        Ok(self.database.connect("us-east-1").await?)
    }

    async fn sold(&self, id: &str) -> Result<bool, Failed> {
        let mut db = self.client().await?;
        db.begin_read_only().await?;
        let found = db.read(&LEDGER, id).await?.is_some();
        db.commit().await?;
        Ok(found)
    }
}

const PATIENCE: Duration = Duration::from_secs(300);

fn seat(key: &str, owner: &str) -> Row {
    Row::from([("key".into(), key.into()), ("owner".into(), owner.into())])
}

fn sale(id: &str) -> Row {
    Row::from([("sale_id".into(), id.into()), ("key".into(), "A1".into())])
}

#[track_caller]
fn is(error: &DbError, fault: Fault, class: &str) {
    assert_eq!(
        (error.fault, error.class.as_str()),
        (fault, class),
        "{error}"
    );
}

async fn conflicts() -> Result<(), Failed> {
    let server = Server::start(Isolation::RepeatableRead, PATIENCE).await?;
    let (mut a, mut b) = (server.client().await?, server.client().await?);
    a.write(&SEATS, &seat("A1", "nobody")).await?;
    for db in [&mut a, &mut b] {
        db.begin().await?;
        db.read(&SEATS, "A1").await?;
    }
    a.write(&SEATS, &seat("A1", "a")).await?;
    a.commit().await?;
    let error = b.write(&SEATS, &seat("A1", "b")).await.unwrap_err();
    is(&error, Fault::Conflict, "40001");
    // A COMMIT would be answered with ROLLBACK, which the driver takes for success.
    assert_eq!(b.commit().await, Err(error));
    b.rollback().await;
    b.begin().await?;
    b.write(&SEATS, &seat("A1", "b")).await?;
    Ok(b.commit().await?)
}

async fn deadlocks() -> Result<(), Failed> {
    let server = Server::start(Isolation::ReadCommitted, PATIENCE).await?;
    let (mut a, mut b) = (server.client().await?, server.client().await?);
    for key in ["A1", "A2"] {
        a.write(&SEATS, &seat(key, "nobody")).await?;
    }
    a.begin().await?;
    b.begin().await?;
    a.write(&SEATS, &seat("A1", "a")).await?;
    b.write(&SEATS, &seat("A2", "b")).await?;
    let (a2, b1) = (seat("A2", "a"), seat("A1", "b"));
    let (of_a, of_b) = tokio::join!(
        async {
            let done = a.write(&SEATS, &a2).await;
            a.rollback().await;
            done
        },
        async {
            let done = b.write(&SEATS, &b1).await;
            b.rollback().await;
            done
        }
    );
    match (of_a, of_b) {
        (Err(error), Ok(())) | (Ok(()), Err(error)) => is(&error, Fault::Conflict, "40P01"),
        other => return Err(format!("{other:?}").into()),
    }
    Ok(())
}

async fn taken() -> Result<(), Failed> {
    let server = Server::start(Isolation::Serializable, PATIENCE).await?;
    let mut db = server.client().await?;
    db.append(&LEDGER, &sale("s1")).await?;
    db.begin().await?;
    db.append(&LEDGER, &sale("s2")).await?;
    let error = db.append(&LEDGER, &sale("s1")).await.unwrap_err();
    is(&error, Fault::Definite, "23505");
    assert_eq!(db.commit().await, Err(error), "nothing was committed");
    assert!(!server.sold("s2").await?);
    Ok(())
}

/// It waits for a lock until the server gives it up.
async fn slow() -> Result<(), Failed> {
    let server = Server::start(Isolation::ReadCommitted, Duration::from_secs(10)).await?;
    let holder = connect(&server.url).await?;
    holder
        .batch_execute("BEGIN; LOCK TABLE witness_op_log")
        .await?;
    let mut db = server.client().await?;
    db.begin().await?;
    let error = db.append(&LEDGER, &sale("s1")).await.unwrap_err();
    is(&error, Fault::Definite, "57014");
    holder.batch_execute("ROLLBACK").await?;
    assert!(!server.sold("s1").await?);
    Ok(())
}

async fn ended() -> Result<(), Failed> {
    let server = Server::start(Isolation::Serializable, PATIENCE).await?;
    let mut db = server.client().await?;
    db.begin().await?;
    db.append(&LEDGER, &sale("s1")).await?;
    let root = connect(&server.url).await?;
    let others =
        "FROM pg_stat_activity WHERE application_name = 'witness' AND datname = current_database()";
    root.batch_execute(&format!("SELECT pg_terminate_backend(pid) {others}"))
        .await?;
    until(&root, &format!("SELECT count(*) = 0 {others}")).await?;
    let error = db.commit().await.unwrap_err();
    assert_eq!(error.fault, Fault::Indeterminate, "{error}");
    assert!(
        ["57P01", "connection"].contains(&error.class.as_str()),
        "{error}"
    );
    assert!(!server.sold("s1").await?);
    Ok(())
}

/// The driver says "connection closed" and has no SQLSTATE for it, though it is committed.
async fn lost() -> Result<(), Failed> {
    let server = Server::start(Isolation::Serializable, PATIENCE).await?;
    let direct = &server.url;
    let (_, port) = direct.rsplit_once(':').ok_or("no port")?;
    let (port, _) = port.split_once('/').ok_or("no port")?;
    let proxy = Proxy::start(port.parse()?).await?;
    let url = direct.replace(port, &proxy.port.to_string());
    let options = Options {
        timeout: PATIENCE,
        servers: ServerOptions {
            urls: vec![Url::new("us-east-1", url)],
            ..ServerOptions::default()
        },
        ..Options::default()
    };
    let opened = backends::find("postgres")?.open(&options).await?;
    let mut db = opened.database.connect("us-east-1").await?;
    db.begin().await?;
    db.append(&LEDGER, &sale("s1")).await?;
    proxy.cut.store(true, Ordering::SeqCst);
    let error = db.commit().await.unwrap_err();
    is(&error, Fault::Indeterminate, "connection");
    assert!(server.sold("s1").await?, "and it did happen");
    Ok(())
}

/// Between a client and the server; once it is told to, it cuts the connection where the
/// next answer would come.
struct Proxy {
    port: u16,
    cut: Arc<AtomicBool>,
}

impl Proxy {
    async fn start(server: u16) -> Result<Proxy, Failed> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let port = listener.local_addr()?.port();
        let cut = Arc::new(AtomicBool::new(false));
        let cuts = Arc::clone(&cut);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let Ok(server) = TcpStream::connect(("127.0.0.1", server)).await else {
                    return;
                };
                tokio::spawn(pass(client, server, Arc::clone(&cuts)));
            }
        });
        Ok(Proxy { port, cut })
    }
}

async fn pass(client: TcpStream, server: TcpStream, cut: Arc<AtomicBool>) {
    let (mut asked, mut answer) = client.into_split();
    let (mut answered, mut ask) = server.into_split();
    let asking = tokio::spawn(async move { tokio::io::copy(&mut asked, &mut ask).await });
    let mut bytes = [0; 4096];
    while let Ok(n @ 1..) = answered.read(&mut bytes).await {
        if cut.load(Ordering::SeqCst) || answer.write_all(&bytes[..n]).await.is_err() {
            break;
        }
    }
    asking.abort();
}
