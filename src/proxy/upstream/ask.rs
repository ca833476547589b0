//! Asking a server for its tools, in the sidecar's own name: without a session where the server allows that, else in a short
//! session of its own.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::time::{sleep, timeout};

use super::child::{Exchange, Failure, Incoming as FromChild, Key, OpenError, Pool, Request, SendError, SpawnError, Unavailable};
use super::own::{self, LIMITS, Listed, PATIENCE, Pages, Unlisted, answers};
use super::{HttpUpstream, Upstream, UpstreamError, UpstreamSettings, Whose, is_event_stream};
use crate::clock::Clock;
use crate::domain::{Actor, AgentId, Caller, ToolDefinition};
use crate::lifecycle::Stop;
use crate::mcp::{Era, Kind, Message, RawId, reply, sse, version};
use crate::proxy::cleared::Cleared;
use crate::proxy::collect::{Incomplete, collect};
use crate::proxy::learner::AskTools;

/// Why a server does not tell its tools.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// It cannot be reached or started, or went away.
    #[error(transparent)]
    Upstream(#[from] UpstreamError),
    /// There is no such program, or it cannot be run.
    #[error(transparent)]
    NotStarted(Arc<SpawnError>),
    /// Its process ended before it answered.
    #[error("the server's process ended before it answered ({0})")]
    Ended(Failure),
    /// It answers HTTP, but not this.
    #[error("the server answers with HTTP status {0}")]
    Status(StatusCode),
    /// It answers with an error, in these words of its own.
    #[error("the server answers with an error: {0}")]
    Refused(String),
    /// It answers, but does not speak MCP.
    #[error("what the server answers is not MCP")]
    NotMcp,
    /// It speaks MCP in no version that we know.
    #[error("the server speaks no version of MCP that is known here")]
    Version,
    /// Its list is none, or has no end.
    #[error(transparent)]
    Unlisted(#[from] Unlisted),
    /// The time is up.
    #[error("the server did not answer within {} s", .0.as_secs_f64())]
    Silent(Duration),
    /// We were told to stop.
    #[error("stopped before the server answered")]
    Stopped,
}

impl From<OpenError> for AskError {
    fn from(error: OpenError) -> Self {
        UpstreamError::NoProcess(error).into()
    }
}

impl From<SendError> for AskError {
    fn from(error: SendError) -> Self {
        UpstreamError::NotTaken(error).into()
    }
}

/// Asks a server that nothing else is done with for all its tools: connects or starts it, and ends what was started.
///
/// # Errors
///
/// When it does not give a list of tools `within` this time, or before the stop.
///
/// # Cancel safety
///
/// Dropped before it is done, the server's process is killed.
pub async fn list_tools(settings: UpstreamSettings, within: Duration, stop: &Stop) -> Result<Listed, AskError> {
    let server = Upstream::new(settings, &super::child::Metrics::default(), &Clock::System, stop)?;
    let asked = tokio::select! {
        asked = server.list(within) => asked,
        () = stop.wait() => Err(AskError::Stopped),
    };
    let listed = match (asked, &server) {
        (Err(AskError::Upstream(error)), Upstream::Child(pool)) => Err(why_no_process(pool, error).await),
        (asked, _) => asked,
    };
    server.close().await;
    listed
}

/// What became of the process that was to answer.
async fn why_no_process(pool: &Pool, error: UpstreamError) -> AskError {
    match error {
        UpstreamError::NoProcess(OpenError::Unavailable(Unavailable::Down { last: Failure::Start(error), .. })) => {
            AskError::NotStarted(error)
        }
        UpstreamError::NoProcess(OpenError::Unavailable(Unavailable::Down { last, .. })) => AskError::Ended(last),
        UpstreamError::Ended | UpstreamError::NotTaken(_) | UpstreamError::NoProcess(OpenError::Send(_)) => {
            how_it_ended(pool, error).await
        }
        error => error.into(),
    }
}

/// The pipes of a process close a moment before the system says how it ended.
async fn how_it_ended(pool: &Pool, error: UpstreamError) -> AskError {
    for _ in 0..20 {
        if let Some(failure) = pool.last_failure() {
            return AskError::Ended(failure);
        }
        sleep(Duration::from_millis(25)).await;
    }
    error.into()
}

impl AskTools for Upstream {
    async fn ask_tools(&mut self) -> Option<Vec<ToolDefinition>> {
        match self.list(PATIENCE * 3).await {
            Ok(listed) => Some(listed.tools),
            Err(error) => {
                tracing::debug!(error = &error as &dyn std::error::Error, "asked for the server's tools in vain");
                None
            }
        }
    }
}

impl Upstream {
    /// The whole list of tools. A third of the time is for a first try without a session: there are servers that never answer one.
    async fn list(&self, within: Duration) -> Result<Listed, AskError> {
        let asked = async {
            match self {
                Self::Http(server) => over_http(server, within).await,
                Self::Child(pool) => over_child(pool, within).await,
            }
        };
        timeout(within, asked).await.unwrap_or(Err(AskError::Silent(within)))
    }
}

async fn over_http(server: &HttpUpstream, within: Duration) -> Result<Listed, AskError> {
    match pages_http(server, Era::Modern, within / 3, || modern_headers("tools/list")).await {
        Ok(listed) => Ok(listed),
        Err(unreachable @ AskError::Upstream(UpstreamError::Unreachable(_) | UpstreamError::NoCredential(_))) => Err(unreachable),
        Err(_) => over_http_session(server, within).await,
    }
}

async fn over_http_session(server: &HttpUpstream, within: Duration) -> Result<Listed, AskError> {
    let hello = own::initialize();
    let (head, welcome) = question_http(server, &hello.id, hello.body, headers(None, None), within).await?;
    let session = head.get("mcp-session-id").cloned();
    let version = own::negotiated_version(&welcome).ok_or(AskError::Version)?;
    let headers = || headers(session.as_ref(), Some(&version));
    tell_http(server, reply::initialized(), headers()).await?;
    let tools = pages_http(server, Era::Legacy, within, headers).await;
    if session.is_some() {
        // A server that does not end sessions on request forgets this one by itself.
        let _ = server.bare(Method::DELETE, headers(), Whose::Ours).await;
    }
    tools
}

async fn pages_http(
    server: &HttpUpstream,
    era: Era,
    patience: Duration,
    headers: impl Fn() -> HeaderMap,
) -> Result<Listed, AskError> {
    let mut pages = Pages::default();
    loop {
        let question = own::tools_list(era, pages.cursor());
        let (_, page) = question_http(server, &question.id, question.body, headers(), patience).await?;
        if let Some(listed) = pages.turn(&page)? {
            return Ok(listed);
        }
    }
}

fn headers(session: Option<&HeaderValue>, version: Option<&str>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::ACCEPT, HeaderValue::from_static("application/json, text/event-stream"));
    if let Some(session) = session {
        headers.insert("mcp-session-id", session.clone());
    }
    if let Some(version) = version.and_then(|version| HeaderValue::from_str(version).ok()) {
        headers.insert("mcp-protocol-version", version);
    }
    headers
}

fn modern_headers(method: &'static str) -> HeaderMap {
    let mut headers = headers(None, Some(version::MODERN));
    headers.insert("mcp-method", HeaderValue::from_static(method));
    headers
}

async fn tell_http(server: &HttpUpstream, body: Bytes, headers: HeaderMap) -> Result<(), AskError> {
    let response = server.post(Cleared::own(body), headers, Whose::Ours).await?;
    if response.status().is_success() { Ok(()) } else { Err(AskError::Status(response.status())) }
}

/// Asks one question and reads on until it is answered with a result.
async fn question_http(
    server: &HttpUpstream,
    id: &RawId,
    body: Bytes,
    headers: HeaderMap,
    patience: Duration,
) -> Result<(HeaderMap, Message), AskError> {
    let asked = async {
        let response = server.post(Cleared::own(body), headers, Whose::Ours).await?;
        if !response.status().is_success() {
            return Err(AskError::Status(response.status()));
        }
        let head = response.headers().clone();
        Ok((head, result(answer_http(id, response, patience).await?)?))
    };
    timeout(patience, asked).await.unwrap_or(Err(AskError::Silent(patience)))
}

async fn answer_http(id: &RawId, response: Response<Incoming>, patience: Duration) -> Result<Message, AskError> {
    let events = is_event_stream(response.headers());
    let mut body = response.into_body();
    if !events {
        let body = collect(body, LIMITS.max_bytes, patience).await.map_err(|incomplete| match incomplete {
            Incomplete::TooSlow => AskError::Silent(patience),
            Incomplete::TooLarge | Incomplete::Broken => AskError::NotMcp,
        })?;
        return answers(id, &body).ok_or(AskError::NotMcp);
    }
    let mut framer = sse::Framer::new(LIMITS.max_bytes);
    while let Some(frame) = body.frame().await {
        let piece = frame.ok().and_then(|frame| frame.into_data().ok()).ok_or(AskError::NotMcp)?;
        for event in framer.push(piece).map_err(|_| AskError::NotMcp)? {
            if let Some(message) = event.data.as_ref().and_then(|data| answers(id, data)) {
                return Ok(message);
            }
        }
    }
    Err(AskError::NotMcp)
}

/// The answer if it is a result, else what the server says about its error.
fn result(answer: Message) -> Result<Message, AskError> {
    match answer.kind() {
        Kind::Response { is_error: false, .. } => Ok(answer),
        Kind::Response { .. } => Err(AskError::Refused(own::error_message(&answer))),
        _ => Err(AskError::NotMcp),
    }
}

async fn over_child(pool: &Pool, within: Duration) -> Result<Listed, AskError> {
    match over_shared_child(pool, within / 3).await {
        Ok(listed) => Ok(listed),
        Err(no_process @ AskError::Upstream(UpstreamError::NoProcess(OpenError::Unavailable(_)))) => Err(no_process),
        Err(_) => over_child_session(pool, within).await,
    }
}

async fn over_shared_child(pool: &Pool, patience: Duration) -> Result<Listed, AskError> {
    let mut pages = Pages::default();
    loop {
        let question = own::tools_list(Era::Modern, pages.cursor());
        let exchange = pool.shared(request(&question.id, question.body)?).await?;
        if let Some(listed) = pages.turn(&answer_child(&question.id, exchange, patience).await?)? {
            return Ok(listed);
        }
    }
}

async fn over_child_session(pool: &Pool, patience: Duration) -> Result<Listed, AskError> {
    let started = match pool.dedicated() {
        // There are servers that end when their first message is not `initialize`: they get the chance to hear it.
        Err(Unavailable::Down { retry_in, last: Failure::Exit(_), .. }) => {
            sleep(retry_in).await;
            pool.dedicated()
        }
        started => started,
    };
    let (session, _unsolicited) = started.map_err(OpenError::from)?;
    let hello = own::initialize();
    let exchange = session.open(request(&hello.id, hello.body)?).await?;
    answer_child(&hello.id, exchange, patience).await?;
    session.send(reply::initialized()).await?;
    let mut pages = Pages::default();
    loop {
        let question = own::tools_list(Era::Legacy, pages.cursor());
        let exchange = session.open(request(&question.id, question.body)?).await?;
        if let Some(listed) = pages.turn(&answer_child(&question.id, exchange, patience).await?)? {
            return Ok(listed);
        }
    }
}

/// A request in the sidecar's own name, which is nobody's agent: callers are compared, and this one is equal to none of them.
fn request(id: &RawId, line: Bytes) -> Result<Request, AskError> {
    let caller = Caller::new(AgentId::new("cedarpost"), Actor::Unattended);
    let id = Key::parse(id.as_json()).ok_or(UpstreamError::NoProcess(OpenError::InUse))?;
    Ok(Request { id, progress_token: None, caller, line })
}

async fn answer_child(id: &RawId, mut exchange: Exchange, patience: Duration) -> Result<Message, AskError> {
    let heard = async {
        loop {
            match exchange.next().await {
                Some(FromChild::Message(_)) => {}
                Some(FromChild::Response(line)) => return result(answers(id, &line).ok_or(AskError::NotMcp)?),
                Some(FromChild::Overrun) => return Err(UpstreamError::Overrun.into()),
                Some(FromChild::Gone) | None => return Err(UpstreamError::Ended.into()),
            }
        }
    };
    timeout(patience, heard).await.unwrap_or(Err(AskError::Silent(patience)))
}
