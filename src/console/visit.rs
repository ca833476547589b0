//! A request of somebody who is logged in, and a form that they sent. Pages of the inside take these, so none can be made for anybody else,
//! and what changes something takes a form that came from a page of theirs.

use std::net::IpAddr;
use std::sync::Arc;

use axum::Form;
use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::request::Parts;
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::html::encoded;
use super::page::{Theme, bounce, complaint, redirect};
use super::routes::Shown;
use super::secret::same;
use super::session::Session;

/// From where a connection comes.
#[derive(Debug, Clone, Copy)]
pub(super) struct From(pub(super) Option<IpAddr>);

/// Somebody who looks at a page, logged in or not.
#[derive(Debug, Clone)]
pub(super) struct Guest {
    /// How they want to see it.
    pub(super) theme: Theme,
    /// From where they come.
    pub(super) ip: Option<IpAddr>,
}

impl FromRequestParts<Arc<Shown>> for Guest {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<Shown>) -> Result<Self, Self::Rejection> {
        let ip = parts.extensions.get::<From>().and_then(|from| from.0);
        Ok(Self { theme: Theme::of(&parts.headers), ip })
    }
}

/// Somebody who is logged in.
#[derive(Debug, Clone)]
pub(super) struct Visitor {
    /// Their session.
    pub(super) session: Arc<Session>,
    /// How they want to see pages.
    pub(super) theme: Theme,
    /// How many tickets wait.
    pub(super) waiting: usize,
}

impl FromRequestParts<Arc<Shown>> for Visitor {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, shown: &Arc<Shown>) -> Result<Self, Response> {
        if let Some(session) = shown.sources.sessions.of(&parts.headers) {
            return Ok(Self { session, theme: Theme::of(&parts.headers), waiting: shown.waiting() });
        }
        let here = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        if parts.method != Method::GET {
            return Err(redirect("/login"));
        }
        // A link on another site does not bring our cookie along; the same address asked for by a page of ours does.
        if parts.headers.get("sec-fetch-site").is_some_and(|site| site == "cross-site") {
            return Err(bounce(Theme::of(&parts.headers), here));
        }
        if parts.headers.get("sec-fetch-dest").is_some_and(|kind| kind == "empty") {
            return Err(StatusCode::UNAUTHORIZED.into_response());
        }
        Err(redirect(&format!("/login?next={}", encoded(here))))
    }
}

/// The fields of a form, or of an address.
#[derive(Debug, Default)]
pub(super) struct Fields(pub(super) Vec<(String, String)>);

impl Fields {
    /// A field that is there and not empty; the first of several.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(field, _)| field == name).map(|(_, value)| value.trim());
        found.filter(|value| !value.is_empty())
    }

    /// The same as a text of its own.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        self.get(name).map(str::to_owned)
    }

    /// All fields of a name, as they are.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(field, _)| field == name).map(|(_, value)| value.as_str())
    }
}

impl FromRequestParts<Arc<Shown>> for Fields {
    type Rejection = QueryRejection;

    async fn from_request_parts(parts: &mut Parts, shown: &Arc<Shown>) -> Result<Self, Self::Rejection> {
        Query::from_request_parts(parts, shown).await.map(|Query(fields)| Self(fields))
    }
}

/// A form that somebody sent from a page that was made for them.
#[derive(Debug)]
pub(super) struct Sent {
    /// Who.
    pub(super) visitor: Visitor,
    /// What.
    pub(super) fields: Fields,
}

impl FromRequest<Arc<Shown>> for Sent {
    type Rejection = Response;

    async fn from_request(request: Request, shown: &Arc<Shown>) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let visitor = Visitor::from_request_parts(&mut parts, shown).await?;
        let fields = read(Request::from_parts(parts, body), shown).await?;
        // Looked for as it was sent: the word is never empty and has no space.
        if fields.get("csrf").is_some_and(|word| same(word, &visitor.session.csrf)) {
            return Ok(Self { visitor, fields });
        }
        tracing::warn!(person = %visitor.session.ruler.person, "the console refused a form that was not made for whoever sent it");
        let sentence = "The form was not made for your session. Open the page again and send it from there.";
        Err(complaint(visitor.theme, StatusCode::FORBIDDEN, "That form is not yours", sentence))
    }
}

/// Reads a form.
pub(super) async fn read(request: Request, shown: &Arc<Shown>) -> Result<Fields, Response> {
    let theme = Theme::of(request.headers());
    let is_form = request.headers().get(header::CONTENT_TYPE).is_some_and(|kind| {
        kind.to_str().is_ok_and(|kind| kind.split(';').next().is_some_and(|kind| kind == "application/x-www-form-urlencoded"))
    });
    if !is_form {
        return Err(StatusCode::UNSUPPORTED_MEDIA_TYPE.into_response());
    }
    match Form::<Vec<(String, String)>>::from_request(request, shown).await {
        Ok(Form(fields)) => Ok(Fields(fields)),
        Err(refused) => {
            Err(complaint(theme, refused.status(), "That form cannot be read", "It is longer than it may be, or damaged."))
        }
    }
}
