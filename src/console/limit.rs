//! How often something may be tried: a bucket of tries that fills again with time.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// A bucket.
#[derive(Debug)]
pub(super) struct Rate {
    most: u32,
    every: Duration,
    state: Mutex<(u32, Instant)>,
}

impl Rate {
    /// A full bucket of so many tries, of which one comes back after each such time.
    pub(super) fn new((most, every): (u32, Duration)) -> Self {
        Self { most, every, state: Mutex::new((most, Instant::now())) }
    }

    /// Whether all tries are there again, so that a new bucket would say the same.
    pub(super) fn is_full(&self) -> bool {
        let (left, since) = *self.state.lock();
        since.elapsed() >= self.every * (self.most - left.min(self.most))
    }

    /// Takes a try; `false` when there is none.
    pub(super) fn take(&self) -> bool {
        let mut state = self.state.lock();
        let (left, since) = *state;
        let gone = since.elapsed().as_micros() / self.every.as_micros().max(1);
        let back = u32::try_from(gone).unwrap_or(u32::MAX);
        let full = left.saturating_add(back) >= self.most;
        let left = if full { self.most } else { left + back };
        let since = if full { Instant::now() } else { since + self.every * back };
        *state = (left.saturating_sub(1), since);
        left > 0
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Rate;

    #[tokio::test(start_paused = true)]
    async fn so_many_may_be_tried_at_once_and_then_one_after_the_other() {
        let rate = Rate::new((3, Duration::from_secs(10)));
        let tried = |times: usize| (0..times).filter(|_| rate.take()).count();
        assert!(rate.is_full());
        assert_eq!(tried(10), 3);
        tokio::time::advance(Duration::from_secs(9)).await;
        assert!(!rate.is_full());
        assert_eq!(tried(10), 0);
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(tried(10), 1);
        tokio::time::advance(Duration::from_secs(25)).await;
        assert_eq!(tried(10), 2);
        tokio::time::advance(Duration::from_secs(5)).await;
        assert_eq!(tried(10), 1);
        tokio::time::advance(Duration::from_secs(1_000)).await;
        assert!(rate.is_full());
        assert_eq!(tried(10), 3);
    }
}
