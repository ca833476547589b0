//! Clients that others wrote: curl and the openssl command, where a machine has them.

use std::process::Stdio;

use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use super::*;
use crate::support::{MODERN, modern_meta};

/// Whether this machine has the program; tests without it say so and pass.
fn has(program: &str) -> bool {
    let found = std::process::Command::new(program).arg("version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
    if !found {
        eprintln!("there is no {program} here: this is not tested");
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn curl_gets_in_with_a_certificate_and_not_without() {
    if !has("curl") {
        return;
    }
    let house = House::open().await;
    fs::write(house.home.path("ours.pem"), house.ours.pem()).unwrap();
    house.sign(&[ID]).write(&house.home.path(""), "web");
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "echo", "arguments": {}, "_meta": modern_meta()}});
    let place = |name: &str| house.home.path(name).display().to_string();
    let (body, url) = (body.to_string(), format!("https://localhost:{}/lab", house.sidecar.address.port()));
    let mut base = ["-sS", "--ipv4", "--cacert", &place("ours.pem"), "-d", &body, &url].map(str::to_owned).to_vec();
    let version = format!("mcp-protocol-version: {MODERN}");
    for header in [
        "content-type: application/json",
        "accept: application/json, text/event-stream",
        "mcp-method: tools/call",
        "mcp-name: echo",
        &version,
    ] {
        base.extend(["-H".to_owned(), header.to_owned()]);
    }
    // The tools have to be known before one is called.
    house.client(Era::Modern, Some(&house.sign(&[ID]))).await.unwrap();
    let shows = ["--cert".to_owned(), place("web.pem"), "--key".to_owned(), place("web.key")];
    for version in [&["--tlsv1.3"][..], &["--tls-max", "1.2"]] {
        let with = Command::new("curl").args(&base).args(&shows).args(version).output().await.unwrap();
        let said = String::from_utf8_lossy(&with.stdout).into_owned();
        assert!(with.status.success() && said.contains("\"result\"") && !said.contains("isError\":true"), "{with:?}");
        let without = Command::new("curl").args(&base).args(version).output().await.unwrap();
        assert!(!without.status.success() && without.stdout.is_empty(), "{without:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn openssl_agrees_on_a_version_and_gets_nothing_older_than_1_2() {
    if !has("openssl") {
        return;
    }
    let house = House::open().await;
    fs::write(house.home.path("ours.pem"), house.ours.pem()).unwrap();
    house.sign(&[ID]).write(&house.home.path(""), "web");
    let (ours, web, key) = (house.home.path("ours.pem"), house.home.path("web.pem"), house.home.path("web.key"));
    for (version, expected) in [("-tls1_3", Some("TLSv1.3")), ("-tls1_2", Some("TLSv1.2")), ("-tls1_1", None)] {
        let mut client = Command::new("openssl")
            .args([
                "s_client",
                "-connect",
                &house.sidecar.address.to_string(),
                "-servername",
                "localhost",
                version,
                "-alpn",
                "http/1.1",
            ])
            .args(["-verify_return_error", "-CAfile", ours.to_str().unwrap()])
            .args(["-cert", web.to_str().unwrap(), "-key", key.to_str().unwrap()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let request = "GET /no-such-path HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
        let mut input = client.stdin.take().unwrap();
        // A client that gave up does not read.
        let _ = input.write_all(request.as_bytes()).await;
        let output = tokio::time::timeout(Duration::from_secs(10), client.wait_with_output()).await.unwrap().unwrap();
        drop(input);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        match expected {
            Some(version) => {
                assert!(said.contains(version) && said.contains("HTTP/1.1 404"), "{version}: {said}");
                assert!(said.contains("ALPN protocol: http/1.1"), "{said}");
            }
            None => assert!(!said.contains("HTTP/1.1"), "{said}"),
        }
    }
}
