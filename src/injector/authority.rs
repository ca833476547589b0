//! A certificate authority of the webhook's own, and the certificate that it signs. Its key leaves memory never: whoever starts anew makes a
//! new one, and adds it to those that API servers believe (`bundle.rs`).

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, date_time_ymd,
};
use zeroize::Zeroizing;

use crate::domain::Timestamp;

/// How far clocks of API servers may be behind.
const EARLIER: Duration = Duration::from_secs(300);

/// A certificate for the webhook, with what API servers have to know to believe it.
pub struct Authority {
    /// The authority's certificate, PEM.
    pub ca: String,
    /// The certificate to serve, PEM.
    pub certificate: String,
    /// Its private key, PEM.
    pub key: Zeroizing<String>,
    /// When another one is due: when two thirds of its time have passed.
    pub renew_at: Timestamp,
}

impl Authority {
    /// Makes an authority and a certificate for these DNS names, which both end after `lifetime`.
    ///
    /// # Errors
    /// When the names are none, or keys cannot be made.
    pub fn make(names: &[String], now: Timestamp, lifetime: Duration) -> Result<Self, rcgen::Error> {
        let mut ca = CertificateParams::default();
        // Another name than the leaf's, or OpenSSL takes the leaf for one that signed itself.
        ca.distinguished_name.push(DnType::CommonName, "cedarpost webhook authority");
        ca.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        ca.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let mut leaf = CertificateParams::new(names)?;
        leaf.distinguished_name.push(DnType::CommonName, "cedarpost webhook");
        leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        leaf.use_authority_key_identifier_extension = true;
        let now_since = Duration::from_micros(u64::try_from(now.as_micros()).unwrap_or_default());
        let epoch = date_time_ymd(1970, 1, 1);
        for params in [&mut ca, &mut leaf] {
            params.not_before = epoch + now_since.saturating_sub(EARLIER);
            params.not_after = epoch + now_since + lifetime;
        }
        let ca_key = KeyPair::generate()?;
        let ca_der = pem("CERTIFICATE", ca.self_signed(&ca_key)?.der());
        let issuer = Issuer::new(ca, ca_key);
        let key = KeyPair::generate()?;
        let certificate = leaf.signed_by(&key, &issuer)?;
        let due = now_since + lifetime / 3 * 2;
        Ok(Self {
            ca: ca_der,
            certificate: pem("CERTIFICATE", certificate.der()),
            key: Zeroizing::new(pem("PRIVATE KEY", &Zeroizing::new(key.serialize_der()))),
            renew_at: Timestamp::from_micros(i64::try_from(due.as_micros()).unwrap_or(i64::MAX)),
        })
    }
}

pub(super) fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let mut pem = format!("-----BEGIN {label}-----\n");
    for (place, letter) in text.chars().enumerate() {
        if place > 0 && place % 64 == 0 {
            pem.push('\n');
        }
        pem.push(letter);
    }
    pem + &format!("\n-----END {label}-----\n")
}
