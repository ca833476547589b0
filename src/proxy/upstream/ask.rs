//! Asking a server for its tools, in the sidecar's own name: without a session where the server allows that, else in a short
//! session of its own.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Response, header};
use http_body_util::BodyExt;
use hyper::body::Incoming;

use super::child::{Exchange, Incoming as FromChild, Key, Pool, Request};
use super::own::{self, LIMITS, PATIENCE, Pages, answers};
use super::{HttpUpstream, Upstream, is_event_stream};
use crate::domain::{Actor, AgentId, Caller, ToolDefinition};
use crate::mcp::{Era, Kind, Message, RawId, reply, sse, version};
use crate::proxy::cleared::Cleared;
use crate::proxy::collect::collect;
use crate::proxy::learner::AskTools;

impl AskTools for Upstream {
    async fn ask_tools(&mut self) -> Option<Vec<ToolDefinition>> {
        let asked = async {
            match self {
                Self::Http(server) => over_http(server).await,
                Self::Child(pool) => over_child(pool).await,
            }
        };
        tokio::time::timeout(PATIENCE * 3, asked).await.ok().flatten()
    }
}

async fn over_http(server: &HttpUpstream) -> Option<Vec<ToolDefinition>> {
    match pages_http(server, Era::Modern, || modern_headers("tools/list")).await {
        Some(tools) => Some(tools),
        None => over_http_session(server).await,
    }
}

async fn over_http_session(server: &HttpUpstream) -> Option<Vec<ToolDefinition>> {
    let hello = own::initialize();
    let (head, welcome) = question_http(server, &hello.id, hello.body, headers(None, None)).await?;
    let session = head.get("mcp-session-id").cloned();
    let version = own::negotiated_version(&welcome)?;
    let headers = || headers(session.as_ref(), Some(&version));
    tell_http(server, reply::initialized(), headers()).await?;
    let tools = pages_http(server, Era::Legacy, headers).await;
    if session.is_some() {
        // A server that does not end sessions on request forgets this one by itself.
        let _ = server.bare(Method::DELETE, headers()).await;
    }
    tools
}

async fn pages_http(server: &HttpUpstream, era: Era, headers: impl Fn() -> HeaderMap) -> Option<Vec<ToolDefinition>> {
    let mut pages = Pages::default();
    loop {
        let question = own::tools_list(era, pages.cursor());
        let (_, page) = question_http(server, &question.id, question.body, headers()).await?;
        if let Some(tools) = pages.turn(&page).ok()? {
            return Some(tools);
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

async fn tell_http(server: &HttpUpstream, body: Bytes, headers: HeaderMap) -> Option<()> {
    let response = server.post(Cleared::own(body), headers).await.ok()?;
    response.status().is_success().then_some(())
}

/// Asks one question and reads on until it is answered; `None` for an error of any kind.
async fn question_http(server: &HttpUpstream, id: &RawId, body: Bytes, headers: HeaderMap) -> Option<(HeaderMap, Message)> {
    let asked = async {
        let response = server.post(Cleared::own(body), headers).await.ok()?;
        if !response.status().is_success() {
            return None;
        }
        let head = response.headers().clone();
        let message = answer_http(id, response).await?;
        matches!(message.kind(), Kind::Response { is_error: false, .. }).then_some((head, message))
    };
    tokio::time::timeout(PATIENCE, asked).await.ok().flatten()
}

async fn answer_http(id: &RawId, response: Response<Incoming>) -> Option<Message> {
    let events = is_event_stream(response.headers());
    let mut body = response.into_body();
    if !events {
        let body = collect(body, LIMITS.max_bytes, PATIENCE).await.ok()?;
        return answers(id, &body);
    }
    let mut framer = sse::Framer::new(LIMITS.max_bytes);
    loop {
        let piece = body.frame().await?.ok()?.into_data().ok()?;
        for event in framer.push(piece).ok()? {
            if let Some(message) = event.data.as_ref().and_then(|data| answers(id, data)) {
                return Some(message);
            }
        }
    }
}

async fn over_child(pool: &Pool) -> Option<Vec<ToolDefinition>> {
    match over_shared_child(pool).await {
        Some(tools) => Some(tools),
        None => over_child_session(pool).await,
    }
}

async fn over_shared_child(pool: &Pool) -> Option<Vec<ToolDefinition>> {
    let mut pages = Pages::default();
    loop {
        let question = own::tools_list(Era::Modern, pages.cursor());
        let exchange = pool.shared(request(&question.id, question.body)?).await.ok()?;
        if let Some(tools) = pages.turn(&answer_child(&question.id, exchange).await?).ok()? {
            return Some(tools);
        }
    }
}

async fn over_child_session(pool: &Pool) -> Option<Vec<ToolDefinition>> {
    let (session, _unsolicited) = pool.dedicated().ok()?;
    let hello = own::initialize();
    let exchange = session.open(request(&hello.id, hello.body)?).await.ok()?;
    answer_child(&hello.id, exchange).await?;
    session.send(reply::initialized()).await.ok()?;
    let mut pages = Pages::default();
    loop {
        let question = own::tools_list(Era::Legacy, pages.cursor());
        let exchange = session.open(request(&question.id, question.body)?).await.ok()?;
        if let Some(tools) = pages.turn(&answer_child(&question.id, exchange).await?).ok()? {
            return Some(tools);
        }
    }
}

/// A request in the sidecar's own name, which is nobody's agent: callers are compared, and this one is equal to none of them.
fn request(id: &RawId, line: Bytes) -> Option<Request> {
    let caller = Caller::new(AgentId::new("cedarpost"), Actor::Unattended);
    Some(Request { id: Key::parse(id.as_json())?, progress_token: None, caller, line })
}

async fn answer_child(id: &RawId, mut exchange: Exchange) -> Option<Message> {
    let heard = async {
        loop {
            match exchange.next().await? {
                FromChild::Message(_) => {}
                FromChild::Response(line) => {
                    let message = answers(id, &line)?;
                    return matches!(message.kind(), Kind::Response { is_error: false, .. }).then_some(message);
                }
                FromChild::Gone | FromChild::Overrun => return None,
            }
        }
    };
    tokio::time::timeout(PATIENCE, heard).await.ok().flatten()
}
