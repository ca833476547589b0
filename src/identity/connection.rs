//! From what a connection shows to a caller: the client's certificate, or the process at the other end of a unix socket.

use std::sync::Arc;
use std::time::Duration;

use super::authenticate::{Identity, Room, Unidentified};
use super::credentials::{Credentials, Handshake};
use super::flaw::Flaw;
use super::mtls::ClientCertificate;
use super::protected::Protected;
use super::settings::PeerSettings;
use super::trace::Trace;
use crate::domain::{Actor, AgentId, Caller, Evidence, Way};
use crate::listen::{Peer, Process};

/// A connection of a service that asks: the other end, and what it shows.
#[derive(Debug)]
pub struct Link {
    peer: Peer,
    /// The peer, as records name it.
    name: Arc<str>,
    shows: Handshake,
}

impl Link {
    /// The connection from this other end.
    #[must_use]
    pub fn of(peer: &Peer) -> Self {
        Self { peer: peer.clone(), name: peer.to_string().into(), shows: Handshake::of(peer) }
    }

    /// The other end.
    #[must_use]
    pub const fn peer(&self) -> &Peer {
        &self.peer
    }

    /// What it shows.
    #[must_use]
    pub const fn shows(&self) -> &Handshake {
        &self.shows
    }

    /// The name of the service, for records: that of its certificate where `services` says how certificates are known, else how it is
    /// connected. To be asked for every request: a certificate may have ended, or its service been denied, since the connection was made.
    ///
    /// # Errors
    ///
    /// Why the certificate does not hold (any more).
    pub fn service(&self, services: Option<&Identity>) -> Result<Arc<str>, Unidentified> {
        match services {
            Some(services) => services.service(&self.shows).map(|name| name.as_str().into()),
            None => Ok(Arc::clone(&self.name)),
        }
    }
}

impl Identity {
    /// The name of the service at the other end of a connection, by its certificate.
    ///
    /// # Errors
    ///
    /// Why it is not known: it shows no certificate, or one that does not hold any more, or it is denied.
    pub fn service(&self, connection: &Handshake) -> Result<AgentId, Unidentified> {
        let Credentials { certificate, .. } = Credentials::default().over(connection);
        let known = certificate.ok_or(Unidentified::Missing).and_then(|shown| {
            let (agent, _, remembered) = self.0.authorities.agent(shown).map_err(Flaw::Certificate)?;
            self.0.metrics.believed("mtls", remembered);
            let denied = self.0.denied.list().denies(&Caller::new(agent.clone(), Actor::Unattended));
            if denied { Err(Flaw::Denied.into()) } else { Ok(agent) }
        });
        known.inspect_err(|why| self.0.metrics.refused(why.word()))
    }
}

impl Room {
    /// The agent that a certificate names. Nobody stands behind it, unless a second token says so.
    pub(super) fn by_certificate(
        &self,
        shown: &ClientCertificate,
        server: &Protected,
        trace: &mut Trace,
    ) -> Result<(Caller, Option<Duration>), Unidentified> {
        let (agent, lasts, remembered) = self.authorities.agent(shown).map_err(Flaw::Certificate)?;
        trace.passed("certificate", || format!("`{agent}`"));
        has_no_scopes(server)?;
        self.metrics.believed("mtls", remembered);
        Ok((Caller::new(agent, Actor::Unattended).vouched().with_evidence(Evidence::of(Way::MTLS)), Some(lasts)))
    }

    /// The agent that a principal names which a gateway found in a certificate. The gateway vouches for the certificate, and the authorities
    /// of the configuration say whom they may vouch for.
    pub(super) fn by_principal(
        &self,
        principal: &str,
        server: &Protected,
        trace: &mut Trace,
    ) -> Result<(Caller, Option<Duration>), Unidentified> {
        let agent = self.authorities.named(principal).map_err(Flaw::Certificate)?;
        trace.passed("principal", || format!("`{agent}`"));
        has_no_scopes(server)?;
        self.metrics.believed("mtls", false);
        Ok((Caller::new(agent, Actor::Unattended).vouched().with_evidence(Evidence::of(Way::MTLS)), None))
    }

    /// Whoever the configuration says that a user's processes are. A row with a group counts before one without.
    pub(super) fn by_process(
        &self,
        process: Process,
        server: &Protected,
        trace: &mut Trace,
    ) -> Result<(Caller, Option<Duration>), Unidentified> {
        let peers = || self.settings.peers.iter().filter(|peer| peer.uid == process.uid);
        let of_group = peers().find(|peer| peer.gid == Some(process.gid));
        let found = of_group.or_else(|| peers().find(|peer| peer.gid.is_none()));
        let PeerSettings { caller, .. } = found.ok_or(Flaw::Peer)?;
        trace.passed("process", || format!("uid {}, gid {}", process.uid, process.gid));
        has_no_scopes(server)?;
        self.metrics.believed("peer", false);
        Ok((caller.clone().with_evidence(Evidence::of(Way::PEER)), None))
    }
}

/// A server that asks for scopes wants a token: what has none does not have these.
fn has_no_scopes(server: &Protected) -> Result<(), Unidentified> {
    if server.scopes.is_empty() { Ok(()) } else { Err(Unidentified::Scopes) }
}

#[cfg(test)]
#[path = "connection_tests.rs"]
mod tests;
