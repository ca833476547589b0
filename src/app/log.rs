//! The log of a sidecar: for `serve` the one in the configured directory, for `stdio` the first that is free.
//!
//! A log has one writer. An MCP client may start the same server twice (one to see what it speaks, one to work with), and people run
//! several clients at once; so `stdio` takes the directory when it is free, else `DIRECTORY.2`, `DIRECTORY.3` and so on. Each is a
//! log of its own, which goes on when its place is taken again.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use prometheus_client::registry::Registry;
use ring::digest::{SHA256, digest};

use crate::audit::tlog::KeyName;
use crate::audit::{self, AuditReader, AuditWriter, OpenError};
use crate::clock::Clock;
use crate::config::{AuditSettings, Config};

/// How many `stdio` processes may share a configured directory.
const PLACES: u32 = 16;

/// An open log.
pub(super) struct Log {
    pub(super) writer: AuditWriter,
    pub(super) reader: AuditReader,
    /// Which of the places of its configuration it has, from 1.
    pub(super) place: u32,
}

impl Log {
    /// Opens the log in the configured directory.
    pub(super) fn open(config: &Config, clock: &Clock, registry: &mut Registry) -> anyhow::Result<Self> {
        let settings = settings(config);
        let (writer, reader) = audit::open(&settings, clock, registry).with_context(|| failure(&settings.directory))?;
        tracing::info!(directory = %settings.directory.display(), "decisions are recorded");
        Ok(Self { writer, reader, place: 1 })
    }

    /// Opens the first log that no other process writes.
    pub(super) fn open_free(config: &Config, clock: &Clock, registry: &mut Registry) -> anyhow::Result<Self> {
        let configured = settings(config);
        for (directory, number) in places(&configured.directory).zip(1..) {
            let settings = of_place(&configured, directory, number)?;
            match audit::open(&settings, clock, registry) {
                Ok((writer, reader)) => {
                    tracing::info!(directory = %settings.directory.display(), "decisions are recorded");
                    return Ok(Self { writer, reader, place: number });
                }
                Err(OpenError::InUse(_)) => {}
                Err(error) => return Err(error).with_context(|| failure(&settings.directory)),
            }
        }
        bail!("{}: it and its {} siblings are in use by other processes", failure(&configured.directory), PLACES - 1)
    }
}

/// Records the stop and closes a log; says so when that does not work, since nothing else can be done about it.
pub(super) async fn close(writer: AuditWriter) {
    if let Err(error) = writer.close().await {
        tracing::error!(error = &error as &dyn std::error::Error, "the stop could not be recorded");
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

/// The settings of the log in one of the places: each has a name and keys of its own.
fn of_place(configured: &audit::Settings, directory: PathBuf, number: u32) -> anyhow::Result<audit::Settings> {
    if number == 1 {
        return Ok(audit::Settings { directory, ..configured.clone() });
    }
    let origin = configured.origin.as_ref().map(|origin| KeyName::new(format!("{origin}/{number}")));
    let origin = origin.transpose().context("`audit.origin` is too long")?;
    let keys = configured.keys.as_ref().map(|keys| keys.join(number.to_string()));
    Ok(audit::Settings { directory, origin, keys, ..configured.clone() })
}

fn failure(directory: &Path) -> String {
    format!("failed to open the audit log in `{}`", directory.display())
}

fn settings(config: &Config) -> audit::Settings {
    let digest = digest(&SHA256, config.show().as_bytes());
    let digest: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    audit::Settings { config: format!("sha256:{digest}"), ..log_settings(&config.audit) }
}

/// The settings of a log as the configuration has them.
pub fn log_settings(audit: &AuditSettings) -> audit::Settings {
    audit::Settings {
        append_deadline: audit.append_deadline,
        queue: audit.queue,
        low_water: audit.low_water_bytes,
        origin: audit.origin.clone(),
        keys: audit.keys.clone(),
        epochs: audit.epochs,
        ..audit::Settings::new(audit.directory.clone())
    }
}
