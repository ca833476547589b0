//! A closed-loop load generator: every client has its own connection, one call in flight, and believes no answer it has not read.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use clap::ValueEnum;
use http::{HeaderValue, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// The stateful protocol version that is measured.
pub(crate) const LEGACY: &str = "2025-11-25";
/// The stateless protocol version that is measured.
pub(crate) const MODERN: &str = "2026-07-28";
/// The header that carries the session of a stateful client.
pub(crate) const SESSION: &str = "mcp-session-id";

const ANSWER_DEADLINE: Duration = Duration::from_secs(10);

/// Which generation of the protocol the clients speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Era {
    /// 2025-11-25, with a session.
    Legacy,
    /// 2026-07-28, without.
    Modern,
}

/// Where to, and how.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    pub(crate) path: &'static str,
    pub(crate) era: Era,
}

/// How much, and for how long.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) clients: usize,
    /// Time before anything counts.
    pub(crate) warmup: Duration,
    /// Time that counts.
    pub(crate) measured: Duration,
}

/// What a run showed: the latency of every call that began after the warm-up, in nanoseconds, in ascending order.
pub(crate) struct Run {
    pub(crate) latencies: Vec<u64>,
}

/// Loads the target. The meter is read when the warm-up ends and when the measured time ends; the difference is returned too.
pub(crate) async fn run(target: &Target, shape: Shape, meter: impl Fn() -> Result<Duration>) -> Result<(Run, Duration)> {
    let mut clients = JoinSet::new();
    let mut ready = Vec::with_capacity(shape.clients);
    for _ in 0..shape.clients {
        ready.push(Client::connect(target).await?);
    }
    let begin = Instant::now() + shape.warmup;
    let end = begin + shape.measured;
    for client in ready {
        clients.spawn(client.call_until(begin, end));
    }
    tokio::time::sleep_until(begin.into()).await;
    let before = meter()?;
    tokio::time::sleep_until(end.into()).await;
    let used = meter()?.saturating_sub(before);
    let mut latencies = Vec::new();
    while let Some(client) = clients.join_next().await {
        latencies.extend(client??);
    }
    latencies.sort_unstable();
    ensure!(!latencies.is_empty(), "not one call was answered in time");
    Ok((Run { latencies }, used))
}

/// One exchange from nothing: connect, shake hands, call once.
pub(crate) async fn first_answer(target: &Target) -> Result<()> {
    Client::connect(target).await?.call().await
}

struct Client {
    sender: SendRequest<Full<Bytes>>,
    target: Target,
    host: HeaderValue,
    session: Option<HeaderValue>,
    calls: u64,
}

#[derive(Deserialize)]
struct Answer {
    id: u64,
    result: Option<Outcome>,
}

#[derive(Deserialize)]
struct Outcome {
    #[serde(default, rename = "isError")]
    is_error: bool,
}

impl Client {
    async fn connect(target: &Target) -> Result<Self> {
        let stream = TcpStream::connect(target.address).await.context("failed to connect")?;
        stream.set_nodelay(true)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        let host = HeaderValue::from_str(&target.address.to_string())?;
        let mut client = Self { sender, target: target.clone(), host, session: None, calls: 0 };
        client.list_tools_once().await?;
        Ok(client)
    }

    /// What a client does before its first call: open a session where there is one, and ask for the tools.
    async fn list_tools_once(&mut self) -> Result<()> {
        if self.target.era == Era::Legacy {
            let hello = format!(
                r#"{{"jsonrpc":"2.0","id":0,"method":"initialize","params":{{"protocolVersion":"{LEGACY}","capabilities":{{}},"clientInfo":{{"name":"bench","version":"1"}}}}}}"#
            );
            self.post("initialize", None, hello).await?;
            let done = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
            self.post("notifications/initialized", None, done.to_owned()).await?;
        }
        let params = format!("{{{}}}", self.meta());
        self.post("tools/list", None, format!(r#"{{"jsonrpc":"2.0","id":0,"method":"tools/list","params":{params}}}"#)).await?;
        Ok(())
    }

    async fn call_until(mut self, begin: Instant, end: Instant) -> Result<Vec<u64>> {
        let mut latencies = Vec::new();
        loop {
            let sent = Instant::now();
            if sent >= end {
                return Ok(latencies);
            }
            self.call().await?;
            let answered = Instant::now();
            if sent >= begin && answered <= end {
                latencies.push(u64::try_from((answered - sent).as_nanos())?);
            }
        }
    }

    /// One `tools/call`. Anything but its own good answer is an error: nobody needs to know how fast wrong answers are.
    async fn call(&mut self) -> Result<()> {
        self.calls += 1;
        let (id, meta) = (self.calls, self.meta());
        let comma = if meta.is_empty() { "" } else { "," };
        let body = format!(
            r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"echo","arguments":{{"message":"hello {id}","amount":{}}}{comma}{meta}}}}}"#,
            id % 1000
        );
        let answer = self.post("tools/call", Some("echo"), body).await?;
        let parsed: Answer =
            serde_json::from_slice(&answer).with_context(|| format!("no answer: {}", String::from_utf8_lossy(&answer)))?;
        let good = parsed.id == id && parsed.result.is_some_and(|outcome| !outcome.is_error);
        ensure!(good, "call {id} was answered with {}", String::from_utf8_lossy(&answer));
        Ok(())
    }

    async fn post(&mut self, method: &'static str, name: Option<&'static str>, body: String) -> Result<Bytes> {
        let mut request = Request::post(self.target.path)
            .header(header::HOST, &self.host)
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::ACCEPT, "application/json, text/event-stream");
        if self.target.era == Era::Modern {
            request = request.header("mcp-protocol-version", MODERN).header("mcp-method", method);
            request = name.into_iter().fold(request, |request, name| request.header("mcp-name", name));
        } else if let Some(session) = &self.session {
            request = request.header("mcp-protocol-version", LEGACY).header(SESSION, session);
        }
        self.sender.ready().await?;
        let sending = self.sender.send_request(request.body(Full::from(body))?);
        let response = tokio::time::timeout(ANSWER_DEADLINE, sending).await.context("no answer in time")??;
        if !matches!(response.status(), StatusCode::OK | StatusCode::ACCEPTED) {
            bail!("{method} was answered with {}", response.status());
        }
        if method == "initialize" {
            self.session = response.headers().get(SESSION).cloned();
        }
        let body = tokio::time::timeout(ANSWER_DEADLINE, response.into_body().collect()).await;
        Ok(body.context("half an answer in time")??.to_bytes())
    }

    /// The `_meta` member that a stateless client puts into every request.
    fn meta(&self) -> String {
        match self.target.era {
            Era::Legacy => String::new(),
            Era::Modern => format!(
                r#""_meta":{{"io.modelcontextprotocol/protocolVersion":"{MODERN}","io.modelcontextprotocol/clientInfo":{{"name":"bench","version":"1"}},"io.modelcontextprotocol/clientCapabilities":{{}}}}"#
            ),
        }
    }
}
