//! Streamable HTTP towards clients.
//!
//! The order of looks at a request: Host and Origin, path, caller, method, body, message, headers against the body, session. The
//! first that fails answers, and nothing reaches a server. Only the metadata of protected resources is for everybody.

mod child;
mod delete;
mod exchange;
mod legacy_sse;
mod life;
mod post;
mod pump;
mod read;
mod respond;
mod stream;
mod voice;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use ::http::{HeaderMap, Method, Request, Response, StatusCode};
use bytes::Bytes;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;

use super::body::Body;
use super::endpoint::Endpoint;
use super::guard::Guard;
use crate::domain::Transport;
use crate::gate::TurnedAway;
use crate::identity::{Credentials, Flaw, Handshake, Identified, Identity, Protected, Unidentified};
use crate::lifecycle::Stop;
use crate::listen::{Connection, Listener};
use life::Lives;

pub use life::Life;

/// The HTTP face: one listener, each server on a path of its own.
#[derive(Debug)]
pub struct HttpFace {
    guard: Guard,
    identity: Identity,
    doors: BTreeMap<String, Door>,
    /// What everybody may read of the doors: paths of metadata, and the metadata.
    metadata: BTreeMap<String, Bytes>,
    lives: Lives,
    header_timeout: Duration,
    grace: Duration,
}

/// A server, and what it asks of those who want in.
#[derive(Debug)]
struct Door {
    endpoint: Arc<Endpoint>,
    protected: Protected,
}

/// The connection that a request comes over.
#[derive(Debug)]
struct Over {
    /// Where it comes from; a unix socket comes from nowhere.
    ip: Option<IpAddr>,
    shown: Handshake,
}

impl HttpFace {
    /// A face for these servers. `header_timeout` bounds the wait for a request's head; `grace` the time that requests in flight
    /// get at shutdown.
    #[must_use]
    pub fn new(
        guard: Guard,
        identity: Identity,
        servers: Vec<(Arc<Endpoint>, Protected)>,
        header_timeout: Duration,
        grace: Duration,
    ) -> Self {
        let metadata = metadata(&servers);
        let door = |(endpoint, protected): (Arc<Endpoint>, Protected)| (endpoint.path().to_owned(), Door { endpoint, protected });
        let doors = servers.into_iter().map(door).collect();
        Self { guard, identity, doors, metadata, lives: Lives::default(), header_timeout, grace }
    }

    /// Serves until told to stop, then lets requests in flight finish within the grace.
    pub async fn run(self: Arc<Self>, mut listener: Listener, stop: Stop) {
        let graceful = GracefulShutdown::new();
        let ending = tokio::spawn(Arc::clone(&self).end_the_denied());
        while let Some(connection) = listener.accept(&stop).await {
            let served = Arc::clone(&self).serve(connection, &graceful);
            tokio::spawn(served);
        }
        drop(listener);
        ending.abort();
        if tokio::time::timeout(self.grace, graceful.shutdown()).await.is_err() {
            tracing::warn!(
                grace_seconds = self.grace.as_secs_f32(),
                "connections were still open at the end of the grace and are cut"
            );
        }
    }

    fn serve(self: Arc<Self>, connection: Connection, graceful: &GracefulShutdown) -> impl Future<Output = ()> + Send + 'static {
        let over = Arc::new(Over { ip: connection.peer().ip(), shown: Handshake::of(connection.peer()) });
        let header_timeout = self.header_timeout;
        let service = service_fn(move |request| {
            let (face, over) = (Arc::clone(&self), Arc::clone(&over));
            async move { Ok::<_, Infallible>(face.answer(&over, request).await) }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(header_timeout)
            .max_buf_size(64 * 1024)
            .serve_connection(TokioIo::new(connection), service);
        let connection = graceful.watch(connection);
        async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended early");
            }
        }
    }

    /// Ends what those have open who are denied from now on, for as long as the face is there.
    async fn end_the_denied(self: Arc<Self>) {
        let mut revocations = self.identity.revocations();
        while revocations.changed().await.is_ok() {
            let denied = |who: &Identified| self.identity.denies(who);
            let streams = self.lives.end(denied);
            let sessions: usize = self.doors.values().map(|door| door.endpoint.end_sessions_of(denied)).sum();
            if streams + sessions > 0 {
                tracing::info!(event = "denied", requests = streams, sessions, "what the denied had open is ended");
            }
        }
    }

    async fn answer(&self, over: &Over, request: Request<Incoming>) -> Response<Body> {
        let ip = over.ip;
        if let Err(stranger) = self.guard.check(request.headers()) {
            tracing::info!(?stranger, ip = said(ip), "a request for another host or from another origin is refused");
            return respond::stranger(stranger);
        }
        if let Some(metadata) = self.metadata.get(request.uri().path()) {
            return respond::metadata(request.method(), metadata.clone());
        }
        let Some((door, rest)) = self.find(request.uri().path()) else {
            return respond::plain(StatusCode::NOT_FOUND, "There is no MCP server at this path.");
        };
        let who = match self.identify(door, &over.shown, &request).await {
            Ok(who) => who,
            Err(unidentified) => {
                tracing::info!(
                    event = "unidentified", reason = unidentified.word(), server = %door.endpoint.line.server, ip = said(ip),
                    method = %request.method(), "a request is turned away: nobody vouches for who is behind it"
                );
                return self.turn_away(door, &unidentified, ip);
            }
        };
        let mut life = self.lives.begin(who.without_tokens());
        if let Some(left) = who.lasts.filter(|_| listens(request.method(), request.headers())) {
            life = life.for_at_most(left);
        }
        let rest = rest.to_owned();
        let served = serve(Arc::clone(&door.endpoint), &who, ip, &rest, request);
        let response = tokio::select! {
            biased;
            response = served => response,
            () = life.ended() => {
                return self.turn_away(door, &Unidentified::Flawed(Flaw::Denied), ip);
            }
        };
        response.map(|body| body.within(life))
    }

    /// Somebody of whom nobody knows who they are gets nothing, and that is recorded.
    fn turn_away(&self, door: &Door, why: &Unidentified, ip: Option<IpAddr>) -> Response<Body> {
        let server = &door.endpoint.line.server;
        let (listener, reason, transport) = ("mcp", why.word(), Transport::Http);
        door.endpoint.line.gate.turned_away(TurnedAway { listener, server, reason, transport, ip });
        respond::unidentified(self.identity.refusal(why, &door.protected))
    }

    async fn identify(&self, door: &Door, shown: &Handshake, request: &Request<Incoming>) -> Result<Identified, Unidentified> {
        match Credentials::of_request(request.headers(), request.method(), request.uri()) {
            Ok(credentials) => self.identity.identify(&credentials.over(shown), &door.protected).await,
            Err(flaw) => self.identity.identify_flawed(flaw),
        }
    }

    /// The door at this path, and what of the path is left behind it.
    fn find<'a>(&self, path: &'a str) -> Option<(&Door, &'a str)> {
        let path = if path.len() > 1 { path.trim_end_matches('/') } else { path };
        if let Some(door) = self.doors.get(path) {
            return Some((door, ""));
        }
        let (front, last) = path.rsplit_once('/')?;
        self.doors.get(front).map(|door| (door, last))
    }
}

/// Serves a request of somebody who is let in.
async fn serve(
    endpoint: Arc<Endpoint>,
    who: &Identified,
    ip: Option<IpAddr>,
    rest: &str,
    request: Request<Incoming>,
) -> Response<Body> {
    if let Some(transport) = legacy_sse::Step::of(&endpoint, request.method(), request.headers(), rest) {
        return transport.answer(endpoint, who, ip, request).await;
    }
    if !rest.is_empty() {
        return respond::plain(StatusCode::NOT_FOUND, "There is no MCP server at this path.");
    }
    match *request.method() {
        Method::POST => post::post(endpoint, who, ip, request).await,
        Method::GET => stream::get(endpoint, who, request).await,
        Method::DELETE => delete::delete(endpoint, who, request).await,
        _ => respond::method_not_allowed(),
    }
}

/// An address for the log.
fn said(ip: Option<IpAddr>) -> Option<tracing::field::DisplayValue<IpAddr>> {
    ip.map(tracing::field::display)
}

/// Whether a request opens a stream that lasts for as long as somebody listens, and not for one answer.
fn listens(method: &Method, headers: &HeaderMap) -> bool {
    *method == Method::GET || headers.get("mcp-method").is_some_and(|method| method == "subscriptions/listen")
}

/// What everybody may read. A client that knows only the host finds the metadata of the only server there is.
fn metadata(servers: &[(Arc<Endpoint>, Protected)]) -> BTreeMap<String, Bytes> {
    let all = servers.iter().filter_map(|(_, protected)| protected.metadata());
    let mut paths: BTreeMap<String, Bytes> = all.map(|(path, metadata)| (path.to_owned(), metadata.clone())).collect();
    if let (1, Some(only)) = (servers.len(), paths.values().next().cloned()) {
        paths.entry(ROOT_METADATA.to_owned()).or_insert(only);
    }
    paths
}

/// Where a client looks for metadata that knows only the host.
const ROOT_METADATA: &str = "/.well-known/oauth-protected-resource";
