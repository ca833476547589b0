//! The two kinds of servers: behind a URL, or a child process.

mod ask;
pub mod child;
mod credential;
mod http;
pub(in crate::proxy) mod own;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

pub use self::ask::{AskError, list_tools};
pub(in crate::proxy) use self::credential::Whose;
pub use self::credential::{CredentialSettings, FixedCredential, FixedSource, NoCredential};
pub use self::http::HttpSettings;
pub(in crate::proxy) use self::http::{
    HttpUpstream, is_event_stream, is_plain, request_headers, response_headers, status_for_client,
};
pub use self::own::{Listed, Unlisted};

use self::child::{ChildState, OpenError, Pool, PoolSettings, SendError, Unavailable};
use crate::clock::Clock;
use crate::domain::DecisionId;
use crate::lifecycle::Stop;
use crate::outbound::SetupError;

/// How a server is reached.
#[derive(Debug, Clone)]
pub enum UpstreamSettings {
    /// By streamable HTTP.
    Http(Box<HttpSettings>),
    /// As a child process, over its standard input and output.
    Child(Box<PoolSettings>),
}

/// A server. Cheap to clone.
#[derive(Debug, Clone)]
pub(in crate::proxy) enum Upstream {
    Http(Arc<HttpUpstream>),
    Child(Pool),
}

/// Why a server did not answer.
#[derive(Debug, thiserror::Error)]
pub enum UpstreamError {
    /// Nothing to show the server: nothing was sent.
    #[error("there is nothing to show the server")]
    NoCredential(#[source] NoCredential),
    /// What is needed to get a credential cannot be prepared.
    #[error("failed to prepare connections to the authorization server")]
    Setup(#[source] SetupError),
    /// No root certificates to check the server with.
    #[error("failed to read the system's root certificates")]
    Certificates(#[source] std::io::Error),
    /// No connection, or it broke.
    #[error("failed to reach the server")]
    Unreachable(#[source] hyper_util::client::legacy::Error),
    /// No answer in time.
    #[error("the server did not answer within {0:?}")]
    Silent(Duration),
    /// No child process.
    #[error("the server's process is not available")]
    NoProcess(#[source] OpenError),
    /// A child process that does not take messages.
    #[error("the server's process does not take messages")]
    NotTaken(#[source] SendError),
    /// A child process that ended in the middle of a request.
    #[error("the server's process ended before it answered")]
    Ended,
    /// A request outside a session, to a server that serves sessions only.
    #[error("the request belongs to no session")]
    NoSession,
    /// A client that did not take its messages in time.
    #[error("messages were not taken in time")]
    Overrun,
}

impl UpstreamError {
    /// What the agent is told.
    #[must_use]
    pub const fn sentence(&self) -> &'static str {
        match self {
            Self::NoCredential(why) => why.sentence(),
            Self::Setup(_) => "The MCP server cannot be reached.",
            Self::Certificates(_) | Self::Unreachable(_) => "The MCP server cannot be reached.",
            Self::Silent(_) => "The MCP server did not answer in time.",
            Self::NoProcess(OpenError::InUse) => "A request with this id or progress token is already in flight.",
            Self::NoProcess(OpenError::Busy | OpenError::Unavailable(Unavailable::Full { .. })) => {
                "The MCP server is busy; try again later."
            }
            Self::NoProcess(OpenError::Unavailable(Unavailable::Down { .. })) => {
                "The MCP server's process is down and will be started again; try again later."
            }
            Self::NoProcess(_) | Self::NotTaken(_) => "The MCP server's process is not available.",
            Self::Ended => "The MCP server's process ended before it answered.",
            Self::NoSession => "The request belongs to no session; initialize one first.",
            Self::Overrun => "The answer was not taken in time.",
        }
    }

    /// The same, with the decision that is of no use where nothing was sent.
    pub(in crate::proxy) fn told(&self, decision: Option<DecisionId>) -> Cow<'static, str> {
        match (self, decision) {
            (Self::NoCredential(why), Some(id)) => format!("{} Decision {id}.", why.sentence()).into(),
            _ => self.sentence().into(),
        }
    }

    /// The word for the record.
    #[must_use]
    pub fn word(&self) -> Cow<'static, str> {
        let word = match self {
            Self::NoCredential(why) => return why.word().into(),
            Self::Setup(_) => "not prepared",
            Self::Certificates(_) => "no root certificates",
            Self::Unreachable(_) => "unreachable",
            Self::Silent(_) => "no answer in time",
            Self::NoProcess(_) => "no process",
            Self::NotTaken(_) => "not taken",
            Self::Ended => "process ended",
            Self::NoSession => "no session",
            Self::Overrun => "overrun",
        };
        word.into()
    }
}

impl Upstream {
    /// Prepares a server; nothing is connected or started yet.
    pub(in crate::proxy) fn new(
        settings: UpstreamSettings,
        children: &child::Metrics,
        clock: &Clock,
        stop: &Stop,
    ) -> Result<Self, UpstreamError> {
        match settings {
            UpstreamSettings::Http(settings) => HttpUpstream::new(*settings, clock).map(|server| Self::Http(Arc::new(server))),
            UpstreamSettings::Child(settings) => {
                Ok(Self::Child(Pool::new(*settings, children.clone(), clock.clone(), &stop.token())))
            }
        }
    }

    /// The server's state, for operators.
    pub(in crate::proxy) fn state(&self) -> Value {
        match self {
            Self::Http(server) => {
                let mut state = json!({ "kind": "http", "url": server.url().to_string(), "credential": server.credential() });
                if let (Some(socket), Some(state)) = (server.socket(), state.as_object_mut()) {
                    state.insert("socket".to_owned(), socket.display().to_string().into());
                }
                state
            }
            Self::Child(pool) => match pool.state() {
                ChildState::Idle => json!({ "kind": "process", "state": "idle" }),
                ChildState::Starting { pid, .. } => json!({ "kind": "process", "state": "starting", "pid": pid }),
                ChildState::Up { pid, children, .. } => {
                    json!({ "kind": "process", "state": "up", "pid": pid, "processes": children })
                }
                ChildState::Down { retry_in, last, .. } => json!({
                    "kind": "process", "state": "down", "last": last.to_string(),
                    "retry_in_ms": u64::try_from(retry_in.as_millis()).unwrap_or(u64::MAX),
                }),
            },
        }
    }

    /// Ends what was started.
    pub(in crate::proxy) async fn close(&self) {
        match self {
            Self::Http(_) => {}
            Self::Child(pool) => pool.close().await,
        }
    }
}

/// A child process that serves one session, and what it says unasked.
#[derive(Debug)]
pub(in crate::proxy) struct ChildSession {
    pub(in crate::proxy) requests: child::Session,
    /// Taken by whoever can tell the client: the stream it listens to, or an answer that is under way.
    pub(in crate::proxy) unsolicited: tokio::sync::Mutex<child::Unsolicited>,
}

impl ChildSession {
    pub(in crate::proxy) fn start(pool: &Pool) -> Result<Arc<Self>, UpstreamError> {
        let (requests, unsolicited) = pool.dedicated().map_err(|none| UpstreamError::NoProcess(OpenError::Unavailable(none)))?;
        Ok(Arc::new(Self { requests, unsolicited: tokio::sync::Mutex::new(unsolicited) }))
    }
}
