//! Events from a server to a client, one by one: each is looked at, and goes on at once or not at all.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::super::cleared::Cleared;
use super::super::conversation::Conversation;
use super::super::endpoint::Endpoint;
use super::super::flight::Expect;
use super::super::session::Session;
use super::super::upstream::{Upstream, Whose};
use super::post::SESSION_ID;
use super::{legacy_sse, respond};
use crate::gate::Outcome;
use crate::identity::Shown;
use crate::mcp::{Era, ListKind, RawId, reply, sse};

/// A stream that is quiet for this long gets a comment, so that nothing in between takes it for dead.
const QUIET: Duration = Duration::from_secs(25);
/// Headers of the client's that are needed to answer the server in its name.
const BACK_TALK: [&str; 2] = ["mcp-session-id", "mcp-protocol-version"];

/// What one stream of events needs to know.
pub(super) struct Pump {
    endpoint: Arc<Endpoint>,
    conversation: Arc<Conversation>,
    session: Option<Arc<Session>>,
    headers: HeaderMap,
    /// The tokens that came with it.
    shown: Shown,
    era: Era,
    /// The request that this stream is to answer; absent on a stream that a client merely listens to.
    awaited: Option<RawId>,
    ended: CancellationToken,
    adoptions: watch::Receiver<u64>,
    client_left: bool,
    /// An event had an id: the server lets the client resume this stream.
    resumable: bool,
}

enum Step {
    Piece(Bytes),
    End,
    ClientLeft,
    PoliciesChanged,
    Quiet,
}

impl Pump {
    pub(super) fn new(
        endpoint: &Arc<Endpoint>,
        conversation: &Arc<Conversation>,
        session: Option<Arc<Session>>,
        (headers, shown): (HeaderMap, Shown),
        era: Era,
        awaited: Option<RawId>,
    ) -> Self {
        Self {
            endpoint: Arc::clone(endpoint),
            conversation: Arc::clone(conversation),
            ended: session.as_ref().map_or_else(CancellationToken::new, |session| session.ended.clone()),
            session,
            headers,
            shown,
            era,
            awaited,
            adoptions: endpoint.line.gate.adoptions(),
            client_left: false,
            resumable: false,
        }
    }

    /// Runs until the server or the session ends, or the client leaves and nothing remains to be heard.
    pub(super) async fn run(mut self, mut body: Incoming, pieces: mpsc::Sender<Bytes>) {
        let mut framer = sse::Framer::new(self.endpoint.limits.answer.max_bytes);
        loop {
            match self.step(&mut body, &pieces).await {
                Step::Piece(piece) => {
                    let events = match framer.push(piece) {
                        Ok(events) => events,
                        Err(error) => {
                            tracing::warn!(server = %self.endpoint.line.server, %error, "an event stream of the server is cut");
                            break;
                        }
                    };
                    for event in events {
                        self.event(&event, &pieces).await;
                    }
                }
                Step::PoliciesChanged => self.announce(&pieces).await,
                Step::Quiet => self.send(&pieces, Bytes::from_static(b":\n\n")).await,
                Step::ClientLeft => self.client_left = true,
                Step::End => break,
            }
            if self.client_left && self.gives_up() {
                break;
            }
        }
        self.finish(&pieces).await;
    }

    async fn step(&mut self, body: &mut Incoming, pieces: &mpsc::Sender<Bytes>) -> Step {
        let (listening, announces) = (!self.client_left, !self.client_left && self.announces());
        tokio::select! {
            frame = body.frame() => match frame {
                Some(Ok(frame)) => Step::Piece(frame.into_data().unwrap_or_default()),
                Some(Err(_)) | None => Step::End,
            },
            () = pieces.closed(), if listening => Step::ClientLeft,
            Ok(()) = self.adoptions.changed(), if announces => Step::PoliciesChanged,
            () = self.ended.cancelled() => Step::End,
            () = tokio::time::sleep(QUIET), if listening => Step::Quiet,
            () = tokio::time::sleep(self.endpoint.limits.answer_timeout), if !listening => Step::End,
        }
    }

    /// A client that left a stream it merely listened to, or left at all in the modern era, wants nothing more. In the older eras
    /// the server goes on with the request, and so do we: its end belongs in the log.
    fn gives_up(&self) -> bool {
        self.awaited.is_none() || self.era == Era::Modern
    }

    /// Whether this stream is where the client expects to hear of a changed tool list.
    fn announces(&self) -> bool {
        match &self.awaited {
            None => self.conversation.announces_tools(),
            Some(id) => matches!(self.conversation.flights.expectation(id), Some(Expect::Subscription { tools: true })),
        }
    }

    async fn announce(&mut self, pieces: &mpsc::Sender<Bytes>) {
        if let Some(notification) = reply::list_changed(ListKind::Tools, self.awaited.as_ref()) {
            self.send(pieces, event(&notification)).await;
        }
    }

    async fn event(&mut self, event: &sse::Event, pieces: &mpsc::Sender<Bytes>) {
        if event.event.as_deref() == Some(b"endpoint")
            && let Some(event) =
                self.session.as_deref().and_then(|session| legacy_sse::endpoint_event(&self.endpoint, session, event))
        {
            return self.send(pieces, event).await;
        }
        self.resumable |= event.id.as_ref().is_some_and(|id| !id.is_empty());
        let Some(data) = event.data.as_ref().filter(|data| !data.is_empty()) else {
            if says_nothing(event) {
                self.send(pieces, event.raw.clone()).await;
            }
            return;
        };
        let outbound = self.endpoint.line.outbound(&self.conversation, data.clone()).await;
        if let Some(answer) = outbound.to_server {
            self.talk_back(answer).await;
        }
        let Some(message) = outbound.to_client else { return };
        let bytes = if message == *data { event.raw.clone() } else { event.with_data(&message) };
        self.send(pieces, bytes).await;
    }

    async fn send(&mut self, pieces: &mpsc::Sender<Bytes>, bytes: Bytes) {
        if self.client_left {
            return;
        }
        let sent = tokio::time::timeout(self.endpoint.limits.answer_timeout, pieces.send(bytes)).await;
        if !matches!(sent, Ok(Ok(()))) {
            self.client_left = true;
        }
    }

    /// Answers a question of the server in the client's place.
    async fn talk_back(&self, answer: Cleared) {
        let Upstream::Http(server) = &self.endpoint.upstream else { return };
        let mut headers = HeaderMap::new();
        if let Some(id) = self.session.as_ref().filter(|session| session.sse.is_none())
            && let Ok(id) = HeaderValue::from_str(&id.id)
        {
            headers.insert(SESSION_ID, id);
        }
        for name in BACK_TALK {
            if let Some(value) = self.headers.get(name) {
                headers.insert(name, value.clone());
            }
        }
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json, text/event-stream"));
        let target = self.session.as_ref().and_then(|session| session.sse.as_ref()?.target.get().cloned());
        let posted = match target {
            Some(target) => server.post_to(target, answer, headers, Whose::Theirs(&self.shown)).await,
            None => server.post(answer, headers, Whose::Theirs(&self.shown)).await,
        };
        if let Err(error) = posted {
            tracing::warn!(server = %self.endpoint.line.server, error = &error as &dyn std::error::Error, "a refusal did not reach the server");
        }
    }

    /// The stream is over. A request that it left unanswered is answered, unless its session lets the answer come on another stream.
    async fn finish(mut self, pieces: &mpsc::Sender<Bytes>) {
        let Some(id) = self.awaited.clone() else { return };
        let cancelled = self.client_left && self.era == Era::Modern || self.conversation.flights.is_cancelled(&id);
        if self.resumable && self.session.is_some() && !self.ended.is_cancelled() && !cancelled {
            return;
        }
        let Some(flight) = self.conversation.flights.land(&id) else { return };
        flight.end_unanswered(if cancelled { Outcome::Cancelled } else { Outcome::Failed("the stream ended".into()) });
        let failure = respond::failure(Some(&id), "The server ended the stream without an answer.");
        self.send(pieces, event(&failure)).await;
    }
}

/// Whether an event without data is what it seems: ids, comments, pauses. A stream that is none, plain JSON say, has other lines; what
/// a client would make of those nobody knows.
fn says_nothing(event: &sse::Event) -> bool {
    let known = |line: &[u8]| {
        let name = line.split(|byte| *byte == b':').next().unwrap_or_default();
        matches!(name, b"" | b"id" | b"event" | b"retry" | b"data")
    };
    let text = event.raw.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&event.raw);
    text.split(|byte| matches!(byte, b'\n' | b'\r')).all(known)
}

/// A message of the sidecar's own as an event.
pub(super) fn event(message: &[u8]) -> Bytes {
    [b"event: message\ndata: ", message, b"\n\n"].concat().into()
}

#[cfg(test)]
#[path = "pump_tests.rs"]
mod tests;
