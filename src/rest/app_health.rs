//! Probes of a container beside the sidecar: `/app-health/CONTAINER/livez` and so on.
//!
//! A kubelet connects to the address of the pod. Where a server listens on loopback only, behind the sidecar, its probes come here and are
//! passed on. Only to this machine, only where the settings say, and nothing comes back but the status.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, Request, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

use crate::outbound::{Limits, Outbound, OutboundError, OutboundSocket, Settings, SetupError, Socket};

/// What an answer may take. Kubelets give up after a second unless a probe says otherwise.
const LIMITS: Limits = Limits { deadline: Duration::from_secs(20), max_body: 1 << 20 };
/// How many probes are passed on at a time.
const AT_ONCE: usize = 32;
/// The probes of a container.
const KINDS: [&str; 3] = ["livez", "readyz", "startupz"];
/// Headers of one hop, or about it.
const NOT_PASSED_ON: [HeaderName; 6] =
    [header::HOST, header::CONNECTION, header::CONTENT_LENGTH, header::TRANSFER_ENCODING, header::TE, header::UPGRADE];

/// A probe that is passed on: its name, `CONTAINER/livez`, and where to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppProbe {
    name: String,
    target: Target,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Target {
    /// A GET must be answered with success.
    Http(Uri),
    /// Somebody must listen.
    Tcp(SocketAddr),
    /// The same on a unix socket: a GET must be answered there with success, or somebody must listen.
    Unix(Socket, Option<Uri>),
}

/// A text that is no such probe.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not CONTAINER/livez=URL (or readyz, startupz) with an http or tcp URL of this machine, such as \"web/livez=http://127.0.0.1:9000/healthz\", or unix:SOCKET:PATH, such as \
     \"web/livez=unix:/run/app/mcp.sock:/healthz\""
)]
pub struct BadAppProbe(String);

impl FromStr for AppProbe {
    type Err = BadAppProbe;

    fn from_str(text: &str) -> Result<Self, BadAppProbe> {
        let read = || {
            let (name, url) = text.split_once('=')?;
            let (container, kind) = name.split_once('/')?;
            let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
            if container.is_empty() || !container.bytes().all(plain) || !KINDS.contains(&kind) {
                return None;
            }
            let target = match url.strip_prefix("tcp://") {
                None if url.starts_with("unix:") => on_socket(url.strip_prefix("unix:")?)?,
                Some(address) => Target::Tcp(address.parse().ok().filter(|address: &SocketAddr| address.ip().is_loopback())?),
                None => Target::Http(url.parse().ok().filter(is_here)?),
            };
            Some(Self { name: name.to_owned(), target })
        };
        read().ok_or_else(|| BadAppProbe(text.to_owned()))
    }
}

/// `SOCKET`, or `SOCKET:PATH`.
fn on_socket(text: &str) -> Option<Target> {
    let (path, target) = text.split_once(':').map_or((text, None), |(path, target)| (path, Some(target)));
    let url = match target {
        Some(target) => Some(format!("http://localhost{target}").parse().ok().filter(|_| target.starts_with('/'))?),
        None => None,
    };
    Some(Target::Unix(Socket::new(path.into(), None).ok()?, url))
}

fn is_here(url: &Uri) -> bool {
    let authority = url.authority().is_some_and(|authority| !authority.as_str().contains('@'));
    url.scheme_str() == Some("http") && matches!(url.host(), Some("127.0.0.1" | "[::1]" | "localhost")) && authority
}

/// A target, with what reaches it.
enum Way {
    Http(Uri),
    Tcp(SocketAddr),
    Unix(Socket),
    UnixHttp(Box<OutboundSocket>, Uri),
}

impl From<&Target> for Way {
    fn from(target: &Target) -> Self {
        match target {
            Target::Http(url) => Self::Http(url.clone()),
            Target::Tcp(address) => Self::Tcp(*address),
            Target::Unix(socket, None) => Self::Unix(socket.clone()),
            Target::Unix(socket, Some(url)) => {
                Self::UnixHttp(Box::new(OutboundSocket::new(socket.clone(), LIMITS.deadline)), url.clone())
            }
        }
    }
}

struct Passing {
    probes: BTreeMap<String, Way>,
    outbound: Outbound,
    seats: Semaphore,
}

/// The routes over these probes.
///
/// # Errors
/// When no client can be set up.
pub fn app_health_router(probes: &[AppProbe]) -> Result<Router, SetupError> {
    let probes = probes.iter().map(|probe| (probe.name.clone(), Way::from(&probe.target))).collect();
    let passing = Passing { probes, outbound: Outbound::new(Settings::default())?, seats: Semaphore::new(AT_ONCE) };
    Ok(Router::new().route("/app-health/{container}/{kind}", get(probe)).with_state(Arc::new(passing)))
}

async fn probe(
    State(passing): State<Arc<Passing>>,
    Path((container, kind)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let Some(target) = passing.probes.get(&format!("{container}/{kind}")) else {
        return (StatusCode::NOT_FOUND, "no such probe\n").into_response();
    };
    let Ok(_seat) = passing.seats.try_acquire() else {
        return (StatusCode::SERVICE_UNAVAILABLE, "too many probes at once\n").into_response();
    };
    match target {
        Way::Tcp(address) => match tokio::time::timeout(LIMITS.deadline, TcpStream::connect(address)).await {
            Ok(Ok(_)) => "ok\n".into_response(),
            Ok(Err(_)) | Err(_) => nobody(),
        },
        Way::Unix(socket) => socket.connect(LIMITS.deadline).await.map_or_else(|_| nobody(), |_| "ok\n".into_response()),
        Way::Http(url) => told(passing.outbound.request(request(url, headers), LIMITS).await),
        Way::UnixHttp(socket, url) => told(socket.request(request(url, headers), LIMITS).await),
    }
}

fn nobody() -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, "nobody listens\n").into_response()
}

fn request(url: &Uri, headers: HeaderMap) -> Request<Bytes> {
    let mut request = Request::new(Bytes::new());
    *request.uri_mut() = url.clone();
    *request.headers_mut() = headers;
    NOT_PASSED_ON.iter().for_each(|name| drop(request.headers_mut().remove(name)));
    request
}

fn told(answer: Result<http::Response<Bytes>, OutboundError>) -> Response {
    match answer {
        // A kubelet takes a redirection for success, and would follow it to an address that it cannot reach.
        Ok(answer) if answer.status().is_success() || answer.status().is_redirection() => "ok\n".into_response(),
        Ok(answer) => (answer.status(), format!("the container answers {}\n", answer.status())).into_response(),
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n")).into_response(),
    }
}

#[cfg(test)]
#[path = "app_health_tests.rs"]
mod tests;
