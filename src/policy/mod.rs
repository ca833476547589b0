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
//! Read in this order: [`settings`], [`load`], [`bundle`] (what was signed), [`report`]; then `policies`, `syntax`, `alike`, `schema`, `types`, `entities`,
//! `entity_file`, `input` (text to Cedar's values); [`lock`] (reviewed tools), `json_schema` (their arguments), [`show`] (all of it as text); [`snapshot`], `closed`, `digests`, [`meta`], `request`,
//! `approval`, `reach`, `literals`, [`evaluate`], `derive`, `slice`, `residual` (decisions); `plain_action`, `plain` (questions about entities of others); [`explain`] (why they are what they are); [`store`], [`watch`], [`metrics`]
//! (life).

mod alike;
mod approval;
#[cfg(test)]
mod author_tests;
pub mod bundle;
pub mod catalog;
#[cfg(test)]
mod check_docs_tests;
mod circumstances;
mod closed;
mod code;
mod dependence;
mod derive;
mod digests;
#[cfg(test)]
mod docs_tests;
mod entities;
mod entity_file;
pub mod evaluate;
pub mod explain;
mod fit;
#[cfg(test)]
mod fixture;
mod format;
mod input;
mod intricate;
mod json;
mod json_schema;
mod links;
mod lint;
mod listing;
mod literals;
pub mod load;
pub mod lock;
mod lock_file;
mod marks;
pub mod meta;
pub mod metrics;
#[cfg(test)]
mod model_tests;
mod named;
mod plain;
mod plain_action;
#[cfg(test)]
mod plain_tests;
mod policies;
mod reach;
mod reads;
mod recent;
pub mod report;
mod request;
mod residual;
mod schema;
mod schema_text;
pub mod settings;
mod shard;
#[cfg(test)]
mod shard_tests;
pub mod show;
mod slice;
pub mod snapshot;
#[cfg(test)]
mod standing_tests;
pub mod store;
mod suggest;
mod syntax;
mod text;
#[cfg(test)]
mod token_tests;
mod ty;
mod types;
mod verdict;
pub mod watch;
mod yaml;

pub use crate::domain::visible;
pub use approval::{Asking, canonical_arguments};
pub use bundle::{BundleSettings, Reason, Refused, Signed};
pub use catalog::Catalog;
pub use code::Code;
pub use evaluate::Request;
pub use explain::{Answer, Explanation};
pub use format::format;
pub use intricate::intricate;
pub use listing::{Effect, Listed};
pub use load::{PolicyFiles, read};
pub use lock::{Change, Difference, Lock, member_lines};
pub use meta::MetaTool;
pub use metrics::Metrics;
pub use plain::Posed;
pub use report::{LoadError, PolicyReport, Problem, draw, draw_warnings};
pub use settings::{DeclaredPrincipal, PrincipalKind, Settings};
pub use show::{Shown, generate};
pub use snapshot::PolicySnapshot;
pub use store::PolicyStore;
pub use suggest::Suggestion;
pub use watch::Watch;
