//! The policies of a set, ready to answer.
//!
//! Files are read once. Roles and teams come with the callers, so that one snapshot answers most cases; another is built for each time
//! zone, and for callers that a case declares without giving them any.

use std::sync::Arc;
use std::time::Instant;

use super::set::{Got, TestedCase};
use super::verdict;
use crate::config::cases::{Case, Question, TestPrincipal};
use crate::domain::{Action, Actor, AgentId, Call, Caller, Cause, Memberships, Standing, Target, UserId};
use crate::policy::{
    self, DeclaredPrincipal, Effect, Listed, LoadError, PolicyFiles, PolicySnapshot, PrincipalKind, Request, Settings,
};

pub(super) struct Bench {
    settings: Settings,
    files: PolicyFiles,
    policies: Vec<Listed>,
    /// With nobody declared but by files and configuration.
    base: PolicySnapshot,
    /// One for each set of further callers and time zone that was asked for.
    snapshots: Vec<(Vec<DeclaredPrincipal>, String, PolicySnapshot)>,
}

impl Bench {
    /// Loads the policies as a sidecar would.
    ///
    /// # Errors
    /// Everything that is wrong with the policies.
    pub(super) fn new(settings: Settings) -> Result<Self, LoadError> {
        let files = policy::read(&settings)?;
        let settings = settings.or_servers_of(&files);
        let base = build(&settings, &files)?;
        Ok(Self { policies: base.policies(), settings, files, base, snapshots: Vec::new() })
    }

    /// All policies, by file and line.
    pub(super) fn policies(&self) -> &[Listed] {
        &self.policies
    }

    /// Asks the question of a case.
    pub(super) fn run(&mut self, case: Case) -> TestedCase {
        let began = Instant::now();
        let answer = self.snapshot(&case).map(|snapshot| ask(snapshot, &case));
        let took = began.elapsed();
        match answer {
            Ok(got) => {
                let failure = verdict::failure(&case, &got, &self.policies);
                // Only now: explaining takes a thousand times as long as deciding.
                let failure = failure.map(|failure| failure + &self.near_miss(&case, &got).unwrap_or_default());
                TestedCase { case, got: Some(got), failure, took }
            }
            Err(error) => {
                let problems: Vec<String> = error.problems().iter().map(ToString::to_string).collect();
                TestedCase { case, got: None, failure: Some(problems.join("; ")), took }
            }
        }
    }

    /// The snapshot to ask: that of the set, with the callers that only the case declares, and in its time zone.
    fn snapshot(&mut self, case: &Case) -> Result<&PolicySnapshot, LoadError> {
        let declared = declared(case);
        let zone = case.timezone.clone().unwrap_or_else(|| self.settings.timezone.clone());
        if declared.is_empty() && zone == self.settings.timezone {
            return Ok(&self.base);
        }
        let known = self.snapshots.iter().position(|(callers, of, _)| *callers == declared && *of == zone);
        let at = match known {
            Some(at) => at,
            None => {
                let snapshot = build(&self.settings_with(&declared, &zone), &self.files)?;
                self.snapshots.push((declared, zone, snapshot));
                self.snapshots.len() - 1
            }
        };
        Ok(self.snapshots.get(at).map_or(&self.base, |(_, _, snapshot)| snapshot))
    }

    fn settings_with(&self, declared: &[DeclaredPrincipal], zone: &str) -> Settings {
        let mut settings = self.settings.clone();
        settings.principals.extend(declared.iter().cloned());
        zone.clone_into(&mut settings.timezone);
        settings
    }

    /// Where no permit matched: the one that came nearest, and the first thing that it wants.
    fn near_miss(&mut self, case: &Case, got: &Got) -> Option<String> {
        let Got::Decision(decision) = got else { return None };
        let unpermitted = decision.grounds().judgements.iter().position(|judgement| judgement.cause == Cause::NoPermit)?;
        let (caller, call) = (caller(case), call(case)?);
        let explanation =
            self.snapshot(case).ok()?.explain(&Request { caller: &caller, call: &call, now: case.at, approval: None });
        let permits = |id: &str| self.policies.iter().any(|listed| &*listed.policy.id == id && listed.effect == Effect::Permit);
        let near = explanation.judgements.get(unpermitted)?.near.iter().find(|near| permits(&near.policy.id))?;
        let wanted = match (&near.scope, near.missing.first()) {
            (Some(scope), _) => scope.wanted.clone(),
            (None, Some(part)) if part.wanted => part.text.clone(),
            (None, part) => format!("!({})", part?.text),
        };
        Some(format!("; `{}` ({}:{}) nearly does, but wants `{wanted}`", near.policy.id, near.policy.file, near.policy.line))
    }
}

/// The snapshot of a sidecar whose servers list exactly the tools that were reviewed.
fn build(settings: &Settings, files: &PolicyFiles) -> Result<PolicySnapshot, LoadError> {
    PolicySnapshot::build(settings, files, &files.reviewed(&settings.servers))
}

/// The callers that a case declares although they bring nothing: whoever brings roles or teams is known by that.
fn declared(case: &Case) -> Vec<DeclaredPrincipal> {
    let declared = |kind, principal: &TestPrincipal| {
        let brings_nothing = principal.brings.as_ref().is_some_and(Memberships::is_empty);
        brings_nothing.then(|| DeclaredPrincipal { kind, id: principal.id.clone(), roles: Vec::new() })
    };
    let actor = case.actor.as_ref().and_then(|actor| declared(PrincipalKind::User, actor));
    declared(PrincipalKind::Agent, &case.agent).into_iter().chain(actor).collect()
}

fn ask(snapshot: &PolicySnapshot, case: &Case) -> Got {
    let caller = caller(case);
    match call(case) {
        Some(call) => Got::Decision(snapshot.decide(&Request { caller: &caller, call: &call, now: case.at, approval: None })),
        None => {
            let possible = |tool: &Arc<str>| {
                let target = Target::Tool(Arc::clone(tool));
                snapshot.possible(&caller, &case.server, Action::ToolsCall, &target, &case.source, case.at)
            };
            Got::Visible(snapshot.tools_of(&case.server).into_iter().filter(possible).collect())
        }
    }
}

fn caller(case: &Case) -> Caller {
    let actor = case.actor.as_ref().map_or(Actor::Unattended, |actor| Actor::Person(UserId::new(actor.id.as_str())));
    let brings = |principal: Option<&TestPrincipal>| principal.and_then(|principal| principal.brings.clone()).unwrap_or_default();
    let standing = Standing { agent: brings(Some(&case.agent)), actor: brings(case.actor.as_ref()) };
    let caller = Caller::new(AgentId::new(case.agent.id.as_str()), actor).with_standing(standing);
    case.token.iter().cloned().fold(caller, Caller::with_token)
}

/// The call that a case asks about; `None` when it asks what is seen.
fn call(case: &Case) -> Option<Call> {
    let Question::Decide { action, target, arguments, .. } = &case.question else { return None };
    Some(Call {
        server: case.server.clone(),
        action: *action,
        target: target.clone(),
        arguments: arguments.clone(),
        source: case.source.clone(),
        request: None,
        trace: None,
    })
}
