//! The residuals of a snapshot, the switch that turns them off, and the sample that decides when.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use prometheus_client::metrics::counter::Counter;

use super::outline::Residual;
use crate::policy::recent::Recent;
use crate::policy::slice::Scope;

/// Of how many scopes the residuals are kept; of at most twice as many. Most of them are a few policy ids.
const MAX_KEPT: usize = 16 << 10;
/// One in so many answers is found a second time without residuals, and compared.
pub(in crate::policy) const SAMPLE: u64 = 256;

/// The residuals of one snapshot. They hold for its policies and its entities, and go with it.
#[derive(Debug)]
pub(in crate::policy) struct Residuals(Recent<Scope, Arc<Known>>);

/// What is known about one principal, action and resource.
#[derive(Debug, Default)]
pub(in crate::policy) struct Known {
    concrete: Cell,
    discovery: Cell,
    approval: Cell,
    /// A request with this scope was valid under the schema.
    vetted: AtomicBool,
}

/// What is left of one policy set; the inner `None` when that cannot be said.
type Cell = OnceLock<Option<Residual>>;

/// The policy sets of a snapshot, by what is unknown to them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::policy) enum Which {
    /// Everything is known.
    Concrete,
    /// Neither the arguments nor an approval.
    Discovery,
    /// The contents of an approval.
    Approval,
}

impl Default for Residuals {
    fn default() -> Self {
        Self(Recent::with_room(MAX_KEPT))
    }
}

impl Residuals {
    pub(in crate::policy) fn get(&self, scope: &Scope) -> Option<Arc<Known>> {
        self.0.get(scope)
    }

    /// A place for the residuals of a scope whose principal and resource are among the entities.
    pub(in crate::policy) fn begin(&self, scope: Scope, known: Arc<Known>) {
        self.0.insert(scope, known);
    }
}

impl Known {
    /// For a scope of which a request was valid under the schema.
    pub(in crate::policy) fn vetted() -> Self {
        Self { vetted: AtomicBool::new(true), ..Self::default() }
    }

    pub(in crate::policy) fn is_vetted(&self) -> bool {
        self.vetted.load(Ordering::Relaxed)
    }

    pub(in crate::policy) fn vet(&self) {
        self.vetted.store(true, Ordering::Relaxed);
    }

    /// The residual of a set, made if need be; `None` when that cannot be.
    pub(in crate::policy) fn residual(&self, which: Which, make: impl FnOnce() -> Option<Residual>) -> Option<&Residual> {
        let cell = match which {
            Which::Concrete => &self.concrete,
            Which::Discovery => &self.discovery,
            Which::Approval => &self.approval,
        };
        if cell.get().is_none() {
            // Not `get_or_init`: who comes second makes it as well rather than wait.
            let _ = cell.set(make());
        }
        cell.get()?.as_ref()
    }

    /// Puts a residual in the place of another.
    #[cfg(test)]
    pub(in crate::policy) fn plant(&self, residual: Residual) {
        assert!(self.concrete.set(Some(residual)).is_ok());
    }
}

/// Whether residuals are used, for all snapshots of the same policies.
#[derive(Debug)]
pub(in crate::policy) struct Switch {
    on: AtomicBool,
    answers: AtomicU64,
    mismatches: OnceLock<Counter>,
}

impl Switch {
    pub(in crate::policy) const fn new(on: bool) -> Self {
        Self { on: AtomicBool::new(on), answers: AtomicU64::new(0), mismatches: OnceLock::new() }
    }

    pub(in crate::policy) fn is_on(&self) -> bool {
        self.on.load(Ordering::Relaxed)
    }

    /// Whether the answer that was just found with residuals is to be found once more without them. The first one is.
    pub(in crate::policy) fn samples(&self) -> bool {
        self.answers.fetch_add(1, Ordering::Relaxed).is_multiple_of(SAMPLE)
    }

    /// Turns residuals off for as long as these policies are in force, because they answered differently.
    pub(in crate::policy) fn mismatched(&self) {
        self.on.store(false, Ordering::Relaxed);
        if let Some(counter) = self.mismatches.get() {
            counter.inc();
        }
    }

    /// Where mismatches are counted. The first counter stays.
    pub(in crate::policy) fn count_in(&self, counter: &Counter) {
        let _ = self.mismatches.set(counter.clone());
    }
}
