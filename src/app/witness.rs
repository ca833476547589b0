//! The witness that the sidecar is for other logs, when the configuration asks for one. It has nothing to do with our own log.

use std::sync::Arc;

use anyhow::Context;

use crate::audit::ship::witness::service::{self, MAX_BODY, Service};
use crate::clock::Clock;
use crate::config::WitnessServerSettings;
use crate::lifecycle::{Stop, Tasks};
use crate::listen::tls::{Keeper, Served};
use crate::listen::{Listener, Metrics};
use crate::rest::{Admin, WitnessAnswer, witness_router};

/// Most connections to the witness at a time.
const CONNECTIONS: usize = 256;

/// Its listener and its memory, open before anything else starts.
pub(super) struct WitnessFace(Option<(Listener, Arc<Service>)>);

impl WitnessFace {
    /// Opens the listener and reads what the witness remembers, if there is to be one.
    pub(super) async fn open(settings: Option<&WitnessServerSettings>, clock: &Clock, metrics: &Metrics) -> anyhow::Result<Self> {
        let Some(settings) = settings else { return Ok(Self(None)) };
        let listener = Listener::bind("witness", &settings.listener, CONNECTIONS, metrics).await;
        let listener = listener.context("failed to open the listener of the witness")?;
        let service =
            service::Settings { directory: settings.directory.clone(), name: settings.name.clone(), logs: settings.logs.clone() };
        let clock = clock.clone();
        let opened = tokio::task::spawn_blocking(move || Service::open(&service, clock)).await?;
        let service = opened.with_context(|| format!("failed to begin as a witness in `{}`", settings.directory.display()))?;
        Ok(Self(Some((listener, Arc::new(service)))))
    }

    /// What keeps its certificate, and the certificate.
    pub(super) fn certificate(&mut self) -> Option<(Keeper, Served)> {
        self.0.as_mut().and_then(|(listener, _)| listener.take_keeper().zip(listener.certificate()))
    }

    /// Answers until the stop.
    pub(super) fn start(self, parts: &mut Tasks, stop: &Stop) {
        let Some((listener, service)) = self.0 else { return };
        tracing::info!(event = "listening", face = "witness", address = %listener.local_addr(), key = %service.verifier(), "the witness is ready");
        let judge = Box::new(move |body: &[u8]| {
            let service::Answer { status, content_type, body } = service.add_checkpoint(body);
            WitnessAnswer { status, content_type, body }
        });
        parts.spawn("the witness", Admin::new(listener, witness_router(judge, MAX_BODY)).with_keep_alive().run(stop.clone()));
    }
}
