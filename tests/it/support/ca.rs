//! A certificate authority for tests, what it signs, and clients that show it. The tests of the library use it too.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, SanType,
    date_time_ymd,
};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};

/// Who signs.
pub(crate) struct Ca {
    pub(crate) der: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

/// What is to be signed.
#[derive(Clone)]
pub(crate) struct Wish<'a> {
    pub(crate) uris: &'a [&'a str],
    pub(crate) dns: &'a [&'a str],
    pub(crate) name: &'a str,
    /// When it is valid, in seconds from now.
    pub(crate) valid: (i64, i64),
    pub(crate) client: bool,
    pub(crate) server: bool,
    pub(crate) is_authority: bool,
}

impl Wish<'static> {
    /// For a server on this machine.
    pub(crate) fn server() -> Self {
        Self { dns: &["localhost"], name: "server", server: true, client: false, ..Self::client(&[]) }
    }
}

impl<'a> Wish<'a> {
    /// For a client with these URIs.
    pub(crate) fn client(uris: &'a [&'a str]) -> Self {
        Self { uris, dns: &[], name: "client", valid: (-60, 3600), client: true, server: false, is_authority: false }
    }
}

/// A certificate with its key.
pub(crate) struct Issued {
    pub(crate) der: CertificateDer<'static>,
    pub(crate) key: Vec<u8>,
}

impl Ca {
    pub(crate) fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().unwrap();
        let der = params.self_signed(&key).unwrap().der().clone();
        Self { der, issuer: Issuer::new(params, key) }
    }

    pub(crate) fn sign(&self, wish: &Wish<'_>) -> Issued {
        let key = KeyPair::generate().unwrap();
        let der = params(wish).signed_by(&key, &self.issuer).unwrap().der().clone();
        Issued { der, key: key.serialize_der() }
    }

    pub(crate) fn pem(&self) -> String {
        pem("CERTIFICATE", &self.der)
    }
}

/// A certificate that nobody signed but its own key.
pub(crate) fn self_signed(wish: &Wish<'_>) -> Issued {
    let key = KeyPair::generate().unwrap();
    Issued { der: params(wish).self_signed(&key).unwrap().der().clone(), key: key.serialize_der() }
}

fn params(wish: &Wish<'_>) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, wish.name);
    let uri = |uri: &&str| SanType::URI((*uri).try_into().unwrap());
    let dns = |name: &&str| SanType::DnsName((*name).try_into().unwrap());
    params.subject_alt_names = wish.uris.iter().map(uri).chain(wish.dns.iter().map(dns)).collect();
    if wish.server {
        params.subject_alt_names.push(SanType::IpAddress([127, 0, 0, 1].into()));
        params.extended_key_usages.push(ExtendedKeyUsagePurpose::ServerAuth);
    }
    if wish.client {
        params.extended_key_usages.push(ExtendedKeyUsagePurpose::ClientAuth);
    }
    if wish.is_authority {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    }
    let at = |seconds: i64| date_time_ymd(1970, 1, 1) + Duration::from_secs(u64::try_from(seconds_now() + seconds).unwrap());
    (params.not_before, params.not_after) = (at(wish.valid.0), at(wish.valid.1));
    params
}

fn seconds_now() -> i64 {
    i64::try_from(UnixTime::now().as_secs()).unwrap()
}

impl Issued {
    pub(crate) fn pem(&self) -> String {
        pem("CERTIFICATE", &self.der)
    }

    pub(crate) fn key_pem(&self) -> String {
        pem("PRIVATE KEY", &self.key)
    }

    /// Writes `NAME.pem` and `NAME.key`.
    pub(crate) fn write(&self, directory: &Path, name: &str) {
        std::fs::write(directory.join(format!("{name}.pem")), self.pem()).unwrap();
        std::fs::write(directory.join(format!("{name}.key")), self.key_pem()).unwrap();
    }
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<&str> = text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

/// The settings of a client that trusts this authority for servers, and shows this certificate.
pub(crate) fn client(trusts: &Ca, shows: Option<&Issued>) -> ClientConfig {
    client_of(trusts, shows, &[&TLS13, &TLS12])
}

/// The same with these versions of TLS.
pub(crate) fn client_of(trusts: &Ca, shows: Option<&Issued>, versions: &[&'static SupportedProtocolVersion]) -> ClientConfig {
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(trusts.der.clone()).unwrap();
    let builder = ClientConfig::builder_with_provider(provider).with_protocol_versions(versions).unwrap();
    let builder = builder.with_root_certificates(roots);
    match shows {
        Some(issued) => {
            let key = PrivateKeyDer::try_from(issued.key.clone()).unwrap();
            builder.with_client_auth_cert(vec![issued.der.clone()], key).unwrap()
        }
        None => builder.with_no_client_auth(),
    }
}

/// Connects and shakes hands. With TLS 1.3 a refusal of the client's certificate is only seen by who reads.
pub(crate) async fn connect(address: SocketAddr, config: ClientConfig) -> std::io::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, stream).await
}
