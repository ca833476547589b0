//! The routes of the admin face.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use serde_json::Value;

use super::readiness::Readiness;
use crate::lifecycle::Stop;

/// Tells the state of the sidecar for `/status`: version, policies, log, servers.
pub type StatusSource = Box<dyn Fn() -> Value + Send + Sync>;

/// What the admin face shows.
pub struct Sources {
    /// What `/readyz` looks at.
    pub readiness: Readiness,
    /// What `/metrics` prints.
    pub registry: Registry,
    /// What `/status` prints.
    pub status: StatusSource,
    /// Once this is pulled `/readyz` says no, so that nobody sends new clients.
    pub stop: Stop,
    /// `Host` names besides `localhost` and IP addresses that `/status` answers to, lower case, without port.
    pub allowed_hosts: Vec<String>,
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
        .with_state(Arc::new(sources))
}

async fn readyz(State(sources): State<Arc<Sources>>, RawQuery(query): RawQuery) -> Response {
    let (holds, detail) = sources.readiness.look();
    let draining = sources.stop.is_requested();
    let code = if holds && !draining { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let verbose = query.is_some_and(|query| query.split('&').any(|word| word == "verbose" || word.starts_with("verbose=")));
    let short = match (draining, holds) {
        (true, _) => "stopping\n",
        (false, true) => "ok\n",
        (false, false) => "not ready\n",
    };
    if verbose { (code, json(&with_draining(detail, draining))).into_response() } else { (code, short).into_response() }
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

async fn metrics(State(sources): State<Arc<Sources>>) -> Response {
    let mut text = String::new();
    match encode(&mut text, &sources.registry) {
        Ok(()) => ([(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn status(State(sources): State<Arc<Sources>>, headers: HeaderMap) -> Response {
    if !is_direct(&headers, &sources.allowed_hosts) {
        return (StatusCode::FORBIDDEN, "this Host is not allowed; see allowed_hosts in [admin]\n").into_response();
    }
    json(&(sources.status)()).into_response()
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
