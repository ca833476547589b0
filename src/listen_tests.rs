//! Tests of listeners on real loopback sockets.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

fn settings(address: &str) -> Settings {
    Settings { address: address.parse().unwrap(), plaintext_non_loopback: false, max_connections: 8 }
}

#[tokio::test]
async fn an_address_that_other_machines_reach_is_refused_unless_it_is_meant() {
    for address in ["0.0.0.0:0", "[::]:0", "[::ffff:0.0.0.0]:0"] {
        assert!(matches!(Listener::bind(&settings(address)).await, Err(BindError::Plaintext(_))), "{address}");
    }
    let meant = Settings { plaintext_non_loopback: true, ..settings("0.0.0.0:0") };
    assert!(Listener::bind(&meant).await.is_ok());
}

#[tokio::test]
async fn an_address_in_use_and_one_that_is_not_ours_are_told_apart() {
    let first = Listener::bind(&settings("127.0.0.1:0")).await.unwrap();
    let again = Listener::bind(&settings(&first.local_addr().to_string())).await;
    assert!(matches!(again, Err(BindError::InUse(_))), "{again:?}");
    let foreign = Settings { plaintext_non_loopback: true, ..settings("192.0.2.1:0") };
    let refused = Listener::bind(&foreign).await;
    assert!(matches!(refused, Err(BindError::NotOurs(_))), "{refused:?}");
}

#[tokio::test]
async fn bytes_go_both_ways_and_the_peer_is_known() {
    let mut listener = Listener::bind(&settings("127.0.0.1:0")).await.unwrap();
    let mut client = TcpStream::connect(listener.local_addr()).await.unwrap();
    let mut connection = listener.accept(&Stop::new()).await.unwrap();
    assert_eq!(connection.peer(), client.local_addr().unwrap());
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
    let one = Settings { max_connections: 1, ..settings("127.0.0.1:0") };
    let mut listener = Listener::bind(&one).await.unwrap();
    let _clients =
        [TcpStream::connect(listener.local_addr()).await.unwrap(), TcpStream::connect(listener.local_addr()).await.unwrap()];
    let stop = Stop::new();
    let first = listener.accept(&stop).await.unwrap();
    let waiting = tokio::time::timeout(Duration::from_millis(50), listener.accept(&stop)).await;
    assert!(waiting.is_err());
    drop(first);
    assert!(listener.accept(&stop).await.is_some());
}

#[tokio::test]
async fn nothing_is_accepted_once_stop_is_pulled() {
    let mut listener = Listener::bind(&settings("127.0.0.1:0")).await.unwrap();
    let _client = TcpStream::connect(listener.local_addr()).await.unwrap();
    let stop = Stop::new();
    stop.request();
    assert!(listener.accept(&stop).await.is_none());
}

#[test]
fn pauses_grow_to_a_second_and_start_over() {
    let mut pause = Backoff::default();
    let seen: Vec<u128> = (0..9).map(|_| pause.next().as_millis()).collect();
    assert_eq!(seen, [10, 20, 40, 80, 160, 320, 640, 1000, 1000]);
    pause.reset();
    assert_eq!(pause.next().as_millis(), 10);
}
