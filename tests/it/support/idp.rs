//! An identity provider for tests: metadata, keys and tokens of whatever kind a test wants, and a count of who asked for what.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// A key of P-256, public half and private.
pub(crate) struct TestKey {
    pair: EcdsaKeyPair,
    pub(crate) kid: String,
}

impl TestKey {
    pub(crate) fn new(kid: &str) -> Self {
        let random = SystemRandom::new();
        let der = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der.as_ref(), &random).unwrap();
        Self { pair, kid: kid.to_owned() }
    }

    pub(crate) fn jwk(&self) -> Value {
        let (x, y) = self.pair.public_key().as_ref()[1..].split_at(32);
        json!({ "kty": "EC", "crv": "P-256", "x": text(x), "y": text(y) })
    }

    pub(crate) fn thumbprint(&self) -> String {
        let jwk = self.jwk();
        let members = format!(r#"{{"crv":"P-256","kty":"EC","x":{},"y":{}}}"#, jwk["x"], jwk["y"]);
        text(digest(&SHA256, members.as_bytes()).as_ref())
    }

    /// A token with exactly this header and these claims.
    pub(crate) fn sign(&self, header: &Value, claims: &Value) -> String {
        let signed = format!("{}.{}", text(header.to_string().as_bytes()), text(claims.to_string().as_bytes()));
        let signature = self.pair.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
        format!("{signed}.{}", text(signature.as_ref()))
    }

    /// A proof that the bearer of `token` has this key (RFC 9449).
    pub(crate) fn proof(&self, token: &str, method: &str, url: &str, id: &str) -> String {
        let claims = json!({
            "jti": id, "htm": method, "htu": url, "iat": now(), "ath": text(digest(&SHA256, token.as_bytes()).as_ref()),
        });
        self.sign(&json!({ "typ": "dpop+jwt", "alg": "ES256", "jwk": self.jwk() }), &claims)
    }
}

fn text(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Seconds since the epoch.
#[expect(clippy::disallowed_methods, reason = "tokens of a real sidecar need the real time")]
pub(crate) fn now() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()).unwrap()
}

struct State {
    /// The keys that are published.
    published: Vec<Value>,
    /// The one that signs.
    key: TestKey,
    asked: Vec<(String, HeaderMap, String)>,
    /// What introspection says of a token; it says of others that they are not active.
    opaque: Map<String, Value>,
    down: bool,
    slow: Duration,
    /// What is answered to whoever asks for a token with this form.
    grants: Box<Grants>,
}

type Grants = dyn FnMut(&BTreeMap<String, String>) -> (u16, String) + Send;

/// The running provider.
pub(crate) struct Idp {
    pub(crate) address: SocketAddr,
    state: Arc<Mutex<State>>,
    server: JoinHandle<()>,
}

impl Drop for Idp {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Idp {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let key = TestKey::new("k1");
        let published = vec![named(&key)];
        let (opaque, slow, grants) = (Map::new(), Duration::ZERO, Box::new(usual_grants()) as Box<Grants>);
        let state = Arc::new(Mutex::new(State { published, key, asked: Vec::new(), opaque, down: false, slow, grants }));
        let shared = Arc::clone(&state);
        let server = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let state = Arc::clone(&shared);
                let service = service_fn(move |request| answer(request, address, Arc::clone(&state)));
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        Self { address, state, server }
    }

    pub(crate) fn issuer(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A token with the usual claims of a person who acts through `helper`, changed: null takes a claim out.
    pub(crate) fn token(&self, change: Value) -> String {
        self.token_with(json!({}), change)
    }

    /// The same with another header.
    pub(crate) fn token_with(&self, header: Value, change: Value) -> String {
        let state = self.state.lock();
        let mut head = json!({ "alg": "ES256", "typ": "at+jwt", "kid": state.key.kid });
        merge(&mut head, header);
        state.key.sign(&head, &self.claims(change))
    }

    pub(crate) fn claims(&self, change: Value) -> Value {
        let mut claims = json!({
            "iss": self.issuer(), "sub": "alice", "client_id": "helper", "aud": "https://mcp.example.com/lab", "jti": "t-1",
            "iat": now(), "exp": now() + 300, "scope": "mcp",
        });
        merge(&mut claims, change);
        claims
    }

    /// Signs with a new key from now on, and publishes it; with `keep` beside the one before.
    pub(crate) fn rotate(&self, kid: &str, keep: bool) {
        let key = TestKey::new(kid);
        let mut state = self.state.lock();
        if !keep {
            state.published.clear();
        }
        state.published.push(named(&key));
        state.key = key;
    }

    pub(crate) fn set_down(&self, down: bool) {
        self.state.lock().down = down;
    }

    pub(crate) fn set_slow(&self, slow: Duration) {
        self.state.lock().slow = slow;
    }

    /// Says this of an opaque token.
    pub(crate) fn knows(&self, token: &str, claims: Value) {
        self.state.lock().opaque.insert(token.to_owned(), claims);
    }

    /// Answers whoever asks for a token in this way from now on.
    pub(crate) fn grants(&self, grants: impl FnMut(&BTreeMap<String, String>) -> (u16, String) + Send + 'static) {
        self.state.lock().grants = Box::new(grants);
    }

    /// The forms with which tokens were asked for.
    pub(crate) fn forms(&self) -> Vec<BTreeMap<String, String>> {
        self.asked("/token").iter().map(|(_, body)| pairs(body)).collect()
    }

    /// How often this path was asked for.
    pub(crate) fn count(&self, path: &str) -> usize {
        self.asked(path).len()
    }

    /// The requests for this path: headers and body.
    pub(crate) fn asked(&self, path: &str) -> Vec<(HeaderMap, String)> {
        let state = self.state.lock();
        let asked = state.asked.iter().filter(|(asked, _, _)| asked == path);
        asked.map(|(_, headers, body)| (headers.clone(), body.clone())).collect()
    }

    /// The public half of the key that signs, as an attacker could have it.
    pub(crate) fn public_key(&self) -> Value {
        self.state.lock().key.jwk()
    }
}

fn named(key: &TestKey) -> Value {
    let mut jwk = key.jwk();
    merge(&mut jwk, json!({ "kid": key.kid, "use": "sig", "alg": "ES256" }));
    jwk
}

fn merge(into: &mut Value, change: Value) {
    let Value::Object(change) = change else { return };
    let members = into.as_object_mut().unwrap();
    for (name, value) in change {
        match value {
            Value::Null => drop(members.remove(&name)),
            value => drop(members.insert(name, value)),
        }
    }
}

/// The members of a form.
fn pairs(form: &str) -> BTreeMap<String, String> {
    let decoded = |text: &str| {
        let spaced = text.replace('+', " ");
        let mut parts = spaced.split('%');
        let mut out = parts.next().unwrap_or_default().as_bytes().to_vec();
        for part in parts {
            let (byte, rest) = part.split_at(2);
            out.push(u8::from_str_radix(byte, 16).unwrap());
            out.extend_from_slice(rest.as_bytes());
        }
        String::from_utf8(out).unwrap()
    };
    form.split('&').filter_map(|pair| pair.split_once('=')).map(|(name, value)| (decoded(name), decoded(value))).collect()
}

/// Everybody gets a bearer's token, each another one, which says whose it is.
fn usual_grants() -> impl FnMut(&BTreeMap<String, String>) -> (u16, String) + Send {
    let mut count = 0;
    move |form| {
        count += 1;
        let kind = if form.contains_key("subject_token") { "exchanged" } else { "own" };
        (200, json!({ "access_token": format!("{kind}-{count}"), "token_type": "Bearer", "expires_in": 300 }).to_string())
    }
}

async fn answer(
    request: Request<Incoming>,
    address: SocketAddr,
    state: Arc<Mutex<State>>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let body = String::from_utf8_lossy(&body).into_owned();
    let slow = state.lock().slow;
    tokio::time::sleep(slow).await;
    let issuer = format!("http://{address}");
    let mut state = state.lock();
    state.asked.push((head.uri.path().to_owned(), head.headers, body.clone()));
    let mut response = Response::new(Full::default());
    let said = match head.uri.path() {
        _ if state.down => None,
        "/.well-known/oauth-authorization-server" => Some(json!({
            "issuer": issuer, "jwks_uri": format!("{issuer}/keys"), "introspection_endpoint": format!("{issuer}/introspect"),
            "token_endpoint": format!("{issuer}/token"), "authorization_endpoint": format!("{issuer}/authorize"),
        })),
        "/keys" => Some(json!({ "keys": state.published })),
        "/introspect" => {
            let token = body.split('&').find_map(|pair| pair.strip_prefix("token=")).unwrap_or_default();
            Some(state.opaque.get(token).cloned().unwrap_or_else(|| json!({ "active": false })))
        }
        "/token" => {
            let (status, said) = (state.grants)(&pairs(&body));
            *response.status_mut() = StatusCode::from_u16(status).unwrap();
            *response.body_mut() = Full::from(said);
            return Ok(response);
        }
        "/tokenreviews" => {
            let review: Value = serde_json::from_str(&body).unwrap_or_default();
            let token = review["spec"]["token"].as_str().unwrap_or_default();
            let status = state.opaque.get(token).cloned().unwrap_or_else(|| json!({ "authenticated": false }));
            Some(json!({ "apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "status": status }))
        }
        _ => None,
    };
    match said {
        Some(said) => *response.body_mut() = Full::from(said.to_string()),
        None => *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE,
    }
    Ok(response)
}
