//! Each seeded defect does its damage within a small seat sale, whatever the seed.

use std::sync::Arc;

use super::Client;
use crate::dsql::engine::store::Database;
use crate::dsql::{Defects, Limits};

/// The buyers of each of four seats.
const BURSTS: [usize; 4] = [8, 24, 48, 60];
const SEEDS: std::ops::Range<u64> = 0..50;

/// What a seat sale left behind.
#[derive(Default)]
struct Sold {
    confirmed: usize,
    in_ledger: usize,
    /// A seat that was confirmed to several buyers.
    twice: bool,
}

fn database(defect: &str, seed: u64) -> Arc<Database> {
    let defects: Defects = defect.parse().unwrap();
    let database = Database::new(defects, seed, Limits::default());
    let mut client = Client::of(&database);
    client.sql("CREATE TABLE seats (key TEXT PRIMARY KEY, owner TEXT)");
    client.sql("CREATE TABLE ledger (sale_id TEXT PRIMARY KEY, key TEXT)");
    database
}

/// Puts a seat down, and again until it is there, as a careful set-up does.
fn put_down(client: &mut Client, seat: usize) {
    for _ in 0..50 {
        client.sql(&format!(
            "INSERT INTO seats VALUES ('A{seat}') ON CONFLICT (key) DO UPDATE SET owner = NULL"
        ));
        if client.sql(&format!("SELECT key FROM seats WHERE key = 'A{seat}'")) != "SELECT 0" {
            return;
        }
    }
    panic!("A{seat} never came to stay");
}

/// Reads the seat and, if it is free, buys it: all but the commit.
fn take(client: &mut Client, seat: usize, buyer: usize) -> bool {
    client.sql("BEGIN");
    let read = client.sql(&format!("SELECT owner FROM seats WHERE key = 'A{seat}'"));
    if read != "~ SELECT 1" {
        client.sql("ROLLBACK");
        return false;
    }
    client.sql(&format!(
        "UPDATE seats SET owner = 'b{buyer}' WHERE key = 'A{seat}'"
    ));
    client.sql(&format!(
        "INSERT INTO ledger VALUES ('{seat}-{buyer}', 'A{seat}')"
    ));
    true
}

/// Four seats, each put down and then sold to one buyer after the other: all that
/// can go wrong is what the defect does.
fn sale(database: &Arc<Database>) -> Sold {
    let mut client = Client::of(database);
    let mut sold = Sold::default();
    for (seat, buyers) in BURSTS.into_iter().enumerate() {
        put_down(&mut client, seat);
        let confirmed = (0..buyers)
            .filter(|&buyer| take(&mut client, seat, buyer) && client.sql("COMMIT") == "COMMIT")
            .count();
        sold.confirmed += confirmed;
        sold.twice |= confirmed > 1;
    }
    // Something else, lest the last look at the ledger be behind.
    for key in 0..3 {
        client.sql(&format!("INSERT INTO seats VALUES ('other-{key}')"));
    }
    let rows = client.sql("SELECT sale_id FROM ledger");
    sold.in_ledger = rows.rsplit(' ').next().unwrap().parse().unwrap();
    sold
}

#[test]
fn without_a_defect_every_seat_is_sold_once() {
    let sold = sale(&database("", 0));
    assert_eq!(
        (sold.confirmed, sold.in_ledger),
        (BURSTS.len(), BURSTS.len())
    );
    assert!(!sold.twice);
}

#[test]
fn lost_commit_loses_one_of_four_sales_and_more() {
    for seed in SEEDS {
        let sold = sale(&database("lost-commit", seed));
        assert!(sold.in_ledger < sold.confirmed, "seed {seed} lost nothing");
    }
}

#[test]
fn lost_commit_loses_one_of_any_four_sales_in_a_row() {
    for seed in SEEDS {
        let database = database("lost-commit", seed);
        let mut client = Client::of(&database);
        let mut lost = Vec::new();
        for sale in 0..40 {
            client.sql("BEGIN");
            client.sql(&format!("INSERT INTO seats VALUES ('A{sale}')"));
            client.sql(&format!("INSERT INTO ledger VALUES ('{sale}')"));
            client.sql("COMMIT");
            let kept = client.sql(&format!("SELECT key FROM seats WHERE key = 'A{sale}'"));
            lost.push(kept == "SELECT 0");
        }
        let spared = lost.windows(4).find(|four| !four.contains(&true));
        assert_eq!(spared, None, "seed {seed}: {lost:?}");
        assert!(lost.contains(&false), "seed {seed} keeps nothing");
    }
}

#[test]
fn stale_snapshot_sells_a_seat_twice() {
    for seed in SEEDS {
        assert!(sale(&database("stale-snapshot", seed)).twice, "seed {seed}");
    }
}

#[test]
fn dirty_read_shows_what_was_never_committed() {
    let database = database("dirty-read", 0);
    let (mut writer, mut reader) = (Client::of(&database), Client::of(&database));
    let owners = "SELECT key, owner FROM seats ORDER BY key";
    writer.sql("INSERT INTO seats VALUES ('A0'), ('A1')");
    writer.sql("BEGIN");
    for owner in ["b1", "b2"] {
        writer.sql(&format!(
            "UPDATE seats SET owner = '{owner}' WHERE key = 'A0'"
        ));
        let read = reader.sql("SELECT owner FROM seats WHERE key = 'A0'");
        assert_eq!(read, format!("{owner} SELECT 1"), "each write at once");
    }
    writer.sql("DELETE FROM seats WHERE key = 'A1'");
    writer.sql("INSERT INTO seats VALUES ('A2', 'b3')");
    assert_eq!(reader.sql(owners), "A0,b2;A2,b3 SELECT 2");
    writer.sql("ROLLBACK");
    assert_eq!(reader.sql(owners), "A0,~;A1,~ SELECT 2");
    writer.sql("UPDATE seats SET owner = 'b4' WHERE key = 'A0'");
    assert_eq!(reader.sql(owners), "A0,b4;A1,~ SELECT 2");
}

#[test]
fn skip_conflict_check_sells_a_seat_to_all_who_saw_it_free() {
    for seed in SEEDS {
        let database = database("skip-conflict-check", seed);
        let (mut one, mut two) = (Client::of(&database), Client::of(&database));
        put_down(&mut one, 0);
        assert!(take(&mut one, 0, 1) && take(&mut two, 0, 2));
        assert_eq!(
            (one.sql("COMMIT"), two.sql("COMMIT")),
            ("COMMIT".into(), "COMMIT".into())
        );
    }
}
