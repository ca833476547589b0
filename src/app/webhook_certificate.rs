//! The certificate that the webhook makes for itself: on disk for its listener, and in the bundle that API servers believe.
//!
//! The listener serves what the files say. A new certificate gets there only when API servers believe its authority, and reviews are asked for
//! (`/readyz`) only as long as they do.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context;

use crate::clock::Clock;
use crate::config::OwnCertificate;
use crate::domain::Timestamp;
use crate::injector::{Authority, Cluster};
use crate::lifecycle::Stop;
use crate::listen::tls::TlsSettings;
use crate::outbound::{Outbound, Settings};

/// How often the bundle is looked at: somebody may put back an older one.
const LOOK_EVERY: Duration = Duration::from_secs(15);
/// How soon it is tried again.
const AGAIN_AFTER: Duration = Duration::from_secs(2);

/// What keeps the certificate. It has to run.
pub(super) struct Maker {
    settings: OwnCertificate,
    cluster: Cluster,
    current: Authority,
    believed: Arc<AtomicBool>,
}

impl Maker {
    /// Makes the first certificate and writes it where the listener reads it.
    pub(super) fn begin(settings: OwnCertificate) -> anyhow::Result<(Self, TlsSettings, Arc<AtomicBool>)> {
        let current = make(&settings)?;
        write(&settings.directory, &current)?;
        let ca_file = Some(settings.account.join("ca.crt")).filter(|_| settings.api.starts_with("https://"));
        let outbound =
            Outbound::new(Settings { ca_file, ..Settings::default() }).context("failed to prepare for asking the API server")?;
        let cluster = Cluster {
            outbound,
            api: settings.api.clone(),
            token_file: settings.account.join("token"),
            configuration: settings.configuration.clone(),
        };
        let tls = TlsSettings { certificate: settings.directory.join("tls.crt"), key: settings.directory.join("tls.key") };
        let believed = Arc::new(AtomicBool::new(false));
        Ok((Self { settings, cluster, current, believed: Arc::clone(&believed) }, tls, believed))
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
        let believed = match self.cluster.ensure(&self.current.ca, now()).await {
            Ok(changed) => {
                if changed {
                    tracing::info!(
                        event = "bundle_changed",
                        configuration = self.settings.configuration,
                        "API servers were told of the webhook's authority"
                    );
                }
                true
            }
            // Another replica was faster.
            Err(error) if error.is_conflict() => false,
            Err(error) => {
                let error = anyhow::Error::new(error);
                tracing::warn!(event = "bundle_unknown", "whether API servers believe the webhook is not known: {error:#}");
                // An API server that cannot be asked may still ask, as long as it believed before.
                return false;
            }
        };
        if believed {
            self.believed.store(true, Ordering::Relaxed);
        }
        believed
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
