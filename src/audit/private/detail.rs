//! How much is kept of which call: values that decide, and nothing that acts.
//!
//! A decision and its outcome are always recorded, and both commit to their text. What differs is whether the text is kept, enciphered,
//! beside the log ([`Level`]), up to which length, and what is taken out of it first ([`Masks`]).
//!
//! Rules are for a tool (`server/tool`), for everything of a server (`server/*`), or for everything (`*`). The most specific level wins;
//! masks add up.

use std::collections::HashMap;
use std::sync::Arc;

use crate::domain::{JsonPointer, ServerName, Target};

use super::mask::Masks;

/// What is kept, each level more than the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Only commitments.
    Commitment,
    /// The arguments of calls.
    Arguments,
    /// The arguments of calls, and their results.
    Results,
}

impl Level {
    /// The levels, least first.
    pub const ALL: [Self; 3] = [Self::Commitment, Self::Arguments, Self::Results];

    /// The word in the configuration.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Commitment => "commitment",
            Self::Arguments => "arguments",
            Self::Results => "results",
        }
    }

    /// Reads the word; `None` for any other.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.name() == name)
    }
}

/// What a rule is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Everything: `*`.
    All,
    /// All tools, prompts, resources and methods of a server: `server/*`.
    Server(ServerName),
    /// One tool: `server/tool`.
    Tool(ServerName, Arc<str>),
}

impl Scope {
    /// Reads the form of the configuration; `None` when it is none of the three.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text == "*" {
            return Some(Self::All);
        }
        let (server, tool) = text.split_once('/')?;
        let server = ServerName::new(server)?;
        match tool {
            "" => None,
            "*" => Some(Self::Server(server)),
            tool => Some(Self::Tool(server, tool.into())),
        }
    }
}

/// What the configuration says about some calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Which.
    pub scope: Scope,
    /// The level, if it differs from that of the next wider rule.
    pub level: Option<Level>,
    /// What else is taken out of their texts.
    pub mask: Vec<JsonPointer>,
}

/// What the configuration says about all of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DetailSettings {
    /// The level where no rule says another.
    pub level: Level,
    /// The longest text that is kept, in bytes.
    pub limit: usize,
    /// What is taken out of every text.
    pub mask: Vec<JsonPointer>,
    /// What differs for some; at most one for each scope.
    pub rules: Vec<Rule>,
}

impl Default for DetailSettings {
    /// Arguments of up to 64 KiB are kept, and nothing is masked.
    fn default() -> Self {
        Self { level: Level::Arguments, limit: 64 << 10, mask: Vec::new(), rules: Vec::new() }
    }
}

/// What is kept of one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keeping {
    /// Which texts.
    pub level: Level,
    /// The longest text that is kept, in bytes.
    pub limit: usize,
    /// What is taken out first.
    pub masks: Masks,
}

impl Keeping {
    /// What both allow to be kept of the arguments of a call that a meta-tool was asked to make: the lower level, and what either takes out.
    /// `inner` is where in the meta-tool's arguments those of the call stand, which are what is recorded.
    #[must_use]
    pub fn through(&self, meta_tool: &Self, inner: &JsonPointer) -> Self {
        Self { level: self.level.min(meta_tool.level), limit: self.limit, masks: self.masks.and(&meta_tool.masks.below(inner)) }
    }

    /// The same for the result of such a call, which is the meta-tool's own.
    #[must_use]
    pub fn with(&self, meta_tool: &Self) -> Self {
        Self { level: self.level.min(meta_tool.level), limit: self.limit, masks: self.masks.and(&meta_tool.masks) }
    }
}

/// All rules, ready to be asked about every call.
#[derive(Debug)]
pub struct Detail {
    servers: HashMap<ServerName, OfServer>,
    rest: Arc<Keeping>,
    access: Arc<Keeping>,
}

#[derive(Debug)]
struct OfServer {
    tools: HashMap<Arc<str>, Arc<Keeping>>,
    rest: Arc<Keeping>,
}

impl Detail {
    /// Puts the rules together.
    #[must_use]
    pub fn new(settings: &DetailSettings) -> Self {
        let base = Keeping { level: settings.level, limit: settings.limit, masks: Masks::new(&settings.mask) };
        let narrow = |wider: &Keeping, scope: &Scope| {
            let rule = settings.rules.iter().find(|rule| rule.scope == *scope);
            rule.map_or_else(
                || wider.clone(),
                |rule| Keeping {
                    level: rule.level.unwrap_or(wider.level),
                    limit: wider.limit,
                    masks: wider.masks.and(&Masks::new(&rule.mask)),
                },
            )
        };
        let rest = narrow(&base, &Scope::All);
        let mut servers: HashMap<ServerName, OfServer> = HashMap::new();
        for rule in &settings.rules {
            let (Scope::Server(server) | Scope::Tool(server, _)) = &rule.scope else { continue };
            let of_server = servers.entry(server.clone()).or_insert_with(|| OfServer {
                tools: HashMap::new(),
                rest: Arc::new(narrow(&rest, &Scope::Server(server.clone()))),
            });
            if let Scope::Tool(_, tool) = &rule.scope {
                let keeping = narrow(&of_server.rest, &rule.scope);
                of_server.tools.insert(Arc::clone(tool), Arc::new(keeping));
            }
        }
        // Whatever part of a question it stands in.
        let anywhere = |pointer: &JsonPointer| pointer.steps().fold(JsonPointer::of_member("*"), JsonPointer::then);
        let of_all = settings.rules.iter().filter(|rule| rule.scope == Scope::All).flat_map(|rule| &rule.mask);
        let masks: Vec<JsonPointer> = settings.mask.iter().chain(of_all).map(anywhere).collect();
        let access = Keeping { level: rest.level, limit: rest.limit, masks: Masks::new(&masks) };
        Self { servers, rest: Arc::new(rest), access: Arc::new(access) }
    }

    /// What is kept of a question about something that is no call: as for a call that no rule of a server is about, with what is
    /// masked of arguments masked in properties and circumstances.
    #[must_use]
    pub fn of_access(&self) -> Arc<Keeping> {
        Arc::clone(&self.access)
    }

    /// What is kept of a call of this target.
    #[must_use]
    pub fn of(&self, server: &ServerName, target: &Target) -> Arc<Keeping> {
        let Some(server) = self.servers.get(server) else { return Arc::clone(&self.rest) };
        let tool = match target {
            Target::Tool(tool) => server.tools.get(tool),
            Target::Resource(_) | Target::Prompt(_) | Target::Server | Target::Method(_) => None,
        };
        Arc::clone(tool.unwrap_or(&server.rest))
    }
}

#[cfg(test)]
#[path = "detail_tests.rs"]
mod tests;
