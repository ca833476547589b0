//! Serves the control face, one request per connection, for as long as the sidecar runs.

use std::convert::Infallible;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::UnixStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::JoinSet;

use crate::lifecycle::Stop;
use crate::listen::private::PrivateListener;

/// How long a client may take to send its headers.
const HEADERS_WITHIN: Duration = Duration::from_secs(5);

/// The control face, ready to run.
#[derive(Debug)]
pub struct Control {
    listener: PrivateListener,
    routes: Router,
}

impl Control {
    /// Serves `routes` on `listener`.
    #[must_use]
    pub const fn new(listener: PrivateListener, routes: Router) -> Self {
        Self { listener, routes }
    }

    /// Serves until `stop` is pulled; whoever follows the records is then cut off.
    ///
    /// # Errors
    ///
    /// Never; the type is what `Tasks` expects.
    pub async fn run(mut self, stop: Stop) -> Result<(), Infallible> {
        let mut open = JoinSet::new();
        while let Some((stream, slot)) = self.listener.accept(&stop).await {
            open.spawn(serve(stream, slot, self.routes.clone(), stop.clone()));
            while open.try_join_next().is_some() {}
        }
        drop(self.listener);
        open.join_all().await;
        Ok(())
    }
}

async fn serve(stream: UnixStream, _slot: OwnedSemaphorePermit, routes: Router, stop: Stop) {
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(HEADERS_WITHIN).keep_alive(false).max_buf_size(16 * 1024);
    let served = server.serve_connection(TokioIo::new(stream), TowerToHyperService::new(routes));
    tokio::select! {
        served = served => if let Err(error) = served {
            tracing::debug!(%error, "a control connection ended early");
        },
        () = stop.wait() => {}
    }
}
