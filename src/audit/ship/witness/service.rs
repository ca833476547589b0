//! A witness of our own: it remembers the last checkpoint of each log that it knows, durably and before it cosigns, and cosigns only
//! what continues it.
//!
//! In its directory: `key.pk8` (the private key, made at the first start), `vkey` (the public one, to hand out), `logs/<hash of the
//! origin>` (the last checkpoint of each log) and `place` (taken by the process that runs). A witness that is set back to an older state
//! can cosign a fork: no backup of this directory may ever be put back. HTTP is spoken in `rest`.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use parking_lot::Mutex;
use ring::digest;
use ring::rand::SystemRandom;

use crate::audit::tlog::checkpoint::CheckpointError;
use crate::audit::tlog::key::KeyError;
use crate::audit::tlog::note::VerifyNoteError;
use crate::audit::tlog::rotation::ScheduleError;
use crate::audit::tlog::witness::{KnownLog, Refusal, SIZE_TYPE};
use crate::audit::tlog::{Cosigner, KeyName, SignedCheckpoint, VerifierKey, Witness};
use crate::clock::Clock;
use crate::storage;

pub use crate::audit::tlog::witness::MAX_BODY;

/// What a witness is told at the start.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where its key and its memory are.
    pub directory: PathBuf,
    /// The name in its cosignatures.
    pub name: KeyName,
    /// The logs that it knows, by origin, each with its keys.
    pub logs: BTreeMap<String, Vec<VerifierKey>>,
}

/// Why a witness cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// A file or the directory cannot be used.
    #[error("failed to use `{path}`")]
    File {
        /// Which.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// Another process is a witness there: two of them could cosign two histories.
    #[error("another process is the witness in `{0}`")]
    Taken(PathBuf),
    /// The private key cannot be read or made.
    #[error("failed to get the key of the witness from `{path}`")]
    Key {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: KeyError,
    },
    /// A key of a log is not one that signs logs.
    #[error("the log `{origin}` cannot have such a key")]
    LogKey {
        /// The log.
        origin: String,
        /// What is wrong.
        #[source]
        source: ScheduleError,
    },
    /// What is remembered of a log is no checkpoint.
    #[error("what the witness remembers of `{origin}` is damaged (`{path}`): it must not cosign this log again")]
    Damaged {
        /// The log.
        origin: String,
        /// The file.
        path: PathBuf,
        /// What is wrong.
        #[source]
        source: CheckpointError,
    },
    /// What is remembered of a log was not signed with any key that it has now.
    #[error(
        "what the witness remembers of `{origin}` is signed with a key that is not configured; keys are added, not exchanged"
    )]
    Unsigned {
        /// The log.
        origin: String,
        /// What is wrong.
        #[source]
        source: VerifyNoteError,
    },
}

/// What a witness answers: for any protocol that knows a status, a type and a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The type of the body.
    pub content_type: &'static str,
    /// The body.
    pub body: String,
}

/// A witness that is at work.
#[derive(Debug)]
pub struct Service {
    /// Guards the memory of all logs: what is judged is stored before anything else is judged.
    witness: Mutex<Witness>,
    cosigner: Cosigner,
    logs: PathBuf,
    clock: Clock,
    /// Keeps the directory until the process ends.
    _place: File,
}

impl Service {
    /// Takes the directory and reads what the witness remembers. Blocks.
    ///
    /// # Errors
    ///
    /// [`ServiceError`].
    pub fn open(settings: &Settings, clock: Clock) -> Result<Self, ServiceError> {
        let directory = &settings.directory;
        let logs = directory.join("logs");
        storage::make_private_directory(&logs).map_err(|source| of_file(&logs, source))?;
        let place = take(directory)?;
        let cosigner = key(directory, &settings.name)?;
        let vkey = directory.join("vkey");
        let text = format!("{}\n", cosigner.verifier());
        storage::replace_file(&vkey, text.as_bytes()).map_err(|source| of_file(&vkey, source))?;
        let known = settings.logs.iter().map(|(origin, keys)| Ok((origin.clone(), remember(&logs, origin, keys)?)));
        let known = known.collect::<Result<BTreeMap<_, _>, ServiceError>>()?;
        Ok(Self { witness: Mutex::new(Witness::new(known)), cosigner, logs, clock, _place: place })
    }

    /// The key that it cosigns with.
    #[must_use]
    pub const fn verifier(&self) -> &VerifierKey {
        self.cosigner.verifier()
    }

    /// Answers the body of an `add-checkpoint`. Blocks until what is cosigned is on disk.
    #[must_use]
    pub fn add_checkpoint(&self, body: &[u8]) -> Answer {
        let mut witness = self.witness.lock();
        let accepted = match witness.judge(body) {
            Ok(accepted) => accepted,
            Err(refusal) => return refuse(&refusal),
        };
        let stored = accepted.commit(|signed| {
            let path = file_of(&self.logs, signed.checkpoint().origin());
            storage::replace_file(&path, signed.to_string().as_bytes())
        });
        match stored {
            Ok(committed) => {
                let seconds = u64::try_from(self.clock.now().as_micros().div_euclid(1_000_000)).unwrap_or(0);
                Answer { status: 200, content_type: TEXT, body: committed.cosign(&self.cosigner, seconds) }
            }
            Err(error) => {
                tracing::error!(%error, "the witness cannot store a checkpoint, and does not cosign it");
                Answer { status: 503, content_type: TEXT, body: "the checkpoint could not be stored\n".to_owned() }
            }
        }
    }
}

/// The type of texts.
const TEXT: &str = "text/plain; charset=utf-8";

fn refuse(refusal: &Refusal) -> Answer {
    tracing::debug!(%refusal, "the witness does not cosign");
    match refusal.size_body() {
        Some(body) => Answer { status: refusal.status(), content_type: SIZE_TYPE, body },
        None => Answer { status: refusal.status(), content_type: TEXT, body: format!("{refusal}\n") },
    }
}

fn of_file(path: &Path, source: io::Error) -> ServiceError {
    ServiceError::File { path: path.to_owned(), source }
}

/// The system gives the place back when the process ends, however it ends.
fn take(directory: &Path) -> Result<File, ServiceError> {
    let path = directory.join("place");
    let failed = |source| of_file(&path, source);
    let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(ServiceError::Taken(directory.to_owned())),
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

/// The private key; a new one when there is none.
fn key(directory: &Path, name: &KeyName) -> Result<Cosigner, ServiceError> {
    let path = directory.join("key.pk8");
    let wrong = |source| ServiceError::Key { path: path.clone(), source };
    match std::fs::read(&path) {
        Ok(der) => return Cosigner::from_pkcs8(name.clone(), &der).map_err(wrong),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(of_file(&path, error)),
    }
    let der = Cosigner::generate(&SystemRandom::new()).map_err(wrong)?;
    store_key(&path, der.as_ref()).map_err(|source| of_file(&path, source))?;
    Cosigner::from_pkcs8(name.clone(), der.as_ref()).map_err(wrong)
}

/// Writes the key beside its name first: half a key must never have it.
fn store_key(path: &Path, der: &[u8]) -> io::Result<()> {
    let fresh = path.with_extension("new");
    match std::fs::remove_file(&fresh) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o400).open(&fresh)?;
    file.write_all(der)?;
    file.sync_all()?;
    std::fs::rename(&fresh, path)?;
    File::open(path.parent().unwrap_or(Path::new("/")))?.sync_all()
}

/// What is remembered of one log.
fn remember(logs: &Path, origin: &str, keys: &[VerifierKey]) -> Result<KnownLog, ServiceError> {
    let path = file_of(logs, origin);
    let last = match std::fs::read(&path) {
        Ok(text) => {
            let damaged = |source| ServiceError::Damaged { origin: origin.to_owned(), path: path.clone(), source };
            let signed = SignedCheckpoint::parse(&text).map_err(damaged)?;
            let verified = signed.note().verify(keys);
            verified.map_err(|source| ServiceError::Unsigned { origin: origin.to_owned(), source })?;
            Some(signed)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(of_file(&path, error)),
    };
    let last = last.as_ref().map(SignedCheckpoint::checkpoint);
    KnownLog::new(keys.to_vec(), last).map_err(|source| ServiceError::LogKey { origin: origin.to_owned(), source })
}

/// An origin may have slashes in it, and be long.
fn file_of(logs: &Path, origin: &str) -> PathBuf {
    let digest = digest::digest(&digest::SHA256, origin.as_bytes());
    let name: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    logs.join(name)
}

#[cfg(test)]
#[path = "service_tests.rs"]
mod tests;
