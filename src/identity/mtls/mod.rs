//! Client certificates as a way of identification: whose authority signed one, and which agent it names.
//!
//! `spiffe` and `subject` are pure and about names; `bundle` is what an authority is believed by; `authorities` judges a whole chain, at
//! the handshake and again for requests; `watch` keeps everything as the files say.

mod authorities;
mod bundle;
mod certificate;
mod spiffe;
mod subject;
mod verifier;
mod watch;

pub(super) use authorities::Authorities;
pub use bundle::BundleError;
pub use certificate::ClientCertificate;
pub use spiffe::{BadTrustDomain, TrustDomain};
pub(super) use watch::AuthoritiesWatch;

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
