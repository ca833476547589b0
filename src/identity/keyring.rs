//! The keys of one issuer as they are now: kept fresh by a task, looked at by every request, never fetched twice at a time.
//!
//! Keys that are in use are replaced before they are old, so that a change of keys is hardly ever noticed. A token with a key that is not
//! known makes the task look at once, but not too often; whoever brought it waits for a look that began after it came. Keys that
//! cannot be replaced stay in use for a bounded time.

mod discovery;
mod fetch;
mod keeper;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{Notify, Semaphore, watch};
use tokio::time::Instant;

use super::jwt::{KeySet, NoKey};

pub(super) use fetch::{FetchError, OwnToken, Source, discover};
pub(super) use keeper::Keeper;

/// How long a request waits for keys at most.
const PATIENCE: Duration = Duration::from_secs(12);
/// Most requests that wait for the keys of one issuer.
const MOST_WAITING: usize = 256;

/// What is known of an issuer's keys.
#[derive(Debug, Clone, Default)]
struct State {
    keys: Option<Arc<KeySet>>,
    /// Until when the keys are believed.
    until: Option<Instant>,
    /// The number of the last look that has ended, well or not.
    ended: u64,
    /// Whether it ended well.
    well: bool,
}

/// Keys that cannot be had at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unavailable;

/// The keys of one issuer. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Keyring(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    state: watch::Sender<State>,
    /// Somebody wants a look.
    wanted: Notify,
    /// The number of the last look that has begun.
    begun: AtomicU64,
    /// Grows whenever a key is gone: what was verified before may have been verified with it.
    epoch: AtomicU64,
    waiting: Semaphore,
}

impl Keyring {
    /// No keys yet.
    pub(super) fn new() -> Self {
        let (state, _) = watch::channel(State::default());
        let waiting = Semaphore::new(MOST_WAITING);
        Self(Arc::new(Shared { state, wanted: Notify::new(), begun: AtomicU64::new(0), epoch: AtomicU64::new(0), waiting }))
    }

    /// Grows whenever a key is gone.
    pub(super) fn epoch(&self) -> u64 {
        self.0.epoch.load(Ordering::Acquire)
    }

    /// The keys, while they are believed.
    pub(super) fn current(&self) -> Option<Arc<KeySet>> {
        let state = self.0.state.borrow();
        let believed = state.until.is_some_and(|until| Instant::now() < until);
        state.keys.clone().filter(|_| believed)
    }

    /// The keys after a look that begins from now on, or as soon as they satisfy.
    ///
    /// # Errors
    ///
    /// When there are none in time, or too many wait already.
    ///
    /// # Cancel safety
    ///
    /// The look goes on when this is dropped.
    pub(super) async fn newer(&self, satisfied: impl Fn(&KeySet) -> bool) -> Result<Arc<KeySet>, Unavailable> {
        let _place = self.0.waiting.try_acquire().map_err(|_| Unavailable)?;
        let asked = self.0.begun.load(Ordering::Acquire);
        let mut state = self.0.state.subscribe();
        self.0.wanted.notify_one();
        let looked = state.wait_for(|state| state.ended > asked || state.keys.as_deref().is_some_and(&satisfied));
        let seen = match tokio::time::timeout(PATIENCE, looked).await {
            Ok(Ok(state)) => state.clone(),
            Ok(Err(_)) | Err(_) => return Err(Unavailable),
        };
        let satisfies = seen.keys.as_deref().is_some_and(satisfied);
        match self.current() {
            Some(keys) if seen.well || satisfies => Ok(keys),
            _ => Err(Unavailable),
        }
    }

    /// The keys with which `verify` comes to an end, which are newer ones when it does not know its key.
    ///
    /// # Errors
    ///
    /// When there are no keys.
    pub(super) async fn ready(&self) -> Result<Arc<KeySet>, Unavailable> {
        match self.current() {
            Some(keys) => Ok(keys),
            None => self.newer(|_| true).await,
        }
    }

    fn begin(&self) -> u64 {
        self.0.begun.fetch_add(1, Ordering::AcqRel) + 1
    }

    /// A look has ended well. Says whether it brought other keys than before.
    fn found(&self, look: u64, keys: KeySet, believe_for: Duration) -> bool {
        let mut changed = false;
        self.0.state.send_modify(|state| {
            let before = state.keys.as_deref();
            changed = before != Some(&keys);
            if before.is_some_and(|before| before.loses_keys_in(&keys)) {
                self.0.epoch.fetch_add(1, Ordering::AcqRel);
            }
            if changed {
                state.keys = Some(Arc::new(keys));
            }
            state.until = Some(Instant::now() + believe_for);
            (state.ended, state.well) = (look, true);
        });
        changed
    }

    /// A look has ended without keys.
    fn failed(&self, look: u64) {
        self.0.state.send_modify(|state| (state.ended, state.well) = (look, false));
    }

    /// Whether anybody waits for keys.
    fn is_awaited(&self) -> bool {
        self.0.waiting.available_permits() < MOST_WAITING
    }

    async fn wanted(&self) {
        self.0.wanted.notified().await;
    }
}

/// Whether a set has what a token needs.
pub(super) fn knows(keys: &KeySet, kid: Option<&str>, algorithm: super::jwt::Algorithm) -> bool {
    !matches!(keys.find(kid, algorithm), Err(NoKey::Unknown))
}

#[cfg(test)]
#[path = "keyring_tests.rs"]
mod tests;
