//! Batches that name strongly consistent tables: such a batch is taken apart by
//! table, each part goes where it belongs, and the answers become one again.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::catalogue::Table;
use super::cluster::Cluster;
use super::control;
use super::engine::Engine;
use super::error::{ApiError, ApiResult, ErrorKind};
use super::operation::{Effect, Operation};
use super::request::Request;

const ITEMS: &str = "RequestItems";
/// More items than this are not read at once.
const READS_MAX: usize = 100;

/// Executes a batch of which at least one table is strongly consistent.
pub(super) async fn execute(
    cluster: &Arc<Cluster>,
    region: usize,
    request: Request,
) -> ApiResult<String> {
    let writes = request.operation.effect() == Effect::Write;
    if !writes && is_oversized(&request) {
        // Refused as a whole, by the one who knows the words.
        return cluster.local(region, request).await;
    }
    let parts = parts(cluster, region, &request);
    if writes && parts.len() > 1 {
        check(cluster, region, request).await?;
    }
    let (mut merged, mut answered, mut conflict) = (Map::new(), false, None);
    for (table, part) in parts {
        let unprocessed = part.body[ITEMS].clone();
        let answer = match table {
            Some(table) => cluster.strong(region, table, part).await,
            None => cluster.local(region, part).await,
        };
        match answer {
            Ok(answer) => {
                answered = true;
                if let Ok(Value::Object(answer)) = serde_json::from_str(&answer) {
                    merge(&mut merged, answer);
                }
            }
            // As with a throttled part, the client is to send it again.
            Err(error) if error.is(ErrorKind::ReplicatedWriteConflict) => {
                let answer = Map::from_iter([("UnprocessedItems".to_owned(), unprocessed)]);
                merge(&mut merged, answer);
                conflict = Some(error);
            }
            // Valid as it is, it failed half done: nobody may take it for not done.
            Err(error) if writes && answered => {
                return Err(ApiError::internal(format!(
                    "a part of the batch was written, then: {error}"
                )));
            }
            Err(error) => return Err(error),
        }
    }
    match conflict {
        Some(conflict) if !answered => Err(conflict),
        _ => Ok(Value::Object(merged).to_string()),
    }
}

/// Says what is wrong with a batch of writes before any part of it is written, by
/// writing it to empty tables of the same make.
async fn check(cluster: &Arc<Cluster>, region: usize, request: Request) -> ApiResult<()> {
    let check = move |cluster: &Cluster| {
        let engine = Engine::new()?;
        for name in request.tables() {
            let table = cluster.catalogue().get(region, name);
            if let Some(table) = table {
                control::define(&engine, &table)?;
            }
        }
        engine.call(request.operation, &request.body).map(drop)
    };
    cluster.blocking(check).await
}

/// One part for all that is local, one for each table that is not.
fn parts(
    cluster: &Cluster,
    region: usize,
    request: &Request,
) -> Vec<(Option<Arc<Table>>, Request)> {
    let part = |items: Map<String, Value>| {
        let mut part = request.clone();
        part.body[ITEMS] = Value::Object(items);
        part
    };
    let (mut parts, mut local) = (Vec::new(), Map::new());
    let items = request.body.get(ITEMS).and_then(Value::as_object);
    for (name, item) in items.into_iter().flatten() {
        let reads = request.operation == Operation::BatchGetItem;
        let eventual = reads && item.get("ConsistentRead") != Some(&Value::Bool(true));
        let table = cluster
            .catalogue()
            .get(region, name)
            .filter(|table| table.strong.is_some() && !eventual);
        let only = (name.clone(), item.clone());
        match table {
            Some(table) => parts.push((Some(table), part(Map::from_iter([only])))),
            None => {
                local.insert(only.0, only.1);
            }
        }
    }
    if !local.is_empty() {
        parts.push((None, part(local)));
    }
    parts
}

/// Whether a batch of reads asks for too many items.
fn is_oversized(request: &Request) -> bool {
    let items = request.body.get(ITEMS).and_then(Value::as_object);
    let count: usize = items
        .into_iter()
        .flat_map(Map::values)
        .filter_map(|item| Some(item.get("Keys")?.as_array()?.len()))
        .sum();
    count > READS_MAX
}

/// Adds one answer to another: objects by member, lists by element.
fn merge(into: &mut Map<String, Value>, from: Map<String, Value>) {
    for (name, value) in from {
        match (into.get_mut(&name), value) {
            (Some(Value::Object(known)), Value::Object(more)) => known.extend(more),
            (Some(Value::Array(known)), Value::Array(more)) => known.extend(more),
            (_, value) => {
                into.insert(name, value);
            }
        }
    }
}
