//! What a table is: its columns, its keys, its place in the store. Tables are
//! immutable once made; a schema change makes new ones.

use std::sync::Arc;

use super::error::{Result, SqlError, state};
use super::expr::Expr;
use super::value::{SqlType, Value};

/// A stored relation: a table's rows, or the entries of a unique constraint.
pub type RelationId = u32;
/// A row's key within its relation.
pub type Key = Vec<Value>;
/// A row, shared between versions, snapshots and results.
pub type Row = Arc<[Value]>;

/// A column of a table.
#[derive(Clone, Debug)]
pub struct Column {
    /// Its name, folded to lower case unless it was quoted.
    pub name: String,
    /// Its type.
    pub ty: SqlType,
    /// The longest text it takes, in characters: `varchar(n)`.
    pub length_max: Option<usize>,
    /// Whether null is refused; true for every column of the primary key.
    pub not_null: bool,
    /// What an insert that does not name it stores.
    pub default: Option<Expr>,
}

/// A unique constraint besides the primary key.
#[derive(Clone, Debug)]
pub struct Unique {
    /// The constraint's name.
    pub name: String,
    /// The constrained columns, by position.
    pub columns: Vec<usize>,
    /// The relation that maps the columns' values to the key of the row that has them.
    pub relation: RelationId,
}

/// A table.
#[derive(Clone, Debug)]
pub struct Table {
    /// Its name.
    pub name: String,
    /// The relation that holds its rows.
    pub relation: RelationId,
    /// Its columns, in order.
    pub columns: Vec<Column>,
    /// The columns of the primary key; empty when rows are keyed by a hidden number.
    pub primary_key: Vec<usize>,
    /// The name of the primary key's constraint.
    pub primary_key_name: String,
    /// The other unique constraints.
    pub uniques: Vec<Unique>,
}

impl Table {
    /// The position of a column.
    pub fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }

    /// The key of a row under the primary key; `None` when the table has none.
    pub fn key_of(&self, row: &[Value]) -> Option<Key> {
        (!self.primary_key.is_empty()).then(|| pick(row, &self.primary_key))
    }

    /// Refuses a row with a null or an overlong text where the column forbids it.
    pub fn check_row(&self, row: &[Value]) -> Result<()> {
        for (column, value) in self.columns.iter().zip(row) {
            if column.not_null && value.is_null() {
                let values: Vec<_> = row.iter().map(shown).collect();
                return Err(SqlError::new(
                    state::NOT_NULL_VIOLATION,
                    format!(
                        "null value in column \"{}\" of relation \"{}\" violates not-null constraint",
                        column.name, self.name
                    ),
                )
                .detail(format!("Failing row contains ({}).", values.join(", "))));
            }
            if let (Some(limit), Value::Text(text)) = (column.length_max, value)
                && text.chars().count() > limit
            {
                return Err(SqlError::new(
                    state::STRING_DATA_RIGHT_TRUNCATION,
                    format!("value too long for type character varying({limit})"),
                ));
            }
        }
        Ok(())
    }

    /// The error for a second row with the same key.
    pub fn duplicate_key(&self, constraint: &str, columns: &[usize], key: &[Value]) -> SqlError {
        let names: Vec<_> = columns
            .iter()
            .map(|&at| self.columns[at].name.as_str())
            .collect();
        let values: Vec<_> = key.iter().map(shown).collect();
        SqlError::new(
            state::UNIQUE_VIOLATION,
            format!("duplicate key value violates unique constraint \"{constraint}\""),
        )
        .detail(format!(
            "Key ({})=({}) already exists.",
            names.join(", "),
            values.join(", ")
        ))
        .constraint(constraint)
    }
}

/// The values at some positions of a row.
pub fn pick(row: &[Value], columns: &[usize]) -> Key {
    columns.iter().map(|&at| row[at].clone()).collect()
}

fn shown(value: &Value) -> String {
    if value.is_null() {
        "null".to_owned()
    } else {
        value.to_text()
    }
}
