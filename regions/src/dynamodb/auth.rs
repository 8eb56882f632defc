//! Checks the AWS Signature Version 4 of a request, as the service does: who
//! signed, for which region and service, when, and whether the signature fits.

use hyper::header::HeaderMap;
use ring::digest::{SHA256, digest};
use time::OffsetDateTime;

use super::error::{ApiError, ApiResult, ErrorKind};
use crate::credentials::{Credentials, Scope, hex, parse_amz_date};

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const SERVICE: &str = "dynamodb";
/// How far a client's clock may be off, seconds.
const SKEW_MAX_S: i64 = 15 * 60;

/// The parts of a request that a signature covers.
pub(super) struct Signed<'a> {
    pub(super) method: &'a str,
    pub(super) path: &'a str,
    pub(super) query: &'a str,
    pub(super) headers: &'a HeaderMap,
    pub(super) body: &'a [u8],
}

/// Succeeds if `request` was signed with `credentials` for `region` about now.
pub(super) fn verify(
    request: &Signed<'_>,
    credentials: &Credentials,
    region: &str,
    now_s: i64,
) -> ApiResult<()> {
    let Some(header) = header(request.headers, "authorization") else {
        return Err(ApiError::of(ErrorKind::MissingAuthenticationToken));
    };
    let authorization = Authorization::parse(header, request.headers)?;
    let invalid = |message: String| Err(ApiError::new(ErrorKind::InvalidSignature, message));
    if authorization.access_key_id != credentials.access_key_id {
        return Err(ApiError::of(ErrorKind::UnrecognizedClient));
    }
    if authorization.region != region {
        return invalid(format!(
            "Credential should be scoped to a valid region, not '{}'. ",
            authorization.region
        ));
    }
    if authorization.service != SERVICE {
        return invalid(format!(
            "Credential should be scoped to correct service: '{SERVICE}'. "
        ));
    }
    let time = authorization.time;
    let Some(signed_s) = parse_amz_date(time)
        .map(OffsetDateTime::unix_timestamp)
        .filter(|_| time.starts_with(authorization.date))
    else {
        return invalid(format!(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from \
             HTTP: '{}' != '{time}'.",
            authorization.date
        ));
    };
    if signed_s < now_s - SKEW_MAX_S {
        return invalid(format!(
            "Signature expired: {time} is more than 15 minutes old"
        ));
    }
    if signed_s > now_s + SKEW_MAX_S {
        return invalid(format!(
            "Signature not yet current: {time} is more than 15 minutes ahead"
        ));
    }
    let scope = Scope {
        date: authorization.date.to_owned(),
        region: region.to_owned(),
        service: SERVICE.to_owned(),
    };
    let canonical = authorization.canonical_request(request);
    if !credentials.verify(&scope, time, &canonical, authorization.signature) {
        return Err(ApiError::of(ErrorKind::InvalidSignature));
    }
    Ok(())
}

/// An `Authorization` header, read.
struct Authorization<'a> {
    access_key_id: &'a str,
    date: &'a str,
    region: &'a str,
    service: &'a str,
    signed_headers: &'a str,
    signature: &'a str,
    /// The `X-Amz-Date` header.
    time: &'a str,
}

impl<'a> Authorization<'a> {
    fn parse(text: &'a str, headers: &'a HeaderMap) -> ApiResult<Self> {
        let incomplete = |what: &str| {
            ApiError::new(
                ErrorKind::IncompleteSignature,
                format!("Authorization header requires {what}. Authorization={ALGORITHM}"),
            )
        };
        let rest = text.strip_prefix(ALGORITHM).ok_or_else(|| {
            ApiError::new(
                ErrorKind::IncompleteSignature,
                format!("Unsupported AWS 'algorithm': it must be '{ALGORITHM}'"),
            )
        })?;
        let member = |name: &str| {
            rest.split(',')
                .filter_map(|pair| pair.trim().split_once('='))
                .find_map(|(key, value)| (key == name).then_some(value))
                .ok_or_else(|| incomplete(&format!("'{name}' parameter")))
        };
        let credential = member("Credential")?;
        let signed_headers = member("SignedHeaders")?;
        let signature = member("Signature")?;
        let time = header(headers, "x-amz-date")
            .ok_or_else(|| incomplete("existence of either a 'X-Amz-Date' or a 'Date' header"))?;
        // An access key id could hold a slash; the scope is the last four parts.
        let mut parts = credential.rsplitn(5, '/');
        let mut part = || {
            parts.next().ok_or_else(|| {
                ApiError::new(
                    ErrorKind::IncompleteSignature,
                    format!(
                        "Credential must have exactly 5 slash-delimited elements, e.g. \
                         keyid/date/region/service/term, got '{credential}'"
                    ),
                )
            })
        };
        let (term, service, region, date, access_key_id) =
            (part()?, part()?, part()?, part()?, part()?);
        if term != "aws4_request" {
            return Err(ApiError::new(
                ErrorKind::InvalidSignature,
                format!(
                    "Credential should be scoped with a valid terminator: 'aws4_request', not '{term}'."
                ),
            ));
        }
        Ok(Self {
            access_key_id,
            date,
            region,
            service,
            signed_headers,
            signature,
            time,
        })
    }

    fn canonical_request(&self, request: &Signed<'_>) -> String {
        let mut canonical = format!(
            "{}\n{}\n{}\n",
            request.method,
            request.path,
            canonical_query(request.query)
        );
        for name in self.signed_headers.split(';') {
            let values: Vec<_> = request
                .headers
                .get_all(name)
                .iter()
                .map(|value| collapse(&String::from_utf8_lossy(value.as_bytes())))
                .collect();
            canonical.push_str(&format!("{name}:{}\n", values.join(",")));
        }
        canonical.push_str(&format!("\n{}\n", self.signed_headers));
        canonical.push_str(&hex(digest(&SHA256, request.body).as_ref()));
        canonical
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// Parameters sorted, each with its `=`; clients send them encoded already.
fn canonical_query(query: &str) -> String {
    let mut pairs: Vec<_> = query.split('&').filter(|pair| !pair.is_empty()).collect();
    pairs.sort_unstable();
    let pairs: Vec<_> = pairs
        .into_iter()
        .map(|pair| match pair.contains('=') {
            true => pair.to_owned(),
            false => format!("{pair}="),
        })
        .collect();
    pairs.join("&")
}

/// Trims a header's value, and makes runs of spaces one.
fn collapse(value: &str) -> String {
    value.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests;
