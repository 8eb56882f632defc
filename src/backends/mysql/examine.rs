//! Whether what a run on MySQL or MariaDB needs is there: the programs, or the servers, each
//! let in, in step with its group, with room for clients and the right to make tables.

use std::time::Duration;

use mysql_async::Conn;
use mysql_async::prelude::Queryable;

use super::super::quoted_names;
use super::grants::{Grants, NEEDED};
use super::{MysqlConnection, Place, physical};
use crate::doctor::{self, Check, Checks, Fix, reach};
use crate::local::galera::Installed;

/// Servers for a run can be started here.
pub(super) fn programs(checks: &mut Checks) {
    let found = Installed::find();
    let found = found.map(|found| format!("with Galera, below {}", found.folder().display()));
    checks.installed("MariaDB", found, "mariadb-server-core galera-4");
}

/// A server that a URL names.
pub(super) async fn server(place: &Place, timeout: Duration, checks: &mut Checks) {
    let region = place.region.as_str();
    if !reach::examine_any(region, place.server(), timeout, checks).await {
        return;
    }
    let mut conn = match place.connect(&[], timeout).await {
        Ok(conn) => conn,
        Err(error) => {
            let host = place.opts.ip_or_hostname();
            let fix = format!(
                "mariadb --host {host} --port {} --user USER -p",
                place.opts.tcp_port()
            );
            checks.missing((region, "let in"), error.message, Fix::run(fix));
            return;
        }
    };
    let version = text(&mut conn, "SELECT VERSION()")
        .await
        .unwrap_or_default();
    checks.ok(
        (region, "let in"),
        format!("{version}, at {}", place.printed),
    );
    group(region, &mut conn, checks).await;
    room(region, &mut conn, checks).await;
    grants(place, &mut conn, checks).await;
    let mut connection = MysqlConnection {
        conn,
        timeout,
        failed: None,
    };
    doctor::connection::examine(region, &mut connection, checks).await;
}

async fn text(conn: &mut Conn, asked: &str) -> Option<String> {
    conn.query_first(asked).await.ok().flatten()
}

/// The second column of a status or a variable.
async fn value(conn: &mut Conn, what: &str, name: &str) -> Option<String> {
    let asked = format!("SHOW {what} LIKE '{name}'");
    let row: Option<(String, String)> = conn.query_first(asked).await.ok().flatten();
    row.map(|(_, value)| value)
}

/// A node of Galera is in step, or takes no part.
async fn group(region: &str, conn: &mut Conn, checks: &mut Checks) {
    if !super::galera(conn).await {
        return;
    }
    let state = value(conn, "STATUS", "wsrep_local_state_comment").await;
    let state = state.unwrap_or_else(|| "of unknown state".into());
    let size = value(conn, "STATUS", "wsrep_cluster_size").await;
    in_step(region, &state, size.as_deref().unwrap_or("?"), checks);
}

fn in_step(region: &str, state: &str, size: &str, checks: &mut Checks) {
    let found = format!("{state}, a group of {size}");
    let at = (region, "Galera");
    match state {
        "Synced" => checks.ok(at, found),
        _ => checks.missing(
            at,
            found,
            Fix::run("sudo journalctl -u mariadb --since -10min"),
        ),
    };
}

async fn room(region: &str, conn: &mut Conn, checks: &mut Checks) {
    let at = (region, "room");
    let number = |text: Option<String>| text.and_then(|text| text.parse::<i64>().ok());
    let max = number(value(conn, "VARIABLES", "max_connections").await);
    let used = number(value(conn, "STATUS", "Threads_connected").await);
    let (Some(max), Some(used)) = (max, used) else {
        checks.unchecked(at, "the server does not say how much there is");
        return;
    };
    let raise = "mariadb -e \"SET GLOBAL max_connections = 500\"";
    doctor::connection::room(region, max - used, raise, checks);
}

async fn grants(place: &Place, conn: &mut Conn, checks: &mut Checks) {
    let at = (place.region.as_str(), "may make tables");
    let Some(database) = place.opts.db_name() else {
        let host = place.opts.ip_or_hostname();
        let fix = format!(
            "witness doctor --backend mysql --url {}=mysql://USER@{host}/DATABASE",
            place.region
        );
        checks.missing(at, "the URL names no database", Fix::run(fix));
        return;
    };
    let lines: Vec<String> = match conn.query("SHOW GRANTS").await {
        Ok(lines) => lines,
        Err(error) => {
            checks.unchecked(at, error.to_string());
            return;
        }
    };
    // Of MySQL, and not of every version.
    let literal: Result<Option<bool>, _> = conn.query_first("SELECT @@partial_revokes").await;
    let grants = Grants::of(&lines, !matches!(literal, Ok(Some(true))));
    if may_make(at, database, &grants, checks) {
        held(at.0, conn, checks).await;
    }
}

/// Whether another table refers to one that a run drops: then the server keeps it.
async fn held(region: &str, conn: &mut Conn, checks: &mut Checks) {
    let at = (region, "may drop tables");
    let names = quoted_names();
    let asked = format!(
        "SELECT CONCAT(referenced_table_name, ' by ', table_schema, '.', table_name, ' (', constraint_name, ')') \
         FROM information_schema.key_column_usage \
         WHERE referenced_table_schema = DATABASE() AND referenced_table_name IN ({names}) \
           AND NOT (table_schema = DATABASE() AND table_name = referenced_table_name)"
    );
    match conn.query::<String, _>(asked).await {
        Err(error) => checks.unchecked(at, error.to_string()),
        Ok(held) => holders(at, &held, checks),
    };
}

fn holders<'a>(at: (&str, &'static str), held: &[String], checks: &'a mut Checks) -> &'a mut Check {
    match held {
        [] => checks.ok(
            at,
            "no foreign key that who connects can see holds one that a run makes anew",
        ),
        _ => checks.missing(
            at,
            format!("a foreign key holds {}", held.join(", ")),
            Fix::run("mariadb -e 'ALTER TABLE TABLE_NAME DROP FOREIGN KEY CONSTRAINT_NAME'"),
        ),
    }
}

/// Whether each right that a run uses is granted on each table that one makes: says so.
fn may_make(
    at: (&str, &'static str),
    database: &str,
    grants: &Grants,
    checks: &mut Checks,
) -> bool {
    let tables = witness_workloads::tables();
    let lacking = tables.iter().find_map(|table| {
        let name = physical(table);
        let lacking = grants.lacking(database, &name);
        (!lacking.is_empty()).then_some((name, lacking))
    });
    let sound = lacking.is_none();
    match lacking {
        None => checks.ok(at, format!("{} in {database}", NEEDED.join(", "))),
        Some(_) if grants.roles => {
            checks.unchecked(at, "who connects has roles, whose rights are not shown")
        }
        Some(_) if !grants.unread.is_empty() => {
            let unread = grants.unread.join("; ");
            checks.unchecked(at, format!("could not be read: {unread}"))
        }
        Some((table, lacking)) => {
            let found = format!("not {} of {database}.{table}", lacking.join(", "));
            let name = grants.written(database);
            let grant = format!(
                "mariadb -e 'GRANT {} ON `{name}`.* TO USER'",
                NEEDED.join(", ")
            );
            checks.missing(at, found, Fix::run(grant))
        }
    };
    sound
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::State;

    #[test]
    fn a_node_that_is_not_in_step_is_missing() {
        for (state, expected) in [("Synced", State::Ok), ("Donor/Desynced", State::Missing)] {
            let mut checks = Checks::default();
            in_step("r", state, "2", &mut checks);
            assert_eq!(checks.all()[0].state, expected, "{state}");
        }
    }

    #[test]
    fn a_table_that_is_referred_to_cannot_be_dropped() {
        for (held, expected) in [
            (&[][..], State::Ok),
            (&["x by y".to_owned()], State::Missing),
        ] {
            let mut checks = Checks::default();
            holders(("r", "may drop tables"), held, &mut checks);
            let [check] = checks.all() else {
                panic!("{checks:?}")
            };
            assert_eq!(check.state, expected);
            assert_eq!(check.found.contains("x by y"), expected == State::Missing);
        }
    }

    #[test]
    fn what_is_lacking_is_named_and_granted() {
        for (line, state, found) in [
            (
                "GRANT ALL PRIVILEGES ON `app\\_1`.* TO `a`@`%`",
                State::Ok,
                "CREATE, DROP, INSERT, SELECT, UPDATE in app_1",
            ),
            (
                "GRANT CREATE, SELECT, INSERT ON `app\\_1`.* TO `a`@`%`",
                State::Missing,
                "not DROP, UPDATE of app_1.witness_op_log",
            ),
            (
                "GRANT `role` TO `a`@`%`",
                State::NotChecked,
                "who connects has roles, whose rights are not shown",
            ),
            (
                "GRANT SELECT ON SCHEMA `app\\_1` TO `a`@`%` IDENTIFIED BY PASSWORD '*X'",
                State::NotChecked,
                "could not be read: GRANT SELECT ON SCHEMA `app\\_1`",
            ),
        ] {
            let mut checks = Checks::default();
            let grants = Grants::of(&[line.to_owned()], true);
            may_make(("r", "may make tables"), "app_1", &grants, &mut checks);
            let [check] = checks.all() else {
                panic!("{checks:?}")
            };
            assert_eq!((check.state, check.found.as_str()), (state, found));
            let grant = "mariadb -e 'GRANT CREATE, DROP, INSERT, SELECT, UPDATE \
                         ON `app\\_1`.* TO USER'";
            let fix = (state == State::Missing).then(|| Fix::run(grant));
            assert_eq!(check.fix, fix);
        }
    }
}
