//! Serves the admin routes: one request per connection unless more are asked for, each connection within a bound, so that slow clients
//! cannot pile up.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::task::JoinSet;

use crate::lifecycle::Stop;
use crate::listen::{Connection, Listener};

/// How long a client may take to send its headers.
const HEADERS_WITHIN: Duration = Duration::from_secs(5);
/// How long one connection may last altogether.
const DONE_WITHIN: Duration = Duration::from_secs(30);

/// The admin face, ready to run.
#[derive(Debug)]
pub struct Admin {
    listener: Listener,
    routes: Router,
    keep_alive: bool,
}

impl Admin {
    /// Serves `routes` on `listener`.
    #[must_use]
    pub const fn new(listener: Listener, routes: Router) -> Self {
        Self { listener, routes, keep_alive: false }
    }

    /// Lets a client send more than one request over a connection, within the time that the connection has.
    #[must_use]
    pub fn with_keep_alive(self) -> Self {
        Self { keep_alive: true, ..self }
    }

    /// Serves until `stop` is pulled, then ends the requests that are being answered. Give it a `stop` that is pulled after the other
    /// faces have drained, so that probes see the sidecar stopping.
    ///
    /// # Errors
    /// Never; the type is what `Tasks` expects.
    pub async fn run(mut self, stop: Stop) -> Result<(), Infallible> {
        let mut open = JoinSet::new();
        while let Some(connection) = self.listener.accept(&stop).await {
            open.spawn(serve(connection, self.routes.clone(), self.keep_alive));
            while open.try_join_next().is_some() {}
        }
        drop(self.listener);
        open.join_all().await;
        Ok(())
    }
}

async fn serve(connection: Connection, routes: Router, keep_alive: bool) {
    let peer = Arc::new(connection.peer().clone());
    let routes = routes.layer(Extension(Arc::clone(&peer)));
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(HEADERS_WITHIN).keep_alive(keep_alive).max_buf_size(16 * 1024);
    let served = server.serve_connection(TokioIo::new(connection), TowerToHyperService::new(routes));
    match tokio::time::timeout(DONE_WITHIN, served).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, %peer, "an admin connection ended early"),
        Err(_) => tracing::debug!(%peer, "an admin connection took too long"),
    }
}
