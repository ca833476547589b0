//! By what somebody was identified, for the record: nobody decides by it, and callers are not compared by it.

use std::sync::Arc;

/// In which way somebody was identified. An open word: further ways may come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Way(&'static str);

impl Way {
    /// The configuration says who everybody is.
    pub const CONFIGURED: Self = Self("configured");
    /// An OAuth access token.
    pub const OAUTH: Self = Self("oauth");
    /// A service account token of Kubernetes.
    pub const KUBERNETES: Self = Self("kubernetes");
    /// A client certificate.
    pub const MTLS: Self = Self("mtls");
    /// The process at the other end of a unix socket.
    pub const PEER: Self = Self("peer");

    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.0
    }
}

/// A token, by names that say nothing of what is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenName {
    /// Who vouches for it.
    pub issuer: Arc<str>,
    /// Its own id (`jti`), if it has one.
    pub id: Option<Arc<str>>,
    /// SHA-256 of it.
    pub sha256: [u8; 32],
}

/// By what a caller was identified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// In which way.
    pub way: Way,
    /// The token that was shown, if one was.
    pub token: Option<TokenName>,
    /// The token of the person behind an agent that has an identity of its own.
    pub actor: Option<TokenName>,
    /// Through whom the agent came to act, from the one before it to the first.
    pub chain: Vec<Arc<str>>,
    /// The pod that a Kubernetes token was given to.
    pub pod: Option<Arc<str>>,
}

impl Evidence {
    /// Nothing was shown, or nothing that has a name.
    #[must_use]
    pub const fn of(way: Way) -> Self {
        Self { way, token: None, actor: None, chain: Vec::new(), pod: None }
    }
}
