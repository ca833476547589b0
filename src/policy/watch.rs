//! Says when the files of an author have changed, by content.
//!
//! Two sources, because neither is enough: the file system's events are quick but are not sent everywhere (network and overlay file
//! systems, a file that is mounted itself), and a directory that is replaced takes its watch with it; comparing the contents from
//! time to time misses nothing but is slower. Events only cause a comparison; what counts is the content.
//!
//! Files that are being written are left alone until two looks in a row see the same. Whoever writes several files, or writes
//! slowly, should write elsewhere and rename. What is reported are the files of the last of these looks, not of another one.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use notify::event::{AccessKind, AccessMode};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::Notify;
use tokio::time::{Interval, MissedTickBehavior};

use super::load::{PolicyFiles, read};
use super::report::LoadError;
use super::settings::Settings;

/// How long files must stay the same before they count as written.
const SETTLE: Duration = Duration::from_millis(40);
/// How often we wait for files to settle before we take them as they are. What cannot be read is never taken so: somebody is at work.
const PATIENCE: u32 = 10;

/// What a look at the files came to: their digest, or the reason why they could not be read.
type Look = Result<[u8; 32], String>;

fn look_of(read: Result<&PolicyFiles, &LoadError>) -> Look {
    read.map(PolicyFiles::digest).map_err(ToString::to_string)
}

/// Watches the configured paths.
#[derive(Debug)]
pub struct Watch {
    settings: Arc<Settings>,
    seen: Look,
    /// Something may have changed since the last look. Survives a cancelled [`Watch::changed`].
    dirty: bool,
    wake: Arc<Notify>,
    poll: Interval,
    /// Held because dropping it ends the events; `None` where the system has none to give.
    _watcher: Option<RecommendedWatcher>,
}

impl Watch {
    /// Watches for anything that differs from `loaded`, which is what came of the last reading, so that no change falls between.
    ///
    /// Must be called inside a tokio runtime. Where the system gives no events, only the poll remains, and the log says so.
    #[must_use]
    pub fn new(settings: &Settings, loaded: Result<&PolicyFiles, &LoadError>) -> Self {
        let wake = Arc::new(Notify::new());
        let mut poll = tokio::time::interval(settings.poll_interval.max(SETTLE));
        poll.set_missed_tick_behavior(MissedTickBehavior::Delay);
        for path in file_mounts(settings) {
            tracing::warn!(path = %path.display(), "policy file is mounted by itself (subPath): Kubernetes never updates it; mount the directory");
        }
        let watcher = watcher(settings, &wake);
        Self { settings: Arc::new(settings.clone()), seen: look_of(loaded), dirty: false, wake, poll, _watcher: watcher }
    }

    /// Waits until the files differ from what was last reported, or from what was loaded at the start, and returns them. That they
    /// cannot be read any more is a change as well.
    ///
    /// # Errors
    ///
    /// What [`read`] says of files that cannot be read.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: a change that was noticed before a cancellation is reported by the next call.
    pub async fn changed(&mut self) -> Result<PolicyFiles, LoadError> {
        loop {
            if !self.dirty {
                tokio::select! {
                    () = self.wake.notified() => {}
                    _ = self.poll.tick() => {}
                }
                self.dirty = true;
            }
            let read = self.settled().await;
            self.dirty = false;
            let look = look_of(read.as_ref());
            if look != self.seen {
                self.seen = look;
                // Directories may have been replaced, and their watches lost with them. Where no new watch is to be had, what is
                // left of the old one is better than nothing.
                if let Some(watcher) = watcher(&self.settings, &self.wake) {
                    self._watcher = Some(watcher);
                }
                return read;
            }
        }
    }

    /// Looks until two looks agree.
    async fn settled(&self) -> Result<PolicyFiles, LoadError> {
        let mut last = look(&self.settings).await;
        let mut waited = 0;
        loop {
            let seen = look_of(last.as_ref());
            if seen == self.seen || (waited >= PATIENCE && seen.is_ok()) {
                return last;
            }
            tokio::time::sleep(SETTLE).await;
            waited = waited.saturating_add(1);
            last = look(&self.settings).await;
            if look_of(last.as_ref()) == seen {
                return last;
            }
        }
    }
}

async fn look(settings: &Arc<Settings>) -> Result<PolicyFiles, LoadError> {
    let settings = Arc::clone(settings);
    tokio::task::spawn_blocking(move || read(&settings)).await.unwrap_or(Err(LoadError::BrokeOff))
}

fn watcher(settings: &Settings, wake: &Arc<Notify>) -> Option<RecommendedWatcher> {
    let wake = Arc::clone(wake);
    let handler = move |event: notify::Result<notify::Event>| {
        // An event that got lost is a reason to look, our own reading is not.
        if event.as_ref().map_or(true, |event| matters(event.kind)) {
            wake.notify_one();
        }
    };
    let started = notify::recommended_watcher(handler).and_then(|mut watcher| {
        for (path, mode) in watched(settings) {
            watcher.watch(&path, mode)?;
        }
        Ok(watcher)
    });
    started.inspect_err(|error| tracing::warn!(%error, "no file system events for policies: changes are found by polling")).ok()
}

fn matters(kind: EventKind) -> bool {
    !matches!(kind, EventKind::Access(access) if access != AccessKind::Close(AccessMode::Write))
}

/// Each directory with all that is in it, and the directory above, where it can be replaced; a file's directory.
fn watched(settings: &Settings) -> Vec<(PathBuf, RecursiveMode)> {
    let mut watched = Vec::new();
    for path in paths(settings) {
        if path.is_dir() {
            watched.push((path.clone(), RecursiveMode::Recursive));
        }
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        if parent.is_dir() {
            watched.push((parent.to_owned(), RecursiveMode::NonRecursive));
        }
    }
    // A directory that is watched with all that is in it must not be watched again without.
    watched.sort_by_key(|(path, mode)| (path.clone(), *mode == RecursiveMode::NonRecursive));
    watched.dedup_by(|later, earlier| later.0 == earlier.0);
    watched
}

fn paths(settings: &Settings) -> impl Iterator<Item = &PathBuf> {
    settings.policies.iter().chain(&settings.schema).chain(&settings.entities).chain(&settings.lock)
}

/// Files among the configured ones that are mount points of their own, as `subPath` makes them: they stay what they were when the
/// container started.
fn file_mounts(settings: &Settings) -> Vec<PathBuf> {
    let table = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let roots: Vec<PathBuf> = paths(settings).filter_map(|path| fs::canonicalize(path).ok()).collect();
    let below = |mount: &PathBuf| roots.iter().any(|root| mount.starts_with(root));
    mount_points(&table).into_iter().filter(|mount| below(mount) && mount.is_file()).collect()
}

/// The mount points in a mountinfo table (`proc_pid_mountinfo(5)`): the fifth field of each line, with octal escapes.
fn mount_points(table: &str) -> Vec<PathBuf> {
    let field = |line: &str| line.split(' ').nth(4).map(|text| PathBuf::from(unescape(text)));
    table.lines().filter_map(field).collect()
}

fn unescape(text: &str) -> String {
    let mut parts = text.split('\\');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let escaped = part.get(..3).and_then(|digits| u8::from_str_radix(digits, 8).ok());
        match (escaped, part.get(3..)) {
            (Some(byte), Some(rest)) => {
                out.push(char::from(byte));
                out.push_str(rest);
            }
            _ => {
                out.push('\\');
                out.push_str(part);
            }
        }
    }
    out
}

#[cfg(test)]
#[path = "watch_tests.rs"]
mod tests;
