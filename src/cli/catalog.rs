//! `cedarpost catalog lock` and `cedarpost catalog diff`: what servers offer, against what was reviewed.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::live::{ask, say};
use super::{Exit, changes, output};
use crate::config::flags::{CatalogCommand, CatalogDiffFlags, CatalogLockFlags, OutputFormat};
use crate::config::{Config, Environment, Sources};
use crate::gate::AdoptError;
use crate::policy::Lock;

/// Runs a command about the catalog.
pub(super) fn catalog(command: &CatalogCommand, environment: Environment) -> anyhow::Result<Exit> {
    match command {
        CatalogCommand::Lock(flags) => lock(flags, environment),
        CatalogCommand::Diff(flags) => diff(flags, environment),
    }
}

/// Where the new lock goes.
enum Destination {
    StandardOutput,
    File(PathBuf),
}

fn lock(flags: &CatalogLockFlags, environment: Environment) -> anyhow::Result<Exit> {
    let sources = Sources { file: flags.ask.file.config.as_deref(), environment, flags: flags.ask.overrides() };
    let settings = Config::for_catalog(&sources, &flags.ask.servers())?;
    let destination = match (&flags.output, &settings.lock) {
        (Some(path), _) if path.as_os_str() == "-" => Destination::StandardOutput,
        (Some(path), _) | (None, Some(path)) => Destination::File(path.clone()),
        (None, None) => {
            anyhow::bail!("it is not said where the lock goes: give --output FILE, or set `policy.lock` (--lock FILE)")
        }
    };
    let before = match (&settings.lock, &destination) {
        (Some(path), _) | (None, Destination::File(path)) => read_if_there(path)?,
        (None, Destination::StandardOutput) => Lock::default(),
    };
    let live = match ask(&settings, flags.ask.timeout, &sources.environment)? {
        Ok(live) => live,
        Err(exit) => return Ok(exit),
    };
    let differences = before.diff(&live.catalog);
    let words = changes::words(&before, &live, &differences);
    let after = before.updated(&live.catalog)?.to_json();
    match destination {
        Destination::StandardOutput => {
            say(&words)?;
            output::print(after.as_bytes())
        }
        Destination::File(path) => {
            write_whole(&path, &after).with_context(|| format!("failed to write the lock `{}`", path.display()))?;
            let hint = if settings.lock.is_some() { String::new() } else { hint(&path) };
            output::print(format!("{words}wrote `{}`\n{hint}", path.display()).as_bytes())
        }
    }
}

fn hint(path: &Path) -> String {
    format!("review it, keep it in version control, and set `policy.lock` to it (or give --lock {})\n", path.display())
}

fn diff(flags: &CatalogDiffFlags, environment: Environment) -> anyhow::Result<Exit> {
    let sources = Sources { file: flags.ask.file.config.as_deref(), environment, flags: flags.ask.overrides() };
    let settings = Config::for_catalog(&sources, &flags.ask.servers())?;
    let path = settings.lock.as_deref().context("there is no lock to compare with: set `policy.lock`, or give --lock FILE")?;
    let lock = read(path).with_context(|| format!("failed to read the lock `{}`", path.display()))?;
    let live = match ask(&settings, flags.ask.timeout, &sources.environment)? {
        Ok(live) => live,
        Err(exit) => return Ok(exit),
    };
    let differences = lock.diff(&live.catalog);
    let text = match flags.format {
        OutputFormat::Human => changes::words(&lock, &live, &differences),
        OutputFormat::Json => changes::json(&lock, &live, &differences),
    };
    output::print(text.as_bytes())?;
    Ok(if flags.fail_on_drift && !differences.is_empty() { Exit::Invalid } else { Exit::Done })
}

/// Reads a lock that must be there.
pub(super) fn read(path: &Path) -> anyhow::Result<Lock> {
    let text = fs::read_to_string(path)?;
    // Invalid files of an author are one kind of error to whoever runs the command, whichever file it is.
    Ok(Lock::parse(&path.display().to_string(), &text).map_err(AdoptError::Invalid)?)
}

/// The lock so far; an empty one before the first.
fn read_if_there(path: &Path) -> anyhow::Result<Lock> {
    match read(path) {
        Err(error) if error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::NotFound) => {
            Ok(Lock::default())
        }
        read => read.with_context(|| format!("failed to read the lock `{}`", path.display())),
    }
}

/// Replaces a file as a whole: who reads it sees the old text or the new one.
fn write_whole(path: &Path, text: &str) -> io::Result<()> {
    // A link is kept, and what it points to replaced.
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new().prefix(".catalog-lock-").permissions(permissions(&path)).tempfile_in(directory)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

/// Those of the file that is there, else what any new file gets: it is no secret.
fn permissions(path: &Path) -> fs::Permissions {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(path).map_or_else(|_| fs::Permissions::from_mode(0o644), |metadata| metadata.permissions())
}
