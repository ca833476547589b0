//! A socket for its owner, however long its path is.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use std::os::unix::fs::PermissionsExt as _;

use super::*;

#[tokio::test]
async fn who_owns_the_process_is_heard_at_short_and_at_long_paths() {
    for depth in [0, 5] {
        let dir = tempfile::tempdir().unwrap();
        let path = (0..depth).fold(dir.path().to_owned(), |path, _| path.join("a-name-of-thirty-characters-or-so"));
        std::fs::create_dir_all(&path).unwrap();
        let path = path.join("control");
        let stop = Stop::new();
        let mut listener = PrivateListener::bind(&path, 1).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let mut asks = connect(&path).await.unwrap();
        let (mut hears, _slot) = listener.accept(&stop).await.unwrap();
        asks.write_all(b"hello").await.unwrap();
        drop(asks);
        let mut heard = String::new();
        hears.read_to_string(&mut heard).await.unwrap();
        assert_eq!(heard, "hello");
        drop(listener);
        assert_eq!(connect(&path).await.unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}

#[tokio::test]
async fn a_socket_that_was_left_behind_is_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("control");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert_eq!(connect(&path).await.unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
    let _listener = PrivateListener::bind(&path, 1).unwrap();
    connect(&path).await.unwrap();
}
