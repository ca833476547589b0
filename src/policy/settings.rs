//! What the room is told at the start: where the files are, and whom and what the configuration declares.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::bundle::BundleSettings;
use super::meta::MetaTool;
use crate::domain::{AttributeKind, ServerName};

/// Where policies come from, and what is known besides them.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Directories or single files with policies (`*.cedar`). Each must exist.
    pub policies: Vec<PathBuf>,
    /// Directories or single files with schema fragments (`*.cedarschema`, `*.cedarschema.json`). Each must exist.
    pub schema: Vec<PathBuf>,
    /// Directories or single files with entities (`*.json`). Each must exist.
    pub entities: Vec<PathBuf>,
    /// The catalog lock (`catalog.lock.json`), which must exist: the tools that were reviewed. Without one, tools are what their servers
    /// say they are.
    pub lock: Option<PathBuf>,
    /// How these must be signed; `None` when they need not be.
    pub bundle: Option<BundleSettings>,
    /// IANA name of the time zone of `context.time`.
    pub timezone: String,
    /// Agents and users that the configuration names.
    pub principals: Vec<DeclaredPrincipal>,
    /// What tokens tell policies (`context.token.claims`).
    pub token_claims: Vec<(Arc<str>, AttributeKind)>,
    /// The configured upstream servers.
    pub servers: Vec<ServerName>,
    /// Tools that call other tools.
    pub meta_tools: Vec<MetaTool>,
    /// How often the files are compared by content, for file systems that report no changes.
    pub poll_interval: Duration,
    /// Whether decisions may use what is known of the policies beforehand (`residual`). They come out the same without it.
    pub residuals: bool,
}

impl Settings {
    /// Settings with a policy path and otherwise nothing: UTC, nobody declared, no servers, a poll twice a second, residuals.
    #[must_use]
    pub fn new(policies: Vec<PathBuf>) -> Self {
        Self {
            policies,
            schema: Vec::new(),
            entities: Vec::new(),
            lock: None,
            bundle: None,
            timezone: "UTC".to_owned(),
            principals: Vec::new(),
            token_claims: Vec::new(),
            servers: Vec::new(),
            meta_tools: Vec::new(),
            poll_interval: Duration::from_millis(500),
            residuals: true,
        }
    }
}

/// An agent or user that the configuration names, with their roles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeclaredPrincipal {
    /// Whether it is a program or a person.
    pub kind: PrincipalKind,
    /// The id policies know it by.
    pub id: String,
    /// The roles it is in (`Mcp::Role::"…"`).
    pub roles: Vec<String>,
}

/// The two kinds of principals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PrincipalKind {
    /// `Mcp::Agent`
    Agent,
    /// `Mcp::User`
    User,
}
