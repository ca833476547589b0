//! The keys that sign the log's checkpoints, as files: the private key in use, and the schedule of public keys that verifiers hold.
//!
//! `trust` in the log's directory lists every key with the sizes at which it signs ([`KeySchedule`]). The private key is a file of its own
//! (`<id>.pk8`, PKCS #8), in `keys/` or in a directory of the operator's choice. A key that is put there before the log is made is used
//! for it, also in PEM form; otherwise one is made.
//!
//! A rotation takes effect in this order, so that a crash between two steps is completed or undone by the next start: the new key is
//! durable (`<id>.next`); a checkpoint that both keys have signed is durable; the schedule says so; the new key gets its name; the old
//! key is destroyed.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use ring::rand::{SecureRandom, SystemRandom};

use super::tlog::checkpoint::CheckpointError;
use super::tlog::key::KeyError;
use super::tlog::rotation::{RotationError, ScheduleError};
use super::tlog::{Checkpoint, KeyName, KeySchedule, SignedCheckpoint, SigningKey, TreeHash, VerifierKey};
use crate::storage;

/// The longest key file, in bytes.
const MAX_FILE: u64 = 16 << 10;
/// How the names of private keys end that somebody may have put there.
const KEYS: &[&str] = &["pk8", "pem"];
/// How the name of a key ends that does not sign yet.
const NEXT: &str = "next";
/// How the name of a key ends that is being written.
const UNFINISHED: &str = "unfinished";
/// How the name of a key ends that is being destroyed.
const RETIRED: &str = "retired";

/// Why there is no key to sign with.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// A file could not be read or written.
    #[error("failed to {step} `{path}`")]
    File {
        /// What was being done, as a verb.
        step: &'static str,
        /// To what.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// The schedule is missing although there is a log.
    #[error("`{0}` is missing: restore it, or move the whole directory away to begin a new log")]
    NoSchedule(PathBuf),
    /// The schedule cannot be read.
    #[error("`{path}` does not list the log's keys")]
    Schedule {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: ScheduleError,
    },
    /// The configuration gives the log another name than it has.
    #[error(
        "the log's name is `{found}`, and `audit.origin` says `{configured}`: a log keeps its name, choose another directory for another one"
    )]
    Origin {
        /// The name the log has.
        found: String,
        /// The name in the configuration.
        configured: String,
    },
    /// A file is not an Ed25519 key.
    #[error("`{path}` is not an Ed25519 private key in PKCS #8 form")]
    Key {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: KeyError,
    },
    /// The key that signs is not there.
    #[error("the private key of `{key}`, which signs the log, is not in `{directory}`")]
    NoKey {
        /// The public key.
        key: String,
        /// Where it should be.
        directory: PathBuf,
    },
    /// There is more than one key to choose from.
    #[error("`{0}` holds several private keys: leave the one that is to sign the new log")]
    Several(PathBuf),
    /// A name or key could not be made.
    #[error("failed to make a key")]
    Make(#[source] KeyError),
    /// A checkpoint could not be signed.
    #[error("failed to sign a checkpoint")]
    Sign(#[source] CheckpointError),
    /// The new key cannot follow the current one.
    #[error("the key cannot be rotated now")]
    Rotation(#[source] RotationError),
}

impl KeysError {
    fn file(step: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::File { step, path: path.into(), source }
    }
}

/// A private key and the file it is in.
#[derive(Debug)]
struct KeyFile {
    path: PathBuf,
    key: SigningKey,
}

/// Signs the log's checkpoints.
#[derive(Debug)]
pub(super) struct Signer {
    trust: PathBuf,
    keys: PathBuf,
    schedule: KeySchedule,
    current: KeyFile,
}

/// A key that is about to follow the current one.
#[derive(Debug)]
pub(super) struct NextKey(KeyFile);

impl NextKey {
    pub(super) const fn verifier(&self) -> &VerifierKey {
        self.0.key.verifier()
    }
}

impl Signer {
    /// Prepares the keys of a log that is about to be made; what an earlier attempt left behind is used.
    pub(super) fn create(directory: &Path, keys: &Path, origin: Option<&KeyName>) -> Result<Self, KeysError> {
        if schedule_file(directory).exists() {
            return Self::open(directory, keys, origin, None);
        }
        storage::make_private_directory(keys).map_err(KeysError::file("make", keys))?;
        clear(keys)?;
        let name = origin.cloned().map_or_else(random_name, Ok)?;
        let mut there = key_files(keys, KEYS, &name)?;
        let current = match (there.pop(), there.is_empty()) {
            (None, _) => make_key(keys, KEYS, name)?,
            (Some(only), true) => only,
            (Some(_), false) => return Err(KeysError::Several(keys.into())),
        };
        let trust = schedule_file(directory);
        let schedule = KeySchedule::new(current.key.verifier().clone());
        let schedule = schedule.map_err(|source| KeysError::Schedule { path: trust.clone(), source })?;
        write_schedule(&trust, &schedule)?;
        Ok(Self { trust, keys: keys.into(), schedule, current })
    }

    /// Opens the keys of a log whose newest checkpoint is `newest`, and completes or undoes a rotation that was cut off.
    pub(super) fn open(
        directory: &Path,
        keys: &Path,
        origin: Option<&KeyName>,
        newest: Option<&SignedCheckpoint>,
    ) -> Result<Self, KeysError> {
        let (trust, mut schedule) = (schedule_file(directory), read_schedule(directory)?);
        let name = schedule.current().name().clone();
        if let Some(configured) = origin.filter(|configured| **configured != name) {
            return Err(KeysError::Origin { found: name.to_string(), configured: configured.to_string() });
        }
        clear(keys)?;
        let next = key_files(keys, &[NEXT], &name)?;
        let signs =
            newest.and_then(|newest| next.iter().find_map(|file| schedule.rotate(newest, file.key.verifier().clone()).ok()));
        if let Some(rotated) = signs {
            write_schedule(&trust, &rotated)?;
            schedule = rotated;
        }
        for file in &next {
            if file.key.verifier() == schedule.current() { rename_to_its_name(file).map(drop)? } else { destroy(&file.path)? }
        }
        let mut there = key_files(keys, KEYS, &name)?;
        let missing = || KeysError::NoKey { key: schedule.current().to_string(), directory: keys.into() };
        let at = there.iter().position(|file| file.key.verifier() == schedule.current()).ok_or_else(missing)?;
        let current = there.swap_remove(at);
        let followed = |file: &&KeyFile| schedule.terms().any(|term| term.key() == file.key.verifier());
        for file in there.iter().filter(followed) {
            destroy(&file.path)?;
        }
        Ok(Self { trust, keys: keys.into(), schedule, current })
    }

    /// The keys as a start would find them, when the log's newest checkpoint is `newest`.
    pub(super) fn again(&self, newest: &SignedCheckpoint) -> Result<Self, KeysError> {
        Self::open(self.trust.parent().unwrap_or(&self.trust), &self.keys, None, Some(newest))
    }

    /// The log's name.
    pub(super) fn origin(&self) -> &KeyName {
        self.schedule.current().name()
    }

    /// The keys of the log.
    pub(super) const fn schedule(&self) -> &KeySchedule {
        &self.schedule
    }

    /// Signs that the log has this tree.
    pub(super) fn sign(&self, size: u64, root: TreeHash) -> Result<SignedCheckpoint, KeysError> {
        self.sign_with(size, root, &[&self.current.key])
    }

    /// Makes the key that is to follow the current one.
    pub(super) fn next_key(&self) -> Result<NextKey, KeysError> {
        make_key(&self.keys, &[NEXT], self.origin().clone()).map(NextKey)
    }

    /// Signs with both keys, as the checkpoint must be from which the new key signs on.
    pub(super) fn sign_with_both(&self, size: u64, root: TreeHash, next: &NextKey) -> Result<SignedCheckpoint, KeysError> {
        self.sign_with(size, root, &[&self.current.key, &next.0.key])
    }

    /// Lets the new key sign from the checkpoint on that both have signed and that is durable, and destroys the old one.
    pub(super) fn rotate(&mut self, signed: &SignedCheckpoint, next: NextKey) -> Result<(), KeysError> {
        let schedule = self.schedule.rotate(signed, next.verifier().clone()).map_err(KeysError::Rotation)?;
        write_schedule(&self.trust, &schedule)?;
        self.schedule = schedule;
        let named = KeyFile { path: rename_to_its_name(&next.0)?, key: next.0.key };
        let old = std::mem::replace(&mut self.current, named);
        destroy(&old.path)
    }

    /// Takes back a key that will not sign after all.
    pub(super) fn discard(&self, next: &NextKey) {
        // Should it stay behind, the next start removes it.
        let _ = destroy(&next.0.path);
    }

    fn sign_with(&self, size: u64, root: TreeHash, keys: &[&SigningKey]) -> Result<SignedCheckpoint, KeysError> {
        let checkpoint = Checkpoint::new(self.origin(), size, root).map_err(KeysError::Sign)?;
        SignedCheckpoint::sign(checkpoint, keys).map_err(KeysError::Sign)
    }
}

/// The file with the log's public keys.
pub(super) fn schedule_file(directory: &Path) -> PathBuf {
    directory.join("trust")
}

/// Reads the public keys of the log in `directory`.
///
/// # Errors
///
/// [`KeysError`] when there is no such file, or it is not a schedule.
pub fn read_schedule(directory: &Path) -> Result<KeySchedule, KeysError> {
    let path = schedule_file(directory);
    match std::fs::read_to_string(&path) {
        Ok(text) => text.parse().map_err(|source| KeysError::Schedule { path, source }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(KeysError::NoSchedule(path)),
        Err(error) => Err(KeysError::file("read", &path)(error)),
    }
}

fn write_schedule(path: &Path, schedule: &KeySchedule) -> Result<(), KeysError> {
    storage::replace_file(path, schedule.to_string().as_bytes()).map_err(KeysError::file("write", path))
}

/// The private keys in a directory.
fn key_files(keys: &Path, endings: &[&str], name: &KeyName) -> Result<Vec<KeyFile>, KeysError> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(keys).map_err(KeysError::file("read", keys))? {
        let path = entry.map_err(KeysError::file("read", keys))?.path();
        if path.extension().is_some_and(|ending| endings.iter().any(|wanted| ending == *wanted)) {
            found.push(read_key(path, name)?);
        }
    }
    Ok(found)
}

fn read_key(path: PathBuf, name: &KeyName) -> Result<KeyFile, KeysError> {
    let long = path.metadata().map_err(KeysError::file("read", &path))?.len() > MAX_FILE;
    let bytes = if long { Vec::new() } else { std::fs::read(&path).map_err(KeysError::file("read", &path))? };
    match SigningKey::from_pkcs8_file(name.clone(), &bytes) {
        Ok(key) => Ok(KeyFile { path, key }),
        Err(source) => Err(KeysError::Key { path, source }),
    }
}

/// Gives a key that signs from now on the name of one that signs.
fn rename_to_its_name(file: &KeyFile) -> Result<PathBuf, KeysError> {
    let path = file.path.with_extension("pk8");
    let renamed = std::fs::rename(&file.path, &path).and_then(|()| storage::sync_directory(path.parent().unwrap_or(&path)));
    renamed.map_err(KeysError::file("rename", &file.path))?;
    Ok(path)
}

fn make_key(keys: &Path, endings: &[&str], name: KeyName) -> Result<KeyFile, KeysError> {
    let der = SigningKey::generate(&SystemRandom::new()).map_err(KeysError::Make)?;
    let key = SigningKey::from_pkcs8(name, der.as_ref()).map_err(KeysError::Make)?;
    let ending = endings.first().copied().unwrap_or_default();
    let path = keys.join(format!("{}.{ending}", key.verifier().id()));
    let fresh = path.with_extension(UNFINISHED);
    let mut options = OpenOptions::new();
    let written = options.write(true).create(true).truncate(true).mode(0o400).open(&fresh).and_then(|mut file| {
        file.write_all(der.as_ref())?;
        file.sync_all()?;
        std::fs::rename(&fresh, &path)?;
        storage::sync_directory(keys)
    });
    written.map_err(KeysError::file("write", &path))?;
    Ok(KeyFile { path, key })
}

/// Overwrites a private key and removes it. It loses its name first, durably: a file that was overwritten and is still there must not be
/// taken for a key.
fn destroy(path: &Path) -> Result<(), KeysError> {
    let retired = path.with_extension(RETIRED);
    let renamed = std::fs::rename(path, &retired).and_then(|()| storage::sync_directory(path.parent().unwrap_or(path)));
    renamed.map_err(KeysError::file("destroy", path))?;
    erase(&retired)
}

/// Overwrites and removes what was begun and not finished when the process or the power went.
fn clear(keys: &Path) -> Result<(), KeysError> {
    for entry in std::fs::read_dir(keys).map_err(KeysError::file("read", keys))? {
        let path = entry.map_err(KeysError::file("read", keys))?.path();
        if path.extension().is_some_and(|ending| ending == RETIRED || ending == UNFINISHED) {
            erase(&path)?;
        }
    }
    Ok(())
}

fn erase(path: &Path) -> Result<(), KeysError> {
    use std::os::unix::fs::PermissionsExt;

    let gone = || -> io::Result<()> {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
        let mut file = OpenOptions::new().write(true).open(path)?;
        let length = usize::try_from(file.metadata()?.len()).unwrap_or(0);
        file.write_all(&vec![0; length])?;
        file.sync_all()?;
        std::fs::remove_file(path)?;
        storage::sync_directory(path.parent().unwrap_or(path))
    };
    gone().map_err(KeysError::file("destroy", path))
}

/// A name that no other log has.
fn random_name() -> Result<KeyName, KeysError> {
    let mut random = [0_u8; 8];
    SystemRandom::new().fill(&mut random).map_err(|_| KeysError::Make(KeyError::Random))?;
    KeyName::new(format!("cedarpost/{:016x}", u64::from_be_bytes(random))).map_err(KeysError::Make)
}

#[cfg(test)]
#[path = "keys_tests.rs"]
mod tests;
