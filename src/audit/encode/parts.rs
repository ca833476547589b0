//! Parts of leaves: lists and objects that more than one kind of record has, each within bounds.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::domain::{Cause, Evidence, Judgement, Memberships, PolicyFault, PolicyRef, Source, TokenName};

use super::super::json::{Hex, Json};
use super::super::record::{BundleRecord, CheckRecord, GrantRecord, Problem, TicketRecord};
use super::super::time::TimeText;
use super::{FILE, LIST, NAME, NAMES, SENTENCE};

/// What somebody brought; nothing is written when that is nothing.
pub(super) fn write_memberships(json: &mut Json, key: &'static str, brings: &Memberships) {
    if brings.is_empty() {
        return;
    }
    let names = |names: &BTreeSet<Arc<str>>| names.iter().cloned().collect::<Vec<_>>();
    json.key(key).open_object();
    for (key, names) in [("roles", names(&brings.roles)), ("teams", names(&brings.teams))] {
        json.key(key);
        write_list(json, NAMES, &names, |json, name| json.entry().string(name, FILE));
    }
    json.close_object();
}

/// By what the caller was identified. A token is named by its own id, else by its digest; never shown.
pub(super) fn write_evidence(json: &mut Json, evidence: &Evidence) {
    let Evidence { way, token, actor, chain, pod } = evidence;
    json.key("identity").open_object();
    if let Some(actor) = actor {
        json.key("actor");
        write_token(json, actor);
    }
    if !chain.is_empty() {
        json.key("chain");
        write_list(json, NAMES, chain, |json, name| json.entry().string(name, FILE));
    }
    if let Some(pod) = pod {
        json.key("pod").string(pod, FILE);
    }
    if let Some(token) = token {
        json.key("token");
        write_token(json, token);
    }
    json.key("way").plain_text(way.name());
    json.close_object();
}

fn write_token(json: &mut Json, token: &TokenName) {
    json.open_object();
    json.key("issuer").string(&token.issuer, FILE);
    match &token.id {
        Some(id) => json.key("jti").string(id, FILE),
        None => json.key("sha256").plain_text(Hex(&token.sha256)),
    }
    json.close_object();
}

/// The service that asked for a decision.
pub(super) fn write_check(json: &mut Json, record: &CheckRecord<'_>) {
    json.key("check").open_object();
    json.key("by").string(record.by, FILE);
    if record.dry_run {
        json.key("dry_run").boolean(true);
    }
    json.close_object();
}

/// The ticket that has to do with a decision, and who approved.
pub(super) fn write_ticket(json: &mut Json, record: &TicketRecord<'_>) {
    json.key("approval").open_object();
    if let Some(approvers) = record.approvers {
        json.key("by");
        let approvers: Vec<_> = approvers.iter().collect();
        write_list(json, NAMES, &approvers, |json, user| json.entry().string(user.as_str(), NAME));
    }
    json.key("ticket").plain_text(record.ticket);
    json.close_object();
}

/// What was granted for more than one call.
pub(super) fn write_grant(json: &mut Json, grant: &GrantRecord) {
    json.key("grant").open_object();
    json.key("any_arguments").boolean(grant.any_arguments);
    json.key("until").plain_text(TimeText::default().of(grant.until));
    if let Some(uses) = grant.uses {
        json.key("uses").integer(uses.into());
    }
    json.close_object();
}

pub(super) fn write_judgement(json: &mut Json, judgement: &Judgement) {
    json.open_entry();
    json.key("cause").plain_text(judgement.cause.name());
    match &judgement.cause {
        Cause::NotRepresentable(detail) | Cause::InvalidRequest(detail) => json.key("detail").string(detail, SENTENCE),
        Cause::Permitted
        | Cause::NoPermit
        | Cause::Forbidden
        | Cause::ApprovalMissing
        | Cause::NotEvaluable
        | Cause::UnknownTool
        | Cause::Drifted
        | Cause::UnknownPrincipal
        | Cause::NoPoliciesInForce => {}
    }
    json.key("faults");
    write_list(json, LIST, &judgement.faults, write_fault);
    json.key("policies");
    write_list(json, LIST, &judgement.policies, |json, policy| write_policy(json, policy, None));
    json.key("principal").plain_text(judgement.principal.name());
    json.close_object();
}

fn write_fault(json: &mut Json, fault: &PolicyFault) {
    write_policy(json, &fault.policy, Some(&fault.message));
}

pub(super) fn write_policy(json: &mut Json, policy: &PolicyRef, message: Option<&str>) {
    json.open_entry();
    json.key("file").string(&policy.file, FILE);
    json.key("id").string(&policy.id, FILE);
    json.key("line").integer(u64::from(policy.line));
    if let Some(message) = message {
        json.key("message").string(message, SENTENCE);
    }
    json.close_object();
}

pub(super) fn write_problem(json: &mut Json, problem: &Problem<'_>) {
    json.open_entry();
    json.key("column").integer(problem.column);
    json.key("file").string(problem.file, FILE);
    json.key("line").integer(problem.line);
    json.key("message").string(problem.message, SENTENCE);
    json.close_object();
}

/// The signed set of policies that is in force. Most are signed with one key.
pub(super) fn write_bundle(json: &mut Json, bundle: &BundleRecord<'_>) {
    json.key("bundle").open_object();
    json.key("digest").plain_text(bundle.digest);
    json.key("keys");
    write_list(json, LIST, bundle.keys, |json, key| json.entry().string(key, FILE));
    json.key("version").integer(bundle.version);
    json.close_object();
}

pub(super) fn write_source(json: &mut Json, source: &Source) {
    json.key("source").open_object();
    if let Some(ip) = source.ip {
        json.key("ip").plain_text(ip);
    }
    json.key("transport").plain_text(source.transport.name());
    json.close_object();
}

/// Writes a list, the part of it that begins within `limit` bytes; how many entries more there are, and the SHA-256 over their
/// JSON texts, stands as the last entry (`more`).
pub(super) fn write_list<T>(json: &mut Json, limit: usize, entries: &[T], write: impl Fn(&mut Json, &T)) {
    json.open_list();
    let start = json.len();
    let mut rest = entries.iter();
    while json.len() - start <= limit {
        let Some(entry) = rest.next() else { break };
        write(json, entry);
    }
    let more = rest.len() as u64;
    if more > 0 {
        let mut hidden = Json::default();
        rest.for_each(|entry| write(&mut hidden, entry));
        let digest = ring::digest::digest(&ring::digest::SHA256, &hidden.into_text());
        json.open_entry();
        json.key("more").integer(more);
        json.key("sha256").plain_text(Hex(digest.as_ref()));
        json.close_object();
    }
    json.close_list();
}
