//! From PEM files to a certificate that can be served, or to a sentence that says which file is wrong and why.

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use rustls::pki_types::pem::{Error as PemError, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{Error, InconsistentKeys};

use super::TlsSettings;
use crate::listen::certificate::{Certificate, Unreadable};

/// The longest file, in bytes.
const MAX_FILE: u64 = 1024 * 1024;

/// Why the files of a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsFileError {
    /// A file cannot be read.
    #[error("failed to read `{path}`")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A file is not PEM.
    #[error("`{path}` is not PEM: {reason}")]
    Pem {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// There is no certificate in the file.
    #[error("there is no certificate in `{0}`")]
    NoCertificate(PathBuf),
    /// There is no private key in the file.
    #[error("there is no private key in `{0}`")]
    NoKey(PathBuf),
    /// The certificate cannot be understood.
    #[error("a certificate in `{path}` cannot be used")]
    Certificate {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: Unreadable,
    },
    /// The key cannot be used.
    #[error("the private key in `{path}` cannot be used")]
    Key {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: Error,
    },
    /// The key is another one's.
    #[error("the private key in `{key}` does not belong to the certificate in `{certificate}`")]
    Mismatch {
        /// The file of the certificate.
        certificate: PathBuf,
        /// The file of the key.
        key: PathBuf,
    },
}

/// The bytes of both files.
pub(super) struct Pair {
    pub(super) certificate: Vec<u8>,
    pub(super) key: Vec<u8>,
}

impl Pair {
    pub(super) fn read(settings: &TlsSettings) -> Result<Self, TlsFileError> {
        Ok(Self { certificate: read(&settings.certificate)?, key: read(&settings.key)? })
    }

    /// The certificate with its key, and what it says.
    pub(super) fn certified(&self, settings: &TlsSettings) -> Result<(CertifiedKey, Certificate), TlsFileError> {
        let path = &settings.certificate;
        let chain = pem_certificates(path, &self.certificate)?;
        let own = chain.first().ok_or_else(|| TlsFileError::NoCertificate(path.clone()))?;
        let says = Certificate::parse(own).map_err(|source| TlsFileError::Certificate { path: path.clone(), source })?;
        let path = &settings.key;
        let key = PrivateKeyDer::from_pem_slice(&self.key).map_err(|error| match error {
            PemError::NoItemsFound => TlsFileError::NoKey(path.clone()),
            error => TlsFileError::Pem { path: path.clone(), reason: error.to_string() },
        })?;
        let unusable = |source| TlsFileError::Key { path: path.clone(), source };
        let key = rustls::crypto::ring::sign::any_supported_type(&key).map_err(unusable)?;
        let certified = CertifiedKey::new(chain, key);
        match certified.keys_match() {
            Ok(()) | Err(Error::InconsistentKeys(InconsistentKeys::Unknown)) => Ok((certified, says)),
            Err(Error::InconsistentKeys(_)) => {
                Err(TlsFileError::Mismatch { certificate: settings.certificate.clone(), key: path.clone() })
            }
            Err(source) => Err(unusable(source)),
        }
    }
}

/// The certificates in the text of a file.
pub(crate) fn pem_certificates(path: &Path, text: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsFileError> {
    let all = CertificateDer::pem_slice_iter(text).collect::<Result<Vec<_>, _>>();
    let all = all.map_err(|error| TlsFileError::Pem { path: path.into(), reason: error.to_string() })?;
    if all.is_empty() { Err(TlsFileError::NoCertificate(path.into())) } else { Ok(all) }
}

/// The bytes of a file that is not too long to be one with certificates.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, TlsFileError> {
    let failed = |source| TlsFileError::Read { path: path.into(), source };
    let mut bytes = Vec::new();
    let length = std::fs::File::open(path).and_then(|file| file.take(MAX_FILE + 1).read_to_end(&mut bytes)).map_err(failed)?;
    if u64::try_from(length).is_ok_and(|length| length <= MAX_FILE) {
        Ok(bytes)
    } else {
        Err(failed(io::Error::other(format!("it is longer than {MAX_FILE} bytes"))))
    }
}
