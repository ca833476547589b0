//! The admin face, when the configuration asks for one.

use std::time::Duration;

use anyhow::Context;
use axum::Router;
use prometheus_client::registry::Registry;

use super::status::{self, Status};
use crate::audit::ship::Board;
use crate::bypass::Board as BypassBoard;
use crate::config::AdminSettings;
use crate::gate::Gate;
use crate::lifecycle::{Stop, Tasks};
use crate::listen::tls::{Keeper, Served};
use crate::listen::{Listener, Metrics};
use crate::rest::{self, app_health_router, router};

/// Most connections to the admin listener at a time.
const CONNECTIONS: usize = 64;

/// Its listener, open before anything else starts: a port in use ends the start while nothing has happened yet.
pub(super) struct Admin(Option<(Listener, AdminSettings, Router)>);

/// It runs, and tells that the sidecar stops until it is ended itself.
pub(super) struct RunningAdmin {
    tasks: Tasks,
    last: Stop,
}

impl Admin {
    /// Opens the listener, if one is configured.
    pub(super) async fn bind(settings: Option<&AdminSettings>, metrics: &Metrics) -> anyhow::Result<Self> {
        let Some(settings) = settings else { return Ok(Self(None)) };
        let listener = Listener::bind("admin", &settings.listener, CONNECTIONS, metrics).await;
        let listener = listener.context("failed to open the admin listener")?;
        let more = app_health_router(&settings.app_health).context("failed to prepare for passing probes on")?;
        Ok(Self(Some((listener, settings.clone(), more))))
    }

    /// What keeps its certificate, and the certificate.
    pub(super) fn certificate(&mut self) -> Option<(Keeper, Served)> {
        self.0.as_mut().and_then(|(listener, ..)| listener.take_keeper().zip(listener.certificate()))
    }

    /// Shows what goes on. Once `stop` is pulled it says that the sidecar is not ready.
    pub(super) fn start(
        self,
        gate: &Gate,
        board: Board,
        bypass: Option<BypassBoard>,
        status: Status,
        registry: Registry,
        stop: &Stop,
    ) -> RunningAdmin {
        let last = Stop::new();
        let mut tasks = Tasks::new(last.clone());
        if let Some((listener, settings, more)) = self.0 {
            let sources = status::sources(gate, board, bypass, status, registry, &settings, stop.clone());
            tracing::info!(event = "listening", face = "admin", address = %listener.local_addr(), "the admin face is ready");
            tasks.spawn("the admin face", rest::Admin::new(listener, router(sources).merge(more)).run(last.clone()));
        }
        RunningAdmin { tasks, last }
    }
}

impl RunningAdmin {
    /// Ends it. A client that takes its time does not hold up the end of the process.
    pub(super) async fn end(self) {
        self.last.request();
        if let Err(error) = self.tasks.wait(Duration::from_secs(1)).await {
            tracing::debug!(%error, "the admin face was cut off");
        }
    }
}
