//! The task that keeps the keys of one issuer fresh.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::Keyring;
use super::fetch::Source;
use crate::identity::metrics::Metrics;
use crate::lifecycle::Stop;

/// How often a file is looked at.
const FILE_PERIOD: Duration = Duration::from_secs(1);
/// The pause after a look that failed, which doubles.
const FIRST_RETRY: Duration = Duration::from_secs(1);
const LONGEST_RETRY: Duration = Duration::from_secs(60);
/// The pause between two looks that somebody asked for, which doubles while they bring nothing.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(8);

/// Keeps the keys of one issuer fresh.
#[derive(Debug)]
pub(in crate::identity) struct Keeper {
    pub(in crate::identity) name: Arc<str>,
    pub(in crate::identity) keyring: Keyring,
    pub(in crate::identity) source: Source,
    pub(in crate::identity) refresh: Duration,
    pub(in crate::identity) stale: Duration,
    pub(in crate::identity) metrics: Metrics,
}

/// When to look again.
#[derive(Debug)]
struct Pace {
    failures: u32,
    fruitless: u32,
    last: Option<Instant>,
}

impl Pace {
    /// When to look next although nobody asks.
    fn due(&self, refresh: Duration) -> Instant {
        let after = match self.failures {
            0 => refresh,
            failures => doubled(FIRST_RETRY, failures - 1, LONGEST_RETRY).min(refresh),
        };
        self.last.map_or_else(Instant::now, |last| last + after)
    }

    /// When to look next if somebody asks.
    fn earliest(&self) -> Instant {
        let pause = doubled(FIRST_PAUSE, self.fruitless, LONGEST_PAUSE);
        self.last.map_or_else(Instant::now, |last| last + pause)
    }
}

fn doubled(first: Duration, times: u32, longest: Duration) -> Duration {
    first.saturating_mul(1 << times.min(16)).min(longest)
}

impl Keeper {
    /// Looks now, and again when it is time or somebody asks, until told to stop.
    pub(in crate::identity) async fn run(mut self, stop: Stop) {
        let refresh = if self.source.is_local() { FILE_PERIOD } else { self.refresh };
        let mut pace = Pace { failures: 0, fruitless: 0, last: None };
        loop {
            let asked = tokio::select! {
                () = stop.wait() => return,
                () = tokio::time::sleep_until(pace.due(refresh)) => false,
                () = async { self.keyring.wanted().await; tokio::time::sleep_until(pace.earliest()).await } => true,
            };
            // Whoever asked may have got what they need from the look before, or have left.
            if asked && !self.keyring.is_awaited() {
                continue;
            }
            let changed = tokio::select! {
                () = stop.wait() => return,
                changed = self.look(&mut pace) => changed,
            };
            pace.last = Some(Instant::now());
            pace.fruitless = match (changed, asked) {
                (true, _) => 0,
                (false, true) => pace.fruitless.saturating_add(1),
                (false, false) => pace.fruitless.saturating_sub(1),
            };
        }
    }

    /// Whether there are other keys now.
    async fn look(&mut self, pace: &mut Pace) -> bool {
        let look = self.keyring.begin();
        match self.source.keys().await {
            Ok(keys) => {
                if pace.failures > 0 {
                    tracing::info!(issuer = %self.name, "the issuer's keys can be had again");
                }
                pace.failures = 0;
                let count = keys.len();
                let changed = self.keyring.found(look, keys, self.refresh.saturating_add(self.stale));
                if changed {
                    tracing::info!(issuer = %self.name, keys = count, "the issuer has other keys now");
                }
                self.metrics.looked(&self.name, true);
                changed
            }
            Err(error) => {
                // Once, and not each time: the metric counts.
                if pace.failures == 0 {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(issuer = %self.name, error, "failed to read the issuer's keys; those before stay in use for now");
                }
                pace.failures = pace.failures.saturating_add(1);
                self.keyring.failed(look);
                self.metrics.looked(&self.name, false);
                false
            }
        }
    }
}
