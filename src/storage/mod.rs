//! One ordered key-value database on disk, and what "written" means: the only place that names sled.
//!
//! sled 0.34 is fast and keeps its order, but three of its habits would lose an audit log, so nobody else may talk to it:
//!
//! - `flush` does not reach the disk on Linux (it ends in `sync_file_range`). [`Database::commit`] therefore also calls `fdatasync`
//!   on sled's `db` file through a descriptor of our own, and a commit counts only when that has returned.
//! - Pages above a quarter of a segment go to side files that are never synced. Segments are 4 MiB and values are bounded by
//!   [`MAX_VALUE`], so a page (at most about 17 values) stays far below that.
//! - Damage makes it panic. Every call is contained: a panic comes back as [`StorageError::Panicked`].
//!
//! After an error in a commit the caller must stop using the database and [`Database::abandon`] it: nobody knows what sled still
//! holds in memory. Supported are local ext4 and XFS; network file systems, overlay upper layers and tmpfs are not.
//!
//! Read on in [`database`], then [`copy`] (reading a database that another process has open).

mod contain;
pub mod copy;
pub mod database;
pub mod disk;
mod files;

pub use copy::{Copy, CopyError};
pub use database::{Batch, Database, MAX_VALUE, OpenError, Range, Slice, StorageError};
pub use disk::{Disk, LocalDisk, probe};
pub use files::{make_private_directory, replace_file, sync_directory};

#[cfg(test)]
mod tests;
