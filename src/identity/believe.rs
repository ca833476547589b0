//! From a token to what it tells: remembered from a moment ago, verified with its issuer's keys, or asked of whoever gave it out.

use std::sync::Arc;

use super::authenticate::{Issuer, Room, Unidentified};
use super::flaw::Flaw;
use super::issuer::{self, Circumstances, Unverified};
use super::jwt::Compact;
use super::keyring::knows;
use super::protected::Protected;
use super::remembered::{TokenDigest, Word};
use super::remote::{Question, Remote, RemoteError};
use super::settings::IssuerKind;
use super::trace::Trace;
use super::verified::Verified;
use crate::domain::{Attribute, Caller, Evidence, TokenName, Way};

/// A token that is verified, and whether that was done a moment ago already.
pub(super) struct Believed {
    pub(super) verified: Arc<Verified>,
    pub(super) issuer: usize,
    pub(super) remembered: bool,
    pub(super) digest: TokenDigest,
}

impl Room {
    /// Verifies a token, or remembers that it was.
    pub(super) async fn believe(&self, token: &str, server: &Protected, trace: &mut Trace) -> Result<Believed, Unidentified> {
        let (digest, now) = (TokenDigest::of(token), self.clock.now());
        let epoch = |issuer: usize| self.issuers.get(issuer).map_or(0, |issuer| issuer.keyring.epoch());
        if let Some((issuer, verified)) = self.remembered.get(&digest, now, epoch) {
            trace.passed("remembered", || "it was verified a moment ago".to_owned());
            return Ok(Believed { verified, issuer, remembered: true, digest });
        }
        let (index, issuer, compact) = self.read(token)?;
        let word = Word { issuer: index, epoch: issuer.keyring.epoch() };
        let verified = match (&compact, &issuer.remote) {
            (_, Some(remote)) if compact.is_none() || remote.is_always_asked() => {
                self.ask(remote, token, issuer, server, trace).await?
            }
            (Some(compact), _) => self.verify(compact, issuer, trace).await?,
            (None, None) => return Err(Flaw::NotCompact.into()),
            (None, Some(_)) => return Err(Unidentified::Unavailable),
        };
        let mut verified = verified;
        verified.caller = with_evidence(verified.caller, issuer, &digest);
        let verified = Arc::new(verified);
        self.remembered.put(digest, Arc::clone(&verified), word, now);
        Ok(Believed { verified, issuer: index, remembered: false, digest })
    }

    /// Whose token it is: a JWT says so, and for others there is at most one who can be asked.
    fn read<'t>(&self, token: &'t str) -> Result<(usize, &Issuer, Option<Compact<'t>>), Flaw> {
        let mut issuers = self.issuers.iter().enumerate();
        match Compact::parse(token) {
            Ok(compact) => {
                let named = compact.text("iss").ok_or(Flaw::UnknownIssuer)?;
                let (index, issuer) = issuers.find(|(_, issuer)| *issuer.settings.issuer == *named).ok_or(Flaw::UnknownIssuer)?;
                Ok((index, issuer, Some(compact)))
            }
            Err(Flaw::NotCompact) => {
                let opaque = |issuer: &Issuer| issuer.settings.introspection.is_some();
                let (index, issuer) = issuers.find(|(_, issuer)| opaque(issuer)).ok_or(Flaw::NotCompact)?;
                Ok((index, issuer, None))
            }
            Err(flaw) => Err(flaw),
        }
    }

    async fn verify(&self, token: &Compact<'_>, issuer: &Issuer, trace: &mut Trace) -> Result<Verified, Unidentified> {
        let keys = issuer.keyring.ready().await.map_err(|_| Unidentified::Unavailable)?;
        let with = |now| Circumstances { now, skew_micros: self.skew_micros, prefixes: &self.prefixes };
        match issuer::verify(token, &issuer.settings, &keys, &with(self.clock.now()), trace) {
            Ok(verified) => Ok(verified),
            Err(Unverified::Flaw(flaw)) => Err(flaw.into()),
            Err(Unverified::UnknownKey) => {
                let algorithm = token.algorithm.ok_or(Flaw::Algorithm)?;
                let has_it = |keys: &_| knows(keys, token.kid.as_deref(), algorithm);
                let keys = issuer.keyring.newer(has_it).await.map_err(|_| Unidentified::Unavailable)?;
                issuer::verify(token, &issuer.settings, &keys, &with(self.clock.now()), trace).map_err(|unverified| {
                    match unverified {
                        Unverified::Flaw(flaw) => flaw.into(),
                        Unverified::UnknownKey => Flaw::UnknownKey.into(),
                    }
                })
            }
        }
    }

    /// Asks whoever gave a token out.
    async fn ask(
        &self,
        remote: &Remote,
        token: &str,
        issuer: &Issuer,
        server: &Protected,
        trace: &mut Trace,
    ) -> Result<Verified, Unidentified> {
        let audiences = server.resource.iter().chain(&issuer.settings.audiences).map(ToString::to_string).collect();
        let now = self.clock.now();
        let claims = remote.claims(Question { token: token.to_owned(), audiences, now }).await.map_err(|error| match error {
            RemoteError::Inactive => Unidentified::Flawed(Flaw::Inactive),
            RemoteError::Unavailable => Unidentified::Unavailable,
        })?;
        trace.passed("asked", || "whoever gave it out says that it is active".to_owned());
        let with = Circumstances { now, skew_micros: self.skew_micros, prefixes: &self.prefixes };
        Ok(issuer::believed(claims, &issuer.settings, &with, trace)?)
    }
}

/// The caller with what they showed, for the record.
fn with_evidence(caller: Caller, issuer: &Issuer, digest: &TokenDigest) -> Caller {
    let way = match issuer.settings.kind {
        IssuerKind::OAuth => Way::OAUTH,
        IssuerKind::Kubernetes => Way::KUBERNETES,
    };
    let token = caller.token.as_deref();
    let pod = token.filter(|_| way == Way::KUBERNETES).and_then(|token| token.attributes.get("pod_uid"));
    let evidence = Evidence {
        way,
        token: Some(TokenName {
            issuer: Arc::clone(&issuer.settings.issuer),
            id: token.and_then(|token| token.id.clone()),
            sha256: digest.bytes(),
        }),
        actor: None,
        chain: token.map(|token| token.chain.clone()).unwrap_or_default(),
        pod: pod.and_then(|pod| if let Attribute::Text(uid) = pod { Some(Arc::clone(uid)) } else { None }),
    };
    caller.with_evidence(evidence)
}
