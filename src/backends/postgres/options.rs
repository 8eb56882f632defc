//! What a user may ask of the backend `postgres`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// How PostgreSQL is reached, and what of it is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PostgresOptions {
    /// One a region. None: a cluster of this process's own.
    pub urls: Vec<Url>,
    /// The isolation of every transaction.
    pub isolation: Isolation,
    /// The cluster of our own has a hot standby, which serves the second region's reads.
    pub standby: bool,
    /// How long that standby holds each commit back, at least.
    pub standby_lag: Duration,
}

/// The isolation levels that PostgreSQL has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Isolation {
    /// Each statement sees what was committed before it.
    ReadCommitted,
    /// A snapshot a transaction: snapshot isolation.
    RepeatableRead,
    /// Serializable snapshot isolation.
    #[default]
    Serializable,
}

impl Isolation {
    /// Every one, the weakest first.
    pub const ALL: [Isolation; 3] = [
        Isolation::ReadCommitted,
        Isolation::RepeatableRead,
        Isolation::Serializable,
    ];

    /// Its name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Isolation::ReadCommitted => "read-committed",
            Isolation::RepeatableRead => "repeatable-read",
            Isolation::Serializable => "serializable",
        }
    }
}

impl fmt::Display for Isolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Isolation {
    type Err = String;

    fn from_str(text: &str) -> Result<Isolation, String> {
        let found = Isolation::ALL.into_iter().find(|i| i.name() == text);
        found.ok_or_else(|| {
            let names = Isolation::ALL.map(Isolation::name);
            format!("there are: {}", names.join(", "))
        })
    }
}

/// A region and how to reach PostgreSQL from there. It may hold a password, so that
/// nothing shows it whole: neither `Debug` nor a message.
#[derive(Clone, PartialEq, Eq)]
pub struct Url {
    /// The region's name.
    pub region: String,
    url: String,
}

impl Url {
    /// The region's server at this `postgres://` address.
    pub fn new(region: impl Into<String>, url: impl Into<String>) -> Url {
        Url {
            region: region.into(),
            url: url.into(),
        }
    }

    /// The address, password and all.
    #[cfg(feature = "postgres")]
    pub(super) fn expose(&self) -> &str {
        &self.url
    }
}

impl FromStr for Url {
    type Err = String;

    /// What is wrong is said without what was written.
    fn from_str(text: &str) -> Result<Url, String> {
        match text.split_once('=') {
            Some((region, url))
                if !region.is_empty()
                    && !region.contains(['/', '@', ':'])
                    && ["postgres://", "postgresql://"]
                        .iter()
                        .any(|s| url.starts_with(s)) =>
            {
                Ok(Url::new(region, url))
            }
            _ => Err(
                "a URL of PostgreSQL is REGION=postgres://USER:PASSWORD@HOST:PORT/DATABASE, \
                 such as us-east-1=postgres://app@db.example.com/app"
                    .into(),
            ),
        }
    }
}

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}=postgres://…", self.region)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_its_region_and_shows_nothing_else() {
        let url: Url = "us-east-1=postgres://u:hunter2@h/d".parse().unwrap();
        assert_eq!(url.region, "us-east-1");
        assert_eq!(format!("{url:?}"), "us-east-1=postgres://…");
        for text in [
            "postgres://u:hunter2@h/d",
            "postgres://u:hunter2@h/d?sslmode=disable",
            "us-east-1=mysql://u:hunter2@h",
            "=postgres://u:hunter2@h",
            "hunter2",
        ] {
            let refused = text.parse::<Url>().unwrap_err();
            assert!(!refused.contains("hunter2"), "{refused}");
        }
    }

    #[test]
    fn an_isolation_level_goes_by_its_name() {
        for isolation in Isolation::ALL {
            assert_eq!(isolation.name().parse(), Ok(isolation));
        }
        let refused = "snapshot".parse::<Isolation>().unwrap_err();
        assert_eq!(
            refused,
            "there are: read-committed, repeatable-read, serializable"
        );
    }
}
