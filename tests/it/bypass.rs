//! A server that can be reached past the sidecar, as the real binary sees it in the real tables of the kernel.

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::support::{Desk, Era, Mcp, Served, Upstream, until};

const ALLOW: &str = "@id(\"all\")\npermit (principal, action, resource);\n";

async fn in_front_of(address: SocketAddr, desk: &Desk, check: &str) -> Served {
    let url = format!("url = 'http://127.0.0.1:{}/mcp'", address.port());
    desk.configure(&url, &format!("bypass = {{ check = '{check}', interval = '100ms' }}"));
    desk.serve().await
}

/// What `/readyz` says, once it says this.
async fn until_ready(served: &Served, status: u16) -> Value {
    for _ in 0..200 {
        if served.get("/readyz").await.status == status {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let reply = served.get("/readyz?verbose").await;
    assert_eq!(reply.status, status, "{:#}\n{}", reply.json(), served.log());
    let checks = reply.json()["checks"].as_array().unwrap().clone();
    checks.into_iter().find(|check| check["name"] == "bypass").unwrap_or_default()
}

fn lines(served: &Served, event: &str) -> usize {
    served.log().lines().filter(|line| line.contains(&format!("\"event\":\"{event}\""))).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_on_all_addresses_keeps_the_sidecar_from_being_ready_until_it_listens_on_loopback() {
    let upstream = Upstream::start_at("0.0.0.0:0".parse().unwrap()).await;
    let (port, uid) = (upstream.address.port(), rustix::process::geteuid().as_raw());
    let desk = Desk::new(ALLOW);
    let served = in_front_of(upstream.address, &desk, "enforce").await;

    let said = until_ready(&served, 503).await;
    let way = format!("can be reached past the sidecar: server `lab` at 0.0.0.0:{port} of user {uid}");
    assert_eq!((&said["ok"], &said["detail"]), (&json!(false), &json!(way)));
    assert_eq!(served.get("/livez").await.status, 200);
    let status = served.status().await;
    let expected = json!([{ "what": "server `lab`", "address": format!("0.0.0.0:{port}"), "uid": uid }]);
    assert_eq!((&status["bypass"]["check"], &status["bypass"]["bypasses"]), (&json!("enforce"), &expected));
    assert_eq!(served.metric("cedarpost_bypass_listeners").await.as_deref(), Some("1"));
    assert_eq!(served.metric("cedarpost_bypass_check_failed").await.as_deref(), Some("0"));
    // Calls are decided as ever: whoever goes through the sidecar is not who goes around it.
    let mut client = Mcp::connect(served.mcp, Era::Modern).await.unwrap();
    assert!(client.call("1", "echo", json!({})).await.unwrap().is_good());
    drop(client);

    upstream.stop().await;
    let upstream = Upstream::start_at(SocketAddr::from(([127, 0, 0, 1], port))).await;
    assert_eq!(until_ready(&served, 200).await["ok"], true);
    until("the log has the end of it", || lines(&served, "bypass_closed") == 1).await;
    assert_eq!(lines(&served, "bypass"), 1, "once, however often it is seen: {}", served.log());
    assert!(served.log().contains("let the server listen on 127.0.0.1 only"));
    assert_eq!(served.metric("cedarpost_bypass_listeners").await.as_deref(), Some("0"));

    upstream.stop().await;
    // Both families with one socket, where this machine has IPv6.
    if let Ok(listener) = std::net::TcpListener::bind(("::", port)) {
        let said = until_ready(&served, 503).await;
        assert!(said["detail"].as_str().unwrap().contains(&format!("at [::]:{port} of user {uid}")), "{said}");
        drop(listener);
        until_ready(&served, 200).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_it_is_only_told_the_sidecar_is_ready_all_the_same() {
    let upstream = Upstream::start_at("0.0.0.0:0".parse().unwrap()).await;
    let desk = Desk::new(ALLOW);
    let served = in_front_of(upstream.address, &desk, "report").await;
    until("it is logged", || lines(&served, "bypass") == 1).await;
    let said = until_ready(&served, 200).await;
    assert!(said["ok"] == true && said["detail"].as_str().unwrap().contains("past the sidecar"), "{said}");
    assert_eq!(served.metric("cedarpost_bypass_listeners").await.as_deref(), Some("1"));
    drop(served);
    let served = in_front_of(upstream.address, &desk, "off").await;
    assert!(until_ready(&served, 200).await.is_null());
    assert_eq!(served.status().await["bypass"], json!({ "check": "off" }));
    assert_eq!(served.metric("cedarpost_bypass_listeners").await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn listeners_at_other_ports_are_listed_and_nothing_else() {
    let upstream = Upstream::start().await;
    let other = std::net::TcpListener::bind("0.0.0.0:0").unwrap().local_addr().unwrap();
    let listener = std::net::TcpListener::bind(other).unwrap();
    let desk = Desk::new(ALLOW);
    let served = in_front_of(upstream.address, &desk, "enforce").await;
    until_ready(&served, 200).await;
    let status = served.status().await;
    let others = status["bypass"]["others"].as_array().unwrap();
    assert!(others.iter().any(|other| other["address"] == listener.local_addr().unwrap().to_string()), "{status:#}");
    for own in [served.mcp, served.admin] {
        assert!(others.iter().all(|other| other["address"] != own.to_string()), "{status:#}");
    }
    assert!(served.metric("cedarpost_other_listeners").await.is_some_and(|count| count != "0"));
}
