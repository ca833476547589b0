//! The guided tour: six steps of real calls through a running sidecar, each told in plain words and checked.
//!
//! `steps` is the tour itself, `client` the small MCP client it calls with, `page` how it looks. A step that does not end as it should
//! ends the tour with a [`TourError`], so that `cedarpost demo --tour` is a test of the whole product as much as a presentation.

mod client;
mod error;
mod page;
mod steps;

pub use error::TourError;
pub use steps::{TourSettings, run};

#[cfg(test)]
mod tests;
