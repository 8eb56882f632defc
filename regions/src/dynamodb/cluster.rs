//! All regions together: routes the item operations to a region's own replica or
//! to the authoritative store of a strongly consistent table, and sends what was
//! written on its way to the other replicas.
//!
//! Locks are taken in this order: replicas by index, a strong store, the
//! catalogue; none is held across an await.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use super::batch;
use super::catalogue::{Catalogue, Table};
use super::clock::wall_us;
use super::control;
use super::defect::Seeded;
use super::engine::Engine;
use super::error::{ApiError, ApiResult};
use super::fault::{Fault, FaultAction, Faults};
use super::operation::{Effect, Operation};
use super::options::Options;
use super::replica::{Change, Replica};
use super::replication::Replication;
use super::request::Request;
use super::workers::Workers;

/// The whole stand-in but for its endpoints.
pub(super) struct Cluster {
    pub(super) options: Options,
    pub(super) replication: Replication,
    regions: Vec<Region>,
    workers: Workers,
    catalogue: RwLock<Catalogue>,
    faults: Mutex<Faults>,
    seeded: Mutex<Seeded>,
    lags: Mutex<fastrand::Rng>,
}

struct Region {
    engine: Engine,
    replica: Mutex<Replica>,
}

impl Cluster {
    pub(super) fn new(options: Options) -> ApiResult<Self> {
        let regions = (0..options.regions.len())
            .map(|region| {
                let engine = Engine::new()?;
                let replica = Mutex::new(Replica::new(region, engine.clone()));
                Ok(Region { engine, replica })
            })
            .collect::<ApiResult<Vec<_>>>()?;
        Ok(Self {
            replication: Replication::new(regions.len()),
            workers: Workers::start(regions.len() + 2)
                .map_err(|error| ApiError::internal(error.to_string()))?,
            regions,
            catalogue: RwLock::default(),
            faults: Mutex::default(),
            seeded: Mutex::new(Seeded::new(options.defects.clone(), options.seed)),
            lags: Mutex::new(fastrand::Rng::with_seed(options.seed)),
            options,
        })
    }

    /// Executes a request that came to a region; the answer is JSON.
    pub(super) async fn execute(
        self: Arc<Self>,
        region: usize,
        request: Request,
    ) -> ApiResult<String> {
        if request.operation.effect() == Effect::Control {
            return self
                .blocking(move |cluster| control::run(cluster, region, &request))
                .await;
        }
        let strong = self.strong_tables(region, &request);
        if strong.is_empty() {
            return self.local(region, request).await;
        }
        if request.operation.is_transaction() {
            return Err(ApiError::validation(
                "Transactional operations are not supported on a global table that is configured \
                 for multi-Region strong consistency",
            ));
        }
        if request.operation.is_batch() {
            return batch::execute(&self, region, request).await;
        }
        match strong.into_iter().next() {
            Some(table)
                if request.operation.effect() == Effect::Write || request.is_consistent_read() =>
            {
                self.strong(region, table, request).await
            }
            _ => self.local(region, request).await,
        }
    }

    /// Executes a request on the region's own replica.
    pub(super) async fn local(
        self: &Arc<Self>,
        region: usize,
        request: Request,
    ) -> ApiResult<String> {
        self.blocking(move |cluster| match request.operation.effect() {
            Effect::Write => cluster.write_local(region, &request),
            _ => {
                let engine = &cluster.regions[region].engine;
                engine.call(request.operation, &request.body)
            }
        })
        .await
    }

    fn write_local(&self, region: usize, request: &Request) -> ApiResult<String> {
        let mut replica = self.replica(region);
        if !self.strong_tables(region, request).is_empty() {
            return Err(ApiError::internal(
                "the table was made strongly consistent meanwhile; nothing was written",
            ));
        }
        let (answer, changes) = self.write(&mut replica, request)?;
        // Under the replica's lock, so that a replica being added misses nothing.
        for change in changes {
            if let Some(table) = self.catalogue().get(region, &change.target.table) {
                self.broadcast(region, &table, change, None);
            }
        }
        Ok(answer)
    }

    /// Executes a request on a strongly consistent table: half a round trip out,
    /// the execution, half a round trip back.
    pub(super) async fn strong(
        self: &Arc<Self>,
        region: usize,
        table: Arc<Table>,
        request: Request,
    ) -> ApiResult<String> {
        let Some(strong) = table.strong.clone() else {
            return self.local(region, request).await;
        };
        if self.replication.is_partitioned(region) {
            return Err(ApiError::internal("the other regions cannot be reached"));
        }
        let half = self.options.inter_region_rtt / 2;
        let targets = request.targets(|name| (name == table.name).then_some(&table.schema));
        let in_flight = strong.begin(region, &targets)?;
        pause(half).await;
        let answer = self
            .blocking(move |cluster| {
                if request.operation.effect() != Effect::Write {
                    return strong.engine().call(request.operation, &request.body);
                }
                let (answer, changes) = cluster.write(&mut strong.store(), &request)?;
                for change in changes {
                    // Its own region has it when the writer is answered, the
                    // others about then; stamps keep them from going backwards.
                    cluster.replica(region).apply(&change)?;
                    cluster.broadcast(region, &table, change, Some(half));
                }
                Ok(answer)
            })
            .await;
        pause(half).await;
        drop(in_flight);
        answer
    }

    /// Executes a write on a store, with the second copies that a defect adds.
    fn write(&self, store: &mut Replica, request: &Request) -> ApiResult<(String, Vec<Change>)> {
        let (answer, mut changes) = store.write(request, wall_us())?;
        let puts = matches!(
            request.operation,
            Operation::PutItem | Operation::BatchWriteItem | Operation::TransactWriteItems
        );
        if puts && !self.options.defects.is_empty() {
            let mut seeded = lock(&self.seeded);
            for at in 0..changes.len() {
                if let Some(copy) = seeded.second_copy(&changes[at]) {
                    let row = store.put_row(&changes[at].target.table, copy, wall_us())?;
                    changes.extend(row);
                }
            }
        }
        Ok((answer, changes))
    }

    /// Sends a change to the other replicas, each after its own lag.
    fn broadcast(&self, from: usize, table: &Table, change: Change, lag: Option<Duration>) {
        for to in table.replicas.iter().copied().filter(|to| *to != from) {
            let Some(change) = lock(&self.seeded).replicate(change.clone()) else {
                continue;
            };
            let lag = lag.unwrap_or_else(|| self.options.lag.sample(&mut lock(&self.lags)));
            self.replication.send(from, to, change, lag);
        }
    }

    /// Applies what arrives at a region, for ever.
    pub(super) async fn receive(self: Arc<Self>, region: usize) {
        loop {
            let changes = self.replication.receive(region).await;
            let count = changes.len();
            // A change that the engine cannot apply is lost like one that was
            // dropped; there is nobody to tell.
            let _ = self
                .blocking(move |cluster| {
                    for change in &changes {
                        let _ = cluster.replica(region).apply(change);
                    }
                    Ok(())
                })
                .await;
            self.replication.delivered(count);
        }
    }

    /// The strongly consistent ones of the tables that a request names.
    fn strong_tables(&self, region: usize, request: &Request) -> Vec<Arc<Table>> {
        let catalogue = self.catalogue();
        request
            .tables()
            .into_iter()
            .filter_map(|name| catalogue.get(region, name))
            .filter(|table| table.strong.is_some())
            .collect()
    }

    /// Runs `work` where it may take its time.
    pub(super) async fn blocking<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> ApiResult<T> + Send + 'static,
    ) -> ApiResult<T> {
        let cluster = Arc::clone(self);
        self.workers.run(move || work(&cluster)).await
    }

    pub(super) fn plan(&self, fault: Fault) {
        lock(&self.faults).plan(fault);
    }

    pub(super) fn faults_left(&self) -> usize {
        lock(&self.faults).left()
    }

    pub(super) fn fault(&self, operation: Operation, region: usize) -> Option<FaultAction> {
        lock(&self.faults).take(operation, &self.options.regions[region])
    }

    /// The index of a region.
    pub(super) fn region(&self, name: &str) -> Option<usize> {
        self.options
            .regions
            .iter()
            .position(|region| region == name)
    }

    pub(super) fn engine(&self, region: usize) -> &Engine {
        &self.regions[region].engine
    }

    pub(super) fn replica(&self, region: usize) -> MutexGuard<'_, Replica> {
        lock(&self.regions[region].replica)
    }

    /// Every replica, locked in order.
    pub(super) fn replicas(&self) -> Vec<MutexGuard<'_, Replica>> {
        (0..self.regions.len())
            .map(|region| self.replica(region))
            .collect()
    }

    pub(super) fn catalogue(&self) -> RwLockReadGuard<'_, Catalogue> {
        self.catalogue
            .read()
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn catalogue_mut(&self) -> RwLockWriteGuard<'_, Catalogue> {
        self.catalogue
            .write()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

async fn pause(time: Duration) {
    if !time.is_zero() {
        tokio::time::sleep(time).await;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
