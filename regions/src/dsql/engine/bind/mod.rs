//! Syntax trees to plans: names become positions, types are settled, parameters get
//! theirs from where they stand. Nothing is read or written here but the catalogue.

mod access;
mod call;
mod expression;
mod operator;
mod output;
mod query;
mod schema;
mod scope;
mod session_statement;
mod types;
mod write;

use std::sync::Arc;

use sqlparser::ast::{Ident, ObjectName, ObjectNamePart, Spanned, Statement};

use super::catalog::Table;
use super::error::{Result, SqlError, state};
use super::plan::{OutputColumn, Plan, Prepared};
use super::value::SqlType;

/// What binding may ask about its surroundings.
pub trait Surroundings {
    /// A table by name.
    fn table(&self, name: &str) -> Option<Arc<Table>>;
    /// The role that the session runs as.
    fn role(&self) -> &str;
    /// A session setting.
    fn setting(&self, name: &str) -> Option<String>;
    /// A number for a new relation.
    fn new_relation(&self) -> u32;
    /// The schema's present version.
    fn schema(&self) -> u64;
}

/// Parameter types as far as they are settled, from the client or by their use.
#[derive(Debug, Default)]
pub struct Params {
    types: Vec<Option<SqlType>>,
}

impl Params {
    /// What the client declared; `None` where it leaves the type open.
    pub fn declared(types: Vec<Option<SqlType>>) -> Self {
        Self { types }
    }

    fn finish(self) -> Result<Vec<SqlType>> {
        self.types
            .into_iter()
            .enumerate()
            .map(|(at, ty)| {
                ty.ok_or_else(|| {
                    SqlError::new(
                        state::INDETERMINATE_DATATYPE,
                        format!("could not determine data type of parameter ${}", at + 1),
                    )
                })
            })
            .collect()
    }
}

/// Binds one statement.
pub fn bind(
    statement: &Statement,
    params: Params,
    surroundings: &dyn Surroundings,
) -> Result<Prepared> {
    let schema = surroundings.schema();
    let mut binder = Binder {
        surroundings,
        params,
        depth: 0,
    };
    let (plan, columns) = binder.statement(statement)?;
    Ok(Prepared {
        plan,
        params: binder.params.finish()?,
        columns,
        schema,
    })
}

struct Binder<'a> {
    surroundings: &'a dyn Surroundings,
    params: Params,
    depth: usize,
}

type Bound = (Plan, Vec<OutputColumn>);

impl Binder<'_> {
    fn statement(&mut self, statement: &Statement) -> Result<Bound> {
        Ok(match statement {
            Statement::Query(query) => {
                let (select, columns) = self.query(query)?;
                (Plan::Select(Box::new(select)), columns)
            }
            Statement::Insert(insert) => self.insert(insert)?,
            Statement::Update(update) => self.update(update)?,
            Statement::Delete(delete) => self.delete(delete)?,
            Statement::CreateTable(create) => self.create_table(create)?,
            Statement::CreateIndex(create) => self.create_index(create)?,
            Statement::Drop { .. } => self.drop(statement)?,
            other => self.session_statement(other)?,
        })
    }

    fn find_table(&self, name: &ObjectName) -> Result<Arc<Table>> {
        let start = name.span().start;
        let name = relation_name(name)?;
        let found = self.surroundings.table(&name);
        found.ok_or_else(|| SqlError::undefined_table(&name).at_location(start))
    }
}

/// An identifier as PostgreSQL folds it: lower case unless quoted.
fn fold(ident: &Ident) -> String {
    if ident.quote_style.is_some() {
        ident.value.clone()
    } else {
        ident.value.to_lowercase()
    }
}

fn part(part: &ObjectNamePart) -> Result<String> {
    match part {
        ObjectNamePart::Identifier(ident) => Ok(fold(ident)),
        ObjectNamePart::Function(_) => Err(SqlError::unsupported("computed object name")),
    }
}

/// The name of a relation in the one schema there is, `public`.
fn relation_name(name: &ObjectName) -> Result<String> {
    let parts = name.0.iter().map(part).collect::<Result<Vec<_>>>()?;
    match parts.as_slice() {
        [name] => Ok(name.clone()),
        [schema, name] if schema == "public" => Ok(name.clone()),
        [database, schema, name] if database == "postgres" && schema == "public" => {
            Ok(name.clone())
        }
        [schema, _] if matches!(schema.as_str(), "pg_catalog" | "information_schema" | "sys") => {
            Err(SqlError::unsupported(format_args!("system catalog {name}")))
        }
        _ => Err(SqlError::undefined_table(&parts.join("."))),
    }
}
