//! The shop's door: streamable HTTP on one path, with sessions for the protocol revisions that have them.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE, HOST};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use parking_lot::Mutex;
use ring::rand::{SecureRandom, SystemRandom};
use tokio::net::{TcpListener, TcpStream};
use tracing::{debug, warn};

use super::protocol::{self, Reply};
use super::tools::Tools;

/// The only path the shop answers on.
const PATH: &str = "/mcp";
/// The header that names a session (2025 revisions).
const SESSION: &str = "mcp-session-id";
/// Bodies above this many bytes are refused.
const MAX_BODY: usize = 1 << 20;
/// How many sessions are remembered; the oldest goes first.
const MAX_SESSIONS: usize = 1024;
/// How long open connections may take to finish once the shop closes.
const GRACE: Duration = Duration::from_secs(2);

/// A handle to one shop: its stock, its open sessions, and how often each tool was reached. Clones share everything.
#[derive(Debug, Clone)]
pub struct Shop {
    tools: Arc<Tools>,
    sessions: Arc<Mutex<VecDeque<String>>>,
}

impl Shop {
    /// A shop with fresh stock.
    #[must_use]
    pub fn new() -> Self {
        Self { tools: Arc::new(Tools::new()), sessions: Arc::default() }
    }

    /// How many `tools/call` requests for this tool reached the shop, whatever became of them; 0 for a tool it does not have.
    #[must_use]
    pub fn reached(&self, tool: &str) -> u64 {
        self.tools.reached(tool)
    }
}

impl Default for Shop {
    fn default() -> Self {
        Self::new()
    }
}

/// Opens a free port of this machine for [`serve`].
///
/// # Errors
/// When the system has none to give.
pub async fn open_port() -> io::Result<TcpListener> {
    TcpListener::bind(("127.0.0.1", 0)).await
}

/// Serves the shop at `http://<listener>/mcp` until `stop` completes, then lets open requests finish for up to two seconds.
pub async fn serve(shop: Shop, listener: TcpListener, stop: impl Future<Output = ()>) {
    let open = GracefulShutdown::new();
    tokio::pin!(stop);
    loop {
        let accepted = tokio::select! {
            () = &mut stop => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => attend(&shop, stream, &open),
            // Out of file descriptors, most likely: wait for some to come back instead of spinning.
            Err(error) => {
                warn!(%error, "the demo shop cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
    drop(listener);
    if tokio::time::timeout(GRACE, open.shutdown()).await.is_err() {
        debug!("the demo shop closes with requests still open");
    }
}

/// Answers one connection in a task of its own.
fn attend(shop: &Shop, stream: TcpStream, open: &GracefulShutdown) {
    let shop = shop.clone();
    let service = service_fn(move |request| {
        let shop = shop.clone();
        async move { Ok::<_, Infallible>(shop.answer(request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_secs(10))
        .serve_connection(TokioIo::new(stream), service);
    let watched = open.watch(connection);
    tokio::spawn(async move {
        if let Err(error) = watched.await {
            debug!(%error, "a connection to the demo shop broke");
        }
    });
}

type Answer = Response<Full<Bytes>>;

impl Shop {
    async fn answer(&self, request: Request<Incoming>) -> Answer {
        if !is_loopback(request.headers().get(HOST)) {
            return plain(StatusCode::FORBIDDEN);
        }
        if request.uri().path() != PATH {
            return plain(StatusCode::NOT_FOUND);
        }
        match *request.method() {
            Method::POST => self.post(request).await,
            Method::DELETE => self.delete(request.headers()),
            _ => with(plain(StatusCode::METHOD_NOT_ALLOWED), ALLOW.as_str(), "POST, DELETE"),
        }
    }

    async fn post(&self, request: Request<Incoming>) -> Answer {
        let (parts, body) = request.into_parts();
        if !is_json(&parts.headers) {
            return plain(StatusCode::UNSUPPORTED_MEDIA_TYPE);
        }
        let Ok(body) = Limited::new(body, MAX_BODY).collect().await else {
            return plain(StatusCode::PAYLOAD_TOO_LARGE);
        };
        let known = self.session(&parts.headers);
        match protocol::answer(&self.tools, &parts.headers, known, &body.to_bytes()) {
            Reply::Accepted => plain(StatusCode::ACCEPTED),
            Reply::Message(status, text) => json(status, text),
            Reply::Opened(text) => match self.open_session() {
                Some(id) => with(json(StatusCode::OK, text), SESSION, &id),
                None => plain(StatusCode::INTERNAL_SERVER_ERROR),
            },
        }
    }

    fn delete(&self, headers: &HeaderMap) -> Answer {
        let Some(id) = header(headers, SESSION) else { return plain(StatusCode::BAD_REQUEST) };
        let mut sessions = self.sessions.lock();
        let before = sessions.len();
        sessions.retain(|session| session != id);
        plain(if sessions.len() < before { StatusCode::NO_CONTENT } else { StatusCode::NOT_FOUND })
    }

    fn session(&self, headers: &HeaderMap) -> protocol::Session {
        match header(headers, SESSION) {
            None => protocol::Session::Absent,
            Some(id) if self.sessions.lock().iter().any(|session| session == id) => protocol::Session::Open,
            Some(_) => protocol::Session::Unknown,
        }
    }

    /// A new session under an id that cannot be guessed; `None` when the system has no randomness to give.
    fn open_session(&self) -> Option<String> {
        let mut random = [0_u8; 16];
        SystemRandom::new().fill(&mut random).ok()?;
        let id = format!("{:032x}", u128::from_be_bytes(random));
        let mut sessions = self.sessions.lock();
        if sessions.len() >= MAX_SESSIONS {
            sessions.pop_front();
        }
        sessions.push_back(id.clone());
        Some(id)
    }
}

/// Whether the request was meant for this machine. A page in a browser that re-points its own name at the loopback address was not.
fn is_loopback(host: Option<&HeaderValue>) -> bool {
    let Some(authority) = host.and_then(|host| host.to_str().ok()?.parse::<http::uri::Authority>().ok()) else { return false };
    let name = authority.host().trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn is_json(headers: &HeaderMap) -> bool {
    let essence = header(headers, CONTENT_TYPE.as_str()).and_then(|value| value.split(';').next());
    essence.is_some_and(|essence| essence.trim().eq_ignore_ascii_case("application/json"))
}

/// The one value of a header, when it has text.
pub(super) fn header<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn plain(status: StatusCode) -> Answer {
    let mut answer = Response::new(Full::default());
    *answer.status_mut() = status;
    answer
}

fn json(status: StatusCode, text: String) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from(text)));
    *answer.status_mut() = status;
    with(answer, CONTENT_TYPE.as_str(), "application/json")
}

fn with(mut answer: Answer, name: &'static str, value: &str) -> Answer {
    if let Ok(value) = HeaderValue::from_str(value) {
        answer.headers_mut().insert(name, value);
    }
    answer
}
