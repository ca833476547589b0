//! Who may ask: nobody from elsewhere without a token, no web page without one, and whoever has one only for as long as it is in the file.

use std::time::Duration;

use super::*;
use crate::support::{Ca, Wish, tls_client, tls_connect};

const TOKEN: &str = "a-token-that-nobody-guesses";
const OTHER: &str = "another-token-of-a-gateway";

fn sha256(text: &str) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
    digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_web_page_gets_nothing_from_a_listener_without_tokens() {
    let point = Point::open(&RECORDS).await;
    let good = question("user alice", "read", "record record-1").to_string();
    let json = ("content-type", "application/json");
    let mut connection = Connection::open(point.address).await.unwrap();
    for (headers, status) in [
        (vec![("host", "localhost:1")], 200),
        (vec![("host", "127.0.0.1")], 200),
        (vec![("host", "evil.example")], 403),
        (vec![("host", "localhost.evil.example")], 403),
        (vec![("host", "localhost"), ("origin", "https://evil.example")], 403),
        (vec![("host", "localhost"), ("origin", "null")], 403),
        (vec![], 403),
    ] {
        let headers =
            headers.iter().chain([&json]).map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse().unwrap()));
        let reply = connection.send(Method::POST, "/access/v1/evaluation", &headers.collect(), good.as_bytes()).await.unwrap();
        assert_eq!(reply.status, status);
    }
    assert_eq!(point.records().await.iter().filter(|record| record["t"] == "access").count(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn services_show_tokens_over_tls_and_are_out_when_the_file_says_so() {
    let upstream = Upstream::start().await;
    let home = Home::new(upstream.address, "");
    for (name, text) in RECORDS {
        fs::write(home.path("policies").join(name), text).unwrap();
    }
    let ours = Ca::new("ours");
    ours.sign(&Wish::server()).write(&home.path(""), "server");
    let tokens = home.path("tokens");
    fs::write(&tokens, format!("# services\ntill {TOKEN}\n\ngateway sha256:{}\n", sha256(OTHER))).unwrap();
    let path = |name: &str| home.path(name).display().to_string();
    let (certificate, key, policies, tokens_file) = (path("server.pem"), path("server.key"), path("policies"), path("tokens"));
    let settings = [
        ("CEDARPOST_AUTHZEN_ADDRESS", "127.0.0.1:0"),
        ("CEDARPOST_AUTHZEN_TLS_CERT_FILE", &certificate),
        ("CEDARPOST_AUTHZEN_TLS_KEY_FILE", &key),
        ("CEDARPOST_AUTHZEN_TOKENS_FILE", &tokens_file),
        ("CEDARPOST_AUTHZEN_URL", "https://localhost"),
        ("CEDARPOST_POLICY_SCHEMA", &policies),
        ("CEDARPOST_POLICY_ENTITIES", &policies),
    ];
    let sidecar = Sidecar::start_with(&home, &settings).await;
    let address = sidecar.authzen.unwrap();
    let ask = async |authorization: Option<&str>| {
        let stream = tls_connect(address, tls_client(&ours, None)).await.unwrap();
        let mut connection = Connection::over(stream).await.unwrap();
        let mut headers = HeaderMap::new();
        headers.insert("host", "pdp.example.com".parse().unwrap());
        headers.insert("content-type", "application/json".parse().unwrap());
        headers.insert("x-request-id", "r-1".parse().unwrap());
        if let Some(authorization) = authorization {
            headers.insert("authorization", authorization.parse().unwrap());
        }
        let body = question("user alice", "read", "record record-1").to_string();
        let reply = connection.send(Method::POST, "/access/v1/evaluation", &headers, body.as_bytes()).await.unwrap();
        assert_eq!(reply.header("x-request-id").as_deref(), Some("r-1"));
        (reply.status, reply.header("www-authenticate"))
    };
    let (good, hashed) = (format!("Bearer {TOKEN}"), format!("bearer {OTHER}"));
    assert_eq!(ask(Some(&good)).await.0, 200);
    assert_eq!(ask(Some(&hashed)).await.0, 200);
    let refused = [None, Some("Bearer wrong"), Some("Basic abc"), Some("Bearer"), Some(TOKEN), Some("Bearer till")];
    for authorization in refused {
        let (status, challenge) = ask(authorization).await;
        assert_eq!(status, 401, "{authorization:?}");
        assert!(challenge.unwrap().starts_with("Bearer realm=\"authzen\""), "{authorization:?}");
    }
    let digest = format!("Bearer sha256:{}", sha256(OTHER));
    assert_eq!(ask(Some(&digest)).await.0, 401, "a digest is no token");
    // Metadata is for everybody.
    let stream = tls_connect(address, tls_client(&ours, None)).await.unwrap();
    let headers = HeaderMap::from_iter([(http::header::HOST, "localhost".parse().unwrap())]);
    let configuration =
        Connection::over(stream).await.unwrap().send(Method::GET, "/.well-known/authzen-configuration", &headers, b"").await;
    assert_eq!(configuration.unwrap().json()["policy_decision_point"], "https://localhost");

    let changes_to = async |authorization: &str, status: u16| {
        for _ in 0..100 {
            if ask(Some(authorization)).await.0 == status {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{authorization} never got {status}");
    };
    // A line that is no token lets nobody in, and takes nothing from the others.
    fs::write(&tokens, format!("till short\ngateway {OTHER}\n")).unwrap();
    changes_to(&good, 401).await;
    assert_eq!(ask(Some(&hashed)).await.0, 200);
    fs::write(&tokens, format!("till {TOKEN}\n")).unwrap();
    changes_to(&good, 200).await;
    assert_eq!(ask(Some(&hashed)).await.0, 401);
    fs::remove_file(&tokens).unwrap();
    changes_to(&good, 401).await;

    sidecar.stop().await;
    let records = records(&home.audit()).await;
    let by: Vec<&str> = records.iter().filter_map(|record| record["by"].as_str()).collect();
    assert_eq!(&by[..2], ["till", "gateway"], "services go by the names of their tokens");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listener_that_others_reach_needs_tokens_and_they_must_be_good() {
    let upstream = Upstream::start().await;
    let home = Home::new(upstream.address, "permit (principal, action, resource);");
    let config = home.config();
    let tokens = home.path("tokens");
    let start = async |settings: Vec<(&str, &str)>| {
        let run = tokio::process::Command::new(env!("CARGO_BIN_EXE_cedarpost"))
            .arg("serve")
            .arg("--config")
            .arg(&config)
            .envs(settings)
            .kill_on_drop(true)
            .output();
        let output = tokio::time::timeout(Duration::from_secs(20), run).await.expect("it does not start").unwrap();
        assert!(!output.status.success());
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let open = ("CEDARPOST_AUTHZEN_ADDRESS", "0.0.0.0:0");
    let plain = ("CEDARPOST_AUTHZEN_PLAINTEXT_NON_LOOPBACK", "true");
    let said = start(vec![open, plain]).await;
    assert!(said.contains("nobody has to show a token"), "{said}");
    let file = tokens.display().to_string();
    let with_file = ("CEDARPOST_AUTHZEN_TOKENS_FILE", file.as_str());
    let said = start(vec![open, with_file]).await;
    assert!(said.contains("this listener has no TLS"), "{said}");
    let said = start(vec![open, plain, with_file]).await;
    assert!(said.contains("failed to read the tokens"), "{said}");
    for (text, sentence) in [
        ("# nobody\n", "has no token"),
        ("till short\n", "line 1 of"),
        ("till a-token-that-nobody-guesses\ntill a-second-token-of-the-till\n", "line 2 of"),
        ("till a-token-that-nobody-guesses\ngate a-token-that-nobody-guesses\n", "line 2 of"),
        ("till a-token that-has-spaces-in-it\n", "line 1 of"),
        ("till sha256:00ff\n", "line 1 of"),
    ] {
        fs::write(&tokens, text).unwrap();
        let said = start(vec![open, plain, with_file]).await;
        assert!(said.contains(sentence), "{text}: {said}");
        assert!(!said.contains("guesses"), "a token is never shown");
    }
    for (key, value, sentence) in [
        ("CEDARPOST_AUTHZEN_URL", "http://pdp.example.com", "https"),
        ("CEDARPOST_AUTHZEN_URL", "https://pdp.example.com/path", "without a path"),
        ("CEDARPOST_AUTHZEN_UNKNOWN_PROPERTIES", "keep", "refuse, ignore"),
        ("CEDARPOST_AUTHZEN_MAX_CONNECTIONS", "0", "is not between"),
    ] {
        let said = start(vec![("CEDARPOST_AUTHZEN_ADDRESS", "127.0.0.1:0"), (key, value)]).await;
        assert!(said.contains(sentence), "{key}={value}: {said}");
    }
}
