//! A ticket in JSON, as people's tools read it: the control socket, the REST interface and webhooks write this one form.
//!
//! Members that do not apply are absent. What a ticket looks like on disk is another matter (`stored`).

use serde::Serialize;
use serde_json::value::RawValue;

use super::ticket::{Grant, Ticket, Vote};
use crate::clock::rfc3339;
use crate::domain::PolicyRef;

/// The form. `docs/approvals.md` describes each member.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "the members are described where users read it")]
pub struct TicketJson<'a> {
    pub id: String,
    pub state: &'static str,
    pub asked: String,
    pub expires: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended: Option<String>,
    pub agent: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer: Option<&'a str>,
    pub server: &'a str,
    pub action: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub via: Option<&'a str>,
    /// Exactly as they will run: numbers are not read and written again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arguments: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub definition: Option<String>,
    pub decision: String,
    pub seq: u64,
    pub because: Vec<PolicyJson<'a>>,
    pub terms: TermsJson<'a>,
    pub votes: Vec<VoteJson<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grant: Option<GrantJson>,
    pub used: u32,
}

/// A policy that asks.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "the members are described where users read it")]
pub struct PolicyJson<'a> {
    pub policy: &'a str,
    pub file: &'a str,
    pub line: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'a str>,
}

/// What the policies that ask say about the approval.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "the members are described where users read it")]
pub struct TermsJson<'a> {
    pub groups: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window_seconds: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub breakglass_seconds: Option<u64>,
    pub confirm: bool,
}

/// What somebody ruled.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "the members are described where users read it")]
pub struct VoteJson<'a> {
    pub ruler: &'a str,
    pub verdict: &'static str,
    pub at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comment: Option<&'a str>,
    pub channel: &'static str,
}

/// What was granted.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "the members are described where users read it")]
pub struct GrantJson {
    pub until: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uses_left: Option<u32>,
    pub any_arguments: bool,
    pub window: bool,
}

impl Ticket {
    /// The ticket in JSON.
    #[must_use]
    pub fn json(&self) -> TicketJson<'_> {
        let arguments = self.bound.arguments.as_deref().and_then(|arguments| serde_json::from_slice(arguments).ok());
        TicketJson {
            id: self.id.to_string(),
            state: self.state.name(),
            asked: rfc3339(self.asked),
            expires: rfc3339(self.expires),
            ended: self.ended.map(rfc3339),
            agent: self.bound.asker.agent.as_str(),
            actor: self.bound.asker.actor.as_ref().map(|actor| actor.as_str()),
            issuer: self.bound.asker.issuer.as_deref(),
            server: self.bound.server.as_str(),
            action: self.bound.action.name(),
            target: self.bound.target.name(),
            via: self.bound.via.as_deref(),
            arguments,
            digest: Some(self.digest.to_string()),
            definition: self.bound.definition.map(|definition| definition.to_string()),
            decision: self.decision.to_string(),
            seq: self.seq,
            because: self.terms.because.iter().map(policy).collect(),
            terms: TermsJson {
                groups: self.terms.groups.iter().map(|group| &**group).collect(),
                window_seconds: self.terms.window.map(|window| window.as_secs()),
                breakglass_seconds: self.terms.breakglass.map(|breakglass| breakglass.as_secs()),
                confirm: self.terms.confirm,
            },
            votes: self.votes.iter().map(vote).collect(),
            grant: self.grant.as_ref().map(grant),
            used: self.used,
        }
    }
}

impl TicketJson<'_> {
    /// The same without what is said in the call and about it: the arguments, and their digest, by which short ones could be guessed; and
    /// without comments.
    #[must_use]
    pub fn outline(mut self) -> Self {
        (self.arguments, self.digest) = (None, None);
        for vote in &mut self.votes {
            vote.comment = None;
        }
        self
    }
}

fn policy(policy: &PolicyRef) -> PolicyJson<'_> {
    PolicyJson { policy: &policy.id, file: &policy.file, line: policy.line, reason: policy.reason.as_deref() }
}

fn vote(vote: &Vote) -> VoteJson<'_> {
    VoteJson {
        ruler: vote.ruler.as_str(),
        verdict: vote.verdict.name(),
        at: rfc3339(vote.at),
        comment: vote.comment.as_deref(),
        channel: vote.channel.name(),
    }
}

fn grant(grant: &Grant) -> GrantJson {
    GrantJson { until: rfc3339(grant.until), uses_left: grant.uses, any_arguments: grant.any_arguments, window: grant.window }
}

#[cfg(test)]
#[path = "json_tests.rs"]
mod tests;
