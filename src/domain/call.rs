//! What is asked for: one action on one thing at one server, with the arguments exactly as they will be forwarded.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;

/// The configured name of an upstream MCP server (`Mcp::Server::"…"`): 1 to 64 of `a-z 0-9 . _ -`, starting with a letter or digit.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ServerName(Arc<str>);

impl ServerName {
    /// Checks and wraps a name; `None` when it is not of the documented form.
    #[must_use]
    pub fn new(name: &str) -> Option<Self> {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let fits = (1..=64).contains(&name.len())
            && name.bytes().next().is_some_and(plain)
            && name.bytes().all(|byte| plain(byte) || matches!(byte, b'.' | b'_' | b'-'));
        fits.then(|| Self(name.into()))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ServerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What is to be done: the MCP method that needs a decision. Each is a Cedar action of the same name in namespace `Mcp`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Action {
    /// `tools/call`: run a tool.
    ToolsCall,
    /// `resources/read`: read a resource by URI.
    ResourcesRead,
    /// `resources/subscribe`, or a URI in `subscriptions/listen`: be told when a resource changes.
    ResourcesSubscribe,
    /// `prompts/get`: expand a prompt.
    PromptsGet,
    /// `completion/complete`: complete an argument of a prompt or resource template.
    CompletionComplete,
    /// `logging/setLevel`: choose what the server logs to this session.
    LoggingSetLevel,
    /// `sampling/createMessage`: the server asks the client's model for text.
    SamplingCreateMessage,
    /// `elicitation/create`: the server asks the client's user for input.
    ElicitationCreate,
    /// `roots/list`: the server asks the client for its file system roots.
    RootsList,
    /// `extension`: a method outside the specification that the configuration lets through to policy.
    Extension,
}

impl Action {
    /// All actions, in the order of the specification's chapters.
    pub const ALL: [Self; 10] = [
        Self::ToolsCall,
        Self::ResourcesRead,
        Self::ResourcesSubscribe,
        Self::PromptsGet,
        Self::CompletionComplete,
        Self::LoggingSetLevel,
        Self::SamplingCreateMessage,
        Self::ElicitationCreate,
        Self::RootsList,
        Self::Extension,
    ];

    /// The action's name in policies and records.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ToolsCall => "tools/call",
            Self::ResourcesRead => "resources/read",
            Self::ResourcesSubscribe => "resources/subscribe",
            Self::PromptsGet => "prompts/get",
            Self::CompletionComplete => "completion/complete",
            Self::LoggingSetLevel => "logging/setLevel",
            Self::SamplingCreateMessage => "sampling/createMessage",
            Self::ElicitationCreate => "elicitation/create",
            Self::RootsList => "roots/list",
            Self::Extension => "extension",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What the action is done to: the Cedar resource.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Target {
    /// A tool by name: `Mcp::Tool::"server/name"`.
    Tool(Arc<str>),
    /// A resource, or a template of resources, by URI: `Mcp::Resource::"server/uri"`.
    Resource(Arc<str>),
    /// A prompt by name: `Mcp::Prompt::"server/name"`.
    Prompt(Arc<str>),
    /// The server itself: `Mcp::Server::"server"`.
    Server,
    /// A method outside the specification, at the server itself: the method's name is `context.method`.
    Method(Arc<str>),
}

impl Target {
    /// The actions that can be done to such a thing, the one that is meant when nobody says which first; for the server itself it has to be
    /// said.
    #[must_use]
    pub const fn actions(&self) -> &'static [Action] {
        match self {
            Self::Tool(_) => &[Action::ToolsCall],
            Self::Resource(_) => &[Action::ResourcesRead, Action::ResourcesSubscribe, Action::CompletionComplete],
            Self::Prompt(_) => &[Action::PromptsGet, Action::CompletionComplete],
            Self::Method(_) => &[Action::Extension],
            Self::Server => {
                &[Action::LoggingSetLevel, Action::SamplingCreateMessage, Action::ElicitationCreate, Action::RootsList]
            }
        }
    }

    /// The name, URI or method; `None` for the server itself.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Tool(name) | Self::Resource(name) | Self::Prompt(name) | Self::Method(name) => Some(name),
            Self::Server => None,
        }
    }
}

/// The arguments of a call: the JSON text that will be forwarded, already parsed strictly once. Absent is not the same as `null` or `{}`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Arguments(Option<Bytes>);

impl Arguments {
    /// No arguments were sent.
    pub const ABSENT: Self = Self(None);

    /// Arguments as they stand in a message that was parsed strictly (no duplicate keys, bounded depth, UTF-8).
    #[must_use]
    pub const fn from_checked_json(text: Bytes) -> Self {
        Self(Some(text))
    }

    /// The JSON text, if arguments were sent.
    #[must_use]
    pub fn json(&self) -> Option<&[u8]> {
        self.0.as_deref()
    }

    /// The same, to be shared.
    #[must_use]
    pub const fn bytes(&self) -> Option<&Bytes> {
        self.0.as_ref()
    }
}

/// How the call came to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transport {
    /// Streamable HTTP, or the deprecated HTTP+SSE.
    Http,
    /// Standard input and output.
    Stdio,
}

impl Transport {
    /// The word policies and records use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Stdio => "stdio",
        }
    }
}

/// A W3C trace id (32 lower-case hexadecimal digits), taken from `traceparent` so that records and traces meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceId(u128);

impl TraceId {
    /// Reads the trace id out of a `traceparent` value (W3C Trace Context, section 3.2); `None` when it is malformed or all zero.
    #[must_use]
    pub fn from_traceparent(value: &str) -> Option<Self> {
        let mut parts = value.trim().split('-');
        let (version, trace, parent, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let hex = |text: &str, len: usize| {
            text.len() == len && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
        };
        let well_formed = hex(version, 2) && version != "ff" && hex(trace, 32) && hex(parent, 16) && hex(flags, 2);
        let id = well_formed.then(|| u128::from_str_radix(trace, 16).ok()).flatten()?;
        (id != 0).then_some(Self(id))
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// Where a call came from: facts about the connection, for policies (`context.source`, `context.session`) and records.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Source {
    /// How the call came to us.
    pub transport: Transport,
    /// The peer's address, for network transports.
    pub ip: Option<IpAddr>,
    /// The MCP session, for protocol versions that have one.
    pub session: Option<Arc<str>>,
}

/// One thing somebody asks for. The bytes that are forwarded are the bytes that this was read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The upstream server.
    pub server: ServerName,
    /// What is to be done.
    pub action: Action,
    /// To what.
    pub target: Target,
    /// With which arguments.
    pub arguments: Arguments,
    /// From where.
    pub source: Source,
    /// The JSON-RPC id as it was written, for the record; absent for things that have none.
    pub request: Option<Arc<str>>,
    /// The caller's trace, for the record.
    pub trace: Option<TraceId>,
}

#[cfg(test)]
#[path = "call_tests.rs"]
mod tests;
