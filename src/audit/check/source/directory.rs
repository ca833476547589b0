//! Files of a log in a directory. Links are followed; whatever is no plain file, or longer than it can be, is not read.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::PathBuf;

use super::super::spans::{Found, ReadError};
use super::files::Files;

/// A directory with the files of a log.
#[derive(Debug, Clone)]
pub struct Directory {
    path: PathBuf,
}

impl Directory {
    /// The directory that has `checkpoint` and `tile` in it.
    #[must_use]
    pub const fn new(path: PathBuf) -> Self {
        Self { path }
    }
}

impl Files for Directory {
    fn get(&self, name: &str, limit: usize) -> Result<Found, ReadError> {
        let path = self.path.join(name);
        let failed = |source: std::io::Error| ReadError::new(format!("`{}`", path.display()), source);
        // Asked before it is opened: opening a pipe waits for somebody who writes to it.
        let meta = match std::fs::metadata(&path) {
            Ok(meta) => meta,
            Err(error) if is_nothing(&error) => return Ok(Found::Nothing),
            Err(error) => return Err(failed(error)),
        };
        let length = usize::try_from(meta.len()).unwrap_or(usize::MAX);
        if !meta.is_file() || length > limit {
            return Ok(Found::Unfit);
        }
        let mut bytes = Vec::with_capacity(length);
        // Somebody may be writing to it: no more than the limit, whatever its length was.
        File::open(&path).and_then(|file| file.take(limit as u64 + 1).read_to_end(&mut bytes)).map_err(failed)?;
        Ok(if bytes.len() > limit { Found::Unfit } else { Found::Bytes(bytes.into()) })
    }
}

/// Whether there is nothing of that name, also because a part of its path is no directory.
fn is_nothing(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

#[cfg(test)]
#[path = "directory_tests.rs"]
mod tests;
