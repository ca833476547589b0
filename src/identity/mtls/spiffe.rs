//! SPIFFE ids: `spiffe://trust-domain/path`, by the rules of the SPIFFE-ID standard, sections 2.1 to 2.4.

use std::fmt;

use crate::identity::flaw::CertificateFlaw;

/// What every SPIFFE id begins with.
pub(super) const SCHEME: &str = "spiffe://";
/// The longest id, in bytes.
const LONGEST: usize = 2048;
/// The longest trust domain, in bytes.
const LONGEST_DOMAIN: usize = 255;

/// The name of a trust domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustDomain(Box<str>);

/// A text that is no name of a trust domain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a trust domain: lower case letters, digits, `.`, `-` and `_`, as in \"prod.example\"")]
pub struct BadTrustDomain(String);

impl TrustDomain {
    /// The trust domain of this name, with or without `spiffe://` before it.
    ///
    /// # Errors
    /// When this is no such name.
    pub fn new(text: &str) -> Result<Self, BadTrustDomain> {
        let name = text.strip_prefix(SCHEME).unwrap_or(text);
        if is_domain(name) { Ok(Self(name.into())) } else { Err(BadTrustDomain(text.to_owned())) }
    }
}

impl fmt::Display for TrustDomain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether this is the id of a workload in the trust domain.
///
/// # Errors
/// When it is no id of a workload at all, or is in another trust domain.
pub(super) fn check(id: &str, domain: &TrustDomain) -> Result<(), CertificateFlaw> {
    let of = parse(id).ok_or(CertificateFlaw::SpiffeId)?;
    if *of == *domain.0 { Ok(()) } else { Err(CertificateFlaw::TrustDomain) }
}

/// The trust domain of the id of a workload; `None` when it is not well-formed. What has no path is a trust domain's own id.
pub(super) fn parse(id: &str) -> Option<&str> {
    let (domain, path) = id.strip_prefix(SCHEME).filter(|_| id.len() <= LONGEST)?.split_once('/')?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    let segment = |segment: &str| !matches!(segment, "" | "." | "..") && segment.bytes().all(plain);
    (is_domain(domain) && path.split('/').all(segment)).then_some(domain)
}

/// No user, no port: neither `@` nor `:` is among the letters.
fn is_domain(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'_');
    (1..=LONGEST_DOMAIN).contains(&name.len()) && name.bytes().all(plain)
}

#[cfg(test)]
#[path = "spiffe_tests.rs"]
mod tests;
