//! What a statement comes to once names and types are settled. Plain data: binding
//! makes it, execution reads it.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use super::catalog::Table;
use super::expr::Expr;
use super::transaction::SchemaChange;
use super::value::SqlType;

/// A column of a result.
#[derive(Clone, Debug, PartialEq)]
pub struct OutputColumn {
    /// Its name.
    pub name: String,
    /// Its type.
    pub ty: SqlType,
    /// The relation and column number it comes from, or zeros.
    pub origin: (u32, i16),
    /// For `varchar(n)`: n.
    pub length_max: Option<usize>,
}

/// A bound statement.
#[derive(Debug)]
pub struct Prepared {
    /// What to do.
    pub plan: Plan,
    /// The parameters' types.
    pub params: Vec<SqlType>,
    /// The result's columns; empty when there is no result.
    pub columns: Vec<OutputColumn>,
    /// The schema it was bound under.
    pub schema: u64,
}

/// What to do.
#[derive(Debug)]
#[allow(missing_docs, reason = "each variant is the statement of its name")]
pub enum Plan {
    Select(Box<Select>),
    Insert(Insert),
    Update(Update),
    Delete(Delete),
    Schema(SchemaPlan),
    Begin {
        read_only: bool,
        tag: &'static str,
    },
    Commit,
    Rollback,
    Set {
        name: String,
        value: Option<String>,
        tag: &'static str,
    },
    ResetAll {
        tag: &'static str,
    },
    Show {
        name: String,
    },
}

/// Which rows of a table can qualify at all.
#[derive(Debug)]
pub enum Access {
    /// All of them.
    All,
    /// Those whose primary key begins with these values.
    Prefix(Vec<Expr>),
    /// Those whose one-column primary key is among these.
    Keys(Vec<Expr>),
}

/// Rows of a table.
#[derive(Debug)]
pub struct Source {
    /// The table.
    pub table: Arc<Table>,
    /// How its rows are reached.
    pub access: Access,
    /// What they have to satisfy.
    pub filter: Option<Expr>,
}

/// How strongly a select holds its rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lock {
    /// `FOR UPDATE`
    Update,
    /// `FOR KEY SHARE`
    KeyShare,
}

/// A select.
#[derive(Debug)]
pub struct Select {
    /// Where rows come from; `None` for one empty row.
    pub source: Option<Source>,
    /// The condition of a select without a table.
    pub filter: Option<Expr>,
    /// How rows are grouped, if they are; output and order then look at
    /// the keys followed by the aggregates.
    pub grouping: Option<Grouping>,
    /// The values of a result row.
    pub output: Vec<Expr>,
    /// Whether equal result rows are shown once.
    pub distinct: bool,
    /// The order.
    pub order: Vec<OrderKey>,
    /// At most so many rows.
    pub limit: Option<Expr>,
    /// After skipping so many.
    pub offset: Option<Expr>,
    /// Whether the rows are held.
    pub lock: Option<Lock>,
}

/// `GROUP BY` and what is computed over each group.
#[derive(Debug)]
pub struct Grouping {
    /// The keys, over the source's rows; none makes one group of everything.
    pub keys: Vec<Expr>,
    /// The aggregates.
    pub aggregates: Vec<Aggregate>,
    /// Which groups stay, over keys and aggregates.
    pub having: Option<Expr>,
}

/// An aggregate function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum AggregateKind {
    Count,
    Sum,
    Min,
    Max,
}

/// An aggregate over a group.
#[derive(Clone, Debug, PartialEq)]
pub struct Aggregate {
    /// Which.
    pub kind: AggregateKind,
    /// Of what; `None` for `count(*)`. Already cast to the result's type for `sum`.
    pub argument: Option<Expr>,
    /// Over distinct values only.
    pub distinct: bool,
    /// Only over rows that satisfy this.
    pub filter: Option<Expr>,
}

/// One key of an order.
#[derive(Debug)]
pub struct OrderKey {
    /// The value to order by.
    pub expr: Expr,
    /// Whether the largest comes first.
    pub descending: bool,
    /// Whether nulls come first.
    pub nulls_first: bool,
}

/// An insert.
#[derive(Debug)]
pub struct Insert {
    /// Into what.
    pub table: Arc<Table>,
    /// For each column, its position in a source row, or its default.
    pub assignments: Vec<Assigned>,
    /// What is inserted.
    pub source: InsertSource,
    /// What happens when a key is taken.
    pub on_conflict: Option<OnConflict>,
    /// The values returned of each row.
    pub returning: Option<Vec<Expr>>,
}

/// Where a column's value comes from.
#[derive(Debug)]
pub enum Assigned {
    /// A position of the source row, converted.
    Source(Expr),
    /// The column's default, or null.
    Default,
}

/// The rows to insert.
#[derive(Debug)]
pub enum InsertSource {
    /// `VALUES`; `None` stands for `DEFAULT`.
    Values(Vec<Vec<Option<Expr>>>),
    /// A query.
    Query(Box<Select>),
}

/// `ON CONFLICT`
#[derive(Debug)]
pub struct OnConflict {
    /// The constraint whose violation is caught; `None` for any.
    pub constraint: Option<String>,
    /// `DO UPDATE`: what to set, over the existing row followed by the excluded one.
    pub update: Option<ConflictUpdate>,
}

/// `DO UPDATE SET ... WHERE ...`
#[derive(Debug)]
pub struct ConflictUpdate {
    /// Columns and their new values.
    pub set: Vec<(usize, Expr)>,
    /// Which existing rows are updated.
    pub filter: Option<Expr>,
}

/// An update.
#[derive(Debug)]
pub struct Update {
    /// Which rows.
    pub source: Source,
    /// Columns and their new values.
    pub set: Vec<(usize, Expr)>,
    /// The values returned of each row.
    pub returning: Option<Vec<Expr>>,
}

/// A delete.
#[derive(Debug)]
pub struct Delete {
    /// Which rows.
    pub source: Source,
    /// The values returned of each row.
    pub returning: Option<Vec<Expr>>,
}

/// A schema statement.
#[derive(Debug)]
pub struct SchemaPlan {
    /// The command tag.
    pub tag: &'static str,
    /// The change; `None` when `IF [NOT] EXISTS` makes it nothing.
    pub change: Option<SchemaChange>,
    /// What the client is told by the way.
    pub notice: Option<super::error::SqlError>,
    /// Whether a job's number is returned, as for an asynchronous index.
    pub job: bool,
}

/// Numbers the jobs of asynchronous index builds.
pub static NEXT_JOB: AtomicU64 = AtomicU64::new(1);
