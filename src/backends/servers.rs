//! What a user may ask of databases that are not AWS's: servers that URLs name, or some of
//! this process's own.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

#[cfg(feature = "postgres")]
use super::{OpenError, Options};

/// Where servers of our own stand, in name.
#[cfg(feature = "postgres")]
pub(super) const REGIONS: [&str; 2] = ["us-east-1", "us-east-2"];
/// How addresses begin.
const SCHEMES: [&str; 3] = ["postgres://", "postgresql://", "mysql://"];

/// How the servers are reached, and what is asked of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServerOptions {
    /// One a region. None: servers of this process's own.
    pub urls: Vec<Url>,
    /// The isolation of every transaction.
    pub isolation: Isolation,
    /// PostgreSQL of our own has a hot standby, which serves the second region's reads.
    pub standby: bool,
    /// How long that standby holds each commit back, at least.
    pub standby_lag: Duration,
}

/// The isolation levels of SQL, by its names. What each is depends on the database.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Isolation {
    /// Each statement sees what was committed before it.
    ReadCommitted,
    /// A snapshot a transaction.
    RepeatableRead,
    /// As if one after the other.
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

/// A region and how to reach a server from there. It may hold a password, so that
/// nothing shows it whole: neither `Debug` nor a message.
#[derive(Clone, PartialEq, Eq)]
pub struct Url {
    /// The region's name.
    pub region: String,
    url: String,
}

impl Url {
    /// The region's server at this address: `postgres://…`, `mysql://…`.
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

/// The servers that the options name, or else the environment variable; none: some of our
/// own. What is not of such servers is refused.
#[cfg(feature = "postgres")]
pub(super) fn urls(options: &Options, variable: &str) -> Result<Vec<Url>, String> {
    let wanted = &options.servers;
    let refused = |why: &str| Err(why.to_owned());
    if !options.endpoints.is_empty() {
        return refused(
            "--endpoint is of the databases of AWS; other servers are named with --url",
        );
    }
    if !options.defects.is_empty() {
        return refused("--defect is of embedded databases; this one has none to switch on");
    }
    if options.inter_region_rtt.is_some() {
        return refused(
            "--inter-region-rtt is of embedded databases; of PostgreSQL: --standby-lag",
        );
    }
    let mut urls = wanted.urls.clone();
    if urls.is_empty()
        && let Ok(text) = std::env::var(variable)
    {
        let parsed: Result<_, _> = text.split_whitespace().map(str::parse).collect();
        urls = parsed.map_err(|e: String| format!("{variable}: {e}"))?;
    }
    let twice = |(n, url): (usize, &Url)| urls[..n].iter().any(|other| other.region == url.region);
    if urls.iter().enumerate().any(twice) {
        return refused("a region has one --url");
    }
    if !urls.is_empty() && wanted.standby {
        return refused("--standby is of the cluster that is started where no --url is given");
    }
    if !wanted.standby_lag.is_zero() && !wanted.standby {
        return refused("--standby-lag goes with --standby");
    }
    Ok(urls)
}

/// The same, each as its backend reads it.
#[cfg(feature = "postgres")]
pub(super) fn named<T>(
    options: &Options,
    variable: &str,
    read: impl Fn(&Url) -> Result<T, String>,
) -> Result<Vec<T>, OpenError> {
    let urls = urls(options, variable).map_err(OpenError::Options)?;
    let read: Result<_, _> = urls.iter().map(read).collect();
    read.map_err(OpenError::Options)
}

impl FromStr for Url {
    type Err = String;

    /// What is wrong is said without what was written.
    fn from_str(text: &str) -> Result<Url, String> {
        match text.split_once('=') {
            Some((region, url))
                if !region.is_empty()
                    && !region.contains(['/', '@', ':'])
                    && SCHEMES.iter().any(|scheme| url.starts_with(scheme)) =>
            {
                Ok(Url::new(region, url))
            }
            _ => Err(
                "a URL is REGION=postgres://USER:PASSWORD@HOST:PORT/DATABASE, or mysql://…, \
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
            "us-east-1=http://u:hunter2@h",
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
