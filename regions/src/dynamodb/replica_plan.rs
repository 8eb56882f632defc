//! What an `UpdateTable` request asks of a table's replicas, checked against the
//! rules of global tables: one replica a region; one consistency mode for ever;
//! strong consistency in exactly three regions, one of which may be a witness.

use serde_json::{Map, Value};

use super::catalogue::Table;
use super::cluster::Cluster;
use super::error::{ApiError, ApiResult};
use super::options::Consistency;

/// A valid request, read.
pub(super) struct Plan {
    /// Regions that get a replica.
    pub(super) create: Vec<usize>,
    /// Regions that lose theirs.
    pub(super) delete: Vec<usize>,
    /// The witness after the update.
    pub(super) witness: Option<String>,
    /// Set if the table becomes a global one.
    pub(super) consistency: Option<Consistency>,
    /// The request without all of that.
    pub(super) rest: Map<String, Value>,
}

/// What `ReplicaUpdates` or `GlobalTableWitnessUpdates` asks for, by region name.
#[derive(Default)]
struct Updates {
    create: Vec<String>,
    delete: Vec<String>,
}

impl Plan {
    /// Reads a request that came to `region`, which has a replica of `table`.
    pub(super) fn read(
        cluster: &Cluster,
        region: usize,
        table: &Table,
        body: &Value,
    ) -> ApiResult<Self> {
        let mut rest = body.as_object().cloned().unwrap_or_default();
        let replicas = Updates::take(&mut rest, "ReplicaUpdates")?;
        let witnesses = Updates::take(&mut rest, "GlobalTableWitnessUpdates")?;
        let wanted = consistency(&mut rest)?;
        let index = |name: &String| {
            cluster.region(name).ok_or_else(|| {
                ApiError::validation(format!(
                    "Replica specified in the Replica Update is in an unsupported Region: {name}"
                ))
            })
        };
        let create = replicas
            .create
            .iter()
            .map(index)
            .collect::<ApiResult<_>>()?;
        let delete = replicas
            .delete
            .iter()
            .map(index)
            .collect::<ApiResult<_>>()?;
        let mut plan = Self {
            create,
            delete,
            witness: table.witness.clone(),
            consistency: None,
            rest,
        };
        plan.check_members(cluster, region, table)?;
        if plan.create.is_empty() && wanted.is_some() {
            return Err(ApiError::validation(
                "MultiRegionConsistency can only be specified when creating a global table",
            ));
        }
        let is_global = table.replicas.len() > 1;
        if is_global {
            plan.check_global(table, wanted, &witnesses)?;
        } else if !plan.create.is_empty() {
            let mode = wanted.unwrap_or(cluster.options.consistency);
            plan.consistency = Some(mode);
            plan.witness = witnesses.create.first().cloned();
            if mode == Consistency::Mrsc && wanted.is_none() && plan.create.len() == 1 {
                // The cluster's default stands for a request that names a witness.
                plan.witness
                    .get_or_insert_with(|| default_witness(&cluster.options.regions));
            }
            plan.check_new(mode, &witnesses, &cluster.options.regions)?;
        } else if !witnesses.is_empty() {
            return Err(ApiError::validation(
                "GlobalTableWitnessUpdates needs a global table with multi-Region strong \
                 consistency",
            ));
        }
        Ok(plan)
    }

    /// Whether the request concerns the table alone.
    pub(super) fn changes_no_replicas(&self) -> bool {
        self.create.is_empty() && self.delete.is_empty()
    }

    fn check_members(&self, cluster: &Cluster, region: usize, table: &Table) -> ApiResult<()> {
        for to in &self.create {
            let twice = self.create.iter().filter(|other| *other == to).count() > 1;
            if twice || *to == region || cluster.catalogue().get(*to, &table.name).is_some() {
                return Err(ApiError::validation(format!(
                    "Failed to create a the new replica of table with name: '{}' because one or \
                     more replicas already existed as tables.",
                    table.name
                )));
            }
        }
        for from in &self.delete {
            let twice = self.delete.iter().filter(|other| *other == from).count() > 1;
            if twice || *from == region || !table.replicas.contains(from) {
                return Err(ApiError::validation(format!(
                    "Update global table operation failed because one or more replicas were not \
                     part of the global table: '{}'",
                    cluster.options.regions[*from]
                )));
            }
        }
        Ok(())
    }

    /// The rules for a table that is global already.
    fn check_global(
        &self,
        table: &Table,
        wanted: Option<Consistency>,
        witnesses: &Updates,
    ) -> ApiResult<()> {
        let is = match table.strong {
            Some(_) => Consistency::Mrsc,
            None => Consistency::Mrec,
        };
        if wanted.is_some_and(|wanted| wanted != is) {
            return Err(ApiError::validation(
                "The consistency mode of a global table cannot be changed",
            ));
        }
        if is == Consistency::Mrec && !witnesses.is_empty() {
            return Err(ApiError::validation(
                "GlobalTableWitnessUpdates needs a global table with multi-Region strong \
                 consistency",
            ));
        }
        let left = table.replicas.len() - self.delete.len();
        let touched = !self.changes_no_replicas() || !witnesses.is_empty();
        if is == Consistency::Mrsc && touched && (!self.create.is_empty() || left > 1) {
            return Err(ApiError::validation(
                "A global table with multi-Region strong consistency keeps its three Regions: all \
                 other replicas and the witness can only be removed together",
            ));
        }
        Ok(())
    }

    /// The rules for a table that becomes global.
    fn check_new(
        &self,
        mode: Consistency,
        witnesses: &Updates,
        regions: &[String],
    ) -> ApiResult<()> {
        if mode == Consistency::Mrec {
            return match witnesses.is_empty() {
                true => Ok(()),
                false => Err(ApiError::validation(
                    "GlobalTableWitnessUpdates needs MultiRegionConsistency STRONG",
                )),
            };
        }
        let members = 1 + self.create.len() + usize::from(self.witness.is_some());
        if members != 3 || witnesses.create.len() > 1 || !witnesses.delete.is_empty() {
            return Err(ApiError::validation(
                "A global table with multi-Region strong consistency must be in exactly three \
                 Regions: three replicas, or two replicas and one witness",
            ));
        }
        let holds = |name: &String| {
            let at = regions.iter().position(|region| region == name);
            at.is_some_and(|at| self.create.contains(&at))
        };
        if self.witness.as_ref().is_some_and(holds) {
            return Err(ApiError::validation(
                "A Region cannot be both a replica and the witness of a global table",
            ));
        }
        Ok(())
    }
}

impl Updates {
    fn take(body: &mut Map<String, Value>, member: &str) -> ApiResult<Self> {
        let mut updates = Self::default();
        let list = match body.remove(member) {
            None | Some(Value::Null) => return Ok(updates),
            Some(Value::Array(list)) => list,
            Some(_) => return Err(ApiError::of(super::ErrorKind::Serialization)),
        };
        for update in &list {
            let region = |action: &str| {
                let name = update.get(action)?.get("RegionName")?.as_str()?;
                Some(name.to_owned())
            };
            match (region("Create"), region("Delete")) {
                (Some(name), None) => updates.create.push(name),
                (None, Some(name)) => updates.delete.push(name),
                // Update changes settings (encryption, throughput) that do not
                // exist here; saying so is better than pretending.
                _ => {
                    return Err(ApiError::validation(format!(
                        "Each of {member} must hold either a Create or a Delete with a RegionName"
                    )));
                }
            }
        }
        Ok(updates)
    }

    fn is_empty(&self) -> bool {
        self.create.is_empty() && self.delete.is_empty()
    }
}

fn consistency(body: &mut Map<String, Value>) -> ApiResult<Option<Consistency>> {
    match body.remove("MultiRegionConsistency") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(mode)) if mode == "STRONG" => Ok(Some(Consistency::Mrsc)),
        Some(Value::String(mode)) if mode == "EVENTUAL" => Ok(Some(Consistency::Mrec)),
        Some(Value::String(mode)) => Err(ApiError::validation(format!(
            "1 validation error detected: Value '{mode}' at 'multiRegionConsistency' failed to \
             satisfy constraint: Member must satisfy enum value set: [EVENTUAL, STRONG]"
        ))),
        Some(_) => Err(ApiError::of(super::ErrorKind::Serialization)),
    }
}

/// A region of AWS that has no endpoint here.
fn default_witness(regions: &[String]) -> String {
    ["us-west-2", "us-east-2", "us-east-1"]
        .into_iter()
        .find(|name| !regions.iter().any(|region| region == name))
        .unwrap_or("eu-west-1")
        .to_owned()
}
