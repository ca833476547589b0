//! Streamable HTTP towards clients.
//!
//! The order of looks at a request: Host and Origin, path, caller, method, body, message, headers against the body, session. The
//! first that fails answers, and nothing reaches a server.

mod child;
mod delete;
mod exchange;
mod legacy_sse;
mod post;
mod pump;
mod read;
mod respond;
mod stream;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use ::http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;

use super::body::Body;
use super::endpoint::Endpoint;
use super::guard::Guard;
use crate::identity::Identity;
use crate::lifecycle::Stop;
use crate::listen::{Connection, Listener};

/// The HTTP face: one listener, each server on a path of its own.
#[derive(Debug)]
pub struct HttpFace {
    guard: Guard,
    identity: Identity,
    endpoints: BTreeMap<String, Arc<Endpoint>>,
    header_timeout: Duration,
    grace: Duration,
}

impl HttpFace {
    /// A face for these endpoints. `header_timeout` bounds the wait for a request's head; `grace` the time that requests in flight
    /// get at shutdown.
    #[must_use]
    pub fn new(
        guard: Guard,
        identity: Identity,
        endpoints: Vec<Arc<Endpoint>>,
        header_timeout: Duration,
        grace: Duration,
    ) -> Self {
        let endpoints = endpoints.into_iter().map(|endpoint| (endpoint.path().to_owned(), endpoint)).collect();
        Self { guard, identity, endpoints, header_timeout, grace }
    }

    /// Serves until told to stop, then lets requests in flight finish within the grace.
    pub async fn run(self: Arc<Self>, mut listener: Listener, stop: Stop) {
        let graceful = GracefulShutdown::new();
        while let Some(connection) = listener.accept(&stop).await {
            let served = Arc::clone(&self).serve(connection, &graceful);
            tokio::spawn(served);
        }
        drop(listener);
        if tokio::time::timeout(self.grace, graceful.shutdown()).await.is_err() {
            tracing::warn!(
                grace_seconds = self.grace.as_secs_f32(),
                "connections were still open at the end of the grace and are cut"
            );
        }
    }

    fn serve(self: Arc<Self>, connection: Connection, graceful: &GracefulShutdown) -> impl Future<Output = ()> + Send + 'static {
        let ip = connection.peer().ip();
        let header_timeout = self.header_timeout;
        let service = service_fn(move |request| {
            let face = Arc::clone(&self);
            async move { Ok::<_, Infallible>(face.answer(ip, request).await) }
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

    async fn answer(&self, ip: IpAddr, request: Request<Incoming>) -> Response<Body> {
        if let Err(stranger) = self.guard.check(request.headers()) {
            tracing::info!(?stranger, %ip, "a request for another host or from another origin is refused");
            return respond::stranger(stranger);
        }
        let Some((endpoint, rest)) = self.find(request.uri().path()) else {
            return respond::plain(StatusCode::NOT_FOUND, "There is no MCP server at this path.");
        };
        let endpoint = Arc::clone(endpoint);
        let caller = self.identity.authenticate();
        if let Some(transport) = legacy_sse::Step::of(&endpoint, request.method(), request.headers(), rest) {
            return transport.answer(endpoint, caller, ip, request).await;
        }
        if !rest.is_empty() {
            return respond::plain(StatusCode::NOT_FOUND, "There is no MCP server at this path.");
        }
        match *request.method() {
            Method::POST => post::post(endpoint, caller, ip, request).await,
            Method::GET => stream::get(endpoint, caller, request).await,
            Method::DELETE => delete::delete(endpoint, caller, request).await,
            _ => respond::method_not_allowed(),
        }
    }

    /// The endpoint at this path, and what of the path is left behind it.
    fn find<'a>(&self, path: &'a str) -> Option<(&Arc<Endpoint>, &'a str)> {
        let path = if path.len() > 1 { path.trim_end_matches('/') } else { path };
        if let Some(endpoint) = self.endpoints.get(path) {
            return Some((endpoint, ""));
        }
        let (front, last) = path.rsplit_once('/')?;
        self.endpoints.get(front).map(|endpoint| (endpoint, last))
    }
}
