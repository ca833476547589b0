//! Who may ask. With tokens: whoever shows one. Without: whoever reaches the listener, which the configuration then keeps to this
//! machine; and no web page, which a browser on this machine could be made to open.

use std::net::IpAddr;
use std::sync::Arc;

use http::{HeaderMap, HeaderValue, StatusCode, header};

use super::tokens::Tokens;
use crate::listen::Peer;

/// Says which service asks.
#[derive(Debug, Clone, Default)]
pub struct Askers {
    /// The tokens that services show; `None` when everybody on this machine may ask.
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
    pub(super) fn identify(&self, headers: &HeaderMap, peer: &Peer) -> Result<Arc<str>, Stranger> {
        let Some(tokens) = &self.tokens else {
            let direct = !headers.contains_key(header::ORIGIN) && self.is_direct(headers);
            let sentence = "this Host or Origin is not allowed without a token";
            let stranger = Stranger { status: StatusCode::FORBIDDEN, challenge: None, sentence };
            return if direct { Ok(peer.to_string().into()) } else { Err(stranger) };
        };
        let challenge = |text| Some(HeaderValue::from_static(text));
        let Some(token) = bearer(headers) else {
            return Err(Stranger {
                status: StatusCode::UNAUTHORIZED,
                challenge: challenge("Bearer realm=\"authzen\""),
                sentence: "a service has to show its token: `Authorization: Bearer …`",
            });
        };
        tokens.service(token).ok_or_else(|| {
            tracing::warn!(event = "authzen_stranger", %peer, "somebody asks with a token that is none");
            Stranger {
                status: StatusCode::UNAUTHORIZED,
                challenge: challenge("Bearer realm=\"authzen\", error=\"invalid_token\""),
                sentence: "the token is none that was given to a service",
            }
        })
    }

    /// By what one requester is told apart from others: where nobody shows a token they are all the same.
    pub(super) fn requester(&self, service: &Arc<str>) -> Arc<str> {
        if self.tokens.is_some() { Arc::clone(service) } else { Arc::from("") }
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

/// The token of the one `Authorization` header.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut given = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (given.next(), given.next()) else { return None };
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}
