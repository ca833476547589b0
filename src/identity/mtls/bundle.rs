//! What an authority is believed by: the certificates in its file, as they were read.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;

use crate::listen::tls::{TlsFileError, pem_certificates, read};

/// Why the certificates of an authority cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// The file cannot be used.
    #[error(transparent)]
    File(#[from] TlsFileError),
    /// A certificate in it can be no authority's.
    #[error("a certificate in `{path}` cannot be an authority")]
    Anchor {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: rustls::Error,
    },
    /// Nothing can be verified with them.
    #[error("certificates cannot be verified with `{path}`: {reason}")]
    Setup {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
}

/// The certificates of an authority.
#[derive(Debug)]
pub(super) struct Bundle {
    pub(super) verifier: Arc<dyn ClientCertVerifier>,
    /// What the file held.
    pub(super) text: Vec<u8>,
}

impl Bundle {
    /// Reads the file.
    pub(super) fn read(path: &Path) -> Result<Self, BundleError> {
        Self::of(path, read(path)?)
    }

    pub(super) fn of(path: &Path, text: Vec<u8>) -> Result<Self, BundleError> {
        let mut roots = RootCertStore::empty();
        for certificate in pem_certificates(path, &text)? {
            roots.add(certificate).map_err(|source| BundleError::Anchor { path: path.into(), source })?;
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
        let verifier = verifier.map_err(|error| BundleError::Setup { path: path.into(), reason: error.to_string() })?;
        Ok(Self { verifier, text })
    }
}
