//! Starting, stopping and waiting for the long-lived parts.
//!
//! A part is a struct with `async fn run(self, stop: Stop) -> Result<…>`; `app` spawns it into [`Tasks`] under a name. The first
//! SIGTERM or SIGINT asks everybody to [`Stop`], the second ends the process at once, SIGHUP asks for a [`Reload`].

use std::collections::HashMap;
use std::error::Error;
use std::future::Future;
use std::io;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

mod begun;

pub use begun::{Begun, Broken};

/// Asks everybody who holds a clone to finish what they do and end.
#[derive(Debug, Clone, Default)]
pub struct Stop(CancellationToken);

impl Stop {
    /// A token that nobody has pulled yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks everybody to end. Asking twice changes nothing.
    pub fn request(&self) {
        self.0.cancel();
    }

    /// Whether somebody asked.
    #[must_use]
    pub fn is_requested(&self) -> bool {
        self.0.is_cancelled()
    }

    /// Ends when somebody asks, at once if they already did.
    ///
    /// # Cancel safety
    /// Nothing is lost when this is dropped.
    pub async fn wait(&self) {
        self.0.cancelled().await;
    }

    /// The same wish as a plain token, for parts that know no other.
    #[must_use]
    pub fn token(&self) -> CancellationToken {
        self.0.clone()
    }

    /// A token that ends with this one, and can be pulled alone.
    #[must_use]
    pub fn child(&self) -> Self {
        Self(self.0.child_token())
    }
}

/// Does something that may block, at once and then every `period`, until told to stop. What panics ends it.
pub async fn again<S: Send + 'static>(period: Duration, stop: Stop, mut state: S, work: fn(&mut S)) {
    let mut ticks = tokio::time::interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.wait() => return,
            _ = ticks.tick() => {}
        }
        let working = tokio::task::spawn_blocking(move || {
            work(&mut state);
            state
        });
        let Ok(after) = working.await else { return };
        state = after;
    }
}

/// Says that policies are to be read again. Each clone sees each request; requests that come while nobody looks become one.
#[derive(Debug, Clone)]
pub struct Reload(watch::Receiver<u64>);

impl Reload {
    /// A sender and the receiver to clone.
    #[must_use]
    pub fn channel() -> (ReloadRequest, Self) {
        let (sender, receiver) = watch::channel(0);
        (ReloadRequest(sender), Self(receiver))
    }

    /// Ends at the next request; never, when nobody is left who could ask.
    ///
    /// # Cancel safety
    /// A request is seen by the next wait when this is dropped.
    pub async fn requested(&mut self) {
        if self.0.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// Asks for a reload.
#[derive(Debug)]
pub struct ReloadRequest(watch::Sender<u64>);

impl ReloadRequest {
    /// Asks everybody who holds a [`Reload`].
    pub fn send(&self) {
        self.0.send_modify(|count| *count = count.wrapping_add(1));
    }
}

/// The signals of the process, caught from [`Signals::catch`] on.
#[derive(Debug)]
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl Signals {
    /// Catches SIGTERM, SIGINT and SIGHUP; must be called inside a runtime.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn catch() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    /// Pulls `stop` at the first signal to end and returns at the second: the caller then ends the process without waiting.
    pub async fn run(mut self, stop: Stop, reload: ReloadRequest) {
        let mut ends = 0_u8;
        while ends < 2 {
            tokio::select! {
                _ = self.terminate.recv() => ends += 1,
                _ = self.interrupt.recv() => ends += 1,
                _ = self.hang_up.recv() => {
                    tracing::info!("SIGHUP: reading the policies again");
                    reload.send();
                    continue;
                },
            }
            if ends == 1 {
                tracing::info!("stopping: calls in flight may end, a second signal exits at once");
                stop.request();
            }
        }
        tracing::warn!("second signal: exiting at once");
    }
}

/// Any error a part may end with.
pub type PartError = Box<dyn Error + Send + Sync>;

/// Why the parts did not all end well.
#[derive(Debug, thiserror::Error)]
pub enum TaskError {
    /// A part failed; the others were asked to stop.
    #[error("{name} failed")]
    Failed {
        /// The part.
        name: &'static str,
        /// Why.
        #[source]
        source: PartError,
    },
    /// A part panicked; the others were asked to stop.
    #[error("{name} panicked: {message}")]
    Panicked {
        /// The part.
        name: &'static str,
        /// What it said.
        message: String,
    },
    /// Parts were still busy when the time to stop was over.
    #[error("still busy after {} ms: {}", .grace.as_millis(), .names.join(", "))]
    Unfinished {
        /// The parts.
        names: Vec<&'static str>,
        /// How long they had.
        grace: Duration,
    },
}

/// The long-lived parts that run, by name.
#[derive(Debug)]
pub struct Tasks {
    stop: Stop,
    running: JoinSet<Result<(), PartError>>,
    names: HashMap<Id, &'static str>,
}

impl Tasks {
    /// No parts yet; `stop` is pulled when one of them fails.
    #[must_use]
    pub fn new(stop: Stop) -> Self {
        Self { stop, running: JoinSet::new(), names: HashMap::new() }
    }

    /// Starts a part.
    pub fn spawn<F, E>(&mut self, name: &'static str, part: F)
    where
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<PartError>,
    {
        let handle = self.running.spawn(async move { part.await.map_err(Into::into) });
        self.names.insert(handle.id(), name);
    }

    /// Waits until all parts have ended: as long as it takes before `stop` is pulled, at most `grace` after. Parts that are still
    /// busy then are aborted.
    ///
    /// # Errors
    /// The first failure of a part, else the names of the parts that did not end in time.
    pub async fn wait(mut self, grace: Duration) -> Result<(), TaskError> {
        let stop = self.stop.clone();
        let mut first = None;
        tokio::select! {
            () = self.drain(&mut first) => {},
            () = async { stop.wait().await; tokio::time::sleep(grace).await } => {},
        }
        let names: Vec<_> = self.names.values().copied().collect();
        self.running.shutdown().await;
        match first {
            Some(error) => Err(error),
            None if names.is_empty() => Ok(()),
            None => Err(TaskError::Unfinished { names, grace }),
        }
    }

    /// # Cancel safety
    /// A part that has ended is noted before the next wait, so dropping this loses nothing.
    async fn drain(&mut self, first: &mut Option<TaskError>) {
        while let Some(ended) = self.running.join_next_with_id().await {
            if let Some(error) = self.note(ended) {
                tracing::error!(error = &error as &dyn Error, "a part of the sidecar failed; stopping");
                self.stop.request();
                first.get_or_insert(error);
            }
        }
    }

    fn note(&mut self, ended: Result<(Id, Result<(), PartError>), JoinError>) -> Option<TaskError> {
        let id = ended.as_ref().map_or_else(JoinError::id, |(id, _)| *id);
        let name = self.names.remove(&id).unwrap_or("a part");
        match ended {
            Ok((_, Ok(()))) => None,
            Ok((_, Err(source))) => Some(TaskError::Failed { name, source }),
            Err(error) => Some(TaskError::Panicked { name, message: error.to_string() }),
        }
    }
}

#[cfg(test)]
#[path = "lifecycle_tests.rs"]
mod tests;
