//! A sidecar with a gRPC face, people with tokens, and a tool that needs their approval.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use cedarpost::grpc::pb;
use cedarpost::grpc::pb::approval_service_client::ApprovalServiceClient;
use cedarpost::grpc::pb::audit_service_client::AuditServiceClient;
use cedarpost::grpc::pb::decision_service_client::DecisionServiceClient;
use cedarpost::grpc::pb::policy_service_client::PolicyServiceClient;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::ClientConfig;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};
use tonic_types::StatusExt as _;

use super::{Era, Home, Idp, Mcp, Sidecar, Upstream, tls_connect};

/// What tokens of people who rule are given out for.
pub(crate) const PLACE: &str = "https://approvals.example.com";

pub(crate) const POLICIES: &str = r#"
@id("echo") permit (principal, action in Mcp::Action::"tools/call", resource == Mcp::Tool::"lab/echo");
@id("destroy") @reason("Ask a person first.") @window("1h")
permit (principal, action in Mcp::Action::"tools/call", resource == Mcp::Tool::"lab/destroy") when { context has approval };
@id("olga") permit (principal == Mcp::User::"olga", action == Mcp::Action::"approve", resource);
"#;

/// The running face, and everybody around it.
pub(crate) struct Face {
    pub(crate) sidecar: Sidecar,
    pub(crate) home: Home,
    pub(crate) idp: Idp,
    pub(crate) channel: Channel,
    _upstream: Upstream,
}

impl Face {
    pub(crate) async fn open() -> Self {
        Self::set(&[]).await
    }

    /// With these settings from the environment.
    pub(crate) async fn set(settings: &[(&str, &str)]) -> Self {
        let more = format!("[approvals]\nresource = '{PLACE}'\nprograms = ['console']");
        Self::made("address = '127.0.0.1:0'", &more, settings).await
    }

    /// With these lines in `[grpc]`, and these sections besides.
    pub(crate) async fn with(grpc: &str, more: &str) -> Self {
        Self::made(grpc, more, &[]).await
    }

    async fn made(grpc: &str, more: &str, settings: &[(&str, &str)]) -> Self {
        let (upstream, idp) = (Upstream::start().await, Idp::start().await);
        let home = home(upstream.address, &idp, grpc, more);
        let sidecar = Sidecar::start_with(&home, &[&[("CEDARPOST_APPROVALS_HOLD", "0s")], settings].concat()).await;
        // What the server offers is known from the first client on.
        let mut mcp = Mcp::connect(sidecar.address, Era::Modern).await.unwrap();
        mcp.call("1", "echo", json!({"message": "a"})).await.unwrap();
        let port = sidecar.grpc.unwrap().port();
        let channel = Endpoint::from_shared(format!("http://127.0.0.1:{port}")).unwrap().connect().await.unwrap();
        Self { sidecar, home, idp, channel, _upstream: upstream }
    }

    pub(crate) fn decisions(&self) -> DecisionServiceClient<Channel> {
        DecisionServiceClient::new(self.channel.clone())
    }

    pub(crate) fn approvals(&self) -> ApprovalServiceClient<Channel> {
        ApprovalServiceClient::new(self.channel.clone())
    }

    pub(crate) fn audit(&self) -> AuditServiceClient<Channel> {
        AuditServiceClient::new(self.channel.clone())
    }

    pub(crate) fn policies(&self) -> PolicyServiceClient<Channel> {
        PolicyServiceClient::new(self.channel.clone())
    }

    /// What a call of a tool comes to, for another service.
    pub(crate) async fn check(&self, tool: &str, arguments: &Value) -> pb::CheckResponse {
        self.decisions().check(question(tool, arguments)).await.unwrap().into_inner()
    }

    /// The ticket of a call that needs approval.
    pub(crate) async fn ticket(&self, arguments: &Value) -> String {
        self.check("destroy", arguments).await.pending.unwrap().ticket
    }

    /// The token of a person for ruling, changed.
    pub(crate) fn token(&self, person: &str, change: Value) -> String {
        let mut claims = json!({ "aud": PLACE, "client_id": "console", "sub": person });
        if let Value::Object(change) = change {
            claims.as_object_mut().unwrap().extend(change);
        }
        format!("Bearer {}", self.idp.token(claims))
    }

    /// A request of a person.
    pub(crate) fn by<T>(&self, person: &str, message: T) -> Request<T> {
        with_token(&self.token(person, json!({})), message)
    }
}

pub(crate) fn home(upstream: SocketAddr, idp: &Idp, grpc: &str, more: &str) -> Home {
    let mut identity = "agent = 'assistant'\nactor = 'alice'\nclock_skew = '0s'\ndeny = 'deny'\n".to_owned();
    if !more.is_empty() {
        identity += &format!("[[identity.issuer]]\nissuer = '{}'\n{more}", idp.issuer());
    }
    let listeners = format!("[listen]\naddress = '127.0.0.1:0'\n[admin]\naddress = '127.0.0.1:0'\n[grpc]\n{grpc}");
    // The issuer is for people who rule only: everybody who calls is the configured caller.
    let home = Home::new(upstream, POLICIES).with_listeners(&listeners).with_identity(&identity);
    std::fs::write(home.path("deny"), "").unwrap();
    home
}

pub(crate) fn question(tool: &str, arguments: &Value) -> pb::CheckRequest {
    let caller = pb::Caller {
        agent: "assistant".to_owned(),
        person: Some(pb::caller::Person::Actor("alice".to_owned())),
        ..pb::Caller::default()
    };
    let call = pb::Call {
        server: "lab".to_owned(),
        target: Some(pb::call::Target::Tool(tool.to_owned())),
        arguments_json: arguments.to_string(),
        ..pb::Call::default()
    };
    pb::CheckRequest { caller: Some(caller), call: Some(call), dry_run: false }
}

pub(crate) fn with_token<T>(token: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().append("authorization", token.parse().unwrap());
    request
}

/// The code of a no, and its reason, or the fields that are wrong.
pub(crate) fn told(status: &Status) -> (Code, String) {
    let details = status.get_error_details();
    let reason = details.error_info().map(|info| info.reason.clone());
    let fields = details
        .bad_request()
        .map(|bad| bad.field_violations.iter().map(|violation| violation.field.as_str()).collect::<Vec<_>>().join(","));
    (status.code(), reason.or(fields).unwrap_or_default())
}

/// The next message of a stream, in time.
pub(crate) async fn next<T>(stream: &mut tonic::Streaming<T>) -> Result<Option<T>, Status> {
    tokio::time::timeout(Duration::from_secs(30), stream.message()).await.expect("the stream goes on in time")
}

/// Connects over TLS, as this client.
pub(crate) struct TlsTo {
    pub(crate) address: SocketAddr,
    pub(crate) config: ClientConfig,
}

impl TlsTo {
    pub(crate) async fn channel(mut self) -> Result<Channel, tonic::transport::Error> {
        self.config.alpn_protocols = vec![b"h2".to_vec()];
        Endpoint::from_static("http://localhost").connect_with_connector(self).await
    }
}

impl tonic::codegen::Service<http::Uri> for TlsTo {
    type Response = TokioIo<TlsStream<TcpStream>>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: http::Uri) -> Self::Future {
        let (address, config) = (self.address, self.config.clone());
        Box::pin(async move { tls_connect(address, config).await.map(TokioIo::new) })
    }
}
