//! What the injector puts into pods, run here: a stdio server behind the bridge, and a server whose probes are passed on.

use std::process::Stdio;
use std::time::Duration;

use http::{HeaderMap, Method};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::process::{Child, Command};

use crate::support::{Connection, Era, Home, Mcp, PATH, Scripted, Sidecar, cedarpost, until};

const POLICY: &str = "permit (principal, action, resource);";
const BINARY: &str = env!("CARGO_BIN_EXE_cedarpost");

/// A server on standard input and output, for as much as is asked here.
const SERVER: &str = r#"while read -r line; do
  id=$(printf '%s' "$line" | sed -n 's/.*"id":\("[^"]*"\|[0-9]*\).*/\1/p')
  case "$line" in
    *'"initialize"'*) printf '{"jsonrpc":"2.0","id":%s,"result":{"protocolVersion":"2025-06-18","capabilities":{"tools":{}},"serverInfo":{"name":"s","version":"1"}}}\n' "$id";;
    *'"tools/list"'*) printf '{"jsonrpc":"2.0","id":%s,"result":{"tools":[{"name":"echo","inputSchema":{"type":"object"}}]}}\n' "$id";;
    *'"tools/call"'*) printf '{"jsonrpc":"2.0","id":%s,"result":{"content":[{"type":"text","text":"from the other container"}]}}\n' "$id";;
  esac
done"#;

fn serve(socket: &str, peer: u32, command: &[&str]) -> Child {
    let mut bridge = Command::new(BINARY);
    bridge.args(["bridge", "serve", socket, "--peer", &peer.to_string(), "--"]).args(command);
    bridge.stdin(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true).spawn().unwrap()
}

fn uid() -> u32 {
    rustix::process::getuid().as_raw()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_on_standard_input_and_output_is_guarded_from_another_container() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("stdio.sock").display().to_string();
    let home = Home::new("127.0.0.1:1".parse().unwrap(), POLICY);
    let words = ["--name", "files", "--path", PATH, "--", BINARY, "bridge", "connect", &socket];
    // The sidecar is there first.
    let sidecar = Sidecar::start_saying(&home, &[], &words).await;
    let _bridge = serve(&socket, uid(), &["sh", "-c", SERVER]);
    let mut client = Mcp::connect(sidecar.address, Era::Legacy).await.unwrap();
    let reply = client.call("1", "echo", json!({})).await.unwrap();
    assert!(reply.is_good(), "{:?}", reply.body);
    assert!(String::from_utf8_lossy(&reply.body).contains("from the other container"), "{:?}", reply.body);
    home.write_policies("forbid (principal, action, resource);");
    until("the policies are in force", || sidecar.log().contains("policies")).await;
    let denied = async {
        loop {
            if client.call("2", "echo", json!({})).await.unwrap().denial().is_some() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), denied).await.expect("the sidecar decides");
    sidecar.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_sidecar_may_connect_to_a_bridge() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("stdio.sock");
    for (peer, expected) in [(uid(), "hello\n"), (uid() + 1, "")] {
        let mut bridge = serve(socket.to_str().unwrap(), peer, &["cat"]);
        let mut stream = loop {
            match UnixStream::connect(&socket).await {
                Ok(stream) => break stream,
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        };
        let _ = stream.write_all(b"hello\n").await;
        let _ = stream.shutdown().await;
        let mut answer = String::new();
        let read = tokio::time::timeout(Duration::from_secs(10), stream.read_to_string(&mut answer)).await;
        assert!(read.is_ok(), "the connection ends");
        assert_eq!(answer, expected);
        bridge.kill().await.unwrap();
        let _ = std::fs::remove_file(&socket);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_program_copies_itself() {
    let directory = tempfile::tempdir().unwrap();
    let output = cedarpost(&["bridge", "install", directory.path().to_str().unwrap()]).await;
    assert!(output.status.success(), "{output:?}");
    let copy = Command::new(directory.path().join("cedarpost")).arg("version").output().await.unwrap();
    assert!(copy.status.success() && copy.stdout.starts_with(b"cedarpost "));
    let failed = cedarpost(&["bridge", "install", "/does/not/exist"]).await;
    assert_eq!(failed.status.code(), Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sidecar_starts_with_what_the_injector_says_and_passes_probes_on() {
    let server = Scripted::start(|_, _| None).await;
    let home = Home::new("127.0.0.1:1".parse().unwrap(), POLICY);
    // One ConfigMap holds policies, schema and entities, and a kubelet mounts it by links.
    let mounted = home.path("mounted");
    std::fs::create_dir_all(mounted.join("..2026_11_29")).unwrap();
    std::fs::write(mounted.join("..2026_11_29/shop.cedar"), POLICY).unwrap();
    std::os::unix::fs::symlink("..2026_11_29", mounted.join("..data")).unwrap();
    std::os::unix::fs::symlink("..data/shop.cedar", mounted.join("shop.cedar")).unwrap();
    let (mounted, audit) = (mounted.display().to_string(), home.path("state").join("audit").display().to_string());
    let probes = format!("app/livez=tcp://{0},app/readyz=http://{0}/nothing,app/startupz=tcp://127.0.0.1:1", server.address);
    let settings = [
        ("CEDARPOST_LISTEN_ADDRESS", "127.0.0.1:0"),
        ("CEDARPOST_LISTEN_PLAINTEXT_NON_LOOPBACK", "true"),
        ("CEDARPOST_LISTEN_ALLOWED_HOSTS", "weather,weather.shop,weather.shop.svc,weather.shop.svc.cluster.local"),
        ("CEDARPOST_ADMIN_PLAINTEXT_NON_LOOPBACK", "true"),
        ("CEDARPOST_ADMIN_APP_HEALTH", &probes),
        ("CEDARPOST_POLICY_POLICIES", &mounted),
        ("CEDARPOST_POLICY_SCHEMA", &mounted),
        ("CEDARPOST_POLICY_ENTITIES", &mounted),
        ("CEDARPOST_AUDIT_DIRECTORY", &audit),
    ];
    let url = format!("http://{}/mcp", server.address);
    let sidecar = Sidecar::start_saying(&home, &settings, &["--name", "weather", "--upstream", &url, "--path", PATH]).await;
    let connection = Connection::open(sidecar.address).await.unwrap();
    let mut client = Mcp::shake_hands_over(connection, "weather.shop.svc:9000", Era::Modern, HeaderMap::new()).await.unwrap();
    assert!(client.call("1", "echo", json!({})).await.unwrap().is_good());
    let connection = Connection::open(sidecar.address).await.unwrap();
    let mut other = Mcp::shake_hands_over(connection, "elsewhere", Era::Modern, HeaderMap::new()).await.unwrap();
    assert_eq!(other.call("1", "echo", json!({})).await.unwrap().status, 403);

    for (path, expected) in
        [("/readyz", 200), ("/app-health/app/livez", 200), ("/app-health/app/startupz", 503), ("/app-health/b/livez", 404)]
    {
        let headers = HeaderMap::from_iter([(http::header::HOST, "10.0.0.7:15020".parse().unwrap())]);
        let mut connection = Connection::open(sidecar.admin.unwrap()).await.unwrap();
        assert_eq!(connection.send(Method::GET, path, &headers, b"").await.unwrap().status, expected, "{path}");
    }
    sidecar.stop().await;
}
