//! May a subject of a service do something to a resource of the service? Decided and recorded like a call, for entities and actions
//! that the service has and we know by name only; and what a service would find allowed if it asked about each of many.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use super::{Gate, Refusal, content};
use crate::audit::{AccessAnswer, AccessRecord, AskedRecord, Content, Part, Record};
use crate::domain::{
    Access, AccessFault, Arguments, BadAccess, Call, Caller, Decision, DecisionId, Extra, Fingerprint, ServerName, Timestamp,
    TraceId,
};
use crate::policy::{PolicySnapshot, Request};

/// An answer that is recorded.
#[derive(Debug, Clone)]
pub struct Answered {
    /// The answer, as the log knows it.
    pub id: DecisionId,
    /// Whether it may be done.
    pub allow: bool,
    /// What may be told of a no.
    pub reason: Option<String>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// The question is none.
    #[error(transparent)]
    Bad(#[from] BadAccess),
    /// The answer could not be recorded in time: nothing may happen.
    #[error("{}", .0.sentence())]
    NotRecorded(Refusal),
}

/// A search, as the log has it.
#[derive(Debug, Clone, Copy)]
pub struct Search<'a> {
    /// What was searched for: `subject`, `resource` or `action`.
    pub what: &'static str,
    /// The words of the question.
    pub asked: AskedRecord<'a>,
    /// How many were found.
    pub found: usize,
    /// How many were tried.
    pub tried: usize,
}

impl Gate {
    /// Answers a question about a service's own entities on behalf of the service `by`, and records the answer durably.
    ///
    /// # Errors
    ///
    /// When the question does not fit the schema, or the answer could not be recorded in time.
    pub async fn access(&self, access: &Access, extra: Extra, by: &str) -> Result<Answered, AccessError> {
        let (id, begun) = (self.new_decision_id(), Instant::now());
        let snapshot = self.snapshot();
        let posed = snapshot.pose(access, extra)?;
        let decision = snapshot.decide_posed(&posed);
        let micros = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
        let Access { subject, action, resource, trace, .. } = access;
        tracing::debug!(%id, by, subject = &*subject.id, action = &**action, resource = &*resource.id, decision = decision.name(), "decided");
        let asked = AskedRecord {
            subject_type: &subject.kind,
            subject: Some(&subject.id),
            action: Some(action),
            resource_type: &resource.kind,
            resource: Some(&resource.id),
        };
        let args = self.said(access).await;
        let answer = AccessAnswer::Decided(&decision);
        self.record(AccessRecord { id, by, asked, args: args.as_ref(), answer, trace: *trace, micros }).await?;
        self.shared.metrics.accessed(decision.name());
        let reason = match &decision {
            Decision::Allow(_) => None,
            Decision::Deny(grounds) | Decision::RequireApproval(grounds) => Some(Refusal::denied(id, grounds).sentence()),
        };
        Ok(Answered { id, allow: matches!(decision, Decision::Allow(_)), reason })
    }

    /// A caller asks for one of the lists that everybody may ask for, because each gets only what they may use. It is for whoever
    /// asks to see to that: by a search, or a decision about each entry.
    ///
    /// # Errors
    ///
    /// When the answer could not be recorded in time.
    pub async fn access_to_list(
        &self,
        asked: AskedRecord<'_>,
        trace: Option<TraceId>,
        by: &str,
    ) -> Result<Answered, AccessError> {
        self.fixed(asked, trace, by, true, "everybody may ask for lists; what is not allowed has to be left out of them").await
    }

    /// A caller wants something that no policy can be about, for this reason: no.
    ///
    /// # Errors
    ///
    /// When the answer could not be recorded in time.
    pub async fn access_to_nothing(
        &self,
        asked: AskedRecord<'_>,
        trace: Option<TraceId>,
        by: &str,
        why: &str,
    ) -> Result<Answered, AccessError> {
        self.fixed(asked, trace, by, false, why).await
    }

    async fn fixed(
        &self,
        asked: AskedRecord<'_>,
        trace: Option<TraceId>,
        by: &str,
        allow: bool,
        why: &str,
    ) -> Result<Answered, AccessError> {
        let id = self.new_decision_id();
        let answer = AccessAnswer::Fixed { allow, why };
        self.record(AccessRecord { id, by, asked, args: None, answer, trace, micros: 0 }).await?;
        self.shared.metrics.accessed(if allow { "allow" } else { "deny" });
        Ok(Answered { id, allow, reason: (!allow).then(|| format!("Denied: {why}. Decision {id}.")) })
    }

    async fn record(&self, record: AccessRecord<'_>) -> Result<(), AccessError> {
        let id = record.id;
        match self.shared.audit.append(Record::Access(record)).await {
            Ok(_) => Ok(()),
            Err(error) => {
                tracing::error!(%id, error = &error as &dyn std::error::Error, "the answer to a service could not be recorded; it is no");
                self.shared.metrics.unrecorded();
                Err(AccessError::NotRecorded(Refusal::not_recorded(id)))
            }
        }
    }

    /// What is recorded of what a service says about those it asks about.
    async fn said(&self, access: &Access) -> Option<Content> {
        let parts = [
            ("action", &access.action_properties),
            ("context", &access.context),
            ("resource", &access.resource.properties),
            ("subject", &access.subject.properties),
        ];
        let text = together(&parts)?;
        let keeping = self.shared.detail.of_access();
        Some(content::of(&Bytes::from(text), &keeping, Part::Arguments).await)
    }

    /// Takes a look at what would be allowed, against the snapshot in force and at this moment.
    #[must_use]
    pub fn lookout(&self) -> Lookout {
        Lookout { snapshot: self.snapshot(), now: self.shared.clock.now() }
    }

    /// Records a search as a question; nobody waits for that.
    ///
    /// # Errors
    ///
    /// When the log takes no records: then nothing is told.
    pub fn searched(&self, lookout: &Lookout, search: &Search<'_>, took: Instant, by: &str) -> Result<DecisionId, Refusal> {
        let id = self.new_decision_id();
        let Search { what, asked, found, tried } = *search;
        let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        let answer = AccessAnswer::Found { what, found: count(found), tried: count(tried), snapshot: lookout.fingerprint() };
        let micros = u64::try_from(took.elapsed().as_micros()).unwrap_or(u64::MAX);
        let record = AccessRecord { id, by, asked, args: None, answer, trace: None, micros };
        if let Err(error) = self.shared.audit.note(&Record::Access(record)) {
            tracing::error!(%id, error = &error as &dyn std::error::Error, "a search of a service could not be recorded");
            return Err(Refusal::not_recorded(id));
        }
        self.shared.metrics.searched();
        Ok(id)
    }
}

/// One JSON object of those that are there, by name; `None` when nothing is.
fn together(parts: &[(&str, &Arguments)]) -> Option<String> {
    let mut text = String::new();
    for (name, part) in parts {
        let Some(said) = part.json().and_then(|said| std::str::from_utf8(said).ok()) else { continue };
        let before = if text.is_empty() { '{' } else { ',' };
        // Writing into a string does not fail.
        let _ = write!(text, "{before}\"{name}\":{said}");
    }
    if text.is_empty() {
        return None;
    }
    text.push('}');
    Some(text)
}

/// One look at what would be allowed. Nothing that it says lets anything happen.
#[derive(Debug, Clone)]
pub struct Lookout {
    snapshot: Arc<PolicySnapshot>,
    now: Timestamp,
}

impl Lookout {
    /// The snapshot that it looks at.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        self.snapshot.fingerprint()
    }

    /// Whether a question would be answered with yes. One that is about something unknown, or contradicts what is declared, would not.
    ///
    /// # Errors
    ///
    /// When what is said does not have the form that the schema gives it.
    pub fn allows(&self, access: &Access, extra: Extra) -> Result<bool, BadAccess> {
        match self.snapshot.pose(access, extra) {
            Ok(posed) => Ok(matches!(self.snapshot.decide_posed(&posed), Decision::Allow(_))),
            Err(BadAccess { fault: AccessFault::Unknown | AccessFault::Contradicts, .. }) => Ok(false),
            Err(bad) => Err(bad),
        }
    }

    /// Whether a call would be allowed now, without asking anybody.
    #[must_use]
    pub fn allows_call(&self, caller: &Caller, call: &Call) -> bool {
        let request = Request { caller, call, now: self.now, approval: None };
        matches!(self.snapshot.decide(&request), Decision::Allow(_))
    }

    /// The ids of all known entities of a type of the author's, sorted; `None` when there is no such type.
    #[must_use]
    pub fn entities(&self, kind: &str) -> Option<Vec<Arc<str>>> {
        self.snapshot.entities_of(kind)
    }

    /// The names of all actions between such a subject and such a resource, sorted.
    #[must_use]
    pub fn actions(&self, subject: &str, resource: &str) -> Vec<Arc<str>> {
        self.snapshot.actions_between(subject, resource)
    }

    /// The ids of all agents that are declared, sorted.
    #[must_use]
    pub fn agents(&self) -> Vec<Arc<str>> {
        self.snapshot.entities_of_base("Agent")
    }

    /// The ids of all people that are declared, sorted.
    #[must_use]
    pub fn people(&self) -> Vec<Arc<str>> {
        self.snapshot.entities_of_base("User")
    }

    /// The tools of all servers, or the resources, or the prompts that are declared, as `server/name`, sorted.
    #[must_use]
    pub fn offers(&self, kind: Offer) -> Vec<(ServerName, Arc<str>)> {
        let named = |id: &Arc<str>| {
            let (server, name) = id.split_once('/')?;
            let server = ServerName::new(server).filter(|server| self.snapshot.has_server(server))?;
            Some((server, Arc::from(name)))
        };
        let name = match kind {
            Offer::Tools => "Tool",
            Offer::Resources => "Resource",
            Offer::Prompts => "Prompt",
        };
        self.snapshot.entities_of_base(name).iter().filter_map(named).collect()
    }
}

/// What servers offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offer {
    /// Tools: those that are listed, and those that are declared.
    Tools,
    /// Resources, as far as a file declares them.
    Resources,
    /// Prompts, as far as a file declares them.
    Prompts,
}
