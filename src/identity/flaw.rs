//! Why somebody is not believed: a closed set, so that each has a test, a word for metrics and a sentence that is safe to show.
//!
//! A sentence names what is wrong with what was presented, never what would have been right.

use std::sync::Arc;

/// What is wrong with a token, or with the proof that its bearer holds its key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// There is more of it than anybody needs.
    #[error("the token is longer than {0} bytes")]
    TooLong(usize),
    /// More than one token, or something that is none.
    #[error("the credentials are not one token")]
    Malformed,
    /// Not three parts in base64url.
    #[error("the token is not a signed JWT")]
    NotCompact,
    /// The header or the claims are not one JSON object that every parser reads alike.
    #[error("the token's {0} is not a JSON object that every parser reads alike")]
    NotStrict(&'static str),
    /// The header has `crit` or `b64`: something that must be understood, and is not.
    #[error("the token's header has `{0}`, which is not understood here")]
    Critical(&'static str),
    /// `typ` is not that of an access token.
    #[error("the token is of another type than is accepted here")]
    Type,
    /// `alg` is `none`, symmetric, unknown, or not one of those that this issuer may use.
    #[error("the token is signed with an algorithm that is not accepted here")]
    Algorithm,
    /// `iss` is missing, or nobody that is believed here.
    #[error("the token's issuer is not one that is believed here")]
    UnknownIssuer,
    /// The issuer has no such key, or none for this algorithm.
    #[error("the token is signed with a key that its issuer does not have")]
    UnknownKey,
    /// The signature is somebody else's, or of something else.
    #[error("the token's signature does not hold")]
    Signature,
    /// The token is meant for somebody else.
    #[error("the token is not for this resource")]
    Audience,
    /// There is no `exp`, or it is no time.
    #[error("the token does not say when it expires")]
    NoExpiry,
    /// It is over.
    #[error("the token has expired")]
    Expired,
    /// `nbf` is in the future.
    #[error("the token is not valid yet")]
    NotYet,
    /// `iat` is in the future, or after `exp`.
    #[error("the token's times contradict each other or the clock")]
    Times,
    /// A claim that must be there is missing, or is not of the kind that it must be.
    #[error("the token's claim `{0}` is missing or is not what it must be")]
    Claim(Arc<str>),
    /// Nobody can tell whether somebody stands behind the agent.
    #[error("the token does not say whether a person stands behind the agent")]
    Ambiguous,
    /// An id that only somebody else can vouch for.
    #[error("the token names somebody that its issuer cannot vouch for")]
    Foreign,
    /// More actors behind each other than are followed.
    #[error("more than {0} actors stand behind each other in the token")]
    TooDeep(usize),
    /// Whoever gave it out says that it is not, or no longer, valid.
    #[error("the token is not active")]
    Inactive,
    /// It is on the deny list.
    #[error("the token, its agent or its person is denied here")]
    Denied,
    /// It is bound to a key whose proof is missing, or the other way round.
    #[error("the token is bound to a key, and the proof that its bearer has the key is missing or not asked for")]
    Unbound,
    /// The proof of possession does not hold; why.
    #[error("the proof that the bearer has the token's key does not hold: {0}")]
    Proof(ProofFlaw),
    /// The client's certificate tells of nobody; why.
    #[error("the client certificate is not believed: {0}")]
    Certificate(CertificateFlaw),
    /// The process at the other end of the socket is run by nobody who is known.
    #[error("the user who runs the process at the other end of the socket is nobody who is known here")]
    Peer,
    /// The actor's token does not belong to this agent.
    #[error("the actor's token is not for this agent")]
    ActorBinding,
    /// A way of identification that this listener does not accept.
    #[error("this way of identification is not accepted here")]
    NotAccepted,
}

/// What is wrong with a DPoP proof (RFC 9449, section 4.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProofFlaw {
    /// Not one proof of the right type, with a public key in its header.
    #[error("it is not a DPoP proof")]
    Malformed,
    /// Its signature is not by the key in its header.
    #[error("its signature does not hold")]
    Signature,
    /// Its key is not the one that the token is bound to.
    #[error("it is by another key")]
    Key,
    /// It is for another request.
    #[error("it is for another request")]
    Request,
    /// It is for another token.
    #[error("it is for another token")]
    Token,
    /// It was made too long ago, or in the future.
    #[error("it is too old or from the future")]
    Age,
    /// It was used before.
    #[error("it was used before")]
    Replay,
    /// It lacks the nonce that was asked for, or has an old one.
    #[error("it lacks a fresh nonce")]
    Nonce,
}

/// What is wrong with a client's certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CertificateFlaw {
    /// It cannot be read.
    #[error("it cannot be understood")]
    Unreadable,
    /// Nobody who is believed here signed it.
    #[error("it is by no authority that is believed here")]
    Untrusted,
    /// It is over.
    #[error("it has expired")]
    Expired,
    /// It begins in the future.
    #[error("it is not valid yet")]
    NotYet,
    /// It is not for clients, or is an authority's own.
    #[error("it is not for clients")]
    Purpose,
    /// It has more than one URI, of which one is a SPIFFE id.
    #[error("it has more than one URI, and may have only its SPIFFE id")]
    SeveralUris,
    /// Its SPIFFE id is none.
    #[error("its SPIFFE id is not well-formed")]
    SpiffeId,
    /// Its SPIFFE id is of a trust domain for which its authority does not stand.
    #[error("its SPIFFE id is of a trust domain that its authority cannot vouch for")]
    TrustDomain,
    /// Nothing in it is the name of an agent.
    #[error("it names no agent that is known here")]
    Nobody,
    /// It could be that of several agents.
    #[error("it names more than one agent")]
    Ambiguous,
}

impl Flaw {
    /// The word for metrics and log lines.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::TooLong(_) => "too_long",
            Self::Malformed => "malformed",
            Self::NotCompact => "not_a_jwt",
            Self::NotStrict(_) => "not_strict_json",
            Self::Critical(_) => "critical_header",
            Self::Type => "type",
            Self::Algorithm => "algorithm",
            Self::UnknownIssuer => "issuer",
            Self::UnknownKey => "unknown_key",
            Self::Signature => "signature",
            Self::Audience => "audience",
            Self::NoExpiry => "no_expiry",
            Self::Expired => "expired",
            Self::NotYet => "not_yet",
            Self::Times => "times",
            Self::Claim(_) => "claim",
            Self::Ambiguous => "ambiguous",
            Self::Foreign => "foreign",
            Self::TooDeep(_) => "too_deep",
            Self::Inactive => "inactive",
            Self::Denied => "denied",
            Self::Unbound => "unbound",
            Self::Proof(_) => "proof",
            Self::Certificate(_) => "certificate",
            Self::Peer => "peer",
            Self::ActorBinding => "actor_binding",
            Self::NotAccepted => "not_accepted",
        }
    }
}
