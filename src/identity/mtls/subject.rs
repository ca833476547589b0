//! Which agent a certificate names, once its authority is known. Pure.

use super::spiffe;
use crate::domain::AgentId;
use crate::identity::flaw::CertificateFlaw;
use crate::identity::settings::{AuthoritySettings, Subject};
use crate::listen::certificate::Certificate;

/// The agent that a certificate of this authority names.
///
/// A certificate with a SPIFFE id must be one that SPIFFE allows, whoever it is mapped to: one URI, which is the id, and it signs
/// nothing. An id is an agent by itself when the authority stands for its trust domain.
pub(super) fn agent(says: &Certificate, authority: &AuthoritySettings) -> Result<AgentId, CertificateFlaw> {
    if says.is_authority {
        return Err(CertificateFlaw::Purpose);
    }
    let id = says.uris.iter().find(|uri| is_spiffe(uri));
    if let Some(id) = id {
        if says.uris.len() != 1 {
            return Err(CertificateFlaw::SeveralUris);
        }
        spiffe::parse(id).ok_or(CertificateFlaw::SpiffeId)?;
    }
    if let Some(listed) = &authority.services {
        return service(says, id.map(|id| &**id), listed).map(AgentId::new).ok_or(CertificateFlaw::Nobody);
    }
    let mut mapped = authority.agents.iter().filter(|(subject, _)| names(subject, says)).map(|(_, agent)| agent);
    match (mapped.next(), id, &authority.trust_domain) {
        (Some(agent), _, _) if mapped.all(|other| other == agent) => Ok(agent.clone()),
        (Some(_), _, _) => Err(CertificateFlaw::Ambiguous),
        (None, Some(id), Some(domain)) => spiffe::check(id, domain).map(|()| AgentId::new(&**id)),
        (None, Some(_), None) => Err(CertificateFlaw::TrustDomain),
        (None, None, _) => Err(CertificateFlaw::Nobody),
    }
}

/// The agent that a URI of a certificate names which somebody else verified: one that is mapped, or the id of a workload in the trust domain
/// that this authority stands for.
pub(super) fn named(uri: &str, authority: &AuthoritySettings) -> Result<AgentId, CertificateFlaw> {
    let mapped = authority.agents.iter().find(|(subject, _)| matches!(subject, Subject::Uri(known) if **known == *uri));
    match (mapped, &authority.trust_domain) {
        _ if is_spiffe(uri) && spiffe::parse(uri).is_none() => Err(CertificateFlaw::SpiffeId),
        (Some((_, agent)), _) => Ok(agent.clone()),
        (None, Some(domain)) if is_spiffe(uri) => spiffe::check(uri, domain).map(|()| AgentId::new(uri)),
        (None, None) if is_spiffe(uri) => Err(CertificateFlaw::TrustDomain),
        (None, _) => Err(CertificateFlaw::Nobody),
    }
}

/// The name of a service: of those that are listed the first that its certificate has, or the first that it has when none is listed.
fn service<'a>(says: &'a Certificate, id: Option<&'a str>, listed: &'a [Subject]) -> Option<&'a str> {
    if listed.is_empty() {
        let own = id.or_else(|| says.dns.first().map(|name| &**name)).or(Some(&says.subject));
        return own.filter(|name| !name.is_empty());
    }
    let known = listed.iter().find(|subject| names(subject, says))?;
    match known {
        Subject::Uri(name) | Subject::Dns(name) | Subject::Name(name) => Some(name),
    }
}

impl Subject {
    /// The service with this name: a SPIFFE id, or a DNS name without wildcards. `None` when it is neither.
    #[must_use]
    pub fn of_service(name: &str) -> Option<Self> {
        if is_spiffe(name) {
            return spiffe::parse(name).map(|_| Self::Uri(name.into()));
        }
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        let is_dns = name.len() <= 253 && name.split('.').all(|label| !label.is_empty() && label.bytes().all(plain));
        is_dns.then(|| Self::Dns(name.to_ascii_lowercase().into()))
    }
}

/// Whether this is meant to be a SPIFFE id, well-formed or not.
fn is_spiffe(uri: &str) -> bool {
    uri.get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case("spiffe:"))
}

fn names(subject: &Subject, says: &Certificate) -> bool {
    match subject {
        Subject::Uri(uri) => says.uris.contains(uri),
        Subject::Dns(name) => says.dns.iter().any(|dns| dns.eq_ignore_ascii_case(name)),
        Subject::Name(name) => !name.is_empty() && says.subject == *name,
    }
}

#[cfg(test)]
#[path = "subject_tests.rs"]
mod tests;
