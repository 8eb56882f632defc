//! Connections that never come about: nothing can have happened.

use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use witness_regions::credentials::Credentials;
use witness_workloads::seats::SEATS;
use witness_workloads::{Database, DbError, Fault};

use super::*;

/// What making a table through this address comes to.
async fn through(address: SocketAddr, timeout: Duration) -> DbError {
    let aws = aws::embedded("us-east-1", &Credentials::default()).await;
    let url = Some(format!("http://{address}"));
    let node = Node::new("us-east-1", url, &aws, timeout);
    let options = DynamoOptions::default();
    let database = MREC.database(vec![node], "witness_".into(), options);
    database.create(&[SEATS]).await.unwrap_err()
}

#[tokio::test]
async fn a_refused_connection_is_definite() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let error = through(address, Duration::from_secs(60)).await;
    assert_eq!(
        (error.fault, error.class.as_str()),
        (Fault::Definite, "connect"),
        "{error}"
    );
}

/// Somebody listens and accepts nobody: the queue is full, and the system lets nobody in.
#[tokio::test]
async fn a_connection_that_does_not_come_is_told_from_an_answer_that_does_not() {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut queued = Vec::new();
    let brief = Duration::from_millis(300);
    while let Ok(connected) = tokio::time::timeout(brief, TcpStream::connect(address)).await {
        queued.push(connected.unwrap());
        assert!(queued.len() < 100, "the queue has no end");
    }
    let error = through(address, Duration::from_secs(4)).await;
    assert_eq!(
        (error.fault, error.class.as_str()),
        (Fault::Definite, "connect-timeout"),
        "{error}"
    );
}
