//! The webhook of injection: a listener with a certificate, and the face on it. It needs no log and no policies.

use std::time::Duration;

use anyhow::Context;

use super::Ended;
use super::serve::keep_certificates;
use crate::config::WebhookSettings;
use crate::injector::{Injector, Metrics, router};
use crate::lifecycle::{Reload, Signals, Stop, Tasks};
use crate::listen::{self, Address, Listener};
use crate::rest::Admin;
use crate::telemetry;

/// How long requests that are being answered may take after the stop.
const GRACE: Duration = Duration::from_secs(10);

/// Answers API servers until it is told to stop. `ready` is called once with the address that it listens on.
///
/// # Errors
///
/// When it cannot start, or a part of it fails.
pub async fn injector(settings: WebhookSettings, stop: Stop, ready: impl FnOnce(&Address)) -> anyhow::Result<Ended> {
    let mut registry = telemetry::registry();
    let metrics = listen::Metrics::new(&mut registry);
    let listener = Listener::bind("webhook", &settings.listener, settings.max_connections, &metrics).await;
    let mut listener = listener.context("failed to open the listener of the webhook")?;
    let signals = Signals::catch().context("failed to catch signals")?;
    let mut parts = Tasks::new(stop.clone());
    keep_certificates(listener.take_keeper().zip(listener.certificate()).into_iter(), &mut parts, &stop);
    let counted = Metrics::new(&mut registry);
    let stopping = stop.clone();
    let injector = Injector {
        settings: settings.injection,
        ready: Box::new(move || stopping.is_requested().then(|| "stopping".to_owned())),
        metrics: counted,
        registry,
    };
    let address = listener.local_addr().clone();
    parts.spawn("the webhook", Admin::new(listener, router(injector)).run(stop.clone()));
    tracing::info!(event = "listening", face = "webhook", %address, "the webhook is ready for an API server");
    ready(&address);
    let (reload, _) = Reload::channel();
    tokio::select! {
        drained = parts.wait(GRACE) => drained.context("the webhook did not end in order")?,
        () = signals.run(stop, reload) => return Ok(Ended::Interrupted),
    }
    Ok(Ended::Drained)
}
