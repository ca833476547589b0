//! A webhook that makes its own certificate, before an API server of these tests: it says what it believes, forgets it, changes its mind in
//! between, and takes no old tokens.

use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

const PATH: &str = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/cedarpost";

/// The API server.
#[derive(Clone)]
struct Api(Arc<Mutex<Believed>>);

struct Believed {
    configuration: Value,
    version: u64,
    token: String,
    patches: usize,
    /// How many of the next patches somebody else is faster than.
    conflicts: usize,
    refused: usize,
    /// Nobody may change the configuration.
    is_locked: bool,
    /// There is no configuration.
    is_gone: bool,
}

impl Api {
    async fn start() -> (Self, SocketAddr) {
        let configuration = json!({"kind": "MutatingWebhookConfiguration", "metadata": {"name": "cedarpost", "resourceVersion": "1"},
            "webhooks": [{"name": "inject.cedarpost.dev", "clientConfig": {"service": {"name": "cedarpost-webhook"}}},
                {"name": "other.cedarpost.dev", "clientConfig": {"caBundle": "Cg=="}}]});
        let token = "first".to_owned();
        let believed =
            Believed { configuration, version: 1, token, patches: 0, conflicts: 1, refused: 0, is_locked: false, is_gone: false };
        let api = Self(Arc::new(Mutex::new(believed)));
        let routes = Router::new().route(PATH, get(read).patch(patch)).with_state(api.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, routes).await });
        (api, address)
    }

    /// The certificates that a webhook of the configuration is believed by.
    fn bundle(&self, place: usize) -> Vec<CertificateDer<'static>> {
        let text =
            self.0.lock().configuration["webhooks"][place]["clientConfig"]["caBundle"].as_str().unwrap_or_default().to_owned();
        let text = String::from_utf8(STANDARD.decode(text).unwrap()).unwrap();
        let body = |piece: &str| {
            let (_, body) = piece.split_once("-----BEGIN CERTIFICATE-----")?;
            Some(CertificateDer::from(STANDARD.decode(body.replace('\n', "")).unwrap()))
        };
        text.split("-----END CERTIFICATE-----").filter_map(body).collect()
    }

    fn forget(&self) {
        let mut believed = self.0.lock();
        believed.version += 1;
        let version = believed.version.to_string();
        believed.configuration["metadata"]["resourceVersion"] = version.into();
        believed.configuration["webhooks"][0]["clientConfig"]["caBundle"] = "".into();
    }

    fn authorize(&self, headers: &HeaderMap) -> Result<(), StatusCode> {
        let mut believed = self.0.lock();
        let shown = headers["authorization"].to_str().unwrap();
        if shown == format!("Bearer {}", believed.token) {
            return Ok(());
        }
        believed.refused += 1;
        Err(StatusCode::UNAUTHORIZED)
    }
}

async fn read(State(api): State<Api>, headers: HeaderMap) -> Result<String, StatusCode> {
    api.authorize(&headers)?;
    if api.0.lock().is_gone {
        return Err(StatusCode::NOT_FOUND);
    }
    Ok(api.0.lock().configuration.to_string())
}

async fn patch(State(api): State<Api>, headers: HeaderMap, body: String) -> Result<String, StatusCode> {
    api.authorize(&headers)?;
    assert_eq!(headers["content-type"], "application/json-patch+json");
    let ops: Value = serde_json::from_str(&body).unwrap();
    let mut believed = api.0.lock();
    if believed.is_locked {
        return Err(StatusCode::FORBIDDEN);
    }
    if believed.conflicts > 0 {
        believed.conflicts -= 1;
        return Err(StatusCode::CONFLICT);
    }
    for op in ops.as_array().unwrap() {
        let path = op["path"].as_str().unwrap();
        match op["op"].as_str().unwrap() {
            "test" => {
                if believed.configuration.pointer(path) != Some(&op["value"]) {
                    return Err(StatusCode::UNPROCESSABLE_ENTITY);
                }
            }
            "add" => {
                let parent = believed.configuration.pointer_mut(path.strip_suffix("/caBundle").unwrap()).unwrap();
                parent["caBundle"] = op["value"].clone();
            }
            other => panic!("{other}"),
        }
    }
    believed.version += 1;
    believed.patches += 1;
    let version = believed.version.to_string();
    believed.configuration["metadata"]["resourceVersion"] = version.into();
    Ok(believed.configuration.to_string())
}

/// Asks as an API server that believes this bundle, and nothing else.
async fn readyz(address: SocketAddr, bundle: Vec<CertificateDer<'static>>) -> std::io::Result<String> {
    let mut roots = RootCertStore::empty();
    bundle.into_iter().for_each(|der| roots.add(der).unwrap());
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_root_certificates(roots).with_no_client_auth();
    let name = ServerName::try_from("cedarpost-webhook.cedarpost.svc").unwrap();
    let stream = TcpStream::connect(address).await?;
    let mut stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
    stream.write_all(b"GET /readyz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

async fn start(api: SocketAddr, directory: &tempfile::TempDir, lifetime: &str) -> (Child, SocketAddr) {
    let place = |name: &str| directory.path().join(name).display().to_string();
    std::fs::write(place("token"), "first\n").unwrap();
    let mut process = Command::new(env!("CARGO_BIN_EXE_cedarpost"))
        .args(["webhook", "--listen", "127.0.0.1:0", "--image", "registry.example/cedarpost:0.1"])
        .env_clear()
        .envs([("CEDARPOST_WEBHOOK_SERVICE", "cedarpost-webhook"), ("CEDARPOST_WEBHOOK_NAMESPACE", "cedarpost")])
        .env("CEDARPOST_WEBHOOK_API", format!("http://{api}"))
        .env("CEDARPOST_WEBHOOK_ACCOUNT", directory.path())
        .env("CEDARPOST_WEBHOOK_DIRECTORY", place("own"))
        .env("CEDARPOST_WEBHOOK_LIFETIME", lifetime)
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut log = BufReader::new(process.stderr.take().unwrap()).lines();
    let mut said = Vec::new();
    let address = loop {
        let line = log.next_line().await.unwrap().unwrap_or_else(|| panic!("{said:?}"));
        let parsed: Value = serde_json::from_str(&line).unwrap_or_default();
        if parsed["attributes"]["event"] == "listening" {
            break parsed["attributes"]["address"].as_str().unwrap().parse().unwrap();
        }
        said.push(line);
    };
    tokio::spawn(async move { while let Ok(Some(_)) = log.next_line().await {} });
    (process, address)
}

async fn soon(what: &str, holds: impl AsyncFn() -> bool) {
    let waiting = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(40), waiting).await.unwrap_or_else(|_| panic!("{what}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn api_servers_are_told_of_it_and_told_again_when_they_forget() {
    let (api, at) = Api::start().await;
    let directory = tempfile::tempdir().unwrap();
    let (_process, address) = start(at, &directory, "60s").await;
    let believes = async || readyz(address, api.bundle(0)).await.is_ok_and(|answer| answer.starts_with("HTTP/1.1 200"));
    soon("the webhook is believed, after a conflict", believes).await;
    assert_eq!((api.bundle(0).len(), api.bundle(1).len()), (1, 1), "both webhooks of the configuration");
    assert_eq!(api.0.lock().patches, 1);
    let key = directory.path().join("own/tls.key");
    use std::os::unix::fs::PermissionsExt as _;
    assert_eq!(std::fs::metadata(key).unwrap().permissions().mode() & 0o777, 0o600);

    // Somebody applies an older manifest, and the token is another one now.
    "second".clone_into(&mut api.0.lock().token);
    api.forget();
    soon("an old token is refused", async || api.0.lock().refused > 0).await;
    std::fs::write(directory.path().join("token"), "second").unwrap();
    soon("the webhook is believed again", believes).await;

    // A second replica adds its own authority, and neither undoes what the other does.
    let other = tempfile::tempdir().unwrap();
    let (_second, there) = start(at, &other, "60s").await;
    std::fs::write(other.path().join("token"), "second").unwrap();
    soon("both are believed", async || api.bundle(0).len() == 2 && readyz(there, api.bundle(0)).await.is_ok()).await;
    let patches = api.0.lock().patches;
    tokio::time::sleep(Duration::from_secs(12)).await;
    assert_eq!(api.0.lock().patches, patches, "nothing is left to do");
    assert!(believes().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_renewed_without_a_moment_in_which_it_is_not_believed() {
    let (api, at) = Api::start().await;
    let directory = tempfile::tempdir().unwrap();
    let (_process, address) = start(at, &directory, "15s").await;
    soon("the webhook is believed", async || readyz(address, api.bundle(0)).await.is_ok()).await;
    let first = std::fs::read(directory.path().join("own/tls.crt")).unwrap();
    let begun = std::time::Instant::now();
    // Longer than the first certificate lives.
    while begun.elapsed() < Duration::from_secs(22) {
        readyz(address, api.bundle(0)).await.unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_ne!(std::fs::read(directory.path().join("own/tls.crt")).unwrap(), first);
    assert!(api.bundle(0).len() <= 3, "what has ended is gone: {}", api.bundle(0).len());
}

#[tokio::test(flavor = "multi_thread")]
async fn reviews_are_not_asked_for_where_nobody_believes_the_answers() {
    let (api, at) = Api::start().await;
    let directory = tempfile::tempdir().unwrap();
    let (_process, address) = start(at, &directory, "90s").await;
    let says = async |word: &str, bundle: &[CertificateDer<'static>]| {
        readyz(address, bundle.to_vec()).await.is_ok_and(|answer| answer.contains(word))
    };
    soon("the webhook is believed", async || says("HTTP/1.1 200", &api.bundle(0)).await).await;
    let ours = api.bundle(0);

    // Somebody puts back an older manifest, and takes the right away to mend it.
    api.0.lock().is_locked = true;
    api.forget();
    soon("it is lost", async || says("is without its authority, and could not be mended yet", &ours).await).await;
    assert!(readyz(address, ours.clone()).await.unwrap().starts_with("HTTP/1.1 503"));
    api.0.lock().is_locked = false;
    soon("it is mended", async || says("HTTP/1.1 200", &ours).await).await;
    assert_eq!(api.bundle(0), ours);

    // An API server that cannot be asked may go on asking.
    "another".clone_into(&mut api.0.lock().token);
    let refused = api.0.lock().refused;
    soon("it was asked", async || api.0.lock().refused > refused + 1).await;
    assert!(says("HTTP/1.1 200", &ours).await);
    "first".clone_into(&mut api.0.lock().token);

    // The registration is taken away, and comes back as it was made once.
    api.0.lock().is_gone = true;
    soon("nobody asks", async || says("the webhook's registration is gone", &ours).await).await;
    api.forget();
    api.0.lock().is_gone = false;
    soon("it is mended again", async || says("HTTP/1.1 200", &ours).await).await;
    assert_eq!(api.bundle(0), ours);
}
