//! A call that waits for a person: what its client sees meanwhile, in the revision that it speaks.
//!
//! | revision | the client's user can be asked | otherwise |
//! | --- | --- | --- |
//! | 2026-07-28 | the result requires input: a page to open, or a form; then as beside | results that ask for another try, each after a while |
//! | 2025-11-25 | a request to the client: a page to open, or a form; then as beside | the answer comes after a while, or says how to go on |
//! | 2025-06-18 | a request to the client: a form | the same |
//! | older | | the same |
//!
//! A page is offered where there is a console, a form only where policy says that the client's user may confirm (`@confirm`). That a user
//! agreed to open a page says nothing; a form counts as a ruling of the person the agent acts for, if policy lets them rule.
//!
//! Nobody waits longer than [`Asking::hold`], because clients give up. A client that leaves, or cancels, gets nothing executed behind its
//! back: the ticket stays, and the same call again goes on with it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use tokio::time::Instant;

use super::inbound::Answer;
use super::{Line, refused};
use crate::domain::{Action, Call, Caller, Channel, TicketId, TicketState, Verdict, visible};
use crate::gate::{Pending, Permit, Refusal, RuleError, Ruler, Ruling};
use crate::mcp::elicit::{self, Answered, Elicits, Question};
use crate::mcp::{Era, Message, RawId, reply};
use crate::proxy::conversation::Conversation;
use crate::proxy::states::States;
use crate::proxy::voice::Voice;

/// How often a modern client is asked to try again.
const LEGS: u32 = 9;
/// The revision from which clients can be asked to open a page, and that from which they can be asked by a form.
const URLS_SINCE: &str = "2025-11-25";
const FORMS_SINCE: &str = "2025-06-18";
/// How much of a call a form shows, in characters.
const SHOWN: usize = 2_000;

/// How people are asked about calls that need an approval.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asking {
    /// How long a client waits for its answer before it is told to come back.
    pub hold: Duration,
    /// Where people find the console; `None` when there is none.
    pub console: Option<Arc<str>>,
}

/// What a modern client brings back of an earlier leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Leg {
    ticket: TicketId,
    number: u32,
    answered: Option<Answered>,
}

/// How a wait ended.
enum Held {
    /// The ticket stands like this now.
    Stands(TicketState),
    /// The client is not there any more, or wants the call no more.
    Unwanted,
}

/// One call that waits.
struct Waiting<'a> {
    line: &'a Line,
    with: &'a Conversation,
    caller: &'a Caller,
    id: &'a RawId,
    message: &'a Message,
    action: Action,
    refusal: Refusal,
    pending: Pending,
    deadline: Instant,
}

impl Line {
    /// What a request brings back of an earlier leg of ours; `None` when it brings nothing of ours. Somebody else's, one for another call,
    /// or one that was made up does not exist.
    pub(super) fn leg(&self, caller: &Caller, id: &RawId, message: &Message, call: &Call) -> Result<Option<Leg>, Answer> {
        let Some(sealed) = message.request_state().filter(|state| States::claims_to_be_ours(state)) else { return Ok(None) };
        let opened = self.states.open_ours(sealed, caller);
        let leg = opened.and_then(|state| {
            let (ticket, number) = state.split_once(' ')?;
            let (ticket, number) = (TicketId::parse(ticket)?, number.parse().ok()?);
            Some(Leg { ticket, number, answered: Answered::in_request(message) })
        });
        let leg = leg.filter(|leg| self.gate.is_for(leg.ticket, caller, call));
        leg.map(Some).ok_or_else(|| Answer::new(StatusCode::OK, refused::unknown_state(id)))
    }

    /// A permit for the call, as soon as there is one; or what its client is answered.
    #[expect(clippy::too_many_arguments, reason = "all of it belongs to one request")]
    pub(super) async fn admitted<V: Voice>(
        &self,
        with: &Conversation,
        caller: &Caller,
        id: &RawId,
        message: &Message,
        call: Call,
        leg: Option<Leg>,
        voice: &mut V,
    ) -> Result<Permit, Answer> {
        let action = call.action;
        let refusal = match self.gate.admit(caller, call.clone()).await {
            Ok(permit) => return Ok(permit),
            Err(refusal) => refusal,
        };
        let Some(pending) = refusal.pending().copied() else { return Err(answer(id, message, action, &refusal)) };
        let deadline = Instant::now() + self.asking.hold;
        let waiting = Waiting { line: self, with, caller, id, message, action, refusal, pending, deadline };
        waiting.ruled(leg, voice).await?;
        if waiting.is_unwanted() {
            return Err(waiting.answered(refused::cancelled(id)));
        }
        // Decided again, by the policies of now, with what people said.
        self.gate.admit(caller, call).await.map_err(|refusal| answer(id, message, action, &refusal))
    }
}

impl Waiting<'_> {
    /// Returns once people have approved. Everything else is an answer.
    async fn ruled<V: Voice>(&self, leg: Option<Leg>, voice: &mut V) -> Result<(), Answer> {
        let held = match (self.message.era(), leg) {
            _ if self.action != Action::ToolsCall || self.message.wants_task() => self.hold(voice).await,
            (Era::Modern, None) => match self.question(self.message.client_capabilities().map(|said| Elicits::of(said)), true) {
                Some(asked) => return Err(self.answered(asked.question().required(self.id, &self.state(1)?))),
                None => self.hold(voice).await,
            },
            (Era::Modern, Some(leg)) => match leg.answered {
                Some(Answered::Declined) => return Err(self.declined()),
                Some(Answered::Accepted { approve: Some(approve) }) => {
                    self.confirm(approve).await?;
                    self.hold(voice).await
                }
                Some(Answered::Accepted { approve: None }) | None => self.hold(voice).await,
            },
            (Era::Legacy, _) => self.dialog(voice).await?,
        };
        match held {
            Held::Stands(TicketState::Granted) => Ok(()),
            Held::Stands(TicketState::Waiting) if self.message.era() == Era::Modern && self.is_plain_tool() => {
                let number = leg.map_or(1, |leg| leg.number + 1);
                if number > LEGS {
                    return Err(self.pending());
                }
                Err(self.answered(elicit::try_again(self.id, &self.state(number)?)))
            }
            Held::Stands(TicketState::Waiting) => Err(self.pending()),
            Held::Stands(TicketState::Rejected) => Err(self.refused("Denied: a person declined this call.", false)),
            // Somebody else with the same call was faster, or it ended in some other way: asking again asks anew.
            Held::Stands(_) => {
                Err(self.refused("Not executed: the approval is not good any more. Make the same call again to ask anew.", true))
            }
            Held::Unwanted => Err(self.answered(refused::cancelled(self.id))),
        }
    }

    fn is_plain_tool(&self) -> bool {
        self.action == Action::ToolsCall && !self.message.wants_task()
    }

    /// Waits for people, as long as the client waits.
    async fn hold<V: Voice>(&self, voice: &mut V) -> Held {
        let ticket = self.pending.ticket;
        let ruling = self.line.gate.ruling(ticket, self.deadline.saturating_duration_since(Instant::now()));
        let unwanted = async {
            loop {
                let cancelled = self.with.cancelled.notified();
                if self.is_unwanted() {
                    return;
                }
                cancelled.await;
            }
        };
        tokio::select! {
            biased;
            () = voice.gone() => Held::Unwanted,
            () = unwanted => Held::Unwanted,
            stands = ruling => Held::Stands(stands.unwrap_or(TicketState::Expired)),
        }
    }

    fn is_unwanted(&self) -> bool {
        self.with.flights.is_unwanted(self.id)
    }

    /// Asks the client's user by a request of ours, where that is possible, and waits for them and for everybody else.
    async fn dialog<V: Voice>(&self, voice: &mut V) -> Result<Held, Answer> {
        let version = self.with.version();
        let elicits = self.with.elicits();
        let possible = Elicits { form: elicits.form && version >= FORMS_SINCE, url: elicits.url && version >= URLS_SINCE };
        let asked = self.question(Some(possible), version >= URLS_SINCE).filter(|_| voice.reaches() && self.with.has_session());
        let Some(asked) = asked else { return Ok(self.hold(voice).await) };
        let subject = format!("{}-{}", self.pending.ticket, self.refusal.id());
        let Some((question, mut answer)) = self.with.own_questions().ask(&subject) else { return Ok(self.hold(voice).await) };
        let heard = voice.say(asked.question().request(&question)).await;
        let mut said = None;
        let held = tokio::select! {
            held = self.hold(voice), if heard => held,
            answered = &mut answer, if heard => {
                said = Some(answered.unwrap_or(Answered::Declined));
                Held::Unwanted
            }
            else => Held::Unwanted,
        };
        let ended = match said {
            Some(answered) => self.user_said(answered, voice).await,
            None => Ok(held),
        };
        self.with.own_questions().withdraw(&question);
        if said.is_none() {
            voice.say(reply::cancelled(&question, "The call does not wait any more.")).await;
        }
        if let Asked::Url { id, .. } = &asked {
            voice.say(elicit::complete(id)).await;
        }
        ended
    }

    async fn user_said<V: Voice>(&self, answered: Answered, voice: &mut V) -> Result<Held, Answer> {
        match answered {
            Answered::Declined => Err(self.declined()),
            Answered::Accepted { approve: None } => Ok(self.hold(voice).await),
            Answered::Accepted { approve: Some(approve) } => {
                self.confirm(approve).await?;
                Ok(self.hold(voice).await)
            }
        }
    }

    /// What the user of the client can be asked: to open the console's page, or, where policy says that they may confirm, a form.
    fn question(&self, elicits: Option<Elicits>, modes: bool) -> Option<Asked> {
        let elicits = elicits.unwrap_or_default();
        if let Some(console) = self.line.asking.console.as_ref().filter(|_| elicits.url) {
            let id = self.pending.ticket.to_string();
            let url = format!("{}/approvals/{id}", console.trim_end_matches('/'));
            let message = format!("A person has to approve a call of the tool {}.", self.tool());
            return Some(Asked::Url { id, url, message });
        }
        (elicits.form && self.pending.confirm).then(|| Asked::Form { message: self.shown(), modes })
    }

    fn tool(&self) -> String {
        shown(self.message.name().map_or("", |name| name))
    }

    /// The call as a form shows it.
    fn shown(&self) -> String {
        let arguments =
            self.message.arguments().map_or(String::new(), |arguments| String::from_utf8_lossy(arguments).into_owned());
        format!("May {} call the tool {} with these arguments? {}", self.caller.agent, self.tool(), shown(&arguments))
    }

    /// The client's user answered a form: that is a ruling of the person the agent acts for, where policy says that they may confirm.
    async fn confirm(&self, approve: bool) -> Result<(), Answer> {
        let Some(person) = self.caller.actor.person().filter(|_| self.pending.confirm) else { return Ok(()) };
        let ruler = Ruler {
            person: person.clone(),
            standing: self.caller.standing.actor.clone(),
            evidence: self.caller.evidence.clone(),
            channel: Channel::Elicitation,
        };
        let verdict = if approve { Verdict::Approve } else { Verdict::Deny };
        match self.line.gate.rule(&ruler, self.pending.ticket, Ruling::plain(verdict)).await {
            Ok(_) | Err(RuleError::Over(_) | RuleError::Already | RuleError::Unknown) => Ok(()),
            Err(RuleError::NotRecorded(_) | RuleError::NotKept(_)) => Err(self.pending()),
            // It is for somebody else to rule: a no of theirs is heeded all the same.
            Err(_) if !approve => Err(self.declined()),
            Err(_) => Ok(()),
        }
    }

    /// What a modern client is to bring back.
    fn state(&self, number: u32) -> Result<String, Answer> {
        let state = format!("{} {number}", self.pending.ticket);
        self.line.states.seal_ours(&state, self.caller).ok_or_else(|| self.pending())
    }

    fn pending(&self) -> Answer {
        answer(self.id, self.message, self.action, &self.refusal)
    }

    fn declined(&self) -> Answer {
        self.refused("Not executed: the user of this client declined.", false)
    }

    fn refused(&self, sentence: &str, retryable: bool) -> Answer {
        let advice = if retryable { "" } else { " Do not retry unchanged." };
        let text = format!("{sentence} Decision {}.{advice}", self.refusal.id());
        self.answered(refused::with_text(self.id, self.message, self.action, &self.refusal, &text))
    }

    fn answered(&self, body: Bytes) -> Answer {
        Answer { body, status: StatusCode::OK, decision: Some(self.refusal.id()) }
    }
}

/// What the user of a client is asked.
enum Asked {
    Url { id: String, url: String, message: String },
    Form { message: String, modes: bool },
}

impl Asked {
    fn question(&self) -> Question<'_> {
        match self {
            Self::Url { id, url, message } => Question::Url { id, url, message },
            Self::Form { message, modes } => Question::Form { message, modes: *modes },
        }
    }
}

fn answer(id: &RawId, message: &Message, action: Action, refusal: &Refusal) -> Answer {
    Answer { body: refused::refusal(id, message, action, refusal), status: StatusCode::OK, decision: Some(refusal.id()) }
}

/// A text in which everything can be seen that is in it, up to some length.
fn shown(text: &str) -> String {
    let cut: String = text.chars().take(SHOWN).collect();
    let shown = visible(&cut);
    if text.chars().nth(SHOWN).is_some() { format!("{shown}… (cut: the console shows all of it)") } else { shown.into_owned() }
}

#[cfg(test)]
#[path = "waiting_tests.rs"]
mod tests;
