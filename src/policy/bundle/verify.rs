//! Is a directory what somebody trusted has signed? [`Verified`] can only be made here, and policies of a bundle are loaded from nothing
//! else.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::super::report::LoadError;
use super::manifest::{Manifest, hex};
use super::refusal::{Reason, Refused};
use super::settings::{BundleSettings, inside};
use super::tree::{SIGNATURE, Tree, missing, sha256};
use crate::domain::Fingerprint;
use crate::note::{Note, VerifierKey, VerifyNoteError};

/// What was signed, by whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// The version.
    pub version: u64,
    /// Names the version and the content: SHA-256 of the text that was signed.
    pub digest: Fingerprint,
    /// The trusted keys that signed, as `name+id`.
    pub keys: Vec<String>,
    /// How many files there are.
    pub files: usize,
}

/// The files of a bundle that was verified.
#[derive(Debug)]
pub struct Verified {
    /// What was signed.
    pub signed: Arc<Signed>,
    /// SHA-256 of the signature file: with it everything that was verified is the same.
    pub(in super::super) evidence: [u8; 32],
    files: BTreeMap<String, Arc<[u8]>>,
}

impl Tree {
    /// Checks that one of the keys has signed exactly these files, in a version that is not too low.
    ///
    /// # Errors
    ///
    /// [`Refused`], with everything that is wrong with the files.
    pub fn verify(self, keys: &[VerifierKey], minimum: u64) -> Result<Verified, Refused> {
        let bytes = self.signature.as_deref().ok_or_else(|| {
            let message = format!("`{SIGNATURE}` is missing: the policies are not signed");
            Refused::new(Reason::Unsigned, SIGNATURE, message, "sign them: `cedarpost policy sign`")
        })?;
        let note = parse(bytes)?;
        let keys = signers(&note, keys)?;
        let manifest = manifest(&note)?;
        let version = manifest.version();
        if version < minimum {
            let message = format!("version {version} is older than {minimum}, which is the lowest that is allowed");
            return Err(Refused::new(
                Reason::Older,
                SIGNATURE,
                message,
                "it is `minimum_version` in [policy], or --minimum-version",
            ));
        }
        self.compare(&manifest)?;
        let signed = Signed { version, digest: sha256(note.text().as_bytes()), keys, files: self.files.len() };
        Ok(Verified { signed: Arc::new(signed), evidence: *sha256(bytes).as_bytes(), files: self.files })
    }

    /// What the signature that is there says, whoever made it and whether it fits or not. `None` when there is none.
    ///
    /// # Errors
    ///
    /// [`Refused`] when it is no signature of a bundle.
    pub fn claimed(&self) -> Result<Option<Manifest>, Refused> {
        self.signature.as_deref().map(|bytes| manifest(&parse(bytes)?)).transpose()
    }

    /// Checks that the files are those of a list.
    pub(super) fn compare(&self, manifest: &Manifest) -> Result<(), Refused> {
        let (here, listed) = (self.digests(), manifest.files());
        let mut wrong = Vec::new();
        for (name, digest) in &here {
            match listed.get(name) {
                Some(signed) if signed == digest => {}
                Some(signed) => {
                    let [is, was] = [digest, signed].map(|digest| hex(digest.as_bytes()));
                    wrong.push((
                        name.clone(),
                        format!("`{name}` is not as it was signed: its SHA-256 is {is}, and {was} was signed"),
                    ));
                }
                None => {
                    let is = hex(digest.as_bytes());
                    wrong.push((name.clone(), format!("`{name}` was not signed: it was added (SHA-256 {is})")));
                }
            }
        }
        let gone = listed.keys().filter(|name| !here.contains_key(*name));
        wrong.extend(gone.map(|name| (name.clone(), format!("`{name}` is missing: it was signed and is not there"))));
        if wrong.is_empty() { Ok(()) } else { Err(Refused::files(wrong)) }
    }
}

impl Verified {
    /// Checks the directory of a bundle as the settings want it.
    ///
    /// # Errors
    ///
    /// When it cannot be read, or is not what was signed.
    pub(in super::super) fn open(settings: &BundleSettings) -> Result<Self, LoadError> {
        Tree::read(&settings.directory)?.verify(&settings.keys, settings.minimum).map_err(LoadError::Bundle)
    }

    /// The files at a configured path: itself, or those below it, by their name relative to it.
    ///
    /// # Errors
    ///
    /// When the path is not in the directory that is signed, or nothing is there.
    pub(in super::super) fn at(&self, directory: &Path, path: &Path) -> Result<At<'_>, LoadError> {
        let outside = || {
            let message = format!("`{}` is not in `{}`, the directory that is signed", path.display(), directory.display());
            let help = "with `trusted_keys` everything that [policy] names must be in one directory";
            LoadError::Bundle(Refused::new(Reason::Outside, "", message, help))
        };
        let place = inside(directory, path).ok_or_else(outside)?;
        if let Some(bytes) = self.files.get(&place) {
            return Ok(At::File(place.rsplit('/').next().unwrap_or(&place).to_owned(), Arc::clone(bytes)));
        }
        let prefix = if place.is_empty() { place } else { format!("{place}/") };
        let below = self.files.iter().filter_map(|(name, bytes)| Some((name.strip_prefix(prefix.as_str())?, bytes)));
        let files: Vec<(&str, &Arc<[u8]>)> = below.collect();
        if files.is_empty() && !prefix.is_empty() { Err(missing(path.to_owned())) } else { Ok(At::Directory(files)) }
    }
}

/// What is at a path of a bundle.
pub(in super::super) enum At<'a> {
    /// One file, with its own name.
    File(String, Arc<[u8]>),
    /// A directory with files, by their names relative to it.
    Directory(Vec<(&'a str, &'a Arc<[u8]>)>),
}

fn parse(bytes: &[u8]) -> Result<Note, Refused> {
    Note::parse(bytes).map_err(|error| {
        let message = format!("`{SIGNATURE}` is not a signed note: {error}");
        Refused::new(Reason::Malformed, SIGNATURE, message, "sign the files anew: `cedarpost policy sign`")
    })
}

fn manifest(note: &Note) -> Result<Manifest, Refused> {
    Manifest::parse(note.text()).map_err(|error| {
        let message = format!("`{SIGNATURE}` does not list the files of a bundle: {error}");
        Refused::new(Reason::Malformed, SIGNATURE, message, "sign the files anew: `cedarpost policy sign`")
    })
}

/// The keys that have signed.
fn signers(note: &Note, keys: &[VerifierKey]) -> Result<Vec<String>, Refused> {
    match note.verify(keys) {
        Ok(signers) => Ok(signers.as_slice().iter().map(|signer| format!("{}+{}", signer.key.name(), signer.key.id())).collect()),
        Err(VerifyNoteError::Unknown) => {
            let by: Vec<String> = note.signatures().iter().take(8).map(|by| format!("`{}+{}`", by.name(), by.id())).collect();
            let message = format!("no trusted key has signed `{SIGNATURE}`, which is signed by {}", by.join(", "));
            Err(Refused::new(Reason::Untrusted, SIGNATURE, message, "trusted keys are `trusted_keys` in [policy], or --key"))
        }
        Err(VerifyNoteError::Forged(name)) => {
            let message =
                format!("the signature of `{name}` in `{SIGNATURE}` is wrong: the text was changed, or another key made it");
            Err(Refused::new(Reason::Forged, SIGNATURE, message, "sign the files anew: `cedarpost policy sign`"))
        }
    }
}

#[cfg(test)]
#[path = "verify_tests.rs"]
mod tests;
