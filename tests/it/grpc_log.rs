//! The log over gRPC when it is not whole at hand: its older records stand in files, the oldest are gone, or it cannot be written for a
//! while. Every answer says where the log begins, and from where to go on.

use std::time::Duration;

use cedarpost::audit::read_schedule;
use cedarpost::audit::tlog::{Proof, Trust};
use cedarpost::grpc::pb;
use rustix::process::{Resource, Rlimit, prlimit};
use serde_json::{Value, json};
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status, Streaming};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::HealthCheckResponse;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_types::StatusExt as _;

use crate::support::grpc::{Face, next, question, told};
use crate::support::{Desk, Served, Upstream, cedarpost};

fn facts(status: &Status) -> impl Fn(&str) -> u64 + use<> {
    let facts = status.get_details_error_info().unwrap().metadata;
    move |name| facts[name].parse().unwrap()
}

/// Asks until the log has so many records, a hundred questions at a time.
async fn fill(face: &Face, size: u64) {
    let checks: Vec<_> = (0..100)
        .map(|number| pb::CheckRequest { dry_run: true, ..question("echo", &json!({ "message": number.to_string() })) })
        .collect();
    while face.audit().get_checkpoint(pb::GetCheckpointRequest {}).await.unwrap().into_inner().size < size {
        face.decisions().check_batch(pb::CheckBatchRequest { checks: checks.clone() }).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stands_in_files_is_found_followed_and_proven_and_what_is_gone_is_named() {
    let face = Face::set(&[("CEDARPOST_AUDIT_EPOCH_RECORDS", "256")]).await;
    fill(&face, 900).await;
    let (log, mut audit, mut decisions) = (face.home.audit(), face.audit(), face.decisions());
    let place = log.to_str().unwrap();
    let mut pruned = cedarpost(&["audit", "prune", "--before-seq", "300", "--audit-dir", place]).await;
    // What is not in files yet cannot be removed.
    for _ in 0..100 {
        if pruned.status.success() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
        pruned = cedarpost(&["audit", "prune", "--before-seq", "300", "--audit-dir", place]).await;
    }
    assert!(pruned.status.success(), "{pruned:?}");

    let head = audit.get_checkpoint(pb::GetCheckpointRequest {}).await.unwrap().into_inner();
    assert_eq!(head.first_seq, 256, "whole files are removed");
    let query = pb::QueryRecordsRequest { page_size: 10, order: pb::RecordOrder::OldestFirst.into(), ..Default::default() };
    let found = audit.query_records(query.clone()).await.unwrap().into_inner();
    assert_eq!((found.first_seq, found.records[0].seq, found.records.len()), (256, 256, 10));
    let of_the_gone = pb::QueryRecordsRequest { from_seq: Some(0), to_seq: Some(200), ..query };
    let found = audit.query_records(of_the_gone).await.unwrap().into_inner();
    assert_eq!((found.first_seq, found.records.len()), (256, 0), "the answer says that it begins later");

    for seq in [0, 255] {
        let gone = audit.prove_record(pb::ProveRecordRequest { seq }).await.unwrap_err();
        assert_eq!(told(&gone), (Code::OutOfRange, "OUT_OF_RANGE".to_owned()), "{gone:?}");
        assert_eq!(facts(&gone)("first_seq"), 256);
    }
    let trust = Trust::new(head.origin, read_schedule(&log).unwrap());
    for seq in [256, 511, 512, 700] {
        let proven = audit.prove_record(pb::ProveRecordRequest { seq }).await.unwrap().into_inner();
        let (proof, record) = (Proof::parse(proven.proof.as_bytes()).unwrap(), proven.record.unwrap());
        assert_eq!(record.seq, seq);
        assert!(proof.verify(record.record_json.as_bytes(), &trust).is_ok(), "{seq}");
        assert!(proof.verify(record.record_json.replace("echo", "ecno").as_bytes(), &trust).is_err(), "{seq}");
    }

    let tail = |from_seq| pb::TailRecordsRequest { from_seq, ..pb::TailRecordsRequest::default() };
    let gone = audit.tail_records(tail(Some(3))).await.unwrap_err();
    assert_eq!(told(&gone), (Code::OutOfRange, "OUT_OF_RANGE".to_owned()));
    let fact = facts(&gone);
    assert_eq!((fact("first_seq"), fact("from_seq")), (256, 256), "{gone:?}");
    let beyond = facts(&audit.tail_records(tail(Some(1_000_000))).await.unwrap_err());
    assert_eq!(beyond("from_seq"), beyond("size"));
    // From where it says one goes on, over what stands in files and what does not, without a hole.
    for from in [fact("from_seq"), 0] {
        let mut stream = audit.tail_records(tail(Some(from))).await.unwrap().into_inner();
        for seq in 256..head.size {
            assert_eq!(next(&mut stream).await.unwrap().unwrap().record.unwrap().seq, seq);
        }
    }
    let watch = pb::WatchDecisionsRequest { from_seq: Some(0), ..pb::WatchDecisionsRequest::default() };
    let mut watched = decisions.watch_decisions(watch).await.unwrap().into_inner();
    assert_eq!(next(&mut watched).await.unwrap().unwrap().seq, 256, "it begins with what there is");
}

/// What health says next.
async fn said(stream: &mut Streaming<HealthCheckResponse>) -> ServingStatus {
    tokio::time::timeout(Duration::from_secs(90), stream.message()).await.expect("in time").unwrap().unwrap().status()
}

/// Nothing longer can be written than this, in bytes.
fn limit(served: &Served, most: Option<u64>) {
    prlimit(Some(served.pid()), Resource::Fsize, Rlimit { current: most, maximum: None }).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn health_says_no_for_as_long_as_the_log_cannot_be_written_and_yes_again_after() {
    let upstream = Upstream::start().await;
    let desk = Desk::new("permit (principal, action, resource);");
    let server = format!("url = 'http://{}/mcp'", upstream.address);
    desk.configure(&server, "grpc = { address = '127.0.0.1:0', ext_authz = true }");
    let mut command = tokio::process::Command::new("sh");
    let script = "trap '' XFSZ; exec \"$0\" serve --config \"$1\"";
    command.args(["-c", script, env!("CARGO_BIN_EXE_cedarpost")]).arg(desk.config());
    let served = Served::start(command).await;
    let address = served.listening("grpc").unwrap();
    let channel: Channel = Endpoint::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap();
    let mut decisions = pb::decision_service_client::DecisionServiceClient::new(channel.clone());
    let mut streams = Vec::new();
    for service in ["", "cedarpost.v1.DecisionService", "envoy.service.auth.v3.Authorization"] {
        let asked = HealthCheckRequest { service: service.to_owned() };
        let mut stream = HealthClient::new(channel.clone()).watch(asked).await.unwrap().into_inner();
        assert_eq!(said(&mut stream).await, ServingStatus::Serving, "{service}");
        streams.push(stream);
    }
    assert!(decisions.check(question("echo", &json!({}))).await.is_ok());

    limit(&served, Some(4096));
    let mut refused = None;
    for turn in 0..40 {
        let asked = decisions.check(question("echo", &json!({ "message": "x".repeat(500), "turn": turn }))).await;
        refused = asked.err();
        if refused.is_some() {
            break;
        }
    }
    assert_eq!(told(&refused.expect("the log cannot be written")), (Code::Unavailable, "NOT_RECORDED".to_owned()));
    for stream in &mut streams {
        assert_eq!(said(stream).await, ServingStatus::NotServing);
    }
    limit(&served, None);
    for stream in &mut streams {
        assert_eq!(said(stream).await, ServingStatus::Serving);
    }
    let again = decisions.check(question("echo", &json!({}))).await.unwrap().into_inner();
    let shown = cedarpost(&[
        "audit",
        "query",
        "--kind",
        "decision",
        "--limit",
        "1",
        "--json",
        "--audit-dir",
        desk.audit(1).to_str().unwrap(),
    ])
    .await;
    let last: Value = serde_json::from_slice(&shown.stdout).unwrap_or_default();
    assert_eq!(last["id"], again.decision_id, "{shown:?}");
}
