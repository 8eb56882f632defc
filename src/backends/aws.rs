//! What both AWS backends need of the SDK's configuration: one TLS stack, keys
//! from the usual places or those of the embedded regions.

use aws_config::{BehaviorVersion, ConfigLoader, Region, SdkConfig};
use aws_sdk_dynamodb::config::{Credentials, SharedHttpClient};
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
