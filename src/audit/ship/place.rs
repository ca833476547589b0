//! Checkpoints in a store: each under its size, made once and never changed, and the newest under a name of its own.
//!
//! Sizes are written with [`DIGITS`] digits, so that stores list them in their order and one question tells whether a store has seen
//! a longer log than this one, even if somebody put an older checkpoint back as the newest.

use std::sync::Arc;

use bytes::Bytes;

use super::hitch::{Hitch, told};
use super::hold::{HoldError, Mismatch, hold};
use super::source::{Source, reading};
use super::store::{ContentKind, Made, Store, StoreError};
use crate::audit::tlog::SignedCheckpoint;

/// The newest checkpoint, as C2SP tlog-tiles names it.
pub(super) const NEWEST: &str = "checkpoint";
/// The folder of all of them.
const ALL: &str = "checkpoints";
/// How many digits the largest size has.
const DIGITS: usize = 19;
/// How many checkpoints of larger logs are looked at: one of them tells as much as all.
const LOOKED_AT: usize = 4;

/// How a checkpoint came to be in a store.
#[derive(Debug)]
pub(super) enum Published {
    /// It was put there now.
    Now,
    /// It was there.
    Before,
    /// One of the same size is there that says something else.
    Otherwise(Mismatch),
}

/// Puts a checkpoint under its size.
pub(super) async fn publish(store: &Store, head: &SignedCheckpoint, text: &Bytes) -> Result<Published, StoreError> {
    let size = head.checkpoint().size();
    let name = name(size);
    match store.create(&name, text.clone(), ContentKind::Checkpoint).await {
        Ok(Made::Now) => Ok(Published::Now),
        Ok(Made::Before) => Ok(Published::Before),
        Err(StoreError::Different { .. }) => {
            let found = store.read(&name).await?.unwrap_or_default();
            // Where keys change hands, one checkpoint has two signatures; what is signed must be the same.
            let same = SignedCheckpoint::parse(&found).is_ok_and(|found| found.note().text() == head.note().text());
            let fork = || Mismatch::Forked { place: Arc::clone(store.label()), size };
            Ok(if same { Published::Before } else { Published::Otherwise(fork()) })
        }
        Err(error) => Err(error),
    }
}

/// Holds the log against what a store has seen of it.
pub(super) async fn hold_store(source: &Arc<dyn Source>, size: u64, store: &Store) -> Result<(), Hitch> {
    if let Some(note) = store.read(NEWEST).await? {
        check(source, size, store, note).await?;
    }
    // Nobody must be let off because listing is forbidden to those who may only write.
    match store.names_after(ALL, &digits(size), LOOKED_AT).await {
        Ok(larger) => {
            for size_of in larger.iter().filter(|name| name.len() == DIGITS) {
                if let Some(note) = store.read(&format!("{ALL}/{size_of}")).await? {
                    check(source, size, store, note).await?;
                }
            }
        }
        Err(error) => {
            tracing::debug!(store = %store.label(), error = told(&error), "older checkpoints could not be listed");
        }
    }
    Ok(())
}

async fn check(source: &Arc<dyn Source>, size: u64, store: &Store, note: Bytes) -> Result<(), HoldError> {
    let place = Arc::clone(store.label());
    reading(source, move |source| Ok(hold(source, size, &place, &note))).await?.map(drop)
}

fn name(size: u64) -> String {
    format!("{ALL}/{}", digits(size))
}

fn digits(size: u64) -> String {
    format!("{size:0DIGITS$}")
}

#[cfg(test)]
#[path = "place_tests.rs"]
mod tests;
