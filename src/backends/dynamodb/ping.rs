//! The least that DynamoDB can be asked, and the clock of who answered.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::interceptors::BeforeDeserializationInterceptorContextRef;
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_dynamodb::error::{BoxError, SdkError};
use aws_sdk_dynamodb::operation::list_tables::ListTablesError;
use aws_sdk_dynamodb::primitives::{DateTime, DateTimeFormat};
use witness_workloads::ServerTime;

/// One name of a table, which no data is read for and nothing is paid for.
pub(super) async fn ping(client: &Client) -> Result<Option<ServerTime>, SdkError<ListTablesError>> {
    let date = Date::default();
    let list = client.list_tables().limit(1).customize();
    list.interceptor(date.clone()).send().await?;
    Ok(date.seen())
}

/// The `Date` of an answer, which the SDK keeps to itself.
#[derive(Debug, Clone, Default)]
struct Date(Arc<Mutex<Option<SystemTime>>>);

impl Date {
    fn seen(&self) -> Option<ServerTime> {
        let seen = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.map(|at| ServerTime {
            at,
            resolution: Duration::from_secs(1),
        })
    }
}

impl Intercept for Date {
    fn name(&self) -> &'static str {
        "Date"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let said = context.response().headers().get("date");
        let said = said.and_then(|text| DateTime::from_str(text, DateTimeFormat::HttpDate).ok());
        let said = said.and_then(|date| SystemTime::try_from(date).ok());
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = said;
        Ok(())
    }
}
