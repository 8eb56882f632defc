//! Connections that never come about: nothing can have happened. Tables as a run makes them,
//! and what it costs.

use std::net::SocketAddr;

use aws_sdk_dynamodb::types::MultiRegionConsistency;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use witness_regions::credentials::Credentials;
use witness_workloads::seats::SEATS;
use witness_workloads::{Database, DbError, Fault};

use super::*;

/// These tables through this backend, and the seats made there.
async fn made(
    servers: &embedded::GlobalTables,
    backend: &DynamoDb,
) -> (DynamoDatabase, Result<(), DbError>) {
    let aws = aws::embedded("us-east-1", servers.credentials()).await;
    let patience = Duration::from_secs(300);
    let nodes = servers.endpoints().iter();
    let nodes = nodes.map(|e| Node::new(&e.region, Some(e.url.clone()), &aws, patience));
    let options = DynamoOptions::default();
    let database = backend.database(nodes.collect(), "witness_".into(), options);
    let made = database.create(&[SEATS]).await;
    (database, made)
}

/// Three members, whether one of them is a witness or none is; and no strong table is made
/// where the other kind is asked for.
#[tokio::test]
async fn a_table_has_the_members_and_the_consistency_that_were_asked_for() {
    for (regions, backend, strong, witness) in [
        (&["us-east-1", "us-east-2"][..], &MREC, false, None),
        (&["us-east-1", "us-east-2"], &MRSC, true, Some("us-west-2")),
        (&["us-east-1", "us-east-2", "us-west-2"], &MRSC, true, None),
        (&["us-east-1", "us-east-2", "us-west-2"], &MREC, false, None),
    ] {
        let wanted = embedded::Options {
            regions: regions.iter().map(|&region| region.to_owned()).collect(),
            ..Default::default()
        };
        let servers = embedded::GlobalTables::start(wanted).await.unwrap();
        let (database, made_so) = made(&servers, backend).await;
        made_so.unwrap();
        let client = database.nodes[0].client();
        let described = client.describe_table().table_name("witness_seats").send();
        let table = described.await.unwrap().table.unwrap();
        let is = table.multi_region_consistency() == Some(&MultiRegionConsistency::Strong);
        assert_eq!(is, strong, "{regions:?}");
        let seen = table.global_table_witnesses().first();
        assert_eq!(seen.and_then(|w| w.region_name()), witness, "{regions:?}");

        // What is there is not taken for the other kind.
        let other = if strong { &MREC } else { &MRSC };
        let (_, refused) = made(&servers, other).await;
        let refused = refused.unwrap_err();
        assert_eq!(
            (refused.fault, refused.class.as_str()),
            (Fault::Definite, "consistency"),
            "{refused}"
        );
    }
}

/// With strong consistency a third member stores every write, too.
#[test]
fn the_witness_is_paid_for() {
    let seats = witness_workloads::find("seats").unwrap();
    let bursts = seats.bursts(&seats.defaults()).unwrap();
    let options = Options {
        endpoints: ["us-east-1", "us-east-2"]
            .map(|r| format!("{r}=dynamodb.{r}.amazonaws.com").parse().unwrap())
            .into(),
        ..Options::default()
    };
    let [two, three] = [&MREC, &MRSC].map(|backend| {
        let cost = backend.cost(&options, &bursts, None).unwrap().unwrap();
        let units = cost.split_whitespace().nth(4).unwrap();
        units.parse::<u64>().unwrap_or_else(|_| panic!("{cost}"))
    });
    assert_eq!(three * 2, two * 3);
}

#[tokio::test]
async fn plain_http_is_for_loopback_only() {
    for (host, taken) in [
        ("http://127.0.0.1:8000", true),
        ("http://localhost:8000", true),
        ("http://localhost", true),
        ("http://[::1]", true),
        ("http://[::1]:8000", true),
        ("http://127.0.0.1@db.example.com", false),
        ("http://db.example.com/127.0.0.1:8000", false),
        ("http://db.example.com", false),
        ("http://10.0.0.1:8000", false),
        ("https://db.example.com", true),
    ] {
        let endpoint = format!("us-east-1={host}").parse().unwrap();
        let opened = MREC.real(&[endpoint], &Options::default()).await;
        assert_eq!(opened.is_ok(), taken, "{host}");
    }
}

#[test]
fn a_url_names_a_host_and_a_port() {
    for (url, named) in [
        ("https://h", Some(("h", 443))),
        ("http://h", Some(("h", 80))),
        ("h:8000", Some(("h", 8000))),
        ("https://[2001:db8::1]", Some(("2001:db8::1", 443))),
        (
            "https://[2001:db8::1]:8000/path:9",
            Some(("2001:db8::1", 8000)),
        ),
        ("http://h:8000?x:9", Some(("h", 8000))),
        ("https://h:port", None),
        ("https://h:99999", None),
    ] {
        assert_eq!(authority(url), named, "{url}");
    }
}

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
