//! How one gets in: with a link that a command on this machine prints, or at a provider (OpenID Connect, authorization code with PKCE).
//!
//! A link opens a page with a button, because programs that look at links beforehand would use it up. A login at a provider is tied to the
//! browser that began it by a cookie, which has to be `Lax` to come back with it; the session's cookie is `Strict`, so the last step is a
//! page of ours that leads on.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Query, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use parking_lot::Mutex;
use tokio::time::Instant;

use super::html::{div, el, encoded, html, link};
use super::limit::Rate;
use super::page::{THEME, Theme, alert, complaint, is_path, outside, redirect};
use super::routes::Shown;
use super::secret::{Kept, challenge, kept, same, word};
use super::session::cookie;
use super::visit::{Fields, Guest, Sent, read};
use crate::domain::{Channel, Memberships, UserId};
use crate::gate::Ruler;

/// Tries to log in from one address, and how long until there is another.
const TRIES: (u32, Duration) = (10, Duration::from_secs(6));
/// Addresses that are told apart; all others share one bucket.
const MOST_ADDRESSES: usize = 1_024;
/// How long somebody may take at a provider.
const AT_PROVIDER: Duration = Duration::from_secs(600);
/// Most who are at a provider at a time.
const MOST_AT_PROVIDER: usize = 256;

/// What is remembered of those who are about to log in.
#[derive(Debug)]
pub(super) struct Doorstep {
    tries: Mutex<HashMap<Option<IpAddr>, Rate>>,
    begun: Mutex<HashMap<Kept, Begun>>,
}

/// A login at a provider that was begun.
#[derive(Debug)]
struct Begun {
    state: String,
    nonce: String,
    verifier: String,
    next: String,
    until: Instant,
}

impl Doorstep {
    pub(super) fn new() -> Self {
        Self { tries: Mutex::default(), begun: Mutex::default() }
    }

    /// Whether somebody from this address may try now.
    fn may_try(&self, ip: Option<IpAddr>) -> bool {
        let mut tries = self.tries.lock();
        if tries.len() >= MOST_ADDRESSES {
            tries.retain(|_, rate| !rate.is_full());
        }
        let key = if tries.len() < MOST_ADDRESSES || tries.contains_key(&ip) { ip } else { None };
        tries.entry(key).or_insert_with(|| Rate::new(TRIES)).take()
    }

    fn begin(&self, word: &str, begun: Begun) -> bool {
        let (now, mut all) = (Instant::now(), self.begun.lock());
        all.retain(|_, begun| now < begun.until);
        let room = all.len() < MOST_AT_PROVIDER;
        if room {
            all.insert(kept(word), begun);
        }
        room
    }

    fn take(&self, word: &str) -> Option<Begun> {
        self.begun.lock().remove(&kept(word)).filter(|begun| Instant::now() < begun.until)
    }
}

/// Where one logs in.
pub(super) async fn login(
    State(shown): State<Arc<Shown>>,
    guest: Guest,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    let next = query.get("next").map(String::as_str).filter(|next| is_path(next)).unwrap_or("/");
    let provider = shown.sources.login.as_ref().map(|login| {
        let begin = link(&format!("/login/oidc?next={}", encoded(next))).class("button primary wide");
        html((begin.with(format!("Log in with {}", login.label())), el("p").class("or").with("or")))
    });
    let content = (
        el("p").with("Rule on calls that wait for a person, and see what agents do and why they may."),
        provider,
        el("div").with((
            "On the machine where the sidecar runs, type",
            el("pre").with("cedarpost console open"),
            "and open the link that it prints. It is good once, for a minute.",
        )),
    );
    outside(guest.theme, StatusCode::OK, "Log in", content)
}

/// The page behind a one-time link.
pub(super) async fn link_page(guest: Guest, Query(query): Query<HashMap<String, String>>) -> Response {
    let word = query.get("word").map(String::as_str).unwrap_or_default();
    let field = el("input").attr("type", "hidden").attr("name", "word").attr("value", word).void();
    let button = el("button").class("primary wide").flag("autofocus", true).with("Log in");
    let form = el("form").attr("method", "post").attr("action", "/login/link").with((field, button));
    outside(guest.theme, StatusCode::OK, "Log in as the operator", (el("p").with("This link is good once."), form))
}

/// Logs the operator in.
pub(super) async fn link_used(State(shown): State<Arc<Shown>>, guest: Guest, request: Request) -> Response {
    if !shown.doorstep.may_try(guest.ip) {
        return too_often(guest.theme);
    }
    let fields = match read(request, &shown).await {
        Ok(fields) => fields,
        Err(refused) => return refused,
    };
    if !fields.get("word").is_some_and(|word| shown.sources.sessions.take_link(word)) {
        tracing::warn!(
            ip = guest.ip.map(tracing::field::display),
            "somebody tried to log in to the console with a link that is not good"
        );
        let sentence = "It was used already, or is older than a minute. Type `cedarpost console open` for another.";
        return complaint(guest.theme, StatusCode::FORBIDDEN, "The link is not good any more", sentence);
    }
    let person = UserId::new(shown.sources.operator.as_str());
    let ruler = Ruler { person, standing: Memberships::default(), evidence: None, channel: Channel::Console };
    match shown.sources.sessions.begin(ruler, "by a one-time link") {
        Some(cookie) => {
            tracing::info!(person = shown.sources.operator, way = "link", "somebody logged in to the console");
            with_cookies(redirect("/"), [cookie])
        }
        None => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}

/// Sends a browser to the provider.
pub(super) async fn provider(
    State(shown): State<Arc<Shown>>,
    guest: Guest,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    let Some(login) = &shown.sources.login else { return redirect("/login") };
    if !shown.doorstep.may_try(guest.ip) {
        return too_often(guest.theme);
    }
    let next = query.get("next").filter(|next| is_path(next)).cloned().unwrap_or_else(|| "/".to_owned());
    let (Some(browser), Some(state), Some(nonce), Some(verifier)) = (word(), word(), word(), word()) else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    let address = match login.address(&state, &nonce, &challenge(&verifier)).await {
        Ok(address) => address,
        Err(error) => return unavailable(guest.theme, &error),
    };
    if !shown.doorstep.begin(&browser, Begun { state, nonce, verifier, next, until: Instant::now() + AT_PROVIDER }) {
        return too_often(guest.theme);
    }
    let sessions = &shown.sources.sessions;
    let cookie = sessions.set_cookie(sessions.login_cookie_name(), &browser, "Lax", AT_PROVIDER.as_secs());
    with_cookies(redirect(&address), [cookie])
}

/// Takes up a browser that comes back from the provider.
pub(super) async fn back(
    State(shown): State<Arc<Shown>>,
    guest: Guest,
    headers: HeaderMap,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    let Some(login) = &shown.sources.login else { return redirect("/login") };
    let sessions = &shown.sources.sessions;
    let begun = cookie(&headers, sessions.login_cookie_name()).and_then(|word| shown.doorstep.take(word));
    let begun = begun.filter(|begun| query.get("state").is_some_and(|state| same(state, &begun.state)));
    let Some(begun) = begun else {
        let sentence = "It was not begun in this browser, or too long ago. Begin again.";
        return complaint(guest.theme, StatusCode::FORBIDDEN, "This login is not known", sentence);
    };
    // Who answers for another issuer mixes two logins up (RFC 9207).
    let foreign = query.get("iss").is_some_and(|issuer| issuer != login.issuer());
    let Some(code) = query.get("code").filter(|_| !foreign) else {
        tracing::warn!(error = query.get("error").map(String::as_str), "a login at the provider of the console came to nothing");
        return complaint(
            guest.theme,
            StatusCode::FORBIDDEN,
            "The provider did not log you in",
            "Begin again, or ask whoever runs it.",
        );
    };
    let person = match login.person(code, &begun.verifier, &begun.nonce).await {
        Ok(person) => person,
        Err(error) if error.is_ours_to_wait() => return unavailable(guest.theme, &error),
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "the provider's word about somebody was not believed");
            let sentence = "What the provider says about you is not believed. The log of the sidecar says why.";
            return complaint(guest.theme, StatusCode::FORBIDDEN, "You are not let in", sentence);
        }
    };
    let name = person.person.to_string();
    let ruler = Ruler { person: person.person, standing: person.standing, evidence: person.evidence, channel: Channel::Console };
    let Some(cookie) = sessions.begin(ruler, "at the provider") else { return StatusCode::SERVICE_UNAVAILABLE.into_response() };
    tracing::info!(person = name, way = "oidc", "somebody logged in to the console");
    let gone = sessions.set_cookie(sessions.login_cookie_name(), "", "Lax", 0);
    let onward = (
        el("p").with(("You are logged in as ", el("b").with(&name), ".")),
        link(&begun.next).class("button primary wide").with("Go on"),
    );
    let mut page = outside(guest.theme, StatusCode::OK, "Welcome", onward);
    if let Ok(value) = HeaderValue::from_str(&format!("0; url={}", begun.next)) {
        page.headers_mut().insert("refresh", value);
    }
    with_cookies(page, [cookie, gone])
}

/// Logs somebody out.
pub(super) async fn logout(State(shown): State<Arc<Shown>>, headers: HeaderMap, Sent { visitor, .. }: Sent) -> Response {
    tracing::info!(person = %visitor.session.ruler.person, "somebody logged out of the console");
    with_cookies(redirect("/login"), [shown.sources.sessions.end(&headers)])
}

/// Remembers a theme and shows the same page again.
pub(super) async fn theme(State(shown): State<Arc<Shown>>, headers: HeaderMap, request: Request) -> Response {
    let Fields(fields) = read(request, &shown).await.unwrap_or_default();
    let theme = Theme::named(fields.iter().find(|(name, _)| name == "theme").map_or("", |(_, value)| value));
    let from = headers.get(header::REFERER).and_then(|from| from.to_str().ok()?.parse::<axum::http::Uri>().ok());
    let path = from.as_ref().and_then(|from| from.path_and_query()).map(|path| path.as_str()).filter(|path| is_path(path));
    let year = 365 * 24 * 3600;
    with_cookies(redirect(path.unwrap_or("/")), [shown.sources.sessions.set_cookie(THEME, theme.word(), "Lax", year)])
}

fn with_cookies<const N: usize>(mut answer: Response, cookies: [String; N]) -> Response {
    for cookie in cookies {
        if let Ok(value) = HeaderValue::from_str(&cookie) {
            answer.headers_mut().append(header::SET_COOKIE, value);
        }
    }
    answer
}

fn too_often(theme: Theme) -> Response {
    let mut answer = complaint(theme, StatusCode::TOO_MANY_REQUESTS, "Too many tries", "Wait a minute and try again.");
    answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("60"));
    answer
}

fn unavailable(theme: Theme, error: &(dyn std::error::Error + 'static)) -> Response {
    tracing::warn!(error, "the provider of the console cannot be asked");
    let content = (
        alert("notice bad", "The provider cannot be asked at the moment. Try again later."),
        div("").with(link("/login").with("Back")),
    );
    outside(theme, StatusCode::BAD_GATEWAY, "Nobody answers", content)
}
