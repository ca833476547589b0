//! The desk where all tickets lie: everybody may look, and one hand at a time changes something.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{OwnedMutexGuard, broadcast, watch};

use super::rulers::{self, RulerStats};
use super::state::{self, ChangeError, Event};
use super::store::Store;
pub use super::store::StoreError;
use super::table::Table;
use super::ticket::{Asker, Bound, Ticket};
use crate::domain::{CallDigest, TicketId, TicketState, Timestamp, Verdict};
use crate::storage::Disk;

/// How many pieces of news wait for somebody who is slow to hear them.
const NEWS: usize = 256;

/// How many tickets may wait for a ruling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Altogether.
    pub waiting: usize,
    /// Of one caller.
    pub waiting_per_caller: usize,
}

/// What happened to a ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// It was asked for.
    Requested,
    /// Somebody approved, and others have to.
    Approved,
    /// It is granted.
    Granted,
    /// It is rejected.
    Rejected,
    /// Its time is over.
    Expired,
    /// A call was made with it; it may be good for more.
    Used,
    /// The last call was made with it.
    Spent,
    /// Policy does not allow it any more.
    Void,
}

impl What {
    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Approved => "approved",
            Self::Granted => "granted",
            Self::Rejected => "rejected",
            Self::Expired => "expired",
            Self::Used => "used",
            Self::Spent => "spent",
            Self::Void => "void",
        }
    }
}

/// Something that happened to a ticket, and the ticket after it.
#[derive(Debug, Clone)]
pub struct News {
    /// The ticket as it stands now.
    pub ticket: Arc<Ticket>,
    /// What happened.
    pub what: What,
}

/// All tickets. Cheap to clone: every clone is the same desk.
#[derive(Clone)]
pub struct Desk {
    shared: Arc<Shared>,
}

struct Shared {
    table: Mutex<Table>,
    /// Held by whoever changes something.
    store: Arc<tokio::sync::Mutex<Store>>,
    news: broadcast::Sender<News>,
    /// Counts changes, for those who wait for one.
    changes: watch::Sender<u64>,
    limits: Limits,
}

impl Desk {
    /// Opens the desk with the tickets that lie in a directory, which is made for the first of them.
    ///
    /// # Errors
    ///
    /// When it cannot be opened or read.
    pub fn open(directory: &Path, limits: Limits, disk: Arc<dyn Disk>) -> Result<Self, StoreError> {
        let (store, tickets) = Store::open(directory, disk)?;
        let mut table = Table::default();
        for ticket in tickets {
            drop(table.put(Arc::new(ticket)));
        }
        let shared = Shared {
            table: Mutex::new(table),
            store: Arc::new(tokio::sync::Mutex::new(store)),
            news: broadcast::Sender::new(NEWS),
            changes: watch::Sender::new(0),
            limits,
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// The ticket of this name.
    #[must_use]
    pub fn ticket(&self, id: TicketId) -> Option<Arc<Ticket>> {
        self.shared.table.lock().get(id).cloned()
    }

    /// Those that are open and those that ended lately, newest first.
    #[must_use]
    pub fn tickets(&self) -> Vec<Arc<Ticket>> {
        self.shared.table.lock().all().cloned().collect()
    }

    /// How many wait for a ruling.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.shared.table.lock().waiting().count()
    }

    /// The last call of the same thing that was made with an approval and whose arguments were kept.
    #[must_use]
    pub fn last_used(&self, bound: &Bound) -> Option<Arc<Ticket>> {
        let table = self.shared.table.lock();
        let used = table.all().filter(|ticket| ticket.state == TicketState::Spent && ticket.bound.concerns_the_same(bound));
        used.filter(|ticket| ticket.bound.arguments.is_some()).max_by_key(|ticket| ticket.ended).cloned()
    }

    /// Whether a grant may be there for a call. A look that costs next to nothing, for calls that most often need none.
    #[must_use]
    pub fn has_grant(&self, bound: &Bound, digest: &CallDigest) -> bool {
        let table = self.shared.table.lock();
        let exact = table.open(digest).is_some_and(|ticket| ticket.state == TicketState::Granted);
        exact || table.for_any_arguments(bound).is_some()
    }

    /// How everybody rules who did so lately.
    #[must_use]
    pub fn rulers(&self) -> Vec<RulerStats> {
        let tickets = self.tickets();
        rulers::stats(tickets.iter().map(|ticket| &**ticket))
    }

    /// What happens from now on. Whoever is slow misses some of it, is told so, and looks at all tickets again.
    #[must_use]
    pub fn news(&self) -> broadcast::Receiver<News> {
        self.shared.news.subscribe()
    }

    /// When the next ticket ends by itself.
    #[must_use]
    pub fn next_end(&self) -> Option<Timestamp> {
        self.shared.table.lock().next_end()
    }

    /// Tells of every change.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.shared.changes.subscribe()
    }

    /// Waits until a ticket does not wait for a ruling any more, or some time is over. How it stands then; `None` when there is none.
    pub async fn ruling(&self, id: TicketId, within: Duration) -> Option<TicketState> {
        let mut changes = self.changes();
        let ruled = async {
            loop {
                match self.ticket(id).map(|ticket| ticket.state) {
                    Some(TicketState::Waiting) => {}
                    stands => return stands,
                }
                if changes.changed().await.is_err() {
                    return None;
                }
            }
        };
        match tokio::time::timeout(within, ruled).await {
            Ok(stands) => stands,
            Err(_) => self.ticket(id).map(|ticket| ticket.state),
        }
    }

    /// The hand that changes something, once nobody else's does.
    pub async fn hand(&self) -> Hand {
        Hand { desk: self.clone(), store: Some(Arc::clone(&self.shared.store).lock_owned().await) }
    }
}

impl std::fmt::Debug for Desk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Desk").finish_non_exhaustive()
    }
}

/// Why a ticket was not changed.
#[derive(Debug, thiserror::Error)]
pub enum HandError {
    /// What was to happen cannot happen to it.
    #[error(transparent)]
    Change(#[from] ChangeError),
    /// It could not be kept.
    #[error("the ticket could not be kept")]
    Store(#[from] StoreError),
}

/// Leave to change tickets, for one at a time.
pub struct Hand {
    desk: Desk,
    /// `None` only while it writes.
    store: Option<OwnedMutexGuard<Store>>,
}

impl Hand {
    /// The open ticket for exactly this, whether somebody has ruled on it or not.
    #[must_use]
    pub fn open(&self, digest: &CallDigest) -> Option<Arc<Ticket>> {
        self.desk.shared.table.lock().open(digest).cloned()
    }

    /// The ticket that is good for a call, if one is: for exactly this call, else for any arguments.
    #[must_use]
    pub fn grant(&self, bound: &Bound, digest: &CallDigest) -> Option<Arc<Ticket>> {
        let table = self.desk.shared.table.lock();
        let exact = table.open(digest).filter(|ticket| ticket.state == TicketState::Granted);
        exact.or_else(|| table.for_any_arguments(bound)).cloned()
    }

    /// Whether a caller may ask for one more.
    #[must_use]
    pub fn has_room(&self, asker: &Asker) -> bool {
        let table = self.desk.shared.table.lock();
        let limits = self.desk.shared.limits;
        let theirs =
            table.waiting().filter(|ticket| ticket.bound.asker.agent == asker.agent && ticket.bound.asker.actor == asker.actor);
        theirs.count() < limits.waiting_per_caller && table.waiting().count() < limits.waiting
    }

    /// The open tickets whose time is over.
    #[must_use]
    pub fn late(&self, now: Timestamp) -> Vec<TicketId> {
        self.desk.shared.table.lock().late(now)
    }

    /// Puts a new ticket on the desk.
    ///
    /// # Errors
    ///
    /// When it could not be kept; then there is no such ticket.
    pub async fn put(&mut self, ticket: Ticket) -> Result<Arc<Ticket>, StoreError> {
        self.keep(ticket, None, Some(What::Requested)).await
    }

    /// Lets something happen to a ticket.
    ///
    /// # Errors
    ///
    /// When it cannot happen, or could not be kept: then it did not happen.
    pub async fn change(&mut self, id: TicketId, event: Event, now: Timestamp) -> Result<Arc<Ticket>, HandError> {
        let before = self.desk.ticket(id).ok_or(ChangeError::Unknown)?;
        let what = match &event {
            Event::Vote(vote, _) if vote.verdict == Verdict::Deny => What::Rejected,
            Event::Vote(_, grant) => grant.map_or(What::Approved, |_| What::Granted),
            Event::Use { .. } => What::Used,
            Event::Expire => What::Expired,
            Event::Void => What::Void,
        };
        let after = state::next(&before, event, now)?;
        let what = if after.state == TicketState::Spent { What::Spent } else { what };
        let previous = (what == What::Spent).then(|| self.desk.last_used(&before.bound)).flatten();
        let after = self.keep(after, Some(before), Some(what)).await?;
        // Only the newest is kept for people to compare with.
        if let Some(previous) = previous.filter(|_| after.bound.arguments.is_some()) {
            let mut without = Ticket::clone(&previous);
            without.bound.arguments = None;
            if let Err(error) = self.keep(without, Some(previous), None).await {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "the arguments of an earlier call could not be let go of"
                );
            }
        }
        Ok(after)
    }

    /// Writes a ticket, puts it on the table and tells of it.
    ///
    /// Writing blocks, so it happens on another thread. All of it does, so that it happens whole or not at all, also when nobody waits for
    /// it any more.
    async fn keep(&mut self, ticket: Ticket, before: Option<Arc<Ticket>>, what: Option<What>) -> Result<Arc<Ticket>, StoreError> {
        let mut store = self.store.take().ok_or(StoreError::Interrupted)?;
        let (ticket, desk) = (Arc::new(ticket), self.desk.clone());
        let kept = tokio::task::spawn_blocking(move || {
            let kept = desk.shared.keep(&mut store, ticket, before.as_deref(), what);
            (store, kept)
        });
        let (store, kept) = kept.await.map_err(|_| StoreError::Interrupted)?;
        self.store = Some(store);
        kept
    }
}

impl Shared {
    fn keep(
        &self,
        store: &mut Store,
        ticket: Arc<Ticket>,
        before: Option<&Ticket>,
        what: Option<What>,
    ) -> Result<Arc<Ticket>, StoreError> {
        let all: Vec<Arc<Ticket>> = self.table.lock().all().cloned().collect();
        store.put(&ticket, before, all.iter())?;
        let forgotten = self.table.lock().put(Arc::clone(&ticket));
        if !forgotten.is_empty()
            && let Err(error) = store.forget(&forgotten)
        {
            tracing::warn!(error = &error as &dyn std::error::Error, "tickets that were over long ago could not be removed");
        }
        if let Some(what) = what {
            // Nobody there to hear it is nothing to do about.
            let _ = self.news.send(News { ticket: Arc::clone(&ticket), what });
            self.changes.send_modify(|count| *count += 1);
        }
        Ok(ticket)
    }
}

#[cfg(test)]
#[path = "desk_tests.rs"]
mod tests;
