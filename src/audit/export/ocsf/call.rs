//! Calls as API Activity: what was decided about one, and how an allowed one ended.

use std::net::IpAddr;

use serde_json::{Value, json};

use super::super::entry::Entry;
use super::super::leaf::{Judged, Leaf};
use super::event::{API, Event, OTHER, Severity, Status, house};
use crate::audit::json::present;

/// A decision. It says by whom and what for, with the profiles `security_control`, `ai_operation` and, when it has one, `trace`.
pub(super) fn decision(leaf: &Leaf) -> Event {
    let method = leaf.method().unwrap_or_default();
    let mut event = match leaf.text("action").as_deref() {
        Some("resources/read" | "prompts/get" | "completion/complete" | "roots/list") => Event::of_class(&API, 2, "Read"),
        _ => Event::of_class(&API, OTHER, &method),
    };
    let verdict = Verdict::of(leaf);
    event.severity(verdict.severity());
    event.status(if verdict == Verdict::Allow { Status::Success } else { Status::Failure });
    event.set_some("status_code", leaf.verdict());
    let causes = leaf.causes();
    event.set_some("status_detail", (!causes.is_empty()).then(|| causes.join(", ")));
    event.set("message", sentence(leaf));
    event.set("actor", actor(leaf));
    event.set("api", api(leaf, &method));
    event.set("resources", json!([resource(leaf)]));
    event.set("src_endpoint", endpoint(leaf));
    control(&mut event, leaf, verdict);
    conversation(&mut event, leaf);
    if let Some(trace) = leaf.text("trace") {
        event.with_profile("trace");
        event.set("trace", json!({ "uid": trace }));
    }
    event.place(&["action", "actor", "agent", "decision", "id", "method", "policy", "prompt"]);
    event.place(&["resource", "server", "session", "tool", "trace"]);
    event
}

/// How a call ended. Who asked for what stands in the decision with the same `correlation_uid`.
pub(super) fn outcome(entry: &Entry<'_>, leaf: &Leaf) -> Event {
    let mut event = Event::of_class(&API, OTHER, "Outcome");
    let word = leaf.text("outcome").unwrap_or_default();
    let (status, severity) = match &*word {
        "ok" => (Status::Success, Severity::Informational),
        "tool_error" | "rpc_error" | "cancelled" | "abandoned" => (Status::Failure, Severity::Low),
        "failed" => (Status::Failure, Severity::Medium),
        _ => (Status::Unknown, Severity::Unknown),
    };
    event.status(status);
    event.severity(severity);
    event.set("status_code", &*word);
    event.set_some("status_detail", leaf.text("failure"));
    event.set_some("duration", leaf.number("us").map(|micros| micros / 1_000));
    event.set("message", format!("an allowed call ended: {word}"));
    event.set("actor", house(entry));
    event.set("src_endpoint", json!({ "svc_name": "cedarpost", "uid": entry.origin() }));
    let response = present(json!({ "message": word, "error_message": leaf.text("failure") }));
    event.set("api", present(json!({ "operation": "outcome", "response": response, "request": request(leaf) })));
    event.place(&["failure", "id", "outcome"]);
    event
}

/// Requests that were turned away before anything was decided: nobody knows whose they were.
pub(super) fn unidentified(leaf: &Leaf) -> Event {
    let mut event = Event::of_class(&API, OTHER, "Unidentified");
    event.status(Status::Failure);
    event.severity(Severity::Low);
    event.set_some("status_code", leaf.turned_away());
    event.set_some("count", leaf.number("count").and_then(|count| i32::try_from(count).ok()));
    event.set("message", format!("requests were turned away: {}", leaf.turned_away().unwrap_or_default()));
    event.set("actor", json!({ "user": { "name": "unknown", "type": "Unknown", "type_id": 0 } }));
    event.set("api", json!({ "operation": "unknown", "service": { "name": leaf.text("server").unwrap_or_default() } }));
    event.set("src_endpoint", endpoint(leaf));
    event.place(&["reason", "server"]);
    event
}

/// A question of a service about something that is no call: what was asked about whom, and what it was told.
pub(super) fn access(leaf: &Leaf) -> Event {
    let said = |name| leaf.text(name).unwrap_or_default();
    let search = leaf.text("search");
    let operation = search.as_deref().map_or_else(|| said("action").into_owned(), |what| format!("search {what}"));
    let mut event = Event::of_class(&API, OTHER, &operation);
    if search.is_some() {
        event.severity(Severity::Informational);
        event.status(Status::Success);
        event.set_some("count", leaf.number("found").and_then(|count| i32::try_from(count).ok()));
    } else {
        let verdict = Verdict::of(leaf);
        event.severity(verdict.severity());
        event.status(if verdict == Verdict::Allow { Status::Success } else { Status::Failure });
        event.set_some("status_code", leaf.verdict());
        let causes = leaf.causes();
        event.set_some(
            "status_detail",
            (!causes.is_empty()).then(|| causes.join(", ")).or_else(|| leaf.text("why").map(Into::into)),
        );
        control(&mut event, leaf, verdict);
    }
    let answer = leaf.verdict().unwrap_or("found".into());
    let (subject, resource) = (said("subject"), said("resource"));
    event.set("message", format!("{answer}: {operation} on {resource} by {subject}, asked by {}", said("by")));
    event.set("actor", present(json!({ "app_name": leaf.text("by"), "user": user_of(leaf) })));
    event.set("api", present(json!({ "operation": operation, "request": request(leaf) })));
    let (name, kind) = (leaf.text("resource"), leaf.text("resource_type"));
    event.set("resources", json!([present(json!({ "name": name, "type": kind, "role": "Target", "role_id": 1 }))]));
    event.set("src_endpoint", present(json!({ "name": leaf.text("by") })));
    if let Some(trace) = leaf.text("trace") {
        event.with_profile("trace");
        event.set("trace", json!({ "uid": trace }));
    }
    event.place(&["action", "by", "decision", "found", "id", "policy", "resource", "resource_type", "search"]);
    event.place(&["subject", "subject_type", "trace", "why"]);
    event
}

/// Whom a service asked about, as a user.
fn user_of(leaf: &Leaf) -> Option<Value> {
    let subject = leaf.text("subject")?;
    Some(json!({ "name": subject, "uid": subject, "type": leaf.text("subject_type").unwrap_or_default(), "type_id": 99 }))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Allow,
    Approval,
    Deny,
    Unknown,
}

impl Verdict {
    fn of(leaf: &Leaf) -> Self {
        match leaf.text("decision").as_deref() {
            Some("allow") => Self::Allow,
            Some("require_approval") => Self::Approval,
            Some("deny") => Self::Deny,
            Some(_) | None => Self::Unknown,
        }
    }

    const fn severity(self) -> Severity {
        match self {
            Self::Allow => Severity::Informational,
            Self::Approval => Severity::Low,
            Self::Deny => Severity::Medium,
            Self::Unknown => Severity::Unknown,
        }
    }
}

fn sentence(leaf: &Leaf) -> String {
    let said = |name| leaf.text(name).unwrap_or_default();
    let what = leaf.target().map_or_else(String::new, |(_, name)| format!(" {name}"));
    let whom = leaf.text("actor").map_or_else(String::new, |actor| format!(" for {actor}"));
    format!("{}: {}{what} at {} by {}{whom}", said("decision"), said("action"), said("server"), said("agent"))
}

/// The agent is the application; the person it acts for is the user.
fn actor(leaf: &Leaf) -> Value {
    let agent = leaf.text("agent").unwrap_or_default();
    let groups = Some(groups(leaf)).filter(|groups| !groups.is_empty());
    let user = leaf.text("actor");
    let user = user.map(|user| present(json!({ "name": user, "uid": user, "type": "User", "type_id": 1, "groups": groups })));
    let credential = leaf.token("token", &["jti", "sha256"]);
    let session =
        json!({ "uid": leaf.text("session"), "issuer": leaf.token("token", &["issuer"]), "credential_uid": credential });
    let session = Some(present(session)).filter(|session| session.as_object().is_some_and(|members| !members.is_empty()));
    present(json!({ "app_name": agent, "app_uid": agent, "user": user, "session": session }))
}

/// The roles and teams that the person brought.
fn groups(leaf: &Leaf) -> Vec<Value> {
    let brought = leaf.members().get("actor_brings");
    let named = |member: &str, word: &str| -> Vec<Value> {
        let names = brought.and_then(|brought| brought.get(member)).and_then(Value::as_array);
        let names = names.into_iter().flatten().filter_map(Value::as_str);
        names.map(|name| json!({ "name": name, "type": word })).collect()
    };
    [named("roles", "role"), named("teams", "team")].concat()
}

fn api(leaf: &Leaf, method: &str) -> Value {
    let service = json!({ "name": leaf.text("server").unwrap_or_default() });
    present(json!({ "operation": method, "service": service, "request": request(leaf) }))
}

/// The decision's id is the one name of a call that no other call has.
fn request(leaf: &Leaf) -> Option<Value> {
    leaf.text("id").map(|id| json!({ "uid": id }))
}

fn resource(leaf: &Leaf) -> Value {
    let server = leaf.text("server").unwrap_or_default();
    match leaf.target() {
        Some((kind, name)) => json!({ "name": name, "type": kind, "namespace": server, "role": "Target", "role_id": 1 }),
        None => json!({ "name": server, "type": "server", "role": "Target", "role_id": 1 }),
    }
}

/// Where the call came from: an address, or the name of the way when that has none.
fn endpoint(leaf: &Leaf) -> Value {
    let address = leaf.source("ip").and_then(|ip| ip.parse::<IpAddr>().ok());
    match address {
        Some(address) => json!({ "ip": address.to_canonical().to_string() }),
        None => json!({ "name": leaf.source("transport").unwrap_or("unknown".into()) }),
    }
}

/// What kind of no it is.
fn disposition(leaf: &Leaf, verdict: Verdict) -> (u64, &'static str) {
    let causes = leaf.causes();
    let any = |names: &[&str]| causes.iter().any(|cause| names.contains(&&**cause));
    match verdict {
        Verdict::Allow => (1, "Allowed"),
        Verdict::Approval => (26, "Unauthorized"),
        Verdict::Deny if any(&["forbidden", "no_permit", "approval_missing", "unknown_principal"]) => (26, "Unauthorized"),
        Verdict::Deny if any(&["not_evaluable", "not_representable", "invalid_request", "no_policies_in_force"]) => (27, "Error"),
        Verdict::Deny => (2, "Blocked"),
        Verdict::Unknown => (0, "Unknown"),
    }
}

fn control(event: &mut Event, leaf: &Leaf, verdict: Verdict) {
    event.with_profile("security_control");
    let (action, name) = match verdict {
        Verdict::Allow => (1, "Allowed"),
        Verdict::Approval | Verdict::Deny => (2, "Denied"),
        Verdict::Unknown => (0, "Unknown"),
    };
    event.set("action_id", action);
    event.set("action", name);
    let (disposition, name) = disposition(leaf, verdict);
    event.set("disposition_id", disposition);
    event.set("disposition", name);
    let snapshot = leaf.text("policy");
    event.set(
        "authorizations",
        leaf.judgements().flat_map(|judged| authorizations(judged, snapshot.as_deref())).collect::<Vec<_>>(),
    );
    if let Some(snapshot) = snapshot {
        event.set("policy", json!({ "name": "policies in force", "uid": snapshot, "type": "Cedar", "is_applied": true }));
    }
}

/// One for each policy that determined the judgement, or one that names only the set.
fn authorizations(judged: Judged<'_>, snapshot: Option<&str>) -> Vec<Value> {
    let principal = judged.text("principal").unwrap_or_default();
    let decision = match judged.text("cause").as_deref() {
        Some("permitted") => "allowed",
        Some("approval_missing") => "approval required",
        Some(_) | None => "denied",
    };
    let mut found: Vec<Value> = judged
        .policies()
        .map(|(id, file, line)| {
            let found_at = format!("{file}:{line}, judged for the {principal}");
            let policy =
                json!({ "name": id, "uid": id, "type": "Cedar", "desc": found_at, "is_applied": true, "version": snapshot });
            json!({ "decision": decision, "policy": present(policy) })
        })
        .collect();
    if found.is_empty() {
        found.push(json!({ "decision": decision }));
    }
    found
}

/// Between which program and which server the call went.
fn conversation(event: &mut Event, leaf: &Leaf) {
    event.with_profile("ai_operation");
    let agent = leaf.text("agent").unwrap_or_default();
    let context = json!({
        "ai_role": "Agent",
        "ai_role_id": 4,
        "application": { "name": agent, "uid": agent },
        "service": { "name": leaf.text("server").unwrap_or_default() },
        "uid": leaf.text("session"),
    });
    event.set("message_context", present(context));
}
