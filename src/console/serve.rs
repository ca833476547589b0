//! Serves the console: each connection within a bound, so that slow browsers cannot pile up.

use std::convert::Infallible;
use std::time::Duration;

use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::task::JoinSet;

use super::visit::From;
use crate::lifecycle::Stop;
use crate::listen::{Connection, Listener};

/// How long a browser may take to send its headers.
const HEADERS_WITHIN: Duration = Duration::from_secs(5);
/// How long one connection may last altogether. Browsers open another.
const DONE_WITHIN: Duration = Duration::from_secs(15 * 60);

/// The console, ready to run.
#[derive(Debug)]
pub struct Console {
    listener: Listener,
    routes: Router,
}

impl Console {
    /// Serves `routes` on `listener`.
    #[must_use]
    pub const fn new(listener: Listener, routes: Router) -> Self {
        Self { listener, routes }
    }

    /// Serves until `stop` is pulled; pages that are being watched are then cut off.
    ///
    /// # Errors
    ///
    /// Never; the type is what `Tasks` expects.
    pub async fn run(mut self, stop: Stop) -> Result<(), Infallible> {
        let mut open = JoinSet::new();
        while let Some(connection) = self.listener.accept(&stop).await {
            open.spawn(serve(connection, self.routes.clone(), stop.clone()));
            while open.try_join_next().is_some() {}
        }
        drop(self.listener);
        open.join_all().await;
        Ok(())
    }
}

async fn serve(connection: Connection, routes: Router, stop: Stop) {
    let peer = connection.peer().clone();
    let routes = routes.layer(Extension(From(peer.ip())));
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(HEADERS_WITHIN).max_buf_size(16 * 1024);
    let served = server.serve_connection(TokioIo::new(connection), TowerToHyperService::new(routes));
    let mut served = std::pin::pin!(served);
    let ended = tokio::select! {
        ended = tokio::time::timeout(DONE_WITHIN, served.as_mut()) => ended,
        () = stop.wait() => {
            // Whoever has just ruled still hears what came of it.
            served.as_mut().graceful_shutdown();
            tokio::time::timeout(Duration::from_secs(2), served).await
        }
    };
    match ended {
        Ok(Ok(())) | Err(_) => {}
        Ok(Err(error)) => tracing::debug!(%error, %peer, "a connection to the console ended early"),
    }
}
