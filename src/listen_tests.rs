//! Tests of listeners on real loopback sockets.

use std::os::unix::fs::PermissionsExt as _;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};

use super::*;

fn settings(address: &str) -> Settings {
    Settings { address: address.parse().unwrap(), ..Settings::plain("127.0.0.1:0".parse().unwrap()) }
}

async fn bind(settings: &Settings) -> Result<Listener, BindError> {
    Listener::bind("mcp", settings, 8, &Metrics::default()).await
}

/// The TCP address of a listener.
fn at(listener: &Listener) -> std::net::SocketAddr {
    listener.local_addr().tcp().unwrap()
}

#[tokio::test]
async fn an_address_that_other_machines_reach_is_refused_unless_it_is_meant() {
    for address in ["0.0.0.0:0", "[::]:0", "[::ffff:0.0.0.0]:0"] {
        assert!(matches!(bind(&settings(address)).await, Err(BindError::Plaintext(_))), "{address}");
    }
    let meant = Settings { plaintext_non_loopback: true, ..settings("0.0.0.0:0") };
    assert!(bind(&meant).await.is_ok());
}

#[tokio::test]
async fn an_address_in_use_and_one_that_is_not_ours_are_told_apart() {
    let first = bind(&settings("127.0.0.1:0")).await.unwrap();
    let again = bind(&settings(&first.local_addr().to_string())).await;
    assert!(matches!(again, Err(BindError::InUse(_))), "{again:?}");
    let foreign = Settings { plaintext_non_loopback: true, ..settings("192.0.2.1:0") };
    let refused = bind(&foreign).await;
    assert!(matches!(refused, Err(BindError::NotOurs(_))), "{refused:?}");
}

#[tokio::test]
async fn bytes_go_both_ways_and_the_peer_is_known() {
    let mut listener = bind(&settings("127.0.0.1:0")).await.unwrap();
    let mut client = TcpStream::connect(at(&listener)).await.unwrap();
    let mut connection = listener.accept(&Stop::new()).await.unwrap();
    assert_eq!(connection.peer().address, Some(client.local_addr().unwrap()));
    client.write_all(b"ping").await.unwrap();
    let mut heard = [0; 4];
    connection.read_exact(&mut heard).await.unwrap();
    connection.write_all(&heard).await.unwrap();
    connection.shutdown().await.unwrap();
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).await.unwrap();
    assert_eq!(answer, b"ping");
}

#[tokio::test]
async fn more_connections_than_slots_wait_until_one_ends() {
    let mut listener = Listener::bind("mcp", &settings("127.0.0.1:0"), 1, &Metrics::default()).await.unwrap();
    let _clients = [TcpStream::connect(at(&listener)).await.unwrap(), TcpStream::connect(at(&listener)).await.unwrap()];
    let stop = Stop::new();
    let first = listener.accept(&stop).await.unwrap();
    let waiting = tokio::time::timeout(Duration::from_millis(50), listener.accept(&stop)).await;
    assert!(waiting.is_err());
    drop(first);
    assert!(listener.accept(&stop).await.is_some());
}

#[tokio::test]
async fn nothing_is_accepted_once_stop_is_pulled() {
    let mut listener = bind(&settings("127.0.0.1:0")).await.unwrap();
    let _client = TcpStream::connect(at(&listener)).await.unwrap();
    let stop = Stop::new();
    stop.request();
    assert!(listener.accept(&stop).await.is_none());
}

#[tokio::test]
async fn who_speaks_tls_where_there_is_none_is_cut_off() {
    let mut listener = bind(&settings("127.0.0.1:0")).await.unwrap();
    let mut client = TcpStream::connect(at(&listener)).await.unwrap();
    let mut connection = listener.accept(&Stop::new()).await.unwrap();
    client.write_all(&[0x16, 3, 1, 0, 200]).await.unwrap();
    let error = connection.read_u8().await.unwrap_err();
    assert_eq!(error.to_string(), "the client speaks TLS, and this listener has no certificate");
}

#[test]
fn an_address_is_tcp_or_a_socket_with_a_whole_path() {
    for (text, remote) in [("127.0.0.1:80", false), ("[::1]:0", false), ("10.0.0.1:80", true), ("unix:/run/a", false)] {
        let address: Address = text.parse().unwrap();
        assert_eq!((address.to_string().as_str(), address.is_remote()), (text, remote));
        assert_eq!(address.clashes_with(&address.clone()), text != "[::1]:0");
    }
    for text in ["localhost:80", "unix:", "unix:a", "unix:/run/", "unix://run/a/", "/run/a", "80", "127.0.0.1"] {
        assert!(text.parse::<Address>().is_err(), "{text}");
    }
}

#[tokio::test]
async fn a_socket_has_its_mode_and_tells_who_connects() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("mcp");
    let address = format!("unix:{}", path.display());
    for mode in [0o600, 0o660, 0o666] {
        let mut listener = bind(&Settings { socket_mode: mode, ..settings(&address) }).await.unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, mode);
        let _client = UnixStream::connect(&path).await.unwrap();
        let connection = listener.accept(&Stop::new()).await.unwrap();
        let ours = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
        let peer = connection.peer();
        assert_eq!((peer.process.map(|process| (process.uid, process.gid)), peer.ip()), (Some(ours), None));
        drop(listener);
        assert!(!path.exists(), "it is gone with its listener");
    }
}

#[tokio::test]
async fn only_a_socket_that_was_left_behind_is_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("mcp");
    let here = settings(&format!("unix:{}", path.display()));
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let first = bind(&here).await.unwrap();
    let second = bind(&here).await;
    assert!(matches!(second, Err(BindError::InUse(_))), "{second:?}");
    // Whoever has put theirs in its place keeps it.
    std::fs::remove_file(&path).unwrap();
    let _other = std::os::unix::net::UnixListener::bind(&path).unwrap();
    drop(first);
    assert!(path.exists());
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, "precious").unwrap();
    assert!(matches!(bind(&here).await, Err(BindError::NotASocket(_))));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
    let nowhere = bind(&settings("unix:/nowhere/at/all")).await;
    assert!(matches!(nowhere, Err(BindError::Other { .. })), "{nowhere:?}");
}

#[test]
fn pauses_grow_to_a_second_and_start_over() {
    let mut pause = Backoff::default();
    let seen: Vec<u128> = (0..9).map(|_| pause.next().as_millis()).collect();
    assert_eq!(seen, [10, 20, 40, 80, 160, 320, 640, 1000, 1000]);
    pause.reset();
    assert_eq!(pause.next().as_millis(), 10);
}
