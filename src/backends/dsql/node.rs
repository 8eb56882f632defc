//! One regional endpoint: where it is, and the name that TLS and tokens know it by.

use std::net::{IpAddr, SocketAddr};

use super::super::Endpoint;
use super::super::endpoint::Place;

/// Where a cluster listens.
const PORT: u16 = 5432;

/// One regional endpoint.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) region: String,
    /// The name that TLS verifies and that the token is minted for.
    pub(super) host: String,
    /// Whether a user gave that name: those of the embedded cluster nobody has heard of.
    pub(super) given: bool,
    pub(super) port: u16,
    /// Where it really is, when not where its name says.
    pub(super) address: Option<IpAddr>,
}

impl Node {
    /// What a report prints, and what is connected to.
    pub(super) fn place(&self) -> Place {
        Place {
            printed: Endpoint {
                region: self.region.clone(),
                host: self.printed(),
            },
            host: match self.address {
                Some(address) => address.to_string(),
                None => self.host.clone(),
            },
            port: self.port,
        }
    }

    pub(super) fn printed(&self) -> String {
        let address = self.address.map(|ip| SocketAddr::new(ip, self.port));
        match address {
            Some(address) if self.given => format!("{} at {address}", self.host),
            Some(address) => address.to_string(),
            None if self.port != PORT => format!("{}:{}", self.host, self.port),
            None => self.host.clone(),
        }
    }

    /// The cluster's identifier, where the name has it.
    pub(super) fn cluster(&self) -> Option<&str> {
        let (id, rest) = self.host.split_once('.')?;
        let service = rest.strip_prefix("dsql.")?.strip_prefix(&*self.region)?;
        (service == ".on.aws").then_some(id)
    }

    /// From a host, `host:port`, a cluster id or a cluster's ARN.
    pub(super) fn real(endpoint: &Endpoint) -> Node {
        let region = endpoint.region.clone();
        let id = endpoint
            .resource("dsql")
            .and_then(|r| r.strip_prefix("cluster/"));
        let host = id.unwrap_or(&endpoint.host);
        let (host, port) = match host.rsplit_once(':') {
            Some((host, port)) if port.parse::<u16>().is_ok() => {
                (host, port.parse().unwrap_or(PORT))
            }
            _ => (host, PORT),
        };
        // A cluster's identifier has 26 letters and digits.
        let is_id = host.len() == 26 && host.bytes().all(|b| b.is_ascii_alphanumeric());
        let host = if is_id {
            format!("{host}.dsql.{region}.on.aws")
        } else {
            host.to_owned()
        };
        Node {
            region,
            host,
            given: true,
            port,
            address: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_a_host_a_cluster_id_or_an_arn() {
        let id = "abcdefghijklmnopqrstuvwxyz";
        let host = format!("{id}.dsql.us-east-1.on.aws");
        for (text, expected, port) in [
            (format!("us-east-1={host}"), host.as_str(), 5432),
            (format!("us-east-1={host}:5433"), host.as_str(), 5433),
            (format!("us-east-1={id}"), host.as_str(), 5432),
            (
                format!("arn:aws:dsql:us-east-1:111122223333:cluster/{id}"),
                host.as_str(),
                5432,
            ),
            ("us-east-1=localhost:5433".into(), "localhost", 5433),
        ] {
            let node = Node::real(&text.parse().unwrap());
            assert_eq!((node.host.as_str(), node.port), (expected, port), "{text}");
            let named = (expected != "localhost").then_some(id);
            assert_eq!(node.cluster(), named, "{text}");
        }
    }

    #[test]
    fn a_name_is_printed_with_the_address_that_stands_for_it() {
        let mut node = Node::real(&"r=h.on.aws:5433".parse().unwrap());
        assert_eq!(node.printed(), "h.on.aws:5433");
        assert_eq!(node.place().host, "h.on.aws");
        node.address = Some([127, 0, 0, 1].into());
        assert_eq!(node.printed(), "h.on.aws at 127.0.0.1:5433");
        assert_eq!(node.place().printed.host, node.printed());
        assert_eq!(node.place().host, "127.0.0.1");
        node.given = false;
        assert_eq!(node.printed(), "127.0.0.1:5433");
        node.address = Some(std::net::Ipv6Addr::LOCALHOST.into());
        assert_eq!(node.printed(), "[::1]:5433");
        assert_eq!(node.place().host, "::1");
    }
}
