//! News of tickets as lines of JSON: first one for each ticket that waits, then one for each thing that happens.
//!
//! Nobody is waited for: whoever reads too slowly hears that they missed something (`{"event":"missed"}`), or is cut off, and asks again.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame};
use serde::Serialize;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{OwnedSemaphorePermit, mpsc};

use super::people::{People, Person};
use super::sight;
use crate::domain::TicketState;
use crate::gate::{Gate, Ticket, TicketJson};

/// How many lines wait for whoever reads them.
const AHEAD: usize = 64;
/// How long a reader that does not read is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// Lines from a bounded channel; the body ends with the sender.
pub(super) struct Lines(mpsc::Receiver<Bytes>);

impl Body for Lines {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let line = ready!(self.0.poll_recv(cx));
        Poll::Ready(line.map(|line| Ok(Frame::data(line))))
    }
}

#[derive(Serialize)]
struct Line<'a> {
    event: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    approval: Option<TicketJson<'a>>,
}

fn line(event: &str, ticket: Option<&Ticket>) -> Bytes {
    let mut text = serde_json::to_vec(&Line { event, approval: ticket.map(Ticket::json) }).unwrap_or_default();
    text.push(b'\n');
    text.into()
}

/// Starts to tell; the slot is held until nobody listens any more.
pub(super) fn start(gate: Gate, people: Arc<dyn People>, person: Person, slot: OwnedSemaphorePermit) -> Lines {
    let (send, lines) = mpsc::channel(AHEAD);
    tokio::spawn(async move {
        let _slot = slot;
        // Whoever is not believed any more hears nothing more.
        tokio::select! {
            _ = tell(&gate, &person, &send) => {}
            () = people.until_over(&person) => {}
        }
    });
    Lines(lines)
}

async fn tell(gate: &Gate, person: &Person, send: &mpsc::Sender<Bytes>) -> Option<()> {
    // News first: what happens between the two looks is told twice rather than not at all.
    let mut news = gate.ticket_news();
    let waiting: Vec<Arc<Ticket>> = sight::of(gate, person).await;
    for ticket in waiting.iter().rev().filter(|ticket| ticket.state == TicketState::Waiting) {
        push(send, line("waiting", Some(ticket))).await?;
    }
    loop {
        let heard = tokio::select! {
            () = send.closed() => return None,
            heard = news.recv() => heard,
        };
        match heard {
            Ok(heard) if sight::sees(gate, person, &heard.ticket) => {
                push(send, line(heard.what.name(), Some(&heard.ticket))).await?;
            }
            Ok(_) => {}
            Err(RecvError::Lagged(_)) => {
                push(send, line("missed", None)).await?;
                return None;
            }
            Err(RecvError::Closed) => return None,
        }
    }
}

/// Hands a line over; `None` when nobody takes it.
async fn push(send: &mpsc::Sender<Bytes>, line: Bytes) -> Option<()> {
    tokio::time::timeout(PATIENCE, send.send(line)).await.ok()?.ok()
}
