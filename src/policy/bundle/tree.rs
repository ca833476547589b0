//! All files of a directory, read in one pass: what a signature is over.
//!
//! Hidden files (`.…`) do not belong to it, as they do not belong to the policies; everything else does, whatever its name, so that a
//! file that some later version of this program reads cannot be added beside the signed ones. Where `..data` leads (ConfigMaps,
//! projected volumes) is looked up once, and everything, the signature too, is read from there.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ring::digest::{SHA256, digest};

use super::super::load::{MAX_DEPTH, MAX_TOTAL_BYTES, read_bounded, resolve};
use super::super::report::LoadError;
use super::manifest::{MAX_FILES, is_name};
use super::refusal::{Reason, Refused};
use crate::domain::Fingerprint;
use crate::note::MAX_NOTE;

/// The name of the signature, in the directory that it is about.
pub const SIGNATURE: &str = "policies.sig";

/// A directory as it was read.
#[derive(Debug, Clone)]
pub struct Tree {
    /// The files by name, without the signature.
    pub(super) files: BTreeMap<String, Arc<[u8]>>,
    /// The signature, if there is one.
    pub(super) signature: Option<Vec<u8>>,
}

impl Tree {
    /// Reads a directory.
    ///
    /// # Errors
    ///
    /// [`LoadError::Read`] when something cannot be read or is no regular file, [`LoadError::TooMuch`] when a limit is passed,
    /// [`LoadError::Bundle`] when a file has a name that cannot be signed.
    pub fn read(directory: &Path) -> Result<Self, LoadError> {
        let mut reading = Reading { tree: Self { files: BTreeMap::new(), signature: None }, bytes: 0 };
        reading.walk(&resolve(directory)?, "", MAX_DEPTH)?;
        Ok(reading.tree)
    }

    /// Whether there is a signature.
    #[must_use]
    pub const fn is_signed(&self) -> bool {
        self.signature.is_some()
    }

    /// How many files there are, without the signature.
    #[must_use]
    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// Whether there are no files.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// The digest of each file.
    pub(super) fn digests(&self) -> BTreeMap<String, Fingerprint> {
        self.files.iter().map(|(name, bytes)| (name.clone(), sha256(bytes))).collect()
    }
}

/// SHA-256.
pub(super) fn sha256(bytes: &[u8]) -> Fingerprint {
    let mut out = [0; 32];
    out.iter_mut().zip(digest(&SHA256, bytes).as_ref()).for_each(|(to, from)| *to = *from);
    Fingerprint::new(out)
}

struct Reading {
    tree: Tree,
    bytes: u64,
}

impl Reading {
    fn walk(&mut self, directory: &Path, prefix: &str, depth: u32) -> Result<(), LoadError> {
        let failed = |source| LoadError::Read { path: directory.to_owned(), source };
        for entry in fs::read_dir(directory).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let path = entry.path();
            // Whether it is hidden is a matter of its bytes; whether it can be named is not.
            if entry.file_name().as_encoded_bytes().starts_with(b".") {
                continue;
            }
            let name = entry.file_name().into_string().map_err(|_| unnameable(&path))?;
            let name = format!("{prefix}{name}");
            let metadata = fs::metadata(&path).map_err(|source| LoadError::Read { path: path.clone(), source })?;
            if metadata.is_dir() {
                let deeper = depth.checked_sub(1).ok_or_else(|| too_much(&path, format!("{MAX_DEPTH} nested directories")))?;
                self.walk(&path, &format!("{name}/"), deeper)?;
            } else {
                self.file(&path, name)?;
            }
        }
        Ok(())
    }

    fn file(&mut self, path: &Path, name: String) -> Result<(), LoadError> {
        if !is_name(&name) {
            return Err(unnameable(path));
        }
        if name == SIGNATURE {
            let bytes = read_bounded(path)?;
            if bytes.len() > MAX_NOTE {
                return Err(too_much(path, format!("{MAX_NOTE} bytes in a signature")));
            }
            self.tree.signature = Some(bytes);
            return Ok(());
        }
        if self.tree.files.len() == MAX_FILES {
            return Err(too_much(path, format!("{MAX_FILES} files")));
        }
        let bytes = read_bounded(path)?;
        self.bytes += bytes.len() as u64;
        if self.bytes > MAX_TOTAL_BYTES {
            return Err(too_much(path, format!("{} MiB in all files", MAX_TOTAL_BYTES >> 20)));
        }
        self.tree.files.insert(name, bytes.into());
        Ok(())
    }
}

fn too_much(path: &Path, limit: String) -> LoadError {
    LoadError::TooMuch { path: path.to_owned(), limit }
}

fn unnameable(path: &Path) -> LoadError {
    let shown = path.display().to_string();
    let message = format!("`{}` has a name that cannot be signed", shown.escape_debug());
    LoadError::Bundle(Refused::new(
        Reason::Malformed,
        &shown,
        message,
        "names are UTF-8 without control characters and backslashes",
    ))
}

/// A directory that is not there.
pub(super) fn missing(path: PathBuf) -> LoadError {
    LoadError::Read { path, source: io::ErrorKind::NotFound.into() }
}

#[cfg(test)]
#[path = "tree_tests.rs"]
mod tests;
