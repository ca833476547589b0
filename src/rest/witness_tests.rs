//! The face of a witness over real sockets: statuses, types and bounds.

use std::net::SocketAddr;
use std::sync::mpsc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::*;
use crate::lifecycle::Stop;
use crate::listen::{Listener, Metrics, Settings};
use crate::rest::Admin;

async fn start(source: WitnessSource) -> SocketAddr {
    let settings = Settings::plain("127.0.0.1:0".parse().unwrap());
    let listener = Listener::bind("test", &settings, 256, &Metrics::default()).await.unwrap();
    let address = listener.local_addr().tcp().unwrap();
    tokio::spawn(Admin::new(listener, witness_router(source, 100)).run(Stop::new()));
    address
}

async fn send(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

fn post(body: &str) -> String {
    format!("POST /add-checkpoint HTTP/1.1\r\nHost: w\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

fn echo() -> WitnessSource {
    Box::new(|body| match body {
        b"conflict" => WitnessAnswer { status: 409, content_type: "text/x.tlog.size", body: "7\n".to_owned() },
        body => WitnessAnswer { status: 200, content_type: "text/plain; charset=utf-8", body: format!("{}\n", body.len()) },
    })
}

#[tokio::test]
async fn what_the_witness_says_is_answered_with_its_status_and_type() {
    let address = start(echo()).await;
    let long = "x".repeat(101);
    let cut = "POST /add-checkpoint HTTP/1.1\r\nHost: w\r\nTransfer-Encoding: chunked\r\n\r\n".to_owned()
        + &format!("65\r\n{long}\r\n0\r\n\r\n");
    let table = [
        (post("hello"), "200 OK", "content-type: text/plain; charset=utf-8", "\r\n\r\n5\n"),
        (post("conflict"), "409 Conflict", "content-type: text/x.tlog.size", "\r\n\r\n7\n"),
        (post(&"x".repeat(100)), "200 OK", "", "\r\n\r\n100\n"),
        (post(&long), "413 Payload Too Large", "", "too long"),
        (cut, "413 Payload Too Large", "", "too long"),
        ("GET /add-checkpoint HTTP/1.1\r\nHost: w\r\n\r\n".to_owned(), "405 Method Not Allowed", "", ""),
        ("POST /other HTTP/1.1\r\nHost: w\r\nContent-Length: 0\r\n\r\n".to_owned(), "404 Not Found", "", ""),
    ];
    for (request, status, header, rest) in table {
        let answer = send(address, &request).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{answer}");
        assert!(answer.contains(header) && answer.contains(rest), "{answer}");
    }
}

#[tokio::test]
async fn more_requests_than_fit_are_told_to_come_back() {
    let (release, held) = mpsc::channel::<()>();
    let held = parking_lot::Mutex::new(held);
    let source: WitnessSource = Box::new(move |_| {
        let _ = held.lock().recv();
        WitnessAnswer { status: 200, content_type: "text/plain; charset=utf-8", body: String::new() }
    });
    let address = start(source).await;
    let mut asking = tokio::task::JoinSet::new();
    for _ in 0..=JUDGED_AT_ONCE + WAITING {
        asking.spawn(async move { send(address, &post("x")).await });
    }
    // Nobody else can be answered while the disk hangs.
    let refused = asking.join_next().await.unwrap().unwrap();
    assert!(refused.starts_with("HTTP/1.1 429 ") && refused.contains("retry-after: 1"), "{refused}");
    drop(release);
    while let Some(answer) = asking.join_next().await {
        assert!(answer.unwrap().starts_with("HTTP/1.1 200 "));
    }
}
