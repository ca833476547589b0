//! The routes of the face.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http_body::Body as _;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use tokio::sync::Semaphore;

use super::events::Reason;
use super::{Events, Metrics};
use crate::inject::Settings;
use crate::inject::review::{self, Answer, Verdict};

/// The longest body, in bytes: what an API server takes of a client is 3 MiB, and a review holds it at most twice.
const MAX_BODY: usize = 7 << 20;
/// How long a body may take to come. API servers give up after 30 s at the latest.
const BODY_WITHIN: Duration = Duration::from_secs(5);
/// How many bodies are held at a time.
const AT_ONCE: usize = 32;

/// Says whether reviews can be answered: nothing when they can, else why not.
pub type ReadySource = Box<dyn Fn() -> Option<String> + Send + Sync>;

/// What the routes are over.
pub struct Injector {
    /// What pods get.
    pub settings: Settings,
    /// What `/readyz` says.
    pub ready: ReadySource,
    /// Where people are told of pods without a sidecar, if they are.
    pub events: Option<Events>,
    /// What is counted here.
    pub metrics: Metrics,
    /// What `/metrics` prints.
    pub registry: Registry,
}

impl fmt::Debug for Injector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Injector").field("settings", &self.settings).finish_non_exhaustive()
    }
}

struct Shared {
    injector: Injector,
    seats: Semaphore,
}

/// The routes.
pub fn router(injector: Injector) -> Router {
    Router::new()
        .route("/mutate", post(mutate))
        .route("/livez", get(async || "ok\n"))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .with_state(Arc::new(Shared { injector, seats: Semaphore::new(AT_ONCE) }))
}

async fn readyz(State(shared): State<Arc<Shared>>) -> Response {
    match (shared.injector.ready)() {
        None => "ok\n".into_response(),
        Some(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")).into_response(),
    }
}

async fn metrics(State(shared): State<Arc<Shared>>) -> Response {
    let mut text = String::new();
    match encode(&mut text, &shared.injector.registry) {
        Ok(()) => ([(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn mutate(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Body) -> Response {
    let refuse = |status, why, text: &str| {
        shared.injector.metrics.refused(why);
        tracing::warn!(event = "review_refused", why, "a request for injection is not answered: {text}");
        (status, format!("{text}\n")).into_response()
    };
    if !is_json(&headers) {
        return refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, "type", "the body must be application/json");
    }
    let Ok(_seat) = shared.seats.try_acquire() else {
        return refuse(StatusCode::TOO_MANY_REQUESTS, "busy", "too many requests at once");
    };
    let body = match tokio::time::timeout(BODY_WITHIN, read(body)).await {
        Ok(Some(body)) => body,
        Ok(None) => return refuse(StatusCode::PAYLOAD_TOO_LARGE, "body", "the body is too long, or was cut off"),
        Err(_) => return refuse(StatusCode::REQUEST_TIMEOUT, "slow", "the body took too long"),
    };
    let began = Instant::now();
    let answer = match review::answer(&body, &shared.injector.settings) {
        Ok(answer) => answer,
        Err(bad) => return refuse(StatusCode::BAD_REQUEST, "review", &bad.to_string()),
    };
    let (pod, took) = (answer.pod.as_str(), began.elapsed());
    shared.injector.metrics.answered(answer.verdict.word());
    match &answer.verdict {
        Verdict::Injected => tracing::info!(event = "injected", pod, ?took, "a pod gets the sidecar"),
        Verdict::Skipped(reason) => tracing::warn!(event = "skipped", pod, reason, "a pod gets no sidecar"),
        Verdict::Refused(reason) => tracing::warn!(event = "refused", pod, reason, "a pod is refused"),
    }
    note(shared.injector.events.as_ref(), &answer);
    ([(header::CONTENT_TYPE, "application/json")], answer.body.to_string()).into_response()
}

/// Tells people, when there is something to tell.
fn note(events: Option<&Events>, answer: &Answer) {
    let (Some(events), Some(subject)) = (events, answer.subject.clone()) else { return };
    match &answer.verdict {
        Verdict::Injected => {}
        Verdict::Skipped(reason) => {
            events.note(subject, Reason::Skipped, &format!("pod {} gets no cedarpost sidecar: {reason}", answer.pod));
        }
        Verdict::Refused(reason) => {
            events.note(subject, Reason::Refused, &format!("pod {} is refused by cedarpost: {reason}", answer.pod));
        }
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    value.and_then(|value| value.split(';').next()).is_some_and(|essence| essence.trim().eq_ignore_ascii_case("application/json"))
}

async fn read(body: Body) -> Option<Bytes> {
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if announced > MAX_BODY {
        return None;
    }
    axum::body::to_bytes(body, MAX_BODY).await.ok()
}
