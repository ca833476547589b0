//! A ticket as it lies on disk: JSON, with a version. The arguments lie beside it in pieces, because values are bounded.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::ticket::{Asker, Bound, Grant, Ticket, Vote};
use crate::domain::{
    Action, AgentId, Attribute, CallDigest, Channel, DecisionId, Fingerprint, Memberships, PolicyRef, ServerName, Source,
    Standing, Target, Terms, TicketId, TicketState, Timestamp, Token, Transport, UserId, Verdict,
};

/// The version of the form.
const VERSION: u32 = 1;

/// A ticket without its arguments.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Stored {
    v: u32,
    id: String,
    asker: StoredAsker,
    server: String,
    action: String,
    target: StoredTarget,
    via: Option<String>,
    /// How long the arguments are; absent when there are none.
    arguments: Option<usize>,
    definition: Option<[u8; 32]>,
    digest: [u8; 32],
    source: StoredSource,
    decision: String,
    seq: u64,
    asked: i64,
    expires: i64,
    terms: StoredTerms,
    votes: Vec<StoredVote>,
    state: String,
    grant: Option<StoredGrant>,
    used: u32,
    ended: Option<i64>,
}

#[derive(Debug, Serialize, Deserialize)]
struct StoredAsker {
    agent: String,
    actor: Option<String>,
    issuer: Option<String>,
    agent_standing: StoredStanding,
    actor_standing: StoredStanding,
    token: Option<StoredToken>,
    vouched: bool,
}

#[derive(Debug, Serialize, Deserialize)]
struct StoredToken {
    issuer: String,
    scopes: BTreeSet<String>,
    attributes: BTreeMap<String, StoredAttribute>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum StoredAttribute {
    Text(String),
    Texts(BTreeSet<String>),
    Flag(bool),
    Number(i64),
}

#[derive(Debug, Serialize, Deserialize)]
struct StoredSource {
    transport: String,
    ip: Option<IpAddr>,
}

#[derive(Debug, Serialize, Deserialize)]
struct StoredStanding {
    roles: BTreeSet<String>,
    teams: BTreeSet<String>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum StoredTarget {
    Tool(String),
    Resource(String),
    Prompt(String),
    Server,
    Method(String),
}

#[derive(Debug, Serialize, Deserialize)]
struct StoredTerms {
    because: Vec<StoredPolicy>,
    groups: Vec<String>,
    window_seconds: Option<u64>,
    breakglass_seconds: Option<u64>,
    confirm: bool,
}

#[derive(Debug, Serialize, Deserialize)]
struct StoredPolicy {
    id: String,
    file: String,
    line: u32,
    reason: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
struct StoredVote {
    ruler: String,
    standing: StoredStanding,
    verdict: String,
    at: i64,
    comment: Option<String>,
    channel: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct StoredGrant {
    until: i64,
    uses: Option<u32>,
    any_arguments: bool,
    window: bool,
}

impl Stored {
    pub(super) fn of(ticket: &Ticket) -> Self {
        let Bound { asker, server, action, target, via, arguments, definition } = &ticket.bound;
        Self {
            v: VERSION,
            id: ticket.id.to_string(),
            asker: StoredAsker {
                agent: asker.agent.to_string(),
                actor: asker.actor.as_ref().map(ToString::to_string),
                issuer: asker.issuer.as_deref().map(str::to_owned),
                agent_standing: StoredStanding::of(&asker.standing.agent),
                actor_standing: StoredStanding::of(&asker.standing.actor),
                token: asker.token.as_deref().map(StoredToken::of),
                vouched: asker.vouched,
            },
            server: server.to_string(),
            action: action.name().to_owned(),
            target: StoredTarget::of(target),
            via: via.as_deref().map(str::to_owned),
            arguments: arguments.as_ref().map(Bytes::len),
            definition: definition.map(|definition| *definition.as_bytes()),
            digest: *ticket.digest.as_bytes(),
            source: StoredSource { transport: ticket.source.transport.name().to_owned(), ip: ticket.source.ip },
            decision: ticket.decision.to_string(),
            seq: ticket.seq,
            asked: ticket.asked.as_micros(),
            expires: ticket.expires.as_micros(),
            terms: StoredTerms::of(&ticket.terms),
            votes: ticket.votes.iter().map(StoredVote::of).collect(),
            state: ticket.state.name().to_owned(),
            grant: ticket.grant.map(|grant| StoredGrant {
                until: grant.until.as_micros(),
                uses: grant.uses,
                any_arguments: grant.any_arguments,
                window: grant.window,
            }),
            used: ticket.used,
            ended: ticket.ended.map(Timestamp::as_micros),
        }
    }

    /// How long the arguments are that lie beside it.
    pub(super) const fn arguments(&self) -> Option<usize> {
        self.arguments
    }

    /// The ticket, with its arguments; `None` when something in it is not what this version writes.
    pub(super) fn ticket(self, arguments: Option<Bytes>) -> Option<Ticket> {
        if self.v != VERSION || self.arguments != arguments.as_ref().map(Bytes::len) {
            return None;
        }
        let votes = self.votes.into_iter().map(StoredVote::vote).collect::<Option<_>>()?;
        let standing =
            Standing { agent: self.asker.agent_standing.memberships(), actor: self.asker.actor_standing.memberships() };
        Some(Ticket {
            id: TicketId::parse(&self.id)?,
            bound: Bound {
                asker: Asker {
                    agent: AgentId::new(self.asker.agent),
                    actor: self.asker.actor.map(UserId::new),
                    issuer: self.asker.issuer.map(Arc::from),
                    standing: Arc::new(standing),
                    token: self.asker.token.map(|token| Arc::new(token.token())),
                    vouched: self.asker.vouched,
                },
                server: ServerName::new(&self.server)?,
                action: Action::ALL.into_iter().find(|action| action.name() == self.action)?,
                target: self.target.target(),
                via: self.via.map(Arc::from),
                arguments,
                definition: self.definition.map(Fingerprint::new),
            },
            digest: CallDigest::new(self.digest),
            source: self.source.source()?,
            decision: DecisionId::parse(&self.decision)?,
            seq: self.seq,
            asked: Timestamp::from_micros(self.asked),
            expires: Timestamp::from_micros(self.expires),
            terms: self.terms.terms(),
            votes,
            state: TicketState::parse(&self.state)?,
            grant: self.grant.map(|grant| Grant {
                until: Timestamp::from_micros(grant.until),
                uses: grant.uses,
                any_arguments: grant.any_arguments,
                window: grant.window,
            }),
            used: self.used,
            ended: self.ended.map(Timestamp::from_micros),
        })
    }
}

impl StoredStanding {
    fn of(memberships: &Memberships) -> Self {
        Self { roles: owned(&memberships.roles), teams: owned(&memberships.teams) }
    }

    fn memberships(self) -> Memberships {
        Memberships { roles: shared(self.roles), teams: shared(self.teams) }
    }
}

impl StoredToken {
    /// Its own id and the chain of delegation are for the record of the call, which there is.
    fn of(token: &Token) -> Self {
        let attribute = |(name, value): (&Arc<str>, &Attribute)| (name.to_string(), StoredAttribute::of(value));
        Self {
            issuer: token.issuer.to_string(),
            scopes: owned(&token.scopes),
            attributes: token.attributes.iter().map(attribute).collect(),
        }
    }

    fn token(self) -> Token {
        let attribute = |(name, value): (String, StoredAttribute)| (name.into(), value.attribute());
        Token {
            issuer: self.issuer.into(),
            id: None,
            chain: Vec::new(),
            scopes: shared(self.scopes),
            attributes: self.attributes.into_iter().map(attribute).collect(),
        }
    }
}

impl StoredAttribute {
    fn of(attribute: &Attribute) -> Self {
        match attribute {
            Attribute::Text(text) => Self::Text(text.to_string()),
            Attribute::Texts(texts) => Self::Texts(owned(texts)),
            Attribute::Flag(flag) => Self::Flag(*flag),
            Attribute::Number(number) => Self::Number(*number),
        }
    }

    fn attribute(self) -> Attribute {
        match self {
            Self::Text(text) => Attribute::Text(text.into()),
            Self::Texts(texts) => Attribute::Texts(shared(texts)),
            Self::Flag(flag) => Attribute::Flag(flag),
            Self::Number(number) => Attribute::Number(number),
        }
    }
}

impl StoredSource {
    fn source(self) -> Option<Source> {
        let transport = [Transport::Http, Transport::Stdio].into_iter().find(|transport| transport.name() == self.transport)?;
        Some(Source { transport, ip: self.ip, session: None })
    }
}

fn owned(texts: &BTreeSet<Arc<str>>) -> BTreeSet<String> {
    texts.iter().map(ToString::to_string).collect()
}

fn shared(texts: BTreeSet<String>) -> BTreeSet<Arc<str>> {
    texts.into_iter().map(Arc::from).collect()
}

impl StoredTarget {
    fn of(target: &Target) -> Self {
        match target {
            Target::Tool(name) => Self::Tool(name.to_string()),
            Target::Resource(uri) => Self::Resource(uri.to_string()),
            Target::Prompt(name) => Self::Prompt(name.to_string()),
            Target::Server => Self::Server,
            Target::Method(method) => Self::Method(method.to_string()),
        }
    }

    fn target(self) -> Target {
        match self {
            Self::Tool(name) => Target::Tool(name.into()),
            Self::Resource(uri) => Target::Resource(uri.into()),
            Self::Prompt(name) => Target::Prompt(name.into()),
            Self::Server => Target::Server,
            Self::Method(method) => Target::Method(method.into()),
        }
    }
}

impl StoredTerms {
    fn of(terms: &Terms) -> Self {
        let policy = |policy: &PolicyRef| StoredPolicy {
            id: policy.id.to_string(),
            file: policy.file.to_string(),
            line: policy.line,
            reason: policy.reason.as_deref().map(str::to_owned),
        };
        Self {
            because: terms.because.iter().map(policy).collect(),
            groups: terms.groups.iter().map(ToString::to_string).collect(),
            window_seconds: terms.window.map(|window| window.as_secs()),
            breakglass_seconds: terms.breakglass.map(|window| window.as_secs()),
            confirm: terms.confirm,
        }
    }

    fn terms(self) -> Terms {
        let policy = |policy: StoredPolicy| PolicyRef {
            id: policy.id.into(),
            file: policy.file.into(),
            line: policy.line,
            reason: policy.reason.map(Arc::from),
        };
        Terms {
            because: self.because.into_iter().map(policy).collect(),
            groups: self.groups.into_iter().map(Arc::from).collect(),
            window: self.window_seconds.map(Duration::from_secs),
            breakglass: self.breakglass_seconds.map(Duration::from_secs),
            confirm: self.confirm,
        }
    }
}

impl StoredVote {
    fn of(vote: &Vote) -> Self {
        Self {
            ruler: vote.ruler.to_string(),
            standing: StoredStanding::of(&vote.standing),
            verdict: vote.verdict.name().to_owned(),
            at: vote.at.as_micros(),
            comment: vote.comment.as_deref().map(str::to_owned),
            channel: vote.channel.name().to_owned(),
        }
    }

    fn vote(self) -> Option<Vote> {
        Some(Vote {
            ruler: UserId::new(self.ruler),
            standing: self.standing.memberships(),
            verdict: Verdict::parse(&self.verdict)?,
            at: Timestamp::from_micros(self.at),
            comment: self.comment.map(Arc::from),
            channel: Channel::parse(&self.channel)?,
        })
    }
}
