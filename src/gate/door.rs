//! What the gate is made of.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ring::rand::{SecureRandom, SystemRandom};
use tokio::sync::watch;

use super::Metrics;
use super::adopt::{Reports, World};
use super::asked::ApprovalSettings;
use super::unidentified::Unrecorded;
use crate::approval::Desk;
use crate::audit::{AuditWriter, Detail, Health};
use crate::clock::Clock;
use crate::domain::{DecisionId, TicketId};
use crate::policy::{PolicySnapshot, PolicyStore};

/// The one door. Cheap to clone: every clone is the same gate.
#[derive(Clone)]
pub struct Gate {
    pub(super) shared: Arc<Shared>,
}

pub(super) struct Shared {
    pub(super) policies: PolicyStore,
    pub(super) audit: AuditWriter,
    /// How much is kept of which call.
    pub(super) detail: Detail,
    /// The tickets of calls that wait for a person.
    pub(super) tickets: Desk,
    pub(super) approvals: ApprovalSettings,
    pub(super) clock: Clock,
    pub(super) random: SystemRandom,
    pub(super) count: AtomicU64,
    pub(super) metrics: Metrics,
    /// Held while a change is being adopted, so that changes come one after the other.
    pub(super) world: tokio::sync::Mutex<World>,
    pub(super) reports: parking_lot::Mutex<Reports>,
    /// Counts adoptions of new policies, for those who must tell their clients that lists may have changed.
    pub(super) adopted: watch::Sender<u64>,
    /// Counts everything that changes what is said of policies.
    pub(super) told: watch::Sender<u64>,
    /// Requests that were turned away and are not recorded yet.
    pub(super) unrecorded: Unrecorded,
}

impl Gate {
    /// The snapshot in force.
    #[must_use]
    pub fn snapshot(&self) -> Arc<PolicySnapshot> {
        self.shared.policies.load()
    }

    /// Whether decisions can be recorded.
    #[must_use]
    pub fn audit_health(&self) -> Health {
        self.shared.audit.health()
    }

    /// Tells of every adoption of new policies.
    #[must_use]
    pub fn adoptions(&self) -> watch::Receiver<u64> {
        self.shared.adopted.subscribe()
    }

    /// Tells whenever [`Gate::policy_status`] says something else.
    #[must_use]
    pub fn policy_news(&self) -> watch::Receiver<u64> {
        self.shared.told.subscribe()
    }

    /// A new decision id.
    pub(super) fn new_decision_id(&self) -> DecisionId {
        DecisionId::from_parts(self.shared.clock.now().as_millis(), self.random())
    }

    /// A new name for a ticket.
    pub(super) fn new_ticket_id(&self) -> TicketId {
        TicketId::from_parts(self.shared.clock.now().as_millis(), self.random())
    }

    /// Should the system have no randomness to give, ids are still unique within the process by a count.
    fn random(&self) -> u128 {
        let mut random = [0_u8; 16];
        if self.shared.random.fill(&mut random).is_err() {
            random = u128::from(self.shared.count.fetch_add(1, Ordering::Relaxed)).to_be_bytes();
        }
        u128::from_be_bytes(random)
    }
}

impl std::fmt::Debug for Gate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gate").finish_non_exhaustive()
    }
}
