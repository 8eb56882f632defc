//! What an item must be like for a write to happen.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use witness_workloads::{Row, Table};

/// A condition expression and what it names; none: whatever is there.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Condition {
    pub(super) expression: Option<String>,
    names: Vec<String>,
    values: Vec<String>,
}

impl Condition {
    /// A column has this value.
    pub(super) fn equals(column: &str, value: &str) -> Condition {
        Condition {
            expression: Some("#n0 = :v0".into()),
            names: vec![column.to_owned()],
            values: vec![value.to_owned()],
        }
    }

    /// The item is as it was read, in every column; not there, if it was not.
    pub(super) fn still(table: &Table, was: Option<&Row>) -> Condition {
        let mut condition = Condition::default();
        let Some(was) = was else {
            condition.names.push(table.key.to_owned());
            condition.expression = Some("attribute_not_exists(#n0)".into());
            return condition;
        };
        let mut parts = Vec::new();
        for column in std::iter::once(&table.key).chain(table.columns) {
            let n = condition.names.len();
            condition.names.push((*column).to_owned());
            match was.get(*column) {
                Some(value) => {
                    parts.push(format!("#n{n} = :v{}", condition.values.len()));
                    condition.values.push(value.clone());
                }
                None => parts.push(format!("attribute_not_exists(#n{n})")),
            }
        }
        condition.expression = Some(parts.join(" AND "));
        condition
    }

    pub(super) fn names(&self) -> Option<HashMap<String, String>> {
        let names = self.names.iter().enumerate();
        let names: HashMap<_, _> = names
            .map(|(n, name)| (format!("#n{n}"), name.clone()))
            .collect();
        Some(names).filter(|names| !names.is_empty())
    }

    pub(super) fn values(&self) -> Option<HashMap<String, AttributeValue>> {
        let values = self.values.iter().enumerate();
        let values: HashMap<_, _> = values
            .map(|(n, value)| (format!(":v{n}"), AttributeValue::S(value.clone())))
            .collect();
        Some(values).filter(|values| !values.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use witness_workloads::seats::SEATS;

    use super::*;

    #[test]
    fn an_item_is_still_the_same_if_every_column_is_and_none_has_come() {
        let row = Row::from([
            ("key".into(), "A1".into()),
            ("status".into(), "sold".into()),
        ]);
        let still = Condition::still(&SEATS, Some(&row));
        let expression = still.expression.clone().unwrap();
        assert_eq!(
            expression,
            "#n0 = :v0 AND #n1 = :v1 AND attribute_not_exists(#n2) AND attribute_not_exists(#n3)"
        );
        let names = still.names().unwrap();
        assert_eq!(names["#n2"], "owner", "what was not there");
        assert_eq!(names["#n3"], "sale_id", "nor that");
        assert_eq!(names.len(), 4);
        assert_eq!(still.values().unwrap().len(), 2);
        let new = Condition::still(&SEATS, None);
        assert_eq!(new.expression.as_deref(), Some("attribute_not_exists(#n0)"));
        assert_eq!(new.names().unwrap()["#n0"], "key");
    }
}
