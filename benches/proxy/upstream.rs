//! The MCP server behind everything that is measured: one tool, `echo`, in both protocol eras, answered as JSON.
//!
//! It does as little as a server may: it keeps no sessions and checks nothing, so that it is the smallest part of every figure.

use std::borrow::Cow;
use std::convert::Infallible;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context as _, Result};
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::load::{LEGACY, MODERN, SESSION};

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    method: Cow<'a, str>,
    #[serde(borrow, default)]
    params: Option<Params<'a>>,
}

#[derive(Deserialize, Default)]
struct Params<'a> {
    #[serde(borrow, default)]
    arguments: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "_meta")]
    meta: Option<Meta<'a>>,
}

#[derive(Deserialize)]
struct Meta<'a> {
    #[serde(borrow, rename = "io.modelcontextprotocol/protocolVersion")]
    version: Option<Cow<'a, str>>,
}

/// Serves on a free loopback port until it is killed.
/// Names sessions: each client has one of its own, as clients of real servers have.
static SESSIONS: AtomicU64 = AtomicU64::new(1);

pub(crate) async fn run() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await.context("failed to listen")?;
    crate::announce(&listener)?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(serve)));
    }
}

async fn serve(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    if request.method() == Method::DELETE {
        return Ok(empty(StatusCode::OK));
    }
    if request.method() != Method::POST {
        return Ok(empty(StatusCode::METHOD_NOT_ALLOWED));
    }
    let Ok(body) = request.into_body().collect().await else { return Ok(empty(StatusCode::BAD_REQUEST)) };
    Ok(answer(&body.to_bytes()).unwrap_or_else(|_| empty(StatusCode::BAD_REQUEST)))
}

fn answer(body: &[u8]) -> Result<Response<Full<Bytes>>> {
    let message: Message<'_> = serde_json::from_slice(body)?;
    let Some(id) = message.id.map(RawValue::get) else { return Ok(empty(StatusCode::ACCEPTED)) };
    let params = message.params.unwrap_or_default();
    let modern = params.meta.is_some_and(|meta| meta.version.as_deref() == Some(MODERN));
    let result = match message.method.as_ref() {
        "tools/call" => return echo(id, params.arguments, modern),
        "tools/list" => json!({"tools": [tool()]}),
        "initialize" => json!({"protocolVersion": LEGACY, "capabilities": {"tools": {}}, "serverInfo": server()}),
        "server/discover" => json!({"supportedVersions": [MODERN], "capabilities": {"tools": {}}, "serverInfo": server()}),
        "ping" => json!({}),
        _ => return respond(format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":-32601,"message":"unknown method"}}}}"#)),
    };
    let mut response = respond(format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{}}}"#, of_its_era(result, modern)))?;
    if message.method == "initialize" {
        response.headers_mut().insert(SESSION, HeaderValue::from(SESSIONS.fetch_add(1, Ordering::Relaxed)));
    }
    Ok(response)
}

/// The hot answer, written as text.
fn echo(id: &str, arguments: Option<&RawValue>, modern: bool) -> Result<Response<Full<Bytes>>> {
    let text = serde_json::to_string(arguments.map_or("{}", RawValue::get))?;
    let complete = if modern { r#""resultType":"complete","# } else { "" };
    respond(format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{{complete}"content":[{{"type":"text","text":{text}}}]}}}}"#))
}

fn of_its_era(mut result: Value, modern: bool) -> Value {
    if let (true, Some(result)) = (modern, result.as_object_mut()) {
        result.extend([
            ("resultType".to_owned(), json!("complete")),
            ("ttlMs".to_owned(), json!(0)),
            ("cacheScope".to_owned(), json!("private")),
        ]);
    }
    result
}

fn server() -> Value {
    json!({"name": "bench", "version": "1"})
}

fn tool() -> Value {
    json!({
        "name": "echo",
        "description": "Says what it was told.",
        "inputSchema": {
            "type": "object",
            "properties": {"message": {"type": "string"}, "amount": {"type": "integer"}},
            "required": ["message", "amount"],
            "additionalProperties": false
        },
        "annotations": {"readOnlyHint": true, "openWorldHint": false}
    })
}

fn respond(body: String) -> Result<Response<Full<Bytes>>> {
    Ok(Response::builder().header(header::CONTENT_TYPE, "application/json").body(Full::from(body))?)
}

fn empty(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}
