//! Puts tiles side by side: distant stores answer slowly and take many at once. What is under way is bounded in number and bytes.

use std::sync::Arc;

use bytes::Bytes;
use tokio::task::{JoinError, JoinSet};

use super::meter::Meter;
use super::store::{ContentKind, SLOTS, Store, StoreError};
use crate::audit::tlog::Tile;

/// How many bytes may be under way, unless one tile alone has more.
const MAX_BYTES: usize = 8 << 20;

/// Tiles that are being put.
pub(super) struct Batch {
    store: Store,
    meter: Arc<Meter>,
    puts: JoinSet<Result<usize, StoreError>>,
    bytes: usize,
}

impl Batch {
    pub(super) fn new(store: Store, meter: Arc<Meter>) -> Self {
        Self { store, meter, puts: JoinSet::new(), bytes: 0 }
    }

    /// Puts a tile as soon as there is room. An error may be that of another one.
    pub(super) async fn put(&mut self, tile: Tile, bytes: Bytes) -> Result<(), StoreError> {
        while !self.puts.is_empty() && (self.puts.len() >= SLOTS || self.bytes.saturating_add(bytes.len()) > MAX_BYTES) {
            self.end_one().await?;
        }
        self.bytes = self.bytes.saturating_add(bytes.len());
        let (store, length) = (self.store.clone(), bytes.len());
        self.puts.spawn(async move {
            store.create(&tile.to_string(), bytes, ContentKind::Tile).await?;
            Ok(length)
        });
        Ok(())
    }

    /// Waits until everything is there.
    pub(super) async fn finish(mut self) -> Result<(), StoreError> {
        while !self.puts.is_empty() {
            self.end_one().await?;
        }
        Ok(())
    }

    async fn end_one(&mut self) -> Result<(), StoreError> {
        if let Some(put) = self.puts.join_next().await {
            let length = put.unwrap_or_else(|panicked| Err(self.panicked(panicked)))?;
            self.bytes = self.bytes.saturating_sub(length);
            self.meter.sent(length);
        }
        Ok(())
    }

    fn panicked(&self, source: JoinError) -> StoreError {
        let source = object_store::Error::JoinError { source };
        StoreError::Failed { store: Arc::clone(self.store.label()), name: "tile".to_owned(), source }
    }
}
