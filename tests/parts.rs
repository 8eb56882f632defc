//! A run in two parts, each a process of its own, on one database of a third process: merged
//! and judged. Whether it is violated rests on what always comes, never on who is faster.

mod up;

use std::path::Path;
use std::process::{Child, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;
use up::{Regions, witness};

/// A part that was started: exit code, standard output, standard error.
struct Part(Child);

impl Part {
    fn over(self) -> (i32, String, String) {
        said(self.0.wait_with_output().expect("it ends"))
    }
}

fn said(output: Output) -> (i32, String, String) {
    (
        output.status.code().expect("an exit code"),
        String::from_utf8(output.stdout).expect("UTF-8"),
        String::from_utf8(output.stderr).expect("UTF-8"),
    )
}

struct Scene {
    regions: Regions,
    dir: TempDir,
}

impl Scene {
    fn with(defects: &[&str]) -> Scene {
        Scene {
            regions: Regions::up(defects),
            dir: tempfile::tempdir().expect("a directory"),
        }
    }

    /// Starts a part of a run, which keeps its runs in a folder of the part's number. Where the
    /// regions are it is told as of any others: those of DSQL in the variables of libpq.
    fn starts(&self, part: &str, arguments: &[&str]) -> Part {
        let store = &part[..1];
        let mut run = witness(&["run", "--part", part, "--store", store, "--seed", "7"]);
        run.args(["--clock-uncertainty", "100us", "--recorder"]);
        run.arg(format!("part-{store}")).args(arguments);
        // Longer than any load takes the others to come, unless nobody is to.
        if !arguments.contains(&"--wait") {
            run.args(["--wait", "10m"]);
        }
        let (of_dsql, of_dynamodb) = self.regions.blocks.split_at(2);
        if arguments.contains(&"dsql") {
            for (block, region) in of_dsql.iter().zip(["us-east-1", "us-east-2"]) {
                let place = format!("{region}={}:{}", block["PGHOST"], block["PGPORT"]);
                run.args(["--endpoint", &place]);
                run.envs(["PGHOSTADDR", "PGSSLROOTCERT"].map(|it| (it, &block[it])));
            }
            run.envs([
                ("AWS_EC2_METADATA_DISABLED", "true"),
                ("AWS_REGION", "us-east-1"),
            ]);
        } else {
            for block in &of_dynamodb[1..] {
                let url = &block["AWS_ENDPOINT_URL_DYNAMODB"];
                run.args(["--endpoint", &format!("{}={url}", block["AWS_REGION"])]);
            }
        }
        run.envs(&of_dynamodb[0]);
        run.stdout(Stdio::piped()).stderr(Stdio::piped());
        let started = run.current_dir(self.dir.path()).spawn();
        Part(started.expect("witness runs"))
    }

    fn says(&self, arguments: &[&str]) -> (i32, String, String) {
        let mut asked = witness(arguments);
        let said_so = asked.current_dir(self.dir.path()).output();
        said(said_so.expect("witness runs"))
    }

    /// Both parts at once; neither decides anything. Merges them.
    fn runs(&self, arguments: &[&str]) {
        let parts = ["1/2", "2/2"].map(|part| self.starts(part, arguments));
        for part in parts {
            let (code, out, error) = part.over();
            assert_eq!(code, 2, "{out}{error}");
            assert!(out.contains("of 2 of a run"), "{out}{error}");
            assert!(out.contains("merge PART1 PART2"), "{out}");
        }
        self.merge();
    }

    fn merge(&self) {
        let twice = ["merge", "1/latest", "1/latest", "-o", "twice.jsonl"];
        let (code, _, error) = self.says(&twice);
        assert_eq!(code, 254);
        let one = "witness: 1/latest and 1/latest are one history: give it once\n";
        assert_eq!(error, one);
        for part in ["1/latest", "2/latest"] {
            let (code, out, _) = self.says(&["check", "--format", "json", part]);
            let verdicts: Value = serde_json::from_str(&out).expect("JSON");
            assert_eq!((code, &verdicts["valid"]), (2, &"unknown".into()), "{out}");
            assert_eq!(verdicts["verdicts"], serde_json::json!([]), "{out}");
        }
        let merge = ["merge", "1/latest", "2/latest", "-o", "whole.jsonl"];
        let (code, out, error) = self.says(&merge);
        assert_eq!((code, error.as_str()), (0, ""), "{out}");
    }

    /// The exit code and the verdict of that checker on what was merged.
    fn judged(&self, checker: &str) -> (i32, Value) {
        let check = ["check", "--format", "json", "--checker", checker];
        let (code, out, error) = self.says(&[&check[..], &["whole.jsonl"]].concat());
        let verdicts: Value = serde_json::from_str(&out).expect(&error);
        (code, verdicts["verdicts"][0].clone())
    }
}

fn events(file: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(file).expect("a history");
    let events = text.lines().map(serde_json::from_str);
    events.map(|event| event.expect("an event")).collect()
}

#[test]
fn a_sale_in_two_parts_sells_no_seat_twice_where_regions_agree() {
    let scene = Scene::with(&[]);
    let sale = [
        "seats",
        "--backend",
        "dynamodb-mrsc",
        "--app",
        "conditional",
    ];
    scene.runs(&[&sale[..], &["--bursts", "6,12", "--yes"]].concat());
    let (code, out, _) = scene.says(&["check", "whole.jsonl"]);
    assert_eq!(code, 0, "{out}");
    let events = events(&scene.dir.path().join("whole.jsonl"));
    for (part, region) in [("part-1", "us-east-1"), ("part-2", "us-east-2")] {
        let asked = |e: &&Value| e["recorder"] == part && e["type"] == "invoke";
        let asked: Vec<_> = events.iter().filter(asked).collect();
        assert_eq!(asked.len(), 9, "half of the buyers each");
        assert!(asked.iter().all(|event| event["region"] == region));
    }
}

/// Both parts are clients of the same two clusters, each of its own region's: as on AWS, but for
/// where the names lead. What a run on one host would come to, both together come to.
#[test]
fn on_dsql_two_parts_together_come_to_what_it_promises() {
    let scene = Scene::with(&["--inter-region-rtt", "2ms"]);
    let run = ["list-append", "--backend", "dsql", "--bursts", "6,4"];
    scene.runs(&[&run[..], &["--requests", "8"]].concat());
    // Whoever reads the run does not take it for one of AWS.
    for store in ["1", "2"] {
        let file = scene.dir.path().join(store).join("latest/run.json");
        let run: Value = serde_json::from_slice(&std::fs::read(file).expect("it")).expect("JSON");
        assert_eq!(run["provenance"], "loopback", "{run}");
        for (endpoint, block) in run["endpoints"]
            .as_array()
            .expect("all")
            .iter()
            .zip(&scene.regions.blocks)
        {
            let place = format!("{} at 127.0.0.1:{}", block["PGHOST"], block["PGPORT"]);
            assert_eq!(endpoint["host"], place.as_str());
        }
        let (_, out, _) = scene.says(&["check", &format!("{store}/latest")]);
        assert!(
            out.starts_with("Aurora DSQL · loopback · us-east-1, us-east-2\n"),
            "{out}"
        );
    }
    let (code, out, error) = scene.says(&[
        "check",
        "whole.jsonl",
        "--level",
        "strong-snapshot-isolation",
    ]);
    assert_eq!(code, 0, "{out}{error}");
    let events = events(&scene.dir.path().join("whole.jsonl"));
    for (part, region) in [("part-1", "us-east-1"), ("part-2", "us-east-2")] {
        let asked = |e: &&Value| e["recorder"] == part && e["type"] == "invoke";
        let asked: Vec<_> = events.iter().filter(asked).collect();
        assert!(
            asked.len() >= 5 * 8,
            "half of the clients each: {}",
            asked.len()
        );
        assert!(asked.iter().all(|event| event["region"] == region));
    }
}

#[test]
fn rows_that_arrive_as_others_are_seen_whoever_sold_them() {
    let scene = Scene::with(&["--defect", "corrupt-ledger-row"]);
    // At least thirty sales: of every few rows one arrives elsewhere with another buyer.
    let sale = [
        "seats",
        "--backend",
        "dynamodb",
        "--on-sale",
        "30x2",
        "--yes",
    ];
    scene.runs(&sale);
    let (code, verdict) = scene.judged("ledger-union");
    assert_eq!((code, &verdict["valid"]), (1, &false.into()), "{verdict}");
    assert!(
        verdict["anomalies"]
            .as_array()
            .is_some_and(|all| all.len() >= 5),
        "{verdict}"
    );
}

#[test]
fn who_does_not_belong_to_the_run_is_refused_and_harms_nobody() {
    let scene = Scene::with(&[]);
    let run = [
        "register",
        "--backend",
        "dynamodb-mrsc",
        "--yes",
        "--bursts",
        "4",
    ];
    // Nothing is there yet.
    let early = [&run[..], &["--wait", "0s"]].concat();
    let (code, out, error) = scene.starts("2/2", &early).over();
    assert_eq!(code, 255, "{out}{error}");
    assert!(
        error.contains("begin part 1/2 with the same options"),
        "{error}"
    );
    assert_eq!(error.lines().count(), 1, "{error}");
    let left = |store| scene.dir.path().join(store).exists();
    assert!(!left("2"), "a part that was refused leaves nothing behind");

    let first = scene.starts("1/2", &run);
    // Once part 1 is there; until then it finds no run.
    let other = [&early[..], &["--keys", "8"]].concat();
    let began = Instant::now();
    let error = loop {
        let (code, out, error) = scene.starts("2/2", &other).over();
        assert!(!left("2"), "a part that was refused leaves nothing behind");
        match code {
            254 => break error,
            255 if error.contains("no run on this database waits") => {}
            _ => panic!("{code}: {out}{error}"),
        }
        assert!(began.elapsed().as_secs() < 300, "the run does not begin");
    };
    assert!(
        error.contains("part 1 has keys 5, and this part 8"),
        "{error}"
    );
    let second = scene.starts("2/2", &run);
    assert_eq!((first.over().0, second.over().0), (2, 2));
    scene.merge();
    let (code, verdict) = scene.judged("linearizable");
    assert_eq!((code, &verdict["valid"]), (0, &true.into()), "{verdict}");

    // It has both parts: nobody can be one of them again.
    let (code, out, error) = scene.starts("2/2", &early).over();
    assert_eq!(code, 255, "{out}{error}");
    assert!(
        error.contains("no run on this database waits for part 2/2"),
        "{error}"
    );
}

#[test]
fn what_cannot_be_shared_out_is_refused_before_anything_runs() {
    let scene = Scene::with(&[]);
    for (arguments, why) in [
        (&["seats", "--app", "idempotent"][..], "sent twice"),
        (&["seats", "--seat", "A1"], "goes back on sale"),
        (
            &["register", "--bursts", "1"],
            "there is no client for part 2/2",
        ),
    ] {
        let arguments = [arguments, &["--backend", "dynamodb", "--yes"]].concat();
        let (code, out, error) = scene.starts("2/2", &arguments).over();
        assert_eq!((code, out.as_str()), (254, ""), "{error}");
        assert!(error.contains(why), "{error}");
    }
    let own = |backend| {
        let run = ["run", "register", "--part", "1/2", "--backend", backend];
        let (code, out, error) = scene.says(&[&run[..], &["--seed", "7"]].concat());
        assert_eq!((code, out.as_str()), (254, ""), "{error}");
        assert!(
            error.contains("needs a database that all of them reach"),
            "{error}"
        );
        error
    };
    for backend in ["dsql", "dynamodb", "dynamodb-mrsc"] {
        assert!(own(backend).contains("give endpoints"), "{backend}");
    }
    for backend in ["postgres", "mysql"] {
        let error = own(backend);
        assert!(error.contains("give one with --url"), "{error}");
        assert!(!error.contains("regions up"), "{error}");
    }
    let run = ["run", "register", "--part", "1/2", "--backend", "dynamodb"];
    let (code, _, error) = scene.says(&run);
    assert_eq!(code, 254, "{error}");
    assert!(error.contains("--seed"), "{error}");
    let left = std::fs::read_dir(scene.dir.path()).expect("a directory");
    assert_eq!(left.count(), 0, "nothing is left behind");
}

/// Part 1 is ended, and started again while part 2 waits for it: that empties the tables of
/// the run which part 2 is of. Nothing that was recorded of it may be decided.
#[test]
fn a_first_part_that_starts_again_leaves_the_run_before_it_undecided() {
    let scene = Scene::with(&[]);
    // Parts wait a tenth of a second before each burst: they are at it for a while.
    let bursts = ["4"; 80].join(",");
    let run = [
        "list-append",
        "--backend",
        "dynamodb",
        "--yes",
        "--bursts",
        &bursts,
    ];
    let mut first = scene.starts("1/2", &run);
    let second = scene.starts("2/2", &run);
    let history = scene.dir.path().join("1/latest/history.jsonl");
    let began = Instant::now();
    let in_a_burst = || {
        let text = std::fs::read_to_string(&history).unwrap_or_default();
        text.contains("\"phase\":\"burst\"")
    };
    while !in_a_burst() {
        assert!(began.elapsed().as_secs() < 300, "the run does not begin");
        std::thread::sleep(Duration::from_millis(10));
    }
    first.0.kill().expect("it goes on");
    first.0.wait().expect("it ended");
    std::fs::rename(scene.dir.path().join("1"), scene.dir.path().join("killed")).expect("renamed");

    let alone = [&run[..], &["--wait", "0s"]].concat();
    let (code, out, error) = scene.starts("1/2", &alone).over();
    assert_eq!(code, 255, "{out}{error}");
    assert!(error.contains("part 2/2 was waited for"), "{error}");
    let (code, out, error) = second.over();
    assert_eq!(code, 2, "{out}{error}");
    assert!(
        error.contains("undecided: the tables are not this run's any more"),
        "{error}"
    );
    let said = error.matches("not this run's any more").count();
    assert_eq!(said, 1, "it is said once: {error}");
    let merge = ["merge", "killed/latest", "2/latest", "-o", "whole.jsonl"];
    let (code, out, error) = scene.says(&merge);
    assert_eq!(code, 0, "{out}{error}");
    let (code, out, error) = scene.says(&["check", "whole.jsonl", "--level", "read-committed"]);
    assert_eq!(code, 2, "{out}{error}");
    assert!(out.contains("a part of this run was disturbed"), "{out}");
}

/// Whoever waits for the others as long as it takes does not wait for a database that is gone,
/// and says how far it came.
#[cfg(unix)]
#[test]
fn who_is_interrupted_at_a_database_that_is_gone_ends() {
    let scene = Scene::with(&["--inter-region-rtt", "2ms"]);
    let run = ["register", "--backend", "dsql", "--bursts", "8,8"];
    let run = [&run[..], &["--requests", "100000"]].concat();
    let parts = ["1/2", "2/2"].map(|part| scene.starts(part, &run));
    let Scene { regions, dir } = scene;
    let began = Instant::now();
    for store in ["1", "2"] {
        let history = dir.path().join(store).join("latest/history.jsonl");
        let writes = || {
            let text = std::fs::read_to_string(&history).unwrap_or_default();
            text.contains("\"f\":\"write\"")
        };
        while !writes() {
            assert!(began.elapsed().as_secs() < 300, "the run does not begin");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
    drop(regions);
    for part in parts {
        let id = part.0.id().to_string();
        let kill = std::process::Command::new("kill")
            .args(["-INT", &id])
            .status();
        assert!(kill.expect("kill runs").success());
        let (code, out, error) = part.over();
        // A burst whose clients all gave up may be over before.
        assert!([2, 255].contains(&code), "{code}: {out}{error}");
        for said in [
            "requests were not made",
            "undecided: whether the tables were this run's to the end could not be seen",
        ] {
            assert!(error.contains(said), "{said}: {error}");
        }
    }
    // They wait for each other for ten minutes.
    assert!(
        began.elapsed().as_secs() < 300,
        "the database was waited for"
    );
}
