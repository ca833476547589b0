//! `serve` in front of a server that is a child process.

use std::time::Duration;

use http::Method;
use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::{Connection, Desk, Era, Mcp, PATH, Served, until};

const ALLOW: &str = "@id(\"all\")\npermit (principal, action, resource);\n";

async fn served() -> (Desk, Served) {
    let desk = Desk::new(ALLOW);
    desk.configure_child("");
    let served = desk.serve().await;
    (desk, served)
}

/// The process that answers this client.
async fn pid(client: &mut Mcp) -> i32 {
    let reply = client.call("pid", "pid", json!({})).await.unwrap();
    let message = reply.json();
    let text = message["result"]["content"][0]["text"].as_str().unwrap_or_else(|| panic!("{message}"));
    text.parse().unwrap()
}

fn process(pid: i32) -> Pid {
    Pid::from_raw(pid).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stateful_session_has_a_process_of_its_own_and_stateless_requests_share_one() {
    let (_desk, served) = served().await;
    let mut legacy = [Mcp::connect(served.mcp, Era::Legacy).await.unwrap(), Mcp::connect(served.mcp, Era::Legacy).await.unwrap()];
    let sessions = [0, 1].map(|at| legacy[at].headers("ping", None)["mcp-session-id"].clone());
    assert!(sessions[0] != sessions[1] && sessions.iter().all(|id| id.len() == 32), "{sessions:?}");
    let own = [pid(&mut legacy[0]).await, pid(&mut legacy[1]).await];
    assert_ne!(own[0], own[1]);
    let mut modern = [Mcp::connect(served.mcp, Era::Modern).await.unwrap(), Mcp::connect(served.mcp, Era::Modern).await.unwrap()];
    let shared = [pid(&mut modern[0]).await, pid(&mut modern[1]).await];
    assert_eq!(shared[0], shared[1]);
    assert!(!own.contains(&shared[0]));

    served.signal(Signal::TERM);
    assert_eq!(served.end().await.code(), Some(0));
    for pid in [own[0], own[1], shared[0]] {
        assert!(test_kill_process(process(pid)).is_err(), "process {pid} is left behind");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_clients_may_use_the_same_id_at_the_same_time() {
    let (desk, served) = served().await;
    let calls = [0, 1].map(|_| {
        let address = served.mcp;
        tokio::spawn(async move {
            let mut client = Mcp::connect(address, Era::Modern).await.unwrap();
            client.call("same", "slow", json!({})).await.unwrap()
        })
    });
    for call in calls {
        let reply = call.await.unwrap();
        assert!(reply.is_good() && reply.json()["id"] == "same", "{reply:?}");
    }
    assert_eq!(desk.seen().matches(r#""name":"slow""#).count(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_dies_is_an_error_and_the_end_of_its_session() {
    let (_desk, served) = served().await;
    let mut client = Mcp::connect(served.mcp, Era::Legacy).await.unwrap();
    let reply = client.call("1", "die", json!({})).await.unwrap();
    let message = reply.json();
    assert!(message["error"]["message"].is_string() && message["id"] == "1", "{reply:?}");
    let mut status = 0;
    for _ in 0..100 {
        status = client.call("2", "echo", json!({})).await.unwrap().status;
        if status == 404 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(status, 404, "the session is gone, and a client may open another");
    let mut again = None;
    for _ in 0..100 {
        // There is a pause before the next start.
        if let Ok(mut client) = Mcp::connect(served.mcp, Era::Legacy).await
            && client.call("3", "echo", json!({})).await.is_ok_and(|reply| reply.is_good())
        {
            again = Some(client);
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(again.is_some(), "{}", served.log());
    kill_process(process(pid(&mut again.unwrap()).await), Signal::KILL).unwrap();
    until("it is said", || served.log().contains("the session's process ended")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_on_several_lines_reaches_the_server_on_one() {
    let (desk, served) = served().await;
    let client = Mcp::connect(served.mcp, Era::Legacy).await.unwrap();
    let body =
        json!({"jsonrpc": "2.0", "id": "pretty", "method": "tools/call", "params": {"name": "echo", "arguments": {"a": "b\nc"}}});
    let body = serde_json::to_string_pretty(&body).unwrap().replace('\n', "\r\n");
    let mut connection = Connection::open(served.mcp).await.unwrap();
    let reply = connection.send(Method::POST, PATH, &client.headers("tools/call", None), body.as_bytes()).await.unwrap();
    assert!(reply.is_good(), "{reply:?}");
    let seen = desk.seen();
    let line = seen.lines().find(|line| line.contains("pretty")).unwrap();
    let whole: Value = serde_json::from_str(line).unwrap();
    assert_eq!(whole["params"]["arguments"]["a"], "b\nc");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listening_stream_brings_what_the_server_says_by_itself() {
    let desk = Desk::new(ALLOW);
    // Says something half a second after the handshake, when nobody has asked.
    let script = desk.path("talker.sh");
    let chatter = r#"while IFS= read -r line; do
        case $line in
        *'"method":"initialize"'*)
            id=${line#*'"id":'}; id=${id%%[,\}]*}
            printf '{"jsonrpc":"2.0","id":%s,"result":{"protocolVersion":"2025-11-25","capabilities":{},"serverInfo":{"name":"sh","version":"1"}}}\n' "$id" ;;
        *'notifications/initialized'*)
            ( sleep 0.5; printf '{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"by the way"}}\n' ) & ;;
        *'"method":"tools/list"'*)
            id=${line#*'"id":'}; id=${id%%[,\}]*}
            printf '{"jsonrpc":"2.0","id":%s,"result":{"tools":[]}}\n' "$id" ;;
        esac
    done"#;
    std::fs::write(&script, chatter).unwrap();
    desk.configure(&format!("command = ['sh', '{}']", script.display()), "");
    let served = desk.serve().await;
    let client = Mcp::connect(served.mcp, Era::Legacy).await.unwrap();
    let session = client.headers("ping", None)["mcp-session-id"].to_str().unwrap().to_owned();
    let mut stream = TcpStream::connect(served.mcp).await.unwrap();
    let request = format!(
        "GET {PATH} HTTP/1.1\r\nHost: {}\r\nAccept: text/event-stream\r\nMCP-Protocol-Version: 2025-11-25\r\nMcp-Session-Id: {session}\r\n\r\n",
        served.mcp
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut heard = String::new();
    let listening = async {
        let mut piece = [0; 1024];
        while !heard.contains("by the way") {
            let count = stream.read(&mut piece).await.unwrap();
            assert!(count > 0, "the stream ended: {heard}");
            heard.push_str(&String::from_utf8_lossy(&piece[..count]));
        }
    };
    tokio::time::timeout(Duration::from_secs(10), listening).await.expect("it comes");
    assert!(heard.starts_with("HTTP/1.1 200") && heard.contains("data: {\"jsonrpc\""), "{heard}");
}
