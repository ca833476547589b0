//! What a server is shown of us: nothing, a fixed secret, a token of ours, or a token that is made of what the caller showed.
//!
//! A call comes here when it is permitted and recorded. What a client shows us never goes on by itself: see `NOT_FORWARDED` beside this.
//! Each way has its file; `kept` holds tokens until shortly before their end, asks for each once at a time, and gives the server of
//! tokens a rest when it fails.

mod fixed;
mod kept;
mod of_caller;
mod why;

use std::sync::Arc;

use http::{HeaderName, HeaderValue};

pub use self::fixed::{FixedCredential, FixedSource};
pub use self::why::NoCredential;

use self::fixed::Fixed;
use self::kept::{Kept, Token};
use self::of_caller::{Exchange, same};
use crate::clock::Clock;
use crate::identity::{ClientSettings, Shown, TokenClient};
use crate::outbound::SetupError;

/// What a server is shown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum CredentialSettings {
    /// Nothing.
    #[default]
    None,
    /// A secret that does not depend on anybody.
    Fixed(FixedCredential),
    /// A token that an authorization server gives us (RFC 6749, section 4.4).
    Client(ClientSettings),
    /// A token that an authorization server gives us in exchange for the caller's (RFC 8693).
    Exchange {
        /// Who we are for it.
        client: ClientSettings,
        /// A token of ours says who acts.
        actor: bool,
    },
    /// The caller's own access token, because the server is the very resource that it was given out for.
    SameResource {
        /// What both are.
        resource: Arc<str>,
    },
}

impl CredentialSettings {
    /// Whether it needs what callers show.
    #[must_use]
    pub const fn needs_callers_tokens(&self) -> bool {
        matches!(self, Self::Exchange { .. } | Self::SameResource { .. })
    }

    /// The word of the configuration.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Fixed(_) => "static",
            Self::Client(_) => "client_credentials",
            Self::Exchange { .. } => "exchange",
            Self::SameResource { .. } => "same-resource",
        }
    }
}

/// On whose behalf something is sent.
#[derive(Debug, Clone, Copy)]
pub(in crate::proxy) enum Whose<'a> {
    /// Our own: a look at the tool list.
    Ours,
    /// A caller's, who showed this.
    Theirs(&'a Shown),
}

/// What goes into a request.
#[derive(Debug, Clone)]
pub(super) struct Credential {
    pub(super) name: HeaderName,
    pub(super) value: HeaderValue,
    /// Where it came from, so that it can be told what the server made of it.
    token: Option<Token>,
}

/// Where the credentials for one server come from.
#[derive(Debug)]
pub(super) enum Credentials {
    None,
    Fixed(Fixed),
    Client(Kept),
    Exchange(Exchange),
    SameResource,
}

impl Credentials {
    pub(super) fn new(settings: CredentialSettings, clock: &Clock) -> Result<Self, SetupError> {
        Ok(match settings {
            CredentialSettings::None => Self::None,
            CredentialSettings::Fixed(fixed) => Self::Fixed(Fixed::new(fixed)),
            CredentialSettings::Client(client) => Self::Client(Kept::new(TokenClient::new(client, clock.clone())?)),
            CredentialSettings::Exchange { client, actor } => {
                Self::Exchange(Exchange::new(TokenClient::new(client, clock.clone())?, actor))
            }
            CredentialSettings::SameResource { .. } => Self::SameResource,
        })
    }

    /// What to show; `None` where nothing is shown.
    pub(super) async fn get(&self, whose: Whose<'_>) -> Result<Option<Credential>, NoCredential> {
        match self {
            Self::None => Ok(None),
            Self::Fixed(fixed) => fixed.get().await.map(Some),
            Self::Client(kept) => Credential::bearing(&kept.ours().await?).map(Some),
            Self::Exchange(exchange) => Credential::bearing(&exchange.get(whose).await?).map(Some),
            Self::SameResource => Credential::bearer(same(whose)?.secret().expose(), None).map(Some),
        }
    }

    /// The server takes it.
    pub(super) fn accepted(&self, shown: &Credential) {
        if let Some(token) = &shown.token {
            token.accepted();
        }
    }

    /// The server does not take it. Says whether another can be had, so that asking again makes sense: a fixed secret may have changed
    /// by now, and a token that was taken before may have been revoked.
    pub(super) async fn renews(&self, shown: &Credential) -> bool {
        match (self, &shown.token) {
            (Self::Fixed(fixed), _) => fixed.changed(&shown.value).await,
            (Self::Client(kept), Some(token)) => kept.forget(token),
            (Self::Exchange(exchange), Some(token)) => exchange.forget(token),
            (Self::None | Self::SameResource, _) | (Self::Client(_) | Self::Exchange(_), None) => false,
        }
    }
}

impl Credential {
    fn bearing(token: &Token) -> Result<Self, NoCredential> {
        Self::bearer(token.secret().expose(), Some(token.clone()))
    }

    fn bearer(text: &str, token: Option<Token>) -> Result<Self, NoCredential> {
        Self::new(http::header::AUTHORIZATION, &format!("Bearer {text}"), token)
    }

    fn new(name: HeaderName, text: &str, token: Option<Token>) -> Result<Self, NoCredential> {
        let mut value = HeaderValue::from_str(text).map_err(|_| NoCredential::Form)?;
        value.set_sensitive(true);
        Ok(Self { name, value, token })
    }
}
