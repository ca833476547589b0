//! A question about a decision, as it comes from the command line or to the admin face: read strictly, and made into a caller and a
//! call of the house. Nobody believes what it says of the caller: nothing but words follows from it.

use std::collections::BTreeMap;
use std::net::IpAddr;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::domain::{
    Action, Actor, AgentId, Arguments, Call, Caller, ServerName, Source, Target, Timestamp, Token, Transport, UserId, nearest,
};
use crate::gate::Gate;
use crate::identity;
use crate::mcp;

/// How would this call be decided? The body of `POST /explain`, documented in `docs/explain.md`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Inquiry {
    /// The agent's id.
    pub agent: String,
    /// The id of the person it acts for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    /// Nobody stands behind the agent.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unattended: bool,
    /// What the caller's token says, if they come with one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<TokenFacts>,
    /// The server; may be left out when `tool` is `server/name`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// The tool to call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool: Option<String>,
    /// The URI of a resource.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// The name of a prompt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt: Option<String>,
    /// A method outside the specification, decided as action `extension`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// The action, where the target does not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// The arguments of a tool or prompt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<Box<RawValue>>,
    /// The time of the decision, RFC 3339; now, when it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// The address the call comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip: Option<IpAddr>,
    /// `http` or `stdio`; `http` when it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transport: Option<TransportName>,
}

/// What a token says, as policies see it in `context.token`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenFacts {
    /// Who vouches for it.
    pub issuer: String,
    /// What it was given out for.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// What the configuration takes from it: texts, lists of texts, whole numbers, booleans.
    #[serde(default)]
    pub claims: BTreeMap<String, serde_json::Value>,
}

/// How the call comes to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TransportName {
    /// Streamable HTTP.
    Http,
    /// Standard input and output.
    Stdio,
}

/// What is wrong with an inquiry, in a sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadInquiry(String);

/// A question that can be decided about.
#[derive(Debug, Clone)]
pub struct Question {
    /// Who would call.
    pub caller: Caller,
    /// What they would ask for.
    pub call: Call,
    /// When; `None` for now.
    pub at: Option<Timestamp>,
}

/// Answers an inquiry by the policies in force, in JSON.
///
/// # Errors
///
/// What is wrong with the inquiry.
pub(super) fn answer(gate: &Gate, body: &Bytes, limits: mcp::Limits) -> Result<serde_json::Value, String> {
    let question = Inquiry::read(body, limits).and_then(Inquiry::question).map_err(|error| error.to_string())?;
    let explanation = gate.explain(&question.caller, &question.call, question.at);
    serde_json::to_value(explanation).map_err(|error| error.to_string())
}

impl Inquiry {
    /// Reads an inquiry as strictly as a message.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn read(body: &[u8], limits: mcp::Limits) -> Result<Self, BadInquiry> {
        mcp::check_json(body, limits).map_err(|error| BadInquiry(format!("the body {error}")))?;
        serde_json::from_slice(body).map_err(|error| BadInquiry(format!("the body is not an inquiry: {error}")))
    }

    /// The question it asks.
    ///
    /// # Errors
    ///
    /// What is missing, or contradicts something else.
    pub fn question(self) -> Result<Question, BadInquiry> {
        let caller = self.caller()?;
        let (server, target) = self.server_and_target()?;
        let action = self.action(&target)?;
        let at = self.at.as_deref().map(time).transpose()?;
        let arguments = self.arguments(action)?;
        let transport = match self.transport {
            Some(TransportName::Stdio) => Transport::Stdio,
            Some(TransportName::Http) | None => Transport::Http,
        };
        let source = Source { transport, ip: self.ip, session: None };
        let call = Call { server, action, target, arguments, source, request: None, trace: None };
        Ok(Question { caller, call, at })
    }

    fn caller(&self) -> Result<Caller, BadInquiry> {
        let actor = match (&self.actor, self.unattended) {
            (Some(actor), false) => Actor::Person(UserId::new(actor.as_str())),
            (None, true) => Actor::Unattended,
            (Some(_), true) => return bad("there is an `actor`, and `unattended` says that there is none"),
            (None, false) => return bad("it must be said for whom the agent acts: `actor`, or `unattended` for nobody"),
        };
        if self.agent.is_empty() {
            return bad("`agent` is empty");
        }
        let caller = Caller::new(AgentId::new(self.agent.as_str()), actor);
        Ok(match &self.token {
            Some(facts) => caller.with_token(facts.token()?),
            None => caller,
        })
    }

    fn server_and_target(&self) -> Result<(ServerName, Target), BadInquiry> {
        let targets = [
            self.tool.as_deref().map(|name| Target::Tool(name.into())),
            self.resource.as_deref().map(|uri| Target::Resource(uri.into())),
            self.prompt.as_deref().map(|name| Target::Prompt(name.into())),
            self.method.as_deref().map(|name| Target::Method(name.into())),
        ];
        let mut given = targets.into_iter().flatten();
        let (target, None) = (given.next().unwrap_or(Target::Server), given.next()) else {
            return bad("only one of `tool`, `resource`, `prompt` and `method` can be asked for at a time");
        };
        match (&self.server, target) {
            (Some(server), target) => Ok((server_name(server)?, target)),
            (None, Target::Tool(full)) => match full.split_once('/') {
                Some((server, name)) => Ok((server_name(server)?, Target::Tool(name.into()))),
                None => bad("the server is missing: give `server`, or the tool as `server/name`"),
            },
            (None, _) => bad("`server` is missing"),
        }
    }

    /// The action that the target implies, or the one that is asked for if it goes with the target.
    fn action(&self, target: &Target) -> Result<Action, BadInquiry> {
        let fitting = target.actions();
        let Some(asked) = &self.action else {
            return match (target, fitting) {
                (Target::Server, _) | (_, []) => {
                    bad("what is asked for is missing: `tool`, `resource`, `prompt`, `method` or `action`")
                }
                (_, [implied, ..]) => Ok(*implied),
            };
        };
        if let Some(action) = fitting.iter().find(|action| action.name() == asked) {
            return Ok(*action);
        }
        let names = || Action::ALL.iter().map(|action| action.name());
        if names().any(|name| name == asked) {
            let fitting: Vec<String> = fitting.iter().map(|action| format!("`{action}`")).collect();
            return bad(&format!("action `{asked}` does not go with this target; {} would", fitting.join(", ")));
        }
        let meant = nearest(asked, names()).map_or_else(
            || "a method outside the specification is given as `method`".to_owned(),
            |meant| format!("did you mean `{meant}`?"),
        );
        bad(&format!("there is no action `{}`: {meant}", asked.escape_debug()))
    }

    fn arguments(&self, action: Action) -> Result<Arguments, BadInquiry> {
        match (&self.input, action) {
            (None, _) => Ok(Arguments::ABSENT),
            (Some(input), Action::ToolsCall | Action::PromptsGet) => {
                Ok(Arguments::from_checked_json(Bytes::copy_from_slice(input.get().as_bytes())))
            }
            (Some(_), _) => bad("`input` is for tools and prompts only: policies see the arguments of nothing else"),
        }
    }
}

impl TokenFacts {
    fn token(&self) -> Result<Token, BadInquiry> {
        let claim = |(name, value): (&String, &serde_json::Value)| match identity::attribute_of(value) {
            Some(attribute) => Ok((name.as_str().into(), attribute)),
            None => bad(&format!(
                "claim `{}` is neither a text nor a list of texts nor a whole number nor true or false",
                name.escape_debug()
            )),
        };
        Ok(Token {
            issuer: self.issuer.as_str().into(),
            id: None,
            chain: Vec::new(),
            scopes: self.scopes.iter().map(|scope| scope.as_str().into()).collect(),
            attributes: self.claims.iter().map(claim).collect::<Result<_, _>>()?,
        })
    }
}

fn bad<T>(sentence: &str) -> Result<T, BadInquiry> {
    Err(BadInquiry(sentence.to_owned()))
}

fn server_name(name: &str) -> Result<ServerName, BadInquiry> {
    let form = "1 to 64 of a-z 0-9 . _ -, beginning with a letter or digit";
    ServerName::new(name).map_or_else(|| bad(&format!("`{}` is not the name of a server: {form}", name.escape_debug())), Ok)
}

fn time(text: &str) -> Result<Timestamp, BadInquiry> {
    match text.parse::<jiff::Timestamp>() {
        Ok(at) => Ok(Timestamp::from_micros(at.as_microsecond())),
        Err(_) => bad(&format!("`{}` is not a time like 2026-03-02T10:30:00Z", text.escape_debug())),
    }
}

#[cfg(test)]
#[path = "inquiry_tests.rs"]
mod tests;
