//! The committed evidence: every region's tables, read after the regions had
//! time to agree, and recorded as they are.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use witness_histories::{Author, Error, Kind, Note, RecordError, Recorder};
use witness_workloads::{Connection, Database, DbError, Fault, Row, Table};

/// Rows that one event carries at most, so that no line grows without bound.
const ROWS_MAX: usize = 500;
/// How often a table is read again after a conflict.
const TRIES_MAX: u32 = 5;

/// Waits until every region shows the same rows; says whether they came to agree.
pub(super) async fn settle(
    database: &Arc<dyn Database>,
    tables: &[Table],
    settle_max: Duration,
) -> bool {
    let began = Instant::now();
    let mut pause = Duration::from_millis(20);
    loop {
        if agree(database, tables).await.unwrap_or(false) {
            return true;
        }
        if began.elapsed() > settle_max {
            return false;
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_millis(500));
    }
}

async fn agree(database: &Arc<dyn Database>, tables: &[Table]) -> Result<bool, DbError> {
    for table in tables {
        let mut first: Option<BTreeMap<Option<String>, Row>> = None;
        for region in database.regions() {
            let rows = read(database, region, table).await?;
            let rows = rows
                .into_iter()
                .map(|row| (row.get(table.key).cloned(), row))
                .collect();
            match &first {
                None => first = Some(rows),
                Some(first) if *first != rows => return Ok(false),
                Some(_) => {}
            }
        }
    }
    Ok(true)
}

/// Records the region's tables. One that cannot be read is recorded as such.
pub(super) async fn record(
    database: &Arc<dyn Database>,
    region: &str,
    tables: &[Table],
    recorder: &Recorder,
) -> Result<(), RecordError> {
    let note = |kind, value: &Value, error: Option<Error<'_>>| {
        let note = Note {
            author: Author::Witness,
            kind,
            region: Some(region),
            f: "evidence",
            key: None,
            value,
            error,
        };
        recorder.note(note).map(drop)
    };
    for table in tables {
        match read(database, region, table).await {
            Ok(rows) => {
                let chunks = rows.len().div_ceil(ROWS_MAX).max(1);
                for n in 0..chunks {
                    let chunk = &rows[n * ROWS_MAX..rows.len().min((n + 1) * ROWS_MAX)];
                    let last = n + 1 == chunks;
                    note(
                        Kind::Ok,
                        &json!({"table": table.name, "rows": chunk, "last": last}),
                        None,
                    )?;
                }
            }
            Err(error) => {
                let error = Error::new(&error.class, &error.message);
                note(Kind::Info, &json!({"table": table.name}), Some(error))?;
            }
        }
    }
    Ok(())
}

/// A whole table as the region has committed it, in one transaction.
async fn read(
    database: &Arc<dyn Database>,
    region: &str,
    table: &Table,
) -> Result<Vec<Row>, DbError> {
    let mut db = database.connect(region).await?;
    let mut tries = 0;
    loop {
        let result = async {
            db.begin_read_only().await?;
            let rows = scan(db.as_mut(), table).await?;
            db.commit().await.map(|()| rows)
        };
        match result.await {
            Err(error) if error.fault == Fault::Conflict && tries < TRIES_MAX => {
                db.rollback().await;
                tries += 1;
            }
            Ok(mut rows) => {
                // Regions page in different orders: a history is easier read in one.
                rows.sort_by(|a, b| a.get(table.key).cmp(&b.get(table.key)));
                return Ok(rows);
            }
            Err(error) => return Err(error),
        }
    }
}

/// All pages of a table.
pub(super) async fn scan(db: &mut dyn Connection, table: &Table) -> Result<Vec<Row>, DbError> {
    let mut rows = Vec::new();
    let mut from = None;
    loop {
        let page = db.scan(table, from.as_deref()).await?;
        rows.extend(page.rows);
        from = page.next;
        if from.is_none() {
            return Ok(rows);
        }
    }
}
