//! The MCP servers, and what policies are made of.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use http::Uri;

use super::LimitSettings;
use crate::config::environment::Environment;
use crate::domain::{JsonPointer, ServerName};
use crate::note::VerifierKey;
use crate::outbound::Socket;
use crate::proxy::upstream::CredentialSettings;

/// Where policies, schema and entities come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicySettings {
    /// Files or directories with `*.cedar`.
    pub policies: Vec<PathBuf>,
    /// Files or directories with `*.cedarschema`, on top of the base vocabulary.
    pub schema: Vec<PathBuf>,
    /// Files or directories with `*.json`.
    pub entities: Vec<PathBuf>,
    /// The catalog lock, if tools are to be as they were reviewed.
    pub lock: Option<PathBuf>,
    /// The keys of which one must have signed all of these files; nobody needs to when there are none.
    pub trusted_keys: Vec<VerifierKey>,
    /// The lowest version of them that may be in force.
    pub minimum_version: u64,
    /// After which time a server is asked for its tools again; `None` when only on its own notice.
    pub catalog_ttl: Option<Duration>,
    /// The IANA time zone of `context.time`.
    pub timezone: String,
    /// How often the content is compared, besides being watched.
    pub poll_interval: Duration,
    /// Whether what is known of the policies beforehand is kept and used.
    pub residuals: bool,
}

/// What the commands about the catalog are told.
#[derive(Debug, Clone)]
pub struct CatalogSettings {
    /// The servers to ask.
    pub servers: Vec<ServerSettings>,
    /// Bounds on asking them.
    pub limits: LimitSettings,
    /// The catalog lock.
    pub lock: Option<PathBuf>,
}

/// One MCP server.
#[derive(Debug, Clone)]
pub struct ServerSettings {
    /// Its name in policies and records.
    pub name: ServerName,
    /// Its path at the listener, beginning with `/`.
    pub path: String,
    /// How it is reached.
    pub target: ServerTarget,
    /// Methods outside the specification that policy decides as action `extension`.
    pub extensions: Vec<String>,
    /// Scopes that a token must have to get to this server at all.
    pub scopes: Vec<String>,
    /// Tools that call other tools of this server.
    pub meta_tools: Vec<MetaToolSettings>,
}

impl ServerSettings {
    /// Whether the server is the very resource that callers' tokens were given out for, and is shown them.
    #[must_use]
    pub const fn is_the_same_resource(&self) -> bool {
        match &self.target {
            ServerTarget::Http { credential, .. } => matches!(**credential, CredentialSettings::SameResource { .. }),
            ServerTarget::Child { .. } => false,
        }
    }

    /// Whether the server has to be shown something that is made of what callers show us.
    #[must_use]
    pub const fn needs_callers_tokens(&self) -> bool {
        match &self.target {
            ServerTarget::Http { credential, .. } => credential.needs_callers_tokens(),
            ServerTarget::Child { .. } => false,
        }
    }
}

/// What policies need to know of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyServer {
    /// Its name.
    pub name: ServerName,
    /// Tools that call other tools of this server.
    pub meta_tools: Vec<MetaToolSettings>,
}

impl From<&ServerSettings> for PolicyServer {
    fn from(server: &ServerSettings) -> Self {
        Self { name: server.name.clone(), meta_tools: server.meta_tools.clone() }
    }
}

/// A tool that calls other tools of its server: policy decides about the tool that it is asked to call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetaToolSettings {
    /// Its name.
    pub tool: String,
    /// Where in its arguments the name of the other tool stands.
    pub name: JsonPointer,
    /// Where in its arguments those of the other tool stand.
    pub arguments: JsonPointer,
}

/// How a server is reached.
#[derive(Debug, Clone)]
pub enum ServerTarget {
    /// Streamable HTTP.
    Http {
        /// `http` or `https`, with host, without user information.
        url: Uri,
        /// The unix socket on which it listens; the URL says only path and `Host` then.
        socket: Option<Socket>,
        /// What it is shown of us.
        credential: Box<CredentialSettings>,
    },
    /// A child process over its standard input and output.
    Child {
        /// The program, looked up in `PATH` when it has no slash.
        program: OsString,
        /// Its arguments.
        args: Vec<OsString>,
        /// Its working directory; `None` for ours.
        directory: Option<PathBuf>,
        /// Its whole environment; nothing else is inherited.
        environment: Environment,
    },
}
