//! The access path: which rows a condition can be true of at all, by primary key.

use std::sync::Arc;

use super::super::catalog::Table;
use super::super::expr::{Comparison, Expr};
use super::super::plan::{Access, Source};

/// Rows of a table under a condition, with the access path that the condition allows.
pub(super) fn source(table: Arc<Table>, filter: Option<Expr>) -> Source {
    let access = access(&table, filter.as_ref());
    Source {
        table,
        access,
        filter,
    }
}

pub(super) fn access(table: &Table, filter: Option<&Expr>) -> Access {
    let conditions = match filter {
        Some(Expr::And(parts)) => parts.as_slice(),
        Some(other) => std::slice::from_ref(other),
        None => &[],
    };
    let equal_to = |column: usize| {
        conditions.iter().find_map(|condition| match condition {
            Expr::Compare(Comparison::Equal, left, right) => {
                if **left == Expr::Column(column) && right.is_row_free() {
                    Some((**right).clone())
                } else if **right == Expr::Column(column) && left.is_row_free() {
                    Some((**left).clone())
                } else {
                    None
                }
            }
            _ => None,
        })
    };
    let prefix: Vec<_> = table
        .primary_key
        .iter()
        .map_while(|&at| equal_to(at))
        .collect();
    if !prefix.is_empty() {
        return Access::Prefix(prefix);
    }
    if let [column] = table.primary_key[..] {
        let list = conditions.iter().find_map(|condition| match condition {
            Expr::In(needle, list)
                if **needle == Expr::Column(column) && list.iter().all(Expr::is_row_free) =>
            {
                Some(list.clone())
            }
            _ => None,
        });
        if let Some(list) = list {
            return Access::Keys(list);
        }
    }
    Access::All
}
