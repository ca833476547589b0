//! GET: a client listens to what the server says by itself (2025-03-26 to 2025-11-25), or resumes a stream that broke.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use tokio::sync::mpsc;

use super::super::body::Body;
use super::super::endpoint::Endpoint;
use super::super::session::Session;
use super::super::upstream::{self, HttpUpstream, Upstream, Whose, is_event_stream, is_plain, status_for_client};
use super::exchange::{STREAM_BUFFER, stream_headers};
use super::post::{NoSession, SESSION_ID, values};
use super::pump::Pump;
use super::{child, respond};
use crate::domain::Caller;
use crate::identity::{Identified, Shown};
use crate::mcp::{Era, version};

pub(super) async fn get(endpoint: Arc<Endpoint>, who: &Identified, request: Request<Incoming>) -> Response<Body> {
    let headers = request.into_parts().0.headers;
    let session = match of_session(&endpoint, &who.caller, &headers) {
        Ok(session) => session,
        Err(lost) => return lost.response(),
    };
    match &endpoint.upstream {
        Upstream::Http(server) => over_http(&endpoint, server, session, headers, &who.shown).await,
        Upstream::Child(_) => child::listen(&endpoint, session),
    }
}

/// The session that a GET or DELETE is about. Without one there is nothing to listen to, and nothing to end.
pub(super) fn of_session(endpoint: &Endpoint, caller: &Caller, headers: &HeaderMap) -> Result<Arc<Session>, NoSession> {
    let modern = values(headers, "mcp-protocol-version").iter().any(|version| version::era_of(version) == Era::Modern);
    match values(headers, SESSION_ID).as_slice() {
        [id] if !modern => endpoint.sessions.find(id, caller).ok_or(NoSession::Unknown),
        _ => Err(NoSession::Missing),
    }
}

async fn over_http(
    endpoint: &Arc<Endpoint>,
    server: &HttpUpstream,
    session: Arc<Session>,
    headers: HeaderMap,
    shown: &Shown,
) -> Response<Body> {
    let response = match server.bare(Method::GET, upstream::request_headers(&headers), Whose::Theirs(shown)).await {
        Ok(response) => response,
        Err(error) => return respond::failed(None, error.sentence()),
    };
    let (head, body) = response.into_parts();
    if head.status == StatusCode::NOT_FOUND {
        endpoint.sessions.close(&session.id);
        return respond::unknown_session();
    }
    if head.status.is_client_error() || head.status.is_server_error() {
        return respond::empty(status_for_client(head.status));
    }
    if !head.status.is_success() || !is_event_stream(&head.headers) || !is_plain(&head) {
        return respond::empty(StatusCode::BAD_GATEWAY);
    }
    let (pieces, stream) = mpsc::channel::<Bytes>(STREAM_BUFFER);
    let conversation = Arc::clone(&session.conversation);
    let pump = Pump::new(endpoint, &conversation, Some(session), (headers, shown.clone()), Era::Legacy, None);
    tokio::spawn(pump.run(body, pieces));
    respond::relayed(head.status, stream_headers(&head.headers), Body::Stream(stream))
}
