//! People hear of calls that wait and rule on them, with the built program: the command line against a running sidecar, and a webhook.

use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use parking_lot::Mutex;
use ring::hmac;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use crate::support::{Era, Home, Mcp, Reply, Sidecar, Upstream, cedarpost, shown};

const POLICIES: &str = r#"
@id("ask") @reason("Echoes are for owners.") @window("1h")
permit (principal, action in Mcp::Action::"tools/call", resource == Mcp::Tool::"lab/echo") when { context has approval };
@id("operator") permit (principal == Mcp::User::"operator", action == Mcp::Action::"approve", resource);
@id("no-night-shift") forbid (principal, action == Mcp::Action::"approve", resource) when { context.comment like "*night shift*" };
"#;

/// What somebody who asks would like to do to the terminal of somebody who decides: clear it, and write over it.
const EVIL: &str = "\u{1b}[2J\u{1b}[1;1Happroved\u{9b}31m\u{202e}\u{7}";

struct Scene {
    upstream: Upstream,
    home: Home,
    sidecar: Sidecar,
    client: Mcp,
}

impl Scene {
    async fn open(more: &str) -> Self {
        let upstream = Upstream::start().await;
        let home = Home::new(upstream.address, POLICIES).with_server(more);
        // A client is told at once that a person is asked.
        let sidecar = Sidecar::start_with(&home, &[("CEDARPOST_APPROVALS_HOLD", "0s")]).await;
        let client = Mcp::connect(sidecar.address, Era::Modern).await.unwrap();
        Self { upstream, home, sidecar, client }
    }

    async fn call(&mut self, id: &str, message: &str) -> Reply {
        self.client.call(id, "echo", json!({ "message": message })).await.unwrap()
    }

    /// `cedarpost approvals …`: the exit code, standard output and standard error.
    async fn approvals(&self, arguments: &[&str]) -> (i32, String, String) {
        let config = self.home.config();
        let all = [&["approvals", arguments[0], "--config", config.to_str().unwrap()], &arguments[1..]].concat();
        let output = cedarpost(&all).await;
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
    }

    /// The one that waits.
    async fn waiting(&self) -> Value {
        let (code, listed, error) = self.approvals(&["list", "--json"]).await;
        assert_eq!(code, 0, "{error}");
        let mut listed: Value = serde_json::from_str(&listed).unwrap();
        let all = listed["approvals"].as_array_mut().unwrap();
        assert_eq!(all.len(), 1, "{all:#?}");
        all.remove(0)
    }

    fn watch(&self) -> (Child, Lines<BufReader<ChildStdout>>) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cedarpost"));
        command.args(["approvals", "watch", "--config"]).arg(self.home.config());
        let mut watch = command.stdout(Stdio::piped()).stdin(Stdio::null()).kill_on_drop(true).spawn().unwrap();
        let lines = BufReader::new(watch.stdout.take().unwrap()).lines();
        (watch, lines)
    }
}

async fn next(lines: &mut Lines<BufReader<ChildStdout>>) -> String {
    tokio::time::timeout(Duration::from_secs(20), lines.next_line()).await.expect("a line in time").unwrap().unwrap()
}

fn is_harmless(text: &str) -> bool {
    !text.chars().any(|letter| (letter.is_control() && letter != '\n') || letter == '\u{202e}')
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_looks_and_approves_on_the_command_line_and_the_call_goes_on_once() {
    let mut scene = Scene::open("").await;
    assert_eq!(
        scene.approvals(&["list"]).await,
        (0, "nothing waits for a ruling, or is as you asked\n".to_owned(), String::new())
    );
    let (mut watch, mut lines) = scene.watch();
    let calls = scene.upstream.count();
    assert!(!scene.call("1", EVIL).await.is_good());
    let waiting = scene.waiting().await;
    let id = waiting["id"].as_str().unwrap().to_owned();
    assert_eq!(
        (&waiting["agent"], &waiting["actor"], &waiting["server"], &waiting["target"], &waiting["arguments"]["message"]),
        (&json!("assistant"), &json!("alice"), &json!("lab"), &json!("echo"), &json!(EVIL))
    );
    let told = next(&mut lines).await;
    assert!(told.contains(&id) && told.contains("assistant for alice asks for lab/echo") && is_harmless(&told), "{told:?}");
    for (arguments, expected) in [(vec!["list"], "assistant for alice"), (vec!["show", &id], "Echoes are for owners.")] {
        let (code, text, _) = scene.approvals(&arguments).await;
        assert!(code == 0 && text.contains(&id) && text.contains(expected) && is_harmless(&text), "{text:?}");
    }

    let (code, text, error) = scene.approvals(&["approve", &id, "--comment", "for the night shift"]).await;
    assert_eq!((code, text.as_str(), error.contains("policy does not permit you to rule so")), (3, "", true), "{error}");
    let (code, text, error) = scene.approvals(&["approve", &id, "--window", "2h", "--comment", "x"]).await;
    assert_eq!((code, error.contains("1 h at most")), (3, true), "{text} {error}");
    let (code, text, _) = scene.approvals(&["approve", &id, "--comment", "fine"]).await;
    assert!(code == 0 && text.starts_with("approved: the call may be made now\n\n") && is_harmless(&text), "{text}");
    assert!(text.contains("approve by operator at ") && text.contains("(cli): fine"), "{text}");
    let granted = next(&mut lines).await;
    assert!(granted.contains("granted by operator"), "{granted}");
    let ruled = |verdict: &str| format!("cedarpost_approval_ruler_rulings{{ruler=\"operator\",verdict=\"{verdict}\"}}");
    let (approved, denied) = (scene.sidecar.metric(&ruled("approve")).await, scene.sidecar.metric(&ruled("deny")).await);
    assert_eq!((approved, denied), (1, 0));

    assert!(scene.call("2", EVIL).await.is_good());
    assert!(!scene.call("3", EVIL).await.is_good(), "an approval is good for one call");
    let executed =
        scene.upstream.seen_since(calls).iter().filter(|seen| String::from_utf8_lossy(&seen.body).contains("tools/call")).count();
    assert_eq!(executed, 1);
    for again in [["approve", id.as_str()], ["deny", id.as_str()]] {
        let (code, _, error) = scene.approvals(&again).await;
        assert_eq!((code, error.as_str()), (3, "cedarpost: the ticket is spent\n"));
    }
    assert!(next(&mut lines).await.contains("spent"));
    // Whoever watches learns that there is nobody to watch any more.
    scene.sidecar.stop().await;
    let ended = tokio::time::timeout(Duration::from_secs(20), watch.wait()).await.unwrap().unwrap();
    assert_eq!(ended.code(), Some(1));
    let records = shown(&scene.home.audit()).await;
    let rulings = records.iter().filter(|record| record["t"] == "approval");
    let words: Vec<_> = rulings.map(|record| (record["ruling"].as_str().unwrap(), record["ruler"].as_str().unwrap())).collect();
    assert_eq!(words, [("refused", "operator"), ("granted", "operator")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_denied_is_not_made_and_what_cannot_be_ruled_on_says_why() {
    let mut scene = Scene::open("").await;
    scene.call("1", "x").await;
    let id = scene.waiting().await["id"].as_str().unwrap().to_owned();
    let (code, text, _) = scene.approvals(&["deny", &id, "--comment", "no", "--json"]).await;
    let denied: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        (code, &denied["approval"]["state"], &denied["approval"]["votes"][0]["comment"]),
        (0, &json!("rejected"), &json!("no"))
    );
    let calls = scene.upstream.count();
    let unknown = "apr_00000000000000000000000000";
    let cases: [(&[&str], i32, &str); 5] = [
        (&["approve", &id], 3, "the ticket is rejected"),
        (&["approve", unknown], 3, "there is no such ticket"),
        (&["show", unknown], 3, "there is no such ticket"),
        (&["approve", "apr_1"], 2, "a ticket's name is apr_"),
        (&["approve", unknown, "--any-arguments"], 2, "--window"),
    ];
    for (arguments, code, sentence) in cases {
        let (found, text, error) = scene.approvals(arguments).await;
        assert_eq!((found, text.as_str(), error.contains(sentence)), (code, "", true), "{arguments:?}: {error}");
    }
    assert_eq!(scene.upstream.count(), calls);
    let Scene { home, sidecar, .. } = scene;
    sidecar.stop().await;
    let output = cedarpost(&["approvals", "list", "--config", home.config().to_str().unwrap()]).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("no sidecar runs that writes the log in"));
}

type Got = Arc<Mutex<Vec<(HeaderMap, Bytes)>>>;

/// Fails the first time, and takes its time.
async fn take(State(got): State<Got>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let first = {
        let mut got = got.lock();
        got.push((headers, body));
        got.len() == 1
    };
    tokio::time::sleep(Duration::from_millis(500)).await;
    if first { StatusCode::INTERNAL_SERVER_ERROR } else { StatusCode::NO_CONTENT }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_webhook_is_told_signed_again_and_holds_up_no_call() {
    let got = Got::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let routes = Router::new().route("/hook", post(take)).with_state(Arc::clone(&got));
    tokio::spawn(async move { axum::serve(listener, routes).await });
    let secrets = tempfile::tempdir().unwrap();
    let file = secrets.path().join("secret");
    std::fs::write(&file, format!("whsec_{}\n", STANDARD.encode([7; 32]))).unwrap();
    let hook = format!(
        "\n[[approvals.webhook]]\nname = 'ops'\nurl = 'http://{address}/hook'\nsecret_file = '{}'\nevents = ['approval.requested']\n",
        file.display()
    );
    let mut scene = Scene::open(&hook).await;
    let began = Instant::now();
    for turn in 0..4 {
        scene.call(&turn.to_string(), &format!("m{turn}")).await;
    }
    assert!(began.elapsed() < Duration::from_secs(2), "four messages take longer than that: {:?}", began.elapsed());
    let all = async {
        while got.lock().len() < 5 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), all).await.unwrap();
    let got = got.lock().clone();
    let key = hmac::Key::new(hmac::HMAC_SHA256, &[7; 32]);
    for (headers, body) in &got {
        let text = |name: &str| headers[name].to_str().unwrap();
        let signed = [text("webhook-id").as_bytes(), b".", text("webhook-timestamp").as_bytes(), b".", body].concat();
        let signature = STANDARD.decode(text("webhook-signature").strip_prefix("v1,").unwrap()).unwrap();
        hmac::verify(&key, &signed, &signature).unwrap();
        let told: Value = serde_json::from_slice(body).unwrap();
        assert_eq!((&told["type"], &told["data"]["approval"]["arguments"]), (&json!("approval.requested"), &Value::Null));
    }
    assert_eq!(got[0].0["webhook-id"], got[1].0["webhook-id"], "what failed is told again");
    let metric = async {
        while scene.sidecar.metric("cedarpost_webhook_sent_total{hook=\"ops\"}").await < 4 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), metric).await.unwrap();
}
