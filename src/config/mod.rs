//! The configuration: one TOML file, the environment and flags become one typed [`Config`], every problem reported at once.
//!
//! Only this module reads the environment and the arguments of the process. The parts of the house get their own settings from
//! `app` and have never heard of files. A key that is not in the table (`keys.rs`) is refused; a default is safe, or it does not
//! exist and the message says what to set.
//!
//! Read in this order: `keys.rs` (all settings), [`settings`] (what they become), `resolve.rs` (how), `parts.rs`, `detail.rs`, `ship.rs`
//! and `servers.rs` (bounds and what must hold between them).

mod approvals;
mod authzen;
mod bundle;
pub mod cases;
mod console;
mod credentials;
mod detail;
mod environment;
mod feed;
pub mod flags;
mod gateways;
mod identity;
mod injection;
mod issuers;
mod keys;
mod listeners;
mod parts;
mod raw;
mod reader;
mod report;
mod resolve;
mod servers;
pub mod settings;
mod ship;
mod show;
mod units;
mod webhooks;
mod workloads;

pub use environment::Environment;
pub use flags::Flags;
pub use report::{ConfigReport, Origin, Place, Problem};
pub use resolve::{PolicyCheck, Sources};
pub use servers::{AskedServers, CommandLineServer};
pub use settings::{
    ActorTokenSource, AdminSettings, ApiAccess, ApprovalsSettings, AuditSettings, AuthzenSettings, CallerSettings,
    CatalogSettings, ClientCertificates, Config, ConsoleSettings, GatewayLists, GatewaySettings, GatewayStates, GrpcSettings,
    IdentitySettings, LimitSettings, ListenSettings, LogFormat, LogSettings, MetaToolSettings, OwnCertificate, PolicyServer,
    PolicySettings, ServerSettings, ServerTarget, ShipSettings, WebhookSettings, WitnessServerSettings,
};
pub use ship::store_options;

#[cfg(test)]
mod tests;
