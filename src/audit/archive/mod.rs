//! The archived part of the log: records in bundles of 256, as plain files that never change.
//!
//! [`Archive`] writes, [`ArchiveReader`] reads, a [`Query`] finds. Everything here works without the database: pruning, proving,
//! verifying and exporting read these files alone. What is in them was durable in the database before, so the archive may lag behind
//! and be written again from its marker on; it counts as far as the marker says.
//!
//! ```text
//! archived                      the marker: everything below it is durable here
//! tiles/tile/entries/…          records (C2SP tlog-tiles: entry bundles)
//! tiles/tile/<level>/…          hashes of the Merkle tree
//! tiles/checkpoint              when the log was closed in order: partial tiles are there then, too
//! private/kept/…                what was kept of calls, enciphered
//! index/…                       where to look; proves nothing
//! ```
//!
//! Records that do not fill a bundle are not archived, keys and signatures are not looked at, and the right to write is not checked.
//!
//! Read in this order: [`layout`], `marker`, `edge`, [`files`], `close`, [`prune`], [`read`], [`bundle`], `tiles`, [`facets`],
//! `segment`, `index`, [`query`], `search`.

pub mod bundle;
mod close;
mod edge;
pub mod facets;
pub mod files;
mod index;
mod kept;
pub mod layout;
pub mod marker;
pub mod prune;
pub mod query;
pub mod read;
mod recent;
mod search;
mod segment;
mod tiles;
pub mod volume;

pub use bundle::Bundle;
pub use facets::Facet;
pub use files::{Archive, Entry, OpenError, WriteError};
pub use layout::{BUNDLE, Layout, SEGMENT};
pub use marker::MarkerError;
pub use prune::Removed;
pub use query::{Order, Pattern, Query};
pub use read::{ArchiveError, ArchiveReader, ArchivedRecords};
pub use volume::{LocalVolume, Volume};

#[cfg(test)]
mod fixtures;
