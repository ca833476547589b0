//! The deprecated HTTP+SSE transport of 2024-11-05, for servers and clients that know no other; off unless the configuration
//! turns it on.
//!
//! GET opens the one stream on which everything comes back; its first event names the URI to which messages are posted. The
//! server's URI is kept, and the client is given one of ours: whoever posts there is held against the session's caller.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode, Uri};
use hyper::body::Incoming;
use tokio::sync::mpsc;

use super::super::body::Body;
use super::super::endpoint::Endpoint;
use super::super::line::Inbound;
use super::super::session::Session;
use super::super::upstream::{self, HttpUpstream, Upstream, Whose, is_event_stream, is_plain};
use super::super::voice::Voice;
use super::child::new_session_id;
use super::exchange::{STREAM_BUFFER, stream_headers};
use super::post::{SESSION_ID, raw_values};
use super::pump::{Pump, event};
use super::{read, respond};
use crate::domain::Transport;
use crate::gate::Outcome;
use crate::identity::Identified;
use crate::mcp::{self, Era, Message, sse};

/// The last part of the path to which clients post.
const MESSAGE: &str = "message";

/// The two requests of the transport.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Listen,
    Speak,
}

impl Step {
    /// Which step a request is, if the endpoint speaks this transport.
    ///
    /// A GET that names a session is of the transport that came after.
    pub(super) fn of(endpoint: &Endpoint, method: &Method, headers: &HeaderMap, rest: &str) -> Option<Self> {
        match (endpoint.legacy_sse, method, rest) {
            (true, &Method::GET, "") if !headers.contains_key(SESSION_ID) => Some(Self::Listen),
            (true, &Method::POST, MESSAGE) => Some(Self::Speak),
            _ => None,
        }
    }

    pub(super) async fn answer(
        self,
        endpoint: Arc<Endpoint>,
        who: &Identified,
        ip: Option<IpAddr>,
        request: Request<Incoming>,
    ) -> Response<Body> {
        let Upstream::Http(server) = endpoint.upstream.clone() else { return respond::method_not_allowed() };
        match self {
            Self::Listen => listen(&endpoint, &server, who, ip, request).await,
            Self::Speak => speak(&endpoint, &server, who, request).await,
        }
    }
}

async fn listen(
    endpoint: &Arc<Endpoint>,
    server: &HttpUpstream,
    who: &Identified,
    ip: Option<IpAddr>,
    request: Request<Incoming>,
) -> Response<Body> {
    let headers = request.into_parts().0.headers;
    let response = match server.bare(Method::GET, upstream::request_headers(&headers), Whose::Theirs(&who.shown)).await {
        Ok(response) => response,
        Err(error) => return respond::failed(None, error.sentence()),
    };
    let (head, body) = response.into_parts();
    if !head.status.is_success() || !is_event_stream(&head.headers) || !is_plain(&head) {
        return respond::empty(StatusCode::BAD_GATEWAY);
    }
    let (pieces, stream) = mpsc::channel::<Bytes>(STREAM_BUFFER);
    let conversation = endpoint.conversation(who, Transport::Http, ip);
    let Some(id) = new_session_id() else { return respond::overloaded() };
    conversation.belongs_to(&id);
    let session = Arc::new(Session::new(id, Arc::clone(&conversation)).with_sse(pieces.clone()));
    if endpoint.sessions.open(Arc::clone(&session)).is_err() {
        return respond::overloaded();
    }
    let pump = Pump::new(endpoint, &conversation, Some(Arc::clone(&session)), (headers, who.shown.clone()), Era::Legacy, None);
    let sessions = Arc::clone(endpoint);
    tokio::spawn(async move {
        pump.run(body, pieces).await;
        // The stream is the session: what was still asked on it is never answered.
        sessions.sessions.close(&session.id);
    });
    respond::relayed(head.status, stream_headers(&head.headers), Body::Stream(stream))
}

/// What the client is told instead of where the server wants messages. `None` when the server names a place that is not its own, or
/// names one again: then the event goes nowhere.
pub(super) fn endpoint_event(endpoint: &Endpoint, session: &Session, event: &sse::Event) -> Option<Bytes> {
    let (legacy, Upstream::Http(server)) = (session.sse.as_ref()?, &endpoint.upstream) else { return None };
    let target = resolve(server.url(), std::str::from_utf8(event.data.as_ref()?).ok()?)?;
    legacy.target.set(target).ok()?;
    Some(event.with_data(format!("{}/{MESSAGE}?sessionId={}", endpoint.path(), session.id).as_bytes()))
}

/// The URI that `reference` means when it is read from `base`; `None` when it is of another origin.
fn resolve(base: &Uri, reference: &str) -> Option<Uri> {
    let reference: Uri = reference.parse().ok()?;
    let same_origin = reference.authority().is_none_or(|authority| Some(authority) == base.authority())
        && reference.scheme().is_none_or(|scheme| Some(scheme) == base.scheme());
    let path = reference.path_and_query().filter(|path| path.as_str().starts_with('/'))?;
    let mut parts = base.clone().into_parts();
    parts.path_and_query = Some(path.clone());
    same_origin.then(|| Uri::from_parts(parts).ok()).flatten()
}

async fn speak(endpoint: &Arc<Endpoint>, server: &HttpUpstream, who: &Identified, request: Request<Incoming>) -> Response<Body> {
    let (head, body) = request.into_parts();
    let id = head.uri.query().and_then(|query| query.split('&').find_map(|pair| pair.strip_prefix("sessionId=")));
    let Some(session) = id.and_then(|id| endpoint.sessions.find(id, &who.caller)) else { return respond::unknown_session() };
    let Some(target) = session.sse.as_ref().and_then(|sse| sse.target.get().cloned()) else { return respond::unknown_session() };
    let body = match read::json(&head.headers, body, endpoint.limits.request.max_bytes, endpoint.limits.body_timeout).await {
        Ok(body) => body,
        Err(unread) => return read::response(unread),
    };
    let message = match Message::parse(&body, &endpoint.line.request_limits) {
        Ok(message) => message,
        Err(malformed) => return respond::json(StatusCode::BAD_REQUEST, malformed.reply()),
    };
    if let Err(mismatch) = mcp::headers::check(&message, |name| raw_values(&head.headers, name)) {
        return respond::json(StatusCode::BAD_REQUEST, mismatch.reply());
    }
    let Some(place) = endpoint.place() else { return respond::overloaded() };
    let patience = endpoint.limits.answer_timeout;
    let (endpoint, server, headers) = (Arc::clone(endpoint), server.clone(), upstream::request_headers(&head.headers));
    let who = who.clone();
    tokio::spawn(async move {
        let _place = place;
        let mut voice = SseVoice { session: &session, patience };
        let answer = match endpoint.line.inbound(&session.conversation, &who.caller, &message, body, &mut voice).await {
            Inbound::Swallow => return,
            Inbound::Answer(answer) => answer.body,
            Inbound::Forward { message, request, decision } => {
                let posted = server.post_to(target, message, headers, Whose::Theirs(&who.shown)).await;
                let (word, sentence) = match posted {
                    Ok(response) if response.status().is_success() => return,
                    Ok(_) => ("unreachable".into(), "The MCP server did not take the message.".into()),
                    Err(error) => (error.word(), error.told(decision)),
                };
                if let Some(flight) = request.as_ref().and_then(|id| session.conversation.flights.land(id)) {
                    flight.end_unanswered(Outcome::Failed(word.as_ref().into()));
                }
                respond::failure(request.as_ref(), &sentence)
            }
        };
        // A client that left its stream, or does not read it, hears nothing any more.
        voice.say(answer).await;
    });
    respond::accepted()
}

/// The way to a client of this transport: the one stream of its session.
struct SseVoice<'a> {
    session: &'a Session,
    patience: Duration,
}

impl Voice for SseVoice<'_> {
    fn reaches(&self) -> bool {
        true
    }

    fn hears(&self) -> bool {
        true
    }

    async fn say(&mut self, message: Bytes) -> bool {
        let Some(sse) = &self.session.sse else { return false };
        matches!(tokio::time::timeout(self.patience, sse.voice.send(event(&message))).await, Ok(Ok(())))
    }

    async fn gone(&mut self) {
        self.session.ended.cancelled().await;
    }
}

#[cfg(test)]
#[path = "legacy_sse_tests.rs"]
mod tests;
