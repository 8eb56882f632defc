//! The end of a request whose writes go in one `TransactWriteItems`: all of them or none,
//! in their region. What was only read is checked along with them where it was remembered,
//! so that the whole happens as of one moment.

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeValue, ConditionCheck, Put, TransactWriteItem};
use witness_workloads::{DbError, Fault, Row};

use super::condition::Condition;
use super::connection::{Item, attributes};
use super::error::{classify_transaction, construction};

/// How often a transaction is sent whose answer was lost, the first time included.
const SENT_MAX: u32 = 3;
const PAUSE: Duration = Duration::from_millis(50);

/// A write that waits for the end of its request.
#[derive(Debug, Clone)]
pub(super) struct Pending {
    pub(super) row: Row,
    pub(super) condition: Condition,
    /// What it means if the condition is not met.
    pub(super) unmet: Fault,
}

/// Sends all of it. With `again`, a transaction whose answer was lost is sent again under
/// its client request token: the service carries it out once, so that a success tells the
/// outcome of the first. A refusal does not: the first may still be on its way.
pub(super) async fn commit(
    client: &Client,
    prefix: &str,
    pending: &BTreeMap<Item, Pending>,
    read: &BTreeMap<Item, Condition>,
    again: bool,
) -> Result<(), DbError> {
    let puts = pending.iter().map(|(item, p)| put(prefix, item, p));
    let checks = read.iter().map(|(item, still)| check(prefix, item, still));
    let actions: Vec<_> = puts.chain(checks).collect::<Result<_, _>>()?;
    // What was only read has changed meanwhile: worth another try.
    let unmet: Vec<_> = pending.values().map(|p| p.unmet).collect();
    let unmet = |n: usize| unmet.get(n).copied().unwrap_or(Fault::Conflict);
    let token = token();
    let mut lost: Option<DbError> = None;
    let mut sent = 0;
    loop {
        let transaction = client
            .transact_write_items()
            .set_transact_items(Some(actions.clone()))
            .client_request_token(&token);
        let error = match transaction.send().await {
            Ok(_) => return Ok(()),
            Err(e) => classify_transaction(&e, |n, reason| match reason.code() {
                Some("TransactionConflict") => Fault::Conflict,
                Some("ConditionalCheckFailed") => unmet(n),
                _ => Fault::Definite,
            }),
        };
        sent += 1;
        let error = match lost {
            None => error,
            Some(first) => {
                let message = format!("{}; sent again: {}", first.message, error.message);
                DbError::indeterminate(first.class, message)
            }
        };
        if !again || error.fault != Fault::Indeterminate || sent == SENT_MAX {
            return Err(error);
        }
        lost = Some(error);
        tokio::time::sleep(PAUSE * sent).await;
    }
}

fn put(prefix: &str, item: &Item, pending: &Pending) -> Result<TransactWriteItem, DbError> {
    let put = Put::builder()
        .table_name(format!("{prefix}{}", item.0))
        .set_item(Some(attributes(&pending.row)))
        .set_condition_expression(pending.condition.expression.clone())
        .set_expression_attribute_names(pending.condition.names())
        .set_expression_attribute_values(pending.condition.values())
        .build()
        .map_err(construction)?;
    Ok(TransactWriteItem::builder().put(put).build())
}

fn check(prefix: &str, item: &Item, still: &Condition) -> Result<TransactWriteItem, DbError> {
    let (name, key, value) = item;
    let check = ConditionCheck::builder()
        .table_name(format!("{prefix}{name}"))
        .key(*key, AttributeValue::S(value.clone()))
        .set_condition_expression(still.expression.clone())
        .set_expression_attribute_names(still.names())
        .set_expression_attribute_values(still.values())
        .build()
        .map_err(construction)?;
    Ok(TransactWriteItem::builder().condition_check(check).build())
}

/// Unlike any other of the last ten minutes: the start of this process, and a number.
fn token() -> String {
    static START: LazyLock<u128> = LazyLock::new(|| {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        since.unwrap_or_default().as_nanos()
    });
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("{:x}-{:x}-{number:x}", *START, std::process::id())
}
