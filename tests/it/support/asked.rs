//! A sidecar that is asked over gRPC: a lab with three tools, a client, and what the log says afterwards.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use cedarpost::grpc::pb;
use cedarpost::grpc::pb::decision_service_client::DecisionServiceClient;
use http::{HeaderMap, Request};
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tonic::Code;
use tonic::transport::{Channel, Endpoint};

use super::{Era, Home, Mcp, Sidecar, Upstream, cedarpost};

/// `echo` is allowed, `destroy` needs a person, nothing else is.
const POLICIES: &str = r#"
@id("echo") permit (principal, action in Mcp::Action::"tools/call", resource == Mcp::Tool::"lab/echo");
@id("destroy") @reason("Ask a person first.")
permit (principal, action in Mcp::Action::"tools/call", resource == Mcp::Tool::"lab/destroy") when { context has approval };
"#;

pub(crate) struct Asked {
    pub(crate) sidecar: Sidecar,
    pub(crate) home: Home,
    pub(crate) grpc: SocketAddr,
    _upstream: Upstream,
}

impl Asked {
    pub(crate) async fn open() -> Self {
        Self::with("", |_| Vec::new()).await
    }

    /// With more settings of `[grpc]`; what `prepare` writes for them, and the environment that it wants.
    pub(crate) async fn with(grpc: &str, prepare: impl FnOnce(&Home) -> Vec<(&'static str, String)>) -> Self {
        let upstream = Upstream::start().await;
        let home = Home::new(upstream.address, POLICIES);
        let more = prepare(&home);
        let grpc = grpc.replace("{home}", &home.path("").display().to_string());
        let home = home.with_listeners(&format!(
            "[listen]\naddress = \"127.0.0.1:0\"\n[admin]\naddress = \"127.0.0.1:0\"\n[grpc]\naddress = \"127.0.0.1:0\"\n{grpc}"
        ));
        let mut settings = vec![("CEDARPOST_APPROVALS_HOLD", "0s")];
        settings.extend(more.iter().map(|(name, value)| (*name, value.as_str())));
        let sidecar = Sidecar::start_with(&home, &settings).await;
        // What the server offers is known from the first client on.
        let mut mcp = Mcp::connect(sidecar.address, Era::Modern).await.unwrap();
        mcp.call("1", "echo", json!({"message": "a"})).await.unwrap();
        let grpc = sidecar.grpc.unwrap();
        Self { sidecar, home, grpc, _upstream: upstream }
    }

    pub(crate) async fn client(&self) -> DecisionServiceClient<Channel> {
        let channel = Endpoint::from_shared(format!("http://{}", self.grpc)).unwrap().connect().await.unwrap();
        DecisionServiceClient::new(channel)
    }

    /// Sends bytes as a request of gRPC and returns the status that comes back, without a client library that would know better.
    pub(crate) async fn send(&self, path: &str, timeout: Option<&str>, body: Vec<u8>) -> Code {
        let stream = TcpStream::connect(self.grpc).await.unwrap();
        let (mut sender, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        let mut request = Request::post(format!("http://{}{path}", self.grpc))
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .body(Full::new(Bytes::from(body)))
            .unwrap();
        if let Some(timeout) = timeout {
            request.headers_mut().insert("grpc-timeout", timeout.parse().unwrap());
        }
        let answered = async {
            let (head, body) = sender.send_request(request).await.unwrap().into_parts();
            assert_eq!(head.status, 200);
            let collected = body.collect().await.unwrap();
            let trailers = collected.trailers().cloned().unwrap_or_default();
            code(&head.headers).or_else(|| code(&trailers)).expect("a status")
        };
        tokio::time::timeout(Duration::from_secs(20), answered).await.expect("an answer")
    }

    /// The sidecar still answers.
    pub(crate) async fn assert_well(&self) {
        let answer = self.client().await.check(asked("echo")).await.unwrap().into_inner();
        assert_eq!(answer.decision(), pb::Decision::Allow);
        assert!(!self.sidecar.log().contains("panicked"), "{}", self.sidecar.log());
    }

    /// Stops it; the records of decisions that services asked for.
    pub(crate) async fn checks(self) -> Vec<Value> {
        self.sidecar.stop().await;
        let directory = self.home.audit();
        let shown =
            cedarpost(&["audit", "show", "--limit", "100000", "--audit-dir", directory.to_str().unwrap(), "--json"]).await;
        assert!(shown.status.success(), "{shown:?}");
        let lines = String::from_utf8(shown.stdout).unwrap();
        let records = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        records.filter(|record| !record["check"].is_null()).collect()
    }
}

/// May the assistant call a tool for alice?
pub(crate) fn asked(tool: &str) -> pb::CheckRequest {
    pb::CheckRequest {
        caller: Some(pb::Caller {
            agent: "assistant".to_owned(),
            person: Some(pb::caller::Person::Actor("alice".to_owned())),
            ..pb::Caller::default()
        }),
        call: Some(pb::Call {
            server: "lab".to_owned(),
            target: Some(pb::call::Target::Tool(tool.to_owned())),
            arguments_json: r#"{"message":"a"}"#.to_owned(),
            ..pb::Call::default()
        }),
        dry_run: false,
    }
}

/// A message as it stands in a request: whether it is compressed, its length, its bytes.
pub(crate) fn framed(message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap();
    [&[0][..], &length.to_be_bytes(), message].concat()
}

fn code(headers: &HeaderMap) -> Option<Code> {
    headers.get("grpc-status").map(|status| Code::from_bytes(status.as_bytes()))
}
