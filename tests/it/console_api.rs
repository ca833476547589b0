//! Tools of people at the console's listener: they show tokens, and what a browser brings along by itself counts for nothing.

use std::net::SocketAddr;
use std::time::Duration;

use http::{HeaderMap, HeaderName, Method};
use serde_json::{Value, json};

use crate::support::grpc::{Face, PLACE, POLICIES};
use crate::support::{Connection, Home, Reply, Sidecar, Upstream, now};

const CONSOLE: &str = "[console]\naddress = '127.0.0.1:0'\n";

async fn face() -> (Face, SocketAddr) {
    let more = format!("[approvals]\nresource = '{PLACE}'\nprograms = ['console']\n{CONSOLE}");
    let face = Face::with("address = '127.0.0.1:0'", &more).await;
    let console = face.sidecar.console.unwrap();
    (face, console)
}

async fn send(console: SocketAddr, method: Method, path: &str, headers: &[(&str, &str)], body: &str) -> Reply {
    let host = console.to_string();
    let all = [("host", host.as_str())].into_iter().chain(headers.iter().copied());
    let headers: HeaderMap = all.map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse().unwrap())).collect();
    Connection::open(console).await.unwrap().send(method, path, &headers, body.as_bytes()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tool_with_a_persons_token_lists_shows_and_rules() {
    let (face, console) = face().await;
    let id = face.ticket(&json!({"message": "a"})).await;
    let olga = face.token("olga", json!({}));
    let with = [("authorization", olga.as_str())];
    let listed = send(console, Method::GET, "/api/v1/approvals?state=waiting", &with, "").await.json();
    assert_eq!((listed["approvals"].as_array().unwrap().len(), &listed["approvals"][0]["id"]), (1, &json!(id)));
    let shown = send(console, Method::GET, &format!("/api/v1/approvals/{id}"), &with, "").await.json();
    assert_eq!((&shown["approval"]["target"], &shown["approval"]["arguments"]), (&json!("destroy"), &json!({"message": "a"})));

    let (rule, json_body) = (format!("/api/v1/approvals/{id}/rule"), ("content-type", "application/json"));
    let ruled = send(console, Method::POST, &rule, &[with[0], json_body], r#"{"verdict":"approve","comment":"as agreed"}"#).await;
    assert_eq!((ruled.status, &ruled.json()["approval"]["state"]), (200, &json!("granted")));
    let again = send(console, Method::POST, &rule, &[with[0], json_body], r#"{"verdict":"approve"}"#).await;
    assert_eq!(again.status, 409, "{}", String::from_utf8_lossy(&again.body));
    assert_eq!(face.check("destroy", &json!({"message": "a"})).await.approved_by_ticket, id);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_shows_no_token_of_a_person_for_ruling_gets_nothing() {
    let (face, console) = face().await;
    let id = face.ticket(&json!({"message": "a"})).await;
    let (rule, body) = (format!("/api/v1/approvals/{id}/rule"), r#"{"verdict":"approve"}"#);
    let token = |person: &str, change: Value| face.token(person, change);
    let (olga, agent) = (token("olga", json!({})), token("olga", json!({"client_id": "assistant"})));
    let (mcp, carl) = (token("olga", json!({"aud": "https://mcp.example.com/lab"})), token("carl", json!({})));
    let json_body = ("content-type", "application/json");
    let cases: [(&[(&str, &str)], u16); 8] = [
        (&[json_body], 401),
        (&[json_body, ("cookie", "session=abc")], 401),
        (&[json_body, ("authorization", "Bearer x")], 401),
        (&[json_body, ("authorization", &mcp)], 401),
        (&[json_body, ("authorization", &agent)], 403),
        // Nobody's business: for them there is no ticket.
        (&[json_body, ("authorization", &carl)], 404),
        (&[("content-type", "text/plain"), ("authorization", &olga)], 415),
        (&[json_body, ("authorization", &olga), ("host", "evil.example")], 403),
    ];
    for (headers, status) in cases {
        let reply = send(console, Method::POST, &rule, headers, body).await;
        assert_eq!(reply.status, status, "{headers:?}: {}", String::from_utf8_lossy(&reply.body));
    }
    assert_eq!(send(console, Method::GET, "/api/v1/approvals/watch", &[], "").await.status, 401);
    // A token opens no page, and no page opens the tools' side.
    let page = send(console, Method::GET, "/approvals", &[("authorization", &olga)], "").await;
    assert_eq!((page.status, page.header("location").as_deref()), (303, Some("/login?next=%2Fapprovals")));
    let listed = send(console, Method::GET, "/api/v1/approvals", &[("authorization", &olga)], "").await.json();
    assert_eq!(listed["approvals"][0]["state"], "waiting");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_listens_hears_nothing_once_their_token_has_ended() {
    let (face, console) = face().await;
    let id = face.ticket(&json!({"message": "a"})).await;
    let short = face.token("olga", json!({"exp": now() + 2}));
    let shown = [("authorization", short.as_str())];
    let listening = send(console, Method::GET, "/api/v1/approvals/watch", &shown, "");
    let heard = tokio::time::timeout(Duration::from_secs(20), listening).await.expect("the stream ends by itself");
    assert_eq!(heard.status, 200);
    assert!(String::from_utf8_lossy(&heard.body).contains(&id), "until then it told of what waits");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nobody_has_tokens_there_is_nothing_for_tools() {
    let upstream = Upstream::start().await;
    let home = Home::new(upstream.address, POLICIES);
    let sidecar = Sidecar::start_with(&home, &[("CEDARPOST_CONSOLE_ADDRESS", "127.0.0.1:0")]).await;
    let console = sidecar.console.unwrap();
    assert_eq!(send(console, Method::GET, "/api/v1/approvals", &[("authorization", "Bearer x")], "").await.status, 404);
}
