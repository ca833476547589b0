//! Which page is where.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use tokio::sync::Semaphore;

use super::guard::guard;
use super::login::Doorstep;
use super::page::{complaint, redirect};
use super::pages::{approvals, decisions, health, log, matrix, policies, sandbox, ticket};
use super::sources::Sources;
use super::visit::{Guest, Visitor};
use super::{assets, live, login};
use crate::domain::TicketState;

/// Where tools of people find what pages show people.
pub(super) const API: &str = "/api/v1";
/// The longest form, in bytes.
const MAX_FORM: usize = 32 * 1024;
/// The longest form of the sandbox: policies.
const MAX_SANDBOX: usize = 1 << 20;
/// How long a page may take to be put together.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// What all pages share.
pub(super) struct Shown {
    pub(super) sources: Sources,
    pub(super) doorstep: Doorstep,
    /// One at a time tries policies out.
    pub(super) trying: Arc<Semaphore>,
    /// One at a time checks the log.
    pub(super) verifying: Arc<Semaphore>,
    /// How many look things up at a time.
    pub(super) reading: Arc<Semaphore>,
    /// Pages that are kept up to date.
    pub(super) watching: Arc<Semaphore>,
    /// What came of the last check of the log, and when.
    pub(super) verified: parking_lot::Mutex<Option<log::Checked>>,
}

impl Shown {
    /// How many tickets wait.
    pub(super) fn waiting(&self) -> usize {
        self.sources.gate.tickets().iter().filter(|ticket| ticket.state == TicketState::Waiting).count()
    }

    /// Looks something up, which blocks, where that holds up nobody else, and within a time.
    pub(super) async fn look<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Sources) -> T + Send + 'static,
    ) -> Result<T, &'static str> {
        self.look_as_one_of(&self.reading, work).await
    }

    /// The same as one of so many. Whoever stops waiting does not stop the work: its place is free only when it has ended.
    pub(super) async fn look_as_one_of<T: Send + 'static>(
        self: &Arc<Self>,
        places: &Arc<Semaphore>,
        work: impl FnOnce(&Sources) -> T + Send + 'static,
    ) -> Result<T, &'static str> {
        let (shown, places) = (Arc::clone(self), Arc::clone(places));
        let looked = async move {
            let place = places.acquire_owned().await.map_err(|_| "the console ends")?;
            let work = move || {
                let _place = place;
                work(&shown.sources)
            };
            tokio::task::spawn_blocking(work).await.map_err(|_| "looking it up failed")
        };
        tokio::time::timeout(PATIENCE, looked).await.unwrap_or(Err("it takes too long; ask for less, or later"))
    }
}

/// The console over its sources.
pub fn router(mut sources: Sources) -> Router {
    let api = sources.api.take();
    let shown = Arc::new(Shown {
        sources,
        doorstep: Doorstep::new(),
        trying: Arc::new(Semaphore::new(1)),
        verifying: Arc::new(Semaphore::new(1)),
        reading: Arc::new(Semaphore::new(4)),
        watching: Arc::new(Semaphore::new(live::MOST)),
        verified: parking_lot::Mutex::default(),
    });
    let large =
        Router::new().route("/sandbox", get(sandbox::show).post(sandbox::attempt)).layer(DefaultBodyLimit::max(MAX_SANDBOX));
    let pages = Router::new()
        .route("/", get(async |_: Visitor| redirect("/approvals")))
        .route("/approvals", get(approvals::show))
        .route("/approvals/{id}", get(ticket::show).post(ticket::rule))
        .route("/decisions", get(decisions::show))
        .route("/records/{seq}", get(decisions::record))
        .route("/matrix", get(matrix::show))
        .route("/why", get(matrix::why))
        .route("/policies", get(policies::show))
        .route("/log", get(log::show))
        .route("/log/verify", post(log::verify))
        .route("/health", get(health::show))
        .route("/live", get(live::live))
        .route("/login", get(login::login))
        .route("/login/link", get(login::link_page).post(login::link_used))
        .route("/login/oidc", get(login::provider))
        .route("/login/callback", get(login::back))
        .route("/logout", post(login::logout))
        .route("/theme", post(login::theme))
        .route("/assets/{name}", get(assets::serve))
        .layer(DefaultBodyLimit::max(MAX_FORM))
        .merge(large)
        .fallback(nowhere)
        .with_state(Arc::clone(&shown));
    let all = match api {
        Some(api) => pages.nest(API, api),
        None => pages,
    };
    all.layer(from_fn_with_state(shown, guard))
}

async fn nowhere(guest: Guest) -> Response {
    complaint(guest.theme, StatusCode::NOT_FOUND, "There is no such page", "The address leads nowhere.").into_response()
}
