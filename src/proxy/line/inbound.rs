//! From the client to the server.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use http::StatusCode;

use super::Line;
use super::refused;
use crate::domain::{Action, Call, Caller, DecisionId, Source, Target};
use crate::gate;
use crate::mcp::elicit::{Answered, Elicits};
use crate::mcp::listen::{self, ListenFilter};
use crate::mcp::{self, Kind, Message, RawId, Route};
use crate::passage::{self, method};
use crate::proxy::cleared::Cleared;
use crate::proxy::conversation::{Conversation, OwnQuestions};
use crate::proxy::flight::{Cancelled, Expect, Flight};
use crate::proxy::voice::Voice;

/// What becomes of a client's message.
#[derive(Debug)]
pub(in crate::proxy) enum Inbound {
    /// It goes on to the server.
    Forward {
        message: Cleared,
        /// The request that now awaits an answer; absent for notifications and answers.
        request: Option<RawId>,
        /// The decision that allowed it, if it needed one.
        decision: Option<DecisionId>,
    },
    /// The sidecar answers by itself; nothing reaches the server.
    Answer(Answer),
    /// It ends here, and there is nothing to say about it.
    Swallow,
}

/// An answer of the sidecar's own.
#[derive(Debug)]
pub(in crate::proxy) struct Answer {
    pub(in crate::proxy) body: Bytes,
    /// What HTTP says with it; other transports have no such thing.
    pub(in crate::proxy) status: StatusCode,
    pub(in crate::proxy) decision: Option<DecisionId>,
}

impl Answer {
    pub(super) const fn new(status: StatusCode, body: Bytes) -> Self {
        Self { body, status, decision: None }
    }
}

impl Line {
    /// Decides what becomes of a message from the client; `body` is the text it was read from. `caller` is whose conversation it is, by the
    /// credentials that came with this very message. `voice` is the way to the client while its request waits.
    pub(in crate::proxy) async fn inbound(
        &self,
        with: &Conversation,
        caller: &Caller,
        message: &Message,
        body: Bytes,
        voice: &mut impl Voice,
    ) -> Inbound {
        match message.kind() {
            Kind::Request { id, .. } => match with.flights.board(id) {
                Ok(()) => self.request(with, caller, id, message, body, voice).await,
                Err(grounded) => Inbound::Answer(Answer::new(StatusCode::OK, refused::grounded(id, grounded))),
            },
            Kind::Notification { .. } => self.notification(with, caller, message, body).await,
            Kind::Response { id: Some(id), .. } if OwnQuestions::is_ours(id) => {
                if !with.own_questions().answered(id, Answered::in_response(message)) {
                    tracing::debug!(server = %self.server, "an answer to a question of ours that is not open any more is dropped");
                }
                Inbound::Swallow
            }
            Kind::Response { id, .. } => match id.as_ref().and_then(|id| with.questions.answered(id)) {
                Some(asked) => {
                    Inbound::Forward { message: Cleared::answer(asked, message, body).await, request: None, decision: None }
                }
                None => {
                    tracing::debug!(server = %self.server, "an answer to a question that nobody asked is dropped");
                    Inbound::Swallow
                }
            },
        }
    }

    /// INVARIANT: the id has been boarded; every way out of here departs with it or gives it back.
    async fn request(
        &self,
        with: &Conversation,
        caller: &Caller,
        id: &RawId,
        message: &Message,
        body: Bytes,
        voice: &mut impl Voice,
    ) -> Inbound {
        let answer = match self.route(message) {
            Route::Check(action) => match self.checked(with, caller, id, message, (body, action), voice).await {
                Ok(forward) => return forward,
                Err(answer) => answer,
            },
            Route::Filter(kind) => match self.depart(with, id, message, body, Expect::List(kind)) {
                Ok(forward) => return forward,
                Err(answer) => answer,
            },
            Route::Pass => match self.passing(with, caller, id, message, body).await {
                Ok(forward) => return forward,
                Err(answer) => answer,
            },
            Route::Refuse => {
                tracing::info!(server = %self.server, method = method(message), "a method that is not in the table is refused");
                Answer::new(refused::unknown_method_status(message.era()), refused::unknown_method(id))
            }
        };
        with.flights.disembark(id);
        Inbound::Answer(answer)
    }

    /// A request that policy decides.
    async fn checked(
        &self,
        with: &Conversation,
        caller: &Caller,
        id: &RawId,
        message: &Message,
        (body, action): (Bytes, Action),
        voice: &mut impl Voice,
    ) -> Result<Inbound, Answer> {
        let target = mcp::target(message, action).map_err(|malformed| Answer::new(StatusCode::OK, malformed.reply()))?;
        if let Target::Tool(name) = &target
            && !self.gate.knows_tool(&self.server, name)
        {
            self.learner.refresh().await;
        }
        let call = self.call(with.source(), message, action, target);
        let leg = self.leg(caller, id, message, &call)?;
        let permit = self.admitted(with, caller, id, message, call, leg.as_ref(), voice).await?;
        let onward = match &leg {
            Some(leg) => self.without_ours(caller, id, message, leg),
            None => self.reopened(caller, id, message, body),
        };
        let body = match onward {
            Ok(body) => body,
            Err(answer) => {
                let settlement = permit.spend();
                let decision = Some(settlement.decision());
                settlement.settle(gate::Outcome::Failed("unknown request state".into()), gate::Answer::NONE);
                return Err(Answer { decision, ..answer });
            }
        };
        let (cleared, settlement) = Cleared::permitted(permit, body);
        let decision = settlement.decision();
        let expect = if action == Action::ToolsCall { Expect::ToolResult } else { Expect::Plain };
        let flight = Flight::new(message.era(), expect, Some(settlement));
        with.flights.depart(id, flight).map_err(|flight| {
            flight.end_unanswered(gate::Outcome::Cancelled);
            Answer { body: refused::cancelled(id), status: StatusCode::OK, decision: Some(decision) }
        })?;
        Ok(Inbound::Forward { message: cleared, request: Some(id.clone()), decision: Some(decision) })
    }

    /// A request that needs no decision of its own.
    async fn passing(
        &self,
        with: &Conversation,
        caller: &Caller,
        id: &RawId,
        message: &Message,
        body: Bytes,
    ) -> Result<Inbound, Answer> {
        if let Some(task) = message.task_id()
            && !self.owners.owns(caller, task)
        {
            // A server without tasks does not know the method; one that has them does not know this task.
            return Err(if self.owners.declared() {
                Answer::new(StatusCode::OK, refused::unknown_task(id))
            } else {
                Answer::new(refused::unknown_method_status(message.era()), refused::unknown_method(id))
            });
        }
        if matches!(method(message), "initialize" | "server/discover") {
            if let Some(capabilities) = message.client_capabilities() {
                with.note_elicits(Elicits::of(capabilities));
            }
            return self.depart(with, id, message, body, Expect::Handshake);
        }
        if method(message) == "subscriptions/listen" {
            let filter = listen::filter(message).map_err(|malformed| Answer::new(StatusCode::BAD_REQUEST, malformed.reply()))?;
            let body = self.without_denied(with, caller, message, &filter).await?;
            return self.depart(with, id, message, body, Expect::Subscription { tools: filter.tools_list_changed });
        }
        self.depart(with, id, message, body, Expect::Plain)
    }

    /// Each resource a client subscribes to is a decision; the denied ones are cut out of the request, and the server's
    /// acknowledgement tells the client what is left. The same goes for the tasks of others.
    async fn without_denied(
        &self,
        with: &Conversation,
        caller: &Caller,
        message: &Message,
        filter: &ListenFilter,
    ) -> Result<Bytes, Answer> {
        let mut allowed = BTreeSet::new();
        for uri in &filter.resource_subscriptions {
            let call = self.call(with.source(), message, Action::ResourcesSubscribe, Target::Resource(Arc::clone(uri)));
            if let Ok(permit) = self.gate.admit(caller, call).await {
                permit.spend().settle(gate::Outcome::Ok, gate::Answer::NONE);
                allowed.insert(Arc::clone(uri));
            }
        }
        listen::retain(message, |uri| allowed.contains(uri), |task| self.owners.owns(caller, task))
            .map_err(|malformed| Answer::new(StatusCode::BAD_REQUEST, malformed.reply()))
    }

    /// The request with the state that the server gave this caller, where they bring one back. Somebody else's does not exist.
    pub(super) fn reopened(&self, caller: &Caller, id: &RawId, message: &Message, body: Bytes) -> Result<Bytes, Answer> {
        let unknown = || Answer::new(StatusCode::OK, refused::unknown_state(id));
        // An answer to a question of ours comes with a state of ours: no server gets to see it, and none asks under our name.
        if Answered::in_request(message).is_some() {
            return Err(unknown());
        }
        let Some(sealed) = message.request_state() else { return Ok(body) };
        let state = self.states.open(sealed, caller).ok_or_else(unknown)?;
        mcp::state::reopened(message, &state).map_err(|malformed| Answer::new(StatusCode::OK, malformed.reply()))
    }

    fn depart(&self, with: &Conversation, id: &RawId, message: &Message, body: Bytes, expect: Expect) -> Result<Inbound, Answer> {
        let body = self.reopened(with.caller(), id, message, body)?;
        let Some(cleared) = Cleared::undecided(message, body, &self.extensions) else {
            return Err(Answer::new(StatusCode::OK, refused::unknown_method(id)));
        };
        match with.flights.depart(id, Flight::new(message.era(), expect, None)) {
            Ok(()) => Ok(Inbound::Forward { message: cleared, request: Some(id.clone()), decision: None }),
            Err(_) => Err(Answer::new(StatusCode::OK, refused::cancelled(id))),
        }
    }

    async fn notification(&self, with: &Conversation, caller: &Caller, message: &Message, body: Bytes) -> Inbound {
        if let Some(request) = message.request_id()
            && with.flights.cancel(request) == Cancelled::BeforeDeparture
        {
            with.cancelled.notify_waiters();
            return Inbound::Swallow;
        }
        match self.route(message) {
            Route::Check(action) => {
                let target = Target::Method(method(message).into());
                match self.gate.admit(caller, self.call(with.source(), message, action, target)).await {
                    Ok(permit) => {
                        let (message, settlement) = Cleared::permitted(permit, body);
                        let decision = Some(settlement.decision());
                        settlement.settle(gate::Outcome::Ok, gate::Answer::NONE);
                        Inbound::Forward { message, request: None, decision }
                    }
                    Err(_) => Inbound::Swallow,
                }
            }
            Route::Pass | Route::Filter(_) => match Cleared::undecided(message, body, &self.extensions) {
                Some(message) => Inbound::Forward { message, request: None, decision: None },
                None => Inbound::Swallow,
            },
            Route::Refuse => {
                tracing::info!(server = %self.server, method = method(message), "a notification that is not in the table is refused");
                Inbound::Answer(Answer::new(StatusCode::BAD_REQUEST, refused::unknown_notification(message)))
            }
        }
    }

    fn route(&self, message: &Message) -> Route {
        passage::route(message, |method| self.extensions.contains(method))
    }

    pub(super) fn call(&self, source: Source, message: &Message, action: Action, target: Target) -> Call {
        passage::call(&self.server, source, message, action, target)
    }
}
