//! Whether who connects to PostgreSQL, or what speaks like it, may replace a run's tables.
//! Asks the catalog, and changes nothing.

use tokio_postgres::Row;
use witness_workloads::DbError;

use super::quoted_names;
use super::sql::SqlConnection;
use crate::doctor::{Checks, Fix};

/// What a run would meet with: it drops each of its tables, and makes it anew.
#[derive(Debug, PartialEq)]
pub(super) enum Tables {
    /// Nothing in its way, in this schema.
    Made(String),
    /// No schema of the search path is there, or is open to this role.
    NoSchema { role: String },
    /// This role may make none in this schema.
    Refused { role: String, schema: String },
    /// These tables are of others, whose names come second.
    Foreign {
        role: String,
        tables: Vec<(String, String)>,
    },
    /// What has the name of a table is none.
    Taken(String),
}

impl SqlConnection {
    /// Whether tables can be made where this client would make them, and those that are
    /// there dropped.
    ///
    /// # Errors
    /// What it meets with when it asks.
    pub(super) async fn tables(&mut self) -> Result<Tables, DbError> {
        let asked = "SELECT quote_ident(current_user), quote_ident(current_schema()), \
                     has_schema_privilege(current_schema(), 'CREATE')";
        let rows = self.ask(asked).await?;
        let row = rows.first().ok_or_else(unread)?;
        let role: String = column(row, 0)?;
        let (schema, creates): (Option<String>, Option<bool>) = (column(row, 1)?, column(row, 2)?);
        let schema = match (schema, creates) {
            (None, _) | (_, None) => return Ok(Tables::NoSchema { role }),
            (Some(schema), Some(false)) => return Ok(Tables::Refused { role, schema }),
            (Some(schema), Some(true)) => schema,
        };
        // Who owns the schema may drop what is in it, too.
        let asked = format!(
            "SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname), \
                    pg_get_userbyid(c.relowner)::text, c.relkind IN ('r', 'p') \
             FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
             WHERE c.relname IN ({}) AND pg_table_is_visible(c.oid) \
               AND (c.relkind NOT IN ('r', 'p') \
                    OR NOT (pg_has_role(c.relowner, 'USAGE') OR pg_has_role(n.nspowner, 'USAGE'))) \
             ORDER BY c.relname",
            quoted_names()
        );
        let mut tables = Vec::new();
        for row in &self.ask(&asked).await? {
            let name: String = column(row, 0)?;
            if !column(row, 2)? {
                return Ok(Tables::Taken(name));
            }
            tables.push((name, column(row, 1)?));
        }
        Ok(match tables.is_empty() {
            true => Tables::Made(schema),
            false => Tables::Foreign { role, tables },
        })
    }
}

fn unread() -> DbError {
    DbError::definite("driver", "the server does not say who may make tables")
}

fn column<'a, T: tokio_postgres::types::FromSql<'a>>(
    row: &'a Row,
    number: usize,
) -> Result<T, DbError> {
    row.try_get(number).map_err(|_| unread())
}

/// Says so.
pub(super) fn examine(region: &str, tables: Result<Tables, DbError>, checks: &mut Checks) {
    let at = (region, "may make tables");
    match tables {
        Err(error) => checks.unchecked(at, error.message),
        Ok(Tables::Made(schema)) => checks.ok(at, format!("in the schema {schema}")),
        Ok(Tables::NoSchema { role }) => checks.missing(
            at,
            format!("no schema of the search path is open to {role}"),
            psql(&format!("GRANT USAGE, CREATE ON SCHEMA public TO {role}")),
        ),
        Ok(Tables::Refused { role, schema }) => checks.missing(
            at,
            format!("{role} may not, in the schema {schema}"),
            psql(&format!("GRANT CREATE ON SCHEMA {schema} TO {role}")),
        ),
        Ok(Tables::Foreign { role, tables }) => {
            let names: Vec<_> = tables
                .iter()
                .map(|(table, owner)| format!("{table} of {owner}"))
                .collect();
            let give = tables
                .iter()
                .map(|(table, _)| format!("ALTER TABLE {table} OWNER TO {role}"));
            checks.missing(
                at,
                format!(
                    "{role} may not drop what a run makes anew: {}",
                    names.join(", ")
                ),
                psql(&give.collect::<Vec<_>>().join("; ")),
            )
        }
        Ok(Tables::Taken(name)) => checks.missing(
            at,
            format!("{name} is no table, and has the name of one that a run makes"),
            psql(&format!("\\d {name}")),
        ),
    };
}

fn psql(statement: &str) -> Fix {
    Fix::run(format!("psql -c '{}'", statement.replace('\'', "'\\''")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::State;

    #[test]
    fn what_is_in_the_way_is_named_and_mended() {
        let role = || "app".to_owned();
        let theirs = |name: &str| (format!("public.witness_{name}"), "admin".to_owned());
        for (tables, state, found, fix) in [
            (
                Ok(Tables::Made("public".into())),
                State::Ok,
                "in the schema public",
                None,
            ),
            (
                Ok(Tables::NoSchema { role: role() }),
                State::Missing,
                "no schema of the search path is open to app",
                Some("psql -c 'GRANT USAGE, CREATE ON SCHEMA public TO app'"),
            ),
            (
                Ok(Tables::Refused {
                    role: role(),
                    schema: "\"it's\"".into(),
                }),
                State::Missing,
                "app may not, in the schema \"it's\"",
                Some("psql -c 'GRANT CREATE ON SCHEMA \"it'\\''s\" TO app'"),
            ),
            (
                Ok(Tables::Foreign {
                    role: role(),
                    tables: vec![theirs("lists"), theirs("seats")],
                }),
                State::Missing,
                "app may not drop what a run makes anew: public.witness_lists of admin, \
                 public.witness_seats of admin",
                Some(
                    "psql -c 'ALTER TABLE public.witness_lists OWNER TO app; \
                     ALTER TABLE public.witness_seats OWNER TO app'",
                ),
            ),
            (
                Ok(Tables::Taken("public.witness_seats".into())),
                State::Missing,
                "public.witness_seats is no table, and has the name of one that a run makes",
                Some("psql -c '\\d public.witness_seats'"),
            ),
            (
                Err(DbError::definite("0A000", "not supported")),
                State::NotChecked,
                "not supported",
                None,
            ),
        ] {
            let mut checks = Checks::default();
            examine("r", tables, &mut checks);
            let [check] = checks.all() else {
                panic!("{checks:?}")
            };
            assert_eq!((check.state, check.found.as_str()), (state, found));
            assert_eq!(check.fix, fix.map(Fix::run));
        }
    }
}
