//! A client's certificate as it was shown, and what was last thought of it.

use parking_lot::Mutex;
use rustls::pki_types::CertificateDer;

use super::authorities::Judgement;
use crate::domain::Timestamp;
use crate::listen::certificate::Certificate;

/// The certificate that a client showed when it connected.
#[derive(Debug)]
pub struct ClientCertificate {
    /// Its own first, then those that lead to its authority.
    pub(super) chain: Vec<CertificateDer<'static>>,
    /// What it says; `None` when it cannot be understood.
    pub(super) says: Option<Certificate>,
    /// What was thought of it, in which state of the authorities, and when.
    pub(super) judged: Mutex<Option<(u64, Timestamp, Judgement)>>,
}

impl ClientCertificate {
    /// The certificate of a client that showed these; `None` when it showed none.
    #[must_use]
    pub fn of(chain: &[CertificateDer<'static>]) -> Option<Self> {
        let own = chain.first()?;
        Some(Self { chain: chain.to_vec(), says: Certificate::parse(own).ok(), judged: Mutex::new(None) })
    }

    /// SHA-256 of the certificate, in base64url: what a token may be bound to (RFC 8705).
    #[must_use]
    pub fn digest(&self) -> Option<&str> {
        self.says.as_ref().map(|says| &*says.digest)
    }
}
