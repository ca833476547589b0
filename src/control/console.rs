//! A link with which whoever may open the control socket logs in to the console.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::json;

/// Makes a link that is good once; `None` when there is no console, or too many links were not used.
pub type ConsoleLink = Box<dyn Fn() -> Option<String> + Send + Sync>;

/// `POST /v1/console-link`.
pub fn console_router(link: ConsoleLink) -> Router {
    Router::new().route("/v1/console-link", post(open)).with_state(Arc::new(link))
}

async fn open(State(link): State<Arc<ConsoleLink>>) -> Response {
    match link() {
        Some(url) => Json(json!({ "url": url })).into_response(),
        None => {
            let sentence = "there is no console (set `address` in [console]), or too many links were not used: wait a minute";
            (StatusCode::CONFLICT, Json(json!({ "error": sentence }))).into_response()
        }
    }
}
