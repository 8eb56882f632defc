//! Good and bad signatures.

use super::*;
use hyper::header::HeaderValue;

const NOW_S: i64 = 1_440_938_160;
const TIME: &str = "20150830T123600Z";
const BODY: &[u8] = b"{}";

/// The signed headers of a request, signed by the very code under test; the
/// real clients in the crate's whole-server tests are the other opinion.
fn signed(access_key_id: &str, secret: &str, region: &str, service: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert("host", HeaderValue::from_static("127.0.0.1:8000"));
    headers.insert("x-amz-date", HeaderValue::from_static(TIME));
    let draft = Authorization {
        access_key_id,
        date: &TIME[..8],
        region,
        service,
        signed_headers: "host;x-amz-date",
        signature: "",
        time: TIME,
    };
    let signer = Credentials {
        access_key_id: access_key_id.to_owned(),
        secret_access_key: secret.to_owned(),
    };
    let scope = Scope {
        date: draft.date.to_owned(),
        region: region.to_owned(),
        service: service.to_owned(),
    };
    let canonical = draft.canonical_request(&request(&headers));
    let signature = signer.sign(&scope, TIME, &canonical);
    let value = format!(
        "{ALGORITHM} Credential={access_key_id}/{}/{region}/{service}/aws4_request, \
         SignedHeaders=host;x-amz-date, Signature={signature}",
        draft.date
    );
    headers.insert("authorization", HeaderValue::from_str(&value).unwrap());
    headers
}

fn request(headers: &HeaderMap) -> Signed<'_> {
    Signed {
        method: "POST",
        path: "/",
        query: "",
        headers,
        body: BODY,
    }
}

fn refusal(headers: &HeaderMap, now_s: i64) -> ApiError {
    verify(
        &request(headers),
        &Credentials::default(),
        "us-east-1",
        now_s,
    )
    .unwrap_err()
}

fn good() -> HeaderMap {
    let known = Credentials::default();
    signed(
        &known.access_key_id,
        &known.secret_access_key,
        "us-east-1",
        "dynamodb",
    )
}

#[test]
fn a_good_signature_passes_for_a_quarter_of_an_hour() {
    let headers = good();
    for now_s in [NOW_S - SKEW_MAX_S, NOW_S, NOW_S + SKEW_MAX_S] {
        let known = Credentials::default();
        verify(&request(&headers), &known, "us-east-1", now_s).unwrap();
    }
    for now_s in [NOW_S - SKEW_MAX_S - 1, NOW_S + SKEW_MAX_S + 1] {
        assert!(refusal(&headers, now_s).is(ErrorKind::InvalidSignature));
    }
}

#[test]
fn every_wrong_part_is_refused() {
    let known = Credentials::default();
    let (id, secret) = (&known.access_key_id, &known.secret_access_key);
    let cases = [
        (HeaderMap::new(), ErrorKind::MissingAuthenticationToken),
        (
            signed("AKIDOTHER", secret, "us-east-1", "dynamodb"),
            ErrorKind::UnrecognizedClient,
        ),
        (
            signed(id, "wrong", "us-east-1", "dynamodb"),
            ErrorKind::InvalidSignature,
        ),
        (
            signed(id, secret, "us-east-2", "dynamodb"),
            ErrorKind::InvalidSignature,
        ),
        (
            signed(id, secret, "us-east-1", "s3"),
            ErrorKind::InvalidSignature,
        ),
    ];
    for (headers, kind) in cases {
        let refusal = refusal(&headers, NOW_S);
        assert!(refusal.is(kind), "{refusal}");
    }
    let mut changed = good();
    changed.insert("host", HeaderValue::from_static("elsewhere"));
    assert!(refusal(&changed, NOW_S).is(ErrorKind::InvalidSignature));
    for text in [
        "",
        "Basic abc",
        "AWS4-HMAC-SHA256",
        "AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host, Signature=00",
    ] {
        let mut headers = good();
        headers.insert("authorization", HeaderValue::from_static(text));
        let refusal = refusal(&headers, NOW_S);
        assert!(refusal.is(ErrorKind::IncompleteSignature), "{refusal}");
    }
}
