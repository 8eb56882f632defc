//! One burst: clients connect first, are released together, and each asks for
//! what it wants, one request after the other, recorded before and after.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Barrier;
use tokio::task::JoinSet;
use witness_histories::{Client, Error, Key, RecordError, Recorder};
use witness_workloads::{
    Attempted, Burst, Connection, Database, DbError, Fault, Outcome, Request, Row, Table, Workload,
};

use super::{Stop, Tally};

/// Connections over which rows are put down at the same time.
const WRITERS_MAX: usize = 8;
/// How often a row is put down again when the database has a conflict of its own.
const TRIES_MAX: u32 = 20;
/// A row that a region does not show after this is put down again.
const REPLICATION_MAX: Duration = Duration::from_secs(2);
/// A burst whose rows some region does not show after this cannot begin.
const PREPARE_MAX: Duration = Duration::from_secs(60);

/// A burst that is over.
pub(super) struct Over {
    /// What was asked for, and how it ended.
    pub requests: Vec<(Request, Attempted)>,
    /// Requests that no client got round to.
    pub not_asked: usize,
    /// Requests that were made and not waited for.
    pub open: usize,
    /// What can be told of it without a scoreboard.
    pub tally: Tally,
}

/// A burst that can be released.
pub(super) struct Prepared {
    /// One a client, in order.
    pub connections: Vec<Box<dyn Connection>>,
    /// How often a row had to be put down again, because a region did not show it.
    pub put_again: usize,
}

/// Puts the burst's rows down, waits until every region sees them, and connects
/// the clients, in order.
pub(super) async fn prepare(
    database: &Arc<dyn Database>,
    burst: &Burst,
) -> Result<Prepared, DbError> {
    let mut put_again = 0;
    let rows: Vec<_> = burst.rows.iter().collect();
    put(database, &rows).await?;
    for region in database.regions() {
        let mut reader = database.connect(region).await?;
        let mut missing = rows.clone();
        let (began, mut put_last) = (Instant::now(), Instant::now());
        loop {
            let mut still = Vec::new();
            for put_down in missing {
                let (table, row) = put_down;
                if !shows(reader.as_mut(), table, row).await? {
                    still.push(put_down);
                }
            }
            missing = still;
            let Some((table, row)) = missing.first() else {
                break;
            };
            if began.elapsed() > PREPARE_MAX {
                let key = row.get(table.key).map_or("", String::as_str);
                let message = format!(
                    "{region} does not show {} {key:?} as it was put down, {PREPARE_MAX:?} after",
                    table.name
                );
                return Err(DbError::definite("not-replicated", message));
            }
            if put_last.elapsed() > REPLICATION_MAX {
                put(database, &missing).await?;
                put_again += missing.len();
                put_last = Instant::now();
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    let mut connecting = JoinSet::new();
    for (number, client) in burst.clients.iter().enumerate() {
        let (database, region) = (Arc::clone(database), client.region);
        connecting.spawn(async move {
            let connection = database.connect(&database.regions()[region]).await;
            connection.map(|connection| (number, connection))
        });
    }
    let mut connections = Vec::with_capacity(burst.clients.len());
    while let Some(joined) = connecting.join_next().await {
        connections.push(joined.map_err(|e| DbError::definite("panic", e))??);
    }
    connections.sort_by_key(|(number, _)| *number);
    let connections = connections
        .into_iter()
        .map(|(_, connection)| connection)
        .collect();
    Ok(Prepared {
        connections,
        put_again,
    })
}

/// Puts every row down in a transaction of its own.
async fn put(database: &Arc<dyn Database>, rows: &[&(&'static Table, Row)]) -> Result<(), DbError> {
    let writers = rows.len().min(WRITERS_MAX);
    let mut writing = JoinSet::new();
    for writer in 0..writers {
        let mine = rows.iter().skip(writer).step_by(writers);
        let mine: Vec<_> = mine.copied().cloned().collect();
        let database = Arc::clone(database);
        writing.spawn(async move {
            let mut db = database.connect(&database.regions()[0]).await?;
            for (table, row) in &mine {
                put_one(db.as_mut(), table, row).await?;
            }
            Ok(())
        });
    }
    while let Some(joined) = writing.join_next().await {
        joined.map_err(|e| DbError::definite("panic", e))??;
    }
    Ok(())
}

async fn put_one(db: &mut dyn Connection, table: &Table, row: &Row) -> Result<(), DbError> {
    let mut tries = 0;
    loop {
        let result = async {
            db.begin().await?;
            db.write(table, row).await?;
            db.commit().await
        };
        match result.await {
            Err(error) if error.fault == Fault::Conflict && tries < TRIES_MAX => {
                db.rollback().await;
                tries += 1;
                tokio::time::sleep(Duration::from_millis(10) * tries).await;
            }
            result => return result,
        }
    }
}

/// Whether the region shows the row as it was put down.
async fn shows(db: &mut dyn Connection, table: &Table, row: &Row) -> Result<bool, DbError> {
    let key = row.get(table.key).map_or("", String::as_str);
    let found = async {
        db.begin_read_only().await?;
        let found = db.read(table, key).await?;
        db.commit().await.map(|()| found)
    };
    match found.await {
        Ok(found) => Ok(found.as_ref() == Some(row)),
        Err(error) if error.fault == Fault::Conflict => {
            db.rollback().await;
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

/// Releases all clients at the same moment and waits for the last of them.
pub(super) async fn release(
    workload: &'static dyn Workload,
    app: String,
    burst: Burst,
    connections: Vec<Box<dyn Connection>>,
    database: &Arc<dyn Database>,
    recorder: &Recorder,
    stop: &Stop,
) -> Result<Over, RecordError> {
    let clients = burst.clients.len();
    let wanted: usize = burst.clients.iter().map(|c| c.requests.len()).sum();
    let barrier = Arc::new(Barrier::new(clients));
    let done = Arc::new(Done::default());
    let app: Arc<str> = app.into();
    let mut running = JoinSet::new();
    for (client, connection) in burst.clients.into_iter().zip(connections) {
        let region = database.regions()[client.region].clone();
        let task = Task {
            workload,
            app: Arc::clone(&app),
            database: Arc::clone(database),
            client: recorder.client(Some(&region)),
            region,
            connection: Some(connection),
            done: Arc::clone(&done),
            stop: stop.clone(),
        };
        let barrier = Arc::clone(&barrier);
        running.spawn(async move {
            barrier.wait().await;
            task.perform(client.requests).await
        });
    }
    while let Some(joined) = running.join_next().await {
        // A client that panicked leaves its operation open: nobody knows.
        joined.unwrap_or(Ok(()))?;
    }
    let asked = done.asked.load(Ordering::Relaxed);
    let requests = std::mem::take(&mut *done.requests());
    let open = asked - requests.len();
    let mut tally = Tally {
        clients,
        unknown: open as u64,
        ..Tally::default()
    };
    for (_, attempted) in &requests {
        tally.retries_max = tally.retries_max.max(attempted.attempts.saturating_sub(1));
        tally.ok += u64::from(matches!(attempted.outcome, Outcome::Ok(_)));
        tally.unknown += u64::from(matches!(attempted.outcome, Outcome::Info { .. }));
    }
    Ok(Over {
        not_asked: wanted - asked,
        open,
        requests,
        tally,
    })
}

/// What the clients of a burst have come to, kept outside of them: a client that
/// ends early takes nothing with it.
#[derive(Default)]
struct Done {
    /// Requests that were recorded as invoked.
    asked: AtomicUsize,
    requests: Mutex<Vec<(Request, Attempted)>>,
}

impl Done {
    fn requests(&self) -> MutexGuard<'_, Vec<(Request, Attempted)>> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Task {
    workload: &'static dyn Workload,
    app: Arc<str>,
    database: Arc<dyn Database>,
    region: String,
    client: Client,
    /// None: retired, after an outcome that nobody knows.
    connection: Option<Box<dyn Connection>>,
    done: Arc<Done>,
    stop: Stop,
}

impl Task {
    async fn perform(mut self, requests: Vec<Request>) -> Result<(), RecordError> {
        for request in requests {
            if self.stop.requested() {
                break;
            }
            let connection = match &mut self.connection {
                Some(connection) => connection,
                None => match self.stop.or(self.database.connect(&self.region)).await {
                    Some(Ok(connection)) => self.connection.insert(connection),
                    // Nothing more can be asked from here.
                    _ => break,
                },
            };
            let key = request.key.as_deref().map(Key::from);
            let open = self.client.invoke(request.f, key, &request.value)?;
            self.done.asked.fetch_add(1, Ordering::Relaxed);
            let working = self
                .workload
                .perform(&self.app, connection.as_mut(), &request);
            // Stopped while it waits: the operation stays open, and nobody knows.
            let Some(attempted) = self.stop.or(working).await else {
                break;
            };
            let attempts = Some(attempted.attempts);
            match &attempted.outcome {
                Outcome::Ok(value) => open.ok(value, attempts)?,
                Outcome::Fail { class, message } => {
                    open.fail(Error::new(class, message), attempts)?
                }
                Outcome::Info { class, message } => {
                    self.connection = None;
                    open.info(Error::new(class, message), attempts)?
                }
            };
            self.done.requests().push((request, attempted));
        }
        Ok(())
    }
}
