//! How the log leaves the machine: to object stores and directories as tiles, to places that remember how far it went, to witnesses
//! that vouch for there being one log, and as a live feed to a collector.
//!
//! Everything here reads the log through [`Source`] and runs beside it: what is slow, down or hostile outside costs a task its time and
//! nobody else anything. A place outside that contradicts the log is told from one that is down, and loudly.
//!
//! Read in this order: [`source`], [`location`], [`store`], [`tiles`] (the export), `hold` and [`anchor`] (what the log is held against),
//! [`witness`], [`feed`], [`shipping`] (all of it together).

pub mod anchor;
mod batch;
mod connector;
mod cursor;
pub mod feed;
mod hitch;
mod hold;
pub mod location;
mod meter;
mod objects;
mod open;
mod place;
mod probe;
pub mod shipping;
pub mod source;
pub mod store;
pub mod tiles;
pub mod witness;

pub(super) use cursor::smallest_cursor;

pub use anchor::{Anchor, AnchorPathError, AnchorPlace};
pub use feed::{Feed, FeedSettings};
pub use hold::Mismatch;
pub use location::{Keeper, Location, LocationError, StoreOptions};
pub use meter::{Standing, Trouble};
pub use open::OpenStoreError;
pub use shipping::{Board, Settings, ShipError, Shipping};
pub use source::{Source, SourceError};
pub use store::Store;
pub use tiles::{ExportSettings, Exporter};
pub use witness::{Gatherer, WitnessSettings};

#[cfg(test)]
mod fixtures;
