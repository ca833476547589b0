//! The snapshot in force.

use std::sync::Arc;

use arc_swap::ArcSwap;

use super::snapshot::PolicySnapshot;

/// The stack of the thread that lets go of a snapshot, in bytes: expressions are let go of as deep as they are nested.
const REAPER_STACK: usize = 16 << 20;

/// Holds the snapshot in force. Cheap to clone; all clones hold the same.
#[derive(Debug, Clone)]
pub struct PolicyStore(Arc<ArcSwap<PolicySnapshot>>);

impl PolicyStore {
    /// A store with a first snapshot: there is never none.
    #[must_use]
    pub fn new(first: PolicySnapshot) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(first)))
    }

    /// The snapshot in force. Take it once for a decision, and make the whole decision with it.
    #[must_use]
    pub fn load(&self) -> Arc<PolicySnapshot> {
        self.0.load_full()
    }

    /// Puts another snapshot in force.
    ///
    /// The old one is let go of on a thread of its own: dropping ten thousand policies takes longer than deciding ten thousand calls,
    /// and whoever holds it last would pay. If no thread can be started it is dropped here.
    pub fn replace(&self, next: PolicySnapshot) {
        let old = self.0.swap(Arc::new(next));
        let reaper = std::thread::Builder::new().name("policy-reaper".to_owned()).stack_size(REAPER_STACK);
        drop(reaper.spawn(move || drop(old)));
    }
}
