//! Opening the room: what the settings say becomes keys to be fetched, servers to be asked and files to be watched.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::OnceCell;

use super::account::Account;
use super::authenticate::{Identity, Issuer, Room};
use super::deny::{Denied, DenyWatch};
use super::dpop::Proofs;
use super::keyring::{Keeper, Keyring, OwnToken, Source};
use super::metrics::Metrics;
use super::mtls::{Authorities, AuthoritiesWatch, BundleError};
use super::prefixes::Prefixes;
use super::remembered::Remembered;
use super::remote::{Introspection, Remote, Review, Whom};
use super::settings::{Accept, ActorTokens, IssuerSettings, KeySource, ProofSettings, Settings};
use crate::clock::Clock;
use crate::domain::Caller;
use crate::lifecycle::Stop;
use crate::outbound::{self, Outbound, PlainHttp, SetupError};

/// Why the room could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The deny list is not there.
    #[error("failed to read the deny list `{0}`")]
    DenyList(PathBuf, #[source] std::io::Error),
    /// An issuer cannot be asked anything.
    #[error("failed to prepare connections to issuer `{0}`")]
    Outbound(Arc<str>, #[source] SetupError),
    /// The certificates of an authority cannot be used.
    #[error("failed to read the certificates of the authority `{0}`")]
    Authority(Arc<str>, #[source] BundleError),
}

/// What has to run for as long as somebody is to be identified.
#[derive(Debug, Default)]
pub struct Upkeep {
    keepers: Vec<Keeper>,
    deny: Option<DenyWatch>,
    authorities: Option<AuthoritiesWatch>,
}

impl Identity {
    /// Opens the room.
    ///
    /// # Errors
    ///
    /// When something that the settings name cannot be had.
    pub fn open(settings: Settings, clock: Clock, metrics: Metrics) -> Result<(Self, Upkeep), OpenError> {
        let (denied, mut upkeep) = (Denied::nobody(), Upkeep::default());
        if let Some(path) = settings.deny.clone() {
            let watch = DenyWatch::open(path.clone(), denied.clone(), metrics.clone());
            upkeep.deny = Some(watch.map_err(|error| OpenError::DenyList(path, error))?);
        }
        let mut issuers = Vec::new();
        for issuer in &settings.issuers {
            let (issuer, keeper) =
                prepare(issuer, &metrics).map_err(|error| OpenError::Outbound(Arc::clone(&issuer.name), error))?;
            issuers.push(issuer);
            upkeep.keepers.extend(keeper);
        }
        let authorities = Authorities::open(&settings, clock.clone(), metrics.clone())?;
        upkeep.authorities = (!settings.authorities.is_empty()).then(|| AuthoritiesWatch::new(authorities.clone()));
        let skew_micros = i64::try_from(settings.skew.as_micros()).unwrap_or(i64::MAX);
        let room = Room {
            prefixes: Prefixes::of(&settings.issuers),
            remembered: Remembered::new(settings.remembered, settings.remember_for),
            proofs: Proofs::new(settings.proofs, skew_micros),
            settings,
            issuers,
            authorities,
            denied,
            skew_micros,
            clock,
            metrics,
        };
        Ok((Self(Arc::new(room)), upkeep))
    }

    /// Everybody is the caller that the configuration names.
    #[must_use]
    pub fn configured(caller: Caller) -> Self {
        let settings = Settings::configured(caller);
        let room = Room {
            prefixes: Prefixes::default(),
            remembered: Remembered::new(0, Duration::ZERO),
            proofs: Proofs::new(settings.proofs, 0),
            settings,
            issuers: Vec::new(),
            authorities: Authorities::default(),
            denied: Denied::nobody(),
            skew_micros: 0,
            clock: Clock::System,
            metrics: Metrics::default(),
        };
        Self(Arc::new(room))
    }
}

impl Settings {
    /// Everybody is this caller.
    #[must_use]
    pub fn configured(caller: Caller) -> Self {
        Self {
            accept: Accept { configured: Some(caller), ..Accept::default() },
            issuers: Vec::new(),
            resource: None,
            skew: Duration::from_secs(30),
            remembered: 10_000,
            remember_for: Duration::from_secs(300),
            deny: None,
            actor: ActorTokens::Off,
            proofs: ProofSettings::default(),
            authorities: Vec::new(),
            peers: Vec::new(),
        }
    }
}

impl Upkeep {
    /// Keeps keys, the deny list and the certificates of authorities fresh until told to stop.
    pub async fn run(self, stop: Stop) {
        let mut tasks = tokio::task::JoinSet::new();
        for keeper in self.keepers {
            tasks.spawn(keeper.run(stop.clone()));
        }
        if let Some(watch) = self.deny {
            tasks.spawn(watch.run(stop.clone()));
        }
        if let Some(watch) = self.authorities {
            tasks.spawn(watch.run(stop.clone()));
        }
        while tasks.join_next().await.is_some() {}
    }
}

fn prepare(settings: &IssuerSettings, metrics: &Metrics) -> Result<(Issuer, Option<Keeper>), SetupError> {
    let plain_http =
        if settings.plain_hosts.is_empty() { PlainHttp::Loopback } else { PlainHttp::Also(settings.plain_hosts.clone()) };
    let account = matches!(settings.keys, KeySource::Cluster(_)).then(Account::find).unwrap_or_default();
    let ca_file = settings.ca_file.clone().or(account.ca_file);
    let outbound = Outbound::new(outbound::Settings { ca_file, plain_http, ..Default::default() })?;
    let keyring = Keyring::new();
    let issuer = Arc::clone(&settings.issuer);
    let (source, mut remote) = match &settings.keys {
        KeySource::Discovery => (Some(Source::discovery(issuer, outbound.clone())), None),
        KeySource::Url(url, own) => {
            let own = own.clone().map(|path| OwnToken { path, is_needed: true });
            (Some(Source::Url(url.clone(), own, Box::new(outbound.clone()))), None)
        }
        KeySource::Cluster(url) => {
            let own = account.token_file.map(|path| OwnToken { path, is_needed: false });
            (Some(Source::Url(url.clone(), own, Box::new(outbound.clone()))), None)
        }
        KeySource::File(path) => (Some(Source::File(path.clone())), None),
        KeySource::Review(url, own_token) => {
            let (url, own_token, outbound) = (url.clone(), own_token.clone(), outbound.clone());
            (None, Some(Whom::Cluster(Review { issuer, url, own_token, outbound })))
        }
    };
    if let Some(introspection) = settings.introspection.clone() {
        let (issuer, place) = (Arc::clone(&settings.issuer), OnceCell::new());
        remote = Some(Whom::Server(Introspection { issuer, settings: introspection, outbound, place }));
    }
    let keeper = source.map(|source| Keeper {
        name: Arc::clone(&settings.name),
        keyring: keyring.clone(),
        source,
        refresh: settings.refresh,
        stale: settings.stale,
        metrics: metrics.clone(),
    });
    let remote = remote.map(|whom| Remote::new(Arc::clone(&settings.name), whom));
    Ok((Issuer { settings: settings.clone(), keyring, remote }, keeper))
}
