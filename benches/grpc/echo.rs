//! The bare server: the gRPC library with the messages of the sidecar, and one answer for everybody. What a decision over gRPC would cost
//! if deciding and recording cost nothing.

use std::io::Write as _;

use anyhow::Result;
use cedarpost::grpc::pb;
use cedarpost::grpc::pb::decision_service_server::{DecisionService, DecisionServiceServer};
use serde_json::json;
use tokio::net::TcpListener;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

struct Echo(pb::CheckResponse);

/// Serves until it is killed, and says where.
pub(crate) async fn run() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let line = json!({"event": "listening", "face": "grpc", "address": listener.local_addr()?.to_string()});
    writeln!(std::io::stderr(), "{line}")?;
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    Ok(Server::builder().add_service(DecisionServiceServer::new(Echo(answer()))).serve_with_incoming(incoming).await?)
}

/// As long as that of the sidecar to what is asked here.
fn answer() -> pb::CheckResponse {
    let judgement = |principal: &str, policy: &str| pb::Judgement {
        principal: principal.to_owned(),
        cause: "permitted".to_owned(),
        policies: vec![pb::PolicyRef { id: policy.to_owned(), file: "bench.cedar".to_owned(), line: 3 }],
        faults: vec![],
    };
    pb::CheckResponse {
        decision: pb::Decision::Allow.into(),
        decision_id: "01K00000000000000000000000".to_owned(),
        judgements: vec![judgement("agent", "bots-may-echo"), judgement("actor", "support-may-echo")],
        policy_fingerprint: "0".repeat(64),
        ..pb::CheckResponse::default()
    }
}

#[tonic::async_trait]
impl DecisionService for Echo {
    async fn check(&self, _: Request<pb::CheckRequest>) -> Result<Response<pb::CheckResponse>, Status> {
        Ok(Response::new(self.0.clone()))
    }

    async fn check_batch(&self, _: Request<pb::CheckBatchRequest>) -> Result<Response<pb::CheckBatchResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn list_visible_tools(
        &self,
        _: Request<pb::ListVisibleToolsRequest>,
    ) -> Result<Response<pb::ListVisibleToolsResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn explain(&self, _: Request<pb::ExplainRequest>) -> Result<Response<pb::ExplainResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    type WatchDecisionsStream = futures_util::stream::Empty<Result<pb::WatchDecisionsResponse, Status>>;

    async fn watch_decisions(
        &self,
        _: Request<pb::WatchDecisionsRequest>,
    ) -> Result<Response<Self::WatchDecisionsStream>, Status> {
        Err(Status::unimplemented(""))
    }
}
