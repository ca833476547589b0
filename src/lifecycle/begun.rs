//! Work that is finished once it has begun, whoever waits for it.
//!
//! Handing every piece of work to a task of its own costs a task, and two wake-ups for whoever waits, although hardly anybody ever leaves
//! before the end. So the work runs where it is waited for, and moves to a task of its own at the moment it is left.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

/// Work that goes on by itself when nobody waits for it any more. Work that was never looked at has not begun, and is not done.
///
/// # Cancel safety
/// Dropping it ends the waiting and nothing else, unless the runtime itself is going down.
#[must_use = "work that nobody looks at does not begin"]
#[derive(Debug)]
pub struct Begun<F>
where
    F: Future + Send + 'static,
    F::Output: Send,
{
    /// `None` once there is nothing left to do.
    work: Option<Pin<Box<F>>>,
    has_begun: bool,
}

/// The work panicked: what came of it is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the work ended unexpectedly")]
pub struct Broken;

impl<F> Begun<F>
where
    F: Future + Send + 'static,
    F::Output: Send,
{
    /// Work that begins when it is first waited for.
    pub fn new(work: F) -> Self {
        Self { work: Some(Box::pin(work)), has_begun: false }
    }
}

impl<F> Future for Begun<F>
where
    F: Future + Send + 'static,
    F::Output: Send,
{
    type Output = Result<F::Output, Broken>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.has_begun = true;
        // Taken out first: what panicked must not be looked at again.
        let Some(mut work) = self.work.take() else { return Poll::Ready(Err(Broken)) };
        match catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(cx))) {
            Ok(Poll::Pending) => {
                self.work = Some(work);
                Poll::Pending
            }
            Ok(Poll::Ready(done)) => Poll::Ready(Ok(done)),
            Err(_) => Poll::Ready(Err(Broken)),
        }
    }
}

impl<F> Drop for Begun<F>
where
    F: Future + Send + 'static,
    F::Output: Send,
{
    fn drop(&mut self) {
        let Some(rest) = self.work.take().filter(|_| self.has_begun) else { return };
        // Without a runtime nothing goes on any more, and nobody hears of what was not finished.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            drop(runtime.spawn(rest));
        }
    }
}

#[cfg(test)]
#[path = "begun_tests.rs"]
mod tests;
