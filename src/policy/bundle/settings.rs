//! What is told about signed policies at the start: whom to believe, and what must not be gone below.

use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use super::memory::Memory;
use crate::note::VerifierKey;

/// How policies must be signed.
#[derive(Debug, Clone)]
pub struct BundleSettings {
    /// The directory that is signed as a whole. Everything that the settings name is in it.
    pub directory: PathBuf,
    /// The keys of which one must have signed; at least one.
    pub keys: Vec<VerifierKey>,
    /// The lowest version that may be in force.
    pub minimum: u64,
    /// The highest version that was.
    pub memory: Arc<Memory>,
}

impl BundleSettings {
    /// Bundles in this directory, signed with one of these keys; nothing is remembered beyond this process.
    #[must_use]
    pub fn new(directory: PathBuf, keys: Vec<VerifierKey>, minimum: u64) -> Self {
        Self { directory, keys, minimum, memory: Arc::default() }
    }

    /// Remembers in this file which version was in force.
    #[must_use]
    pub fn remembering(self, file: PathBuf) -> Self {
        Self { memory: Arc::new(Memory::at(file)), ..self }
    }
}

/// Where a path is in a directory, as names in a bundle are written; empty for the directory itself. `None` when it is not in it, as far
/// as one can see without following links: a signature covers what it lists, and what leads out is not in the list.
#[must_use]
pub fn inside(directory: &Path, path: &Path) -> Option<String> {
    let rest = path.strip_prefix(directory).ok()?;
    let parts = rest.components().map(|part| match part {
        Component::Normal(name) => name.to_str(),
        Component::CurDir | Component::ParentDir | Component::RootDir | Component::Prefix(_) => None,
    });
    Some(parts.collect::<Option<Vec<_>>>()?.join("/"))
}
