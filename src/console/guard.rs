//! Before anything else: is the request for us (`Host`, against rebinding), does what changes something come from a page of ours, and what
//! must browsers be told about every answer.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::routes::{API, Shown};

/// What every answer says. A policy without inline scripts and styles: text that got through as markup would still do nothing. Forms send
/// `Origin` under this referrer policy, and nobody else learns of our addresses.
const SAID: [(HeaderName, &str); 7] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; form-action 'self'; \
         frame-ancestors 'none'; base-uri 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (
        HeaderName::from_static("permissions-policy"),
        "camera=(), microphone=(), geolocation=(), payment=(), usb=(), clipboard-read=(), display-capture=()",
    ),
];

/// Lets a request through that is for us and comes from nobody else's page.
pub(super) async fn guard(State(shown): State<Arc<Shown>>, request: Request, next: Next) -> Response {
    let sources = &shown.sources;
    let is_page = !request.uri().path().starts_with(API);
    let host = host(request.headers(), &sources.allowed_hosts);
    let checked = host.and_then(|host| match is_page {
        true => came_from_us(request.method(), request.headers(), host, sources.url.as_deref()),
        // What counts there is a token, which no browser sends along by itself; cookies count for nothing.
        false => Ok(()),
    });
    let mut answer = match checked {
        Ok(()) => next.run(request).await,
        Err(sentence) => {
            tracing::warn!(reason = sentence, "the console refused a request");
            (StatusCode::FORBIDDEN, format!("{sentence}\n")).into_response()
        }
    };
    let headers = answer.headers_mut();
    for (name, value) in SAID {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    answer
}

/// The host that a request is for, when that is us.
fn host<'h>(headers: &'h HeaderMap, allowed: &[String]) -> Result<&'h str, &'static str> {
    let host = only(headers, &header::HOST).filter(|host| is_ours(host, allowed));
    host.ok_or("this Host is not allowed; see url and allowed_hosts in [console]")
}

/// Whether what changes something comes from a page of ours.
fn came_from_us(method: &Method, headers: &HeaderMap, host: &str, url: Option<&str>) -> Result<(), &'static str> {
    if matches!(*method, Method::GET | Method::HEAD) {
        return Ok(());
    }
    let site = headers.get("sec-fetch-site").map(|value| value.to_str().unwrap_or_default());
    let origin = headers.get(header::ORIGIN).map(|_| only(headers, &header::ORIGIN).unwrap_or_default());
    match (site, origin) {
        (Some(site), _) if site != "same-origin" => Err("what changes something must come from a page of the console"),
        (_, Some(origin)) if !is_same(origin, host, url) => Err("the request comes from another site"),
        (None, None) => Err("the request does not say from which site it comes"),
        _ => Ok(()),
    }
}

/// A page that rebinds a name of its own to this address sends that name as `Host`; an IP address or `localhost` cannot be rebound.
fn is_ours(host: &str, allowed: &[String]) -> bool {
    let Ok(authority) = host.parse::<axum::http::uri::Authority>() else { return false };
    let name = authority.host().trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
    name == "localhost" || name.parse::<IpAddr>().is_ok() || allowed.contains(&name)
}

/// Whether an origin is this site: by the name under which it was asked, or by the one of the configuration.
fn is_same(origin: &str, host: &str, url: Option<&str>) -> bool {
    let authority = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
    let by_url = url.is_some_and(|url| origin.eq_ignore_ascii_case(url));
    by_url || authority.is_some_and(|authority| authority.eq_ignore_ascii_case(host))
}

fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let first = values.next()?;
    values.next().is_none().then(|| first.to_str().ok()).flatten()
}

#[cfg(test)]
#[path = "guard_tests.rs"]
mod tests;
