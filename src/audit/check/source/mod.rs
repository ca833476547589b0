//! Where the bundles of a log come from: files in a directory or a remote store, and the live database.

mod database;
mod directory;
mod files;
mod remote;

pub use database::{Bundles, Either, Live, Stored};
pub use directory::Directory;
pub use files::{CHECKPOINT, Files, MAX_CHECKPOINT, MAX_TRUST, TRUST, TileSpans, Wanted};
pub use remote::{Remote, StoreError, TileStore};
