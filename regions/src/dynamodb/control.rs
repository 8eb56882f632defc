//! The operations on tables: creating and describing them, adding replicas and
//! taking them away. A global table is made as on AWS: created in one region,
//! then given replicas by `UpdateTable` (version 2019.11.21).
//!
//! A change is complete when its answer goes out, which still says `CREATING` or
//! `UPDATING`; the next `DescribeTable` says `ACTIVE`.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::catalogue::Table;
use super::cluster::Cluster;
use super::engine::Engine;
use super::error::{ApiError, ApiResult};
use super::operation::Operation;
use super::options::Consistency;
use super::replica::Replica;
use super::replica_plan::Plan;
use super::request::{KeySchema, Request};
use super::strong::Strong;

/// Executes an operation on tables in a region.
pub(super) fn run(cluster: &Cluster, region: usize, request: &Request) -> ApiResult<String> {
    match request.operation {
        Operation::CreateTable => create(cluster, region, request),
        Operation::UpdateTable => update(cluster, region, request),
        Operation::DeleteTable => delete(cluster, region, request),
        Operation::DescribeTable => describe(cluster, region, request),
        _ => cluster
            .engine(region)
            .call(request.operation, &request.body),
    }
}

fn create(cluster: &Cluster, region: usize, request: &Request) -> ApiResult<String> {
    let mut replica = cluster.replica(region);
    let answer = replica.engine().call(request.operation, &request.body)?;
    let (Some(name), Some(schema)) = (request.table(), KeySchema::of(&request.body)) else {
        return Err(ApiError::internal("a table without a key schema"));
    };
    let mut definition = request.body.clone();
    // Tags do not travel to replicas.
    if let Some(members) = definition.as_object_mut() {
        members.remove("Tags");
    }
    let mut catalogue = cluster.catalogue_mut();
    let table = Table {
        name: name.to_owned(),
        generation: catalogue.next_generation(),
        schema,
        definition,
        updates: Vec::new(),
        replicas: vec![region],
        witness: None,
        strong: None,
    };
    replica.add_table(name, table.generation, table.schema.clone());
    let answer = dress(cluster, region, &table, &answer, &[]);
    catalogue.put(table);
    answer
}

fn describe(cluster: &Cluster, region: usize, request: &Request) -> ApiResult<String> {
    let answer = cluster
        .engine(region)
        .call(request.operation, &request.body)?;
    match find(cluster, region, request) {
        Some(table) => dress(cluster, region, &table, &answer, &[]),
        None => Ok(answer),
    }
}

fn delete(cluster: &Cluster, region: usize, request: &Request) -> ApiResult<String> {
    let mut replicas = cluster.replicas();
    let replica = &mut *replicas[region];
    let table = find(cluster, region, request);
    if let Some(table) = &table
        && table.strong.is_some()
    {
        return Err(ApiError::validation(format!(
            "Table {} is a replica of a global table with multi-Region strong consistency: remove \
             its other replicas and its witness first",
            table.name
        )));
    }
    let answer = replica.engine().call(request.operation, &request.body)?;
    let Some(table) = table else {
        return Ok(answer);
    };
    let rest = forget(cluster, region, replica, &table);
    dress(cluster, region, &rest, &answer, &[])
}

/// Takes a region out of a table's replicas.
fn forget(cluster: &Cluster, region: usize, replica: &mut Replica, table: &Table) -> Table {
    replica.drop_table(&table.name);
    let mut rest = table.clone();
    rest.replicas.retain(|holder| *holder != region);
    let mut catalogue = cluster.catalogue_mut();
    catalogue.remove(region, &table.name);
    catalogue.put(rest.clone());
    rest
}

fn update(cluster: &Cluster, region: usize, request: &Request) -> ApiResult<String> {
    let mut replicas = cluster.replicas();
    let Some(table) = find(cluster, region, request) else {
        // Says what is wrong with the name, or that there is no such table.
        let name = json!({ "TableName": request.body.get("TableName") });
        return replicas[region]
            .engine()
            .call(Operation::DescribeTable, &name);
    };
    let plan = Plan::read(cluster, region, &table, &request.body)?;
    let becomes_strong = plan.consistency == Some(Consistency::Mrsc);
    if becomes_strong && !replicas[region].engine().is_empty(&table.name)? {
        return Err(ApiError::validation(format!(
            "Table {} must be empty to become a global table with multi-Region strong consistency",
            table.name
        )));
    }
    let mut table = Table::clone(&table);
    if plan.changes_no_replicas() || plan.rest.len() > 1 {
        let rest = Value::Object(plan.rest.clone());
        replicas[region].engine().call(request.operation, &rest)?;
        for other in table.replicas.iter().filter(|other| **other != region) {
            replicas[*other].engine().call(request.operation, &rest)?;
        }
        if let Some(strong) = &table.strong {
            strong.engine().call(request.operation, &rest)?;
        }
        table.updates.push(rest);
    }
    if becomes_strong {
        make_strong(region, &mut table, &replicas)?;
    }
    table.witness = plan.witness.clone();
    for to in &plan.create {
        add_replica(&table, *to, &mut replicas)?;
        table.replicas.push(*to);
    }
    if !plan.delete.is_empty() {
        remove_replicas(cluster, &mut table, &plan.delete, &mut replicas)?;
    }
    cluster.catalogue_mut().put(table.clone());
    let name = json!({ "TableName": table.name });
    let answer = cluster
        .engine(region)
        .call(Operation::DescribeTable, &name)?;
    let answer = dress(cluster, region, &table, &answer, &plan.create)?;
    let mut answer: Map<String, Value> = parse(&answer)?;
    let mut description = answer.remove("Table").unwrap_or_default();
    description["TableStatus"] = json!("UPDATING");
    Ok(json!({ "TableDescription": description }).to_string())
}

fn make_strong(
    region: usize,
    table: &mut Table,
    replicas: &[impl std::ops::Deref<Target = Replica>],
) -> ApiResult<()> {
    let engine = Engine::new()?;
    define(&engine, table)?;
    let mut store = Replica::new(region, engine.clone());
    // Takes over the tombstones, so that the regions' copies accept what follows.
    store.add_table(&table.name, table.generation, table.schema.clone());
    store.copy_table(&table.name, &replicas[region])?;
    table.strong = Some(Arc::new(Strong::new(engine, store)));
    Ok(())
}

/// Makes the table in an engine that does not have it.
pub(super) fn define(engine: &Engine, table: &Table) -> ApiResult<()> {
    engine.call(Operation::CreateTable, &table.definition)?;
    for update in &table.updates {
        engine.call(Operation::UpdateTable, update)?;
    }
    Ok(())
}

fn add_replica(
    table: &Table,
    to: usize,
    replicas: &mut [impl std::ops::DerefMut<Target = Replica>],
) -> ApiResult<()> {
    define(replicas[to].engine(), table)?;
    let generation = table.generation;
    replicas[to].add_table(&table.name, generation, table.schema.clone());
    // What one has and another has not seen is on its way to that one alone, so the
    // new replica needs the latest of all.
    for from in &table.replicas {
        let (low, high) = replicas.split_at_mut((*from).max(to));
        match *from < to {
            true => high[0].merge_table(&table.name, &low[*from])?,
            false => low[to].merge_table(&table.name, &high[0])?,
        }
    }
    Ok(())
}

fn remove_replicas(
    cluster: &Cluster,
    table: &mut Table,
    regions: &[usize],
    replicas: &mut [impl std::ops::DerefMut<Target = Replica>],
) -> ApiResult<()> {
    let name = json!({ "TableName": table.name });
    for region in regions {
        let replica = &mut *replicas[*region];
        replica.engine().call(Operation::DeleteTable, &name)?;
        *table = forget(cluster, *region, replica, table);
    }
    // What is left of a strong table is a table of one region, with all it holds.
    if let (Some(strong), [last]) = (&table.strong, table.replicas.as_slice()) {
        let mut store = strong.store();
        replicas[*last].copy_table(&table.name, &store)?;
        // What is still on its way there must fail: a write would be acknowledged
        // and lost.
        strong.engine().call(Operation::DeleteTable, &name)?;
        store.drop_table(&table.name);
        drop(store);
        table.strong = None;
        table.witness = None;
    }
    Ok(())
}

fn find(cluster: &Cluster, region: usize, request: &Request) -> Option<Arc<Table>> {
    cluster.catalogue().get(region, request.table()?)
}

fn parse(answer: &str) -> ApiResult<Map<String, Value>> {
    serde_json::from_str(answer).map_err(|error| ApiError::internal(error.to_string()))
}

/// Adds what a region knows of its global table to an engine's description.
fn dress(
    cluster: &Cluster,
    region: usize,
    table: &Table,
    answer: &str,
    fresh: &[usize],
) -> ApiResult<String> {
    let names = &cluster.options.regions;
    let here = format!("arn:aws:dynamodb:{}:", names[region]);
    let mut answer = parse(&answer.replace("arn:aws:dynamodb:dynoxide:", &here))?;
    let others: Vec<_> = table
        .replicas
        .iter()
        .filter(|other| **other != region)
        .map(|other| {
            let creating = fresh.contains(other);
            json!({
                "RegionName": names[*other],
                "ReplicaStatus": if creating { "CREATING" } else { "ACTIVE" },
            })
        })
        .collect();
    if !others.is_empty()
        && let Some(description) = answer.values_mut().next()
    {
        description["Replicas"] = json!(others);
        description["GlobalTableVersion"] = json!("2019.11.21");
        let strong = table.strong.is_some();
        description["MultiRegionConsistency"] = json!(if strong { "STRONG" } else { "EVENTUAL" });
        if let Some(witness) = &table.witness {
            let status = if fresh.is_empty() {
                "ACTIVE"
            } else {
                "CREATING"
            };
            description["GlobalTableWitnesses"] =
                json!([{ "RegionName": witness, "WitnessStatus": status }]);
        }
    }
    Ok(Value::Object(answer).to_string())
}
