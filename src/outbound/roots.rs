//! The certificates that others are checked against.

use std::path::Path;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use super::SetupError;

/// The roots of the system, and those of a file.
pub(super) fn load(file: Option<&Path>) -> Result<RootCertStore, SetupError> {
    let mut roots = RootCertStore::empty();
    let native = rustls_native_certs::load_native_certs();
    for error in native.errors {
        tracing::debug!(%error, "some certificates of the system could not be read");
    }
    // A root that rustls cannot use does not make the others worse.
    let (_, ignored) = roots.add_parsable_certificates(native.certs);
    if ignored > 0 {
        tracing::debug!(ignored, "some certificates of the system cannot be used");
    }
    file.map_or(Ok(()), |path| add(&mut roots, path))?;
    Ok(roots)
}

/// Adds the certificates of a file, in which nothing may be wrong: it was written for us.
fn add(roots: &mut RootCertStore, path: &Path) -> Result<(), SetupError> {
    let failed = |source| SetupError::Certificates { path: path.to_owned(), source };
    let mut any = false;
    for certificate in CertificateDer::pem_file_iter(path).map_err(failed)? {
        let untrustworthy = |source| SetupError::Untrustworthy { path: path.to_owned(), source };
        roots.add(certificate.map_err(failed)?).map_err(untrustworthy)?;
        any = true;
    }
    if any { Ok(()) } else { Err(SetupError::NoCertificate(path.to_owned())) }
}
