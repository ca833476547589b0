//! The face of a witness: `POST /add-checkpoint`, after C2SP tlog-witness, for a listener of its own.
//!
//! Requests prove who they are by the signature in them, so anybody who can connect may ask; what a body may take is bounded, and so is
//! how many are judged at once. What is answered is handed in as a function, so this names no room.

use std::fmt;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use http_body::Body as _;
use tokio::sync::Semaphore;

/// How many requests are judged at once: each waits for a disk.
const JUDGED_AT_ONCE: usize = 4;
/// How many more may wait for that; others are told to come back.
const WAITING: usize = 60;

/// What a witness says: the status, the type and the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WitnessAnswer {
    /// The HTTP status.
    pub status: u16,
    /// The type of the body.
    pub content_type: &'static str,
    /// The body.
    pub body: String,
}

/// Judges the body of an `add-checkpoint`. It may block for as long as a disk does.
pub type WitnessSource = Box<dyn Fn(&[u8]) -> WitnessAnswer + Send + Sync>;

struct Judge {
    source: WitnessSource,
    max_body: usize,
    seats: Semaphore,
    bench: Arc<Semaphore>,
}

impl fmt::Debug for Judge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Judge").field("max_body", &self.max_body).finish_non_exhaustive()
    }
}

/// The route over what answers. Bodies above `max_body` bytes are refused.
pub fn witness_router(source: WitnessSource, max_body: usize) -> Router {
    let judge = Judge {
        source,
        max_body,
        seats: Semaphore::new(JUDGED_AT_ONCE + WAITING),
        bench: Arc::new(Semaphore::new(JUDGED_AT_ONCE)),
    };
    Router::new().route("/add-checkpoint", post(add_checkpoint)).with_state(Arc::new(judge))
}

async fn add_checkpoint(State(judge): State<Arc<Judge>>, body: Body) -> Response {
    let Ok(_seat) = judge.seats.try_acquire() else {
        return ([(header::RETRY_AFTER, "1")], refused(StatusCode::TOO_MANY_REQUESTS, "too many requests at once"))
            .into_response();
    };
    let Some(body) = read(body, judge.max_body).await else {
        return refused(StatusCode::PAYLOAD_TOO_LARGE, "the body is too long, or was cut off");
    };
    let Ok(turn) = Arc::clone(&judge.bench).acquire_owned().await else { return StatusCode::SERVICE_UNAVAILABLE.into_response() };
    let work = Arc::clone(&judge);
    let judged = tokio::task::spawn_blocking(move || {
        // A client that hangs up does not make room for another one while the disk still works.
        let _turn = turn;
        (work.source)(&body)
    });
    judged.await.map_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response(), respond)
}

async fn read(body: Body, most: usize) -> Option<Bytes> {
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if announced > most { None } else { axum::body::to_bytes(body, most).await.ok() }
}

fn respond(answer: WitnessAnswer) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, [(header::CONTENT_TYPE, HeaderValue::from_static(answer.content_type))], answer.body).into_response()
}

fn refused(status: StatusCode, sentence: &str) -> Response {
    (status, format!("{sentence}\n")).into_response()
}

#[cfg(test)]
#[path = "witness_tests.rs"]
mod tests;
