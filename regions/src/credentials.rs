//! The test credentials that both stand-ins accept, and the Signature Version 4
//! arithmetic under them. Nothing here opens a connection or knows a service's
//! own rules: a caller says what is signed, this says whether the signature is
//! that of these credentials.

use std::fmt::Write as _;

use ring::{digest, hmac};
use time::OffsetDateTime;

/// An access key pair. The stand-ins accept exactly one; the default is a fixed
/// test pair that has never opened anything on AWS.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The access key id, the public half.
    pub access_key_id: String,
    /// The secret access key.
    pub secret_access_key: String,
}

impl Default for Credentials {
    fn default() -> Self {
        Self {
            access_key_id: "AKIAWITNESSEMBEDDED0".to_owned(),
            secret_access_key: "embedded/witness/regions/only/not/a/secret".to_owned(),
        }
    }
}

/// Debug output never carries the secret: it ends up in logs.
impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials")
            .field("access_key_id", &self.access_key_id)
            .finish_non_exhaustive()
    }
}

/// What a signature is good for: one day, one region, one service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// The day, as `YYYYMMDD`.
    pub date: String,
    /// The region, such as `us-east-1`.
    pub region: String,
    /// The service, such as `dsql` or `dynamodb`.
    pub service: String,
}

impl Scope {
    /// The scope as it stands in a credential: `date/region/service/aws4_request`.
    pub fn path(&self) -> String {
        format!(
            "{}/{}/{}/aws4_request",
            self.date, self.region, self.service
        )
    }
}

impl Credentials {
    /// The string to sign for a canonical request made at `timestamp` (`YYYYMMDDTHHMMSSZ`).
    fn string_to_sign(scope: &Scope, timestamp: &str, canonical_request: &str) -> String {
        let hash = hex(digest::digest(&digest::SHA256, canonical_request.as_bytes()).as_ref());
        format!("AWS4-HMAC-SHA256\n{timestamp}\n{}\n{hash}", scope.path())
    }

    fn signing_key(&self, scope: &Scope) -> hmac::Key {
        let secret = format!("AWS4{}", self.secret_access_key);
        let mut key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        for part in [
            scope.date.as_str(),
            scope.region.as_str(),
            scope.service.as_str(),
            "aws4_request",
        ] {
            key = hmac::Key::new(
                hmac::HMAC_SHA256,
                hmac::sign(&key, part.as_bytes()).as_ref(),
            );
        }
        key
    }

    /// The hexadecimal signature of a canonical request.
    pub fn sign(&self, scope: &Scope, timestamp: &str, canonical_request: &str) -> String {
        let text = Self::string_to_sign(scope, timestamp, canonical_request);
        hex(hmac::sign(&self.signing_key(scope), text.as_bytes()).as_ref())
    }

    /// Whether `signature` (hexadecimal) is what [`Credentials::sign`] would have made;
    /// compared in constant time.
    pub fn verify(
        &self,
        scope: &Scope,
        timestamp: &str,
        canonical_request: &str,
        signature: &str,
    ) -> bool {
        let text = Self::string_to_sign(scope, timestamp, canonical_request);
        unhex(signature).is_some_and(|tag| {
            hmac::verify(&self.signing_key(scope), text.as_bytes(), &tag).is_ok()
        })
    }
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
            let _ = write!(out, "{byte:02x}");
            out
        })
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || !text.is_ascii() {
        return None;
    }
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok())
        .collect()
}

/// Percent-encodes everything but the unreserved characters of RFC 3986, as
/// Signature Version 4 asks.
pub fn uri_encode(text: &str) -> String {
    text.bytes()
        .fold(String::with_capacity(text.len()), |mut out, byte| {
            match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                    out.push(char::from(byte));
                }
                _ => {
                    let _ = write!(out, "%{byte:02X}");
                }
            }
            out
        })
}

/// Undoes [`uri_encode`]; `None` for a broken escape or bytes that are not UTF-8.
pub fn uri_decode(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let digits = [bytes.next()?, bytes.next()?];
            let digits = std::str::from_utf8(&digits).ok()?;
            out.push(u8::from_str_radix(digits, 16).ok()?);
        } else {
            out.push(byte);
        }
    }
    String::from_utf8(out).ok()
}

/// A moment as Signature Version 4 writes it: `YYYYMMDDTHHMMSSZ`, UTC.
pub fn amz_date(at: OffsetDateTime) -> String {
    let at = at.to_offset(time::UtcOffset::UTC);
    format!(
        "{:04}{:02}{:02}T{:02}{:02}{:02}Z",
        at.year(),
        u8::from(at.month()),
        at.day(),
        at.hour(),
        at.minute(),
        at.second()
    )
}

/// Reads what [`amz_date`] wrote.
pub fn parse_amz_date(text: &str) -> Option<OffsetDateTime> {
    if text.len() != 16 || !text.is_ascii() || &text[8..9] != "T" || !text.ends_with('Z') {
        return None;
    }
    let month: u8 = text[4..6].parse().ok()?;
    let date = time::Date::from_calendar_date(
        text[..4].parse().ok()?,
        time::Month::try_from(month).ok()?,
        text[6..8].parse().ok()?,
    )
    .ok()?;
    let time = time::Time::from_hms(
        text[9..11].parse().ok()?,
        text[11..13].parse().ok()?,
        text[13..15].parse().ok()?,
    )
    .ok()?;
    Some(time::PrimitiveDateTime::new(date, time).assume_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The worked example of AWS's documentation of the signing key:
    /// "Derive a signing key for Signature Version 4".
    #[test]
    fn the_documented_signing_key_comes_out() {
        let credentials = Credentials {
            access_key_id: "AKIDEXAMPLE".to_owned(),
            secret_access_key: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".to_owned(),
        };
        let scope = Scope {
            date: "20150830".to_owned(),
            region: "us-east-1".to_owned(),
            service: "iam".to_owned(),
        };
        let canonical = "GET\n/\nAction=ListUsers&Version=2010-05-08\n\
            content-type:application/x-www-form-urlencoded; charset=utf-8\n\
            host:iam.amazonaws.com\nx-amz-date:20150830T123600Z\n\n\
            content-type;host;x-amz-date\n\
            e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let signature = credentials.sign(&scope, "20150830T123600Z", canonical);
        assert_eq!(
            signature,
            "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"
        );
        assert!(credentials.verify(&scope, "20150830T123600Z", canonical, &signature));
        assert!(!credentials.verify(&scope, "20150830T123601Z", canonical, &signature));
        for bad in ["", "5", "zz", "5d67", "é"] {
            assert!(!credentials.verify(&scope, "20150830T123600Z", canonical, bad));
        }
    }

    #[test]
    fn encoding_and_dates_round_trip() {
        let odd = "a b/ü%~+=&";
        assert_eq!(uri_decode(&uri_encode(odd)).as_deref(), Some(odd));
        for broken in ["%", "%4", "%zz", "%ff"] {
            assert_eq!(uri_decode(broken), None);
        }
        let at = OffsetDateTime::from_unix_timestamp(1_440_938_160).unwrap();
        assert_eq!(amz_date(at), "20150830T123600Z");
        assert_eq!(parse_amz_date("20150830T123600Z"), Some(at));
        for bad in ["", "20150830T1236", "20151330T123600Z", "2015é830T123600Z"] {
            assert_eq!(parse_amz_date(bad), None);
        }
    }

    #[test]
    fn debug_output_hides_the_secret() {
        assert!(!format!("{:?}", Credentials::default()).contains("not/a/secret"));
    }
}
