//! What both AWS backends need of the SDK's configuration: one TLS stack, keys
//! from the usual places or those of the embedded regions.

use std::time::{Duration, SystemTime};

use aws_config::{BehaviorVersion, ConfigLoader, Region, SdkConfig};
use aws_sdk_dynamodb::config::{Credentials, ProvideCredentials, SharedHttpClient};
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};

use crate::doctor::{Checks, Fix, HOST};

/// How long keys are looked for.
const CREDENTIALS_MAX: Duration = Duration::from_secs(15);
/// Keys that end sooner may end within a run.
const CREDENTIALS_MINUTES_MIN: u64 = 10;

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

/// Whether keys are found, where, and until when they are good. Their contents are not
/// looked at.
pub(super) async fn examine_credentials(config: &SdkConfig, checks: &mut Checks) {
    let at = (HOST, "AWS credentials");
    if checks.has(at.0, at.1) {
        return;
    }
    let fix = || Fix::run("export AWS_PROFILE=NAME");
    let Some(provider) = config.credentials_provider() else {
        checks.missing(at, "there is nowhere to look for any", fix());
        return;
    };
    let found = tokio::time::timeout(CREDENTIALS_MAX, provider.provide_credentials()).await;
    let keys = match found {
        Ok(Ok(keys)) => keys,
        Ok(Err(error)) => {
            let mut why = error.to_string();
            let mut source = std::error::Error::source(&error);
            while let Some(inner) = source {
                why = format!("{why}: {inner}");
                source = inner.source();
            }
            // The type of the error is not to be named without one crate more.
            let why = match format!("{error:?}").starts_with("CredentialsNotLoaded") {
                true => "none found: neither in the environment nor in a profile, and this \
                         machine has no role"
                    .to_owned(),
                false => why,
            };
            checks.missing(at, why, fix());
            return;
        }
        Err(_) => {
            let why = format!("whoever has them did not answer within {CREDENTIALS_MAX:?}");
            checks.missing(at, why, fix());
            return;
        }
    };
    let source = source(&keys);
    let Some(expiry) = keys.expiry() else {
        checks.ok(at, format!("from {source}; they do not expire"));
        return;
    };
    let left = expiry.duration_since(SystemTime::now()).unwrap_or_default();
    let minutes = left.as_secs() / 60;
    let found = format!("from {source}; good for another {minutes} min");
    let check = match minutes < CREDENTIALS_MINUTES_MIN {
        true => checks.missing(at, found, Fix::run("aws sso login")),
        false => checks.ok(at, found),
    };
    check.with("minutes_left", i64::try_from(minutes).unwrap_or(i64::MAX));
}

/// Where the keys are from, in the SDK's word. It is told by nothing but their `Debug`,
/// which has it first; were that otherwise one day, it is not told.
fn source(keys: &Credentials) -> String {
    let shown = format!("{keys:?}");
    let name = shown.strip_prefix("Credentials { provider_name: \"");
    let name = name.and_then(|rest| rest.split('"').next());
    name.unwrap_or("somewhere").to_owned()
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

    #[cfg(test)]
    pub(super) fn of(config: SdkConfig) -> Clients {
        Clients(config)
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

/// Of a signature that does not match the service shows what should have been signed, and a
/// session's token is part of that.
fn without_canonical(message: &str) -> &str {
    let end = message.find("The Canonical String for this request");
    message[..end.unwrap_or(message.len())].trim_end()
}

/// The service's own words, or every cause down to the innermost.
pub(crate) fn message<E: ProvideErrorMetadata>(error: &SdkError<E>) -> String {
    if let Some(message) = error.message() {
        return without_canonical(message).to_owned();
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
    // A list of all that was tried helps nobody who has none of it.
    if text.contains("no credentials found in chain") {
        return "no AWS credentials were found: set AWS_PROFILE, or AWS_ACCESS_KEY_ID and \
                AWS_SECRET_ACCESS_KEY, or give the machine a role"
            .into();
    }
    text
}
