//! A request between the wire and the engine: which tables it names and which
//! items it writes. It may not judge a request; what it cannot read it leaves out,
//! and the engine refuses it.

use dynoxide::{AttributeValue, Item};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::error::{ApiError, ApiResult, ErrorKind};
use super::operation::Operation;

/// A request whose body is a JSON object.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) operation: Operation,
    pub(super) body: Value,
}

/// The names of a table's key attributes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct KeySchema {
    partition: String,
    sort: Option<String>,
}

/// An item that a request writes.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Target {
    pub(super) table: String,
    pub(super) id: ItemId,
    pub(super) key: Item,
}

/// A key in a form in which equal keys are equal text (1.0 and 1, say).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct ItemId(String);

impl Request {
    pub(super) fn parse(operation: Operation, bytes: &[u8]) -> ApiResult<Self> {
        let mut body: Value = serde_json::from_slice(bytes)
            .ok()
            .filter(Value::is_object)
            .ok_or_else(|| ApiError::of(ErrorKind::Serialization))?;
        if let Some(object) = body.as_object_mut() {
            unqualify(operation, object)?;
        }
        Ok(Self { operation, body })
    }

    /// The tables that the request names, in order, repetitions included.
    pub(super) fn tables(&self) -> Vec<&str> {
        match self.operation {
            operation if operation.is_batch() => match self.body.get("RequestItems") {
                Some(Value::Object(items)) => items.keys().map(String::as_str).collect(),
                _ => Vec::new(),
            },
            operation if operation.is_transaction() => self
                .actions()
                .filter_map(|(_, action)| action.get("TableName")?.as_str())
                .collect(),
            _ => self.table().into_iter().collect(),
        }
    }

    /// The one table of an operation on one table.
    pub(super) fn table(&self) -> Option<&str> {
        self.body.get("TableName")?.as_str()
    }

    pub(super) fn is_consistent_read(&self) -> bool {
        self.body.get("ConsistentRead") == Some(&Value::Bool(true))
    }

    /// The actions of a transaction, each with its name.
    fn actions(&self) -> impl Iterator<Item = (&str, &Value)> {
        let items = self.body.get("TransactItems").and_then(Value::as_array);
        items
            .into_iter()
            .flatten()
            .filter_map(Value::as_object)
            .flat_map(|item| item.iter().map(|(name, action)| (name.as_str(), action)))
    }

    /// The items that a valid request writes. `schema` knows the tables.
    pub(super) fn targets<'s>(
        &self,
        schema: impl Fn(&str) -> Option<&'s KeySchema>,
    ) -> Vec<Target> {
        let target =
            |table: &str, attributes: Option<&Value>| schema(table)?.target(table, attributes?);
        match self.operation {
            Operation::PutItem => self
                .table()
                .and_then(|table| target(table, self.body.get("Item")))
                .into_iter()
                .collect(),
            Operation::UpdateItem | Operation::DeleteItem => self
                .table()
                .and_then(|table| target(table, self.body.get("Key")))
                .into_iter()
                .collect(),
            Operation::BatchWriteItem => {
                let tables = self.body.get("RequestItems").and_then(Value::as_object);
                tables
                    .into_iter()
                    .flatten()
                    .flat_map(|(table, writes)| {
                        let writes = writes.as_array().into_iter().flatten();
                        writes.map(move |write| (table, write))
                    })
                    .filter_map(|(table, write)| {
                        let put = write.pointer("/PutRequest/Item");
                        target(table, put.or_else(|| write.pointer("/DeleteRequest/Key")))
                    })
                    .collect()
            }
            Operation::TransactWriteItems => self
                .actions()
                .filter_map(|(name, action)| {
                    let member = match name {
                        "Put" => "Item",
                        "Update" | "Delete" => "Key",
                        _ => return None,
                    };
                    target(action.get("TableName")?.as_str()?, action.get(member))
                })
                .collect(),
            _ => Vec::new(),
        }
    }
}

impl KeySchema {
    /// Of a `CreateTable` request.
    pub(super) fn of(body: &Value) -> Option<Self> {
        let elements = body.get("KeySchema")?.as_array()?;
        let named = |kind: &str| {
            let element = elements
                .iter()
                .find(|element| element.get("KeyType").and_then(Value::as_str) == Some(kind))?;
            Some(element.get("AttributeName")?.as_str()?.to_owned())
        };
        Some(Self {
            partition: named("HASH")?,
            sort: named("RANGE"),
        })
    }

    /// The names of the key attributes.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.partition.as_str()).chain(self.sort.as_deref())
    }

    fn target(&self, table: &str, attributes: &Value) -> Option<Target> {
        let attributes = attributes.as_object()?;
        let key: Item = self
            .names()
            .map(|name| {
                let value = AttributeValue::deserialize(attributes.get(name)?).ok()?;
                Some((name.to_owned(), value))
            })
            .collect::<Option<_>>()?;
        self.target_of(table, &key)
    }

    /// The target that `item` is, in `table`.
    pub(super) fn target_of(&self, table: &str, item: &Item) -> Option<Target> {
        let mut id = String::new();
        let mut key = Item::new();
        for name in self.names() {
            let value = item.get(name)?;
            let part = value.to_key_string()?;
            // The length keeps ("a", "bc") and ("ab", "c") apart.
            id.push_str(&format!("{}:{part}", part.len()));
            key.insert(name.to_owned(), value.clone());
        }
        Some(Target {
            table: table.to_owned(),
            id: ItemId(id),
            key,
        })
    }
}

/// A table may be named by its ARN; the engine knows plain names only. A batch that
/// names one both ways is refused here, since no more than one of the two could stay.
fn unqualify(operation: Operation, body: &mut Map<String, Value>) -> ApiResult<()> {
    fn plain(name: &str) -> Option<&str> {
        let (_, resource) = name
            .strip_prefix("arn:aws:dynamodb:")?
            .split_once(":table/")?;
        Some(resource)
    }
    fn unqualify_member(object: &mut Map<String, Value>) {
        if let Some(Value::String(name)) = object.get_mut("TableName")
            && let Some(short) = plain(name)
        {
            *name = short.to_owned();
        }
    }
    unqualify_member(body);
    if operation.is_batch()
        && let Some(Value::Object(items)) = body.get_mut("RequestItems")
        && items.keys().any(|name| plain(name).is_some())
    {
        let mut short = Map::new();
        for (name, value) in std::mem::take(items) {
            let name = plain(&name).map_or(name.clone(), str::to_owned);
            if short.contains_key(&name) {
                return Err(ApiError::validation(format!(
                    "RequestItems names the table {name} more than once"
                )));
            }
            short.insert(name, value);
        }
        *items = short;
    }
    if operation.is_transaction()
        && let Some(Value::Array(items)) = body.get_mut("TransactItems")
    {
        items
            .iter_mut()
            .filter_map(Value::as_object_mut)
            .flat_map(Map::values_mut)
            .filter_map(Value::as_object_mut)
            .for_each(unqualify_member);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn schema() -> KeySchema {
        KeySchema::of(&json!({"KeySchema": [
            {"AttributeName": "pk", "KeyType": "HASH"},
            {"AttributeName": "sk", "KeyType": "RANGE"},
        ]}))
        .unwrap()
    }

    fn request(operation: Operation, body: Value) -> Request {
        Request::parse(operation, body.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn equal_numbers_are_one_item_and_shifted_keys_are_two() {
        let schema = schema();
        let id = |pk: Value, sk: Value| {
            schema
                .target("ttt", &json!({"pk": pk, "sk": sk}))
                .unwrap()
                .id
        };
        assert_eq!(
            id(json!({"N": "1.0"}), json!({"S": "x"})),
            id(json!({"N": "1"}), json!({"S": "x"}))
        );
        assert_ne!(
            id(json!({"S": "a"}), json!({"S": "bc"})),
            id(json!({"S": "ab"}), json!({"S": "c"}))
        );
    }

    #[test]
    fn every_kind_of_write_names_its_items() {
        let schema = schema();
        let key = json!({"pk": {"S": "a"}, "sk": {"S": "b"}});
        let keys = |request: &Request| request.targets(|_| Some(&schema)).len();
        let put = request(Operation::PutItem, json!({"TableName": "ttt", "Item": key}));
        assert_eq!(keys(&put), 1);
        let batch = json!({"RequestItems": {"ttt": [
            {"PutRequest": {"Item": key}}, {"DeleteRequest": {"Key": key}},
        ]}});
        assert_eq!(keys(&request(Operation::BatchWriteItem, batch)), 2);
        let transaction = json!({"TransactItems": [
            {"Put": {"TableName": "arn:aws:dynamodb:us-east-1:000000000000:table/ttt", "Item": key}},
            {"ConditionCheck": {"TableName": "ttt", "Key": key}},
            {"Update": {"TableName": "ttt", "Key": key}},
            {"Delete": {"TableName": "ttt", "Key": {"pk": {"S": "no sort key"}}}},
        ]});
        let transaction = request(Operation::TransactWriteItems, transaction);
        assert_eq!(keys(&transaction), 2);
        assert_eq!(transaction.tables(), ["ttt"; 4]);
    }

    #[test]
    fn a_batch_names_a_table_once() {
        let batch = |names: &[&str]| {
            let tables: Map<_, _> = names
                .iter()
                .map(|name| ((*name).to_owned(), json!([])))
                .collect();
            let body = json!({"RequestItems": tables}).to_string();
            Request::parse(Operation::BatchWriteItem, body.as_bytes())
        };
        let arn = "arn:aws:dynamodb:us-east-1:000000000000:table/ttt";
        let other = "arn:aws:dynamodb:us-east-2:000000000000:table/ttt";
        assert_eq!(batch(&[arn, "uuu"]).unwrap().tables(), ["ttt", "uuu"]);
        for twice in [[arn, "ttt"], ["ttt", arn], [arn, other]] {
            let error = batch(&twice).unwrap_err();
            assert!(error.is(ErrorKind::Validation), "{error}");
        }
    }

    #[test]
    fn only_json_objects_are_requests() {
        for bytes in [&b""[..], b"[]", b"{", b"\xff\xfe", b"null", b"{}x"] {
            let error = Request::parse(Operation::GetItem, bytes).unwrap_err();
            assert!(error.is(ErrorKind::Serialization), "{error}");
        }
    }
}
