//! Reads all files of an author in one pass, with a digest of their names and contents. Understands nothing of what they say.
//!
//! A Kubernetes ConfigMap or projected volume shows its files as links through `..data`, which is swapped as a whole. Such a
//! directory is resolved once in a pass and read from where `..data` pointed, so that one load never mixes two versions: neither of two
//! kinds of files, nor of files that are configured one by one. A plain directory has no such guarantee: [`super::Watch`] waits until it
//! has settled.
//!
//! Where policies must be signed, everything is taken from the bytes that were verified ([`super::bundle`]).

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ring::digest::{Context as Sha256, SHA256};

use super::bundle::verify::At;
use super::bundle::{BundleSettings, Signed, Verified};
use super::catalog::Catalog;
use super::lock::Lock;
use super::report::{LoadError, Problem};
use super::settings::Settings;
use crate::domain::ServerName;

/// The largest file a load accepts: 4 MiB.
const MAX_FILE_BYTES: u64 = 4 << 20;
/// The most bytes a load accepts: 64 MiB.
pub(super) const MAX_TOTAL_BYTES: u64 = 64 << 20;
/// The most files a load accepts.
const MAX_FILES: usize = 4096;
/// How deep directories may be nested.
pub(super) const MAX_DEPTH: u32 = 8;
/// How often a pass is begun anew because a file vanished while it ran.
const ATTEMPTS: u32 = 5;

/// One file as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SourceFile {
    /// The name to show: relative to the configured directory, behind the directory's own path when there are several.
    pub(super) name: Arc<str>,
    pub(super) text: Arc<str>,
}

/// All files of one pass, sorted by name within each kind, and the digest of them.
///
/// The default is no files at all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PolicyFiles {
    pub(super) policies: Vec<SourceFile>,
    pub(super) schema: Vec<SourceFile>,
    pub(super) entities: Vec<SourceFile>,
    /// The catalog lock, if there is to be one.
    pub(super) lock: Option<SourceFile>,
    /// Links of templates.
    pub(super) links: Vec<SourceFile>,
    /// SHA-256 over the names and contents of all these files.
    pub(super) digest: [u8; 32],
    /// What was signed, where policies must be.
    pub(super) signed: Option<Arc<Signed>>,
    /// SHA-256 of the signature, where policies must be signed: with it a watch sees that only the signature is another one.
    pub(super) evidence: Option<[u8; 32]>,
}

impl PolicyFiles {
    /// What these servers list if they list exactly what was reviewed: for looking at policies without asking servers. Empty without a
    /// catalog lock, or with one that cannot be read, about which [`super::PolicySnapshot::build`] says more.
    #[must_use]
    pub fn reviewed(&self, servers: &[ServerName]) -> Catalog {
        let lock = self.lock.as_ref().map(|file| Lock::read(file, &mut Vec::new()));
        lock.map(|lock| lock.catalog(servers)).unwrap_or_default()
    }

    /// The names and texts of the policy files.
    pub fn policy_texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.policies.iter().map(|file| (&*file.name, &*file.text))
    }

    /// The same files with other policies, for trying those out: nobody has signed them. Links of templates stay with the policies they
    /// were written for, and go.
    #[must_use]
    pub fn with_policies(&self, texts: &[(String, String)]) -> Self {
        let file = |(name, text): &(String, String)| SourceFile { name: name.as_str().into(), text: text.as_str().into() };
        let policies: Vec<SourceFile> = texts.iter().map(file).collect();
        let same = self.policies.iter().map(|file| &file.name).eq(policies.iter().map(|file| &file.name));
        let links = if same { self.links.clone() } else { Vec::new() };
        Self { policies, links, signed: None, evidence: None, ..self.clone() }
    }

    /// What differs as soon as something else is to be put in force: SHA-256 over the names and contents of all files, and over the
    /// signature where there must be one.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        let Some(evidence) = self.evidence else { return self.digest };
        let mut both = Sha256::new(&SHA256);
        both.update(&self.digest);
        both.update(&evidence);
        finish(both)
    }
}

/// Reads everything that `settings` points to.
///
/// # Errors
///
/// [`LoadError::Read`] when a configured path does not exist or a file cannot be read, [`LoadError::TooMuch`] when a limit is
/// passed, [`LoadError::Invalid`] when files are not UTF-8 text, [`LoadError::Bundle`] when they must be signed and are not what was
/// signed.
pub fn read(settings: &Settings) -> Result<PolicyFiles, LoadError> {
    let mut last = pass(settings);
    for _ in 1..ATTEMPTS {
        match &last {
            // A volume was swapped, or a file replaced, between listing and reading: what was listed is gone, look again.
            Err(LoadError::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => last = pass(settings),
            _ => break,
        }
    }
    last
}

fn pass(settings: &Settings) -> Result<PolicyFiles, LoadError> {
    let verified =
        settings.bundle.as_ref().map(|bundle| Verified::open(bundle).map(|verified| (bundle, verified))).transpose()?;
    let mut reader = Reader {
        verified: verified.as_ref(),
        digest: Sha256::new(&SHA256),
        files: 0,
        bytes: 0,
        problems: Vec::new(),
        volumes: Volumes::default(),
    };
    let policies = reader.kind(&settings.policies, Kind::Policies)?;
    let schema = reader.kind(&settings.schema, Kind::Schema)?;
    let entities = reader.kind(&settings.entities, Kind::Entities)?;
    let lock = reader.kind(settings.lock.as_slice(), Kind::Lock)?.pop();
    let links = reader.kind(&settings.policies, Kind::Links)?;
    if !reader.problems.is_empty() {
        return Err(reader.problems.into());
    }
    let digest = finish(reader.digest);
    let (signed, evidence) = verified.map(|(_, verified)| (verified.signed, verified.evidence)).unzip();
    Ok(PolicyFiles { policies, schema, entities, links, lock, digest, signed, evidence })
}

fn finish(digest: Sha256) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest.finish().as_ref());
    bytes
}

/// What a file is, by the end of its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Policies,
    Schema,
    Entities,
    Lock,
    /// Links of templates stand beside the policies.
    Links,
}

const LINKS: &str = ".links.json";
const LOCK: &str = ".lock.json";
/// Ends of names that look like entities and are something else.
const NOT_ENTITIES: [&str; 3] = [".cedarschema.json", LOCK, LINKS];

impl Kind {
    /// Whether a file that was found in a directory is of this kind.
    fn wants(self, name: &str) -> bool {
        let ends = |end: &&str| name.ends_with(*end);
        match self {
            Self::Policies => name.ends_with(".cedar"),
            Self::Schema => [".cedarschema", ".cedarschema.json"].iter().any(ends),
            Self::Entities => [".json", ".yaml", ".yml"].iter().any(ends) && !NOT_ENTITIES.iter().any(ends),
            Self::Links => name.ends_with(LINKS),
            Self::Lock => name.ends_with(LOCK),
        }
    }

    /// Whether a file that is itself configured is of this kind: it may have any name, but links among the policies are links.
    fn accepts(self, name: &str) -> bool {
        match self {
            Self::Policies => !Self::Links.wants(name),
            Self::Links => self.wants(name),
            Self::Schema | Self::Entities | Self::Lock => true,
        }
    }
}

/// A file that was found, and the name it is shown by.
struct Found {
    name: String,
    path: PathBuf,
    /// Its content, where that was verified; else it is read.
    verified: Option<Arc<[u8]>>,
}

struct Reader<'a> {
    /// What policies are taken from, where they must be signed.
    verified: Option<&'a (&'a BundleSettings, Verified)>,
    digest: Sha256,
    files: usize,
    bytes: u64,
    problems: Vec<Problem>,
    volumes: Volumes,
}

impl Reader<'_> {
    fn kind(&mut self, roots: &[PathBuf], kind: Kind) -> Result<Vec<SourceFile>, LoadError> {
        let mut found = Vec::new();
        for root in roots {
            let prefix = if roots.len() > 1 { format!("{}/", root.display()) } else { String::new() };
            match self.verified {
                Some((bundle, verified)) => pick(verified.at(&bundle.directory, root)?, root, kind, &prefix, &mut found),
                None => find(root, &self.volumes.anchored(root)?, kind, &prefix, &mut found)?,
            }
        }
        found.sort_by(|a, b| a.name.cmp(&b.name));
        self.hash(&[kind as u8]);
        found.iter().filter_map(|found| self.file(found).transpose()).collect()
    }

    fn file(&mut self, found: &Found) -> Result<Option<SourceFile>, LoadError> {
        self.files += 1;
        if self.files > MAX_FILES {
            return Err(LoadError::TooMuch { path: found.path.clone(), limit: format!("{MAX_FILES} files") });
        }
        let bytes = match &found.verified {
            Some(bytes) => bytes.to_vec(),
            None => read_bounded(&found.path)?,
        };
        self.bytes += bytes.len() as u64;
        if self.bytes > MAX_TOTAL_BYTES {
            return Err(LoadError::TooMuch {
                path: found.path.clone(),
                limit: format!("{} MiB in all files", MAX_TOTAL_BYTES >> 20),
            });
        }
        self.hash(found.name.as_bytes());
        self.hash(&bytes);
        match String::from_utf8(bytes) {
            Ok(text) => Ok(Some(SourceFile { name: found.name.as_str().into(), text: text.into() })),
            Err(_) => {
                self.problems.push(Problem::nowhere(&found.name, format!("`{}` is not UTF-8 text", found.name)));
                Ok(None)
            }
        }
    }

    /// Adds a part with its length, so that no two lists of parts have the same digest.
    fn hash(&mut self, part: &[u8]) {
        self.digest.update(&(part.len() as u64).to_be_bytes());
        self.digest.update(part);
    }
}

/// Lists the files of a kind under a configured path, which is read `at` another; a path that is itself a file counts whatever its name is.
fn find(root: &Path, at: &Path, kind: Kind, prefix: &str, found: &mut Vec<Found>) -> Result<(), LoadError> {
    let metadata = fs::metadata(at).map_err(|source| LoadError::Read { path: at.to_owned(), source })?;
    if metadata.is_dir() {
        return walk(at, kind, prefix, MAX_DEPTH, found);
    }
    let name = root.file_name().map_or_else(|| root.display().to_string(), |name| name.to_string_lossy().into_owned());
    if kind.accepts(&name) {
        found.push(Found { name: format!("{prefix}{name}"), path: at.to_owned(), verified: None });
    }
    Ok(())
}

/// Lists the files of a kind among those that were verified, as [`find`] does among those on disk.
fn pick(at: At<'_>, root: &Path, kind: Kind, prefix: &str, found: &mut Vec<Found>) {
    let named = |name: &str, bytes: &Arc<[u8]>| Found {
        name: format!("{prefix}{name}"),
        path: root.to_owned(),
        verified: Some(Arc::clone(bytes)),
    };
    match at {
        At::File(name, bytes) => found.extend(kind.accepts(&name).then(|| named(&name, &bytes))),
        At::Directory(files) => {
            found.extend(files.into_iter().filter(|(name, _)| kind.wants(name)).map(|(name, bytes)| named(name, bytes)));
        }
    }
}

/// The link that is exchanged when a volume changes.
const DATA: &str = "..data";

/// Where the volumes among the directories pointed when this pass first looked at each: it looks once.
#[derive(Default)]
struct Volumes(HashMap<PathBuf, PathBuf>);

impl Volumes {
    /// The path to read for a configured one: where its volume points, when it is one or stands in one, else the path itself.
    fn anchored(&mut self, root: &Path) -> Result<PathBuf, LoadError> {
        let own = self.resolve(root)?;
        let (Some(above), Some(name)) = (root.parent(), root.file_name()) else { return Ok(own) };
        if own != root {
            return Ok(own);
        }
        // A volume shows what it has as links. By them we go, and not by what is there: of a version that is being removed some files are
        // gone already, and the link leads to the next one.
        let is_shown = fs::read_link(root).is_ok_and(|to| to.starts_with(DATA));
        Ok(if is_shown { self.resolve(above)?.join(name) } else { own })
    }

    fn resolve(&mut self, directory: &Path) -> Result<PathBuf, LoadError> {
        if let Some(known) = self.0.get(directory) {
            return Ok(known.clone());
        }
        let real = resolve(directory)?;
        self.0.insert(directory.to_owned(), real.clone());
        Ok(real)
    }
}

/// The directory to read: where `..data` points to now, if there is one, else the directory itself.
pub(super) fn resolve(directory: &Path) -> Result<PathBuf, LoadError> {
    let data = directory.join(DATA);
    match fs::canonicalize(&data) {
        Ok(real) => Ok(real),
        // A dangling `..data` is a volume that is just being swapped: let the caller look again.
        Err(source) if fs::symlink_metadata(&data).is_ok() => Err(LoadError::Read { path: data, source }),
        Err(_) => Ok(directory.to_owned()),
    }
}

fn walk(directory: &Path, kind: Kind, prefix: &str, depth: u32, found: &mut Vec<Found>) -> Result<(), LoadError> {
    let failed = |source| LoadError::Read { path: directory.to_owned(), source };
    for entry in fs::read_dir(directory).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        // Hidden entries are editors' and version control's business, `..` ones the volume's.
        if name.starts_with('.') {
            continue;
        }
        let path = entry.path();
        let metadata = fs::metadata(&path).map_err(|source| LoadError::Read { path: path.clone(), source })?;
        if metadata.is_dir() {
            if depth == 0 {
                return Err(LoadError::TooMuch { path, limit: format!("{MAX_DEPTH} nested directories") });
            }
            walk(&path, kind, &format!("{prefix}{name}/"), depth - 1, found)?;
        } else if kind.wants(&name) {
            found.push(Found { name: format!("{prefix}{name}"), path, verified: None });
        }
        if found.len() > MAX_FILES {
            return Err(LoadError::TooMuch { path: directory.to_owned(), limit: format!("{MAX_FILES} files") });
        }
    }
    Ok(())
}

pub(super) fn read_bounded(path: &Path) -> Result<Vec<u8>, LoadError> {
    let failed = |source| LoadError::Read { path: path.to_owned(), source };
    // A pipe or a device would block the load, or never end.
    if !fs::metadata(path).map_err(failed)?.is_file() {
        return Err(failed(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file")));
    }
    let mut bytes = Vec::new();
    File::open(path).map_err(failed)?.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(LoadError::TooMuch { path: path.to_owned(), limit: format!("{} MiB a file", MAX_FILE_BYTES >> 20) });
    }
    Ok(bytes)
}

#[cfg(test)]
#[path = "load_tests.rs"]
mod tests;
