//! For authors: signing a directory, and seeing that a signature does not fit any more.

use std::path::Path;

use super::super::code::Code;
use super::super::report::{LoadError, Problem};
use super::manifest::{Manifest, ManifestError};
use super::tree::{SIGNATURE, Tree, sha256};
use crate::domain::Fingerprint;
use crate::note::{Note, NoteError, SigningKey, VerifierKey};

/// Why a directory was not signed.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// The list cannot be made.
    #[error("the files cannot be listed")]
    Manifest(#[source] ManifestError),
    /// The list cannot be signed.
    #[error("the list of files cannot be signed")]
    Note(#[source] NoteError),
    /// Nobody said which version it is.
    #[error(
        "there is no signature of this key in `{SIGNATURE}` to count on from: say --version N, higher than any that was in force"
    )]
    Version,
    /// There are no higher versions.
    #[error("there is no version after {0}")]
    Last(u64),
    /// The version is not higher than that of the signature which is there.
    #[error("version {asked} does not follow {found}, which `{SIGNATURE}` has already: sidecars would refuse it")]
    Follows {
        /// The version that was asked for.
        asked: u64,
        /// The version that is there.
        found: u64,
    },
}

/// A directory that was signed.
#[derive(Debug)]
pub struct Signing {
    /// What to write into [`SIGNATURE`].
    pub text: String,
    /// The version.
    pub version: u64,
    /// Names version and content.
    pub digest: Fingerprint,
    /// How many files there are.
    pub files: usize,
}

impl Signing {
    /// Signs a directory. Without a version it is the one after that of the signature that is there, which must be one of these keys';
    /// files that are as that one says keep their version.
    ///
    /// # Errors
    ///
    /// [`SignError`] when the version does not follow, or the files cannot be listed.
    pub fn of(tree: &Tree, keys: &[&SigningKey], version: Option<u64>) -> Result<Self, SignError> {
        let verifiers: Vec<VerifierKey> = keys.iter().map(|key| key.verifier().clone()).collect();
        let before = own(tree, &verifiers);
        let same = before.as_ref().is_some_and(|before| tree.compare(before).is_ok());
        let version = match (version, before.as_ref().map(Manifest::version)) {
            (None, None) => return Err(SignError::Version),
            (None, Some(found)) if same => found,
            (None, Some(found)) => found.checked_add(1).ok_or(SignError::Last(found))?,
            (Some(asked), Some(found)) if asked < found || (asked == found && !same) => {
                return Err(SignError::Follows { asked, found });
            }
            (Some(asked), _) => asked,
        };
        let manifest = Manifest::new(version, tree.digests()).map_err(|error| match (error, &before) {
            (ManifestError::Version, Some(before)) if before.version() < version => SignError::Last(before.version()),
            (error, _) => SignError::Manifest(error),
        })?;
        let note = Note::sign(manifest.to_string(), keys).map_err(SignError::Note)?;
        let digest = sha256(note.text().as_bytes());
        Ok(Self { text: note.to_string(), version, digest, files: manifest.files().len() })
    }
}

/// The list that is there, when one of the keys has signed it. A version that somebody else has put there says nothing.
fn own(tree: &Tree, keys: &[VerifierKey]) -> Option<Manifest> {
    let note = Note::parse(tree.signature.as_deref()?).ok()?;
    note.verify(keys).ok()?;
    Manifest::parse(note.text()).ok()
}

/// Why the signature in a directory does not fit its files, whoever made it; nothing when it fits, or when there is none.
#[must_use]
pub fn stale(directory: &Path) -> Vec<Problem> {
    // What cannot be read is for whoever loads it to say.
    let Ok(tree) = Tree::read(directory) else { return Vec::new() };
    let fits = tree.claimed().and_then(|manifest| manifest.map_or(Ok(()), |manifest| tree.compare(&manifest)));
    let problems = fits.err().map(|refused| refused.problems).unwrap_or_default();
    problems.into_iter().map(|problem| problem.with_code(Code::StaleSignature)).collect()
}

impl From<super::refusal::Refused> for LoadError {
    fn from(refused: super::refusal::Refused) -> Self {
        Self::Bundle(refused)
    }
}

#[cfg(test)]
#[path = "sign_tests.rs"]
mod tests;
