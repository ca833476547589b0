//! When a command that keeps failing may be started again. Pure: the time is an argument.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::process::{ChildExit, SpawnError};
use crate::domain::Timestamp;

/// The pause after the first failure.
const FIRST_PAUSE: Duration = Duration::from_millis(250);

/// The pause is doubled with each failure in a row up to this.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// A child that lived this long was healthy: its end is the first failure, not one more.
const HEALTHY_LIFE: Duration = Duration::from_secs(60);

/// How a child failed.
#[derive(Debug, Clone)]
pub enum Failure {
    /// It did not start.
    Start(Arc<SpawnError>),
    /// It ended without being asked.
    Exit(ChildExit),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start(error) => {
                let source = std::error::Error::source(error).map(|source| format!(": {source}")).unwrap_or_default();
                write!(f, "{error}{source}")
            }
            Self::Exit(exit) => write!(f, "{exit}"),
        }
    }
}

/// The failures of one command. There is no jitter: one sidecar restarts its own children, so there is no herd to break up.
#[derive(Debug, Default)]
pub(super) struct Health {
    failures: u32,
    down: Option<Down>,
}

/// The command is down.
#[derive(Debug, Clone)]
pub(super) struct Down {
    pub(super) since: Timestamp,
    pub(super) retry_at: Instant,
    pub(super) last: Failure,
}

impl Health {
    /// Notes a failure after a life of `lived`; gives the pause before the next start.
    pub(super) fn failed(&mut self, lived: Duration, last: Failure, now: Instant, time: Timestamp) -> Duration {
        self.failures = if lived >= HEALTHY_LIFE { 1 } else { self.failures.saturating_add(1) };
        let pause = pause_after(self.failures);
        let since = self.down.as_ref().map_or(time, |down| down.since);
        self.down = Some(Down { since, retry_at: now + pause, last });
        pause
    }

    /// A child said something: the command works. How often it failed is remembered until one lives long enough.
    pub(super) fn spoke(&mut self) {
        self.down = None;
    }

    /// Since when it is down, and why; also while the pause has passed and it was not tried again yet.
    pub(super) fn down(&self) -> Option<&Down> {
        self.down.as_ref()
    }

    /// Whether it must not be started yet.
    pub(super) fn pausing(&self, now: Instant) -> Option<&Down> {
        self.down.as_ref().filter(|down| now < down.retry_at)
    }
}

fn pause_after(failures: u32) -> Duration {
    let doublings = failures.saturating_sub(1).min(16);
    FIRST_PAUSE.saturating_mul(1 << doublings).min(LONGEST_PAUSE)
}

#[cfg(test)]
#[path = "health_tests.rs"]
mod tests;
