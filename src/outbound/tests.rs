//! The client against servers that behave, dawdle, cut off and pretend, over real sockets.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use http::StatusCode;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use super::*;

const LIMITS: Limits = Limits { deadline: Duration::from_secs(20), max_body: 100 };

/// A server that answers each request with the same bytes, and tells what it was asked. Empty bytes close the connection, `None`
/// says nothing for ever.
async fn server(answer: Option<&'static str>) -> (SocketAddr, mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (asked, requests) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = vec![0; 4096];
            let length = stream.read(&mut request).await.unwrap();
            asked.send(String::from_utf8_lossy(&request[..length]).into_owned()).unwrap();
            match answer {
                Some(answer) => stream.write_all(answer.as_bytes()).await.unwrap(),
                None => std::future::pending().await,
            }
        }
    });
    (address, requests)
}

fn get(uri: &str) -> Request<Bytes> {
    Request::get(uri).body(Bytes::new()).unwrap()
}

async fn ask(answer: Option<&'static str>, limits: Limits) -> Result<Response<Bytes>, OutboundError> {
    let (address, _requests) = server(answer).await;
    Outbound::new(Settings::default()).unwrap().request(get(&format!("http://{address}/x")), limits).await
}

#[tokio::test]
async fn an_answer_comes_as_it_is_whatever_its_status() {
    let cases = [
        ("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", 200, "ok"),
        ("HTTP/1.1 503 Busy\r\nretry-after: 9\r\nconnection: close\r\n\r\nlater", 503, "later"),
        ("HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n", 302, ""),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", 200, "abc"),
    ];
    for (answer, status, body) in cases {
        let answered = ask(Some(answer), LIMITS).await.unwrap();
        assert_eq!((answered.status().as_u16(), &answered.body()[..]), (status, body.as_bytes()), "{answer}");
    }
}

#[tokio::test]
async fn a_request_goes_out_with_its_body_and_without_cookies() {
    let (address, mut requests) =
        server(Some("HTTP/1.1 200 OK\r\nset-cookie: a=b\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")).await;
    let outbound = Outbound::new(Settings::default()).unwrap();
    for _ in 0..2 {
        let request =
            Request::put(format!("http://{address}/a?b=c")).header("x-own", "1").body(Bytes::from_static(b"text")).unwrap();
        assert_eq!(outbound.request(request, LIMITS).await.unwrap().status(), StatusCode::OK);
    }
    for _ in 0..2 {
        let seen = requests.recv().await.unwrap();
        assert!(seen.starts_with("PUT /a?b=c HTTP/1.1\r\n") && seen.ends_with("\r\n\r\ntext"), "{seen}");
        for line in
            ["x-own: 1", "content-length: 4", "accept-encoding: identity", &format!("host: {address}"), "user-agent: cedarpost/"]
        {
            assert!(seen.contains(&format!("\r\n{line}")), "{line}: {seen}");
        }
        assert!(!seen.contains("cookie"), "{seen}");
    }
}

#[tokio::test]
async fn an_answer_that_is_too_long_cut_off_or_missing_is_an_error() {
    let cases = [
        ("HTTP/1.1 200 OK\r\ncontent-length: 101\r\n\r\n", Progress::Answered, "is longer than 100 bytes"),
        (
            "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789x",
            Progress::Answered,
            "is longer than 100 bytes",
        ),
        ("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc", Progress::Answered, "was cut off"),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n", Progress::Answered, "was cut off"),
        ("", Progress::Unknown, "ended before the answer"),
        ("SSH-2.0-OpenSSH\r\n", Progress::Unknown, "ended before the answer"),
    ];
    for (answer, progress, text) in cases {
        let error = ask(Some(answer), LIMITS).await.unwrap_err();
        assert_eq!(error.progress(), progress, "{answer}: {error}");
        assert!(error.to_string().contains(text), "{answer}: {error}");
    }
}

#[tokio::test]
async fn a_head_that_never_ends_is_not_read_for_ever() {
    let head: &'static str = Box::leak(format!("HTTP/1.1 200 OK\r\nx: {}", "y".repeat(MAX_HEAD + 8192)).into_boxed_str());
    assert_eq!(ask(Some(head), LIMITS).await.unwrap_err().progress(), Progress::Unknown);
}

#[tokio::test]
async fn silence_ends_at_the_deadline_before_and_within_the_answer() {
    let limits = Limits { deadline: Duration::from_millis(150), ..LIMITS };
    let error = ask(None, limits).await.unwrap_err();
    assert!(matches!(error, OutboundError::Silent { .. }), "{error}");

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        assert!(stream.read(&mut [0; 4096]).await.unwrap() > 0);
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n").await.unwrap();
        loop {
            // A body that trickles is never silent, and never ends.
            tokio::time::sleep(Duration::from_millis(20)).await;
            stream.write_all(b"x").await.unwrap();
        }
    });
    let outbound = Outbound::new(Settings::default()).unwrap();
    let error = outbound.request(get(&format!("http://{address}/")), limits).await.unwrap_err();
    assert!(matches!(error, OutboundError::Silent { .. }), "{error}");
}

#[tokio::test]
async fn nobody_there_is_told_from_an_answer_that_is_missing() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let error =
        Outbound::new(Settings::default()).unwrap().request(get(&format!("http://{address}/")), LIMITS).await.unwrap_err();
    assert_eq!(error.progress(), Progress::NotSent, "{error}");
}

#[tokio::test]
async fn where_a_request_may_not_go_it_does_not_go() {
    let outbound = Outbound::new(Settings::default()).unwrap();
    for uri in ["http://10.0.0.1/", "http://store.example/", "ftp://localhost/", "/path", "http://me:secret@localhost/"] {
        let error = outbound.request(get(uri), LIMITS).await.unwrap_err();
        assert_eq!(error.progress(), Progress::Refused, "{uri}");
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}

fn vector(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/outbound/vectors").join(name)
}

/// A server with a certificate of our own authority for `localhost` and 127.0.0.1; it answers each request with `ok`.
fn tls_server(address: IpAddr) -> SocketAddr {
    let chain = vec![CertificateDer::from_pem_file(vector("server.pem")).unwrap()];
    let key = PrivateKeyDer::from_pem_file(vector("server.key")).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(rustls::crypto::ring::default_provider().into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let (config, listener) = (Arc::new(config), std::net::TcpListener::bind((address, 0)).unwrap());
    let bound = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let connection = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut tls = rustls::StreamOwned::new(connection, stream.unwrap());
            // A client that does not trust us hangs up in the handshake.
            if tls.read(&mut [0; 4096]).is_ok() {
                let _ = tls.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
            }
        }
    });
    bound
}

#[tokio::test]
async fn a_certificate_counts_only_when_its_authority_and_name_are_right() {
    let trusting = Outbound::new(Settings { ca_file: Some(vector("ca.pem")), ..Settings::default() }).unwrap();
    let plain = Outbound::new(Settings::default()).unwrap();
    let port = tls_server([127, 0, 0, 1].into()).port();
    let elsewhere = tls_server([127, 0, 0, 2].into());
    assert!(trusting.can_verify());
    for uri in [format!("https://localhost:{port}/"), format!("https://127.0.0.1:{port}/")] {
        assert_eq!(trusting.request(get(&uri), LIMITS).await.unwrap().body(), "ok", "{uri}");
        let error = plain.request(get(&uri), LIMITS).await.unwrap_err();
        assert!(matches!(error.progress(), Progress::NotSent | Progress::Refused), "{error}");
    }
    let error = trusting.request(get(&format!("https://{elsewhere}/")), LIMITS).await.unwrap_err();
    assert_eq!(error.progress(), Progress::NotSent, "{error}");
}

#[test]
fn a_file_that_holds_no_authority_is_refused() {
    let cases = [("nowhere.pem", "failed to read"), ("server.key", "has no certificate")];
    for (name, text) in cases {
        let error = Outbound::new(Settings { ca_file: Some(vector(name)), ..Settings::default() }).unwrap_err();
        assert!(error.to_string().contains(text), "{name}: {error}");
    }
    let broken = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&broken, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").unwrap();
    let error = Outbound::new(Settings { ca_file: Some(broken.path().to_owned()), ..Settings::default() }).unwrap_err();
    assert!(error.to_string().contains("cannot be trusted"), "{error}");
}
