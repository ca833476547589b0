//! Answers of the face's own.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header};

use super::super::body::Body;
use super::super::guard::Stranger;
use crate::domain::DecisionId;
use crate::identity::Refusal;
use crate::mcp::{RawId, reply};
use crate::passage::refused;

/// Names the decision that an answer rests on.
const DECISION_ID: HeaderName = HeaderName::from_static("cedarpost-decision-id");

/// A nonce for the next proof of possession (RFC 9449).
const DPOP_NONCE: HeaderName = HeaderName::from_static("dpop-nonce");

const INVALID_REQUEST: i32 = -32600;
const INTERNAL_ERROR: i32 = -32603;

pub(super) fn json(status: StatusCode, body: Bytes) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

pub(super) fn with_decision(mut response: Response<Body>, decision: Option<DecisionId>) -> Response<Body> {
    if let Some(value) = decision.and_then(|id| HeaderValue::from_str(&id.to_string()).ok()) {
        response.headers_mut().insert(DECISION_ID, value);
    }
    response
}

/// An answer of the server, with its status and what of its headers is for the client.
pub(super) fn relayed(status: StatusCode, headers: HeaderMap, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

pub(super) fn accepted() -> Response<Body> {
    empty(StatusCode::ACCEPTED)
}

pub(super) fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

pub(super) fn plain(status: StatusCode, text: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::from(Bytes::from_static(text.as_bytes())));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

pub(super) fn method_not_allowed() -> Response<Body> {
    let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, "Method not allowed.");
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST, GET, DELETE"));
    response
}

pub(super) fn stranger(stranger: Stranger) -> Response<Body> {
    let sentence = match stranger {
        Stranger::Host => "Forbidden: this host name is not served here.",
        Stranger::Origin => "Forbidden: requests from this origin are not served.",
    };
    json(StatusCode::FORBIDDEN, reply::error(None, INVALID_REQUEST, sentence, None))
}

/// What somebody gets of whom nobody knows who they are.
pub(super) fn unidentified(refusal: Refusal) -> Response<Body> {
    let Refusal { status, challenges, nonce, sentence } = refusal;
    let mut response = json(status, reply::error(None, INVALID_REQUEST, &sentence, None));
    let headers = response.headers_mut();
    for challenge in challenges {
        headers.append(header::WWW_AUTHENTICATE, challenge);
    }
    headers.extend(nonce.map(|nonce| (DPOP_NONCE, nonce)));
    if status == StatusCode::SERVICE_UNAVAILABLE {
        headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Metadata that everybody may read, also from web pages of anywhere: there is nothing in it about anybody.
pub(super) fn metadata(method: &Method, metadata: Bytes) -> Response<Body> {
    if *method != Method::GET && *method != Method::HEAD {
        let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, "Method not allowed.");
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    let mut response = json(StatusCode::OK, metadata);
    response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("max-age=3600"));
    response
}

pub(super) fn unknown_session() -> Response<Body> {
    json(StatusCode::NOT_FOUND, refused::unknown_session())
}

pub(super) fn refused(status: StatusCode, sentence: &str) -> Response<Body> {
    json(status, reply::error(None, INVALID_REQUEST, sentence, None))
}

/// Too much at once: HTTP says so, since the client is to come back later.
pub(super) fn overloaded() -> Response<Body> {
    let body = reply::error(None, INTERNAL_ERROR, "The sidecar is busy; try again later.", None);
    let mut response = json(StatusCode::SERVICE_UNAVAILABLE, body);
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

/// What a request gets that the server did not answer. Not an HTTP error: some clients take those for the end of the session.
pub(super) fn failed(id: Option<&RawId>, sentence: &str) -> Response<Body> {
    match id {
        Some(_) => json(StatusCode::OK, failure(id, sentence)),
        None => json(StatusCode::BAD_GATEWAY, failure(None, sentence)),
    }
}

pub(super) fn failure(id: Option<&RawId>, sentence: &str) -> Bytes {
    reply::error(id, INTERNAL_ERROR, sentence, None)
}
