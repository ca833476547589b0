//! Serves the gRPC face on a listener: its services, health and reflection.

use std::sync::Arc;
use std::time::Duration;

use futures_util::stream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Semaphore;
use tonic::service::{InterceptorLayer, Routes, RoutesBuilder};
use tonic::transport::Server;
use tonic::transport::server::Connected;
use tonic_health::ServingStatus;

use super::access::Guard;
use super::approvals::{self, Approvals};
use super::audit::{self, Audit};
use super::deadline::Deadlines;
use super::decision::Decisions;
use super::gateways::pb::agentgateway::dev::ext_mcp::ext_mcp_server::ExtMcpServer;
use super::gateways::pb::envoy::service::auth::v3::authorization_server::AuthorizationServer;
use super::gateways::{self, ExtAuthz, ExtMcp, Gateways, Judge};
use super::pb;
use super::pb::approval_service_server::ApprovalServiceServer;
use super::pb::audit_service_server::AuditServiceServer;
use super::pb::decision_service_server::DecisionServiceServer;
use super::pb::policy_service_server::PolicyServiceServer;
use super::policies::Policies;
use super::sources::{Book, Lab};
use super::stream::Watchers;
use super::watch::RecordsSource;
use crate::gate::Gate;
use crate::identity::{Bearers, Identity, Link};
use crate::lifecycle::Stop;
use crate::listen::{Connection, Listener};
use crate::mcp;

/// Whether decisions can be made: policies are in force and the log can be written.
pub type Readiness = Arc<dyn Fn() -> bool + Send + Sync>;

/// What is always served, as health names it; the empty name stands for the whole.
const SERVICES: [&str; 5] = [
    "",
    "cedarpost.v1.DecisionService",
    "cedarpost.v1.ApprovalService",
    "cedarpost.v1.AuditService",
    "cedarpost.v1.PolicyService",
];
/// How many watch at the same time.
const WATCHERS: usize = 4_096;
/// How many decisions are under way at the same time; also those that nobody waits for any more.
const DECIDING: usize = 8_192;
/// How many questions of one connection are answered at the same time.
const AT_ONCE: usize = 256;
/// What a gateway's question is longer than the body that it is about, at most.
const BESIDE_THE_BODY: usize = 1 << 20;
/// The longest result that a gateway may ask about, in bytes: as long as the proxy takes one.
const LARGEST_RESULT: usize = 64 << 20;
/// How often health is looked at.
const LOOK: Duration = Duration::from_millis(500);
/// When connections that nobody uses are asked whether somebody is there.
const PING: Duration = Duration::from_secs(60);

/// What the face works with.
pub struct Sources {
    /// The one door.
    pub gate: Gate,
    /// The log, as it is followed.
    pub records: RecordsSource,
    /// The log, as it is looked into.
    pub book: Arc<dyn Book>,
    /// Where policies are checked.
    pub lab: Arc<dyn Lab>,
    /// Whose tokens count where people rule; `None` when nobody does.
    pub people: Option<Bearers>,
    /// How the certificates of clients are known; `None` when they show none.
    pub services: Option<Identity>,
    /// Gateways that ask about messages of their clients; `None` when there are none.
    pub gateways: Option<Gateways>,
    /// Whether decisions can be made.
    pub ready: Readiness,
}

/// Bounds on what others can make the face hold.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The longest message, in bytes.
    pub max_message: usize,
    /// How deep arguments may be nested.
    pub max_depth: u32,
    /// How long questions under way may take to end once the sidecar stops.
    pub grace: Duration,
}

/// The gRPC face, ready to run.
pub struct Grpc {
    sources: Sources,
    limits: Limits,
}

impl Grpc {
    /// A face that works with these.
    #[must_use]
    pub const fn new(sources: Sources, limits: Limits) -> Self {
        Self { sources, limits }
    }

    /// Serves until told to stop; questions under way are answered.
    ///
    /// # Errors
    ///
    /// When gRPC cannot be served on the listener.
    pub async fn run(self, listener: Listener, stop: Stop) -> Result<(), tonic::transport::Error> {
        let Self { mut sources, limits } = self;
        let (reporter, health) = tonic_health::server::health_reporter();
        let guard = Guard::new(sources.services.take(), listener.local_addr().is_remote());
        let mut routes = Routes::builder();
        let adapters = add_adapters(&mut routes, &mut sources, &limits);
        add_reflection(&mut routes, &adapters);
        let names = SERVICES.into_iter().chain(adapters.iter().map(|adapter| adapter.name)).collect();
        let watching = tokio::spawn(report(reporter, names, Arc::clone(&sources.ready), stop.clone()));
        add_own(&mut routes, sources, &limits, &stop);
        routes.add_service(health);
        let serving = Server::builder()
            .layer(InterceptorLayer::new(guard))
            .concurrency_limit_per_connection(AT_ONCE)
            .max_concurrent_streams(u32::try_from(AT_ONCE).ok())
            .http2_keepalive_interval(Some(PING))
            .layer(Deadlines)
            .add_routes(routes.routes())
            .serve_with_incoming_shutdown(incoming(listener, stop.clone()), stop.wait());
        // Clients keep streams of health and reflection open for as long as they like; nobody waits for that.
        let served = tokio::select! {
            served = serving => served,
            () = async { stop.wait().await; tokio::time::sleep(limits.grace).await } => Ok(()),
        };
        watching.abort();
        served
    }
}

/// The services of the house.
fn add_own(routes: &mut RoutesBuilder, sources: Sources, limits: &Limits, stop: &Stop) {
    let Sources { gate, records, book, lab, people, .. } = sources;
    let (records, watchers) = (Arc::new(records), Watchers::new(WATCHERS, stop.clone()));
    let decisions = Decisions {
        gate: gate.clone(),
        records: Arc::clone(&records),
        depth: limits.max_depth,
        explaining: Arc::new(Semaphore::new(1)),
        deciding: Arc::new(Semaphore::new(DECIDING)),
        watchers: watchers.clone(),
    };
    let (people, listing) = (people.map(Arc::new), Arc::new(Semaphore::new(approvals::LISTS)));
    let approvals = Approvals { gate: gate.clone(), people, listing, watchers: watchers.clone() };
    let reading = Arc::new(Semaphore::new(audit::READERS));
    let audit = Audit { book, records, reading, watchers: watchers.clone() };
    let policies = Policies { gate, lab, checking: Arc::new(Semaphore::new(1)), watchers };
    let longest = limits.max_message;
    routes.add_service(DecisionServiceServer::new(decisions).max_decoding_message_size(longest));
    routes.add_service(ApprovalServiceServer::new(approvals).max_decoding_message_size(longest));
    routes.add_service(AuditServiceServer::new(audit).max_decoding_message_size(longest));
    routes.add_service(PolicyServiceServer::new(policies).max_decoding_message_size(longest));
}

/// A service for gateways, as health and reflection have it.
struct Adapter {
    name: &'static str,
    described: &'static [u8],
}

/// The services for gateways that are asked for.
fn add_adapters(routes: &mut RoutesBuilder, sources: &mut Sources, limits: &Limits) -> Vec<Adapter> {
    let Some(gateways) = sources.gateways.take() else { return Vec::new() };
    let (authz, mcp) = (gateways.ext_authz, gateways.ext_mcp);
    let of_messages = mcp::Limits { max_bytes: limits.max_message, max_depth: limits.max_depth };
    let judge = Arc::new(Judge::new(sources.gate.clone(), gateways, of_messages));
    let mut adapters = Vec::new();
    if authz {
        let longest = limits.max_message.saturating_add(BESIDE_THE_BODY);
        routes.add_service(AuthorizationServer::new(ExtAuthz(Arc::clone(&judge))).max_decoding_message_size(longest));
        adapters.push(Adapter { name: gateways::EXT_AUTHZ, described: gateways::pb::EXT_AUTHZ });
    }
    if mcp {
        routes.add_service(ExtMcpServer::new(ExtMcp(judge)).max_decoding_message_size(LARGEST_RESULT));
        adapters.push(Adapter { name: gateways::EXT_MCP, described: gateways::pb::EXT_MCP });
    }
    adapters
}

/// Reflection, in both versions: Python's client still speaks the older one only.
fn add_reflection(routes: &mut RoutesBuilder, adapters: &[Adapter]) {
    let described = || {
        let own = [pb::DESCRIPTION, tonic_health::pb::FILE_DESCRIPTOR_SET];
        let all = own.into_iter().chain(adapters.iter().map(|adapter| adapter.described));
        all.fold(tonic_reflection::server::Builder::configure(), |described, one| {
            described.register_encoded_file_descriptor_set(one)
        })
    };
    let untold = |error: tonic_reflection::server::Error| tracing::error!(%error, "there is no reflection");
    match described().build_v1() {
        Ok(reflection) => {
            routes.add_service(reflection);
        }
        Err(error) => untold(error),
    }
    match described().build_v1alpha() {
        Ok(reflection) => {
            routes.add_service(reflection);
        }
        Err(error) => untold(error),
    }
}

impl std::fmt::Debug for Grpc {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Grpc").finish_non_exhaustive()
    }
}

/// Keeps health as it is: of each service, and of the whole (the empty name).
async fn report(mut reporter: tonic_health::server::HealthReporter, services: Vec<&'static str>, ready: Readiness, stop: Stop) {
    let mut told = None;
    loop {
        let is_stopping = stop.is_requested();
        let holds = ready() && !is_stopping;
        if told != Some(holds) {
            let status = if holds { ServingStatus::Serving } else { ServingStatus::NotServing };
            for service in &services {
                reporter.set_service_status(*service, status).await;
            }
            told = Some(holds);
        }
        if is_stopping {
            // Ends the streams of those who watch, once they have heard it.
            for service in services {
                reporter.clear_service_status(service).await;
            }
            return;
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            () = stop.wait() => {}
        }
    }
}

/// The connections of a listener until the stop.
fn incoming(listener: Listener, stop: Stop) -> impl stream::Stream<Item = Result<Served, std::io::Error>> {
    stream::unfold((listener, stop), |(mut listener, stop)| async move {
        let connection = listener.accept(&stop).await?;
        Some((Ok(Served(connection)), (listener, stop)))
    })
}

/// A connection as the gRPC library wants it.
struct Served(Connection);

impl Connected for Served {
    type ConnectInfo = Arc<Link>;

    fn connect_info(&self) -> Self::ConnectInfo {
        Arc::new(Link::of(self.0.peer()))
    }
}

impl AsyncRead for Served {
    fn poll_read(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        std::pin::Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Served {
    fn poll_write(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
        buf: &[u8],
    ) -> std::task::Poll<std::io::Result<usize>> {
        std::pin::Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
        bufs: &[std::io::IoSlice<'_>],
    ) -> std::task::Poll<std::io::Result<usize>> {
        std::pin::Pin::new(&mut self.0).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_flush(mut self: std::pin::Pin<&mut Self>, cx: &mut std::task::Context<'_>) -> std::task::Poll<std::io::Result<()>> {
        std::pin::Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        std::pin::Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
