//! Serves the routes on a listener. A connection may carry many requests, and ends in order: when it has lasted long, when nobody uses
//! it, and at the stop, but never in the middle of a question.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::task::JoinSet;

use crate::identity::Link;
use crate::lifecycle::Stop;
use crate::listen::{Connection, Listener};

/// How long a connection takes new requests.
const OPEN_FOR: Duration = Duration::from_secs(10 * 60);
/// How long the last request of a connection may take.
const DONE_WITHIN: Duration = Duration::from_secs(30);

/// The face, ready to run.
#[derive(Debug)]
pub struct AuthZen {
    listener: Listener,
    routes: Router,
    headers_within: Duration,
}

impl AuthZen {
    /// Serves `routes` on `listener`. A service may take `headers_within` to send its headers, and to begin with another request.
    #[must_use]
    pub const fn new(listener: Listener, routes: Router, headers_within: Duration) -> Self {
        Self { listener, routes, headers_within }
    }

    /// Serves until `stop` is pulled, then ends the requests that are being answered.
    ///
    /// # Errors
    ///
    /// Never; the type is what `Tasks` expects.
    pub async fn run(mut self, stop: Stop) -> Result<(), Infallible> {
        let mut open = JoinSet::new();
        while let Some(connection) = self.listener.accept(&stop).await {
            open.spawn(serve(connection, self.routes.clone(), self.headers_within, stop.clone()));
            while open.try_join_next().is_some() {}
        }
        drop(self.listener);
        open.join_all().await;
        Ok(())
    }
}

async fn serve(connection: Connection, routes: Router, headers_within: Duration, stop: Stop) {
    let link = Arc::new(Link::of(connection.peer()));
    let routes = routes.layer(Extension(Arc::clone(&link)));
    let peer = link.peer();
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(headers_within).max_buf_size(32 * 1024);
    let served = server.serve_connection(TokioIo::new(connection), TowerToHyperService::new(routes));
    let mut served = std::pin::pin!(served);
    let ended = tokio::select! {
        ended = served.as_mut() => Ok(ended),
        () = async { tokio::select! { () = tokio::time::sleep(OPEN_FOR) => {}, () = stop.wait() => {} } } => {
            served.as_mut().graceful_shutdown();
            tokio::time::timeout(DONE_WITHIN, served).await
        }
    };
    match ended {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, %peer, "a service's connection ended early"),
        Err(_) => tracing::debug!(%peer, "a service's connection took too long"),
    }
}
