//! The requests of the control face.

use std::sync::Arc;

use axum::Json;
use axum::Router;
use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::{Value, json};

use super::body::Lines;
use crate::domain::Timestamp;
use crate::gate::{Before, EraseError, Gate, PruneError};

/// Starts to send the records from a number on, and all that come later.
pub type RecordsSource = Box<dyn Fn(u64) -> Lines + Send + Sync>;

/// What the requests work on.
struct Sources {
    gate: Gate,
    records: RecordsSource,
}

/// The routes over the gate and the records. `approvals` are the routes about approvals, for the operator.
pub fn router(gate: Gate, records: RecordsSource, approvals: Router) -> Router {
    Router::new()
        .route("/v1/erase", post(erase))
        .route("/v1/prune", post(prune))
        .route("/v1/rotate-key", post(rotate_key))
        .route("/v1/records", get(list))
        .with_state(Arc::new(Sources { gate, records }))
        .nest("/v1", approvals)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EraseRequest {
    seq: u64,
    reason: Option<String>,
}

async fn erase(State(sources): State<Arc<Sources>>, Json(request): Json<EraseRequest>) -> Response {
    match sources.gate.erase(request.seq, request.reason.as_deref()).await {
        Ok(erased) => Json(json!({ "seq": erased.seq, "record": erased.record, "was_there": erased.was_there })).into_response(),
        Err(error) => {
            let status = match error {
                EraseError::NoRecord(_) | EraseError::Nothing(_) => StatusCode::NOT_FOUND,
                EraseError::Read(_) | EraseError::NotRecorded(_) | EraseError::Salt(_) | EraseError::Interrupted => {
                    StatusCode::SERVICE_UNAVAILABLE
                }
            };
            refusal(status, &error)
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PruneRequest {
    before_seq: Option<u64>,
    /// Microseconds since 1970.
    before_time: Option<i64>,
}

async fn prune(State(sources): State<Arc<Sources>>, Json(request): Json<PruneRequest>) -> Response {
    let before = match request {
        PruneRequest { before_seq: Some(seq), before_time: None } => Before::Seq(seq),
        PruneRequest { before_seq: None, before_time: Some(micros) } => Before::Time(Timestamp::from_micros(micros)),
        PruneRequest { .. } => {
            return said(StatusCode::BAD_REQUEST, json!({ "error": "give either `before_seq` or `before_time`" }));
        }
    };
    match sources.gate.prune(before).await {
        Ok(pruned) => Json(json!({
            "min_index": pruned.min_index, "record": pruned.record, "files": pruned.files, "bytes": pruned.bytes,
        }))
        .into_response(),
        Err(error) => {
            let status = match error {
                PruneError::Nothing { .. } | PruneError::Unsent { .. } => StatusCode::CONFLICT,
                PruneError::Read(_) | PruneError::NotRecorded(_) | PruneError::Archive(_) | PruneError::Interrupted => {
                    StatusCode::SERVICE_UNAVAILABLE
                }
            };
            refusal(status, &error)
        }
    }
}

async fn rotate_key(State(sources): State<Arc<Sources>>) -> Response {
    match sources.gate.rotate_key().await {
        Ok(schedule) => Json(json!({ "trust": schedule.to_string() })).into_response(),
        Err(error) => refusal(StatusCode::SERVICE_UNAVAILABLE, &error),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListRequest {
    from: u64,
}

async fn list(State(sources): State<Arc<Sources>>, Query(request): Query<ListRequest>) -> Response {
    let lines = (sources.records)(request.from);
    ([(header::CONTENT_TYPE, "application/x-ndjson")], Body::new(lines)).into_response()
}

/// Refuses with the whole chain of causes: the person who asks runs this sidecar.
fn refusal(status: StatusCode, error: &dyn std::error::Error) -> Response {
    let causes = std::iter::successors(Some(error), |error| error.source());
    let sentence = causes.map(ToString::to_string).collect::<Vec<_>>().join(": ");
    said(status, json!({ "error": sentence }))
}

fn said(status: StatusCode, body: Value) -> Response {
    (status, Json(body)).into_response()
}
