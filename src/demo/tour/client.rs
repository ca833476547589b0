//! A small MCP client for the stateless revision (2026-07-28): one POST a request, one JSON answer.

use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{Request, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};

use super::TourError;

const VERSION: &str = "2026-07-28";
/// Where the sidecar puts what a program wants to know about its decision.
const DECISION: &str = "dev.cedarpost/decision";
/// Answers above this many bytes are not read.
const MAX_ANSWER: usize = 1 << 20;
/// How long one request may take.
const DEADLINE: Duration = Duration::from_secs(10);

/// What a tool call came back with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ToolAnswer {
    /// The text of the answer.
    pub(super) text: String,
    /// Whether the tool, or the sidecar in its place, says no.
    pub(super) is_error: bool,
    /// The id of the decision, when the sidecar answered.
    pub(super) decision: Option<String>,
}

/// Calls one MCP server.
#[derive(Debug, Clone)]
pub(super) struct Client {
    url: Uri,
    http: HttpClient<HttpConnector, Full<Bytes>>,
}

impl Client {
    pub(super) fn new(url: Uri) -> Self {
        Self { url, http: HttpClient::builder(TokioExecutor::new()).build_http() }
    }

    /// The names of the tools that the server lists.
    pub(super) async fn tools(&self) -> Result<Vec<String>, TourError> {
        let result = self.request("tools/list", None, json!({})).await?;
        let tools = result.get("tools").and_then(Value::as_array);
        let name = |tool: &Value| Some(tool.get("name")?.as_str()?.to_owned());
        let names = tools.and_then(|tools| tools.iter().map(name).collect::<Option<Vec<_>>>());
        names.ok_or_else(|| self.no_answer("tools/list", format!("the result is `{result}`")))
    }

    /// Calls a tool.
    pub(super) async fn call(&self, tool: &str, arguments: &Value) -> Result<ToolAnswer, TourError> {
        let params = json!({ "name": tool, "arguments": arguments });
        let result = self.request("tools/call", Some(tool), params).await?;
        let text = result.pointer("/content/0/text").and_then(Value::as_str);
        let text = text.ok_or_else(|| self.no_answer("tools/call", format!("the result is `{result}`")))?;
        let decision = result.get("_meta").and_then(|meta| meta.get(DECISION)?.get("id")?.as_str());
        Ok(ToolAnswer {
            text: text.to_owned(),
            is_error: result.get("isError").and_then(Value::as_bool).unwrap_or(false),
            decision: decision.map(str::to_owned),
        })
    }

    /// One request, and the `result` of its answer.
    async fn request(&self, method: &'static str, name: Option<&str>, mut params: Value) -> Result<Value, TourError> {
        if let Some(params) = params.as_object_mut() {
            params.insert("_meta".to_owned(), envelope());
        }
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }).to_string();
        let exchange = self.exchange(method, name, body);
        let answer = match tokio::time::timeout(DEADLINE, exchange).await {
            Ok(answer) => answer.map_err(|problem| self.no_answer(method, problem))?,
            Err(_) => return Err(self.no_answer(method, format!("nothing came within {DEADLINE:?}"))),
        };
        let message: Value =
            serde_json::from_slice(&answer).map_err(|error| self.no_answer(method, format!("the body is not JSON: {error}")))?;
        message.get("result").cloned().ok_or_else(|| self.no_answer(method, format!("the message is `{message}`")))
    }

    async fn exchange(&self, method: &str, name: Option<&str>, body: String) -> Result<Bytes, String> {
        let mut request = Request::post(self.url.clone())
            .header(CONTENT_TYPE, "application/json")
            .header(ACCEPT, "application/json, text/event-stream")
            .header("mcp-protocol-version", VERSION)
            .header("mcp-method", method);
        if let Some(name) = name {
            request = request.header("mcp-name", name);
        }
        let request = request.body(Full::new(Bytes::from(body))).map_err(|error| error.to_string())?;
        let response = self.http.request(request).await.map_err(|error| chain(&error))?;
        let body = Limited::new(response.into_body(), MAX_ANSWER).collect().await.map_err(|error| error.to_string())?;
        Ok(body.to_bytes())
    }

    fn no_answer(&self, method: &'static str, problem: String) -> TourError {
        TourError::NoAnswer { url: self.url.to_string(), method, problem }
    }
}

/// What every request of this revision says about its sender.
fn envelope() -> Value {
    json!({
        "io.modelcontextprotocol/protocolVersion": VERSION,
        "io.modelcontextprotocol/clientInfo": { "name": "cedarpost-tour", "version": env!("CARGO_PKG_VERSION") },
        "io.modelcontextprotocol/clientCapabilities": {},
    })
}

/// An error with its causes, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
