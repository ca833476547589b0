//! The webhook of injection: a listener with a certificate, and the face on it. It needs no log and no policies.

use std::convert::Infallible;
use std::fs;
use std::time::Duration;

use anyhow::Context;

use super::Ended;
use super::serve::keep_certificates;
use super::webhook_certificate::{Maker, Standing};
use crate::clock::Clock;
use crate::config::{ApiAccess, WebhookSettings};
use crate::injector::{Api, Injector, Metrics, ReadySource, events, router};
use crate::lifecycle::{Reload, Signals, Stop, Tasks};
use crate::listen::{self, Address, Listener};
use crate::outbound::{Outbound, Settings};
use crate::rest::Admin;
use crate::telemetry;

/// How long requests that are being answered may take after the stop.
const GRACE: Duration = Duration::from_secs(10);
/// The name of this machine: in a pod the pod's.
const HOSTNAME: &str = "/proc/sys/kernel/hostname";

/// Answers API servers until it is told to stop. `ready` is called once with the address that it listens on.
///
/// # Errors
///
/// When it cannot start, or a part of it fails.
pub async fn injector(settings: WebhookSettings, stop: Stop, ready: impl FnOnce(&Address)) -> anyhow::Result<Ended> {
    let mut registry = telemetry::registry();
    let metrics = listen::Metrics::new(&mut registry);
    let counted = Metrics::new(&mut registry);
    let mut parts = Tasks::new(stop.clone());
    let mut listening = settings.listener;
    let needs_api = settings.events || settings.own_certificate.is_some();
    let api = needs_api.then(|| api(&settings.api)).transpose()?;
    let mut standing = None;
    if let (Some(own), Some(api)) = (settings.own_certificate, &api) {
        counted.register_authority(&mut registry);
        let (maker, tls) = Maker::begin(own, api.clone(), counted.clone())?;
        listening.tls = Some(tls);
        standing = Some(maker.standing());
        spawn(&mut parts, "the webhook's own certificate", maker.run(stop.clone()));
    }
    let mut told = None;
    if let Some(api) = api.filter(|_| settings.events) {
        counted.register_events(&mut registry);
        let reporter = fs::read_to_string(HOSTNAME).unwrap_or_default();
        let (events, writer) = events(api, reporter.trim(), Clock::System, counted.clone());
        told = Some(events);
        spawn(&mut parts, "the webhook's events", writer.run(stop.clone()));
    }
    let listener = Listener::bind("webhook", &listening, settings.max_connections, &metrics).await;
    let mut listener = listener.context("failed to open the listener of the webhook")?;
    let signals = Signals::catch().context("failed to catch signals")?;
    keep_certificates(listener.take_keeper().zip(listener.certificate()).into_iter(), &mut parts, &stop);
    let ready_source = ready_when(stop.clone(), standing);
    let injector = Injector { settings: settings.injection, ready: ready_source, events: told, metrics: counted, registry };
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

fn spawn(parts: &mut Tasks, name: &'static str, part: impl Future<Output = ()> + Send + 'static) {
    parts.spawn(name, async move {
        part.await;
        Ok::<(), Infallible>(())
    });
}

fn api(access: &ApiAccess) -> anyhow::Result<Api> {
    let ca_file = Some(access.account.join("ca.crt")).filter(|_| access.url.starts_with("https://"));
    let outbound = Outbound::new(Settings { ca_file, ..Settings::default() });
    let outbound = outbound.context("failed to prepare for asking the API server")?;
    Ok(Api { outbound, url: access.url.clone(), token_file: access.account.join("token") })
}

/// Ready until the stop; with a certificate of its own, as long as API servers are known to believe it.
fn ready_when(stop: Stop, standing: Option<Standing>) -> ReadySource {
    Box::new(move || {
        if stop.is_requested() {
            return Some("stopping".to_owned());
        }
        standing.as_ref().and_then(Standing::problem)
    })
}
