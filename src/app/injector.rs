//! The webhook of injection: a listener with a certificate, and the face on it. It needs no log and no policies.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context;

use super::Ended;
use super::serve::keep_certificates;
use super::webhook_certificate::Maker;
use crate::config::WebhookSettings;
use crate::injector::{Injector, Metrics, ReadySource, router};
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
    let mut listening = settings.listener;
    let maker = settings.own_certificate.map(Maker::begin).transpose()?;
    let (maker, believed) = match maker {
        Some((maker, tls, believed)) => {
            listening.tls = Some(tls);
            (Some(maker), Some(believed))
        }
        None => (None, None),
    };
    let listener = Listener::bind("webhook", &listening, settings.max_connections, &metrics).await;
    let mut listener = listener.context("failed to open the listener of the webhook")?;
    let signals = Signals::catch().context("failed to catch signals")?;
    let mut parts = Tasks::new(stop.clone());
    keep_certificates(listener.take_keeper().zip(listener.certificate()).into_iter(), &mut parts, &stop);
    let counted = Metrics::new(&mut registry);
    if let Some(maker) = maker {
        let keeping = maker.run(stop.clone());
        parts.spawn("the webhook's own certificate", async move {
            keeping.await;
            Ok::<(), Infallible>(())
        });
    }
    let injector =
        Injector { settings: settings.injection, ready: ready_when(stop.clone(), believed), metrics: counted, registry };
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

/// Ready until the stop; with a certificate of its own, once API servers believe it.
fn ready_when(stop: Stop, believed: Option<Arc<AtomicBool>>) -> ReadySource {
    Box::new(move || {
        if stop.is_requested() {
            return Some("stopping".to_owned());
        }
        let unbelieved = believed.as_ref().is_some_and(|believed| !believed.load(Ordering::Relaxed));
        unbelieved.then(|| "API servers do not know the webhook's authority yet".to_owned())
    })
}
