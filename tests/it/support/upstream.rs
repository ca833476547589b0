//! A server without scruples: it runs everything that it can read in any way, and remembers every request, byte by byte.
//!
//! It believes the last of two equal keys, runs batches and notifications, and checks neither session, header nor type. What it has
//! not seen, no server has seen; what reached it, some server would have run.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::net::{TcpListener, UnixListener};
use tokio::task::{JoinHandle, JoinSet};

use super::{LEGACY, MODERN};

/// How a list is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    Json,
    /// One event of one `data:` line.
    Sse,
    /// One event whose data is split over several lines.
    SseSplit,
    /// Line ends are carriage returns alone.
    SseCarriageReturn,
    /// A comment, an empty event and a notification come before the list, and the fields stand in an unusual order.
    SseCrowded,
    /// Plain JSON that is called an event stream.
    JsonCalledSse,
    /// An event stream that is called JSON.
    SseCalledJson,
    /// Plain JSON that is called text.
    JsonCalledText,
    /// Plain JSON without any type.
    JsonCalledNothing,
    /// Every tool on a page of its own.
    Paged,
}

impl Framing {
    pub(crate) const ALL: [Self; 10] = [
        Self::Json,
        Self::Sse,
        Self::SseSplit,
        Self::SseCarriageReturn,
        Self::SseCrowded,
        Self::JsonCalledSse,
        Self::SseCalledJson,
        Self::JsonCalledText,
        Self::JsonCalledNothing,
        Self::Paged,
    ];
}

/// One request that arrived.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) method: Method,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

struct State {
    seen: Vec<Seen>,
    framing: Framing,
    sessions: u64,
}

/// The running server.
pub(crate) struct Upstream {
    pub(crate) address: SocketAddr,
    state: Arc<Mutex<State>>,
    server: JoinHandle<()>,
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Upstream {
    pub(crate) async fn start() -> Self {
        Self::start_at(SocketAddr::from(([127, 0, 0, 1], 0))).await
    }

    pub(crate) async fn start_at(address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        Self::over(address, Ear::Tcp(listener))
    }

    /// On a unix socket; `address` says nothing then.
    pub(crate) fn start_on(socket: &Path) -> Self {
        Self::over(SocketAddr::from(([0, 0, 0, 0], 0)), Ear::Unix(UnixListener::bind(socket).unwrap()))
    }

    fn over(address: SocketAddr, ear: Ear) -> Self {
        let state = Arc::new(Mutex::new(State { seen: Vec::new(), framing: Framing::Json, sessions: 0 }));
        let server = tokio::spawn(serve(ear, Arc::clone(&state)));
        Self { address, state, server }
    }

    /// Ends it with all its connections, and waits for that.
    pub(crate) async fn stop(mut self) {
        self.server.abort();
        let _ = (&mut self.server).await;
    }

    /// Answers lists in this way from now on.
    pub(crate) fn frame_lists(&self, framing: Framing) {
        self.state.lock().framing = framing;
    }

    /// How many requests have arrived.
    pub(crate) fn count(&self) -> usize {
        self.state.lock().seen.len()
    }

    /// The requests that arrived after the first `count`.
    pub(crate) fn seen_since(&self, count: usize) -> Vec<Seen> {
        self.state.lock().seen.iter().skip(count).cloned().collect()
    }
}

/// What it listens on.
enum Ear {
    Tcp(TcpListener),
    Unix(UnixListener),
}

async fn serve(ear: Ear, state: Arc<Mutex<State>>) {
    // The connections end with the server.
    let mut connections = JoinSet::new();
    loop {
        let state = Arc::clone(&state);
        let service = service_fn(move |request| answer(request, Arc::clone(&state)));
        match &ear {
            Ear::Tcp(listener) => {
                let Ok((stream, _)) = listener.accept().await else { return };
                connections.spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
            Ear::Unix(listener) => {
                let Ok((stream, _)) = listener.accept().await else { return };
                connections.spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        }
    }
}

async fn answer(request: Request<Incoming>, state: Arc<Mutex<State>>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let mut state = state.lock();
    state.seen.push(Seen { method: parts.method.clone(), headers: parts.headers, body: body.clone() });
    if parts.method == Method::GET {
        // A resumed stream that brings an answer the client has been waiting for.
        let list = json!({"jsonrpc": "2.0", "id": "wire-resumed", "result": {"tools": tools()}});
        return Ok(respond("text/event-stream", format!("id: 7\ndata: {list}\n\n")));
    }
    let message: Value = serde_json::from_slice(&body).unwrap_or_default();
    if let Value::Array(batch) = &message {
        let answers: Vec<Value> = batch.iter().map(|message| envelope(message, Framing::Json)).collect();
        return Ok(respond("application/json", Value::from(answers).to_string()));
    }
    if message["id"].is_null() {
        let mut response = respond("application/json", String::new());
        *response.status_mut() = StatusCode::ACCEPTED;
        return Ok(response);
    }
    let framing = if message["method"] == "tools/list" { state.framing } else { Framing::Json };
    let mut response = framed(framing, &envelope(&message, framing));
    if message["method"] == "initialize" {
        state.sessions += 1;
        response.headers_mut().insert("mcp-session-id", format!("session-{}", state.sessions).parse().unwrap());
    }
    Ok(response)
}

pub(super) fn envelope(message: &Value, framing: Framing) -> Value {
    json!({"jsonrpc": "2.0", "id": message["id"], "result": result(message, framing)})
}

fn result(message: &Value, framing: Framing) -> Value {
    let params = &message["params"];
    let server = json!({"name": "lab", "version": "1"});
    let capabilities = json!({"tools": {"listChanged": true}});
    let mut result = match message["method"].as_str().unwrap_or_default() {
        "initialize" => return json!({"protocolVersion": LEGACY, "capabilities": capabilities, "serverInfo": server}),
        "server/discover" => json!({"supportedVersions": [MODERN], "capabilities": capabilities, "serverInfo": server}),
        "tools/list" if framing == Framing::Paged && params["cursor"].is_null() => {
            json!({"tools": [tools()[0]], "nextCursor": "page-2"})
        }
        "tools/list" if framing == Framing::Paged => json!({"tools": [tools()[1]]}),
        "tools/list" => json!({"tools": tools()}),
        _ => json!({"content": [{"type": "text", "text": format!("done: {params}")}]}),
    };
    if !params["_meta"]["io.modelcontextprotocol/protocolVersion"].is_null() {
        result["resultType"] = json!("complete");
        result["ttlMs"] = json!(86_400_000);
        result["cacheScope"] = json!("public");
    }
    result
}

fn tools() -> Value {
    let schema = json!({"type": "object", "properties": {"message": {"type": "string"}}});
    json!([
        {"name": "echo", "description": "Says it again.", "inputSchema": schema},
        {"name": "destroy", "description": "Removes everything.", "inputSchema": schema}
    ])
}

fn framed(framing: Framing, message: &Value) -> Response<Full<Bytes>> {
    let pretty = serde_json::to_string_pretty(message).unwrap_or_default();
    let lines = |end: &str| pretty.lines().map(|line| format!("data: {line}{end}")).collect::<String>();
    match framing {
        Framing::Json | Framing::Paged => respond("application/json", message.to_string()),
        Framing::Sse => respond("text/event-stream", format!("event: message\nid: 1\ndata: {message}\n\n")),
        Framing::SseSplit => respond("text/event-stream", format!("{}\n", lines("\n"))),
        Framing::SseCarriageReturn => respond("text/event-stream", format!("{}\r", lines("\r"))),
        Framing::SseCrowded => {
            let note = r#"{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}"#;
            respond(
                "text/event-stream",
                format!(": hello\n\nid: 0\ndata:\n\ndata: {note}\n\ndata:{message}\nid: 1\nevent: message\n\n"),
            )
        }
        Framing::JsonCalledSse => respond("text/event-stream", message.to_string()),
        Framing::SseCalledJson => respond("application/json", format!("data: {message}\n\n")),
        Framing::JsonCalledText => respond("text/plain", message.to_string()),
        Framing::JsonCalledNothing => Response::new(Full::from(message.to_string())),
    }
}

fn respond(kind: &str, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(body));
    response.headers_mut().insert("content-type", kind.parse().unwrap());
    response
}
