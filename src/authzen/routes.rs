//! The routes: who asks, what the body is, and the answer with the headers that it has.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Extension, Path, Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use http_body::Body as _;
use serde_json::Value;
use tokio::sync::Semaphore;

use super::answer::{Answer, Asking};
use super::bad::Bad;
use super::evaluations;
use super::guard::{Askers, Stranger};
use super::mcp::Servers;
use super::metadata::{
    CONFIGURATION, EVALUATION, EVALUATIONS, REQUEST, REQUESTS, SEARCH_ACTION, SEARCH_RESOURCE, SEARCH_SUBJECT, metadata,
};
use super::read::{self, Parts};
use super::requests::{Problem, Refused, Requests, Sent, Task};
use super::search::{Searching, What};
use crate::domain::{Extra, TraceId};
use crate::gate::Gate;
use crate::identity::Link;

/// Searches that are made at the same time: each takes as long as many decisions.
const SEARCHING: usize = 2;
/// How long a search waits for its turn.
const TURN_WITHIN: Duration = Duration::from_secs(5);
/// Requests that are answered at the same time; others are told to come back.
const AT_ONCE: usize = 1024;
/// The header that a request and its answer share.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Under which a request is one and the same, however often it is sent.
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Bounds on requests.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The longest body, in bytes.
    pub body: usize,
    /// How deep it may be nested.
    pub depth: u32,
    /// How long sending it may take.
    pub body_timeout: Duration,
}

/// What the face needs.
#[derive(Debug)]
pub struct Sources {
    /// Who decides.
    pub gate: Gate,
    /// Who may ask.
    pub askers: Askers,
    /// The MCP servers that questions can be about.
    pub servers: Servers,
    /// What becomes of properties that no schema has.
    pub extra: Extra,
    /// The URL by which services know the decision point, without a slash at its end; without one there is no metadata.
    pub url: Option<String>,
    /// Bounds on requests.
    pub limits: Limits,
}

struct Shown {
    sources: Sources,
    requests: Option<Requests>,
    searching: Arc<Semaphore>,
    seats: Arc<Semaphore>,
}

/// The routes over what they ask. Requests need an extension with who is at the other end (`Arc<Link>`).
pub fn router(sources: Sources) -> Router {
    let requests = sources.url.as_deref().map(Requests::new);
    let shown =
        Shown { sources, requests, searching: Arc::new(Semaphore::new(SEARCHING)), seats: Arc::new(Semaphore::new(AT_ONCE)) };
    Router::new()
        .route(EVALUATION, post(evaluation))
        .route(EVALUATIONS, post(evaluations))
        .route(SEARCH_SUBJECT, post(async |shown, link, request| search(What::Subject, shown, link, request).await))
        .route(SEARCH_RESOURCE, post(async |shown, link, request| search(What::Resource, shown, link, request).await))
        .route(SEARCH_ACTION, post(async |shown, link, request| search(What::Action, shown, link, request).await))
        .route(REQUESTS, post(request_access))
        .route(REQUEST, get(task))
        .route(CONFIGURATION, get(configuration))
        .fallback(async || refused(StatusCode::NOT_FOUND, "there is nothing here"))
        .method_not_allowed_fallback(async || refused(StatusCode::METHOD_NOT_ALLOWED, "this is not the method for it"))
        .layer(middleware::from_fn(with_request_id))
        .with_state(Arc::new(shown))
}

type FromState = State<Arc<Shown>>;
type FromLink = Extension<Arc<Link>>;

async fn evaluation(State(shown): FromState, Extension(link): FromLink, request: Request) -> Response {
    respond(shown, &link, request, Several::No).await
}

async fn evaluations(State(shown): FromState, Extension(link): FromLink, request: Request) -> Response {
    respond(shown, &link, request, Several::Perhaps).await
}

async fn search(what: What, State(shown): FromState, Extension(link): FromLink, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let taken = shown.take(&link, &head.headers, body).await;
    let (by, text) = match taken {
        Ok(taken) => taken,
        Err(response) => return *response,
    };
    let busy = || refused(StatusCode::SERVICE_UNAVAILABLE, "too many searches at once; try again");
    let turn = tokio::time::timeout(TURN_WITHIN, Arc::clone(&shown.searching).acquire_owned()).await;
    let Ok(Ok(turn)) = turn else { return busy() };
    let work = Arc::clone(&shown);
    let searched = tokio::task::spawn_blocking(move || {
        // A service that hangs up does not make room for another search while this one goes on.
        let _turn = turn;
        let Sources { gate, servers, extra, limits, .. } = &work.sources;
        let found = read::body(&text, limits.depth)?;
        Searching { gate, servers, extra: *extra, by: &by }.search(what, &found)
    });
    match searched.await {
        Ok(result) => finish(result),
        Err(_) => refused(StatusCode::INTERNAL_SERVER_ERROR, "the search came to no end"),
    }
}

async fn request_access(State(shown): FromState, Extension(link): FromLink, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let (by, text) = match shown.take(&link, &head.headers, body).await {
        Ok(taken) => taken,
        Err(response) => return *response,
    };
    let Some(requests) = &shown.requests else { return nothing() };
    let key = match head.headers.get(IDEMPOTENCY_KEY).map(HeaderValue::to_str) {
        Some(Err(_)) => return refused(StatusCode::BAD_REQUEST, "the Idempotency-Key is not text"),
        Some(Ok(key)) => Some(key),
        None => None,
    };
    let Sources { gate, askers, servers, limits, .. } = &shown.sources;
    let by = askers.requester(&by);
    let submit = || {
        let found = read::body(&text, limits.depth)?;
        requests.submit(gate, servers, &Sent { by: &by, key, body: &text, found: &found })
    };
    match submit() {
        Ok(task) => {
            let status = if task.look_again.is_some() { StatusCode::ACCEPTED } else { StatusCode::CREATED };
            (status, [(header::LOCATION, task.place.clone())], told(&task)).into_response()
        }
        Err(Refused::Bad(bad)) => refused(bad.status, &bad.to_string()),
        Err(Refused::Problem(problem)) => problematic(problem),
    }
}

async fn task(State(shown): FromState, Extension(link): FromLink, Path(id): Path<String>, headers: HeaderMap) -> Response {
    if let Err(stranger) = shown.sources.askers.identify(&headers, &link) {
        return turned_away(stranger);
    }
    let Some(requests) = &shown.requests else { return nothing() };
    match requests.look(&shown.sources.gate, &id) {
        Ok(task) => told(&task).into_response(),
        Err(problem) => problematic(problem),
    }
}

/// How a task stands.
fn told(task: &Task) -> impl IntoResponse + use<> {
    let again = task.look_again.map(|seconds| [(header::RETRY_AFTER, seconds.to_string())]);
    (again, json(&task.json))
}

/// RFC 9457.
fn problematic(problem: Problem) -> Response {
    let headers = [(header::CONTENT_TYPE, "application/problem+json"), (header::CACHE_CONTROL, "no-store")];
    (problem.status(), headers, problem.json().to_string()).into_response()
}

fn nothing() -> Response {
    refused(StatusCode::NOT_FOUND, "there is nothing here: the decision point does not know its own URL")
}

async fn configuration(State(shown): FromState) -> Response {
    match &shown.sources.url {
        Some(url) => {
            let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "max-age=300")];
            (headers, metadata(url).to_string()).into_response()
        }
        None => nothing(),
    }
}

/// Whether a request may hold several questions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Several {
    No,
    Perhaps,
}

/// Reads a request, asks, and answers.
async fn respond(shown: Arc<Shown>, link: &Link, request: Request, several: Several) -> Response {
    let (head, body) = request.into_parts();
    let (by, text) = match shown.take(link, &head.headers, body).await {
        Ok(taken) => taken,
        Err(response) => return *response,
    };
    let Ok(seat) = Arc::clone(&shown.seats).try_acquire_owned() else {
        return refused(StatusCode::SERVICE_UNAVAILABLE, "too many ask at once; try again");
    };
    let trace = head.headers.get("traceparent").and_then(|trace| trace.to_str().ok()).and_then(TraceId::from_traceparent);
    // A service that hangs up does not stop its question half-way: a ticket could be used up and no record say so.
    let asked = tokio::spawn(async move {
        let _seat = seat;
        let found = read::body(&text, shown.sources.limits.depth)?;
        let asking = shown.asking(&by, trace);
        match several {
            Several::No => asking.ask(&Parts::of(&found)?.whole()?).await.map(Answer::json),
            Several::Perhaps => asking.ask_batch(&evaluations::read(&found)?).await,
        }
    });
    match asked.await {
        Ok(answer) => finish(answer),
        Err(_) => refused(StatusCode::INTERNAL_SERVER_ERROR, "the question came to no end"),
    }
}

fn finish(answer: Result<Value, Bad>) -> Response {
    match answer {
        Ok(answer) => json(&answer).into_response(),
        Err(bad) => refused(bad.status, &bad.to_string()),
    }
}

impl Shown {
    fn asking<'a>(&'a self, by: &'a str, trace: Option<TraceId>) -> Asking<'a> {
        let Sources { gate, servers, extra, .. } = &self.sources;
        Asking { gate, servers, requests: self.requests.as_ref(), extra: *extra, by, trace }
    }

    /// The service behind a request, and the text of the body.
    async fn take(&self, link: &Link, headers: &HeaderMap, body: Body) -> Result<(Arc<str>, String), Box<Response>> {
        let by = self.sources.askers.identify(headers, link).map_err(|stranger| Box::new(turned_away(stranger)))?;
        let refused = |status, sentence: &str| Box::new(refused(status, sentence));
        if !is_json(headers) {
            return Err(refused(StatusCode::BAD_REQUEST, "the content type must be application/json"));
        }
        let Limits { body: most, body_timeout, .. } = self.sources.limits;
        let too_long = || refused(StatusCode::PAYLOAD_TOO_LARGE, "the body is too long, or was cut off");
        if usize::try_from(body.size_hint().lower()).is_ok_and(|announced| announced > most) {
            return Err(too_long());
        }
        let read: Result<Bytes, _> = match tokio::time::timeout(body_timeout, axum::body::to_bytes(body, most)).await {
            Ok(read) => read,
            Err(_) => return Err(refused(StatusCode::REQUEST_TIMEOUT, "the body took too long")),
        };
        let bytes = read.map_err(|_| too_long())?;
        let text = String::from_utf8(bytes.into());
        text.map(|text| (by, text)).map_err(|_| refused(StatusCode::BAD_REQUEST, "the body is not UTF-8"))
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let mut given = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(value), None) = (given.next(), given.next()) else { return false };
    let Some(value) = value.to_str().ok() else { return false };
    let mut parts = value.split(';').map(str::trim);
    let kind = parts.next().is_some_and(|kind| kind.eq_ignore_ascii_case("application/json"));
    // JSON is UTF-8 (RFC 8259); somebody who says something else means something else.
    let charset = parts.filter_map(|part| part.split_once('=')).find(|(name, _)| name.trim().eq_ignore_ascii_case("charset"));
    kind && charset.is_none_or(|(_, charset)| charset.trim().trim_matches('"').eq_ignore_ascii_case("utf-8"))
}

fn turned_away(stranger: Stranger) -> Response {
    let mut response = refused(stranger.status, stranger.sentence);
    if let Some(challenge) = stranger.challenge {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    }
    response
}

fn json(value: &Value) -> impl IntoResponse + use<> {
    ([(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")], value.to_string())
}

fn refused(status: StatusCode, sentence: &str) -> Response {
    (status, [(header::CONTENT_TYPE, "text/plain; charset=utf-8")], sentence.to_owned()).into_response()
}

/// Whatever becomes of a request, its answer has the same id.
async fn with_request_id(request: Request, next: Next) -> Response {
    let id: Option<HeaderValue> = request.headers().get(REQUEST_ID).cloned();
    let mut response = next.run(request).await;
    if let Some(id) = id {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}
