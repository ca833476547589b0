//! Finds out whether a store honours a condition on a put: some that speak like S3 ignore it, and would replace what must never change.
//!
//! Two different texts are put under one name, each on the condition that there is nothing yet. A store that takes both is looked at
//! before each put instead, which is as good while there is one writer.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use bytes::Bytes;
use object_store::PutMode;

use super::store::{ContentKind, Put, Store, StoreError};

/// The object that is put; it stays.
const NAME: &str = "conditional-put";

/// What is known of the conditions of a store. Clones share it.
#[derive(Debug, Clone)]
pub(super) struct Conditions(Arc<AtomicU8>);

const UNKNOWN: u8 = 0;
const HONOURED: u8 = 1;
const IGNORED: u8 = 2;

impl Conditions {
    /// Nobody has asked.
    pub(super) fn unknown() -> Self {
        Self(Arc::new(AtomicU8::new(UNKNOWN)))
    }

    /// It is known that they are honoured.
    pub(super) fn honoured() -> Self {
        Self(Arc::new(AtomicU8::new(HONOURED)))
    }

    /// Whether it is known that they are not.
    pub(super) fn are_ignored(&self) -> bool {
        self.0.load(Ordering::Relaxed) == IGNORED
    }

    fn are_known(&self) -> bool {
        self.0.load(Ordering::Relaxed) != UNKNOWN
    }

    fn learn(&self, honoured: bool) {
        self.0.store(if honoured { HONOURED } else { IGNORED }, Ordering::Relaxed);
    }
}

impl Store {
    /// Finds out what the store does with conditions, unless that is known.
    pub(super) async fn probe(&self) -> Result<(), StoreError> {
        if self.conditions.are_known() {
            return Ok(());
        }
        for text in ["this object is made once\n", "and this is not it\n"] {
            match self.put(NAME, Bytes::from_static(text.as_bytes()), PutMode::Create, ContentKind::Checkpoint).await {
                Ok(()) => {}
                Err(Put::Exists) => {
                    self.conditions.learn(true);
                    return Ok(());
                }
                Err(Put::Unconditional) => break,
                Err(Put::Failed(error)) => return Err(error),
            }
        }
        self.conditions.learn(false);
        tracing::warn!(store = %self.label(), "a store ignores conditions on puts: it is looked at before each, and must have no other writer");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    //! A store that honours conditions, one that ignores them, and one that knows none.

    use std::time::Duration;

    use super::super::fixtures::faulty::{Fault, Faulty};
    use super::super::fixtures::store_of;
    use super::super::store::Made;
    use super::*;

    #[tokio::test]
    async fn what_ignores_conditions_is_looked_at_before_each_put() {
        for (fault, ignored) in [(Fault::None, false), (Fault::Careless, true), (Fault::Unconditional, true)] {
            let objects = Faulty::new(move |_, _, _| fault);
            let store = Store { conditions: Conditions::unknown(), ..store_of(objects, Duration::from_secs(1)) };
            let (one, other) = (Bytes::from_static(b"one"), Bytes::from_static(b"other"));
            assert_eq!(store.create("tile/0/000", one.clone(), ContentKind::Tile).await.unwrap(), Made::Now);
            assert_eq!(store.conditions.are_ignored(), ignored, "{fault:?}");
            let error = store.create("tile/0/000", other, ContentKind::Tile).await.unwrap_err();
            assert!(matches!(error, StoreError::Different { .. }), "{error}");
            assert_eq!(store.read("tile/0/000").await.unwrap(), Some(one));
            // The object of the probe is from now on what it was: the next start asks once.
            let again = Store { conditions: Conditions::unknown(), ..store.clone() };
            again.probe().await.unwrap();
            assert_eq!(again.conditions.are_ignored(), ignored);
        }
    }

    #[tokio::test]
    async fn a_store_that_is_down_tells_nothing() {
        let objects = Faulty::new(|_, _, _| Fault::Fails);
        let store = Store { conditions: Conditions::unknown(), ..store_of(objects, Duration::from_secs(1)) };
        assert!(store.probe().await.is_err());
        assert!(!store.conditions.are_known());
    }
}
