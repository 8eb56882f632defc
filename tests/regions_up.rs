//! `witness regions up` as other programs use it: psql, and a second `witness`
//! that takes the regions for real ones. What psql needs is ignored, by name,
//! where psql is not installed.

mod up;

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use libtest_mimic::{Arguments, Failed, Trial};

use up::{Regions, witness};

fn main() {
    let (psql, pgbench) = (program("psql"), program("pgbench"));
    let no_psql = psql.is_none();
    let no_pgbench = no_psql || pgbench.is_none();
    let psql = psql.unwrap_or_default();
    let (same, pgbench) = (psql.clone(), pgbench.unwrap_or_default());
    let mut trials = vec![
        Trial::test("psql_sells_a_seat_by_hand", move || {
            psql_sells_a_seat_by_hand(&psql)
        })
        .with_kind(if no_psql { "psql is not installed" } else { "" })
        .with_ignored_flag(no_psql),
        Trial::test("pgbench_loses_no_update", move || {
            pgbench_loses_no_update(&same, &pgbench)
        })
        .with_kind(if no_pgbench {
            "pgbench is not installed"
        } else {
            ""
        })
        .with_ignored_flag(no_pgbench),
        Trial::test("a_port_in_use_is_named", a_port_in_use_is_named),
    ];
    if cfg!(feature = "aws") {
        trials.extend([
            Trial::test("another_witness_runs_on_them", another_witness_runs_on_them),
            Trial::test(
                "a_token_of_other_keys_is_refused",
                a_token_of_other_keys_is_refused,
            ),
            Trial::test(
                "an_unknown_authority_is_refused",
                an_unknown_authority_is_refused,
            ),
        ]);
    }
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}

/// Where a program is, if it is installed.
fn program(name: &str) -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())
        .map(|dir| dir.join(name))
        .find(|path| path.is_file())
}

fn ok(command: &mut Command) -> Result<String, Failed> {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output()?;
    let (stdout, stderr) = (String::from_utf8(stdout)?, String::from_utf8(stderr)?);
    if !status.success() {
        return Err(format!("{command:?}: {status}\n{stdout}{stderr}").into());
    }
    Ok(stdout)
}

fn psql_sells_a_seat_by_hand(psql: &PathBuf) -> Result<(), Failed> {
    let regions = Regions::up(&[]);
    let ask = |region: usize, sql: &str| {
        let mut psql = Command::new(psql);
        psql.envs(&regions.blocks[region]).args([
            "-X",
            "-A",
            "-t",
            "-v",
            "ON_ERROR_STOP=1",
            "-c",
            sql,
        ]);
        ok(&mut psql)
    };
    ask(
        0,
        "CREATE TABLE seats (key TEXT PRIMARY KEY, status TEXT, owner TEXT)",
    )?;
    ask(
        0,
        "CREATE TABLE op_log (sale_id TEXT PRIMARY KEY, key TEXT, buyer TEXT)",
    )?;
    ask(0, "INSERT INTO seats VALUES ('A1', 'available', NULL)")?;
    assert_eq!(
        ask(1, "SELECT status FROM seats WHERE key = 'A1'")?,
        "available\n"
    );

    let mut sale = Command::new(psql);
    sale.envs(&regions.blocks[1])
        .args(["-X", "-A", "-t", "-v", "ON_ERROR_STOP=1"]);
    for sql in [
        "BEGIN",
        "SELECT status FROM seats WHERE key = 'A1' FOR UPDATE",
        "UPDATE seats SET status = 'sold', owner = 'b1' WHERE key = 'A1'",
        "INSERT INTO op_log VALUES ('s1', 'A1', 'b1')",
        "COMMIT",
    ] {
        sale.args(["-c", sql]);
    }
    assert_eq!(
        ok(&mut sale)?,
        "BEGIN\navailable\nUPDATE 1\nINSERT 0 1\nCOMMIT\n"
    );
    assert_eq!(
        ask(0, "SELECT key, owner FROM seats WHERE status = 'sold'")?,
        "A1|b1\n"
    );
    assert_eq!(
        ask(0, "SELECT buyer, count(*) FROM op_log GROUP BY buyer")?,
        "b1|1\n"
    );

    let serializable = ask(0, "BEGIN ISOLATION LEVEL SERIALIZABLE").expect_err("refused");
    assert!(
        serializable
            .message()
            .unwrap_or_default()
            .contains("ERROR:"),
        "{serializable:?}"
    );
    Ok(())
}

/// Counters that pgbench's clients in both regions count up at the same time, each try
/// again after a conflict: every one of them is counted.
fn pgbench_loses_no_update(psql: &PathBuf, pgbench: &PathBuf) -> Result<(), Failed> {
    let regions = Regions::up(&["--inter-region-rtt", "2ms"]);
    let ask = |region: usize, sql: &str| {
        let mut psql = Command::new(psql);
        psql.envs(&regions.blocks[region]);
        psql.args(["-X", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", sql]);
        ok(&mut psql)
    };
    ask(0, "CREATE TABLE counters (id INT PRIMARY KEY, n INT)")?;
    ask(0, "INSERT INTO counters VALUES (1, 0), (2, 0), (3, 0)")?;
    let script = tempfile::NamedTempFile::new()?;
    std::fs::write(
        script.path(),
        "\\set id random(1, 3)\n\
         BEGIN;\n\
         SELECT n FROM counters WHERE id = :id;\n\
         UPDATE counters SET n = n + 1 WHERE id = :id;\n\
         END;\n",
    )?;
    let (clients, transactions) = (3, 15);
    let mut total = 0;
    for protocol in ["simple", "extended", "prepared"] {
        let mut running = Vec::new();
        for block in &regions.blocks[..2] {
            let mut bench = Command::new(pgbench);
            bench.envs(block).args(["--no-vacuum", "--max-tries=1000"]);
            bench.args(["--client", &clients.to_string()]);
            bench.args(["--transactions", &transactions.to_string()]);
            bench
                .args(["--protocol", protocol, "--file"])
                .arg(script.path());
            bench.stdout(Stdio::piped()).stderr(Stdio::piped());
            running.push(bench.spawn()?);
        }
        for bench in running {
            let said = bench.wait_with_output()?;
            let text = String::from_utf8_lossy(&said.stdout).into_owned();
            let complaint = String::from_utf8_lossy(&said.stderr).into_owned();
            assert!(said.status.success(), "{protocol}: {text}{complaint}");
            let all = clients * transactions;
            let processed = format!("number of transactions actually processed: {all}/{all}");
            assert!(text.contains(&processed), "{protocol}: {text}{complaint}");
            total += all;
        }
        for region in 0..2 {
            let counted = ask(region, "SELECT sum(n) FROM counters")?;
            assert_eq!(
                counted.trim(),
                total.to_string(),
                "{protocol}, region {region}"
            );
        }
    }
    Ok(())
}

/// The same code that goes to AWS: endpoints and keys from outside, nothing
/// embedded. What one run left is emptied by the next, and is not taken for
/// tables of another consistency.
fn another_witness_runs_on_them() -> Result<(), Failed> {
    let regions = Regions::up(&[]);
    let store = tempfile::tempdir()?;
    let run = |backend: &str| {
        let mut run = witness(&["run", "--backend", backend, "--bursts", "8"]);
        for block in &regions.blocks[3..] {
            let url = &block["AWS_ENDPOINT_URL_DYNAMODB"];
            run.args(["--endpoint", &format!("{}={url}", block["AWS_REGION"])]);
        }
        run.envs(&regions.blocks[2]).current_dir(store.path());
        let Output {
            status,
            stdout,
            stderr,
        } = run.output()?;
        let said = (
            status.code(),
            String::from_utf8(stdout)?,
            String::from_utf8(stderr)?,
        );
        Ok::<_, Failed>(said)
    };
    for _ in 0..2 {
        let (code, stdout, stderr) = run("dynamodb")?;
        assert_eq!(code, Some(1), "{stdout}{stderr}");
        let header = "DynamoDB Global Tables · loopback · us-east-1, us-east-2\n";
        assert!(stdout.starts_with(header), "{stdout}");
        assert!(stdout.contains("1 seat oversold"), "{stdout}");
    }
    let (code, stdout, stderr) = run("dynamodb-mrsc")?;
    assert_eq!(code, Some(255), "{stdout}{stderr}");
    let refusal = "is there with multi-region eventual consistency, not strong";
    assert!(stderr.contains(refusal), "{stderr}");

    let secret = &regions.blocks[2]["AWS_SECRET_ACCESS_KEY"];
    for run in std::fs::read_dir(store.path().join("store/seats"))? {
        for file in std::fs::read_dir(run?.path())? {
            let saved = std::fs::read_to_string(file?.path())?;
            assert!(!saved.contains(secret), "a secret was saved");
        }
    }
    Ok(())
}

fn a_token_of_other_keys_is_refused() -> Result<(), Failed> {
    let regions = Regions::up(&[]);
    let store = tempfile::tempdir()?;
    let mut run = witness(&["run", "--backend", "dynamodb"]);
    for block in &regions.blocks[3..] {
        let endpoint = format!(
            "{}={}",
            block["AWS_REGION"], block["AWS_ENDPOINT_URL_DYNAMODB"]
        );
        run.args(["--endpoint", &endpoint]);
    }
    run.envs([
        ("AWS_ACCESS_KEY_ID", "AKIANOBODY"),
        ("AWS_SECRET_ACCESS_KEY", "none"),
    ]);
    let said = run.current_dir(store.path()).output()?;
    let stderr = String::from_utf8(said.stderr)?;
    assert_eq!(said.status.code(), Some(255), "{stderr}");
    assert!(stderr.contains("security token"), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    Ok(())
}

fn an_unknown_authority_is_refused() -> Result<(), Failed> {
    let regions = Regions::up(&[]);
    let store = tempfile::tempdir()?;
    let mut run = witness(&["run", "--backend", "dsql"]);
    for (block, region) in regions.blocks.iter().zip(["us-east-1", "us-east-2"]) {
        let endpoint = format!("{region}={}:{}", block["PGHOSTADDR"], block["PGPORT"]);
        run.args(["--endpoint", &endpoint]);
    }
    run.envs([
        ("AWS_ACCESS_KEY_ID", "AKIANOBODY"),
        ("AWS_SECRET_ACCESS_KEY", "none"),
    ]);
    run.env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_REGION", "us-east-1");
    let said = run.current_dir(store.path()).output()?;
    let stderr = String::from_utf8(said.stderr)?;
    assert_eq!(said.status.code(), Some(255), "{stderr}");
    assert!(stderr.contains("certificate"), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    Ok(())
}

fn a_port_in_use_is_named() -> Result<(), Failed> {
    let taken = TcpListener::bind("127.0.0.1:0")?;
    let port = taken.local_addr()?.port();
    let said = witness(&["regions", "up", "--dsql-ports", &format!("{port},0")]).output()?;
    let stderr = String::from_utf8(said.stderr)?;
    assert_eq!(said.status.code(), Some(255), "{stderr}");
    assert!(stderr.contains(&format!("127.0.0.1:{port}")), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    Ok(())
}
