//! The highest version that was in force, kept so that no restart goes below it.
//!
//! INVARIANT: what is recorded as accepted, and so what is in force, is never above what is remembered. A version is therefore
//! remembered *before* its adoption is recorded. When the process or the power goes between the two, the memory is one version ahead
//! of what was ever in force; the set that is on disk then has that version, and is accepted.
//!
//! The file is replaced as a whole and synced. Processes that share it (`stdio`) take turns with a lock. A file that is damaged is
//! not guessed about: nothing is put in force until somebody says what must not be gone below.

use std::fmt;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use parking_lot::Mutex;

use super::manifest::{MAX_VERSION, hex, parse_digest};
use super::refusal::{Reason, Refused};
use super::tree::{SIGNATURE, sha256};
use super::verify::Signed;
use crate::domain::Fingerprint;
use crate::note::text::parse_decimal;
use crate::storage;

/// The first line of the file.
const FORMAT: &str = "cedarpost.dev/policy-memory/v1";
/// The longest file that is read, in bytes.
const MAX_FILE: u64 = 4096;
/// How long we wait for another process that remembers something, in steps.
const TURNS: u32 = 100;
const TURN: Duration = Duration::from_millis(50);

/// Remembers the highest version.
#[derive(Debug, Default)]
pub struct Memory {
    /// Where; nowhere but here when it is `None`.
    file: Option<PathBuf>,
    /// What this process has put in force: the file may go while it runs.
    here: Mutex<Option<Highest>>,
}

/// A version, and what it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Highest {
    version: u64,
    digest: Fingerprint,
}

impl Memory {
    /// Remembers in a file, which is made when there is something to remember; its directory, too.
    #[must_use]
    pub fn at(file: PathBuf) -> Self {
        Self { file: Some(file), here: Mutex::new(None) }
    }

    /// Remembers that this set is about to be in force. Blocks: it waits for other processes and for the disk.
    ///
    /// # Errors
    ///
    /// [`Refused`] when a higher version was in force, or another set of the same version, or when the memory cannot be read or written.
    pub fn keep(&self, signed: &Signed) -> Result<(), Refused> {
        let next = Highest { version: signed.version, digest: signed.digest };
        let mut here = self.here.lock();
        if let Some(known) = *here {
            next.follows(known)?;
        }
        if let Some(file) = &self.file {
            let _turn = lock(file).map_err(|error| unusable(file, "lock", &error))?;
            let known = read(file)?;
            if let Some(known) = known {
                next.follows(known)?;
            }
            if known != Some(next) {
                storage::replace_file(file, next.to_string().as_bytes()).map_err(|error| unusable(file, "write", &error))?;
            }
        }
        *here = Some(next);
        Ok(())
    }
}

impl Highest {
    /// Checks that this may be in force after `known` was.
    fn follows(self, known: Self) -> Result<(), Refused> {
        let (version, highest) = (self.version, known.version);
        if version < highest {
            let message = format!("version {version} is older than {highest}, which was already in force");
            let help = "to go back to older content, sign it with a higher version: `cedarpost policy sign --version`";
            return Err(Refused::new(Reason::Older, SIGNATURE, message, help));
        }
        if version == highest && self.digest != known.digest {
            let message =
                format!("version {version} was already in force with other content ({}, now {})", known.digest, self.digest);
            return Err(Refused::new(
                Reason::Reused,
                SIGNATURE,
                message,
                "sign it with a higher version: `cedarpost policy sign`",
            ));
        }
        Ok(())
    }

    fn parse(text: &str) -> Option<Self> {
        let (said, check) = text.strip_suffix('\n')?.rsplit_once('\n')?;
        let said = format!("{said}\n");
        if parse_digest(check.strip_prefix("check ")?)? != sha256(said.as_bytes()) {
            return None;
        }
        let mut lines = said.lines();
        if lines.next()? != FORMAT {
            return None;
        }
        let version =
            parse_decimal(lines.next()?.strip_prefix("version ")?).filter(|version| (1..=MAX_VERSION).contains(version));
        let digest = parse_digest(lines.next()?.strip_prefix("digest ")?)?;
        lines.next().is_none().then_some(Self { version: version?, digest })
    }
}

impl fmt::Display for Highest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let said = format!("{FORMAT}\nversion {}\ndigest {}\n", self.version, hex(self.digest.as_bytes()));
        writeln!(f, "{said}check {}", hex(sha256(said.as_bytes()).as_bytes()))
    }
}

fn read(file: &Path) -> Result<Option<Highest>, Refused> {
    let length = match fs::metadata(file) {
        Ok(metadata) => metadata.len(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unusable(file, "read", &error)),
    };
    let bytes = if length > MAX_FILE { Vec::new() } else { fs::read(file).map_err(|error| unusable(file, "read", &error))? };
    match std::str::from_utf8(&bytes).ok().and_then(Highest::parse) {
        Some(highest) => Ok(Some(highest)),
        None => {
            let message =
                format!("`{}` is damaged: which version of the policies was the highest in force is not known", file.display());
            let help =
                "restore the file; or set `minimum_version` in [policy] to what must not be gone below, and move the file away";
            Err(Refused::new(Reason::Memory, "", message, help))
        }
    }
}

/// Takes the turn to change the file; it ends when the lock is dropped.
fn lock(file: &Path) -> io::Result<File> {
    storage::make_private_directory(file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new(".")))?;
    let lock = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(file.with_extension("lock"))?;
    for _ in 0..TURNS {
        match lock.try_lock() {
            Ok(()) => return Ok(lock),
            Err(TryLockError::WouldBlock) => std::thread::sleep(TURN),
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
    Err(io::Error::new(io::ErrorKind::TimedOut, "another process has it and does not let go of it"))
}

fn unusable(file: &Path, step: &str, error: &io::Error) -> Refused {
    let message =
        format!("failed to {step} `{}`, where the highest version of the policies is remembered: {error}", file.display());
    Refused::new(Reason::Memory, "", message, "without it older policies could come back, so no others are put in force")
}

#[cfg(test)]
#[path = "memory_tests.rs"]
mod tests;
