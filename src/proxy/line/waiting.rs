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
//! Nobody waits longer than [`Asking::hold`], because clients give up. Who gave a token for progress hears now and then that people are
//! still being waited for: some clients then wait on, and for these [`Asking::hold_with_progress`] is the longest. A client that leaves, or cancels, gets nothing executed behind its
//! back: the ticket stays, and the same call again goes on with it. [`leg`] is what stateless clients bring back, [`question`] what users are
//! asked.

mod leg;
mod question;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use serde_json::Value;
use tokio::time::Instant;

use super::inbound::Answer;
use super::{Line, refused};
use crate::domain::{Action, Call, Caller, DecisionId, TicketId, TicketState};
use crate::gate::{Pending, Permit, Refusal};
use crate::mcp::elicit::{self, Answered, Elicits};
use crate::mcp::{Era, Message, RawId, reply};
use crate::proxy::conversation::Conversation;
use crate::proxy::voice::Voice;
use leg::{Asked, Leg};
use question::Posed;

/// How often a modern client is asked to try again: clients give up after ten rounds.
const LEGS: u32 = 9;
/// How often a client hears that people are waited for; more often when it does not wait long.
const PACE: Duration = Duration::from_secs(10);
const FASTEST: Duration = Duration::from_millis(250);
/// The revision from which clients can be asked to open a page, and that from which they can be asked by a form.
const URLS_SINCE: &str = "2025-11-25";
const FORMS_SINCE: &str = "2025-06-18";

/// How people are asked about calls that need an approval.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asking {
    /// How long a client waits for its answer before it is told to come back.
    pub hold: Duration,
    /// The same for a client that hears meanwhile that people are waited for.
    pub hold_with_progress: Duration,
    /// Where people find the console; `None` when there is none.
    pub console: Option<Arc<str>>,
}

/// How a wait ended.
enum Held {
    /// The ticket stands like this now.
    Stands(TicketState),
    /// The client is not there any more, or wants the call no more.
    Unwanted,
    /// The sidecar stops.
    Stopping,
}

/// The end of a ticket, as the agent hears of it.
struct Stale {
    sentence: &'static str,
    effect: &'static str,
    retryable: bool,
}

impl Stale {
    const DECLINED: Self = Self { sentence: "Denied: a person declined this call.", effect: "deny", retryable: false };
    const BY_USER: Self = Self { sentence: "Not executed: the user of this client declined.", effect: "deny", retryable: false };
    // Nobody ruled in time, policies changed, or somebody else with the same call was faster.
    const OVER: Self = Self {
        sentence: "Not executed: the approval is not good any more. Make the same call again to ask anew.",
        effect: "require_approval",
        retryable: true,
    };

    /// The words for the agent, and the decision for programs.
    fn told(&self, decision: DecisionId, ticket: TicketId) -> (String, Value) {
        let advice = if self.retryable { "" } else { " Do not retry unchanged." };
        let text = format!("{} Decision {decision}.{advice}", self.sentence);
        (text, refused::told(decision, self.effect, self.retryable, ticket))
    }
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
    /// Under which token the client hears how it goes, if it does.
    progress: Option<&'a RawId>,
    /// How often they have heard.
    heard: AtomicU32,
}

impl Line {
    /// A permit for the call, as soon as there is one; or what its client is answered.
    #[expect(clippy::too_many_arguments, reason = "all of it belongs to one request")]
    pub(super) async fn admitted<V: Voice>(
        &self,
        with: &Conversation,
        caller: &Caller,
        id: &RawId,
        message: &Message,
        call: Call,
        leg: Option<&Leg>,
        voice: &mut V,
    ) -> Result<Permit, Answer> {
        let action = call.action;
        let refusal = match self.gate.admit(caller, call.clone()).await {
            Ok(permit) => return Ok(permit),
            Err(refusal) => refusal,
        };
        let Some(pending) = refusal.pending().copied() else { return Err(answer(id, message, action, &refusal)) };
        if let Some(leg) = leg.filter(|leg| leg.ticket() != pending.ticket) {
            // It ended since the client came back: what its user said is about that ticket, and not about another.
            let before = self.gate.ticket(leg.ticket());
            before.map_or(Ok(()), |before| self.still_open(id, message, &call, &before))?;
            return Err(Answer::new(StatusCode::OK, refused::unknown_state(id)));
        }
        if leg.is_none() && self.unknown_state(caller, message) {
            return Err(Answer { decision: Some(refusal.id()), ..Answer::new(StatusCode::OK, refused::unknown_state(id)) });
        }
        let progress = message.progress_token().filter(|_| voice.hears());
        let hold = if progress.is_some() { self.asking.hold_with_progress } else { self.asking.hold };
        let deadline = Instant::now() + hold;
        let waiting = Waiting {
            line: self,
            with,
            caller,
            id,
            message,
            action,
            refusal,
            pending,
            deadline,
            progress,
            heard: AtomicU32::new(0),
        };
        let Some(_held) = self.holds.begin(pending.ticket) else { return Err(waiting.pending()) };
        waiting.ruled(leg, voice).await?;
        if waiting.is_unwanted() || has_left(voice).await {
            return Err(waiting.answered(refused::cancelled(id)));
        }
        // Decided again, by the policies of now, with what people said.
        self.gate.admit(caller, call).await.map_err(|refusal| answer(id, message, action, &refusal))
    }
}

impl Waiting<'_> {
    /// Returns once people have approved. Everything else is an answer.
    async fn ruled<V: Voice>(&self, leg: Option<&Leg>, voice: &mut V) -> Result<(), Answer> {
        let held = match (self.message.era(), leg) {
            _ if !self.is_plain_tool() => self.hold(voice).await,
            (Era::Legacy, _) => self.dialog(voice).await?,
            (Era::Modern, None) => {
                let elicits = self.message.client_capabilities().map(|said| Elicits::of(said)).unwrap_or_default();
                match self.question(elicits, true) {
                    Some(posed) => return Err(self.required(&posed)),
                    None => self.hold(voice).await,
                }
            }
            (Era::Modern, Some(leg)) => match leg.answered {
                Some(Answered::Declined) => return Err(self.declined()),
                Some(Answered::Cancelled) => return Err(self.pending()),
                Some(Answered::Accepted { approve: Some(approve) }) if leg.state.asked == Asked::Form => {
                    self.confirm(approve).await?;
                    self.hold(voice).await
                }
                Some(Answered::Accepted { .. } | Answered::Unasked) | None => self.hold(voice).await,
            },
        };
        match held {
            Held::Stands(TicketState::Granted) => Ok(()),
            Held::Stands(TicketState::Waiting) => Err(self.undecided(leg)),
            Held::Stands(TicketState::Rejected) => Err(self.ended(&Stale::DECLINED)),
            Held::Stands(TicketState::Expired | TicketState::Spent | TicketState::Void) => Err(self.ended(&Stale::OVER)),
            Held::Stopping => Err(self.pending()),
            Held::Unwanted => Err(self.answered(refused::cancelled(self.id))),
        }
    }

    fn is_plain_tool(&self) -> bool {
        self.action == Action::ToolsCall && !self.message.wants_task()
    }

    /// Waits for people, as long as the client waits.
    async fn hold<V: Voice>(&self, voice: &mut V) -> Held {
        let (ticket, left) = (self.pending.ticket, self.deadline.saturating_duration_since(Instant::now()));
        let ruling = self.line.gate.ruling(ticket, left);
        let unwanted = async {
            loop {
                let cancelled = self.with.cancelled.notified();
                if self.is_unwanted() {
                    return;
                }
                cancelled.await;
            }
        };
        let (mut ruling, mut unwanted) = (std::pin::pin!(ruling), std::pin::pin!(unwanted));
        let pace = (left / 4).clamp(FASTEST, PACE);
        loop {
            tokio::select! {
                biased;
                () = voice.gone() => return Held::Unwanted,
                () = unwanted.as_mut() => return Held::Unwanted,
                stands = ruling.as_mut() => return Held::Stands(stands.unwrap_or(TicketState::Expired)),
                () = self.line.stopping.wait() => return Held::Stopping,
                () = tokio::time::sleep(pace), if self.progress.is_some() => {}
            }
            // Less than nothing is done, and ever less of that is missing: what the server says later with the same token is more.
            let heard = self.heard.fetch_add(1, Ordering::Relaxed).saturating_add(1);
            let progress = -1.0 / f64::from(heard);
            let news = self.progress.map(|token| reply::progress(token, progress, "Waiting for a person to approve this call."));
            if let Some(news) = news
                && !voice.say(news).await
            {
                return Held::Unwanted;
            }
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
        let posed = self.question(possible, version >= URLS_SINCE).filter(|_| voice.reaches() && self.with.has_session());
        let Some(posed) = posed else { return Ok(self.hold(voice).await) };
        let subject = format!("{}-{}", self.pending.ticket, self.refusal.id());
        let Some((question, mut answer)) = self.with.own_questions().ask(&subject) else { return Ok(self.hold(voice).await) };
        let heard = voice.say(posed.question().request(&question)).await;
        let mut said = None;
        let held = tokio::select! {
            held = self.hold(voice), if heard => held,
            answered = &mut answer, if heard => {
                said = Some(answered.unwrap_or(Answered::Unasked));
                Held::Unwanted
            }
            else => Held::Unwanted,
        };
        let ended = match said {
            Some(answered) => self.user_said(posed.asked(), answered, voice).await,
            None => Ok(held),
        };
        self.with.own_questions().withdraw(&question);
        if said.is_none() {
            voice.say(reply::cancelled(&question, "The call does not wait any more.")).await;
        }
        if let Posed::Page { id, .. } = &posed {
            voice.say(elicit::complete(id)).await;
        }
        ended
    }

    /// That a user agreed to open a page says nothing, whatever else comes along with it; nor does a client that failed to ask. Of one who
    /// closes the question nobody knows what they want: the call does not wait any longer, and can be made again.
    async fn user_said<V: Voice>(&self, asked: Asked, answered: Answered, voice: &mut V) -> Result<Held, Answer> {
        match answered {
            Answered::Declined => return Err(self.declined()),
            Answered::Cancelled => return Err(self.pending()),
            Answered::Accepted { approve: Some(approve) } if asked == Asked::Form => self.confirm(approve).await?,
            Answered::Accepted { .. } | Answered::Unasked => {}
        }
        Ok(self.hold(voice).await)
    }

    /// The answer of a modern first leg that asks the client's user.
    fn required(&self, posed: &Posed) -> Answer {
        let theirs = Line::theirs(self.message);
        let state = theirs.and_then(|theirs| self.sealed((1, posed.asked()), &theirs));
        state.map_or_else(|| self.pending(), |state| self.answered(posed.question().required(self.id, &state)))
    }

    /// Nobody has ruled in time. A modern client tries again by itself, some times; any other is told how to go on.
    fn undecided(&self, leg: Option<&Leg>) -> Answer {
        let number = leg.map_or(1, |leg| leg.state.number.saturating_add(1));
        if self.message.era() == Era::Legacy || !self.is_plain_tool() || number > LEGS {
            return self.pending();
        }
        let theirs = match leg {
            Some(leg) => Some(leg.state.theirs.clone()),
            None => Line::theirs(self.message),
        };
        let state = theirs.and_then(|theirs| self.sealed((number, Asked::Patience), &theirs));
        state.map_or_else(|| self.pending(), |state| self.answered(elicit::try_again(self.id, &state)))
    }

    fn sealed(&self, next: (u32, Asked), theirs: &str) -> Option<String> {
        self.line.sealed(self.caller, self.pending.ticket, next, theirs)
    }

    fn pending(&self) -> Answer {
        answer(self.id, self.message, self.action, &self.refusal)
    }

    fn declined(&self) -> Answer {
        self.ended(&Stale::BY_USER)
    }

    fn ended(&self, why: &Stale) -> Answer {
        let (text, decision) = why.told(self.refusal.id(), self.pending.ticket);
        self.answered(refused::with_text(self.id, self.message, self.action, &text, &decision))
    }

    fn answered(&self, body: Bytes) -> Answer {
        Answer { body, status: StatusCode::OK, decision: Some(self.refusal.id()) }
    }
}

/// Whether the client has left by now.
async fn has_left(voice: &mut impl Voice) -> bool {
    tokio::select! {
        biased;
        () = voice.gone() => true,
        () = std::future::ready(()) => false,
    }
}

fn answer(id: &RawId, message: &Message, action: Action, refusal: &Refusal) -> Answer {
    Answer { body: refused::refusal(id, message, action, refusal), status: StatusCode::OK, decision: Some(refusal.id()) }
}
