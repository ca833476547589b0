//! What may be done: Cedar policies, and the only place that knows Cedar.
//!
//! Files become a snapshot, and a snapshot decides:
//!
//! ```text
//! Settings -> read -> PolicyFiles -> PolicySnapshot::build(.., Catalog) -> PolicyStore -> decide / possible
//!                ^                                                             |
//!              Watch ("the files changed")                       with_catalog ("a server lists other tools")
//! ```
//!
//! Deciding is synchronous and looks at nothing but its arguments. What authors may write is in `docs/policies.md`, the vocabulary
//! in `schema/cedarpost.cedarschema`.
//!
//! Read in this order: [`settings`], [`load`], [`report`]; then `policies`, `schema`, `types`, `entities`, `entity_file`, `input` (text to Cedar's values);
//! [`snapshot`], `request`, [`evaluate`], `derive`, `slice`, `residual` (decisions); [`store`], [`watch`], [`metrics`] (life).

#[cfg(test)]
mod author_tests;
pub mod catalog;
mod circumstances;
mod derive;
#[cfg(test)]
mod docs_tests;
mod entities;
mod entity_file;
pub mod evaluate;
#[cfg(test)]
mod fixture;
mod input;
pub mod load;
pub mod metrics;
mod policies;
mod reads;
mod recent;
pub mod report;
mod request;
mod residual;
mod schema;
pub mod settings;
mod slice;
pub mod snapshot;
pub mod store;
mod ty;
mod types;
pub mod watch;

pub use catalog::Catalog;
pub use evaluate::Request;
pub use load::{PolicyFiles, read};
pub use metrics::Metrics;
pub use report::{LoadError, PolicyReport, Problem, draw};
pub use settings::{DeclaredPrincipal, PrincipalKind, Settings};
pub use snapshot::PolicySnapshot;
pub use store::PolicyStore;
pub use watch::Watch;
