//! The bytes on the wire: whatever comes, an error of the API goes back, and the
//! server goes on.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use witness_regions::dynamodb::GlobalTables;

use crate::support::*;

/// Sends bytes and reads until the server closes.
async fn exchange(tables: &GlobalTables, bytes: &[u8]) -> String {
    let address = tables.endpoints()[0].address;
    let mut stream = TcpStream::connect(address).await.unwrap();
    // The server may close before it has read all of what is too much.
    let _ = stream.write_all(bytes).await;
    let _ = stream.shutdown().await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

fn post(headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "POST / HTTP/1.1\r\nhost: localhost\r\n{headers}content-length: {length}\r\n\
         connection: close\r\n\r\n{body}"
    )
    .into_bytes()
}

#[tokio::test]
async fn bad_bytes_get_an_error_and_good_requests_still_pass() {
    let f = start(quick()).await;
    let target = "x-amz-target: DynamoDB_20120810.ListTables\r\n";
    let cases: Vec<(Vec<u8>, &str, &str)> = vec![
        (post("", "{}"), "400", "UnknownOperationException"),
        (
            post("x-amz-target: DynamoDB_20120810.MakeCoffee\r\n", "{}"),
            "400",
            "UnknownOperationException",
        ),
        (
            post("x-amz-target: Kinesis_20131202.ListTables\r\n", "{}"),
            "400",
            "UnknownOperationException",
        ),
        (
            post(target, "{}"),
            "400",
            "MissingAuthenticationTokenException",
        ),
        (
            post(&format!("{target}authorization: nonsense\r\n"), "{}"),
            "400",
            "IncompleteSignatureException",
        ),
        (
            b"PUT / HTTP/1.1\r\nhost: x\r\n\r\n".to_vec(),
            "404",
            "UnknownOperation",
        ),
        (
            b"GET / HTTP/1.1\r\nhost: x\r\n\r\n".to_vec(),
            "200",
            "healthy: dynamodb.us-east-1",
        ),
        (b"\x00\x01\x02 nonsense\r\n\r\n".to_vec(), "400", ""),
    ];
    for (bytes, status, text) in cases {
        let answer = exchange(&f.tables, &bytes).await;
        let first = answer.lines().next().unwrap_or_default();
        assert!(first.contains(status) && answer.contains(text), "{answer}");
    }
    let unfinished = b"POST / HTTP/1.1\r\ncontent-length: 100\r\n\r\n{";
    exchange(&f.tables, unfinished).await;
    f.east.list_tables().send().await.unwrap();
}

#[tokio::test]
async fn a_body_over_sixteen_megabytes_is_refused() {
    let f = start(quick()).await;
    let headers = format!(
        "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        17 * 1024 * 1024
    );
    let address = f.tables.endpoints()[0].address;
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(headers.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // The body never comes, so the end of the answer may be a reset.
    while let Ok(1..) = stream.read_buf(&mut answer).await {}
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    assert!(answer.contains("RequestEntityTooLargeException"));
}

#[tokio::test]
async fn answers_carry_a_checksum_and_an_id() {
    let f = start(quick()).await;
    let answer = exchange(&f.tables, &post("", "{}")).await;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let header = |name: &str| {
        let line = head.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap().trim().to_owned()
    };
    let checksum = crc32fast::hash(body.as_bytes());
    assert_eq!(header("x-amz-crc32:"), checksum.to_string());
    assert_eq!(header("x-amzn-requestid:").len(), 52);
    assert_eq!(header("content-type:"), "application/x-amz-json-1.0");
    let body: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!(
        body["__type"],
        "com.amazon.coral.service#UnknownOperationException"
    );
}

#[tokio::test]
async fn many_requests_share_a_connection_and_many_connections_are_served() {
    let f = start(quick()).await;
    create(&f.east, "seats", &["id"]).await;
    let clients: Vec<_> = (0..40)
        .map(|client| {
            let east = f.east.clone();
            tokio::spawn(async move {
                for turn in 0..10 {
                    let put = east.put_item().table_name("seats");
                    let put = put.item("id", s(format!("{client}-{turn}")));
                    put.send().await.unwrap();
                }
            })
        })
        .collect();
    for client in clients {
        client.await.unwrap();
    }
    assert_eq!(scan(&f.east, "seats").await.len(), 400);
}
