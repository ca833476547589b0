//! Sessions from their handshake to their end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::Method;

use super::{Answer, ECHO, Era, Lab, json, once_listened};
use crate::support::{Connection, PATH, Sidecar};

#[tokio::test(flavor = "multi_thread")]
async fn a_session_lives_from_its_handshake_to_its_end() {
    let (events, stream) = Answer::events();
    let lab = Lab::open(ECHO, once_listened(stream)).await;
    let mut client = lab.client(Era::Legacy).await;
    assert_eq!(client.headers("", None)["mcp-session-id"], "scripted");

    let list = client.request("list", "tools/list", None, json!({})).await.unwrap();
    assert!(list.is_good() && !String::from_utf8_lossy(&list.body).contains("destroy"), "{list:?}");
    assert!(client.call("1", "destroy", json!({})).await.unwrap().denial().is_some());
    let good = client.call("2", "echo", json!({})).await.unwrap();
    assert!(good.is_good() && good.header("cedarpost-decision-id").is_some(), "{good:?}");

    let mut stream = client.listen(lab.sidecar.address, None).await;
    let told = "event: message\nid: 4\ndata: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\",\"params\":{}}\n\n";
    events.send(told.into()).unwrap();
    assert_eq!(stream.next().await.as_deref(), Some(told));

    let headers = client.headers("", None);
    let end = client.connection.send(Method::DELETE, PATH, &headers, b"").await.unwrap();
    assert!((200..300).contains(&end.status), "{end:?}");
    assert_eq!(stream.next().await, None, "its streams end with it");
    let late = client.call("3", "echo", json!({})).await.unwrap();
    assert_eq!((late.status, late.code()), (404, Some(-32001)));
    assert_eq!(lab.log().await, ["tools/call destroy deny", "tools/call echo allow ok"]);
    assert_eq!(lab.called(), ["echo"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_the_server_has_forgotten_is_gone_in_words_that_clients_understand() {
    for how in ["POST", "GET", "DELETE", "notification"] {
        let forgotten = Arc::new(AtomicBool::new(false));
        let gone = Arc::clone(&forgotten);
        let plain = || Some(Answer::Bytes(404, "text/plain", "no such session".to_owned()));
        let lab = Lab::open(ECHO, move |_, _| if gone.load(Ordering::Relaxed) { plain() } else { None }).await;
        let mut client = lab.client(Era::Legacy).await;
        forgotten.store(true, Ordering::Relaxed);
        let headers = client.headers("", None);
        let reply = match how {
            "POST" => client.call("1", "echo", json!({})).await,
            "notification" => client.say(&json!({"jsonrpc": "2.0", "method": "notifications/roots/list_changed"})).await,
            "GET" => client.connection.send(Method::GET, PATH, &headers, b"").await,
            _ => client.connection.send(Method::DELETE, PATH, &headers, b"").await,
        };
        let reply = reply.unwrap();
        assert_eq!((reply.status, reply.code()), (404, Some(-32001)), "{how} {reply:?}");
        let before = lab.ear.messages().len();
        assert_eq!(client.call("2", "echo", json!({})).await.unwrap().status, 404, "{how}");
        assert_eq!(lab.ear.messages().len(), before, "{how}: the server is not asked again");
        let expected: &[&str] = if how == "POST" { &["tools/call echo allow failed: http error"] } else { &[] };
        assert_eq!(lab.log().await, expected, "{how}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sidecar_that_was_started_again_knows_no_session_of_before() {
    let lab = Lab::open(ECHO, |_, _| None).await;
    let client = lab.client(Era::Legacy).await;
    let Lab { server, ear, home, sidecar } = lab;
    sidecar.stop().await;
    let sidecar = Sidecar::start(&home).await;
    let before = ear.messages().len();
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "echo"}}).to_string();
    let mut connection = Connection::open(sidecar.address).await.unwrap();
    let reply = connection.send(Method::POST, PATH, &client.headers("", None), body.as_bytes()).await.unwrap();
    assert_eq!((reply.status, reply.code()), (404, Some(-32001)));
    assert_eq!(ear.messages().len(), before);
    drop(server);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_gives_everybody_the_same_session_serves_the_newest() {
    let lab = Lab::open(ECHO, |_, _| None).await;
    for _ in 0..3 {
        let mut client = lab.client(Era::Legacy).await;
        assert!(client.call("1", "echo", json!({})).await.unwrap().is_good());
    }
    assert!(lab.ear.requests("DELETE").is_empty(), "nobody's session is ended");
}
