//! Who is calling: the only place that makes a [`Caller`](crate::domain::Caller).
//!
//! What a connection shows is believed only through a way that the configuration accepts. Nothing is ever taken from `clientInfo`,
//! `_meta` or plain headers: whoever can write a request can write those.
//!
//! Reading order: [`Settings`] (the ways), `credentials` (what is shown), `authenticate` over `believe` and `actor` (from the one to the other), `authorization` (the one header with a token), `issuer` over `jwt`
//! and `mapping` (one token, pure), `keyring` and `remote` (what others must be asked for), `remembered`, `deny` and `dpop` (what is kept
//! between requests), `mtls` (client certificates), `bearers` (people who rule), `protected` (what those are told who are not let in), `own` (the other way round:
//! who we are for others).

mod account;
mod actor;
mod authenticate;
mod authorization;
mod bearers;
mod believe;
mod connection;
mod credentials;
mod deny;
mod dpop;
#[cfg(test)]
mod fixture;
mod flaw;
mod issuer;
mod jwt;
mod keyring;
mod kubernetes;
mod login;
mod mapping;
mod metrics;
mod mtls;
mod open;
mod own;
mod prefixes;
mod protected;
mod remembered;
mod remote;
mod secret;
mod settings;
mod shown;
mod trace;
mod verified;

pub use authenticate::{Identified, Identity, Unidentified};
pub use authorization::{bearer, is_token};
pub use bearers::{Bearer, Bearers, Unknown};
pub use connection::Link;
pub use credentials::{ACTOR_TOKEN, Credentials, Handshake, Proof, Scheme};
pub use flaw::{CertificateFlaw, Flaw, ProofFlaw};
pub use jwt::{Algorithm, BadKeySet, BadSigner, TokenType};
pub use login::{Login, LoginError, LoginSettings, Person};
pub use mapping::{AttributeRule, Condition, MAX_CHAIN, Mapping, Preset, Test, attribute_of};
pub use metrics::Metrics;
pub use mtls::{BadTrustDomain, BundleError, ClientCertificate, TrustDomain};
pub use open::{OpenError, Upkeep};
pub use own::{ClientSettings, Grant, Granted, TokenClient, TokenPlace, Ungranted};
pub use protected::{Protected, Refusal};
pub use secret::Secret;
pub use settings::{
    Accept, ActorTokens, AuthoritySettings, ClientSecret, IntrospectionSettings, IssuerKind, IssuerSettings, KeySource,
    PeerSettings, ProofSettings, Resource, Settings, Subject,
};
pub use shown::{Shown, ShownToken};
pub use trace::Step;
