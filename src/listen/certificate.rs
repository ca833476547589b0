//! What an X.509 certificate says, as far as anybody here wants to know it. Whether it is believed is decided elsewhere.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use x509_cert::der::Decode as _;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{BasicConstraints, KeyUsage, SubjectAltName};
use x509_cert::time::Time;

use crate::domain::Timestamp;

/// What a certificate says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// SHA-256 of the certificate, in base64url: what a token may be bound to (RFC 8705).
    pub digest: Box<str>,
    /// The first moment of its validity.
    pub not_before: Timestamp,
    /// The last moment of its validity.
    pub not_after: Timestamp,
    /// The URIs in its subject's alternative names, SPIFFE ids among them.
    pub uris: Vec<Box<str>>,
    /// The DNS names there.
    pub dns: Vec<Box<str>>,
    /// Its subject, as RFC 4514 writes it; empty when there is none.
    pub subject: Box<str>,
    /// It may sign other certificates.
    pub is_authority: bool,
}

/// A certificate that cannot be read.
#[derive(Debug, Clone, thiserror::Error)]
#[error("this is not a certificate that can be understood: {0}")]
pub struct Unreadable(#[from] x509_cert::der::Error);

impl Certificate {
    /// Reads a certificate (DER).
    ///
    /// # Errors
    /// When it is none, or says something twice that can be said once.
    pub fn parse(der: &[u8]) -> Result<Self, Unreadable> {
        let certificate = x509_cert::Certificate::from_der(der)?.tbs_certificate;
        let names = certificate.get::<SubjectAltName>()?.map(|(_, names)| names.0).unwrap_or_default();
        let basic = certificate.get::<BasicConstraints>()?.is_some_and(|(_, basic)| basic.ca);
        let signs = certificate.get::<KeyUsage>()?.is_some_and(|(_, usage)| usage.key_cert_sign() || usage.crl_sign());
        let uris = names.iter().filter_map(|name| match name {
            GeneralName::UniformResourceIdentifier(uri) => Some(uri.as_str().into()),
            _ => None,
        });
        let dns = names.iter().filter_map(|name| match name {
            GeneralName::DnsName(name) => Some(name.as_str().into()),
            _ => None,
        });
        Ok(Self {
            digest: URL_SAFE_NO_PAD.encode(digest(&SHA256, der)).into(),
            not_before: moment(certificate.validity.not_before),
            not_after: moment(certificate.validity.not_after),
            uris: uris.collect(),
            dns: dns.collect(),
            subject: certificate.subject.to_string().into(),
            is_authority: basic || signs,
        })
    }
}

fn moment(time: Time) -> Timestamp {
    Timestamp::from_micros(i64::try_from(time.to_unix_duration().as_micros()).unwrap_or(i64::MAX))
}

#[cfg(test)]
#[path = "certificate_tests.rs"]
mod tests;
