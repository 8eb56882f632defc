//! The IAM token that stands in for a password: a presigned URL without its
//! scheme, good for one host, one action and a few minutes. This mints and judges
//! tokens; it does not know how one travels.

use std::time::Duration;

use ring::digest;
use time::OffsetDateTime;

use crate::credentials::{
    Credentials, Scope, amz_date, hex, parse_amz_date, uri_decode, uri_encode,
};

/// The service name inside every token's scope.
const SERVICE: &str = "dsql";
/// The longest life that AWS gives a token: one week.
const EXPIRY_MAX: time::Duration = time::Duration::weeks(1);
/// How far ahead of the server's clock a token may have been made.
const CLOCK_SKEW_MAX: time::Duration = time::Duration::seconds(300);

/// What a token permits its bearer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Connect as a database role other than `admin`.
    DbConnect,
    /// Connect as `admin`.
    DbConnectAdmin,
}

impl Action {
    /// The action that a database role has to present.
    pub fn for_role(role: &str) -> Self {
        if role == "admin" {
            Self::DbConnectAdmin
        } else {
            Self::DbConnect
        }
    }

    /// The name of the action in a token.
    pub fn name(self) -> &'static str {
        match self {
            Self::DbConnect => "DbConnect",
            Self::DbConnectAdmin => "DbConnectAdmin",
        }
    }
}

/// Why a token was refused. A client is told no more than "access denied" in the
/// message; this goes into the detail, since the stand-in guards nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// It is not a presigned URL, or lacks one of its parts.
    #[error("the token is not a presigned URL with a valid {0}")]
    Malformed(&'static str),
    /// It was made for another endpoint.
    #[error("the token is for host {found:?}, this is {expected:?}")]
    WrongHost {
        /// The endpoint asked.
        expected: String,
        /// The host in the token.
        found: String,
    },
    /// Its action does not allow the role.
    #[error("the token allows {found:?}, the role needs {expected:?}")]
    WrongAction {
        /// The action that the role needs.
        expected: &'static str,
        /// The action in the token.
        found: String,
    },
    /// Its scope names another region, service or day.
    #[error("the token's scope is {found:?}, expected {expected:?}")]
    WrongScope {
        /// The scope that this endpoint takes.
        expected: String,
        /// The scope in the token.
        found: String,
    },
    /// It was made under other credentials.
    #[error("the token's access key is not known here")]
    UnknownAccessKey,
    /// Its time has passed, or has not come.
    #[error("the token has expired or is not valid yet")]
    Expired,
    /// The signature is not that of the credentials.
    #[error("the token's signature does not match")]
    WrongSignature,
}

/// Makes a token for `host` in `region`, valid from `now` for `lifetime`.
///
/// The same text as AWS's own token generators make, so a program that mints its
/// own with these credentials is accepted too.
pub fn mint(
    credentials: &Credentials,
    host: &str,
    region: &str,
    action: Action,
    now: OffsetDateTime,
    lifetime: Duration,
) -> String {
    let timestamp = amz_date(now);
    let scope = Scope {
        date: timestamp[..8].to_owned(),
        region: region.to_owned(),
        service: SERVICE.to_owned(),
    };
    let query = canonical_query(vec![
        ("Action".to_owned(), action.name().to_owned()),
        ("X-Amz-Algorithm".to_owned(), "AWS4-HMAC-SHA256".to_owned()),
        (
            "X-Amz-Credential".to_owned(),
            format!("{}/{}", credentials.access_key_id, scope.path()),
        ),
        ("X-Amz-Date".to_owned(), timestamp.clone()),
        ("X-Amz-Expires".to_owned(), lifetime.as_secs().to_string()),
        ("X-Amz-SignedHeaders".to_owned(), "host".to_owned()),
    ]);
    let signature = credentials.sign(&scope, &timestamp, &canonical_request(host, &query));
    format!("{host}/?{query}&X-Amz-Signature={signature}")
}

/// Judges a token presented to `host` in `region` by a client that needs `action`.
pub fn verify(
    credentials: &Credentials,
    token: &str,
    host: &str,
    region: &str,
    action: Action,
    now: OffsetDateTime,
) -> Result<(), TokenError> {
    let (found_host, query) = token
        .trim_start_matches("https://")
        .split_once("/?")
        .ok_or(TokenError::Malformed("host and query"))?;
    let mut pairs = query
        .split('&')
        .map(|pair| {
            let (name, value) = pair.split_once('=')?;
            Some((uri_decode(name)?, uri_decode(value)?))
        })
        .collect::<Option<Vec<_>>>()
        .ok_or(TokenError::Malformed("query"))?;
    let signature_at = pairs
        .iter()
        .position(|(name, _)| name == "X-Amz-Signature")
        .ok_or(TokenError::Malformed("X-Amz-Signature"))?;
    let (_, signature) = pairs.swap_remove(signature_at);
    let part = |wanted: &'static str| {
        pairs
            .iter()
            .find(|(name, _)| name == wanted)
            .map(|(_, value)| value.as_str())
            .ok_or(TokenError::Malformed(wanted))
    };

    if found_host != host {
        return Err(TokenError::WrongHost {
            expected: host.to_owned(),
            found: found_host.to_owned(),
        });
    }
    let found_action = part("Action")?;
    if found_action != action.name() {
        return Err(TokenError::WrongAction {
            expected: action.name(),
            found: found_action.to_owned(),
        });
    }
    if part("X-Amz-Algorithm")? != "AWS4-HMAC-SHA256" {
        return Err(TokenError::Malformed("X-Amz-Algorithm"));
    }
    if part("X-Amz-SignedHeaders")? != "host" {
        return Err(TokenError::Malformed("X-Amz-SignedHeaders"));
    }
    let timestamp = part("X-Amz-Date")?;
    let made = parse_amz_date(timestamp).ok_or(TokenError::Malformed("X-Amz-Date"))?;
    let scope = Scope {
        date: timestamp[..8].to_owned(),
        region: region.to_owned(),
        service: SERVICE.to_owned(),
    };
    let (key_id, found_scope) = part("X-Amz-Credential")?
        .split_once('/')
        .ok_or(TokenError::Malformed("X-Amz-Credential"))?;
    if key_id != credentials.access_key_id {
        return Err(TokenError::UnknownAccessKey);
    }
    if found_scope != scope.path() {
        return Err(TokenError::WrongScope {
            expected: scope.path(),
            found: found_scope.to_owned(),
        });
    }
    let lifetime = part("X-Amz-Expires")?
        .parse()
        .map(time::Duration::seconds)
        .ok()
        .filter(|lifetime| (time::Duration::ZERO..=EXPIRY_MAX).contains(lifetime))
        .ok_or(TokenError::Malformed("X-Amz-Expires"))?;
    // Whoever asks may name any date: the ends of the calendar must not overflow.
    let is_early = made
        .checked_sub(CLOCK_SKEW_MAX)
        .is_some_and(|earliest| now < earliest);
    let is_late = made.checked_add(lifetime).is_some_and(|end| now >= end);
    if is_early || is_late {
        return Err(TokenError::Expired);
    }
    let timestamp = timestamp.to_owned();
    let request = canonical_request(host, &canonical_query(pairs));
    if credentials.verify(&scope, &timestamp, &request, &signature) {
        Ok(())
    } else {
        Err(TokenError::WrongSignature)
    }
}

fn canonical_query(pairs: Vec<(String, String)>) -> String {
    let mut encoded: Vec<String> = pairs
        .into_iter()
        .map(|(name, value)| format!("{}={}", uri_encode(&name), uri_encode(&value)))
        .collect();
    encoded.sort_unstable();
    encoded.join("&")
}

fn canonical_request(host: &str, query: &str) -> String {
    let empty = hex(digest::digest(&digest::SHA256, b"").as_ref());
    format!("GET\n/\n{query}\nhost:{host}\n\nhost\n{empty}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: &str = "abc.dsql.us-east-1.on.aws";

    fn now() -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(1_800_000_000).unwrap()
    }

    fn fresh(action: Action) -> String {
        mint(
            &Credentials::default(),
            HOST,
            "us-east-1",
            action,
            now(),
            Duration::from_secs(900),
        )
    }

    fn judge(token: &str, action: Action, at: OffsetDateTime) -> Result<(), TokenError> {
        verify(
            &Credentials::default(),
            token,
            HOST,
            "us-east-1",
            action,
            at,
        )
    }

    #[test]
    fn a_token_opens_its_own_door_until_it_expires() {
        let token = fresh(Action::DbConnectAdmin);
        let action = Action::DbConnectAdmin;
        assert_eq!(judge(&token, action, now()), Ok(()));
        assert_eq!(judge(&format!("https://{token}"), action, now()), Ok(()));
        let last = now() + Duration::from_secs(899);
        assert_eq!(judge(&token, action, last), Ok(()));
        let late = now() + Duration::from_secs(900);
        assert_eq!(judge(&token, action, late), Err(TokenError::Expired));
        let early = now() - Duration::from_secs(301);
        assert_eq!(judge(&token, action, early), Err(TokenError::Expired));
    }

    #[test]
    fn every_part_is_checked() {
        let token = fresh(Action::DbConnect);
        let check = |token: &str| judge(token, Action::DbConnect, now());
        assert_eq!(check(&token), Ok(()));
        assert!(matches!(
            judge(&token, Action::DbConnectAdmin, now()),
            Err(TokenError::WrongAction { .. })
        ));
        let other = token.replace("abc.dsql", "xyz.dsql");
        assert!(matches!(check(&other), Err(TokenError::WrongHost { .. })));
        let other = token.replace("us-east-1%2F", "us-east-2%2F");
        assert!(matches!(check(&other), Err(TokenError::WrongScope { .. })));
        let other = token.replace("AKIAWITNESS", "AKIASTRANGER");
        assert_eq!(check(&other), Err(TokenError::UnknownAccessKey));
        // A longer life is a different request: the signature no longer fits.
        let other = token.replace("Expires=900", "Expires=90000");
        assert_eq!(check(&other), Err(TokenError::WrongSignature));
        let other = token.replace("Expires=900", "Expires=9000000");
        assert!(matches!(check(&other), Err(TokenError::Malformed(_))));
        for date in ["99991231T235959Z", "00000101T000000Z"] {
            let other = token.replace(&amz_date(now()), date);
            assert!(check(&other).is_err(), "{date}");
            let other = other.replace(&amz_date(now())[..8], &date[..8]);
            assert_eq!(check(&other), Err(TokenError::Expired), "{date}");
        }
        for junk in [
            "",
            "secret",
            "host/?",
            "host/?a=%zz",
            "host/?X-Amz-Signature=0",
        ] {
            assert!(check(junk).is_err(), "{junk}");
        }
    }

    /// The tokens that AWS's generator for Rust is tested to make.
    #[test]
    fn tokens_are_those_of_the_aws_sdk() {
        let credentials = Credentials {
            access_key_id: "akid".to_owned(),
            secret_access_key: "secret".to_owned(),
        };
        let host = "peccy.dsql.us-east-1.on.aws";
        for (action, signature) in [
            (
                Action::DbConnect,
                "f5f2ad764ca5df44045d4ab6ccecba0eef941b0007e5765885a0b6ed3702a3f8",
            ),
            (
                Action::DbConnectAdmin,
                "267cf8d04d84444f7a62d5bdb40c44bfc6cb13dd6c64fa7f772df6bbaa90fff1",
            ),
        ] {
            let now = OffsetDateTime::from_unix_timestamp(1_724_716_800).unwrap();
            let lifetime = Duration::from_secs(450);
            let token = mint(&credentials, host, "us-east-1", action, now, lifetime);
            let expected = format!(
                "{host}/?Action={}&X-Amz-Algorithm=AWS4-HMAC-SHA256\
                 &X-Amz-Credential=akid%2F20240827%2Fus-east-1%2Fdsql%2Faws4_request\
                 &X-Amz-Date=20240827T000000Z&X-Amz-Expires=450&X-Amz-SignedHeaders=host\
                 &X-Amz-Signature={signature}",
                action.name()
            );
            assert_eq!(token, expected);
        }
    }

    #[test]
    fn the_role_decides_the_action() {
        assert_eq!(Action::for_role("admin"), Action::DbConnectAdmin);
        assert_eq!(Action::for_role("buyer"), Action::DbConnect);
    }
}
