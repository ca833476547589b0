//! Keys that are given only to whom the API server knows: our own token is shown to it, over TLS, and to nobody else.

use std::net::SocketAddr;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use super::{Era, Home, Idp, Mcp, Scripted, Sidecar, Value, bearer, json};
use crate::support::{Ca, Wish};

/// An API server, as far as its keys go.
#[derive(Default)]
struct Cluster {
    /// Whom it knows.
    token: String,
    keys: Value,
    /// What it was shown.
    shown: Vec<Option<String>>,
    /// Where it sends everybody.
    elsewhere: Option<SocketAddr>,
}

impl Cluster {
    async fn start(ca: &Ca) -> (Arc<Mutex<Self>>, SocketAddr) {
        let issued = ca.sign(&Wish::server());
        let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let key = PrivateKeyDer::try_from(issued.key).unwrap();
        let config = config.with_no_client_auth().with_single_cert(vec![issued.der], key).unwrap();
        let (acceptor, cluster) = (TlsAcceptor::from(Arc::new(config)), Arc::new(Mutex::new(Self::default())));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::clone(&cluster);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, shared) = (acceptor.clone(), Arc::clone(&shared));
                tokio::spawn(async move {
                    let Ok(mut stream) = acceptor.accept(stream).await else { return };
                    let mut head = Vec::new();
                    while !head.ends_with(b"\r\n\r\n") {
                        match stream.read_u8().await {
                            Ok(byte) => head.push(byte),
                            Err(_) => return,
                        }
                    }
                    let answer = shared.lock().answer(&String::from_utf8(head).unwrap());
                    let _ = stream.write_all(answer.as_bytes()).await;
                    let _ = stream.shutdown().await;
                });
            }
        });
        (cluster, address)
    }

    fn answer(&mut self, head: &str) -> String {
        assert!(head.starts_with("GET /openid/v1/jwks HTTP/1.1\r\n"), "{head}");
        let shown = head.lines().find_map(|line| line.strip_prefix("authorization: ")).map(str::to_owned);
        let is_known = shown == Some(format!("Bearer {}", self.token));
        self.shown.push(shown);
        let (status, body) = match self.elsewhere {
            Some(elsewhere) => (format!("302 Found\r\nlocation: https://{elsewhere}/openid/v1/jwks"), String::new()),
            None if is_known => ("200 OK".to_owned(), self.keys.to_string()),
            None => ("401 Unauthorized".to_owned(), String::new()),
        };
        format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
    }
}

const POLICY: &str =
    r#"permit (principal == Mcp::Agent::"system:serviceaccount:shop:bot", action in Mcp::Action::"tools/call", resource);"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_gives_its_keys_to_whom_it_knows_by_a_token_that_is_renewed() {
    let (ca, idp, server) = (Ca::new("cluster"), Idp::start().await, Scripted::start(|_, _| None).await);
    let (cluster, address) = Cluster::start(&ca).await;
    let (other, stranger) = Cluster::start(&ca).await;
    let publish = |kid: &str| {
        let mut key = idp.public_key();
        key["kid"] = kid.into();
        cluster.lock().keys = json!({ "keys": [key] });
    };
    publish("k1");
    "t0ken-one".clone_into(&mut cluster.lock().token);
    let home = Home::new(server.address, POLICY);
    std::fs::write(home.path("ca.pem"), ca.pem()).unwrap();
    let (next, own) = (home.path("next"), home.path("own-token"));
    let renew = |token: &str| {
        std::fs::write(&next, format!("{token}\n")).unwrap();
        std::fs::rename(&next, &own).unwrap();
    };
    renew("t0ken-one");
    let issuer = idp.issuer();
    let section = format!(
        "accept = ['kubernetes']\n[[identity.issuer]]\nissuer = '{issuer}'\npreset = 'kubernetes'\naudiences = ['cedarpost']\n\
         jwks_url = 'https://localhost:{}/openid/v1/jwks'\njwks_token_file = '{}'\nca_file = '{}'\n",
        address.port(),
        own.display(),
        home.path("ca.pem").display(),
    );
    let home = home.with_identity(&section);
    let sidecar = Sidecar::start(&home).await;
    let token = |id: &str| {
        let claims = json!({ "sub": "system:serviceaccount:shop:bot", "aud": ["cedarpost"], "jti": id, "client_id": null });
        idp.token_with(json!({ "typ": null }), claims)
    };
    let mut client = Mcp::connect_showing(sidecar.address, Era::Modern, bearer(&token("1"))).await.unwrap();
    assert!(client.call("1", "echo", json!({})).await.unwrap().is_good(), "{}", sidecar.log());
    assert_eq!(cluster.lock().shown.first().unwrap().as_deref(), Some("Bearer t0ken-one"));

    // The kubelet renews our token, and the cluster its keys.
    idp.rotate("k2", false);
    publish("k2");
    "t0ken-two".clone_into(&mut cluster.lock().token);
    renew("t0ken-two");
    client.shows = bearer(&token("2"));
    assert!(client.call("2", "echo", json!({})).await.unwrap().is_good(), "{}", sidecar.log());
    assert_eq!(cluster.lock().shown.last().unwrap().as_deref(), Some("Bearer t0ken-two"));

    // Whoever has keys cannot pass our token on to somebody else.
    idp.rotate("k3", false);
    cluster.lock().elsewhere = Some(stranger);
    client.shows = bearer(&token("3"));
    assert!(!client.call("3", "echo", json!({})).await.unwrap().is_good());
    // A token that is none is shown to nobody.
    cluster.lock().elsewhere = None;
    for (at, bad) in [(4, "two words"), (5, "")] {
        renew(bad);
        let before = cluster.lock().shown.len();
        client.shows = bearer(&token(&at.to_string()));
        assert!(!client.call(&at.to_string(), "echo", json!({})).await.unwrap().is_good());
        assert_eq!(cluster.lock().shown.len(), before, "{bad}");
    }
    assert!(other.lock().shown.is_empty(), "{:?}", other.lock().shown);
    let log = sidecar.log();
    assert!(
        log.contains("holds nothing that could be shown as a token") || log.contains("failed to read the issuer's keys"),
        "{log}"
    );
    assert!(!log.contains("t0ken"), "{log}");
}
