//! What a connection or a request shows of who is behind it. Nothing here is believed yet.

use http::{HeaderMap, HeaderName, Method, Uri, header};

use super::authorization;
use super::flaw::{Flaw, ProofFlaw};
use super::mtls::ClientCertificate;
use crate::listen::{Peer, Process};

/// The header with the token of the person behind an agent that has an identity of its own.
pub const ACTOR_TOKEN: HeaderName = HeaderName::from_static("cedarpost-actor-token");
/// The header with the proof of possession (RFC 9449).
const PROOF: HeaderName = HeaderName::from_static("dpop");

/// Everything that somebody shows.
#[derive(Debug, Clone, Default)]
pub struct Credentials<'a> {
    /// The access token, and how it was presented.
    pub token: Option<(Scheme, &'a str)>,
    /// The token of the person behind the agent.
    pub actor: Option<&'a str>,
    /// The proof that the bearer has the token's key, and the request that it is for.
    pub proof: Option<Proof<'a>>,
    /// The client's certificate.
    pub certificate: Option<&'a ClientCertificate>,
    /// The process at the other end of a unix socket.
    pub peer: Option<Process>,
    /// Whom somebody else says that the client's certificate names, which they verified.
    pub principal: Option<&'a str>,
}

/// What a connection shows, for all of its requests.
#[derive(Debug, Default)]
pub struct Handshake {
    certificate: Option<ClientCertificate>,
    peer: Option<Process>,
}

/// How an access token was presented.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// Whoever bears it may use it.
    Bearer,
    /// With a proof of possession.
    Dpop,
}

/// A proof of possession.
#[derive(Debug, Clone, Copy)]
pub struct Proof<'a> {
    /// The proof itself.
    pub jwt: &'a str,
    /// The method of the request that it came with.
    pub method: &'a Method,
    /// The path of that request.
    pub path: &'a str,
}

impl Handshake {
    /// What this other end shows.
    #[must_use]
    pub fn of(peer: &Peer) -> Self {
        Self { certificate: ClientCertificate::of(&peer.certificates), peer: peer.process }
    }
}

impl<'a> Credentials<'a> {
    /// The same, with what the connection shows that it came over.
    #[must_use]
    pub const fn over(self, connection: &'a Handshake) -> Self {
        Self { certificate: connection.certificate.as_ref(), peer: connection.peer, ..self }
    }

    /// The same, with whom a gateway says that the client's certificate names. Whether gateways are believed is for the caller to know.
    #[must_use]
    pub const fn vouched_for(self, principal: Option<&'a str>) -> Self {
        Self { principal, ..self }
    }

    /// What the headers of a request show.
    ///
    /// # Errors
    ///
    /// When they show two things where there can be one, or something that is no token.
    pub fn of_request(headers: &'a HeaderMap, method: &'a Method, uri: &'a Uri) -> Result<Self, Flaw> {
        let token = only(headers, &header::AUTHORIZATION)?.map(authorization::token).transpose()?;
        let actor = only(headers, &ACTOR_TOKEN)?;
        let proof = only(headers, &PROOF).map_err(|_| Flaw::Proof(ProofFlaw::Malformed))?;
        let proof = proof.map(|jwt| Proof { jwt, method, path: uri.path() });
        Ok(Self { token, actor, proof, certificate: None, peer: None, principal: None })
    }
}

/// The one value of a header.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Flaw> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value.to_str().map(Some).map_err(|_| Flaw::Malformed),
        (Some(_), Some(_)) => Err(Flaw::Malformed),
    }
}

#[cfg(test)]
#[path = "credentials_tests.rs"]
mod tests;
