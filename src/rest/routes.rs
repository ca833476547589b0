//! The routes of the admin face.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use http_body::Body as _;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use serde_json::Value;
use tokio::sync::Semaphore;

use super::readiness::Readiness;
use crate::lifecycle::Stop;
use crate::listen::Peer;

/// Tells the state of the sidecar for `/status`: version, policies, log, servers.
pub type StatusSource = Box<dyn Fn() -> Value + Send + Sync>;

/// Answers an inquiry (`POST /explain`) in JSON, or says in a sentence what is wrong with it. It may block for some milliseconds.
pub type ExplainSource = Box<dyn Fn(Bytes) -> Result<Value, String> + Send + Sync>;

/// The longest inquiry, in bytes.
pub const MAX_INQUIRY: usize = 1 << 20;

/// What the admin face shows.
pub struct Sources {
    /// What `/readyz` looks at.
    pub readiness: Readiness,
    /// What `/metrics` prints.
    pub registry: Registry,
    /// What `/status` prints.
    pub status: StatusSource,
    /// What `/explain` answers.
    pub explain: ExplainSource,
    /// Once this is pulled `/readyz` says no, so that nobody sends new clients.
    pub stop: Stop,
    /// `Host` names besides `localhost` and IP addresses that `/status` and `/explain` answer to, lower case, without port.
    pub allowed_hosts: Vec<String>,
    /// Who is told details.
    pub near: Near,
}

impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sources").field("readiness", &self.readiness).finish_non_exhaustive()
    }
}

/// The routes over what they show.
pub fn router(sources: Sources) -> Router {
    Router::new()
        .route("/livez", get(async || "ok\n"))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .route("/status", get(status))
        .route("/explain", post(explain))
        .with_state(Arc::new(Shown { sources, explaining: Semaphore::new(1) }))
}

async fn readyz(State(shown): State<Arc<Shown>>, peer: FromPeer, headers: HeaderMap, RawQuery(query): RawQuery) -> Response {
    let verbose = query.is_some_and(|query| query.split('&').any(|word| word == "verbose" || word.starts_with("verbose=")));
    let near = verbose && shown.sources.refuses(peer, &headers).is_none();
    let found = shown.sources.readiness.look(near);
    let draining = shown.sources.stop.is_requested();
    let code = if found.ready && !draining { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    if verbose {
        return (code, json(&with_draining(found.detail, draining))).into_response();
    }
    let short = match (draining, found.ready) {
        (true, _) => "stopping\n".to_owned(),
        (false, true) => "ok\n".to_owned(),
        (false, false) => format!("not ready\n{}\n", found.failing.join("\n")),
    };
    (code, short).into_response()
}

fn with_draining(mut detail: Value, draining: bool) -> Value {
    if let Some(fields) = detail.as_object_mut() {
        fields.insert("stopping".to_owned(), draining.into());
        if draining {
            fields.insert("ready".to_owned(), false.into());
        }
    }
    detail
}

async fn metrics(State(shown): State<Arc<Shown>>) -> Response {
    let mut text = String::new();
    match encode(&mut text, &shown.sources.registry) {
        Ok(()) => ([(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// What the routes share.
struct Shown {
    sources: Sources,
    /// One explanation at a time: each takes as long as thousands of decisions.
    explaining: Semaphore,
}

async fn status(State(shown): State<Arc<Shown>>, peer: FromPeer, headers: HeaderMap) -> Response {
    if let Some(refused) = shown.sources.refuses(peer, &headers) {
        return refused;
    }
    json(&(shown.sources.status)()).into_response()
}

async fn explain(State(shown): State<Arc<Shown>>, peer: FromPeer, headers: HeaderMap, body: Body) -> Response {
    if let Some(refused) = shown.sources.refuses(peer, &headers) {
        return refused;
    }
    // A web page can send anything but this without asking first.
    if !is_json(&headers) {
        return refused(StatusCode::UNSUPPORTED_MEDIA_TYPE, "the content type must be application/json");
    }
    let announced = body.size_hint().lower();
    let read = if announced > MAX_INQUIRY as u64 { None } else { axum::body::to_bytes(body, MAX_INQUIRY).await.ok() };
    let Some(body) = read else {
        return refused(StatusCode::PAYLOAD_TOO_LARGE, &format!("the body is longer than {MAX_INQUIRY} bytes, or was cut off"));
    };
    let Ok(_one_at_a_time) = shown.explaining.acquire().await else { return StatusCode::SERVICE_UNAVAILABLE.into_response() };
    let work = Arc::clone(&shown);
    match tokio::task::spawn_blocking(move || (work.sources.explain)(body)).await {
        Ok(Ok(explanation)) => json(&explanation).into_response(),
        Ok(Err(sentence)) => refused(StatusCode::BAD_REQUEST, &sentence),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// Who is at the other end; whoever serves the routes says so.
type FromPeer = Option<Extension<Arc<Peer>>>;

impl Sources {
    /// Why details are not told, if they are not.
    fn refuses(&self, peer: FromPeer, headers: &HeaderMap) -> Option<Response> {
        if !peer.is_some_and(|Extension(peer)| self.near.has(&peer)) {
            return Some(refused(StatusCode::FORBIDDEN, "other machines are not told this; see remote_details in [admin]"));
        }
        let direct = is_direct(headers, &self.allowed_hosts);
        (!direct).then(|| refused(StatusCode::FORBIDDEN, "this Host is not allowed; see allowed_hosts in [admin]"))
    }
}

/// Who is told details: those on this machine, or in this pod, unless it is everybody.
#[derive(Debug, Clone, Copy, Default)]
pub struct Near {
    /// Everybody is.
    pub everybody: bool,
    /// Our own address, from which those connect who are beside us.
    pub own: Option<IpAddr>,
}

impl Near {
    fn has(self, peer: &Peer) -> bool {
        let ip = peer.ip().map(|ip| ip.to_canonical());
        self.everybody || ip.is_none_or(|ip| ip.is_loopback() || self.own.is_some_and(|own| own.to_canonical() == ip))
    }
}

fn refused(code: StatusCode, sentence: &str) -> Response {
    (code, format!("{sentence}\n")).into_response()
}

fn is_json(headers: &HeaderMap) -> bool {
    let given = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    given.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}

fn json(value: &Value) -> impl IntoResponse + use<> {
    ([(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")], format!("{value:#}\n"))
}

/// A page that rebinds a name of its own to this address sends that name as `Host`; an IP address or `localhost` cannot be rebound.
fn is_direct(headers: &HeaderMap, allowed: &[String]) -> bool {
    let mut hosts = headers.get_all(header::HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else { return false };
    let Some(authority) = host.to_str().ok().and_then(|host| host.parse::<http::uri::Authority>().ok()) else { return false };
    let name = authority.host().trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
    name == "localhost" || name.parse::<IpAddr>().is_ok() || allowed.contains(&name)
}

#[cfg(test)]
#[path = "routes_tests.rs"]
mod tests;
