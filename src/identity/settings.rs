//! What the room is told at the start.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::Uri;

use super::jwt::{Algorithm, TokenType};
use super::kubernetes;
use super::mapping::Mapping;
use super::mtls::TrustDomain;
use crate::domain::{AgentId, AttributeKind, Caller};

/// How callers of one listener are identified.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Which ways are accepted. Nothing else is believed.
    pub accept: Accept,
    /// Who vouches for tokens.
    pub issuers: Vec<IssuerSettings>,
    /// What this listener is for the outside: `https://mcp.example.com`, without a slash at the end. Servers are below it.
    pub resource: Option<Resource>,
    /// How far clocks may be apart.
    pub skew: Duration,
    /// Verified tokens that are remembered.
    pub remembered: usize,
    /// The longest time one is.
    pub remember_for: Duration,
    /// The file with those who are denied.
    pub deny: Option<PathBuf>,
    /// Whether an actor's token is asked for.
    pub actor: ActorTokens,
    /// What proofs of possession must be like.
    pub proofs: ProofSettings,
    /// Who vouches for client certificates.
    pub authorities: Vec<AuthoritySettings>,
    /// Who the processes at the other end of a unix socket are.
    pub peers: Vec<PeerSettings>,
}

impl Settings {
    /// What tokens tell policies besides names, memberships and scopes: each name once.
    #[must_use]
    pub fn attributes(&self) -> Vec<(Arc<str>, AttributeKind)> {
        Self::attributes_of(&self.issuers)
    }

    /// The same of these issuers.
    #[must_use]
    pub fn attributes_of(issuers: &[IssuerSettings]) -> Vec<(Arc<str>, AttributeKind)> {
        let mapped = issuers.iter().flat_map(|issuer| &issuer.mapping.attributes).map(|rule| (Arc::clone(&rule.name), rule.kind));
        let has_cluster = issuers.iter().any(|issuer| issuer.kind == IssuerKind::Kubernetes);
        let of_pods = kubernetes::ATTRIBUTES.into_iter().filter(|_| has_cluster).map(|name| (name.into(), AttributeKind::Text));
        let mut attributes: Vec<_> = mapped.chain(of_pods).collect();
        attributes.sort_by(|(one, _), (other, _)| one.cmp(other));
        attributes.dedup_by(|(one, _), (other, _)| one == other);
        attributes
    }
}

/// The ways in which callers may be identified.
#[derive(Debug, Clone, Default)]
pub struct Accept {
    /// Everybody is this caller. Stands alone.
    pub configured: Option<Caller>,
    /// OAuth access tokens.
    pub oauth: bool,
    /// Service account tokens of Kubernetes.
    pub kubernetes: bool,
    /// Client certificates.
    pub mtls: bool,
    /// Who runs the process at the other end of a unix socket.
    pub peer: bool,
}

/// Somebody who vouches for client certificates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthoritySettings {
    /// Its name in logs and metrics.
    pub name: Arc<str>,
    /// A PEM file with its certificates.
    pub ca_file: PathBuf,
    /// The trust domain whose SPIFFE ids it vouches for.
    pub trust_domain: Option<TrustDomain>,
    /// Which of its other certificates are whose.
    pub agents: Vec<(Subject, AgentId)>,
    /// Its certificates are of services, which are known by their own names: these, or all when there are none. `None`: they are of agents.
    pub services: Option<Vec<Subject>>,
}

/// What tells certificates apart that have no SPIFFE id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// A URI among the alternative names, letter for letter.
    Uri(Box<str>),
    /// A DNS name there, in lower case.
    Dns(Box<str>),
    /// The subject, as RFC 4514 writes it, letter for letter.
    Name(Box<str>),
}

/// Who a process at the other end of a unix socket is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerSettings {
    /// The user who runs it.
    pub uid: u32,
    /// The group, when not everybody's will do.
    pub gid: Option<u32>,
    /// The caller that it is.
    pub caller: Caller,
}

/// Whether the person behind an agent may come with a token of their own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ActorTokens {
    /// There is no such thing: who sends one is refused.
    #[default]
    Off,
    /// Whoever has a person behind them says so.
    Optional,
    /// Nobody acts alone.
    Required,
}

/// What proofs of possession (DPoP) must be like.
#[derive(Debug, Clone, Copy)]
pub struct ProofSettings {
    /// How old one may be.
    pub max_age: Duration,
    /// Most that are remembered, so that none is used twice.
    pub remembered: usize,
    /// Whether a fresh nonce of ours must be in it.
    pub nonce: bool,
}

impl Default for ProofSettings {
    fn default() -> Self {
        Self { max_age: Duration::from_secs(60), remembered: 100_000, nonce: false }
    }
}

/// What a listener is for the outside.
#[derive(Debug, Clone)]
pub struct Resource {
    /// Its URL without a slash at the end: the path of a server is what comes behind it.
    pub base: Arc<str>,
    /// The scopes that the metadata names.
    pub scopes: Vec<String>,
    /// Where people read about it.
    pub documentation: Option<String>,
}

/// Somebody who vouches for tokens.
#[derive(Debug, Clone)]
pub struct IssuerSettings {
    /// Its name in logs and metrics.
    pub name: Arc<str>,
    /// `iss` in its tokens, letter for letter.
    pub issuer: Arc<str>,
    /// What its tokens are.
    pub kind: IssuerKind,
    /// With what it may sign.
    pub algorithms: Vec<Algorithm>,
    /// What `typ` its tokens may have.
    pub types: Vec<TokenType>,
    /// Where its keys are.
    pub keys: KeySource,
    /// How often they are read.
    pub refresh: Duration,
    /// How long keys are used when no newer ones can be had.
    pub stale: Duration,
    /// The audiences of its tokens besides the resource itself.
    pub audiences: Vec<Arc<str>>,
    /// Where in its tokens things stand.
    pub mapping: Mapping,
    /// How tokens are looked into that are no JWTs.
    pub introspection: Option<IntrospectionSettings>,
    /// Only tokens that are bound to a key of their bearer.
    pub bound_only: bool,
    /// A PEM file with certificates to trust for this issuer besides those of the system.
    pub ca_file: Option<PathBuf>,
    /// Hosts that may be asked without TLS.
    pub plain_hosts: Vec<String>,
    /// Whether its tokens may say who the person behind another agent is.
    pub for_actors: bool,
}

/// What the tokens of an issuer are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IssuerKind {
    /// OAuth access tokens.
    OAuth,
    /// Service account tokens of a Kubernetes cluster.
    Kubernetes,
}

/// Where the keys of an issuer are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySource {
    /// Where its metadata says (RFC 8414, OpenID Connect Discovery).
    Discovery,
    /// At this URL, which is shown our own token from this file, if there is one to be shown.
    Url(Uri, Option<PathBuf>),
    /// At this URL of the API server of the cluster that this pod is in: with its authority and with our own token, where injected pods have
    /// them, and with what the pod itself has otherwise.
    Cluster(Uri),
    /// In this file, which is looked at again and again.
    File(PathBuf),
    /// Nowhere: the cluster is asked about each token (TokenReview) at this URL, with our own token from this file.
    Review(Uri, PathBuf),
}

/// How an authorization server is asked about a token (RFC 7662).
#[derive(Debug, Clone)]
pub struct IntrospectionSettings {
    /// Where; `None` for where its metadata says.
    pub url: Option<Uri>,
    /// Who we are for it.
    pub client_id: String,
    /// How we prove that.
    pub secret: ClientSecret,
    /// How long an answer is believed at most.
    pub believe_for: Duration,
}

/// How we prove to an authorization server who we are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientSecret {
    /// A secret in a file, by HTTP Basic.
    Basic(PathBuf),
    /// A secret in a file, in the form (`client_secret_post`).
    Post(PathBuf),
    /// A private key in a file, by a signed assertion (`private_key_jwt`); and the key's id.
    PrivateKey(PathBuf, Option<String>),
}
