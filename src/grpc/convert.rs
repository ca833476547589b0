//! Messages to words of the house and back. Read strictly: what is missing, or says two things, is refused with the name of the field.

use std::sync::Arc;

use crate::domain::{
    self, Action, Actor, AgentId, Arguments, Attribute, Call, Caller, Decision, Judgement, Memberships, ServerName, Source,
    Standing, Target, Timestamp, Token, TraceId, Transport, UserId,
};
use crate::gate::{Checked, Pending};
use crate::json;

use super::pb;
use super::problem::BadField;
use super::watch::Record;

/// The longest name of anything, in bytes.
const MAX_NAME: usize = 1024;

type Read<T> = Result<T, BadField>;

pub(super) fn caller(message: Option<pb::Caller>) -> Read<Caller> {
    let message = message.ok_or_else(|| BadField::new("caller", "is required"))?;
    read_caller(message).map_err(|bad| bad.within("caller"))
}

fn read_caller(message: pb::Caller) -> Read<Caller> {
    let pb::Caller { agent, person, agent_brings, actor_brings, token } = message;
    let actor = match person {
        Some(pb::caller::Person::Actor(actor)) => Actor::Person(UserId::new(name("actor", actor)?)),
        Some(pb::caller::Person::Unattended(true)) => Actor::Unattended,
        Some(pb::caller::Person::Unattended(false)) => {
            return Err(BadField::new("unattended", "must be true, or `actor` must be given"));
        }
        None => return Err(BadField::new("person", "is required: give `actor`, or `unattended` for nobody")),
    };
    if actor_brings.is_some() && actor == Actor::Unattended {
        return Err(BadField::new("actor_brings", "belongs to nobody: there is no `actor`"));
    }
    let standing =
        Standing { agent: memberships("agent_brings", agent_brings)?, actor: memberships("actor_brings", actor_brings)? };
    // Who asks us for a decision vouches for whom it is about.
    let caller = Caller::new(AgentId::new(name("agent", agent)?), actor).with_standing(standing).vouched();
    Ok(match token {
        Some(token) => caller.with_token(read_token(token).map_err(|bad| bad.within("token"))?),
        None => caller,
    })
}

fn memberships(field: &str, message: Option<pb::Memberships>) -> Read<Memberships> {
    let pb::Memberships { roles, teams } = message.unwrap_or_default();
    let names = |inner: &str, names: Vec<String>| {
        names.into_iter().map(|text| name(inner, text)).collect::<Read<_>>().map_err(|bad| bad.within(field))
    };
    Ok(Memberships { roles: names("roles", roles)?, teams: names("teams", teams)? })
}

fn read_token(message: pb::Token) -> Read<Token> {
    let pb::Token { issuer, scopes, claims } = message;
    let claim = |(key, claim): (String, pb::Claim)| {
        let value = claim.value.ok_or_else(|| BadField::new(format!("claims[{key}]"), "has no value"))?;
        let value = match value {
            pb::claim::Value::Text(text) => Attribute::Text(text.into()),
            pb::claim::Value::Texts(pb::Texts { values }) => Attribute::Texts(values.into_iter().map(Arc::from).collect()),
            pb::claim::Value::Flag(flag) => Attribute::Flag(flag),
            pb::claim::Value::Number(number) => Attribute::Number(number),
        };
        Ok((key.into(), value))
    };
    Ok(Token {
        issuer: name("issuer", issuer)?,
        id: None,
        chain: Vec::new(),
        scopes: scopes.into_iter().map(Arc::from).collect(),
        attributes: claims.into_iter().map(claim).collect::<Read<_>>()?,
    })
}

/// A call. `depth` is how deep arguments may be nested.
pub(super) fn call(message: Option<pb::Call>, depth: u32) -> Read<Call> {
    let message = message.ok_or_else(|| BadField::new("call", "is required"))?;
    read_call(message, depth).map_err(|bad| bad.within("call"))
}

fn read_call(message: pb::Call, depth: u32) -> Read<Call> {
    let pb::Call { server, target, action, arguments_json, source, traceparent } = message;
    let target = match target {
        Some(pb::call::Target::Tool(tool)) => Target::Tool(filled("tool", tool)?),
        Some(pb::call::Target::Resource(uri)) => Target::Resource(filled("resource", uri)?),
        Some(pb::call::Target::Prompt(prompt)) => Target::Prompt(filled("prompt", prompt)?),
        Some(pb::call::Target::Method(method)) => Target::Method(filled("method", method)?),
        Some(pb::call::Target::ServerItself(true)) => Target::Server,
        Some(pb::call::Target::ServerItself(false)) => return Err(BadField::new("server_itself", "must be true")),
        None => {
            return Err(BadField::new("target", "is required: `tool`, `resource`, `prompt`, `method` or `server_itself`"));
        }
    };
    let action = read_action(&action, &target)?;
    let trace = TraceId::from_traceparent(&traceparent);
    if trace.is_none() && !traceparent.is_empty() {
        return Err(BadField::new("traceparent", "is not a W3C traceparent"));
    }
    let arguments = read_arguments(arguments_json, action, depth)?;
    let (server, source) = (self::server(&server)?, self::source(source)?);
    Ok(Call { server, action, target, arguments, source, request: None, trace })
}

fn read_action(name: &str, target: &Target) -> Read<Action> {
    let fitting = target.actions();
    let implied = fitting.first().filter(|_| *target != Target::Server);
    match (name, implied) {
        ("", Some(implied)) => Ok(*implied),
        ("", None) => Err(BadField::new("action", "is required for the server itself")),
        (name, _) => fitting.iter().copied().find(|action| action.name() == name).ok_or_else(|| {
            let fitting: Vec<_> = fitting.iter().map(|action| action.name()).collect();
            BadField::new("action", format!("does not go with this target; {} would", fitting.join(", ")))
        }),
    }
}

fn read_arguments(text: String, action: Action, depth: u32) -> Read<Arguments> {
    match (text.is_empty(), action) {
        (true, _) => Ok(Arguments::ABSENT),
        (false, Action::ToolsCall | Action::PromptsGet) => {
            json::check(&text, depth).map_err(|fault| BadField::new("arguments_json", unclear(fault)))?;
            if !json::is_object(&text) {
                return Err(BadField::new("arguments_json", "is not a JSON object"));
            }
            Ok(Arguments::from_checked_json(text.into()))
        }
        (false, _) => Err(BadField::new("arguments_json", "is for tools and prompts only")),
    }
}

const fn unclear(fault: json::Fault) -> &'static str {
    match fault {
        json::Fault::Syntax | json::Fault::Shape => "is not JSON that every parser reads alike",
        json::Fault::Depth => "is nested too deep",
        json::Fault::DuplicateKey => "has a key that stands twice in one object",
    }
}

pub(super) fn server(name: &str) -> Read<ServerName> {
    let form = "is not the name of a server: 1 to 64 of a-z 0-9 . _ -, beginning with a letter or digit";
    ServerName::new(name).ok_or_else(|| BadField::new("server", form))
}

pub(super) fn source(message: Option<pb::Source>) -> Read<Source> {
    let pb::Source { ip, transport, session } = message.unwrap_or_default();
    let transport = match pb::Transport::try_from(transport) {
        Ok(pb::Transport::Unspecified | pb::Transport::Http) => Transport::Http,
        Ok(pb::Transport::Stdio) => Transport::Stdio,
        Err(_) => return Err(BadField::new("source.transport", "is none that this version knows")),
    };
    let ip = match ip.as_str() {
        "" => None,
        ip => Some(ip.parse().map_err(|_| BadField::new("source.ip", "is not an IP address"))?),
    };
    let session = Some(session).filter(|session| !session.is_empty()).map(|session| name("source.session", session));
    Ok(Source { transport, ip, session: session.transpose()? })
}

fn filled(field: &str, text: String) -> Read<Arc<str>> {
    if text.is_empty() { Err(BadField::new(field, "is empty")) } else { Ok(text.into()) }
}

fn name(field: &str, text: String) -> Read<Arc<str>> {
    match text.len() {
        0 => Err(BadField::new(field, "is required")),
        length if length > MAX_NAME => Err(BadField::new(field, format!("is longer than {MAX_NAME} bytes"))),
        _ => Ok(text.into()),
    }
}

pub(super) fn checked(checked: &Checked) -> pb::CheckResponse {
    let grounds = checked.decision.grounds();
    pb::CheckResponse {
        decision: decision(&checked.decision).into(),
        decision_id: checked.id.to_string(),
        message: checked.refusal.as_ref().map(crate::gate::Refusal::sentence).unwrap_or_default(),
        judgements: grounds.judgements.iter().map(judgement).collect(),
        policy_fingerprint: grounds.snapshot.to_string(),
        pending: checked.pending.as_ref().map(pending),
        approved_by_ticket: checked.approved.map(|ticket| ticket.to_string()).unwrap_or_default(),
    }
}

pub(super) const fn decision(decision: &Decision) -> pb::Decision {
    match decision {
        Decision::Allow(_) => pb::Decision::Allow,
        Decision::Deny(_) => pb::Decision::Deny,
        Decision::RequireApproval(_) => pb::Decision::RequireApproval,
    }
}

fn judgement(judgement: &Judgement) -> pb::Judgement {
    pb::Judgement {
        principal: judgement.principal.name().to_owned(),
        cause: judgement.cause.name().to_owned(),
        policies: judgement.policies.iter().map(policy).collect(),
        faults: judgement.faults.iter().map(|fault| policy(&fault.policy)).collect(),
    }
}

pub(super) fn policy(policy: &domain::PolicyRef) -> pb::PolicyRef {
    pb::PolicyRef { id: policy.id.to_string(), file: policy.file.to_string(), line: policy.line }
}

fn pending(pending: &Pending) -> pb::Pending {
    pb::Pending { ticket: pending.ticket.to_string(), expires: Some(time(pending.expires)) }
}

/// A record of the log, and what is read of it for those who do not want to.
pub(super) fn record(record: &Record) -> pb::AuditRecord {
    let looked = record.looked();
    let kind = looked.map(|looked| looked.kind.clone()).unwrap_or_default();
    let time = looked.and_then(|looked| looked.time);
    pb::AuditRecord { seq: record.seq, kind, time, record_json: record.json.clone() }
}

pub(super) fn time(at: Timestamp) -> prost_types::Timestamp {
    let (seconds, micros) = (at.as_micros().div_euclid(1_000_000), at.as_micros().rem_euclid(1_000_000));
    prost_types::Timestamp { seconds, nanos: i32::try_from(micros * 1_000).unwrap_or_default() }
}

/// A point in time; nanoseconds are cut off.
pub(super) fn read_time(field: &str, at: &prost_types::Timestamp) -> Read<Timestamp> {
    let micros = at.seconds.checked_mul(1_000_000).and_then(|micros| micros.checked_add(i64::from(at.nanos) / 1_000));
    let valid = (0..1_000_000_000).contains(&at.nanos);
    micros.filter(|_| valid).map(Timestamp::from_micros).ok_or_else(|| BadField::new(field, "is out of range"))
}

#[cfg(test)]
#[path = "convert_tests.rs"]
mod tests;
