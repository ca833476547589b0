//! DELETE: a client ends its session.

use std::sync::Arc;

use http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;

use super::super::body::Body;
use super::super::endpoint::Endpoint;
use super::super::upstream::{self, Upstream, Whose};
use super::respond;
use super::stream::of_session;
use crate::identity::Identified;

pub(super) async fn delete(endpoint: Arc<Endpoint>, who: &Identified, request: Request<Incoming>) -> Response<Body> {
    let headers = request.into_parts().0.headers;
    let session = match of_session(&endpoint, &who.caller, &headers) {
        Ok(session) => session,
        Err(lost) => return lost.response(),
    };
    let status = match &endpoint.upstream {
        Upstream::Http(server) => {
            let headers = upstream::request_headers(&headers);
            match server.bare(Method::DELETE, headers, Whose::Theirs(&who.shown)).await {
                Ok(response) => response.status(),
                Err(error) => return respond::failed(None, error.sentence()),
            }
        }
        Upstream::Child(_) => StatusCode::OK,
    };
    if status == StatusCode::NOT_FOUND {
        endpoint.sessions.close(&session.id);
        return respond::unknown_session();
    }
    // A server that does not let clients end sessions (405) keeps it, and so do we.
    if status.is_success() {
        endpoint.sessions.close(&session.id);
    }
    let strange = status.is_redirection() || status.is_informational();
    respond::empty(if strange { StatusCode::BAD_GATEWAY } else { upstream::status_for_client(status) })
}
