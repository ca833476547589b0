//! The log of a sidecar: for `serve` the one in the configured directory, for `stdio` the first that is free.
//!
//! A log has one writer. An MCP client may start the same server twice (one to see what it speaks, one to work with), and people run
//! several clients at once; so `stdio` takes the directory when it is free, else `DIRECTORY.2`, `DIRECTORY.3` and so on. Each is a
//! log of its own, which goes on when its place is taken again.

use std::ffi::OsString;
use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use prometheus_client::registry::Registry;
use ring::digest::{SHA256, digest};

use crate::audit::{self, AuditReader, AuditWriter, OpenError};
use crate::clock::Clock;
use crate::config::Config;
use crate::storage;

/// How many `stdio` processes may share a configured directory.
const PLACES: u32 = 16;

/// An open log.
pub(super) struct Log {
    pub(super) writer: AuditWriter,
    pub(super) reader: AuditReader,
    /// Keeps the place until the process ends.
    _place: Option<File>,
}

impl Log {
    /// Opens the log in the configured directory.
    pub(super) fn open(config: &Config, clock: &Clock, registry: &mut Registry) -> anyhow::Result<Self> {
        let settings = settings(config);
        let (writer, reader) = audit::open(&settings, clock, registry).with_context(|| failure(&settings.directory))?;
        tracing::info!(directory = %settings.directory.display(), "decisions are recorded");
        Ok(Self { writer, reader, _place: None })
    }

    /// Opens the first log that no other process writes.
    pub(super) fn open_free(config: &Config, clock: &Clock, registry: &mut Registry) -> anyhow::Result<Self> {
        let configured = settings(config);
        for directory in places(&configured.directory) {
            // The place is taken before the log is opened: two processes that made the same log at the same time would collide.
            let Some(place) = take(&directory).with_context(|| failure(&directory))? else { continue };
            let settings = audit::Settings { directory, ..configured.clone() };
            match audit::open(&settings, clock, registry) {
                Ok((writer, reader)) => {
                    tracing::info!(directory = %settings.directory.display(), "decisions are recorded");
                    return Ok(Self { writer, reader, _place: Some(place) });
                }
                // A `serve` has it.
                Err(OpenError::Database(storage::OpenError::Locked(_))) => {}
                Err(error) => return Err(error).with_context(|| failure(&settings.directory)),
            }
        }
        bail!("{}: it and its {} siblings are in use by other processes", failure(&configured.directory), PLACES - 1)
    }
}

/// The directories of the logs that `stdio` may write for a configured one, in the order in which they are taken.
pub fn places(directory: &Path) -> impl Iterator<Item = PathBuf> {
    // Without a slash at the end, so that the number belongs to the name.
    let first: PathBuf = directory.components().collect();
    (1..=PLACES).map(move |number| if number == 1 { first.clone() } else { numbered(&first, number) })
}

fn numbered(directory: &Path, number: u32) -> PathBuf {
    let mut name = OsString::from(directory);
    name.push(format!(".{number}"));
    name.into()
}

/// Takes a place for this process; `None` when another has it. The system gives it back when a process ends, however it ends.
fn take(directory: &Path) -> io::Result<Option<File>> {
    storage::make_private_directory(directory)?;
    let file = OpenOptions::new().write(true).create(true).truncate(false).open(directory.join("place"))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

fn failure(directory: &Path) -> String {
    format!("failed to open the audit log in `{}`", directory.display())
}

fn settings(config: &Config) -> audit::Settings {
    let audit = &config.audit;
    let digest = digest(&SHA256, config.show().as_bytes());
    let digest: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    audit::Settings {
        config: format!("sha256:{digest}"),
        append_deadline: audit.append_deadline,
        queue: audit.queue,
        low_water: audit.low_water_bytes,
        ..audit::Settings::new(audit.directory.clone(), audit.origin.clone())
    }
}
