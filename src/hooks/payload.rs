//! One message: its name, and what is said in it.

use bytes::Bytes;
use serde::Serialize;

use super::settings::{Event, Format};
use super::slack;
use crate::clock::rfc3339;
use crate::domain::Timestamp;
use crate::gate::{Ticket, TicketJson};

/// A message, the same in every try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Message {
    /// Its name (`webhook-id`): the same for the same thing, also after a restart, so that whoever receives it twice can tell.
    pub(super) id: String,
    pub(super) event: Event,
    pub(super) body: Bytes,
}

#[derive(Serialize)]
struct Standard<'a> {
    r#type: &'static str,
    timestamp: String,
    data: Data<'a>,
}

#[derive(Serialize)]
struct Data<'a> {
    approval: TicketJson<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    link: Option<&'a str>,
}

/// What a message says besides the ticket.
#[derive(Debug, Clone, Copy)]
pub(super) struct Manner<'a> {
    pub(super) format: Format,
    pub(super) include_arguments: bool,
    /// The console.
    pub(super) console: Option<&'a str>,
}

impl Message {
    /// What is said about an event of a ticket; `None` when it cannot be written, which does not happen.
    pub(super) fn of(event: Event, ticket: &Ticket, manner: Manner<'_>) -> Option<Self> {
        let link = manner.console.map(|console| format!("{}/approvals/{}", console.trim_end_matches('/'), ticket.id));
        let body = match manner.format {
            Format::Standard => {
                let approval = if manner.include_arguments { ticket.json() } else { ticket.json().outline() };
                let (timestamp, data) = (rfc3339(when(event, ticket)), Data { approval, link: link.as_deref() });
                serde_json::to_vec(&Standard { r#type: event.name(), timestamp, data }).ok()?
            }
            Format::Slack => slack::payload(event, ticket, manner.include_arguments, link.as_deref()).to_string().into_bytes(),
        };
        let word = event.name().trim_start_matches("approval.");
        Some(Self { id: format!("{}.{word}", ticket.id), event, body: body.into() })
    }
}

/// When it happened.
fn when(event: Event, ticket: &Ticket) -> Timestamp {
    let ruled = || ticket.votes.last().map(|vote| vote.at);
    match event {
        Event::Requested => ticket.asked,
        Event::Granted => ruled().unwrap_or(ticket.asked),
        Event::Rejected | Event::Expired | Event::Spent | Event::Voided => ticket.ended.unwrap_or(ticket.asked),
    }
}
