//! The names that an expression can use.

use super::super::catalog::Table;
use super::super::plan::Aggregate;
use super::super::value::SqlType;

/// The names that an expression can use.
#[derive(Debug, Default)]
pub struct Scope {
    tables: Vec<ScopeTable>,
    pub(super) width: usize,
    /// Whether aggregates may stand here; they become columns past the width.
    pub(super) aggregates: Option<Vec<Aggregate>>,
}

#[derive(Debug)]
struct ScopeTable {
    name: String,
    columns: Vec<(String, SqlType)>,
    offset: usize,
    /// Whether its columns need the table's name in front.
    qualified_only: bool,
}

impl Scope {
    pub fn of(table: &Table, alias: Option<String>) -> Self {
        let mut scope = Self::default();
        scope.add(table, alias.unwrap_or_else(|| table.name.clone()), false);
        scope
    }

    pub fn add(&mut self, table: &Table, name: String, qualified_only: bool) {
        let columns = table
            .columns
            .iter()
            .map(|column| (column.name.clone(), column.ty))
            .collect::<Vec<_>>();
        let offset = self.width;
        self.width += columns.len();
        self.tables.push(ScopeTable {
            name,
            columns,
            offset,
            qualified_only,
        });
    }

    /// Lets aggregates in from here on.
    pub fn allow_aggregates(&mut self) {
        self.aggregates = Some(Vec::new());
    }

    /// Takes the aggregates that were met.
    pub fn take_aggregates(&mut self) -> Vec<Aggregate> {
        self.aggregates.take().unwrap_or_default()
    }

    pub fn width(&self) -> usize {
        self.width
    }

    /// Whether a name in front of a column, or of `.*`, is that of a table here.
    pub fn has_table(&self, name: &str) -> bool {
        self.tables.iter().any(|table| table.name == name)
    }

    /// The name of the column at a position, qualified.
    pub fn describe(&self, at: usize) -> String {
        self.tables
            .iter()
            .find(|table| (table.offset..table.offset + table.columns.len()).contains(&at))
            .map_or_else(String::new, |table| {
                format!("{}.{}", table.name, table.columns[at - table.offset].0)
            })
    }

    pub fn find(&self, qualifier: Option<&str>, name: &str) -> Option<(usize, SqlType)> {
        self.tables
            .iter()
            .filter(|table| match qualifier {
                Some(qualifier) => table.name == qualifier,
                None => !table.qualified_only,
            })
            .find_map(|table| {
                let at = table.columns.iter().position(|column| column.0 == name)?;
                Some((table.offset + at, table.columns[at].1))
            })
    }
}
