//! One question to its answer: asked of the gate, recorded there, and put into JSON.
//!
//! `context` says under which id the log has the answer, and of a no why, as far as whoever asked may know. A call that a person has to
//! approve is denied, with the ticket under which people are asked, and how to wait for them (`requests`).

use http::StatusCode;
use serde_json::{Map, Value, json};

use super::bad::Bad;
use super::mcp::{Meant, Servers};
use super::read::Asked;
use super::requests::{Reference, Requests};
use super::understand::{Question, understand, words};
use crate::clock::rfc3339;
use crate::domain::{Call, Caller, Decision, Extra, TraceId};
use crate::gate::{AccessError, Answered, Checked, Gate};

/// Why not, for machines: policy says so.
const DENIED: &str = "policy_denied";
/// A person has to approve first.
const APPROVAL: &str = "approval_required";

/// Who asks, and how what they ask is understood.
pub(super) struct Asking<'a> {
    pub(super) gate: &'a Gate,
    pub(super) servers: &'a Servers,
    /// Where denials can be lifted; `None` when services have no way to ask.
    pub(super) requests: Option<&'a Requests>,
    pub(super) extra: Extra,
    /// The service, by the name that vouches for it.
    pub(super) by: &'a str,
    pub(super) trace: Option<TraceId>,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) allow: bool,
    context: Map<String, Value>,
}

impl Answer {
    pub(super) fn json(self) -> Value {
        let mut whole = json!({ "decision": self.allow });
        if let Some(members) = whole.as_object_mut().filter(|_| !self.context.is_empty()) {
            members.insert("context".to_owned(), Value::Object(self.context));
        }
        whole
    }

    /// The answer to a question of a batch that is none.
    pub(super) fn error(bad: &Bad) -> Self {
        let mut context = Map::new();
        context.insert("error".to_owned(), json!({ "status": bad.status.as_u16(), "message": bad.to_string() }));
        Self { allow: false, context }
    }

    /// The same with more to say.
    fn with(mut self, more: Map<String, Value>) -> Self {
        self.context.extend(more);
        self
    }

    /// Why the answers after this one are missing.
    pub(super) fn ends(mut self, semantic: &str) -> Self {
        self.context.insert("evaluations_semantic".to_owned(), semantic.into());
        self
    }
}

impl Asking<'_> {
    /// Asks.
    pub(super) async fn ask(&self, asked: &Asked<'_>) -> Result<Answer, Bad> {
        let Self { gate, by, .. } = *self;
        match understand(asked, self.servers, self.trace)? {
            Question::Own(access) => answered(gate.access(&access, self.extra, by).await),
            Question::Mcp(Meant::List(trace)) => answered(gate.access_to_list(words(asked), trace, by).await),
            Question::Mcp(Meant::Nothing(trace, why)) => answered(gate.access_to_nothing(words(asked), trace, by, why).await),
            Question::Mcp(Meant::Call(caller, call, shown)) => {
                let reference = Reference::of(gate, shown.as_deref(), &caller, &call);
                if matches!(reference, Reference::Foreign) {
                    let why = "the approval that is shown is none of this call";
                    let answer = answered(gate.access_to_nothing(words(asked), call.trace, by, why).await)?;
                    return Ok(answer.with(Reference::unverifiable()));
                }
                self.ask_about_call(&caller, &call, &reference).await
            }
        }
    }

    async fn ask_about_call(&self, caller: &Caller, call: &Call, reference: &Reference) -> Result<Answer, Bad> {
        let checked = self.gate.check(caller, call, self.by).await.map_err(|refusal| unrecorded(refusal.sentence()))?;
        let answer = of_call(&checked);
        let offer = self.requests.zip(checked.pending.as_ref()).map(|(requests, pending)| requests.offer(checked.id, pending));
        Ok(answer.with(offer.unwrap_or_default()).with(reference.advice(self.gate, &checked)))
    }
}

fn unrecorded(sentence: String) -> Bad {
    Bad::request(sentence).with(StatusCode::SERVICE_UNAVAILABLE)
}

fn answered(answered: Result<Answered, AccessError>) -> Result<Answer, Bad> {
    match answered {
        Ok(Answered { id, allow, reason }) => {
            let mut context = Map::new();
            context.insert("decision_id".to_owned(), id.to_string().into());
            context.insert("effect".to_owned(), if allow { "allow" } else { "deny" }.into());
            context.extend(reason.map(|reason| ("message".to_owned(), reason.into())));
            if !allow {
                context.insert("reason".to_owned(), DENIED.into());
            }
            Ok(Answer { allow, context })
        }
        Err(AccessError::Bad(bad)) => Err(bad.into()),
        Err(AccessError::NotRecorded(refusal)) => Err(unrecorded(refusal.sentence())),
    }
}

fn of_call(checked: &Checked) -> Answer {
    let mut context = Map::new();
    context.insert("decision_id".to_owned(), checked.id.to_string().into());
    context.insert("effect".to_owned(), checked.decision.name().into());
    if let Some(refusal) = &checked.refusal {
        let reason = if matches!(checked.decision, Decision::RequireApproval(_)) { APPROVAL } else { DENIED };
        context.insert("reason".to_owned(), reason.into());
        context.insert("message".to_owned(), refusal.sentence().into());
    }
    if let Some(pending) = &checked.pending {
        context.insert("ticket".to_owned(), pending.ticket.to_string().into());
        context.insert("ticket_expires".to_owned(), rfc3339(pending.expires).into());
    }
    context.extend(checked.approved.map(|ticket| ("approved_by_ticket".to_owned(), ticket.to_string().into())));
    Answer { allow: matches!(checked.decision, Decision::Allow(_)), context }
}
