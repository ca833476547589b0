//! `cedarpost webhook`: the real binary, asked over TLS as an API server asks; with all that is no review, with slow and with many clients,
//! and while its certificate is renewed.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cedarpost::inject::{Op, Outcome, apply, inject};
use http::{HeaderMap, Method, header};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, Command};

use super::settings;
use crate::support::{Ca, Connection, Reply, Wish, tls_client, tls_connect};

pub(super) struct Webhook {
    ca: Ca,
    directory: tempfile::TempDir,
    address: SocketAddr,
    process: Child,
}

impl Webhook {
    async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// The same with more variables.
    pub(super) async fn start_with(variables: &[(String, String)]) -> Self {
        let (ca, directory) = (Ca::new("cluster"), tempfile::tempdir().unwrap());
        ca.sign(&Wish::server()).write(directory.path(), "tls");
        let file = |name: &str| directory.path().join(name).display().to_string();
        let mut process = Command::new(env!("CARGO_BIN_EXE_cedarpost"))
            .args(["webhook", "--listen", "127.0.0.1:0", "--cert-file", &file("tls.pem"), "--key-file", &file("tls.key")])
            .env_clear()
            .env("CEDARPOST_INJECT_IMAGE", "registry.example/cedarpost:0.1")
            .env("CEDARPOST_INJECT_ALLOWED_IMAGES", "registry.example/cedarpost:0.2")
            .envs(variables.iter().cloned())
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut log = BufReader::new(process.stderr.take().unwrap()).lines();
        let address = loop {
            let line = log.next_line().await.unwrap().expect("the webhook says where it listens");
            let line: Value = serde_json::from_str(&line).unwrap_or_default();
            if line["attributes"]["event"] == "listening" {
                break line["attributes"]["address"].as_str().unwrap().parse().unwrap();
            }
        };
        tokio::spawn(async move { while let Ok(Some(_)) = log.next_line().await {} });
        Self { ca, directory, address, process }
    }

    async fn send(&self, method: Method, path: &str, kind: &str, body: &[u8]) -> std::io::Result<Reply> {
        let stream = tls_connect(self.address, tls_client(&self.ca, None)).await?;
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, "cedarpost-webhook.cedarpost.svc".parse().unwrap());
        headers.insert(header::CONTENT_TYPE, kind.parse().unwrap());
        Connection::over(stream).await?.send(method, path, &headers, body).await
    }

    pub(super) async fn post(&self, body: &[u8]) -> Reply {
        self.send(Method::POST, "/mutate?timeout=5s", "application/json", body).await.unwrap()
    }

    pub(super) async fn get(&self, path: &str) -> String {
        let reply = self.send(Method::GET, path, "text/plain", b"").await.unwrap();
        String::from_utf8(reply.body.to_vec()).unwrap()
    }
}

pub(super) fn pod() -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"generateName": "weather-7d9c-", "annotations": {"cedarpost.dev/services": "weather"}},
        "spec": {
            "containers": [{"name": "app", "image": "weather:1", "ports": [{"name": "mcp", "containerPort": 9000}],
                "volumeMounts": [{"name": "kube-api-access-x", "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount", "readOnly": true}],
                "readinessProbe": {"httpGet": {"path": "/healthz", "port": "mcp"}}}],
            "volumes": [{"name": "kube-api-access-x", "projected": {"sources": []}}],
        },
    })
}

/// As API servers send it, with members that nobody here reads.
pub(super) fn review(pod: &Value) -> Value {
    json!({
        "kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1",
        "request": {
            "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
            "kind": {"group": "", "version": "v1", "kind": "Pod"},
            "resource": {"group": "", "version": "v1", "resource": "pods"},
            "requestKind": {"group": "", "version": "v1", "kind": "Pod"},
            "requestResource": {"group": "", "version": "v1", "resource": "pods"},
            "namespace": "shop", "operation": "CREATE",
            "userInfo": {"username": "system:serviceaccount:kube-system:replicaset-controller", "uid": "u",
                "groups": ["system:serviceaccounts", "system:authenticated"]},
            "object": pod, "oldObject": null, "dryRun": false,
            "options": {"kind": "CreateOptions", "apiVersion": "meta.k8s.io/v1"},
        },
    })
}

pub(super) fn response(reply: &Reply) -> Value {
    let answer: Value = serde_json::from_slice(&reply.body).unwrap();
    assert_eq!((&answer["kind"], &answer["apiVersion"]), (&json!("AdmissionReview"), &json!("admission.k8s.io/v1")));
    assert_eq!(answer["response"]["uid"], "705ab4f5-6393-11e8-b7cc-42010a800002");
    answer["response"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_server_is_answered_and_whatever_else_comes_is_not() {
    let webhook = Webhook::start().await;
    let reply = webhook.post(review(&pod()).to_string().as_bytes()).await;
    assert_eq!(reply.status, 200);
    let injected = response(&reply);
    let ops: Vec<Op> = serde_json::from_slice(&STANDARD.decode(injected["patch"].as_str().unwrap()).unwrap()).unwrap();
    let mut patched = pod();
    ops.iter().for_each(|op| apply(&mut patched, op).unwrap());
    let Outcome::Injected(expected) = inject(&pod(), &settings()).unwrap() else { panic!() };
    assert_eq!(patched, expected.pod, "the settings of the environment are those of the library here");
    let again = response(&webhook.post(review(&patched).to_string().as_bytes()).await);
    assert_eq!((&again["allowed"], &again["patch"]), (&json!(true), &Value::Null));

    let mut foreign = pod();
    foreign["metadata"]["annotations"]["cedarpost.dev/image"] = "evil.example/x:1".into();
    let refused = response(&webhook.post(review(&foreign).to_string().as_bytes()).await);
    assert_eq!(refused["allowed"], json!(false));
    assert!(refused["status"]["message"].as_str().unwrap().contains("not one of the images"), "{refused}");

    let huge = vec![b' '; (7 << 20) + 1];
    let garbage: [&[u8]; 6] = [b"", b"{}", b"null", b"\xff\xfe", b"{\"a\":1,\"a\":2}", &[b'['; 5000]];
    for body in garbage {
        assert_eq!(webhook.post(body).await.status, 400);
    }
    // A body that is announced as too long is refused before it is sent.
    match webhook.send(Method::POST, "/mutate", "application/json", &huge).await {
        Ok(reply) => assert_eq!(reply.status, 413),
        Err(cut) => assert!(
            matches!(
                cut.kind(),
                std::io::ErrorKind::ConnectionReset | std::io::ErrorKind::BrokenPipe | std::io::ErrorKind::Other
            ),
            "{cut:?}"
        ),
    }
    assert_eq!(webhook.send(Method::POST, "/mutate", "text/yaml", b"{}").await.unwrap().status, 415);
    assert_eq!(webhook.send(Method::GET, "/mutate", "application/json", b"").await.unwrap().status, 405);
    assert_eq!(webhook.send(Method::POST, "/other", "application/json", b"{}").await.unwrap().status, 404);

    assert_eq!((webhook.get("/livez").await.as_str(), webhook.get("/readyz").await.as_str()), ("ok\n", "ok\n"));
    let metrics = webhook.get("/metrics").await;
    for line in [
        "cedarpost_injection_reviews_total{verdict=\"injected\"} 2",
        "cedarpost_injection_reviews_total{verdict=\"refused\"} 1",
        "cedarpost_injection_bad_requests_total{why=\"review\"} 6",
        "cedarpost_injection_bad_requests_total{why=\"type\"} 1",
    ] {
        assert!(metrics.lines().any(|said| said == line), "{line}\n{metrics}");
    }
    stop(webhook).await;
}

async fn stop(mut webhook: Webhook) {
    let pid = Pid::from_raw(i32::try_from(webhook.process.id().unwrap()).unwrap()).unwrap();
    kill_process(pid, Signal::TERM).unwrap();
    let ended = tokio::time::timeout(Duration::from_secs(15), webhook.process.wait()).await.expect("it stops in time").unwrap();
    assert!(ended.success(), "{ended}");
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_clients_hold_nobody_up_and_are_cut_off() {
    let webhook = Webhook::start().await;
    let mut slow = Vec::new();
    for _ in 0..20 {
        let mut stream = tls_connect(webhook.address, tls_client(&webhook.ca, None)).await.unwrap();
        let head = "POST /mutate HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n{";
        stream.write_all(head.as_bytes()).await.unwrap();
        slow.push(stream);
    }
    let begun = std::time::Instant::now();
    assert_eq!(webhook.post(review(&pod()).to_string().as_bytes()).await.status, 200);
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    let mut answer = Vec::new();
    let cut = tokio::time::timeout(Duration::from_secs(30), slow.pop().unwrap().read_to_end(&mut answer)).await;
    assert!(cut.is_ok(), "the slow are cut off");
    assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 408"), "{}", String::from_utf8_lossy(&answer));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_certificate_is_renewed_while_many_ask() {
    let webhook = Webhook::start().await;
    let body = review(&pod()).to_string();
    let asking = |rounds: usize| {
        let (webhook, body) = (&webhook, &body);
        async move {
            for _ in 0..rounds {
                assert_eq!(webhook.post(body.as_bytes()).await.status, 200);
            }
        }
    };
    let renewing = async {
        let mut newest = None;
        for hours in 2..5 {
            tokio::time::sleep(Duration::from_millis(700)).await;
            let issued = webhook.ca.sign(&Wish { valid: (-60, hours * 3600), ..Wish::server() });
            replace(webhook.directory.path(), &issued.pem(), &issued.key_pem());
            newest = Some(issued.der);
        }
        newest.unwrap()
    };
    let (newest, ..) = tokio::join!(renewing, asking(40), asking(40), asking(40), asking(40));
    let served = async {
        loop {
            let stream = tls_connect(webhook.address, tls_client(&webhook.ca, None)).await.unwrap();
            if stream.get_ref().1.peer_certificates().unwrap()[0] == newest {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), served).await.expect("the newest certificate is served");
}

/// As a kubelet does, but for the links: each file is there whole or not at all.
fn replace(directory: &Path, certificate: &str, key: &str) {
    for (name, text) in [("tls.pem", certificate), ("tls.key", key)] {
        let next = directory.join("next");
        std::fs::write(&next, text).unwrap();
        std::fs::rename(next, directory.join(name)).unwrap();
    }
}

#[test]
fn without_a_certificate_or_an_image_it_does_not_start() {
    let run = |words: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_cedarpost"));
        let output = command.arg("webhook").args(words).env_clear().output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, said) = run(&["--image", "a"]);
    assert!(
        code == Some(78) && said.contains("there is no certificate: set both `webhook.tls_cert_file` and `webhook.tls_key_file`"),
        "{said}"
    );
    let (code, said) = run(&["--cert-file", "/a", "--key-file", "/b"]);
    assert!(code == Some(78) && said.contains("`inject.image` is not set"), "{said}");
    let (code, said) = run(&["--image", "a", "--cert-file", "/a", "--key-file", "/b", "--listen", "127.0.0.1:0"]);
    assert!(code == Some(1) && said.contains("failed to read `/a`"), "{said}");
}
