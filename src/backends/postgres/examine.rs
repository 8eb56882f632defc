//! Whether what a run on PostgreSQL needs is there: the programs, or the servers, each let in,
//! with room for clients and the right to make tables.

use std::time::Duration;

use witness_workloads::DbError;

use super::super::sql::SqlConnection;
use super::super::{quoted_names, sql_tables};
use super::database::Greeting;
use super::target::Target;
use crate::doctor::{self, Checks, Fix, HOST, reach};
use crate::local::postgres::Installed;

/// A server for a run can be started here.
pub(super) fn programs(checks: &mut Checks) {
    let found = Installed::find();
    let found = found.map(|found| format!("its programs are in {}", found.folder().display()));
    checks.installed("PostgreSQL", found, "postgresql");
}

/// Servers that URLs name.
pub(super) async fn servers(targets: &[Target], timeout: Duration, checks: &mut Checks) {
    let mut systems: Vec<(&Target, Option<String>)> = Vec::new();
    let mut primary = false;
    for target in targets {
        let region = target.region.as_str();
        if !reach::examine_any(region, target.server(), timeout, checks).await {
            continue;
        }
        if let Some(greeting) = server(target, timeout, checks).await {
            primary |= !greeting.standby;
            systems.push((target, greeting.system));
        }
    }
    let place = targets.first().map_or(HOST, |target| &target.region);
    if systems.len() == targets.len() {
        match primary {
            true => checks.ok((place, "primary"), "one of the servers is"),
            false => checks.missing(
                (place, "primary"),
                "every server is a standby: a run needs the primary, too",
                Fix::run("witness doctor --url REGION=postgres://USER@PRIMARY/DATABASE"),
            ),
        };
    }
    same(&systems, checks);
}

/// Regions of a run are one database: the same server, or its standbys.
fn same(systems: &[(&Target, Option<String>)], checks: &mut Checks) {
    let [(first, known), others @ ..] = systems else {
        return;
    };
    for (target, system) in others {
        let at = (target.region.as_str(), "same database");
        match (known, system) {
            (Some(known), Some(system)) if known == system => {
                checks.ok(at, format!("as that of {}", first.region));
            }
            (Some(_), Some(_)) => {
                let found = format!("neither that of {} nor a standby of it", first.region);
                let fix = format!(
                    "witness doctor --url {}=postgres://USER@STANDBY_OR_SAME/DATABASE",
                    target.region
                );
                checks.missing(at, found, Fix::run(fix));
            }
            _ => {
                checks.unchecked(at, "who connects may not ask pg_control_system()");
            }
        }
    }
}

async fn server(target: &Target, timeout: Duration, checks: &mut Checks) -> Option<Greeting> {
    let region = target.region.as_str();
    let psql = || {
        Fix::run(format!(
            "psql -d postgres://USER@{} -c \"SELECT 1\"",
            target.printed
        ))
    };
    let at = (region, "let in");
    let client = match target.connect(timeout).await {
        Ok(client) => client,
        Err(error) => {
            checks.missing(at, error.message, psql());
            return None;
        }
    };
    let greeting = match Greeting::of(&client).await {
        Ok(greeting) => greeting,
        Err(error) => {
            checks.missing(at, error.message, psql());
            return None;
        }
    };
    let role = if greeting.standby {
        "a standby"
    } else {
        "a primary"
    };
    let number = greeting.version.split_whitespace().next().unwrap_or("?");
    checks.ok(
        at,
        format!("PostgreSQL {number}, {role}, at {}", target.printed),
    );

    let asked = "SELECT current_setting('max_connections')::int8 \
                 - current_setting('superuser_reserved_connections')::int8 \
                 - (SELECT coalesce(sum(numbackends), 0) FROM pg_stat_database)::int8";
    let free = client.query_one(asked, &[]).await;
    match free.and_then(|row| row.try_get::<_, i64>(0)) {
        Ok(free) => {
            let raise = "psql -c \"ALTER SYSTEM SET max_connections = 500\"";
            doctor::connection::room(region, free, raise, checks);
        }
        Err(_) => {
            checks.unchecked(
                (region, "room"),
                "who connects may not ask how much there is",
            );
        }
    }

    let mut connection = SqlConnection::new(client, timeout);
    doctor::connection::examine(region, &mut connection, checks).await;
    if !greeting.standby {
        let tables = connection.tables().await;
        let made = matches!(tables, Ok(sql_tables::Tables::Made(_)));
        sql_tables::examine(region, tables, checks);
        if made {
            let held = connection
                .ask(&HELD.replace("TABLES", &quoted_names()))
                .await;
            drops(
                region,
                held.map(|rows| rows.iter().map(holder).collect()),
                checks,
            );
        }
    }
    Some(greeting)
}

/// What would not let a table be dropped: what depends on it, or on the type of its rows or of
/// arrays of them, and is not part of it.
const HELD: &str = "\
    SELECT DISTINCT t.oid::regclass::text, pg_describe_object(d.classid, d.objid, d.objsubid) \
    FROM pg_class t \
    JOIN pg_type y ON y.oid = t.reltype \
    JOIN pg_depend d ON d.deptype = 'n' \
     AND (d.refclassid = 'pg_class'::regclass AND d.refobjid = t.oid \
          OR d.refclassid = 'pg_type'::regclass AND d.refobjid IN (y.oid, y.typarray)) \
    LEFT JOIN pg_rewrite r ON d.classid = 'pg_rewrite'::regclass AND r.oid = d.objid \
    LEFT JOIN pg_constraint c ON d.classid = 'pg_constraint'::regclass AND c.oid = d.objid \
    WHERE t.relname IN (TABLES) AND t.relkind IN ('r', 'p') AND pg_table_is_visible(t.oid) \
      AND r.ev_class IS DISTINCT FROM t.oid AND c.conrelid IS DISTINCT FROM t.oid \
    ORDER BY 1, 2";

fn holder(row: &tokio_postgres::Row) -> (String, String) {
    let text = |n| row.try_get::<_, String>(n).unwrap_or_else(|_| "?".into());
    (text(0), text(1))
}

/// Says whether the tables that are there can be dropped, each with what holds it.
fn drops(region: &str, held: Result<Vec<(String, String)>, DbError>, checks: &mut Checks) {
    let at = (region, "may drop tables");
    match held {
        Err(error) => checks.unchecked(at, error.message),
        Ok(held) => match &held[..] {
            [] => checks.ok(at, "nothing depends on one that a run makes anew"),
            [(table, _), ..] => {
                let all: Vec<_> = held.iter().map(|(t, by)| format!("{t} by {by}")).collect();
                let found = format!("what a run makes anew is held: {}", all.join(", "));
                checks.missing(
                    at,
                    found,
                    Fix::run(format!("psql -c 'DROP TABLE {table} CASCADE'")),
                )
            }
        },
    };
}

#[cfg(test)]
mod tests {
    use super::super::super::Url;
    use super::*;
    use crate::doctor::State;

    #[test]
    fn regions_are_one_database() {
        let targets = ["us-east-1", "us-east-2"]
            .map(|region| Target::new(&Url::new(region, "postgres://u:hunter2@h/d")).unwrap());
        for (first, second, state) in [
            (Some("7"), Some("7"), State::Ok),
            (Some("7"), Some("8"), State::Missing),
            (Some("7"), None, State::NotChecked),
            (None, Some("8"), State::NotChecked),
        ] {
            let systems = [first, second].map(|system| system.map(str::to_owned));
            let systems: Vec<_> = targets.iter().zip(systems).collect();
            let mut checks = Checks::default();
            same(&systems, &mut checks);
            assert_eq!(checks.all()[0].state, state, "{first:?} {second:?}");
            assert!(!format!("{checks:?}").contains("hunter2"));
        }
    }
}
