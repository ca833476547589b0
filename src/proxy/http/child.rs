//! HTTP in front of a server that is a child process: the sidecar is the HTTP server, and lines become bodies and events.
//!
//! A legacy session has a process of its own, whose id is the sidecar's to give. Modern requests share processes.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use ring::rand::{SecureRandom, SystemRandom};
use tokio::sync::{mpsc, oneshot};

use super::super::body::Body;
use super::super::cleared::Cleared;
use super::super::endpoint::Endpoint;
use super::super::lines::on_one_line;
use super::super::session::Session;
use super::super::upstream::child::{Exchange as ChildExchange, Incoming, Key, Pool, Request};
use super::super::upstream::{ChildSession, UpstreamError};
use super::exchange::{Exchange, STREAM_BUFFER, stream_headers};
use super::post::SESSION_ID;
use super::pump::event;
use super::respond;
use crate::gate::Outcome;
use crate::mcp::{Era, ListKind, Message, reply};

type Reply = oneshot::Sender<Response<Body>>;

impl Exchange {
    /// Sends the message to the child whose business it is.
    pub(super) async fn over_child(mut self, pool: &Pool, cleared: Cleared, message: &Message, reply: Reply) {
        let line = on_one_line(cleared.into_bytes());
        let sent = match self.request.clone().and_then(|id| self.child_request(&id, message, line.clone())) {
            Some(request) => self.open(pool, request).await.map(Some),
            None => self.tell(pool, message, line).await.map(|()| None),
        };
        match sent {
            Ok(Some(exchange)) => self.hear(exchange, reply).await,
            Ok(None) => {
                let _ = reply.send(respond::with_decision(respond::accepted(), self.decision));
            }
            Err(error) => self.fail(&error, reply),
        }
    }

    fn child_request(&self, id: &crate::mcp::RawId, message: &Message, line: Bytes) -> Option<Request> {
        let progress_token = message.progress_token().and_then(|token| Key::parse(token.as_json()));
        Some(Request { id: Key::parse(id.as_json())?, progress_token, caller: self.conversation.caller().clone(), line })
    }

    async fn open(&mut self, pool: &Pool, request: Request) -> Result<ChildExchange, UpstreamError> {
        if self.era == Era::Modern {
            return pool.shared(request).await.map_err(UpstreamError::NoProcess);
        }
        if self.opens {
            self.session = Some(self.open_session(pool)?);
        }
        let child = self.child().ok_or(UpstreamError::NoSession)?;
        child.requests.open(request).await.map_err(UpstreamError::NoProcess)
    }

    fn child(&self) -> Option<Arc<ChildSession>> {
        self.session.as_ref().and_then(|session| session.child.clone())
    }

    /// Starts a process for a new session, and ends the session when the process does.
    fn open_session(&self, pool: &Pool) -> Result<Arc<Session>, UpstreamError> {
        let id = new_session_id().ok_or(UpstreamError::NoSession)?;
        let child = ChildSession::start(pool)?;
        self.conversation.belongs_to(&id);
        let session = Arc::new(Session::new(Arc::clone(&id), Arc::clone(&self.conversation)).with_child(Arc::clone(&child)));
        self.endpoint.sessions.open(Arc::clone(&session)).map_err(|_| UpstreamError::NoSession)?;
        let (endpoint, ended) = (Arc::clone(&self.endpoint), session.ended.clone());
        tokio::spawn(async move {
            tokio::select! {
                exit = child.requests.ended() => {
                    tracing::info!(server = %endpoint.line.server, session = %id, %exit, "the session's process ended");
                    endpoint.sessions.close(&id);
                }
                () = ended.cancelled() => {}
            }
        });
        Ok(session)
    }

    /// Passes on what expects no answer.
    async fn tell(&self, pool: &Pool, message: &Message, line: Bytes) -> Result<(), UpstreamError> {
        if let Some(child) = self.child() {
            return child.requests.send(line).await.map_err(UpstreamError::NotTaken);
        }
        // Without a session only a request in flight can be meant; anything else has no addressee, which is no error.
        match message.request_id().and_then(|id| Key::parse(id.as_json())) {
            Some(key) => {
                let _ = pool.relay(self.conversation.caller(), &key, line).await;
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Hears the child out: one message is a body, several are a stream.
    async fn hear(self, mut exchange: ChildExchange, reply: Reply) {
        let child = self.child();
        // Whoever has the client's ear passes on what the child says unasked; a listening GET stream has it already.
        let mut unsolicited = match &child {
            Some(child) => child.unsolicited.try_lock().ok(),
            None => None,
        };
        let mut ear = Ear::Waiting(reply);
        loop {
            let incoming = tokio::select! {
                incoming = exchange.next() => incoming,
                Some(line) = async { match &mut unsolicited { Some(shelf) => shelf.next().await, None => None } } => Some(Incoming::Message(line)),
                () = ear.left(), if self.cancels_by_leaving() => {
                    // Dropping the exchange tells the child.
                    self.settle(Outcome::Cancelled);
                    return;
                }
            };
            match incoming {
                Some(Incoming::Message(line)) => {
                    if let Some(message) = self.pass(line, child.as_deref()).await {
                        ear = ear.event(&self, &message).await;
                    }
                }
                Some(Incoming::Response(line)) => {
                    let message = self.pass(line, child.as_deref()).await.unwrap_or_else(|| self.withheld());
                    return ear.last(&self, message).await;
                }
                Some(Incoming::Overrun) => return self.broken(&UpstreamError::Overrun, ear).await,
                Some(Incoming::Gone) | None => return self.broken(&UpstreamError::Ended, ear).await,
            }
        }
    }

    /// What of the child's message is for the client. A refusal that is for the child goes to it.
    async fn pass(&self, line: Bytes, child: Option<&ChildSession>) -> Option<Bytes> {
        // A line break that is none for the child would be one in a stream of events.
        let outbound = self.endpoint.line.outbound(&self.conversation, on_one_line(line)).await;
        if let (Some(answer), Some(child)) = (outbound.to_server, child)
            && let Err(error) = child.requests.send(answer.into_bytes()).await
        {
            tracing::warn!(server = %self.endpoint.line.server, %error, "a refusal did not reach the server");
        }
        outbound.to_client
    }

    fn withheld(&self) -> Bytes {
        self.settle(Outcome::Failed("unreadable answer".into()));
        respond::failure(self.request.as_ref(), "The server's answer could not be read safely and is withheld.")
    }

    async fn broken(&self, error: &UpstreamError, ear: Ear) {
        tracing::warn!(server = %self.endpoint.line.server, %error, "a request of a client is not answered");
        self.endpoint.metrics.upstream_failed(&self.endpoint.line.server);
        self.settle(Outcome::Failed(error.word().into()));
        ear.last(self, respond::failure(self.request.as_ref(), error.sentence())).await;
    }

    fn head(&self, mut response: Response<Body>) -> Response<Body> {
        if self.opens
            && let Some(session) = &self.session
            && let Ok(id) = HeaderValue::from_str(&session.id)
        {
            response.headers_mut().insert(SESSION_ID, id);
        }
        respond::with_decision(response, self.decision)
    }
}

/// How the client hears an answer.
enum Ear {
    /// Nothing has been said yet.
    Waiting(Reply),
    /// The answer has become a stream.
    Streaming(mpsc::Sender<Bytes>),
}

impl Ear {
    /// The client has left.
    async fn left(&mut self) {
        match self {
            Self::Waiting(reply) => reply.closed().await,
            Self::Streaming(pieces) => pieces.closed().await,
        }
    }

    /// Says something before the answer.
    async fn event(self, exchange: &Exchange, message: &Bytes) -> Self {
        let pieces = match self {
            Self::Streaming(pieces) => pieces,
            Self::Waiting(reply) => {
                let (pieces, stream) = mpsc::channel(STREAM_BUFFER);
                let _ = reply.send(exchange.head(event_stream(stream)));
                pieces
            }
        };
        // A client that left in the older eras only stops listening.
        let _ = tokio::time::timeout(exchange.endpoint.limits.answer_timeout, pieces.send(event(message))).await;
        Self::Streaming(pieces)
    }

    /// Says the last word.
    async fn last(self, exchange: &Exchange, message: Bytes) {
        match self {
            Self::Waiting(reply) => {
                let _ = reply.send(exchange.head(respond::json(StatusCode::OK, message)));
            }
            streaming @ Self::Streaming(_) => {
                streaming.event(exchange, &message).await;
            }
        }
    }
}

pub(super) fn event_stream(stream: mpsc::Receiver<Bytes>) -> Response<Body> {
    let mut headers = stream_headers(&HeaderMap::new());
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    respond::relayed(StatusCode::OK, headers, Body::Stream(stream))
}

/// The client listens to what its child says by itself.
pub(super) fn listen(endpoint: &Arc<Endpoint>, session: Arc<Session>) -> Response<Body> {
    let Some(child) = session.child.clone() else { return respond::method_not_allowed() };
    let (pieces, stream) = mpsc::channel(STREAM_BUFFER);
    tokio::spawn(relay_unsolicited(Arc::clone(endpoint), session, child, pieces));
    event_stream(stream)
}

async fn relay_unsolicited(
    endpoint: Arc<Endpoint>,
    session: Arc<Session>,
    child: Arc<ChildSession>,
    pieces: mpsc::Sender<Bytes>,
) {
    let (mut adoptions, patience) = (endpoint.line.gate.adoptions(), endpoint.limits.answer_timeout);
    let mut unsolicited = tokio::select! {
        lock = child.unsolicited.lock() => lock,
        () = pieces.closed() => return,
    };
    loop {
        let message = tokio::select! {
            line = unsolicited.next() => match line { Some(line) => line, None => return },
            () = pieces.closed() => return,
            () = session.ended.cancelled() => return,
            Ok(()) = adoptions.changed(), if session.conversation.announces_tools() => {
                if let Some(notification) = reply::list_changed(ListKind::Tools, None)
                    && !take(&pieces, &notification, patience).await
                {
                    return;
                }
                continue;
            }
        };
        let outbound = endpoint.line.outbound(&session.conversation, on_one_line(message)).await;
        if let Some(answer) = outbound.to_server {
            let _ = child.requests.send(answer.into_bytes()).await;
        }
        if let Some(message) = outbound.to_client
            && !take(&pieces, &message, patience).await
        {
            return;
        }
    }
}

/// Whether the client takes a message in time. A stream that nobody reads must not hold its session for ever.
async fn take(pieces: &mpsc::Sender<Bytes>, message: &[u8], patience: Duration) -> bool {
    matches!(tokio::time::timeout(patience, pieces.send(event(message))).await, Ok(Ok(())))
}

/// A session id that cannot be guessed: 128 random bits.
pub(super) fn new_session_id() -> Option<Arc<str>> {
    let mut random = [0_u8; 16];
    SystemRandom::new().fill(&mut random).ok()?;
    Some(format!("{:032x}", u128::from_be_bytes(random)).into())
}
