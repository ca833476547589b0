//! What a bundle's signature is over: a text with a version, and a line for each file.
//!
//! ```text
//! cedarpost.dev/policy-bundle/v1
//! version 7
//! 5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03  roles.json
//! c98c24b677eff44860afea6f493bbaec5bb1c4cbb209c6fc2bbb47f66ff2ad31  shop.cedar
//! ```
//!
//! The first line says what the text is, so that no other text that the same key has signed is taken for one. Versions are 1 to
//! 2^53 - 1: every JSON reader keeps those exactly. The other lines are those of `sha256sum`, sorted by the bytes of the name; names
//! are relative to the directory, with slashes. A text has one meaning and a meaning has one text.

use std::collections::BTreeMap;
use std::fmt;

use crate::domain::Fingerprint;
use crate::note::text::parse_decimal;

/// The first line.
pub const FORMAT: &str = "cedarpost.dev/policy-bundle/v1";
/// The highest version.
pub const MAX_VERSION: u64 = (1 << 53) - 1;
/// The longest name of a file, in bytes.
const MAX_NAME: usize = 1024;
/// The most files that a list may name.
pub(super) const MAX_FILES: usize = 4096;
/// The most directories that a file may be in.
const MAX_DEPTH: usize = 8;

/// Why a text is not the list of a bundle.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// The first line says that it is something else.
    #[error("it begins with `{0}` and not with `{FORMAT}`")]
    Format(String),
    /// The second line is not a version.
    #[error("line 2 is not `version` and a number from 1 to {MAX_VERSION}")]
    Version,
    /// A line is not a digest and a name.
    #[error("line {0} is not a SHA-256 digest in lower case, two spaces and the name of a file")]
    Line(usize),
    /// A name leads elsewhere, or cannot be that of a file that is read.
    #[error("`{0}` cannot be the name of a file of a bundle")]
    Name(String),
    /// The names do not ascend, so that one could be there twice.
    #[error("`{0}` is there twice, or not where it belongs in the order of names")]
    Order(String),
    /// There are more files than a bundle may have.
    #[error("there are more than {MAX_FILES} files")]
    TooMany,
    /// The last line does not end.
    #[error("the last line does not end with a newline")]
    Unfinished,
}

/// A version, and the digest of each file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    version: u64,
    files: BTreeMap<String, Fingerprint>,
}

impl Manifest {
    /// The list of these files.
    ///
    /// # Errors
    ///
    /// [`ManifestError`] when the version or a name is out of bounds, or there are too many.
    pub fn new(version: u64, files: BTreeMap<String, Fingerprint>) -> Result<Self, ManifestError> {
        if !(1..=MAX_VERSION).contains(&version) {
            return Err(ManifestError::Version);
        }
        if files.len() > MAX_FILES {
            return Err(ManifestError::TooMany);
        }
        match files.keys().find(|name| !is_name(name)) {
            Some(name) => Err(ManifestError::Name(name.clone())),
            None => Ok(Self { version, files }),
        }
    }

    /// Reads a list.
    ///
    /// # Errors
    ///
    /// [`ManifestError`] when it is not exactly what [`Self`] would be written as.
    pub fn parse(text: &str) -> Result<Self, ManifestError> {
        let mut lines = text.strip_suffix('\n').ok_or(ManifestError::Unfinished)?.split('\n').zip(1..);
        let (format, _) = lines.next().unwrap_or_default();
        if format != FORMAT {
            return Err(ManifestError::Format(format.chars().take(80).collect()));
        }
        let version = lines.next().and_then(|(line, _)| parse_decimal(line.strip_prefix("version ")?));
        let mut files = BTreeMap::new();
        for (line, number) in lines {
            if files.len() == MAX_FILES {
                return Err(ManifestError::TooMany);
            }
            let (digest, name) = line.split_once("  ").ok_or(ManifestError::Line(number))?;
            let digest = parse_digest(digest).ok_or(ManifestError::Line(number))?;
            if files.last_key_value().is_some_and(|(last, _): (&String, _)| last.as_str() >= name) {
                return Err(ManifestError::Order(name.to_owned()));
            }
            files.insert(name.to_owned(), digest);
        }
        Self::new(version.unwrap_or_default(), files)
    }

    /// The version.
    #[must_use]
    pub const fn version(&self) -> u64 {
        self.version
    }

    /// The files by name, with their digests.
    #[must_use]
    pub const fn files(&self) -> &BTreeMap<String, Fingerprint> {
        &self.files
    }
}

impl fmt::Display for Manifest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{FORMAT}\nversion {}", self.version)?;
        self.files.iter().try_for_each(|(name, digest)| writeln!(f, "{}  {name}", hex(digest.as_bytes())))
    }
}

/// Whether a file of a bundle can be called so: nothing leads out of the directory, and nothing that is not read is named.
pub(super) fn is_name(name: &str) -> bool {
    let plain = |character: char| !character.is_control() && character != '\\';
    let part = |part: &str| !part.is_empty() && !part.starts_with('.');
    name.len() <= MAX_NAME && name.chars().all(plain) && name.split('/').all(part) && name.matches('/').count() <= MAX_DEPTH
}

/// 64 hexadecimal digits in lower case.
pub(super) fn parse_digest(text: &str) -> Option<Fingerprint> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let bytes: Option<Vec<u8>> = pairs.iter().map(|[high, low]| Some((digit(*high)? << 4) | digit(*low)?)).collect();
    let bytes: [u8; 32] = bytes?.try_into().ok()?;
    rest.is_empty().then(|| Fingerprint::new(bytes))
}

/// Hexadecimal digits in lower case.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
#[path = "manifest_tests.rs"]
mod tests;
