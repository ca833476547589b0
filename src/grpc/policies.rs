//! `cedarpost.v1.PolicyService`: the policies in force, and what there would be to say of others. Nothing here puts any in force.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tonic::{Code, Request, Response, Status};

use super::access::only_near;
use super::convert::time;
use super::pb;
use super::pb::policy_service_server::PolicyService;
use super::problem::{BadField, Reason, problem, stopping};
use super::sources::{Lab, Verdict};
use super::stream::{Over, Teller, Watched, Watchers, Why};
use crate::gate::{Gate, PolicyReport, PolicyStatus, Problem};

/// The most files that are checked at once.
const MAX_FILES: usize = 256;
/// The longest name of one, in bytes.
const MAX_NAME: usize = 256;
/// The most text of all of them, in bytes.
const MAX_TEXT: usize = 2 << 20;
/// The most findings that are told.
const MAX_FINDINGS: usize = 500;
/// How long a check waits for its turn.
const TURN: Duration = Duration::from_secs(5);

/// Answers questions about policies.
pub(super) struct Policies {
    pub(super) gate: Gate,
    pub(super) lab: Arc<dyn Lab>,
    /// One check at a time: each takes as long as thousands of decisions.
    pub(super) checking: Arc<Semaphore>,
    pub(super) watchers: Watchers,
}

#[tonic::async_trait]
impl PolicyService for Policies {
    async fn get_policy_status(
        &self,
        _: Request<pb::GetPolicyStatusRequest>,
    ) -> Result<Response<pb::GetPolicyStatusResponse>, Status> {
        Ok(Response::new(pb::GetPolicyStatusResponse { status: Some(status(self.gate.policy_status())) }))
    }

    async fn validate_policies(
        &self,
        request: Request<pb::ValidatePoliciesRequest>,
    ) -> Result<Response<pb::ValidatePoliciesResponse>, Status> {
        only_near(&request)?;
        let files = read_files(request.into_inner().files)?;
        let turn = tokio::time::timeout(TURN, Arc::clone(&self.checking).acquire_owned()).await;
        let busy = |_| problem(Code::ResourceExhausted, Reason::TooMany, "other policies are being checked; try again later");
        let turn = turn.map_err(busy)?.map_err(|_| stopping())?;
        let lab = Arc::clone(&self.lab);
        let checked = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            lab.check(&files)
        });
        let verdict = checked.await.map_err(|_| stopping())?.map_err(|error| {
            tracing::error!(error = &*error as &dyn std::error::Error, "policies could not be checked over gRPC");
            let sentence = "the schema and the entities of the configuration cannot be read; the sidecar's log says why";
            problem(Code::Unavailable, Reason::Unreadable, sentence)
        })?;
        Ok(Response::new(validated(&verdict)))
    }

    type WatchPolicyStatusStream = Watched<pb::WatchPolicyStatusResponse>;

    async fn watch_policy_status(
        &self,
        _: Request<pb::WatchPolicyStatusRequest>,
    ) -> Result<Response<Self::WatchPolicyStatusStream>, Status> {
        // Whoever reads slowly gets the newest: there is one on its way, and one is looked up when that was read.
        let (teller, watched) = self.watchers.admit_ahead(1, |message| message)?;
        tokio::spawn(watch(self.gate.clone(), teller));
        Ok(Response::new(watched))
    }
}

async fn watch(gate: Gate, teller: Teller<pb::WatchPolicyStatusResponse>) -> Over {
    let mut news = gate.policy_news();
    let mut told = None;
    loop {
        news.mark_unchanged();
        let now = status(gate.policy_status());
        if told.as_ref() != Some(&now) {
            let message = pb::WatchPolicyStatusResponse { status: Some(now.clone()) };
            let ends = |why, _: &_| match why {
                Why::TooSlow => problem(Code::Aborted, Reason::TooSlow, "too slow: watch anew"),
                Why::Stopping => stopping(),
            };
            if let Err(over) = teller.tell(message, ends).await {
                return over;
            }
            told = Some(now);
        }
        match teller.next(news.changed(), stopping).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return teller.end(stopping()),
            Err(over) => return over,
        }
    }
}

fn status(status: PolicyStatus) -> pb::PolicyStatus {
    let server =
        |(server, tools): (crate::domain::ServerName, usize)| pb::ServerTools { server: server.to_string(), tools: count(tools) };
    pb::PolicyStatus {
        fingerprint: status.in_force.map(|fingerprint| fingerprint.to_string()).unwrap_or_default(),
        policies: count(status.policies),
        files: status.files.iter().map(ToString::to_string).collect(),
        since: Some(time(status.since)),
        warnings: findings(pb::FindingSeverity::Warning, &status.warnings).take(MAX_FINDINGS).collect(),
        last_attempt: Some(attempt(&status.last_report)),
        last_refused: status.last_refused.as_ref().map(attempt),
        servers: status.tools.into_iter().map(server).collect(),
        drifted: count(status.drift.len()),
        signed: status.signed.as_deref().map(|signed| pb::SignedPolicies {
            version: signed.version,
            digest: signed.digest.to_string(),
            keys: signed.keys.clone(),
        }),
    }
}

fn attempt(report: &PolicyReport) -> pb::PolicyAttempt {
    pb::PolicyAttempt {
        time: Some(time(report.at)),
        accepted: report.accepted,
        findings: findings(pb::FindingSeverity::Error, &report.problems).take(MAX_FINDINGS).collect(),
    }
}

fn validated(verdict: &Verdict) -> pb::ValidatePoliciesResponse {
    let errors = findings(pb::FindingSeverity::Error, &verdict.errors);
    let all = errors.chain(findings(pb::FindingSeverity::Warning, &verdict.warnings));
    let more = (verdict.errors.len() + verdict.warnings.len()).saturating_sub(MAX_FINDINGS);
    pb::ValidatePoliciesResponse {
        valid: verdict.policies.is_some(),
        policies: count(verdict.policies.unwrap_or(0)),
        findings: all.take(MAX_FINDINGS).collect(),
        more: count(more),
    }
}

fn findings(severity: pb::FindingSeverity, problems: &[Problem]) -> impl Iterator<Item = pb::PolicyFinding> {
    problems.iter().map(move |problem| pb::PolicyFinding {
        severity: severity.into(),
        code: problem.code.word().to_owned(),
        message: problem.message.clone(),
        hint: problem.help.clone().unwrap_or_default(),
        file: problem.file.to_string(),
        line: problem.line,
        column: problem.column,
        length: problem.length,
        policy: problem.policy.as_deref().unwrap_or_default().to_owned(),
    })
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// The files to check.
fn read_files(files: Vec<pb::PolicyFile>) -> Result<Vec<(String, String)>, BadField> {
    if files.is_empty() || files.len() > MAX_FILES {
        return Err(BadField::new("files", format!("must be 1 to {MAX_FILES}")));
    }
    let mut names = BTreeSet::new();
    let mut room = MAX_TEXT;
    for (place, pb::PolicyFile { name, text }) in files.iter().enumerate() {
        let bad = |field: &str, problem: String| Err(BadField::new(format!("files[{place}].{field}"), problem));
        if name.is_empty() || name.len() > MAX_NAME || name.chars().any(char::is_control) {
            return bad("name", format!("must be 1 to {MAX_NAME} bytes without control characters"));
        }
        if !names.insert(name.as_str()) {
            return bad("name", "stands there twice".to_owned());
        }
        room = match room.checked_sub(text.len()) {
            Some(room) => room,
            None => return bad("text", format!("is more than {MAX_TEXT} bytes, with those before it")),
        };
    }
    Ok(files.into_iter().map(|pb::PolicyFile { name, text }| (name, text)).collect())
}
