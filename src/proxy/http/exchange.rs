//! One message at the server, and what comes back.

use std::sync::Arc;

use bytes::Bytes;
use http::response::Parts;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use hyper::body::Incoming;
use tokio::sync::{mpsc, oneshot};

use super::super::body::Body;
use super::super::cleared::Cleared;
use super::super::collect::collect;
use super::super::conversation::Conversation;
use super::super::endpoint::Endpoint;
use super::super::session::Session;
use super::super::upstream::{self, HttpUpstream, Upstream, is_event_stream};
use super::post::SESSION_ID;
use super::pump::Pump;
use super::{read, respond};
use crate::audit::Outcome;
use crate::domain::DecisionId;
use crate::mcp::{Era, Message, RawId};

/// Pieces of a stream that may wait for a slow client before its server has to wait too.
pub(super) const STREAM_BUFFER: usize = 16;

/// Everything that one exchange with a server needs to know.
pub(super) struct Exchange {
    pub(super) endpoint: Arc<Endpoint>,
    pub(super) conversation: Arc<Conversation>,
    pub(super) session: Option<Arc<Session>>,
    /// The client's headers.
    pub(super) headers: HeaderMap,
    pub(super) era: Era,
    /// The request that awaits an answer; absent for notifications and answers.
    pub(super) request: Option<RawId>,
    pub(super) decision: Option<DecisionId>,
    /// The message is an `initialize`: its answer may open a session.
    pub(super) opens: bool,
}

type Reply = oneshot::Sender<Response<Body>>;

impl Exchange {
    /// Sends the message and answers the client.
    pub(super) async fn run(self, cleared: Cleared, message: &Message, reply: Reply) {
        match self.endpoint.upstream.clone() {
            Upstream::Http(server) => self.over_http(&server, cleared, reply).await,
            Upstream::Child(children) => self.over_child(&children, cleared, message, reply).await,
        }
    }

    async fn over_http(self, server: &HttpUpstream, cleared: Cleared, mut reply: Reply) {
        let headers = upstream::request_headers(&self.headers);
        let sent = tokio::select! {
            // In the modern era a client that hangs up cancels; in the older ones it only stops listening.
            () = reply.closed(), if self.cancels_by_leaving() => {
                self.settle(Outcome::Cancelled);
                return;
            }
            sent = server.post(cleared, headers) => sent,
        };
        match sent {
            Ok(response) => self.relay(response, reply).await,
            Err(error) => self.fail(&error, reply),
        }
    }

    pub(super) fn cancels_by_leaving(&self) -> bool {
        self.era == Era::Modern && self.request.is_some()
    }

    /// The server cannot be had.
    pub(super) fn fail(self, error: &upstream::UpstreamError, reply: Reply) {
        tracing::warn!(server = %self.endpoint.line.server, error = error as &dyn std::error::Error, "the server failed to answer");
        self.endpoint.metrics.upstream_failed(&self.endpoint.line.server);
        self.settle(Outcome::Failed(error.word().into()));
        let _ = reply.send(respond::with_decision(respond::failed(self.request.as_ref(), error.sentence()), self.decision));
    }

    async fn relay(self, response: Response<Incoming>, reply: Reply) {
        let (head, body) = response.into_parts();
        if head.status == StatusCode::NOT_FOUND
            && let Some(session) = &self.session
        {
            self.endpoint.sessions.close(&session.id);
        }
        let Some(id) = self.request.clone() else {
            let response = respond::empty(if head.status.is_success() { StatusCode::ACCEPTED } else { head.status });
            let _ = reply.send(respond::with_decision(response, self.decision));
            return;
        };
        let session = match self.opened(&head) {
            Ok(opened) => opened.or_else(|| self.session.clone()),
            Err(TooMany) => return self.turn_away(&head, &id, reply).await,
        };
        if is_event_stream(&head.headers) {
            self.stream(session, head, body, reply).await;
        } else {
            self.whole(head, body, &id, reply).await;
        }
    }

    /// Registers the session that the answer to an `initialize` opens.
    fn opened(&self, head: &Parts) -> Result<Option<Arc<Session>>, TooMany> {
        if !self.opens || !head.status.is_success() {
            return Ok(None);
        }
        let Some(id) = head.headers.get(SESSION_ID).and_then(|id| id.to_str().ok()) else { return Ok(None) };
        let id: Arc<str> = id.into();
        self.conversation.belongs_to(&id);
        let session = Arc::new(Session::new(id, Arc::clone(&self.conversation)));
        if self.endpoint.sessions.open(Arc::clone(&session)) { Ok(Some(session)) } else { Err(TooMany) }
    }

    /// A session that cannot be kept is ended at the server too.
    async fn turn_away(self, head: &Parts, id: &RawId, reply: Reply) {
        self.settle(Outcome::Failed("too many sessions".into()));
        let _ = reply.send(respond::failed(Some(id), "The sidecar has too many open sessions; try again later."));
        if let (Upstream::Http(server), Some(session)) = (&self.endpoint.upstream, head.headers.get(SESSION_ID)) {
            let mut headers = upstream::request_headers(&self.headers);
            headers.insert(SESSION_ID, session.clone());
            let _ = server.bare(Method::DELETE, headers).await;
        }
    }

    /// An answer in one piece.
    async fn whole(self, head: Parts, body: Incoming, id: &RawId, reply: Reply) {
        let limits = &self.endpoint.limits;
        let read = collect(body, limits.answer.max_bytes, limits.answer_timeout).await;
        let body = match read {
            Ok(body) if read::is_json(&head.headers) => body,
            // An HTTP error without a JSON-RPC message: the status says it all, and what else it says is for nobody's parser.
            Ok(_) if !head.status.is_success() => return self.bare_error(&head, id, reply),
            Ok(_) | Err(_) => return self.unreadable(id, reply),
        };
        let outbound = self.endpoint.line.outbound(&self.conversation, body).await;
        if outbound.landed.as_ref() != Some(id) {
            self.settle(Outcome::Failed("no answer to the request".into()));
        }
        match outbound.to_client {
            Some(body) => {
                let mut headers = upstream::response_headers(&head.headers);
                headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
                let response = respond::relayed(head.status, headers, Body::from(body));
                let _ = reply.send(respond::with_decision(response, self.decision));
            }
            None => self.unreadable(id, reply),
        }
    }

    fn bare_error(self, head: &Parts, id: &RawId, reply: Reply) {
        self.settle(Outcome::Failed("http error".into()));
        let body = respond::failure(Some(id), "The MCP server answered with an HTTP error.");
        let mut headers = upstream::response_headers(&head.headers);
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let response = respond::relayed(head.status, headers, Body::from(body));
        let _ = reply.send(respond::with_decision(response, self.decision));
    }

    fn unreadable(self, id: &RawId, reply: Reply) {
        tracing::warn!(server = %self.endpoint.line.server, "an answer of the server is withheld: it cannot be read safely");
        self.settle(Outcome::Failed("unreadable answer".into()));
        let response = respond::failed(Some(id), "The server's answer could not be read safely and is withheld.");
        let _ = reply.send(respond::with_decision(response, self.decision));
    }

    /// An answer in events.
    async fn stream(self, session: Option<Arc<Session>>, head: Parts, body: Incoming, reply: Reply) {
        let (pieces, stream) = mpsc::channel::<Bytes>(STREAM_BUFFER);
        let headers = stream_headers(&head.headers);
        let _ = reply.send(respond::with_decision(respond::relayed(head.status, headers, Body::Stream(stream)), self.decision));
        let pump = Pump::new(&self.endpoint, &self.conversation, session, self.headers, self.era, self.request);
        pump.run(body, pieces).await;
    }

    /// Ends the request's flight, if it is still in the air.
    pub(super) fn settle(&self, outcome: Outcome) {
        let flight = self.request.as_ref().and_then(|id| self.conversation.flights.land(id));
        if let Some(settlement) = flight.and_then(|flight| flight.settlement) {
            settlement.settle(outcome, 0);
        }
    }
}

struct TooMany;

/// The server's headers for a stream, plus those that keep boxes in between from holding events back.
pub(super) fn stream_headers(server: &HeaderMap) -> HeaderMap {
    let mut headers = upstream::response_headers(server);
    headers.entry("x-accel-buffering").or_insert(HeaderValue::from_static("no"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-cache, no-transform"));
    headers
}
