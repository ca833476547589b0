//! The shop's side of the protocol: one JSON-RPC message in, one answer out, for the stateless revision (2026-07-28) and for the stateful
//! ones before it. A request is of the new kind when its `_meta` or its version header says so.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, StatusCode};
use serde_json::{Map, Value, json};

use super::http::header;
use super::tools::Tools;

/// The stateless revision.
const MODERN: &str = "2026-07-28";
/// The stateful revisions, newest first: what is offered when the client asks for one that is not here.
const LEGACY: [&str; 3] = ["2025-11-25", "2025-06-18", "2025-03-26"];
/// How long a client may keep a list, in milliseconds. The shop shows everybody the same, so shared caches may keep it too.
const LIST_TTL: u64 = 60_000;

const META_VERSION: &str = "io.modelcontextprotocol/protocolVersion";
const META_CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";
const META_SERVER: &str = "io.modelcontextprotocol/serverInfo";

const INVALID_REQUEST: i32 = -32_600;
const METHOD_NOT_FOUND: i32 = -32_601;
const INVALID_PARAMS: i32 = -32_602;
const PARSE_ERROR: i32 = -32_700;
const SESSION_NOT_FOUND: i32 = -32_001;
const HEADER_MISMATCH: i32 = -32_020;
const UNSUPPORTED_VERSION: i32 = -32_022;

/// What the request's session header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Session {
    /// There is none.
    Absent,
    /// It names a session that was opened here.
    Open,
    /// It names one that was not.
    Unknown,
}

/// What goes back.
#[derive(Debug)]
pub(super) enum Reply {
    /// Nothing but the acknowledgement: a notification, or an answer to something.
    Accepted,
    /// A JSON-RPC message.
    Message(StatusCode, String),
    /// The answer to `initialize`: a session is to be opened for it.
    Opened(String),
}

/// A message that failed: HTTP status, JSON-RPC code, sentence and further data.
struct Fault {
    status: StatusCode,
    code: i32,
    sentence: String,
    data: Option<Value>,
}

impl Fault {
    fn new(status: StatusCode, code: i32, sentence: impl Into<String>) -> Self {
        Self { status, code, sentence: sentence.into(), data: None }
    }

    fn bad_request(code: i32, sentence: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, sentence)
    }
}

/// A JSON-RPC request or notification, taken apart.
struct Ask<'m> {
    id: Option<&'m Value>,
    method: &'m str,
    params: &'m Map<String, Value>,
}

/// Answers one message.
pub(super) fn answer(tools: &Tools, headers: &HeaderMap, session: Session, body: &[u8]) -> Reply {
    let Ok(message) = serde_json::from_slice::<Value>(body) else {
        return refuse(&Value::Null, Fault::bad_request(PARSE_ERROR, "the body is not JSON"));
    };
    let empty = Map::new();
    let Some(ask) = take_apart(&message, &empty) else {
        // An answer to a request of ours: we make none, so there is nothing to match it with.
        if message.get("result").or_else(|| message.get("error")).is_some() {
            return Reply::Accepted;
        }
        return refuse(&Value::Null, Fault::bad_request(INVALID_REQUEST, "the body is not a single JSON-RPC message"));
    };
    let version = ask.params.get("_meta").and_then(|meta| meta.get(META_VERSION));
    let modern = version.is_some() || header(headers, "mcp-protocol-version") == Some(MODERN);
    let outcome = if modern { stateless(tools, headers, &ask) } else { stateful(tools, session, &ask) };
    match (ask.id, outcome) {
        (None, Ok(_)) => Reply::Accepted,
        (None, Err(fault)) => refuse(&Value::Null, fault),
        (Some(id), Err(fault)) => refuse(id, fault),
        (Some(id), Ok(result)) => {
            let text = json!({ "jsonrpc": "2.0", "id": id, "result": result }).to_string();
            if ask.method == "initialize" { Reply::Opened(text) } else { Reply::Message(StatusCode::OK, text) }
        }
    }
}

fn take_apart<'m>(message: &'m Value, empty: &'m Map<String, Value>) -> Option<Ask<'m>> {
    let method = message.get("method")?.as_str()?;
    let params = message.get("params").and_then(Value::as_object).unwrap_or(empty);
    Some(Ask { id: message.get("id"), method, params })
}

fn refuse(id: &Value, fault: Fault) -> Reply {
    let mut error = json!({ "code": fault.code, "message": fault.sentence });
    if let (Some(data), Some(error)) = (fault.data, error.as_object_mut()) {
        error.insert("data".to_owned(), data);
    }
    Reply::Message(fault.status, json!({ "jsonrpc": "2.0", "id": id, "error": error }).to_string())
}

/// The 2026-07-28 revision: every request carries all that is needed to answer it.
fn stateless(tools: &Tools, headers: &HeaderMap, ask: &Ask<'_>) -> Result<Value, Fault> {
    check_envelope(headers, ask)?;
    if ask.id.is_none() {
        return Ok(Value::Null);
    }
    let mut result = match ask.method {
        "server/discover" => json!({
            "supportedVersions": versions(),
            "capabilities": { "tools": {} },
            "instructions": "A small shop to try things on. Nothing in it is real.",
            "ttlMs": LIST_TTL,
            "cacheScope": "public",
        }),
        "tools/list" => json!({ "tools": tools.definitions(), "ttlMs": LIST_TTL, "cacheScope": "public" }),
        "tools/call" => call(tools, ask)?,
        other => return Err(Fault::new(StatusCode::NOT_FOUND, METHOD_NOT_FOUND, format!("there is no method `{other}`"))),
    };
    if let Some(result) = result.as_object_mut() {
        result.insert("resultType".to_owned(), "complete".into());
        result.insert("_meta".to_owned(), json!({ META_SERVER: server_info() }));
    }
    Ok(result)
}

/// The headers must say what the body says, and the body must say which revision it is and what the client can do.
fn check_envelope(headers: &HeaderMap, ask: &Ask<'_>) -> Result<(), Fault> {
    let meta = ask.params.get("_meta").and_then(Value::as_object);
    let version = meta.and_then(|meta| meta.get(META_VERSION)).and_then(Value::as_str);
    // A notification has no envelope of its own: its headers are all there is to check.
    if ask.id.is_some() {
        let version = version.ok_or_else(|| Fault::bad_request(INVALID_PARAMS, format!("`_meta` lacks `{META_VERSION}`")))?;
        if header(headers, "mcp-protocol-version") != Some(version) {
            return Err(Fault::bad_request(HEADER_MISMATCH, "`MCP-Protocol-Version` is not the version in the body"));
        }
        if version != MODERN {
            let data = json!({ "supported": versions(), "requested": version });
            let fault = Fault::bad_request(UNSUPPORTED_VERSION, format!("version `{version}` is not supported"));
            return Err(Fault { data: Some(data), ..fault });
        }
        if meta.and_then(|meta| meta.get(META_CAPABILITIES)).is_none_or(|capabilities| !capabilities.is_object()) {
            return Err(Fault::bad_request(INVALID_PARAMS, format!("`_meta` lacks `{META_CAPABILITIES}`")));
        }
    }
    if header(headers, "mcp-method") != Some(ask.method) {
        return Err(Fault::bad_request(HEADER_MISMATCH, "`Mcp-Method` is not the method in the body"));
    }
    let named = header(headers, "mcp-name").map(decode_name);
    let name = ask.params.get("name").and_then(Value::as_str);
    if ask.method == "tools/call" && named.as_deref() != name {
        return Err(Fault::bad_request(HEADER_MISMATCH, "`Mcp-Name` is not the name in the body"));
    }
    Ok(())
}

/// A header value in plain text, or in the specification's `=?base64?…?=` form.
fn decode_name(value: &str) -> String {
    let encoded = value.strip_prefix("=?base64?").and_then(|rest| rest.strip_suffix("?="));
    let decoded = encoded.and_then(|text| STANDARD.decode(text).ok()).and_then(|bytes| String::from_utf8(bytes).ok());
    decoded.unwrap_or_else(|| value.to_owned())
}

/// The revisions before it: `initialize` opens a session that all else belongs to.
fn stateful(tools: &Tools, session: Session, ask: &Ask<'_>) -> Result<Value, Fault> {
    if ask.method == "initialize" {
        return Ok(initialize(ask.params));
    }
    match session {
        Session::Open => {}
        Session::Absent => {
            return Err(Fault::bad_request(INVALID_REQUEST, "`Mcp-Session-Id` is missing: call `initialize` first"));
        }
        Session::Unknown => return Err(Fault::new(StatusCode::NOT_FOUND, SESSION_NOT_FOUND, "Session not found")),
    }
    if ask.id.is_none() {
        return Ok(Value::Null);
    }
    match ask.method {
        "ping" => Ok(json!({})),
        "tools/list" => Ok(json!({ "tools": tools.definitions() })),
        "tools/call" => call(tools, ask),
        other => Err(Fault::new(StatusCode::OK, METHOD_NOT_FOUND, format!("there is no method `{other}`"))),
    }
}

fn initialize(params: &Map<String, Value>) -> Value {
    let asked = params.get("protocolVersion").and_then(Value::as_str);
    let [newest, ..] = LEGACY;
    let version = LEGACY.into_iter().find(|version| Some(*version) == asked).unwrap_or(newest);
    json!({ "protocolVersion": version, "capabilities": { "tools": {} }, "serverInfo": server_info() })
}

/// Every revision the shop speaks, newest first.
fn versions() -> Vec<&'static str> {
    std::iter::once(MODERN).chain(LEGACY).collect()
}

fn server_info() -> Value {
    json!({ "name": "cedarpost-demo-shop", "title": "Demo shop", "version": env!("CARGO_PKG_VERSION") })
}

fn call(tools: &Tools, ask: &Ask<'_>) -> Result<Value, Fault> {
    let invalid = |sentence: String| Fault::new(StatusCode::OK, INVALID_PARAMS, sentence);
    let name = ask.params.get("name").and_then(Value::as_str).ok_or_else(|| invalid("`name` is missing".to_owned()))?;
    let empty = Map::new();
    let arguments = match ask.params.get("arguments") {
        None => &empty,
        Some(value) => value.as_object().ok_or_else(|| invalid("`arguments` is not an object".to_owned()))?,
    };
    let answer = tools.run(name, arguments).ok_or_else(|| invalid(format!("Unknown tool: {name}")))?;
    let (text, is_error) = answer.map_or_else(|why| (why, true), |done| (done, false));
    Ok(json!({ "content": [{ "type": "text", "text": text }], "isError": is_error }))
}
