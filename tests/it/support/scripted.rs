//! A server that follows a script: it answers each request with whatever bytes a test wants, in pieces if it likes, or not at all.
//!
//! What the script leaves open is answered as the server without scruples would.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http::{HeaderName, HeaderValue, Request, Response};
use http_body_util::BodyExt as _;
use hyper::body::{Body, Bytes, Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};

use super::Seen;
use super::upstream::{Framing, envelope};

const DEADLINE: Duration = Duration::from_secs(20);

/// How a request is answered.
pub(crate) enum Answer {
    /// JSON in one piece.
    Json(Value),
    /// These bytes of this type, with this status.
    Bytes(u16, &'static str, String),
    /// An event stream: what comes out of the channel, until it closes.
    Events(mpsc::UnboundedReceiver<Bytes>),
    /// The beginning of an answer; then the connection breaks.
    Torn(&'static str, String),
    /// Anything, with any headers.
    Headed(Vec<(&'static str, &'static str)>, Box<Self>),
    /// Nothing, for as long as the client waits.
    Silence,
}

impl Answer {
    /// An event stream that a test feeds.
    pub(crate) fn events() -> (mpsc::UnboundedSender<Bytes>, Self) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (sender, Self::Events(receiver))
    }

    /// An event stream of these events, which ends after them.
    pub(crate) fn stream(events: &[&str]) -> Self {
        let (sender, answer) = Self::events();
        events.iter().for_each(|event| sender.send(Bytes::copy_from_slice(event.as_bytes())).unwrap());
        answer
    }

    /// A result for the request in `message`.
    pub(crate) fn result(message: &Value, result: Value) -> Self {
        let mut answer = serde_json::json!({"jsonrpc": "2.0", "id": message["id"]});
        answer["result"] = result;
        Self::Json(answer)
    }
}

type Script = dyn FnMut(&Seen, &Value) -> Option<Answer> + Send;

struct State {
    seen: Vec<Seen>,
    /// Requests whose client has left before the answer was complete.
    left: usize,
    script: Box<Script>,
}

/// What a test can know of the server's side.
pub(crate) struct Ear(Arc<Mutex<State>>);

/// The running server.
pub(crate) struct Scripted {
    pub(crate) address: SocketAddr,
    state: Arc<Mutex<State>>,
    server: JoinHandle<()>,
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Scripted {
    /// A server that answers as `script` says. `None` leaves the answer to the server without scruples.
    pub(crate) async fn start(script: impl FnMut(&Seen, &Value) -> Option<Answer> + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(State { seen: Vec::new(), left: 0, script: Box::new(script) }));
        let server = tokio::spawn(serve(listener, Arc::clone(&state)));
        Self { address, state, server }
    }

    pub(crate) fn ear(&self) -> Ear {
        Ear(Arc::clone(&self.state))
    }
}

impl Ear {
    /// The messages that arrived, as far as they are JSON, without what the sidecar asks by itself.
    pub(crate) fn messages(&self) -> Vec<Value> {
        let own = |message: &Value| message["id"].as_str().is_some_and(|id| id.starts_with("cedarpost-"));
        let seen = self.0.lock().seen.clone();
        seen.iter().filter_map(|seen| serde_json::from_slice(&seen.body).ok()).filter(|message| !own(message)).collect()
    }

    /// The requests that arrived with this HTTP method.
    pub(crate) fn requests(&self, method: &str) -> Vec<Seen> {
        self.0.lock().seen.iter().filter(|seen| seen.method == method).cloned().collect()
    }

    /// Waits for the first message that fits.
    pub(crate) async fn message(&self, fits: impl Fn(&Value) -> bool) -> Value {
        let heard = async {
            loop {
                if let Some(message) = self.messages().into_iter().find(|message| fits(message)) {
                    return message;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(DEADLINE, heard).await.unwrap_or_else(|_| panic!("no such message among {:#?}", self.messages()))
    }

    /// Waits until so many clients have left before their answer was complete.
    pub(crate) async fn abandoned(&self, count: usize) {
        let left = async {
            while self.0.lock().left < count {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(DEADLINE, left).await.expect("the client leaves in time");
    }
}

async fn serve(listener: TcpListener, state: Arc<Mutex<State>>) {
    // The connections end with the server.
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let state = Arc::clone(&state);
        let service = service_fn(move |request| answer(request, Arc::clone(&state)));
        connections.spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

async fn answer(request: Request<Incoming>, state: Arc<Mutex<State>>) -> Result<Response<Pieces>, Infallible> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let seen = Seen { method: parts.method, headers: parts.headers, body };
    let message: Value = serde_json::from_slice(&seen.body).unwrap_or_default();
    let answer = {
        let mut state = state.lock();
        state.seen.push(seen.clone());
        (state.script)(&seen, &message)
    };
    let answer = answer.unwrap_or_else(|| polite(&message));
    let watch = Watch { state: Arc::clone(&state), done: false };
    Ok(respond(answer, watch).await)
}

/// The answer of the server without scruples.
fn polite(message: &Value) -> Answer {
    if message["id"].is_null() {
        return Answer::Bytes(202, "application/json", String::new());
    }
    let answer = Answer::Json(envelope(message, Framing::Json));
    if message["method"] == "initialize" {
        Answer::Headed(vec![("mcp-session-id", "scripted")], Box::new(answer))
    } else {
        answer
    }
}

async fn respond(answer: Answer, mut watch: Watch) -> Response<Pieces> {
    match answer {
        Answer::Json(json) => whole(200, "application/json", json.to_string(), watch),
        Answer::Bytes(status, kind, text) => whole(status, kind, text, watch),
        Answer::Events(pieces) => response(200, "text/event-stream", Pieces { pieces, torn: false, watch }),
        Answer::Torn(kind, text) => {
            let (sender, pieces) = mpsc::unbounded_channel();
            sender.send(Bytes::from(text)).unwrap();
            // What has been said must have left before the connection breaks.
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(200)).await;
                drop(sender);
            });
            response(200, kind, Pieces { pieces, torn: true, watch })
        }
        Answer::Headed(headers, answer) => {
            let mut response = Box::pin(respond(*answer, watch)).await;
            for (name, value) in headers {
                if name == "status" {
                    *response.status_mut() = value.parse().unwrap();
                } else {
                    response.headers_mut().append(HeaderName::from_static(name), HeaderValue::from_static(value));
                }
            }
            response
        }
        Answer::Silence => {
            watch.done = false;
            std::future::pending().await
        }
    }
}

fn whole(status: u16, kind: &'static str, text: String, watch: Watch) -> Response<Pieces> {
    let (sender, pieces) = mpsc::unbounded_channel();
    if !text.is_empty() {
        sender.send(Bytes::from(text)).unwrap();
    }
    response(status, kind, Pieces { pieces, torn: false, watch })
}

fn response(status: u16, kind: &'static str, body: Pieces) -> Response<Pieces> {
    Response::builder().status(status).header("content-type", kind).body(body).unwrap()
}

/// A body from a channel.
struct Pieces {
    pieces: mpsc::UnboundedReceiver<Bytes>,
    torn: bool,
    watch: Watch,
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let piece = ready!(self.pieces.poll_recv(cx));
        if piece.is_none() {
            self.watch.done = true;
        }
        Poll::Ready(match piece {
            None if self.torn => Some(Err(io::Error::other("torn"))),
            piece => piece.map(|bytes| Ok(Frame::data(bytes))),
        })
    }
}

/// Notes when an answer is dropped before it was complete.
struct Watch {
    state: Arc<Mutex<State>>,
    done: bool,
}

impl Drop for Watch {
    fn drop(&mut self) {
        if !self.done {
            self.state.lock().left += 1;
        }
    }
}
