//! The shop over a real socket: both kinds of revisions, what it refuses, and what it counts.

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::tools::{NAMES, Tools};
use super::{Shop, serve};

/// A shop on a port of its own.
struct Open {
    shop: Shop,
    url: String,
    stop: oneshot::Sender<()>,
    served: JoinHandle<()>,
}

async fn open() -> Open {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/mcp", listener.local_addr().unwrap());
    let (stop, stopped) = oneshot::channel();
    let shop = Shop::new();
    let served = tokio::spawn(serve(shop.clone(), listener, async {
        stopped.await.ok();
    }));
    Open { shop, url, stop, served }
}

impl Open {
    async fn send(&self, method: Method, headers: &[(&str, &str)], body: &str) -> (StatusCode, HeaderMap, Value) {
        let mut request = Request::builder().method(method).uri(&self.url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(Bytes::from(body.to_owned()))).unwrap();
        let response = Client::builder(TokioExecutor::new()).build_http().request(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        (parts.status, parts.headers, serde_json::from_slice(&body).unwrap_or(Value::Null))
    }

    /// One request of the stateless revision.
    async fn modern(&self, method: &str, params: Value) -> (StatusCode, Value) {
        let name = params.get("name").and_then(Value::as_str).map(str::to_owned);
        let mut headers = vec![JSON, ("mcp-protocol-version", "2026-07-28"), ("mcp-method", method)];
        headers.extend(name.as_deref().map(|name| ("mcp-name", name)));
        let (status, _, answer) = self.send(Method::POST, &headers, &modern_body(method, params)).await;
        (status, answer)
    }

    /// Opens a session and returns its id and the version that was agreed on.
    async fn initialize(&self, version: &str) -> (String, String) {
        let body = json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": { "protocolVersion": version } });
        let (status, headers, answer) = self.send(Method::POST, &[JSON], &body.to_string()).await;
        assert_eq!(status, StatusCode::OK);
        let agreed = answer.pointer("/result/protocolVersion").unwrap().as_str().unwrap().to_owned();
        (headers.get("mcp-session-id").unwrap().to_str().unwrap().to_owned(), agreed)
    }

    /// One message in a session.
    async fn stateful(&self, session: &str, message: Value) -> (StatusCode, Value) {
        let (status, _, answer) = self.send(Method::POST, &[JSON, ("mcp-session-id", session)], &message.to_string()).await;
        (status, answer)
    }
}

const JSON: (&str, &str) = ("content-type", "application/json");

fn modern_body(method: &str, mut params: Value) -> String {
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    json!({ "jsonrpc": "2.0", "id": "a", "method": method, "params": params }).to_string()
}

fn text(answer: &Value) -> &str {
    answer.pointer("/result/content/0/text").and_then(Value::as_str).unwrap_or_default()
}

#[test]
fn every_tool_is_described_with_typed_arguments_and_all_four_annotations() {
    let tools = Tools::new();
    let described: Vec<&str> =
        tools.definitions().as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap()).collect();
    assert_eq!(described, NAMES);
    for tool in tools.definitions().as_array().unwrap() {
        for hint in ["readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint"] {
            assert!(tool["annotations"][hint].is_boolean(), "{} says nothing about {hint}", tool["name"]);
        }
        let schema = &tool["inputSchema"];
        assert_eq!(schema["additionalProperties"], false, "{}", tool["name"]);
        for required in schema["required"].as_array().unwrap() {
            assert!(schema["properties"][required.as_str().unwrap()]["type"].is_string(), "{}", tool["name"]);
        }
    }
}

#[tokio::test]
async fn the_stateless_revision_discovers_lists_and_calls() {
    let shop = open().await;
    let (status, discovered) = shop.modern("server/discover", json!({})).await;
    assert_eq!((status, &discovered["result"]["supportedVersions"][0]), (StatusCode::OK, &json!("2026-07-28")));
    let (_, listed) = shop.modern("tools/list", json!({})).await;
    assert_eq!(listed["result"]["tools"].as_array().unwrap().len(), NAMES.len());
    for result in [&discovered["result"], &listed["result"]] {
        assert_eq!((&result["resultType"], &result["cacheScope"]), (&json!("complete"), &json!("public")));
        assert!(result["ttlMs"].is_u64());
    }
    let (_, read) = shop.modern("tools/call", json!({ "name": "read_order", "arguments": { "order": "A-1001" } })).await;
    assert_eq!(text(&read), "A-1001: desk lamp for 89.00, customer c-17, delivered, paid back so far 0.00");
    assert_eq!((&read["id"], &read["result"]["resultType"]), (&json!("a"), &json!("complete")));
}

#[tokio::test]
async fn tools_do_what_they_say_and_refuse_what_they_cannot() {
    let cases = [
        (
            "search_orders",
            json!({ "query": "C-17" }),
            "A-1001: desk lamp, delivered, c-17\nA-1002: standing desk, delivered, c-17",
        ),
        ("search_orders", json!({ "query": "piano" }), "No order matches."),
        ("refund", json!({ "order": "A-1001", "amount": 900 }), "Paid 9.00 back for A-1001 (no reason given)."),
        ("refund", json!({ "order": "A-1001", "amount": 8_001 }), "A-1001 can be refunded by 0.01 to 80.00."),
        ("refund", json!({ "order": "A-1001", "amount": -5 }), "A-1001 can be refunded by 0.01 to 80.00."),
        ("refund", json!({ "order": "A-1001", "amount": 0.5 }), "The arguments do not fit the tool"),
        ("refund", json!({ "order": "A-1001" }), "The arguments do not fit the tool: missing field `amount`."),
        ("read_order", json!({ "order": "A-1", "extra": 1 }), "The arguments do not fit the tool: unknown field `extra`"),
        ("delete_customer", json!({ "customer": "c-17" }), "Deleted customer c-17 and 2 orders."),
        ("delete_customer", json!({ "customer": "c-17" }), "Deleted customer c-17 and 0 orders."),
        ("read_order", json!({ "order": "A-1001" }), "There is no order `A-1001`."),
        ("send_email", json!({ "to": "a@example.com", "subject": "s", "body": "hi" }), "Sent e-mail 1 to a@example.com: \"s\""),
        ("fetch_url", json!({ "url": "https://docs.example.com/returns" }), "Returns. Goods may come back"),
        ("fetch_url", json!({ "url": "http://169.254.169.254/" }), "There is no page at `http://169.254.169.254/` in this demo."),
    ];
    let shop = open().await;
    for (tool, arguments, expected) in cases {
        let (status, answer) = shop.modern("tools/call", json!({ "name": tool, "arguments": arguments })).await;
        assert_eq!(status, StatusCode::OK, "{tool} {arguments}");
        assert!(text(&answer).starts_with(expected), "{tool} {arguments} said {answer}");
    }
}

#[tokio::test]
async fn calls_are_counted_by_tool_good_or_bad_and_nothing_else_is() {
    let shop = open().await;
    shop.modern("tools/list", json!({})).await;
    shop.modern("tools/call", json!({ "name": "no_such_tool" })).await;
    assert!(NAMES.iter().all(|tool| shop.shop.reached(tool) == 0));
    shop.modern("tools/call", json!({ "name": "refund", "arguments": { "order": "A-1002", "amount": 1 } })).await;
    shop.modern("tools/call", json!({ "name": "refund", "arguments": { "order": 7 } })).await;
    assert_eq!((shop.shop.reached("refund"), shop.shop.reached("read_order"), shop.shop.reached("no_such_tool")), (2, 0, 0));
}

#[tokio::test]
async fn each_stateful_revision_runs_from_initialize_to_delete() {
    let shop = open().await;
    for (asked, agreed) in
        [("2025-11-25", "2025-11-25"), ("2025-06-18", "2025-06-18"), ("2025-03-26", "2025-03-26"), ("1999-01-01", "2025-11-25")]
    {
        let (session, version) = shop.initialize(asked).await;
        assert_eq!(version, agreed);
        let initialized = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
        assert_eq!(shop.stateful(&session, initialized).await, (StatusCode::ACCEPTED, Value::Null));
        let (_, pong) = shop.stateful(&session, json!({ "jsonrpc": "2.0", "id": 1, "method": "ping" })).await;
        assert_eq!(pong["result"], json!({}));
        let call = json!({ "jsonrpc": "2.0", "id": 2, "method": "tools/call",
            "params": { "name": "search_orders", "arguments": { "query": "lamp" } } });
        let (_, found) = shop.stateful(&session, call).await;
        assert_eq!(text(&found), "A-1001: desk lamp, delivered, c-17");
        assert!(found["result"].get("resultType").is_none(), "the stateful revisions know no result type");
        let (status, ..) = shop.send(Method::DELETE, &[("mcp-session-id", &session)], "").await;
        assert_eq!(status, StatusCode::NO_CONTENT);
        let (status, gone) = shop.stateful(&session, json!({ "jsonrpc": "2.0", "id": 3, "method": "ping" })).await;
        assert_eq!((status, &gone["error"]["code"]), (StatusCode::NOT_FOUND, &json!(-32_001)));
    }
}

/// What is wrong, verb, headers, body, and the expected status and code (0 for no JSON-RPC error).
type Refused<'c> = (&'c str, Method, Vec<(&'c str, &'c str)>, &'c str, u16, i64);

#[tokio::test]
async fn what_is_not_a_proper_request_is_refused_and_runs_nothing() {
    let shop = open().await;
    let call = modern_body("tools/call", json!({ "name": "delete_customer", "arguments": { "customer": "c-17" } }));
    let version = ("mcp-protocol-version", "2026-07-28");
    let (method, name) = (("mcp-method", "tools/call"), ("mcp-name", "delete_customer"));
    let cases: [Refused<'_>; 11] = [
        ("a GET", Method::GET, vec![], "", 405, 0),
        ("another content type", Method::POST, vec![("content-type", "text/plain")], &call, 415, 0),
        ("another host", Method::POST, vec![JSON, ("host", "evil.example")], &call, 403, 0),
        ("no JSON", Method::POST, vec![JSON], "{", 400, -32_700),
        ("a batch", Method::POST, vec![JSON], "[]", 400, -32_600),
        ("no version header", Method::POST, vec![JSON, method, name], &call, 400, -32_020),
        ("no method header", Method::POST, vec![JSON, version, name], &call, 400, -32_020),
        ("another method header", Method::POST, vec![JSON, version, ("mcp-method", "tools/list"), name], &call, 400, -32_020),
        ("another name header", Method::POST, vec![JSON, version, method, ("mcp-name", "read_order")], &call, 400, -32_020),
        ("no session", Method::POST, vec![JSON], r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#, 400, -32_600),
        ("no envelope", Method::POST, vec![JSON, version], r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#, 400, -32_602),
    ];
    for (what, verb, headers, body, status, code) in cases {
        let (answered, _, answer) = shop.send(verb, &headers, body).await;
        assert_eq!(answered.as_u16(), status, "{what}");
        assert_eq!(answer.pointer("/error/code").and_then(Value::as_i64).unwrap_or(0), code, "{what}: {answer}");
    }
    assert_eq!(shop.shop.reached("delete_customer"), 0);
    let encoded = vec![JSON, version, method, ("mcp-name", "=?base64?ZGVsZXRlX2N1c3RvbWVy?=")];
    let (status, ..) = shop.send(Method::POST, &encoded, &call).await;
    assert_eq!((status, shop.shop.reached("delete_customer")), (StatusCode::OK, 1), "a name in base64 is the same name");
}

#[tokio::test]
async fn methods_and_versions_it_does_not_know_get_the_codes_of_their_revision() {
    let shop = open().await;
    let (status, answer) = shop.modern("resources/list", json!({})).await;
    assert_eq!((status, &answer["error"]["code"]), (StatusCode::NOT_FOUND, &json!(-32_601)));
    let (session, _) = shop.initialize("2025-11-25").await;
    let (status, answer) = shop.stateful(&session, json!({ "jsonrpc": "2.0", "id": 1, "method": "resources/list" })).await;
    assert_eq!((status, &answer["error"]["code"]), (StatusCode::OK, &json!(-32_601)));
    let future = modern_body("tools/list", json!({})).replace("2026-07-28", "2030-01-01");
    let headers = [JSON, ("mcp-protocol-version", "2030-01-01"), ("mcp-method", "tools/list")];
    let (status, _, answer) = shop.send(Method::POST, &headers, &future).await;
    assert_eq!((status, &answer["error"]["code"]), (StatusCode::BAD_REQUEST, &json!(-32_022)));
    assert_eq!(answer["error"]["data"]["requested"], "2030-01-01");
}

#[tokio::test]
async fn it_closes_when_told_to() {
    let shop = open().await;
    shop.modern("tools/list", json!({})).await;
    shop.stop.send(()).unwrap();
    tokio::time::timeout(std::time::Duration::from_secs(3), shop.served).await.expect("it closes within its grace").unwrap();
}
