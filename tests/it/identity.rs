//! Who is let in by what they show: a real sidecar between clients with tokens of every kind, an identity provider, and a server that
//! remembers whatever reaches it.

use std::fs;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};

use crate::support::{Answer, Ear, Era, Home, Idp, Mcp, Scripted, Seen, Sidecar, entries};

mod account;
mod actor;
mod binding;
mod deny;
mod keys;
mod matrix;
mod proofs;
mod questions;
mod recorded;
mod stdio;

/// What the server is for those outside.
const RESOURCE: &str = "https://mcp.example.com/lab";

const POLICY: &str = r#"
@id("echo")
permit (principal, action in Mcp::Action::"tools/call", resource == Mcp::Tool::"lab/echo")
when { context has token && context.token.scopes.contains("mcp") };
"#;

/// A sidecar that believes one identity provider.
struct House {
    idp: Idp,
    ear: Ear,
    home: Home,
    sidecar: Sidecar,
    _server: Scripted,
}

impl House {
    async fn open() -> Self {
        Self::with("", "", |_, _| None).await
    }

    /// The same with more to say in `[identity]` and about the issuer, and with a script for the server.
    async fn with(identity: &str, issuer: &str, script: impl FnMut(&Seen, &Value) -> Option<Answer> + Send + 'static) -> Self {
        let (idp, server) = (Idp::start().await, Scripted::start(script).await);
        let home = Home::new(server.address, POLICY);
        fs::write(home.path("deny"), "").unwrap();
        let deny = home.path("deny");
        let home = home.with_identity(&format!(
            "accept = ['oauth']\nresource = 'https://mcp.example.com'\nscopes = ['mcp']\ndeny = '{}'\n{identity}\n\
             [[identity.issuer]]\nissuer = '{}'\n{issuer}\n",
            deny.display(),
            idp.issuer()
        ));
        let sidecar = Sidecar::start(&home).await;
        Self { idp, ear: server.ear(), home, sidecar, _server: server }
    }

    async fn client(&self, era: Era, token: &str) -> Mcp {
        Mcp::connect_showing(self.sidecar.address, era, bearer(token)).await.unwrap()
    }

    /// What of a client reached the server: the methods of its messages, and the requests without one.
    fn reached(&self) -> Vec<String> {
        let messages = self.ear.messages().into_iter().map(|message| message["method"].as_str().unwrap_or("?").to_owned());
        let bare = ["GET", "DELETE"]
            .into_iter()
            .flat_map(|method| self.ear.requests(method).into_iter().map(move |_| method.to_owned()));
        messages.chain(bare).collect()
    }

    async fn decisions(&self) -> Vec<String> {
        entries(&self.home).await.iter().map(crate::support::Entry::line).collect()
    }
}

/// The header with an access token.
fn bearer(token: &str) -> HeaderMap {
    showing(&[("authorization", &format!("Bearer {token}"))])
}

fn showing(headers: &[(&'static str, &str)]) -> HeaderMap {
    let header = |(name, value): &(&'static str, &str)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
    headers.iter().map(header).fold(HeaderMap::new(), |mut all, (name, value)| {
        all.append(name, value);
        all
    })
}
