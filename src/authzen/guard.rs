//! Who may ask. With tokens: whoever shows one. With certificates: whoever has one that is let in. Without both: whoever reaches the
//! listener, which the configuration then keeps to this machine. And no web page, which a browser on this machine, or one with a
//! certificate, could be made to open.

use std::net::IpAddr;
use std::sync::Arc;

use http::{HeaderMap, HeaderValue, StatusCode, header};

use super::tokens::Tokens;
use crate::identity::{self, Identity, Link};

/// Says which service asks.
#[derive(Debug, Clone, Default)]
pub struct Askers {
    /// How the certificates of services are known; `None` when they show none.
    pub services: Option<Identity>,
    /// The tokens that services show; `None` when they show none. Without both everybody on this machine may ask.
    pub tokens: Option<Tokens>,
    /// `Host` names besides `localhost` and IP addresses that are answered without a token, lower case, without port.
    pub hosts: Vec<String>,
}

/// What is said to whoever may not ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stranger {
    pub(super) status: StatusCode,
    pub(super) challenge: Option<HeaderValue>,
    pub(super) sentence: &'static str,
}

impl Askers {
    /// The service behind a request, by the name that vouches for it.
    pub(super) fn identify(&self, headers: &HeaderMap, link: &Link) -> Result<Arc<str>, Stranger> {
        match &self.tokens {
            Some(tokens) => Self::by_token(tokens, headers, link),
            None => self.by_connection(headers, link),
        }
    }

    fn by_connection(&self, headers: &HeaderMap, link: &Link) -> Result<Arc<str>, Stranger> {
        let forbidden = |sentence| Stranger { status: StatusCode::FORBIDDEN, challenge: None, sentence };
        // A browser shows a certificate of its own accord, whichever page asks. That a page elsewhere has this host's name TLS excludes.
        let is_near = self.services.is_some() || self.is_direct(headers);
        if headers.contains_key(header::ORIGIN) || !is_near {
            return Err(forbidden("this Host or Origin is not allowed without a token"));
        }
        link.service(self.services.as_ref()).map_err(|why| {
            let (peer, reason) = (link.peer(), why.word());
            tracing::warn!(event = "authzen_stranger", %peer, reason, "a service's certificate does not hold (any more)");
            forbidden("the certificate of this service does not hold (any more)")
        })
    }

    fn by_token(tokens: &Tokens, headers: &HeaderMap, link: &Link) -> Result<Arc<str>, Stranger> {
        let challenge = |text| Some(HeaderValue::from_static(text));
        let shown = headers.get_all(header::AUTHORIZATION).iter().map(HeaderValue::as_bytes);
        let Some(token) = identity::bearer(shown) else {
            return Err(Stranger {
                status: StatusCode::UNAUTHORIZED,
                challenge: challenge("Bearer realm=\"authzen\""),
                sentence: "a service has to show its token: `Authorization: Bearer …`",
            });
        };
        tokens.service(token).ok_or_else(|| {
            tracing::warn!(event = "authzen_stranger", peer = %link.peer(), "somebody asks with a token that is none");
            Stranger {
                status: StatusCode::UNAUTHORIZED,
                challenge: challenge("Bearer realm=\"authzen\", error=\"invalid_token\""),
                sentence: "the token is none that was given to a service",
            }
        })
    }

    /// By what one requester is told apart from others: where nobody shows anything they are all the same.
    pub(super) fn requester(&self, service: &Arc<str>) -> Arc<str> {
        if self.tokens.is_some() || self.services.is_some() { Arc::clone(service) } else { Arc::from("") }
    }

    /// A page that rebinds a name of its own to this address sends that name as `Host`.
    fn is_direct(&self, headers: &HeaderMap) -> bool {
        let mut hosts = headers.get_all(header::HOST).iter();
        let (Some(host), None) = (hosts.next(), hosts.next()) else { return false };
        let Some(authority) = host.to_str().ok().and_then(|host| host.parse::<http::uri::Authority>().ok()) else { return false };
        let name = authority.host().trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
        name == "localhost" || name.parse::<IpAddr>().is_ok() || self.hosts.contains(&name)
    }
}
