//! Where a copy of the log goes: a directory, or a bucket of S3, Google Cloud Storage or Azure Blob Storage, with a prefix.
//!
//! A location says where, never who: keys and endpoints come as [`StoreOptions`], so that a location can be shown everywhere.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use ring::digest;

/// The longest location, in bytes.
const MAX: usize = 1024;

/// Why a text is not a location.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LocationError {
    /// It does not begin with one of the schemes.
    #[error("a place for the log begins with `file:///`, `s3://`, `gs://` or `az://`")]
    Scheme,
    /// After `file://` there is no absolute path.
    #[error("a directory is written with its absolute path: `file:///var/backup/log`")]
    Relative,
    /// The name of the bucket or container is missing, or has a user, a port or other characters in it.
    #[error("the name of a bucket is letters, digits, `-`, `_` and `.`")]
    Bucket,
    /// It has a query, a fragment, an escape, a backslash or a control character.
    #[error("a place has no `?`, `#`, `%`, `\\` or control characters; keys come from the environment")]
    Characters,
    /// A part of the path is empty, `.` or `..`.
    #[error("no part of the path may be empty, `.` or `..`")]
    Path,
    /// It is too long.
    #[error("a place is at most {MAX} bytes long")]
    TooLong,
}

/// Who keeps the objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keeper {
    /// A file system.
    Directory,
    /// Amazon S3, or what speaks like it.
    S3,
    /// Google Cloud Storage.
    Google,
    /// Azure Blob Storage.
    Azure,
}

impl Keeper {
    const SCHEMES: [(&str, Self); 4] = [("file", Self::Directory), ("s3", Self::S3), ("gs", Self::Google), ("az", Self::Azure)];

    /// How the names of its options begin.
    const fn prefix(self) -> Option<&'static str> {
        match self {
            Self::Directory => None,
            Self::S3 => Some("aws_"),
            Self::Google => Some("google_"),
            Self::Azure => Some("azure_"),
        }
    }
}

/// Where a copy of the log goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    keeper: Keeper,
    /// The bucket or container; empty for a directory.
    bucket: String,
    /// Without slashes around it.
    path: String,
}

impl Location {
    /// The directory with this path.
    ///
    /// # Errors
    ///
    /// When it cannot be written as a location.
    pub fn directory(path: &Path) -> Result<Self, LocationError> {
        path.to_str().ok_or(LocationError::Characters).and_then(|path| format!("file://{path}").parse())
    }

    /// The place of this name below this one.
    ///
    /// # Errors
    ///
    /// When that cannot be written as a location.
    pub fn below(&self, name: &str) -> Result<Self, LocationError> {
        format!("{self}/{name}").parse()
    }

    /// The place beside this one that belongs to the copy with this number; itself for the first.
    ///
    /// # Errors
    ///
    /// When that cannot be written as a location.
    pub fn numbered(&self, number: u32) -> Result<Self, LocationError> {
        let name = if self.path.is_empty() { "/log" } else { "" };
        if number <= 1 { Ok(self.clone()) } else { format!("{self}{name}.{number}").parse() }
    }

    /// Who keeps the objects.
    #[must_use]
    pub const fn keeper(&self) -> Keeper {
        self.keeper
    }

    /// The bucket or container; empty for a directory.
    #[must_use]
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// What stands before the names of all objects in the bucket; may be empty.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.path
    }

    /// The path of a directory.
    #[must_use]
    pub fn directory_path(&self) -> PathBuf {
        Path::new("/").join(&self.path)
    }

    /// A short name for files and metrics, which differs from that of any other location.
    #[must_use]
    pub fn id(&self) -> String {
        let text = self.to_string();
        let plain = |letter: char| if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { '-' };
        let words: String = text.replacen("://", "-", 1).chars().map(plain).collect();
        let digest = digest::digest(&digest::SHA256, text.as_bytes());
        let end: String = digest.as_ref().iter().take(4).map(|byte| format!("{byte:02x}")).collect();
        let words: String = words.split('-').filter(|word| !word.is_empty()).collect::<Vec<_>>().join("-");
        format!("{}-{end}", words.chars().take(40).collect::<String>())
    }
}

impl FromStr for Location {
    type Err = LocationError;

    fn from_str(text: &str) -> Result<Self, LocationError> {
        if text.len() > MAX {
            return Err(LocationError::TooLong);
        }
        let (scheme, rest) = text.split_once("://").ok_or(LocationError::Scheme)?;
        let found = Keeper::SCHEMES.into_iter().find(|(name, _)| *name == scheme);
        let keeper = found.map(|(_, keeper)| keeper).ok_or(LocationError::Scheme)?;
        if rest.contains(['?', '#', '%', '\\']) || rest.contains(char::is_control) {
            return Err(LocationError::Characters);
        }
        let (bucket, path) = rest.split_once('/').unwrap_or((rest, ""));
        if keeper == Keeper::Directory && (!bucket.is_empty() || path.is_empty()) {
            return Err(LocationError::Relative);
        }
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        if keeper != Keeper::Directory && (bucket.is_empty() || !bucket.bytes().all(plain)) {
            return Err(LocationError::Bucket);
        }
        let path = match path.strip_suffix('/') {
            Some("") => return Err(LocationError::Path),
            Some(path) => path,
            None => path,
        };
        if !path.is_empty() && path.split('/').any(|part| matches!(part, "" | "." | "..")) {
            return Err(LocationError::Path);
        }
        Ok(Self { keeper, bucket: bucket.to_owned(), path: path.to_owned() })
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = Keeper::SCHEMES.iter().find(|(_, keeper)| *keeper == self.keeper).map_or("", |(scheme, _)| scheme);
        let slash = if self.path.is_empty() { "" } else { "/" };
        write!(f, "{scheme}://{}{slash}{}", self.bucket, self.path)
    }
}

/// What a store needs besides its location: keys, regions, endpoints, by the names of the usual environment variables. Its values
/// are never printed.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct StoreOptions(BTreeMap<String, String>);

impl StoreOptions {
    /// Whether an environment variable is one of these options.
    #[must_use]
    pub fn knows(variable: &str) -> bool {
        let name = variable.to_ascii_lowercase();
        Keeper::SCHEMES.iter().filter_map(|(_, keeper)| keeper.prefix()).any(|prefix| name.starts_with(prefix))
            || name == "identity_endpoint"
    }

    /// The options that are about one kind of store.
    pub(super) fn of(&self, keeper: Keeper) -> impl Iterator<Item = (&str, &str)> {
        let concerns = move |name: &str| {
            let prefixed = keeper.prefix().is_some_and(|prefix| name.starts_with(prefix));
            prefixed || (keeper == Keeper::Azure && name == "identity_endpoint")
        };
        self.0.iter().filter(move |(name, _)| concerns(name)).map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

impl<K: AsRef<str>, V: Into<String>> FromIterator<(K, V)> for StoreOptions {
    fn from_iter<T: IntoIterator<Item = (K, V)>>(options: T) -> Self {
        Self(options.into_iter().map(|(name, value)| (name.as_ref().to_ascii_lowercase(), value.into())).collect())
    }
}

impl fmt::Debug for StoreOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

#[cfg(test)]
#[path = "location_tests.rs"]
mod tests;
