//! What both AWS backends need of the SDK's configuration: one TLS stack, keys
//! from the usual places or those of the embedded regions.

use aws_config::{BehaviorVersion, ConfigLoader, Region, SdkConfig};
use aws_sdk_dynamodb::config::{Credentials, SharedHttpClient};
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};

/// Keys as this machine has them: environment, profile, container, instance.
pub(super) async fn from_environment(region: &str) -> SdkConfig {
    loader(region).load().await
}

/// The embedded regions' keys.
pub(super) async fn embedded(
    region: &str,
    keys: &witness_regions::credentials::Credentials,
) -> SdkConfig {
    let (id, secret) = (&keys.access_key_id, &keys.secret_access_key);
    let keys = Credentials::new(id, secret, None, None, "embedded");
    loader(region).credentials_provider(keys).load().await
}

/// The region is named, so that nobody goes looking for one.
fn loader(region: &str) -> ConfigLoader {
    aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new(region.to_owned()))
        .http_client(https())
}

fn https() -> SharedHttpClient {
    aws_smithy_http_client::Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .build_https()
}

/// Clients of the control planes, a region each, with the SDK's own retries: each request
/// carries a token or is harmless to repeat.
pub(crate) struct Clients(SdkConfig);

impl Clients {
    pub(crate) async fn new(regions: &[String]) -> Clients {
        let first = regions.first().map_or("us-east-1", String::as_str);
        Clients(from_environment(first).await)
    }

    pub(crate) fn dsql(&self, region: &str) -> aws_sdk_dsql::Client {
        let config = aws_sdk_dsql::config::Builder::from(&self.0);
        aws_sdk_dsql::Client::from_conf(config.region(Region::new(region.to_owned())).build())
    }

    pub(crate) fn dynamodb(&self, region: &str) -> aws_sdk_dynamodb::Client {
        let config = aws_sdk_dynamodb::config::Builder::from(&self.0);
        aws_sdk_dynamodb::Client::from_conf(config.region(Region::new(region.to_owned())).build())
    }
}

/// The service's own words, or every cause down to the innermost.
pub(crate) fn message<E: ProvideErrorMetadata>(error: &SdkError<E>) -> String {
    if let Some(message) = error.message() {
        return message.to_owned();
    }
    let mut text = error.to_string();
    let mut source: Option<&dyn std::error::Error> = match error {
        SdkError::DispatchFailure(e) => e.as_connector_error().map(|e| e as _),
        _ => None,
    };
    while let Some(inner) = source {
        text = format!("{text}: {inner}");
        source = inner.source();
    }
    text
}
