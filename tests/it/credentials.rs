//! What a server is shown of us: a real sidecar between clients with tokens, an authorization server, and a server that remembers
//! every header that reached it.

use std::fs;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};

use crate::support::{Answer, Ear, Era, Home, Idp, Mcp, PATH, Reply, Scripted, Seen, Sidecar, entries};

mod exchange;
mod fixed;
mod never;
mod ours;
mod same;

const POLICY: &str = r#"permit (principal, action, resource);"#;

/// How the sidecar says to the authorization server who it is, but for its issuer and its way.
const CLIENT: &str = "credential_client_id = 'cedarpost'\ncredential_client_secret_file = 'secret'\ncredential_resource = 'https://lab.example/mcp'\n";

/// A sidecar that believes one identity provider, and shows a server something.
struct House {
    idp: Idp,
    ear: Ear,
    home: Home,
    sidecar: Sidecar,
    _server: Scripted,
}

impl House {
    /// `ISSUER` in the keys stands for the identity provider.
    async fn open(keys: &str) -> Self {
        Self::with("", "", keys, |_, _| None).await
    }

    async fn with(
        identity: &str,
        issuer: &str,
        keys: &str,
        script: impl FnMut(&Seen, &Value) -> Option<Answer> + Send + 'static,
    ) -> Self {
        Self::beside(Idp::start().await, (identity, issuer), keys, script).await
    }

    /// The same with a provider that somebody has prepared.
    async fn beside(
        idp: Idp,
        (identity, issuer): (&str, &str),
        keys: &str,
        script: impl FnMut(&Seen, &Value) -> Option<Answer> + Send + 'static,
    ) -> Self {
        let server = Scripted::start(script).await;
        let home = Home::new(server.address, POLICY).with_identity(&format!(
            "accept = ['oauth']\nresource = 'https://mcp.example.com'\n{identity}\n[[identity.issuer]]\nissuer = '{}'\n{issuer}\n",
            idp.issuer()
        ));
        fs::write(home.path("secret"), "s3cret\n").unwrap();
        let home = home.with_server(&keys.replace("ISSUER", &idp.issuer()));
        let sidecar = Sidecar::start(&home).await;
        Self { idp, ear: server.ear(), home, sidecar, _server: server }
    }

    async fn client(&self, era: Era, token: &str) -> Mcp {
        Mcp::connect_showing(self.sidecar.address, era, showing(&[("authorization", &format!("Bearer {token}"))])).await.unwrap()
    }

    /// The values of a header of all calls that reached the server.
    fn shown(&self, name: &str) -> Vec<String> {
        let calls =
            self.ear.requests("POST").into_iter().filter(|seen| String::from_utf8_lossy(&seen.body).contains("tools/call"));
        calls.map(|seen| values(&seen, name)).collect()
    }

    async fn decisions(&self) -> Vec<String> {
        entries(&self.home).await.iter().map(crate::support::Entry::line).collect()
    }
}

fn values(seen: &Seen, name: &str) -> String {
    seen.headers.get_all(name).iter().map(|value| value.to_str().unwrap_or("?")).collect::<Vec<_>>().join(", ")
}

fn showing(headers: &[(&'static str, &str)]) -> HeaderMap {
    let header = |(name, value): &(&'static str, &str)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
    headers.iter().map(header).collect()
}

/// Asks for something that needs a decision and no catalog: what cannot be reached lists no tools.
async fn ask(client: &mut Mcp) -> Reply {
    client.request("p", "prompts/get", Some("hello"), json!({"name": "hello"})).await.unwrap()
}

/// The sentence of a refusal, after looking that it names its decision.
fn sentence(reply: &Reply) -> String {
    let message = reply.json()["error"]["message"].as_str().unwrap_or_default().to_owned();
    let decision = reply.header("cedarpost-decision-id").unwrap_or_default();
    let (text, rest) = message.split_once(" Decision ").unwrap_or_else(|| panic!("no decision in {reply:?}"));
    assert_eq!(rest, format!("{decision}."), "{reply:?}");
    text.to_owned()
}
