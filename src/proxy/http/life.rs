//! Requests and streams that are under way, by who is behind them: when somebody is denied, what they have under way ends at once.

use std::collections::HashMap;
use std::future::Future as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Sleep;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use crate::identity::Identified;

/// Everything that is under way. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(super) struct Lives(Arc<Mutex<Table>>);

#[derive(Debug, Default)]
struct Table {
    next: u64,
    under_way: HashMap<u64, (Identified, CancellationToken)>,
}

/// One request and its answer, to the last piece.
#[derive(Debug)]
pub struct Life {
    key: u64,
    all: Lives,
    ended: Pin<Box<WaitForCancellationFutureOwned>>,
    /// When the credentials end that it was begun with, if it is to end with them.
    expires: Option<Pin<Box<Sleep>>>,
}

impl Lives {
    /// A request of somebody begins.
    pub(super) fn begin(&self, who: Identified) -> Life {
        let token = CancellationToken::new();
        let mut table = self.0.lock();
        let key = table.next;
        table.next = table.next.wrapping_add(1);
        table.under_way.insert(key, (who, token.clone()));
        drop(table);
        Life { key, all: self.clone(), ended: Box::pin(token.cancelled_owned()), expires: None }
    }

    /// Ends what those have under way who are denied now. Says how much that was.
    pub(super) fn end(&self, denied: impl Fn(&Identified) -> bool) -> usize {
        let table = self.0.lock();
        let theirs = table.under_way.values().filter(|(who, _)| denied(who));
        theirs.map(|(_, token)| token.cancel()).count()
    }
}

impl Life {
    /// The same, but not for longer than this.
    pub(super) fn for_at_most(mut self, left: Duration) -> Self {
        self.expires = Some(Box::pin(tokio::time::sleep(left)));
        self
    }

    /// Ends when whoever is behind it is denied.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when this is dropped.
    pub(super) async fn ended(&mut self) {
        std::future::poll_fn(|context| self.poll_ended(context)).await;
    }

    /// Whether it is over.
    pub(crate) fn poll_ended(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let expired = self.expires.as_mut().is_some_and(|expires| expires.as_mut().poll(context).is_ready());
        if expired { Poll::Ready(()) } else { self.ended.as_mut().poll(context) }
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        self.all.0.lock().under_way.remove(&self.key);
    }
}

#[cfg(test)]
#[path = "life_tests.rs"]
mod tests;
