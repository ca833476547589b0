//! Probes that are passed on, and what is no probe.

use axum::body::Body;
use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;

use super::*;

async fn status(probes: &[AppProbe], path: &str) -> StatusCode {
    let request = Request::get(path).header("host", "10.0.0.9:15020").body(Body::empty()).unwrap();
    TowerToHyperService::new(app_health_router(probes).unwrap()).call(request).await.unwrap().status()
}

#[tokio::test]
async fn a_probe_says_what_the_container_says_and_no_more() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = Router::new()
        .route("/good", get(async || "fine"))
        .route("/moved", get(async || (StatusCode::FOUND, [(header::LOCATION, "http://10.9.9.9/")])))
        .route("/bad", get(async || StatusCode::INTERNAL_SERVER_ERROR))
        .route(
            "/host",
            get(async |headers: HeaderMap| {
                if headers.get(header::HOST).is_some_and(|host| host == "10.0.0.9:15020") {
                    StatusCode::CONFLICT
                } else {
                    StatusCode::OK
                }
            }),
        );
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s");
    let (on_socket, socket) = (app.clone(), tokio::net::UnixListener::bind(&path).unwrap());
    tokio::spawn(async move { axum::serve(socket, on_socket).await });
    let path = path.display();
    let probe = |text: String| text.parse::<AppProbe>().unwrap();
    let probes = [
        probe(format!("web/livez=http://{address}/good")),
        probe(format!("web/readyz=http://{address}/bad")),
        probe(format!("web/startupz=tcp://{address}")),
        probe(format!("other/livez=http://{address}/moved")),
        probe(format!("other/readyz=http://{address}/host")),
        probe("gone/livez=tcp://127.0.0.1:1".to_owned()),
        probe("gone/readyz=http://127.0.0.1:1/x".to_owned()),
        probe(format!("socket/livez=unix:{path}:/good")),
        probe(format!("socket/readyz=unix:{path}:/bad?a=b")),
        probe(format!("socket/startupz=unix:{path}")),
        probe(format!("no-socket/livez=unix:{path}.gone:/good")),
        probe(format!("no-socket/readyz=unix:{path}.gone")),
    ];
    tokio::spawn(async move { axum::serve(listener, app).await });
    for (path, expected) in [
        ("web/livez", StatusCode::OK),
        ("web/readyz", StatusCode::INTERNAL_SERVER_ERROR),
        ("web/startupz", StatusCode::OK),
        ("other/livez", StatusCode::OK),
        ("other/readyz", StatusCode::OK),
        ("gone/livez", StatusCode::SERVICE_UNAVAILABLE),
        ("gone/readyz", StatusCode::SERVICE_UNAVAILABLE),
        ("socket/livez", StatusCode::OK),
        ("socket/readyz", StatusCode::INTERNAL_SERVER_ERROR),
        ("socket/startupz", StatusCode::OK),
        ("no-socket/livez", StatusCode::SERVICE_UNAVAILABLE),
        ("no-socket/readyz", StatusCode::SERVICE_UNAVAILABLE),
        ("nobody/livez", StatusCode::NOT_FOUND),
        ("web/metrics", StatusCode::NOT_FOUND),
    ] {
        assert_eq!(status(&probes, &format!("/app-health/{path}")).await, expected, "{path}");
    }
}

#[test]
fn only_this_machine_is_probed() {
    for text in [
        "",
        "web=http://127.0.0.1/",
        "web/metrics=http://127.0.0.1/",
        "web/livez=http://10.0.0.1/",
        "web/livez=https://127.0.0.1/",
        "web/livez=http://a@127.0.0.1/",
        "web/livez=http://127.0.0.1.example/",
        "web/livez=tcp://10.0.0.1:80",
        "web/livez=tcp://localhost:80",
        "web/livez=/healthz",
        "We b/livez=http://127.0.0.1/",
    ] {
        assert!(text.parse::<AppProbe>().is_err(), "{text}");
    }
}
