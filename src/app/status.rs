//! What operators see: readiness and status.

use std::sync::Arc;

use prometheus_client::registry::Registry;
use serde_json::{Value, json};

use super::{bypass, carriers, inquiry};
use crate::audit::ship::Board;
use crate::audit::{AuditReader, Health};
use crate::bypass::Board as BypassBoard;
use crate::config::AdminSettings;
use crate::domain::Timestamp;
use crate::gate::{Gate, PolicyStatus};
use crate::lifecycle::Stop;
use crate::listen::tls::{Served, ServedState};
use crate::mcp;
use crate::policy::{Change, Difference, Signed};
use crate::proxy::Endpoint;
use crate::rest::{Check, ExplainSource, MAX_INQUIRY, Near, Readiness, Sources, Verdict};

/// What runs that operators ask about.
pub(super) struct Running {
    /// The servers.
    pub(super) endpoints: Vec<Arc<Endpoint>>,
    /// The certificates that are served.
    pub(super) certificates: Vec<Served>,
    /// Who else listens; `None` when nobody looks.
    pub(super) bypass: Option<BypassBoard>,
}

/// Tells how a running sidecar is.
pub(super) type Status = Arc<dyn Fn() -> Value + Send + Sync>;

/// How a running sidecar is, for whoever shows it.
pub(super) fn source(gate: &Gate, reader: AuditReader, board: Board, running: Arc<Running>) -> Status {
    let gate = gate.clone();
    Arc::new(move || status(&gate, &reader, &board, &running))
}

/// What the admin face shows of a running sidecar.
pub(super) fn sources(
    gate: &Gate,
    board: Board,
    bypass: Option<BypassBoard>,
    status: Status,
    registry: Registry,
    admin: &AdminSettings,
    stop: Stop,
) -> Sources {
    Sources {
        readiness: readiness(gate, board, bypass),
        registry,
        status: Box::new(move || status()),
        explain: explain(gate),
        stop,
        allowed_hosts: admin.allowed_hosts.clone(),
        near: Near { everybody: admin.remote_details, own: admin.listener.address.tcp().map(|address| address.ip()) },
    }
}

/// Explains how calls would be decided.
fn explain(gate: &Gate) -> ExplainSource {
    let gate = gate.clone();
    let limits = mcp::Limits { max_bytes: MAX_INQUIRY, max_depth: mcp::Limits::DEEPEST };
    Box::new(move |body| inquiry::answer(&gate, &body, limits))
}

/// Ready with policies in force, a log that can be written and that nothing contradicts, and no way around the sidecar.
fn readiness(gate: &Gate, board: Board, bypass: Option<BypassBoard>) -> Readiness {
    let (policies, details, log) = (gate.clone(), gate.clone(), gate.clone());
    let mut checks = vec![
        Check::new("policies", move || judged(&policies.policy_status())).with_details(move || {
            let last = details.policy_status().last_report;
            strings(&last.problems)
        }),
        Check::new("audit_log", move || match log.audit_health() {
            Health::Writable => Verdict::Holds("writable".to_owned()),
            Health::Failed(reason) => Verdict::Fails(reason.to_string()),
        }),
        Check::new("audit_anchors", move || carriers::verdict(&board)),
    ];
    checks.extend(bypass.map(bypass::check));
    Readiness::new(checks)
}

/// Whether there is anything to decide by, in words that are for anybody who asks.
fn judged(status: &PolicyStatus) -> Verdict {
    let last = &status.last_report;
    let at = time(last.at).unwrap_or_default();
    match (status.in_force, status.policies) {
        (None, _) => Verdict::Fails(format!("none are in force: those read at {at} were refused, and every call is denied")),
        (Some(_), 0) => Verdict::Fails("there are none: every call is denied".to_owned()),
        (Some(fingerprint), count) => {
            let signed = status.signed.as_ref();
            let signed = signed.map(|signed| format!(", version {} signed by {}", signed.version, signed.keys.join(", ")));
            let stale = format!(": the last good ones, since those read at {at} were refused");
            Verdict::Holds(format!(
                "{count} policies in force, {fingerprint}{}{}",
                signed.unwrap_or_default(),
                if last.accepted { "" } else { &stale }
            ))
        }
    }
}

/// Whether calls can be decided: there are policies to decide by.
pub(super) fn has_policies(gate: &Gate) -> bool {
    let snapshot = gate.snapshot();
    snapshot.in_force().is_some() && snapshot.policy_count() > 0
}

fn status(gate: &Gate, reader: &AuditReader, board: &Board, running: &Running) -> Value {
    let policy = gate.policy_status();
    let health = match gate.audit_health() {
        Health::Writable => json!({ "writable": true }),
        Health::Failed(reason) => json!({ "writable": false, "reason": &*reason }),
    };
    let tools: serde_json::Map<String, Value> =
        policy.tools.iter().map(|(server, count)| (server.to_string(), (*count).into())).collect();
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "policy": {
            "fingerprint": policy.in_force.map(|fingerprint| fingerprint.to_string()),
            "since": time(policy.since),
            "policies": policy.policies,
            "signed": policy.signed.as_deref().map(signed),
            "warnings": strings(&policy.warnings),
            "last_load": {
                "at": time(policy.last_report.at),
                "accepted": policy.last_report.accepted,
                "problems": strings(&policy.last_report.problems),
            },
            "last_refused": policy.last_refused.as_ref().map(|report| {
                json!({ "at": time(report.at), "problems": strings(&report.problems) })
            }),
        },
        "audit": {
            "records": reader.len(), "first": reader.first(), "archived": reader.archived(), "health": health,
            "places": carriers::status(board),
        },
        "servers": running.endpoints.iter().map(|endpoint| endpoint.state()).collect::<Vec<_>>(),
        "tools": tools,
        "certificates": running.certificates.iter().map(certificate).collect::<Vec<_>>(),
        "drifted": drifted(&policy.drift),
        "bypass": bypass::status(running.bypass.as_ref()),
    })
}

/// The signed set that is in force.
fn signed(signed: &Signed) -> Value {
    json!({ "version": signed.version, "digest": signed.digest.to_string(), "keys": signed.keys, "files": signed.files })
}

/// The certificate of a listener, and what is wrong with its files.
fn certificate(served: &Served) -> Value {
    let ServedState { names, not_after, problem } = served.state();
    json!({ "listener": served.face(), "names": names, "not_after": time(not_after), "problem": problem })
}

/// By server, the tools that are not as they were reviewed, and how they differ.
fn drifted(drift: &[Change]) -> Value {
    let mut servers = serde_json::Map::new();
    for Change { server, tool, difference } in drift {
        let told = match difference {
            Difference::New => json!({ "tool": tool, "difference": "new" }),
            Difference::Gone => json!({ "tool": tool, "difference": "gone" }),
            Difference::Changed { members } => json!({ "tool": tool, "difference": "changed", "members": members }),
        };
        let of_server = servers.entry(server.as_str()).or_insert_with(|| json!([]));
        of_server.as_array_mut().into_iter().for_each(|list| list.push(told.clone()));
    }
    Value::Object(servers)
}

/// RFC 3339, UTC.
fn time(at: Timestamp) -> Option<String> {
    jiff::Timestamp::from_microsecond(at.as_micros()).ok().map(|at| at.to_string())
}

fn strings<T: ToString>(items: &[T]) -> Vec<String> {
    items.iter().map(ToString::to_string).collect()
}
