//! Unix sockets: who is at the other end is what the kernel says.

use std::os::unix::fs::PermissionsExt as _;

use tokio::net::UnixStream;

use super::*;

/// A sidecar on sockets, which knows this user.
async fn on_sockets(uid: u32, script: impl FnMut(&Seen, &Value) -> Option<Answer> + Send + 'static) -> (Home, Sidecar, Scripted) {
    let server = Scripted::start(script).await;
    let home = Home::new(server.address, POLICY);
    let place = |name: &str| home.path(name).display().to_string();
    fs::write(home.path("deny"), "").unwrap();
    let listeners = format!(
        "[listen]\naddress = 'unix:{}'\nsocket_mode = '0660'\n[admin]\naddress = 'unix:{}'",
        place("mcp.sock"),
        place("admin.sock")
    );
    let identity = format!(
        "accept = ['peer']\ndeny = '{}'\n[[identity.peer]]\nuid = {uid}\nagent = 'helper'\nuser = 'alice'",
        place("deny")
    );
    let home = home.with_listeners(&listeners).with_identity(&identity);
    let sidecar = Sidecar::start(&home).await;
    (home, sidecar, server)
}

fn ours() -> u32 {
    rustix::process::geteuid().as_raw()
}

async fn client(home: &Home, era: Era) -> Mcp {
    let stream = UnixStream::connect(home.path("mcp.sock")).await.unwrap();
    Mcp::shake_hands_over(Connection::over(stream).await.unwrap(), "localhost", era, HeaderMap::new()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_known_user_is_the_agent_of_the_table_and_can_be_denied() {
    let (home, sidecar, _server) = on_sockets(ours(), |_, _| None).await;
    let mode = |name: &str| fs::metadata(home.path(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("mcp.sock"), mode("admin.sock")), (0o660, 0o600));
    for era in [Era::Legacy, Era::Modern] {
        let mut client = client(&home, era).await;
        client.request("tools", "tools/list", None, json!({})).await.unwrap();
        let reply = client.call("1", "echo", json!({})).await.unwrap();
        assert!(reply.is_good(), "{reply:?}");
    }
    let stream = UnixStream::connect(home.path("admin.sock")).await.unwrap();
    let headers = HeaderMap::from_iter([(http::header::HOST, "localhost".parse().unwrap())]);
    let reply = Connection::over(stream).await.unwrap().send(Method::GET, "/metrics", &headers, b"").await.unwrap();
    let metrics = String::from_utf8(reply.body.to_vec()).unwrap();
    assert!(metrics.contains("cedarpost_identifications_total{way=\"peer\",remembered=\"no\"}"), "{metrics}");
    fs::write(home.path("deny"), "agent helper\n").unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let stream = UnixStream::connect(home.path("mcp.sock")).await.unwrap();
    let mut denied =
        Mcp::shake_hands_over(Connection::over(stream).await.unwrap(), "localhost", Era::Modern, HeaderMap::new()).await.unwrap();
    assert_eq!(denied.call("1", "echo", json!({})).await.unwrap().status, 401);
    sidecar.stop().await;
    assert!(!home.path("mcp.sock").exists() && !home.path("admin.sock").exists(), "the sockets go with it");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_user_is_nobody() {
    let (home, sidecar, server) = on_sockets(ours() + 1, |_, _| None).await;
    let mut client = client(&home, Era::Modern).await;
    let reply = client.call("1", "echo", json!({})).await.unwrap();
    assert_eq!(reply.status, 401, "{reply:?}");
    assert!(server.ear().messages().iter().all(|message| message["method"] != "tools/call"), "nothing reached the server");
    until("it is logged", || sidecar.log().contains("\"reason\":\"peer\"")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_that_a_killed_sidecar_left_behind_is_taken_over() {
    let (home, sidecar, _server) = on_sockets(ours(), |_, _| None).await;
    sidecar.kill().await;
    assert!(home.path("mcp.sock").exists());
    let _sidecar = Sidecar::start(&home).await;
    let mut client = client(&home, Era::Modern).await;
    client.request("tools", "tools/list", None, json!({})).await.unwrap();
    assert!(client.call("1", "echo", json!({})).await.unwrap().is_good());
}
