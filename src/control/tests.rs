//! What the control face answers, with a gate and a log behind it.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::*;
use crate::gate::fixture;
use crate::lifecycle::Stop;
use crate::listen::private::{PrivateListener, connect};

/// A face over a gate whose log has a decision in it, and the stop that ends it.
struct Scene {
    directory: tempfile::TempDir,
    stop: Stop,
}

impl Scene {
    async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let gate = fixture::gate(directory.path()).await;
        let stop = Stop::new();
        let listener = PrivateListener::bind(&directory.path().join("control"), 4).unwrap();
        let records: RecordsSource = Box::new(|from| {
            let (send, lines) = mpsc::channel(4);
            tokio::spawn(async move { send.send(Bytes::from(format!("from {from}\n"))).await });
            Lines(lines)
        });
        tokio::spawn(Control::new(listener, router(gate, records, axum::Router::new())).run(stop.clone()));
        Self { directory, stop }
    }

    async fn ask(&self, method: &str, path: &str, body: &str) -> (StatusCode, String) {
        let stream = connect(&self.directory.path().join("control")).await.unwrap();
        let (mut send, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        let request = Request::builder().method(method).uri(path).header("content-type", "application/json");
        let answer = send.send_request(request.body(Full::new(Bytes::from(body.to_owned()))).unwrap()).await.unwrap();
        let status = answer.status();
        (status, String::from_utf8(answer.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap())
    }
}

#[tokio::test]
async fn each_request_does_what_it_says_and_bad_ones_say_why() {
    let scene = Scene::new().await;
    let unknown = json!({ "error": "there is no record 99" });
    let cases = [
        ("POST", "/v1/erase", r#"{"seq":99}"#, StatusCode::NOT_FOUND, Some(unknown)),
        ("POST", "/v1/erase", r#"{"seq":99,"why":"x"}"#, StatusCode::UNPROCESSABLE_ENTITY, None),
        ("POST", "/v1/prune", r#"{"before_seq":10}"#, StatusCode::CONFLICT, None),
        ("POST", "/v1/prune", "{}", StatusCode::BAD_REQUEST, None),
        ("POST", "/v1/prune", r#"{"before_seq":1,"before_time":2}"#, StatusCode::BAD_REQUEST, None),
        ("GET", "/v1/erase", "", StatusCode::METHOD_NOT_ALLOWED, None),
        ("GET", "/v1/records?from=x", "", StatusCode::BAD_REQUEST, None),
        ("GET", "/", "", StatusCode::NOT_FOUND, None),
    ];
    for (method, path, body, status, expected) in cases {
        let (found, answer) = scene.ask(method, path, body).await;
        assert_eq!(found, status, "{method} {path} {body}: {answer}");
        if let Some(expected) = expected {
            assert_eq!(serde_json::from_str::<Value>(&answer).unwrap(), expected);
        }
    }
    let (status, answer) = scene.ask("POST", "/v1/rotate-key", "").await;
    let trust = serde_json::from_str::<Value>(&answer).unwrap()["trust"].as_str().unwrap().to_owned();
    assert_eq!((status, trust.lines().count()), (StatusCode::OK, 2));
    assert_eq!(scene.ask("GET", "/v1/records?from=7", "").await, (StatusCode::OK, "from 7\n".to_owned()));
    scene.stop.request();
    let socket = scene.directory.path().join("control");
    let gone = async {
        while socket.exists() {
            tokio::time::sleep(Duration::from_millis(5)).await
        }
    };
    tokio::time::timeout(Duration::from_secs(5), gone).await.unwrap();
}
