//! Where a region of a database is: what a user writes, and what a report prints.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

/// A region and the host that serves it there, or an ARN that names both.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Endpoint {
    /// The AWS region's name.
    pub region: String,
    /// A host, `host:port`, URL, cluster id or ARN; the backend says which it takes.
    pub host: String,
}

/// Not `REGION=HOST`, and not an ARN.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is neither REGION=HOST nor an ARN such as arn:aws:dsql:us-east-1:111122223333:cluster/ID"
)]
pub struct BadEndpoint(String);

impl FromStr for Endpoint {
    type Err = BadEndpoint;

    fn from_str(text: &str) -> Result<Endpoint, BadEndpoint> {
        let bad = || BadEndpoint(text.to_owned());
        let (region, host) = if text.starts_with("arn:") {
            (text.split(':').nth(3).ok_or_else(bad)?, text)
        } else {
            text.split_once('=').ok_or_else(bad)?
        };
        if region.is_empty() || host.is_empty() {
            return Err(bad());
        }
        Ok(Endpoint {
            region: region.to_owned(),
            host: host.to_owned(),
        })
    }
}

impl Endpoint {
    /// The resource that an ARN of this service names, such as `cluster/ID`.
    pub fn resource(&self, service: &str) -> Option<&str> {
        let mut parts = self.host.splitn(6, ':');
        let of_service = parts.next() == Some("arn") && parts.nth(1) == Some(service);
        parts.nth(2).filter(|_| of_service)
    }

    /// The endpoints in an environment variable, separated by commas; none where it is not set.
    pub fn from_env(variable: &str) -> Result<Vec<Endpoint>, String> {
        let Ok(text) = std::env::var(variable) else {
            return Ok(Vec::new());
        };
        // Reports show endpoints whole, and it may be a password, with commas in it.
        if text.contains(['@', '?']) {
            return Err(format!(
                "{variable}: a name or a password before an @, or a query, is of no use there: leave it out"
            ));
        }
        let parts = text
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty());
        let named = parts.map(|part| part.parse().map_err(|e| format!("{variable}: {e}")));
        named.collect()
    }
}

/// Where a region is connected to.
#[cfg(feature = "aws")]
pub(super) struct Place {
    /// What a report prints of it.
    pub(super) printed: Endpoint,
    /// The name or the address that is connected to.
    pub(super) host: String,
    pub(super) port: u16,
}

/// Whether any of them is this host, however it is named: nothing of AWS's is there. It is
/// looked up as whoever connects does; a name that leads nowhere is nobody's.
#[cfg(feature = "aws")]
pub(super) async fn any_on_loopback(places: &[Place]) -> bool {
    for place in places {
        let found = tokio::net::lookup_host((place.host.as_str(), place.port)).await;
        let here = |address: std::net::SocketAddr| {
            let ip = address.ip().to_canonical();
            // Whoever connects to no address in particular comes to this host, too.
            ip.is_loopback() || ip.is_unspecified()
        };
        if found.is_ok_and(|mut addresses| addresses.any(here)) {
            return true;
        }
    }
    false
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.region, self.host)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_and_a_host_or_an_arn() {
        let host: Endpoint = "us-east-1=abc.dsql.us-east-1.on.aws".parse().unwrap();
        assert_eq!(
            (&*host.region, &*host.host),
            ("us-east-1", "abc.dsql.us-east-1.on.aws")
        );
        assert_eq!(host.resource("dsql"), None);

        let arn: Endpoint = "arn:aws:dsql:us-east-2:111122223333:cluster/abc"
            .parse()
            .unwrap();
        assert_eq!(arn.region, "us-east-2");
        assert_eq!(arn.resource("dsql"), Some("cluster/abc"));
        assert_eq!(arn.resource("dynamodb"), None);
    }

    #[cfg(feature = "aws")]
    #[tokio::test]
    async fn this_host_is_known_by_whatever_leads_to_it() {
        let place = |host: &str| Place {
            printed: Endpoint {
                region: "r".into(),
                host: host.into(),
            },
            host: host.into(),
            port: 1,
        };
        for (host, here) in [
            ("127.0.0.1", true),
            ("127.8.9.1", true),
            ("::1", true),
            ("::ffff:127.0.0.1", true),
            ("0.0.0.0", true),
            ("localhost", true),
            ("192.0.2.1", false),
            ("2001:db8::1", false),
            ("", false),
        ] {
            assert_eq!(any_on_loopback(&[place(host)]).await, here, "{host}");
            let beside = [place("192.0.2.1"), place(host)];
            assert_eq!(
                any_on_loopback(&beside).await,
                here,
                "{host} beside another"
            );
        }
        assert!(!any_on_loopback(&[]).await);
    }

    #[test]
    fn anything_else_is_refused_by_name() {
        for text in [
            "",
            "us-east-1",
            "=host",
            "us-east-1=",
            "arn:aws",
            "arn:aws:dsql:",
        ] {
            let refused = text.parse::<Endpoint>().unwrap_err().to_string();
            assert!(
                refused.starts_with(&format!("{text:?} is neither")),
                "{refused}"
            );
        }
    }
}
