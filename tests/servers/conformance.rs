//! What the backend does on any server that speaks DynamoDB's protocol, in one region.

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use libtest_mimic::Failed;
use witness::backends::{self, DynamoOptions, Options, Reads, Writes};
use witness_workloads::seats::{LEDGER, SEATS};
use witness_workloads::{Connection, Database, Expectation, Fault, Row};

use super::peer::{Check, Kind, RUNTIME};

type Differs = &'static [(Kind, &'static str)];

const NO_TRANSACTIONS: Differs = &[(Kind::Dynalite, "has no transactions")];
/// moto serves requests in threads.
const NO_LOCK: Differs = &[(Kind::Moto, "no lock between a condition and its write")];

/// Every check, and which servers are known to do otherwise.
pub const ALL: &[(&str, Check, Differs)] = &[
    ("rows_are_written_and_read", rows_are_written_and_read, &[]),
    ("a_condition_is_met_or_not", a_condition_is_met_or_not, &[]),
    ("a_scan_goes_on_to_the_end", a_scan_goes_on_to_the_end, &[]),
    ("tables_are_emptied", tables_are_emptied, &[]),
    (
        "conditional_writes_conflict",
        conditional_writes_conflict,
        &[],
    ),
    (
        "a_missing_table_is_definite",
        a_missing_table_is_definite,
        &[],
    ),
    (
        "transactions_are_all_or_nothing",
        transactions_are_all_or_nothing,
        NO_TRANSACTIONS,
    ),
    (
        "reads_are_checked_with_the_writes",
        reads_are_checked_with_the_writes,
        NO_TRANSACTIONS,
    ),
    (
        "a_sale_to_one_client_at_a_time_is_valid",
        a_sale_to_one_client_at_a_time_is_valid,
        &[],
    ),
    ("a_sale_is_valid", a_sale_is_valid, NO_LOCK),
    (
        "registers_are_linearizable",
        registers_are_linearizable,
        NO_LOCK,
    ),
    (
        "transactions_are_serializable",
        transactions_are_serializable,
        &[
            (
                Kind::Moto,
                "a canceled transaction undoes what others wrote meanwhile",
            ),
            (Kind::Dynalite, "has no transactions"),
        ],
    ),
    (
        "a_token_is_of_one_transaction",
        a_token_is_of_one_transaction,
        &[
            (Kind::Moto, "takes a token again with another body"),
            (Kind::Dynalite, "has no transactions"),
        ],
    ),
];

fn open(url: &str, dynamodb: DynamoOptions) -> Result<Arc<dyn Database>, Failed> {
    let options = Options {
        endpoints: vec![format!("us-east-1={url}").parse()?],
        timeout: Duration::from_secs(300),
        dynamodb,
        ..Options::default()
    };
    let opened = RUNTIME.block_on(backends::find("dynamodb")?.open(&options))?;
    assert_eq!(opened.about.provenance, "loopback");
    RUNTIME.block_on(opened.database.create(&[LEDGER, SEATS]))?;
    Ok(opened.database)
}

async fn client(database: &Arc<dyn Database>) -> Result<Box<dyn Connection>, Failed> {
    let mut db = database.connect("us-east-1").await?;
    db.begin().await?;
    Ok(db)
}

fn seat(key: &str, status: &str) -> Row {
    Row::from([("key".into(), key.into()), ("status".into(), status.into())])
}

fn sale(id: &str) -> Row {
    Row::from([("sale_id".into(), id.into()), ("key".into(), "A1".into())])
}

fn rows_are_written_and_read(url: &str) -> Result<(), Failed> {
    for reads in [Reads::Consistent, Reads::Eventual] {
        let options = DynamoOptions {
            reads,
            ..DynamoOptions::default()
        };
        let database = open(url, options)?;
        RUNTIME.block_on(async {
            let mut db = client(&database).await?;
            assert_eq!(db.read(&SEATS, "A1").await?, None);
            for status in ["available", "sold"] {
                db.write(&SEATS, &seat("A1", status)).await?;
                assert_eq!(db.read(&SEATS, "A1").await?, Some(seat("A1", status)));
            }
            db.append(&LEDGER, &sale("s1")).await?;
            db.commit().await?;
            let mut other = client(&database).await?;
            assert_eq!(other.read(&LEDGER, "s1").await?, Some(sale("s1")));
            assert_eq!(other.read_for_update(&LEDGER, "s2").await?, None);
            Ok::<_, Failed>(())
        })?;
    }
    Ok(())
}

fn a_condition_is_met_or_not(url: &str) -> Result<(), Failed> {
    let database = open(url, DynamoOptions::default())?;
    RUNTIME.block_on(async {
        let mut db = client(&database).await?;
        let available = || Expectation {
            column: "status",
            value: "available",
        };
        let sold = seat("A1", "sold");
        assert!(
            !db.write_if(&SEATS, &sold, available()).await?,
            "it is not there"
        );
        db.write(&SEATS, &seat("A1", "available")).await?;
        assert!(db.write_if(&SEATS, &sold, available()).await?);
        assert!(
            !db.write_if(&SEATS, &sold, available()).await?,
            "it is sold"
        );
        assert_eq!(db.read(&SEATS, "A1").await?, Some(sold));
        Ok(())
    })
}

/// A page holds a megabyte.
fn a_scan_goes_on_to_the_end(url: &str) -> Result<(), Failed> {
    let database = open(url, DynamoOptions::default())?;
    RUNTIME.block_on(async {
        let mut db = client(&database).await?;
        for n in 0..8 {
            let mut row = sale(&format!("s{n}"));
            row.insert("buyer".into(), "b".repeat(300_000));
            db.append(&LEDGER, &row).await?;
        }
        let (mut found, mut pages, mut from) = (Vec::new(), 0, None);
        loop {
            let page = db.scan(&LEDGER, from.as_deref()).await?;
            found.extend(page.rows.iter().map(|row| row["sale_id"].clone()));
            pages += 1;
            from = page.next;
            if from.is_none() {
                break;
            }
        }
        found.sort();
        let all: Vec<_> = (0..8).map(|n| format!("s{n}")).collect();
        assert_eq!(found, all);
        assert!(pages > 1, "{pages} page");
        Ok(())
    })
}

fn tables_are_emptied(url: &str) -> Result<(), Failed> {
    let database = open(url, DynamoOptions::default())?;
    RUNTIME.block_on(async {
        let mut db = client(&database).await?;
        for n in 0..30 {
            db.append(&LEDGER, &sale(&format!("s{n}"))).await?;
        }
        database.create(&[LEDGER, SEATS]).await?;
        assert!(db.scan(&LEDGER, None).await?.rows.is_empty());
        Ok(())
    })
}

const CONDITIONAL: DynamoOptions = DynamoOptions {
    reads: Reads::Consistent,
    writes: Writes::Conditional,
    transactions: false,
    client_tokens: false,
};

const TRANSACTIONS: DynamoOptions = DynamoOptions {
    transactions: true,
    client_tokens: true,
    ..CONDITIONAL
};

fn conditional_writes_conflict(url: &str) -> Result<(), Failed> {
    let database = open(url, CONDITIONAL)?;
    RUNTIME.block_on(async {
        let (mut a, mut b) = (client(&database).await?, client(&database).await?);
        for db in [&mut a, &mut b] {
            assert_eq!(db.read(&SEATS, "A1").await?, None);
        }
        a.write(&SEATS, &seat("A1", "a")).await?;
        let error = b
            .write(&SEATS, &seat("A1", "b"))
            .await
            .expect_err("it is there now");
        assert_eq!(
            (error.fault, error.class.as_str()),
            (Fault::Conflict, "ConditionalCheckFailedException")
        );
        a.append(&LEDGER, &sale("s1")).await?;
        b.begin().await?;
        let error = b
            .append(&LEDGER, &sale("s1"))
            .await
            .expect_err("it is there");
        assert_eq!(error.fault, Fault::Definite, "{error}");
        Ok(())
    })
}

fn a_missing_table_is_definite(url: &str) -> Result<(), Failed> {
    let database = open(url, DynamoOptions::default())?;
    let missing = witness_workloads::Table {
        name: "missing",
        ..SEATS
    };
    RUNTIME.block_on(async {
        let mut db = client(&database).await?;
        let error = db.read(&missing, "A1").await.expect_err("no table");
        assert_eq!(
            (error.fault, error.class.as_str()),
            (Fault::Definite, "ResourceNotFoundException"),
            "{error}"
        );
        Ok(())
    })
}

fn transactions_are_all_or_nothing(url: &str) -> Result<(), Failed> {
    let database = open(url, TRANSACTIONS)?;
    RUNTIME.block_on(async {
        let mut db = client(&database).await?;
        db.append(&LEDGER, &sale("s1")).await?;
        db.write(&SEATS, &seat("A1", "sold")).await?;
        let mut other = client(&database).await?;
        assert_eq!(other.read(&SEATS, "A1").await?, None, "not before the end");
        db.commit().await?;
        other.begin().await?;
        assert_eq!(other.read(&SEATS, "A1").await?, Some(seat("A1", "sold")));

        db.begin().await?;
        db.append(&LEDGER, &sale("s1")).await?;
        db.write(&SEATS, &seat("A2", "sold")).await?;
        let error = db.commit().await.expect_err("the sale is there");
        assert_eq!(
            (error.fault, error.class.as_str()),
            (Fault::Definite, "TransactionCanceledException"),
            "{error}"
        );
        assert!(
            error.message.contains("ConditionalCheckFailed of action 1"),
            "{error}"
        );
        other.begin().await?;
        assert_eq!(other.read(&SEATS, "A2").await?, None, "nothing of it");
        Ok(())
    })
}

fn reads_are_checked_with_the_writes(url: &str) -> Result<(), Failed> {
    let database = open(url, TRANSACTIONS)?;
    RUNTIME.block_on(async {
        let mut clients = [client(&database).await?, client(&database).await?];
        for (db, mine) in clients.iter_mut().zip(["A1", "A2"]) {
            for key in ["A1", "A2"] {
                db.read(&SEATS, key).await?;
            }
            db.write(&SEATS, &seat(mine, "sold")).await?;
        }
        clients[0].commit().await?;
        let error = clients[1]
            .commit()
            .await
            .expect_err("it read what is no longer so");
        assert_eq!(error.fault, Fault::Conflict, "{error}");
        Ok(())
    })
}

/// A whole run, decided from what the server committed.
fn run(url: &str, arguments: &[&str]) -> Result<(), Failed> {
    let store = tempfile::tempdir()?;
    let mut witness = Command::new(env!("CARGO_BIN_EXE_witness"));
    witness
        .arg("run")
        .args(arguments)
        .args(["--backend", "dynamodb", "--endpoint"])
        .arg(format!("us-east-1={url}"))
        .current_dir(store.path())
        .stdin(Stdio::null());
    let said = witness.output()?;
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    let (stdout, stderr) = (text(&said.stdout), text(&said.stderr));
    assert_eq!(said.status.code(), Some(0), "{stdout}{stderr}");
    assert!(stdout.contains("· loopback · us-east-1\n"), "{stdout}");
    Ok(())
}

fn a_sale_to_one_client_at_a_time_is_valid(url: &str) -> Result<(), Failed> {
    run(url, &["seats", "--app", "naive", "--bursts", "1,1,1"])
}

fn a_sale_is_valid(url: &str) -> Result<(), Failed> {
    run(url, &["seats", "--app", "conditional", "--bursts", "4,12"])
}

fn registers_are_linearizable(url: &str) -> Result<(), Failed> {
    run(
        url,
        &[
            "register",
            "--app",
            "cas",
            "--bursts",
            "6",
            "--requests",
            "12",
        ],
    )
}

fn transactions_are_serializable(url: &str) -> Result<(), Failed> {
    let options = [
        "--transactions",
        "--writes",
        "conditional",
        "--level",
        "serializable",
    ];
    let mut arguments = vec!["write-skew", "--bursts", "6", "--requests", "8"];
    arguments.extend(options);
    run(url, &arguments)
}

/// The same token with another body is refused, and with the same body done once.
fn a_token_is_of_one_transaction(url: &str) -> Result<(), Failed> {
    use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem};

    open(url, DynamoOptions::default())?;
    let client = super::control::dynamodb(url, "us-east-1");
    let put = |id: &str| {
        let put = Put::builder()
            .table_name("witness_ledger")
            .item("sale_id", AttributeValue::S(id.to_owned()))
            .condition_expression("attribute_not_exists(sale_id)")
            .build();
        put.map(|put| TransactWriteItem::builder().put(put).build())
    };
    RUNTIME.block_on(async {
        let send = async |id: &str| {
            let request = client.transact_write_items().client_request_token("one");
            let sent = request.transact_items(put(id)?).send().await;
            Ok::<_, Failed>(sent.map_err(|e| e.into_service_error()))
        };
        assert!(send("s1").await?.is_ok());
        assert!(send("s1").await?.is_ok(), "done once");
        let error = send("s2").await?.expect_err("another body");
        assert!(
            error.is_idempotent_parameter_mismatch_exception(),
            "{error:?}"
        );
        Ok(())
    })
}
