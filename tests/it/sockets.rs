//! Servers on unix sockets: everything that works over TCP, servers that go and come back, and sockets that are somebody else's.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tokio::net::{TcpStream, UnixListener};

use crate::support::{Answer, Desk, Era, Framing, Mcp, Scripted, Seen, Served, Upstream, cedarpost, records_of, until};

const ALLOW: &str = "@id(\"all\")\npermit (principal, action, resource);\n";

fn socket(desk: &Desk) -> PathBuf {
    desk.path("mcp.sock")
}

/// A sidecar in front of whoever listens on the socket.
async fn in_front_of(socket: &Path, desk: &Desk, more: &str) -> Served {
    desk.configure(&format!("socket = '{}'\nurl = 'http://localhost:9000/mcp'\n{more}", socket.display()), "");
    desk.serve().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_on_a_socket_is_like_any_other() {
    let desk = Desk::new(ALLOW);
    let upstream = Upstream::start_on(&socket(&desk));
    let served = in_front_of(&socket(&desk), &desk, "").await;
    for era in [Era::Modern, Era::Legacy] {
        let before = upstream.count();
        let mut client = Mcp::connect(served.mcp, era).await.unwrap();
        assert!(client.call("1", "echo", json!({"message": "x"})).await.unwrap().is_good());
        for framing in [Framing::Json, Framing::Sse, Framing::SseCrowded, Framing::Paged] {
            upstream.frame_lists(framing);
            let list = client.request("list", "tools/list", None, json!({})).await.unwrap().json();
            assert!(list.to_string().contains("\"echo\""), "{framing:?}: {list}");
        }
        upstream.frame_lists(Framing::Json);
        let seen = upstream.seen_since(before);
        assert!(!seen.is_empty());
        for request in &seen {
            let hosts: Vec<_> = request.headers.get_all("host").iter().collect();
            assert_eq!(hosts, ["localhost:9000"], "the URL says who is spoken to");
        }
        let in_session = seen.iter().any(|request| request.headers.contains_key("mcp-session-id"));
        assert_eq!(in_session, era == Era::Legacy);
    }
    let status = served.status().await;
    assert_eq!(status["servers"][0]["upstream"]["socket"], socket(&desk).display().to_string());
    assert_eq!(status["tools"]["lab"], 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_comes_piece_by_piece_over_a_socket() {
    let desk = Desk::new(ALLOW);
    let path = socket(&desk);
    let (events, stream) = Answer::events();
    let mut stream = Some(stream);
    let script = move |_: &Seen, message: &Value| stream.take_if(|_| message["method"] == "tools/call");
    let server = Scripted::start(script).await;
    // The two ends of TCP and socket, joined by somebody who understands nothing.
    let (listener, address) = (UnixListener::bind(&path).unwrap(), server.address);
    tokio::spawn(async move {
        while let Ok((mut near, _)) = listener.accept().await {
            let mut far = TcpStream::connect(address).await.unwrap();
            tokio::spawn(async move { tokio::io::copy_bidirectional(&mut near, &mut far).await });
        }
    });
    let served = in_front_of(&path, &desk, "").await;
    let client = Mcp::connect(served.mcp, Era::Modern).await.unwrap();
    let mut answer = client.stream(served.mcp, "c", "tools/call", Some("echo"), json!({"name": "echo", "arguments": {}})).await;
    let done = json!({"jsonrpc": "2.0", "id": "c", "result": {"resultType": "complete", "content": []}});
    for message in [json!({"jsonrpc": "2.0", "method": "notifications/message", "params": {"level": "info", "data": "x"}}), done]
    {
        events.send(format!("data: {message}\n\n").into()).unwrap();
        assert_eq!(answer.message().await, Some(message), "before there is more");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_socket_is_a_dead_server_and_the_next_one_in_its_place_is_found() {
    let (desk, by_tcp) = (Desk::new(ALLOW), Desk::new(ALLOW));
    let path = socket(&desk);
    let served = in_front_of(&path, &desk, "").await;
    by_tcp.configure("url = 'http://127.0.0.1:1/mcp'", "");
    let other = by_tcp.serve().await;
    // Not there yet, there, gone with its file left behind, replaced.
    let fails = async |why: &str| {
        let mut said = Vec::new();
        for served in [&served, &other] {
            let mut client = Mcp::shake_hands(served.mcp, Era::Modern).await.unwrap();
            let reply = client.request("1", "tools/list", None, json!({})).await.unwrap();
            assert!(!reply.is_good(), "{why}: {reply:?}");
            let text = reply.json().to_string();
            said.push((reply.status, text.contains("The MCP server cannot be reached."), reply.json()["error"]["code"].clone()));
        }
        assert_eq!(said[0], said[1], "{why}: as for any server");
        assert!(said[0].1, "{why}: {said:?}");
    };
    let works = async || {
        let mut client = Mcp::connect(served.mcp, Era::Modern).await.unwrap();
        client.call("1", "echo", json!({})).await.unwrap().is_good()
    };
    fails("nothing there").await;
    until("the log says so", || served.log().contains("nothing is there (yet)")).await;
    let first = Upstream::start_on(&path);
    assert!(works().await);
    first.stop().await;
    fails("left behind").await;
    until("the log says so", || served.log().contains("nobody listens on it")).await;
    std::fs::remove_file(&path).unwrap();
    let second = Upstream::start_on(&path);
    assert!(works().await && second.count() > 0);
    // Replaced while the one before still runs: new connections go to whoever is at the path.
    std::fs::remove_file(&path).unwrap();
    let third = Upstream::start_on(&path);
    second.stop().await;
    assert!(works().await && third.count() > 0);
    let unreachable = served.metric("cedarpost_upstream_failures_total{server=\"lab\"}").await;
    assert!(unreachable.is_some_and(|count| count != "0"));
    // A call that is allowed and goes nowhere is recorded as one.
    let mut client = Mcp::connect(served.mcp, Era::Modern).await.unwrap();
    third.stop().await;
    let reply = client.call("last", "echo", json!({})).await.unwrap();
    assert!(!reply.is_good() && reply.json().to_string().contains("The MCP server cannot be reached."), "{reply:?}");
    let (_, outcome) = records_of(&desk.audit(1), "last").await;
    assert!(outcome.to_string().contains("unreachable"), "{outcome}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_sent_to_a_socket_of_somebody_else() {
    let desk = Desk::new(ALLOW);
    let upstream = Upstream::start_on(&socket(&desk));
    let ours = rustix::process::geteuid().as_raw();
    let served = in_front_of(&socket(&desk), &desk, &format!("socket_uid = {}", ours + 1)).await;
    let mut client = Mcp::shake_hands(served.mcp, Era::Modern).await.unwrap();
    assert!(!client.request("1", "tools/list", None, json!({})).await.unwrap().is_good());
    until("the log says whose it is", || served.log().contains(&format!("is user {ours}'s, and the server is to be user"))).await;
    assert_eq!(upstream.count(), 0);
    drop(served);
    let served = in_front_of(&socket(&desk), &desk, &format!("socket_uid = {ours}")).await;
    let mut client = Mcp::connect(served.mcp, Era::Modern).await.unwrap();
    assert!(client.call("1", "echo", json!({})).await.unwrap().is_good());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tools_of_a_server_on_a_socket_can_be_locked() {
    let desk = Desk::new(ALLOW);
    let _upstream = Upstream::start_on(&socket(&desk));
    desk.configure(&format!("socket = '{}'\nurl = 'http://localhost/mcp'", socket(&desk).display()), "");
    let lock = desk.path("catalog.lock.json");
    let words =
        ["catalog", "lock", "--config", desk.config().to_str().unwrap(), "--output", lock.to_str().unwrap()].map(str::to_owned);
    let done = cedarpost(&words.each_ref().map(String::as_str)).await;
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    assert!(std::fs::read_to_string(lock).unwrap().contains("\"destroy\""));
}
