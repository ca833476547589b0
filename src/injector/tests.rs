//! Requests that are no reviews, and one that is.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;
use prometheus_client::registry::Registry;
use serde_json::{Value, json};

use super::*;
use crate::inject::fixture;

async fn ask(request: Request<Body>) -> (StatusCode, String) {
    let mut registry = Registry::default();
    let metrics = Metrics::new(&mut registry);
    let routes = router(Injector { settings: fixture::settings(), ready: Box::new(|| None), events: None, metrics, registry });
    let answer = TowerToHyperService::new(routes).call(request).await.unwrap();
    let status = answer.status();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

fn post(body: impl Into<Body>) -> Request<Body> {
    Request::post("/mutate").header("content-type", "application/json; charset=utf-8").body(body.into()).unwrap()
}

#[tokio::test]
async fn a_review_is_answered() {
    let (status, body) = ask(post(fixture::review(&fixture::pod()).to_string())).await;
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(status, StatusCode::OK);
    assert_eq!((&body["response"]["uid"], &body["response"]["allowed"]), (&json!("u-1"), &json!(true)));
}

#[tokio::test(start_paused = true)]
async fn what_is_no_review_gets_an_error() {
    let other = Request::post("/mutate").header("content-type", "text/plain").body(Body::from("{}")).unwrap();
    assert_eq!(ask(other).await.0, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert_eq!(ask(post("{}")).await.0, StatusCode::BAD_REQUEST);
    assert_eq!(ask(post("\u{0}")).await.0, StatusCode::BAD_REQUEST);
    assert_eq!(ask(post(vec![b' '; (7 << 20) + 1])).await.0, StatusCode::PAYLOAD_TOO_LARGE);
    let slow = futures_util::stream::pending::<Result<bytes::Bytes, std::io::Error>>();
    assert_eq!(ask(post(Body::from_stream(slow))).await.0, StatusCode::REQUEST_TIMEOUT);
    assert_eq!(ask(Request::get("/mutate").body(Body::empty()).unwrap()).await.0, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(ask(Request::get("/livez").body(Body::empty()).unwrap()).await.0, StatusCode::OK);
}
