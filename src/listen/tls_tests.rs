//! TLS over real sockets: what is served, how it changes, and who gets no further than the handshake.

use std::path::Path;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::rustls::pki_types::CertificateDer;

use super::*;
use crate::lifecycle::Stop;
use crate::listen::ca::{Ca, Wish, client, connect, self_signed};
use crate::listen::{BindError, Listener, Settings};

fn settings(directory: &Path) -> Settings {
    let tls = TlsSettings { certificate: directory.join("server.pem"), key: directory.join("server.key") };
    Settings { tls: Some(tls), ..Settings::plain("127.0.0.1:0".parse().unwrap()) }
}

async fn bind(directory: &Path) -> Result<Listener, BindError> {
    Listener::bind("mcp", &settings(directory), 4, &Metrics::default()).await
}

/// Everything an error says, cause by cause.
fn chain(error: &dyn std::error::Error) -> String {
    let cause = error.source().map(|cause| format!(": {}", chain(cause))).unwrap_or_default();
    format!("{error}{cause}")
}

#[tokio::test]
async fn files_that_cannot_be_served_are_named_with_the_reason() {
    let dir = tempfile::tempdir().unwrap();
    let ca = Ca::new("root");
    let (good, other) = (ca.sign(&Wish::server()), ca.sign(&Wish::server()));
    let (pem, key) = (good.pem(), good.key_pem());
    for (certificate, key, expected) in [
        (None, Some(key.clone()), "failed to read `"),
        (Some(pem.clone()), None, "server.key`: No such file"),
        (Some(String::new()), Some(key.clone()), "there is no certificate in `"),
        (Some("-----BEGIN CERTIFICATE-----\nMIIB".to_owned()), Some(key.clone()), "server.pem` is not PEM: "),
        (Some(pem.replace("MII", "MIA")), Some(key.clone()), "a certificate in `"),
        (Some(pem.clone()), Some(pem.clone()), "there is no private key in `"),
        (Some(pem.clone()), Some(key.replace("MIG", "MIA")), "the private key in `"),
        (Some(pem.clone()), Some(other.key_pem()), "does not belong to the certificate in `"),
        (Some("x".repeat(2 << 20)), Some(key.clone()), "it is longer than 1048576 bytes"),
    ] {
        for (name, text) in [("server.pem", certificate), ("server.key", key)] {
            let _ = std::fs::remove_file(dir.path().join(name));
            text.iter().for_each(|text| std::fs::write(dir.path().join(name), text).unwrap());
        }
        let said = chain(&bind(dir.path()).await.unwrap_err());
        assert!(said.contains(expected) && said.contains("server."), "{expected}: {said}");
    }
    good.write(dir.path(), "server");
    assert!(bind(dir.path()).await.is_ok());
}

#[tokio::test]
async fn with_a_certificate_an_address_that_others_reach_may_be_bound() {
    let dir = tempfile::tempdir().unwrap();
    Ca::new("root").sign(&Wish::server()).write(dir.path(), "server");
    let everywhere = Settings { address: "0.0.0.0:0".parse().unwrap(), ..settings(dir.path()) };
    assert!(Listener::bind("mcp", &everywhere, 4, &Metrics::default()).await.is_ok());
}

#[tokio::test]
async fn bytes_go_both_ways_and_whoever_is_slow_holds_nobody_up() {
    let dir = tempfile::tempdir().unwrap();
    let ca = Ca::new("root");
    ca.sign(&Wish::server()).write(dir.path(), "server");
    let mut listener = bind(dir.path()).await.unwrap();
    let address = listener.local_addr().tcp().unwrap();
    // Two who connect and say nothing, one who begins and does not go on, with four slots.
    let _silent = [TcpStream::connect(address).await.unwrap(), TcpStream::connect(address).await.unwrap()];
    let mut slow = TcpStream::connect(address).await.unwrap();
    slow.write_all(&[TLS_HELLO, 3, 1]).await.unwrap();
    let ours = tokio::spawn(async move {
        let mut stream = connect(address, client(&ca, None)).await.unwrap();
        stream.write_all(b"ping").await.unwrap();
        let mut answer = [0; 4];
        stream.read_exact(&mut answer).await.unwrap();
        answer
    });
    let mut connection = listener.accept(&Stop::new()).await.unwrap();
    assert!(connection.peer().certificates.is_empty() && connection.peer().address.is_some());
    let mut heard = [0; 4];
    connection.read_exact(&mut heard).await.unwrap();
    connection.write_all(&heard).await.unwrap();
    connection.flush().await.unwrap();
    assert_eq!(&ours.await.unwrap(), b"ping");
}

#[tokio::test(start_paused = true)]
async fn a_handshake_has_a_deadline_after_which_its_slot_is_free() {
    let dir = tempfile::tempdir().unwrap();
    Ca::new("root").sign(&Wish::server()).write(dir.path(), "server");
    let mut listener = bind(dir.path()).await.unwrap();
    let address = listener.local_addr().tcp().unwrap();
    let mut clients = Vec::new();
    for _ in 0..4 {
        let mut slow = TcpStream::connect(address).await.unwrap();
        slow.write_all(&[TLS_HELLO, 3, 1]).await.unwrap();
        clients.push(slow);
    }
    let begun = tokio::time::Instant::now();
    let free = tokio::time::timeout(Duration::from_secs(30), listener.accept(&Stop::new())).await;
    assert!(free.is_err(), "nobody of them becomes a connection");
    assert!(begun.elapsed() >= HANDSHAKE_WITHIN);
    assert_eq!((listener.slots.available_permits(), listener.handshakes.len()), (4, 0), "all slots are free");
}

#[tokio::test]
async fn who_speaks_plain_http_is_told_so() {
    let dir = tempfile::tempdir().unwrap();
    Ca::new("root").sign(&Wish::server()).write(dir.path(), "server");
    let mut listener = bind(dir.path()).await.unwrap();
    let address = listener.local_addr().tcp().unwrap();
    tokio::spawn(async move { listener.accept(&Stop::new()).await });
    let mut plain = TcpStream::connect(address).await.unwrap();
    plain.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    plain.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 400 ") && head.contains(&format!("content-length: {}", body.len())), "{answer}");
    assert_eq!(body, "This port speaks TLS: use https.\r\n");
}

/// The certificate that a new connection is shown.
async fn shown(listener: &mut Listener, ca: &Ca) -> CertificateDer<'static> {
    let (address, config) = (listener.local_addr().tcp().unwrap(), client(ca, None));
    let (stop, connecting) = (Stop::new(), connect(address, config));
    let (accepted, stream) = tokio::join!(listener.accept(&stop), connecting);
    assert!(accepted.is_some());
    stream.unwrap().get_ref().1.peer_certificates().unwrap()[0].clone().into_owned()
}

#[tokio::test]
async fn new_files_are_served_to_new_connections_and_broken_ones_to_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let ca = Ca::new("root");
    let [first, second, third] = [(); 3].map(|()| ca.sign(&Wish::server()));
    first.write(dir.path(), "server");
    let mut listener = bind(dir.path()).await.unwrap();
    let (mut keeper, served) = (listener.take_keeper().unwrap(), listener.certificate().unwrap());
    keeper.look();
    assert_eq!(shown(&mut listener, &ca).await, first.der);

    // A certificate that is written before its key is not an error yet, and is served once both are there.
    std::fs::write(dir.path().join("server.pem"), second.pem()).unwrap();
    keeper.look();
    assert_eq!((served.state().problem, shown(&mut listener, &ca).await), (None, first.der.clone()));
    second.write(dir.path(), "server");
    keeper.look();
    keeper.look();
    assert_eq!(shown(&mut listener, &ca).await, second.der);

    // What stays broken is said, and what was served before still is.
    std::fs::write(dir.path().join("server.pem"), third.pem()).unwrap();
    keeper.look();
    keeper.look();
    let problem = served.state().problem.unwrap();
    assert!(problem.contains("does not belong to the certificate"), "{problem}");
    assert_eq!(shown(&mut listener, &ca).await, second.der);
    std::fs::remove_file(dir.path().join("server.key")).unwrap();
    keeper.look();
    keeper.look();
    assert!(served.state().problem.unwrap().contains("failed to read"));
    assert_eq!(shown(&mut listener, &ca).await, second.der);
    third.write(dir.path(), "server");
    keeper.look();
    keeper.look();
    assert_eq!((served.state().problem, shown(&mut listener, &ca).await), (None, third.der.clone()));
}

#[tokio::test]
async fn a_directory_that_kubernetes_swaps_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let ca = Ca::new("root");
    let versions = ["..1", "..2"].map(|name| {
        let place = dir.path().join(name);
        std::fs::create_dir(&place).unwrap();
        let issued = ca.sign(&Wish::server());
        issued.write(&place, "server");
        issued
    });
    std::os::unix::fs::symlink("..1", dir.path().join("..data")).unwrap();
    for name in ["server.pem", "server.key"] {
        std::os::unix::fs::symlink(Path::new("..data").join(name), dir.path().join(name)).unwrap();
    }
    let mut listener = bind(dir.path()).await.unwrap();
    let mut keeper = listener.take_keeper().unwrap();
    assert_eq!(shown(&mut listener, &ca).await, versions[0].der);
    std::os::unix::fs::symlink("..2", dir.path().join("..data_tmp")).unwrap();
    std::fs::rename(dir.path().join("..data_tmp"), dir.path().join("..data")).unwrap();
    keeper.look();
    assert_eq!(shown(&mut listener, &ca).await, versions[0].der, "one look is not enough");
    keeper.look();
    assert_eq!(shown(&mut listener, &ca).await, versions[1].der);
}

#[tokio::test]
async fn what_was_agreed_on_above_tls_is_what_the_face_speaks() {
    let dir = tempfile::tempdir().unwrap();
    let ca = Ca::new("root");
    ca.sign(&Wish::server()).write(dir.path(), "server");
    for (speaks, offers, expected) in [
        (None, &["h2", "http/1.1"][..], Some(Some("http/1.1"))),
        (None, &[], Some(None)),
        (None, &["h2"], None),
        (Some(&["h2", "http/1.1"][..]), &["http/1.1", "h2"], Some(Some("h2"))),
    ] {
        let mut listener = bind(dir.path()).await.unwrap();
        if let Some(protocols) = speaks {
            listener = listener.speaking(protocols).unwrap();
        }
        let address = listener.local_addr().tcp().unwrap();
        let mut config = client(&ca, None);
        config.alpn_protocols = offers.iter().map(|name| name.as_bytes().to_vec()).collect();
        let (stop, connecting) = (Stop::new(), connect(address, config));
        let accepting = tokio::time::timeout(Duration::from_millis(300), listener.accept(&stop));
        let (accepted, _client) = tokio::join!(accepting, connecting);
        let agreed =
            accepted.ok().flatten().map(|connection| connection.protocol().map(|name| String::from_utf8(name.to_vec()).unwrap()));
        let expected = expected.map(|name| name.map(str::to_owned));
        assert_eq!(agreed, expected, "{speaks:?} {offers:?}");
    }
}

#[test]
fn a_certificate_without_names_is_told_by_its_subject() {
    let dir = tempfile::tempdir().unwrap();
    self_signed(&Wish { dns: &[], ..Wish::server() }).write(dir.path(), "server");
    let tls = settings(dir.path()).tls.unwrap();
    let (served, _) = Served::open("mcp", tls, Metrics::default()).unwrap();
    assert!(served.state().names[0].contains("CN=server"), "{:?}", served.state());
}
