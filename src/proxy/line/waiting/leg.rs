//! What a client of 2026-07-28 is given to bring back while its call waits, and what that is worth when it comes: one request is many
//! there, and each of them stands alone.
//!
//! The state says which ticket people are asked under, how often the client has tried, and what the last try asked. It is sealed for the
//! caller (`states`) and held against the call: whoever changes the call, or comes back after it was made, brings nothing of ours.
//! What the client carries of the *server's* own dialogue travels inside, because a client brings back one state only.

use bytes::Bytes;
use http::StatusCode;

use super::super::inbound::Answer;
use super::super::{Line, refused};
use super::Stale;
use crate::domain::{Call, Caller, TicketId, TicketState};
use crate::gate::Ticket;
use crate::mcp::elicit::{self, Answered};
use crate::mcp::{Message, RawId};
use crate::passage::States;

/// How much of the server's dialogue a state of ours takes along, in bytes.
const MOST_CARRIED: usize = 64 << 10;

/// What a leg asked of the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// To have its user open the console's page.
    Page,
    /// To have its user fill in the form.
    Form,
    /// To try again.
    Patience,
}

impl Asked {
    const fn word(self) -> &'static str {
        match self {
            Self::Page => "page",
            Self::Form => "form",
            Self::Patience => "patience",
        }
    }

    fn of(word: &str) -> Option<Self> {
        [Self::Page, Self::Form, Self::Patience].into_iter().find(|asked| asked.word() == word)
    }
}

/// What a client is given to bring back: which try comes next, and what it carries of the server's dialogue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct State {
    ticket: TicketId,
    pub(super) number: u32,
    pub(super) asked: Asked,
    /// `requestState` and `inputResponses` as members of an object, as they came in the first leg; empty when there were none.
    pub(super) theirs: String,
}

impl State {
    fn written(&self) -> String {
        format!("{} {} {}\n{}", self.ticket, self.number, self.asked.word(), self.theirs)
    }

    fn read(text: &str) -> Option<Self> {
        let (ours, theirs) = text.split_once('\n')?;
        let mut words = ours.split(' ');
        let (ticket, number, asked) = (words.next()?, words.next()?, words.next()?);
        let asked = Asked::of(asked).filter(|_| words.next().is_none())?;
        Some(Self { ticket: TicketId::parse(ticket)?, number: number.parse().ok()?, asked, theirs: theirs.to_owned() })
    }
}

/// A further try of a client's, for exactly the call of the first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::proxy::line) struct Leg {
    pub(super) state: State,
    /// What the client says that its user did.
    pub(super) answered: Option<Answered>,
}

impl Leg {
    pub(super) const fn ticket(&self) -> TicketId {
        self.state.ticket
    }
}

impl Line {
    /// What a request brings back of an earlier leg of ours; `None` when it brings nothing of ours. Somebody else's, one for another call, one
    /// that was made up, or one whose call was made does not exist.
    pub(in crate::proxy::line) fn leg(
        &self,
        caller: &Caller,
        id: &RawId,
        message: &Message,
        call: &Call,
    ) -> Result<Option<Leg>, Answer> {
        let unknown = || Answer::new(StatusCode::OK, refused::unknown_state(id));
        let Some(sealed) = message.request_state().filter(|state| States::claims_to_be_ours(state)) else { return Ok(None) };
        let state = self.states.open_ours(sealed, caller).and_then(|state| State::read(&state)).ok_or_else(unknown)?;
        if !self.gate.is_for(state.ticket, caller, call) {
            return Err(unknown());
        }
        let ticket = self.gate.ticket(state.ticket).ok_or_else(unknown)?;
        self.still_open(id, message, call, &ticket)?;
        Ok(Some(Leg { state, answered: Answered::in_request(message) }))
    }

    /// A client that comes back to a ticket that is over hears of its end: people are not asked about the same try again.
    pub(super) fn still_open(&self, id: &RawId, message: &Message, call: &Call, ticket: &Ticket) -> Result<(), Answer> {
        let over = match ticket.state {
            TicketState::Waiting | TicketState::Granted => return Ok(()),
            // The call was made: what comes now is a replay.
            TicketState::Spent => return Err(Answer::new(StatusCode::OK, refused::unknown_state(id))),
            TicketState::Rejected => Stale::DECLINED,
            TicketState::Expired | TicketState::Void => Stale::OVER,
        };
        let (text, decision) = over.told(ticket.decision, ticket.id);
        let body = refused::with_text(id, message, call.action, &text, &decision);
        Err(Answer { body, status: StatusCode::OK, decision: Some(ticket.decision) })
    }

    /// The request as the server gets it after the last leg: with what it brought along of the server's own, and with nothing of ours.
    pub(in crate::proxy::line) fn without_ours(
        &self,
        caller: &Caller,
        id: &RawId,
        message: &Message,
        leg: &Leg,
    ) -> Result<Bytes, Answer> {
        let malformed = |malformed: crate::mcp::Malformed| Answer::new(StatusCode::OK, malformed.reply());
        let body = elicit::with_theirs(message, &leg.state.theirs).map_err(malformed)?;
        let restored = Message::parse(&body, &self.request_limits).map_err(malformed)?;
        self.reopened(caller, id, &restored, body)
    }

    /// What a first leg brings along of the server's own dialogue; `None` when it cannot be taken along.
    pub(super) fn theirs(message: &Message) -> Option<String> {
        elicit::theirs(message).filter(|theirs| theirs.len() <= MOST_CARRIED)
    }

    /// Whether a request brings back a state that nobody gave this caller: people are not kept waiting for what will be refused anyway.
    pub(super) fn unknown_state(&self, caller: &Caller, message: &Message) -> bool {
        let unknown = |state: &str| !States::claims_to_be_ours(state) && self.states.open(state, caller).is_none();
        Answered::in_request(message).is_some() || message.request_state().is_some_and(|state| unknown(state))
    }

    /// What a client is to bring back; `None` when nothing can be sealed.
    pub(super) fn sealed(
        &self,
        caller: &Caller,
        ticket: TicketId,
        (number, asked): (u32, Asked),
        theirs: &str,
    ) -> Option<String> {
        let state = State { ticket, number, asked, theirs: theirs.to_owned() };
        self.states.seal_ours(&state.written(), caller)
    }
}

#[cfg(test)]
#[path = "leg_tests.rs"]
mod tests;
