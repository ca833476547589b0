//! What the handshake asks about a client's certificate. A certificate that would let nobody in ends it there.

use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, SignatureScheme};

use super::authorities::Authorities;
use crate::identity::flaw::{CertificateFlaw, Flaw};
use crate::listen::certificate::Certificate;

impl Authorities {
    /// What a listener asks about the certificates of its clients; `None` when nobody vouches for any.
    pub(in crate::identity) fn verifier(&self) -> Option<Arc<dyn ClientCertVerifier>> {
        (!self.is_empty()).then(|| Arc::new(self.clone()) as _)
    }
}

impl ClientCertVerifier for Authorities {
    fn client_auth_mandatory(&self) -> bool {
        self.0.mandatory
    }

    /// Authorities change while connections are made, so nobody is told their names.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let chain: Vec<CertificateDer<'static>> =
            std::iter::once(end_entity).chain(intermediates).map(|one| one.clone().into_owned()).collect();
        let says = Certificate::parse(end_entity).ok();
        self.judge(&chain, says.as_ref(), now).map(|_| ClientCertVerified::assertion()).map_err(|flaw| {
            self.0.metrics.refused(Flaw::Certificate(flaw).word());
            Error::InvalidCertificate(alert(flaw))
        })
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        rustls::crypto::verify_tls12_signature(message, cert, dss, &algorithms())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        rustls::crypto::verify_tls13_signature(message, cert, dss, &algorithms())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        algorithms().supported_schemes()
    }
}

fn algorithms() -> WebPkiSupportedAlgorithms {
    rustls::crypto::ring::default_provider().signature_verification_algorithms
}

/// The client hears what TLS has a word for; the log has the sentence.
fn alert(flaw: CertificateFlaw) -> CertificateError {
    match flaw {
        CertificateFlaw::Untrusted => CertificateError::UnknownIssuer,
        CertificateFlaw::Expired => CertificateError::Expired,
        CertificateFlaw::NotYet => CertificateError::NotValidYet,
        CertificateFlaw::Purpose => CertificateError::InvalidPurpose,
        CertificateFlaw::Unreadable => CertificateError::BadEncoding,
        CertificateFlaw::SeveralUris
        | CertificateFlaw::SpiffeId
        | CertificateFlaw::TrustDomain
        | CertificateFlaw::Nobody
        | CertificateFlaw::Ambiguous => CertificateError::Other(OtherError(Arc::new(flaw))),
    }
}
