//! The certificate that the webhook makes for itself: on disk for its listener, and in the bundle that API servers believe.
//!
//! The listener serves what the files say. A new certificate gets there only when API servers believe its authority, and reviews are asked for
//! (`/readyz`) only as long as they do: while the bundle is without our authority, because somebody has put another one there and does
//! not let us mend it, another replica that is believed had better be asked.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use parking_lot::Mutex;

use crate::clock::Clock;
use crate::config::OwnCertificate;
use crate::domain::Timestamp;
use crate::injector::{Api, ApiError, Authority, Cluster, Metrics};
use crate::lifecycle::Stop;
use crate::listen::tls::TlsSettings;

/// How often the bundle is looked at: somebody may put back an older one.
const LOOK_EVERY: Duration = Duration::from_secs(15);
/// How soon it is tried again.
const AGAIN_AFTER: Duration = Duration::from_secs(2);

/// What keeps the certificate. It has to run.
pub(super) struct Maker {
    settings: OwnCertificate,
    cluster: Cluster,
    current: Authority,
    standing: Standing,
    metrics: Metrics,
}

/// Whether API servers believe the webhook. Cheap to clone.
#[derive(Clone)]
pub(super) struct Standing(Arc<Mutex<Known>>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Known {
    NotYet,
    Believed,
    /// The bundle is without our authority.
    Lost,
    /// There is no registration, so nobody asks.
    Gone,
}

impl Standing {
    /// Why reviews had better not be asked for here; `None` when they can be.
    pub(super) fn problem(&self) -> Option<String> {
        let problem = match *self.0.lock() {
            Known::Believed => return None,
            Known::NotYet => "API servers do not know the webhook's authority yet",
            Known::Lost => "the caBundle of the webhook's registration is without its authority, and could not be mended yet",
            Known::Gone => "the webhook's registration is gone",
        };
        Some(problem.to_owned())
    }
}

impl Maker {
    /// Makes the first certificate and writes it where the listener reads it.
    pub(super) fn begin(settings: OwnCertificate, api: Api, metrics: Metrics) -> anyhow::Result<(Self, TlsSettings)> {
        let current = make(&settings)?;
        write(&settings.directory, &current)?;
        let cluster = Cluster { api, configuration: settings.configuration.clone() };
        let tls = TlsSettings { certificate: settings.directory.join("tls.crt"), key: settings.directory.join("tls.key") };
        let standing = Standing(Arc::new(Mutex::new(Known::NotYet)));
        Ok((Self { settings, cluster, current, standing, metrics }, tls))
    }

    /// Whether API servers believe the webhook.
    pub(super) fn standing(&self) -> Standing {
        self.standing.clone()
    }

    /// Keeps certificate and bundle right until the stop.
    pub(super) async fn run(mut self, stop: Stop) {
        loop {
            let often = LOOK_EVERY.min(self.settings.lifetime / 12);
            let pause = if self.look().await { often } else { AGAIN_AFTER.min(often) };
            tokio::select! {
                () = stop.wait() => return,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Whether API servers believe what is served.
    async fn look(&mut self) -> bool {
        if let Err(error) = self.renew().await {
            tracing::warn!(event = "certificate_not_renewed", "the webhook's certificate could not be renewed: {error:#}");
        }
        let repair = match self.cluster.look(&self.current.ca, now()).await {
            Ok(repair) => repair,
            Err(error) => {
                if error.is_missing() {
                    self.stands(Known::Gone);
                }
                // An API server that cannot be asked may still ask, as long as it believed before.
                unknown(error);
                return false;
            }
        };
        let Some(repair) = repair else {
            self.stands(Known::Believed);
            return true;
        };
        let is_lost = repair.is_lost;
        if is_lost {
            self.lost();
        }
        match self.cluster.repair(repair).await {
            Ok(()) => {
                tracing::info!(
                    event = "bundle_changed",
                    configuration = self.settings.configuration,
                    "API servers were told of the webhook's authority"
                );
                self.stands(Known::Believed);
                true
            }
            // Another replica was faster.
            Err(error) if error.is_conflict() => false,
            Err(error) => {
                if !is_lost {
                    self.stands(Known::Believed);
                }
                unknown(error);
                false
            }
        }
    }

    fn lost(&self) {
        if matches!(*self.standing.0.lock(), Known::Believed | Known::Gone) {
            tracing::warn!(
                event = "bundle_lost",
                configuration = self.settings.configuration,
                "somebody has taken the webhook's authority out of its registration: until it is back, API servers do not believe the webhook"
            );
            self.stands(Known::Lost);
        }
    }

    fn stands(&self, known: Known) {
        *self.standing.0.lock() = known;
        self.metrics.believed(known == Known::Believed);
    }

    async fn renew(&mut self) -> anyhow::Result<()> {
        if now() < self.current.renew_at {
            return Ok(());
        }
        let next = make(&self.settings)?;
        self.cluster.ensure(&next.ca, now()).await?;
        // API servers need a moment to hear of it.
        tokio::time::sleep(AGAIN_AFTER).await;
        write(&self.settings.directory, &next)?;
        self.current = next;
        Ok(())
    }
}

fn unknown(error: ApiError) {
    let error = anyhow::Error::new(error);
    tracing::warn!(event = "bundle_unknown", "whether API servers believe the webhook is not known: {error:#}");
}

fn now() -> Timestamp {
    Clock::System.now()
}

fn make(settings: &OwnCertificate) -> anyhow::Result<Authority> {
    let (service, namespace) = (&settings.service, &settings.namespace);
    let names = [format!("{service}.{namespace}.svc"), format!("{service}.{namespace}.svc.cluster.local")];
    Authority::make(&names, now(), settings.lifetime).context("failed to make a certificate")
}

fn write(directory: &Path, authority: &Authority) -> anyhow::Result<()> {
    fs::create_dir_all(directory)
        .and_then(|()| replace(&directory.join("tls.key"), &authority.key))
        .and_then(|()| replace(&directory.join("tls.crt"), &authority.certificate))
        .with_context(|| format!("failed to write the certificate to `{}`", directory.display()))
}

/// Whole or not at all, and for nobody else.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let next = path.with_extension("next");
    let _ = fs::remove_file(&next);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&next)?;
    file.write_all(text.as_bytes())?;
    fs::rename(next, path)
}
