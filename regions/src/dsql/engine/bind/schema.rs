//! Binding of schema statements.

use std::sync::Arc;

use sqlparser::ast::{
    self, ColumnOption, CreateIndex, CreateTable, IndexColumn, ObjectType, Statement,
    TableConstraint,
};

use super::super::catalog::{Column, Table, Unique};
use super::super::error::{Result, SqlError, state};
use super::super::plan::{OutputColumn, Plan, SchemaPlan};
use super::super::transaction::SchemaChange;
use super::super::value::SqlType;
use super::query::refuse;
use super::scope::Scope;
use super::types::data_type;
use super::{Binder, Bound, fold, relation_name};

/// The most columns of a table: the service's limit.
const TABLE_COLUMNS_MAX: usize = 255;

/// A key as declared: its constraint's name, if given, and its columns.
type Key = (Option<String>, Vec<String>);

impl Binder<'_> {
    pub fn create_table(&mut self, create: &CreateTable) -> Result<Bound> {
        if create.temporary {
            return Err(SqlError::unsupported("TEMPORARY or TEMP table")
                .message("TEMPORARY or TEMP table not supported for CREATE TABLE"));
        }
        if create.unlogged {
            return Err(SqlError::unsupported("UNLOGGED table")
                .message("UNLOGGED table not supported for CREATE TABLE"));
        }
        if create.query.is_some() {
            return Err(SqlError::unsupported_statement("CreateTableAs"));
        }
        let refused = [
            (create.or_replace, "OR REPLACE"),
            (create.like.is_some(), "CREATE TABLE LIKE"),
            (create.inherits.is_some(), "INHERITS"),
            (create.partition_by.is_some(), "PARTITION BY"),
            (create.partition_of.is_some(), "PARTITION OF"),
            (create.on_commit.is_some(), "ON COMMIT"),
            (create.external, "EXTERNAL table"),
            (
                !matches!(create.table_options, ast::CreateTableOptions::None),
                "table option",
            ),
        ];
        refuse(&refused)?;
        let name = relation_name(&create.name)?;
        if self.surroundings.table(&name).is_some() {
            let error = SqlError::new(
                state::DUPLICATE_TABLE,
                format!("relation \"{name}\" already exists"),
            );
            if !create.if_not_exists {
                return Err(error);
            }
            let message = format!("{}, skipping", error.message);
            return Ok(nothing("CREATE TABLE", error.message(message)));
        }
        let table = self.table(name, create)?;
        Ok(schema(
            "CREATE TABLE",
            SchemaChange::Create(Arc::new(table)),
        ))
    }

    fn table(&mut self, name: String, create: &CreateTable) -> Result<Table> {
        let mut columns: Vec<Column> = Vec::with_capacity(create.columns.len());
        let mut primary: Vec<Key> = Vec::new();
        let mut uniques: Vec<Key> = Vec::new();
        for definition in &create.columns {
            let column = self.column_definition(definition, &mut primary, &mut uniques)?;
            if columns.iter().any(|known| known.name == column.name) {
                return Err(SqlError::new(
                    state::DUPLICATE_COLUMN,
                    format!("column \"{}\" specified more than once", column.name),
                ));
            }
            columns.push(column);
        }
        if columns.len() > TABLE_COLUMNS_MAX {
            return Err(SqlError::new(
                state::TOO_MANY_COLUMNS,
                format!("tables can have at most {TABLE_COLUMNS_MAX} columns"),
            ));
        }
        for constraint in &create.constraints {
            match constraint {
                TableConstraint::PrimaryKey(key) => {
                    let name = key.name.as_ref().map(fold);
                    primary.push((name, key_columns(&key.columns)?));
                }
                TableConstraint::Unique(key) => {
                    let name = key.name.as_ref().map(fold);
                    uniques.push((name, key_columns(&key.columns)?));
                }
                TableConstraint::ForeignKey(_) => {
                    return Err(SqlError::unsupported("FOREIGN KEY"));
                }
                other => return Err(SqlError::unsupported(format_args!("constraint {other}"))),
            }
        }
        if primary.len() > 1 {
            return Err(SqlError::new(
                state::INVALID_TABLE_DEFINITION,
                format!("multiple primary keys for table \"{name}\" are not allowed"),
            ));
        }
        let positions = |key: &Key| {
            key.1
                .iter()
                .map(|wanted| {
                    columns
                        .iter()
                        .position(|column| column.name == *wanted)
                        .ok_or_else(|| {
                            SqlError::new(
                                state::UNDEFINED_COLUMN,
                                format!("column \"{wanted}\" named in key does not exist"),
                            )
                        })
                })
                .collect::<Result<Vec<_>>>()
        };
        let mut primary_key = Vec::new();
        let mut primary_key_name = format!("{name}_pkey");
        if let Some(key) = primary.first() {
            primary_key = positions(key)?;
            primary_key_name = key.0.clone().unwrap_or(primary_key_name);
        }
        let uniques = uniques
            .iter()
            .map(|key| {
                let default = || format!("{name}_{}_key", key.1.join("_"));
                Ok(Unique {
                    name: key.0.clone().unwrap_or_else(default),
                    columns: positions(key)?,
                    relation: self.surroundings.new_relation(),
                })
            })
            .collect::<Result<Vec<_>>>()?;
        for &at in &primary_key {
            columns[at].not_null = true;
        }
        for &at in uniques
            .iter()
            .flat_map(|unique| &unique.columns)
            .chain(&primary_key)
        {
            if columns[at].ty == SqlType::Json {
                return Err(SqlError::new(
                    state::UNDEFINED_OBJECT,
                    "data type json has no default operator class for access method \"btree\"",
                ));
            }
        }
        Ok(Table {
            relation: self.surroundings.new_relation(),
            name,
            columns,
            primary_key,
            primary_key_name,
            uniques,
        })
    }

    fn column_definition(
        &mut self,
        definition: &ast::ColumnDef,
        primary: &mut Vec<Key>,
        uniques: &mut Vec<Key>,
    ) -> Result<Column> {
        let name = fold(&definition.name);
        let (ty, length_max) = data_type(&definition.data_type)?;
        let mut column = Column {
            name: name.clone(),
            ty,
            length_max,
            not_null: false,
            default: None,
        };
        for option in &definition.options {
            let constraint = option.name.as_ref().map(fold);
            match &option.option {
                ColumnOption::Null => {}
                ColumnOption::NotNull => column.not_null = true,
                ColumnOption::Default(expr) => {
                    let typed = self.expr(expr, &mut Scope::default())?;
                    column.default = Some(self.assign(typed, ty, &name)?);
                }
                ColumnOption::PrimaryKey(_) => primary.push((constraint, vec![name.clone()])),
                ColumnOption::Unique(_) => uniques.push((constraint, vec![name.clone()])),
                ColumnOption::Check(_) => return Err(SqlError::unsupported("CHECK")),
                ColumnOption::ForeignKey(_) => {
                    return Err(SqlError::unsupported("FOREIGN KEY"));
                }
                other => {
                    return Err(SqlError::unsupported(format_args!("column option {other}")));
                }
            }
        }
        Ok(column)
    }

    pub fn create_index(&mut self, create: &CreateIndex) -> Result<Bound> {
        if !create.r#async {
            return Err(SqlError::new(
                state::FEATURE_NOT_SUPPORTED,
                "unsupported mode. please use CREATE INDEX ASYNC.",
            ));
        }
        // An index is in the schema of its table.
        if create.name.as_ref().is_some_and(|name| name.0.len() > 1) {
            return Err(SqlError::new(
                state::SYNTAX_ERROR,
                "syntax error at or near \".\"",
            ));
        }
        let table = self.find_table(&create.table_name)?;
        if create.unique {
            return Err(SqlError::unsupported("CREATE UNIQUE INDEX ASYNC")
                .hint("Declare the constraint UNIQUE in CREATE TABLE."));
        }
        for column in &create.columns {
            if let ast::Expr::Identifier(ident) = &column.column.expr {
                let name = fold(ident);
                table.column(&name).ok_or_else(|| {
                    SqlError::new(
                        state::UNDEFINED_COLUMN,
                        format!("column \"{name}\" does not exist"),
                    )
                })?;
            }
        }
        let plan = SchemaPlan {
            tag: "CREATE INDEX",
            change: Some(SchemaChange::Index),
            notice: Some(
                SqlError::new("00000", "the index is accepted but not built").detail(
                    "This database finds rows by primary key only; an index changes no answer.",
                ),
            ),
            job: true,
        };
        let job_id = OutputColumn {
            name: "job_id".to_owned(),
            ty: SqlType::Text,
            origin: (0, 0),
            length_max: None,
        };
        Ok((Plan::Schema(plan), vec![job_id]))
    }

    pub fn drop(&mut self, statement: &Statement) -> Result<Bound> {
        let Statement::Drop {
            object_type,
            if_exists,
            names,
            ..
        } = statement
        else {
            return Err(SqlError::unsupported("DROP"));
        };
        if *object_type != ObjectType::Table {
            return Err(SqlError::unsupported(format_args!("DROP {object_type}")));
        }
        let mut found = Vec::new();
        let mut notice = None;
        for name in names {
            let name = relation_name(name)?;
            if self.surroundings.table(&name).is_some() {
                found.push(name);
                continue;
            }
            let error = SqlError::new(
                state::UNDEFINED_TABLE,
                format!("table \"{name}\" does not exist"),
            );
            if !if_exists {
                return Err(error);
            }
            let message = format!("{}, skipping", error.message);
            notice = Some(error.message(message));
        }
        Ok(match (found.is_empty(), notice) {
            (true, Some(notice)) => nothing("DROP TABLE", notice),
            _ => schema("DROP TABLE", SchemaChange::Drop(found)),
        })
    }
}

fn schema(tag: &'static str, change: SchemaChange) -> Bound {
    let plan = SchemaPlan {
        tag,
        change: Some(change),
        notice: None,
        job: false,
    };
    (Plan::Schema(plan), Vec::new())
}

fn nothing(tag: &'static str, notice: SqlError) -> Bound {
    let plan = SchemaPlan {
        tag,
        change: None,
        notice: Some(notice),
        job: false,
    };
    (Plan::Schema(plan), Vec::new())
}

fn key_columns(columns: &[IndexColumn]) -> Result<Vec<String>> {
    columns
        .iter()
        .map(|column| match &column.column.expr {
            ast::Expr::Identifier(ident) => Ok(fold(ident)),
            other => Err(SqlError::unsupported(format_args!("key over {other}"))),
        })
        .collect()
}
