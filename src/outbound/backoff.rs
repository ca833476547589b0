//! How long to wait before trying again: twice as long each time up to a bound, and never exactly that long, so that many sidecars
//! that lost the same place do not all come back to it at the same moment.

use std::time::Duration;

/// Pauses that grow.
#[derive(Debug, Clone)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    failures: u32,
}

impl Backoff {
    /// Pauses from `first` to `longest`.
    #[must_use]
    pub const fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest, failures: 0 }
    }

    /// The next pause: between half and all of `first` doubled with each failure, at most `longest`.
    pub fn pause(&mut self) -> Duration {
        let doubled = self.first.saturating_mul(1_u32.checked_shl(self.failures).unwrap_or(u32::MAX));
        self.failures = self.failures.saturating_add(1);
        let full = doubled.min(self.longest);
        full / 2 + full.mul_f64(f64::from(random()) / f64::from(u32::MAX) / 2.0)
    }

    /// How often it failed in a row.
    #[must_use]
    pub const fn failures(&self) -> u32 {
        self.failures
    }

    /// It worked.
    pub const fn reset(&mut self) {
        self.failures = 0;
    }
}

/// A random number, or when the system has none to give, the middle.
fn random() -> u32 {
    let bytes = ring::rand::generate::<[u8; 4]>(&ring::rand::SystemRandom::new());
    bytes.map_or(u32::MAX / 2, |bytes| u32::from_be_bytes(bytes.expose()))
}

#[cfg(test)]
mod tests {
    //! Bounds, growth, and that no two sidecars wait alike.

    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn pauses_double_up_to_the_bound_and_differ() {
        let second = Duration::from_secs(1);
        let mut backoff = Backoff::new(second, 60 * second);
        for full in [1, 2, 4, 8, 16, 32, 60, 60] {
            let pause = backoff.pause();
            assert!(pause >= full * second / 2 && pause <= full * second, "{full}: {pause:?}");
        }
        for _ in 0..100 {
            assert!(backoff.pause() <= 60 * second);
        }
        assert_eq!(backoff.failures(), 108);
        backoff.reset();
        assert!(backoff.pause() <= second);
        let several: BTreeSet<_> = (0..20).map(|_| Backoff::new(second, second).pause()).collect();
        assert!(several.len() > 10, "{several:?}");
    }
}
