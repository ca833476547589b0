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
use super::super::session::{Session, Unopened};
use super::super::upstream::{self, HttpUpstream, Upstream, Whose, is_event_stream, is_plain, status_for_client};
use super::post::SESSION_ID;
use super::pump::Pump;
use super::{read, respond};
use crate::domain::DecisionId;
use crate::gate::Outcome;
use crate::identity::Shown;
use crate::mcp::{Era, Message, RawId};

/// Pieces of a stream that may wait for a slow client before its server has to wait too.
pub(super) const STREAM_BUFFER: usize = 16;

/// Where a client wants a broken stream to go on (2025-03-26 to 2025-11-25, on GET).
const LAST_EVENT_ID: &str = "last-event-id";

/// Everything that one exchange with a server needs to know.
pub(super) struct Exchange {
    pub(super) endpoint: Arc<Endpoint>,
    pub(super) conversation: Arc<Conversation>,
    pub(super) session: Option<Arc<Session>>,
    /// The client's headers.
    pub(super) headers: HeaderMap,
    /// The tokens that came with the message.
    pub(super) shown: Shown,
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
        let headers = self.request_headers();
        let sent = tokio::select! {
            // Whoever hung up while the call was being decided wants nothing sent.
            biased;
            // In the modern era a client that hangs up cancels; in the older ones it only stops listening.
            () = reply.closed(), if self.cancels_by_leaving() => {
                self.settle(Outcome::Cancelled);
                return;
            }
            sent = server.post(cleared, headers, Whose::Theirs(&self.shown)) => sent,
        };
        match sent {
            Ok(response) => self.relay(response, reply).await,
            Err(error) => self.fail(&error, reply),
        }
    }

    /// What of the client's headers goes to the server. A modern message belongs to no session and resumes no stream: a server of both
    /// eras must not find somebody else's by a header that nobody has checked.
    fn request_headers(&self) -> HeaderMap {
        let mut headers = upstream::request_headers(&self.headers);
        if self.era == Era::Modern {
            headers.remove(SESSION_ID);
            headers.remove(LAST_EVENT_ID);
        }
        headers
    }

    pub(super) fn cancels_by_leaving(&self) -> bool {
        self.era == Era::Modern && self.request.is_some()
    }

    /// The server cannot be had.
    pub(super) fn fail(self, error: &upstream::UpstreamError, reply: Reply) {
        tracing::warn!(server = %self.endpoint.line.server, error = error as &dyn std::error::Error, "the server failed to answer");
        self.endpoint.metrics.upstream_failed(&self.endpoint.line.server);
        self.settle(Outcome::Failed(error.word().as_ref().into()));
        let _ =
            reply.send(respond::with_decision(respond::failed(self.request.as_ref(), &error.told(self.decision)), self.decision));
    }

    async fn relay(self, response: Response<Incoming>, reply: Reply) {
        let (head, body) = response.into_parts();
        if head.status == StatusCode::NOT_FOUND
            && let Some(session) = &self.session
        {
            self.endpoint.sessions.close(&session.id);
        }
        let Some(id) = self.request.clone() else {
            let _ = reply.send(respond::with_decision(self.taken(&head), self.decision));
            return;
        };
        if !is_plain(&head) {
            return self.unreadable(&id, reply);
        }
        let session = match self.opened(&head) {
            Ok(opened) => opened.or_else(|| self.session.clone()),
            Err(unopened) => return self.turn_away(unopened, &head, &id, reply).await,
        };
        if is_event_stream(&head.headers) {
            self.stream(session, head, body, reply).await;
        } else {
            self.whole(head, body, &id, reply).await;
        }
    }

    /// The answer to a message that awaits none.
    fn taken(&self, head: &Parts) -> Response<Body> {
        match head.status {
            StatusCode::NOT_FOUND if self.session.is_some() => respond::unknown_session(),
            status if status.is_success() => respond::accepted(),
            status if status.is_client_error() || status.is_server_error() => respond::empty(status_for_client(status)),
            _ => respond::empty(StatusCode::BAD_GATEWAY),
        }
    }

    /// Registers the session that the answer to an `initialize` opens.
    fn opened(&self, head: &Parts) -> Result<Option<Arc<Session>>, Unopened> {
        if !self.opens || !head.status.is_success() {
            return Ok(None);
        }
        let Some(id) = head.headers.get(SESSION_ID).and_then(|id| id.to_str().ok()) else { return Ok(None) };
        let id: Arc<str> = id.into();
        self.conversation.belongs_to(&id);
        let session = Arc::new(Session::new(id, Arc::clone(&self.conversation)));
        self.endpoint.sessions.open(Arc::clone(&session)).map(|()| Some(session))
    }

    /// A session that cannot be kept is ended at the server too, unless it is somebody else's.
    async fn turn_away(self, unopened: Unopened, head: &Parts, id: &RawId, reply: Reply) {
        self.settle(Outcome::Failed("no session".into()));
        let sentence = match unopened {
            Unopened::TooMany => "The sidecar has too many open sessions; try again later.",
            Unopened::Taken => "The server gave out a session that is in use.",
        };
        let _ = reply.send(respond::failed(Some(id), sentence));
        if unopened == Unopened::TooMany
            && let (Upstream::Http(server), Some(session)) = (&self.endpoint.upstream, head.headers.get(SESSION_ID))
        {
            let mut headers = upstream::request_headers(&self.headers);
            headers.insert(SESSION_ID, session.clone());
            let _ = server.bare(Method::DELETE, headers, Whose::Theirs(&self.shown)).await;
        }
    }

    /// An answer in one piece.
    async fn whole(self, head: Parts, body: Incoming, id: &RawId, mut reply: Reply) {
        let limits = &self.endpoint.limits;
        let read = tokio::select! {
            () = reply.closed(), if self.cancels_by_leaving() => {
                self.settle(Outcome::Cancelled);
                return;
            }
            read = collect(body, limits.answer.max_bytes, limits.answer_timeout) => read,
        };
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
                let response = respond::relayed(status_for_client(head.status), headers, Body::from(body));
                let _ = reply.send(respond::with_decision(response, self.decision));
            }
            None => self.unreadable(id, reply),
        }
    }

    fn bare_error(self, head: &Parts, id: &RawId, reply: Reply) {
        self.settle(Outcome::Failed("http error".into()));
        if head.status == StatusCode::NOT_FOUND && self.session.is_some() {
            let _ = reply.send(respond::with_decision(respond::unknown_session(), self.decision));
            return;
        }
        let body = respond::failure(Some(id), "The MCP server answered with an HTTP error.");
        let mut headers = upstream::response_headers(&head.headers);
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let response = respond::relayed(status_for_client(head.status), headers, Body::from(body));
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
        let pump = Pump::new(&self.endpoint, &self.conversation, session, (self.headers, self.shown), self.era, self.request);
        pump.run(body, pieces).await;
    }

    /// Ends the request's flight, if it is still in the air.
    pub(super) fn settle(&self, outcome: Outcome) {
        if let Some(flight) = self.request.as_ref().and_then(|id| self.conversation.flights.land(id)) {
            flight.end_unanswered(outcome);
        }
    }
}

/// The server's headers for a stream, plus those that keep boxes in between from holding events back.
pub(super) fn stream_headers(server: &HeaderMap) -> HeaderMap {
    let mut headers = upstream::response_headers(server);
    headers.entry("x-accel-buffering").or_insert(HeaderValue::from_static("no"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-cache, no-transform"));
    headers
}
