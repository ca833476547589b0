//! The requests about approvals.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};
use serde_json::json;
use serde_json::value::RawValue;
use tokio::sync::Semaphore;

use super::people::{Nobody, People, Person};
use super::{ruling, sight, watch};
use crate::clock::rfc3339;
use crate::domain::{TicketId, TicketState};
use crate::gate::{Compared, Gate, Ticket, TicketJson};

/// How many may listen for news at a time: each holds a connection.
const LISTENERS: usize = 8;

/// What the requests work on.
struct Shared {
    gate: Gate,
    people: Arc<dyn People>,
    listening: Arc<Semaphore>,
}

/// The routes, for people as `people` identifies them.
pub fn approvals_router(gate: Gate, people: Arc<dyn People>) -> Router {
    let shared = Shared { gate, people, listening: Arc::new(Semaphore::new(LISTENERS)) };
    Router::new()
        .route("/approvals", get(list))
        .route("/approvals/watch", get(listen))
        .route("/approvals/{id}", get(show))
        .route("/approvals/{id}/rule", post(rule))
        .with_state(Arc::new(shared))
}

impl Shared {
    async fn person(&self, head: &Parts) -> Result<Person, Response> {
        self.people.identify(head).await.map_err(turned_away)
    }

    /// A ticket that the person may see. For all others it does not exist.
    fn ticket(&self, id: &str, person: &Person) -> Option<Arc<Ticket>> {
        let ticket = TicketId::parse(id).and_then(|id| self.gate.ticket(id));
        ticket.filter(|ticket| sight::sees(&self.gate, person, ticket))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Filter {
    state: Option<String>,
}

impl Filter {
    /// The state that is asked for; none for all of them.
    fn state(self) -> Result<Option<TicketState>, ()> {
        self.state.map(|name| TicketState::parse(&name).ok_or(())).transpose()
    }
}

#[derive(Serialize)]
struct Listed<'a> {
    approvals: Vec<TicketJson<'a>>,
}

/// One ticket, and what people compare it with.
#[derive(Serialize)]
struct Looked<'a> {
    approval: TicketJson<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_approved: Option<LastJson<'a>>,
}

#[derive(Serialize)]
struct LastJson<'a> {
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<&'a str>,
    arguments: Option<&'a RawValue>,
}

async fn list(
    State(shared): State<Arc<Shared>>,
    filter: Result<Query<Filter>, QueryRejection>,
    request: Request,
) -> Result<Response, Response> {
    let person = shared.person(&request.into_parts().0).await?;
    let state = filter.map_err(|_| ()).and_then(|Query(filter)| filter.state()).map_err(|()| {
        let names = TicketState::ALL.map(TicketState::name).join(", ");
        refused(StatusCode::BAD_REQUEST, "invalid", &format!("the only filter is `state`: one of {names}"))
    })?;
    let tickets = sight::of(&shared.gate, &person).await;
    let chosen = tickets.iter().filter(|ticket| state.is_none_or(|state| ticket.state == state));
    Ok(answer(&Listed { approvals: chosen.map(|ticket| ticket.json()).collect() }))
}

async fn show(State(shared): State<Arc<Shared>>, Path(id): Path<String>, request: Request) -> Result<Response, Response> {
    let person = shared.person(&request.into_parts().0).await?;
    let ticket = shared.ticket(&id, &person).ok_or_else(unknown)?;
    let last = shared.gate.last_approved(&ticket);
    // The last call may have been made for somebody else; it is for those who decide.
    let last = last.filter(|last| shared.gate.ticket(last.ticket).is_some_and(|last| sight::sees(&shared.gate, &person, &last)));
    Ok(answer(&Looked { approval: ticket.json(), last_approved: last.as_ref().map(compared) }))
}

fn compared(last: &Compared) -> LastJson<'_> {
    LastJson {
        id: last.ticket.to_string(),
        at: last.at.map(rfc3339),
        by: last.by.as_ref().map(|by| by.as_str()),
        arguments: serde_json::from_slice(&last.arguments).ok(),
    }
}

async fn rule(State(shared): State<Arc<Shared>>, Path(id): Path<String>, request: Request) -> Result<Response, Response> {
    let (head, body) = request.into_parts();
    let person = shared.person(&head).await?;
    // A web page can send anything but this without asking first.
    if !is_json(&head.headers) {
        let sentence = "the content type must be application/json";
        return Err(refused(StatusCode::UNSUPPORTED_MEDIA_TYPE, "invalid", sentence));
    }
    let too_long = |_| refused(StatusCode::PAYLOAD_TOO_LARGE, "invalid", "the ruling is too long, or was cut off");
    let body = axum::body::to_bytes(body, ruling::MAX_RULING).await.map_err(too_long)?;
    let ruling = ruling::read(&body).map_err(|sentence| refused(StatusCode::BAD_REQUEST, "invalid", &sentence))?;
    let ticket = shared.ticket(&id, &person).ok_or_else(unknown)?;
    match shared.gate.rule(&person.ruler, ticket.id, ruling).await {
        Ok(ruled) => Ok(answer(&Looked { approval: ruled.json(), last_approved: None })),
        Err(error) => {
            tracing::info!(ticket = %ticket.id, person = %person.ruler.person, error = &error as &dyn std::error::Error, "a ruling does not count");
            let (status, word) = ruling::answer(&error);
            Err(refused(status, word, &error.to_string()))
        }
    }
}

async fn listen(State(shared): State<Arc<Shared>>, request: Request) -> Result<Response, Response> {
    let person = shared.person(&request.into_parts().0).await?;
    let slot = Arc::clone(&shared.listening).try_acquire_owned().map_err(|_| {
        refused(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "too many are listening already; look again from time to time")
    })?;
    let lines = watch::start(shared.gate.clone(), Arc::clone(&shared.people), person, slot);
    let headers = [(header::CONTENT_TYPE, "application/x-ndjson"), (header::CACHE_CONTROL, "no-store")];
    Ok((headers, Body::new(lines)).into_response())
}

fn answer(value: &impl Serialize) -> Response {
    match serde_json::to_string(value) {
        Ok(text) => with_headers(StatusCode::OK, text),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// A no, with a sentence for people and a word for programs.
fn refused(status: StatusCode, word: &str, sentence: &str) -> Response {
    with_headers(status, json!({ "error": sentence, "code": word }).to_string())
}

fn unknown() -> Response {
    refused(StatusCode::NOT_FOUND, "unknown", "there is no such ticket")
}

fn turned_away(nobody: Nobody) -> Response {
    let mut response = refused(nobody.status, "unidentified", &nobody.sentence);
    for challenge in nobody.challenges {
        response.headers_mut().append(header::WWW_AUTHENTICATE, challenge);
    }
    response
}

fn with_headers(status: StatusCode, text: String) -> Response {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    // What somebody asks for is nobody else's business.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    (status, headers, text).into_response()
}

fn is_json(headers: &HeaderMap) -> bool {
    let given = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    given.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}
