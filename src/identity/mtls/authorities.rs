//! All authorities: which of them signed a certificate, and what that makes of whoever shows it.
//!
//! A certificate is judged at the handshake, and again for requests: when an authority's file changed, and once a minute, because what
//! leads from a certificate to its authority ends as well. Its own end is looked at with every request.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use rustls::CertificateError;
use rustls::pki_types::{CertificateDer, UnixTime};

use super::bundle::{Bundle, BundleError};
use super::certificate::ClientCertificate;
use super::subject;
use crate::clock::Clock;
use crate::domain::{AgentId, Timestamp};
use crate::identity::flaw::CertificateFlaw;
use crate::identity::metrics::Metrics;
use crate::identity::open::OpenError;
use crate::identity::settings::{AuthoritySettings, Settings};
use crate::listen::certificate::Certificate;

/// How long a judgement is good.
const GOOD_FOR_MICROS: i64 = 60_000_000;

/// The agent that a certificate names, or why it names nobody. `None` when only the chain was looked at.
pub(super) type Judgement = Result<Option<AgentId>, CertificateFlaw>;

/// Everybody who vouches for client certificates. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(in crate::identity) struct Authorities(pub(super) Arc<All>);

#[derive(Debug, Default)]
pub(super) struct All {
    pub(super) each: Vec<Authority>,
    /// Certificates identify agents; else tokens are bound to them and nothing more.
    pub(super) identify: bool,
    /// Nobody gets in without one.
    pub(super) mandatory: bool,
    pub(super) metrics: Metrics,
    clock: Clock,
    epoch: AtomicU64,
}

#[derive(Debug)]
pub(super) struct Authority {
    pub(super) settings: AuthoritySettings,
    pub(super) bundle: ArcSwap<Bundle>,
}

impl Authorities {
    /// Reads the certificates of all authorities.
    pub(in crate::identity) fn open(settings: &Settings, clock: Clock, metrics: Metrics) -> Result<Self, OpenError> {
        let mut each = Vec::new();
        for settings in &settings.authorities {
            let failed = |error: BundleError| OpenError::Authority(Arc::clone(&settings.name), error);
            let bundle = Bundle::read(&settings.ca_file).map_err(failed)?;
            metrics.authority(&settings.name, true);
            each.push(Authority { settings: settings.clone(), bundle: ArcSwap::from_pointee(bundle) });
        }
        let accept = &settings.accept;
        let mandatory = accept.mtls && !accept.oauth && !accept.kubernetes;
        Ok(Self(Arc::new(All { each, identify: accept.mtls, mandatory, metrics, clock, epoch: AtomicU64::new(0) })))
    }

    /// Whether there are none.
    pub(in crate::identity) fn is_empty(&self) -> bool {
        self.0.each.is_empty()
    }

    /// The agent that a certificate names, and for how long; and whether that was found out a moment ago already.
    pub(in crate::identity) fn agent(&self, shown: &ClientCertificate) -> Result<(AgentId, Duration, bool), CertificateFlaw> {
        let (judgement, left, remembered) = self.believed(shown)?;
        Ok((judgement.ok_or(CertificateFlaw::Nobody)?, left, remembered))
    }

    /// For how long a certificate is good that a token is bound to.
    pub(in crate::identity) fn lasts(&self, shown: &ClientCertificate) -> Result<Duration, CertificateFlaw> {
        self.believed(shown).map(|(_, left, _)| left)
    }

    /// The agent that a URI names, of whichever authority knows it. No certificate is seen: who asks has verified one.
    pub(in crate::identity) fn named(&self, uri: &str) -> Result<AgentId, CertificateFlaw> {
        agreed(self.0.each.iter().map(|authority| subject::named(uri, &authority.settings)))
    }

    fn believed(&self, shown: &ClientCertificate) -> Result<(Option<AgentId>, Duration, bool), CertificateFlaw> {
        let (now, says) = (self.0.clock.now(), shown.says.as_ref().ok_or(CertificateFlaw::Unreadable)?);
        let left = says.not_after.as_micros().saturating_sub(now.as_micros());
        // The last second that is named belongs to the validity.
        let left = left.saturating_add(1_000_000);
        if left <= 0 {
            return Err(CertificateFlaw::Expired);
        }
        let epoch = self.0.epoch.load(Ordering::Acquire);
        let mut judged = shown.judged.lock();
        let is_fresh = |at: Timestamp| (0..GOOD_FOR_MICROS).contains(&now.as_micros().saturating_sub(at.as_micros()));
        let kept = judged.as_ref().filter(|(of, at, _)| *of == epoch && is_fresh(*at)).map(|(_, _, judgement)| judgement.clone());
        let remembered = kept.is_some();
        let judgement = kept.unwrap_or_else(|| self.judge(&shown.chain, Some(says), unix(now)));
        if !remembered {
            *judged = Some((epoch, now, judgement.clone()));
        }
        Ok((judgement?, Duration::from_micros(u64::try_from(left).unwrap_or(0)), remembered))
    }

    /// Judges a chain anew.
    pub(super) fn judge(&self, chain: &[CertificateDer<'static>], says: Option<&Certificate>, now: UnixTime) -> Judgement {
        let (own, others) = chain.split_first().ok_or(CertificateFlaw::Unreadable)?;
        let mut signed = Vec::new();
        let mut flaw = CertificateFlaw::Untrusted;
        for authority in &self.0.each {
            match authority.bundle.load().verifier.verify_client_cert(own, others, now) {
                Ok(_) => signed.push(authority),
                Err(error) => flaw = worse(flaw, flaw_of(&error)),
            }
        }
        match (signed.as_slice(), self.0.identify) {
            ([], _) => Err(flaw),
            (_, false) => Ok(None),
            (signed, true) => name(signed, says.ok_or(CertificateFlaw::Unreadable)?).map(Some),
        }
    }

    /// The certificates of an authority are others from now on.
    pub(super) fn replace(&self, authority: &Authority, bundle: Bundle) {
        authority.bundle.store(Arc::new(bundle));
        self.0.epoch.fetch_add(1, Ordering::Release);
    }
}

/// The agent that a certificate names which all of these signed.
fn name(signed: &[&Authority], says: &Certificate) -> Result<AgentId, CertificateFlaw> {
    agreed(signed.iter().map(|authority| subject::agent(says, &authority.settings)))
}

/// The one agent that all name who name any.
fn agreed(all: impl Iterator<Item = Result<AgentId, CertificateFlaw>>) -> Result<AgentId, CertificateFlaw> {
    let mut found: Result<AgentId, CertificateFlaw> = Err(CertificateFlaw::Nobody);
    for one in all {
        found = match (found, one) {
            (Ok(one), Ok(other)) if one != other => return Err(CertificateFlaw::Ambiguous),
            (Ok(one), _) => Ok(one),
            (Err(_), Ok(other)) => Ok(other),
            (Err(one), Err(other)) => Err(worse(one, other)),
        };
    }
    found
}

/// Of two flaws the one that says more: that somebody does not know a certificate says the least.
const fn worse(one: CertificateFlaw, other: CertificateFlaw) -> CertificateFlaw {
    if matches!(one, CertificateFlaw::Untrusted | CertificateFlaw::Nobody) { other } else { one }
}

fn flaw_of(error: &rustls::Error) -> CertificateFlaw {
    use CertificateError as E;
    match error {
        rustls::Error::InvalidCertificate(E::Expired | E::ExpiredContext { .. }) => CertificateFlaw::Expired,
        rustls::Error::InvalidCertificate(E::NotValidYet | E::NotValidYetContext { .. }) => CertificateFlaw::NotYet,
        rustls::Error::InvalidCertificate(E::InvalidPurpose | E::InvalidPurposeContext { .. }) => CertificateFlaw::Purpose,
        rustls::Error::InvalidCertificate(E::BadEncoding) => CertificateFlaw::Unreadable,
        _ => CertificateFlaw::Untrusted,
    }
}

fn unix(now: Timestamp) -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_micros(u64::try_from(now.as_micros()).unwrap_or(0)))
}
