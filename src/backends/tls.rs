//! What the URL of a server says of TLS, the same for every database.
//!
//! `sslmode` is `disable` or `verify-full`, in which the server's certificate is verified
//! for its name against the system's roots, or against those in `sslrootcert` alone. Where
//! the URL does not say, it is `disable` on loopback and `verify-full` beyond. `require`
//! is taken for `verify-full`: there is no TLS here that is not verified. Modes that may
//! end up without it (`allow`, `prefer`) are refused.

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

/// What a URL says of TLS, which drivers do not know in this form.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct TlsParameters {
    mode: Option<String>,
    /// A file of certificates, or `system`.
    roots: Option<String>,
}

impl TlsParameters {
    /// Takes them out of the URL; the rest is for the driver.
    pub(super) fn take(url: &str) -> Result<(String, TlsParameters), String> {
        let mut taken = TlsParameters::default();
        // What is before the @, password and all, is nobody's query.
        let host = url.find('@').map_or(0, |at| at + 1);
        let Some(query) = url[host..].find('?').map(|at| host + at) else {
            return Ok((url.into(), taken));
        };
        let mut rest = Vec::new();
        for parameter in url[query + 1..].split('&').filter(|p| !p.is_empty()) {
            match parameter.split_once('=') {
                Some(("sslmode", value)) => taken.mode = Some(value.into()),
                Some(("sslrootcert", value)) => taken.roots = Some(decoded(value)?),
                _ => rest.push(parameter),
            }
        }
        let mut plain = url[..query].to_owned();
        if !rest.is_empty() {
            plain = format!("{plain}?{}", rest.join("&"));
        }
        Ok((plain, taken))
    }

    /// Whether there is TLS; it is verified.
    pub(super) fn verified(&self, on_loopback: bool) -> Result<bool, String> {
        match self.mode.as_deref() {
            None => Ok(!on_loopback || self.roots.is_some()),
            Some("disable") => Ok(false),
            Some("verify-full" | "require") => Ok(true),
            Some(mode @ ("allow" | "prefer" | "verify-ca")) => Err(format!(
                "sslmode={mode} would let in a server that is not verified; say \
                 sslmode=verify-full, with sslrootcert=FILE where the system does not know who \
                 signed, or sslmode=disable"
            )),
            Some(_) => Err("sslmode is verify-full or disable".into()),
        }
    }

    /// The certificates of those whose signature is trusted.
    pub(super) fn certificates(&self) -> Result<Vec<CertificateDer<'static>>, String> {
        let Some(file) = self.roots.as_deref().filter(|name| *name != "system") else {
            let found = rustls_native_certs::load_native_certs().certs;
            return match found.is_empty() {
                true => {
                    Err("the system has no root certificates; sslrootcert=FILE names some".into())
                }
                false => Ok(found),
            };
        };
        let bad = |e: &dyn std::fmt::Display| format!("sslrootcert {file}: {e}");
        let found = CertificateDer::pem_file_iter(file).map_err(|e| bad(&e))?;
        let found: Vec<_> = found.collect::<Result<_, _>>().map_err(|e| bad(&e))?;
        match found.is_empty() {
            true => Err(bad(&"no certificate in it")),
            false => Ok(found),
        }
    }
}

/// A value of a query without its percent signs.
fn decoded(value: &str) -> Result<String, String> {
    let bad = || "sslrootcert is no text".to_owned();
    let mut bytes = Vec::new();
    let mut rest = value.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let hex = rest.get(..2).and_then(|hex| str::from_utf8(hex).ok());
        let byte = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok());
        bytes.push(byte.ok_or_else(bad)?);
        rest = &rest[2..];
    }
    String::from_utf8(bytes).map_err(|_| bad())
}
