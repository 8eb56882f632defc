//! What is said of each way in which a request to PostgreSQL can end: a server of a few
//! lines is made to do exactly that, and the driver is the real one.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_postgres::NoTls;
use witness_workloads::register::REGISTERS;
use witness_workloads::{Connection, DbError, Fault, Row};

use super::sql::SqlConnection;

/// Where it happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    Begin,
    Statement,
    Commit,
}

/// What happens there.
#[derive(Debug, Clone, Copy)]
enum Ends {
    /// With this answer, and ready for the next request.
    Answered(&'static str),
    /// With this answer, and the connection is closed.
    Fatal(&'static str),
    /// The request arrived, and the connection is cut.
    Cut,
    /// The request arrived, and nothing comes.
    Silent,
}

use Ends::{Answered, Cut, Fatal, Silent};
use Fault::{Conflict, Definite, Indeterminate};

#[tokio::test]
async fn every_end_of_a_request_has_its_class() {
    for (at, ends, fault, class) in [
        // Another transaction came between: worth another try.
        (At::Statement, Answered("40001"), Conflict, "40001"),
        (At::Commit, Answered("40001"), Conflict, "40001"),
        (At::Statement, Answered("40P01"), Conflict, "40P01"),
        (At::Commit, Answered("40P01"), Conflict, "40P01"),
        // Constraints, checked at once or at COMMIT.
        (At::Statement, Answered("23505"), Definite, "23505"),
        (At::Statement, Answered("23503"), Definite, "23503"),
        (At::Commit, Answered("23503"), Definite, "23503"),
        (At::Commit, Answered("23514"), Definite, "23514"),
        // What the server would not or could not do.
        (At::Begin, Answered("0A000"), Definite, "0A000"),
        (At::Statement, Answered("25006"), Definite, "25006"),
        (At::Statement, Answered("42P01"), Definite, "42P01"),
        (At::Statement, Answered("53100"), Definite, "53100"),
        (At::Statement, Answered("55P03"), Definite, "55P03"),
        // A statement that was cancelled was undone; of a COMMIT that is not said.
        (At::Statement, Answered("57014"), Definite, "57014"),
        (At::Commit, Answered("57014"), Indeterminate, "57014"),
        // Nobody knows whether it completed.
        (At::Commit, Answered("40003"), Indeterminate, "40003"),
        (At::Statement, Answered("40003"), Indeterminate, "40003"),
        // The server goes away.
        (At::Statement, Fatal("57P01"), Indeterminate, "57P01"),
        (At::Commit, Fatal("57P01"), Indeterminate, "57P01"),
        (At::Commit, Fatal("57P02"), Indeterminate, "57P02"),
        (At::Commit, Fatal("57P03"), Indeterminate, "57P03"),
        (At::Commit, Fatal("25P03"), Indeterminate, "25P03"),
        (At::Statement, Fatal("25P03"), Definite, "25P03"),
        // The way to it, or what is behind it, is broken.
        (At::Statement, Answered("08006"), Indeterminate, "08006"),
        (At::Commit, Answered("08006"), Indeterminate, "08006"),
        (At::Commit, Answered("08007"), Indeterminate, "08007"),
        (At::Commit, Answered("58030"), Indeterminate, "58030"),
        (At::Commit, Answered("XX000"), Indeterminate, "XX000"),
        (At::Statement, Answered("XX000"), Definite, "XX000"),
        // No answer at all.
        (At::Begin, Cut, Indeterminate, "connection"),
        (At::Statement, Cut, Indeterminate, "connection"),
        (At::Commit, Cut, Indeterminate, "connection"),
        (At::Statement, Silent, Indeterminate, "timeout"),
        (At::Commit, Silent, Indeterminate, "timeout"),
    ] {
        let patience = match ends {
            Silent => Duration::from_millis(50),
            _ => Duration::from_secs(60),
        };
        let mut db = connect(at, ends, patience).await;
        let error = write(&mut db, at).await.unwrap_err();
        let known = (error.fault, error.class.as_str());
        assert_eq!(known, (fault, class), "{at:?} {ends:?}: {error}");
        // Whatever it was, this transaction does not commit any more.
        assert_eq!(db.commit().await, Err(error), "{at:?} {ends:?}");
    }
}

/// A transaction with a statement, where that is what goes wrong.
async fn write(db: &mut SqlConnection, at: At) -> Result<(), DbError> {
    db.begin().await?;
    if at == At::Statement {
        let row = Row::from([("key".into(), "r1".into())]);
        db.write(&REGISTERS, &row).await?;
    }
    db.commit().await
}

async fn connect(at: At, ends: Ends, patience: Duration) -> SqlConnection {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (client, _) = listener.accept().await?;
        serve(client, at, ends).await
    });
    let url = format!("postgres://u@127.0.0.1:{port}/d?sslmode=disable");
    let (client, connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
    tokio::spawn(connection);
    SqlConnection::new(client, patience)
}

/// PostgreSQL's protocol, as much of it as it takes.
async fn serve(mut client: TcpStream, at: At, ends: Ends) -> std::io::Result<()> {
    let length = client.read_u32().await?;
    client.read_exact(&mut vec![0; length as usize - 4]).await?;
    let authenticated = message(b'R', &0_u32.to_be_bytes());
    client.write_all(&authenticated).await?;
    client.write_all(&message(b'Z', b"I")).await?;
    loop {
        let kind = client.read_u8().await?;
        let length = client.read_u32().await?;
        let mut body = vec![0; length as usize - 4];
        client.read_exact(&mut body).await?;
        let here = match kind {
            b'Q' if body.starts_with(b"BEGIN") => At::Begin,
            b'Q' if body.starts_with(b"COMMIT") => At::Commit,
            // The last message of a statement with parameters.
            b'S' => At::Statement,
            _ => continue,
        };
        match ends {
            _ if here != at => client.write_all(&message(b'C', b"DONE\0")).await?,
            Answered(code) => client.write_all(&error("ERROR", code)).await?,
            Fatal(code) => return client.write_all(&error("FATAL", code)).await,
            Cut => return Ok(()),
            Silent => std::future::pending().await,
        }
        client.write_all(&message(b'Z', b"T")).await?;
    }
}

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).unwrap();
    [&[kind], &length.to_be_bytes()[..], body].concat()
}

fn error(severity: &str, code: &str) -> Vec<u8> {
    let body = format!("S{severity}\0V{severity}\0C{code}\0Mas asked for\0\0");
    message(b'E', body.as_bytes())
}
