//! Tells open pages that something has changed; they then ask for themselves again. Nothing of what changed is sent.
//!
//! Bounded: so many pages at a time, at most one message a second for each, and an end after a while, after which browsers come again. A
//! session that ends takes its pages with it.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{OwnedSemaphorePermit, broadcast, watch};
use tokio::time::{Instant, sleep, sleep_until};

use super::routes::Shown;
use super::session::Session;
use super::visit::Visitor;
use crate::gate::News;

/// Most pages that are kept up to date at a time.
pub(super) const MOST: usize = 64;
/// How long one stream lasts.
const LASTS: Duration = Duration::from_secs(10 * 60);
/// The least time between two messages.
const PAUSE: Duration = Duration::from_secs(1);
/// How often it is looked whether the session lasts.
const LOOK: Duration = Duration::from_secs(15);

/// What one page is told of.
struct Watched {
    session: Arc<Session>,
    news: broadcast::Receiver<News>,
    growth: watch::Receiver<u64>,
    policies: watch::Receiver<u64>,
    until: Instant,
    _place: OwnedSemaphorePermit,
}

/// Streams what changes, as server-sent events.
pub(super) async fn live(State(shown): State<Arc<Shown>>, visitor: Visitor) -> Response {
    let Ok(place) = Arc::clone(&shown.watching).try_acquire_owned() else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    let watched = Watched {
        session: visitor.session,
        news: shown.sources.gate.ticket_news(),
        growth: shown.sources.book.growth(),
        policies: shown.sources.gate.adoptions(),
        until: Instant::now() + LASTS,
        _place: place,
    };
    let hello = Event::default().event("hello").retry(Duration::from_secs(3)).data("1");
    let events = stream::unfold((watched, Some(hello)), |(mut watched, hello)| async move {
        let event = match hello {
            Some(hello) => hello,
            None => Event::default().event("changed").data(watched.next().await?),
        };
        Some((Ok::<_, Infallible>(event), (watched, None)))
    });
    Sse::new(events).keep_alive(KeepAlive::new().interval(LOOK)).into_response()
}

impl Watched {
    /// What has changed; `None` at the end.
    async fn next(&mut self) -> Option<&'static str> {
        sleep(PAUSE).await;
        loop {
            if !self.session.lasts() {
                return None;
            }
            tokio::select! {
                biased;
                () = sleep_until(self.until) => return None,
                news = self.news.recv() => match news {
                    Ok(_) | Err(RecvError::Lagged(_)) => {
                        // One message for all that has happened.
                        self.news = self.news.resubscribe();
                        return Some("tickets");
                    }
                    Err(RecvError::Closed) => return None,
                },
                changed = self.policies.changed() => return changed.ok().map(|()| "policies"),
                changed = self.growth.changed() => return changed.ok().map(|()| "log"),
                () = sleep(LOOK) => {}
            }
        }
    }
}
