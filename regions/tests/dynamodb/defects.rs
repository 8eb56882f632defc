//! Each seeded defect does its damage early, and again.

use std::collections::BTreeSet;

use witness_regions::dynamodb::{Defect, Options};

use crate::support::*;

const SALES: usize = 12;

/// Sells in the east with the defect on, waits, and returns both ledgers.
async fn ledgers(defect: Option<Defect>, seed: u64) -> (Vec<Item>, Vec<Item>) {
    let options = Options {
        defects: defect.into_iter().collect(),
        seed,
        ..quick()
    };
    let f = start(options).await;
    f.global("ledger", &["sale_id"]).await;
    for sale in 0..SALES {
        let row = item([
            ("sale_id", s(format!("01JD0000000000000000000{sale:03}"))),
            ("buyer", s(format!("b{sale}"))),
        ]);
        f.put(&f.east, "ledger", row).await;
    }
    f.tables.quiesced().await;
    let sorted = async |client| {
        let mut rows = scan(client, "ledger").await;
        rows.sort_by_key(|row| row["sale_id"].as_s().unwrap().clone());
        rows
    };
    (sorted(&f.east).await, sorted(&f.west).await)
}

#[tokio::test]
async fn without_a_defect_the_ledgers_are_equal() {
    let (east, west) = ledgers(None, 1).await;
    assert_eq!(east.len(), SALES);
    assert_eq!(east, west);
}

#[tokio::test]
async fn drop_replication_loses_rows_on_the_way() {
    for seed in 0..4 {
        let (east, west) = ledgers(Some(Defect::DropReplication), seed).await;
        assert_eq!(east.len(), SALES);
        assert!(west.len() < SALES && west.len() >= SALES / 2);
        assert!(!west.contains(&east[0]), "the first row is lost");
        let again = ledgers(Some(Defect::DropReplication), seed).await;
        assert_eq!((east, west), again);
    }
}

#[tokio::test]
async fn duplicate_ledger_write_sells_twice_under_two_ids() {
    let (east, west) = ledgers(Some(Defect::DuplicateLedgerWrite), 1).await;
    assert!(east.len() > SALES);
    assert_eq!(east, west);
    let ids: BTreeSet<_> = east
        .iter()
        .map(|row| row["sale_id"].as_s().unwrap())
        .collect();
    assert_eq!(ids.len(), east.len());
    let first = east.iter().filter(|row| row["buyer"] == s("b0"));
    assert_eq!(first.count(), 2);
}

#[tokio::test]
async fn corrupt_ledger_row_arrives_with_another_buyer() {
    let (east, west) = ledgers(Some(Defect::CorruptLedgerRow), 1).await;
    assert_eq!((east.len(), west.len()), (SALES, SALES));
    let corrupt = east.iter().zip(&west).filter(|(sent, arrived)| {
        assert_eq!(sent["sale_id"], arrived["sale_id"]);
        sent["buyer"] != arrived["buyer"]
    });
    assert!(corrupt.count() >= 2);
    assert_eq!(west[0]["buyer"], s("not-b0"));
}

#[tokio::test]
async fn only_ledgers_are_duplicated_or_corrupted_and_setups_arrive() {
    let options = Options {
        defects: Defect::ALL.into_iter().collect(),
        ..quick()
    };
    let f = start(options).await;
    f.global("seats", &["id"]).await;
    for seat in 0..2 {
        let row = item([("id", s(format!("A{seat}"))), ("buyer", s("b1"))]);
        f.put(&f.east, "seats", row).await;
    }
    f.tables.quiesced().await;
    let east = scan(&f.east, "seats").await;
    assert_eq!(east.len(), 2);
    assert_eq!(scan(&f.west, "seats").await.len(), 2);
    for row in scan(&f.west, "seats").await {
        assert!(east.contains(&row));
    }
}
