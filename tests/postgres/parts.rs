//! Two buyers of one seat, each of a part of its own, a process each: both have read the seat
//! before either writes it, since the server holds whoever writes until both do. READ
//! COMMITTED then sells it twice, to one of each part; REPEATABLE READ to one.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use libtest_mimic::{Failed, Trial};
use serde_json::Value;
use tokio_postgres::{Client, NoTls};
use witness::backends::Isolation::{self, ReadCommitted, RepeatableRead, Serializable};

use crate::{shared, trial};

/// What takes longer than this is not going to happen.
const PATIENCE: Duration = Duration::from_secs(60);

/// A buyer who sells goes on when two have come as far. A sequence counts at once, whatever
/// becomes of the transaction.
const GATE: &str = "
    CREATE SEQUENCE arrived;
    CREATE FUNCTION gate() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NEW.status = 'sold' THEN
            PERFORM nextval('arrived');
            FOR n IN 1..5000 LOOP
                EXIT WHEN (SELECT last_value FROM arrived) >= 2;
                PERFORM pg_sleep(0.01);
            END LOOP;
        END IF;
        RETURN NEW;
    END $$;
    CREATE TRIGGER gate BEFORE INSERT ON witness_seats FOR EACH ROW EXECUTE FUNCTION gate();";

pub fn trials() -> Vec<Trial> {
    let sale = |isolation: Isolation, sold| {
        trial(&format!("parts::seats::{isolation}"), move || async move {
            sells(isolation, sold).await
        })
    };
    vec![
        sale(ReadCommitted, 2),
        sale(RepeatableRead, 1),
        trial("parts::list-append::serializable", || async {
            appends().await
        }),
    ]
}

fn witness(dir: &Path, arguments: &[&str]) -> Command {
    let mut witness = Command::new(env!("CARGO_BIN_EXE_witness"));
    witness.args(arguments).current_dir(dir);
    witness
        .env_remove("WITNESS_SEED")
        .env_remove("WITNESS_STORE");
    witness.stdout(Stdio::piped()).stderr(Stdio::piped());
    witness
}

fn starts(dir: &Path, part: &str, url: &str, arguments: &[&str]) -> Result<Child, Failed> {
    let mut run = witness(dir, &["run", "--backend", "postgres", "--part", part]);
    for region in ["us-east-1", "us-east-2"] {
        run.args(["--url", &format!("{region}={url}")]);
    }
    run.args([
        "--store",
        &part[..1],
        "--recorder",
        &format!("part-{}", &part[..1]),
    ]);
    run.args([
        "--clock-uncertainty",
        "100us",
        "--seed",
        "7",
        "--timeout",
        "60s",
    ]);
    Ok(run.args(arguments).spawn()?)
}

fn over(child: Child, code: i32) -> Result<String, Failed> {
    let output = child.wait_with_output()?;
    let (out, error) = (
        String::from_utf8(output.stdout)?,
        String::from_utf8(output.stderr)?,
    );
    if output.status.code() != Some(code) {
        return Err(format!("{:?}, not {code}: {out}{error}", output.status).into());
    }
    Ok(out)
}

/// Both parts are over; neither decided anything, and they are merged.
fn merged(dir: &Path, parts: [Child; 2]) -> Result<(), Failed> {
    for part in parts {
        let out = over(part, 2)?;
        assert!(out.contains("of 2 of a run"), "{out}");
    }
    for part in ["1/latest", "2/latest"] {
        let out = over(witness(dir, &["check", part]).spawn()?, 2)?;
        assert!(out.contains("nothing is decided"), "{out}");
    }
    let merge = ["merge", "1/latest", "2/latest", "-o", "whole.jsonl"];
    over(witness(dir, &merge).spawn()?, 0)?;
    Ok(())
}

/// Waits for the first part to open the run and make its tables, and puts the gate before the
/// seats.
async fn gate(client: &Client) -> Result<(), Failed> {
    let began = Instant::now();
    // No table is made before the run is open.
    let made = "SELECT 1 FROM witness_parts WHERE id = 'run' \
                AND to_regclass('witness_seats') IS NOT NULL";
    while !client
        .query(made, &[])
        .await
        .is_ok_and(|rows| !rows.is_empty())
    {
        assert!(began.elapsed() < PATIENCE, "part 1 opens no run");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(client.batch_execute(GATE).await?)
}

async fn sells(isolation: Isolation, sold: usize) -> Result<(), Failed> {
    let url = shared::database().await?;
    let (client, connection) = tokio_postgres::connect(&url, NoTls).await?;
    tokio::spawn(connection);
    let dir = tempfile::tempdir()?;
    let name = isolation.name();
    let sale = ["seats", "--bursts", "2", "--isolation", name];
    let first = starts(dir.path(), "1/2", &url, &sale)?;
    gate(&client).await?;
    let second = starts(dir.path(), "2/2", &url, &sale)?;
    merged(dir.path(), [first, second])?;

    let check = ["check", "--format", "json", "whole.jsonl", "--checker"];
    let check = [&check[..], &["at-most-one-acquisition"]].concat();
    let out = over(witness(dir.path(), &check).spawn()?, i32::from(sold > 1))?;
    let verdicts: Value = serde_json::from_str(&out)?;
    let verdict = &verdicts["verdicts"][0];
    assert_eq!(verdict["valid"], sold == 1, "{out}");
    let history = std::fs::read_to_string(dir.path().join("whole.jsonl"))?;
    let events: Vec<Value> = history
        .lines()
        .map(serde_json::from_str)
        .collect::<Result<_, _>>()?;
    let told = |e: &&Value| e["f"] == "acquire" && e["type"] == "ok";
    assert_eq!(events.iter().filter(told).count(), sold, "{history}");
    if sold > 1 {
        let shown = verdict["anomalies"][0]["operations"]
            .as_array()
            .ok_or("no operations")?;
        let by = |index: &Value| events[index.as_u64().unwrap_or(0) as usize]["recorder"].clone();
        let mut by: Vec<_> = shown.iter().map(by).collect();
        by.sort_by_key(Value::to_string);
        assert_eq!(by, ["part-1", "part-2"], "one of each part: {out}");
    }
    Ok(())
}

async fn appends() -> Result<(), Failed> {
    let url = shared::database().await?;
    let dir = tempfile::tempdir()?;
    let name = Serializable.name();
    let run = [
        "list-append",
        "--isolation",
        name,
        "--bursts",
        "6,4",
        "--requests",
        "8",
    ];
    let parts = ["1/2", "2/2"].map(|part| starts(dir.path(), part, &url, &run));
    let [first, second] = parts;
    merged(dir.path(), [first?, second?])?;
    for level in ["serializable", "snapshot-isolation"] {
        let check = ["check", "whole.jsonl", "--level", level];
        over(witness(dir.path(), &check).spawn()?, 0)?;
    }
    // Each part's last look shows what the other appended. Taken for a whole history it is
    // violated, although nothing is wrong: so nothing is decided of it.
    for part in ["1", "2"] {
        let history = std::fs::read_to_string(dir.path().join(part).join("latest/history.jsonl"))?;
        let alone = history.replace("\"phase\":\"part\"", "\"phase\":\"apart\"");
        assert_ne!(history, alone, "it says that it is a part");
        std::fs::write(dir.path().join("alone.jsonl"), alone)?;
        let check = ["check", "alone.jsonl", "--level", "read-uncommitted"];
        let out = over(witness(dir.path(), &check).spawn()?, 1)?;
        assert!(out.contains("garbage-read"), "{out}");
    }
    Ok(())
}
