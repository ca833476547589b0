//! COAZ-MCP, the AuthZEN binding for MCP (authzen-coaz-mcp-binding-1_0, Draft 1): what each method of MCP is asked as.
//!
//! Here the subject (`identity`) is the person, and `context.agent` the program. This is the table of the default mappings and nothing
//! else: mappings that tool servers declare in their schemas (`x-authzen-mapping`) are not looked at, because whoever is to be judged
//! would say what the judgement is about. A method that is not in the table is denied, as the binding demands.

use crate::domain::Action;

/// The type of the subject.
pub(super) const SUBJECT: &str = "identity";

/// What the resource of a method is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Tool,
    Resource,
    Prompt,
    /// A prompt or a resource.
    Reference,
    Server,
    Task,
}

impl Kind {
    /// Whether the type of a resource is one of these.
    pub(super) fn fits(self, kind: &str) -> bool {
        match self {
            Self::Tool => kind == "tool",
            Self::Resource => kind == "resource",
            Self::Prompt => kind == "prompt",
            Self::Reference => matches!(kind, "prompt" | "resource"),
            Self::Server => kind == "mcp_server",
            Self::Task => kind == "task",
        }
    }
}

/// What a method comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// Policies decide about this.
    Decide(Action),
    /// Everybody may, and gets only what they may use.
    List,
    /// Nobody can tell: the reason.
    Deny(&'static str),
}

/// Which members of the context a method may have besides `agent`, and those that every question may have.
pub(super) type More = &'static [&'static str];

/// One method: its name, what its resource is, what it comes to.
pub(super) type Row = (&'static str, Kind, Meaning, More);

const OWNER: &str = "a task belongs to whoever started it, and which tasks are whose is not known here";

/// The default mappings, in the order of the binding.
pub(super) const TABLE: [Row; 15] = [
    ("initialize", Kind::Server, Meaning::List, &["protocol_version"]),
    ("tools/list", Kind::Server, Meaning::List, &[]),
    ("tools/call", Kind::Tool, Meaning::Decide(Action::ToolsCall), &[]),
    ("resources/list", Kind::Server, Meaning::List, &[]),
    ("resources/read", Kind::Resource, Meaning::Decide(Action::ResourcesRead), &[]),
    ("resources/subscribe", Kind::Resource, Meaning::Decide(Action::ResourcesSubscribe), &[]),
    // Whoever may be told of changes may ask not to be.
    ("resources/unsubscribe", Kind::Resource, Meaning::Decide(Action::ResourcesSubscribe), &[]),
    ("prompts/list", Kind::Server, Meaning::List, &[]),
    ("prompts/get", Kind::Prompt, Meaning::Decide(Action::PromptsGet), &[]),
    ("completion/complete", Kind::Reference, Meaning::Decide(Action::CompletionComplete), &[]),
    ("logging/setLevel", Kind::Server, Meaning::Decide(Action::LoggingSetLevel), &["level"]),
    ("tasks/get", Kind::Task, Meaning::Deny(OWNER), &[]),
    ("tasks/result", Kind::Task, Meaning::Deny(OWNER), &[]),
    ("tasks/cancel", Kind::Task, Meaning::Deny(OWNER), &[]),
    ("tasks/list", Kind::Server, Meaning::Deny(OWNER), &[]),
];

/// The row of a method; `None` when the binding has none, so that the answer is no.
pub(super) fn row(method: &str) -> Option<&'static Row> {
    TABLE.iter().find(|(name, ..)| *name == method)
}

#[cfg(test)]
#[path = "coaz_tests.rs"]
mod tests;
