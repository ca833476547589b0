//! The AuthZEN face, when the configuration asks for one.

use anyhow::Context;

use super::people::{asking, keep, services};
use crate::authzen::{Askers, AuthZen, KnownServer, Limits, Servers, Sources, TokensWatch, router};
use crate::clock::Clock;
use crate::config::{AuthzenSettings, Config};
use crate::gate::Gate;
use crate::identity::Upkeep;
use crate::lifecycle::{Stop, Tasks};
use crate::listen::tls::{Keeper, Served};
use crate::listen::{Listener, Metrics};

/// Its listener and who may ask, open before anything else starts: a port in use ends the start while nothing has happened yet.
pub(super) struct AuthzenFace(Option<Open>);

struct Open {
    listener: Listener,
    settings: AuthzenSettings,
    askers: Askers,
    /// What keeps the tokens as their file says.
    watch: Option<TokensWatch>,
    /// What keeps fresh how certificates are known.
    upkeep: Option<Upkeep>,
}

impl AuthzenFace {
    /// Opens the listener and reads the tokens, if one is configured.
    pub(super) async fn open(config: &Config, clock: &Clock, metrics: &Metrics) -> anyhow::Result<Self> {
        let Some(settings) = config.authzen.clone() else { return Ok(Self(None)) };
        let (tokens, watch) = settings.tokens_file.as_deref().map(TokensWatch::open).transpose()?.unzip();
        let services = settings.clients.as_ref().map(|clients| services(config, "authzen", clients, clock)).transpose();
        let (services, upkeep) = services.context("failed to prepare how the clients of the AuthZEN listener are known")?.unzip();
        let listener = Listener::bind("authzen", &settings.listener, settings.max_connections, metrics).await;
        let listener = listener.and_then(|listener| asking(listener, services.as_ref()));
        let listener = listener.context("failed to open the AuthZEN listener")?;
        let named = settings.url.as_deref().and_then(|url| url.parse::<http::Uri>().ok()?.host().map(str::to_owned));
        let askers = Askers { services, tokens, hosts: named.into_iter().collect() };
        Ok(Self(Some(Open { listener, settings, askers, watch, upkeep })))
    }

    /// What keeps its certificate, and the certificate.
    pub(super) fn certificate(&mut self) -> Option<(Keeper, Served)> {
        self.0.as_mut().and_then(|open| open.listener.take_keeper().zip(open.listener.certificate()))
    }

    /// Starts it.
    pub(super) fn start(self, config: &Config, gate: &Gate, stop: &Stop, parts: &mut Tasks) {
        let Some(Open { listener, settings, askers, watch, upkeep }) = self.0 else { return };
        let limits = &config.limits;
        let sources = Sources {
            gate: gate.clone(),
            askers,
            servers: servers(config),
            extra: settings.unknown_properties,
            url: settings.url,
            limits: Limits { body: limits.max_message_bytes, depth: limits.max_depth, body_timeout: limits.body_timeout },
        };
        tracing::info!(event = "listening", face = "authzen", address = %listener.local_addr(), "the AuthZEN face is ready");
        parts.spawn("the AuthZEN face", AuthZen::new(listener, router(sources), limits.header_timeout).run(stop.clone()));
        if let Some(watch) = watch {
            parts.spawn("the tokens of services", watch.run(stop.clone()));
        }
        if let Some(upkeep) = upkeep {
            keep("the upkeep of who asks over AuthZEN", upkeep, stop, parts);
        }
    }
}

/// The servers that questions can be about, each with the audience that tokens for it have.
fn servers(config: &Config) -> Servers {
    let base = config.callers.ways.resource.as_ref().map(|resource| resource.base.trim_end_matches('/').to_owned());
    let known = config.servers.iter().map(|server| KnownServer {
        name: server.name.clone(),
        identifier: base.as_ref().map(|base| format!("{base}{}", server.path)),
    });
    Servers::new(known.collect())
}
