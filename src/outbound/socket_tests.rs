//! Sockets that are there, are not, belong to somebody else, are full, and come back.

use std::os::unix::fs::symlink;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixListener;

use super::*;

const LIMITS: Limits = Limits { deadline: Duration::from_secs(20), max_body: 100 };
const SOON: Duration = Duration::from_millis(200);

fn socket(path: &Path, uid: Option<u32>) -> Socket {
    Socket::new(path.into(), uid).unwrap()
}

/// Answers each connection once, and says what it was asked.
fn serve(path: &Path, answer: &'static str) -> tokio::task::JoinHandle<()> {
    let listener = UnixListener::bind(path).unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = vec![0; 4096];
            let length = stream.read(&mut request).await.unwrap();
            let line = String::from_utf8_lossy(&request[..length]).to_ascii_lowercase();
            let host = line.lines().find(|line| line.starts_with("host:")).unwrap_or_default().to_owned();
            let body = format!("{answer} {} {host}", line.lines().next().unwrap_or_default());
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
            // Whoever only looks has left by now.
            let _ = stream.write_all((head + &body).as_bytes()).await;
        }
    })
}

async fn get(client: &OutboundSocket) -> Result<String, OutboundError> {
    let request = Request::get("http://localhost:9000/healthz?a=b").body(Bytes::new()).unwrap();
    client.request(request, LIMITS).await.map(|answer| String::from_utf8(answer.body().to_vec()).unwrap())
}

#[test]
fn a_socket_is_an_absolute_path_that_fits() {
    let long = format!("/run/{}", "x".repeat(LONGEST - 5));
    for path in ["/run/app/mcp.sock", "/s", &long] {
        assert_eq!(Socket::new(path.into(), None).unwrap().path(), Path::new(path));
    }
    for path in ["", "mcp.sock", "./mcp.sock", "unix:/run/mcp.sock", "/", "/run/", "/run/..", "/run/\0"] {
        assert!(matches!(Socket::new(path.into(), None), Err(BadSocket::Form(_))), "{path}");
    }
    assert!(matches!(Socket::new((long + "x").into(), None), Err(BadSocket::Long(_))));
}

#[tokio::test]
async fn a_request_says_its_host_and_its_path_and_the_next_server_at_the_path_is_found() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s");
    let client = OutboundSocket::new(socket(&path, None), SOON);
    let error = get(&client).await.unwrap_err();
    assert!(matches!(error, OutboundError::Unreachable { .. }), "{error}");

    let first = serve(&path, "one");
    assert_eq!(get(&client).await.unwrap(), "one get /healthz?a=b http/1.1 host: localhost:9000");
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    let error = get(&client).await.unwrap_err();
    assert!(format!("{:?}", error).contains("Connect"), "{error:?}");
    std::fs::remove_file(&path).unwrap();
    let _second = serve(&path, "two");
    assert!(get(&client).await.unwrap().starts_with("two "));
}

#[tokio::test]
async fn what_keeps_a_connection_from_coming_about_is_said() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s");
    let said = async |socket: Socket| socket.connect(SOON).await.unwrap_err().to_string();
    assert!(said(socket(&path, None)).await.ends_with("/s`: nothing is there (yet)"));
    std::fs::write(&path, "").unwrap();
    assert!(said(socket(&path, None)).await.ends_with("/s`: nobody listens on it"));
    std::fs::remove_file(&path).unwrap();
    symlink("elsewhere", &path).unwrap();
    assert!(said(socket(&path, None)).await.ends_with("/s`: nothing is there (yet)"));
    std::fs::remove_file(&path).unwrap();
    drop(UnixListener::bind(&path).unwrap());
    assert!(said(socket(&path, None)).await.ends_with("/s`: nobody listens on it"));
    let datagrams = directory.path().join("d");
    let _kept = tokio::net::UnixDatagram::bind(&datagrams).unwrap();
    assert!(said(socket(&datagrams, None)).await.contains("failed to connect"));
}

#[tokio::test]
async fn only_the_user_that_is_expected_is_talked_to() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s");
    let _server = serve(&path, "one");
    let ours = rustix::process::geteuid().as_raw();
    assert!(socket(&path, Some(ours)).connect(SOON).await.is_ok());
    let error = socket(&path, Some(ours + 1)).connect(SOON).await.unwrap_err();
    assert!(matches!(error, SocketError::Stranger { uid, expected, .. } if (uid, expected) == (ours, ours + 1)), "{error}");
}

#[tokio::test]
async fn a_full_queue_is_waited_for_and_not_for_ever() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s");
    let server = rustix::net::socket(rustix::net::AddressFamily::UNIX, rustix::net::SocketType::STREAM, None).unwrap();
    rustix::net::bind(&server, &rustix::net::SocketAddrUnix::new(&path).unwrap()).unwrap();
    rustix::net::listen(&server, 0).unwrap();
    let mut kept = Vec::new();
    let error = loop {
        match socket(&path, None).connect(SOON).await {
            Ok(stream) => kept.push(stream),
            Err(error) => break error,
        }
        assert!(kept.len() < 100);
    };
    assert!(matches!(error, SocketError::Busy { .. }), "{error}");
    let waiting = tokio::spawn(async move { socket(&path, None).connect(Duration::from_secs(20)).await.is_ok() });
    tokio::time::sleep(SOON).await;
    let _accepted = rustix::net::accept(&server).unwrap();
    assert!(waiting.await.unwrap());
}
