//! Tests of the admin face over real sockets.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use prometheus_client::registry::Registry;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::*;
use crate::lifecycle::Stop;
use crate::listen::{Listener, Metrics, Settings};

struct Running {
    address: std::net::SocketAddr,
    writable: Arc<AtomicBool>,
    draining: Stop,
    end: Stop,
    task: tokio::task::JoinHandle<()>,
}

async fn start() -> Running {
    let settings = Settings::plain("127.0.0.1:0".parse().unwrap());
    let listener = Listener::bind("test", &settings, 8, &Metrics::default()).await.unwrap();
    let address = listener.local_addr().tcp().unwrap();
    let writable = Arc::new(AtomicBool::new(true));
    let log = Arc::clone(&writable);
    let look = move || match log.load(Ordering::SeqCst) {
        true => Verdict::Holds("writable".to_owned()),
        false => Verdict::Fails("disk full".to_owned()),
    };
    let (draining, end) = (Stop::new(), Stop::new());
    let sources = Sources {
        readiness: Readiness::new(vec![
            Check::new("policies", || Verdict::Holds("2 policies".to_owned()))
                .with_details(|| vec!["p.cedar:1:1: no".to_owned()]),
            Check::new("log", look),
        ]),
        registry: Registry::with_prefix("cedarpost"),
        status: Box::new(|| json!({ "version": "0" })),
        explain: Box::new(|body| match &*body {
            b"{}" => Err("nothing is asked".to_owned()),
            body => Ok(json!({ "asked": body.len() })),
        }),
        stop: draining.clone(),
        allowed_hosts: vec!["sidecar.example".to_owned()],
        near: Near::default(),
    };
    let admin = Admin::new(listener, router(sources));
    let stop = end.clone();
    let task = tokio::spawn(async move { admin.run(stop).await.unwrap() });
    Running { address, writable, draining, end, task }
}

impl Running {
    /// Sends `request` and returns status code and everything after it.
    async fn send(&self, request: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let code = answer.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
        (code, answer)
    }

    async fn get(&self, path: &str) -> (u16, String) {
        self.send(&format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")).await
    }
}

fn body(answer: &str) -> Value {
    serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
}

#[tokio::test]
async fn it_is_ready_while_all_checks_hold_and_alive_in_any_case() {
    let running = start().await;
    assert_eq!(running.get("/readyz").await.0, 200);
    running.writable.store(false, Ordering::SeqCst);
    assert_eq!(running.get("/readyz").await.0, 503);
    let (code, detail) = running.get("/readyz?verbose").await;
    assert_eq!(code, 503);
    assert_eq!(body(&detail)["checks"][1], json!({ "name": "log", "ok": false, "detail": "disk full" }));
    assert_eq!(running.get("/livez").await.0, 200);
}

#[tokio::test]
async fn a_no_says_why_and_details_are_for_those_who_are_told_them() {
    let running = start().await;
    running.writable.store(false, Ordering::SeqCst);
    let (_, short) = running.get("/readyz").await;
    assert!(short.ends_with("\r\n\r\nnot ready\nlog: disk full\n"), "{short}");
    let (_, near) = running.get("/readyz?verbose").await;
    assert_eq!(body(&near)["checks"][0]["problems"], json!(["p.cedar:1:1: no"]));
    for host in ["evil.example", "sidecar.example.evil"] {
        let (code, far) = running.send(&format!("GET /readyz?verbose HTTP/1.1\r\nHost: {host}\r\n\r\n")).await;
        assert_eq!((code, &body(&far)["checks"][0]["problems"]), (503, &Value::Null), "{host}");
        assert_eq!(body(&far)["checks"][1]["detail"], "disk full", "the reason itself is for everybody");
    }
}

#[tokio::test]
async fn it_is_not_ready_once_it_drains() {
    let running = start().await;
    running.draining.request();
    let (code, detail) = running.get("/readyz?verbose").await;
    assert_eq!((code, &body(&detail)["ready"], &body(&detail)["stopping"]), (503, &json!(false), &json!(true)));
    assert_eq!(running.get("/livez").await.0, 200);
}

#[test]
fn without_any_check_nothing_is_ready() {
    assert!(!Readiness::default().look(true).ready);
}

#[tokio::test]
async fn metrics_are_openmetrics_text() {
    let running = start().await;
    let (code, answer) = running.get("/metrics").await;
    assert_eq!(code, 200);
    assert!(answer.contains("content-type: application/openmetrics-text; version=1.0.0; charset=utf-8"), "{answer}");
    assert!(answer.ends_with("# EOF\n"), "{answer}");
}

#[tokio::test]
async fn status_answers_hosts_that_cannot_be_rebound_and_no_others() {
    let running = start().await;
    let cases = [
        ("Host: 127.0.0.1\r\n", 200),
        ("Host: [::1]:9090\r\n", 200),
        ("Host: LOCALHOST:9090\r\n", 200),
        ("Host: sidecar.example:9090\r\n", 200),
        ("Host: evil.example\r\n", 403),
        ("Host: localhost.evil.example\r\n", 403),
        ("Host: 127.0.0.1.evil.example\r\n", 403),
        ("Host: 127.0.0.1\r\nHost: evil.example\r\n", 403),
        ("Host: \r\n", 403),
        ("", 403),
    ];
    for (host, expected) in cases {
        let (code, answer) = running.send(&format!("GET /status HTTP/1.1\r\n{host}\r\n")).await;
        assert_eq!(code, expected, "{host:?}: {answer}");
    }
    let (_, answer) = running.get("/status").await;
    assert_eq!(body(&answer)["version"], "0");
}

#[tokio::test]
async fn inquiries_are_answered_or_refused_in_a_sentence_and_only_to_hosts_that_cannot_be_rebound() {
    let running = start().await;
    let json = "Content-Type: application/json\r\n";
    let cases = [
        ("Host: localhost\r\n", json, r#"{"a":1}"#.to_owned(), 200, "\"asked\": 7"),
        ("Host: 127.0.0.1\r\n", "Content-Type: Application/JSON; charset=utf-8\r\n", "[]".to_owned(), 200, "\"asked\": 2"),
        ("Host: localhost\r\n", json, "{}".to_owned(), 400, "nothing is asked\n"),
        ("Host: evil.example\r\n", json, "{}".to_owned(), 403, "this Host is not allowed"),
        ("Host: localhost\r\n", "Content-Type: text/plain\r\n", "{}".to_owned(), 415, "must be application/json"),
        ("Host: localhost\r\n", "", "{}".to_owned(), 415, "must be application/json"),
    ];
    for (host, kind, body, code, expected) in cases {
        let head = format!("POST /explain HTTP/1.1\r\n{host}{kind}Content-Length: {}\r\n\r\n", body.len());
        let (found, answer) = running.send(&format!("{head}{body}")).await;
        assert!(found == code && answer.contains(expected), "{host} {kind} {body}: {answer}");
    }
    let head = format!("POST /explain HTTP/1.1\r\nHost: localhost\r\n{json}Content-Length: {}\r\n\r\n", MAX_INQUIRY + 1);
    assert_eq!(running.send(&format!("{head}{}", " ".repeat(4096))).await.0, 413, "before it is read");
    assert_eq!(running.get("/explain").await.0, 405);
}

#[tokio::test]
async fn it_changes_nothing_and_knows_nothing_else() {
    let running = start().await;
    assert_eq!(running.send("POST /status HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n").await.0, 405);
    assert_eq!(running.get("/").await.0, 404);
    assert_eq!(running.send("nonsense\r\n\r\n").await.0, 400);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_sends_nothing_is_cut_off() {
    let running = start().await;
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    stream.write_all(b"GET /livez HTTP/1.1\r\nHost: a").await.unwrap();
    let mut answer = Vec::new();
    let cut = tokio::time::timeout(std::time::Duration::from_secs(60), stream.read_to_end(&mut answer)).await;
    assert!(cut.is_ok(), "still open");
}

#[tokio::test]
async fn it_ends_when_it_is_asked_to() {
    let running = start().await;
    running.end.request();
    running.task.await.unwrap();
}
