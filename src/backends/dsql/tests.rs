//! Connections to the embedded cluster: let in, renewed, given back.

use witness_regions::dsql::{Cluster, Fault as Injected, FaultAction, FaultPoint};
use witness_workloads::Row;
use witness_workloads::seats::SEATS;

use super::*;
use crate::doctor::State;

async fn open(options: &Options) -> (DsqlDatabase, Cluster) {
    DsqlDatabase::embedded(options).await.unwrap()
}

/// The next connections are refused so.
fn refuse(cluster: &Cluster, code: &str, message: &str, times: u32) {
    let action = FaultAction::Error {
        code: code.into(),
        message: message.into(),
    };
    let mut fault = Injected::once(FaultPoint::Connect, action);
    fault.times = times;
    cluster.inject(fault);
}

const NOW_NOT: &str = "unable to accept connection, as asked for";

fn seat() -> Row {
    Row::from([("key".into(), "A1".into())])
}

/// A connection to the first region.
async fn connect(database: &DsqlDatabase) -> Result<PooledConnection, DbError> {
    database.connection(&database.regions[0]).await
}

/// The secret of keys that the cluster does not know.
const SECRET: &str = "c2VjcmV0IG9mIGEgdGVzdA";

/// The cluster's authority is trusted, and its keys are not used.
async fn with_other_keys(database: &mut DsqlDatabase, cluster: &Cluster) {
    let mut keys = cluster.credentials().clone();
    keys.secret_access_key = SECRET.into();
    let aws = aws::embedded("us-east-1", &keys).await;
    let mut roots = rustls::RootCertStore::empty();
    let pem = CertificateDer::from_pem_slice(cluster.ca_pem().as_bytes()).unwrap();
    roots.add(pem).unwrap();
    let options = Options::default();
    let connector = Connector::new(aws, roots, options.dsql, options.timeout);
    database.pool = Arc::new(Pool::new(connector));
}

/// What was missing in the regions, and all that was said.
async fn missing(database: &DsqlDatabase) -> (Vec<&'static str>, String) {
    let mut checks = Checks::default();
    database.examine(None, &mut checks).await;
    let missing = checks.all().iter().filter(|c| c.state == State::Missing);
    let names = missing.map(|check| {
        assert!(check.fix.is_some(), "{check:?}");
        check.name
    });
    (names.collect(), format!("{checks:?}"))
}

#[tokio::test]
async fn the_embedded_cluster_has_all_that_a_run_needs() {
    let (database, _cluster) = open(&Options::default()).await;
    let mut checks = Checks::default();
    database.examine(None, &mut checks).await;
    for region in &database.regions {
        for name in ["reached", "TLS", "role", "round trip", "clock"] {
            let mut all = checks.all().iter();
            let check = all.find(|c| c.place == *region && c.name == name);
            assert_eq!(check.unwrap().state, State::Ok, "{check:?}");
        }
    }
    assert_eq!(checks.count(State::Missing), 0, "{checks:?}");
    assert!(!format!("{checks:?}").contains("X-Amz"), "no token");
}

#[tokio::test]
async fn wrong_keys_are_found_out_and_not_shown() {
    let (mut database, cluster) = open(&Options::default()).await;
    with_other_keys(&mut database, &cluster).await;
    let (names, said) = missing(&database).await;
    assert_eq!(names, ["role", "role"]);
    assert!(said.contains("dsql:DbConnectAdmin"), "{said}");
    let id = cluster.credentials().access_key_id.as_str();
    for secret in [SECRET, "X-Amz", id] {
        assert!(!said.contains(secret), "{said}");
    }
}

#[tokio::test]
async fn a_cluster_that_nobody_answers_for_is_missing() {
    let (mut database, cluster) = open(&Options::default()).await;
    drop(cluster);
    // Nobody listens on a port that is held so, and nobody else is given it.
    let mut held = Vec::new();
    for node in &mut database.nodes {
        let closed = tokio::net::TcpSocket::new_v4().unwrap();
        closed.bind(([127, 0, 0, 1], 0).into()).unwrap();
        node.port = closed.local_addr().unwrap().port();
        held.push(closed);
    }
    let (names, said) = missing(&database).await;
    assert_eq!(names, ["reached", "reached"], "{said}");
}

#[tokio::test]
async fn a_certificate_of_an_unknown_authority_is_missing() {
    let (mut database, _cluster) = open(&Options::default()).await;
    let (_, other) = open(&Options::default()).await;
    with_other_keys(&mut database, &other).await;
    let (names, said) = missing(&database).await;
    assert_eq!(names, ["TLS", "TLS"], "{said}");
}

#[tokio::test]
async fn a_rejected_token_is_named_and_not_shown() {
    let (mut database, cluster) = open(&Options::default()).await;
    with_other_keys(&mut database, &cluster).await;
    let error = connect(&database).await.err().unwrap();
    assert_eq!(error.fault, Fault::Definite);
    assert!(error.message.contains("the token was rejected"), "{error}");
    assert!(!error.message.contains("X-Amz"), "{error}");
}

/// The stand-in lets a role in only with a token for `DbConnect`, and the administrator
/// only with one for `DbConnectAdmin`.
#[tokio::test]
async fn each_role_has_its_own_kind_of_token() {
    for user in ["admin", "buyer"] {
        let options = Options {
            dsql: DsqlOptions {
                user: user.into(),
                ..DsqlOptions::default()
            },
            ..Options::default()
        };
        let (database, _cluster) = open(&options).await;
        let mut db = connect(&database)
            .await
            .unwrap_or_else(|e| panic!("{user}: {e}"));
        db.begin().await.unwrap();
    }
}

#[tokio::test]
async fn options_out_of_range_are_wrong() {
    let week = DsqlOptions::TOKEN_EXPIRY_MAX;
    let second = Duration::from_secs(1);
    for (user, token_expiry, ok) in [
        ("admin", second, true),
        ("admin", week, true),
        ("admin", week + second, false),
        ("admin", Duration::ZERO, false),
        ("", second, false),
    ] {
        let options = DsqlOptions {
            user: user.into(),
            token_expiry,
        };
        assert_eq!(check(&options).is_ok(), ok, "{options:?}");
    }
}

/// A service that has no room says so in several ways; the next try may be let in.
#[tokio::test]
async fn a_connection_that_found_no_room_is_tried_again() {
    let (database, cluster) = open(&Options::default()).await;
    for (code, message) in [
        ("53300", "too many connections"),
        ("53400", "connection rate exceeded"),
        ("08006", NOW_NOT),
    ] {
        refuse(&cluster, code, message, 2);
        assert!(connect(&database).await.is_ok(), "{code}");
        assert_eq!(cluster.faults_left(), 0, "{code}");
        // What was given back must not answer the next case.
        database.pool.forget_idle();
    }
    // Who is not to be let in at all is not helped by trying.
    for code in ["28000", "3D000"] {
        let message = if code == "28000" {
            NOW_NOT
        } else {
            "no such database"
        };
        refuse(&cluster, code, message, 1);
        let error = connect(&database).await.err().unwrap();
        assert_eq!(
            (error.fault, error.class.as_str()),
            (Fault::Definite, "connect")
        );
    }
}

/// A database with seats, whose connections are always too old to be kept.
async fn open_renewing() -> (DsqlDatabase, Cluster) {
    let (mut database, cluster) = open(&Options::default()).await;
    database.create(&[SEATS]).await.unwrap();
    let pool = Arc::into_inner(database.pool).unwrap();
    database.pool = Arc::new(pool.renewed_after(Duration::ZERO));
    (database, cluster)
}

#[tokio::test]
async fn connections_are_renewed_between_transactions_only() {
    let (database, cluster) = open_renewing().await;
    let mut db = connect(&database).await.unwrap();
    db.begin().await.unwrap();
    // Were one made now, it would fail.
    refuse(&cluster, "28000", NOW_NOT, 1);
    db.write(&SEATS, &seat()).await.unwrap();
    db.commit().await.unwrap();
    assert_eq!(
        cluster.faults_left(),
        1,
        "the transaction kept its connection"
    );
    let error = db.begin().await.unwrap_err();
    assert_eq!(
        (error.fault, error.class.as_str()),
        (Fault::Definite, "connect")
    );
    assert_eq!(
        cluster.faults_left(),
        0,
        "the next one had a new connection made"
    );
    db.begin().await.unwrap();
    assert_eq!(db.read(&SEATS, "A1").await.unwrap(), Some(seat()));
    db.commit().await.unwrap();
}

/// Whoever begins what is begun already has a transaction open: it stays where it is.
#[tokio::test]
async fn an_open_transaction_is_left_behind_by_no_begin() {
    let (database, cluster) = open_renewing().await;
    let mut db = connect(&database).await.unwrap();
    db.begin().await.unwrap();
    db.write(&SEATS, &seat()).await.unwrap();
    // Were a connection made now, it would fail.
    refuse(&cluster, "28000", NOW_NOT, 1);
    let _ = db.begin().await;
    assert_eq!(cluster.faults_left(), 1, "the same connection");
    let _ = db.begin_read_only().await;
    assert_eq!(cluster.faults_left(), 1, "the same connection");
}

/// Where there is no room for longer than that, nobody waits on.
#[tokio::test]
async fn room_is_not_waited_for_for_ever() {
    let (mut database, cluster) = open(&Options::default()).await;
    let aws = database.pool.connector().aws().clone();
    let roots = rustls::RootCertStore::clone(database.pool.connector().roots());
    let options = Options::default();
    let connector = Connector::new(aws, roots, options.dsql, options.timeout);
    database.pool = Arc::new(Pool::new(connector.waiting(Duration::ZERO)));
    refuse(&cluster, "53300", "too many connections", 5);
    let error = connect(&database).await.err().unwrap();
    assert_eq!(
        (error.fault, error.class.as_str()),
        (Fault::Definite, "connect")
    );
    assert_eq!(cluster.faults_left(), 4, "one try");
}

#[tokio::test]
async fn a_young_connection_is_kept() {
    let (database, cluster) = open(&Options::default()).await;
    let mut db = connect(&database).await.unwrap();
    refuse(&cluster, "28000", NOW_NOT, 1);
    for _ in 0..3 {
        db.begin().await.unwrap();
        db.commit().await.unwrap();
    }
    assert_eq!(cluster.faults_left(), 1);
}

#[tokio::test]
async fn a_sound_connection_is_given_back_and_no_other() {
    let (database, cluster) = open(&Options::default()).await;
    database.create(&[SEATS]).await.unwrap();
    database.pool.forget_idle();
    let mut done = connect(&database).await.unwrap();
    done.begin().await.unwrap();
    done.commit().await.unwrap();
    drop(done);
    refuse(&cluster, "28000", NOW_NOT, 1);
    let mut again = connect(&database).await.unwrap();
    assert_eq!(cluster.faults_left(), 1, "the same connection");
    let other = database.connection(&database.regions[1]).await;
    assert!(other.is_err(), "of another region");

    again.begin().await.unwrap();
    again.write(&SEATS, &seat()).await.unwrap();
    drop(again);
    refuse(&cluster, "28000", NOW_NOT, 1);
    assert!(
        connect(&database).await.is_err(),
        "an open transaction is not handed on"
    );

    let mut failed = connect(&database).await.unwrap();
    failed.begin().await.unwrap();
    let fault = Injected::once(FaultPoint::Commit, FaultAction::DropAfter);
    cluster.inject(fault);
    failed.commit().await.unwrap_err();
    failed.rollback().await;
    drop(failed);
    refuse(&cluster, "28000", NOW_NOT, 1);
    assert!(connect(&database).await.is_err(), "nor one that broke");
}

/// A server that does not take TLS first drops the connection.
#[tokio::test]
async fn tls_is_asked_for_where_it_may_not_come_first() {
    let (database, cluster) = open(&Options::default()).await;
    let mut never = Injected::once(FaultPoint::Connect, FaultAction::DropBefore);
    never.times = 2;
    cluster.inject(never.containing("direct"));
    let _first = connect(&database).await.unwrap();
    assert_eq!(cluster.faults_left(), 1);
    let _second = connect(&database).await.unwrap();
    assert_eq!(cluster.faults_left(), 1, "it is not tried again");
}

/// The service lets 100 a second in once a burst is over: with fifty waiting, the next one
/// waits half a second before it connects.
#[tokio::test]
async fn new_connections_keep_to_the_rate() {
    let (database, _cluster) = open(&Options::default()).await;
    database.pool.connector().after_a_burst();
    let began = std::time::Instant::now();
    connect(&database).await.unwrap();
    assert!(
        began.elapsed() >= Duration::from_millis(500),
        "{:?}",
        began.elapsed()
    );
}
