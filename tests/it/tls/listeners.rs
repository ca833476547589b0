//! Listeners with certificates: rotation under way, clients that speak the wrong language, and starts that must fail.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::*;
use crate::support::{PATH, cedarpost, now};

#[tokio::test(flavor = "multi_thread")]
async fn another_certificate_is_served_to_new_connections_while_streams_live_on() {
    let (events, stream) = Answer::events();
    let mut stream = Some(stream);
    let house =
        House::with("accept = ['mtls']", "", move |seen, _| if seen.method == "GET" { stream.take() } else { None }).await;
    let web = house.sign(&[ID]);
    let client = house.client(Era::Legacy, Some(&web)).await.unwrap();
    let mut listening = client.listen_over(house.connect(Some(&web)).await.unwrap()).await;
    let event = |number: usize| {
        let event =
            format!("data: {{\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\",\"params\":{{\"n\":{number}}}}}\n\n");
        events.send(event.into()).unwrap();
    };
    event(1);
    assert!(listening.next().await.is_some());

    let second = house.ours.sign(&Wish { valid: (-60, 7200), ..Wish::server() });
    second.write(&house.home.path(""), "server");
    house.logs("another certificate is served").await;
    let seen = tls_connect(house.sidecar.address, tls_client(&house.ours, Some(&web))).await.unwrap();
    assert_eq!(seen.get_ref().1.peer_certificates().unwrap()[0], second.der);
    event(2);
    assert!(listening.next().await.unwrap().contains("\"n\":2"), "the stream from before lives on");

    // A key that does not fit keeps the last good pair, and operators see it.
    fs::write(house.home.path("server.key"), house.ours.sign(&Wish::server()).key_pem()).unwrap();
    house.logs("the files of the certificate cannot be used").await;
    let seen = tls_connect(house.sidecar.address, tls_client(&house.ours, Some(&web))).await.unwrap();
    assert_eq!(seen.get_ref().1.peer_certificates().unwrap()[0], second.der);
    let expires = house.metric("cedarpost_tls_certificate_expires_seconds{listener=\"mcp\"}").await.unwrap();
    assert!((expires - now() - 7200).abs() < 60, "{expires}");
    assert_eq!(house.metric("cedarpost_tls_certificate_valid{listener=\"mcp\"}").await, Some(0));
    assert_eq!(house.metric("cedarpost_tls_certificate_loads_total{listener=\"mcp\",outcome=\"failed\"}").await, Some(1));
    let status: Value = serde_json::from_str(&house.admin("/status").await).unwrap();
    let certificate = &status["certificates"][0];
    assert_eq!((&certificate["listener"], &certificate["names"]), (&json!("mcp"), &json!(["localhost"])));
    assert!(certificate["problem"].as_str().unwrap().contains("does not belong to the certificate"), "{certificate}");
    assert_eq!(status["certificates"][1]["listener"], "admin");
    event(3);
    assert!(listening.next().await.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_speaks_the_wrong_language_is_told_and_so_is_the_operator() {
    let house = House::open().await;
    let mut plain = TcpStream::connect(house.sidecar.address).await.unwrap();
    plain.write_all(b"POST /lab HTTP/1.1\r\nhost: localhost\r\ncontent-length: 2\r\n\r\n{}").await.unwrap();
    let mut answer = String::new();
    plain.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 400 ") && answer.ends_with("This port speaks TLS: use https.\r\n"), "{answer}");
    house.logs("the client speaks plain HTTP, or something else that is not TLS").await;

    // And the other way round.
    let home = Home::new(house._server.address, POLICY);
    let sidecar = Sidecar::start(&home).await;
    for address in [sidecar.address, sidecar.admin.unwrap()] {
        let refused = tls_connect(address, tls_client(&house.ours, None)).await;
        assert!(refused.is_err());
    }
    until("both are logged", || sidecar.log().matches("a client speaks TLS to a listener that has no certificate").count() == 2)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_handshakes_hold_nobody_up() {
    let house = House::open().await;
    let mut slow = Vec::new();
    for begun in [&b""[..], b"\x16", b"\x16\x03\x01\x02\x00\x01"] {
        for _ in 0..20 {
            let mut stream = TcpStream::connect(house.sidecar.address).await.unwrap();
            stream.write_all(begun).await.unwrap();
            slow.push(stream);
        }
    }
    let begun = std::time::Instant::now();
    let mut client = house.client(Era::Modern, Some(&house.sign(&[ID]))).await.unwrap();
    assert!(client.call("1", "echo", json!({})).await.unwrap().is_good());
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    let mut byte = [0];
    let cut = tokio::time::timeout(Duration::from_secs(15), slow[59].read(&mut byte)).await.expect("the slow are cut off");
    assert!(matches!(cut, Ok(0) | Err(_)), "{cut:?}");
    let late = house.metric("cedarpost_tls_handshakes_total{listener=\"mcp\",outcome=\"timeout\"}").await;
    assert!(late >= Some(1), "{late:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_certificate_that_can_be_served_it_does_not_start_and_says_why() {
    let house = House::open().await;
    let config = house.home.config();
    let (good, key) = (fs::read(house.home.path("server.pem")).unwrap(), fs::read(house.home.path("server.key")).unwrap());
    for (name, text, expected) in [
        ("server.pem", None, "failed to read `"),
        ("server.pem", Some("nothing"), "there is no certificate in `"),
        ("server.key", Some("nothing"), "there is no private key in `"),
        ("clients.pem", None, "failed to read the certificates of the authority `prod.example`"),
        ("clients.pem", Some(""), "there is no certificate in `"),
    ] {
        let place = house.home.path(name);
        let before = fs::read(&place).unwrap();
        match text {
            Some(text) => fs::write(&place, text).unwrap(),
            None => fs::remove_file(&place).unwrap(),
        }
        let audit = house.home.path("audit-2");
        let run = tokio::process::Command::new(env!("CARGO_BIN_EXE_cedarpost"))
            .args(["serve", "--config", config.to_str().unwrap()])
            .env("CEDARPOST_AUDIT_DIRECTORY", &audit)
            .stdin(std::process::Stdio::null())
            .output();
        let output = tokio::time::timeout(Duration::from_secs(20), run).await.expect("it ends at once").unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains(expected) && said.contains(name), "{name}: {said}");
        fs::write(&place, before).unwrap();
    }
    assert!(!good.is_empty() && !key.is_empty());
    let checked = cedarpost(&["config", "check", "--config", config.to_str().unwrap()]).await;
    assert!(checked.status.success(), "{checked:?}");
    assert!(!PATH.is_empty());
}
