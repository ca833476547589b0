//! Who is let in by how they connect: a real sidecar with TLS between clients with certificates of every kind, or processes at the other
//! end of a unix socket, and a server that remembers whatever reaches it.

use std::fs;
use std::io;
use std::time::Duration;

use http::{HeaderMap, Method};
use serde_json::{Value, json};
use tokio_rustls::rustls::ClientConfig;

use crate::support::{
    Answer, Ca, Connection, Ear, Era, Home, Issued, Mcp, Scripted, Seen, Sidecar, Wish, tls_client, tls_connect, until,
};

mod certificates;
mod foreign;
mod listeners;
mod socket;
mod tokens;

/// The agent of most of these tests.
const ID: &str = "spiffe://prod.example/ns/shop/sa/web";

const POLICY: &str = r#"
@id("web")
permit (principal == Mcp::Agent::"spiffe://prod.example/ns/shop/sa/web", action in Mcp::Action::"tools/call", resource == Mcp::Tool::"lab/echo");
@id("table")
permit (principal == Mcp::Agent::"helper", action in Mcp::Action::"tools/call", resource == Mcp::Tool::"lab/echo");
@id("alice")
permit (principal == Mcp::User::"alice", action in Mcp::Action::"tools/call", resource == Mcp::Tool::"lab/echo");
"#;

/// A sidecar with TLS that believes one authority.
struct House {
    /// Signs the certificate of the sidecar.
    ours: Ca,
    /// Signs those of the clients.
    prod: Ca,
    ear: Ear,
    home: Home,
    sidecar: Sidecar,
    _server: Scripted,
}

impl House {
    async fn open() -> Self {
        Self::with("accept = ['mtls']", "", |_, _| None).await
    }

    /// Accepts other ways, with more to say in `[identity]` behind the authority, and with a script for the server.
    async fn with(accept: &str, more: &str, script: impl FnMut(&Seen, &Value) -> Option<Answer> + Send + 'static) -> Self {
        let server = Scripted::start(script).await;
        let (ours, prod) = (Ca::new("ours"), Ca::new("prod"));
        let home = Home::new(server.address, POLICY);
        let place = |name: &str| home.path(name).display().to_string();
        ours.sign(&Wish::server()).write(&home.path(""), "server");
        fs::write(home.path("clients.pem"), prod.pem()).unwrap();
        fs::write(home.path("deny"), "").unwrap();
        let tls = format!("tls_cert_file = '{}'\ntls_key_file = '{}'", place("server.pem"), place("server.key"));
        let identity = format!(
            "{accept}\ndeny = '{}'\n[[identity.authority]]\nca_file = '{}'\ntrust_domain = 'prod.example'\n\
             agents = [{{ dns = 'helper.example', agent = 'helper' }}]\n{more}\n",
            place("deny"),
            place("clients.pem")
        );
        let listeners = format!("[listen]\naddress = '127.0.0.1:0'\n{tls}\n[admin]\naddress = '127.0.0.1:0'\n{tls}");
        let home = home.with_listeners(&listeners).with_identity(&identity);
        let sidecar = Sidecar::start(&home).await;
        Self { ours, prod, ear: server.ear(), home, sidecar, _server: server }
    }

    /// A certificate of a client with these URIs.
    fn sign(&self, uris: &[&str]) -> Issued {
        self.prod.sign(&Wish::client(uris))
    }

    /// A connection with this certificate. What is refused is refused here or with the first request.
    async fn connect(&self, shows: Option<&Issued>) -> io::Result<Connection> {
        self.connect_as(tls_client(&self.ours, shows)).await
    }

    async fn connect_as(&self, config: ClientConfig) -> io::Result<Connection> {
        Connection::over(tls_connect(self.sidecar.address, config).await?).await
    }

    async fn client(&self, era: Era, shows: Option<&Issued>) -> io::Result<Mcp> {
        self.client_showing(era, shows, HeaderMap::new()).await
    }

    /// A client with this certificate, and headers with each request.
    async fn client_showing(&self, era: Era, shows: Option<&Issued>, headers: HeaderMap) -> io::Result<Mcp> {
        let host = self.sidecar.address.to_string();
        let mut client = Mcp::shake_hands_over(self.connect(shows).await?, &host, era, headers).await?;
        client.request("tools", "tools/list", None, json!({})).await?;
        Ok(client)
    }

    /// How many calls reached the server.
    fn calls(&self) -> usize {
        self.ear.messages().iter().filter(|message| message["method"] == "tools/call").count()
    }

    /// What the admin face answers.
    async fn admin(&self, path: &str) -> String {
        let stream = tls_connect(self.sidecar.admin.unwrap(), tls_client(&self.ours, None)).await.unwrap();
        let headers = HeaderMap::from_iter([(http::header::HOST, "localhost".parse().unwrap())]);
        let reply = Connection::over(stream).await.unwrap().send(Method::GET, path, &headers, b"").await.unwrap();
        String::from_utf8(reply.body.to_vec()).unwrap()
    }

    /// The value of a metric with these labels.
    async fn metric(&self, name: &str) -> Option<i64> {
        let text = self.admin("/metrics").await;
        text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok())
    }

    /// Waits until the log says something.
    async fn logs(&self, what: &str) {
        until(what, || self.sidecar.log().contains(what)).await;
    }
}
