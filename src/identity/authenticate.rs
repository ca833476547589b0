//! From credentials to a caller: which ways are accepted, what was verified a moment ago, what belongs to this one request.

use std::sync::Arc;
use std::time::Duration;

use rustls::server::danger::ClientCertVerifier;
use tokio::sync::watch;

use super::credentials::{Credentials, Scheme};
use super::deny::Denied;
use super::dpop::{About, Proofs};
use super::flaw::Flaw;
use super::keyring::Keyring;
use super::metrics::Metrics;
use super::mtls::{Authorities, ClientCertificate};
use super::prefixes::Prefixes;
use super::protected::{Protected, Refusal};
use super::remembered::Remembered;
use super::remote::Remote;
use super::settings::{ActorTokens, IssuerKind, IssuerSettings, Settings};
use super::shown::{Shown, ShownToken};
use super::trace::{Step, Trace};
use super::verified::{Binding, Verified};
use crate::clock::Clock;
use crate::domain::Caller;

/// Who somebody is, for one request.
#[derive(Debug, Clone)]
pub struct Identified {
    /// The caller.
    pub caller: Caller,
    /// How long the credentials still hold; absent where they do not end.
    pub lasts: Option<Duration>,
    /// The id of the actor's own token.
    pub actor_token: Option<Arc<str>>,
    /// The tokens that they showed, where the server may have to be shown them.
    pub shown: Shown,
}

impl Identified {
    /// The same without the tokens, for whatever lasts longer than a request.
    #[must_use]
    pub fn without_tokens(&self) -> Self {
        Self { shown: Shown::default(), ..self.clone() }
    }
}

/// Why it is not known who somebody is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unidentified {
    /// They show nothing.
    #[error("authentication is required")]
    Missing,
    /// What they show is not believed.
    #[error("{0}")]
    Flawed(Flaw),
    /// What they show is believed, but was not given out for this.
    #[error("the token lacks a scope that is needed here")]
    Scopes,
    /// Nobody can tell at the moment.
    #[error("the token cannot be verified at the moment; try again later")]
    Unavailable,
}

impl Unidentified {
    /// The word for metrics and log lines.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Flawed(flaw) => flaw.word(),
            Self::Scopes => "insufficient_scope",
            Self::Unavailable => "unavailable",
        }
    }
}

impl From<Flaw> for Unidentified {
    fn from(flaw: Flaw) -> Self {
        Self::Flawed(flaw)
    }
}

/// How callers of one listener are identified. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Identity(pub(super) Arc<Room>);

/// Everything that is needed to identify somebody.
#[derive(Debug)]
pub(super) struct Room {
    pub(super) settings: Settings,
    pub(super) issuers: Vec<Issuer>,
    pub(super) authorities: Authorities,
    pub(super) prefixes: Prefixes,
    pub(super) remembered: Remembered,
    pub(super) denied: Denied,
    pub(super) proofs: Proofs,
    pub(super) skew_micros: i64,
    pub(super) clock: Clock,
    pub(super) metrics: Metrics,
}

/// Somebody who vouches for tokens, with what we know of them.
#[derive(Debug)]
pub(super) struct Issuer {
    pub(super) settings: IssuerSettings,
    pub(super) keyring: Keyring,
    /// How they are asked about single tokens.
    pub(super) remote: Option<Remote>,
}

impl Identity {
    /// The server at this path, which lets in only tokens with these scopes.
    #[must_use]
    pub fn protect(&self, path: &str, scopes: Vec<String>) -> Protected {
        Protected::new(&self.0.settings, path, scopes)
    }

    /// What the listener asks about the certificates of its clients; `None` when it asks for none.
    #[must_use]
    pub fn client_verifier(&self) -> Option<Arc<dyn ClientCertVerifier>> {
        self.0.authorities.verifier()
    }

    /// Tells whenever somebody may be denied who was not before: [`Identity::denies`] knows who.
    #[must_use]
    pub fn revocations(&self) -> watch::Receiver<u64> {
        self.0.denied.changes()
    }

    /// Whether somebody who was identified before is denied by now.
    #[must_use]
    pub fn denies(&self, identified: &Identified) -> bool {
        let list = self.0.denied.list();
        list.denies(&identified.caller) || identified.actor_token.as_ref().is_some_and(|id| list.denies_token(id))
    }

    /// Says who is behind a request to this server.
    ///
    /// # Errors
    ///
    /// Why nobody can tell.
    pub async fn identify(&self, credentials: &Credentials<'_>, server: &Protected) -> Result<Identified, Unidentified> {
        let identified = self.0.identify(credentials, server, &mut Trace::default()).await;
        if let Err(unidentified) = &identified {
            self.0.metrics.refused(unidentified.word());
        }
        identified
    }

    /// The same, and everything that was looked at on the way.
    pub async fn explain(
        &self,
        credentials: &Credentials<'_>,
        server: &Protected,
    ) -> (Vec<Step>, Result<Identified, Unidentified>) {
        let mut trace = Trace::kept();
        let outcome = self.0.identify(credentials, server, &mut trace).await;
        (trace.steps(), outcome)
    }

    /// What comes of credentials that cannot even be read. Where nobody looks at them they do no harm.
    ///
    /// # Errors
    ///
    /// The flaw, unless everybody is the configured caller and nobody asks for tokens.
    pub fn identify_flawed(&self, flaw: Flaw) -> Result<Identified, Unidentified> {
        let configured = self.configured_caller().filter(|_| !self.0.settings.takes_tokens());
        let refused = match configured {
            Some(caller) if !self.0.denied.list().denies(caller) => {
                return Ok(Identified { caller: caller.clone(), lasts: None, actor_token: None, shown: Shown::default() });
            }
            Some(_) => Flaw::Denied,
            None => flaw,
        };
        self.0.metrics.refused(refused.word());
        Err(refused.into())
    }

    /// What a client is told that is not let in.
    #[must_use]
    pub fn refusal(&self, why: &Unidentified, server: &Protected) -> Refusal {
        server.refusal(why, self.0.proofs.nonce(self.0.clock.now()))
    }

    /// The caller whom the configuration names, if that is how callers are identified.
    #[must_use]
    pub fn configured_caller(&self) -> Option<&Caller> {
        self.0.settings.accept.configured.as_ref()
    }
}

/// Somebody, for how long, and the token that they showed, where a server needs it.
type Found = (Caller, Option<Duration>, Option<Arc<ShownToken>>);

fn without_token((caller, lasts): (Caller, Option<Duration>)) -> Found {
    (caller, lasts, None)
}

impl Room {
    pub(super) async fn identify(
        &self,
        credentials: &Credentials<'_>,
        server: &Protected,
        trace: &mut Trace,
    ) -> Result<Identified, Unidentified> {
        let (caller, lasts, access) = match &self.settings.accept.configured {
            Some(caller) => {
                self.metrics.believed("configured", false);
                (caller.clone(), None, None)
            }
            None => self.by_what_is_shown(credentials, server, trace).await?,
        };
        let shown = Shown { access, actor: None };
        let mut identified = Identified { caller, lasts, actor_token: None, shown };
        match (self.settings.actor, credentials.actor) {
            (ActorTokens::Off, Some(_)) => return Err(Flaw::NotAccepted.into()),
            (ActorTokens::Required, None) => return Err(Unidentified::Missing),
            (ActorTokens::Off | ActorTokens::Optional, None) => {}
            (ActorTokens::Optional | ActorTokens::Required, Some(token)) => {
                identified = self.with_actor(identified, token, server, trace).await?;
            }
        }
        let list = self.denied.list();
        if list.denies(&identified.caller) || identified.actor_token.as_ref().is_some_and(|id| list.denies_token(id)) {
            return Err(Flaw::Denied.into());
        }
        Ok(identified)
    }

    /// A token counts before what the connection shows: whoever brings one wants to be judged by it. Where no token is accepted it is not
    /// passed over, because the person whom it tells of would be left out.
    async fn by_what_is_shown(
        &self,
        credentials: &Credentials<'_>,
        server: &Protected,
        trace: &mut Trace,
    ) -> Result<Found, Unidentified> {
        let accept = &self.settings.accept;
        match (credentials.token, credentials.certificate, credentials.peer) {
            (Some(_), _, _) => self.by_token(credentials, server, trace).await,
            (None, Some(certificate), _) if accept.mtls => Ok(without_token(self.by_certificate(certificate, server, trace)?)),
            (None, _, Some(process)) if accept.peer => Ok(without_token(self.by_process(process, server, trace)?)),
            (None, _, _) => match credentials.principal.filter(|_| accept.mtls) {
                Some(principal) => Ok(without_token(self.by_principal(principal, server, trace)?)),
                None => Err(Unidentified::Missing),
            },
        }
    }

    async fn by_token(
        &self,
        credentials: &Credentials<'_>,
        server: &Protected,
        trace: &mut Trace,
    ) -> Result<Found, Unidentified> {
        if !self.settings.accept.oauth && !self.settings.accept.kubernetes {
            return Err(Flaw::NotAccepted.into());
        }
        let (scheme, token) = credentials.token.ok_or(Unidentified::Missing)?;
        let believed = self.believe(token, server, trace).await?;
        let issuer = self.issuers.get(believed.issuer).ok_or(Flaw::UnknownIssuer)?;
        let accepted = match issuer.settings.kind {
            IssuerKind::OAuth => self.settings.accept.oauth,
            IssuerKind::Kubernetes => self.settings.accept.kubernetes,
        };
        if !accepted {
            return Err(Flaw::NotAccepted.into());
        }
        let verified = &believed.verified;
        if !server.is_meant_by(verified, &issuer.settings) {
            return Err(Flaw::Audience.into());
        }
        trace.passed("audience", || verified.audiences.join(", "));
        self.is_bearers(credentials, scheme, token, verified, server)?;
        let bound_to = credentials.certificate.filter(|_| matches!(verified.bound, Some(Binding::Certificate(_))));
        let certificate_lasts = bound_to.map(|shown| self.authorities.lasts(shown).map_err(Flaw::Certificate)).transpose()?;
        if self.denied.list().denies(&verified.caller) {
            self.remembered.forget(&believed.digest);
            return Err(Flaw::Denied.into());
        }
        let scopes = verified.caller.token.as_ref().map(|token| &token.scopes);
        if !server.scopes.iter().all(|needed| scopes.is_some_and(|scopes| scopes.contains(needed.as_str()))) {
            return Err(Unidentified::Scopes);
        }
        let way = match issuer.settings.kind {
            IssuerKind::OAuth => "oauth",
            IssuerKind::Kubernetes => "kubernetes",
        };
        self.metrics.believed(way, believed.remembered);
        let lasts = [Some(self.left(verified)), certificate_lasts].into_iter().flatten().min();
        let shown = server.keeps_tokens.then(|| ShownToken::new(token, verified, self.clock.now()));
        Ok((verified.caller.clone(), lasts, shown))
    }

    /// Whether whoever shows the token may use it: anybody, or who has its key.
    fn is_bearers(
        &self,
        credentials: &Credentials<'_>,
        scheme: Scheme,
        token: &str,
        verified: &Verified,
        server: &Protected,
    ) -> Result<(), Flaw> {
        match (&verified.bound, scheme) {
            (None, Scheme::Bearer) => Ok(()),
            (Some(Binding::Certificate(digest)), Scheme::Bearer) => {
                let shown = credentials.certificate.and_then(ClientCertificate::digest);
                if shown == Some(digest) { Ok(()) } else { Err(Flaw::Unbound) }
            }
            (Some(Binding::Proof(thumbprint)), Scheme::Dpop) => {
                let proof = credentials.proof.ok_or(Flaw::Unbound)?;
                let about = About { token, thumbprint, base: &server.base };
                self.proofs.spend(&proof, about, self.clock.now()).map_err(Flaw::Proof)
            }
            (None | Some(Binding::Certificate(_)), Scheme::Dpop) | (Some(Binding::Proof(_)), Scheme::Bearer) => {
                Err(Flaw::Unbound)
            }
        }
    }

    /// How long a token still holds.
    pub(super) fn left(&self, verified: &Verified) -> Duration {
        let end = verified.expires.as_micros().saturating_add(self.skew_micros);
        Duration::from_micros(u64::try_from(end.saturating_sub(self.clock.now().as_micros())).unwrap_or(0))
    }
}
