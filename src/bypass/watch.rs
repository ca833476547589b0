//! Looks again and again, and says once what has changed.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use prometheus_client::registry::Registry;
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

use super::judge::{Found, Guarded};
use super::look::{Doubt, look};
use super::metrics::Metrics;
use crate::lifecycle::Stop;

/// How long one look may take.
const LOOK_WITHIN: Duration = Duration::from_secs(10);

/// What a way around the sidecar leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Check {
    /// Nobody looks.
    Off,
    /// It is told: in the log, in the status and as a metric.
    Report,
    /// And the sidecar is not ready while there is one, or while nobody can say.
    Enforce,
}

impl Check {
    /// The words for it in settings.
    pub const WORDS: [(&str, Self); 3] = [("off", Self::Off), ("report", Self::Report), ("enforce", Self::Enforce)];

    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Report => "report",
            Self::Enforce => "enforce",
        }
    }
}

/// What the watch is told at the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// What a way around leads to.
    pub check: Check,
    /// How long until the next look.
    pub interval: Duration,
}

/// What is known of the listeners of others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// What the newest look found.
    Seen(Found),
    /// Why it found nothing out.
    Unknown(String),
}

/// The newest state, for whoever asks. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Board {
    check: Check,
    state: Arc<ArcSwap<State>>,
}

impl Board {
    /// What a way around leads to.
    #[must_use]
    pub const fn check(&self) -> Check {
        self.check
    }

    /// What is known.
    #[must_use]
    pub fn state(&self) -> Arc<State> {
        self.state.load_full()
    }

    /// Whether the sidecar may be ready as far as this goes, and a sentence about it.
    #[must_use]
    pub fn verdict(&self) -> (bool, String) {
        let (known, text) = match &**self.state.load() {
            State::Seen(found) if found.bypasses.is_empty() => (true, "nobody else listens at a port that is guarded".to_owned()),
            State::Seen(found) => (false, format!("can be reached past the sidecar: {}", ways(found))),
            State::Unknown(why) => (false, format!("it cannot be said whether there is a way around the sidecar: {why}")),
        };
        (known || self.check != Check::Enforce, text)
    }
}

/// ``server `shop` at 0.0.0.0:9000 of user 1000``.
fn ways(found: &Found) -> String {
    found.bypasses.iter().map(|(listener, what)| format!("{what} at {listener}")).collect::<Vec<_>>().join(", ")
}

/// The watch. It looks once when it is made, and then while it runs.
#[derive(Debug)]
pub struct Watch {
    settings: Settings,
    proc: PathBuf,
    guarded: Arc<[Guarded]>,
    board: Board,
    metrics: Metrics,
    /// A look that was not over in time: until it is, there is no other one.
    late: Option<JoinHandle<Result<Found, Doubt>>>,
}

impl Watch {
    /// Takes a first look at who listens beside us at one of these ports. Nobody looks when that is off.
    pub async fn start(settings: Settings, guarded: Vec<Guarded>, registry: &mut Registry) -> Option<Self> {
        if settings.check == Check::Off {
            return None;
        }
        let mut watch = Self::over("/proc".into(), settings, guarded, Metrics::new(registry));
        watch.look().await;
        Some(watch)
    }

    fn over(proc: PathBuf, settings: Settings, guarded: Vec<Guarded>, metrics: Metrics) -> Self {
        let state = Arc::new(ArcSwap::from_pointee(State::Seen(Found::default())));
        let board = Board { check: settings.check, state };
        Self { settings, proc, guarded: guarded.into(), board, metrics, late: None }
    }

    /// Where the newest state is.
    #[must_use]
    pub fn board(&self) -> Board {
        self.board.clone()
    }

    /// Looks until the stop.
    pub async fn run(mut self, stop: Stop) {
        let mut ticks = tokio::time::interval(self.settings.interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // The first one comes at once, and somebody has just looked.
        ticks.tick().await;
        loop {
            tokio::select! {
                biased;
                () = stop.wait() => return,
                _ = ticks.tick() => {}
            }
            tokio::select! {
                biased;
                () = stop.wait() => return,
                () = self.look() => {}
            }
        }
    }

    /// Looks once.
    ///
    /// # Cancel safety
    ///
    /// A look that is dropped says nothing.
    async fn look(&mut self) {
        let (proc, guarded) = (self.proc.clone(), Arc::clone(&self.guarded));
        let mut looking = match self.late.take() {
            Some(late) => late,
            None => tokio::task::spawn_blocking(move || look(&proc, &guarded)),
        };
        let looked = match tokio::time::timeout(LOOK_WITHIN, &mut looking).await {
            Ok(Ok(looked)) => looked,
            Ok(Err(_)) => Err(Doubt::Lost),
            Err(_) => {
                self.late = Some(looking);
                Err(Doubt::Slow(LOOK_WITHIN))
            }
        };
        self.note(match looked {
            Ok(found) => State::Seen(found),
            Err(doubt) => State::Unknown(chain(&doubt)),
        });
    }

    fn note(&self, now: State) {
        let count = |list: usize| i64::try_from(list).unwrap_or(i64::MAX);
        if let State::Seen(found) = &now {
            self.metrics.bypasses.set(count(found.bypasses.len()));
            self.metrics.others.set(count(found.others.len()));
        }
        self.metrics.failed.set(i64::from(matches!(now, State::Unknown(_))));
        let now = Arc::new(now);
        let before = self.board.state.swap(Arc::clone(&now));
        tell(&before, &now, self.settings.check);
    }
}

/// What to do about a way around.
const MEND: &str = "; let the server listen on 127.0.0.1 only, or on a unix socket";

/// Logs what is otherwise than it was.
fn tell(before: &State, now: &State, check: Check) {
    match (before, now) {
        (State::Unknown(was), State::Unknown(why)) if was == why => {}
        (_, State::Unknown(why)) if check == Check::Enforce => {
            tracing::error!(
                event = "bypass_unknown",
                why,
                "it cannot be said whether there is a way around the sidecar: not ready"
            );
        }
        (_, State::Unknown(why)) => {
            tracing::warn!(event = "bypass_unknown", why, "it cannot be said whether there is a way around the sidecar");
        }
        (State::Seen(was), State::Seen(found)) if was.bypasses == found.bypasses => {}
        (_, State::Seen(found)) if found.bypasses.is_empty() => {
            tracing::info!(event = "bypass_closed", "there is no way around the sidecar");
        }
        (_, State::Seen(found)) if check == Check::Enforce => {
            tracing::error!(event = "bypass", listeners = ways(found), "there is a way around the sidecar: not ready{MEND}");
        }
        (_, State::Seen(found)) => {
            tracing::warn!(event = "bypass", listeners = ways(found), "there is a way around the sidecar{MEND}");
        }
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

#[cfg(test)]
#[path = "watch_tests.rs"]
mod tests;
