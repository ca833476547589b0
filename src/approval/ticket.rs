//! A ticket: what a person is asked to approve, and what came of it.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use ring::digest::{SHA256, digest};

use crate::domain::{
    Action, Actor, AgentId, Approval, CallDigest, Caller, Channel, DecisionId, Fingerprint, Memberships, ServerName, Source,
    Standing, Target, Terms, TicketId, TicketState, Timestamp, Token, UserId, Verdict,
};

/// Who asks, as far as a ticket is bound to them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asker {
    /// The program.
    pub agent: AgentId,
    /// The person it acts for; nobody when it acts on its own.
    pub actor: Option<UserId>,
    /// Who vouches for them, when a token does.
    pub issuer: Option<Arc<str>>,
    /// What they brought when they asked. A ticket is not bound to this and what follows: the call is decided with what they bring then.
    pub standing: Arc<Standing>,
    /// What else their token said.
    pub token: Option<Arc<Token>>,
    /// Whether somebody vouched for them.
    pub vouched: bool,
}

impl Asker {
    /// Those who call.
    #[must_use]
    pub fn of(caller: &Caller) -> Self {
        Self {
            agent: caller.agent.clone(),
            actor: caller.actor.person().cloned(),
            issuer: caller.token.as_ref().map(|token| Arc::clone(&token.issuer)),
            standing: Arc::clone(&caller.standing),
            token: caller.token.clone(),
            vouched: caller.vouched,
        }
    }

    /// The same as a caller.
    #[must_use]
    pub fn caller(&self) -> Caller {
        let Self { agent, actor, standing, token, vouched, .. } = self;
        let actor = actor.clone().map_or(Actor::Unattended, Actor::Person);
        let (standing, token) = (Arc::clone(standing), token.clone());
        Caller { standing, token, vouched: *vouched, ..Caller::new(agent.clone(), actor) }
    }

    fn is(&self, other: &Self) -> bool {
        (&self.agent, &self.actor, &self.issuer) == (&other.agent, &other.actor, &other.issuer)
    }
}

/// All that a ticket is bound to. Two calls that agree in this are the same call.
///
/// What is not in it, on purpose: the request's id, the session, the transport, `_meta` and progress tokens, none of which changes what is
/// done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bound {
    /// Who asks.
    pub asker: Asker,
    /// At which server.
    pub server: ServerName,
    /// For what.
    pub action: Action,
    /// Of what.
    pub target: Target,
    /// The meta-tool through which they ask.
    pub via: Option<Arc<str>>,
    /// With which arguments: their canonical form.
    pub arguments: Option<Bytes>,
    /// What the tool's definition was.
    pub definition: Option<Fingerprint>,
}

impl Bound {
    /// SHA-256 over the projection: one JSON object with sorted keys and no white space, whose members are absent where there is nothing.
    #[must_use]
    pub fn digest(&self) -> CallDigest {
        let hash = digest(&SHA256, self.projection().as_bytes());
        let mut bytes = [0; 32];
        bytes.copy_from_slice(hash.as_ref());
        CallDigest::new(bytes)
    }

    /// The text that the digest is over (`docs/approvals.md`, "What a ticket is bound to").
    #[must_use]
    pub fn projection(&self) -> String {
        let text = |text: &str| serde_json::Value::from(text).to_string();
        let arguments = self.arguments.as_ref().map(|arguments| String::from_utf8_lossy(arguments).into_owned());
        let members = [
            ("action", Some(text(self.action.name()))),
            ("actor", self.asker.actor.as_ref().map(|actor| text(actor.as_str()))),
            ("agent", Some(text(self.asker.agent.as_str()))),
            ("arguments", arguments),
            ("definition", self.definition.map(|definition| text(&definition.to_string()))),
            ("issuer", self.asker.issuer.as_deref().map(text)),
            ("server", Some(text(self.server.as_str()))),
            ("target", self.target.name().map(text)),
            ("v", Some("1".to_owned())),
            ("via", self.via.as_deref().map(text)),
        ];
        let members = members.into_iter().filter_map(|(key, value)| Some(format!("\"{key}\":{}", value?)));
        format!("{{{}}}", members.collect::<Vec<_>>().join(","))
    }

    /// Whether the two are about the same thing for the same caller, whatever the arguments.
    #[must_use]
    pub fn is_alike(&self, other: &Self) -> bool {
        self.asker.is(&other.asker)
            && self.concerns_the_same(other)
            && (self.via == other.via)
            && self.definition == other.definition
    }

    /// Whether the two are about the same thing, whoever asks and whatever the arguments.
    #[must_use]
    pub fn concerns_the_same(&self, other: &Self) -> bool {
        (&self.server, self.action, &self.target) == (&other.server, other.action, &other.target)
    }
}

/// What somebody ruled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vote {
    /// Who.
    pub ruler: UserId,
    /// What they brought when they did.
    pub standing: Memberships,
    /// What.
    pub verdict: Verdict,
    /// When.
    pub at: Timestamp,
    /// What they said about it.
    pub comment: Option<Arc<str>>,
    /// By what way.
    pub channel: Channel,
}

/// What was granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grant {
    /// Until when it is good.
    pub until: Timestamp,
    /// For how many calls it is still good; `None`: for any number until then.
    pub uses: Option<u32>,
    /// Whether it is good whatever the arguments.
    pub any_arguments: bool,
    /// Whether it was given for more than one call.
    pub window: bool,
}

/// What a person is asked to approve, and what came of it. A value: every change makes another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    /// Its name.
    pub id: TicketId,
    /// What it is for. The arguments are let go of when it is over, unless it was used.
    pub bound: Bound,
    /// The digest of what it is for.
    pub digest: CallDigest,
    /// From where the call came first.
    pub source: Source,
    /// The decision that asked for it first.
    pub decision: DecisionId,
    /// Where that decision stands in the log.
    pub seq: u64,
    /// When it was asked for.
    pub asked: Timestamp,
    /// When it ends by itself while nobody has ruled.
    pub expires: Timestamp,
    /// What the policies that ask say about it.
    pub terms: Terms,
    /// Who ruled what so far, in order.
    pub votes: Vec<Vote>,
    /// How it stands.
    pub state: TicketState,
    /// What was granted, once it was.
    pub grant: Option<Grant>,
    /// How many calls were made with it.
    pub used: u32,
    /// When it was over.
    pub ended: Option<Timestamp>,
}

impl Ticket {
    /// The approvals so far as policies see them, with one more if there is one; `None` when nobody approved.
    #[must_use]
    pub fn approval(&self, one_more: Option<&Vote>, expires: Timestamp, window: bool) -> Option<Approval> {
        let mut approving = self.votes.iter().chain(one_more).filter(|vote| vote.verdict == Verdict::Approve);
        let approvers: BTreeSet<UserId> = approving.clone().map(|vote| vote.ruler.clone()).collect();
        let last = approving.next_back()?;
        Some(Approval { by: last.ruler.clone(), standing: last.standing.clone(), approvers, at: last.at, expires, window })
    }

    /// What is granted, as policies see it.
    #[must_use]
    pub fn granted(&self) -> Option<Approval> {
        let grant = self.grant.filter(|_| self.state == TicketState::Granted)?;
        self.approval(None, grant.until, grant.window)
    }

    /// When it is over by itself, as it stands; `None` when it is over.
    #[must_use]
    pub fn ends(&self) -> Option<Timestamp> {
        match self.state {
            TicketState::Waiting => Some(self.expires),
            TicketState::Granted => Some(self.grant.map_or(self.expires, |grant| grant.until)),
            TicketState::Rejected | TicketState::Expired | TicketState::Spent | TicketState::Void => None,
        }
    }
}

#[cfg(test)]
#[path = "ticket_tests.rs"]
mod tests;
