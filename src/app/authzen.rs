//! The AuthZEN face, when the configuration asks for one.

use anyhow::Context;

use crate::authzen::{Askers, AuthZen, KnownServer, Limits, Servers, Sources, TokensWatch, router};
use crate::config::{AuthzenSettings, Config};
use crate::gate::Gate;
use crate::lifecycle::{Stop, Tasks};
use crate::listen::tls::{Keeper, Served};
use crate::listen::{Listener, Metrics};

/// Its listener and who may ask, open before anything else starts: a port in use ends the start while nothing has happened yet.
pub(super) struct AuthzenFace(Option<(Listener, AuthzenSettings, Askers, Option<TokensWatch>)>);

impl AuthzenFace {
    /// Opens the listener and reads the tokens, if one is configured.
    pub(super) async fn open(settings: Option<&AuthzenSettings>, metrics: &Metrics) -> anyhow::Result<Self> {
        let Some(settings) = settings else { return Ok(Self(None)) };
        let (tokens, watch) = settings.tokens_file.as_deref().map(TokensWatch::open).transpose()?.unzip();
        let listener = Listener::bind("authzen", &settings.listener, settings.max_connections, metrics).await;
        let listener = listener.context("failed to open the AuthZEN listener")?;
        let named = settings.url.as_deref().and_then(|url| url.parse::<http::Uri>().ok()?.host().map(str::to_owned));
        let askers = Askers { tokens, hosts: named.into_iter().collect() };
        Ok(Self(Some((listener, settings.clone(), askers, watch))))
    }

    /// What keeps its certificate, and the certificate.
    pub(super) fn certificate(&mut self) -> Option<(Keeper, Served)> {
        self.0.as_mut().and_then(|(listener, ..)| listener.take_keeper().zip(listener.certificate()))
    }

    /// Starts it.
    pub(super) fn start(self, config: &Config, gate: &Gate, stop: &Stop, parts: &mut Tasks) {
        let Some((listener, settings, askers, watch)) = self.0 else { return };
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
