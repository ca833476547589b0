//! The certificate that a listener serves, and the look at its files that keeps it as they say.
//!
//! The files are read twice a second and compared by content, so it does not matter how they are replaced: in place, by a rename, or by
//! the swap of a directory that Kubernetes mounts. What two looks in a row find counts, so nothing half-written does. A pair that cannot be
//! served leaves the one before in force.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use ring::digest::{Context, SHA256};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::TlsSettings;
use super::load::{Pair, TlsFileError};
use crate::domain::Timestamp;
use crate::lifecycle::{Stop, again};
use crate::listen::certificate::Certificate;
use crate::listen::metrics::Metrics;

/// How often the files are looked at.
const PERIOD: Duration = Duration::from_millis(500);

/// The certificate that a listener serves. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Served(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    face: &'static str,
    settings: TlsSettings,
    key: ArcSwap<CertifiedKey>,
    state: Mutex<ServedState>,
    metrics: Metrics,
}

/// What is served, for operators.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServedState {
    /// The certificate's names: DNS names, else its subject.
    pub names: Vec<String>,
    /// When it ends.
    pub not_after: Timestamp,
    /// Why what is in the files is not served, when it is not.
    pub problem: Option<String>,
}

/// What the files held at a look: a digest of both, or why they could not be read.
type Look = Result<[u8; 32], String>;

/// Keeps the certificate of one listener as its files say.
#[derive(Debug)]
pub struct Keeper {
    served: Served,
    /// What was last put in force, or found wanting.
    judged: Look,
    /// What was seen at the last look, for the first time.
    pending: Option<Look>,
}

impl Served {
    /// Reads the files for the first time.
    pub(in crate::listen) fn open(
        face: &'static str,
        settings: TlsSettings,
        metrics: Metrics,
    ) -> Result<(Self, Keeper), TlsFileError> {
        // A start may block: nobody is served yet.
        let pair = Pair::read(&settings)?;
        let (key, says) = pair.certified(&settings)?;
        metrics.serves(face, says.not_after);
        let state = Mutex::new(ServedState::of(&says));
        let served = Self(Arc::new(Inner { face, settings, key: ArcSwap::from_pointee(key), state, metrics }));
        let keeper = Keeper { served: served.clone(), judged: Ok(digest(&pair)), pending: None };
        Ok((served, keeper))
    }

    /// The name of its listener in logs and metrics.
    #[must_use]
    pub fn face(&self) -> &'static str {
        self.0.face
    }

    /// What is served.
    #[must_use]
    pub fn state(&self) -> ServedState {
        self.0.state.lock().clone()
    }

    pub(super) fn resolver(&self) -> Arc<dyn ResolvesServerCert> {
        Arc::clone(&self.0) as _
    }
}

impl ResolvesServerCert for Inner {
    fn resolve(&self, _client: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.key.load_full())
    }
}

impl ServedState {
    fn of(says: &Certificate) -> Self {
        let dns = says.dns.iter().map(ToString::to_string);
        let names = if says.dns.is_empty() { vec![says.subject.to_string()] } else { dns.collect() };
        Self { names, not_after: says.not_after, problem: None }
    }
}

impl Keeper {
    /// Looks at the files again and again until told to stop.
    pub async fn run(self, stop: Stop) {
        again(PERIOD, stop, self, Self::look).await;
    }

    /// Looks once.
    pub(super) fn look(&mut self) {
        let Inner { settings, .. } = &*self.served.0;
        let read = Pair::read(settings);
        let seen: Look = read.as_ref().map(digest).map_err(ToString::to_string);
        if seen == self.judged || self.pending.as_ref() != Some(&seen) {
            self.pending = Some(seen);
            return;
        }
        match read.and_then(|pair| pair.certified(settings)) {
            Ok((key, says)) => self.put_in_force(key, &says),
            Err(error) => self.keep_the_last(&error),
        }
        self.judged = seen;
    }

    fn put_in_force(&self, key: CertifiedKey, says: &Certificate) {
        let Inner { face, settings, key: served, state, metrics } = &*self.served.0;
        served.store(Arc::new(key));
        *state.lock() = ServedState::of(says);
        metrics.serves(face, says.not_after);
        tracing::info!(face, file = %settings.certificate.display(), subject = %says.subject, "another certificate is served");
    }

    fn keep_the_last(&self, error: &TlsFileError) {
        let Inner { face, state, metrics, .. } = &*self.served.0;
        let source = std::error::Error::source(error).map(|source| format!(": {source}")).unwrap_or_default();
        state.lock().problem = Some(format!("{error}{source}"));
        metrics.broken(face);
        let error = error as &dyn std::error::Error;
        tracing::error!(face, error, "the files of the certificate cannot be used; the one before is still served");
    }
}

fn digest(pair: &Pair) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    let length = u64::try_from(pair.certificate.len()).unwrap_or(u64::MAX);
    context.update(&length.to_be_bytes());
    context.update(&pair.certificate);
    context.update(&pair.key);
    let mut bytes = [0; 32];
    bytes.iter_mut().zip(context.finish().as_ref()).for_each(|(to, from)| *to = *from);
    bytes
}
