//! POST: one message from a client.

use std::net::IpAddr;
use std::sync::Arc;

use http::request::Parts;
use http::{HeaderMap, Request, Response, StatusCode};
use hyper::body::Incoming;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::super::body::Body;
use super::super::conversation::Conversation;
use super::super::endpoint::Endpoint;
use super::super::line::{Inbound, Line};
use super::super::session::Session;
use super::exchange::Exchange;
use super::voice::{HttpVoice, Manner};
use super::{read, respond};
use crate::domain::{Caller, Transport};
use crate::identity::Identified;
use crate::mcp::{Era, Message};
use crate::passage;

/// The header that names a session (2025-03-26 to 2025-11-25).
pub(super) const SESSION_ID: &str = "mcp-session-id";

pub(super) async fn post(
    endpoint: Arc<Endpoint>,
    who: &Identified,
    ip: Option<IpAddr>,
    request: Request<Incoming>,
) -> Response<Body> {
    let (head, body) = request.into_parts();
    let body = match read::json(&head.headers, body, endpoint.limits.request.max_bytes, endpoint.limits.body_timeout).await {
        Ok(body) => body,
        Err(unread) => return read::response(unread),
    };
    let message = match Message::parse(&body, &endpoint.line.request_limits) {
        Ok(message) => message,
        Err(malformed) => {
            tracing::info!(server = %endpoint.line.server, reason = malformed.sentence(), "a malformed message is refused");
            return respond::json(StatusCode::BAD_REQUEST, malformed.reply());
        }
    };
    let agree = |line: &Line| passage::agree(&line.gate, &line.server, &message, |name| raw_values(&head.headers, name));
    if let Err(mismatch) = agree(&endpoint.line) {
        return respond::json(StatusCode::BAD_REQUEST, mismatch.reply());
    }
    let session = match session(&endpoint, &who.caller, &head.headers, message.era()) {
        Ok(session) => session,
        Err(lost) => return lost.response(),
    };
    let Some(place) = endpoint.place() else { return respond::overloaded() };

    // A task of its own: a client that hangs up neither cuts a call in half nor loses its record.
    let (reply, answer) = oneshot::channel();
    let conversation = match &session {
        Some(session) => Arc::clone(&session.conversation),
        None => endpoint.conversation(who, Transport::Http, ip),
    };
    let who = who.clone();
    tokio::spawn(async move {
        let _place = place;
        travel(endpoint, (conversation, who), session, head, message, reply).await;
    });
    answer.await.unwrap_or_else(|_| respond::failed(None, "The sidecar failed to answer."))
}

/// The whole way of one message: to a decision, to the server, and back.
async fn travel(
    endpoint: Arc<Endpoint>,
    (conversation, who): (Arc<Conversation>, Identified),
    session: Option<Arc<Session>>,
    head: Parts,
    message: Message,
    reply: oneshot::Sender<Response<Body>>,
) {
    let opens = message.method().is_some_and(|method| method.name() == "initialize");
    if opens && !endpoint.sessions.has_room() {
        let _ = reply.send(respond::failed(message.id(), "The sidecar has too many open sessions; try again later."));
        return;
    }
    let body = message.body().clone();
    let ended = session.as_ref().map_or_else(CancellationToken::new, |session| session.ended.clone());
    let events = HttpVoice::takes_events(&head.headers);
    let manner = Manner {
        streams: session.is_some() && events,
        events,
        request: message.id().cloned(),
        limits: endpoint.line.answer_limits,
        patience: endpoint.limits.answer_timeout,
    };
    let mut voice = HttpVoice::new(reply, ended, manner);
    let response = match endpoint.line.inbound(&conversation, &who.caller, &message, body, &mut voice).await {
        Inbound::Answer(answer) => respond::with_decision(respond::json(answer.status, answer.body), answer.decision),
        Inbound::Swallow => respond::accepted(),
        Inbound::Forward { message: cleared, request, decision } => {
            let (headers, shown, era) = (head.headers, who.shown, message.era());
            let exchange = Exchange { endpoint, conversation, session, headers, shown, era, request, decision, opens };
            let (reply, taking) = voice.hand_over();
            tokio::join!(exchange.run(cleared, &message, reply), taking);
            return;
        }
    };
    voice.answer(response).await;
}

/// The session a legacy request names. Modern requests have none, whatever their headers say.
pub(super) fn session(
    endpoint: &Endpoint,
    caller: &Caller,
    headers: &HeaderMap,
    era: Era,
) -> Result<Option<Arc<Session>>, NoSession> {
    if era == Era::Modern {
        return Ok(None);
    }
    match values(headers, SESSION_ID).as_slice() {
        [] => Ok(None),
        [id] => endpoint.sessions.find(id, caller).map(Some).ok_or(NoSession::Unknown),
        _ => Err(NoSession::Unknown),
    }
}

/// Why a request has no session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoSession {
    /// The one it names does not exist, or is somebody else's.
    Unknown,
    /// It names none, and makes no sense without.
    Missing,
}

impl NoSession {
    pub(super) fn response(self) -> Response<Body> {
        match self {
            Self::Unknown => respond::unknown_session(),
            Self::Missing => respond::method_not_allowed(),
        }
    }
}

/// All values of a header, as they are.
pub(super) fn raw_values<'a>(headers: &'a HeaderMap, name: &str) -> Vec<&'a [u8]> {
    headers.get_all(name).iter().map(http::HeaderValue::as_bytes).collect()
}

/// All values of a header; one that is not text is empty text, which fits nothing.
pub(super) fn values<'a>(headers: &'a HeaderMap, name: &str) -> Vec<&'a str> {
    headers.get_all(name).iter().map(|value| value.to_str().unwrap_or("")).collect()
}
